/*---
title = "Accounts by administrative level"
description = """How accounts divide between ministries, provinces, cities and counties, and how followers and posts do. The Gini
coefficient says how unequally followers are spread within a level."""
order = 4
tags = ["section"]
chart = { kind = "bar", x = "level", y = "accounts" }
expect = [ { unique = ["level"] }, { range = [0, 1], column = "followers_gini" } ]
---*/
SELECT coalesce(level, 'unknown') AS level, count(*) AS accounts,
    round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent_of_accounts,
    sum(followers) AS followers, median(followers) AS median_followers,
    round(gini(followers), 3) AS followers_gini, median(posts) AS median_posts
FROM account_latest
GROUP BY coalesce(level, 'unknown')
ORDER BY accounts DESC, level;
