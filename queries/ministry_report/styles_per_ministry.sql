/*---
title = "Operating styles by ministry"
description = """How many of each ministry's accounts are run in each of the three styles, by the rule of operating_styles. A ministry
with several accounts divides the work between them; one with a single account has to choose."""
order = 7
tags = ["report", "2012", "style"]
chart = { kind = "bar", x = "organization", y = "interaction,news,emergency", stacked = true }
expect = [
  { unique = ["organization"] },
  { none = "SELECT * FROM result WHERE interaction + news + emergency <> accounts" },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { rows = 17 },
  ] },
]
---*/
WITH kinds AS (
    SELECT platform, account_id, organization, post_style(text) AS kind
    FROM posts_with_accounts
    WHERE level IN ('ministry', 'ministry_level') AND is_repost IS NOT TRUE
),
styles AS (
    SELECT organization, account_id,
        style(
            count(*) FILTER (WHERE kind = 'interaction') / CAST(count(kind) AS DOUBLE),
            count(*) FILTER (WHERE kind = 'emergency') / CAST(count(kind) AS DOUBLE)
        ) AS style
    FROM kinds
    GROUP BY platform, account_id, organization
    HAVING count(kind) > 0
)
SELECT organization, count(*) AS accounts,
    count(*) FILTER (WHERE style = 'interaction') AS interaction,
    count(*) FILTER (WHERE style = 'news') AS news,
    count(*) FILTER (WHERE style = 'emergency') AS emergency
FROM styles
GROUP BY organization
ORDER BY accounts DESC, organization;
