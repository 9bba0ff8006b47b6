/*---
title = "Tone by kind of post"
description = """How formal posts of each kind are, how long, and how they are received. A ministry that wants to be talked with has to
change its tone, says the report: here is what the tone does."""
tags = ["text"]
chart = { kind = "bar", x = "kind", y = "formality" }
expect = [ { rows = "1..3" }, { unique = ["kind"] }, { range = [0, 1], column = "formality" } ]
---*/
WITH judged AS (
    SELECT post_style(text) AS kind, formality(text) AS formality, character_length(text) AS characters, reposts, comments
    FROM posts
    WHERE is_repost IS NOT TRUE
)
SELECT kind, count(*) AS posts, round(avg(formality), 3) AS formality,
    round(100.0 * count(*) FILTER (WHERE formality < 0.5) / count(*), 1) AS percent_lively,
    round(100.0 * count(*) FILTER (WHERE formality > 0.5) / count(*), 1) AS percent_formal,
    median(characters) AS median_characters, median(reposts) AS median_reposts, median(comments) AS median_comments
FROM judged
WHERE kind IS NOT NULL
GROUP BY kind
ORDER BY posts DESC, kind;
