/*---
title = "What makes people pass a post on"
description = """The median reception of own posts with and without a feature: picture or video, link, hashtag, 【title】, question,
emoji. A difference is no cause: accounts with many followers may use more pictures."""
tags = ["engagement", "text"]
expect = [ { rows = "2..12" }, { unique = ["feature", "present"] } ]
---*/
-- A post's features are digits to the base of three, of which 2 is unknown: one number is grouped faster than six flags.
WITH own AS (
    SELECT reposts, comments,
        coalesce(CAST(media_count > 0 AS INT), 2)
            + 3 * coalesce(CAST(NOT empty(urls) AS INT), 2)
            + 9 * coalesce(CAST(NOT empty(hashtags) AS INT), 2)
            + 27 * coalesce(CAST(text LIKE '%【%】%' AS INT), 2)
            + 81 * coalesce(CAST(text LIKE '%？%' OR text LIKE '%?%' AS INT), 2)
            + 243 * coalesce(CAST(NOT empty(emojis(text)) AS INT), 2) AS features
    FROM posts
    WHERE is_repost IS NOT TRUE AND reposts IS NOT NULL
),
-- Equal numbers are counted first, as the median of some thousand counted numbers is found faster than that of millions.
counted AS (
    SELECT features, reposts, comments, grouping(reposts) = 0 AS of_reposts, count(*) AS posts
    FROM own
    GROUP BY GROUPING SETS ((features, reposts), (features, comments))
),
digits AS (
    SELECT features, of_reposts, CASE WHEN of_reposts THEN reposts ELSE comments END AS number, posts, unnest([
        named_struct('feature', 'picture or video', 'unit', 1),
        named_struct('feature', 'link', 'unit', 3),
        named_struct('feature', 'hashtag', 'unit', 9),
        named_struct('feature', '【title】', 'unit', 27),
        named_struct('feature', 'question', 'unit', 81),
        named_struct('feature', 'emoji', 'unit', 243)
    ]) AS f
    FROM counted
),
features AS (
    SELECT f['feature'] AS feature, features / f['unit'] % 3 AS digit, of_reposts, number, sum(posts) AS posts
    FROM digits
    WHERE number IS NOT NULL
    GROUP BY f['feature'], features / f['unit'] % 3, of_reposts, number
),
ranked AS (
    SELECT feature, digit = 1 AS present, of_reposts, number,
        sum(posts) OVER (PARTITION BY feature, digit, of_reposts ORDER BY number) AS up_to_here,
        sum(posts) OVER (PARTITION BY feature, digit, of_reposts) AS all_posts
    FROM features
    WHERE digit < 2
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
