/*---
title = "Planning (c): the nature of the followers"
description = """Whether accounts with many followers are answered more: reposts and comments per post and per thousand followers, by size of the account.
Followers who never answer are not told from followers who read in silence. Likes count where the service has them; Weibo's
exports of 2012 have none."""
order = 10
tags = ["report", "2012", "planning"]
chart = { kind = "bar", x = "band", y = "engagement_per_1000" }
expect = [
  { unique = ["band"] },
  { none = "SELECT * FROM result WHERE engagement_per_1000 < 0" },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { rows = "1..6" },
  ] },
]
---*/
WITH answered AS (
    SELECT a.account_id, a.followers, p.reposts, p.comments, coalesce(p.likes, 0) AS likes,
        p.reposts + p.comments = 0 AS unanswered
    FROM posts AS p
    JOIN account_latest AS a ON p.platform = a.platform AND p.account_id = a.account_id
    WHERE a.followers > 0 AND p.is_repost IS NOT TRUE
)
SELECT
    CASE
        WHEN followers < 1000 THEN '1: below 1 thousand'
        WHEN followers < 10000 THEN '2: 1 to 10 thousand'
        WHEN followers < 100000 THEN '3: 10 to 100 thousand'
        WHEN followers < 1000000 THEN '4: 100 thousand to 1 million'
        ELSE '5: 1 million and more'
    END AS band,
    count(DISTINCT account_id) AS accounts, count(*) AS own_posts,
    median(reposts) AS median_reposts, median(comments) AS median_comments,
    round(1000 * engagement_rate(reposts, comments, likes, followers), 3) AS engagement_per_1000,
    round(100.0 * count(*) FILTER (WHERE unanswered) / nullif(count(unanswered), 0), 1) AS percent_unanswered
FROM answered
GROUP BY band
ORDER BY band;
