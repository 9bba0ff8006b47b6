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
        FROM hashtag_daily
        GROUP BY hashtag
        ORDER BY sum(posts) DESC, hashtag
        LIMIT 1
    )) AS hashtag
)
SELECT d.platform, d.day, d.hashtag, d.posts, d.accounts, d.reposts, d.comments
FROM hashtag_daily AS d
JOIN chosen AS c ON d.hashtag = c.hashtag
ORDER BY d.day, d.platform;
