//! Several machines and one bucket.

use super::server::{Done, Machine, Server, finished, say_skipped};
use super::{COUNT, sample};
use crate::cluster::faults::LONG;
use crate::cluster::network::Network;
use crate::cluster::{Worker, addresses, wait_until};

/// A worker on a machine of its own, which reads below `root`.
fn worker(machine: &Machine, root: &str) -> Worker {
    let arguments = ["worker", "-j2", "--listen", "127.0.0.1:0", "--root", root];
    Worker::spawn(&mut machine.command(&arguments))
}

/// What comes of a query that is handed out.
fn spread(here: &Machine, database: &str, workers: &[Worker], query: &str) -> Done {
    let workers = addresses(workers);
    let handed_out = ["-j2", "--workers", &workers, "--bytes-per-worker", "1"];
    here.run(&[&[database, "-c", query, "--csv"][..], &handed_out].concat())
}

#[test]
fn workers_answer_from_a_bucket_as_one_machine_does() {
    let Some((bucket, here)) = sample("workers") else { return };
    let database = bucket.url("db");
    let machines = [Machine::new(&bucket), Machine::new(&bucket)];
    let workers = machines.each_ref().map(|machine| worker(machine, &database));
    let plan = spread(&here, &database, &workers, &format!("EXPLAIN {COUNT}"));
    assert!(plan.output.contains("tasks t0, t1"), "{}{}", plan.output, plan.errors);
    for query in [
        COUNT,
        "SELECT a.level, count(*) AS n, sum(p.reposts) AS s FROM posts p JOIN accounts a \
         ON p.account_id = a.account_id GROUP BY 1 ORDER BY 1",
        "SELECT count(*) AS n, max(length(text)) AS m FROM posts WHERE text LIKE '%地震%'",
        "SELECT date_trunc('month', posted_at) AS m, count(DISTINCT account_id) AS n FROM posts \
         GROUP BY 1 ORDER BY 1",
        "SELECT post_id, reposts, text FROM posts ORDER BY reposts DESC, post_id LIMIT 20",
    ] {
        let expected = here.done(&[&database, "-c", query, "--csv"]);
        let done = spread(&here, &database, &workers, query);
        assert_eq!((done.code, done.output), (0, expected), "{query}: {}", done.errors);
    }
    for machine in &machines {
        assert!(machine.cached_bytes() > 0, "a worker has read nothing");
    }
}

#[test]
fn workers_read_nothing_else_of_a_bucket() {
    let Some((bucket, here)) = sample("outside") else { return };
    let database = bucket.url("db");
    let machine = Machine::new(&bucket);
    let folder = machine.folder().display().to_string();
    for root in [&bucket.url("other"), &bucket.url("d"), &folder] {
        let workers = [worker(&machine, root)];
        let done = spread(&here, &database, &workers, COUNT);
        assert_eq!(done.code, 2, "{root}: {}{}", done.output, done.errors);
        assert!(done.errors.contains("a worker may not read s3://outside"), "{}", done.errors);
        assert!(done.errors.contains("--root"), "{}", done.errors);
    }
}

/// The store, the session and the workers are machines that reach one another over
/// cables only, of which one is cut in the middle of a query.
#[test]
fn a_bucket_is_read_across_namespaces_also_when_a_worker_is_cut_off() {
    let network = match Network::lay() {
        Ok(network) => network,
        Err(reason) => {
            println!("skipped: no network namespaces: {reason}");
            return;
        }
    };
    let host = Network::session_address();
    let Some(server) = Server::inside(&network.session, host, "far") else {
        return say_skipped();
    };
    let endpoint = format!("http://{host}:{}", server.port());
    let database = "s3://far/db";
    let here = Machine::inside(&network.session, &endpoint);
    here.done(&["generate", database, "--scale", "s", "-q"]);
    let token = here.folder().join("token").display().to_string();
    std::fs::write(&token, "in three namespaces").unwrap();
    let machines = network.workers.each_ref().map(|worker| Machine::inside(worker, &endpoint));
    let workers = [0, 1].map(|number| {
        let listen = format!("{}:9101", Network::address(number));
        let flags = ["worker", "-j2", "--listen", &listen, "--root", database];
        let token = ["--token-file", &token];
        Worker::spawn(&mut machines[number].command(&[&flags[..], &token].concat()))
    });
    let reached = addresses(&workers);
    let spread = |query: &str| {
        let flags = ["-j2", "--workers", &reached, "--bytes-per-worker", "1", "--csv"];
        let token = ["--token-file", &token];
        here.command(&[&[database, "-c", query][..], &flags, &token].concat()).spawn().unwrap()
    };
    let expected = here.done(&[database, "-c", COUNT, "--csv"]);
    let done = finished(spread(COUNT));
    assert_eq!((done.code, done.output), (0, expected), "{}", done.errors);
    for machine in &machines {
        assert!(machine.cached_bytes() > 0, "a worker has read nothing");
    }
    let expected = here.done(&[database, "-c", LONG, "--csv"]);
    let before = workers.each_ref().map(Worker::ticks);
    let query = spread(LONG);
    wait_until("the query", || {
        workers.iter().zip(&before).all(|(worker, before)| worker.ticks() > before + 20)
    });
    network.cut(1);
    let done = finished(query);
    assert_eq!((done.code, done.output), (0, expected), "{}", done.errors);
    assert!(done.errors.contains("running again on 1 of 2"), "{}", done.errors);
}
