//! `FROM read_csv('a.csv')` and `FROM read_parquet(['a.parquet', 'b.parquet'])`: files,
//! which are asked for by their names here, several of them by UNION ALL BY NAME.
//!
//! With `union_by_name = true` a pattern may mean files of CSV whose columns differ; those of
//! other formats may always. By `header` it is said whether their first lines name the
//! columns. Other options are refused: what they ask for is not done.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, SetExpr,
    TableAlias, TableFactor, TableFunctionArgs, Value, VisitorMut,
};
use datafusion::sql::sqlparser::parser::Parser;

use crate::catalog::{HowRead, refusal};
use crate::engine::dialect::Ours;
use crate::engine::parsed::{self, text};

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

/// Names the files instead.
pub(super) fn name(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Name);
}

struct Name;

impl VisitorMut for Name {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, args, alias, .. } = table else {
            return ControlFlow::Continue(());
        };
        let files = args.as_ref().and_then(|args| files(name, args)).unwrap_or_default();
        match files.as_slice() {
            [] => {}
            [file] => {
                let (how, typed) = HowRead::of(file);
                if how != HowRead::default() {
                    // Columns are told by the name that was typed.
                    let called = Ident::with_quote('"', typed);
                    alias.get_or_insert_with(|| alias_of(called));
                }
                *name = ObjectName::from(vec![Ident::with_quote('\'', file)]);
                *args = None;
            }
            files => {
                if let Some(all) = all_of(files, alias.clone()) {
                    *table = all;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// The names of the files that a call reads; one that stands for a refusal if it asks for
/// what is not done.
fn files(name: &ObjectName, args: &TableFunctionArgs) -> Option<Vec<String>> {
    let name = name.to_string().to_lowercase();
    if !FUNCTIONS.contains(&name.as_str()) || args.settings.is_some() {
        return None;
    }
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(given)), options @ ..] = args.args.as_slice()
    else {
        return None;
    };
    let is_csv = name.starts_with("read_csv");
    let mut how = HowRead::default();
    for option in options {
        let (option, value) = option_of(option)?;
        match (option.as_str(), truth(value)) {
            // Files of other formats go by the names of their columns without being told.
            ("union_by_name", Some(is_so)) => how.is_by_name = is_so && is_csv,
            ("header", Some(is_so)) if is_csv => how.has_header = Some(is_so),
            _ => return Some(vec![refusal(&name, &option, first_of(given)?)]),
        }
    }
    let file = |file: &Expr| text(file).map(|file| how.name(file));
    match given {
        Expr::Array(Array { elem: files, .. }) => files.iter().map(file).collect(),
        given => Some(vec![file(given)?]),
    }
}

/// The first of the files that are `given` to a call.
fn first_of(given: &Expr) -> Option<&str> {
    match given {
        Expr::Array(Array { elem: files, .. }) => text(files.first()?),
        given => text(given),
    }
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

fn alias_of(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

/// The rows of all files.
fn all_of(files: &[String], called: Option<TableAlias>) -> Option<TableFactor> {
    let each = files.iter().map(|file| format!("SELECT * FROM '{}'", file.replace('\'', "''")));
    let each: Vec<String> = each.collect();
    let sql = format!("SELECT * FROM ({})", each.join(" UNION ALL BY NAME "));
    let query = Parser::new(&Ours).try_with_sql(&sql).ok()?.parse_query().ok()?;
    let SetExpr::Select(mut select) = *query.body else { return None };
    let mut all = select.from.pop()?.relation;
    if let TableFactor::Derived { alias, .. } = &mut all {
        *alias = called;
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// What the advice on an option that is not there says.
    const OPTIONS: &str = "the options are header and union_by_name";

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
            ("union_by_name = true, Filename = true", "read_csv has no option filename here"),
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
