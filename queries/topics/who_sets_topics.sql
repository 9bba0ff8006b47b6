/*---
title = "Who sets topics"
description = """Accounts that used a topic first which others took up: how many of their first uses were followed by how many accounts.
First within this database; the topic may come from outside."""
tags = ["topics"]
params.followed_by = { type = "int", default = 3, min = 1, description = "how many other accounts make a topic count" }
params.n = { type = "int", default = 20, min = 1, description = "how many accounts to show" }
expect = [ { unique = ["platform", "account_id"] } ]
---*/
WITH uses AS (
    SELECT platform, account_id, unnest(hashtags) AS hashtag, posted_at, post_id
    FROM posts
    WHERE posted_at IS NOT NULL
),
topics AS (
    SELECT platform, hashtag, first_value(account_id ORDER BY posted_at, post_id) AS account_id, count(DISTINCT account_id) - 1 AS others
    FROM uses
    GROUP BY platform, hashtag
)
SELECT t.platform, t.account_id, a.screen_name, count(*) AS topics_set, sum(t.others) AS accounts_that_followed
FROM topics AS t
LEFT JOIN accounts AS a ON t.platform = a.platform AND t.account_id = a.account_id
WHERE t.others >= $followed_by
GROUP BY t.platform, t.account_id, a.screen_name
ORDER BY topics_set DESC, accounts_that_followed DESC, t.platform, t.account_id
LIMIT $n;
