//! INSERT, UPDATE and DELETE on tables that the session made.

use datafusion::arrow::util::pretty::pretty_format_batches;
use weiku::engine::{Session, Settings};

/// The rows of an answer, each `a|b`; NULL is empty.
async fn rows(session: &Session, sql: &str) -> Vec<String> {
    let batches = session.collect(sql).await.map_err(|error| format!("{sql}: {error}")).unwrap();
    let table = pretty_format_batches(&batches).unwrap().to_string();
    let lines = table.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    lines.skip(1).map(|line| line.split('|').map(str::trim).collect::<Vec<_>>().join("|")).collect()
}

/// The number that a statement tells, or what it is refused with and what is advised then.
async fn told(session: &Session, sql: &str) -> Result<u64, String> {
    match session.collect(sql).await {
        Ok(_) if sql.starts_with("PREPARE") => Ok(0),
        Ok(batches) => {
            let table = pretty_format_batches(&batches).unwrap().to_string();
            let number = table.lines().nth(3).unwrap().trim_matches(['|', ' ']).parse::<u64>();
            Ok(number.map_err(|_| format!("{sql}: {table}")).unwrap())
        }
        Err(error) => Err(format!("{error} {}", error.advice().unwrap_or_default())),
    }
}

/// A session with eight rows in u, four in w, and no row in e.
async fn session() -> Session {
    let session = Session::new(None, Settings::default()).unwrap();
    for sql in [
        "CREATE TABLE u (id INT NOT NULL, k TEXT, v INT, w TEXT)",
        "INSERT INTO u VALUES (1, 'a', 3, 'm'), (2, 'b', NULL, 'n'), (3, 'a', 7, 'm'), \
         (4, NULL, 9, 'x'), (5, 'c', 1, 'y'), (6, 'd', 6, 'm'), (7, 'b', 2, NULL), (8, 'a', 8, 'q')",
        "CREATE TABLE w AS SELECT * FROM (VALUES ('a', 1), ('b', 5), ('a', 9), (NULL, 3)) AS t(k, v)",
        "CREATE TABLE e AS SELECT * FROM w WHERE false",
    ] {
        session.collect(sql).await.map_err(|error| format!("{sql}: {error}")).unwrap();
    }
    session
}

async fn ids(session: &Session) -> String {
    rows(session, "SELECT id FROM u").await.join(" ")
}

const ALL: &str = "1 2 3 4 5 6 7 8";

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_takes_the_rows_for_which_its_condition_is_true() {
    for (condition, left) in [
        ("false", ALL),
        ("1 = 0", ALL),
        ("NULL", ALL),
        ("v = NULL", ALL),
        ("id IN (NULL)", ALL),
        ("k LIKE NULL", ALL),
        ("id = 1 AND id = 2", ALL),
        ("v > 5 AND false", ALL),
        ("id IS NULL", ALL),
        ("EXISTS (SELECT 1 FROM e)", ALL),
        ("k NOT IN (SELECT k FROM w)", ALL),
        ("v > 5", "1 2 5 7"),
        ("NOT (v > 5)", "2 3 4 6 8"),
        ("u.v > 5 OR v IS NULL", "1 5 7"),
        ("k IN (SELECT k FROM w WHERE v > 1)", "4 5 6"),
        ("NOT EXISTS (SELECT 1 FROM w WHERE w.k = u.k)", "1 2 3 7 8"),
        ("v > 5 AND k IN (SELECT k FROM w)", "1 2 4 5 6 7"),
        ("k NOT IN (SELECT k FROM w WHERE k IS NOT NULL)", "1 2 3 4 7 8"),
        ("v > (SELECT avg(v) FROM u)", "1 2 5 7"),
        ("v < (SELECT max(v) FROM w WHERE w.k = u.k)", "2 4 5 6"),
        ("EXISTS (SELECT 1 FROM u AS o WHERE o.k = u.k AND o.id < u.id)", "1 2 4 5 6"),
        ("upper(k) = 'A' OR upper(k) = 'B'", "4 5 6"),
        ("true", ""),
    ] {
        let session = session().await;
        let count = told(&session, &format!("DELETE FROM u WHERE {condition}")).await.unwrap();
        assert_eq!(ids(&session).await, left, "{condition}");
        assert_eq!(count, 8 - left.split_whitespace().count() as u64, "{condition}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_the_rows_for_which_its_condition_is_true() {
    for (sql, count, wanted) in [
        ("UPDATE u SET w = 'q' WHERE false", 0, "m n m x y m  q"),
        ("UPDATE u SET w = 'z' WHERE k IN (SELECT k FROM w)", 5, "z z z x y m z z"),
        (
            "UPDATE u SET w = upper(w) || upper(w) WHERE upper(w) = 'X' OR upper(w) = 'Y'",
            2,
            "m n m XX YY m  q",
        ),
        ("UPDATE u SET w = (SELECT max(v) FROM w WHERE w.k = u.k)", 8, "9 5 9    5 9"),
        // A value is computed for the rows that get it.
        ("UPDATE u SET w = 12 / (v - 3) WHERE v > 5", 4, "m n 3 2 y 4  2"),
        ("UPDATE u AS x SET w = x.k WHERE x.id = 7", 1, "m n m x y m b q"),
        ("UPDATE u x SET w = NULL", 8, "       "),
        ("UPDATE u SET (w, v) = ('1', 2) WHERE id = 1", 1, "1 n m x y m  q"),
        ("UPDATE u SET w = w.v FROM w WHERE w.k = u.k AND w.v > 4", 5, "9 5 9 x y m 5 9"),
        ("UPDATE u SET w = '!' FROM w, e AS f WHERE w.k = u.k", 0, "m n m x y m  q"),
        // Several rows of w belong to one of u, which is changed once.
        (
            "UPDATE u SET w = '!' FROM w JOIN w AS y ON w.k = y.k WHERE w.k = u.k",
            5,
            "! ! ! x y m ! !",
        ),
        (
            "WITH a AS (SELECT 'd' AS k) UPDATE u SET w = 'D' WHERE k IN (SELECT k FROM a)",
            1,
            "m n m x y D  q",
        ),
    ] {
        let session = session().await;
        assert_eq!(told(&session, sql).await, Ok(count), "{sql}");
        assert_eq!(rows(&session, "SELECT w FROM u").await.join(" "), wanted, "{sql}");
        assert_eq!(ids(&session).await, ALL, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_values_are_of_the_old_rows_and_of_the_type_of_their_column() {
    let session = session().await;
    told(&session, "UPDATE u SET id = v, v = id WHERE id = 3").await.unwrap();
    assert_eq!(rows(&session, "SELECT id, v FROM u WHERE v = 3 ORDER BY id").await, ["1|3", "7|3"]);
    let made = "CREATE TABLE big AS SELECT 9007199254740993 AS n, 'a' AS k UNION ALL SELECT 1, 'b'";
    session.collect(made).await.unwrap();
    told(&session, "UPDATE big SET n = 2.0 WHERE k = 'b'").await.unwrap();
    let kept = rows(&session, "SELECT n, arrow_typeof(n) FROM big ORDER BY n").await;
    assert_eq!(kept, ["2|Int64", "9007199254740993|Int64"]);
    let error = told(&session, "UPDATE big SET n = k WHERE k = 'b'").await.unwrap_err();
    assert!(error.contains("whole number"), "{error}");
    let still = rows(&session, "SELECT n FROM big ORDER BY n").await;
    assert_eq!(still, ["2", "9007199254740993"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_say_which_rows_are_deleted() {
    for (sql, count, left) in [
        ("DELETE FROM u AS x WHERE x.v > 5", 4, "1 2 5 7"),
        ("DELETE FROM u USING w WHERE w.k = u.k AND w.v > 4", 5, "4 5 6"),
        ("DELETE FROM u x USING w AS y WHERE y.k = x.k AND y.v < x.v", 3, "2 4 5 6 7"),
        ("DELETE FROM u USING e", 0, ALL),
        ("DELETE FROM main.u WHERE id = 1", 1, "2 3 4 5 6 7 8"),
        ("DELETE FROM u", 8, ""),
        ("TRUNCATE TABLE u", 8, ""),
        ("TRUNCATE u", 8, ""),
        (
            "WITH a AS (SELECT 1 AS id) DELETE FROM u WHERE id IN (SELECT id FROM a)",
            1,
            "2 3 4 5 6 7 8",
        ),
    ] {
        let session = session().await;
        assert_eq!(told(&session, sql).await, Ok(count), "{sql}");
        assert_eq!(ids(&session).await, left, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_or_is_only_explained_leaves_the_rows() {
    let session = session().await;
    for (sql, wanted) in [
        ("DELETE FROM u WHERE 1 / (v - 9) > 0", "divi"),
        ("UPDATE u SET v = 1 / (v - 9)", "divi"),
        ("UPDATE u SET id = NULL WHERE id = 8", "column id of u is NOT NULL"),
        (
            "INSERT INTO u VALUES (9, 'a', 1, 'z'), (NULL, 'a', 1, 'z')",
            "column id of u is NOT NULL",
        ),
        ("INSERT INTO u SELECT NULL, 'a', 1, 'z'", "column id of u is NOT NULL"),
        ("INSERT INTO u (k) VALUES ('a')", "column id of u is NOT NULL"),
        ("DELETE FROM u WHERE v", "WHERE takes a condition"),
        ("DELETE FROM u WHERE nope = 1", "there are id, k, v, w"),
        ("UPDATE u SET nope = 1", "there are id, k, v, w"),
        ("UPDATE u SET v = 1, v = 2", "v gets two values"),
        ("UPDATE u SET (v, w) = (SELECT 1, 'a')", "SET (a, b) = (1, 2)"),
        ("DELETE FROM u LIMIT 1", "does not take LIMIT"),
        ("DELETE FROM u RETURNING id", "does not take RETURNING"),
        ("UPDATE u SET v = 1 RETURNING id", "does not take RETURNING"),
        ("DELETE FROM u, w WHERE u.k = w.k", "USING other"),
        (
            "MERGE INTO u USING w ON w.k = u.k WHEN MATCHED THEN DELETE",
            "UPDATE u SET ... FROM other",
        ),
    ] {
        let error = told(&session, sql).await.unwrap_err();
        assert!(error.contains(wanted), "{sql}: {error}");
        assert!(!error.contains("the row is"), "{sql}: {error}");
        assert_eq!(ids(&session).await, ALL, "{sql}");
        assert_eq!(rows(&session, "SELECT sum(v) FROM u").await, ["36"], "{sql}");
    }
    for sql in ["EXPLAIN DELETE FROM u", "EXPLAIN UPDATE u SET v = 0", "EXPLAIN TRUNCATE u"] {
        session.collect(sql).await.map_err(|error| format!("{sql}: {error}")).unwrap();
        assert_eq!(rows(&session, "SELECT sum(v) FROM u").await, ["36"], "{sql}");
    }
    session.collect("EXPLAIN ANALYZE DELETE FROM u WHERE id < 8").await.unwrap();
    assert_eq!(ids(&session).await, "8");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_prepared_is_about_the_values_that_are_given() {
    let session = session().await;
    for (sql, count, left) in [
        ("PREPARE d AS DELETE FROM u WHERE v > $1", 0, ALL),
        ("EXECUTE d(NULL)", 0, ALL),
        ("EXECUTE d(7)", 2, "1 2 3 5 6 7"),
        ("EXECUTE d(5)", 2, "1 2 5 7"),
        ("PREPARE c AS UPDATE u SET v = $1, w = $2 WHERE id = $3", 0, "1 2 5 7"),
        ("EXECUTE c(40, 'new', 5)", 1, "1 2 5 7"),
        ("EXECUTE d(39)", 1, "1 2 7"),
    ] {
        assert_eq!(told(&session, sql).await, Ok(count), "{sql}");
        assert_eq!(ids(&session).await, left, "{sql}");
    }
    session.collect("CREATE OR REPLACE TABLE u AS SELECT 1 AS id, 9 AS v").await.unwrap();
    let error = told(&session, "EXECUTE d(1)").await.unwrap_err();
    assert!(error.contains("prepare the statement again"), "{error}");
    assert_eq!(ids(&session).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_refused_since_they_are_not_kept() {
    let session = session().await;
    for sql in [
        "CREATE TABLE x (a INT PRIMARY KEY)",
        "CREATE TABLE x (a INT UNIQUE)",
        "CREATE TABLE x (a INT, b INT, PRIMARY KEY (a, b))",
        "CREATE TABLE x (a INT, UNIQUE (a))",
    ] {
        let error = told(&session, sql).await.unwrap_err();
        assert!(error.contains("not kept by the tables of a session"), "{sql}: {error}");
        assert!(session.collect("SELECT * FROM x").await.is_err(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_of_the_table_that_has_the_name() {
    let session = session().await;
    session.collect("CREATE VIEW seen AS SELECT v + 1 AS n FROM w WHERE k = 'b'").await.unwrap();
    assert_eq!(rows(&session, "SELECT n FROM seen").await, ["6"]);
    told(&session, "UPDATE w SET v = 10").await.unwrap();
    assert_eq!(rows(&session, "SELECT n FROM seen").await, ["11"]);
    let same = "CREATE OR REPLACE TABLE w AS SELECT k, v + 10 AS v FROM w";
    session.collect(same).await.unwrap();
    assert_eq!(rows(&session, "SELECT n FROM seen").await, ["21"]);
    for (sql, wanted) in [
        ("CREATE OR REPLACE TABLE w AS SELECT 'b' AS k", "has other columns now"),
        ("DROP TABLE w", "is no longer there"),
    ] {
        session.collect(sql).await.unwrap();
        let error = told(&session, "SELECT n FROM seen").await.unwrap_err();
        assert!(error.contains(wanted), "{sql}: {error}");
        // It is still listed.
        assert!(!rows(&session, "SHOW TABLES").await.is_empty(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed_where_that_is_not_allowed() {
    let settings = Settings { readonly: true, ..Settings::default() };
    let session = Session::new(None, settings).unwrap();
    session.collect("CREATE TABLE u AS SELECT 1 AS id").await.unwrap();
    session.collect("PREPARE d AS DELETE FROM u").await.unwrap();
    for sql in ["DELETE FROM u", "UPDATE u SET id = 2", "TRUNCATE u", "EXECUTE d"] {
        let error = told(&session, sql).await.unwrap_err();
        assert!(error.contains("--readonly"), "{sql}: {error}");
        assert_eq!(ids(&session).await, "1", "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_other_schemas_are_not_changed_by_half() {
    let session = session().await;
    session.collect("CREATE SCHEMA other").await.unwrap();
    session.collect("CREATE TABLE other.u AS SELECT * FROM u").await.unwrap();
    for sql in ["DELETE FROM other.u WHERE false", "UPDATE other.u SET v = 0", "TRUNCATE other.u"] {
        let error = told(&session, sql).await.unwrap_err();
        assert!(error.contains("AS SELECT * FROM other.u"), "{sql}: {error}");
        assert_eq!(rows(&session, "SELECT sum(v) FROM other.u").await, ["36"], "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_side_by_side_lose_no_row() {
    let session = session().await;
    session.collect("CREATE TABLE n AS SELECT 0 AS n").await.unwrap();
    let running = (0..20).map(|number| {
        let session = session.clone();
        tokio::spawn(async move {
            let sql = match number % 2 {
                0 => "UPDATE n SET n = n + 1".to_owned(),
                _ => format!("INSERT INTO n VALUES ({})", 1_000 * number),
            };
            session.collect(&sql).await.unwrap();
        })
    });
    for one in running.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    assert_eq!(rows(&session, "SELECT count(*), min(n) FROM n").await, ["11|10"]);
}
