/*---
title = "The weekly table"
description = """The table that Sichuan's weekly lists of 2015 printed for county accounts: followers and their change in the week, net
posts, originality, posts per day (net posts / 7), average reposts and comments per post. Its total score is left out: its
weights were not published. Net posts are those that the database holds; a deleted post is not among them. The change of
followers needs a look before the week and one at its end."""
order = 9
tags = ["section", "ranking"]
params.week_end = { type = "date", required = false, description = "the last of the seven days; that of the newest post if not given" }
params.n = { type = "int", default = 50, min = 1, description = "how many accounts to show" }
expect = [ { unique = ["platform", "account_id"] }, { range = [0, 100], column = "percent_original" } ]
---*/
WITH week AS (
    SELECT coalesce($week_end, CAST(date_trunc('day', max(posted_at)) AS DATE)) AS last_day
    FROM posts
),
net AS (
    SELECT p.platform, p.account_id, count(*) AS posts, originality(p.is_repost) AS originality,
        avg(p.reposts) AS reposts, avg(p.comments) AS comments
    FROM posts AS p
    CROSS JOIN week AS w
    WHERE CAST(date_trunc('day', p.posted_at) AS DATE) > w.last_day - INTERVAL '7 days'
        AND CAST(date_trunc('day', p.posted_at) AS DATE) <= w.last_day
    GROUP BY p.platform, p.account_id
),
looks AS (
    SELECT s.platform, s.account_id, s.followers,
        CAST(date_trunc('day', s.observed_at) AS DATE) <= w.last_day - INTERVAL '7 days' AS before,
        row_number() OVER (
            PARTITION BY s.platform, s.account_id, CAST(date_trunc('day', s.observed_at) AS DATE) <= w.last_day - INTERVAL '7 days'
            ORDER BY s.observed_at DESC
        ) AS nth
    FROM account_snapshots AS s
    CROSS JOIN week AS w
    WHERE CAST(date_trunc('day', s.observed_at) AS DATE) <= w.last_day
),
sizes AS (
    SELECT platform, account_id, max(followers) FILTER (WHERE NOT before) AS followers,
        max(followers) FILTER (WHERE NOT before) - max(followers) FILTER (WHERE before) AS change
    FROM looks
    WHERE nth = 1
    GROUP BY platform, account_id
)
SELECT coalesce(a.screen_name, n.account_id) AS screen_name, s.followers, n.posts AS net_posts, s.change AS followers_change,
    round(100 * n.originality, 2) AS percent_original, round(n.posts / 7.0, 2) AS posts_per_day,
    round(n.reposts, 2) AS reposts_per_post, round(n.comments, 2) AS comments_per_post, n.platform, n.account_id
FROM net AS n
LEFT JOIN accounts AS a ON n.platform = a.platform AND n.account_id = a.account_id
LEFT JOIN sizes AS s ON n.platform = s.platform AND n.account_id = s.account_id
ORDER BY net_posts DESC, n.platform, n.account_id
LIMIT $n;
