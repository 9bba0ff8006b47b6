//! Workers that are lost in the middle of a query.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::{Worker, addresses, rest, spread, stderr, stdout, wait_until, weiku, world};

/// A query that computes for seconds before it gives its one row.
pub(crate) const LONG: &str = "SELECT count(*), sum(a.reposts - b.reposts) FROM posts a JOIN posts b \
    ON a.account_id = b.account_id AND a.reposts > b.reposts WHERE a.comments % 16 = 0";

/// A query that computes for minutes.
const ENDLESS: &str = "SELECT count(*), sum(a.reposts - b.reposts) FROM posts a JOIN posts b \
    ON a.account_id = b.account_id AND a.reposts > b.reposts";

/// How long a query may go on after its worker is lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// The answer to [`LONG`].
pub(super) fn answer() -> &'static str {
    static ANSWER: OnceLock<String> = OnceLock::new();
    ANSWER.get_or_init(|| stdout(weiku().arg(world().join("db")).args(["-c", LONG])))
}

/// Starts `command` and waits until all `workers` compute.
fn start(command: &mut Command, workers: &[Worker]) -> Child {
    let before: Vec<u64> = workers.iter().map(Worker::ticks).collect();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the query", || {
        workers.iter().zip(&before).all(|(worker, before)| worker.ticks() > before + 20)
    });
    child
}

#[test]
fn a_query_whose_worker_is_killed_runs_again_on_the_other() {
    let workers = [Worker::start(world()), Worker::start(world())];
    let answer = answer();
    let query = start(spread(&addresses(&workers)).args(["-c", LONG]), &workers);
    workers[0].signal("-KILL");
    let output = query.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), answer);
    let said = format!("lost worker {}", workers[0].address);
    assert!(stderr(&output).starts_with(&said), "{}", stderr(&output));
}

#[test]
fn a_query_whose_worker_hangs_runs_again_on_the_other() {
    let workers = [Worker::start(world()), Worker::start(world())];
    let answer = answer();
    let query = start(spread(&addresses(&workers)).args(["-c", LONG]), &workers);
    workers[1].signal("-STOP");
    let output = query.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), answer);
    assert!(stderr(&output).contains("running again on 1 of 2"), "{}", stderr(&output));
}

#[test]
fn a_query_that_loses_all_workers_ends_with_exit_code_5() {
    let workers = [Worker::start(world()), Worker::start(world())];
    let query = start(spread(&addresses(&workers)).args(["-c", ENDLESS]), &workers);
    let lost = Instant::now();
    for worker in &workers {
        worker.signal("-KILL");
    }
    let output = query.wait_with_output().unwrap();
    assert!(lost.elapsed() < PATIENCE, "{:?}", lost.elapsed());
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    assert!(output.stdout.is_empty() && stderr(&output).contains("no worker answers"));
}

#[test]
fn a_worker_that_is_lost_after_rows_were_given_is_an_error_and_no_short_answer() {
    let workers = [Worker::start(world()), Worker::start(world())];
    let sql = "SELECT p.text, a.post_id FROM posts p \
               CROSS JOIN (SELECT post_id FROM posts ORDER BY post_id LIMIT 300) a";
    let mut query = spread(&addresses(&workers));
    let query = query.args(["-c", sql]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut query = query.spawn().unwrap();
    let mut out = query.stdout.take().unwrap();
    out.read_exact(&mut [0; 100_000]).unwrap();
    workers[0].signal("-KILL");
    std::io::copy(&mut out, &mut std::io::sink()).unwrap();
    let said = rest(query.stderr.as_mut().unwrap());
    assert_eq!(query.wait().unwrap().code(), Some(5), "{said}");
    assert!(said.contains("after it gave rows"), "{said}");
}

#[test]
fn a_worker_that_is_not_there_is_said_and_done_without() {
    let worker = Worker::start(world());
    let absent = format!("127.0.0.1:1,{}", worker.address);
    let sql = "SELECT count(*) FROM posts WHERE likes > 3";
    let output = spread(&absent).args(["-c", sql]).output().unwrap();
    let here = stdout(weiku().arg(world().join("db")).args(["-c", sql]));
    assert_eq!(String::from_utf8_lossy(&output.stdout), here);
    let said = "no answer from worker 127.0.0.1:1 (connection refused): using 1 of 2\n";
    assert_eq!(stderr(&output), said);

    let output = spread("127.0.0.1:1").args(["-c", sql]).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("weiku worker --listen"), "{}", stderr(&output));
}

#[test]
fn a_query_that_is_stopped_ends_on_the_workers_too() {
    let workers = [Worker::start(world()), Worker::start(world())];
    let query = start(spread(&addresses(&workers)).args(["-c", ENDLESS]), &workers);
    let interrupt = Command::new("kill").args(["-INT", &query.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    assert_eq!(query.wait_with_output().unwrap().status.code(), Some(130));
    wait_until_idle(&workers);

    let mut limited = spread(&addresses(&workers));
    let query = start(limited.args(["--timeout", "3s", "-c", ENDLESS]), &workers);
    assert_eq!(query.wait_with_output().unwrap().status.code(), Some(124));
    wait_until_idle(&workers);
}

fn wait_until_idle(workers: &[Worker]) {
    wait_until("stopping", || {
        let before: u64 = workers.iter().map(Worker::ticks).sum();
        std::thread::sleep(Duration::from_secs(1));
        workers.iter().map(Worker::ticks).sum::<u64>() <= before + 1
    });
}
