//! `LIMIT (SELECT count(*) / 10 FROM posts)`: the engine takes a number there, so the
//! subquery is asked first.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{DdlStatement, Expr, LogicalPlan, Subquery, lit};
use datafusion::prelude::SessionContext;

use super::forms::subqueries::several;
use crate::error::Error;

/// `plan` with numbers in the place of the subqueries in LIMIT and OFFSET.
///
/// A view asks anew each time, so in one they stay.
pub(super) async fn computed(plan: LogicalPlan, context: &SessionContext) -> Result<LogicalPlan> {
    let asked = asked_by(&plan)?;
    if asked.is_empty() || matches!(plan, LogicalPlan::Ddl(DdlStatement::CreateView(_))) {
        return Ok(plan);
    }
    let mut known = Vec::with_capacity(asked.len());
    for subquery in asked {
        let value = value_of(&subquery, context).await?;
        known.push((Expr::ScalarSubquery(subquery), lit(value)));
    }
    let plan = plan.transform_down_with_subqueries(|node| match node {
        LogicalPlan::Limit(_) => node.map_expressions(|count| with_numbers(count, &known)),
        node => Ok(Transformed::no(node)),
    })?;
    Ok(plan.data)
}

/// The subqueries in LIMIT and OFFSET that use no columns from around them.
fn asked_by(plan: &LogicalPlan) -> Result<Vec<Subquery>> {
    let mut asked = Vec::new();
    plan.apply_with_subqueries(|node| {
        if !matches!(node, LogicalPlan::Limit(_)) {
            return Ok(TreeNodeRecursion::Continue);
        }
        node.apply_expressions(|expression| {
            expression.apply(|inner| {
                if let Expr::ScalarSubquery(subquery) = inner
                    && subquery.outer_ref_columns.is_empty()
                {
                    asked.push(subquery.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(asked)
}

fn with_numbers(expression: Expr, known: &[(Expr, Expr)]) -> Result<Transformed<Expr>> {
    expression.transform_up(|inner| {
        let number = known.iter().find(|(asked, _)| *asked == inner).map(|(_, number)| number);
        Ok(match number {
            Some(number) => Transformed::yes(number.clone()),
            None => Transformed::no(inner),
        })
    })
}

/// The number that a subquery gives; without a row none, as LIMIT NULL.
async fn value_of(subquery: &Subquery, context: &SessionContext) -> Result<ScalarValue> {
    let plan = subquery.subquery.as_ref().clone();
    let batches = context.execute_logical_plan(plan).await?.collect().await?;
    let mut rows = batches.iter().filter(|batch| batch.num_rows() > 0);
    let Some(first) = rows.next() else { return Ok(ScalarValue::Int64(None)) };
    if first.num_rows() > 1 || rows.next().is_some() {
        return Err(several());
    }
    let value = ScalarValue::try_from_array(first.column(0), 0)?;
    whole(&value).ok_or_else(|| no_number(&value))
}

/// `value` as a whole number, if it is one or unknown.
fn whole(value: &ScalarValue) -> Option<ScalarValue> {
    let kind = value.data_type();
    if !kind.is_numeric() && !kind.is_null() {
        return None;
    }
    let number = value.cast_to(&DataType::Int64).ok()?;
    let is_same = value.is_null() || number.cast_to(&kind).is_ok_and(|again| again == *value);
    is_same.then_some(number)
}

fn no_number(value: &ScalarValue) -> DataFusionError {
    let message = format!("LIMIT and OFFSET take a whole number, and are given {value}");
    let error = Error::query(message);
    DataFusionError::External(Box::new(
        error.hint("round it: LIMIT (SELECT CAST(round(count(*) / 10.0) AS BIGINT) FROM posts)"),
    ))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    const FROM: &str = "FROM (VALUES (1), (2), (3), (4)) AS t(n) ORDER BY n";

    #[tokio::test]
    async fn a_subquery_tells_how_many_rows_there_are() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE u AS SELECT 2 AS y").await.unwrap();
        for (end, rows) in [
            ("LIMIT (SELECT 3)", &["n", "1", "2", "3"] as &[&str]),
            ("LIMIT (SELECT max(y) FROM u)", &["n", "1", "2"]),
            ("LIMIT (SELECT count(*) FROM u) + 1", &["n", "1", "2"]),
            ("LIMIT 1 + 2", &["n", "1", "2", "3"]),
            ("OFFSET (SELECT max(y) FROM u)", &["n", "3", "4"]),
            ("LIMIT 1 OFFSET (SELECT y FROM u)", &["n", "3"]),
            ("LIMIT (SELECT y FROM u WHERE y > 9)", &["n", "1", "2", "3", "4"]),
            ("LIMIT (SELECT 2.0)", &["n", "1", "2"]),
        ] {
            let sql = format!("SELECT n {FROM} {end}");
            assert_eq!(answer(&session, &sql).await, rows, "{end}");
            let inside = format!("SELECT * FROM ({sql}) AS s ORDER BY n");
            assert_eq!(answer(&session, &inside).await, rows, "{end}");
        }
    }

    #[tokio::test]
    async fn what_is_no_number_of_rows_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (end, message) in [
            ("LIMIT (SELECT 2.5)", "whole number"),
            ("LIMIT (SELECT 'a')", "whole number"),
            ("LIMIT (SELECT -1)", "whole number"),
            ("LIMIT (SELECT * FROM (VALUES (1), (2)) AS v(a))", "more than one row"),
        ] {
            let error = session.collect(&format!("SELECT n {FROM} {end}")).await.unwrap_err();
            assert!(error.message().contains(message), "{end}: {error}");
        }
    }
}
