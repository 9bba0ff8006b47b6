//! Subqueries that the planner takes in another form only.
//!
//! `(SELECT a.screen_name FROM accounts AS a WHERE a.account_id = p.account_id)`: the
//! planner wants an aggregate there, since it cannot know that there is one row. Here
//! all values are gathered, and where one is asked for of which there are several, that
//! is an error. With LIMIT 1 the first is gathered for each.
//!
//! `(a, b) IN (SELECT c, d FROM ...)`: it looks for one value only. Where counts only
//! whether the condition is true, EXISTS asks the same.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, internal_err};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{array_agg, first_value};
use datafusion::logical_expr::{
    Distinct, Expr, FetchType, LogicalPlan, LogicalPlanBuilder, SkipType, SortExpr, Subquery,
};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr as Typed, Ident, Query, Select, SetExpr, TableFactor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::engine::hidden::Hidden;
use crate::engine::{parsed, rewrite};
use crate::error::Error;

/// Spells `(a, b) IN (SELECT ...)` in WHERE with EXISTS.
pub(super) fn spell(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Rows);
}

struct Rows;

impl VisitorMut for Rows {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if let Some(condition) = &mut select.selection {
            spell_in(condition);
        }
        ControlFlow::Continue(())
    }
}

/// Below anything else than AND and OR it counts as well whether it is unknown.
fn spell_in(condition: &mut Typed) {
    match condition {
        Typed::Nested(inner) => spell_in(inner),
        Typed::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            spell_in(left);
            spell_in(right);
        }
        Typed::InSubquery { expr, subquery, negated: false } => {
            if let Typed::Tuple(values) = expr.as_ref()
                && let Some(exists) = exists(values, subquery)
            {
                *condition = exists;
            }
        }
        _ => {}
    }
}

/// Whether `rows` have one of `values`. No column of a table is called as those of the
/// rows are here, so that the names in `values` mean what they did.
fn exists(values: &[Typed], rows: &Query) -> Option<Typed> {
    let names: Vec<_> = (1..=values.len()).map(|place| format!("value {place}")).collect();
    let template =
        format!("SELECT 1 FROM (SELECT 1) AS \"rows listed\" (\"{}\")", names.join("\", \""));
    let mut parser = Parser::new(&GenericDialect).try_with_sql(&template).ok()?;
    let mut query = parser.parse_query().ok()?;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let TableFactor::Derived { subquery, .. } = &mut select.from.first_mut()?.relation else {
        return None;
    };
    **subquery = rows.clone();
    select.selection = values
        .iter()
        .zip(names)
        .map(|(value, name)| {
            let path = vec![Ident::with_quote('"', "rows listed"), Ident::with_quote('"', name)];
            Typed::BinaryOp {
                left: Box::new(Typed::Nested(Box::new(value.clone()))),
                op: BinaryOperator::Eq,
                right: Box::new(Typed::CompoundIdentifier(path)),
            }
        })
        .reduce(|left, right| Typed::BinaryOp {
            left: Box::new(left),
            op: BinaryOperator::And,
            right: Box::new(right),
        });
    Some(Typed::Exists { subquery: query, negated: false })
}

/// `plan` with subqueries that give the only value there is.
pub(super) fn only_values(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            found |= expression.exists(|inner| match inner {
                Expr::ScalarSubquery(asked) => Ok(is_open(asked) || first(asked)?.is_some()),
                _ => Ok(false),
            })?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    if !found {
        return Ok(plan);
    }
    rewrite::expressions(plan, &|expression, _| match expression {
        Expr::ScalarSubquery(asked) if is_open(&asked) => Ok(Transformed::yes(only_value(asked)?)),
        Expr::ScalarSubquery(asked) => match first(&asked)? {
            Some((value, order, rows)) => {
                let value = gathered(asked, rows, first_value(value, order))?;
                Ok(Transformed::yes(value))
            }
            None => Ok(Transformed::no(Expr::ScalarSubquery(asked))),
        },
        other => Ok(Transformed::no(other)),
    })
}

/// Whether the planner refuses a subquery because it may give several rows.
fn is_open(asked: &Subquery) -> bool {
    let plan = &asked.subquery;
    !asked.outer_ref_columns.is_empty()
        && plan.schema().fields().len() == 1
        && plan.max_rows().is_none_or(|most| most > 1)
        && is_gathered(plan)
}

/// Whether the values of a query are the same where the rows of all that it could be
/// asked for are looked for at once, before those are taken that it is asked for.
fn is_gathered(plan: &LogicalPlan) -> bool {
    if plan.all_out_ref_exprs().is_empty() {
        return true;
    }
    match plan {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Distinct(Distinct::All(_)) => plan.inputs().into_iter().all(is_gathered),
        _ => false,
    }
}

fn only_value(asked: Subquery) -> Result<Expr> {
    let rows = Arc::clone(&asked.subquery);
    let value = Expr::Column(Column::from(rows.schema().qualified_field(0)));
    Ok(ONLY_ITEM.of(gathered(asked, rows, array_agg(value))?))
}

/// What a subquery gives that takes the first row: an expression, what it orders by, and
/// the rows.
type First = (Expr, Vec<SortExpr>, Arc<LogicalPlan>);

/// What a subquery with columns from around it gives if it takes the first row.
fn first(asked: &Subquery) -> Result<Option<First>> {
    let LogicalPlan::Limit(limit) = asked.subquery.as_ref() else { return Ok(None) };
    let is_first = matches!(limit.get_skip_type()?, SkipType::Literal(0))
        && matches!(limit.get_fetch_type()?, FetchType::Literal(Some(1)));
    let schema = limit.input.schema();
    if schema.fields().len() != 1 {
        return Ok(None);
    }
    let (value, rows) = match limit.input.as_ref() {
        LogicalPlan::Projection(listed)
            if matches!(listed.input.as_ref(), LogicalPlan::Sort(_)) =>
        {
            (listed.expr[0].clone().unalias(), &listed.input)
        }
        _ => (Expr::Column(Column::from(schema.qualified_field(0))), &limit.input),
    };
    let (order, rows) = match rows.as_ref() {
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => (sort.expr.clone(), &sort.input),
        _ => (Vec::new(), rows),
    };
    let is_known = is_first && !asked.outer_ref_columns.is_empty() && is_gathered(rows);
    Ok(is_known.then(|| (value, order, Arc::clone(rows))))
}

/// `asked` as what `aggregate` makes of `rows`.
fn gathered(asked: Subquery, rows: Arc<LogicalPlan>, aggregate: Expr) -> Result<Expr> {
    let values = LogicalPlanBuilder::from(Arc::unwrap_or_clone(rows))
        .aggregate(Vec::<Expr>::new(), vec![aggregate])?
        .build()?;
    let value = Expr::Column(Column::from(values.schema().qualified_field(0)));
    let values = LogicalPlanBuilder::from(values).project(vec![value])?.build()?;
    Ok(Expr::ScalarSubquery(Subquery { subquery: Arc::new(values), ..asked }))
}

/// The function that gives the item of a list that has one.
pub(in crate::engine) static ONLY_ITEM: Hidden = Hidden {
    name: "only_item",
    returns: |kind| match kind {
        DataType::List(item) => Ok(item.data_type().clone()),
        _ => internal_err!("no list was given"),
    },
    compute: only_items,
};

fn only_items(lists: &ArrayRef) -> Result<ArrayRef> {
    let Some(lists) = lists.as_list_opt::<i32>() else {
        return internal_err!("no list was given");
    };
    let mut places = Vec::with_capacity(lists.len());
    for row in 0..lists.len() {
        let items = if lists.is_null(row) { 0 } else { lists.value_length(row) };
        places.push(match items {
            0 => None,
            1 => Some(lists.value_offsets()[row]),
            _ => return Err(several()),
        });
    }
    Ok(take(lists.values().as_ref(), &Int32Array::from(places), None)?)
}

fn several() -> DataFusionError {
    let error = Error::query("a subquery between values gives more than one row");
    DataFusionError::External(Box::new(error.hint(
        "take one of them, as in (SELECT max(likes) FROM ...), or all: (SELECT array_agg(likes) \
         FROM ...)",
    )))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (3, NULL)) AS t(x, k)",
            "CREATE TABLE u AS SELECT * FROM (VALUES (1, 'a', 10), (2, 'z', NULL), (7, 'q', 70),
             (7, 'q', 71)) AS u(y, k, n)",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    #[tokio::test]
    async fn a_subquery_gives_the_only_value_of_each_row() {
        let session = session().await;
        for (sql, rows) in [
            (
                "SELECT x, (SELECT u.n FROM u WHERE u.y = t.x) AS v FROM t ORDER BY x",
                &["x|v", "1|10", "2|", "3|"] as &[&str],
            ),
            ("SELECT x FROM t WHERE (SELECT u.k FROM u WHERE u.y = t.x) = t.k", &["x", "1"]),
            (
                "SELECT x, (SELECT u.k || '!' FROM u WHERE u.y = t.x AND u.k = t.k) AS v FROM t
                 ORDER BY x",
                &["x|v", "1|a!", "2|", "3|"],
            ),
            (
                "SELECT x, (SELECT DISTINCT u.k FROM u WHERE u.y = t.x + 4) AS v FROM t ORDER BY x",
                &["x|v", "1|", "2|", "3|q"],
            ),
            (
                "SELECT x, (SELECT u.k FROM u WHERE u.y = t.x) IS NULL AS v FROM t ORDER BY x",
                &["x|v", "1|false", "2|false", "3|true"],
            ),
            (
                "SELECT x, (SELECT max(u.n) FROM u WHERE u.y = t.x + 6) AS v FROM t ORDER BY x",
                &["x|v", "1|71", "2|", "3|"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, rows, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_subquery_gives_the_first_value_of_each_row() {
        let session = session().await;
        for (asked, rows) in [
            ("SELECT u.k FROM u WHERE u.y = t.x LIMIT 1", ["1|a", "2|z", "3|"]),
            ("SELECT n FROM u WHERE y = x + 6 ORDER BY n DESC LIMIT 1", ["1|71", "2|", "3|"]),
            ("SELECT n FROM u WHERE y = x + 6 ORDER BY n LIMIT 1", ["1|70", "2|", "3|"]),
            ("SELECT n + 1 FROM u WHERE y = x + 6 ORDER BY u.k, n LIMIT 1", ["1|71", "2|", "3|"]),
            ("SELECT n AS m FROM u WHERE y = x + 6 ORDER BY m DESC LIMIT 1", ["1|71", "2|", "3|"]),
        ] {
            let sql = format!("SELECT x, ({asked}) AS v FROM t ORDER BY x");
            let found: Vec<_> = answer(&session, &sql).await.into_iter().skip(1).collect();
            assert_eq!(found, rows, "{asked}");
        }
    }

    #[tokio::test]
    async fn a_second_row_is_an_error_where_it_is_asked_for() {
        let session = session().await;
        let sql = "SELECT (SELECT u.n FROM u WHERE u.y = t.x + 6) FROM t";
        let error = session.collect(sql).await.unwrap_err();
        assert!(error.message().contains("more than one row"), "{error}");
        assert!(error.advice().is_some_and(|told| told.contains("max(")), "{error}");
    }

    #[tokio::test]
    async fn what_cannot_be_joined_is_told_so() {
        let session = session().await;
        for sql in [
            "SELECT x, (SELECT u.n FROM u WHERE u.y > t.x) FROM t",
            "SELECT sum((SELECT u.n FROM u WHERE u.y = t.x)) FROM t",
            "SELECT x FROM t WHERE (x, k) IN (SELECT y, u.k FROM u WHERE u.k = t.k)",
            "SELECT x FROM t LEFT JOIN u ON x = y AND EXISTS (SELECT 1 FROM u AS v WHERE v.y = x)",
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains("columns from around"), "{sql}: {error}");
            assert!(error.advice().is_some(), "{sql}: {error}");
        }
    }

    #[tokio::test]
    async fn several_values_are_looked_for_together() {
        let session = session().await;
        for (condition, rows) in [
            ("(x, k) IN (SELECT y, k FROM u)", &["1"] as &[&str]),
            ("(x, k) IN (SELECT y, k FROM u) OR x = 3", &["1", "3"]),
            ("x > 0 AND ((x + 5, 'q') IN (SELECT y, k FROM u))", &["2"]),
        ] {
            let sql = format!("SELECT x FROM t WHERE {condition} ORDER BY x");
            let found: Vec<_> = answer(&session, &sql).await.into_iter().skip(1).collect();
            assert_eq!(found, rows, "{condition}");
        }
        for condition in ["(x, k) NOT IN (SELECT y, k FROM u)", "x IN (SELECT y, k FROM u)"] {
            let sql = format!("SELECT x FROM t WHERE {condition}");
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.message().contains("gives one column"), "{error}");
            assert!(error.advice().is_some_and(|told| told.contains("NOT EXISTS")), "{error}");
        }
    }
}
