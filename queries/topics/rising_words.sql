/*---
title = "Rising words"
description = """Words in far more posts of the last days than of as many days before, be they hashtags or not. They are ordered by keyness,
the log-likelihood ratio of the two shares (Dunning 1993): above 10.8 chance alone would do as much in one of a thousand words. `times`
is how many times the share of before it is, and unknown for a word that was not there. Numbers are left out. Words are cut by a
dictionary; a database adds its own in `dictionaries/words.txt`."""
tags = ["topics", "text"]
params.as_of = { type = "date", required = false, description = "the last day; that of the newest post if not given" }
params.days = { type = "int", default = 7, min = 1, description = "the length of the two periods" }
params.min_characters = { type = "int", default = 2, min = 1, description = "words of at least so many characters" }
params.n = { type = "int", default = 30, min = 1, description = "how many words to show" }
expect = [ { unique = ["word"] }, { none = "SELECT * FROM result WHERE posts < 1 OR keyness < 0" } ]
---*/
WITH last_day AS (
    SELECT coalesce($as_of, CAST(date_trunc('day', max(posted_at)) AS DATE)) AS day
    FROM posts
),
-- Subqueries of one value are known before the posts are read, so that only these days are.
texts AS (
    SELECT text, posted_at >= CAST((SELECT day - $days + 1 FROM last_day) AS TIMESTAMP) AS is_new
    FROM posts
    WHERE posted_at >= CAST((SELECT day - 2 * $days + 1 FROM last_day) AS TIMESTAMP)
        AND posted_at < CAST((SELECT day + 1 FROM last_day) AS TIMESTAMP)
),
totals AS (
    SELECT count(*) FILTER (WHERE is_new) AS posts, count(*) FILTER (WHERE NOT is_new) AS posts_before
    FROM texts
),
uses AS (
    SELECT unnest(array_distinct(words(text))) AS word, is_new
    FROM texts
),
periods AS (
    SELECT word, count(*) FILTER (WHERE is_new) AS posts, count(*) FILTER (WHERE NOT is_new) AS posts_before
    FROM uses
    WHERE character_length(word) >= $min_characters AND NOT regexp_like(word, '^[0-9.%+]+$')
    GROUP BY word
),
-- What each period would have if the word were as common in both.
expected AS (
    SELECT p.word, p.posts, p.posts_before, CAST(p.posts + p.posts_before AS DOUBLE) * t.posts / (t.posts + t.posts_before) AS now,
        CAST(p.posts + p.posts_before AS DOUBLE) * t.posts_before / (t.posts + t.posts_before) AS before
    FROM periods AS p
    CROSS JOIN totals AS t
)
SELECT word, posts, posts_before, round((posts / now) / nullif(posts_before / before, 0), 1) AS times,
    round(2 * (posts * ln(posts / now) + CASE WHEN posts_before > 0 THEN posts_before * ln(posts_before / before) ELSE 0 END), 1)
        AS keyness
FROM expected
WHERE posts > now
ORDER BY keyness DESC, posts DESC, word
LIMIT $n;
