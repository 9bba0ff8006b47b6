-- The queries of the comparison, in a dialect that nearly every engine reads.
-- compare.py runs them with the session time zone UTC, changes a few names for an engine that
-- spells them otherwise, and puts what exists for $account, $others, $post and $rare: a busy account,
-- two more of them, a post, and some characters that few posts have.

-- Q01 count
SELECT count(*) FROM posts;
-- Q02 daily activity
SELECT date_trunc('day', posted_at) AS d, count(*) AS n, sum(reposts) AS r FROM posts GROUP BY 1 ORDER BY 1;
-- Q03 top accounts by posts
SELECT account_id, count(*) AS n, sum(reposts + comments + likes) AS e FROM posts GROUP BY account_id ORDER BY n DESC, account_id LIMIT 20;
-- Q04 ministry roll-up (join)
SELECT a.level, a.system, count(*) AS n, avg(p.reposts) AS r FROM posts p JOIN accounts a ON p.account_id = a.account_id GROUP BY a.level, a.system ORDER BY n DESC, a.level, a.system LIMIT 50;
-- Q05 text search, rare word
SELECT count(*) FROM posts WHERE text LIKE '%地震%';
-- Q06 text search newest first
SELECT posted_at, account_id, text FROM posts WHERE text LIKE '%公安%' ORDER BY posted_at DESC LIMIT 20;
-- Q07 distinct active accounts per month
SELECT date_trunc('month', posted_at) AS m, count(DISTINCT account_id) AS u FROM posts GROUP BY 1 ORDER BY 1;
-- Q08 most engaged posts
SELECT post_id, account_id, posted_at, reposts, text FROM posts ORDER BY reposts DESC, post_id LIMIT 10;
-- Q09 one account's timeline
SELECT post_id, posted_at, reposts, text FROM posts WHERE account_id = $account ORDER BY posted_at DESC LIMIT 50;
-- Q10 one post
SELECT * FROM posts WHERE post_id = $post;
-- Q11 one week
SELECT client, count(*) AS n, avg(likes) AS l FROM posts WHERE posted_at >= TIMESTAMP '2012-03-01 00:00:00' AND posted_at < TIMESTAMP '2012-03-08 00:00:00' GROUP BY client ORDER BY n DESC, client;
-- Q12 hour of day by client
SELECT client, extract(hour FROM posted_at) AS h, count(*) AS n FROM posts GROUP BY 1, 2 ORDER BY 1, 2;
-- Q13 share of reposts by system
SELECT a.system, avg(CASE WHEN p.is_repost THEN 1.0 ELSE 0.0 END) AS s FROM posts p JOIN accounts a ON p.account_id = a.account_id GROUP BY a.system ORDER BY a.system;
-- Q14 median engagement by level
SELECT a.level, median(p.reposts) AS m FROM posts p JOIN accounts a ON p.account_id = a.account_id GROUP BY a.level ORDER BY a.level;
-- Q15 7-day moving average (window)
SELECT d, n, avg(n) OVER (ORDER BY d ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS ma FROM (SELECT date_trunc('day', posted_at) AS d, count(*) AS n FROM posts GROUP BY 1) t ORDER BY d;
-- Q16 each account's best post, top 100 (window over all)
SELECT account_id, post_id, reposts FROM (SELECT account_id, post_id, reposts, row_number() OVER (PARTITION BY account_id ORDER BY reposts DESC, post_id) AS rn FROM posts) t WHERE rn = 1 ORDER BY reposts DESC, post_id LIMIT 100;
-- Q17 first and last post per account
SELECT account_id, min(posted_at) AS f, max(posted_at) AS l, count(*) AS n FROM posts GROUP BY account_id ORDER BY n DESC, account_id LIMIT 10;
-- Q18 regular expression
SELECT count(*) FROM posts WHERE regexp_like(text, '#[^#]*公[^#]*#');
-- Q19 text length by client
SELECT client, avg(character_length(text)) AS c, max(character_length(text)) AS m FROM posts GROUP BY client ORDER BY client;
-- Q20 anti join: accounts silent in the last month
SELECT count(*) FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM posts p WHERE p.account_id = a.account_id AND p.posted_at >= TIMESTAMP '2012-08-01 00:00:00');
-- Q21 distinct texts (high-cardinality strings)
SELECT count(DISTINCT text) FROM posts WHERE is_repost;
-- Q22 heavy group by account and day
SELECT account_id, date_trunc('day', posted_at) AS d, count(*) AS n FROM posts GROUP BY 1, 2 ORDER BY n DESC, account_id, d LIMIT 20;
-- Q23 followers per region with engagement rate
SELECT a.region, sum(p.reposts + p.comments + coalesce(p.likes, 0)) * 1.0 / sum(s.followers + 1) AS er FROM posts p JOIN accounts a ON p.account_id = a.account_id JOIN (SELECT account_id, max(followers) AS followers FROM account_snapshots GROUP BY account_id) s ON s.account_id = a.account_id WHERE a.verified GROUP BY a.region ORDER BY er DESC, a.region LIMIT 10;
-- Q24 two words in one post, by day
SELECT date_trunc('day', posted_at) AS d, count(*) AS n FROM posts WHERE text LIKE '%地%' AND text LIKE '%应急%' GROUP BY 1 ORDER BY n DESC, d LIMIT 10;
-- Q25 text search, a word of few posts
SELECT count(*) FROM posts WHERE text LIKE $rare;
-- Q26 the same, newest first
SELECT post_id, posted_at, account_id, text FROM posts WHERE text LIKE $rare ORDER BY posted_at DESC, post_id LIMIT 20;
-- Q27 one of three words
SELECT count(*) FROM posts WHERE text LIKE '%地震%' OR text LIKE '%暴雨%' OR text LIKE '%台风%';
-- Q28 letters of either case
SELECT count(*) FROM posts WHERE text ILIKE '%http://%';
-- Q29 some accounts in a quarter
SELECT account_id, count(*) AS n, sum(reposts) AS r, max(comments) AS c FROM posts WHERE account_id IN ($account, $others) AND posted_at >= TIMESTAMP '2012-04-01 00:00:00' AND posted_at < TIMESTAMP '2012-07-01 00:00:00' GROUP BY account_id ORDER BY account_id;
-- Q30 one account's newest posts with a word
SELECT post_id, posted_at, reposts, text FROM posts WHERE account_id = $account AND text LIKE '%的%' ORDER BY posted_at DESC, post_id LIMIT 10;
-- Q31 the oldest posts
SELECT post_id, posted_at, text FROM posts ORDER BY posted_at, post_id LIMIT 20;
-- Q32 the oldest posts with a word
SELECT post_id, posted_at, text FROM posts WHERE text LIKE '%公安%' ORDER BY posted_at, post_id LIMIT 20;
-- Q33 hashtags
SELECT tag, count(*) AS n FROM (SELECT unnest(hashtags) AS tag FROM posts) t WHERE tag IS NOT NULL GROUP BY tag ORDER BY n DESC, tag LIMIT 20;
-- Q34 each account's three best posts
SELECT account_id, post_id, reposts FROM (SELECT account_id, post_id, reposts, row_number() OVER (PARTITION BY account_id ORDER BY reposts DESC, post_id) AS rn FROM posts) t WHERE rn <= 3 ORDER BY account_id, reposts DESC, post_id LIMIT 100;
-- Q35 distinct accounts per day with a word
SELECT date_trunc('day', posted_at) AS d, count(DISTINCT account_id) AS u FROM posts WHERE text LIKE '%应急%' GROUP BY 1 ORDER BY 1;
-- Q36 median by client
SELECT client, median(reposts) AS m FROM posts GROUP BY client ORDER BY client;
-- Q37 hour of day by day of month
SELECT extract(day FROM posted_at) AS d, extract(hour FROM posted_at) AS h, count(*) AS n FROM posts GROUP BY 1, 2 ORDER BY 1, 2;
-- Q38 originals by region and month (join)
SELECT a.region, date_trunc('month', p.posted_at) AS m, count(*) AS n, sum(p.reposts) AS r FROM posts p JOIN accounts a ON p.account_id = a.account_id WHERE NOT p.is_repost GROUP BY 1, 2 ORDER BY 1, 2;
-- Q39 best posts of a level (join)
SELECT p.post_id, a.screen_name, p.reposts FROM posts p JOIN accounts a ON p.account_id = a.account_id WHERE a.level = 'ministry' ORDER BY p.reposts DESC, p.post_id LIMIT 20;
