/*---
title = "How few posts make the success"
description = """For each account the share of all its reposts that its best hundredth of posts received, and the Gini coefficient. Near
1 the account lives by a few strokes of luck; lower, it has readers for everything it says."""
tags = ["engagement"]
params.min_posts = { type = "int", default = 100, min = 1, description = "accounts with at least so many posts" }
params.n = { type = "int", default = 50, min = 1, description = "how many accounts to show" }
expect = [ { unique = ["platform", "account_id"] }, { range = [0, 100], column = "percent_by_best_hundredth" }, { range = [0, 1], column = "gini" } ]
---*/
WITH ranked AS (
    SELECT platform, account_id, reposts,
        row_number() OVER (PARTITION BY platform, account_id ORDER BY reposts DESC, post_id) AS rank,
        count(*) OVER (PARTITION BY platform, account_id) AS posts
    FROM posts
    WHERE reposts IS NOT NULL
)
SELECT r.platform, r.account_id, a.screen_name, count(*) AS posts, sum(r.reposts) AS reposts,
    round(100.0 * sum(r.reposts) FILTER (WHERE r.rank <= ceil(r.posts / 100.0)) / nullif(sum(r.reposts), 0), 1) AS percent_by_best_hundredth,
    round(gini(r.reposts), 3) AS gini
FROM ranked AS r
LEFT JOIN accounts AS a ON r.platform = a.platform AND r.account_id = a.account_id
WHERE r.posts >= $min_posts
GROUP BY r.platform, r.account_id, a.screen_name
ORDER BY gini DESC NULLS LAST, r.platform, r.account_id
LIMIT $n;
