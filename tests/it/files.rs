//! Files of the disk as tables: JSON as crawlers export it, folders whose names are
//! values, tables without a header, and what is said of what cannot be read.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use tempfile::TempDir;
use weiku::engine::{Session, Settings};

/// A folder with files, in which weiku is asked.
struct World(TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// What goes to standard output, and what to standard error, its lines one.
    fn run(&self, flags: &[&str], sql: &str) -> (String, String) {
        let place = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_weiku"))
            .args(flags)
            .args(["--format", "csv", "-c", sql])
            .current_dir(self.0.path())
            .env("HOME", self.0.path())
            .env("XDG_CONFIG_HOME", place.path())
            .env("XDG_STATE_HOME", place.path())
            .env("XDG_CACHE_HOME", place.path())
            .env_remove("WEIKU_TIMEZONE")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let told = text(output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        (text(output.stdout), told)
    }

    /// The answer, which must be one.
    fn ask(&self, sql: &str) -> String {
        let (answer, told) = self.run(&[], sql);
        assert!(!told.contains("error"), "{sql}: {told}");
        answer
    }

    /// What is wrong.
    fn wrong(&self, sql: &str) -> String {
        let (answer, told) = self.run(&[], sql);
        assert!(told.contains("error"), "{sql}: {answer}");
        told
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

#[test]
fn json_is_a_table_in_every_form() {
    let world = World::new();
    let text = "外交部发言人在例行记者会上\\n}";
    let first = format!("{{\n  \"id\": 1,\n  \"text\": \"{text}\"\n}}");
    let second = "{\n  \"id\": 2,\n  \"text\": null,\n  \"more\": true\n}";
    let on_a_line = |record: &str| record.replace('\n', "") + "\n";
    let lines = on_a_line(&first) + &on_a_line(second);
    let wide = format!("{first}\n{second}\n");
    let array = format!("[{first},\n{second}]");
    let utf16: Vec<u8> =
        format!("\u{FEFF}{array}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    world.write("lines.jsonl", &lines);
    world.write("lines.json", format!("\u{FEFF}{lines}"));
    world.write("wide.json", &wide);
    world.write("wide.ndjson", wide);
    world.write("array.json", &array);
    world.write("utf16.json", utf16);
    world.write("gb.json", encoding_rs::GB18030.encode(&array).0);
    world.write("lines.jsonl.gz", gzip(lines.as_bytes()));
    world.write("array.json.gz", gzip(array.as_bytes()));
    world.write("array.json.zst", zstd::encode_all(array.as_bytes(), 1).unwrap());
    let expected = "id,text,more\n1,\"外交部发言人在例行记者会上\n}\",\n2,,true\n";
    for name in [
        "lines.jsonl",
        "lines.json",
        "wide.json",
        "wide.ndjson",
        "array.json",
        "utf16.json",
        "gb.json",
        "lines.jsonl.gz",
        "array.json.gz",
        "array.json.zst",
    ] {
        let told = world.ask(&format!("SELECT * FROM '{name}' ORDER BY id"));
        assert_eq!(told, expected, "{name}");
        let told = world.ask(&format!("SELECT count(*) AS n, sum(id) AS s FROM '{name}'"));
        assert_eq!(told, "n,s\n2,3\n", "{name}");
        let told = world.ask(&format!("SELECT count(*) AS n FROM '{name}' WHERE more"));
        assert_eq!(told, "n\n1\n", "{name}");
        let told = world.ask(&format!("SELECT count(*) AS n FROM '{name}'"));
        assert_eq!(told, "n\n2\n", "{name}");
    }
    // Those of several forms are one table.
    let told = world.ask("SELECT count(*) AS n, sum(id) AS s FROM '*.json'");
    assert_eq!(told, "n,s\n10,15\n");
    let allow = world.0.path().display().to_string();
    let (told, why) =
        world.run(&["--safe", "--allow", allow.as_str()], "SELECT sum(id) AS s FROM 'array.json'");
    assert_eq!(told, "s\n3\n", "{why}");
}

#[test]
fn no_digit_of_an_id_is_lost_and_what_has_parts_is_kept() {
    let world = World::new();
    world.write(
        "x.json",
        "[{\"id\": 123456789012345678901234567890, \"n\": 1, \"m\": 1, \"user\": {\"name\": \"甲\"}},
          {\"id\": 2, \"n\": \"y\", \"m\": {\"b\" : [1, \"\\\"\"]}, \"user\": {\"fans\": 3}}]",
    );
    assert_eq!(
        world.ask("SELECT id, n, m, \"user\"['name'] AS who FROM 'x.json'"),
        "id,n,m,who\n123456789012345678901234567890,1,1,甲\n\
         2,y,\"{\"\"b\"\":[1,\"\"\\\"\"\"\"]}\",\n"
    );
    world.write("none.json", "[]");
    assert_eq!(world.ask("SELECT count(*) AS n FROM 'none.json'"), "n\n0\n");
}

#[test]
fn a_large_file_of_lines_is_read_in_parts_and_once() {
    let world = World::new();
    let rows = 50_000_u64;
    let text: String =
        (1..=rows).map(|row| format!("{{\"id\": {row}, \"text\": \"第{row}条\"}}\n")).collect();
    world.write("x.jsonl", &text);
    world.write("x.json", format!("[{}]", text.trim_end().replace('\n', ",")));
    let sum = rows * (rows + 1) / 2;
    for name in ["x.jsonl", "x.json"] {
        let sql = format!(
            "SET datafusion.optimizer.repartition_file_min_size = 1000;
             SELECT count(DISTINCT text) AS n, sum(id) AS s FROM '{name}'"
        );
        assert_eq!(world.ask(&sql), format!("n,s\n{rows},{sum}\n"), "{name}");
    }
    let plan = world.ask("EXPLAIN SELECT id FROM 'x.jsonl' WHERE id > 5");
    assert!(plan.contains("file_type=json"), "{plan}");
}

#[test]
fn json_that_is_broken_is_told_with_its_line() {
    let world = World::new();
    world.write("x.jsonl", "{\"a\": 1}\n{\"a\": 2,}\n");
    world.write("y.json", "[{\"a\": 1},\n{\"a\": 2}\n");
    world.write("z.json", "[1,\n2]");
    world.write("w.json.gz", "{\"a\": 1}");
    assert!(world.wrong("SELECT * FROM 'x.jsonl'").contains("x.jsonl:2"));
    assert!(world.wrong("SELECT * FROM 'y.json'").contains("ends inside"));
    assert!(world.wrong("SELECT * FROM 'z.json'").contains("no object"));
    assert!(world.wrong("SELECT * FROM 'w.json.gz'").contains("not packed with gzip"));
}

#[test]
fn the_names_of_folders_are_columns() {
    let world = World::new();
    let posts = "SELECT * FROM (VALUES (1, 'a', DATE '2020-01-01'), (2, 'b', DATE '2020-01-02'), \
                 (3, 'b', DATE '2020-01-03')) AS t(n, platform, day)";
    world.ask(&format!("COPY ({posts}) TO 'out' (FORMAT parquet, PARTITION_BY (platform, day))"));
    let expected = "n,platform,day\n1,a,2020-01-01\n2,b,2020-01-02\n3,b,2020-01-03\n";
    for name in ["out", "out/", "out/*/*/*.parquet", "out/**/*.parquet"] {
        let told = world.ask(&format!("SELECT * FROM '{name}' ORDER BY n"));
        assert_eq!(told, expected, "{name}");
    }
    let of = |name: &str, filter: &str| {
        world.ask(&format!("SELECT count(*) AS c, max(n) AS n FROM '{name}' WHERE {filter}"))
    };
    assert_eq!(of("out", "platform = 'b'"), "c,n\n2,3\n");
    assert_eq!(of("out", "day > '2020-01-02' OR n = 1"), "c,n\n2,3\n");
    assert_eq!(of("out/platform=b", "day < '2020-01-03' AND platform <> 'a'"), "c,n\n1,2\n");
    // Files of which a filter wants no row are not opened.
    let plan = world.ask("EXPLAIN SELECT n FROM 'out' WHERE platform = 'a'");
    assert!(plan.contains("platform=a") && !plan.contains("platform=b"), "{plan}");
}

#[test]
fn a_folder_may_be_unknown_a_number_or_written_with_percents() {
    let world = World::new();
    for (folder, text) in [
        ("p=x%2Fy/month=01", "id,t\n1,a\n"),
        ("p=__HIVE_DEFAULT_PARTITION__/month=02", "id,t\n2,b\n"),
        ("p=微博/month=12", "id,t\n3,c\n"),
    ] {
        world.write(&format!("csv/{folder}/f.csv"), text);
        let (head, row) = text.split_once('\n').unwrap();
        let keys: Vec<&str> = head.split(',').collect();
        let values: Vec<&str> = row.trim_end().split(',').collect();
        let json = format!("{{\"{}\": {}, \"t\": \"{}\"}}", keys[0], values[0], values[1]);
        world.write(&format!("json/{folder}/f.json"), json);
    }
    for (name, suffix) in [("csv", "csv"), ("json", "json")] {
        world.write(&format!("{name}/_SUCCESS"), "");
        for pattern in [name.to_owned(), format!("{name}/*/*/*.{suffix}")] {
            let told = world.ask(&format!("SELECT * FROM '{pattern}' ORDER BY id"));
            let expected = "id,t,p,month\n1,a,x/y,1\n2,b,,2\n3,c,微博,12\n";
            assert_eq!(told, expected, "{pattern}");
            let told = world.ask(&format!("SELECT id FROM '{pattern}' WHERE p IS NULL"));
            assert_eq!(told, "id\n2\n", "{pattern}");
            let told = world.ask(&format!("SELECT id FROM '{pattern}' WHERE month + 1 = 13"));
            assert_eq!(told, "id\n3\n", "{pattern}");
        }
    }
    let allow = world.0.path().join("csv").display().to_string();
    let safe = ["--safe", "--allow", allow.as_str()];
    let (told, why) = world.run(&safe, "SELECT sum(id) AS s FROM 'csv' WHERE month > 1");
    assert_eq!(told, "s\n5\n", "{why}");
    let (_, why) = world.run(&safe, "SELECT sum(id) AS s FROM 'json'");
    assert!(why.contains("error"), "{why}");
    // Folders that do not agree are told of, and several formats.
    world.write("csv/more.csv", "id,t\n4,d\n");
    let (told, why) = world.run(&[], "SELECT count(*) AS n FROM 'csv/**/*.csv'");
    assert!(told == "n\n4\n" && why.contains("are no columns"), "{told} {why}");
    world.write("json/p=z/month=1/f.csv", "id,t\n4,d\n");
    assert!(world.wrong("SELECT * FROM 'json'").contains("several formats"));
}

#[test]
fn a_pattern_means_all_files_that_a_shell_would_name() {
    let world = World::new();
    world.write("d/x.csv", "a\nx\n");
    world.write("d/y=1.csv", "a\nx\n");
    world.write("d/e/x.csv", "a\nx\n");
    world.write("d/e/f/[1] #x.csv", "a\nx\n");
    world.write("d/e/x.json", "{\"a\": \"x\"}");
    for (pattern, count) in [
        ("d/*.csv", 2),
        ("d/*/*.csv", 1),
        ("d/*/*/*.csv", 1),
        ("d/**/*.csv", 4),
        ("d/e/../x.csv", 1),
        ("d/*/*.json", 1),
        ("./d/e/f/?1? #x.csv", 1),
    ] {
        let told = world.ask(&format!("SELECT count(a) AS n FROM '{pattern}'"));
        assert_eq!(told, format!("n\n{count}\n"), "{pattern}");
    }
}

#[test]
fn parquet_files_that_were_made_one_after_another_are_one_table() {
    let world = World::new();
    world.ask(
        "COPY (SELECT 1 AS a) TO 'd/1.parquet'; COPY (SELECT 2 AS a, 'x' AS b) TO 'd/2.parquet'",
    );
    let told = world.ask("SELECT a, b FROM 'd/*.parquet' ORDER BY a");
    assert_eq!(told, "a,b\n1,\n2,x\n");
}

#[test]
fn a_csv_file_without_a_header_loses_no_row() {
    let world = World::new();
    world.write("x.csv", "1,2012-08-27,a\n2,2012-08-28,b\n");
    let (told, why) = world.run(&[], "SELECT * FROM 'x.csv' ORDER BY column0");
    assert_eq!(told, "column0,column1,column2\n1,2012-08-27,a\n2,2012-08-28,b\n");
    assert!(why.contains("has no header") && why.contains("header = true"), "{why}");
    // The advice does what it says.
    let advice = why.split("otherwise: ").nth(1).unwrap();
    let (told, why) = world.run(&[], &format!("SELECT count(*) AS n {advice}"));
    assert_eq!(told, "n\n1\n", "{why}");
    world.write("y.csv", "3,2012-08-29,c\n");
    let sql = "SELECT sum(column0) AS s, count(*) AS n FROM '?.csv'";
    let (told, why) = world.run(&[], sql);
    assert_eq!(told, "s,n\n6,3\n");
    // It is one for all files that were asked.
    assert!(why.ends_with("otherwise: FROM read_csv('?.csv', header = true)"), "{why}");
}

#[test]
fn text_in_columns_is_a_table_and_other_files_say_what_to_do() {
    let world = World::new();
    world.write("x.txt", "id\ttext\n1\t微博\n");
    world.write("x.psv", "id|text\n1|微博\n");
    world.write("x.tab", "id\ttext\n1\t微博\n");
    for name in ["x.txt", "x.psv", "x.tab"] {
        assert_eq!(world.ask(&format!("SELECT * FROM '{name}'")), "id,text\n1,微博\n", "{name}");
    }
    world.write("prose.txt", "微博\n外交小灵通：在例行记者会上\n");
    assert!(world.wrong("SELECT * FROM 'prose.txt'").contains("weiku import"));
    for (name, advice) in [
        ("a.xlsx", "as CSV"),
        ("a.sqlite", "sqlite3 -header"),
        ("a.duckdb", "COPY t TO"),
        ("a.orc", "as Parquet"),
        ("a.zip", "unpack it"),
        ("a.rds", "parquet, csv"),
    ] {
        world.write(name, "x");
        let told = world.wrong(&format!("SELECT * FROM '{name}'"));
        assert!(told.contains(name) && told.contains(advice), "{told}");
    }
    world.write("empty.csv", "");
    world.write("empty.parquet", "");
    world.write("empty.json", "");
    for name in ["empty.csv", "empty.parquet", "empty.json"] {
        let told = world.wrong(&format!("SELECT * FROM '{name}'"));
        assert!(told.contains(&format!("'{name}' is empty")), "{told}");
    }
}

#[test]
fn a_path_that_names_nothing_is_told_with_what_is_near() {
    let world = World::new();
    world.write("exports/posts.csv", "a\nx\n");
    world.write("exports/notes.md", "");
    for (name, advice) in [
        ("exports/post.csv", "did you mean 'exports/posts.csv'?"),
        ("export/posts.csv", "no folder export; did you mean 'exports'?"),
        ("export/*.csv", "no folder export; did you mean 'exports'?"),
        ("exports/*.parquet", "it holds 1 .csv, 1 .md"),
    ] {
        let told = world.wrong(&format!("SELECT * FROM '{name}'"));
        assert!(told.contains(advice), "{name}: {told}");
    }
}

#[test]
fn the_home_folder_is_where_a_shell_has_it() {
    let world = World::new();
    world.write("posts.csv", "a\nx\n");
    assert_eq!(world.ask("SELECT * FROM '~/posts.csv'"), "a\nx\n");
    world.ask("COPY (SELECT 1 AS b) TO '~/made.csv'");
    assert!(world.0.path().join("made.csv").exists());
    assert_eq!(world.ask("SELECT b + 1 AS c FROM '~/made.csv'"), "c\n2\n");
}

#[test]
fn links_that_lead_in_circles_are_walked_once() {
    use std::os::unix::fs::symlink;
    let world = World::new();
    let place = world.0.path();
    world.write("one/a.json", "{\"a\": 1}\n");
    symlink(".", place.join("one/self")).unwrap();
    assert_eq!(world.ask("SELECT count(*) AS n FROM 'one/**/*.json'"), "n\n1\n");
    // With two of them there is no end to the paths.
    world.write("two/d/a.csv", "a\n1\n");
    symlink("..", place.join("two/d/up1")).unwrap();
    symlink("..", place.join("two/d/up2")).unwrap();
    assert_eq!(world.ask("SELECT count(*) AS n FROM 'two/**/*.csv'"), "n\n1\n");
    // A file is one, whatever leads to it, and a link out of the folder is followed.
    symlink("a.csv", place.join("two/d/newest.csv")).unwrap();
    symlink("../one", place.join("two/other")).unwrap();
    assert_eq!(world.ask("SELECT count(*) AS n FROM 'two/**/*.csv'"), "n\n1\n");
    assert_eq!(world.ask("SELECT sum(a) AS s FROM 'two/**/*.json'"), "s\n1\n");
}

#[test]
fn csv_files_that_differ_are_read_by_the_names_of_their_columns() {
    let world = World::new();
    world.write("d/1.csv", "id,text,likes\n1,a,5\n");
    world.write("d/2.csv", "\u{FEFF}id,likes\n2,6\n");
    let third = "likes,text,微博\n7,外交部发言人在例行记者会上,x\n";
    world.write("d/3.csv", encoding_rs::GB18030.encode(third).0);
    let told = world.wrong("SELECT * FROM 'd/*.csv'");
    let advice = told.split("hint: ").nth(1).unwrap();
    assert_eq!(advice, "SELECT * FROM read_csv('d/*.csv', union_by_name = true)");
    let told = world.ask(&format!("{advice} ORDER BY likes"));
    let text = "外交部发言人在例行记者会上";
    assert_eq!(told, format!("id,text,likes,微博\n1,a,5,\n2,,6,\n,{text},7,x\n"));
    // Those of other formats need not be told so.
    world.write("e/1.json", "{\"a\": 1}");
    world.write("e/2.json", "{\"b\": 2}");
    for sql in ["FROM 'e/*.json'", "FROM read_json('e/*.json', union_by_name = true)"] {
        assert_eq!(world.ask(&format!("SELECT sum(a) AS a, sum(b) AS b {sql}")), "a,b\n1,2\n");
    }
    // Folders, and paths as they are typed, are columns behind theirs.
    world.write("f/day=1/x.csv", "a\n1\n");
    world.write("f/day=2/x.csv", "a,b\n1,2\n");
    let read = "FROM read_csv('f/*/*.csv', union_by_name = true";
    let told = world.ask(&format!("SELECT * {read}) ORDER BY day"));
    assert_eq!(told, "a,b,day\n1,,1\n1,2,2\n");
    let told = world.ask(&format!("SELECT * {read}, filename = true) WHERE day = 2"));
    assert_eq!(told, "a,b,day,filename\n1,2,2,f/day=2/x.csv\n");
    // So are those of the files in a folder that is called like one, as Spark writes them.
    world.write("g.csv/part-0.csv", "a,b\n1,\"x\ny\"\n");
    world.write("g.csv/part-1.csv", "a,b\n2,z\n");
    world.write("g.csv/_SUCCESS", "");
    world.write("g.csv/notes.md", "none of them");
    for name in ["g.csv", "g.csv/", "?.csv"] {
        let told = world.ask(&format!("FROM read_csv('{name}', filename = true) ORDER BY a"));
        let rows = "1,\"x\ny\",g.csv/part-0.csv\n2,z,g.csv/part-1.csv\n";
        assert_eq!(told, format!("a,b,filename\n{rows}"), "{name}");
    }
    assert_eq!(world.ask("SELECT sum(a) AS s FROM 'g.csv'"), "s\n3\n");
    std::fs::create_dir(world.0.path().join("h.csv")).unwrap();
    assert!(world.wrong("FROM 'h.csv'").contains("no file below `h.csv` can be asked"));
}

#[test]
fn what_is_said_of_columns_comes_with_queries_that_read_them() {
    let world = World::new();
    let rows: String = (1..40).map(|row| format!("{row},a\n")).collect();
    world.write("x.csv", ["likes,text\n", &rows, "likes,text\n"].concat());
    let asked = |sql: &str| world.run(&[], sql).1;
    for sql in ["SELECT count(*) FROM 'x.csv'", "SELECT max(text) FROM 'x.csv' WHERE text > 'a'"] {
        assert_eq!(asked(sql), "", "{sql}");
    }
    for sql in [
        "SELECT max(likes) FROM 'x.csv'",
        "SELECT count(*) FROM 'x.csv' WHERE likes > '1'",
        "SELECT count(*), (SELECT max(likes) FROM 'x.csv') FROM 'x.csv'",
        "SELECT count(*) FROM 'x.csv'; SELECT max(likes) FROM 'x.csv'",
    ] {
        let told = asked(sql);
        assert_eq!(told.matches("repeats the header").count(), 1, "{sql}: {told}");
    }
    // It stands beside the error that it explains.
    assert!(world.wrong("SELECT sum(likes) FROM 'x.csv'").contains("repeats the header"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_a_table_of_a_database_is_read_as_it_is_committed() {
    let world = crate::batch::World::new(&[]).await;
    let table = world.database.folder().unwrap().join("accounts");
    let session = Session::new(None, Settings::default()).unwrap();
    let count = async |path: &Path| {
        let sql = format!("SELECT count(*) AS n FROM '{}'", path.display());
        let batches = session.collect(&sql).await.unwrap();
        batches[0].column(0).as_primitive::<Int64Type>().value(0)
    };
    let committed = count(&table).await;
    assert!(committed > 0);
    // A commit that was not brought to its end takes all files away.
    let log = table.join("_delta_log");
    let entries = || std::fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path());
    let entries: Vec<_> =
        entries().filter(|path| path.extension() == Some("json".as_ref())).collect();
    let files = std::fs::read_dir(&table).unwrap().map(|entry| entry.unwrap().file_name());
    let files = files.filter_map(|name| name.into_string().ok());
    let removed = files.filter(|name| name.ends_with(".parquet")).map(|name| {
        format!(r#"{{"remove":{{"path":"{name}","dataChange":true,"deletionTimestamp":0}}}}"#)
    });
    let next = log.join(format!("{:020}.json", entries.len()));
    std::fs::write(next, removed.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(count(&table).await, committed);
    // So it is by a link, and a folder of its own is its newest version.
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&table, folder.path().join("link")).unwrap();
    assert_eq!(count(&folder.path().join("link")).await, committed);
    let copy = folder.path().join("copy");
    std::fs::create_dir_all(copy.join("_delta_log")).unwrap();
    for entry in std::fs::read_dir(&log).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.join("_delta_log").join(entry.file_name())).unwrap();
    }
    assert_eq!(count(&copy).await, 0);
}

#[test]
fn numbers_of_json_keep_the_digits_that_a_double_would_lose() {
    let world = World::new();
    let rows = "SELECT 12345678901234567.89::decimal(19,2) d, 9007199254740993 i, 0.1 f \
                UNION ALL SELECT -0.5::decimal(19,2), -9007199254740993, 0.25 ORDER BY i";
    let told = "d,i,f,types\n\
                -0.50,-9007199254740993,0.25,\"decimal(19,2) bigint double\"\n\
                12345678901234567.89,9007199254740993,0.1,\"decimal(19,2) bigint double\"\n";
    for name in ["a.jsonl", "a.json", "a.csv"] {
        world.ask(&format!("COPY ({rows}) TO '{name}'"));
        let sql = format!(
            "SELECT *, concat_ws(' ', typeof(d), typeof(i), typeof(f)) AS types FROM '{name}' ORDER BY i"
        );
        assert_eq!(world.ask(&sql), told, "{name}");
    }
    // What has parts is read digit by digit too, and so is what is not a record a line.
    let record = "{\"s\": {\"x\": -12345678901234567.89},\n\
                  \"l\": [2, 0.12345678901234567891], \"o\": 1.5e3}";
    world.write("nested.json", format!("[{record},\n{{\"s\": {{\"x\": 7}}, \"o\": 1}}]"));
    assert_eq!(
        world.ask("SELECT s['x'] AS x, l[2] AS l, o FROM 'nested.json'"),
        "x,l,o\n-12345678901234567.89,0.12345678901234567891,1500.0\n7.00,,1.0\n"
    );
    // A number that no double is makes texts, as in CSV, and no error.
    world.write("large.jsonl", "{\"a\": 1e400, \"b\": 1e300}\n{\"a\": 1, \"b\": 5}\n");
    world.write("large.csv", "a,b\n1e400,1e300\n1,5\n");
    for name in ["large.jsonl", "large.csv"] {
        let sql = format!("SELECT a, b, typeof(a) AS t FROM '{name}'");
        assert_eq!(world.ask(&sql), "a,b,t\n1e400,1e300,text\n1,5.0,text\n", "{name}");
    }
}
