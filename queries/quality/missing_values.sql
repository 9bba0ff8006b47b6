/*---
title = "What is unknown about posts"
description = """For each service the share of posts whose time, author, text, origin or counts are unknown. What is unknown is NULL and
never 0: a sum over a column with gaps is a sum of what is known."""
tags = ["quality"]
expect = [ { unique = ["platform"] } ]
---*/
SELECT platform, count(*) AS posts,
    round(100.0 * (count(*) - count(posted_at)) / count(*), 2) AS percent_no_time,
    round(100.0 * (count(*) - count(account_id)) / count(*), 2) AS percent_no_account,
    round(100.0 * (count(*) - count(text)) / count(*), 2) AS percent_no_text,
    round(100.0 * (count(*) - count(is_repost)) / count(*), 2) AS percent_repost_unknown,
    round(100.0 * (count(*) - count(reposts)) / count(*), 2) AS percent_no_reposts,
    round(100.0 * (count(*) - count(comments)) / count(*), 2) AS percent_no_comments,
    round(100.0 * (count(*) - count(likes)) / count(*), 2) AS percent_no_likes
FROM posts
GROUP BY platform
ORDER BY platform;
