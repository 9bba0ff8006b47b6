/*---
title = "When accounts post"
description = """Posts by hour of the day in the session's time zone, on working days and at weekends, and how posts of the hour are
received. Offices stop at six; whoever wants to be read in the evening has to post in the evening."""
order = 8
tags = ["section"]
chart = { kind = "bar", x = "hour", y = "posts" }
expect = [ { rows = "1..24" }, { unique = ["hour"] }, { range = [0, 23], column = "hour" } ]
---*/
SELECT CAST(date_part('hour', posted_at) AS INT) AS hour, count(*) AS posts,
    round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent_of_posts,
    count(*) FILTER (WHERE date_part('dow', posted_at) IN (0, 6)) AS at_weekends,
    median(reposts) AS median_reposts, median(comments) AS median_comments
FROM posts
WHERE posted_at IS NOT NULL
GROUP BY CAST(date_part('hour', posted_at) AS INT)
ORDER BY hour;
