/*---
title = "Accounts per ministry"
description = """How many micro-blogs each ministry runs, and how many follow them. In the report of 2012 the Foreign Ministry leads
with 11, before Public Security with 7 and Health with 5. Followers of several accounts are counted once for each."""
order = 3
tags = ["report", "2012"]
params.n = { type = "int", default = 20, min = 1, description = "how many ministries to show" }
chart = { kind = "bar", x = "organization", y = "accounts" }
expect = [
  { unique = ["organization"] },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { rows = 17 },
    { value = 11, column = "accounts", where = { organization = "外交部" } },
    { value = 7, column = "accounts", where = { organization = "公安部" } },
    { value = 5, column = "accounts", where = { organization = "卫生部" } },
    { none = "SELECT * FROM result WHERE accounts > 4 AND organization NOT IN ('外交部', '公安部', '卫生部')" },
  ] },
]
---*/
SELECT organization, system, count(*) AS accounts, sum(followers) AS followers, sum(posts) AS posts
FROM account_latest
WHERE level IN ('ministry', 'ministry_level')
GROUP BY organization, system
ORDER BY accounts DESC, followers DESC, organization
LIMIT $n;
