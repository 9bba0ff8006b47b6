/*---
title = "Length of posts"
description = """How many characters own posts have, in steps of twenty, and how posts of each length are received. In 2012 a post had 140
characters at most."""
tags = ["text"]
chart = { kind = "bar", x = "characters_from", y = "posts" }
expect = [ { rows = ">= 1" }, { unique = ["characters_from"] } ]
---*/
SELECT 20 * (character_length(text) / 20) AS characters_from, count(*) AS posts,
    round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent_of_posts,
    median(reposts) AS median_reposts, median(comments) AS median_comments
FROM posts
WHERE is_repost IS NOT TRUE AND text IS NOT NULL
GROUP BY 20 * (character_length(text) / 20)
ORDER BY characters_from;
