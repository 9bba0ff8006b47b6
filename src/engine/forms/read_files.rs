//! `FROM read_csv('a.csv')` and `FROM read_parquet(['a.parquet', 'b.parquet'])`: files,
//! which are asked for by their names here. What more a call asks for, the catalog keeps under
//! the name that the call gets as a table.
//!
//! With `union_by_name = true` a pattern may mean files of CSV whose columns differ; those of
//! other formats, and several that are named, may always. By `header` it is said whether their
//! first lines name the columns, and `filename` gives a column with the path of each row's
//! file. Other options are refused: what they ask for is not done.

use std::ops::ControlFlow;

use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableAlias,
    TableFactor, TableFunctionArgs, Value, VisitorMut,
};

use crate::catalog::{CATALOG, Call, Calls, DatabaseSchema, HowRead, SCHEMA};
use crate::engine::parsed::{self, text};
use crate::error::{Error, Result};

/// What reads files elsewhere.
const FUNCTIONS: [&str; 8] = [
    "parquet_scan",
    "read_csv",
    "read_csv_auto",
    "read_json",
    "read_json_auto",
    "read_ndjson",
    "read_ndjson_auto",
    "read_parquet",
];

/// Names the files instead, and has the session of `context` keep what is asked of them.
pub(super) fn name(parsed: &mut Parsed, context: &SessionContext) {
    let schema = context.catalog(CATALOG).and_then(|catalog| catalog.schema(SCHEMA));
    let schema = schema.as_ref().and_then(|schema| schema.downcast_ref::<DatabaseSchema>());
    let Some(schema) = schema else { return };
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Name { calls: schema.calls() });
}

struct Name<'a> {
    calls: &'a Calls,
}

impl VisitorMut for Name<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, args, alias, .. } = table else {
            return ControlFlow::Continue(());
        };
        let Some((called, call)) = args.as_ref().and_then(|args| asked(name, args)) else {
            return ControlFlow::Continue(());
        };
        let called = match call.as_ref().ok().and_then(Call::plain) {
            Some(file) => file.to_owned(),
            None => {
                if let Ok(Call { files, .. }) = &call
                    && let [file] = files.as_slice()
                {
                    // Columns are told by the name that was typed.
                    alias.get_or_insert_with(|| alias_of(file));
                }
                self.calls.keep(called.clone(), call);
                called
            }
        };
        *name = ObjectName::from(vec![Ident::with_quote('\'', called)]);
        *args = None;
        ControlFlow::Continue(())
    }
}

/// What a call that reads files is called as a table, and what it asks for: the error, if
/// that is not done.
fn asked(name: &ObjectName, args: &TableFunctionArgs) -> Option<(String, Result<Call>)> {
    let function = name.to_string().to_lowercase();
    if !FUNCTIONS.contains(&function.as_str()) || args.settings.is_some() {
        return None;
    }
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(given)), options @ ..] = args.args.as_slice()
    else {
        return None;
    };
    let files: Vec<String> = match given {
        Expr::Array(Array { elem: files, .. }) => {
            files.iter().map(|file| text(file).map(str::to_owned)).collect::<Option<_>>()?
        }
        given => vec![text(given)?.to_owned()],
    };
    let first = files.first()?;
    let is_csv = function.starts_with("read_csv");
    let mut how = HowRead::default();
    for option in options {
        let (option, value) = option_of(option)?;
        match (option.as_str(), truth(value), text(value)) {
            // Files of other formats go by the names of their columns without being told.
            ("union_by_name", Some(is_so), _) => how.is_by_name = is_so && is_csv,
            ("header", Some(is_so), _) if is_csv => how.has_header = Some(is_so),
            ("filename", Some(is_so), _) => {
                how.path_column = is_so.then(|| "filename".to_owned());
            }
            ("filename", None, Some(column)) if !column.is_empty() => {
                how.path_column = Some(column.to_owned());
            }
            _ => {
                let called = format!("{function}({first:?}, {option})");
                return Some((called, Err(refusal(&function, &option, first))));
            }
        }
    }
    let call = Call { files, how };
    Some((format!("{function}({call})"), Ok(call)))
}

/// The error for an `option` that a `function` does not have, or not with such a value, where
/// `file` is the first that it is to read.
fn refusal(function: &str, option: &str, file: &str) -> Error {
    let known = match function.starts_with("read_csv") {
        true => &["filename", "header", "union_by_name"][..],
        false => &["filename", "union_by_name"],
    };
    // A message that begins with the function is told at its place.
    if known.contains(&option) {
        let values = match option {
            "filename" => "true, false or a name in quotes",
            _ => "true or false",
        };
        let error = Error::query(format!("{function} takes {values} for its option {option}"));
        return error.hint(format!("write {option} = true"));
    }
    let told = match option {
        "delim" | "delimiter" | "sep" => {
            "for other signs than a comma, a semicolon, a tab or |, which are recognised, write CREATE \
             EXTERNAL TABLE t STORED AS CSV LOCATION '...' OPTIONS ('format.delimiter' '...'); else \
             leave it out"
        }
        "all_varchar" => "write x::text for a column that has to be text, and leave it out",
        _ => "leave it out",
    };
    let file = file.replace('\'', "''");
    let there = known.join(" and ").replacen(" and ", ", ", known.len() - 2);
    Error::query(format!("{function} has no option {option} here"))
        .hint(format!("{told}: FROM '{file}'; the options are {there}"))
}

/// The name of an option, in small letters, and its value.
fn option_of(option: &FunctionArg) -> Option<(String, &Expr)> {
    let (name, value) = match option {
        FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => (name, value),
        // The general dialect takes an equals sign for a comparison.
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        })) => match left.as_ref() {
            Expr::Identifier(name) => (name, right.as_ref()),
            _ => return None,
        },
        _ => return None,
    };
    Some((name.value.to_lowercase(), value))
}

/// What is said by `value`, if it is true or false.
fn truth(value: &Expr) -> Option<bool> {
    let Expr::Value(value) = value else { return None };
    match value.value {
        Value::Boolean(value) => Some(value),
        _ => None,
    }
}

/// The name by which a table called `name` is known anyway.
fn alias_of(name: &str) -> TableAlias {
    let name = Ident::with_quote('"', name);
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// What the advice on an option that is not there says.
    const OPTIONS: &str = "the options are filename, header and union_by_name";

    #[tokio::test(flavor = "multi_thread")]
    async fn files_are_read_by_calls_of_other_databases() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("a.csv"), "id,b\n1,x\n").unwrap();
        fs::write(path("b.csv"), "b,id\ny,2\n").unwrap();
        fs::write(path("c.jsonl"), "{\"id\":3}\n").unwrap();
        let (a, b, c) = (path("a.csv"), path("b.csv"), path("c.jsonl"));
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, wanted) in [
            (format!("FROM read_csv('{a}')"), &["id|b", "1|x"][..]),
            (format!("SELECT t.id FROM READ_CSV_AUTO('{a}') AS t"), &["id", "1"]),
            (format!("SELECT * FROM read_json('{c}')"), &["id", "3"]),
            (
                format!("SELECT t.id, b FROM read_csv(['{a}', '{b}']) AS t ORDER BY id"),
                &["id|b", "1|x", "2|y"],
            ),
        ] {
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
        for (option, message) in [
            ("delim = ';'", "read_csv has no option delim here"),
            ("union_by_name = true, Skip = 1", "read_csv has no option skip here"),
            (
                "filename = 1",
                "read_csv takes true, false or a name in quotes for its option filename",
            ),
            ("all_varchar := true", "read_csv has no option all_varchar here"),
            ("union_by_name = 1", "read_csv takes true or false for its option union_by_name"),
            ("header = 'x'", "read_csv takes true or false for its option header"),
        ] {
            let asked = format!("FROM read_csv('{a}', {option})");
            let error = session.collect(&asked).await.unwrap_err();
            assert_eq!(error.message(), message, "{option}");
            let lists = error.advice().unwrap_or_default().contains(OPTIONS);
            assert_eq!(lists, message.contains("has no option"), "{error:?}");
        }
        let asked = format!("FROM read_json('{c}', header = true)");
        let error = session.collect(&asked).await.unwrap_err();
        assert_eq!(error.message(), "read_json has no option header here");
        let advice = "leave it out: FROM '#'; the options are filename and union_by_name";
        assert_eq!(error.advice().unwrap(), advice.replace('#', &c));
        // What is asked of a file is asked for where it is said, and not elsewhere.
        let sql = format!(
            "SELECT a.column0, b.id FROM read_csv('{a}', header = false) AS a, '{a}' AS b
             ORDER BY a.column0"
        );
        assert_eq!(answer(&session, &sql).await, ["column0|id", "1|1", "id|1"]);
        let error = session.collect(&format!("FROM 'header=true:{a}'")).await.unwrap_err();
        assert!(error.message().contains("header=true:"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_of_files_that_are_named_are_one_in_whatever_letters() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("a.csv"), "id,b\n1,x\n").unwrap();
        fs::write(path("b.csv"), "ID,Likes\n2,5\n").unwrap();
        fs::write(path("c.csv"), "likes,Id\n6.5,c\n").unwrap();
        fs::write(path("d.csv"), "id,ID\n3,4\n").unwrap();
        let (a, b, c, d) = (path("a.csv"), path("b.csv"), path("c.csv"), path("d.csv"));
        let session = Session::new(None, Settings::default()).unwrap();
        for option in ["", ", union_by_name = true"] {
            let sql = format!("FROM read_csv(['{a}', '{b}', '{c}']{option}) ORDER BY id");
            let rows = ["id|b|Likes", "1|x|", "2||5.0", "c||6.5"];
            assert_eq!(answer(&session, &sql).await, rows, "{option}");
        }
        let sql = format!("FROM read_csv(['{a}', '{d}']) ORDER BY id");
        assert_eq!(answer(&session, &sql).await, ["id|b|ID", "1|x|", "3||4"]);
        let sql = format!("SELECT sum(t.id) AS s FROM read_csv(['{a}', '{b}']) AS t WHERE id > 1");
        assert_eq!(answer(&session, &sql).await, ["s", "2"]);
        let sql = format!("FROM read_csv(['{a}', '{}'])", path("no.csv"));
        let error = session.collect(&sql).await.unwrap_err();
        assert!(error.message().contains("no.csv"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_paths_of_files_are_a_column_if_that_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir_all(path("day=1")).unwrap();
        fs::create_dir_all(path("day=2")).unwrap();
        fs::write(path("a.csv"), "id,b\n1,x\n").unwrap();
        fs::write(path("b.csv"), "likes,id\n5,2\n6,3\n").unwrap();
        fs::write(path("day=1/a.csv"), "id\n1\n").unwrap();
        fs::write(path("day=2/b.csv"), "id,likes\n2,7\n").unwrap();
        fs::write(path("a.json"), "[{\"id\": 1}, {\"id\": 2}]").unwrap();
        fs::write(path("taken.csv"), "id,Filename\n1,x\n").unwrap();
        let session = Session::new(None, Settings::default()).unwrap();
        let copy = format!("COPY (SELECT 1 AS id) TO '{}'", path("a.parquet"));
        session.collect(&copy).await.unwrap();
        let name = "regexp_replace(filename, '^.*/', '')";
        for (call, columns, rows) in [
            ("read_csv('#a.csv', filename = true)", "id, b", &["1|x|a.csv"][..]),
            ("read_json('#*.json', filename = true)", "id", &["1|a.json", "2|a.json"]),
            ("read_parquet(['#a.parquet'], filename = true)", "id", &["1|a.parquet"]),
            (
                "read_csv('#[ab].csv', filename = true, union_by_name = true)",
                "id, b, likes",
                &["1|x||a.csv", "2||5|b.csv", "3||6|b.csv"],
            ),
            (
                "read_csv(['#a.csv', '#b.csv'], FILENAME = TRUE)",
                "id, likes",
                &["1||a.csv", "2|5|b.csv", "3|6|b.csv"],
            ),
            (
                "read_csv('#*/*.csv', filename = true, union_by_name = true)",
                "id, likes, day",
                &["1||1|a.csv", "2|7|2|b.csv"],
            ),
        ] {
            let call = call.replace('#', &path(""));
            let sql = format!("SELECT {columns}, {name} AS f FROM {call} ORDER BY id");
            let mut wanted = vec![format!("{columns}, f").replace(", ", "|")];
            wanted.extend(rows.iter().map(|row| (*row).to_owned()));
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
        let all =
            format!("read_csv('{}', filename = 'from', union_by_name = true)", path("[ab].csv"));
        let sql =
            format!("SELECT * REPLACE (length(\"from\") > 5 AS \"from\") FROM {all} ORDER BY id");
        let rows = ["id|b|likes|from", "1|x||true", "2||5|true", "3||6|true"];
        assert_eq!(answer(&session, &sql).await, rows);
        let sql = format!("SELECT count(*) AS n FROM {all} WHERE \"from\" = '{}'", path("b.csv"));
        assert_eq!(answer(&session, &sql).await, ["n", "2"]);
        let taken = format!("FROM read_csv('{}', filename = true)", path("taken.csv"));
        let error = session.collect(&taken).await.unwrap_err();
        assert!(error.advice().unwrap().contains("filename = 'path_of_file'"), "{error}");
        let none = format!("SELECT filename FROM read_csv('{}', filename = false)", path("a.csv"));
        assert!(session.collect(&none).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whether_there_is_a_header_may_be_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("texts.csv"), "a,b\nx,y\n").unwrap();
        fs::write(path("numbers.csv"), "1,2\n3,4\n").unwrap();
        let (texts, numbers) = (path("texts.csv"), path("numbers.csv"));
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, wanted) in [
            (format!("FROM read_csv('{texts}', header = true)"), &["a|b", "x|y"][..]),
            (
                format!("FROM read_csv('{texts}', header = false)"),
                &["column0|column1", "a|b", "x|y"],
            ),
            (format!("FROM read_csv('{numbers}', header := true)"), &["1|2", "3|4"]),
            (
                format!("FROM read_csv('{numbers}', HEADER = false, union_by_name = true)"),
                &["column0|column1", "1|2", "3|4"],
            ),
            (format!("SELECT t.\"1\" FROM read_csv(['{numbers}'], header = true) t"), &["1", "3"]),
        ] {
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_of_a_pattern_may_differ_in_their_columns_if_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("a.csv"), "id,b\n1,x\n").unwrap();
        fs::write(path("b.csv"), "likes,id\n5,2\n6,3\n").unwrap();
        fs::write(path("c.csv"), "id,b\n4,2.50\n").unwrap();
        let all = path("*.csv");
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = ["id|b|likes", "1|x|", "2||5", "3||6", "4|2.50|"];
        for option in ["union_by_name = true", "UNION_BY_NAME := TRUE", "union_by_name => true"] {
            let sql = format!("SELECT * FROM read_csv('{all}', {option}) ORDER BY id");
            assert_eq!(answer(&session, &sql).await, rows, "{sql}");
        }
        for (asked, wanted) in [
            (
                "SELECT count(*) AS n, sum(likes) AS s, count(b) AS b FROM #",
                &["n|s|b", "4|11|2"][..],
            ),
            ("SELECT t.id FROM # AS t WHERE likes > 5", &["id", "3"]),
            ("SELECT id FROM # WHERE b IS NULL AND likes < 6", &["id", "2"]),
        ] {
            let sql = asked.replace('#', &format!("read_csv('{all}', union_by_name = true)"));
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
        // Names in other letters are the same.
        fs::write(path("d.csv"), "ID,Likes\n7,8\n").unwrap();
        let sql = format!(
            "SELECT id, likes FROM read_csv('{all}', union_by_name = true, header = true)
             WHERE id > 4 OR likes > 5 ORDER BY id"
        );
        assert_eq!(answer(&session, &sql).await, ["id|likes", "3|6", "7|8"]);
        let refused = session.collect(&format!("FROM '{all}'")).await.unwrap_err();
        let advice = refused.advice().unwrap_or_default();
        let says = format!("SELECT * FROM read_csv('{all}', union_by_name = true)");
        assert_eq!(advice, says, "{refused}");
        let not = format!("FROM read_csv('{all}', union_by_name = false)");
        assert!(session.collect(&not).await.is_err());
        let missing = format!("FROM read_csv('{}', union_by_name = true)", path("no.csv"));
        let missing = session.collect(&missing).await.unwrap_err();
        assert!(missing.message().starts_with("no file `/"), "{missing}");
    }
}
