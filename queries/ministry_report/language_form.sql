/*---
title = "Planning (d): linguistic form"
description = """How each ministry writes in its own posts: length, formality (0 lively, 0.5 neutral, 1 formal), and the shares of posts
with a question, emoji, a 【title】, a #topic# and a link. Lively tone belongs to interaction and formal tone to news; a ministry
that talks in one tone only has one kind of post."""
order = 12
tags = ["report", "2012", "planning"]
chart = { kind = "bar", x = "organization", y = "formality" }
expect = [
  { unique = ["organization"] },
  { range = [0, 1], column = "formality" },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { rows = 17 },
    { range = [1, 140], column = "median_characters" },
  ] },
]
---*/
SELECT organization, round(avg(formality(text)), 3) AS formality, median(character_length(text)) AS median_characters,
    count(*) AS own_posts,
    round(100.0 * count(*) FILTER (WHERE text LIKE '%？%') / count(*), 1) AS percent_question,
    round(100.0 * count(*) FILTER (WHERE NOT empty(emojis(text))) / count(*), 1) AS percent_emoji,
    round(100.0 * count(*) FILTER (WHERE text LIKE '%【%】%') / count(*), 1) AS percent_title,
    round(100.0 * count(*) FILTER (WHERE NOT empty(hashtags)) / count(*), 1) AS percent_hashtag,
    round(100.0 * count(*) FILTER (WHERE NOT empty(urls)) / count(*), 1) AS percent_link
FROM posts_with_accounts
WHERE level IN ('ministry', 'ministry_level') AND is_repost IS NOT TRUE AND text <> ''
GROUP BY organization
ORDER BY formality, organization;
