/*---
title = "The topics of a period"
description = """The hashtags with most posts, how many accounts used them and how their posts were passed on. A topic of one account is
its column, a topic of many is a campaign or an event."""
tags = ["topics"]
params.from = { type = "date", required = false, description = "first day" }
params.to = { type = "date", required = false, description = "last day" }
params.n = { type = "int", default = 30, min = 1, description = "how many hashtags to show" }
chart = { kind = "bar", x = "hashtag", y = "posts" }
expect = [ { unique = ["hashtag"] }, { none = "SELECT * FROM result WHERE accounts > posts" } ]
---*/
WITH tagged AS (
    SELECT unnest(hashtags) AS hashtag, account_id, posted_at, reposts, comments
    FROM posts
    WHERE ($from IS NULL OR CAST(date_trunc('day', posted_at) AS DATE) >= $from)
        AND ($to IS NULL OR CAST(date_trunc('day', posted_at) AS DATE) <= $to)
),
of_accounts AS (
    SELECT hashtag, account_id, count(*) AS posts, sum(reposts) AS reposts, sum(comments) AS comments,
        min(posted_at) AS first_at, max(posted_at) AS last_at
    FROM tagged
    GROUP BY hashtag, account_id
)
SELECT hashtag, sum(posts) AS posts, count(account_id) AS accounts, sum(reposts) AS reposts, sum(comments) AS comments,
    CAST(date_trunc('day', min(first_at)) AS DATE) AS first_day, CAST(date_trunc('day', max(last_at)) AS DATE) AS last_day
FROM of_accounts
GROUP BY hashtag
ORDER BY posts DESC, hashtag
LIMIT $n;
