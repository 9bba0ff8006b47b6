//! `run.json`: it keeps to its JSON Schema, and is right even after a kill.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use weiku::batch::{self, Lines, Options, RUN_FILE, RUN_SCHEMA, Status};

use crate::batch::{World, clock};

const CHECKED: &str = "/*---
title = \"Accounts\"
params.n = { type = \"int\", default = 1 }
params.of = { type = \"list\", of = \"text\", default = [\"a\"] }
chart = { kind = \"bar\", x = \"account_id\", y = \"n\" }
expect = [ { rows = 6 } ]
---*/
SELECT account_id, $n AS n, $of AS of FROM accounts ORDER BY 1";

const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 1000000000000)";

/// Compares values with a JSON Schema, as far as that of `run.json` goes.
struct Check<'a> {
    root: &'a Value,
    faults: Vec<String>,
}

impl Check<'_> {
    /// What of `value` does not keep to `schema`.
    fn faults(value: &Value, schema: &Value) -> Vec<String> {
        let mut check = Check { root: schema, faults: Vec::new() };
        check.value(value, schema, "");
        check.faults
    }

    fn value(&mut self, value: &Value, schema: &Value, at: &str) {
        for (keyword, wanted) in schema.as_object().unwrap() {
            if !self.holds(value, keyword, wanted, at) {
                self.faults.push(format!("{at}: {keyword} {wanted} does not hold for {value}"));
            }
        }
        if let (Some(fields), Some(named)) = (value.as_object(), schema["properties"].as_object()) {
            let told: BTreeSet<_> = fields.keys().collect();
            let documented: BTreeSet<_> = named.keys().collect();
            for name in told.symmetric_difference(&documented) {
                self.faults.push(format!("{at}: {name} is told or documented, not both"));
            }
            for (name, part) in named {
                self.value(&value[name], part, &format!("{at}/{name}"));
            }
        }
    }

    /// Whether one keyword of a schema holds. One that is not known here is a
    /// fault of the test, so that nothing goes unchecked.
    fn holds(&mut self, value: &Value, keyword: &str, wanted: &Value, at: &str) -> bool {
        match keyword {
            "$schema" | "$defs" | "title" | "description" | "properties" | "required" => true,
            "$ref" => {
                let part = wanted.as_str().unwrap().trim_start_matches('#');
                self.value(value, self.root.pointer(part).unwrap(), at);
                true
            }
            "type" => match wanted.as_array() {
                Some(kinds) => kinds.iter().any(|kind| is_of(value, kind.as_str().unwrap())),
                None => is_of(value, wanted.as_str().unwrap()),
            },
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "minLength" => value.as_str() != Some(""),
            "minItems" | "maxItems" => value.as_array().is_none_or(|items| items.len() == 2),
            "pattern" => {
                assert_eq!(wanted, "^[0-9a-f]{64}$", "the test knows no other");
                value.as_str().is_none_or(|text| {
                    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
                })
            }
            "format" => {
                assert_eq!(wanted, "date-time", "the test knows no other");
                let is_time = |text| chrono::DateTime::parse_from_rfc3339(text).is_ok();
                value.as_str().is_none_or(is_time)
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.value(item, wanted, &format!("{at}/{index}"));
                }
                true
            }
            "additionalProperties" => {
                for (name, item) in value.as_object().into_iter().flatten() {
                    self.value(item, wanted, &format!("{at}/{name}"));
                }
                true
            }
            "anyOf" => wanted.as_array().unwrap().iter().any(|part| {
                let mut own = Check { root: self.root, faults: Vec::new() };
                own.value(value, part, at);
                own.faults.is_empty()
            }),
            other => unreachable!("{at}: the test does not know `{other}`"),
        }
    }
}

/// Whether the value is of the kind that JSON Schema calls so.
fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => unreachable!("no kind {other}"),
    }
}

fn record(world: &World) -> Value {
    serde_json::from_slice(&fs::read(world.out().join(RUN_FILE)).unwrap()).unwrap()
}

/// The names and words for how the queries ended.
fn ends(record: &Value) -> Vec<(&str, &str)> {
    let queries = record["queries"].as_array().unwrap();
    queries
        .iter()
        .map(|query| (query["name"].as_str().unwrap(), query["status"].as_str().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_keeps_to_the_schema() {
    let world = World::new(&[
        ("a", CHECKED),
        ("b", "/*---\nexpect = [ { rows = 9 } ]\n---*/ SELECT 1 AS one"),
        ("c", "SELECT no_such FROM accounts"),
        ("d", "/*---\ndepends_on = [\"c\"]\n---*/ SELECT 1 AS one"),
    ])
    .await;
    let schema: Value = serde_json::from_str(RUN_SCHEMA).unwrap();
    let options = Options {
        given: vec![("n".to_owned(), "1,2".to_owned())],
        charts: Some(weiku::chart::Picture::Svg),
        keep_going: true,
        ..world.options()
    };
    let check = |statuses: [&str; 4]| {
        let record = record(&world);
        assert_eq!(ends(&record).iter().map(|end| end.1).collect::<Vec<_>>(), statuses);
        let found = Check::faults(&record, &schema);
        assert!(found.is_empty(), "{found:#?}");
    };
    world.run(options.clone()).await;
    check(["ok", "unexpected", "failed", "skipped"]);
    world.write("b", "SELECT 2 AS two");
    world.run(Options { against: Some(world.out()), ..options }).await;
    check(["reused", "ok", "failed", "skipped"]);
}

#[test]
fn the_program_tells_the_schema() {
    let output = Command::new(env!("CARGO_BIN_EXE_weiku")).arg("--spec").output().unwrap();
    let spec: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(spec["files"][RUN_FILE], serde_json::from_str::<Value>(RUN_SCHEMA).unwrap());
}

/// The record of a run of which the first query has ended, and not the last.
async fn unfinished(world: &World) -> Value {
    loop {
        let record = record(world);
        if record["finished_at"].is_null() {
            return record;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_the_record_says_what_was_done_and_the_rest_can_be_run() {
    let world = World::new(&[
        ("a", "SELECT count(*) AS n FROM accounts"),
        ("b", "SELECT max(account_id) AS last FROM accounts"),
        ("c", "SELECT 7 AS seven"),
    ])
    .await;
    world.run(world.options()).await;
    world.add(&[("4", "卫生部")]).await;
    world.write("b", ENDLESS);

    // A run that is dropped ends as one that is killed: nobody is told.
    let plan = world.plan(&[], world.options()).unwrap();
    let mut talk = Vec::new();
    let mut lines = Lines::new(&mut talk, Box::new(std::io::sink()));
    let run = batch::run(&world.database, &plan, &mut lines);
    let record = tokio::select! {
        _ = run => panic!("b is endless"),
        record = unfinished(&world) => record,
    };
    assert_eq!(ends(&record), [("a", "ok"), ("b", "pending"), ("c", "pending")]);
    assert_eq!(record["queries"][1]["stale"], true);
    assert_eq!(world.output("a.csv"), "n\n4\n");
    assert_eq!(world.output("b.csv"), "last\n3\n");

    world.write("b", "SELECT max(account_id) AS last FROM accounts");
    let (night, told) = world.run(Options { rerun_failed: true, ..world.options() }).await;
    let ended: Vec<Status> = night.record.queries.iter().map(|query| query.status).collect();
    // What the kill kept from running and nothing has changed is used again.
    assert_eq!(ended, [Status::Ok, Status::Ok, Status::Reused], "{told}");
    assert_eq!(world.output("b.csv"), "last\n4\n");
    assert!(night.record.finished_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_run_says_why_and_that_its_file_is_old() {
    let world = World::new(&[("a", "SELECT 1 AS one"), ("b", "SELECT 2 AS two")]).await;
    world.run(world.options()).await;
    world.write("a", "SELECT no_such");
    let (night, told) = world.run(world.options()).await;
    assert_eq!(night.record.queries[1].status, Status::Skipped);
    assert!(night.record.queries[1].stale);
    let why = night.record.queries[1].error.as_ref().map(|error| error.message.as_str());
    assert_eq!(why, Some("a failed"));
    let line = "skipped     1 query, because a failed; 1 result is still that of an earlier run\n";
    assert!(told.ends_with(line) && !told.contains("skipped     b"), "{told}");

    // Nothing that it reads has changed, so a rerun takes its result over.
    assert_eq!(night.record.queries[1].rows, Some(1));
    world.write("a", "SELECT 1 AS one");
    let (night, told) = world.run(Options { rerun_failed: true, ..world.options() }).await;
    let ended: Vec<Status> = night.record.queries.iter().map(|query| query.status).collect();
    assert_eq!(ended, [Status::Ok, Status::Reused], "{told}");
    assert_eq!(night.record.queries[1].error, None);

    // One that cannot even be read is told of in the same way.
    world.write("a", "/*---\ntitel = \"x\"\n---*/ SELECT 1");
    let (night, told) = world.run(Options { keep_going: true, ..world.options() }).await;
    assert!(night.record.queries[0].stale, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_does_what_was_passed_over_and_not_what_was_done() {
    let world = World::new(&[
        ("a", "SELECT count(*) AS n FROM accounts"),
        ("b", "SELECT no_such FROM accounts"),
        ("c", "SELECT max(account_id) AS last FROM accounts"),
        ("d", "/*---\ndepends_on = [\"c\"]\n---*/ SELECT 7 AS seven"),
    ])
    .await;
    let (night, _) = world.run(world.options()).await;
    let first = record(&world);
    let all = [("a", "ok"), ("b", "failed"), ("c", "skipped"), ("d", "skipped")];
    assert_eq!((night.exit_code(), ends(&first)), (1, all.to_vec()));

    // The folder of the run stands for its queries, and what stands for none is told.
    let again = |name: &str| {
        let options = Options { rerun_failed: true, ..world.options() };
        world.plan(&[name], options).map(|plan| plan.count())
    };
    assert_eq!(again(world.queries().to_str().unwrap()).unwrap(), 3);
    assert_eq!([again("b").unwrap(), again("a").unwrap()], [1, 0]);
    let error = again("nosuch").unwrap_err();
    assert_eq!(
        (error.message(), error.advice()),
        ("the last run had no query `nosuch`", Some("it had a, b, c, d"))
    );

    // What was done stays on record as it was done, though it would give more now.
    world.add(&[("4", "卫生部")]).await;
    world.write("b", "SELECT min(account_id) AS first FROM accounts");
    let (night, told) = world.run(Options { rerun_failed: true, ..world.options() }).await;
    let again = record(&world);
    let all = [("a", "ok"), ("b", "ok"), ("c", "ok"), ("d", "ok")];
    assert_eq!((night.exit_code(), ends(&again)), (0, all.to_vec()), "{told}");
    assert_eq!(again["queries"][0], first["queries"][0]);
    assert_eq!((told.lines().count(), world.output("a.csv")), (3, "n\n3\n".into()), "{told}");
    assert_eq!(world.output("c.csv"), "last\n4\n");

    // One that is gone is told, and keeps no other from being done.
    for name in ["b", "c"] {
        world.write(name, "SELECT no_such FROM accounts");
    }
    world.run(Options { keep_going: true, ..world.options() }).await;
    fs::remove_file(world.queries().join("b.sql")).unwrap();
    world.write("c", "SELECT 8 AS eight");
    let error = world.plan(&[], Options { rerun_failed: true, ..world.options() }).unwrap_err();
    assert_eq!(error.advice(), Some("nothing was run; --keep-going runs the others"), "{error}");
    let (night, told) =
        world.run(Options { rerun_failed: true, keep_going: true, ..world.options() }).await;
    let all = [("a", "ok"), ("b", "failed"), ("c", "ok"), ("d", "reused")];
    assert_eq!(ends(&record(&world)), all, "{told}");
    assert!(night.exit_code() != 0 && told.contains("b.sql: no such file"), "{told}");

    // Then there is nothing left to do.
    world.write("b", "SELECT 1 AS one");
    world.run(Options { rerun_failed: true, ..world.options() }).await;
    let plan = world.plan(&[], Options { rerun_failed: true, ..world.options() }).unwrap();
    assert_eq!(plan.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_other_queries_forgets_no_failure() {
    let given = "/*---\nparams.n = { type = \"int\", default = 1 }\n---*/\n";
    let world = World::new(&[
        ("a", "/*---\ntags = [\"daily\"]\n---*/ SELECT 1 AS one"),
        ("b", &format!("{given}SELECT $n AS n, no_such")),
        ("c", &format!("{given}SELECT $n AS n, no_such")),
        ("gone", "SELECT no_such"),
    ])
    .await;
    let all = Options {
        given: vec![("n".to_owned(), "7".to_owned())],
        format: Some("json".to_owned()),
        keep_going: true,
        ..world.options()
    };
    let (night, _) = world.run(all).await;
    assert_eq!(night.exit_code(), 1);
    fs::remove_file(world.queries().join("gone.sql")).unwrap();

    // The day's run is well, and counts its own query only.
    let daily = Options { select: vec!["tag:daily".to_owned()], ..world.options() };
    for _ in 0..2 {
        let (day, told) = world.run(daily.clone()).await;
        assert_eq!(day.exit_code(), 0, "{told}");
        assert!(day.line().starts_with("1 query: 1 "), "{}", day.line());
        assert_eq!(day.kept.iter().collect::<Vec<_>>(), ["b", "c"]);
    }
    let kept = record(&world);
    assert_eq!(ends(&kept), [("a", "reused"), ("b", "failed"), ("c", "failed")]);
    assert_eq!(kept["queries"][0]["earlier"], Value::Null);
    assert_eq!(kept["queries"][1]["earlier"]["started_at"], night.record.started_at.as_str());
    let schema: Value = serde_json::from_str(RUN_SCHEMA).unwrap();
    assert_eq!(Check::faults(&kept, &schema), Vec::<String>::new());

    // They are asked again as they were asked: also after one more failure.
    world.write("b", &format!("{given}SELECT $n AS n"));
    let rerun = Options { rerun_failed: true, keep_going: true, ..world.options() };
    let (again, told) = world.run(rerun.clone()).await;
    assert_eq!((again.exit_code(), again.kept.len()), (1, 0), "{told}");
    assert!(world.output("b.json").contains('7'), "{told}");
    world.write("c", &format!("{given}SELECT $n AS n"));
    let (again, told) = world.run(rerun).await;
    assert_eq!(again.exit_code(), 0, "{told}");
    assert!(world.output("c.json").contains('7'), "{told}");
    let done = record(&world);
    assert_eq!(ends(&done), [("a", "reused"), ("b", "ok"), ("c", "ok")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_tells_how_to_run_the_rest() {
    let world = World::new(&[("a", "SELECT no_such"), ("b", "SELECT 2 AS two")]).await;
    let database = world.out().with_file_name("db").display().to_string();
    let out = world.out().display().to_string();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weiku"));
        let output = command.args(["run", &database]).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let queries = world.queries().display().to_string();
    let (code, told) = run(&[&queries, "-o", &out]);
    let hint = format!("hint: weiku run {database} --rerun-failed {out} runs the rest\n");
    assert!(code == Some(1) && told.ends_with(&hint), "{told}");
    world.write("a", "SELECT 1 AS one");
    let (code, told) = run(&["--rerun-failed", &out]);
    assert!(code == Some(0) && !told.contains("hint"), "{told}");
    let (code, told) = run(&["--rerun-failed", &out]);
    assert!(code == Some(0) && told.contains("nothing to run again"), "{told}");

    // What fails stays to be run again, whatever else is run there.
    world.write("a", "SELECT no_such");
    run(&["-o", &out, "--keep-going", &queries]);
    let (code, told) = run(&["-o", &out, &format!("{queries}/b.sql")]);
    let notice = format!("notice: 1 query of an earlier run is still to be run again: a\n{hint}");
    assert!(code == Some(0) && told.ends_with(&notice), "{told}");
    world.write("a", "SELECT 1 AS one");
    let (code, told) = run(&["--rerun-failed", &out]);
    assert!(code == Some(0) && told.contains("1 ok"), "{told}");

    // The folder may be that of -o, and what cannot be meant is told as it is typed.
    for right in [&["--rerun-failed", "-o", &out][..], &["-o", &out, "--rerun-failed", &out]] {
        let (code, told) = run(right);
        assert!(code == Some(0) && told.contains("nothing to run again"), "{told}");
    }
    let nowhere = world.queries().display().to_string();
    for (wrong, right) in [
        (&["a", "--rerun-failed"][..], "a --rerun-failed DIR"),
        (&["-o", &out, "--rerun-failed", "a"], &format!("a --rerun-failed {out}")),
        (&["-o", &nowhere, "--rerun-failed", &out], &format!("--rerun-failed {out}")),
    ] {
        let (code, told) = run(wrong);
        let hint = format!("hint: write weiku run {database} {right}\n");
        assert!(code == Some(2) && told.ends_with(&hint), "{told}");
    }
    let (code, told) = run(&["--rerun-failed", "a"]);
    assert!(code == Some(2) && told.contains("no record of a run in a"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_after_midnight_means_the_day_of_its_run() {
    let day = "/*---\nparams.day = { type = \"date\", default = \"yesterday\" }\n---*/\n";
    let world = World::new(&[("a", &format!("{day}SELECT $day AS day"))]).await;
    world.write("b", &format!("{day}SELECT $dya AS day"));
    let night = world.run(world.options()).await.0.record;
    world.write("b", &format!("{day}SELECT $day AS day"));
    let later = clock().now() + chrono::TimeDelta::days(1);
    let later = weiku::queries::Clock::new(later, "Asia/Shanghai").unwrap();
    let options = Options { rerun_failed: true, ..world.options() };
    let plan = world.plan_at(&[], options, &later).unwrap();
    let mut talk = Vec::new();
    let mut lines = Lines::new(&mut talk, Box::new(std::io::sink()));
    let again = batch::run(&world.database, &plan, &mut lines).await.unwrap().record;
    assert_eq!(world.output("b.csv"), "day\n2012-08-26\n");
    assert_eq!(world.output("a.csv"), world.output("b.csv"));
    assert_eq!(again.started_at, night.started_at);
    assert!(again.finished_at >= Some("2012-08-28T02:00:00.000Z".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn to_accept_the_change_of_one_query_keeps_the_others_on_record() {
    let world = World::new(&[
        ("a", "SELECT count(*) AS n FROM accounts"),
        ("b", "SELECT max(account_id) AS last FROM accounts"),
    ])
    .await;
    world.run(world.options()).await;
    world.add(&[("4", "卫生部")]).await;
    let accept =
        Options { against: Some(world.out()), accept: true, folder: None, ..world.options() };
    let plan = world.plan(&["a"], accept).unwrap();
    let mut talk = Vec::new();
    let mut lines = Lines::new(&mut talk, Box::new(std::io::sink()));
    batch::run(&world.database, &plan, &mut lines).await.unwrap();
    let record = record(&world);
    assert_eq!(ends(&record), [("a", "ok"), ("b", "ok")]);
    assert_eq!(record["queries"][0]["tables"]["accounts"], 2);
    assert_eq!(record["queries"][1]["tables"]["accounts"], 1);
    assert_eq!(
        (world.output("a.csv"), world.output("b.csv")),
        ("n\n4\n".into(), "last\n3\n".into())
    );
}
