//! Kept answers as a person meets them: from one process to the next.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// A small database that several tests read.
fn database() -> &'static Path {
    static DATABASE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = DATABASE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let files = ["datasets/accounts.csv", "datasets/posts.csv"];
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut import = Command::new(env!("CARGO_BIN_EXE_weiku"));
        let done = import.arg("import").arg(&path).args(files.map(|file| root.join(file)));
        assert!(done.output().unwrap().status.success());
        (folder, path)
    });
    path
}

/// Takes long enough to be kept, and gives one row.
const LONG: &str = "SELECT count(*) AS n FROM posts a JOIN posts b \
                    ON length(a.text) + length(b.text) <> a.reposts - b.reposts - 7000000";

/// Runs weiku with the cache folder `cache`.
fn weiku(cache: &Path, arguments: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weiku"));
    for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
        command.env(name, cache);
    }
    let Output { status, stdout, stderr } =
        command.env_remove("WEIKU_RESULT_CACHE").args(arguments).output().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(status.success(), "{stderr}");
    (stdout, stderr)
}

fn answers(cache: &Path) -> usize {
    std::fs::read_dir(cache.join("weiku/answers")).map_or(0, Iterator::count)
}

#[test]
fn a_second_process_gives_the_answer_of_the_first() {
    let cache = tempfile::tempdir().unwrap();
    let (cache, database) = (cache.path(), database().to_str().unwrap());
    let (first, _) = weiku(cache, &[database, "-c", LONG]);
    assert_eq!(answers(cache), 1);
    let explain = format!("EXPLAIN {LONG}");
    let (plan, _) = weiku(cache, &[database, "--readonly", "-c", &explain]);
    assert!(plan.contains("the answer is kept"), "{plan}");
    let timed = format!(".timing on\n{LONG};\n");
    let script = cache.join("timed.sql");
    std::fs::write(&script, timed).unwrap();
    let (second, _) = weiku(cache, &[database, "-f", script.to_str().unwrap()]);
    assert_eq!(first, second);

    let (plan, _) = weiku(cache, &[database, "--result-cache", "off", "-c", &explain]);
    assert!(!plan.contains("the answer is kept"), "{plan}");
    let off = format!("SET weiku.result_cache = false; {explain}");
    let (plan, _) = weiku(cache, &[database, "-c", &off]);
    assert!(!plan.contains("the answer is kept"), "{plan}");
}

#[test]
fn a_safe_session_touches_no_folder_but_its_own() {
    let cache = tempfile::tempdir().unwrap();
    let database = database().to_str().unwrap();
    let explain = format!("EXPLAIN {LONG}");
    let (out, _) = weiku(cache.path(), &[database, "--safe", "-c", LONG, "-c", &explain]);
    assert!(out.contains("the answer is kept"), "{out}");
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[test]
fn a_saved_query_says_in_its_record_that_its_answer_was_kept() {
    let cache = tempfile::tempdir().unwrap();
    let (cache, database) = (cache.path(), database().to_str().unwrap());
    let query = cache.join("long.sql");
    std::fs::write(&query, format!("/*---\ntitle = \"Long\"\n---*/\n{LONG};\n")).unwrap();
    let run = |out: &str, more: &[&str]| {
        let out = cache.join(out);
        let arguments = ["run", database, query.to_str().unwrap(), "-o", out.to_str().unwrap()];
        let (_, said) = weiku(cache, &[&arguments, more].concat());
        let record = std::fs::read(out.join("run.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        (record["queries"][0]["from_cache"] == true, said)
    };
    assert!(!run("one", &[]).0);
    let (kept, said) = run("two", &[]);
    assert!(kept && said.contains("from the result cache"), "{said}");
    let (kept, said) = run("two", &["--fresh"]);
    assert!(!kept && !said.contains("from the result cache"), "{said}");
    // Its own last result goes before a kept answer.
    let (_, said) = run("one", &[]);
    assert!(said.contains("reused"), "{said}");
}
