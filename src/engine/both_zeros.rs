//! 0.0 and -0.0 are one number: in `x IN (0.0, 1.0)`, `CASE x WHEN 0.0`, `nullif(x, 0.0)`,
//! `count(DISTINCT x)`, `PARTITION BY x` and `rank() OVER (ORDER BY x)`, as they are for
//! `x = 0.0` and `GROUP BY x`.
//!
//! There the engine looks at how doubles are stored, and these two differ in the sign. So a
//! list gets the other zero as well, what is not known before is compared one by one, and
//! what is counted or ranked, or given to `nullif`, has 0.0 added to it, which makes 0.0 of
//! both and changes nothing else. So has a constant that is compared with several values.

use std::iter;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, InList};
use datafusion::logical_expr::utils::disjunction;
use datafusion::logical_expr::{Case, Expr, ExprSchemable, LogicalPlan, lit};
use datafusion::optimizer::{AnalyzerRule, ApplyOrder, OptimizerConfig, OptimizerRule};

use super::any_expression::any_expression;
use super::rewrite;

/// The rule for what is told apart by its value.
#[derive(Debug)]
pub(super) struct CountZeros;

impl AnalyzerRule for CountZeros {
    fn name(&self) -> &'static str {
        "count_zeros"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, may_compare, &counted)
    }
}

fn may_compare(part: &Expr) -> bool {
    match part {
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            params.distinct && func.name() == "count"
        }
        Expr::ScalarFunction(call) => call.func.name() == "nullif",
        Expr::Case(case) => case.expr.is_some(),
        Expr::WindowFunction(_) | Expr::InList(_) => true,
        _ => false,
    }
}

fn counted(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let values: Vec<&mut Expr> = match &mut expression {
        Expr::AggregateFunction(AggregateFunction { func, params })
            if params.distinct && func.name() == "count" =>
        {
            params.args.iter_mut().collect()
        }
        Expr::WindowFunction(call) => {
            let params = &mut call.params;
            let orders = params.order_by.iter_mut().map(|order| &mut order.expr);
            params.partition_by.iter_mut().chain(orders).collect()
        }
        Expr::ScalarFunction(call) if call.func.name() == "nullif" => {
            call.args.iter_mut().collect()
        }
        // What is compared here is worked out before the other rule sees it.
        Expr::InList(InList { expr: value, list, .. }) if is_constant(value) => {
            iter::once(value.as_mut()).chain(list).collect()
        }
        Expr::Case(Case { expr: Some(value), when_then_expr, .. }) if is_constant(value) => {
            let whens = when_then_expr.iter_mut().map(|(when, _)| when.as_mut());
            iter::once(value.as_mut()).chain(whens).collect()
        }
        _ => return Ok(Transformed::no(expression)),
    };
    let mut is_changed = false;
    for value in values {
        if !is_double(value, schema) {
            continue;
        }
        let zero = if is_short(value, schema) { lit(0.0_f32) } else { lit(0.0_f64) };
        *value = value.clone() + zero;
        is_changed = true;
    }
    Ok(if is_changed { Transformed::yes(expression) } else { Transformed::no(expression) })
}

/// Whether a value is the same for all rows, as far as its words tell.
fn is_constant(value: &Expr) -> bool {
    let is_asked = |part: &Expr| {
        matches!(part, Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::ScalarSubquery(_))
    };
    value.exists(|part| Ok(is_asked(part))).is_ok_and(|is_found| !is_found)
}

fn is_double(value: &Expr, schema: &DFSchema) -> bool {
    is_short(value, schema) || value.get_type(schema).is_ok_and(|kind| kind == DataType::Float64)
}

fn is_short(value: &Expr, schema: &DFSchema) -> bool {
    value.get_type(schema).is_ok_and(|kind| kind == DataType::Float32)
}

/// The rule for what is compared with several values, when these are worked out and lists
/// have been made of conditions.
#[derive(Debug)]
pub(super) struct ListZeros;

impl OptimizerRule for ListZeros {
    fn name(&self) -> &'static str {
        "list_zeros"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let is_meant = |expression: &Expr| expression.exists(|part| Ok(needs_zeros(part)));
        if !any_expression(&plan, is_meant)? {
            return Ok(Transformed::no(plan));
        }
        let schema = rewrite::known_columns(&plan)?;
        rewrite::whole_expressions(plan, |expression| {
            expression.transform_up(|part| Ok(with_zeros(part, &schema)))
        })
    }
}

/// Whether `part` compares one value with others, of which a zero may be one.
fn needs_zeros(part: &Expr) -> bool {
    match part {
        Expr::InList(InList { list, .. }) => {
            list.iter().any(|item| !is_literal(item) || missing_twin(item, list).is_some())
        }
        Expr::Case(Case { expr: Some(_), when_then_expr, .. }) => {
            when_then_expr.iter().any(|(when, _)| !is_literal(when) || twin(when).is_some())
        }
        _ => false,
    }
}

fn with_zeros(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_ours = |value: &Expr| is_double(value, schema) && !value.is_volatile();
    match part {
        part if !needs_zeros(&part) => Transformed::no(part),
        Expr::InList(list) if is_ours(&list.expr) => Transformed::yes(listed(list)),
        Expr::Case(Case { expr: Some(value), when_then_expr, else_expr }) if is_ours(&value) => {
            let equal = |when: Expr| Box::new(value.as_ref().clone().eq(when));
            let branches = when_then_expr.into_iter();
            let branches = branches.map(|(when, then)| (equal(*when), then)).collect();
            Transformed::yes(Expr::Case(Case::new(None, branches, else_expr)))
        }
        part => Transformed::no(part),
    }
}

/// A list with both zeros if it has one, beside what each row says itself.
fn listed(InList { expr, mut list, negated }: InList) -> Expr {
    let twins: Vec<Expr> = list.iter().filter_map(|item| missing_twin(item, &list)).collect();
    list.extend(twins);
    let (known, others): (Vec<_>, Vec<_>) = list.into_iter().partition(is_literal);
    let others = others.into_iter().map(|other| expr.as_ref().clone().eq(other));
    let known = (!known.is_empty()).then(|| InList::new(expr.clone(), known, false));
    let all = disjunction(known.map(Expr::InList).into_iter().chain(others));
    let all = all.unwrap_or_else(|| lit(false));
    if negated { !all } else { all }
}

fn is_literal(value: &Expr) -> bool {
    matches!(value, Expr::Literal(..))
}

/// The zero of the other sign, if `value` is a zero and `list` has only that.
fn missing_twin(value: &Expr, list: &[Expr]) -> Option<Expr> {
    twin(value).filter(|twin| !list.contains(twin))
}

/// The zero of the other sign, if `value` is a zero.
fn twin(value: &Expr) -> Option<Expr> {
    let twin = match value {
        Expr::Literal(ScalarValue::Float64(Some(zero)), _) if *zero == 0.0 => lit(-*zero),
        Expr::Literal(ScalarValue::Float32(Some(zero)), _) if *zero == 0.0 => lit(-*zero),
        _ => return None,
    };
    Some(twin)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn constants_of_both_signs_are_one_number() {
        let session = Session::new(None, Settings::default()).unwrap();
        for asked in [
            "nullif(-0.0::double, 0.0) IS NULL",
            "nullif(0, -0e0) IS NULL",
            "nullif(-0e0, 1) = 0",
            "-0.0::double IN (0, 1)",
            "-0.0::real IN (0.0, 1, 2, 3, 4)",
            "0e0 IN (3, -0e0)",
            "-0e0 NOT IN (0, 1) IS FALSE",
            "0.0 IN (n, -n) AND -0e0 IN (n, -n) AND 0e0 NOT IN (n + 1, 5)",
            "CASE -0.0::double WHEN 0.0 THEN true ELSE false END",
            "CASE 0e0 WHEN 1 THEN false WHEN -n THEN true END",
        ] {
            let sql = format!("SELECT {asked} FROM (VALUES (0e0)) AS t(n)");
            assert_eq!(value(&session, &sql).await, "true", "{asked}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn zeros_of_both_signs_are_one_number_everywhere() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE t AS SELECT x, x::real AS s, 0e0 AS z
                    FROM (VALUES (0e0), (-0e0), (2e0), (NULL)) AS t(x)";
        session.collect(made).await.unwrap();
        for (asked, wanted) in [
            ("count(*) FILTER (WHERE x = 0.0)", "2"),
            ("count(*) FILTER (WHERE x IN (0.0, 1.0, 3.0, 4.0, 5.0))", "2"),
            ("count(*) FILTER (WHERE s IN (0.0, 1.0, 3.0, 4.0, 5.0))", "2"),
            ("count(*) FILTER (WHERE x IN (-0e0, 1.0, 3.0, 4.0, 5.0))", "2"),
            ("count(*) FILTER (WHERE x NOT IN (0.0, 1.0, 3.0, 4.0, 5.0))", "1"),
            ("count(*) FILTER (WHERE x = 0.0 OR x = 1.0 OR x = 3.0 OR x = 4.0)", "2"),
            ("count(*) FILTER (WHERE x IN (z, 1.0))", "2"),
            ("count(*) FILTER (WHERE x NOT IN (z, 1.0))", "1"),
            ("sum(CASE x WHEN 0.0 THEN 1 WHEN 2.0 THEN 10 ELSE 100 END)", "112"),
            ("sum(CASE x WHEN z THEN 1 ELSE 0 END)", "2"),
            ("count(DISTINCT x)", "2"),
            ("count(DISTINCT x) + count(DISTINCT s) + count(DISTINCT x * 3)", "6"),
            ("count(*) FILTER (WHERE x IN (2.0, 7.0, 8.0, 9.0, 10.0))", "1"),
            ("count(nullif(x, 0.0))", "1"),
            ("count(nullif(s, z)) + count(nullif(x, 2))", "3"),
            ("count(nullif(0, x))", "2"),
        ] {
            assert_eq!(value(&session, &format!("SELECT {asked} FROM t")).await, wanted, "{asked}");
        }
        for sql in [
            "SELECT max(n) FROM (SELECT count(*) OVER (PARTITION BY x) AS n FROM t)",
            "SELECT max(n) FROM (SELECT count(*) AS n FROM t GROUP BY x)",
            "SELECT count(*) - 1 FROM (SELECT DISTINCT x FROM t)",
            "SELECT 1 + count(*) FROM (SELECT z FROM t INTERSECT SELECT -z FROM t)",
            "SELECT count(*) FROM (SELECT x FROM t EXCEPT SELECT -x FROM t WHERE x <> 2)",
            "SELECT 1 + count(*) FROM (SELECT z FROM t UNION SELECT -z FROM t)",
            "SELECT count(*) / 2 FROM t JOIN (SELECT DISTINCT -z AS x, 1 FROM t
             UNION ALL SELECT -0e0, 2) AS u USING (x)",
            "SELECT max(n) FROM (SELECT count(*) OVER (ORDER BY x) AS n FROM t WHERE x < 1)",
            "SELECT sum(n) FROM (SELECT rank() OVER (ORDER BY s DESC) AS n FROM t WHERE x < 1)",
        ] {
            assert_eq!(value(&session, sql).await, "2", "{sql}");
        }
    }
}
