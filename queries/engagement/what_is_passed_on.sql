/*---
title = "What makes people pass a post on"
description = """The median reception of own posts with and without a feature: picture or video, link, hashtag, 【title】, question,
emoji. A difference is no cause: accounts with many followers may use more pictures."""
tags = ["engagement", "text"]
expect = [ { rows = "2..12" }, { unique = ["feature", "present"] } ]
---*/
WITH own AS (
    SELECT reposts, comments, media_count > 0 AS media, cardinality(urls) > 0 AS link, cardinality(hashtags) > 0 AS hashtag,
        text LIKE '%【%】%' AS title, text LIKE '%？%' OR text LIKE '%?%' AS question, cardinality(emojis(text)) > 0 AS emoji
    FROM posts
    WHERE is_repost IS NOT TRUE AND reposts IS NOT NULL
),
features AS (
    SELECT 'picture or video' AS feature, media AS present, reposts, comments FROM own
    UNION ALL SELECT 'link', link, reposts, comments FROM own
    UNION ALL SELECT 'hashtag', hashtag, reposts, comments FROM own
    UNION ALL SELECT '【title】', title, reposts, comments FROM own
    UNION ALL SELECT 'question', question, reposts, comments FROM own
    UNION ALL SELECT 'emoji', emoji, reposts, comments FROM own
)
SELECT feature, present, count(*) AS posts, median(reposts) AS median_reposts, median(comments) AS median_comments
FROM features
WHERE present IS NOT NULL
GROUP BY feature, present
ORDER BY feature, present DESC;
