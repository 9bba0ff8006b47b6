/*---
title = "Planning (a): who passes on whom"
description = """Authority and guidance: how often accounts of one level pass on posts of another, and how fast. The delay is known
only where the original is in the database. Who guides whom shows in the direction of the arrows: local accounts that pass on
ministries' posts follow their lead."""
order = 8
tags = ["report", "2012", "planning"]
expect = [
  { rows = ">= 1" },
  { unique = ["level", "origin_level"] },
  { range = [0, 100], column = "percent_of_reposts" },
]
---*/
WITH relays AS (
    SELECT coalesce(a.level, 'unknown') AS level, coalesce(o.level, 'outside') AS origin_level,
        p.account_id, p.origin_account_id,
        (date_part('epoch', p.posted_at) - date_part('epoch', origin.posted_at)) / 60 AS minutes
    FROM posts AS p
    LEFT JOIN accounts AS a ON p.platform = a.platform AND p.account_id = a.account_id
    LEFT JOIN accounts AS o ON p.platform = o.platform AND p.origin_account_id = o.account_id
    LEFT JOIN posts AS origin ON p.platform = origin.platform AND p.origin_post_id = origin.post_id
    WHERE p.is_repost
)
SELECT level, origin_level, count(*) AS reposts,
    round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY level), 1) AS percent_of_reposts,
    count(DISTINCT account_id) AS accounts, count(DISTINCT origin_account_id) AS origin_accounts,
    round(median(minutes)) AS median_minutes
FROM relays
GROUP BY level, origin_level
ORDER BY level, reposts DESC, origin_level;
