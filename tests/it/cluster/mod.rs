//! Several machines: the same answers, lost workers, and who is let in.

mod answers;
pub(crate) mod faults;
mod forged;
pub(crate) mod network;
mod trust;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use weiku::Database;
use weiku::generate::{Scale, generate};

/// The program.
fn weiku() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weiku"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WEIKU_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CONFIG_HOME", "/nonexistent").stdin(Stdio::null());
    // What is asked twice is to be computed twice.
    command.env("WEIKU_RESULT_CACHE", "off");
    command
}

/// A worker process, which ends with the test.
pub(crate) struct Worker {
    child: Child,
    address: String,
}

impl Worker {
    /// Starts a worker that reads below `root`.
    fn start(root: &Path) -> Self {
        Self::start_with(root, "127.0.0.1:0", |command| command)
    }

    /// The same, with more flags.
    fn start_with(
        root: &Path,
        listen: &str,
        more: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Self {
        let mut command = weiku();
        command.args(["worker", "-j2", "--listen", listen, "--root"]).arg(root);
        Self::spawn(more(&mut command))
    }

    /// Starts `command` and waits until it says where it listens.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        assert!(line.starts_with("listening on "), "{line}");
        let rest = &line["listening on ".len()..];
        let address = rest.split(',').next().unwrap().to_owned();
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Self { child, address }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// The time that the worker has computed, in hundredths of a second.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The addresses of `workers`, as they are typed.
pub(crate) fn addresses(workers: &[Worker]) -> String {
    workers.iter().map(|worker| worker.address.clone()).collect::<Vec<_>>().join(",")
}

/// A folder with the small world in `db`, made once for all tests.
fn world() -> &'static Path {
    static WORLD: OnceLock<PathBuf> = OnceLock::new();
    WORLD.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap().keep();
        let database = folder.join("db");
        let made = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let database = Database::create(&database).await.unwrap();
                generate(database.store().unwrap(), Scale::Small, 1, &mut |_| {}).await.unwrap();
            });
        });
        made.join().unwrap();
        folder
    })
}

/// A command on the small world that hands out whatever it can.
fn spread(workers: &str) -> Command {
    let mut command = weiku();
    command.arg(world().join("db"));
    command.args(["-j2", "--workers", workers, "--bytes-per-worker", "1"]);
    command
}

/// What `command` gave, or its standard error.
fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until `done`, for a minute at most.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} takes too long");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// All that is left in a pipe.
fn rest(pipe: &mut impl Read) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).unwrap();
    text
}
