/*---
title = "One account's page"
description = """An account month by month: how much it posted, in which style, and how that was received. Without a name it is, of
the accounts with a tenth as many posts as the busiest, the one with most followers, or where nobody counted them with most
posts; an account without a name goes by its id."""
order = 12
tags = ["section", "case"]
params.screen_name = { type = "text", required = false, description = "the account" }
chart = { kind = "line", x = "month", y = "posts" }
expect = [ { unique = ["month"] }, { range = [0, 100], column = "percent_original" } ]
---*/
WITH sizes AS (
    SELECT p.platform, p.account_id, coalesce(a.screen_name, p.account_id) AS screen_name, a.followers, count(*) AS posts
    FROM posts AS p
    LEFT JOIN account_latest AS a ON p.platform = a.platform AND p.account_id = a.account_id
    WHERE p.account_id IS NOT NULL
    GROUP BY p.platform, p.account_id, a.screen_name, a.followers
),
chosen AS (
    SELECT platform, account_id, screen_name
    FROM sizes
    WHERE screen_name = $screen_name OR ($screen_name IS NULL AND posts >= (SELECT max(posts) / 10 FROM sizes))
    ORDER BY followers DESC NULLS LAST, posts DESC, platform, account_id
    LIMIT 1
),
own AS (
    SELECT CAST(date_trunc('month', p.posted_at) AS DATE) AS month, c.screen_name, p.is_repost, p.reposts, p.comments, p.likes, p.text
    FROM posts AS p
    JOIN chosen AS c ON p.platform = c.platform AND p.account_id = c.account_id
    WHERE p.posted_at IS NOT NULL
)
SELECT month, screen_name, count(*) AS posts, round(100 * originality(is_repost), 1) AS percent_original,
    sum(reposts) AS reposts, sum(comments) AS comments, sum(likes) AS likes, median(reposts) AS median_reposts,
    h_index(reposts) AS h_index, round(avg(formality(text)), 2) AS formality,
    count(*) FILTER (WHERE post_style(text) = 'interaction') AS interaction,
    count(*) FILTER (WHERE post_style(text) = 'news') AS news,
    count(*) FILTER (WHERE post_style(text) = 'emergency') AS emergency
FROM own
GROUP BY month, screen_name
ORDER BY month;
