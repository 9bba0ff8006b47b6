//! Tests of joins whose columns both sides share.

use crate::engine::answers::answer;
use crate::engine::{Session, Settings};

/// Tables `z` and `u`, each with a row that the other one has not, and `w`.
async fn session() -> Session {
    let session = Session::new(None, Settings::default()).unwrap();
    for (table, rows) in [
        ("z(id, a)", "(1, 'a'), (3, 'c')"),
        ("u(id, b)", "(1, 'x'), (2, 'y')"),
        ("w(id, k, c)", "(2, 1, 'p'), (3, 1, 'q'), (4, 2, 'r')"),
    ] {
        let name = &table[..1];
        let sql = format!("CREATE TABLE {name} AS SELECT * FROM (VALUES {rows}) AS {table}");
        session.collect(&sql).await.unwrap();
    }
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_column_is_that_of_the_table_that_has_the_row() {
    let session = session().await;
    for (sql, rows) in [
        (
            "SELECT id, a, b FROM z RIGHT JOIN u USING (id) ORDER BY id",
            &["id|a|b", "1|a|x", "2||y"][..],
        ),
        (
            "SELECT id, a, b FROM z FULL JOIN u USING (id) ORDER BY id",
            &["id|a|b", "1|a|x", "2||y", "3|c|"],
        ),
        ("SELECT * FROM z FULL JOIN u USING (ID) ORDER BY id DESC LIMIT 1", &["id|a|b", "3|c|"]),
        ("SELECT * FROM z LEFT JOIN u USING (id) ORDER BY 1", &["id|a|b", "1|a|x", "3|c|"]),
        ("SELECT * FROM z RIGHT JOIN u USING (id) ORDER BY 1", &["id|a|b", "1|a|x", "2||y"]),
        (
            "SELECT count(id), max(id), min(id) AS m FROM z RIGHT JOIN u USING (id)",
            &["count(id)|max(id)|m", "2|2|1"],
        ),
        (
            "SELECT id, count(*) AS n FROM z FULL JOIN u USING (id) GROUP BY id
             HAVING id > 1 ORDER BY id",
            &["id|n", "2|1", "3|1"],
        ),
        (
            "SELECT count(*) AS n FROM z FULL JOIN u USING (id) GROUP BY id ORDER BY id",
            &["n", "1", "1", "1"],
        ),
        (
            "SELECT a, sum(id) OVER (ORDER BY id) AS s FROM z FULL JOIN u USING (id)
             WHERE id IS NOT NULL ORDER BY id DESC",
            &["a|s", "c|6", "|3", "a|1"],
        ),
        (
            "SELECT -id AS id FROM z FULL JOIN u USING (id) ORDER BY id * 2 DESC",
            &["id", "-3", "-2", "-1"],
        ),
        ("SELECT id FROM z FULL JOIN u USING (id) ORDER BY -id", &["id", "3", "2", "1"]),
        (
            "SELECT id, z.id, u.id FROM z FULL JOIN u USING (id) ORDER BY id",
            &["id|id_1|id_2", "1|1|1", "2||2", "3|3|"],
        ),
        (
            "SELECT z.*, id FROM z FULL JOIN u USING (id) ORDER BY id_1 LIMIT 2",
            &["id|a|id_1", "1|a|1", "||2"],
        ),
        (
            "SELECT * EXCLUDE (a) FROM z FULL JOIN u USING (id) ORDER BY id",
            &["id|b", "1|x", "2|y", "3|"],
        ),
        (
            "SELECT * EXCLUDE (id) FROM z FULL JOIN u USING (id) ORDER BY a, b",
            &["a|b", "a|x", "c|", "|y"],
        ),
        (
            "SELECT q.id FROM (SELECT * FROM z FULL JOIN u USING (id)) AS q ORDER BY id",
            &["id", "1", "2", "3"],
        ),
        (
            "SELECT * FROM u AS z RIGHT JOIN (SELECT 2 AS id, 5 AS n) AS a USING (id)",
            &["id|b|n", "2|y|5"],
        ),
    ] {
        assert_eq!(answer(&session, sql).await, rows, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_column_needs_no_table_in_any_clause() {
    let session = session().await;
    for (sql, rows) in [
        ("SELECT count(*) AS n FROM z JOIN u USING (id) WHERE id = 1", &["n", "1"][..]),
        ("SELECT id || 'x' AS n FROM z JOIN u USING (id)", &["n", "1x"]),
        ("SELECT id + 1 FROM z LEFT JOIN u USING (id) ORDER BY id", &["id + 1", "2", "4"]),
        ("SELECT id, id FROM z JOIN u USING (id)", &["id|id_1", "1|1"]),
        ("SELECT id, z.id FROM z JOIN u USING (id)", &["id|id_1", "1|1"]),
        ("SELECT * EXCLUDE (id) FROM z JOIN u USING (id)", &["a|b", "a|x"]),
        (
            "SELECT list_filter([1, 2], id -> id > 1) AS l, id FROM z JOIN u USING (id)",
            &["l|id", "[2]|1"],
        ),
        (
            "SELECT id FROM z JOIN u USING (id)
             WHERE NOT EXISTS (SELECT 1 FROM w WHERE w.id = 9 AND id > 0)",
            &["id", "1"],
        ),
    ] {
        assert_eq!(answer(&session, sql).await, rows, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_behind_one_another_compare_the_shared_column() {
    let session = session().await;
    for (sql, rows) in [
        (
            "SELECT id, a, b, c FROM z FULL JOIN u USING (id) FULL JOIN w USING (id)
             ORDER BY id",
            &["id|a|b|c", "1|a|x|", "2||y|p", "3|c||q", "4|||r"][..],
        ),
        (
            "SELECT * FROM z FULL JOIN u USING (id) JOIN w USING (id) ORDER BY id",
            &["id|a|b|k|c", "2||y|1|p", "3|c||1|q"],
        ),
        (
            "SELECT id, c FROM z RIGHT JOIN u USING (id) LEFT JOIN w USING (id) ORDER BY id",
            &["id|c", "1|", "2|p"],
        ),
        ("SELECT id, c FROM (z RIGHT JOIN u USING (id)) JOIN w USING (id)", &["id|c", "2|p"]),
        (
            "SELECT id, c FROM z FULL JOIN u USING (id) JOIN (SELECT k, c FROM w) AS w
             ON k = id ORDER BY c",
            &["id|c", "1|p", "1|q", "2|r"],
        ),
    ] {
        assert_eq!(answer(&session, sql).await, rows, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_is_refused() {
    let session = session().await;
    for (sql, said) in [
        ("SELECT 1 FROM z JOIN w ON z.id = w.id NATURAL JOIN u", "column id twice"),
        ("SELECT 1 FROM z JOIN w ON z.id = w.id NATURAL LEFT JOIN u", "column id twice"),
        ("SELECT 1 FROM z JOIN w ON z.id = w.k FULL JOIN u USING (id)", "has the column id"),
        ("SELECT * FROM z JOIN w ON z.id = w.k RIGHT JOIN u USING (id)", "which columns * means"),
    ] {
        let error = session.collect(sql).await.unwrap_err();
        assert!(error.message().contains(said), "{sql}: {error}");
        assert!(error.advice().is_some(), "{sql}: {error}");
    }
    let error = session.collect("SELECT * FROM z NATURAL JOIN missing").await.unwrap_err();
    assert!(error.message().contains("no table"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn natural_joins_compare_all_columns_that_both_sides_have() {
    let session = session().await;
    for (sql, rows) in [
        ("SELECT * FROM z NATURAL JOIN u", &["id|a|b", "1|a|x"][..]),
        ("SELECT * FROM z NATURAL LEFT JOIN u ORDER BY 1", &["id|a|b", "1|a|x", "3|c|"]),
        ("SELECT * FROM z NATURAL RIGHT JOIN u ORDER BY 1", &["id|a|b", "1|a|x", "2||y"]),
        ("SELECT * FROM z NATURAL FULL JOIN u ORDER BY id", &["id|a|b", "1|a|x", "2||y", "3|c|"]),
        (
            "SELECT id, a, b FROM z NATURAL FULL JOIN u WHERE id > 1 ORDER BY id",
            &["id|a|b", "2||y", "3|c|"],
        ),
        ("SELECT id + 1 FROM z NATURAL JOIN u WHERE id > 0", &["id + 1", "2"]),
        ("SELECT * FROM u NATURAL JOIN w NATURAL LEFT JOIN z", &["id|b|k|c|a", "2|y|1|p|"]),
        ("SELECT * FROM z AS p NATURAL JOIN z AS q ORDER BY 1", &["id|a", "1|a", "3|c"]),
        (
            "WITH v AS (SELECT id, b FROM u) SELECT * FROM z NATURAL FULL JOIN v
             ORDER BY id DESC LIMIT 1",
            &["id|a|b", "3|c|"],
        ),
        (
            "WITH v AS (WITH t AS (SELECT * FROM u NATURAL JOIN w) SELECT * FROM t)
             SELECT * FROM z NATURAL RIGHT JOIN v",
            &["id|a|b|k|c", "2||y|1|p"],
        ),
        ("SELECT count(*) AS n FROM z NATURAL LEFT JOIN (SELECT 5 AS k)", &["n", "2"]),
        (
            "SELECT * REPLACE (a || '!' AS a) FROM z NATURAL LEFT JOIN u ORDER BY id",
            &["id|a|b", "1|a!|x", "3|c!|"],
        ),
        (
            "SELECT id, tag FROM z NATURAL JOIN u, unnest([z.a, u.b]) AS t(tag) ORDER BY tag",
            &["id|tag", "1|a", "1|x"],
        ),
    ] {
        assert_eq!(answer(&session, sql).await, rows, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_need_no_names_to_be_joined() {
    let session = session().await;
    for (sql, rows) in [
        (
            "SELECT * FROM (SELECT * FROM z) JOIN (SELECT * FROM u) USING (id)",
            &["a|id|b", "a|1|x"][..],
        ),
        (
            "SELECT * FROM (SELECT * FROM z) LEFT JOIN (SELECT * FROM u) USING (id) ORDER BY 1",
            &["id|a|b", "1|a|x", "3|c|"],
        ),
        (
            "SELECT id, a, b FROM (SELECT * FROM z) FULL JOIN (SELECT * FROM u) USING (id)
             ORDER BY id",
            &["id|a|b", "1|a|x", "2||y", "3|c|"],
        ),
        (
            "SELECT * FROM (SELECT * FROM z) FULL JOIN (SELECT * FROM z) USING (id, a)
             ORDER BY id",
            &["id|a", "1|a", "3|c"],
        ),
    ] {
        assert_eq!(answer(&session, sql).await, rows, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_a_column_is_found() {
    let session = session().await;
    for (sql, rows) in [
        (
            "SELECT b, five FROM z FULL JOIN u USING (id)
             FULL JOIN (SELECT 'x' AS b, 5 AS five) AS q USING (b) ORDER BY b",
            &["b|five", "x|5", "y|", "|"][..],
        ),
        ("SELECT * EXCLUDE (id, b) FROM z LEFT JOIN u USING (id) ORDER BY 1", &["a", "a", "c"]),
        ("SELECT * FROM z LEFT JOIN u USING (id) ORDER BY -id", &["id|a|b", "3|c|", "1|a|x"]),
        ("SELECT * FROM z JOIN u USING (id) ORDER BY id + 0", &["id|a|b", "1|a|x"]),
        // The shared column comes first, whatever the tables are called.
        ("SELECT * FROM w JOIN z USING (id)", &["id|k|c|a", "3|1|q|c"]),
    ] {
        assert_eq!(answer(&session, sql).await, rows, "{sql}");
    }
}
