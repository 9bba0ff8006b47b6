//! `'地震' = ANY (hashtags)`, `likes > ALL ([10, 20])`: a value beside the items of a list.
//!
//! The engine's function for `= ANY` does not know that it is unknown whether a value is
//! among others of which one is, nor do its comparisons with the least and the most. Its
//! ALL knows, so that ANY is what ALL the opposite is not. Where only rows count for which
//! the condition is true, the plain function is as good, and can be asked while reading.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, lit};
use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, Expr as Typed, UnaryOperator, Value, ValueWithSpan,
};

use crate::engine::rewrite;

/// Spells ANY with ALL, and both with IN where the items are written down.
pub(super) fn spell(expression: &mut Typed) -> bool {
    let (left, op, right, is_any) = match &*expression {
        Typed::AnyOp { left, compare_op, right, .. } => (left, compare_op, right, true),
        Typed::AllOp { left, compare_op, right } => (left, compare_op, right, false),
        _ => return false,
    };
    let made = match (right.as_ref(), is_any, op) {
        (Typed::Array(Array { elem, .. }), true, BinaryOperator::Eq) if !elem.is_empty() => {
            Typed::InList { expr: left.clone(), list: elem.clone(), negated: false }
        }
        (Typed::Array(Array { elem, .. }), false, BinaryOperator::NotEq) if !elem.is_empty() => {
            Typed::InList { expr: left.clone(), list: elem.clone(), negated: true }
        }
        // The planner asks the one function what a list is that is not given yet.
        (right, true, op) if !is_asked_elsewhere(right) => {
            let Some(compare_op) = opposite(op) else { return false };
            let (left, right) = (left.clone(), Box::new(right.clone()));
            let all = Typed::AllOp { left, compare_op, right };
            let none = Typed::UnaryOp { op: UnaryOperator::Not, expr: Box::new(all) };
            Typed::Nested(Box::new(none))
        }
        _ => return false,
    };
    *expression = made;
    true
}

/// Whether the items are the rows of a query, or those of a parameter.
fn is_asked_elsewhere(items: &Typed) -> bool {
    matches!(
        items,
        Typed::Subquery(_) | Typed::Value(ValueWithSpan { value: Value::Placeholder(_), .. })
    )
}

/// The comparison that is true where `op` is false.
fn opposite(op: &BinaryOperator) -> Option<BinaryOperator> {
    Some(match op {
        BinaryOperator::Eq => BinaryOperator::NotEq,
        BinaryOperator::NotEq => BinaryOperator::Eq,
        BinaryOperator::Lt => BinaryOperator::GtEq,
        BinaryOperator::LtEq => BinaryOperator::Gt,
        BinaryOperator::Gt => BinaryOperator::LtEq,
        BinaryOperator::GtEq => BinaryOperator::Lt,
        _ => return None,
    })
}

/// `plan` with the plain function where it only counts for which rows it is true: where
/// rows are chosen, joined, and looked at by aggregates, and behind WHEN.
pub(super) fn choose(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut is_found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            is_found |= expression.exists(|part| Ok(any_item(part).is_some()))?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    if !is_found {
        return Ok(plan);
    }
    let plan = rewrite::expressions(plan, &|part, _| choose_within(part))?;
    let chosen = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Filter(_) => node.map_expressions(if_true),
        LogicalPlan::Join(mut join) => {
            let made = join.filter.take().map(if_true).transpose()?;
            let is_changed = made.as_ref().is_some_and(|made| made.transformed);
            join.filter = made.map(|made| made.data);
            Ok(Transformed::new_transformed(LogicalPlan::Join(join), is_changed))
        }
        node => Ok(Transformed::no(node)),
    })?;
    Ok(chosen.data)
}

/// `part` with the plain function in conditions of its own.
fn choose_within(mut part: Expr) -> Result<Transformed<Expr>> {
    let conditions: Vec<&mut Box<Expr>> = match &mut part {
        Expr::Case(case) if case.expr.is_none() => {
            case.when_then_expr.iter_mut().map(|(when, _)| when).collect()
        }
        Expr::AggregateFunction(call) => call.params.filter.iter_mut().collect(),
        Expr::WindowFunction(call) => call.params.filter.iter_mut().collect(),
        _ => return Ok(Transformed::no(part)),
    };
    let mut is_changed = false;
    for condition in conditions {
        let made = if_true(std::mem::take(condition.as_mut()))?;
        is_changed |= made.transformed;
        **condition = made.data;
    }
    Ok(Transformed::new_transformed(part, is_changed))
}

/// A condition that is true where `condition` is.
fn if_true(condition: Expr) -> Result<Transformed<Expr>> {
    condition.transform_down(|part| {
        let joins =
            matches!(&part, Expr::BinaryExpr(BinaryExpr { op: Operator::And | Operator::Or, .. }));
        if joins {
            return Ok(Transformed::no(part));
        }
        let found = any_item(&part);
        let is_found = found.is_some();
        Ok(Transformed::new(found.unwrap_or(part), is_found, TreeNodeRecursion::Jump))
    })
}

/// The function that says whether an item is equal, if `condition` is that none of them
/// differs not, as the planner writes it.
fn any_item(condition: &Expr) -> Option<Expr> {
    let Expr::Not(differ) = condition else { return None };
    let Expr::Case(case) = differ.as_ref() else { return None };
    let [no_list, no_item, no_value, found, _] = case.when_then_expr.as_slice() else {
        return None;
    };
    let Expr::ScalarFunction(call) = found.0.as_ref() else { return None };
    let [list, value] = call.args.as_slice() else { return None };
    let unknown = lit(ScalarValue::Boolean(None));
    let is_ours = case.expr.is_none()
        && call.name() == "array_has"
        && asks_for(&no_list.0, list)
        && is_empty(&no_item.0, list)
        && asks_for(&no_value.0, value)
        && *no_list.1 == unknown
        && *no_item.1 == lit(true)
        && *found.1 == lit(false)
        && case.else_expr.as_deref() == Some(&lit(true));
    is_ours.then(|| found.0.as_ref().clone())
}

/// Whether `condition` is that `value` is unknown.
fn asks_for(condition: &Expr, value: &Expr) -> bool {
    matches!(condition, Expr::IsNull(asked) if asked.as_ref() == value)
}

/// Whether `condition` is that `list` has no item.
fn is_empty(condition: &Expr, list: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else {
        return false;
    };
    let Expr::ScalarFunction(count) = left.as_ref() else { return false };
    let is_counted = matches!(count.args.as_slice(), [counted] if counted == list);
    is_counted && count.name() == "cardinality" && **right == lit(0_u64)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE t AS SELECT * FROM (VALUES (1, [NULL, 5]), (2, [NULL]),
                    (3, [2, NULL]), (4, [1]), (5, []), (6, NULL)) AS t(n, l)";
        session.collect(made).await.unwrap();
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_unknown_what_a_value_is_beside_items_of_which_one_is() {
        let session = session().await;
        for (asked, wanted) in [
            ("2 = ANY(l)", ["", "", "true", "false", "false", ""]),
            ("2 IN l", ["", "", "true", "false", "false", ""]),
            ("NOT 2 = ANY(l)", ["", "", "false", "true", "true", ""]),
            ("2 NOT IN l", ["", "", "false", "true", "true", ""]),
            ("2 <> ALL(l)", ["", "", "false", "true", "true", ""]),
            ("2 <> ANY(l)", ["true", "", "", "true", "false", ""]),
            ("2 < ANY(l)", ["true", "", "", "false", "false", ""]),
            ("2 >= ANY(l)", ["", "", "true", "true", "false", ""]),
            ("2 > ALL(l)", ["false", "", "false", "true", "true", ""]),
            ("2 = ALL(l)", ["false", "", "", "false", "true", ""]),
            ("NULL::bigint = ANY(l)", ["", "", "", "", "false", ""]),
        ] {
            let found = answer(&session, &format!("SELECT {asked} AS v FROM t ORDER BY n")).await;
            assert_eq!(found[1..], wanted, "{asked}");
        }
        for (asked, wanted) in [
            ("2 <> ANY([2, NULL])", ""),
            ("2 < ANY([1, NULL])", ""),
            ("2 < ANY([3, NULL])", "true"),
            ("2 = ANY([])", "false"),
            ("1.5 <> ALL([1, 2])", "true"),
            ("2 <> ALL([1, NULL])", ""),
            ("(2 > ANY(ARRAY[1]))::varchar", "true"),
        ] {
            assert_eq!(value(&session, &format!("SELECT {asked} AS v")).await, wanted, "{asked}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_are_chosen_by_the_plain_function() {
        let session = session().await;
        for (condition, wanted) in [
            ("2 = ANY(l)", &["3"][..]),
            ("2 = ANY(l) OR 1 = ANY(l)", &["3", "4"]),
            ("n > 1 AND NOT 2 = ANY(l)", &["4", "5"]),
            ("(2 = ANY(l)) IS NULL", &["1", "2", "6"]),
        ] {
            let sql = format!("SELECT n FROM t WHERE {condition} ORDER BY n");
            assert_eq!(answer(&session, &sql).await[1..], *wanted, "{condition}");
        }
        let sql =
            "SELECT a.n FROM t AS a LEFT JOIN t AS b ON a.n = ANY(b.l) AND b.n > 3 ORDER BY 1";
        assert_eq!(answer(&session, sql).await[1..], ["1", "2", "3", "4", "5", "6"]);
        let sql = "SELECT count(*) FILTER (WHERE 2 = ANY(l)) AS a,
                   sum(CASE WHEN 2 = ANY(l) THEN 1 ELSE 100 END) AS b,
                   sum(CASE WHEN NOT 2 = ANY(l) THEN 1 ELSE 100 END) AS c FROM t";
        assert_eq!(answer(&session, sql).await, ["a|b|c", "1|501|402"]);
        let sql = "EXPLAIN SELECT n FROM t WHERE 2 = ANY(l) AND n > 1";
        let plan = answer(&session, sql).await.join("\n");
        assert!(plan.contains("array_has") && !plan.contains("CASE"), "{plan}");
    }
}
