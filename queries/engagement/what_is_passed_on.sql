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
-- Equal numbers are counted first, as the median of some thousand counted numbers is found faster than that of millions.
counted AS (
    SELECT media, link, hashtag, title, question, emoji, reposts, comments, grouping(reposts) = 0 AS of_reposts, count(*) AS posts
    FROM own
    GROUP BY GROUPING SETS (
        (media, link, hashtag, title, question, emoji, reposts),
        (media, link, hashtag, title, question, emoji, comments)
    )
),
features AS (
    SELECT unnest([
        named_struct('feature', 'picture or video', 'present', media),
        named_struct('feature', 'link', 'present', link),
        named_struct('feature', 'hashtag', 'present', hashtag),
        named_struct('feature', '【title】', 'present', title),
        named_struct('feature', 'question', 'present', question),
        named_struct('feature', 'emoji', 'present', emoji)
    ]) AS f, of_reposts, CASE WHEN of_reposts THEN reposts ELSE comments END AS number, posts
    FROM counted
),
ranked AS (
    SELECT f['feature'] AS feature, f['present'] AS present, of_reposts, number,
        sum(posts) OVER (PARTITION BY f['feature'], f['present'], of_reposts ORDER BY number) AS up_to_here,
        sum(posts) OVER (PARTITION BY f['feature'], f['present'], of_reposts) AS all_posts
    FROM features
    WHERE f['present'] IS NOT NULL AND number IS NOT NULL
),
medians AS (
    SELECT feature, present, of_reposts, max(all_posts) AS posts,
        (min(number) FILTER (WHERE 2 * up_to_here >= all_posts) + min(number) FILTER (WHERE 2 * up_to_here > all_posts)) / 2.0 AS median
    FROM ranked
    GROUP BY feature, present, of_reposts
)
SELECT feature, present, max(posts) FILTER (WHERE of_reposts) AS posts, max(median) FILTER (WHERE of_reposts) AS median_reposts,
    max(median) FILTER (WHERE NOT of_reposts) AS median_comments
FROM medians
GROUP BY feature, present
ORDER BY feature, present DESC;
