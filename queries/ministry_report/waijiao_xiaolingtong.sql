/*---
title = "The case of 外交小灵通"
description = """The account that the report takes as its example: opened on 13 April 2011, 2.8 million followers and just over
5,000 posts on 27 August 2012. The count of posts is the service's own; beside it stands how many this database holds."""
order = 4
tags = ["report", "2012", "case"]
params.screen_name = { type = "text", default = "外交小灵通", description = "the account" }
params.as_of = { type = "date", default = "2012-08-27", description = "the last day that counts" }
expect = [
  { rows = "0..1" },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { rows = 1 },
    { value = "2011-04-13", column = "registered_on" },
    { value = 2800000, column = "followers" },
    { range = [5000, 5100], column = "posts" },
  ] },
]
---*/
WITH account AS (
    SELECT *
    FROM accounts
    WHERE screen_name = $screen_name
),
latest AS (
    SELECT s.platform, s.account_id, s.followers, s.posts,
        row_number() OVER (PARTITION BY s.platform, s.account_id ORDER BY s.observed_at DESC) AS nth
    FROM account_snapshots AS s
    JOIN account AS a ON s.platform = a.platform AND s.account_id = a.account_id
    WHERE CAST(date_trunc('day', s.observed_at) AS DATE) <= $as_of
),
activity AS (
    SELECT p.platform, p.account_id, count(*) AS posts, originality(p.is_repost) AS originality,
        median(p.reposts) AS median_reposts, median(p.comments) AS median_comments,
        h_index(p.reposts) AS h_index
    FROM posts AS p
    JOIN account AS a ON p.platform = a.platform AND p.account_id = a.account_id
    WHERE CAST(date_trunc('day', p.posted_at) AS DATE) <= $as_of
    GROUP BY p.platform, p.account_id
)
SELECT a.screen_name, a.organization, CAST(date_trunc('day', a.registered_at) AS DATE) AS registered_on,
    l.followers, l.posts, p.posts AS posts_in_database,
    round(l.posts / (date_part('epoch', CAST($as_of AS TIMESTAMP) - CAST(date_trunc('day', a.registered_at) AS TIMESTAMP)) / 86400.0 + 1), 1) AS posts_per_day,
    round(100 * p.originality, 1) AS percent_original, p.median_reposts, p.median_comments, p.h_index
FROM account AS a
LEFT JOIN latest AS l ON a.platform = l.platform AND a.account_id = l.account_id AND l.nth = 1
LEFT JOIN activity AS p ON a.platform = p.platform AND a.account_id = p.account_id
ORDER BY a.platform, a.account_id;
