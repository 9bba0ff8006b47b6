//! What `.help` says of the statements of SQL and their parts.

/// A statement, or a part of one.
#[derive(Debug)]
pub(crate) struct Topic {
    /// The words that it is found by; the first is its name.
    pub(crate) names: &'static [&'static str],
    /// How it is written; a way a line.
    usage: &'static str,
    /// What it does, in a few words.
    pub(crate) summary: &'static str,
    /// What else is to be known; a paragraph a line.
    details: &'static str,
    /// Statements to try.
    examples: &'static [&'static str],
}

/// All topics, those that are asked for most first.
pub(crate) const TOPICS: &[Topic] = &[
    Topic {
        names: &[
            "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "DISTINCT",
        ],
        usage: "SELECT [DISTINCT] EXPRESSION [AS NAME], ... FROM TABLE [WHERE CONDITION] [GROUP BY ...] \
                [HAVING CONDITION] [ORDER BY EXPRESSION [DESC] [NULLS FIRST], ...] [LIMIT N] [OFFSET N]",
        summary: "ask for rows",
        details: "FROM takes a table, a view, a file as in FROM 'posts.csv', a query in brackets, the last answer _ or \
                  an earlier one @3. FROM posts alone asks for all columns.\n\
                  GROUP BY ALL groups by all that is listed and no aggregate; ORDER BY 1 goes by the first column, ORDER BY ALL \
                  by all of them, from left to right. NULL comes last. A name given by AS is known in GROUP BY, HAVING and ORDER BY, \
                  and further on in the list and in WHERE if the tables have no column of that name; in WHERE that of no aggregate.",
        examples: &[
            "SELECT platform, count(*) AS posts FROM posts WHERE likes > 9 GROUP BY platform ORDER BY posts DESC LIMIT 5;",
            "FROM posts WHERE text LIKE '%地震%' ORDER BY posted_at DESC LIMIT 5;",
        ],
    },
    Topic {
        names: &["JOIN", "USING", "ON", "LATERAL", "ASOF"],
        usage: "TABLE [LEFT | RIGHT | FULL] JOIN TABLE ON CONDITION | USING (COLUMN, ...)\n\
                TABLE ASOF [LEFT] JOIN TABLE ON CONDITION | USING (COLUMN, ..., TIME)\n\
                TABLE CROSS JOIN TABLE\nTABLE NATURAL [LEFT | RIGHT | FULL] JOIN TABLE\n\
                TABLE, LATERAL (QUERY) AS NAME",
        summary: "put rows of two tables side by side",
        details: "LEFT JOIN keeps rows without a partner, whose other columns are NULL. LEFT SEMI JOIN and LEFT ANTI JOIN \
                  keep rows with a partner, or without one, as EXISTS and NOT EXISTS do.\n\
                  ASOF JOIN puts beside each row the nearest one of another table: the condition has one of >=, >, <= and < beside \
                  what is equal.\n\
                  NATURAL compares all columns that both sides have. LATERAL before a query puts beside each row what the query \
                  makes of it, such as its first rows by ORDER BY and LIMIT, but takes no window function; a comma before unnest(LIST) \
                  does so with the items of a list.",
        examples: &[
            "SELECT organization, sum(reposts) AS reposts FROM posts JOIN accounts USING (platform, account_id) GROUP BY organization;",
            "SELECT post_id, total FROM posts, LATERAL (SELECT reposts + likes AS total) AS t ORDER BY total DESC LIMIT 5;",
            "SELECT p.post_id, s.followers FROM posts AS p ASOF LEFT JOIN account_snapshots AS s ON p.account_id = s.account_id AND p.posted_at >= s.observed_at LIMIT 5;",
            "SELECT organization, best.text FROM accounts AS a, LATERAL (SELECT text, likes FROM posts AS p WHERE p.account_id = a.account_id ORDER BY likes DESC LIMIT 1) AS best;",
        ],
    },
    Topic {
        names: &["WITH", "RECURSIVE"],
        usage: "WITH [RECURSIVE] NAME AS [NOT MATERIALIZED | MATERIALIZED] (QUERY), ... SELECT ...",
        summary: "name queries, to ask them in the one that follows",
        details: "A query that is used more than once, and does more than to choose rows, is computed once. MATERIALIZED has any computed \
                  once, NOT MATERIALIZED for each use; one whose rows may be others each time is always computed once.",
        examples: &[
            "WITH daily AS (SELECT posted_at::date AS day, count(*) AS posts FROM posts GROUP BY 1) SELECT avg(posts) FROM daily;",
        ],
    },
    Topic {
        names: &["UNION", "INTERSECT", "EXCEPT"],
        usage: "QUERY UNION [ALL] [BY NAME] QUERY\nQUERY INTERSECT [ALL] QUERY\nQUERY EXCEPT [ALL] QUERY",
        summary: "put the rows of two queries together, or keep those of both, or take some away",
        details: "Without ALL each row comes once. INTERSECT ALL gives a row as often as both queries have it, EXCEPT ALL as \
                  often as the first has it more than the second.",
        examples: &["SELECT account_id FROM accounts EXCEPT SELECT account_id FROM posts;"],
    },
    Topic {
        names: &["OVER", "WINDOW", "PARTITION", "QUALIFY"],
        usage: "FUNCTION(...) OVER ([PARTITION BY ...] [ORDER BY ...] [ROWS BETWEEN ... AND ...])",
        summary: "compute over rows that lie around each row",
        details: "All aggregates take OVER; so do row_number, rank, lag, lead, first_value and last_value. QUALIFY keeps \
                  rows by what was computed.",
        examples: &[
            "SELECT account_id, text, likes FROM posts QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY likes DESC) = 1;",
            "SELECT posted_at, sum(likes) OVER (ORDER BY posted_at) AS likes_so_far FROM posts;",
        ],
    },
    Topic {
        names: &["CASE", "WHEN", "FILTER"],
        usage: "CASE WHEN CONDITION THEN VALUE ... [ELSE VALUE] END\nAGGREGATE(...) FILTER (WHERE CONDITION)",
        summary: "choose a value, or the rows of one aggregate",
        details: "",
        examples: &[
            "SELECT CASE WHEN likes > 99 THEN 'many' WHEN likes > 9 THEN 'some' ELSE 'few' END AS liked, count(*) FROM posts GROUP BY 1;",
            "SELECT count(*) FILTER (WHERE platform = 'weibo') AS weibo, count(*) AS all_posts FROM posts;",
        ],
    },
    Topic {
        names: &["CAST", "TRY_CAST"],
        usage: "CAST(EXPRESSION AS TYPE)\nEXPRESSION::TYPE\nTRY_CAST(EXPRESSION AS TYPE)",
        summary: "make a value of another type of one",
        details: "TRY_CAST gives NULL where there is none. Types: BIGINT, INT, DOUBLE, DECIMAL(20, 2), BOOLEAN, VARCHAR, \
                  DATE, TIMESTAMP, INTERVAL. Days and hours are those of the session's time zone, also of texts that tell \
                  a zone, as '2021-04-01T20:00:00Z' does. A number with a point is a DECIMAL with all its digits, one with an exponent, \
                  as 1.5e0, a DOUBLE.",
        examples: &[
            "SELECT posted_at::date AS day, count(*) AS posts FROM posts WHERE posted_at >= TIMESTAMP '2012-08-27' - INTERVAL '7 days' GROUP BY 1 ORDER BY 1;",
        ],
    },
    Topic {
        names: &["DATE", "TIMESTAMP", "INTERVAL"],
        usage: "DATE 'YYYY-MM-DD'\nTIMESTAMP 'YYYY-MM-DD HH:MM:SS'\nINTERVAL 'N UNIT'",
        summary: "write a day, a time or a span of time",
        details: "A time and INTERVAL '1 day' give another time by + and -, two times a span by -. date_trunc('month', TIME) is where \
                  its month begins, TIME::date its day, EXTRACT(hour FROM TIME) a part of it, and strftime(TIME, '%Y-%m') a text.",
        examples: &[
            "SELECT count(*) FROM posts WHERE posted_at >= DATE '2012-08-27' AND posted_at < DATE '2012-08-27' + INTERVAL '7 days';",
            "SELECT date_trunc('month', posted_at) AS month, count(*) AS posts FROM posts GROUP BY 1 ORDER BY 1;",
        ],
    },
    Topic {
        names: &["EXTRACT"],
        usage: "EXTRACT(PART FROM TIME)",
        summary: "take a part of a time",
        details: "Parts are year, quarter, month, week, day, dow from 0 for Sunday, doy, hour, minute, second and epoch. \
                  date_part('year', TIME) and year(TIME) give the same.",
        examples: &[
            "SELECT EXTRACT(hour FROM posted_at) AS hour, count(*) AS posts FROM posts GROUP BY 1 ORDER BY 1;",
        ],
    },
    Topic {
        names: &["IN", "BETWEEN", "EXISTS", "ANY", "IS", "NULL"],
        usage: "VALUE [NOT] IN (VALUE, ...)\nVALUE [NOT] IN (QUERY)\nVALUE [NOT] BETWEEN LEAST AND MOST\n[NOT] EXISTS (QUERY)\n\
                VALUE = ANY (LIST)\nVALUE > ALL (QUERY)\nVALUE IS [NOT] NULL\nVALUE IS [NOT] DISTINCT FROM VALUE",
        summary: "ask whether a value is one of some, or known at all",
        details: "BETWEEN takes both ends. What is compared with NULL by = or < is NULL, which WHERE takes for no; IS DISTINCT FROM \
                  takes NULL for a value like others. Queries stand in all clauses, and may use columns from around them.",
        examples: &[
            "SELECT count(*) FROM posts WHERE likes BETWEEN 10 AND 20 AND platform IN ('weibo', 'twitter');",
            "SELECT account_id FROM accounts AS a WHERE NOT EXISTS (SELECT 1 FROM posts AS p WHERE p.account_id = a.account_id);",
            "SELECT text FROM posts WHERE '微博' = ANY (hashtags);",
        ],
    },
    Topic {
        names: &["LIKE", "ILIKE", "SIMILAR"],
        usage: "TEXT [NOT] LIKE 'PATTERN'\nTEXT [NOT] ILIKE 'PATTERN'\nTEXT [NOT] SIMILAR TO '%(A|B)%'\nTEXT ~ 'REGULAR EXPRESSION'",
        summary: "look for words in texts",
        details: "% stands for any characters and _ for one; ILIKE and ~* take small and capital letters for the same. \
                  What is looked for stands out in the answer.",
        examples: &[
            "SELECT text FROM posts WHERE text LIKE '%地震%' OR text ~ '[0-9]+级' LIMIT 5;",
        ],
    },
    Topic {
        names: &["UNNEST"],
        usage: "SELECT unnest(LIST)\nFROM TABLE, unnest(LIST) [WITH ORDINALITY] AS NAME(COLUMN, ...)\nFROM TABLE LEFT JOIN unnest(LIST) AS NAME(COLUMN) ON true",
        summary: "make a row of each item of a list",
        details: "A row whose list is empty or unknown is left out; LEFT JOIN keeps it, with NULL for the item. WITH ORDINALITY \
                  numbers the items of each list from 1.",
        examples: &[
            "SELECT tag, count(*) AS posts FROM posts, unnest(hashtags) AS t(tag) GROUP BY tag ORDER BY posts DESC LIMIT 5;",
            "SELECT tag, count(*) AS posts FROM (SELECT unnest(hashtags) AS tag FROM posts) AS t GROUP BY tag ORDER BY posts DESC LIMIT 5;",
        ],
    },
    Topic {
        names: &["PIVOT", "UNPIVOT"],
        usage: "PIVOT TABLE ON COLUMN USING AGGREGATE [GROUP BY COLUMN, ...]\n\
                FROM TABLE PIVOT (AGGREGATE FOR COLUMN IN (VALUE [AS NAME], ...))\n\
                FROM TABLE UNPIVOT [INCLUDE NULLS] (VALUES FOR NAMES IN (COLUMN, ...))",
        summary: "make columns of the values of a column, or rows of columns",
        details: "PIVOT groups by what GROUP BY says, or else by all columns that it does not mention; a subquery leaves others out. Each value has a \
                  column, or one for each aggregate. UNPIVOT makes a row of each of the columns: its name, and its value.",
        examples: &[
            "PIVOT posts ON platform USING count(*) GROUP BY account_id;",
            "FROM (SELECT account_id, platform, likes FROM posts) PIVOT (sum(likes) FOR platform IN ('weibo', 'x'));",
            "FROM (SELECT post_id, reposts, likes FROM posts) UNPIVOT (number FOR kind IN (reposts, likes));",
        ],
    },
    Topic {
        names: &["VALUES"],
        usage: "VALUES (VALUE, ...), ...",
        summary: "rows that are written down",
        details: "",
        examples: &["SELECT * FROM (VALUES ('weibo', 1), ('twitter', 2)) AS t(platform, n);"],
    },
    Topic {
        names: &["ATTACH", "DETACH"],
        usage: "ATTACH [IF NOT EXISTS] 'DB' [AS NAME]\nDETACH [IF EXISTS] NAME",
        summary: "ask another database beside this one",
        details: "After ATTACH 'weibo-2013' AS old its tables and views are old.posts, old.accounts and so on; without AS \
                  they are called after the folder. Each statement sees the newest commit of each database; an \
                  attached one is only read.",
        examples: &[],
    },
    Topic {
        names: &["COPY"],
        usage: "COPY TABLE | (QUERY) TO 'FILE' [(OPTION [VALUE], ...)]",
        summary: "write a table or an answer to a file",
        details: "The suffix chooses the format: .csv .tsv .json .jsonl .parquet .arrow .md .html and more; .csv.gz and \
                  .csv.zst are packed. The file is there when all of it is; a failure leaves the old one.\n\
                  FORMAT csv says the format. CSV and TSV: HEADER false, DELIMITER ';', NULL 'text', COMPRESSION gzip or \
                  zstd, BOM (a mark by which Excel reads Chinese). JSON: ARRAY true or false, COMPRESSION. Parquet: COMPRESSION zstd, snappy, gzip, brotli, lz4 or none, \
                  COMPRESSION_LEVEL 3, ROW_GROUP_SIZE 100000. PARTITION_BY (column) writes a folder of files.",
        examples: &[
            "COPY posts TO 'posts.parquet';",
            "COPY (SELECT account_id, likes FROM posts) TO 'likes.csv' (DELIMITER ';');",
            "COPY _ TO 'answer.csv' (BOM);",
        ],
    },
    Topic {
        names: &["CREATE", "TABLE", "VIEW"],
        usage: "CREATE [OR REPLACE] VIEW NAME AS QUERY\nCREATE [OR REPLACE] TABLE NAME AS QUERY",
        summary: "name a query, or keep its rows, as long as the session lives",
        details: "A view is asked anew each time, a table is held in memory. What is to outlive the session is a saved \
                  query (.save) or a file (COPY). The tables of a database are written by `weiku import`.",
        examples: &[
            "CREATE VIEW popular AS SELECT * FROM posts WHERE likes > 9;",
            "CREATE TABLE best AS SELECT * FROM posts ORDER BY likes DESC LIMIT 100;",
            "CREATE VIEW others AS SELECT * FROM 'posts.csv';",
        ],
    },
    Topic {
        names: &["DROP"],
        usage: "DROP VIEW [IF EXISTS] NAME\nDROP TABLE [IF EXISTS] NAME",
        summary: "forget a view or a table that was made in this session",
        details: "",
        examples: &["DROP VIEW IF EXISTS popular;"],
    },
    Topic {
        names: &["INSERT", "UPDATE", "DELETE"],
        usage: "INSERT INTO TABLE [(COLUMN, ...)] QUERY\nUPDATE TABLE SET COLUMN = VALUE [FROM OTHERS] [WHERE CONDITION]\n\
                DELETE FROM TABLE [USING OTHERS] [WHERE CONDITION]\nTRUNCATE TABLE",
        summary: "change the rows of a table that was made in this session",
        details: "The tables of a database are not changed by SQL: `weiku import DB FILE...` adds rows.",
        examples: &["INSERT INTO notes VALUES ('weibo', 3);"],
    },
    Topic {
        names: &["EXPLAIN", "ANALYZE"],
        usage: "EXPLAIN STATEMENT\nEXPLAIN ANALYZE STATEMENT",
        summary: "show how a statement would run, or where its time goes",
        details: "EXPLAIN ANALYZE runs it, as .explain does; .explain html FILE writes a page of that.",
        examples: &["EXPLAIN SELECT count(*) FROM posts WHERE text LIKE '%地震%';"],
    },
    Topic {
        names: &["DESCRIBE", "DESC", "SHOW", "SUMMARIZE"],
        usage: "DESCRIBE TABLE\nSHOW TABLES [LIKE 'PATTERN']\nSHOW COLUMNS FROM TABLE\nSHOW DATABASES\nSHOW ALL\n\
                SUMMARIZE TABLE",
        summary: "show what there is",
        details: "At the prompt .tables, .describe and .set say more, and .summarize shows what SUMMARIZE answers.",
        examples: &["DESCRIBE posts;", "SHOW COLUMNS FROM posts;"],
    },
    Topic {
        names: &["SET", "RESET"],
        usage: "SET NAME = VALUE\nSET TIME ZONE 'ZONE'\nRESET NAME",
        summary: "change a setting of the session",
        details: ".set lists the settings with their values.",
        examples: &["SET timezone = 'UTC';", "SET weiku.result_cache = false;"],
    },
    Topic {
        names: &["VERSION", "FOR", "AS"],
        usage: "FROM TABLE FOR VERSION AS OF N\nFROM TABLE FOR TIMESTAMP AS OF 'TIME'",
        summary: "ask a table of the database as it was",
        details: "`weiku history DB` lists the versions.",
        examples: &["SELECT count(*) FROM posts FOR VERSION AS OF 1;"],
    },
    Topic {
        names: &["PREPARE", "EXECUTE", "DEALLOCATE", "PARAMETERS"],
        usage: "SELECT ... $NAME ...\nPREPARE NAME AS STATEMENT\nEXECUTE NAME(VALUE, ...)",
        summary: "leave values open",
        details: "The prompt asks for the value of each $name that -p NAME=VALUE does not give; .save makes a saved query \
                  with parameters of the statement. PREPARE has $1, $2 and so on, which EXECUTE gives.",
        examples: &[
            "PREPARE liked AS SELECT count(*) FROM posts WHERE likes > $1;",
            "EXECUTE liked(9);",
        ],
    },
    Topic {
        names: &["INIT"],
        usage: "~/.config/weiku/init.sql",
        summary: "the file that the shell runs before the first prompt",
        details: "It holds commands and statements, as they are typed, such as .timing off or SET timezone = 'UTC'. It lies in \
                  the folder of the configuration, which `weiku config show` tells, and --no-init leaves it out. Statements of \
                  -c and -f run without it.",
        examples: &[],
    },
];

/// The topic that is called `name`, or whose name begins what was typed: `create
/// table`.
pub(crate) fn find(name: &str) -> Option<&'static Topic> {
    let first = name.split_whitespace().next().unwrap_or_default();
    let is_called =
        |topic: &&Topic| topic.names.iter().any(|known| known.eq_ignore_ascii_case(first));
    TOPICS.iter().find(is_called)
}

/// What there is to say of a topic.
pub(crate) fn text(topic: &Topic) -> String {
    let mut text = format!("{}\n    {}\n", topic.usage, topic.summary);
    for line in topic.details.lines().chain(topic.examples.iter().copied()) {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{TOPICS, find};
    use crate::engine::{Session, Settings};

    #[test]
    fn each_word_finds_one_topic() {
        let mut names = HashSet::new();
        for name in TOPICS.iter().flat_map(|topic| topic.names) {
            assert!(names.insert(name), "{name} is there twice");
        }
        assert_eq!(find("create table").map(|topic| topic.names[0]), Some("CREATE"));
        assert_eq!(find("Group by").map(|topic| topic.names[0]), Some("SELECT"));
        for word in ["extract", "between", "in", "exists", "any", "date", "interval", "timestamp"] {
            let name = find(word).map(|topic| topic.names[0]);
            assert!(name.is_some_and(|name| name != "CAST"), "{word}");
        }
        assert!(find("nothing").is_none() && find("").is_none());
        assert!(find("init").is_some_and(|topic| topic.details.contains("--no-init")));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_examples_run() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("posts.csv"), "post_id,text\n1,微博\n").unwrap();
        let place = |sql: &str| {
            sql.replace("'posts.csv'", &format!("'{}/posts.csv'", folder.path().display()))
        };
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE VIEW posts AS SELECT 'weibo' AS platform, '1' AS account_id, '2' AS post_id, 12 AS likes, \
             3 AS reposts, '微博' AS text, now() AS posted_at, make_array('a') AS hashtags",
            "CREATE VIEW accounts AS SELECT 'weibo' AS platform, '1' AS account_id, '外交部' AS organization",
            "CREATE VIEW account_snapshots AS SELECT 'weibo' AS platform, '1' AS account_id, now() AS observed_at, \
             28 AS followers",
            "CREATE VIEW _ AS SELECT 1 AS n",
            "CREATE TABLE notes AS SELECT 'weibo' AS platform, 2 AS n",
        ] {
            session.collect(sql).await.unwrap();
        }
        let mut wrong = Vec::new();
        for example in TOPICS.iter().flat_map(|topic| topic.examples) {
            assert!(example.ends_with(';'), "{example}");
            // Earlier versions are of a database, which this session has none of.
            if example.contains("FOR VERSION") {
                continue;
            }
            let sql = match example.starts_with("COPY") {
                true => format!("EXPLAIN {example}"),
                false => place(example),
            };
            wrong.extend(
                session.collect(&sql).await.err().map(|error| format!("{example} {error}")),
            );
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
