//! `length(hashtags)` is the number of items of a list. The engine counts the characters
//! of the list written out, in brackets.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::functions_nested::cardinality::cardinality_udf;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite;

/// The rule, for plans in which the list is cast to a text.
#[derive(Debug)]
pub(super) struct CountItems;

impl AnalyzerRule for CountItems {
    fn name(&self) -> &'static str {
        "count_items"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::expressions(plan, &count)
    }
}

fn count(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = &expression else { return Ok(Transformed::no(expression)) };
    let [Expr::Cast(Cast { expr: list, .. })] = call.args.as_slice() else {
        return Ok(Transformed::no(expression));
    };
    let is_list = || {
        let kind = list.get_type(schema);
        matches!(kind, Ok(DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)))
    };
    if call.func.name() != "character_length" || !is_list() {
        return Ok(Transformed::no(expression));
    }
    let items = ScalarFunction::new_udf(cardinality_udf(), vec![list.as_ref().clone()]);
    let kind = expression.get_type(schema)?;
    Ok(Transformed::yes(cast(Expr::ScalarFunction(items), kind)))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;

    use crate::engine::{Session, Settings};

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
            let batches = session.collect(&format!("SELECT {what}")).await.unwrap();
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, wanted, "{what}");
        }
    }
}
