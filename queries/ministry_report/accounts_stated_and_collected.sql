/*---
title = "Government accounts in all"
description = """The report of 2012 states 50,000 government micro-blogs on Sina Weibo. This sets beside that figure how many
this database holds; shares found below speak for the accounts collected, not for all."""
order = 1
tags = ["report", "2012"]
params.stated = { type = "int", default = 50000, min = 1, description = "accounts in all, as the report states" }
expect = [
  { rows = 1 },
  { value = 50000, column = "stated" },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { range = [44, 50000], column = "collected" },
  ] },
]
---*/
SELECT $stated AS stated, count(*) AS collected, round(100.0 * count(*) / $stated, 2) AS percent_collected
FROM accounts
WHERE organization IS NOT NULL
ORDER BY stated;
