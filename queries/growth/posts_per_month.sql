/*---
title = "Posts per month"
description = """How the volume of posts and the number of accounts that post develop, and how much of it is their own."""
tags = ["growth"]
chart = { kind = "line", x = "month", y = "posts" }
expect = [ { rows = ">= 1" }, { unique = ["month"] }, { range = [0, 100], column = "percent_original" } ]
---*/
SELECT CAST(date_trunc('month', posted_at) AS DATE) AS month, count(*) AS posts,
    count(DISTINCT account_id) AS active_accounts, round(CAST(count(*) AS DOUBLE) / nullif(count(DISTINCT account_id), 0), 1) AS posts_per_account,
    round(100 * originality(is_repost), 1) AS percent_original
FROM posts
WHERE posted_at IS NOT NULL
GROUP BY CAST(date_trunc('month', posted_at) AS DATE)
ORDER BY month;
