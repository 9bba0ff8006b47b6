/*---
title = "Planning (a): who passes on whom"
description = """Authority and guidance: how often accounts of one level pass on posts of another, and how fast. When a post of Weibo
was made its id says; elsewhere the delay is known only where the original is in the database. Who guides whom shows in the direction of the arrows: local accounts that pass on
ministries' posts follow their lead."""
order = 8
tags = ["report", "2012", "planning"]
expect = [
  { unique = ["level", "origin_level"] },
  { range = [0, 100], column = "percent_of_reposts" },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { rows = ">= 1" },
  ] },
]
---*/
WITH levels AS (
    SELECT platform, account_id, level
    FROM accounts
),
-- Posts whose ids carry no time.
originals AS (
    SELECT platform, post_id, posted_at
    FROM posts
    WHERE platform <> 'weibo' OR character_length(post_id) < 12
),
passed_on AS (
    SELECT platform, account_id, origin_account_id, origin_post_id, posted_at,
        CASE WHEN platform = 'weibo' THEN weibo_time(origin_post_id) END AS origin_at
    FROM posts
    WHERE is_repost
),
delays AS (
    SELECT p.platform, p.account_id, p.origin_account_id,
        (date_part('epoch', p.posted_at) - date_part('epoch', coalesce(p.origin_at, o.posted_at))) / 60 AS minutes
    FROM passed_on AS p
    LEFT JOIN originals AS o ON p.platform = o.platform AND p.origin_post_id = o.post_id
),
relays AS (
    SELECT coalesce(a.level, 'unknown') AS level, coalesce(o.level, 'outside') AS origin_level, d.account_id, d.origin_account_id, d.minutes
    FROM delays AS d
    LEFT JOIN levels AS a ON d.platform = a.platform AND d.account_id = a.account_id
    LEFT JOIN levels AS o ON d.platform = o.platform AND d.origin_account_id = o.account_id
)
SELECT level, origin_level, count(*) AS reposts,
    round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY level), 1) AS percent_of_reposts,
    count(DISTINCT account_id) AS accounts, count(DISTINCT origin_account_id) AS origin_accounts,
    round(median(minutes)) AS median_minutes
FROM relays
GROUP BY level, origin_level
ORDER BY level, reposts DESC, origin_level;
