/*---
title = "Through whom posts travel"
description = """The names through which reposts came on their way from the author (//@name:), and how often each stood between. An
account that often stands between others is a hub, even if it writes little of its own."""
tags = ["text"]
params.n = { type = "int", default = 30, min = 1, description = "how many names to show" }
expect = [ { unique = ["name"] } ]
---*/
WITH chains AS (
    SELECT account_id, repost_chain(text) AS chain
    FROM posts
    WHERE is_repost
),
steps AS (
    SELECT account_id, unnest(chain) AS name, cardinality(chain) AS length
    FROM chains
),
-- Each account's reposts through a name are counted first, so that accounts need not be told apart once more.
of_accounts AS (
    SELECT name, account_id, count(*) AS reposts, max(length) AS length
    FROM steps
    GROUP BY name, account_id
)
SELECT name, sum(reposts) AS reposts, count(account_id) AS accounts, max(length) AS longest_chain
FROM of_accounts
GROUP BY name
ORDER BY reposts DESC, name
LIMIT $n;
