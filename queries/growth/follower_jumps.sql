/*---
title = "Jumps of followers"
description = """Looks at which an account had gained far more followers a day than it usually does: ten times its median or more. A
recommendation, an event, or bought followers: look at what it posted in these days."""
tags = ["growth", "quality"]
params.n = { type = "int", default = 30, min = 1, description = "how many jumps to show" }
params.times = { type = "float", default = 10.0, min = 1, description = "how many times the median makes a jump" }
expect = [ { unique = ["platform", "account_id", "last_day"] }, { none = "SELECT * FROM result WHERE gained <= 0" } ]
---*/
WITH steps AS (
    SELECT platform, account_id, observed_at, followers,
        lag(observed_at) OVER (PARTITION BY platform, account_id ORDER BY observed_at) AS before_at,
        lag(followers) OVER (PARTITION BY platform, account_id ORDER BY observed_at) AS before
    FROM account_snapshots
    WHERE followers IS NOT NULL
),
rates AS (
    SELECT *, (followers - before) * 86400.0 / nullif(date_part('epoch', observed_at) - date_part('epoch', before_at), 0) AS per_day
    FROM steps
    WHERE before IS NOT NULL
),
usual AS (
    SELECT platform, account_id, median(per_day) AS per_day, count(*) AS looks
    FROM rates
    GROUP BY platform, account_id
)
SELECT coalesce(a.screen_name, r.account_id) AS screen_name, CAST(date_trunc('day', r.before_at) AS DATE) AS first_day,
    CAST(date_trunc('day', r.observed_at) AS DATE) AS last_day, r.followers - r.before AS gained,
    round(r.per_day, 1) AS per_day, round(u.per_day, 1) AS usual_per_day, r.platform, r.account_id
FROM rates AS r
JOIN usual AS u ON r.platform = u.platform AND r.account_id = u.account_id
LEFT JOIN accounts AS a ON r.platform = a.platform AND r.account_id = a.account_id
WHERE u.looks >= 4 AND u.per_day > 0 AND r.per_day >= $times * u.per_day
ORDER BY gained DESC, r.platform, r.account_id, last_day
LIMIT $n;
