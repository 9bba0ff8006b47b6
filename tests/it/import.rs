//! `weiku import` as a person meets it: what it says, and what is true then.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const POSTS: &str = "platform,post_id,account_id,posted_at,text,likes\n\
    weibo,1,7,2020-01-05T22:32:00+08:00,a,1\nweibo,2,7,2020-01-05T22:33:00+08:00,b,\n";

/// weiku in `folder`, with nothing of this machine's settings.
fn weiku(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weiku"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("XDG_CONFIG_HOME", folder)
        .env("XDG_STATE_HOME", folder)
        .env("XDG_CACHE_HOME", folder)
        .env_remove("WEIKU_TIMEZONE")
        .stdin(Stdio::null());
    command
}

/// Exit code, standard output and standard error.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = weiku(folder, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn ask(folder: &Path, sql: &str) -> String {
    let (code, rows, errors) = run(folder, &["db", "-c", sql]);
    assert_eq!(code, 0, "{errors}");
    rows.lines().skip(1).collect::<Vec<_>>().join(" ")
}

/// The query that an import names for what it refused.
fn query_of_rejects(said: &str) -> &str {
    let query = said.split("all are kept: ").nth(1).unwrap();
    query.split(';').next().unwrap()
}

#[test]
fn the_query_for_rejected_rows_gives_them_after_each_import() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let faulty = format!("{}many\n", POSTS.trim_end()).replace(",a,", ",\"a\nb\",");
    std::fs::write(folder.join("posts.csv"), faulty).unwrap();
    let mapping = "platform = \"weibo\"\n[columns]\npost_id = \"post_id\"\n\
        account_id = \"account_id\"\nposted_at = \"posted_at\"\ntext = \"text\"\n";
    std::fs::write(folder.join("map.toml"), mapping).unwrap();
    let (code, _, said) = run(folder, &["import", "db", "posts.csv", "--format", "map.toml"]);
    assert_eq!((code, said.contains(" 0 rejected")), (0, true), "{said}");
    std::fs::write(folder.join("likes.csv"), "platform,post_id,likes\nweibo,1,1\n").unwrap();
    assert_eq!(run(folder, &["import", "db", "likes.csv"]).0, 0);
    // The second reading of the bytes refuses what the first took; the third
    // refuses the same.
    for repeats in [false, true, true] {
        let (code, _, said) = run(folder, &["import", "db", "posts.csv"]);
        assert_eq!((code, said.contains("nothing new")), (0, repeats), "{said}");
        assert!(said.contains("row 3 (line 4) rejected: likes"), "{said}");
        let query = query_of_rejects(&said).replacen('*', "row", 1);
        assert_eq!(ask(folder, &query), "3", "{said}");
    }
}

#[test]
fn a_database_that_is_made_is_told_with_the_one_that_may_have_been_meant() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("posts.csv"), POSTS).unwrap();
    let said = |arguments: &[&str]| {
        let (code, _, said) = run(folder, &[&["import"], arguments, &["posts.csv"]].concat());
        assert_eq!(code, 0, "{said}");
        said
    };
    assert!(said(&["demo-db"]).contains("demo-db is a new database\n"));
    assert!(!said(&["demo-db"]).contains("new database"));
    let slip = said(&["-q", "demo_db"]);
    assert!(slip.contains("demo_db is a new database, beside demo-db: was that meant?"), "{slip}");
    assert_eq!(said(&["-q", "another"]), "");
}

#[test]
fn of_files_that_hold_the_same_posts_it_is_told_which_has_the_latest_look() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (two, ten) = (folder.join("list_2.csv"), folder.join("list_10.csv"));
    std::fs::write(&two, POSTS).unwrap();
    std::fs::write(&ten, POSTS.replace(",a,1", ",a,5")).unwrap();
    let names = ["list_10.csv", "list_2.csv"];
    let likes = |options: &[&str], database: &str| {
        let arguments = [&["import", database][..], &names, options].concat();
        let (code, _, said) = run(folder, &arguments);
        assert_eq!(code, 0, "{said}");
        let sql = "SELECT likes FROM posts WHERE post_id = '1'";
        (run(folder, &[database, "-c", sql]).1.replace("likes\n", ""), said)
    };
    let (latest, said) = likes(&[], "a");
    let order = "in the order of their names, 2 before 10";
    assert!(said.contains(order), "{said}");
    assert!(said.contains("within a minute, so that it is that of the file read last"), "{said}");
    assert_eq!(latest, "5\n");
    let (_, said) = likes(&[], "a");
    assert!(!said.contains(order), "nothing is new: {said}");
    let (latest, said) = likes(&["--observed-at", "2020-01-06"], "b");
    assert!(said.contains("at the time of --observed-at"), "{said}");
    assert_eq!(latest, "5\n");

    let file = std::fs::File::options().write(true).open(&ten).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let (latest, said) = likes(&[], "c");
    assert!(said.contains("by the times at which the files were changed"), "{said}");
    assert_eq!(latest, "1\n");

    std::fs::write(&ten, POSTS.replace("weibo,", "weibo,3")).unwrap();
    let (_, said) = likes(&[], "d");
    assert!(!said.contains(order), "they hold different posts: {said}");
}

#[test]
fn ctrl_c_says_which_files_are_in_and_leaves_nothing_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("1.csv"), POSTS).unwrap();
    // Reading from a pipe into which nobody writes takes for ever.
    assert!(Command::new("mkfifo").arg(folder.join("2.csv")).status().unwrap().success());
    std::fs::write(folder.join("3.csv"), POSTS.replace(",a,", ",c,")).unwrap();
    let mut child = weiku(folder, &["import", "db", "1.csv", "2.csv", "3.csv"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    errors.read_line(&mut said).unwrap();
    assert_eq!(said, "db is a new database\n");
    said.clear();
    errors.read_line(&mut said).unwrap();
    assert!(said.starts_with("1.csv: 2 rows"), "{said}");
    let process = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &process]).status().unwrap().success());
    said.clear();
    errors.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    let expected = "interrupted: 1 of 3 files are in, the last 1.csv; 2.csv left nothing\n";
    assert!(said.ends_with(expected), "{said}");
    assert_eq!(ask(folder, "SELECT count(*), min(text) FROM posts"), "2,a");
}

#[test]
fn of_several_imports_that_begin_together_one_makes_the_database_and_all_come_in() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // An empty folder is as good as none.
    std::fs::create_dir(folder.join("db")).unwrap();
    for round in 0..4 {
        let importing = [0, 1, 2].map(|number| {
            let name = format!("{number}.csv");
            let posts = POSTS.replace("weibo,1,", &format!("weibo,{number}1,"));
            std::fs::write(folder.join(&name), posts).unwrap();
            weiku(folder, &["import", "db", &name]).stderr(Stdio::piped()).spawn().unwrap()
        });
        for child in importing {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(0), "round {round}: {said}");
        }
        assert_eq!(ask(folder, "SELECT count(*) FROM posts"), "4");
        std::fs::remove_dir_all(folder.join("db")).unwrap();
    }
}

#[test]
fn optimize_makes_the_sample_smaller_and_changes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let posts = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/posts.csv");
    assert_eq!(run(folder, &["import", "db", posts]).0, 0);
    let newest = || {
        let files = std::fs::read_dir(folder.join("db/posts")).unwrap().map(Result::unwrap);
        let files = files.filter(|file| file.path().extension().is_some_and(|it| it == "parquet"));
        let files = files.map(|file| file.metadata().unwrap());
        files.max_by_key(|file| file.modified().unwrap()).unwrap().len()
    };
    let all = || run(folder, &["db", "--csv", "-c", "SELECT * FROM posts ORDER BY post_id"]).1;
    let (size, rows) = (newest(), all());
    let (code, _, said) = run(folder, &["optimize", "db"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("posts: 1 files merged into 1, 1 packed tightly"), "{said}");
    assert!(newest() * 20 < size * 19, "{} bytes, and {size} before", newest());
    assert_eq!(all(), rows);
}

#[test]
fn a_folder_with_something_else_in_it_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("posts.csv"), POSTS).unwrap();
    std::fs::create_dir(folder.join("db")).unwrap();
    std::fs::write(folder.join("db/letter.txt"), "Dear").unwrap();
    let (code, _, said) = run(folder, &["import", "db", "posts.csv"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("db is not empty") && said.contains("not there yet"), "{said}");
    let names: Vec<_> = std::fs::read_dir(folder.join("db")).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn what_a_pipe_gives_is_read_from_its_first_byte() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("posts.csv"), POSTS).unwrap();
    let line = format!("{} import db <(cat posts.csv)", env!("CARGO_BIN_EXE_weiku"));
    let output = Command::new("bash").args(["-c", &line]).current_dir(folder.path()).output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(said.contains("2 rows as weiku = 2 added"), "{said}");
}

#[test]
fn a_file_that_may_be_cut_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("cut.csv"), POSTS.trim_end()).unwrap();
    std::fs::write(folder.join("whole.csv"), POSTS).unwrap();
    let note = "ends without a line end: if it was cut, its last row is not whole";
    for arguments in [&["import", "db", "cut.csv"][..], &["import", "db", "cut.csv", "-q"]] {
        let (code, _, said) = run(folder, arguments);
        assert_eq!((code, said.contains(note)), (0, true), "{said}");
    }
    let (code, _, said) = run(folder, &["import", "db", "whole.csv"]);
    assert_eq!((code, said.contains(note)), (0, false), "{said}");
}

#[test]
fn a_dry_run_shows_times_in_the_time_zone_of_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("posts.csv"), POSTS).unwrap();
    let dry = ["import", "db", "posts.csv", "--dry-run"];
    let (code, shown, said) = run(folder, &dry);
    assert_eq!((code, shown.contains("2020-01-05 22:32:00")), (0, true), "{shown}{said}");
    let (_, shown, _) = run(folder, &[&dry[..], &["--timezone", "UTC"]].concat());
    assert!(shown.contains("2020-01-05 14:32:00"), "{shown}");
    std::fs::create_dir(folder.join("weiku")).unwrap();
    std::fs::write(folder.join("weiku/config.toml"), "timezone = 'Europe/Berlin'\n").unwrap();
    let (_, shown, _) = run(folder, &dry);
    assert!(shown.contains("2020-01-05 15:32:00"), "{shown}");
}

#[test]
fn posts_whose_accounts_nobody_knows_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let said = |posts: &str| {
        std::fs::write(folder.join("posts.csv"), posts).unwrap();
        let (code, _, said) = run(folder, &["import", "db", "posts.csv"]);
        assert_eq!(code, 0, "{said}");
        said.contains("these files name no accounts")
    };
    assert!(said(POSTS));
    assert!(!said(POSTS), "nothing was added");
    std::fs::write(folder.join("accounts.csv"), "platform,account_id,screen_name\nweibo,7,x\n")
        .unwrap();
    assert_eq!(run(folder, &["import", "db", "accounts.csv"]).0, 0);
    assert!(!said(&POSTS.replace("weibo,1,", "weibo,3,")));
    assert!(said(&POSTS.replace("weibo,1,7", "weibo,4,8").replace(",7,", ",9,")));
}

#[test]
fn a_name_that_is_wrong_keeps_all_files_out_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("posts.csv"), POSTS).unwrap();
    let (code, _, said) = run(folder, &["import", "db", "posts.csv", "missing.csv"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("missing.csv") && said.contains("nothing was imported"), "{said}");
    assert!(!folder.join("db").exists());
}
