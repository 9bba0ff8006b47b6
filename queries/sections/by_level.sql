/*---
title = "Accounts by administrative level"
description = """How accounts divide between ministries, provinces, cities and counties, and how followers and posts do. The Gini
coefficient says how unequally followers are spread within a level. Accounts without a directory entry stand under
'unknown', also those of which nothing but posts was collected."""
order = 4
tags = ["section"]
chart = { kind = "bar", x = "level", y = "accounts" }
expect = [ { unique = ["level"] }, { range = [0, 1], column = "followers_gini" } ]
---*/
WITH posting AS (
    SELECT platform, account_id
    FROM posts
    WHERE account_id IS NOT NULL
    GROUP BY platform, account_id
)
SELECT coalesce(level, 'unknown') AS level, count(*) AS accounts,
    round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent_of_accounts,
    sum(followers) AS followers, median(followers) AS median_followers,
    round(gini(followers), 3) AS followers_gini, median(posts) AS median_posts
FROM account_latest AS a
FULL JOIN posting AS p ON a.platform = p.platform AND a.account_id = p.account_id
GROUP BY coalesce(level, 'unknown')
ORDER BY accounts DESC, level;
