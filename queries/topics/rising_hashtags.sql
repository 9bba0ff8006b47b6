/*---
title = "Rising topics"
description = """Hashtags with far more posts in the last days than in as many days before. One is added to both sides, so that a topic out
of nothing counts, but a single post does not lead."""
tags = ["topics"]
params.as_of = { type = "date", required = false, description = "the last day; that of the newest post if not given" }
params.days = { type = "int", default = 7, min = 1, description = "the length of the two periods" }
params.n = { type = "int", default = 20, min = 1, description = "how many hashtags to show" }
expect = [ { unique = ["hashtag"] }, { none = "SELECT * FROM result WHERE posts < 1" } ]
---*/
WITH last_day AS (
    SELECT coalesce($as_of, CAST(date_trunc('day', max(posted_at)) AS DATE)) AS day
    FROM posts
),
uses AS (
    SELECT h.hashtag, h.posts, datediff.days_ago
    FROM hashtag_daily AS h
    JOIN (
        SELECT DISTINCT d.day, CAST(l.day AS INT) - CAST(d.day AS INT) AS days_ago
        FROM hashtag_daily AS d
        CROSS JOIN last_day AS l
    ) AS datediff ON h.day = datediff.day
    WHERE datediff.days_ago >= 0 AND datediff.days_ago < 2 * $days
),
periods AS (
    SELECT hashtag, coalesce(sum(posts) FILTER (WHERE days_ago < $days), 0) AS posts,
        coalesce(sum(posts) FILTER (WHERE days_ago >= $days), 0) AS posts_before
    FROM uses
    GROUP BY hashtag
)
SELECT hashtag, posts, posts_before, round((posts + 1.0) / (posts_before + 1.0), 1) AS times
FROM periods
WHERE posts > posts_before
ORDER BY times DESC, posts DESC, hashtag
LIMIT $n;
