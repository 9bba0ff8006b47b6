//! A column that has one value is NULL as well where a join, or a sum of sums, fills it up.
//!
//! The engine knows which columns have one value: `platform`, where rows are chosen by
//! `platform = 'weibo'`. It goes on to believe so behind `LEFT JOIN` and `ROLLUP`, which
//! put NULL there, and leaves out a sort by the column, or that a window starts anew with
//! each of its values. Below these a projection takes such columns through a function
//! of which nothing is known.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// The rule, to be applied before any that looks what is sorted.
#[derive(Debug)]
pub(super) struct OuterConstants;

impl OuterConstants {
    /// `rules` with this one before them.
    pub(super) fn before(
        mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
    ) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
        rules.insert(0, Arc::new(Self));
        rules
    }
}

impl PhysicalOptimizerRule for OuterConstants {
    fn name(&self) -> &'static str {
        "outer_constants"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let filled = filled(node.as_ref());
            if filled.is_empty() {
                return Ok(Transformed::no(node));
            }
            let mut inputs: Vec<_> = node.children().into_iter().cloned().collect();
            let mut changed = false;
            for &place in filled {
                if let Some(input) = without_constants(&inputs[place], options)? {
                    inputs[place] = input;
                    changed = true;
                }
            }
            if changed {
                let renewed = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
                return Ok(Transformed::yes(node.replace_children(inputs, renewed)?));
            }
            Ok(Transformed::no(node))
        })
        .map(|plan| plan.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The inputs of an operator whose columns it fills with NULL.
fn filled(node: &dyn ExecutionPlan) -> &'static [usize] {
    if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
        return if aggregate.group_expr().has_grouping_set() { &[0] } else { &[] };
    }
    let join_type = if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        *join.join_type()
    } else if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        *join.join_type()
    } else if let Some(join) = node.downcast_ref::<SortMergeJoinExec>() {
        join.join_type()
    } else {
        return &[];
    };
    match join_type {
        JoinType::Left => &[1],
        JoinType::Right => &[0],
        JoinType::Full => &[0, 1],
        _ => &[],
    }
}

/// The rows of `input`, of no column of which is known that it has one value; `None` if
/// of none it is.
fn without_constants(
    input: &Arc<dyn ExecutionPlan>,
    options: &ConfigOptions,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let constants = input.equivalence_properties().constants();
    let constants: HashSet<usize> = constants
        .iter()
        .flat_map(|constant| collect_columns(&constant.expr))
        .map(|column| column.index())
        .collect();
    if constants.is_empty() {
        return Ok(None);
    }
    let options = Arc::new(options.clone());
    let function = Arc::new(function());
    let call = |arguments, field| {
        let (function, options) = (Arc::clone(&function), Arc::clone(&options));
        ScalarFunctionExpr::new(function.name(), Arc::clone(&function), arguments, field, options)
    };
    let nothing = Arc::new(Field::new("nothing", DataType::Null, true));
    let schema = input.schema();
    let columns = schema.fields().iter().enumerate().map(|(place, field)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), place));
        let expr: Arc<dyn PhysicalExpr> = if constants.contains(&place) {
            let nothing: Arc<dyn PhysicalExpr> = Arc::new(call(vec![], Arc::clone(&nothing)));
            Arc::new(call(vec![column, nothing], Arc::clone(field)))
        } else {
            column
        };
        ProjectionExpr { expr, alias: field.name().clone() }
    });
    let projection = ProjectionExec::try_new(columns.collect::<Vec<_>>(), Arc::clone(input))?;
    Ok(Some(Arc::new(projection)))
}

/// The function that gives its first argument, or NULL if it is given none: an
/// expression without columns that is no constant, by which one that holds it is none
/// either. Plans that were made elsewhere name it; statements cannot.
pub(in crate::engine) fn function() -> ScalarUDF {
    let takes = vec![TypeSignature::Nullary, TypeSignature::Any(2)];
    ScalarUDF::from(NotConstant { signature: Signature::one_of(takes, Volatility::Volatile) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NotConstant {
    signature: Signature,
}

impl ScalarUDFImpl for NotConstant {
    fn name(&self) -> &'static str {
        "not_constant"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let value = arguments.args.into_iter().next();
        Ok(value.unwrap_or(ColumnarValue::Scalar(ScalarValue::Null)))
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_column_of_one_value_is_unknown_as_well_behind_an_outer_join_and_a_rollup() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t AS SELECT * FROM (VALUES (1), (2), (3), (4)) AS t(x)",
            "CREATE TABLE u AS SELECT * FROM (VALUES (2, 'A'), (4, 'A'), (3, 'b')) AS u(y, g)",
        ] {
            session.collect(sql).await.unwrap();
        }
        for (sql, rows) in [
            (
                "SELECT a.k, b.k AS l FROM (SELECT 1 AS k) AS a FULL JOIN (SELECT 2 AS k) AS b
                 ON a.k = b.k ORDER BY a.k IS NULL",
                &["k|l", "1|", "|2"] as &[&str],
            ),
            (
                "SELECT x, g FROM t LEFT JOIN (SELECT * FROM u WHERE g = 'A') AS v ON x = y
                 ORDER BY g NULLS FIRST, x",
                &["x|g", "1|", "3|", "2|A", "4|A"],
            ),
            (
                "SELECT x, g FROM (SELECT * FROM u WHERE lower(g) = 'a') AS v RIGHT JOIN t ON x = y
                 ORDER BY lower(g) NULLS FIRST, x",
                &["x|g", "1|", "3|", "2|A", "4|A"],
            ),
            (
                "SELECT x, g, row_number() OVER (PARTITION BY g ORDER BY x) AS n FROM t LEFT JOIN
                 (SELECT y, 'q' AS g FROM u WHERE y <> 3) AS v ON x = y ORDER BY x",
                &["x|g|n", "1||1", "2|q|1", "3||2", "4|q|2"],
            ),
            (
                "SELECT g, count(*) AS n FROM t LEFT JOIN (SELECT y, 'q' AS g FROM u WHERE y <> 3)
                 AS v ON x = y GROUP BY g ORDER BY g",
                &["g|n", "q|2", "|2"],
            ),
            (
                "SELECT k, count(*) AS n FROM (SELECT 'q' AS k, x FROM t) AS s GROUP BY ROLLUP(k)
                 ORDER BY k NULLS FIRST",
                &["k|n", "|4", "q|4"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
    }
}
