//! Decimals beside doubles: `score > 0.5`, `coalesce(score, 0.0)`.
//!
//! The engine makes decimals of the doubles, with fifteen digits behind the point and as
//! many before it: numbers that are larger, and NaN, end the query. Here the decimals
//! become doubles, as they do in arithmetic.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::{Between, Case, InList, InSubquery, SetComparison};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Join, JoinConstraint, LogicalPlan, Projection, Subquery,
    Union, cast,
};
use datafusion::optimizer::AnalyzerRule;

use super::any_expression::any_node;
use super::rewrite;

/// Functions that take each argument as what it is.
const TAKEN_EACH_BY_ITSELF: [&str; 6] =
    ["concat", "concat_ws", "format", "named_struct", "printf", "struct"];

/// The rule, for plans as they were written.
#[derive(Debug)]
pub(super) struct BesideDoubles;

impl AnalyzerRule for BesideDoubles {
    fn name(&self) -> &'static str {
        "decimals_beside_doubles"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = rewrite::some_expressions(plan, may_mix, &change)?;
        if !any_node(&plan, |node| Ok(puts_rows_beside(node)))? {
            return Ok(plan);
        }
        let plan = plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Union(union) => in_union(union),
            LogicalPlan::Join(join) => Ok(in_join(join)),
            other => Ok(Transformed::no(other)),
        })?;
        if plan.transformed { rewrite::with_new_schemas(plan.data) } else { Ok(plan.data) }
    }
}

/// Whether several values are compared with one another, or one of them is given.
fn may_mix(part: &Expr) -> bool {
    let is_text = |value: &Expr| match value {
        Expr::Literal(value, _) => value.try_as_str().is_some(),
        _ => false,
    };
    match part {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => op.supports_propagation(),
        Expr::ScalarFunction(call) if TAKEN_EACH_BY_ITSELF.contains(&call.name()) => false,
        Expr::ScalarFunction(call) => call.args.iter().filter(|arg| !is_text(arg)).count() > 1,
        Expr::Between(_)
        | Expr::InList(_)
        | Expr::InSubquery(_)
        | Expr::SetComparison(_)
        | Expr::Case(_) => true,
        _ => false,
    }
}

/// Whether a node puts rows of several inputs beside or below one another.
fn puts_rows_beside(node: &LogicalPlan) -> bool {
    match node {
        LogicalPlan::Join(join) => !join.on.is_empty(),
        LogicalPlan::Union(_) => true,
        _ => false,
    }
}

fn change(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    // Those of each group are compared with one another, or one of them is given.
    let groups: [Vec<&mut Expr>; 2] = match &mut expression {
        Expr::BinaryExpr(BinaryExpr { left, right, .. }) => [vec![left, right], Vec::new()],
        Expr::Between(Between { expr, low, high, .. }) => [vec![expr, low, high], Vec::new()],
        Expr::InList(InList { expr, list, .. }) => {
            [list.iter_mut().chain([expr.as_mut()]).collect(), Vec::new()]
        }
        Expr::InSubquery(InSubquery { expr, subquery, .. })
        | Expr::SetComparison(SetComparison { expr, subquery, .. }) => {
            let found = subquery.subquery.schema().field(0).data_type();
            if found.is_floating() && is_decimal(expr, schema) {
                **expr = double(expr);
            } else if found.is_decimal() && is_double(expr, schema) {
                *subquery = doubles_of(subquery)?;
            } else {
                return Ok(Transformed::no(expression));
            }
            return Ok(Transformed::yes(expression));
        }
        Expr::Case(Case { expr, when_then_expr, else_expr }) => {
            let mut compared: Vec<&mut Expr> = expr.iter_mut().map(AsMut::as_mut).collect();
            let mut given: Vec<&mut Expr> = else_expr.iter_mut().map(AsMut::as_mut).collect();
            for (when, then) in when_then_expr {
                compared.push(when);
                given.push(then);
            }
            [compared, given]
        }
        Expr::ScalarFunction(call) => [call.args.iter_mut().collect(), Vec::new()],
        _ => return Ok(Transformed::no(expression)),
    };
    let mut is_changed = false;
    for values in groups {
        if !values.iter().any(|value| is_double(value, schema)) {
            continue;
        }
        for value in values.into_iter().filter(|value| is_decimal(value, schema)) {
            *value = double(value);
            is_changed = true;
        }
    }
    Ok(if is_changed { Transformed::yes(expression) } else { Transformed::no(expression) })
}

/// A query that gives decimals, as one that gives doubles.
fn doubles_of(asked: &Subquery) -> Result<Subquery> {
    let column = Expr::Column(Column::from(asked.subquery.schema().qualified_field(0)));
    let doubles = Projection::try_new(vec![double(&column)], Arc::clone(&asked.subquery))?;
    Ok(asked.with_plan(Arc::new(LogicalPlan::Projection(doubles))))
}

/// Joins by doubles where one side has decimals.
fn in_join(mut join: Join) -> Transformed<LogicalPlan> {
    let mut is_changed = false;
    for (left, right) in &mut join.on {
        let (one, other) = (join.left.schema(), join.right.schema());
        if is_decimal(left, one) && is_double(right, other) {
            *left = double(left);
        } else if is_double(left, one) && is_decimal(right, other) {
            *right = double(right);
        } else {
            continue;
        }
        is_changed = true;
    }
    if is_changed {
        // USING is of columns only.
        join.join_constraint = JoinConstraint::On;
    }
    Transformed::new_transformed(LogicalPlan::Join(join), is_changed)
}

/// Makes doubles of the decimals of a column that has doubles in another part of a union.
fn in_union(union: Union) -> Result<Transformed<LogicalPlan>> {
    let inputs = &union.inputs;
    let columns = inputs.iter().map(|input| input.schema().fields().len()).min().unwrap_or(0);
    let kind = |input: &LogicalPlan, at: usize| input.schema().field(at).data_type().clone();
    let is_mixed = |at: usize| {
        inputs.iter().any(|input| kind(input, at).is_floating())
            && inputs.iter().any(|input| kind(input, at).is_decimal())
    };
    let mixed: Vec<usize> = (0..columns).filter(|at| is_mixed(*at)).collect();
    if mixed.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let changed = inputs.iter().map(|input| {
        if !mixed.iter().any(|at| kind(input, *at).is_decimal()) {
            return Ok(Arc::clone(input));
        }
        let column = |(at, (table, field)): (usize, (Option<&_>, &Arc<_>))| {
            let column = Expr::from((table, field));
            match mixed.contains(&at) && field.data_type().is_decimal() {
                true => double(&column).alias_qualified(table.cloned(), field.name()),
                false => column,
            }
        };
        let columns = input.schema().iter().enumerate().map(column).collect();
        Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(columns, Arc::clone(input))?)))
    });
    let changed = changed.collect::<Result<Vec<_>>>()?;
    Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(changed)?)))
}

fn double(decimal: &Expr) -> Expr {
    cast(decimal.clone(), DataType::Float64)
}

fn is_decimal(expression: &Expr, schema: &DFSchema) -> bool {
    expression.get_type(schema).is_ok_and(|kind| kind.is_decimal())
}

/// Whether a value is a double, or a list of such.
fn is_double(expression: &Expr, schema: &DFSchema) -> bool {
    match expression.get_type(schema) {
        Ok(DataType::List(item) | DataType::LargeList(item)) => item.data_type().is_floating(),
        Ok(kind) => kind.is_floating(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    const ROWS: &str = "(VALUES (1, 0.1::double, 0.1), (2, 'nan'::double, 0.5), (3, 1e300, 2.5),
                         (4, NULL, 0.3)) AS t(i, x, d)";

    #[tokio::test(flavor = "multi_thread")]
    async fn doubles_stay_doubles_beside_decimals() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (condition, wanted) in [
            ("x > 0.5", "2,3"),
            ("0.5 < x", "2,3"),
            ("x = d", "1"),
            ("x IS DISTINCT FROM d", "2,3,4"),
            ("x IN (0.1, 0.2)", "1"),
            ("d IN (0.5, 1e300)", "2"),
            ("x BETWEEN 0.1 AND 1e301", "1,3"),
            ("x NOT BETWEEN 0.05 AND 0.2", "2,3"),
            ("coalesce(x, 0.25) < 0.3", "1,4"),
            ("CASE WHEN i > 2 THEN x ELSE d END > 0.2", "2,3"),
            ("CASE x WHEN 0.1 THEN true ELSE x > 1.0 END", "1,2,3"),
            ("greatest(d, x) > 1.0", "2,3"),
            ("d IN (SELECT 0.5::double)", "2"),
            ("x IN (SELECT 0.1)", "1"),
            ("x NOT IN (SELECT 0.1)", "2,3"),
            ("x >= ALL (SELECT 0.5)", "2,3"),
            ("d > ANY (SELECT 0.4::double)", "2,3"),
            ("list_contains([x], 0.1)", "1"),
        ] {
            let sql =
                format!("SELECT string_agg(i, ',' ORDER BY i) AS i FROM {ROWS} WHERE {condition}");
            assert_eq!(answer(&session, &sql).await[1], wanted, "{condition}");
        }
        let union = format!("SELECT x FROM {ROWS} UNION ALL SELECT d FROM {ROWS} ORDER BY x");
        let wanted = ["x", "0.1", "0.1", "0.3", "0.5", "2.5", "1e300", "NaN", ""];
        assert_eq!(answer(&session, &union).await, wanted);
        // What is above it knows of the doubles.
        let sql = format!(
            "SELECT max(y) AS y FROM (SELECT d AS y FROM {ROWS} UNION ALL SELECT x FROM {ROWS}) AS s
             WHERE y < 1e301"
        );
        assert_eq!(answer(&session, &sql).await, ["y", "1e300"]);
        for join in
            ["JOIN (SELECT 0.1 AS x) AS u USING (x)", "JOIN (SELECT 0.1 AS y) AS u ON x = y"]
        {
            let sql = format!("SELECT i FROM {ROWS} {join}");
            assert_eq!(answer(&session, &sql).await, ["i", "1"], "{sql}");
        }
        let both = format!("SELECT x FROM {ROWS} INTERSECT SELECT d FROM {ROWS}");
        assert_eq!(answer(&session, &both).await, ["x", "0.1"]);
    }
}
