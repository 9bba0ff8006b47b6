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
names AS (
    SELECT DISTINCT screen_name
    FROM accounts
    WHERE screen_name IS NOT NULL
)
SELECT m.name, count(*) AS posts, count(DISTINCT m.account_id) AS accounts, n.screen_name IS NOT NULL AS collected
FROM addressed AS m
LEFT JOIN names AS n ON m.name = n.screen_name
GROUP BY m.name, n.screen_name
ORDER BY posts DESC, m.name
LIMIT $n;
