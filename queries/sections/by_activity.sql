/*---
title = "Accounts by activity"
description = """How often accounts post, over the last 28 days of the database: from several posts a day to none at all. An account
that does not post does not inform."""
order = 5
tags = ["section"]
params.as_of = { type = "date", required = false, description = "the last day that counts; that of the newest post if not given" }
chart = { kind = "bar", x = "activity", y = "accounts" }
expect = [ { rows = "1..5" }, { unique = ["activity"] } ]
---*/
WITH last_day AS (
    SELECT coalesce($as_of, CAST(date_trunc('day', max(posted_at)) AS DATE)) AS day
    FROM posts
),
recent AS (
    SELECT d.platform, d.account_id, sum(d.posts) AS posts
    FROM account_daily AS d
    CROSS JOIN last_day AS l
    WHERE d.day > l.day - INTERVAL '28 days' AND d.day <= l.day
    GROUP BY d.platform, d.account_id
),
known AS (
    SELECT platform, account_id FROM accounts
    UNION
    SELECT platform, account_id FROM posts WHERE account_id IS NOT NULL
),
rates AS (
    SELECT a.followers, coalesce(r.posts, 0) / 28.0 AS per_day
    FROM known AS k
    LEFT JOIN account_latest AS a ON k.platform = a.platform AND k.account_id = a.account_id
    LEFT JOIN recent AS r ON k.platform = r.platform AND k.account_id = r.account_id
)
SELECT
    CASE
        WHEN per_day >= 10 THEN '1: 10 a day and more'
        WHEN per_day >= 3 THEN '2: 3 to 10 a day'
        WHEN per_day >= 1 THEN '3: 1 to 3 a day'
        WHEN per_day > 0 THEN '4: less than 1 a day'
        ELSE '5: none in four weeks'
    END AS activity,
    count(*) AS accounts, round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent_of_accounts,
    median(followers) AS median_followers
FROM rates
GROUP BY activity
ORDER BY activity;
