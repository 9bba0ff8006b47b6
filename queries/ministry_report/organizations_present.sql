/*---
title = "Ministries on the micro-blog"
description = """How many bodies of the central government are present, by rank, and how many accounts they run. The report
counts 17 bodies with 44 accounts."""
order = 2
tags = ["report", "2012"]
expect = [
  { rows = "1..3" },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { rows = 3 },
    { value = 17, column = "organizations", where = { level = "all" } },
    { value = 44, column = "accounts", where = { level = "all" } },
  ] },
]
---*/
WITH central AS (
    SELECT level, organization
    FROM accounts
    WHERE level IN ('ministry', 'ministry_level')
)
SELECT level, count(DISTINCT organization) AS organizations, count(*) AS accounts
FROM central
GROUP BY level
UNION ALL
SELECT 'all', count(DISTINCT organization), count(*)
FROM central
ORDER BY accounts DESC, level;
