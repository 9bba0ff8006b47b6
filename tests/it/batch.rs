//! Batch runs: every result is whole and as promised, or the last one stays.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeZone, Utc};
use datafusion::arrow::array::{
    ArrayRef, RecordBatch, StringViewArray, TimestampMicrosecondArray, new_null_array,
};
use weiku::batch::{self, Lines, Options, RUN_FILE, RunPlan, RunRecord, Status, Summary};
use weiku::chart::Picture;
use weiku::model::ACCOUNTS;
use weiku::queries::{Clock, Library};
use weiku::{Database, Error};

/// A database, a folder of saved queries and an output folder.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) database: Database,
}

impl World {
    /// A database of three accounts and these saved queries.
    pub(crate) async fn new(queries: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::create(&folder.path().join("db")).await.unwrap();
        let world = Self { folder, database };
        world.add(&[("1", "外交部"), ("2", "外交部"), ("3", "公安部")]).await;
        for (name, text) in queries {
            world.write(name, text);
        }
        world
    }

    /// Adds accounts: id and organization.
    pub(crate) async fn add(&self, accounts: &[(&str, &str)]) {
        let text = |column: fn(&(&str, &str)) -> String| -> ArrayRef {
            Arc::new(StringViewArray::from_iter_values(accounts.iter().map(column)))
        };
        let count = accounts.len();
        let columns = ACCOUNTS.columns.iter().map(|column| match column.name {
            "platform" => text(|_| "weibo".to_owned()),
            "account_id" => text(|account| account.0.to_owned()),
            "organization" => text(|account| account.1.to_owned()),
            "observed_at" => {
                Arc::new(TimestampMicrosecondArray::from(vec![0; count]).with_timezone("UTC"))
            }
            _ => new_null_array(&column.kind.data_type(), count),
        });
        let batch = RecordBatch::try_new(ACCOUNTS.schema(), columns.collect()).unwrap();
        let mut transaction = self.database.store().unwrap().begin().await.unwrap();
        transaction.append(&ACCOUNTS, batch).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Writes the saved query `name`.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.queries().join(format!("{name}.sql"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn queries(&self) -> std::path::PathBuf {
        self.folder.path().join("queries")
    }

    pub(crate) fn out(&self) -> std::path::PathBuf {
        self.folder.path().join("out")
    }

    pub(crate) fn library(&self) -> Library {
        Library::of_folders(vec![self.queries()])
    }

    pub(crate) fn options(&self) -> Options {
        Options { folder: Some(self.out()), ..Options::default() }
    }

    pub(crate) fn plan(&self, wanted: &[&str], options: Options) -> Result<RunPlan, Error> {
        self.plan_at(wanted, options, &clock())
    }

    /// What is planned at the time of `clock`.
    pub(crate) fn plan_at(
        &self,
        wanted: &[&str],
        options: Options,
        clock: &Clock,
    ) -> Result<RunPlan, Error> {
        let mut wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        if wanted.is_empty() && !options.rerun_failed {
            wanted.push(self.queries().display().to_string());
        }
        RunPlan::new(&self.library(), &wanted, options, clock)
    }

    /// Runs everything with `options`, and gives what was told.
    pub(crate) async fn run(&self, options: Options) -> (Summary, String) {
        let plan = self.plan(&[], options).unwrap();
        let mut talk = Vec::new();
        let mut lines = Lines::new(&mut talk, Box::new(std::io::sink()));
        let summary = batch::run(&self.database, &plan, &mut lines).await.unwrap();
        (summary, String::from_utf8(talk).unwrap())
    }

    pub(crate) fn output(&self, name: &str) -> String {
        fs::read_to_string(self.out().join(name)).unwrap()
    }

    fn hidden_files(&self) -> usize {
        let names = fs::read_dir(self.out()).unwrap().map(|item| item.unwrap().file_name());
        let halves = names.filter(|name| name.to_string_lossy().ends_with(".part"));
        halves.count()
    }
}

pub(crate) fn clock() -> Clock {
    Clock::new(Utc.with_ymd_and_hms(2012, 8, 27, 2, 0, 0).unwrap(), "Asia/Shanghai").unwrap()
}

fn statuses(record: &RunRecord) -> Vec<(&str, Status)> {
    record.queries.iter().map(|query| (query.name.as_str(), query.status)).collect()
}

fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

const BY_ORGANIZATION: &str = "/*---
title = \"Accounts per organization\"
expect = [ { rows = \">= 1\" }, { unique = [\"organization\"] } ]
---*/
SELECT organization, count(*) AS accounts FROM accounts
GROUP BY organization ORDER BY accounts DESC, organization";

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_gives_the_same_files_however_many_run_side_by_side() {
    let mut queries: Vec<(String, String)> = (0..12)
        .map(|n| {
            (format!("q{n:02}"), format!("SELECT {n} AS n, account_id FROM accounts ORDER BY 2"))
        })
        .collect();
    queries.push(("deep/er/orgs".to_owned(), BY_ORGANIZATION.to_owned()));
    let queries: Vec<(&str, &str)> =
        queries.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let world = World::new(&queries).await;

    let (one, told_one) = world.run(world.options()).await;
    let bytes = |record: &RunRecord| -> BTreeMap<String, String> {
        let files = record.queries.iter().map(|query| query.output.clone().unwrap());
        files.map(|file| (file.clone(), world.output(&file))).collect()
    };
    let first = bytes(&one.record);
    let (four, told_four) = world.run(Options { jobs: 4, fresh: true, ..world.options() }).await;

    assert_eq!((one.exit_code(), four.exit_code()), (0, 0));
    assert_eq!(statuses(&one.record), statuses(&four.record));
    assert_eq!(first, bytes(&four.record));
    assert_eq!(first["deep/er/orgs.csv"], "organization,accounts\n外交部,2\n公安部,1\n");
    let names = |told: &str| -> Vec<String> {
        told.lines().map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(names(&told_one), names(&told_four));

    let record: serde_json::Value = serde_json::from_str(&world.output(RUN_FILE)).unwrap();
    let query = &record["queries"][12];
    assert_eq!(query["name"], "deep/er/orgs");
    assert_eq!(query["status"], "ok");
    assert_eq!(query["rows"], 2);
    assert_eq!(query["columns"][1]["name"], "accounts");
    assert_eq!(query["tables"]["accounts"], 1);
    assert_eq!(query["result_sha256"].as_str().unwrap().len(), 64);
    assert!(query["bytes_read"].as_u64().unwrap() > 0, "{query}");
    assert!(query["peak_memory"].as_u64().unwrap() > 0, "grouping holds memory: {query}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nights_with_changes_a_failure_and_a_kill_never_harm_the_last_result() {
    let world =
        World::new(&[("orgs", BY_ORGANIZATION), ("names", "SELECT account_id FROM posts")]).await;
    world.write("names", "SELECT account_id FROM accounts ORDER BY 1");

    // The first night.
    let (night, _) = world.run(world.options()).await;
    assert_eq!(statuses(&night.record), [("names", Status::Ok), ("orgs", Status::Ok)]);

    // The second: nothing has changed, and a kill has left half a file behind.
    fs::write(world.out().join(".orgs.csv.x.part"), "organ").unwrap();
    let (night, told) = world.run(world.options()).await;
    assert_eq!(statuses(&night.record), [("names", Status::Reused), ("orgs", Status::Reused)]);
    assert_eq!(world.hidden_files(), 0);
    assert!(told.contains("nothing has changed"), "{told}");

    // The third: new rows.
    world.add(&[("4", "卫生部")]).await;
    let (night, _) = world.run(world.options()).await;
    assert_eq!(statuses(&night.record), [("names", Status::Ok), ("orgs", Status::Ok)]);
    assert_eq!(world.output("names.csv"), "account_id\n1\n2\n3\n4\n");

    // The fourth: a query is broken; its file is that of the night before.
    world.write("names", "SELECT acount_id FROM accounts");
    let (night, told) =
        world.run(Options { keep_going: true, fresh: true, ..world.options() }).await;
    assert_eq!(statuses(&night.record), [("names", Status::Failed), ("orgs", Status::Ok)]);
    assert_eq!(night.exit_code(), 1);
    assert!(told.contains("names.sql:1:8: "), "{told}");
    assert!(told.contains("names.csv is still that of an earlier run"), "{told}");
    assert!(night.record.queries[0].stale);
    assert_eq!(world.output("names.csv"), "account_id\n1\n2\n3\n4\n");

    // The fifth: mended, and only that runs again.
    world.write("names", "SELECT account_id FROM accounts WHERE account_id > '2' ORDER BY 1");
    let (night, told) = world.run(Options { rerun_failed: true, ..world.options() }).await;
    assert_eq!(statuses(&night.record), [("names", Status::Ok), ("orgs", Status::Ok)]);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert_eq!(world.output("names.csv"), "account_id\n3\n4\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_breaks_its_promise_does_not_replace_the_last_one() {
    let world = World::new(&[("orgs", BY_ORGANIZATION)]).await;
    world.run(world.options()).await;
    let before = world.output("orgs.csv");
    world.write(
        "orgs",
        "/*---
expect = [
  { rows = 3 },
  { unique = [\"organization\"] },
  { not_null = [\"nothing\"] },
  { range = [1, 1], column = \"n\" },
  { accepted = [\"外交部\"], column = \"organization\" },
  { value = 2, column = \"n\", where = { organization = \"外交部\" } },
  { none = \"SELECT * FROM result WHERE n > 1\" },
  { orgaization = 1 },
]
---*/
SELECT organization, count(*) AS n, NULL AS nothing FROM accounts GROUP BY organization ORDER BY 1",
    );
    let error = world.plan(&[], world.options()).unwrap_err().to_string();
    assert!(error.contains("orgs.sql:10:5: unknown key `orgaization`"), "{error}");
    let text = fs::read_to_string(world.queries().join("orgs.sql")).unwrap();
    world.write("orgs", &text.replace("  { orgaization = 1 },\n", ""));

    let (summary, told) = world.run(world.options()).await;
    assert_eq!(summary.exit_code(), 3);
    assert_eq!(world.output("orgs.csv"), before);
    assert_eq!(world.hidden_files(), 0);
    let failures: Vec<Option<&str>> = summary.record.queries[0]
        .expectations
        .iter()
        .map(|verdict| verdict.failure.as_deref())
        .collect();
    assert_eq!(
        failures,
        [
            Some("there are 2"),
            None,
            Some(
                "found organization = \"公安部\", n = 1, nothing = NULL; organization = \"外交部\", n = 2, nothing = NULL"
            ),
            Some("found organization = \"外交部\", n = 2, nothing = NULL"),
            Some("found organization = \"公安部\", n = 1, nothing = NULL"),
            None,
            Some("organization = \"外交部\", n = 2, nothing = NULL"),
        ]
    );
    assert!(told.contains("orgs.sql:3: expected: exactly 3 rows; there are 2"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_break_a_promise_lie_beside_the_result_until_it_holds() {
    let world = World::new(&[]).await;
    let checked = |rows: u32| {
        format!(
            "/*---
expect = [
  {{ rows = \">= 1\" }},
  {{ unique = [\"who\"] }},
  {{ not_null = [\"n\"] }},
  {{ none = \"SELECT n AS large FROM result WHERE n > 1\" }},
]
---*/
SELECT value AS n, CASE WHEN value <= 1 THEN '外交部' ELSE 'x' || value END AS who
FROM generate_series(1, {rows}) AS t(value) ORDER BY value"
        )
    };
    let kept = || -> Vec<String> {
        let names = fs::read_dir(world.out().join("deep")).unwrap();
        let names = names.map(|item| item.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let broken = checked(3000)
        .replace("SELECT value AS n", "SELECT nullif(value, 3) AS n")
        .replace("value <= 1", "value % 1000 = 0");
    world.write("deep/orgs", &broken);
    let (summary, told) = world.run(world.options()).await;
    assert_eq!(summary.exit_code(), 3);
    let files = ["orgs.unexpected-2.csv", "orgs.unexpected-3.csv", "orgs.unexpected-4.csv"];
    assert_eq!(kept(), files);
    assert_eq!(
        world.output("deep/orgs.unexpected-2.csv"),
        "n,who\n1000,外交部\n2000,外交部\n3000,外交部\n"
    );
    assert_eq!(world.output("deep/orgs.unexpected-3.csv"), "n,who\n,x3\n");
    let large = world.output("deep/orgs.unexpected-4.csv");
    assert!(large.starts_with("large\n2\n4\n") && large.lines().count() == 1001);
    for line in [
        "who is unique; found who = \"外交部\", number of rows = 3\n",
        "    the 3 rows are in deep/orgs.unexpected-2.csv\n",
        "    the row is in deep/orgs.unexpected-3.csv\n",
        "large = 2; large = 4; large = 5; and 2,995 more\n",
        "    the first 1000 of 2,998 rows are in deep/orgs.unexpected-4.csv\n",
    ] {
        assert!(told.contains(line), "{line}{told}");
    }
    let verdicts = &RunRecord::read(&world.out()).unwrap().unwrap().queries[0].expectations;
    let rows: Vec<Option<u64>> = verdicts.iter().map(|verdict| verdict.rows).collect();
    assert_eq!(rows, [None, Some(3), Some(1), Some(2998)]);
    assert_eq!(verdicts[1].output.as_deref(), Some("deep/orgs.unexpected-2.csv"));

    // Those of a promise that holds by now go, and a failure leaves them.
    world.write("deep/orgs", &checked(2));
    world.run(world.options()).await;
    assert_eq!(kept(), ["orgs.unexpected-4.csv"]);
    assert_eq!(world.output("deep/orgs.unexpected-4.csv"), "large\n2\n");
    world.write("deep/orgs", "SELECT no_such");
    world.run(world.options()).await;
    assert_eq!(kept(), ["orgs.unexpected-4.csv"]);
    world.write("deep/orgs", &checked(1));
    let json = Options { format: Some("jsonl".to_owned()), ..world.options() };
    let (summary, _) = world.run(json).await;
    assert_eq!((summary.exit_code(), kept()), (0, vec!["orgs.jsonl".to_owned()]));

    // Of a promise about the whole result, all of it is to blame.
    let whole =
        "/*---\nexpect = [ { value = 9, column = \"n\", where = { n = 1 } }, { rows = 3 } ]\n---*/
SELECT value AS n FROM generate_series(1, 2) AS t(value) ORDER BY 1";
    world.write("deep/orgs", whole);
    let (_, told) = world.run(world.options()).await;
    assert!(
        told.contains("there are 2\n    the 2 rows are in deep/orgs.unexpected-2.csv\n"),
        "{told}"
    );
    for name in ["deep/orgs.unexpected-1.csv", "deep/orgs.unexpected-2.csv"] {
        assert_eq!(world.output(name), "n\n1\n2\n");
    }
    let twins = "/*---\nexpect = [ { rows = 9 } ]\n---*/
SELECT * FROM accounts a JOIN accounts b USING (account_id) ORDER BY account_id";
    world.write("deep/orgs", twins);
    let (_, told) = world.run(world.options()).await;
    assert!(
        told.contains("there are 3\n    the 3 rows are in deep/orgs.unexpected-1.csv\n"),
        "{told}"
    );
    world.write("deep/orgs", &checked(1));
    world.run(world.options()).await;
    assert_eq!(kept(), ["orgs.csv", "orgs.jsonl"]);

    // Without a folder the first of them are told.
    world.write("deep/orgs", &checked(5));
    let (summary, told) = world.run(Options { folder: None, check: true, ..world.options() }).await;
    assert_eq!((summary.exit_code(), kept().len()), (3, 2));
    assert!(told.ends_with("large = 2; large = 3; large = 4; and 1 more\n"), "{told}");
    world.write("deep/orgs.unexpected-4", "SELECT 1 AS one");
    let error = world.plan(&[], world.options()).unwrap_err().to_string();
    assert!(error.contains("the place of rows that break an expectation"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_promised_of_some_databases_is_not_asked_of_others() {
    let orgs = |condition: &str| {
        format!(
            "/*---
expect = [
  {{ unique = [\"organization\"] }},
  {{ when = \"{condition}\", expect = [ {{ rows = 2 }}, {{ not_null = [\"organization\"] }} ] }},
]
---*/
SELECT DISTINCT organization FROM accounts WHERE account_id < '9' ORDER BY 1"
        )
    };
    let few_posts = "SELECT 1 FROM posts HAVING count(*) < 1";
    let world = World::new(&[("orgs", &orgs(few_posts))]).await;
    let applies = |summary: &Summary| -> Vec<bool> {
        summary.record.queries[0].expectations.iter().map(|verdict| verdict.applies).collect()
    };
    let (summary, _) = world.run(world.options()).await;
    assert_eq!((summary.exit_code(), applies(&summary)), (0, vec![true; 3]));
    world.add(&[("4", "卫生部")]).await;
    let (summary, told) = world.run(world.options()).await;
    assert_eq!(summary.exit_code(), 3);
    assert!(told.contains("orgs.sql:4: expected: exactly 2 rows; there are 3"), "{told}");

    world.write("orgs", &orgs("SELECT 1 FROM accounts HAVING count(*) < 4"));
    let (summary, _) = world.run(world.options()).await;
    assert_eq!((summary.exit_code(), applies(&summary)), (0, vec![true, false, false]));
    let line = summary.line();
    let counts = "1 query: 1 ok; 2 expectations of other databases, not looked at; ";
    assert!(line.starts_with(counts), "{line}");
    // The tables of the condition count among those that must not have changed.
    world.write("orgs", &orgs(few_posts).replace("rows = 2", "rows = 3"));
    let (summary, _) = world.run(world.options()).await;
    let record = &summary.record.queries[0];
    assert_eq!((record.status, record.tables.contains_key("posts")), (Status::Ok, true));
    let (summary, _) = world.run(world.options()).await;
    assert_eq!(summary.record.queries[0].status, Status::Reused);

    for (condition, fault) in [
        ("SELECT 1 FROM nowhere", "orgs.sql:4:12: the condition cannot be asked: no table"),
        (
            "CREATE TABLE t AS SELECT 1",
            "orgs.sql:4:12: the condition cannot be asked: it is no SELECT",
        ),
        (
            "SELECT 1; SELECT 2",
            "orgs.sql:4:12: the condition cannot be asked: it is not one statement",
        ),
    ] {
        world.write("orgs", &orgs(condition));
        let (summary, told) = world.run(world.options()).await;
        assert_eq!(summary.exit_code(), 1, "{told}");
        assert!(told.contains(fault), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_is_one_result_with_the_parameter_as_its_first_column() {
    let world = World::new(&[(
        "sweep",
        "/*---
params.n = { type = \"int\" }
params.day = { type = \"date\", default = \"today\" }
---*/
SELECT $n * 10 AS tens, $day AS day",
    )])
    .await;
    let (summary, _) = world
        .run(Options {
            given: given(&[("n", "1,3"), ("day", "2012-08-31..2012-09-01")]),
            ..world.options()
        })
        .await;
    assert_eq!(summary.exit_code(), 0);
    assert_eq!(
        world.output("sweep.csv"),
        "n,param_day,tens,day\n1,2012-08-31,10,2012-08-31\n1,2012-09-01,10,2012-09-01\n3,2012-08-31,30,2012-08-31\n3,2012-09-01,30,2012-09-01\n"
    );
    assert_eq!(summary.record.queries[0].params["n"], serde_json::json!([1, 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn points_that_run_side_by_side_give_their_rows_in_order() {
    let world = World::new(&[(
        "sweep",
        "/*---
params.n = { type = \"int\" }
---*/
SELECT count(*) AS many FROM generate_series(1, 200000) AS t(v) WHERE v * $n <= 200000",
    )])
    .await;
    let sweep =
        |jobs| Options { given: given(&[("n", "1..40")]), jobs, fresh: true, ..world.options() };
    world.run(sweep(1)).await;
    let alone = world.output("sweep.csv");
    assert!(alone.starts_with("n,many\n1,200000\n2,100000\n"), "{alone}");
    let (summary, told) = world.run(sweep(4)).await;
    assert_eq!((summary.exit_code(), world.output("sweep.csv")), (0, alone), "{told}");
}

/// Adds an account when the query called `b` begins.
struct Adding<'a>(&'a World);

impl batch::Output for Adding<'_> {
    fn started(&mut self, name: &str) {
        if name == "b" {
            let add = self.0.add(&[("9", "卫生部")]);
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(add));
        }
    }

    fn finished(&mut self, _: &batch::QueryRecord, _: Option<&Error>) -> weiku::Result<()> {
        Ok(())
    }

    fn passed_over(&mut self, _: &[&batch::QueryRecord], _: &str) -> weiku::Result<()> {
        Ok(())
    }

    fn data(&mut self) -> weiku::render::Sink {
        Box::new(std::io::sink())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_queries_of_a_run_read_the_data_of_its_beginning() {
    let count = "SELECT count(*) AS n FROM accounts";
    let world = World::new(&[("a", count), ("b", count)]).await;
    let plan = world.plan(&[], world.options()).unwrap();
    let summary = batch::run(&world.database, &plan, &mut Adding(&world)).await.unwrap();
    assert_eq!(world.output("a.csv"), world.output("b.csv"));
    let read = summary.record.queries[1].tables["accounts"];
    let now = world.database.store().unwrap().versions().await.unwrap()["accounts"];
    assert!(now > read, "{now} is newer than {read}");
    let (_, told) = world.run(world.options()).await;
    assert_eq!(world.output("b.csv"), "n\n4\n", "{told}");
}

const CHARTED: &str = "/*---
chart = { kind = \"bar\", x = \"organization\", y = \"n\" }
---*/
SELECT organization, count(*) AS n FROM accounts GROUP BY 1 ORDER BY 1";

#[tokio::test(flavor = "multi_thread")]
async fn charts_are_written_beside_the_results_that_have_one() {
    let world = World::new(&[("charted", CHARTED), ("plain", "SELECT 1 AS one")]).await;
    let options = Options { charts: Some(Picture::Svg), ..world.options() };
    let (summary, told) = world.run(options.clone()).await;
    assert_eq!(summary.exit_code(), 0, "{told}");
    let chart = |at: usize| summary.record.queries[at].chart.as_deref();
    assert_eq!((chart(0), chart(1)), (Some("charted.svg"), None));
    assert!(world.output("charted.svg").contains("外交部"));

    // What is there is used again, and what is not is drawn.
    let (again, _) = world.run(options.clone()).await;
    assert_eq!(again.record.queries[0].status, Status::Reused);
    fs::remove_file(world.out().join("charted.svg")).unwrap();
    let (again, _) = world.run(options.clone()).await;
    assert_eq!(again.record.queries[0].status, Status::Ok);

    world.write("charted", &CHARTED.replace("y = \"n\"", "y = \"m\""));
    let (summary, told) = world.run(options.clone()).await;
    assert_eq!(summary.exit_code(), 1);
    assert!(told.contains("charted.sql:2: the result has no column `m`"), "{told}");
    let error = world.plan(&[], Options { folder: None, ..options }).unwrap_err().to_string();
    assert!(error.contains("need a folder"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_query_goes_to_a_file_or_a_picture_by_its_suffix() {
    let world = World::new(&[("charted", CHARTED), ("plain", "SELECT 1 AS one")]).await;
    let to = |name: &str| Options {
        folder: None,
        file: Some(world.queries().join(name)),
        ..Options::default()
    };
    for (name, start) in [("x.jsonl", "{\"organization\""), ("x.svg", "<svg ")] {
        let plan = world.plan(&["charted"], to(name)).unwrap();
        let mut sink = std::io::sink();
        let mut lines = Lines::new(&mut sink, Box::new(std::io::sink()));
        let summary = batch::run(&world.database, &plan, &mut lines).await.unwrap();
        assert_eq!(summary.exit_code(), 0);
        let text = fs::read_to_string(world.queries().join(name)).unwrap();
        assert!(text.starts_with(start), "{text}");
    }
    let error = world.plan(&["plain"], to("x.png")).unwrap_err().to_string();
    assert!(error.contains("plain has no chart to draw"), "{error}");
    let error = world.plan(&[], to("x.csv")).unwrap_err().to_string();
    assert!(error.contains("2 queries need a folder"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_found_by_a_path_with_dots() {
    let world = World::new(&[("a", "SELECT count(*) AS n FROM accounts")]).await;
    let roundabout = world.queries().join("../queries/../db");
    let database = Database::open(&roundabout).await.unwrap();
    let plan = world.plan(&[], world.options()).unwrap();
    let mut sink = std::io::sink();
    let mut lines = Lines::new(&mut sink, Box::new(std::io::sink()));
    batch::run(&database, &plan, &mut lines).await.unwrap();
    assert_eq!(world.output("a.csv"), "n\n3\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_the_databases_own_decide_and_a_change_of_them_is_a_change() {
    let world = World::new(&[("kind", "SELECT post_style('喵') AS kind")]).await;
    world.run(world.options()).await;
    assert_eq!(world.output("kind.csv"), "kind\nnews\n");
    let words = world.folder.path().join("db/dictionaries");
    fs::create_dir(&words).unwrap();
    fs::write(words.join("emergency.txt"), "喵\n").unwrap();
    let (night, _) = world.run(world.options()).await;
    assert_eq!(world.output("kind.csv"), "kind\nemergency\n");
    assert_eq!(night.record.dictionaries.unwrap().len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_do_not_write_to_one_folder_at_a_time() {
    let world = World::new(&[("a", "SELECT 1 AS one")]).await;
    world.run(world.options()).await;
    let lock = fs::File::options().write(true).open(world.out().join(".run.lock")).unwrap();
    lock.lock().unwrap();
    let plan = world.plan(&[], world.options()).unwrap();
    let mut sink = std::io::sink();
    let mut lines = Lines::new(&mut sink, Box::new(std::io::sink()));
    let error = batch::run(&world.database, &plan, &mut lines).await.unwrap_err();
    assert_eq!(error.exit_code(), 5, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_parameter_runs_nothing_unless_the_run_keeps_going() {
    let world = World::new(&[
        ("a", "/*---\nparams.day = { type = \"date\" }\n---*/\nSELECT $day"),
        ("b", "SELECT 1"),
    ])
    .await;
    let error = world.plan(&[], world.options()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("a.sql: parameter `day` (date) is missing"), "{error}");
    let (summary, _) = world.run(Options { keep_going: true, ..world.options() }).await;
    assert_eq!(statuses(&summary.record), [("a", Status::Failed), ("b", Status::Ok)]);
    assert_eq!(summary.exit_code(), 1);
    let unknown =
        Options { given: given(&[("dya", "today"), ("day", "today")]), ..world.options() };
    let error = world.plan(&[], unknown).unwrap_err().to_string();
    assert!(error.ends_with("has a parameter `dya`; hint: did you mean `day`?"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_parameter_is_only_a_text() {
    let world = World::new(&[(
        "echo",
        "/*---\nparams.v = { type = \"text\" }\n---*/\nSELECT $v AS v, count(*) AS n FROM accounts",
    )])
    .await;
    let hostile = "'; DROP TABLE accounts; --";
    let (summary, _) =
        world.run(Options { given: given(&[("v", hostile)]), ..world.options() }).await;
    assert_eq!(summary.exit_code(), 0);
    assert_eq!(world.output("echo.csv"), format!("v,n\n{hostile},3\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_waits_for_those_it_depends_on() {
    let world = World::new(&[
        ("a", "/*---\ndepends_on = [\"z\"]\n---*/\nSELECT 1"),
        ("m", "/*---\ndepends_on = [\"a\"]\n---*/\nSELECT 1"),
        ("z", "SELECT no_such_column"),
    ])
    .await;
    let (summary, told) = world.run(Options { keep_going: true, jobs: 4, ..world.options() }).await;
    assert_eq!(
        statuses(&summary.record),
        [("a", Status::Skipped), ("m", Status::Skipped), ("z", Status::Failed)]
    );
    assert!(
        summary.record.queries[1].error.as_ref().unwrap().message.contains("depends on a"),
        "{told}"
    );
    world.write("z", "/*---\ndepends_on = [\"m\"]\n---*/\nSELECT 1");
    let error = world.plan(&[], world.options()).unwrap_err().to_string();
    assert!(error.contains("depends_on goes in a circle: a -> z -> m -> a"), "{error}");
    world.write("other", "SELECT 1");
    let (summary, told) = world.run(Options { keep_going: true, ..world.options() }).await;
    let good = summary.record.queries.iter().filter(|query| query.status.is_good());
    assert_eq!(good.map(|query| query.name.as_str()).collect::<Vec<_>>(), ["other"], "{told}");
    assert_eq!(summary.exit_code(), 1);
    world.write("z", "/*---\ndepends_on = [\"aa\"]\n---*/\nSELECT 1");
    let error = world.plan(&[], world.options()).unwrap_err().to_string();
    assert!(
        error.contains("z.sql: depends_on: no saved query `aa`; hint: did you mean `a`?"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_run_is_compared_by_key_and_accepted() {
    let world = World::new(&[("orgs", BY_ORGANIZATION)]).await;
    world.run(world.options()).await;
    world.add(&[("4", "外交部"), ("5", "科技部")]).await;
    let against = Options { against: Some(world.out()), folder: None, ..world.options() };

    let (summary, told) = world.run(against.clone()).await;
    assert_eq!(summary.exit_code(), 0);
    assert_eq!(
        summary.record.queries[0].changes.as_deref().unwrap(),
        [
            "1 row added, 0 removed, 1 changed by organization",
            "+ 科技部",
            "~ 外交部: accounts 2 -> 3",
            "sum of accounts: 3 -> 5 (+66.7 %)"
        ],
        "{told}"
    );
    assert_eq!(world.output("orgs.csv"), "organization,accounts\n外交部,2\n公安部,1\n");
    let (summary, _) = world.run(Options { check: true, ..against.clone() }).await;
    assert_eq!(summary.exit_code(), 3);

    world.run(Options { accept: true, ..against.clone() }).await;
    assert_eq!(world.output("orgs.csv"), "organization,accounts\n外交部,3\n公安部,1\n科技部,1\n");
    let (summary, told) = world.run(against).await;
    assert_eq!(summary.record.queries[0].changes.as_deref(), Some(&[][..]), "{told}");
    assert!(told.ends_with("  no change\n") && told.lines().count() == 1, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_baseline_is_made_by_accept_and_then_kept_to() {
    let world = World::new(&[(
        "orgs",
        "/*---\nexpect = [ { baseline = \"orgs.csv\", key = [\"organization\"] } ]\n---*/
SELECT organization, count(*) AS n FROM accounts GROUP BY 1 ORDER BY 1",
    )])
    .await;
    let (summary, told) = world.run(world.options()).await;
    assert_eq!(summary.exit_code(), 3);
    assert!(told.contains("no such file yet; `--accept` writes it"), "{told}");
    world.run(Options { accept: true, ..world.options() }).await;
    let (summary, _) = world.run(world.options()).await;
    assert_eq!(summary.exit_code(), 0);
    world.add(&[("4", "外交部")]).await;
    let (summary, told) = world.run(world.options()).await;
    assert_eq!(summary.exit_code(), 3);
    assert!(told.contains("~ 外交部: n 2 -> 3"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_statements_share_a_session_and_nobody_else_sees_what_they_make() {
    let world = World::new(&[
        ("a", "CREATE VIEW mine AS SELECT 7 AS seven;\nSELECT seven FROM mine;"),
        ("b", "SELECT seven FROM mine"),
    ])
    .await;
    let (summary, told) = world.run(Options { keep_going: true, ..world.options() }).await;
    assert_eq!(statuses(&summary.record), [("a", Status::Ok), ("b", Status::Failed)], "{told}");
    assert_eq!(world.output("a.csv"), "seven\n7\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_takes_too_long_is_tried_again_and_then_given_up() {
    let endless = "SELECT count(*) FROM generate_series(1, 1000000000000)";
    let world = World::new(&[("slow", endless), ("swift", "SELECT 1")]).await;
    let options = Options {
        timeout: Some(Duration::from_millis(200)),
        retries: 1,
        keep_going: true,
        ..world.options()
    };
    let (summary, told) = world.run(options.clone()).await;
    assert_eq!(statuses(&summary.record), [("slow", Status::Failed), ("swift", Status::Ok)]);
    assert_eq!((summary.exit_code(), summary.record.queries[0].attempts), (124, 2), "{told}");

    let stopped = Options { timeout: None, ..options };
    let cancel = stopped.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        cancel.cancel();
    });
    let (summary, _) = world.run(stopped).await;
    assert_eq!(statuses(&summary.record), [("slow", Status::Failed), ("swift", Status::Skipped)]);
    assert_eq!(summary.exit_code(), 130);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_plans_everything_and_writes_nothing() {
    let world = World::new(&[
        ("a", "CREATE TABLE t AS SELECT 1 AS one; SELECT one FROM t"),
        ("b", "SELECT twoo FROM (SELECT 2 AS two)"),
    ])
    .await;
    let options = Options { dry_run: true, keep_going: true, ..world.options() };
    let (summary, _) = world.run(options).await;
    assert_eq!(statuses(&summary.record), [("a", Status::Planned), ("b", Status::Failed)]);
    assert!(!world.out().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_out_of_reach_fail_and_are_left_as_they_are() {
    let world = World::new(&[("link", "SELECT 1"), ("run", "SELECT 1")]).await;
    fs::create_dir_all(world.out()).unwrap();
    let elsewhere = world.out().join("elsewhere");
    fs::write(&elsewhere, "kept").unwrap();
    std::os::unix::fs::symlink(&elsewhere, world.out().join("link.csv")).unwrap();
    let (summary, told) = world.run(Options { keep_going: true, ..world.options() }).await;
    assert_eq!(statuses(&summary.record), [("link", Status::Failed), ("run", Status::Ok)]);
    assert!(told.contains("link.csv: it is a symbolic link"), "{told}");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "kept");
    let json = Options { format: Some("json".to_owned()), ..world.options() };
    let error = world.plan(&[], json).unwrap_err().to_string();
    assert!(error.contains("take the place of run.json"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_query_prints_its_result_and_several_want_a_folder() {
    let world = World::new(&[
        ("a", "/*---\ntags = [\"daily\"]\n---*/\nSELECT 1 AS one"),
        ("b", "SELECT 2"),
    ])
    .await;
    let options = Options { folder: None, ..world.options() };
    let error = world.plan(&[], options.clone()).unwrap_err().to_string();
    assert_eq!(error, "2 queries need a folder for their results; hint: add -o DIR");
    let daily = Options { select: vec!["tag:daily".to_owned()], ..options };
    let plan = world.plan(&[], daily).unwrap();
    let file = world.queries().join("printed");
    let mut talk = Vec::new();
    let sink = Box::new(fs::File::create(&file).unwrap());
    let summary =
        batch::run(&world.database, &plan, &mut Lines::new(&mut talk, sink)).await.unwrap();
    assert_eq!(summary.exit_code(), 0);
    assert_eq!(fs::read_to_string(file).unwrap(), "one\n1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_to_say_of_a_file_stands_with_the_query_that_reads_it() {
    let world = World::new(&[("other", "SELECT 1 AS one")]).await;
    let file = world.queries().join("x.csv");
    let rows = |from: u32| (from..from + 40).map(|row| format!("{row}\n")).collect::<String>();
    fs::write(&file, ["likes\n", &rows(1), "likes\n", &rows(41)].concat()).unwrap();
    world.write("file", &format!("SELECT max(likes) AS n FROM '{}'", file.display()));
    let (summary, talk) = world.run(world.options()).await;
    let told = "because line 42 repeats the header";
    let [query, other] = ["file", "other"].map(|name| summary.record.query(name).unwrap());
    assert!(query.notices.len() == 1 && query.notices[0].contains(told), "{:?}", query.notices);
    assert!(other.notices.is_empty(), "{:?}", other.notices);
    assert!(talk.contains(&format!("    notice: {}\n", query.notices[0])), "{talk}");
    // It is told of a result on standard output too, and of one that is quiet.
    let plan = world.plan(&["file"], Options::default()).unwrap();
    let mut talk = Vec::new();
    let mut lines = Lines::new(&mut talk, Box::new(std::io::sink())).quiet();
    batch::run(&world.database, &plan, &mut lines).await.unwrap();
    let talk = String::from_utf8(talk).unwrap();
    assert!(talk.starts_with("notice: ") && talk.contains(told), "{talk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_depend_on_the_clock_or_on_files_are_never_reused() {
    let world = World::new(&[("clock", "SELECT now() AS t, count(*) AS n FROM accounts")]).await;
    let file = world.queries().join("x.csv");
    fs::write(&file, "a\n1\n").unwrap();
    world.write("file", &format!("SELECT * FROM '{}'", file.display()));
    world.write("same", "SELECT count(*) AS n FROM accounts");
    world.run(world.options()).await;
    let (summary, told) = world.run(world.options()).await;
    assert_eq!(
        statuses(&summary.record),
        [("clock", Status::Ok), ("file", Status::Ok), ("same", Status::Reused)],
        "{told}"
    );
    // A file that somebody has changed is no result of ours.
    fs::write(world.out().join("same.csv"), "n\n99\n").unwrap();
    let (summary, _) = world.run(world.options()).await;
    assert_eq!(summary.record.queries[2].status, Status::Ok);
    assert_eq!(world.output("same.csv"), "n\n3\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn lint_finds_faults_without_running_anything() {
    let world = World::new(&[
        ("fine", "/*---\nparams.n = { type = \"int\", min = 100 }\n---*/\nSELECT account_id FROM accounts ORDER BY 1 LIMIT $n"),
        ("limit", "SELECT account_id\nFROM accounts LIMIT 3"),
        ("params", "/*---\nparams.day = { type = \"date\" }\n---*/\nSELECT $dya"),
        ("plan", "SELECT\n  acount_id FROM accounts"),
        ("views", "CREATE VIEW v AS SELECT 1 AS one; SELECT one FROM v"),
        ("waits", "/*---\ndepends_on = [\"waits\"]\n---*/\nSELECT 1"),
        ("wants", "/*---\ndepends_on = [\"plam\"]\n---*/\nSELECT 1"),
    ])
    .await;
    let session = world.database.session(weiku::engine::Settings::default()).unwrap();
    let library = world.library();
    let entries = library.entries().unwrap();
    let findings = batch::lint(&session, &library, &entries, &clock()).await.unwrap();
    let faults: Vec<(String, Vec<String>)> = findings
        .into_iter()
        .map(|finding| {
            let place = |error: &Error| {
                let text = error.to_string();
                text.rsplit_once("queries/").map_or(text.clone(), |(_, rest)| rest.to_owned())
            };
            (finding.name, finding.faults.iter().map(place).collect())
        })
        .collect();
    let of = |name: &str| -> Vec<&str> {
        let found = faults.iter().find(|(other, _)| other == name).unwrap();
        found.1.iter().map(String::as_str).collect()
    };
    assert_eq!(of("fine"), Vec::<&str>::new());
    assert_eq!(of("views"), Vec::<&str>::new());
    assert_eq!(
        of("limit"),
        [
            "limit.sql:1:1: LIMIT without ORDER BY: nothing says which rows come; hint: add an ORDER BY that tells all rows apart; without it rows of a table come as they lie in the files, and those of joins and groups in no order"
        ]
    );
    assert_eq!(
        of("params"),
        [
            "params.sql:4:8: `$dya` is not declared; hint: did you mean `$day`?",
            "params.sql: parameter `day` is declared and not used"
        ]
    );
    assert!(of("plan")[0].starts_with("plan.sql:2:3: "), "{:?}", of("plan"));
    assert_eq!(of("waits"), ["waits.sql: depends_on goes in a circle: waits -> waits"]);
    assert_eq!(
        of("wants"),
        ["wants.sql: depends_on: no saved query `plam`; hint: did you mean `plan`?"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_written_and_an_unreadable_record_is_told() {
    let world = World::new(&[("orgs", BY_ORGANIZATION)]).await;
    for format in weiku::render::FORMATS {
        let options =
            Options { format: Some(format.name.to_owned()), fresh: true, ..world.options() };
        let (summary, told) = world.run(options).await;
        assert_eq!(summary.exit_code(), 0, "{}: {told}", format.name);
        let output = summary.record.queries[0].output.clone().unwrap();
        let is_empty = world.out().join(output).metadata().unwrap().len() == 0;
        assert_eq!(is_empty, format.name == "null", "{}", format.name);
    }
    fs::write(world.out().join(RUN_FILE), "{}").unwrap();
    let error = world.plan(&[], world.options()).unwrap_err();
    assert!(error.to_string().contains("run.json: it is no record of a run"), "{error}");
}
