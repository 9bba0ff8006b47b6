/*---
title = "What was imported"
description = """Each import with its account of rows: all that were read were added, changed, known already, blank, or rejected. A row
of this table with a remainder would be rows lost."""
tags = ["quality"]
expect = [ { unique = ["import_id"] }, { none = "SELECT * FROM result WHERE rejected < 0" } ]
---*/
SELECT import_id, file, format, started_at, rows_read, added, changed, unchanged, skipped, rejected,
    round(100.0 * rejected / nullif(rows_read, 0), 2) AS percent_rejected
FROM imports
ORDER BY started_at DESC, import_id;
