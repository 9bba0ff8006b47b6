//! `FROM json_each(raw)`, also `json_each_text`, and behind the table whose column is asked:
//! a row for each field of an object or item of an array, with its `key` and its `value`, as
//! in `PostgreSQL`. Items are called by their places, which count from 0.
//!
//! The keys and the values are two lists, of which unnest makes rows.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableAlias, TableAliasColumnDef,
    TableFactor, VisitorMut,
};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

use super::level_names;
use crate::engine::dialect::Ours;
use crate::engine::parsed;

/// The functions, and what reads a value.
const FUNCTIONS: [(&str, &str); 4] = [
    ("json_each", "json_extract"),
    ("jsonb_each", "json_extract"),
    ("json_each_text", "json_extract_string"),
    ("jsonb_each_text", "json_extract_string"),
];

/// The columns of the rows.
const COLUMNS: [&str; 2] = ["key", "value"];

/// What stands for the JSON in what is computed of it.
const JSON: &str = "json given";

/// The keys of an object, or the places of an array.
const KEYS: &str = r#"coalesce(json_keys("json given"), list_transform(range(0,
    CAST(array_length(json_items("json given", '$')) AS BIGINT)), "place of item" ->
    CAST("place of item" AS VARCHAR)))"#;

/// Makes rows of two lists where FROM has such a function.
pub(super) fn spell(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut EachTable);
}

struct EachTable;

impl VisitorMut for EachTable {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        let rows = match table {
            TableFactor::Function { name, args, with_ordinality: false, alias, .. } => {
                rows(name, args, alias.as_ref())
            }
            TableFactor::Table {
                name, args: Some(args), with_ordinality: false, alias, ..
            } => rows(name, &args.args, alias.as_ref()),
            _ => None,
        };
        if let Some(rows) = rows {
            *table = rows;
        }
        ControlFlow::Continue(())
    }
}

fn rows(
    name: &ObjectName,
    given: &[FunctionArg],
    alias: Option<&TableAlias>,
) -> Option<TableFactor> {
    let called = name.to_string().to_lowercase();
    let (called, reads) = FUNCTIONS.into_iter().find(|(known, _)| *known == called)?;
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(json))] = given else { return None };
    let values = format!(
        "list_transform({KEYS}, \"key of field\" -> {reads}(\"{JSON}\", '/' || \
         replace(replace(\"key of field\", '~', '~0'), '/', '~1')))"
    );
    let mut alias = alias.cloned().unwrap_or_else(|| TableAlias {
        explicit: true,
        name: Ident::new(called),
        columns: Vec::new(),
        at: None,
    });
    for name in COLUMNS.into_iter().skip(alias.columns.len()) {
        alias.columns.push(TableAliasColumnDef { name: Ident::new(name), data_type: None });
    }
    Some(TableFactor::UNNEST {
        alias: Some(alias),
        array_exprs: vec![computed(KEYS, json)?, computed(&values, json)?],
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    })
}

/// The expression of `text`, which has no place in the statement, of `json`.
fn computed(text: &str, json: &Expr) -> Option<Expr> {
    let tokens = Tokenizer::new(&Ours, text).tokenize().ok()?;
    let mut expression = Parser::new(&Ours).with_tokens(tokens).parse_expr().ok()?;
    level_names::replace(&mut expression, &|name| {
        (name.value == JSON).then(|| Expr::Nested(Box::new(json.clone())))
    });
    Some(expression)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn fields_and_items_of_json_are_rows() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = r#"CREATE TABLE t AS SELECT * FROM (VALUES (1, '{"a": 1, "b/c": "x"}'),
                      (2, '[7, "y"]'), (3, NULL), (4, '{}')) AS t(id, raw)"#;
        session.collect(made).await.unwrap();
        for (asked, wanted) in [
            ("key, value FROM json_each('{\"k\": [1]}')", &["key|value", "k|[1]"][..]),
            ("j.value FROM json_each('[8, 9]') AS j", &["value", "8", "9"]),
            (
                "id, key, value FROM t, json_each(raw)",
                &["id|key|value", r#"1|a|1"#, r#"1|b/c|"x""#, "2|0|7", r#"2|1|"y""#],
            ),
            (
                "id, j.k, v FROM t, LATERAL jsonb_each_text(t.raw) AS j(k, v) WHERE id = 1",
                &["id|k|v", "1|a|1", "1|b/c|x"],
            ),
            (
                "id, key FROM t LEFT JOIN json_each(raw) AS e ON true WHERE id > 2",
                &["id|key", "3|", "4|"],
            ),
        ] {
            let sql = format!("SELECT {asked} ORDER BY ALL");
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }
}
