/*---
title = "How long a post lives"
description = """How large a part of its latest reposts a post had when somebody looked at it in the days after it was made. It needs
posts that were looked at more than once."""
tags = ["engagement"]
chart = { kind = "line", x = "days", y = "median_percent" }
expect = [ { unique = ["days"] }, { range = [0, 100], column = "median_percent" } ]
---*/
WITH looks AS (
    SELECT floor((date_part('epoch', s.observed_at) - date_part('epoch', p.posted_at)) / 86400) AS days,
        100.0 * s.reposts / p.reposts AS percent
    FROM post_snapshots AS s
    JOIN posts AS p ON s.platform = p.platform AND s.post_id = p.post_id
    WHERE p.reposts > 0 AND s.reposts <= p.reposts AND s.observed_at >= p.posted_at
)
SELECT CAST(days AS INT) AS days, count(*) AS looks, round(median(percent), 1) AS median_percent
FROM looks
WHERE days < 14
GROUP BY days
ORDER BY days;
