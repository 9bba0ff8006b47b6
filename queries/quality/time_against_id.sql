/*---
title = "Times that contradict their ids"
description = """Weibo posts whose stated time differs from the one in their id by more than two minutes: a wrong year, a wrong time zone
or a wrong day. Ids given until about 2011 carry no time and cannot be checked."""
tags = ["quality"]
params.n = { type = "int", default = 50, min = 1, description = "how many posts to show" }
expect = [ { rows = 0 } ]
---*/
SELECT post_id, account_id, posted_at, weibo_time(post_id) AS time_of_id,
    round((date_part('epoch', posted_at) - date_part('epoch', weibo_time(post_id))) / 60) AS minutes_apart
FROM posts
WHERE platform = 'weibo' AND abs(date_part('epoch', posted_at) - date_part('epoch', weibo_time(post_id))) > 120
ORDER BY abs(date_part('epoch', posted_at) - date_part('epoch', weibo_time(post_id))) DESC, post_id
LIMIT $n;
