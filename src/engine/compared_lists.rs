//! `[1, 2] < [1, NULL]`: what is unknown in a list or a struct comes last, as it does in
//! `ORDER BY` and for `min`.
//!
//! The engine sorts lists so and compares them with NULL first, so that rows in order were
//! not in the order that a condition asks for. Here they are compared as they are sorted.
//! Whether two are equal is left to the engine, and so are lists that are unknown as a whole.

use std::sync::Arc;

use datafusion::arrow::array::{Array, Int8Array, make_comparator};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, internal_err};
use datafusion::logical_expr::expr::{Between, ScalarFunction};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility, binary_expr, lit,
};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite;

/// The rule, for plans whose types are settled.
#[derive(Debug)]
pub(super) struct CompareLists;

impl AnalyzerRule for CompareLists {
    fn name(&self) -> &'static str {
        "compare_lists"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, is_comparison, &compare)
    }
}

fn is_comparison(part: &Expr) -> bool {
    match part {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => orders(*op),
        Expr::Between(_) => true,
        _ => false,
    }
}

fn compare(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_nested = |value: &Expr| value.get_type(schema).is_ok_and(|kind| kind.is_nested());
    Ok(match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if orders(op) && is_nested(&left) && is_nested(&right) =>
        {
            Transformed::yes(compared(*left, op, *right))
        }
        Expr::Between(Between { expr, negated, low, high })
            if is_nested(&expr) && is_nested(&low) && is_nested(&high) =>
        {
            let from = compared(expr.as_ref().clone(), Operator::GtEq, *low);
            let both = from.and(compared(*expr, Operator::LtEq, *high));
            Transformed::yes(if negated { !both } else { both })
        }
        expression => Transformed::no(expression),
    })
}

fn orders(op: Operator) -> bool {
    matches!(op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

fn compared(left: Expr, op: Operator, right: Expr) -> Expr {
    let order = ScalarFunction::new_udf(Arc::new(function()), vec![left, right]);
    binary_expr(Expr::ScalarFunction(order), op, lit(0_i8))
}

/// The function that says which of two values comes first. Plans that were made elsewhere
/// name it; statements cannot.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Order { signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Order {
    signature: Signature,
}

impl ScalarUDFImpl for Order {
    fn name(&self) -> &'static str {
        "order_of_two"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else {
            return internal_err!("one value is compared with one");
        };
        let [left, right] = [left.to_array(args.number_rows)?, right.to_array(args.number_rows)?];
        let options = SortOptions { descending: false, nulls_first: false };
        let order = make_comparator(left.as_ref(), right.as_ref(), options)?;
        let orders: Vec<i8> = (0..left.len()).map(|row| order(row, row) as i8).collect();
        let nulls = [left.logical_nulls(), right.logical_nulls()];
        let nulls = NullBuffer::union(nulls[0].as_ref(), nulls[1].as_ref());
        Ok(ColumnarValue::Array(Arc::new(Int8Array::new(orders.into(), nulls))))
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn lists_are_compared_in_the_order_in_which_they_are_sorted() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("[1, 2] < [1, NULL]", "true"),
            ("[1, NULL] < [1, 2]", "false"),
            ("[1, NULL] > [1, 2]", "true"),
            ("[1, NULL] >= [1, NULL]", "true"),
            ("[1] < [1, NULL]", "true"),
            ("[1, 2] BETWEEN [1, 1] AND [1, NULL]", "true"),
            ("[2] NOT BETWEEN [1] AND [1, NULL]", "true"),
            ("[1, NULL] = [1, NULL]", "true"),
            ("([1] < NULL::bigint[]) IS NULL", "true"),
            ("named_struct('a', 1, 'b', 2) < named_struct('a', 1, 'b', NULL::bigint)", "true"),
        ] {
            assert_eq!(value(&session, &format!("SELECT {asked} AS x")).await, wanted, "{asked}");
        }
        let made =
            "CREATE TABLE t AS SELECT * FROM (VALUES ([1, NULL], 1), ([1, 2], 2), ([1, 1], 3),
                    ([NULL, 1], 4), ([0, NULL], 5), (NULL, 6)) AS t(l, n)";
        session.collect(made).await.unwrap();
        let before = "SELECT a.n, count(b.n) AS before FROM t AS a LEFT JOIN t AS b ON b.l < a.l
                      WHERE a.l IS NOT NULL GROUP BY a.n, a.l ORDER BY a.l";
        let wanted = ["n|before", "5|0", "3|1", "2|2", "1|3", "4|4"];
        assert_eq!(answer(&session, before).await, wanted);
        assert_eq!(value(&session, "SELECT count(*) FROM t WHERE l <= [1, 2]").await, "3");
    }
}
