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
            ("marks", "hashtags") => ["平安出行", "防骗指南"].map(str::to_owned).to_vec(),
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
    let is_own = kind == "view";
    Relation { schema: None, name: name.to_owned(), kind, is_own, columns: columns(list) }
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
            Command { names: vec![".explain"], summary: "show the plan", takes: Takes::PageOrSql },
        ],
        topics: vec![("COPY", "write to a file")],
        formats: vec!["box", "csv"],
    }
}

/// The catalog with a table of all kinds of columns, an answer, and more functions.
fn wider() -> Catalog {
    let mut wider = catalog();
    let marks = [
        ("account_id", "text"),
        ("is_repost", "boolean"),
        ("likes", "bigint"),
        ("zangs", "bigint"),
        ("topic", "text"),
        ("hashtags", "text[]"),
    ];
    wider.relations.push(relation("marks", "table", &marks));
    wider.relations.push(Relation { is_own: true, ..relation("mine", "table", &marks) });
    wider.relations.push(relation("_", "result", &[("日期", "date"), ("Big Likes", "bigint")]));
    for (name, signature) in [
        ("date_trunc", "date_trunc(precision, expression)"),
        ("list_filter", "list_filter(array, x -> ...)"),
        ("sum", "sum(expression)"),
    ] {
        let (name, signature) = (name.to_owned(), signature.to_owned());
        wider.functions.push(Function { name, signature, gives_rows: false });
    }
    wider.commands.push(Command {
        names: vec![".chart"],
        summary: "draw",
        takes: Takes::Chart(&["bar", "line"]),
    });
    wider
}

fn at(text: &str) -> Vec<String> {
    at_with(text, &catalog())
}

fn at_with(text: &str, catalog: &Catalog) -> Vec<String> {
    let position = text.find('|').expect("the cursor is marked");
    let text = text.replacen('|', "", 1);
    complete(&text, position, catalog, &Data).candidates.into_iter().map(|c| c.text).collect()
}

/// Each text with all that is offered there.
fn assert_all(cases: &[(&str, &[&str])]) {
    let catalog = wider();
    for (text, expected) in cases {
        assert_eq!(at_with(text, &catalog), *expected, "{text}");
    }
}

/// Each text with what is offered first there.
fn assert_first(cases: &[(&str, &[&str])]) {
    let catalog = wider();
    for (text, expected) in cases {
        let found = at_with(text, &catalog);
        let first = &found[..expected.len().min(found.len())];
        assert_eq!(first, *expected, "{text}: {found:?}");
    }
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
    assert_eq!(at("with d as (from accounts) select scr| from d"), ["screen_name"]);
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
fn options_of_copy_are_offered_with_their_values() {
    assert_eq!(at("copy posts |"), ["to"]);
    assert_eq!(at("COPY (select 1 from posts) |"), ["TO"]);
    assert_eq!(at("copy posts to 'da|"), ["'data/", "'data/posts.parquet'"]);
    assert_eq!(at("copy posts to 'f.csv' |"), ["(format"]);
    assert_eq!(at("copy posts to 'f' (|")[..2], ["format", "header"]);
    assert_eq!(at("copy posts to 'f' (format csv, comp|"), ["compression", "compression_level"]);
    assert_eq!(at("copy posts to 'f' (format |"), ["box", "csv"]);
    assert_eq!(at("copy posts to 'f' (format 'c|"), ["'csv'"]);
    assert_eq!(at("copy posts to 'f' (compression = z|"), ["zstd"]);
    assert_eq!(at("copy posts to 'f' (header |"), ["true", "false"]);
    assert_eq!(at("copy posts to 'f' (partition_by (pl|"), ["platform"]);
    assert_eq!(at("copy posts to 'f' (format csv |"), Vec::<String>::new());
    assert_eq!(at("copy posts to 'f' (format csv) |"), Vec::<String>::new());
    assert_eq!(at("copy (select te| from posts where text similar to 'x') to 'f'"), ["text"]);
}

#[test]
fn versions_databases_and_show_have_their_words_and_no_others() {
    assert_eq!(at("select * from posts for |"), ["version as of", "timestamp as of"]);
    assert_eq!(at("select * from posts for version |"), ["as of"]);
    assert_eq!(at("select * from posts for version as of |"), Vec::<String>::new());
    assert_eq!(at("select * from posts for version as of 3 wh|"), ["where"]);
    assert!(!at("select substring(text for |").contains(&"version as of".to_owned()));
    assert_eq!(at("attach |"), ["'data/'"]);
    assert_eq!(at("attach 'd|"), ["'data/"]);
    assert_eq!(at("attach 'data/' |"), ["as"]);
    assert_eq!(at("attach 'data/' as |"), Vec::<String>::new());
    let shown = ["tables", "views", "columns from", "databases", "all", "functions"];
    assert_eq!(at("show |"), shown);
    assert_eq!(at("show tables |"), ["like"]);
    assert_eq!(at("show tables like |"), Vec::<String>::new());
    assert_eq!(at("show databases |"), Vec::<String>::new());
    assert_eq!(at("show columns |"), ["from"]);
    assert_eq!(at("show columns from po|"), ["posts"]);
    assert_eq!(at("show data|"), ["databases", "datafusion.execution.batch_size"]);
}

#[test]
fn nothing_is_offered_where_nothing_can_be_known() {
    assert_eq!(at("select 1 -- te|"), Vec::<String>::new());
    assert_eq!(at("select 'te|"), Vec::<String>::new());
    assert_eq!(at("select x.| from posts p"), Vec::<String>::new());
}

#[test]
fn types_follow_a_cast() {
    let types: &[&str] = &["text", "varchar", "bigint", "integer", "double", "decimal(18, 2)"];
    assert_first(&[
        ("select likes::| from marks", types),
        ("select cast(likes as |", types),
        ("select try_cast(likes as |) from marks", types),
    ]);
    assert_all(&[
        ("select likes::big| from marks", &["bigint", "bigint[]"]),
        ("SELECT likes::BOO| FROM marks", &["BOOLEAN"]),
        ("select cast(likes |", &["as"]),
        ("select cast(likes as bigint |", &[]),
    ]);
}

#[test]
fn each_statement_goes_on_with_its_own_words() {
    assert_first(&[
        ("create |", &["table", "view", "or replace table", "or replace view", "external table"]),
        ("copy |", &["accounts"]),
        ("copy (|", &["select"]),
        ("describe |", &["accounts"]),
        ("summarize |", &["accounts"]),
        ("pivot |", &["accounts"]),
        ("pivot marks on |", &["account_id", "is_repost"]),
        ("pivot marks on topic |", &["using", "in (", "group by"]),
        ("pivot marks on topic using |", &["count("]),
        ("pivot marks on topic using sum(likes) |", &["as", "filter (where", "group by"]),
        ("pivot marks on topic using sum(likes) group by |", &["account_id"]),
        ("unpivot marks on |", &["account_id"]),
        ("explain |", &["analyze", "verbose", "select"]),
        ("with a as (select 1) |", &["select", "from"]),
        ("insert into |", &["accounts"]),
        ("update marks set |", &["account_id"]),
        ("update |", &["accounts"]),
        ("create view v as select | from marks", &["account_id"]),
        ("insert into mine select | from marks", &["account_id"]),
        (".explain |", &["html", "select"]),
        ("select 1 union |", &["all", "select"]),
    ]);
    assert_all(&[
        ("create or |", &["replace table", "replace view"]),
        ("create view v |", &["as"]),
        ("create view v as |", &["select", "from", "with", "values"]),
        ("create table if not exists t |", &["as"]),
        ("create table t (a big|", &["bigint", "bigint[]"]),
        ("create external table t stored as |", &["parquet", "csv", "json", "arrow"]),
        ("insert |", &["into"]),
        ("insert into mine |", &["values (", "select", "from", "with"]),
        ("insert into mine (li|", &["likes"]),
        ("insert into mine (likes) |", &["values (", "select", "from", "with"]),
        ("drop |", &["view", "table"]),
        ("drop view |", &["原始数据", "if exists"]),
        ("drop view if exists |", &["原始数据"]),
        ("drop table |", &["mine", "if exists"]),
        ("drop table mine |", &[]),
        ("delete |", &["from"]),
        ("delete from mine |", &["where"]),
        ("update mine |", &["set"]),
        ("update mine set likes = 1 |", &["where"]),
        ("pivot marks |", &["on"]),
        ("unpivot marks on likes |", &["into name"]),
        ("unpivot marks on likes into name kind |", &["value"]),
        ("describe marks |", &[]),
        ("set datafusion.execution.batch_size |", &["to"]),
        ("with |", &["recursive"]),
        ("with a |", &["as ("]),
        (".explain ht|", &["html"]),
        (".explain html da|", &["data/", "data/posts.parquet", "data/notes.txt"]),
        (".explain html x.html select zan| from marks", &["zangs"]),
    ]);
}

#[test]
fn behind_a_finished_clause_stands_only_what_may_follow_it() {
    let clauses: &[&str] = &["group by", "qualify", "order by", "limit", "offset"];
    let sets: &[&str] = &["union all", "union", "except", "intersect"];
    let behind_where = [&["and", "or"][..], clauses, sets].concat();
    let behind_group = [&["having"][..], &clauses[1..], sets].concat();
    assert_all(&[
        (
            "select likes from marks order by likes |",
            &["desc", "asc", "nulls last", "nulls first", "limit", "offset"],
        ),
        (
            "select likes from marks order by likes desc |",
            &["nulls first", "nulls last", "limit", "offset"],
        ),
        ("select likes from marks order by likes nulls |", &["first", "last"]),
        ("select likes from marks order by likes desc nulls last |", &["limit", "offset"]),
        (
            "select likes from marks order by all |",
            &["desc", "asc", "nulls last", "nulls first", "limit", "offset"],
        ),
        ("select likes from marks limit |", &[]),
        ("select likes from marks limit 3 |", &["offset"]),
        ("select likes from marks limit 3 offset 1 |", &[]),
        ("select likes from marks offset 1 |", &["limit"]),
        ("select likes from marks where likes > 3 |", &behind_where),
        ("select likes from marks where likes between 3 |", &["and"]),
        ("select likes from marks where likes between 3 and 4 |", &behind_where),
        ("select topic, sum(likes) from marks group by topic |", &behind_group),
        ("select likes from marks m join posts p |", &["on", "using (", "as"]),
        ("select * from posts p join accounts a using |", &["(platform, account_id)"]),
        ("select likes from marks left |", &["join", "semi join", "anti join", "outer join"]),
        ("select likes from marks group |", &["by"]),
        ("select likes from marks as |", &[]),
        ("select likes as |", &[]),
        (
            "select likes is |",
            &["null", "not null", "true", "false", "distinct from", "not distinct from"],
        ),
        ("select likes is not |", &["null", "true", "false", "distinct from"]),
        ("select count(*) filter (wh|", &["where"]),
        ("select count(*) filter (where is_rep| from marks", &["is_repost"]),
        (
            "select sum(likes) over (|",
            &["partition by", "order by", "rows between", "range between"],
        ),
        (
            "select sum(likes) over (partition by topic |",
            &["order by", "rows between", "range between"],
        ),
        ("select sum(likes) over (order by likes rows between unbounded preceding |", &["and"]),
        ("select case when likes > 3 |", &["then", "and", "or"]),
        ("select case when likes > 3 then 1 |", &["when", "else", "end"]),
    ]);
    let behind_from = at("select text from posts |");
    assert_eq!(behind_from[..3], ["where", "join", "left join"]);
    for word in ["group by", "order by", "limit", "union all"] {
        assert!(behind_from.contains(&word.to_owned()), "{word}");
    }
    for word in ["on", "using (", "select", "having", "desc"] {
        assert!(!behind_from.contains(&word.to_owned()), "{word}");
    }
    assert!(at("from posts |").contains(&"select".to_owned()));
    // A subquery has clauses of its own.
    let inner = "delete from mine where likes in (select likes from marks |";
    assert!(at(inner).contains(&"group by".to_owned()));
    assert_eq!(at("select text from posts join accounts using (account_id) |")[0], "where");
}

#[test]
fn names_of_the_select_list_come_before_columns() {
    let select = "select account_id, count(*) zan_count, sum(likes) + 1 as zan_sum, likes + zangs \
                  from marks group by account_id";
    assert_all(&[
        (&format!("{select} order by za|"), &["zan_count", "zan_sum", "zangs"]),
        (&format!("{select} having za|"), &["zan_count", "zan_sum", "zangs"]),
        ("select likes zan from marks where za|", &["zangs"]),
        ("with d as (select likes + 1 more, likes - zangs from marks) select | from d", &["more"]),
    ]);
    assert_first(&[("select topic t, likes from marks group by t|", &["t", "topic"])]);
}

#[test]
fn parts_of_a_time_stand_where_a_function_takes_one() {
    let quoted: &[&str] = &["'day'", "'month'", "'year'", "'hour'", "'week'"];
    assert_first(&[
        ("select date_trunc('|", quoted),
        ("select date_trunc(|", quoted),
        ("select date_part('|", quoted),
        ("select date_diff('|", quoted),
        ("select extract(|", &["day", "month", "year"]),
        ("select interval '1 |", &["'1 day'", "'1 month'"]),
        ("select interval '7 |", &["'7 days'", "'7 months'"]),
        ("select interval 1 |", &["day", "month"]),
    ]);
    assert_all(&[
        ("select date_trunc('mo|', likes)", &["'month"]),
        ("select extract(year |", &["from"]),
        ("select extract(year from zan| from marks", &["zangs"]),
        ("select now() - interval '30 da|'", &["'30 days"]),
    ]);
}

#[test]
fn a_truth_value_is_compared_with_true_and_false() {
    assert_first(&[
        ("select * from marks where is_repost = |", &["true", "false"]),
        ("select * from marks where is_repost = t|", &["true", "topic"]),
        ("SELECT * FROM marks WHERE is_repost = |", &["TRUE", "FALSE"]),
        ("select * from marks where likes = t|", &["topic"]),
    ]);
}

#[test]
fn a_chart_has_the_columns_of_the_last_answer() {
    assert_all(&[
        (".chart bar x=|", &["日期", "'Big Likes'"]),
        (".chart bar x=日|", &["日期"]),
        (".chart bar x=日期 y=日期,|", &["日期", "'Big Likes'"]),
        (".chart bar ser|", &["series="]),
        (".chart bar -o da|", &["data/", "data/posts.parquet", "data/notes.txt"]),
    ]);
    let text = ".chart bar y=日期,";
    assert_eq!(complete(text, text.len(), &wider(), &Data).start, text.len());
}

#[test]
fn columns_are_left_out_by_name() {
    assert_all(&[
        ("select * exc| from marks", &["exclude (", "except ("]),
        ("select * |", &["from", "exclude (", "except (", "replace ("]),
        (
            "select * exclude (| from posts",
            &["platform", "account_id", "post_id", "text", "client", "\"Big Name\""],
        ),
        ("select * except (likes, z| from marks", &["zangs"]),
        (
            "select * exclude (likes, | from marks",
            &["account_id", "is_repost", "zangs", "topic", "hashtags"],
        ),
        ("select * except (likes) | from marks", &["from"]),
        ("select * exclude (li|", &["likes"]),
        ("select * exclude (followers, fo|", &[]),
        ("select replace(topic, 'a', 'b') a| from marks", &["as", "and", "at time zone"]),
    ]);
}

#[test]
fn zones_and_the_ways_to_write_a_time_are_offered_as_texts() {
    assert_all(&[
        ("select now() at time zone 'asia/urum|", &["'Asia/Urumqi'"]),
        ("select strftime(at, '%G|", &["'%G-W%V'"]),
        ("select to_char(max(at), '%m|", &["'%m-%d'"]),
    ]);
    assert_first(&[
        ("select now() at time zone '|", &["'Asia/Shanghai'", "'UTC'"]),
        ("select now() at time zone 'eur|'", &["'Europe/London", "'Europe/Berlin"]),
    ]);
}

#[test]
fn what_is_looked_for_in_a_list_is_one_of_its_items() {
    let items: &[&str] = &["'平安出行'", "'防骗指南'"];
    assert_all(&[
        ("select * from marks where list_contains(hashtags, '|", items),
        ("select * from marks m where likes > 3 and array_has(m.hashtags, '|", items),
        ("select * from marks where '|' = any(hashtags)", &["'平安出行", "'防骗指南"]),
        ("select * from marks where hashtags[1] = '|", items),
        ("select * from marks m where m.hashtags[-1] in ('a', '|", items),
        ("select * from marks where topic[1] = '|", &[]),
        // No list is equal to a text, and no text has items.
        ("select * from marks where hashtags = '|", &[]),
        ("select * from marks where list_contains(topic, '|", &[]),
        ("select * from marks where array_has(hashtags, 'a', '|", &[]),
    ]);
    assert_first(&[("select * from marks where array_has(hashtags, |", items)]);
}

#[test]
fn members_of_structures_are_offered_by_their_types() {
    let mut catalog = catalog();
    let author = "struct(name text, geo struct(lat double, \"Ort, \"\"A\"\" (x)\" text), \
                  n decimal(18,2))";
    catalog.relations.push(relation("s", "table", &[("id", "bigint"), ("author", author)]));
    let cases: &[(&str, &[&str])] = &[
        ("select author.| from s", &["name", "geo", "n"]),
        ("select t.author.| from s t", &["name", "geo", "n"]),
        ("select s.author.geo.la| from s", &["lat"]),
        ("select author.geo.| from s", &["lat", "\"Ort, \"\"A\"\" (x)\""]),
        ("select author['| from s", &["'name'", "'geo'", "'n'"]),
        ("select author['geo']['|'] from s", &["'lat", "'Ort, \"A\" (x)"]),
        ("select author['geo'].la| from s", &["lat"]),
        ("select author.|", &["name", "geo", "n"]),
        ("select id.| from s", &[]),
        ("select id['| from s", &[]),
        ("select author.name.| from s", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(at_with(text, &catalog), *expected, "{text}");
    }
}

#[test]
fn names_that_would_act_on_the_terminal_are_not_offered() {
    let mut catalog = catalog();
    let place = "struct(\"\u{1b}[2J\" text, lat double)";
    let columns = [("place", place), ("place\n", "text"), ("place\u{9b}", "text")];
    catalog.relations.push(relation("s", "table", &columns));
    assert_eq!(at_with("select place.| from s", &catalog), ["lat"]);
    assert_eq!(at_with("select place| from s", &catalog), ["place"]);
}

#[test]
fn before_from_is_written_columns_of_tables_come_before_those_of_answers() {
    let mut catalog = wider();
    let many: Vec<String> = (0..120).map(|n| format!("client_{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "text")).collect();
    catalog.relations.insert(0, relation("@1", "result", &many));
    let found = at_with("select cl|", &catalog);
    assert_eq!(found[..2], ["client", "client_0"]);
    assert_eq!(found.len(), 21);
    let place = |text: &str, wanted: &str| {
        let found = at_with(text, &catalog);
        found.iter().position(|one| one == wanted).unwrap_or_else(|| panic!("{text}: {found:?}"))
    };
    for text in
        ["select |", "select sum(likes) over (partition by |", "select sum(1) filter (where |"]
    {
        assert!(place(text, "screen_name") < place(text, "list_filter("), "{text}");
        assert!(!at_with(text, &catalog).contains(&"client_0".to_owned()), "{text}");
    }
    let known = ["account_id", "is_repost", "likes", "zangs", "topic", "hashtags"];
    for text in [
        "select sum(likes) over (partition by | from marks",
        "select sum(likes) over (partition by |) from marks",
        "select count(*) filter (where |) from marks",
    ] {
        assert_eq!(at_with(text, &catalog)[..6], known, "{text}");
    }
    assert_eq!(at_with("from @|", &catalog), ["@1"]);
    assert_eq!(at_with("select * from @| where", &catalog), ["@1"]);
}

#[test]
fn a_function_over_items_begins_its_lambda() {
    assert_all(&[("select list_filter(hashtags, | from marks", &["h -> "])]);
    assert_first(&[("select list_filter(hashtags, h -> | from marks", &["account_id"])]);
    assert_first(&[("select sum(likes, | from marks", &["account_id"])]);
}

#[test]
fn databases_come_before_other_folders() {
    struct Folders;

    impl Lookup for Folders {
        fn values(&self, _relation: &str, _column: &str, _typed: &str) -> Vec<String> {
            Vec::new()
        }

        fn files(&self, prefix: &str) -> Vec<String> {
            let files = match prefix {
                "/data/re/weiku.json" => return vec!["/data/re/weiku.json".to_owned()],
                _ => ["/data/rare/", "/data/re/", "/data/re.csv"],
            };
            files.into_iter().filter(|file| file.starts_with(prefix)).map(str::to_owned).collect()
        }

        fn file_columns(&self, _path: &str) -> Vec<Column> {
            Vec::new()
        }
    }

    let at = |text: &str| {
        let found = complete(text, text.len(), &catalog(), &Folders).candidates;
        found.into_iter().map(|one| one.text).collect::<Vec<_>>()
    };
    assert_eq!(at("attach '/data/r"), ["'/data/re'", "'/data/rare/"]);
    assert_eq!(at("attach '"), ["'/data/re'", "'/data/rare/"]);
    assert_eq!(at("attach "), ["'/data/re'", "'/data/rare/'"]);
}

#[test]
fn five_thousand_columns_take_less_than_50_ms() {
    let mut catalog = catalog();
    let wide: Vec<Column> = (0..5_000)
        .map(|n| Column { name: format!("column_{n}"), type_name: "text".into() })
        .collect();
    catalog.relations.push(Relation {
        is_own: false,
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
