/*---
title = "Accounts by system"
description = """What each field of government puts into its micro-blogs and gets back: accounts, posts, followers, and the share of
posts of its own. Accounts without a directory entry stand under 'unknown', also those of which nothing but posts was collected."""
order = 2
tags = ["section"]
chart = { kind = "bar", x = "system", y = "accounts" }
expect = [ { unique = ["system"] } ]
---*/
WITH activity AS (
    SELECT platform, account_id, count(*) AS posts, count(*) FILTER (WHERE NOT is_repost) AS originals,
        count(is_repost) AS known, sum(reposts) AS reposts, sum(comments) AS comments
    FROM posts
    WHERE account_id IS NOT NULL
    GROUP BY platform, account_id
)
SELECT coalesce(a.system, 'unknown') AS system, count(*) AS accounts, sum(a.followers) AS followers,
    median(a.followers) AS median_followers, sum(p.posts) AS posts,
    round(100.0 * sum(p.originals) / nullif(sum(p.known), 0), 1) AS percent_original,
    round(CAST(sum(p.reposts) + sum(p.comments) AS DOUBLE) / sum(p.posts), 1) AS answers_per_post
FROM account_latest AS a
FULL JOIN activity AS p ON a.platform = p.platform AND a.account_id = p.account_id
GROUP BY coalesce(a.system, 'unknown')
ORDER BY accounts DESC, system;
