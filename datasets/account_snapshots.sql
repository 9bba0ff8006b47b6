-- Followers and posts of the sample's accounts each Monday since July 2012.
SELECT * FROM account_snapshots
WHERE observed_at >= TIMESTAMP '2012-07-01 00:00:00'
ORDER BY observed_at DESC, platform, account_id;
