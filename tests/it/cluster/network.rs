//! Three machines, as far as one machine can stand for them: a session and two
//! workers, each in a network namespace of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::faults::{LONG, answer};
use super::{Worker, stderr, wait_until, world};

/// The session's namespace, through which the workers reach one another, and
/// theirs.
pub(crate) struct Network {
    pub(crate) session: String,
    pub(crate) workers: [String; 2],
}

impl Network {
    /// Lays the cables, or says why not.
    pub(crate) fn lay() -> Result<Self, String> {
        static LAID: AtomicUsize = AtomicUsize::new(0);
        let number = LAID.fetch_add(1, Ordering::Relaxed);
        let name = |role: &str| format!("weiku-{}-{number}{role}", std::process::id());
        let network = Self { session: name("s"), workers: [name("a"), name("b")] };
        network.cables()?;
        Ok(network)
    }

    fn cables(&self) -> Result<(), String> {
        let session = &self.session;
        run("ip", &["netns", "add", session])?;
        inside(session, &["sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
        for (number, worker) in self.workers.iter().enumerate() {
            let cable = format!("cable{number}");
            run("ip", &["netns", "add", worker])?;
            let ends = ["name", "up", "netns", worker];
            let mut link = vec!["link", "add", &cable, "netns", session, "type", "veth", "peer"];
            link.extend(ends);
            run("ip", &link)?;
            let (here, there) = (format!("10.99.{number}.1"), Self::address(number));
            let with_mask = |address: &str| format!("{address}/24");
            inside(session, &["ip", "addr", "add", &with_mask(&here), "dev", &cable])?;
            inside(session, &["ip", "link", "set", &cable, "up"])?;
            inside(worker, &["ip", "addr", "add", &with_mask(&there), "dev", "up"])?;
            inside(worker, &["ip", "link", "set", "up", "up"])?;
            inside(worker, &["ip", "route", "add", "default", "via", &here])?;
        }
        Ok(())
    }

    /// The address of a worker.
    pub(crate) fn address(number: usize) -> String {
        format!("10.99.{number}.2")
    }

    /// An address of the session that the workers reach.
    pub(crate) fn session_address() -> &'static str {
        "10.99.0.1"
    }

    /// Cuts a worker off from all others.
    pub(crate) fn cut(&self, worker: usize) {
        let cable = format!("cable{worker}");
        inside(&self.session, &["ip", "link", "set", &cable, "down"]).unwrap();
    }

    /// Starts the worker of that number.
    fn start(&self, number: usize, token: &Path) -> Worker {
        let listen = format!("{}:9101", Self::address(number));
        let mut command = self.command(&self.workers[number]);
        command.args(["worker", "-j2", "--listen", &listen, "--root"]).arg(world());
        Worker::spawn(command.arg("--token-file").arg(token))
    }

    /// The program in a namespace.
    fn command(&self, namespace: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, env!("CARGO_BIN_EXE_weiku")]);
        command.env("XDG_CONFIG_HOME", "/nonexistent").stdin(Stdio::null());
        command.env("WEIKU_RESULT_CACHE", "off");
        command
    }

    /// A command on the small world that hands out whatever it can.
    fn spread(&self, token: &Path) -> Command {
        let workers = format!("{}:9101,{}:9101", Self::address(0), Self::address(1));
        let mut command = self.command(&self.session);
        command.arg(world().join("db")).args(["-j2", "--workers", &workers]);
        command.args(["--bytes-per-worker", "1", "--token-file"]).arg(token);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in self.workers.iter().chain([&self.session]) {
            let _ = run("ip", &["netns", "del", namespace]);
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(stderr(&output).trim().to_owned()) }
}

fn inside(namespace: &str, command: &[&str]) -> Result<(), String> {
    run("ip", &[&["netns", "exec", namespace], command].concat())
}

#[test]
fn one_worker_is_killed_and_one_is_cut_off_in_the_middle_of_queries() {
    let network = match Network::lay() {
        Ok(network) => network,
        Err(reason) => {
            println!("skipped: no network namespaces: {reason}");
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "in three namespaces").unwrap();
    let answer = answer();
    let mut workers = vec![network.start(0, &token), network.start(1, &token)];

    let cut = |workers: &[Worker], how: &dyn Fn()| {
        let before: Vec<u64> = workers.iter().map(Worker::ticks).collect();
        let query = network.spread(&token).args(["-c", LONG]).spawn().unwrap();
        wait_until("the query", || {
            workers.iter().zip(&before).all(|(worker, before)| worker.ticks() > before + 20)
        });
        how();
        let lost = Instant::now();
        let output = query.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), answer, "{}", stderr(&output));
        assert!(stderr(&output).contains("running again on 1 of 2"), "{}", stderr(&output));
        assert!(lost.elapsed() < Duration::from_secs(60), "{:?}", lost.elapsed());
    };
    cut(&workers, &|| workers[0].signal("-KILL"));
    workers[0] = network.start(0, &token);
    cut(&workers, &|| network.cut(1));
}
