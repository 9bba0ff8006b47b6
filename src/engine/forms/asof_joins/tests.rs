//! Tests of ASOF JOIN.

use crate::engine::answers::answer;
use crate::engine::{Session, Settings};

/// Tables `a` and `b` with times `t` of `k`, of which some are unknown, and `w`.
async fn session() -> Session {
    let session = Session::new(None, Settings::default()).unwrap();
    for sql in [
        "CREATE TABLE a AS SELECT * FROM (VALUES (1, 1, 5), (2, 1, 1), (3, 2, 9), (4, NULL, 5),
         (5, 1, NULL), (6, 3, 3)) AS a(x, k, t)",
        "CREATE TABLE b AS SELECT * FROM (VALUES (2, 1, 'p', 0), (4, 1, 'q', 1), (9, 2, 'r', 0),
         (NULL, 1, 'n', 0), (7, NULL, 'm', 0), (9, 1, 's', 0)) AS b(t, k, y, z)",
        "CREATE TABLE w AS SELECT * FROM (VALUES (1, 'one'), (3, 'three')) AS w(k, n)",
    ] {
        session.collect(sql).await.unwrap();
    }
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_row_stands_beside_each() {
    let session = session().await;
    for (join, wanted) in [
        ("ASOF JOIN b ON a.k = b.k AND a.t >= b.t", "1|4|q 3|9|r"),
        ("asof inner join b on b.k = a.k and b.t <= a.t", "1|4|q 3|9|r"),
        ("ASOF LEFT JOIN b ON a.k = b.k AND a.t >= b.t", "1|4|q 2|| 3|9|r 4|| 5|| 6||"),
        ("ASOF LEFT OUTER JOIN b ON a.k = b.k AND b.t < a.t", "1|4|q 2|| 3|| 4|| 5|| 6||"),
        ("ASOF LEFT JOIN b ON a.k = b.k AND a.t < b.t", "1|9|s 2|2|p 3|| 4|| 5|| 6||"),
        ("ASOF JOIN b ON a.t <= b.t AND a.k = b.k", "1|9|s 2|2|p 3|9|r"),
        ("ASOF JOIN b ON a.t >= b.t AND a.x <> 3", "1|4|q 4|4|q 6|2|p"),
        ("ASOF JOIN b ON a.k = b.k AND a.k + 0 = b.k AND a.t >= b.t", "1|4|q 3|9|r"),
        ("ASOF JOIN b ON a.k = b.k AND a.t - 1 >= b.t + 1", "1|2|p"),
        // Rows of the right side are asked before the nearest is looked for.
        ("ASOF JOIN b ON a.k = b.k AND a.t >= b.t AND b.z = 0", "1|2|p 3|9|r"),
        ("ASOF JOIN b ON a.k = b.k AND a.t >= b.t AND b.t < 4", "1|2|p"),
        ("ASOF LEFT JOIN b ON a.k = b.k AND a.t >= b.t AND a.x > 1", "1|| 2|| 3|9|r 4|| 5|| 6||"),
        ("ASOF JOIN b ON a.t BETWEEN b.t AND 8", "1|4|q 4|4|q 6|2|p"),
        ("ASOF JOIN b ON a.k IS NOT DISTINCT FROM b.k AND a.t < b.t", "1|9|s 2|2|p 4|7|m"),
        ("ASOF JOIN b ON a.k = b.k AND a.t >= b.t AND true", "1|4|q 3|9|r"),
        // The spelling of others keeps all rows.
        ("ASOF JOIN b MATCH_CONDITION (a.t >= b.t) ON a.k = b.k", "1|4|q 2|| 3|9|r 4|| 5|| 6||"),
        ("ASOF LEFT JOIN b MATCH_CONDITION (a.t > b.t) WHERE x = 6", "6|2|p"),
        ("ASOF JOIN b MATCH_CONDITION (a.t >= b.t) USING (k) WHERE y > ''", "1|4|q 3|9|r"),
    ] {
        let sql = format!("SELECT x, b.t, y FROM a {join} ORDER BY x");
        assert_eq!(answer(&session, &sql).await[1..].join(" "), wanted, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_using_are_those_of_the_left_side() {
    let session = session().await;
    for (sql, rows) in [
        (
            "SELECT * FROM a ASOF JOIN b USING (k, t) ORDER BY x",
            &["x|k|t|y|z", "1|1|5|q|1", "3|2|9|r|0"][..],
        ),
        (
            "SELECT * FROM a ASOF LEFT JOIN b USING (k, t) WHERE k = 1 ORDER BY x",
            &["x|k|t|y|z", "1|1|5|q|1", "2|1|1||", "5|1|||"],
        ),
        ("SELECT t, b.t AS u FROM a ASOF JOIN b USING (k, t) ORDER BY t", &["t|u", "5|4", "9|9"]),
        ("SELECT x, y FROM a ASOF JOIN b USING (t) WHERE x = 6", &["x|y", "6|p"]),
        (
            "SELECT * EXCLUDE (k, y) FROM a ASOF JOIN b USING (k, t) WHERE x < 3",
            &["x|t|z", "1|5|1"],
        ),
        (
            "SELECT * FROM a ASOF JOIN (SELECT k, t, z AS v FROM b) USING (k, t) ORDER BY x",
            &["x|k|t|v", "1|1|5|1", "3|2|9|0"],
        ),
        (
            "SELECT x, t, b.t AS u, c.y FROM a ASOF JOIN b USING (k, t)
             ASOF JOIN b AS c USING (k, t) ORDER BY x",
            &["x|t|u|y", "1|5|4|q", "3|9|9|r"],
        ),
        (
            "SELECT * FROM a ASOF LEFT JOIN b USING (k, t) JOIN w USING (k) ORDER BY x",
            &["k|x|t|y|z|n", "1|1|5|q|1|one", "1|2|1|||one", "1|5||||one", "3|6|3|||three"],
        ),
        (
            "SELECT * FROM a JOIN w USING (k) ASOF JOIN b USING (k, t)",
            &["k|x|t|n|y|z", "1|1|5|one|q|1"],
        ),
    ] {
        assert_eq!(answer(&session, sql).await, rows, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stands_where_other_joins_do() {
    let session = session().await;
    session.collect("CREATE VIEW v AS SELECT * FROM a ASOF JOIN b USING (k, t)").await.unwrap();
    session
        .collect("CREATE TABLE kept AS SELECT x, y FROM a ASOF LEFT JOIN b ON a.t >= b.t")
        .await
        .unwrap();
    for (sql, rows) in [
        ("SELECT x, y FROM v ORDER BY x", &["x|y", "1|q", "3|r"][..]),
        ("SELECT count(*) AS n, count(y) AS m FROM kept", &["n|m", "6|4"]),
        (
            "WITH l AS (SELECT * FROM b WHERE z = 0)
             SELECT a.x, n, l.y FROM a JOIN w ON w.k = a.k ASOF LEFT JOIN l
             ON l.k = a.k AND l.t <= a.t LEFT JOIN v ON v.x = a.x WHERE a.t > 1 ORDER BY 1",
            &["x|n|y", "1|one|p", "6|three|"],
        ),
        (
            "SELECT n FROM w WHERE EXISTS (SELECT 1 FROM a ASOF JOIN b USING (k, t)
             WHERE a.k = w.k)",
            &["n", "one"],
        ),
        (
            "SELECT x, (SELECT max(c.y) FROM b AS d ASOF JOIN b AS c ON d.k = c.k AND d.t > c.t
             WHERE d.k = a.k) AS m FROM a WHERE x < 4 ORDER BY x",
            &["x|m", "1|q", "2|q", "3|"],
        ),
        (
            "SELECT a.x, c.x AS later, y FROM a ASOF LEFT JOIN a AS c ON a.t < c.t AND c.x < 4
             ASOF LEFT JOIN b ON c.t >= b.t AND b.z = 0 WHERE a.x IN (2, 3, 6) ORDER BY x",
            &["x|later|y", "2|1|p", "3||", "6|1|p"],
        ),
        (
            "SELECT x, n FROM a ASOF JOIN (b JOIN w ON w.k = b.k) ON a.t > b.t + 3 ORDER BY x",
            &["x|n", "3|one"],
        ),
        // The words are names elsewhere.
        ("SELECT asof.x FROM a AS asof JOIN w ON w.k = asof.k WHERE x = 6", &["x", "6"]),
        ("SELECT 1 AS asof", &["asof", "1"]),
    ] {
        assert_eq!(answer(&session, sql).await, rows, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_the_first_row_in_the_order_of_the_times() {
    let session = Session::new(None, Settings::default()).unwrap();
    for (name, rows, factor) in [("a", 90, 37), ("b", 70, 53)] {
        let sql = format!(
            "CREATE TABLE {name} AS SELECT value AS id, nullif(value * {factor} % 4, 3) AS k,
             nullif(value * {factor} % 41, 17) AS t FROM range(0, {rows}) AS r (value)"
        );
        session.collect(&sql).await.unwrap();
    }
    let times =
        ["t", "CAST(t AS VARCHAR)", "t * 0.5", "CAST(t AS DOUBLE) - 9", "to_timestamp(t * 60)"];
    let ways = [(">=", "DESC"), (">", "DESC"), ("<=", "ASC"), ("<", "ASC")];
    for time in times {
        for (operator, order) in ways {
            for kind in ["", "LEFT"] {
                for keys in ["a.k = b.k AND ", ""] {
                    let sides = |join: &str| {
                        let of = |name: &str| format!("(SELECT id, k, {time} AS t FROM {name})");
                        format!(
                            "WITH a AS {}, b AS {} SELECT a.id, s.t FROM a {join} ORDER BY id, t",
                            of("a"),
                            of("b")
                        )
                    };
                    let condition = format!("{keys}a.t {operator} b.t");
                    let nearest = sides(&format!(
                        "ASOF {kind} JOIN b AS s ON {}",
                        condition.replace("b.", "s.")
                    ));
                    // By two columns, since by one it would be the same join.
                    let one_by_one = sides(&format!(
                        "{kind} JOIN LATERAL (SELECT b.t FROM b WHERE {condition}
                         ORDER BY b.t {order}, b.id LIMIT 1) AS s ON true"
                    ));
                    let rows = answer(&session, &nearest).await;
                    assert!(rows.len() > 20, "{nearest}");
                    assert_eq!(rows, answer(&session, &one_by_one).await, "{nearest}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_are_compared_in_one_type() {
    let session = Session::new(None, Settings::default()).unwrap();
    for (left, right, wanted) in [
        // Numbers, however they are written.
        ("(1, 10), (1, 9)", "('1', 9.5), ('1', 2.5), ('01', 9.5)", "10|9.5 9|2.5"),
        (
            "(1, DATE '2012-08-27'), (1, DATE '2012-08-29')",
            "(1, TIMESTAMP '2012-08-28 01:00:00'), (1, TIMESTAMP '2012-08-26 01:00:00')",
            "2012-08-27|2012-08-26T01:00:00 2012-08-29|2012-08-28T01:00:00",
        ),
        (
            "(1, TIMESTAMP '2012-08-27 10:00:00')",
            "(1, '2012-08-27 09:00'), (1, '2012-8-3'), (1, '2012-08-27 11:00')",
            "2012-08-27T10:00:00|2012-08-27 09:00",
        ),
        // The last values that there are.
        (
            "(1, 9223372036854775807)",
            "(1, 5), (1, 9223372036854775807)",
            "9223372036854775807|9223372036854775807",
        ),
        ("(1, 9223372036854775807)", "(1, 5), (2, 6)", "9223372036854775807|5"),
        ("(CAST(0 AS DOUBLE), 3)", "(CAST('-0' AS DOUBLE), 1), (CAST(0 AS DOUBLE), 2)", "3|2"),
    ] {
        let sql = format!(
            "SELECT a.t, b.t AS u FROM (VALUES {left}) AS a(k, t) ASOF JOIN (VALUES {right})
             AS b(k, t) ON a.k = b.k AND a.t >= b.t ORDER BY CAST(a.t AS VARCHAR)"
        );
        assert_eq!(answer(&session, &sql).await[1..].join(" "), wanted, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rows_with_equal_times_one_is_found() {
    let session = Session::new(None, Settings::default()).unwrap();
    let many = "(SELECT value % 3 AS k, value % 2 * 10 AS t, value AS y
                FROM range(0, 60) AS r (value))";
    for (operator, wanted) in [(">=", "3|10|10"), (">", "3|10|10"), ("<=", "0||"), ("<", "0||")] {
        let sql = format!(
            "SELECT count(*) AS n, min(b.t) AS low, max(b.t) AS high FROM (VALUES (0, 11), (1, 12),
             (2, 13)) AS a(k, t) ASOF JOIN {many} AS b ON a.k = b.k AND a.t {operator} b.t"
        );
        assert_eq!(answer(&session, &sql).await[1], wanted, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_run_by_range() {
    let session = Session::new(None, Settings::default()).unwrap();
    let side = "(SELECT value % 3 AS k, value AS t FROM range(0, 900) AS r (value))";
    for (keys, kind) in [("a.k = b.k AND ", ""), ("a.k = b.k AND ", "LEFT"), ("", "LEFT")] {
        let sql = format!(
            "EXPLAIN SELECT a.t, b.t AS u FROM {side} a ASOF {kind} JOIN {side} b
             ON {keys}a.t > b.t"
        );
        let plan = answer(&session, &sql).await.join("\n");
        assert!(plan.contains("RangeJoinExec"), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_tell_the_nearest_row_is_refused() {
    let session = session().await;
    for (condition, said) in [
        ("a.k = b.k", "does not say which row"),
        ("a.k = b.k AND b.t > 3", "does not say which row"),
        ("a.k = b.k AND a.t >= b.t AND a.x > b.z", "one comparison"),
        ("a.t BETWEEN b.z AND b.t", "one comparison"),
        ("a.k <> b.k AND a.t >= b.t", "does not compare"),
        ("a.k = b.k OR a.t >= b.t", "does not compare"),
        ("a.x + b.z < 2 AND a.t >= b.t", "does not compare"),
    ] {
        let sql = format!("SELECT x FROM a ASOF JOIN b ON {condition}");
        let error = session.collect(&sql).await.unwrap_err();
        assert!(error.message().contains(said), "{sql}: {error}");
        assert!(error.advice().is_some(), "{sql}: {error}");
    }
    let lateral = "SELECT x FROM a ASOF JOIN LATERAL (SELECT a.x AS t) AS l ON a.t >= l.t";
    let error = session.collect(lateral).await.unwrap_err();
    assert!(error.message().contains("does not depend"), "{error}");
    assert_eq!(error.place().column, Some(17), "{error}");
}
