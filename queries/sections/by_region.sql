/*---
title = "Accounts by region"
description = """The map of the report: accounts and followers of local bodies in each region. Bodies of the central government and
accounts without a directory entry stand under 'none'."""
order = 3
tags = ["section"]
params.n = { type = "int", default = 40, min = 1, description = "how many regions to show" }
chart = { kind = "bar", x = "region", y = "accounts" }
expect = [ { unique = ["region"] } ]
---*/
WITH posting AS (
    SELECT platform, account_id
    FROM posts
    WHERE account_id IS NOT NULL
    GROUP BY platform, account_id
)
SELECT coalesce(region, 'none') AS region, count(*) AS accounts,
    count(*) FILTER (WHERE level = 'province') AS of_province, count(*) FILTER (WHERE level = 'city') AS of_cities,
    count(*) FILTER (WHERE level = 'county') AS of_counties, count(DISTINCT system) AS systems,
    sum(followers) AS followers, sum(posts) AS posts
FROM account_latest AS a
FULL JOIN posting AS p ON a.platform = p.platform AND a.account_id = p.account_id
GROUP BY coalesce(region, 'none')
ORDER BY accounts DESC, region
LIMIT $n;
