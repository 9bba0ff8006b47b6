/*---
title = "One account's page"
description = """An account month by month: how much it posted, in which style, and how that was received."""
tags = ["section", "case"]
params.screen_name = { type = "text", default = "外交小灵通", description = "the account" }
chart = { kind = "line", x = "month", y = "posts" }
expect = [ { unique = ["month"] }, { range = [0, 100], column = "percent_original" } ]
---*/
WITH own AS (
    SELECT CAST(date_trunc('month', posted_at) AS DATE) AS month, is_repost, reposts, comments, likes, text
    FROM posts_with_accounts
    WHERE screen_name = $screen_name AND posted_at IS NOT NULL
)
SELECT month, count(*) AS posts, round(100 * originality(is_repost), 1) AS percent_original,
    sum(reposts) AS reposts, sum(comments) AS comments, sum(likes) AS likes, median(reposts) AS median_reposts,
    h_index(reposts) AS h_index, round(avg(formality(text)), 2) AS formality,
    count(*) FILTER (WHERE post_style(text) = 'interaction') AS interaction,
    count(*) FILTER (WHERE post_style(text) = 'news') AS news,
    count(*) FILTER (WHERE post_style(text) = 'emergency') AS emergency
FROM own
GROUP BY month
ORDER BY month;
