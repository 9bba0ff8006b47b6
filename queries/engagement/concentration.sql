/*---
title = "How few posts make the success"
description = """For each account the share of all its reposts that its best hundredth of posts received, and the Gini coefficient. Near
1 the account lives by a few strokes of luck; lower, it has readers for everything it says."""
tags = ["engagement"]
params.min_posts = { type = "int", default = 100, min = 1, description = "accounts with at least so many posts" }
params.n = { type = "int", default = 50, min = 1, description = "how many accounts to show" }
expect = [ { unique = ["platform", "account_id"] }, { range = [0, 100], column = "percent_by_best_hundredth" }, { range = [0, 1], column = "gini" } ]
---*/
WITH heights AS (
    SELECT platform, account_id, reposts, count(*) AS posts
    FROM posts
    WHERE reposts IS NOT NULL
    GROUP BY platform, account_id, reposts
),
ranked AS (
    SELECT platform, account_id, reposts, posts,
        sum(posts) OVER (PARTITION BY platform, account_id ORDER BY reposts DESC) - posts AS better_posts,
        ceil(sum(posts) OVER (PARTITION BY platform, account_id) / 100.0) AS best_posts
    FROM heights
),
best AS (
    SELECT platform, account_id, sum(reposts * greatest(0, least(posts, best_posts - better_posts))) AS reposts
    FROM ranked
    GROUP BY platform, account_id
),
spread AS (
    SELECT platform, account_id, count(*) AS posts, sum(reposts) AS reposts, gini(reposts) AS gini
    FROM posts
    WHERE reposts IS NOT NULL
    GROUP BY platform, account_id
    HAVING count(*) >= $min_posts
)
SELECT coalesce(a.screen_name, s.account_id) AS screen_name, s.posts, s.reposts,
    round(100.0 * b.reposts / nullif(s.reposts, 0), 1) AS percent_by_best_hundredth, round(s.gini, 3) AS gini,
    s.platform, s.account_id
FROM spread AS s
JOIN best AS b ON s.platform = b.platform AND s.account_id = b.account_id
LEFT JOIN accounts AS a ON s.platform = a.platform AND s.account_id = a.account_id
ORDER BY gini DESC NULLS LAST, s.platform, s.account_id
LIMIT $n;
