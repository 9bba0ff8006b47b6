/*---
title = "Ranking of accounts"
description = """The accounts with the largest reach in a period, by the BCI with four inputs; beside it what it is made of, and the
h and g indices, which one viral post moves less (h) or more (g). Likes that nobody knows count as none, as in Weibo's
exports of 2012."""
order = 1
tags = ["ranking"]
params.from = { type = "date", required = false, description = "first day; the first in the database if not given" }
params.to = { type = "date", required = false, description = "last day; the last in the database if not given" }
params.n = { type = "int", default = 20, min = 1, description = "how many accounts to show" }
chart = { kind = "bar", x = "screen_name", y = "bci" }
expect = [ { rows = ">= 1" }, { unique = ["platform", "account_id"] }, { none = "SELECT * FROM result WHERE g_index < h_index" } ]
---*/
WITH period AS (
    SELECT platform, account_id, is_repost, reposts, comments, likes
    FROM posts
    WHERE ($from IS NULL OR CAST(date_trunc('day', posted_at) AS DATE) >= $from)
        AND ($to IS NULL OR CAST(date_trunc('day', posted_at) AS DATE) <= $to)
)
SELECT row_number() OVER (ORDER BY bci(p.reposts, p.comments, coalesce(p.likes, 0)) DESC NULLS LAST, p.account_id) AS rank,
    coalesce(a.screen_name, p.account_id) AS screen_name, a.organization,
    round(bci(p.reposts, p.comments, coalesce(p.likes, 0)), 1) AS bci,
    count(*) AS posts, sum(p.reposts) AS reposts, sum(p.comments) AS comments, sum(p.likes) AS likes,
    h_index(p.reposts) AS h_index, g_index(p.reposts) AS g_index, p.platform, p.account_id
FROM period AS p
LEFT JOIN accounts AS a ON p.platform = a.platform AND p.account_id = a.account_id
GROUP BY p.platform, p.account_id, a.screen_name, a.organization
ORDER BY rank
LIMIT $n;
