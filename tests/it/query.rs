//! The command line as scripts use it: exit codes, streams, statements.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs weiku with `arguments` and `input` on standard input.
fn weiku(arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_weiku"))
        .args(arguments)
        .env("XDG_CONFIG_HOME", folder.path())
        .env("XDG_STATE_HOME", folder.path())
        .env("XDG_CACHE_HOME", folder.path())
        .env_remove("WEIKU_TIMEZONE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments may be gone before it reads.
    let _ = child.stdin.take().unwrap().write_all(input.as_ref());
    child.wait_with_output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn what_is_unknown_does_not_lead_in_any_order() {
    let rows = "(VALUES (1, 'a'), (NULL, 'b'), (3, 'c')) AS t(n, name)";
    for (sql, wanted) in [
        ("SELECT n FROM {} ORDER BY n DESC", "n\n3\n1\n\"\"\n"),
        ("SELECT n FROM {} ORDER BY n", "n\n1\n3\n\"\"\n"),
        ("SELECT n FROM {} ORDER BY n DESC NULLS FIRST", "n\n\"\"\n3\n1\n"),
        (
            "SELECT name, rank() OVER (ORDER BY n DESC) AS r FROM {} ORDER BY name",
            "name,r\na,2\nb,3\nc,1\n",
        ),
        ("SELECT first_value(name ORDER BY n DESC) AS most FROM {}", "most\nc\n"),
    ] {
        let output = weiku(&["-c", &sql.replace("{}", rows), "--csv"], "");
        assert_eq!(stdout(&output), wanted, "{sql}: {}", stderr(&output));
    }
}

#[test]
fn instants_come_back_from_a_csv_file_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("posts.csv").display().to_string();
    let made =
        "SELECT '2012-08-27 06:30:00'::timestamptz AS at, '2012-08-27 06:30:00'::timestamp AS wall";
    let told = "at::date AS day, date_part('hour', at) AS hour, date_part('hour', wall) AS wall";
    let wanted = "day,hour,wall\n2012-08-27,6,6\n";
    let written = weiku(&["-c", made, "-o", &file], "");
    assert_eq!(code(&written), 0, "{}", stderr(&written));
    for from in [format!("({made})"), format!("'{file}'")] {
        let sql = format!("SELECT {told} FROM {from}");
        assert_eq!(stdout(&weiku(&["-c", &sql], "")), wanted, "{sql}");
    }
    let elsewhere = format!("SELECT at::date AS day FROM '{file}'");
    let read = weiku(&["-c", &elsewhere, "--timezone", "UTC"], "");
    assert_eq!(stdout(&read), "day\n2012-08-26\n");
}

#[test]
fn a_million_rows_are_a_million_lines_and_a_header() {
    let output = weiku(&["-c", "SELECT value FROM generate_series(1, 1000000)", "--csv"], "");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, 1_000_001);
    assert!(output.stderr.is_empty());
}

#[test]
fn a_script_stops_at_its_first_error_and_names_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("three.sql");
    std::fs::write(
        &file,
        "SELECT 1 AS a;\nSELECT contnt\nFROM (SELECT 1 AS content);\nSELECT 3 AS c;",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let output = weiku(&["-f", path], "");
    assert_eq!((code(&output), stdout(&output).as_str()), (1, "a\n1\n"));
    assert!(stderr(&output).contains("three.sql:2:8"), "{}", stderr(&output));
    assert!(stderr(&output).contains("content"), "{}", stderr(&output));

    let output = weiku(&["-f", path, "--keep-going"], "");
    assert_eq!((code(&output), stdout(&output).as_str()), (1, "a\n1\nc\n3\n"));
}

#[test]
fn statements_come_from_flags_in_order_and_from_standard_input() {
    let output = weiku(&["-c", "SELECT 1 AS a", "-c", "SELECT ';' AS b; SELECT 2 AS c"], "");
    assert_eq!(stdout(&output), "a\n1\nb\n;\nc\n2\n");
    let output = weiku(&[], "\u{feff}SELECT '微博' AS 名称; -- done\r\n");
    assert_eq!((code(&output), stdout(&output).as_str()), (0, "名称\n微博\n"));
}

#[test]
fn a_parameter_that_no_statement_has_is_refused_before_anything_runs() {
    let output = weiku(&["-c", "SELECT 1 AS a", "-c", "SELECT $n AS b", "-p", "m=1"], "");
    assert_eq!((code(&output), stdout(&output).as_str()), (2, ""));
    assert!(stderr(&output).contains("did you mean `n`?"), "{}", stderr(&output));
    let output = weiku(&["-c", "SELECT '$n' AS a", "-p", "n=1"], "");
    assert_eq!((code(&output), stdout(&output).as_str()), (2, ""));
    let output = weiku(&["-c", "SELECT 1 AS a", "-c", "SELECT $n AS b", "-p", "n=2"], "");
    assert_eq!((code(&output), stdout(&output).as_str()), (0, "a\n1\nb\n2\n"));
}

#[test]
fn whoever_has_read_enough_hears_no_complaint() {
    for arguments in [
        &["completions", "bash"][..],
        &["man"],
        &["man", "import"],
        &["--spec"],
        &["formats"],
        &["functions"],
        &["config"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_weiku"));
        let output = command.args(arguments).stdout(writer).output().unwrap();
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn a_wrong_flag_is_told_to_programs_as_other_errors_are() {
    for arguments in [
        &["--tmeout", "1s", "--errors", "json"][..],
        &["--errors=json", "--tmeout", "1s"],
        &["run", "db", "--errors", "json", "--tmeout", "1s"],
    ] {
        let output = weiku(arguments, "");
        assert_eq!((code(&output), stdout(&output).as_str()), (2, ""));
        let told: serde_json::Value = serde_json::from_str(&stderr(&output)).unwrap();
        assert_eq!(told["code"], "usage", "{told}");
        assert_eq!(told["message"], "unexpected argument '--tmeout' found");
        assert_eq!(told["hint"], "a similar argument exists: '--timeout'");
    }
    let output = weiku(&["--help", "--errors", "json"], "");
    assert!(code(&output) == 0 && stdout(&output).contains("Usage:"), "{}", stderr(&output));
}

#[test]
fn a_script_asks_the_history_but_has_no_last_answer() {
    let output = weiku(&["-c", "SELECT count(*) AS n FROM weiku_history()"], "");
    assert_eq!(stdout(&output), "n\n0\n", "{}", stderr(&output));
    let output = weiku(&["--safe", "-c", "SELECT count(*) AS n FROM weiku_history()"], "");
    assert_eq!(code(&output), 1, "{}", stdout(&output));
    let output = weiku(&["-c", "SELECT 1 AS a", "-c", "SELECT * FROM _"], "");
    assert_eq!((code(&output), stdout(&output).as_str()), (1, "a\n1\n"));
    assert!(stderr(&output).contains("only the prompt keeps"), "{}", stderr(&output));
}

#[test]
fn the_configuration_tells_where_the_files_of_the_person_are_looked_for() {
    let output = weiku(&["config", "show"], "");
    let told = stdout(&output);
    let init = told.lines().find(|line| line.starts_with("init file,")).unwrap();
    assert!(init.ends_with("weiku/init.sql,not there"), "{init}");
    assert!(told.contains("weiku/config.toml,not there"), "{told}");
}

#[test]
fn exit_codes_tell_who_can_mend_it() {
    let cases: [(&[&str], i32); 8] = [
        (&["-c", "SELECT 1"], 0),
        (&["-c", "SELECT nothing"], 1),
        (&["-c", "SELEC 1"], 1),
        (&["--no-such-flag"], 2),
        (&["/no/such/database", "-c", "SELECT 1"], 2),
        (&["-c", "SELECT * FROM 'missing.parquet'"], 2),
        (&["-c", "SELECT $n"], 2),
        (
            &[
                "--timeout",
                "100ms",
                "-c",
                "SELECT count(*) FROM generate_series(1, 400000) a, generate_series(1, 400000) b WHERE a.value <> b.value",
            ],
            124,
        ),
    ];
    for (arguments, expected) in cases {
        let output = weiku(arguments, "");
        assert_eq!(code(&output), expected, "{arguments:?}: {}", stderr(&output));
        assert_eq!(output.stdout.is_empty(), expected != 0, "{arguments:?}");
    }
}

#[test]
fn sums_and_products_that_do_not_fit_are_errors() {
    for sql in [
        "SELECT sum(v) FROM (VALUES (9223372036854775807), (1)) AS t(v)",
        "SELECT 10000000000 * 10000000000",
        "SELECT v + 1 FROM (VALUES (9223372036854775807)) AS t(v)",
        "SELECT sum(v) OVER () FROM (VALUES (9223372036854775807), (1)) AS t(v)",
        "SELECT k, sum(v) FROM (VALUES (1, 9223372036854775807), (1, 1)) AS t(k, v) GROUP BY k",
    ] {
        let output = weiku(&["-c", sql], "");
        assert_eq!(code(&output), 1, "{sql} gave {}", stdout(&output));
    }
    let sql = "SELECT sum(v), sum(DISTINCT v) FROM (VALUES (9223372036854775807), (1), (-1), (-1)) AS t(v)";
    let output = weiku(&["-c", sql], "");
    assert_eq!(
        stdout(&output),
        "sum(v),sum(DISTINCT v)\n9223372036854775806,9223372036854775807\n"
    );
}

#[test]
fn deep_and_long_statements_give_an_answer_or_an_error() {
    let brackets = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    let chain = format!("SELECT 1{}", "+1".repeat(100_000));
    let either = format!("SELECT 1 WHERE 1 = 0{}", " OR 1 = 2".repeat(3_000));
    for sql in [brackets, chain, either] {
        let output = weiku(&[], &sql);
        assert!(output.status.code().is_some(), "a signal ended {}...", &sql[..40]);
    }
    // Up to the limit, chains are answered, and soon; over it they are refused.
    let sum = format!("SELECT 1{} AS n", "+1".repeat(600));
    let output = weiku(&["--timeout", "60s"], &sum);
    assert_eq!(stdout(&output), "n\n601\n", "{}", stderr(&output));
    let output = weiku(&[], format!("SELECT 1{}", "+1".repeat(1_001)));
    assert_eq!(code(&output), 4);
    assert!(stderr(&output).contains("1001 arithmetic operators"), "{}", stderr(&output));
}

#[test]
fn a_chain_of_operators_is_taken_from_left_to_right() {
    let sql = "SELECT (5 - 2) * 3 - (2 - 7) + 2 * 4 AS n, (a + b) * c FROM (VALUES (1, 2, 3)) AS t(a, b, c)";
    let output = weiku(&["-c", sql], "");
    assert_eq!(stdout(&output), "n,(a + b) * c\n22,9\n");
}

#[test]
fn a_text_of_two_billion_characters_is_refused_at_once() {
    for sql in ["SELECT lpad('a', 2000000000, 'b')", "SELECT repeat('ab', 2000000000)"] {
        let output = weiku(&["--timeout", "20s", "-c", sql], "");
        assert_eq!(code(&output), 1, "{sql}");
        assert!(stderr(&output).contains("over the limit"), "{}", stderr(&output));
    }
    let output = weiku(&["-c", "SELECT lpad('部', 3, '外') AS a, repeat('哈', 3) AS b"], "");
    assert_eq!(stdout(&output), "a,b\n外外部,哈哈哈\n");
}

#[test]
fn a_query_may_begin_with_from() {
    let output = weiku(&["-c", "FROM (VALUES (1, 'x'), (2, 'y')) AS t(a, b) WHERE a > 1"], "");
    assert_eq!(stdout(&output), "a,b\n2,y\n", "{}", stderr(&output));
    let output =
        weiku(&["-c", "WITH t AS (FROM generate_series(1, 3)) FROM t SELECT sum(value) AS s"], "");
    assert_eq!(stdout(&output), "s\n6\n", "{}", stderr(&output));
}

#[test]
fn a_time_zone_that_does_not_exist_cannot_be_set() {
    let output = weiku(&["-c", "SET timezone = 'Asia/Shanghia'"], "");
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("Asia/Shanghai"), "{}", stderr(&output));
    assert_eq!(code(&weiku(&["-c", "SET timezone = 'Asia/Tokyo'"], "")), 0);
}

#[test]
fn what_belongs_to_the_database_cannot_be_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db").display().to_string();
    let posts = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/posts.csv");
    assert_eq!(code(&weiku(&["import", &database, posts], "")), 0);
    for sql in ["DROP TABLE posts", "DROP TABLE IF EXISTS posts", "DROP VIEW account_latest"] {
        let output = weiku(&[&database, "-c", sql], "");
        assert_eq!(code(&output), 1, "{sql}");
        assert!(stderr(&output).contains("belongs to the database"), "{}", stderr(&output));
    }
    let own = "CREATE VIEW v AS SELECT 1 AS a; DROP VIEW v; SELECT * FROM v";
    let output = weiku(&[&database, "-c", own], "");
    assert!(stderr(&output).contains("no table"), "{}", stderr(&output));
}

#[test]
fn what_people_type_of_their_exports_is_told_with_our_names() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("demo-db").display().to_string();
    let posts = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/posts.csv");
    assert_eq!(code(&weiku(&["import", &db, posts], "")), 0);
    for (sql, wanted) in [
        ("SELECT 点赞数 FROM posts", "did you mean \"likes\"?"),
        ("SELECT p.赞 FROM posts p", "did you mean \"likes\"?"),
        ("SELECT \"转发数\" FROM posts", "did you mean \"reposts\"?"),
        ("SELECT text FROM posts ORDER BY 发布时间", "did you mean \"posted_at\"?"),
        ("SELECT 正文, 话题 FROM posts", "did you mean \"text\"?"),
        ("SELECT 粉丝数 FROM posts", "here it is followers, which is in account_snapshots"),
        ("SELECT 外交小灵通 FROM posts", "text goes in single quotes"),
        // Of the columns of one table those of the others are none.
        ("SELECT a.xyz FROM accounts a JOIN posts p USING (account_id)", "style, observed_at\n"),
        ("INSERT INTO posts VALUES (1)", "not changed by SQL"),
        ("EXPLAIN INSERT INTO Posts VALUES (1)", "`weiku import DB FILE...` adds rows"),
        (
            "SELECT platform, account_id, count(*) FROM posts GROUP BY platform",
            "put account_id into GROUP BY",
        ),
        ("SELECT sum(text) FROM posts", "sum takes numbers and is given a text"),
        ("SELECT sum(text) FROM posts", "       ^^^"),
        ("SELECT to_date('2021-13-01')", "write it as '2012-08-27'"),
        ("SELECT 1 FROM posts WHERE text MATCH 'x'", "MATCH does not stand between two values"),
        ("SELECT 1 FROM posts WHERE mentions = 'x'", "'x' = ANY(mentions)"),
        ("SELECT 1 FROM posts WHERE text = 赞", "text goes in single quotes: '赞'"),
        (
            "SELECT 1 FROM unnest(p.hashtags) AS t(tag), posts p WHERE tag > 'a'",
            "FROM posts, unnest(hashtags) AS t(tag)",
        ),
        ("SELECT unnest(text) FROM posts", "unnest takes a list"),
    ] {
        let output = weiku(&[&db, "-c", sql], "");
        let told = stderr(&output) + "\n";
        assert!(code(&output) == 1 && told.contains(wanted), "{sql}: {told}");
    }
    let joined = "SELECT count(*), count(tag), sum(CASE WHEN tag > 'a' THEN 0 ELSE 1 END)
                  FROM posts LEFT JOIN unnest(hashtags) AS t(tag) ON tag > 'a'";
    let counted = "SELECT sum(greatest(len(hashtags), 1)), sum(len(hashtags)),
                     count(*) FILTER (WHERE len(hashtags) = 0) FROM posts";
    let [joined, counted] = [joined, counted].map(|sql| {
        let output = weiku(&[&db, "--format", "csv", "-c", sql], "");
        stdout(&output).lines().nth(1).unwrap_or_default().to_owned()
    });
    assert!(!joined.is_empty() && joined == counted, "{joined} {counted}");
    let slip = folder.path().join("demo_db").display().to_string();
    let told = stderr(&weiku(&[&slip, "-c", "SELECT 1"], ""));
    assert!(told.contains(&format!("did you mean {db}?")), "{told}");
}

#[test]
fn a_corrupt_parquet_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let copied = weiku(&["-c", &format!("COPY (SELECT 1 AS a) TO '{}'", path("a.parquet"))], "");
    assert_eq!(code(&copied), 0);
    std::fs::write(path("b.parquet"), "PAR1 and no more").unwrap();
    for name in ["b.parquet", "*.parquet"] {
        let output = weiku(&["-c", &format!("SELECT * FROM '{}'", path(name))], "");
        let told = stderr(&output);
        assert!(code(&output) == 1 && told.contains(&path("b.parquet")), "{told}");
        assert!(!told.contains("verify"), "{told}");
    }
}

#[test]
fn errors_are_json_for_programs() {
    let output = weiku(&["--errors", "json", "-c", "SELECT 1 AS a FROM nowhere"], "");
    let error: serde_json::Value = serde_json::from_str(stderr(&output).trim()).unwrap();
    assert_eq!((error["code"].as_str(), error["line"].as_u64()), (Some("query"), Some(1)));
}

#[test]
fn a_typed_parameter_is_never_pasted_into_the_text() {
    let hostile = "v='; SELECT 2; --";
    let output = weiku(&["-c", "SELECT $v AS v", "-p", hostile], "");
    assert_eq!(stdout(&output), "v\n'; SELECT 2; --\n");
}

#[test]
fn a_typed_parameter_keeps_its_text_beside_texts() {
    let rows = "(VALUES ('a00'), ('a0'), ('110')) AS t(text)";
    for (condition, value, wanted) in [
        ("text LIKE '%' || $p || '%'", "p=00", "n\n1\n"),
        ("text = $p OR contains(text, $p)", "p=110", "n\n1\n"),
        ("length(text) >= $p", "p=3", "n\n2\n"),
    ] {
        let sql = format!("SELECT count(*) AS n FROM {rows} WHERE {condition}");
        let output = weiku(&["-c", &sql, "-p", value], "");
        assert_eq!(stdout(&output), wanted, "{sql}: {}", stderr(&output));
    }
}

#[test]
fn question_marks_are_parameters_by_their_position() {
    let output = weiku(&["-c", "SELECT ? - ? AS n; SELECT ? AS m", "-p", "1=7", "-p", "2=5"], "");
    assert_eq!(stdout(&output), "n\n2\nm\n7\n", "{}", stderr(&output));
    let output = weiku(&["-c", "SELECT ? AS n", "-p", "2=5"], "");
    assert_eq!((code(&output), stdout(&output).as_str()), (2, ""));
    assert!(stderr(&output).contains("`$2`"), "{}", stderr(&output));
}

#[test]
fn files_are_tables_and_output_files_appear_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let made = weiku(&["-c", "SELECT 1 AS a, '两\n行' AS b", "-o", &path("x.csv")], "");
    assert_eq!((code(&made), made.stdout.len()), (0, 0), "{}", stderr(&made));
    let read = weiku(&["-c", &format!("SELECT a, b FROM '{}'", path("x.csv")), "--jsonl"], "");
    assert_eq!(stdout(&read), "{\"a\":1,\"b\":\"两\\n行\"}\n");
    let failed = weiku(&["-c", "SELECT 1/0 AS a", "-o", &path("x.csv")], "");
    assert_eq!(code(&failed), 1);
    assert!(std::fs::read_to_string(path("x.csv")).unwrap().contains("两"));
    let near = weiku(&["-c", &format!("SELECT * FROM '{}'", path("y.csv"))], "");
    assert!(stderr(&near).contains("x.csv"), "{}", stderr(&near));
}

#[test]
fn tables_in_the_encodings_of_windows_are_read_as_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let text = "名称,转发\n外交小灵通,3\n平安北京,4\n";
    std::fs::write(path("gbk.csv"), encoding_rs::GB18030.encode(text).0).unwrap();
    std::fs::write(path("utf8.csv"), text).unwrap();
    let utf16: Vec<u8> =
        format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(path("utf16.csv"), utf16).unwrap();
    let sql = |name: &str| {
        format!("SELECT 名称, sum(转发) AS n FROM '{}' GROUP BY 1 ORDER BY 2", path(name))
    };
    for (name, times) in [("gbk.csv", 1), ("utf16.csv", 1), ("utf8.csv", 1), ("*.csv", 3)] {
        let allow = folder.path().to_str().unwrap();
        for flags in [&[][..], &["--safe", "--allow", allow]] {
            let output = weiku(&[flags, &["-c", &sql(name)]].concat(), "");
            let expected = format!("名称,n\n外交小灵通,{}\n平安北京,{}\n", 3 * times, 4 * times);
            assert_eq!(stdout(&output), expected, "{name} {flags:?}: {}", stderr(&output));
        }
    }
    let json = "{\"名称\": \"外交小灵通在例行记者会上\", \"转发\": 3}\n";
    std::fs::write(path("x.jsonl"), encoding_rs::GB18030.encode(json).0).unwrap();
    let read = stdout(&weiku(&["-c", &sql("x.jsonl")], ""));
    assert_eq!(read, "名称,n\n外交小灵通在例行记者会上,3\n");
    let broken = [text.repeat(2).as_bytes(), b"\xff\xfe,5\n"].concat();
    std::fs::write(path("broken.csv"), broken).unwrap();
    let refused = stderr(&weiku(&["-c", &sql("broken.csv")], ""));
    assert!(refused.contains("line 7") && refused.contains("weiku import"), "{refused}");
}

#[test]
fn a_column_that_few_values_make_a_text_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("posts.csv").display().to_string();
    let rows: String = (1..40).map(|row| format!("{row},\"第{row}条\n\",{row}\n")).collect();
    let header = "id,text,likes\n";
    std::fs::write(&file, [header, &rows, header, &rows].concat()).unwrap();
    let sum = format!("SELECT sum(TRY_CAST(likes AS BIGINT)) AS n FROM '{file}'");
    let twice = weiku(&["-c", &sum, "-c", &sum], "");
    assert_eq!(stdout(&twice), "n\n1560\nn\n1560\n", "{}", stderr(&twice));
    let told = stderr(&twice);
    let expected = format!(
        "notice: id, likes of {file} are text, because line 80 repeats the header: TRY_CAST(id AS BIGINT) "
    );
    assert!(told.starts_with(&expected) && told.lines().count() == 1, "{told}");
    // It stands beside the error that it explains, and for programs in their form.
    let failed =
        weiku(&["-c", &format!("SELECT sum(likes) FROM '{file}'"), "--errors", "json"], "");
    let told = stderr(&failed);
    assert!(code(&failed) == 1 && told.starts_with("{\"notice\":\"id, likes of "), "{told}");
    let piped = std::fs::read_to_string(&file).unwrap();
    let told = stderr(&weiku(&["-c", "SELECT max(likes) FROM stdin"], &piped));
    assert!(told.contains("likes of stdin are text"), "{told}");
    let script = format!("SELECT max(likes) FROM '{file}';\n.timing off\n");
    let told = stderr(&weiku(&[], &script));
    assert_eq!(told.matches("notice: ").count(), 1, "{told}");
    // A column in which texts are common is one of texts.
    std::fs::write(&file, format!("{header}1,a,2\n2,b,many\n3,c,4\n")).unwrap();
    assert_eq!(stderr(&weiku(&["-c", &format!("SELECT likes FROM '{file}'")], "")), "");
}

#[test]
fn files_whose_columns_differ_are_not_read_as_if_they_were_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let sum = format!("SELECT sum(likes) AS n, avg(share) AS share FROM '{}'", path("*.csv"));
    std::fs::write(path("a.csv"), "likes,reposts,share\n1,10,2\n").unwrap();
    std::fs::write(path("b.csv"), "likes,reposts,share\n2,20,1.5\n").unwrap();
    let same = weiku(&["-c", &sum], "");
    assert_eq!(stdout(&same), "n,share\n3,1.75\n", "{}", stderr(&same));
    std::fs::write(path("b.csv"), "reposts,likes,share\n20,2,1.5\n").unwrap();
    let told = stderr(&weiku(&["-c", &sum], ""));
    assert!(told.contains("b.csv has the columns reposts, likes, share"), "{told}");
    let advice =
        told.split("hint: ").nth(1).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    let both = weiku(&["-c", &format!("SELECT sum(likes) AS n FROM ({advice})")], "");
    assert_eq!(stdout(&both), "n\n3\n", "{}", stderr(&both));
}

#[test]
fn read_only_and_safe_sessions_refuse_what_they_must() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("out.csv").display().to_string();
    let copy = format!("COPY (SELECT 1) TO '{target}'");
    let secret = folder.path().join("secret.csv");
    std::fs::write(&secret, "a\nsentinel\n").unwrap();
    let read = format!("SELECT * FROM '{}'", secret.display());
    for (flag, sql) in [("--readonly", copy.as_str()), ("--safe", &copy), ("--safe", &read)] {
        let output = weiku(&[flag, "-c", sql], "");
        assert_eq!(code(&output), 1, "{flag} {sql}: {}", stderr(&output));
        assert!(!stdout(&output).contains("sentinel"));
    }
    assert!(!std::path::Path::new(&target).exists());
    // What the command line itself names is written.
    let beside = weiku(&["--readonly", "-c", "SELECT 1 AS a", "-o", &target], "");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "a\n1\n", "{}", stderr(&beside));
    for slip in ["secre.csv", "secret.cs", "nowhere/secret.csv"] {
        let sql = format!("SELECT * FROM '{}'", folder.path().join(slip).display());
        let told = stderr(&weiku(&["--safe", "-c", &sql], ""));
        assert!(told.contains("not allowed") && !told.contains("did you mean"), "{told}");
    }
    let allowed = ["--safe", "--allow", folder.path().to_str().unwrap(), "-c", &read];
    assert_eq!(stdout(&weiku(&allowed, "")), "a\nsentinel\n");
}

#[test]
fn a_date_beside_an_instant_is_a_day_of_the_session_time_zone() {
    // One o'clock at night in Shanghai, the day before in UTC.
    let instant =
        "arrow_cast('2012-08-26T17:00:00Z', 'Timestamp(Microsecond, Some(\"Asia/Shanghai\"))')";
    let sql = format!(
        "SELECT t >= DATE '2012-08-27' AS a, t < DATE '2012-08-27' AS b, CAST(t AS DATE) AS c, \
         CAST(t AS TIMESTAMP) AS d, t BETWEEN DATE '2012-08-27' AND DATE '2012-08-28' AS e, \
         date_trunc('day', t) = DATE '2012-08-27' AS f FROM (SELECT {instant} AS t)"
    );
    let output = weiku(&["-c", &sql], "");
    let expected = "a,b,c,d,e,f\ntrue,false,2012-08-27,2012-08-27T01:00:00,true,true\n";
    assert_eq!(stdout(&output), expected, "{}", stderr(&output));
}

#[test]
fn the_day_of_an_instant_in_a_file_is_that_of_the_session_time_zone() {
    let folder = tempfile::tempdir().unwrap();
    // Four in the morning in Shanghai, the day before in UTC.
    for (name, text) in [
        ("x.csv", "id,at\n1,2021-04-01T20:00:00Z\n2,2021-04-02T04:00:00+08:00\n"),
        (
            "x.json",
            r#"[{"id":1,"at":"2021-04-01T20:00:00Z"},{"id":2,"at":"2021-04-02T04:00:00+08:00"}]"#,
        ),
        (
            "x.jsonl",
            "{\"id\":1,\"at\":\"2021-04-01T20:00:00Z\"}\n{\"id\":2,\"at\":\"2021-04-01T20:00:00.000Z\"}\n",
        ),
    ] {
        let file = folder.path().join(name).display().to_string();
        std::fs::write(&file, text).unwrap();
        for day in ["at::date", "CAST(at AS DATE)", "at::timestamptz::date"] {
            let sql = format!("SELECT {day} AS day, count(*) AS n FROM '{file}' GROUP BY 1");
            let output = weiku(&["-c", &sql], "");
            assert_eq!(stdout(&output), "day,n\n2021-04-02,2\n", "{sql}: {}", stderr(&output));
        }
    }
}

#[test]
fn commands_of_the_shell_work_in_scripts_too() {
    let output = weiku(&[], ".mode jsonl\nSELECT 1 AS a;\n.mode csv\nSELECT '\n.x' AS b;\n");
    assert_eq!(stdout(&output), "{\"a\":1}\nb\n\"\n.x\"\n", "{}", stderr(&output));
    let wrong = weiku(&["-c", ".tabels"], "");
    assert_eq!(code(&wrong), 2, "{}", stderr(&wrong));
    assert!(stderr(&wrong).contains(".tables"), "{}", stderr(&wrong));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let script = format!(
        "{} -c 'SELECT value FROM generate_series(1, 5000000)' | head -1; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_weiku")
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
}

#[test]
fn what_is_piped_in_is_imported_as_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db").display().to_string();
    let posts = "platform,post_id,text\nx,1,#a# \"b\"\nx,2,\"c\nd\"\n";
    let format = ["--format", "weiku"];
    let output = weiku(&[&["import", &database, "-"], &format[..]].concat(), posts);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let output = weiku(&[&database, "--csv", "-c", "SELECT text FROM posts ORDER BY post_id"], "");
    assert_eq!(stdout(&output), "text\n\"#a# \"\"b\"\"\"\n\"c\nd\"\n");
}

#[test]
fn what_is_piped_in_is_the_table_stdin() {
    let sum = ["-c", "SELECT count(*) AS n, sum(likes) AS likes FROM stdin"];
    for piped in ["id,likes\n1,2\n2,3\n", "{\"likes\": 2}\n{\"likes\": 3}\n"] {
        let output = weiku(&sum, piped);
        assert_eq!(stdout(&output), "n,likes\n2,5\n", "{}", stderr(&output));
        let packed = zstd::encode_all(piped.as_bytes(), 1).unwrap();
        let output = weiku(&sum, packed);
        assert_eq!(stdout(&output), "n,likes\n2,5\n", "{}", stderr(&output));
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(piped.as_bytes()).unwrap();
        let output = weiku(&sum, packer.finish().unwrap());
        assert_eq!(stdout(&output), "n,likes\n2,5\n", "{}", stderr(&output));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.parquet");
    let copy = format!("COPY (SELECT 2 AS likes) TO '{}'", file.display());
    assert_eq!(code(&weiku(&["-c", &copy], "")), 0);
    assert_eq!(stdout(&weiku(&sum, std::fs::read(file).unwrap())), "n,likes\n1,2\n");
    let refused = weiku(&["-c", "SELECT count(*) FROM '/dev/stdin'"], "id\n1\n");
    assert!(stderr(&refused).contains("FROM stdin"), "{}", stderr(&refused));
    let refused = weiku(&[], b"PAR1\xff\xff\0");
    assert!(stderr(&refused).contains("FROM stdin"), "{}", stderr(&refused));
    let refused = weiku(&sum, b"PK\x03\x04\x14\0\0\0");
    assert!(stderr(&refused).contains("unzip -p"), "{}", stderr(&refused));
    // What is wrong in it is told of the table, and of no file that nobody has written.
    for more in [&["--csv"][..], &["-c", ".timing off"][..]] {
        let refused = stderr(&weiku(&[more, &sum].concat(), "id,likes\n1,2,3\n"));
        assert!(refused.contains("--> stdin") && !refused.contains("weiku-"), "{refused}");
    }
}

#[test]
fn a_script_may_be_a_pipe() {
    let output = weiku(&["-f", "/dev/stdin"], "SELECT 1 AS a");
    assert_eq!(stdout(&output), "a\n1\n", "{}", stderr(&output));
}

#[test]
fn a_script_that_cannot_be_read_is_a_wrong_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().display().to_string();
    let missing = format!("{folder}/x.sql");
    for (arguments, said) in [
        (["-f", &folder], "is a folder"),
        (["-f", &missing], "no such file"),
        (["-c", &format!(".read {folder}")], "is a folder"),
    ] {
        let output = weiku(&arguments, "");
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_blank_that_nobody_sees_is_seen_in_the_line_of_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.sql");
    let sql = "select lik\u{200b}es from (values (1)) as t(likes);\n";
    std::fs::write(&file, format!("select 1;\n{sql}")).unwrap();
    let file = file.display().to_string();
    let (typed, read) = (weiku(&["-c", sql], ""), weiku(&["-f", &file], ""));
    let of_shell = weiku(&["-c", &format!(".read {file}")], "");
    for (output, line) in [(typed, 1), (read, 2), (of_shell, 2)] {
        let told = stderr(&output);
        let wanted = format!("{line} | select lik⟨200B⟩es from (values (1)) as t(likes)");
        assert!(told.contains(&wanted), "{told}");
        assert!(told.contains("|        ^^^\n") && told.contains("mean \"likes\"?"), "{told}");
    }
}

#[test]
fn what_is_analyzed_is_a_tree_unless_a_format_is_asked_for() {
    let sql = "EXPLAIN ANALYZE SELECT value FROM generate_series(1, 3)";
    let shown = weiku(&["-c", "SELECT 1 AS n", "-c", sql], "");
    let tree = stdout(&shown);
    assert!(tree.starts_with("n\n1\n time  rows  operator\n"), "{tree} {}", stderr(&shown));
    assert!(tree.contains("3 rows in ") && !tree.contains("plan_type"), "{tree}");
    let csv = stdout(&weiku(&["--csv", "-c", sql], ""));
    assert!(csv.starts_with("plan_type,plan\n"), "{csv}");
    let failed = weiku(&["-c", "SELECT 1;\n explain analyze select nothing"], "");
    let told = stderr(&failed);
    assert!(told.contains("2 |  explain analyze select nothing"), "{told}");
    assert!(told.contains(&format!("|{}^^^^^^^\n", " ".repeat(25))), "{told}");
}

#[test]
fn a_picture_leaves_no_database_and_a_missing_one_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("picture.png");
    let bytes: Vec<u8> =
        (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(&picture, [b"\x89PNG\r\n\x1a\n".as_slice(), &bytes].concat()).unwrap();
    let database = folder.path().join("db");
    let arguments = ["import", database.to_str().unwrap(), picture.to_str().unwrap()];
    let output = weiku(&arguments, "");
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("is a PNG picture"), "{}", stderr(&output));
    assert!(!database.exists(), "a database was left behind");
    let output = weiku(&[database.to_str().unwrap(), "-c", "SELECT 1"], "");
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("weiku import"), "{}", stderr(&output));
}

#[test]
fn commands_and_ends_of_psql_hold_in_scripts_too() {
    let made = "create view v as select 42 as answer;\n";
    for (psql, ours) in [("\\dt", ".tables"), ("\\d v", ".describe v")] {
        let [psql, ours] = [psql, ours].map(|command| format!("{made}{command}\n"));
        let (typed, piped) = (weiku(&["-c", &psql], ""), weiku(&[], &psql));
        let expected = stdout(&weiku(&["-c", &ours], ""));
        assert!(expected.contains("answer") || expected.contains("view"), "{expected}");
        assert_eq!(stdout(&typed), expected, "{}", stderr(&typed));
        assert_eq!(stdout(&piped), expected, "{}", stderr(&piped));
    }
    let output = weiku(&["-c", "select 42 as answer \\gx", "-c", "select 43 as n \\g"], "");
    assert!(stdout(&output).contains("answer │ 42"), "{}", stderr(&output));
    assert!(stdout(&output).ends_with("n\n43\n"), "{}", stdout(&output));
    let output = weiku(&[], "select 42 as answer;\n\\g\n\\gx\nselect 'a \\g' as text;\n");
    let shown = stdout(&output);
    assert!(shown.starts_with("answer\n42\nanswer\n42\n"), "{shown} {}", stderr(&output));
    assert!(shown.contains("answer │ 42") && shown.ends_with("text\na \\g\n"), "{shown}");
    let output = weiku(&["-c", "\\gx"], "");
    assert!(stderr(&output).contains("there is no statement to run again"), "{}", stderr(&output));
}

#[test]
fn files_of_sql_are_laid_out_or_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a").join("one.sql");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    let text = "/*---\ntitle = \"一\"\n---*/\nselect  1 as n,'微  博' as t;\n";
    std::fs::write(&file, text).unwrap();
    std::fs::write(folder.path().join("a").join("notes.txt"), "select  1").unwrap();
    let path = folder.path().to_str().unwrap();
    let checked = weiku(&["fmt", "--check", path], "");
    assert_eq!(code(&checked), 1);
    assert!(stderr(&checked).contains("one.sql is laid out otherwise"), "{}", stderr(&checked));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    assert_eq!(code(&weiku(&["fmt", path], "")), 0);
    let formatted = std::fs::read_to_string(&file).unwrap();
    assert!(formatted.starts_with("/*---\ntitle = \"一\"\n---*/\nSELECT\n"), "{formatted}");
    assert!(formatted.contains("'微  博' AS t"), "{formatted}");
    assert_eq!(code(&weiku(&["fmt", "--check", path], "")), 0);
    assert_eq!(code(&weiku(&["fmt", "no such file"], "")), 2);
}
