/*---
title = "Why rows were rejected"
description = """The reasons for which rows could not be taken, with the first place of each. The bytes of every row are kept in rejects."""
tags = ["quality"]
expect = [ { unique = ["file", "reason"] } ]
---*/
SELECT file, reason, count(*) AS rows, min(row) AS first_row, max(row) AS last_row
FROM rejects
GROUP BY file, reason
ORDER BY rows DESC, file, reason;
