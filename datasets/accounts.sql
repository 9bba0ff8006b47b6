-- The 44 accounts of the sample, with the directory of their organizations.
SELECT * FROM accounts ORDER BY platform, account_id;
