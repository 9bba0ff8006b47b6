//! What is computed once, and that it is.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use crate::engine::answers::{answer, value};
use crate::engine::script;
use crate::engine::{Params, Session, Settings};

const PAIRS: &str = "SELECT count(*) AS k FROM c JOIN c AS d ON c.n = d.n";

async fn session() -> Session {
    let session = Session::new(None, Settings::default()).unwrap();
    let rows = "(VALUES (1, 'a'), (2, 'b')) AS t(n, g)";
    session.collect(&format!("CREATE TABLE t AS SELECT * FROM {rows}")).await.unwrap();
    session
}

/// What EXPLAIN says of `sql`, or EXPLAIN ANALYZE.
async fn explained(session: &Session, explain: &str, sql: &str) -> String {
    let batches = session.collect(&format!("{explain} {sql}")).await;
    pretty_format_batches(&batches.unwrap_or_else(|error| panic!("{sql}: {error}")))
        .unwrap()
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_long_is_computed_once_and_what_is_asked_for() {
    let session = session().await;
    for (with, is_once) in [
        ("c AS (SELECT n, count(*) AS k FROM t GROUP BY n)", true),
        ("c AS (SELECT DISTINCT n FROM t)", true),
        ("c AS (SELECT n, sum(n) OVER (ORDER BY n) AS s FROM t)", true),
        ("c AS (SELECT n FROM t ORDER BY n LIMIT 1)", true),
        ("c AS (SELECT a.n FROM t AS a JOIN t AS b ON a.n = b.n)", true),
        ("c AS (SELECT n FROM t UNION ALL SELECT n FROM t)", true),
        ("c AS (SELECT unnest(make_array(n, 2)) AS n FROM t)", true),
        ("c AS MATERIALIZED (SELECT n FROM t)", true),
        ("c(n) AS MATERIALIZED (SELECT n FROM t)", true),
        ("c AS (SELECT n + 1 AS n FROM t WHERE n > 0 ORDER BY n)", false),
        ("c AS (SELECT n FROM t WHERE n >= (SELECT max(n) FROM t))", false),
        ("c AS NOT MATERIALIZED (SELECT DISTINCT n FROM t)", false),
        ("b AS (SELECT n FROM t), c AS (SELECT n FROM b)", false),
        // Its rows would be others for each use.
        ("c AS NOT MATERIALIZED (SELECT random() AS n FROM t)", true),
    ] {
        let plan = explained(&session, "EXPLAIN", &format!("WITH {with} {PAIRS}")).await;
        assert_eq!(plan.contains("ComputedOnceExec: c"), is_once, "{with}\n{plan}");
        assert!(!plan.contains("computed once"), "{with}\n{plan}");
    }
    let used_once = "WITH c AS MATERIALIZED (SELECT DISTINCT n FROM t) SELECT n FROM c";
    let plan = explained(&session, "EXPLAIN", used_once).await;
    assert!(!plan.contains("ComputedOnceExec"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_computed_is_shown_and_measured_below_one_use() {
    let session = session().await;
    let sql = "WITH c AS (SELECT n, count(*) AS k FROM t GROUP BY n)
               SELECT c.k FROM c JOIN c AS d ON c.n = d.n JOIN c AS e ON d.n = e.n";
    for explain in ["EXPLAIN", "EXPLAIN ANALYZE"] {
        let plan = explained(&session, explain, sql).await;
        let count = |what: &str| plan.matches(what).count();
        assert_eq!(count("ComputedOnceExec: c"), 3, "{plan}");
        assert_eq!(count("ComputedOnceExec: c, again"), 2, "{plan}");
        assert!([1, 2].contains(&count("AggregateExec")), "{plan}");
    }
    let plan = explained(&session, "EXPLAIN ANALYZE", sql).await;
    assert!(plan.contains("ComputedOnceExec: c, metrics=[output_rows=2"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_columns_that_some_use_wants_are_read() {
    let session = session().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.parquet").display().to_string();
    let rows = "SELECT value AS a, value * 2 AS b, 'x' AS wide FROM range(0, 10) AS r (value)";
    session.collect(&format!("COPY ({rows}) TO '{file}'")).await.unwrap();
    let with = format!("WITH c AS (SELECT * FROM '{file}' ORDER BY a LIMIT 5)");
    for (uses, columns, is) in [
        ("SELECT sum(c.b) AS s FROM c JOIN c AS d ON c.a = d.a WHERE d.b > 2", "a, b", "18"),
        ("SELECT (SELECT sum(a) FROM c) + (SELECT max(b) FROM c) AS s", "a, b", "18"),
        ("SELECT (SELECT count(*) FROM c) + (SELECT max(a) FROM c) AS s", "a", "9"),
    ] {
        let sql = format!("{with} {uses}");
        let plan = explained(&session, "EXPLAIN", &sql).await;
        assert!(plan.contains("ComputedOnceExec"), "{plan}");
        let projection = format!("projection=[{columns}]");
        let reads = |line: &str| line.contains("DataSourceExec") && line.contains(&projection);
        assert!(plan.lines().any(reads), "{plan}");
        assert!(!plan.contains("wide"), "{plan}");
        assert_eq!(value(&session, &sql).await, is, "{sql}");
    }
    let counted = format!("{with} SELECT count(*) AS k FROM c, c AS d");
    assert_eq!(value(&session, &counted).await, "25");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_statement_computes_anew_and_each_view_its_own() {
    let session = session().await;
    let chance = "WITH c AS (SELECT random() AS n) SELECT c.n AS a, d.n AS b FROM c, c AS d";
    session.collect(&format!("CREATE VIEW v AS {chance}")).await.unwrap();
    assert_eq!(value(&session, "SELECT a = b AS same FROM v").await, "true");
    let [one, other] = ["SELECT a FROM v"; 2];
    assert_ne!(value(&session, one).await, value(&session, other).await);
    for (view, function) in [("lowest", "min"), ("highest", "max")] {
        let sql = format!("WITH c AS (SELECT {function}(n) AS n FROM t)");
        let sql = format!("CREATE VIEW {view} AS {sql} SELECT c.n FROM c JOIN c AS d ON c.n = d.n");
        session.collect(&sql).await.unwrap();
    }
    let both = "WITH c AS (SELECT sum(n) AS n FROM t)
                SELECT lowest.n AS a, highest.n AS b, c.n AS c, d.n AS d
                FROM lowest, highest, c, c AS d";
    assert_eq!(answer(&session, both).await, ["a|b|c|d", "1|2|3|3"]);
    let sql = format!("CREATE TABLE made AS WITH c AS (SELECT random() AS n FROM t) {PAIRS}");
    session.collect(&sql).await.unwrap();
    assert_eq!(value(&session, "SELECT k FROM made").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_of_one_name_are_not_taken_for_one_another() {
    let session = session().await;
    let of = |function: &str| {
        format!(
            "(WITH c AS (SELECT {function}(n) AS n FROM t)
              SELECT sum(c.n) FROM c JOIN c AS d ON c.n = d.n)"
        )
    };
    let sql = format!("SELECT {} AS a, {} AS b", of("min"), of("max"));
    assert_eq!(answer(&session, &sql).await, ["a|b", "1|2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_may_stand_beside_rows_of_a_query_around_it() {
    let session = session().await;
    let sql = "WITH c AS (SELECT max(n) AS n FROM t)
               SELECT n, (SELECT c.n FROM c WHERE c.n > t.n) AS a,
                   (SELECT c.n + 1 FROM c WHERE c.n = t.n) AS b
               FROM t ORDER BY n";
    assert_eq!(answer(&session, sql).await, ["n|a|b", "1|2|", "2||3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recursive_query_reads_its_last_rows_once() {
    let session = session().await;
    for step in [
        "SELECT n + 1 FROM r WHERE n < (SELECT max(n) + 2 FROM r) AND n < 4",
        "SELECT n + 1 FROM r WHERE n IN (SELECT n FROM r) AND n < 4",
        "SELECT n + 1 FROM r WHERE EXISTS (SELECT 1 FROM r AS s WHERE s.n > r.n)",
        "SELECT 4 FROM t WHERE n > 1 AND (SELECT max(n) FROM r) < 4",
        "SELECT n FROM t WHERE n IN (SELECT n + 1 FROM r)",
        "SELECT n FROM t WHERE EXISTS (SELECT 1 FROM r WHERE r.n = t.n - 1)",
    ] {
        let sql = format!("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL {step}) SELECT * FROM r");
        let error = session.collect(&sql).await.unwrap_err();
        assert!(error.message().contains("r asks for its own rows"), "{sql}: {error}");
        assert!(error.advice().unwrap_or_default().contains("once behind UNION"), "{error}");
    }
    for (step, found) in [
        ("SELECT n + 1 FROM r WHERE n < 4", "10"),
        ("SELECT n + 1 FROM (SELECT n, max(n) OVER () AS m FROM r) WHERE m < 4", "10"),
        ("SELECT n + 1 FROM r WHERE n < (SELECT max(n) FROM t)", "3"),
        ("SELECT t.n FROM t JOIN r ON r.n = t.n - 1", "3"),
    ] {
        let sql =
            format!("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL {step}) SELECT sum(n) AS s FROM r");
        assert_eq!(value(&session, &sql).await, found, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_said_once() {
    let session = session().await;
    let failing = "SELECT DISTINCT CAST(g AS INT) AS n FROM t";
    let alone = session.collect(failing).await.unwrap_err();
    let error = session.collect(&format!("WITH c AS ({failing}) {PAIRS}")).await.unwrap_err();
    assert_eq!(error.message(), alone.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_fit_into_memory_are_read_from_files() {
    let settings = Settings { memory_limit: Some(4 << 20), ..Settings::default() };
    let session = Session::new(None, settings).unwrap();
    let rows = "SELECT value AS n, value % 7 AS g FROM range(0, 300000) AS r (value)";
    let sql = format!(
        "WITH c AS MATERIALIZED ({rows})
         SELECT (SELECT sum(n) FROM c) AS s, (SELECT count(*) FROM c WHERE g = 3) AS k"
    );
    assert_eq!(answer(&session, &sql).await, ["s|k", "44999850000|42857"]);
    let plan = explained(&session, "EXPLAIN ANALYZE", &sql).await;
    let once = plan.lines().find(|line| line.contains("ComputedOnceExec: c, metrics")).unwrap();
    assert!(once.contains("spill_count=") && !once.contains("spill_count=0"), "{plan}");
}

/// An aggregate gives its groups as slices of the same columns.
#[tokio::test(flavor = "multi_thread")]
async fn slices_of_the_same_columns_are_counted_once() {
    let settings = Settings { memory_limit: Some(1 << 30), threads: 1, ..Settings::default() };
    let session = Session::new(None, settings).unwrap();
    session.collect("SET datafusion.execution.batch_size = 512").await.unwrap();
    let sql = "WITH c AS (SELECT value * 7 % 200001 AS n, count(*) AS k
                          FROM range(0, 150000) AS r (value) GROUP BY 1)
               SELECT (SELECT max(n) FROM c) AS m, (SELECT sum(k) FROM c) AS s";
    let plan = explained(&session, "EXPLAIN ANALYZE", sql).await;
    let once = plan.lines().find(|line| line.contains("ComputedOnceExec: c, metrics")).unwrap();
    assert!(!once.contains("spill_count=") || once.contains("spill_count=0"), "{once}");
}

/// Rows that never come.
#[derive(Debug)]
struct Never {
    schema: SchemaRef,
    /// Held by all that wait for them, too.
    alive: Arc<()>,
}

impl PartitionStream for Never {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let alive = Arc::clone(&self.alive);
        let rows = futures::stream::once(async move {
            let _alive = alive;
            std::future::pending::<Result<RecordBatch>>().await
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_on_when_nobody_waits() {
    let session = session().await;
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let alive = Arc::new(());
    let never = Never { schema: Arc::clone(&schema), alive: Arc::clone(&alive) };
    let table = StreamingTable::try_new(schema, vec![Arc::new(never)]).unwrap();
    session.context().register_table("never", Arc::new(table)).unwrap();
    let sql = format!("WITH c AS MATERIALIZED (SELECT n FROM never) {PAIRS}");
    let statements = script::parse(&sql, None).unwrap();
    let answer = session.run(&statements[0], &Params::new()).await.unwrap();
    let until = |waits: bool| {
        let alive = Arc::clone(&alive);
        let reached = async move {
            // The test has three of them.
            while (Arc::strong_count(&alive) > 3) != waits {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached)
    };
    until(true).await.unwrap();
    drop(answer);
    until(false).await.unwrap();
}
