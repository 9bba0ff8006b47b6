/*---
title = "Emoji and faces"
description = """Which emoji accounts use, Weibo's bracketed faces included, in how many posts, and how those posts are received."""
tags = ["text"]
params.n = { type = "int", default = 30, min = 1, description = "how many emoji to show" }
expect = [ { unique = ["emoji"] } ]
---*/
WITH used AS (
    SELECT unnest(emojis(text)) AS emoji, account_id, reposts, comments
    FROM posts
)
SELECT emoji, count(*) AS posts, count(DISTINCT account_id) AS accounts, median(reposts) AS median_reposts,
    median(comments) AS median_comments
FROM used
GROUP BY emoji
ORDER BY posts DESC, emoji
LIMIT $n;
