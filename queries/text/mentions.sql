/*---
title = "Who is addressed"
description = """The names that posts mention most, by how many accounts, and whether the name is one of the accounts collected."""
tags = ["text"]
params.n = { type = "int", default = 30, min = 1, description = "how many names to show" }
expect = [ { unique = ["name"] }, { none = "SELECT * FROM result WHERE accounts > posts" } ]
---*/
WITH addressed AS (
    SELECT unnest(mentions) AS name, account_id
    FROM posts
),
-- Each account's mentions of a name are counted first, so that accounts need not be told apart once more.
of_accounts AS (
    SELECT name, account_id, count(*) AS posts
    FROM addressed
    GROUP BY name, account_id
),
leading AS (
    SELECT name, sum(posts) AS posts, count(account_id) AS accounts
    FROM of_accounts
    GROUP BY name
    ORDER BY posts DESC, name
    LIMIT $n
),
names AS (
    SELECT DISTINCT screen_name
    FROM accounts
    WHERE screen_name IS NOT NULL
)
SELECT m.name, m.posts, m.accounts, n.screen_name IS NOT NULL AS collected
FROM leading AS m
LEFT JOIN names AS n ON m.name = n.screen_name
ORDER BY m.posts DESC, m.name;
