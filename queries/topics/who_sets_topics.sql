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
    SELECT platform, account_id, unnest(hashtags) AS hashtag, posted_at
    FROM posts
    WHERE posted_at IS NOT NULL AND account_id IS NOT NULL
),
-- Each account's first use of a topic.
first_uses AS (
    SELECT platform, hashtag, account_id, min(posted_at) AS at
    FROM uses
    GROUP BY platform, hashtag, account_id
),
topics AS (
    SELECT platform, hashtag, first_value(account_id ORDER BY at, account_id) AS account_id, count(*) - 1 AS others
    FROM first_uses
    GROUP BY platform, hashtag
)
SELECT coalesce(a.screen_name, t.account_id) AS screen_name, count(*) AS topics_set, sum(t.others) AS accounts_that_followed,
    t.platform, t.account_id
FROM topics AS t
LEFT JOIN accounts AS a ON t.platform = a.platform AND t.account_id = a.account_id
WHERE t.others >= $followed_by
GROUP BY t.platform, t.account_id, a.screen_name
ORDER BY topics_set DESC, accounts_that_followed DESC, t.platform, t.account_id
LIMIT $n;
