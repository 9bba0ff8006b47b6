/*---
title = "A topic day by day"
description = """How one topic rose and fell: posts, accounts and reposts by day. Without a name the most used topic is shown."""
tags = ["topics"]
params.hashtag = { type = "text", required = false, description = "the topic, without marks" }
chart = { kind = "line", x = "day", y = "posts" }
expect = [ { unique = ["platform", "day"] }, { none = "SELECT * FROM result WHERE posts < 1" } ]
---*/
WITH chosen AS (
    SELECT coalesce($hashtag, (
        SELECT hashtag
        FROM (SELECT unnest(hashtags) AS hashtag FROM posts) AS tagged
        GROUP BY hashtag
        ORDER BY count(*) DESC, hashtag
        LIMIT 1
    )) AS hashtag
)
SELECT p.platform, CAST(date_trunc('day', p.posted_at) AS DATE) AS day, c.hashtag, count(*) AS posts,
    count(DISTINCT p.account_id) AS accounts, sum(p.reposts) AS reposts, sum(p.comments) AS comments
FROM posts AS p
JOIN chosen AS c ON array_has(p.hashtags, c.hashtag)
WHERE p.posted_at IS NOT NULL
GROUP BY p.platform, day, c.hashtag
ORDER BY day, p.platform;
