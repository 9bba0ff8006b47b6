/*---
title = "The growth of 外交小灵通"
description = """Followers and posts at the end of every day on which somebody looked. On record are 22,124 followers on 18 April
2011, some 215,000 on 10 June and 2.8 million on 27 August 2012; the sample draws straight lines between them. A precision above 1
says that the source had rounded the followers to that unit."""
order = 5
tags = ["report", "2012", "case", "growth"]
params.screen_name = { type = "text", default = "外交小灵通", description = "the account" }
chart = { kind = "line", x = "day", y = "followers" }
expect = [
  { unique = ["day"] },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { rows = ">= 12" },
    { value = 22124, column = "followers", where = { day = "2011-04-18" } },
    { value = 215000, column = "followers", where = { day = "2011-06-10" } },
    { value = 2800000, column = "followers", where = { day = "2012-08-27" } },
    { none = "SELECT * FROM result WHERE new_followers < 0" },
  ] },
]
---*/
WITH daily AS (
    SELECT CAST(date_trunc('day', s.observed_at) AS DATE) AS day, s.followers, s.posts, s.precision,
        row_number() OVER (PARTITION BY date_trunc('day', s.observed_at) ORDER BY s.observed_at DESC) AS nth
    FROM account_snapshots AS s
    JOIN accounts AS a ON s.platform = a.platform AND s.account_id = a.account_id
    WHERE a.screen_name = $screen_name
)
SELECT day, followers, followers - lag(followers) OVER (ORDER BY day) AS new_followers, posts, precision
FROM daily
WHERE nth = 1
ORDER BY day;
