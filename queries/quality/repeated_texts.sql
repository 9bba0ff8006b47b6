/*---
title = "Texts that repeat"
description = """Long texts that one account posted several times under different ids: campaigns, greetings by a machine, or a crawl that
took a post for two."""
tags = ["quality", "text"]
params.min_characters = { type = "int", default = 30, min = 1, description = "texts of at least so many characters" }
params.n = { type = "int", default = 30, min = 1, description = "how many texts to show" }
expect = [ { none = "SELECT * FROM result WHERE posts < 2" } ]
---*/
WITH repeated AS (
    SELECT platform, account_id, text, count(*) AS posts, min(posted_at) AS first_at, max(posted_at) AS last_at
    FROM posts
    WHERE is_repost IS NOT TRUE AND character_length(text) >= $min_characters
    GROUP BY platform, account_id, text
    HAVING count(*) > 1
)
SELECT coalesce(a.screen_name, r.account_id) AS screen_name, substr(replace(r.text, chr(10), ' '), 1, 60) AS beginning,
    r.posts, r.first_at, r.last_at, r.platform, r.account_id
FROM repeated AS r
LEFT JOIN accounts AS a ON r.platform = a.platform AND r.account_id = a.account_id
ORDER BY r.posts DESC, r.last_at DESC, r.platform, r.account_id, r.text
LIMIT $n;
