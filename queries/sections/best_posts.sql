/*---
title = "The best posts"
description = """The posts of a period that were passed on most, with their addresses. Read them: what do they have in
common? An account without a name goes by its id."""
order = 10
tags = ["section"]
params.from = { type = "date", required = false, description = "first day" }
params.to = { type = "date", required = false, description = "last day" }
params.n = { type = "int", default = 20, min = 1, description = "how many posts to show" }
expect = [ { rows = ">= 1" }, { unique = ["platform", "post_id"] } ]
---*/
WITH best AS (
    SELECT platform, post_id, account_id, posted_at, text, reposts, comments, likes
    FROM posts
    WHERE reposts IS NOT NULL
        AND ($from IS NULL OR CAST(date_trunc('day', posted_at) AS DATE) >= $from)
        AND ($to IS NULL OR CAST(date_trunc('day', posted_at) AS DATE) <= $to)
    ORDER BY reposts DESC, comments DESC NULLS LAST, post_id
    LIMIT $n
)
SELECT coalesce(a.screen_name, b.account_id) AS screen_name, substr(replace(b.text, chr(10), ' '), 1, 60) AS beginning,
    b.posted_at, b.reposts, b.comments, b.likes, post_style(b.text) AS kind, a.organization, b.platform, b.post_id,
    post_url(b.platform, b.account_id, b.post_id) AS url
FROM best AS b
LEFT JOIN accounts AS a ON b.platform = a.platform AND b.account_id = a.account_id
ORDER BY b.reposts DESC, b.comments DESC NULLS LAST, b.post_id;
