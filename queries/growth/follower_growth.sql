/*---
title = "Who grows"
description = """Followers at the first and the last look in a period, and the growth between them. Where a source rounds, a growth below
its unit is noise: the column 'rounded' says so."""
tags = ["growth"]
params.from = { type = "date", required = false, description = "first day" }
params.to = { type = "date", required = false, description = "last day" }
params.n = { type = "int", default = 20, min = 1, description = "how many accounts to show" }
chart = { kind = "bar", x = "screen_name", y = "growth" }
expect = [ { unique = ["platform", "account_id"] }, { none = "SELECT * FROM result WHERE last_day <= first_day" } ]
---*/
WITH period AS (
    SELECT platform, account_id, followers, precision, observed_at,
        row_number() OVER (PARTITION BY platform, account_id ORDER BY observed_at) AS nth,
        row_number() OVER (PARTITION BY platform, account_id ORDER BY observed_at DESC) AS nth_last
    FROM account_snapshots
    WHERE followers IS NOT NULL
        AND ($from IS NULL OR CAST(date_trunc('day', observed_at) AS DATE) >= $from)
        AND ($to IS NULL OR CAST(date_trunc('day', observed_at) AS DATE) <= $to)
),
ends AS (
    SELECT f.platform, f.account_id, f.observed_at AS first_at, f.followers AS first_followers,
        l.observed_at AS last_at, l.followers AS last_followers, greatest(f.precision, l.precision) AS unit
    FROM period AS f
    JOIN period AS l ON f.platform = l.platform AND f.account_id = l.account_id
    WHERE f.nth = 1 AND l.nth_last = 1 AND l.observed_at > f.observed_at
)
SELECT coalesce(a.screen_name, e.account_id) AS screen_name, CAST(date_trunc('day', e.first_at) AS DATE) AS first_day, e.first_followers,
    CAST(date_trunc('day', e.last_at) AS DATE) AS last_day, e.last_followers, e.last_followers - e.first_followers AS growth,
    round(100.0 * (e.last_followers - e.first_followers) / nullif(e.first_followers, 0), 1) AS percent_growth,
    e.unit > 1 AND abs(e.last_followers - e.first_followers) < e.unit AS rounded, e.platform, e.account_id
FROM ends AS e
LEFT JOIN accounts AS a ON e.platform = a.platform AND e.account_id = a.account_id
WHERE CAST(date_trunc('day', e.last_at) AS DATE) > CAST(date_trunc('day', e.first_at) AS DATE)
ORDER BY growth DESC, e.platform, e.account_id
LIMIT $n;
