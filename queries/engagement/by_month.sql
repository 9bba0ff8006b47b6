/*---
title = "Reception by month"
description = """How the average post is received, month by month: medians, and the share without any answer of those whose reposts and
comments are known. Means are left out: one viral post moves them more than a thousand others."""
tags = ["engagement"]
chart = { kind = "line", x = "month", y = "median_reposts" }
expect = [ { rows = ">= 1" }, { unique = ["month"] } ]
---*/
SELECT CAST(date_trunc('month', posted_at) AS DATE) AS month, count(*) AS posts, median(reposts) AS median_reposts,
    median(comments) AS median_comments, median(likes) AS median_likes,
    round(percentile_cont(0.9) WITHIN GROUP (ORDER BY reposts), 1) AS reposts_of_best_tenth,
    round(100.0 * count(*) FILTER (WHERE reposts = 0 AND comments = 0 AND coalesce(likes, 0) = 0)
        / nullif(count(reposts + comments), 0), 1) AS percent_unanswered
FROM posts
WHERE posted_at IS NOT NULL
GROUP BY CAST(date_trunc('month', posted_at) AS DATE)
ORDER BY month;
