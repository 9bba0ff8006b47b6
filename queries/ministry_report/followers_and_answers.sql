/*---
title = "Planning (c): the followers, account by account"
description = """Which accounts have followers who answer. The last column sets an account's median of reposts and comments against
the median of all accounts for its number of followers, on logarithmic scales: above 1 the followers answer more than usual,
far below 1 many of the followers may be asleep or bought. It is an indicator, and no proof."""
order = 11
tags = ["report", "2012", "planning"]
expect = [
  { unique = ["account_id"] },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { rows = 44 },
  ] },
]
---*/
WITH answers AS (
    SELECT a.account_id, a.screen_name, a.organization, a.followers,
        a.precision > 1 AS followers_rounded,
        median(p.reposts + p.comments) AS median_answers, h_index(p.reposts) AS h_index,
        count(*) FILTER (WHERE p.reposts + p.comments = 0) / nullif(CAST(count(p.reposts + p.comments) AS DOUBLE), 0) AS unanswered
    FROM account_latest AS a
    JOIN posts AS p ON p.platform = a.platform AND p.account_id = a.account_id
    WHERE a.level IN ('ministry', 'ministry_level') AND a.followers > 0 AND p.is_repost IS NOT TRUE
    GROUP BY a.account_id, a.screen_name, a.organization, a.followers, a.precision
),
usual AS (
    SELECT median(ln(median_answers + 1) / ln(followers + 1)) AS per_follower
    FROM answers
)
SELECT screen_name, organization, followers, followers_rounded, account_id, h_index, median_answers,
    round(100 * unanswered, 1) AS percent_unanswered,
    round(ln(median_answers + 1) / ln(followers + 1) / usual.per_follower, 2) AS against_usual
FROM answers
CROSS JOIN usual
ORDER BY against_usual DESC, followers DESC, account_id;
