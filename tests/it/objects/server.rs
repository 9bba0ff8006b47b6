//! The S3 server of the tests, its buckets, and machines that use them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A server that ends with this process.
pub(super) struct Server {
    port: u16,
    _process: Child,
}

/// The one server of all tests; none where it cannot be had.
fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(start).as_ref()
}

fn start() -> Option<Server> {
    let (python, script) = program();
    Server::spawn(Command::new(python).arg(script))
}

/// The interpreter and the script of a server.
fn program() -> (String, PathBuf) {
    let python = std::env::var("WEIKU_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    (python, Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/objects/server.py"))
}

impl Server {
    /// A server at the address `host` of a network namespace, with one bucket.
    #[cfg(feature = "cluster")]
    pub(super) fn inside(namespace: &str, host: &str, bucket: &str) -> Option<Self> {
        let (python, script) = program();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, &python]).arg(script).args([host, bucket]);
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Option<Self> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = piped.spawn().ok()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take()?).read_line(&mut line).ok()?;
        Some(Self { port: line.trim().parse().ok()?, _process: process })
    }

    #[cfg(feature = "cluster")]
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
pub(super) fn say_skipped() {
    eprintln!("skipped: python3 has no moto[server], which is the S3 server of this test");
}

/// A bucket of its own for one test.
pub(super) struct Bucket {
    name: &'static str,
    port: u16,
}

impl Bucket {
    /// An empty bucket; none, with a reason printed, where there is no server.
    pub(super) fn make(name: &'static str) -> Option<Self> {
        let Some(server) = server() else {
            say_skipped();
            return None;
        };
        let bucket = Self { name, port: server.port };
        bucket.ask("PUT", "", b"");
        Some(bucket)
    }

    /// A bucket that is not there.
    pub(super) fn absent() -> Option<Self> {
        Some(Self { name: "no-such-bucket", port: server()?.port })
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The address of a database in it.
    pub(super) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// The requests since this was last asked.
    pub(super) fn requests(&self) -> Vec<String> {
        let text = self.control(&format!("requests?bucket={}", self.name));
        text.lines().map(str::to_owned).collect()
    }

    /// Lets something happen to the first request with `method` for a key with
    /// `part` in it: `hold` it until it is released, `stop` it and do nothing
    /// after that, or do it and `lose` the answer.
    pub(super) fn fault(&self, kind: &str, method: &str, part: &str) -> Fault<'_> {
        let part = format!("/{}/{part}", self.name);
        let number = self.control(&format!("fault?kind={kind}&method={method}&part={part}"));
        Fault { bucket: self, number }
    }

    pub(super) fn put(&self, key: &str, text: &str) {
        self.put_bytes(key, text.as_bytes());
    }

    pub(super) fn put_bytes(&self, key: &str, bytes: &[u8]) {
        self.ask("PUT", key, bytes);
    }

    pub(super) fn get(&self, key: &str) -> Vec<u8> {
        self.ask("GET", key, b"")
    }

    pub(super) fn delete(&self, key: &str) {
        self.ask("DELETE", key, b"");
    }

    /// The keys that begin with `prefix`.
    pub(super) fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.ask("GET", &format!("?list-type=2&prefix={prefix}"), b"");
        let listed = String::from_utf8(listed).unwrap();
        let keys = listed.split("<Key>").skip(1);
        keys.map(|rest| rest.split("</Key>").next().unwrap().to_owned()).collect()
    }

    /// Removes all keys that begin with `prefix`.
    pub(super) fn clear(&self, prefix: &str) {
        self.keys(prefix).iter().for_each(|key| self.delete(key));
    }

    fn ask(&self, method: &str, key: &str, body: &[u8]) -> Vec<u8> {
        self.http(method, &format!("/{}/{key}", self.name), body)
    }

    fn control(&self, command: &str) -> String {
        String::from_utf8(self.http("GET", &format!("/_test/{command}"), b"")).unwrap()
    }

    fn http(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test-key/20200101/us-east-1/s3/aws4_request\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        let status = String::from_utf8_lossy(&answer[..end]).to_string();
        assert!(status.contains(" 20"), "{method} {path}: {status}");
        answer.split_off(end)
    }
}

/// Something that happens to a request.
pub(super) struct Fault<'a> {
    bucket: &'a Bucket,
    number: String,
}

impl Fault<'_> {
    /// Waits until it has happened.
    pub(super) fn is_met(&self) {
        assert_eq!(self.bucket.control(&format!("await?fault={}", self.number)), "True");
    }

    /// Lets a held request go on.
    pub(super) fn release(&self) {
        self.bucket.control(&format!("release?fault={}", self.number));
    }
}

/// What weiku did.
pub(super) struct Done {
    pub(super) code: i32,
    pub(super) output: String,
    pub(super) errors: String,
}

/// A machine with copies of its own.
pub(super) struct Machine {
    folder: tempfile::TempDir,
    /// What begins its commands.
    program: Vec<String>,
    /// Where the server is.
    endpoint: String,
}

impl Machine {
    pub(super) fn new(bucket: &Bucket) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            program: vec![env!("CARGO_BIN_EXE_weiku").to_owned()],
            endpoint: format!("http://127.0.0.1:{}", bucket.port()),
        }
    }

    /// One in a network namespace, from where the server is at `endpoint`.
    #[cfg(feature = "cluster")]
    pub(super) fn inside(namespace: &str, endpoint: &str) -> Self {
        let program = ["ip", "netns", "exec", namespace, env!("CARGO_BIN_EXE_weiku")];
        Self {
            folder: tempfile::tempdir().unwrap(),
            program: program.map(str::to_owned).to_vec(),
            endpoint: endpoint.to_owned(),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// weiku, about to be run here.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program[0]);
        for (name, _) in std::env::vars() {
            if ["AWS_", "WEIKU_", "GOOGLE_", "AZURE_"].iter().any(|begin| name.starts_with(begin)) {
                command.env_remove(name);
            }
        }
        command
            .args(&self.program[1..])
            .args(arguments)
            .current_dir(self.folder())
            .env("HOME", self.folder())
            .env("XDG_CACHE_HOME", self.folder().join("cache"))
            // An answer that is kept would need nothing of the bucket.
            .env("WEIKU_RESULT_CACHE", "off")
            .env("XDG_CONFIG_HOME", self.folder().join("config"))
            .env("XDG_STATE_HOME", self.folder().join("state"))
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", "test-key")
            .env("AWS_SECRET_ACCESS_KEY", "test-secret")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Done {
        finished(self.command(arguments).spawn().unwrap())
    }

    /// The output of what has to succeed.
    pub(super) fn done(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.errors);
        done.output
    }

    /// Bytes of all data files and pieces of them that are kept here.
    pub(super) fn cached_bytes(&self) -> u64 {
        self.cached().iter().map(|path| path.metadata().unwrap().len()).sum()
    }

    /// Changes a bit in every piece of a data file that is kept here.
    pub(super) fn damage_pieces(&self) {
        let pieces = self.cached().into_iter().filter(|path| path.extension().is_none());
        let mut count = 0;
        for path in pieces {
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(path, bytes).unwrap();
            count += 1;
        }
        assert!(count > 0, "there are no pieces");
    }

    fn cached(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.folder().join("cache")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.to_string_lossy().contains(".parquet") {
                    files.push(path);
                }
            }
        }
        files
    }
}

/// What a process did, once it has ended.
pub(super) fn finished(process: Child) -> Done {
    let output = process.wait_with_output().unwrap();
    Done {
        code: output.status.code().unwrap_or(-1),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}
