//! Values of maps by their keys: `histogram(level)['ministry']`, `counts[level]`.
//!
//! The engine compares the key with those of the map as they are, which fails if one is a
//! text and the others are views of texts, and it takes no key that differs from row to
//! row. Here the key has the type of the others, and one that differs is looked for by the
//! function that does so.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::functions_nested::extract::array_element;
use datafusion::functions_nested::map_extract::map_extract;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast, lit};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite;

/// The rule.
#[derive(Debug)]
pub(super) struct KeysOfMaps;

impl AnalyzerRule for KeysOfMaps {
    fn name(&self) -> &'static str {
        "keys_of_maps"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, is_part, &|expression, schema| {
            Ok(match of_its_type(&expression, schema) {
                Some(value) => Transformed::yes(value),
                None => Transformed::no(expression),
            })
        })
    }
}

fn is_part(part: &Expr) -> bool {
    matches!(part, Expr::ScalarFunction(call) if call.func.name() == "get_field")
}

/// The value of a map by a key of the type of those that it has. None if `expression` is no
/// value of a map, or has such a key.
fn of_its_type(expression: &Expr, schema: &DFSchema) -> Option<Expr> {
    let Expr::ScalarFunction(call) = expression else { return None };
    let [map, key, ..] = call.args.as_slice() else { return None };
    let wanted = key_type(&map.get_type(schema).ok()?)?;
    match key {
        Expr::Literal(value, _) => {
            if value.data_type() == wanted {
                return None;
            }
            // No map of whole numbers has a value by 2.5.
            let key = value.cast_to(&wanted).ok()?;
            if key.cast_to(&value.data_type()).ok()? != *value {
                return None;
            }
            let mut args = call.args.clone();
            args[1] = Expr::Literal(key, None);
            Some(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&call.func), args)))
        }
        key if call.args.len() == 2 => {
            let given = key.get_type(schema).ok()?;
            let key = if given == wanted {
                key.clone()
            } else if given.is_string() && wanted.is_string()
                || given.is_integer() && wanted.is_integer()
            {
                cast(key.clone(), wanted)
            } else {
                return None;
            };
            Some(array_element(map_extract(map.clone(), key), lit(1_i64)))
        }
        _ => None,
    }
}

/// The type of the keys, if `map` is the type of a map.
fn key_type(map: &DataType) -> Option<DataType> {
    let DataType::Map(entries, _) = map else { return None };
    let DataType::Struct(fields) = entries.data_type() else { return None };
    fields.first().map(|key| key.data_type().clone())
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn keys_of_any_kind_of_text_find_their_values() {
        let session = Session::new(None, Settings::default()).unwrap();
        for kind in ["Utf8", "LargeUtf8", "Utf8View"] {
            let sql = format!(
                "SELECT histogram(level)['b'] AS b, histogram(level)['x'] IS NULL AS x
                 FROM (SELECT arrow_cast(l, '{kind}') AS level FROM (VALUES ('a'), ('b'), ('b'))
                 AS t(l))"
            );
            assert_eq!(answer(&session, &sql).await[1..], ["2|true"], "{kind}");
            let sql = format!(
                "SELECT m['b'] AS b FROM (SELECT MAP(make_array(arrow_cast('a', '{kind}'),
                 arrow_cast('b', '{kind}')), [1, 2]) AS m)"
            );
            assert_eq!(answer(&session, &sql).await[1..], ["2"], "{kind}");
        }
        let sql = "SELECT m[2] AS two FROM (SELECT MAP(make_array(1::int, 2::int), ['a', 'b'])
                   AS m)";
        assert_eq!(answer(&session, sql).await[1..], ["b"]);
        let sql = "SELECT m[2.5] FROM (SELECT MAP(make_array(1, 2), ['a', 'b']) AS m)";
        assert!(session.collect(sql).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keys_may_differ_from_row_to_row() {
        let session = Session::new(None, Settings::default()).unwrap();
        let maps = "(VALUES (MAP {'a': 1, 'b': 2}, 'b', 1), (MAP {'c': 3, 'b': 5}, 'c', 2),
                     (MAP {'c': 3}, 'x', 3), (NULL, 'x', 4)) AS t(m, k, n)";
        let sql = format!("SELECT m[k] AS v FROM {maps} ORDER BY n");
        assert_eq!(answer(&session, &sql).await[1..], ["2", "3", "", ""]);
        let sql = format!("SELECT m[arrow_cast(k, 'Utf8View')] AS v FROM {maps} ORDER BY n");
        assert_eq!(answer(&session, &sql).await[1..], ["2", "3", "", ""]);
    }
}
