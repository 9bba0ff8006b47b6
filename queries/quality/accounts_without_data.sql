/*---
title = "Accounts of which something is missing"
description = """Accounts of which the database has posts but no profile, accounts without a look at their size, without posts, or without a
directory entry, and accounts with far fewer posts in the database than the service counts. Figures by ministry, level or
band leave these out or count them wrong."""
tags = ["quality"]
params.n = { type = "int", default = 100, min = 1, description = "how many accounts to show" }
expect = [ { unique = ["platform", "account_id"] } ]
---*/
WITH held AS (
    SELECT platform, account_id, count(*) AS posts
    FROM posts
    WHERE account_id IS NOT NULL
    GROUP BY platform, account_id
)
SELECT coalesce(a.platform, h.platform) AS platform, coalesce(a.account_id, h.account_id) AS account_id, a.screen_name,
    a.account_id IS NULL AS no_profile, a.counted_at IS NULL AS no_look, h.posts IS NULL AS no_posts,
    a.organization IS NULL AS no_directory_entry, a.posts AS posts_counted, h.posts AS posts_held
FROM account_latest AS a
FULL JOIN held AS h ON a.platform = h.platform AND a.account_id = h.account_id
WHERE a.account_id IS NULL OR a.counted_at IS NULL OR h.posts IS NULL OR a.organization IS NULL OR h.posts < 0.9 * a.posts
ORDER BY no_profile DESC, no_look DESC, no_posts DESC, no_directory_entry DESC, platform, account_id
LIMIT $n;
