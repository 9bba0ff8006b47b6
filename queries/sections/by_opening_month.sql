/*---
title = "Accounts by opening date"
description = """How many accounts were opened in each month, and how many there were by its end. A jump means a campaign or an order."""
order = 7
tags = ["section", "growth"]
chart = { kind = "line", x = "month", y = "accounts" }
expect = [ { unique = ["month"] }, { none = "SELECT * FROM result WHERE opened < 1 OR accounts < opened" } ]
---*/
WITH opened AS (
    SELECT CAST(date_trunc('month', registered_at) AS DATE) AS month, count(*) AS opened
    FROM accounts
    WHERE registered_at IS NOT NULL
    GROUP BY CAST(date_trunc('month', registered_at) AS DATE)
)
SELECT month, opened, sum(opened) OVER (ORDER BY month) AS accounts
FROM opened
ORDER BY month;
