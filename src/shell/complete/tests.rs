//! Completion as a pure function: text with a cursor in, candidates out.

use std::time::{Duration, Instant};

use super::catalog::{Column, Command, Function, Query, Relation, Setting, Takes};
use super::{Catalog, Lookup, complete};

struct Data;

impl Lookup for Data {
    fn values(&self, relation: &str, column: &str, _typed: &str) -> Vec<String> {
        match (relation, column) {
            ("accounts", "screen_name") => {
                ["外交小灵通", "外交部", "平安北京"].map(str::to_owned).to_vec()
            }
            ("posts", "client") => ["iPhone", "微博 weibo.com", "it's"].map(str::to_owned).to_vec(),
            _ => Vec::new(),
        }
    }

    fn files(&self, prefix: &str) -> Vec<String> {
        let files = ["data/", "data/posts.parquet", "data/notes.txt"];
        files
            .iter()
            .filter(|file| file.starts_with(prefix))
            .map(|file| (*file).to_owned())
            .collect()
    }

    fn file_columns(&self, path: &str) -> Vec<Column> {
        if path == "data/posts.parquet" { columns(&[("likes", "int64")]) } else { Vec::new() }
    }
}

fn columns(columns: &[(&str, &str)]) -> Vec<Column> {
    let column = |(name, type_name): &(&str, &str)| Column {
        name: (*name).to_owned(),
        type_name: (*type_name).to_owned(),
    };
    columns.iter().map(column).collect()
}

fn relation(name: &str, kind: &'static str, list: &[(&str, &str)]) -> Relation {
    Relation { schema: None, name: name.to_owned(), kind, columns: columns(list) }
}

fn catalog() -> Catalog {
    let key = |rest: &[(&'static str, &'static str)]| {
        let mut all = vec![("platform", "text"), ("account_id", "text")];
        all.extend_from_slice(rest);
        all
    };
    Catalog {
        relations: vec![
            relation(
                "accounts",
                "table",
                &key(&[("screen_name", "text"), ("followers", "bigint")]),
            ),
            relation("原始数据", "view", &[("微博正文", "text"), ("点赞数", "bigint")]),
            relation(
                "posts",
                "table",
                &key(&[
                    ("post_id", "text"),
                    ("text", "text"),
                    ("client", "text"),
                    ("Big Name", "text"),
                ]),
            ),
        ],
        functions: vec![
            Function {
                name: "count".into(),
                signature: "count(expression)".into(),
                gives_rows: false,
            },
            Function {
                name: "range".into(),
                signature: "range(start, stop)".into(),
                gives_rows: true,
            },
        ],
        settings: vec![Setting {
            name: "datafusion.execution.batch_size".into(),
            value: "8192".into(),
        }],
        own_settings: vec!["timezone"],
        queries: vec![Query {
            name: "daily/top".into(),
            title: "Top posts".into(),
            params: vec![("day".into(), "date".into()), ("n".into(), "int, default 10".into())],
        }],
        commands: vec![
            Command { names: vec![".run"], summary: "run a saved query", takes: Takes::Query },
            Command { names: vec![".read", "\\i"], summary: "run a file", takes: Takes::File },
            Command { names: vec![".help"], summary: "explain", takes: Takes::Topic },
            Command { names: vec![".set"], summary: "change", takes: Takes::Setting },
            Command { names: vec![".explain"], summary: "show the plan", takes: Takes::Sql },
        ],
        topics: vec![("COPY", "write to a file")],
        formats: vec!["box", "csv"],
    }
}

fn at(text: &str) -> Vec<String> {
    let position = text.find('|').expect("the cursor is marked");
    let text = text.replacen('|', "", 1);
    complete(&text, position, &catalog(), &Data).candidates.into_iter().map(|c| c.text).collect()
}

/// The text after the first candidate is taken.
fn taken(text: &str) -> String {
    let position = text.find('|').expect("the cursor is marked");
    let text = text.replacen('|', "", 1);
    let completion = complete(&text, position, &catalog(), &Data);
    let first = &completion.candidates.first().expect("there is a candidate").text;
    format!("{}{first}{}", &text[..completion.start], &text[position..])
}

#[test]
fn an_alias_gives_only_its_columns_with_their_types() {
    let expected = ["platform", "account_id", "post_id", "text", "client", "\"Big Name\""];
    assert_eq!(at("select p.| from posts p"), expected);
    assert_eq!(at("select p.| from accounts a join posts as p on"), expected);
    let completion = complete("select p. from posts p", 9, &catalog(), &Data);
    assert_eq!(completion.candidates[0].note, "text");
}

#[test]
fn from_gives_with_queries_then_tables_then_table_functions_then_files() {
    assert_eq!(
        at("with daily as (select 1 as n) select * from |"),
        ["daily", "accounts", "原始数据", "posts", "range(", "'data/posts.parquet'"]
    );
    assert_eq!(at("select * from accounts join p|"), ["posts"]);
    assert_eq!(at("select * from accounts, p|"), ["posts"]);
    assert_eq!(at("select (select max(n) from p|) from accounts"), ["posts"]);
    assert_eq!(at("describe a|"), ["accounts"]);
}

#[test]
fn a_file_is_completed_inside_its_quotes() {
    assert_eq!(at("select * from 'data/p|"), ["'data/posts.parquet'"]);
    assert_eq!(taken("select * from 'da|' where"), "select * from 'data/' where");
    assert_eq!(at("select li| from 'data/posts.parquet'"), ["likes"]);
}

#[test]
fn columns_of_the_query_come_first_then_functions() {
    let found = at("select c| from posts");
    assert_eq!(found[..2], ["client", "count("]);
    assert_eq!(at("select foll| from posts"), Vec::<String>::new());
    assert_eq!(at("select * from posts where te|"), ["text"]);
    assert_eq!(at("select count(te| from posts"), ["text"]);
    assert_eq!(at("select screen_name from accounts union select te| from posts"), ["text"]);
}

#[test]
fn a_column_of_two_tables_is_qualified() {
    let found = at("select acc| from posts p join accounts a on true");
    assert_eq!(found, ["p.account_id", "a.account_id"]);
}

#[test]
fn columns_come_through_with_and_subqueries() {
    let text = "with d as (select text, count(*) as n, p.client from posts p) select | from d";
    assert_eq!(at(text), ["text", "n", "client"]);
    assert_eq!(at("select s.| from (select * from accounts) s")[2], "screen_name");
    let with = "with c as (select 1 as one), d as (select text, 2 as best from posts) select ";
    assert_eq!(at(&format!("{with}|"))[..3], ["text", "best", "one"]);
    assert_eq!(at(&format!("{with}bes|"))[0], "best");
    assert_eq!(at(&format!("{with}d.|")), ["text", "best"]);
    assert_eq!(at("with d(a, b) as (select 1, 2) select | from d"), ["a", "b"]);
    let outer =
        at("select * from accounts a where exists (select 1 from posts p where p.text = a.f|)");
    assert_eq!(outer, ["followers"]);
}

#[test]
fn join_conditions_are_made_of_shared_keys() {
    let found = at("select * from posts p join accounts a on |");
    assert_eq!(found, ["p.platform = a.platform and p.account_id = a.account_id"]);
    let found = at("SELECT * FROM posts p JOIN accounts a ON |");
    assert_eq!(found[0], "p.platform = a.platform AND p.account_id = a.account_id");
    assert_eq!(at("select * from posts join accounts using (a|"), ["account_id"]);
}

#[test]
fn values_of_a_column_follow_a_comparison() {
    assert_eq!(
        at("select * from posts where client = '|"),
        ["'iPhone'", "'微博 weibo.com'", "'it''s'"]
    );
    assert_eq!(at("select * from posts p where p.client in ('iPhone', '微|"), ["'微博 weibo.com'"]);
    assert_eq!(
        taken("select * from posts where client = 'iP|' and 1"),
        "select * from posts where client = 'iPhone' and 1"
    );
    assert_eq!(at("select * from posts where client <> |")[0], "'iPhone'");
    assert_eq!(at("select * from posts where text = '|"), Vec::<String>::new());
}

#[test]
fn chinese_names_and_values_are_typed_as_they_sound() {
    assert_eq!(at("select dzs| from 原始数据"), ["点赞数"]);
    assert_eq!(at("select weibozw| from 原始数据"), ["微博正文"]);
    assert_eq!(at("select * from yssj|"), ["原始数据"]);
    assert_eq!(at("select * from accounts where screen_name = 'wj|"), ["'外交小灵通'", "'外交部'"]);
    // The quotes need not be typed either, and a part will do if nothing begins so.
    assert_eq!(
        taken("select * from accounts where screen_name = pabj|"),
        "select * from accounts where screen_name = '平安北京'"
    );
    assert_eq!(at("select * from accounts where screen_name = 'xlt|"), ["'外交小灵通'"]);
    // What begins with the letters themselves comes first.
    assert_eq!(at("select 1 from posts where client = 'w|"), ["'微博 weibo.com'"]);
}

#[test]
fn keywords_take_the_case_of_the_person() {
    assert_eq!(at("sel|"), ["select"]);
    assert_eq!(at("SEL|"), ["SELECT"]);
    assert_eq!(at("SELECT text FROM posts w|"), ["where"]);
    assert_eq!(at("SELECT text FROM posts |")[0], "WHERE");
    assert_eq!(at("select text from posts where text is null or|"), ["or", "order by"]);
    assert_eq!(at("select text fr|"), ["from"]);
}

#[test]
fn names_that_need_quotes_get_them() {
    assert_eq!(at("select big| from posts"), ["\"Big Name\""]);
    assert_eq!(taken("select \"Bi|\" from posts"), "select \"Big Name\" from posts");
    assert_eq!(taken("select \"te| from posts"), "select \"text\" from posts");
}

#[test]
fn settings_commands_and_saved_queries_are_known() {
    assert_eq!(at("set data|"), ["datafusion.execution.batch_size"]);
    assert_eq!(at("set datafusion.execution.b|"), ["datafusion.execution.batch_size"]);
    assert_eq!(at(".set t|")[0], "timezone");
    assert_eq!(at("summarize po|"), ["posts"]);
    assert_eq!(at(".r|"), [".run", ".read"]);
    assert_eq!(at(".run d|"), ["daily/top"]);
    assert!(at(".help co|").contains(&"COPY".to_owned()));
    assert_eq!(at(".run daily/top n=5 |"), ["day="]);
    assert_eq!(at(".read da|"), ["data/", "data/posts.parquet", "data/notes.txt"]);
    assert_eq!(at(".explain select te| from posts"), ["text"]);
    assert_eq!(at("select 1;\n.ru|"), [".run"]);
}

#[test]
fn nothing_is_offered_where_nothing_can_be_known() {
    assert_eq!(at("select 1 -- te|"), Vec::<String>::new());
    assert_eq!(at("select 'te|"), Vec::<String>::new());
    assert_eq!(at("select x.| from posts p"), Vec::<String>::new());
}

#[test]
fn five_thousand_columns_take_less_than_50_ms() {
    let mut catalog = catalog();
    let wide: Vec<Column> = (0..5_000)
        .map(|n| Column { name: format!("column_{n}"), type_name: "text".into() })
        .collect();
    catalog.relations.push(Relation {
        schema: None,
        name: "wide".into(),
        kind: "table",
        columns: wide,
    });
    // The best of a few, so that a busy machine does not decide the test.
    let took = (0..20).map(|_| {
        let begun = Instant::now();
        let completion = complete("select col from wide w", 10, &catalog, &Data);
        assert!(completion.candidates.len() >= 1_000);
        begun.elapsed()
    });
    assert!(took.min().expect("twenty runs") < Duration::from_millis(50));
}

#[test]
fn every_prefix_of_a_statement_is_survived() {
    let text = "with d as (select \"a b\", 'x', (1) from t) select p.text, count(*) from posts p \
                join d on p.post_id = d.id where client in ('微博', 'b') group by 1; -- 外\n/* */ .run";
    for (position, _) in text.char_indices() {
        let _ = complete(&text[..position], position, &catalog(), &Data);
        let _ = complete(text, position, &catalog(), &Data);
    }
}
