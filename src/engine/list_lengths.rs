//! `length(hashtags)` is the number of items of a list. The engine counts the characters
//! of the list written out, in brackets.
//!
//! How many items a list has is told by where it begins and ends. The engine makes an array
//! of the items of each row to count them, which takes most of the time of a query.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::compute::cast as converted;
use datafusion::arrow::compute::kernels::length::length;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::functions_nested::cardinality::cardinality_udf;
use datafusion::functions_nested::length::array_length_udf;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, cast,
};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite;
use super::wrapped::wrapped;

/// The functions that count the items of lists.
pub(super) fn functions() -> [ScalarUDF; 2] {
    [cardinality(), wrapped(array_length_udf(), items)]
}

/// `cardinality`.
fn cardinality() -> ScalarUDF {
    wrapped(cardinality_udf(), items_of_all)
}

/// The number of the items of each list.
fn items(engine: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    let [ColumnarValue::Array(lists)] = args.args.as_slice() else {
        return engine.invoke_with_args(args);
    };
    if !is_list(lists.data_type()) {
        return engine.invoke_with_args(args);
    }
    let lengths = length(lists.as_ref())?;
    Ok(ColumnarValue::Array(converted(&lengths, args.return_field.data_type())?))
}

/// As [`items`]; of lists of lists the items of all are counted.
fn items_of_all(engine: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    let kind = args.args.first().map(ColumnarValue::data_type);
    match kind {
        Some(DataType::List(item) | DataType::LargeList(item)) if !item.data_type().is_nested() => {
            items(engine, args)
        }
        _ => engine.invoke_with_args(args),
    }
}

fn is_list(kind: &DataType) -> bool {
    matches!(kind, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..))
}

/// The rule, for statements as they are written: behind the engine's casts a list is a text.
#[derive(Debug)]
pub(super) struct CountItems;

impl AnalyzerRule for CountItems {
    fn name(&self) -> &'static str {
        "count_items"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, is_length, &count)
    }
}

fn is_length(part: &Expr) -> bool {
    matches!(part, Expr::ScalarFunction(call) if call.func.name() == "character_length")
}

fn count(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = &expression else { return Ok(Transformed::no(expression)) };
    let [list] = call.args.as_slice() else { return Ok(Transformed::no(expression)) };
    if !list.get_type(schema).is_ok_and(|kind| is_list(&kind)) {
        return Ok(Transformed::no(expression));
    }
    let items = ScalarFunction::new_udf(Arc::new(cardinality()), vec![list.clone()]);
    let kind = expression.get_type(schema)?;
    Ok(Transformed::yes(cast(Expr::ScalarFunction(items), kind)))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, ListArray};
    use datafusion::arrow::datatypes::{Field, Int64Type};

    use super::*;
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    type Call = fn(&ScalarUDF, ScalarFunctionArgs) -> Result<ColumnarValue>;

    #[tokio::test]
    async fn the_length_of_a_list_is_its_number_of_items() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (what, wanted) in [
            ("length(make_array('防骗指南'))", "1"),
            ("length(string_to_array('a b c', ' '))", "3"),
            ("char_length(make_array(1, 2))", "2"),
            ("length(array_remove(make_array(1), 1))", "0"),
            ("length('微博')", "2"),
        ] {
            assert_eq!(value(&session, &format!("SELECT {what}")).await, wanted, "{what}");
        }
    }

    #[tokio::test]
    async fn lists_that_are_empty_unknown_or_of_lists_are_counted_as_the_engine_does() {
        let session = Session::new(None, Settings::default()).unwrap();
        let lists = "SELECT value AS v,
            CASE value WHEN 1 THEN NULL WHEN 2 THEN array_remove(make_array(1), 1)
              ELSE make_array(1, NULL, 3) END AS l,
            CASE value WHEN 1 THEN NULL ELSE make_array(make_array(1, 2), make_array(3)) END AS ll
            FROM generate_series(1, 3)";
        let sql = format!(
            "SELECT cardinality(l) AS a, length(l) AS b, array_length(l) AS c,
             cardinality(ll) AS d, array_length(ll) AS e, list_length(ll, 2) AS f
             FROM ({lists}) ORDER BY v"
        );
        let wanted = ["a|b|c|d|e|f", "|||||", "0|0|0|3|2|2", "3|3|3|3|2|2"];
        assert_eq!(answer(&session, &sql).await, wanted);
    }

    #[test]
    fn a_part_of_a_column_gives_what_the_engine_gives() {
        let lists = (0..40_usize).map(|row| match row % 4 {
            0 => None,
            rest => Some((0..rest - 1).map(|item| Some(i64::try_from(item).unwrap()))),
        });
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(lists);
        let functions: [(Arc<ScalarUDF>, Call); 2] =
            [(array_length_udf(), items), (cardinality_udf(), items_of_all)];
        for (engine, ours) in functions {
            for (start, rows) in [(0, 40), (3, 9), (5, 1), (7, 0)] {
                let part: ArrayRef = Arc::new(lists.slice(start, rows));
                let kind = part.data_type().clone();
                let args = ScalarFunctionArgs {
                    args: vec![ColumnarValue::Array(part)],
                    arg_fields: vec![Arc::new(Field::new("l", kind, true))],
                    number_rows: rows,
                    return_field: Arc::new(Field::new("n", DataType::UInt64, true)),
                    config_options: Arc::new(ConfigOptions::default()),
                };
                let found = ours(&engine, args.clone()).unwrap().into_array(rows).unwrap();
                let wanted = engine.invoke_with_args(args).unwrap().into_array(rows).unwrap();
                assert_eq!(&found, &wanted, "{} {start} {rows}", engine.name());
            }
        }
    }
}
