//! Tests of subqueries with columns from around them, by answers of another database.

use crate::engine::answers::answer;
use crate::engine::{Session, Settings};

async fn session() -> Session {
    let session = Session::new(None, Settings::default()).unwrap();
    for sql in [
        "CREATE TABLE a AS SELECT * FROM (VALUES (1, 'x', 10, 2), (1, 'x', 10, 2), (2, 'x', 20, 3),
         (3, 'y', NULL, 1), (4, NULL, 10, 5)) AS t(id, k, since, w)",
        "CREATE TABLE p AS SELECT * FROM (VALUES ('x', 5, 1), ('x', 15, 4), ('x', 25, 4),
         ('x', 26, NULL), ('y', 5, 7), (NULL, 30, 9)) AS t(k, d, n)",
    ] {
        session.collect(sql).await.unwrap();
    }
    session
}

async fn rows(session: &Session, sql: &str) -> Vec<String> {
    answer(session, sql).await.into_iter().skip(1).collect()
}

#[tokio::test]
async fn a_subquery_has_a_value_for_each_row_around() {
    let session = session().await;
    for (asked, found) in [
        ("SELECT count(*) FROM p WHERE p.k = a.k AND p.d > a.since + 4", ["3", "3", "2", "0", "0"]),
        ("SELECT count(p.n) FROM p WHERE p.d > a.since", ["3", "3", "2", "0", "3"]),
        ("SELECT sum(p.n) FROM p WHERE p.k = a.k AND p.d < a.since", ["1", "1", "5", "", ""]),
        ("SELECT max(p.n) FROM p WHERE p.k || 'z' = a.k || 'z'", ["4", "4", "4", "7", ""]),
        ("SELECT max(p.n) - a.w FROM p WHERE p.k = a.k", ["2", "2", "1", "6", ""]),
        ("SELECT sum(p.n * a.w) FROM p WHERE p.k = a.k", ["18", "18", "27", "7", ""]),
        ("SELECT sum(p.n) FILTER (WHERE p.d > a.since) FROM p", ["17", "17", "13", "", "17"]),
        (
            "SELECT coalesce(sum(p.n), -1) FROM p WHERE p.d < a.since - 5",
            ["-1", "-1", "8", "-1", "-1"],
        ),
        ("SELECT a.w + 1", ["3", "3", "4", "2", "6"]),
        ("SELECT a.w WHERE a.since > 15", ["", "", "3", "", ""]),
        (
            "SELECT p.n FROM p WHERE p.k = a.k AND p.d > a.since - 6 ORDER BY p.d LIMIT 1",
            ["1", "1", "4", "", ""],
        ),
        (
            "SELECT p.n FROM p WHERE p.k = a.k ORDER BY p.d DESC LIMIT 1 OFFSET 1",
            ["4", "4", "4", "", ""],
        ),
        (
            "SELECT p.n * a.w FROM p ORDER BY abs(p.d - a.since), p.d DESC LIMIT 1",
            ["8", "8", "12", "9", "20"],
        ),
        ("SELECT 'none' FROM p WHERE p.k = a.k HAVING count(*) < 1", ["", "", "", "", "none"]),
        (
            "SELECT max(s.c) FROM (SELECT count(*) AS c FROM p WHERE p.k = a.k GROUP BY p.n)
             AS s",
            ["2", "2", "2", "1", ""],
        ),
        (
            "SELECT max(s.c) FROM (SELECT count(*) AS c FROM p WHERE p.k = a.k) AS s",
            ["4", "4", "4", "1", "0"],
        ),
        (
            "SELECT sum(s.n) FROM (SELECT p.n FROM p WHERE p.k = a.k ORDER BY p.d LIMIT 2)
             AS s",
            ["5", "5", "5", "7", ""],
        ),
        (
            "SELECT count(*) FROM (SELECT DISTINCT p.n FROM p WHERE p.d > a.since) AS s",
            ["3", "3", "3", "0", "3"],
        ),
        (
            "SELECT max(s.v) FROM (SELECT p.n AS v FROM p WHERE p.k = a.k UNION ALL SELECT
             a.w) AS s",
            ["4", "4", "4", "7", "5"],
        ),
        (
            "SELECT count(*) FROM (SELECT p.n FROM p WHERE p.k = a.k UNION SELECT 4) AS s",
            ["3", "3", "3", "2", "1"],
        ),
        (
            "SELECT count(*) FROM (SELECT p.n FROM p WHERE p.k = a.k EXCEPT SELECT a.w + 2)
             AS s",
            ["2", "2", "3", "1", "0"],
        ),
        (
            "SELECT count(*) FROM p JOIN p AS q ON q.d > p.d + a.w AND q.k = p.k WHERE p.k =
             a.k",
            ["5", "5", "5", "0", "0"],
        ),
        (
            "SELECT count(q.d) FROM p LEFT JOIN p AS q ON q.d = p.d + a.since WHERE p.k =
             a.k",
            ["2", "2", "1", "0", "0"],
        ),
        (
            "SELECT count(*) FROM p WHERE p.n > (SELECT min(q.n) FROM p AS q WHERE q.k = p.k
             AND q.d > a.since - 6)",
            ["2", "2", "0", "0", "2"],
        ),
        (
            "SELECT count(*) FROM p WHERE EXISTS (SELECT 1 FROM p AS q WHERE q.k = p.k AND
             q.d = p.d + a.since)",
            ["2", "2", "1", "0", "2"],
        ),
        (
            "SELECT count(*) FROM p WHERE p.n IN (SELECT q.n FROM p AS q WHERE q.d < p.d AND
             q.d < a.since + 6)",
            ["1", "1", "1", "0", "1"],
        ),
        (
            "SELECT max(p.d) FROM p WHERE p.k = a.k AND p.n = (SELECT max(q.n) FROM p AS q
             WHERE q.k = a.k AND q.d <= p.d)",
            ["25", "25", "25", "5", ""],
        ),
        (
            "SELECT max(CASE WHEN a.w = 2 THEN p.n ELSE p.n - 12 / (a.w - 2) END) FROM p WHERE
             p.d > a.since",
            ["9", "9", "-3", "", "5"],
        ),
        (
            "SELECT count(*) > 2 FROM p WHERE p.d > a.since",
            ["true", "true", "true", "false", "true"],
        ),
    ] {
        let sql = format!("SELECT ({asked}) AS v FROM a ORDER BY a.id");
        assert_eq!(rows(&session, &sql).await, found, "{asked}");
    }
}

#[tokio::test]
async fn a_subquery_has_a_value_in_each_clause() {
    let session = session().await;
    for (sql, found) in [
        (
            "SELECT id FROM a WHERE w < (SELECT max(p.n) FROM p WHERE p.d < a.since + 6)
             ORDER BY id",
            &["1", "1", "2", "4"] as &[&str],
        ),
        (
            "SELECT id FROM a WHERE (SELECT count(*) FROM p WHERE p.d < a.since) = 0 ORDER
             BY id",
            &["3"],
        ),
        (
            "SELECT id FROM a ORDER BY (SELECT count(*) FROM p WHERE p.d > a.since) DESC, id",
            &["1", "1", "4", "2", "3"],
        ),
        (
            "SELECT k, sum(w) FROM a GROUP BY k HAVING sum(w) >= (SELECT count(*) FROM p
             WHERE p.k || '' = a.k || '') ORDER BY k",
            &["x|7", "y|1", "|5"],
        ),
        ("SELECT sum((SELECT count(*) FROM p WHERE p.d > a.since)) FROM a", &["15"]),
        (
            "SELECT (SELECT count(*) FROM p WHERE p.d > a.since) AS v, count(*) FROM a GROUP
             BY v ORDER BY v",
            &["0|1", "3|1", "4|3"],
        ),
        (
            "SELECT id, row_number() OVER (ORDER BY (SELECT count(*) FROM p WHERE p.d >
             a.since), id, w) AS r FROM a ORDER BY id, r",
            &["1|3", "1|4", "2|2", "3|1", "4|5"],
        ),
        (
            "SELECT a.id, b.id FROM a LEFT JOIN a AS b ON b.id = a.id + 1 AND b.w > (SELECT
             min(p.n) FROM p WHERE p.d > b.since) ORDER BY 1, 2",
            &["1|", "1|", "2|", "3|4", "4|"],
        ),
        (
            "SELECT p.k, p.d FROM p WHERE p.n = (SELECT max(q.n) FROM p AS q WHERE q.k = p.k
             AND q.d % 10 = p.d % 10) ORDER BY d",
            &["y|5", "x|15", "x|25"],
        ),
        (
            "SELECT id FROM a WHERE EXISTS (SELECT 1 FROM (SELECT p.n FROM p WHERE p.d >
             a.since ORDER BY p.d LIMIT 1) AS s WHERE s.n = 4) ORDER BY id",
            &["1", "1", "2", "4"],
        ),
        (
            "SELECT id FROM a WHERE 4 NOT IN (SELECT p.n FROM p WHERE p.k = a.k ORDER BY p.d
             LIMIT 1) ORDER BY id",
            &["1", "1", "2", "3", "4"],
        ),
        ("SELECT id FROM a WHERE w IN (SELECT p.n - a.w FROM p) ORDER BY id", &["1", "1"]),
        (
            "SELECT id FROM a WHERE w <> 2 AND 12 / (w - 2) < (SELECT count(*) FROM p WHERE
             p.d > 12 / (a.w - 2)) ORDER BY id",
            &["3", "4"],
        ),
        (
            "SELECT id FROM (SELECT id, since, sum(w) AS w FROM a GROUP BY id, since) AS a
             WHERE w < (SELECT count(*) FROM p WHERE p.d > a.since) ORDER BY id",
            &[],
        ),
        (
            "SELECT id, (SELECT count(*) FROM p WHERE p.d > a.since) AS v FROM (SELECT *
             FROM a ORDER BY id, w LIMIT 3) AS a ORDER BY id",
            &["1|4", "1|4", "2|3"],
        ),
    ] {
        assert_eq!(rows(&session, sql).await, found, "{sql}");
    }
}

#[tokio::test]
async fn a_query_beside_a_table_has_rows_for_each_of_its_rows() {
    let session = session().await;
    for (sql, found) in [
        (
            "SELECT a.id, s.d, s.n FROM a, LATERAL (SELECT * FROM p WHERE p.k = a.k ORDER BY
             p.d DESC LIMIT 2) AS s ORDER BY 1, 2",
            &["1|25|4", "1|25|4", "1|26|", "1|26|", "2|25|4", "2|26|", "3|5|7"] as &[&str],
        ),
        (
            "SELECT a.id, s.d FROM a LEFT JOIN LATERAL (SELECT * FROM p WHERE p.d > a.since
             ORDER BY p.d LIMIT 1) AS s ON true ORDER BY 1, 2",
            &["1|15", "1|15", "2|25", "3|", "4|15"],
        ),
        (
            "SELECT a.id, s.d FROM a LEFT JOIN LATERAL (SELECT * FROM p WHERE p.k = a.k
             ORDER BY p.d LIMIT 1) AS s ON s.d > a.w * 2 ORDER BY 1, 2",
            &["1|5", "1|5", "2|", "3|5", "4|"],
        ),
        (
            "SELECT a.id, s.n FROM a, LATERAL (SELECT count(*) AS n FROM p WHERE p.d >
             a.since) AS s ORDER BY 1, 2",
            &["1|4", "1|4", "2|3", "3|0", "4|4"],
        ),
        (
            "SELECT a.id, s.n FROM a, LATERAL (SELECT count(*) AS n FROM p WHERE p.k = a.k
             HAVING count(*) > 1) AS s ORDER BY 1, 2",
            &["1|4", "1|4", "2|4"],
        ),
        (
            "SELECT a.id, s.n, s.m FROM a, LATERAL (SELECT count(*) AS n, 'few' AS m FROM p
             WHERE p.k = a.k AND p.n > 6) AS s ORDER BY 1",
            &["1|0|few", "1|0|few", "2|0|few", "3|1|few", "4|0|few"],
        ),
        (
            "SELECT a.id FROM a, LATERAL (SELECT count(*) AS n, 'few' AS m FROM p
             WHERE p.k = a.k AND p.n > 6) AS s WHERE s.m = 'few' AND s.n = 0 ORDER BY 1",
            &["1", "1", "2", "4"],
        ),
        (
            "SELECT a.id, s.n, s.m FROM a LEFT JOIN LATERAL (SELECT max(p.n) AS n, 'few' AS m
             FROM p WHERE p.k = a.k AND p.n > 6) AS s ON a.w > 2 ORDER BY 1",
            &["1||", "1||", "2||few", "3||", "4||few"],
        ),
        (
            "SELECT a.id, s.n FROM a, LATERAL (SELECT DISTINCT p.n FROM p WHERE p.d >
             a.since) AS s WHERE a.id = 1 ORDER BY 1, 2",
            &["1|4", "1|4", "1|9", "1|9", "1|", "1|"],
        ),
        (
            "SELECT a.id, s.d FROM a, LATERAL (SELECT DISTINCT ON (p.n) p.n, p.d FROM p
             WHERE p.k = a.k ORDER BY p.n, p.d DESC) AS s WHERE a.id = 2 ORDER BY 1, 2",
            &["2|5", "2|25", "2|26"],
        ),
        (
            "SELECT a.id, s.v FROM a, LATERAL (SELECT p.n AS v FROM p WHERE p.k = a.k UNION
             ALL SELECT a.w) AS s WHERE a.id > 1 ORDER BY 1, 2",
            &["2|1", "2|3", "2|4", "2|4", "2|", "3|1", "3|7", "4|5"],
        ),
        (
            "SELECT a.id, s.d, r.n FROM a, LATERAL (SELECT p.d FROM p WHERE p.k = a.k ORDER
             BY p.d LIMIT 1) AS s, LATERAL (SELECT q.n FROM p AS q WHERE q.d > s.d + a.w
             ORDER BY q.d LIMIT 1) AS r ORDER BY 1",
            &["1|5|4", "1|5|4", "2|5|4", "3|5|4"],
        ),
        (
            "SELECT a.id, s.d FROM a, LATERAL (SELECT p.k, p.d FROM p WHERE p.d > a.w ORDER BY p.d
             DESC LIMIT 1) AS s WHERE s.k = a.k ORDER BY 1",
            &[],
        ),
        (
            "SELECT a.id, s.d FROM a, LATERAL (SELECT p.d FROM p WHERE p.k = a.k ORDER BY
             p.d OFFSET 3) AS s ORDER BY 1",
            &["1|26", "1|26", "2|26"],
        ),
        (
            "SELECT a.id, s.d FROM a, LATERAL (SELECT p.d FROM p WHERE p.k = a.k ORDER BY
             p.d LIMIT 0) AS s ORDER BY 1",
            &[],
        ),
    ] {
        assert_eq!(rows(&session, sql).await, found, "{sql}");
    }
}

#[tokio::test]
async fn several_subqueries_stand_side_by_side_and_within_one_another() {
    let session = session().await;
    let sql = "SELECT a.id, (SELECT count(*) FROM p WHERE p.d > a.since) AS u, (SELECT max(p.n)
               FROM p WHERE p.d < a.since) AS v, (SELECT p.d FROM p WHERE p.k = a.k ORDER BY p.d
               DESC LIMIT 1) AS w, (SELECT count(*) FROM p WHERE p.k = a.k) AS y FROM a WHERE a.id
               > 1 ORDER BY 1";
    assert_eq!(answer(&session, sql).await, ["id|u|v|w|y", "2|3|7|26|4", "3|0||5|1", "4|4|7||0"]);
    let counted = "FROM a, LATERAL (SELECT count(*) AS n FROM p WHERE p.k = a.k) AS x";
    for (sql, found) in [
        (
            format!("SELECT a.id, x.n, (SELECT count(*) FROM p WHERE p.d > a.since) {counted}"),
            &["1|4|4", "1|4|4", "2|4|3", "3|1|0", "4|0|4"] as &[&str],
        ),
        (
            format!(
                "SELECT a.id, x.n, y.d {counted},
                 LATERAL (SELECT max(p.d) AS d FROM p WHERE p.n < x.n) AS y"
            ),
            &["1|4|5", "1|4|5", "2|4|5", "3|1|", "4|0|"],
        ),
        (
            format!(
                "SELECT a.id {counted} WHERE x.n > (SELECT count(*) FROM p WHERE p.d < a.since)"
            ),
            &["1", "1", "2", "3"],
        ),
    ] {
        let sql = format!("{sql} ORDER BY 1");
        assert_eq!(rows(&session, &sql).await, found, "{sql}");
    }
    let sql = "SELECT a.id, (SELECT max((SELECT count(*) FROM p AS q WHERE q.d > p.d + a.w)) FROM p
               WHERE p.d > a.since) AS v FROM a WHERE a.id > 1 ORDER BY 1";
    assert_eq!(answer(&session, sql).await, ["id|v", "2|1", "3|", "4|3"]);
}

#[tokio::test]
async fn columns_of_one_name_are_not_taken_for_one_another() {
    let session = Session::new(None, Settings::default()).unwrap();
    for sql in [
        "CREATE TABLE x AS SELECT * FROM (VALUES (1, 2), (2, 2), (3, 5)) AS t(u, v)",
        "CREATE TABLE l AS SELECT * FROM (VALUES (1, 'k', 7), (2, 'k', 8), (3, 'l', 9))
         AS t(id, k, w)",
        "CREATE TABLE r AS SELECT * FROM (VALUES (2, 'k', 1), (5, 'l', 2), (1, 'l', 3))
         AS t(id, k, w)",
    ] {
        session.collect(sql).await.unwrap();
    }
    let both = "FROM l JOIN r ON l.k = r.k WHERE l.id = x.u AND r.id = x.v";
    for (sql, found) in [
        (format!("SELECT u, (SELECT count(*) {both}) FROM x"), &["1|1", "2|1", "3|1"] as &[&str]),
        (format!("SELECT u FROM x WHERE EXISTS (SELECT 1 {both})"), &["1", "2", "3"]),
        (format!("SELECT u FROM x WHERE EXISTS (SELECT * {both})"), &["1", "2", "3"]),
        (format!("SELECT u, s.w FROM x, LATERAL (SELECT l.w {both}) AS s"), &["1|7", "2|8", "3|9"]),
        (
            "SELECT u FROM x WHERE u IN (SELECT l.id FROM l JOIN r ON l.k = r.k WHERE r.id = x.v)"
                .to_owned(),
            &["1", "2", "3"],
        ),
        (
            "SELECT u FROM x WHERE v NOT IN (SELECT r.id FROM l JOIN r ON l.k = r.k
             WHERE l.id = x.u)"
                .to_owned(),
            &[],
        ),
        (
            "SELECT u, s.id FROM x, LATERAL (SELECT r.id FROM l JOIN r ON l.k = r.k
             WHERE l.id = x.u) AS s"
                .to_owned(),
            &["1|2", "2|2", "3|1", "3|5"],
        ),
        (
            "SELECT u FROM x WHERE u IN (SELECT l.w - 6 AS id FROM l WHERE l.id = x.v)".to_owned(),
            &["2"],
        ),
        (
            "SELECT u FROM x WHERE EXISTS (SELECT l.w AS id FROM l WHERE l.id = x.v)".to_owned(),
            &["1", "2"],
        ),
        (
            "SELECT u, (SELECT max(l.w) AS id FROM l WHERE l.id = x.v) FROM x".to_owned(),
            &["1|8", "2|8", "3|"],
        ),
        (
            "SELECT u, s.id FROM x, LATERAL (SELECT l.w AS id FROM l WHERE l.id = x.v) AS s"
                .to_owned(),
            &["1|8", "2|8"],
        ),
    ] {
        let mut rows = rows(&session, &sql).await;
        rows.sort();
        assert_eq!(rows, found, "{sql}");
    }
}

#[tokio::test]
async fn a_subquery_keeps_the_name_of_its_column() {
    let session = session().await;
    let sql = "SELECT (SELECT count(*) FROM p WHERE p.d > a.since), id FROM a WHERE id = 2";
    let found = answer(&session, sql).await;
    assert_eq!(found[0], "(SELECT count(*) FROM p WHERE p.d > a.since)|id");
    let sql = "SELECT * FROM a WHERE w < (SELECT count(*) FROM p WHERE p.d > since + w)";
    assert_eq!(answer(&session, sql).await[0], "id|k|since|w");
}

#[tokio::test]
async fn what_cannot_be_computed_for_all_rows_at_once_is_refused() {
    let session = session().await;
    for sql in [
        "SELECT (SELECT count(*) FROM p FULL JOIN p AS q ON p.d = q.d + a.since) FROM a",
        // The total is a row of no rows, too.
        "SELECT id FROM a WHERE EXISTS (SELECT 1 FROM p WHERE p.k = a.k GROUP BY ROLLUP (n))",
        "SELECT id, c FROM a, LATERAL (SELECT count(*) AS c FROM p WHERE p.k = a.k
         GROUP BY GROUPING SETS ((n), ())) AS s",
    ] {
        let error = session.collect(sql).await.unwrap_err();
        assert!(error.message().contains("columns from around"), "{error}");
        assert!(error.advice().is_some(), "{error}");
    }
}

#[tokio::test]
async fn what_a_cast_makes_of_a_column_is_one_value() {
    let session = session().await;
    let times = "(VALUES (TIMESTAMP '2012-03-01 01:00'), (TIMESTAMP '2012-03-01 02:00')) AS p (f)";
    let days = "(VALUES (DATE '2012-03-01'), (DATE '2012-03-02')) AS t (d)";
    let counted = format!("(SELECT count(*) FROM {times} WHERE f::date = d)");
    let sql = format!("SELECT {counted} AS n FROM {days} ORDER BY d");
    assert_eq!(answer(&session, &sql).await, ["n", "2", "0"]);
    let sql = format!("SELECT d FROM {days} WHERE {counted} > 1");
    assert_eq!(answer(&session, &sql).await, ["d", "2012-03-01"]);
}

#[tokio::test]
async fn conditions_on_rows_beside_a_query_are_asked_before_it() {
    let session = session().await;
    // By two columns, so that it is not found as the nearest row is.
    let first = "LATERAL (SELECT p.d FROM p WHERE p.d > a.since ORDER BY p.d, p.n LIMIT 1) AS s";
    let more = "LATERAL (SELECT max(q.n) AS n FROM p AS q WHERE q.d > s.d) AS r";
    for (from, condition, found, asked) in [
        (format!("a, {first}"), "a.w > 1", &["1|15", "1|15", "2|25", "4|15"] as &[&str], 2),
        (format!("a LEFT JOIN {first} ON true"), "a.w > 1 AND s.d > 15", &["2|25"], 2),
        // Its rows are computed once, which the plan does not show.
        (
            format!("a, {first}, {more}"),
            "a.w > 1 AND r.n > 4",
            &["1|15", "1|15", "2|25", "4|15"],
            0,
        ),
        (
            format!("p AS o JOIN a ON a.k = o.k CROSS JOIN {first}"),
            "a.w > 1 AND o.n = 1",
            &["1|15", "1|15", "2|25"],
            2,
        ),
        (
            format!("p AS o, a LEFT JOIN {first} ON true"),
            "a.w > 1 AND o.n = 1 AND s.d > 15",
            &["2|25"],
            2,
        ),
    ] {
        let sql = format!("SELECT a.id, s.d FROM {from} WHERE {condition}");
        assert_eq!(rows(&session, &format!("{sql} ORDER BY 1, 2")).await, found, "{sql}");
        let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
        assert!(plan.matches("w > Int64(1)").count() >= asked, "{plan}");
    }
    // The value of a row that is left out is not computed.
    let sql = "SELECT a.id, s.v FROM a, LATERAL (SELECT p.n + 12 / (a.w - 2) AS v FROM p WHERE
               p.k = a.k ORDER BY p.d LIMIT 1) AS s WHERE a.w <> 2 ORDER BY 1";
    assert_eq!(rows(&session, sql).await, ["2|13", "3|-5"]);
}

#[tokio::test]
async fn conditions_beside_a_query_stay_where_they_may_mean_something_else() {
    let session = session().await;
    let first = "LATERAL (SELECT p.d FROM p WHERE p.k = a.k ORDER BY p.d LIMIT 1) AS s";
    // What may fail is asked of the rows that it was asked of.
    let sql = format!("EXPLAIN SELECT a.id FROM a, {first} WHERE CAST(a.k AS BIGINT) > 7");
    let plan = answer(&session, &sql).await.join("\n");
    assert_eq!(plan.matches("AS Int64) > Int64(7)").count(), 1, "{plan}");
    for (condition, found) in [
        ("a.w <> 1 AND 12 / (a.w - 1) > 4", &["1|5", "1|5", "2|5"] as &[&str]),
        ("a.since > (SELECT min(d) FROM p) AND a.w > s.d - 3", &["2|5"]),
        ("a.since IS NULL OR s.d IS NULL", &["3|5"]),
        ("a.w < 3 AND random() < 2 AND a.id + s.d < 8", &["1|5", "1|5"]),
        ("1 = 2", &[]),
    ] {
        let sql = format!("SELECT a.id, s.d FROM a, {first} WHERE {condition} ORDER BY 1");
        assert_eq!(rows(&session, &sql).await, found, "{sql}");
    }
    for (sql, found) in [
        (
            format!(
                "SELECT p.d FROM p WHERE EXISTS (SELECT 1 FROM a AS a, {} WHERE a.k = p.k AND
                 a.w > 2) ORDER BY d",
                first.replace("p.", "q.").replace("FROM p", "FROM p AS q")
            ),
            &["5", "15", "25", "26"] as &[&str],
        ),
        (
            format!(
                "SELECT a.id, s.d FROM (SELECT * FROM a ORDER BY id DESC LIMIT 2) AS a LEFT JOIN
                 {first} ON true WHERE a.w > 1 ORDER BY 1"
            ),
            &["4|"],
        ),
    ] {
        assert_eq!(rows(&session, &sql).await, found, "{sql}");
    }
}
