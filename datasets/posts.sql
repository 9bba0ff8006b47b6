-- The sample's posts of its last four days, Friday to Monday.
SELECT * FROM posts
WHERE posted_at >= TIMESTAMP '2012-08-24 00:00:00'
ORDER BY posted_at DESC, post_id DESC;
