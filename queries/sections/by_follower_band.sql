/*---
title = "Accounts by followers"
description = """How many accounts have how many followers, by the latest look. Accounts at which nobody looked stand under 'unknown':
they are not small, but not known."""
order = 6
tags = ["section"]
chart = { kind = "bar", x = "band", y = "accounts" }
expect = [ { rows = "<= 7" }, { unique = ["band"] } ]
---*/
SELECT
    CASE
        WHEN followers IS NULL THEN '7: unknown'
        WHEN followers < 100 THEN '1: below 100'
        WHEN followers < 1000 THEN '2: 100 to 1,000'
        WHEN followers < 10000 THEN '3: 1,000 to 10,000'
        WHEN followers < 100000 THEN '4: 10,000 to 100,000'
        WHEN followers < 1000000 THEN '5: 100,000 to 1 million'
        ELSE '6: 1 million and more'
    END AS band,
    count(*) AS accounts, sum(followers) AS followers,
    round(100.0 * sum(followers) / nullif(sum(sum(followers)) OVER (), 0), 1) AS percent_of_followers,
    count(*) FILTER (WHERE precision > 1) AS rounded
FROM account_latest
GROUP BY band
ORDER BY band;
