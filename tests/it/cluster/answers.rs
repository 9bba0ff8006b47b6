//! Workers give the answers that one process gives.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Worker, addresses, spread, stdout, weiku, world};

/// The queries of the benchmark, with accounts, a post and characters that are there.
fn benchmark() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/queries.sql");
    let value = |placeholder: &'static str, of: &str| {
        let sql = format!("SELECT {of} FROM posts ORDER BY post_id LIMIT 1");
        let answer = stdout(weiku().arg(world().join("db")).args(["-c", &sql]));
        (placeholder, format!("'{}'", answer.lines().nth(1).unwrap()))
    };
    let values = [
        value("$account", "account_id"),
        value("$others", "(SELECT max(account_id) FROM posts)"),
        value("$post", "post_id"),
        value("$rare", "'%' || substr(text, 9, 4) || '%'"),
    ];
    let filled = |query: &str| {
        let query = without_comments(query);
        values.iter().fold(query, |query, (placeholder, value)| query.replace(placeholder, value))
    };
    let text = fs::read_to_string(path).unwrap();
    text.split(";\n").filter(|query| query.contains("SELECT")).map(filled).collect()
}

fn without_comments(query: &str) -> String {
    query.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n")
}

fn with_queries<'a>(command: &'a mut Command, queries: &[String]) -> &'a mut Command {
    for query in queries {
        command.args(["-c", query]);
    }
    command
}

#[test]
fn the_benchmark_is_handed_out_and_answered_as_in_one_process() {
    let workers = [Worker::start(world()), Worker::start(world())];
    let queries = benchmark();
    assert!(queries.len() >= 24, "{}", queries.len());
    // What the indexes answer needs no workers.
    let without_indexes = ["text_index", "rollups"].map(|name| format!("SET weiku.{name} = false"));
    for settings in [&[][..], &without_indexes] {
        let all = [settings, &queries].concat();
        let here = stdout(with_queries(weiku().arg(world().join("db")).arg("-j2"), &all));
        let there = stdout(with_queries(&mut spread(&addresses(&workers)), &all));
        assert!(here == there, "here:\n{here}\nthere:\n{there}");
    }
    let explained: Vec<String> = queries.iter().map(|query| format!("EXPLAIN {query}")).collect();
    let all = [&without_indexes[..], &explained].concat();
    let plans = stdout(with_queries(&mut spread(&addresses(&workers)), &all));
    // The first is a count, which comes from the commit log.
    assert!(plans.matches("DistributedExec").count() >= 22, "{plans}");
}

#[test]
fn every_saved_query_is_answered_as_in_one_process() {
    let workers = [Worker::start(world()), Worker::start(world())];
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let queries = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
    let run = |results: &Path, flags: &[&str]| {
        let mut command = weiku();
        command.arg("run").arg(world().join("db")).arg(&queries).arg("-o").arg(results);
        command.args(["--format", "csv", "--keep-going", "--quiet", "-j2"]).args(flags);
        command.output().unwrap()
    };
    run(&here, &[]);
    run(&there, &["--workers", &addresses(&workers), "--bytes-per-worker", "1"]);
    let mut compared = 0;
    for file in files(&here) {
        let name = file.strip_prefix(&here).unwrap();
        if file.extension().is_some_and(|suffix| suffix == "csv") {
            let answers = (fs::read(&file).unwrap(), fs::read(there.join(name)).ok());
            assert!(answers.1.as_ref() == Some(&answers.0), "{} differs", name.display());
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

/// All files below `folder`.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let pattern = folder.join("**/*").display().to_string();
    glob::glob(&pattern).unwrap().map(Result::unwrap).filter(|path| path.is_file()).collect()
}

#[test]
fn order_is_kept_where_rows_come_from_several_machines() {
    let workers = [Worker::start(world()), Worker::start(world())];
    // The files are in this order, so one process needs no sort for it.
    let sql = "SELECT posted_at, count(*), max(post_id) FROM posts GROUP BY posted_at \
               ORDER BY posted_at DESC NULLS LAST";
    let here = stdout(weiku().arg(world().join("db")).args(["-j2", "-c", sql]));
    assert!(here == stdout(spread(&addresses(&workers)).args(["-c", sql])));
}

#[test]
fn settings_hold_on_workers_also_when_they_change() {
    let workers = [Worker::start(world()), Worker::start(world())];
    let flags = [
        "-c",
        "SELECT date_trunc('day', posted_at) AS day, max(post_id) FROM posts GROUP BY 1 ORDER BY 1",
        "-c",
        "SET datafusion.execution.time_zone = 'America/New_York'",
        "-c",
        "SELECT date_trunc('day', posted_at) AS day, max(to_char(posted_at, '%H:%M')), count(*) \
         FROM posts GROUP BY 1 ORDER BY 1",
    ];
    let here = stdout(weiku().arg(world().join("db")).arg("-j2").args(flags));
    assert!(here == stdout(spread(&addresses(&workers)).args(flags)));
}

#[test]
fn an_error_of_the_query_is_the_same_on_workers() {
    let workers = [Worker::start(world()), Worker::start(world())];
    let sql = "SELECT platform, sum(CAST(post_id AS BIGINT)) FROM posts GROUP BY 1";
    let here = weiku().arg(world().join("db")).args(["-c", sql]).output().unwrap();
    let there = spread(&addresses(&workers)).args(["-c", sql]).output().unwrap();
    assert_eq!(there.status.code(), Some(1));
    assert_eq!(super::stderr(&here), super::stderr(&there));
}

#[test]
fn two_rows_of_a_scalar_subquery_are_an_error_on_workers_too() {
    let workers = [Worker::start(world()), Worker::start(world())];
    let sql =
        "SELECT count(*) FROM posts WHERE reposts > (SELECT followers FROM account_snapshots)";
    let there = spread(&addresses(&workers)).args(["-c", sql]).output().unwrap();
    assert_eq!(there.status.code(), Some(1), "{}", super::stderr(&there));
}

#[test]
fn a_small_query_stays_here() {
    let workers = [Worker::start(world()), Worker::start(world())];
    let explain = "EXPLAIN SELECT client, max(post_id) FROM posts GROUP BY 1";
    let mut command = weiku();
    command.arg(world().join("db")).args(["--workers", &addresses(&workers), "-c", explain]);
    assert!(!stdout(&mut command).contains("DistributedExec"));
    let plan = stdout(spread(&addresses(&workers)).args(["-c", explain]));
    assert!(plan.contains("Stage 1") && plan.contains(&workers[1].address), "{plan}");
}
