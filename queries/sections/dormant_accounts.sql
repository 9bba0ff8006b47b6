/*---
title = "Dormant accounts"
description = """Accounts without a post for two weeks or more before the last day that counts, the longest silence first. Accounts that
never posted have no days: whether they are empty or not collected, the database does not say."""
order = 11
tags = ["section", "quality"]
params.as_of = { type = "date", required = false, description = "the day of the check; the day after the newest post if not given" }
params.n = { type = "int", default = 200, min = 1, description = "how many accounts to show" }
params.days = { type = "int", default = 14, min = 1, description = "from how many days of silence" }
expect = [ { unique = ["platform", "account_id"] }, { none = "SELECT * FROM result WHERE silent_days < 0" } ]
---*/
WITH check_day AS (
    SELECT coalesce(CAST($as_of AS TIMESTAMP), CAST(date_trunc('day', max(posted_at)) + INTERVAL '1 day' AS TIMESTAMP)) AS at
    FROM posts
),
silence AS (
    SELECT p.platform, p.account_id, dormancy(p.posted_at, c.at) AS days, max(p.posted_at) AS last_post_at, count(*) AS posts
    FROM posts AS p
    CROSS JOIN check_day AS c
    WHERE p.posted_at <= c.at AND p.account_id IS NOT NULL
    GROUP BY p.platform, p.account_id
)
SELECT coalesce(a.screen_name, a.account_id, s.account_id) AS screen_name, a.organization, a.followers, s.last_post_at,
    floor(s.days) AS silent_days, s.posts, coalesce(a.platform, s.platform) AS platform,
    coalesce(a.account_id, s.account_id) AS account_id
FROM account_latest AS a
FULL JOIN silence AS s ON a.platform = s.platform AND a.account_id = s.account_id
WHERE s.days IS NULL OR s.days >= $days
ORDER BY silent_days DESC NULLS FIRST, followers DESC NULLS LAST, platform, account_id
LIMIT $n;
