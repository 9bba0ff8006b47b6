/*---
title = "Three operating styles"
description = """How each account is run, read off its own posts: interaction, news release, or emergency information. A post is
'emergency' if it warns or reports what is urgent, else 'interaction' if it answers, asks or invites, else 'news'
(post_style). An account with a quarter of interaction lives by it; else one with a sixth of emergencies serves them; else
it releases news (style). Words are counted, not understood: read the examples of an account before you judge it."""
order = 6
tags = ["report", "2012", "style"]
expect = [
  { unique = ["account_id"] },
  { accepted = ["interaction", "news", "emergency"], column = "style" },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { rows = 44 },
    { value = "interaction", column = "style", where = { screen_name = "外交小灵通" } },
  ] },
]
---*/
WITH kinds AS (
    SELECT platform, account_id, screen_name, organization, post_style(text) AS kind
    FROM posts_with_accounts
    WHERE level IN ('ministry', 'ministry_level') AND is_repost IS NOT TRUE
),
shares AS (
    SELECT platform, account_id, screen_name, organization, count(kind) AS own_posts,
        count(*) FILTER (WHERE kind = 'interaction') / CAST(count(kind) AS DOUBLE) AS interaction,
        count(*) FILTER (WHERE kind = 'news') / CAST(count(kind) AS DOUBLE) AS news,
        count(*) FILTER (WHERE kind = 'emergency') / CAST(count(kind) AS DOUBLE) AS emergency
    FROM kinds
    GROUP BY platform, account_id, screen_name, organization
    HAVING count(kind) > 0
)
SELECT organization, screen_name, style(interaction, emergency) AS style, account_id, own_posts,
    round(100 * interaction, 1) AS percent_interaction, round(100 * news, 1) AS percent_news,
    round(100 * emergency, 1) AS percent_emergency
FROM shares
ORDER BY organization, screen_name, account_id;
