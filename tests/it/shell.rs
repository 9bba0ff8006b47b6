//! The shell as a person sees it: transcripts of inputs and what follows them.
//!
//! A line that begins with `> ` is typed, one with `. ` goes on with it, and all
//! others are what the shell writes. With `WEIKU_ACCEPT=1` in the environment
//! the transcripts are written anew: read the difference.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use weiku::Database;
use weiku::engine::Settings;
use weiku::queries::Library;
use weiku::shell::{Options, Reading, Shell, Terminal};

/// Plays the inputs of a transcript and takes down what is written.
struct Played {
    inputs: VecDeque<String>,
    page: Page,
}

/// What is written, from all writers in order.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Terminal for Played {
    fn read(&mut self, prompt: &str, initial: &str) -> weiku::Result<Reading> {
        assert_eq!(initial, "", "nothing is typed ahead in a transcript");
        let Some(input) = self.inputs.pop_front() else {
            return Ok(Reading::End);
        };
        if !prompt.ends_with("> ") {
            writeln!(self.page, "{}", prompt.trim_end()).unwrap();
        }
        writeln!(self.page, "> {}", input.replace('\n', "\n. ")).unwrap();
        Ok(Reading::Text(input))
    }

    fn out(&self) -> Box<dyn Write + Send> {
        Box::new(self.page.clone())
    }

    fn err(&self) -> Box<dyn Write + Send> {
        Box::new(self.page.clone())
    }

    fn width(&self) -> Option<usize> {
        Some(80)
    }
}

fn inputs(transcript: &str) -> VecDeque<String> {
    let mut inputs: VecDeque<String> = VecDeque::new();
    for line in transcript.lines() {
        // An empty line is typed by Enter alone.
        let line = if line == ">" { "> " } else { line };
        if let Some(typed) = line.strip_prefix("> ") {
            inputs.push_back(typed.to_owned());
        } else if let Some(more) = line.strip_prefix(". ") {
            let last = inputs.back_mut().expect("a first line before the second");
            last.push('\n');
            last.push_str(more);
        }
    }
    inputs
}

/// What the shell writes when it is given the inputs of a transcript, in a
/// folder of its own.
async fn play(transcript: &str, folder: &Path) -> String {
    let session = Database::none().session(Settings::default()).unwrap();
    let library = Library::of_folders(vec![folder.join("queries")]);
    let options = Options {
        history: Some(folder.join("history")),
        params: weiku::engine::Params::new(),
        ..Options::default()
    };
    let page = Page::default();
    let mut terminal = Played { inputs: inputs(transcript), page: page.clone() };
    let mut shell = Shell::new(session, library, options, &mut terminal).unwrap();
    assert_eq!(shell.interact().await.unwrap(), 0);
    let written = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    steady(&written, folder)
}

/// What differs from run to run, replaced.
fn steady(written: &str, folder: &Path) -> String {
    let written = written.replace(&folder.display().to_string(), "FOLDER");
    let time = regex::Regex::new(r"\d+(\.\d+)? s\b").unwrap();
    let written = time.replace_all(&written, "T s").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let trimmed: Vec<&str> = written.lines().map(str::trim_end).collect();
    trimmed.join("\n") + "\n"
}

/// A folder with the files that transcripts read.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "queries/top_tags.sql",
        "/*---\ntitle = \"Frequent tags\"\nparams.day = { type = \"date\" }\n\
         params.n = { type = \"int\", default = 2 }\n---*/\n\
         SELECT * FROM (VALUES ('微博', $day), ('a', $day), ('b', $day)) AS t(tag, day)\nLIMIT $n;\n",
    );
    write(
        "queries/of_site.sql",
        "/*---\ntitle = \"Of one site\"\nparams.site = { type = \"enum\", values = [\"weibo\", \"twitter\"], \
         description = \"Where it was posted.\" }\nparams.all = { type = \"bool\" }\n---*/\n\
         SELECT $site AS site, $all AS every;\n",
    );
    write("posts.csv", "id,text,likes\n1,外交小灵通,12\n2,\"line\nbreak\",\n3,hello,3\n");
    write("full_width.sql", "select 1\nwhere '，' = 'a'；\n");
    write("script.sql", ".mode csv\nselect 1 as one;\nselect nothing;\nselect 2 as two;\n");
    folder
}

fn transcripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shell");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn transcripts_play_as_they_are_written() {
    let accept = std::env::var_os("WEIKU_ACCEPT").is_some();
    let files = transcripts();
    assert!(!files.is_empty());
    for file in files {
        let folder = folder();
        let place = folder.path().display().to_string();
        let wanted = std::fs::read_to_string(&file).unwrap();
        let about: String = wanted
            .lines()
            .take_while(|line| line.starts_with('#'))
            .fold(String::new(), |about, line| about + line + "\n");
        let played = play(&wanted.replace("FOLDER", &place), folder.path()).await;
        let found = about + &played;
        if accept {
            std::fs::write(&file, found).unwrap();
        } else {
            let difference =
                found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
            assert!(found == wanted, "{} plays differently: {difference:#?}", file.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_stops_at_its_first_error_and_names_the_line() {
    let folder = folder();
    let path = folder.path().join("script.sql");
    let text = std::fs::read_to_string(&path).unwrap();
    let session = Database::none().session(Settings::default()).unwrap();
    let library = Library::of_folders(Vec::new());
    let page = Page::default();
    let mut terminal = Played { inputs: VecDeque::new(), page: page.clone() };
    let options = Options { quiet: true, timing: false, ..Options::default() };
    let mut shell = Shell::new(session, library, options, &mut terminal).unwrap();
    let error = shell.execute(&text, Some("script.sql")).await.unwrap_err();
    assert_eq!((error.place().file.as_deref(), error.place().line), (Some("script.sql"), Some(3)));
    let written = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert_eq!(written, "one\n1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn safe_mode_keeps_commands_inside() {
    let session = Database::none().session(Settings { safe: true, ..Settings::default() }).unwrap();
    let page = Page::default();
    let mut terminal = Played { inputs: VecDeque::new(), page: page.clone() };
    let library = Library::of_folders(Vec::new());
    let mut shell = Shell::new(session, library, Options::default(), &mut terminal).unwrap();
    for command in [
        ".read a.sql",
        ".output a",
        ".once |cat",
        ".tee a",
        ".edit",
        ".save a",
        ".report a a.html",
        ".explain html a.html select 1",
        ".shell true",
        "\\! true",
    ] {
        let error = shell.execute_line(command).await.unwrap_err();
        assert!(error.message().contains("--safe"), "{command}: {error}");
    }
    shell.execute_line(".help").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_a_question_on_the_last_answer_asks_that_answer_each_time() {
    let session = Database::none().session(Settings::default()).unwrap();
    let page = Page::default();
    let mut terminal = Played { inputs: VecDeque::new(), page: page.clone() };
    let library = Library::of_folders(Vec::new());
    let mut shell = Shell::new(session, library, Options::default(), &mut terminal).unwrap();
    shell.execute_line("select value from generate_series(1, 2);").await.unwrap();
    shell.execute_line("select * from _ where random() < 0.5;").await.unwrap();
    // If each round asked the answer of the one before, rows would only become fewer.
    let watched = shell.execute_line(".watch 0.1 until rows=2");
    tokio::time::timeout(std::time::Duration::from_secs(60), watched).await.unwrap().unwrap();
    shell.execute_line("select count(*) + 40 as rows from _;").await.unwrap();
    shell.execute_line("select count(*) + 50 as rows from @1;").await.unwrap();
    let written = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert!(written.contains(" 42 ") && written.contains(" 52 "), "{written}");
    // The rounds are one answer.
    assert!(written.contains("@5 ·") && !written.contains("@6 ·"), "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_only_reads_writes_no_file_by_any_command() {
    let folder = folder();
    let kept = folder.path().join("kept.sql").display().to_string();
    let out = folder.path().join("out.csv").display().to_string();
    let session = Database::none().session(Settings { readonly: true, ..Settings::default() });
    let library = Library::of_folders(vec![folder.path().join("queries")]);
    let mut terminal = Played { inputs: VecDeque::new(), page: Page::default() };
    let mut shell =
        Shell::new(session.unwrap(), library, Options::default(), &mut terminal).unwrap();
    shell.execute_line("select 1 as n, 2 as m;").await.unwrap();
    for command in [
        format!("copy (select 1) to '{out}';"),
        format!("explain analyze copy (select 1) to '{out}';"),
        format!(".once {out}"),
        ".once |cat".to_owned(),
        format!(".output {out}"),
        format!(".tee {out}"),
        format!(".save {kept}"),
        ".save kept".to_owned(),
        ".edit".to_owned(),
        ".edit top_tags".to_owned(),
        ".pager less".to_owned(),
        format!(".report top_tags {out}"),
        format!(".chart bar x=n y=m -o {out}"),
        format!(".explain html {out} select 1"),
    ] {
        let error = shell.execute_line(&command).await.unwrap_err();
        assert!(error.message().contains("not allowed under --readonly"), "{command}: {error}");
        assert!(error.advice().unwrap().contains("-o"), "{command}");
    }
    assert!(!folder.path().join("out.csv").exists());
    // What shows something is no writing.
    for command in [".explain select 1", ".chart bar x=n y=m", ".pager off", ".help"] {
        shell.execute_line(command).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_only_reads_runs_no_programs() {
    let folder = folder();
    let made = folder.path().join("made");
    let page = Page::default();
    for readonly in [true, false] {
        let session = Database::none().session(Settings { readonly, ..Settings::default() });
        let mut terminal = Played { inputs: VecDeque::new(), page: page.clone() };
        let (library, options) = (Library::of_folders(Vec::new()), Options::default());
        let mut shell = Shell::new(session.unwrap(), library, options, &mut terminal).unwrap();
        let ran = shell.execute_line(&format!("\\! touch '{}'", made.display())).await;
        match ran {
            Err(error) => assert!(readonly && error.message().contains("--readonly"), "{error}"),
            Ok(_) => assert!(!readonly),
        }
        assert_eq!(made.exists(), !readonly);
    }
}

/// Runs the program in `folder` with `input` on standard input.
fn weiku(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_weiku"))
        .args(arguments)
        .current_dir(folder)
        .env("XDG_CONFIG_HOME", folder)
        .env("XDG_STATE_HOME", folder)
        .env("XDG_CACHE_HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments may be gone before it reads.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn what_a_command_sets_holds_for_the_scripts_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("two.sql"), "select 2 as b;\n").unwrap();
    let json = [".mode jsonl", "select 1 as a"];
    let batch_size = "datafusion.execution.batch_size";
    let set = format!(".set {batch_size} 4321");
    let asked =
        format!("select value from information_schema.df_settings where name = '{batch_size}'");
    for (arguments, told) in [
        (vec!["-c", json[0], "-c", json[1], "-f", "two.sql"], "{\"a\":1}\n{\"b\":2}\n"),
        (vec!["-c", json[1], "-c", json[0], "-f", "two.sql"], "a\n1\n{\"b\":2}\n"),
        (vec!["-c", "select 1 as a", "-c", "\\g"], "a\n1\na\n1\n"),
        (vec!["-c", ".quit", "-c", "select 1 as a"], ""),
        (
            vec!["-c", ".output o.csv", "-c", json[1], "-c", ".output off", "-f", "two.sql"],
            "b\n2\n",
        ),
        (vec!["-c", set.as_str(), "-c", asked.as_str()], "value\n4321\n"),
    ] {
        let output = weiku(folder.path(), &arguments, b"");
        assert_eq!(text(&output.stdout), told, "{arguments:?}: {}", text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("o.csv")).unwrap(), "a\n1\n");
}

#[test]
fn times_are_told_in_scripts_that_ask_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let times = |arguments: &[&str]| {
        let output = weiku(folder.path(), arguments, b"");
        assert_eq!(text(&output.stdout), "a\n1\n");
        text(&output.stderr).lines().filter(|line| line.ends_with(" s")).count()
    };
    assert_eq!(times(&["-c", ".timing on", "-c", "select 1 as a"]), 1);
    assert_eq!(times(&["-c", ".null ''", "-c", "select 1 as a"]), 0);
}

#[test]
fn scripts_with_commands_fail_and_are_written_to_files_as_others_are() {
    let folder = tempfile::tempdir().unwrap();
    let scripts =
        ["-c", ".timing off", "-c", "select 1 as a", "-c", "select nothing", "-c", "select 2 as b"];
    let output = weiku(folder.path(), &[&["-o", "o.csv"][..], &scripts].concat(), b"");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(!folder.path().join("o.csv").exists(), "half a file");
    let keep_going = ["--keep-going", "-o", "o.csv", "--errors", "json"];
    let output = weiku(folder.path(), &[&keep_going[..], &scripts].concat(), b"");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
    let told = text(&output.stderr);
    assert!(told.lines().any(|line| line.starts_with("{\"code\"")), "{told}");
    assert_eq!(std::fs::read_to_string(folder.path().join("o.csv")).unwrap(), "a\n1\nb\n2\n");
    // The file of one answer has no room for a second.
    let output = weiku(folder.path(), &[&["-o", "o.parquet"][..], &scripts[..4]].concat(), b"");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let two = [&["-o", "two.parquet"][..], &scripts[..4], &scripts[6..]].concat();
    let output = weiku(folder.path(), &two, b"");
    assert!(text(&output.stderr).contains("holds one answer"), "{}", text(&output.stderr));
    assert!(!folder.path().join("two.parquet").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_query_about_accounts_says_when_there_are_none() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("named", "SELECT count(*) AS n FROM accounts"),
        ("plain", "SELECT 1 AS n"),
        ("tags", "SELECT count(*) AS accounts FROM hashtag_daily"),
        ("both", "SELECT count(*) AS n FROM posts JOIN accounts USING (platform, account_id)"),
    ] {
        std::fs::write(folder.path().join(format!("{name}.sql")), sql).unwrap();
    }
    let database = Database::create(&folder.path().join("db")).await.unwrap();
    for (query, told) in [
        ("named", Some("the table accounts is empty: names")),
        ("plain", None),
        ("tags", Some("the table posts is empty: `weiku import DB FILE...` fills it")),
        ("both", Some("the tables posts and accounts are empty: `weiku import")),
    ] {
        let page = Page::default();
        let mut terminal = Played { inputs: VecDeque::new(), page: page.clone() };
        let library = Library::of_folders(vec![folder.path().to_owned()]);
        let session = database.session(Settings::default()).unwrap();
        let mut shell = Shell::new(session, library, Options::default(), &mut terminal).unwrap();
        shell.execute_line(&format!(".run {query}")).await.unwrap();
        let written = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        match told {
            Some(told) => assert!(written.contains(told), "{written}"),
            None => assert!(!written.contains("empty"), "{written}"),
        }
    }
}

#[test]
fn nothing_is_watched_for_ever_where_nobody_could_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = weiku(folder.path(), &[], b"select 1 as a;\n.watch 0.1\n");
    let told = text(&output.stderr);
    assert!(!output.status.success() && told.contains(".watch 2 times=5"), "{told}");
    assert_eq!(text(&output.stdout), "a\n1\n", "{told}");
    let output = weiku(folder.path(), &[], b"select 1 as a;\n.watch 0.1 times=2\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "a\n1\n".repeat(3));
    let output = weiku(folder.path(), &["-c", "select 1 as a \\watch 0.1 times=2"], b"");
    assert_eq!(text(&output.stdout), "a\n1\n".repeat(3), "{}", text(&output.stderr));
    let output = weiku(folder.path(), &["-c", "select 1 as a \\gdesc"], b"");
    assert!(text(&output.stdout).contains("a,bigint"), "{}", text(&output.stderr));
}

#[test]
fn a_script_that_is_not_utf8_is_told_how_to_become_that() {
    let folder = tempfile::tempdir().unwrap();
    // `select '微博';` in GBK.
    let gbk = b"select 1;\nselect '\xce\xa2\xb2\xa9';\n";
    std::fs::write(folder.path().join("gbk.sql"), gbk).unwrap();
    let cases: [(&[&str], &[u8], &str); 4] = [
        (&["-f", "gbk.sql"], b"", "gbk.sql:2"),
        (&["-c", ".run gbk.sql"], b"", "gbk.sql:2"),
        (&[], gbk, "standard input:2"),
        (&["-c", ".read gbk.sql"], b"", "gbk.sql:2"),
    ];
    for (arguments, input, place) in cases {
        let output = weiku(folder.path(), arguments, input);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(place) && told.contains("iconv -f GB18030 -t UTF-8"), "{told}");
    }
}

#[test]
fn a_wrong_command_in_a_script_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dots.sql"), "select 1;\n\n.tabels\n.mode boxx\n").unwrap();
    let output = weiku(folder.path(), &["-f", "dots.sql"], b"");
    let told = text(&output.stderr);
    assert!(told.contains("dots.sql:3:1") && told.contains("^^^^^^^"), "{told}");
    let output = weiku(folder.path(), &["--keep-going", "-f", "dots.sql"], b"");
    let told = text(&output.stderr);
    assert!(told.contains("dots.sql:4:1"), "{told}");
}
