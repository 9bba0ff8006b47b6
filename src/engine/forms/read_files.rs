//! `FROM read_csv('a.csv')` and `FROM read_parquet(['a.parquet', 'b.parquet'])`: files,
//! which are asked for by their names here, several of them by UNION ALL BY NAME.
//!
//! Calls with options are left alone: what they ask for is not done.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Array, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, SetExpr, TableAlias, TableFactor,
    TableFunctionArgs, VisitorMut,
};
use datafusion::sql::sqlparser::parser::Parser;

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

/// The files that a call reads, if it asks for nothing else.
fn files(name: &ObjectName, args: &TableFunctionArgs) -> Option<Vec<String>> {
    let name = name.to_string().to_lowercase();
    if !FUNCTIONS.contains(&name.as_str()) || args.settings.is_some() {
        return None;
    }
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(given))] = args.args.as_slice() else {
        return None;
    };
    match given {
        Expr::Array(Array { elem: files, .. }) => {
            files.iter().map(|file| text(file).map(str::to_owned)).collect()
        }
        file => Some(vec![text(file)?.to_owned()]),
    }
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
        let options = format!("FROM read_csv('{a}', delim = ';')");
        assert!(session.collect(&options).await.is_err());
    }
}
