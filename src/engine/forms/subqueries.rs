//! Subqueries that the planner takes in another form only.
//!
//! `(SELECT a.screen_name FROM accounts AS a WHERE a.account_id = p.account_id)`: the
//! planner wants an aggregate there, since it cannot know that there is one row. Here
//! all values are gathered, and where one is asked for of which there are several, that
//! is an error. With LIMIT 1 the first is gathered for each.
//!
//! `(a, b) IN (SELECT c, d FROM ...)`: it looks for one value only. EXISTS asks the same,
//! as far as counts whether the condition is true.

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
    BinaryOperator, Expr as Typed, GroupByExpr, Ident, OrderBy, OrderByKind, Query, SelectItem,
    SetExpr, TableFactor, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::any_item;
use crate::engine::empty_subqueries::has_one_row_at_most;
use crate::engine::hidden::Hidden;
use crate::engine::lone_place::SEVERAL_ROWS;
use crate::engine::{parsed, rewrite};
use crate::error::Error;

/// What the rows are called in which several values are looked for.
pub(in crate::engine) const ROWS_LISTED: &str = "rows listed";

/// Spells `(a, b) IN (SELECT ...)` with EXISTS, and ANY of a list [by itself](any_item).
pub(super) fn spell(parsed: &mut Parsed) {
    parsed::change(parsed, &[in_rows, any_item::spell]);
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut TellApart);
}

/// A rule that sees plans knows by the name of the rows what was asked for, and what makes
/// it unknown.
fn in_rows(expression: &mut Typed) -> bool {
    let Typed::InSubquery { expr, subquery, negated } = expression else { return false };
    let Typed::Tuple(values) = expr.as_ref() else { return false };
    let Some(exists) = exists(values, subquery, *negated) else { return false };
    *expression = exists;
    true
}

/// Whether `rows` have one of `values`. No column of a table is called as those of the
/// rows are here, so that the names in `values` mean what they did.
fn exists(values: &[Typed], rows: &Query, negated: bool) -> Option<Typed> {
    let names: Vec<_> = (1..=values.len()).map(|place| format!("value {place}")).collect();
    let template =
        format!("SELECT 1 FROM (SELECT 1) AS \"{ROWS_LISTED}\" (\"{}\")", names.join("\", \""));
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
            let path = vec![Ident::with_quote('"', ROWS_LISTED), Ident::with_quote('"', name)];
            let value = Typed::Nested(Box::new(value.clone()));
            binary(value, BinaryOperator::Eq, Typed::CompoundIdentifier(path))
        })
        .reduce(|left, right| binary(left, BinaryOperator::And, right));
    Some(Typed::Exists { subquery: query, negated })
}

/// Whether `query` was made to look for values in rows: a name in it that has no table is
/// one of the values, and means a column of what is around.
pub(super) fn is_of_rows(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let [tables] = select.from.as_slice() else { return false };
    let TableFactor::Derived { alias: Some(alias), .. } = &tables.relation else { return false };
    alias.name.value == ROWS_LISTED
}

fn binary(left: Typed, op: BinaryOperator, right: Typed) -> Typed {
    Typed::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// Tells conditions on queries in a SELECT apart, all of which the engine calls alike: it
/// refuses two aggregates of one name. A condition, and what is always true, is the same.
struct TellApart;

impl VisitorMut for TellApart {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let mut conditions = Conditions::default();
        tell_apart(&mut query.body, &mut conditions);
        if let Some(OrderBy { kind: OrderByKind::Expressions(orders), .. }) = &mut query.order_by {
            orders.iter_mut().for_each(|order| conditions.look_at(&mut order.expr));
        }
        ControlFlow::Continue(())
    }
}

fn tell_apart(body: &mut SetExpr, conditions: &mut Conditions) {
    match body {
        SetExpr::Select(select) => {
            for item in &mut select.projection {
                match item {
                    SelectItem::UnnamedExpr(expression) => {
                        let typed = expression.to_string();
                        conditions.look_at(expression);
                        if expression.to_string() != typed {
                            let alias = Ident::with_quote('"', typed);
                            *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
                        }
                    }
                    SelectItem::ExprWithAlias { expr, .. } => conditions.look_at(expr),
                    _ => {}
                }
            }
            if let GroupByExpr::Expressions(groups, _) = &mut select.group_by {
                groups.iter_mut().for_each(|group| conditions.look_at(group));
            }
            let filters = [&mut select.having, &mut select.qualify].into_iter().flatten();
            filters.for_each(|filter| conditions.look_at(filter));
        }
        SetExpr::SetOperation { left, right, .. } => {
            tell_apart(left, &mut Conditions::default());
            tell_apart(right, &mut Conditions::default());
        }
        _ => {}
    }
}

/// The conditions on queries in a SELECT that have been met.
#[derive(Default)]
struct Conditions {
    met: Vec<Typed>,
    /// How many queries there are around what is looked at.
    depth: usize,
}

impl Conditions {
    fn look_at(&mut self, expression: &mut Typed) {
        // It never breaks off.
        let _ = VisitMut::visit(expression, self);
    }
}

impl VisitorMut for Conditions {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Typed) -> ControlFlow<()> {
        if self.depth > 0 || !is_condition(expression) {
            return ControlFlow::Continue(());
        }
        let known = self.met.iter().position(|met| met == expression);
        let place = known.unwrap_or_else(|| {
            self.met.push(expression.clone());
            self.met.len() - 1
        });
        if place > 0 {
            let number = || Typed::value(Value::Number(place.to_string(), false));
            let is_true = binary(number(), BinaryOperator::Eq, number());
            let both = binary(expression.clone(), BinaryOperator::And, is_true);
            *expression = Typed::Nested(Box::new(both));
        }
        ControlFlow::Continue(())
    }
}

fn is_condition(expression: &Typed) -> bool {
    match expression {
        Typed::Exists { .. } | Typed::InSubquery { .. } => true,
        Typed::AnyOp { right, .. } | Typed::AllOp { right, .. } => {
            matches!(right.as_ref(), Typed::Subquery(_))
        }
        _ => false,
    }
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
        && !has_one_row_at_most(plan)
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

/// The error for a second row where there is to be one.
pub(in crate::engine) fn several() -> DataFusionError {
    let error = Error::query(SEVERAL_ROWS);
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
        for asked in [
            "SELECT u.n FROM u WHERE u.y = t.x + 6",
            "SELECT u.n FROM u WHERE u.y > t.x",
            "SELECT u.n FROM u WHERE u.y > t.x ORDER BY u.n LIMIT 2",
            "SELECT t.x UNION ALL SELECT u.n FROM u WHERE u.y = t.x",
            "SELECT t.x UNION ALL SELECT t.x + 1",
        ] {
            let error = session.collect(&format!("SELECT ({asked}) FROM t")).await.unwrap_err();
            assert!(error.message().contains("more than one row"), "{asked}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains("max(")), "{error}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_joined_is_told_so() {
        let session = session().await;
        for sql in [
            "SELECT x, (SELECT sum(u.n) FROM u FULL JOIN u AS v ON u.y = v.y AND v.n = t.x) FROM t",
            "SELECT x FROM t LEFT JOIN u ON EXISTS (SELECT 1 FROM u AS v WHERE v.y + u.y = x)",
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
            ("(x, k) NOT IN (SELECT y, k FROM u)", &["2", "3"]),
            ("NOT ((x, k) IN (SELECT y, k FROM u))", &["2", "3"]),
            ("(x, 70) NOT IN (SELECT y, n FROM u)", &["1", "3"]),
        ] {
            let sql = format!("SELECT x FROM t WHERE {condition} ORDER BY x");
            let found: Vec<_> = answer(&session, &sql).await.into_iter().skip(1).collect();
            assert_eq!(found, rows, "{condition}");
        }
        let error = session.collect("SELECT x FROM t WHERE x IN (SELECT y, k FROM u)").await;
        let error = error.unwrap_err();
        assert!(error.message().contains("gives one column"), "{error}");
    }

    #[tokio::test]
    async fn values_that_are_looked_for_are_those_of_the_join() {
        let session = session().await;
        let w = "(SELECT 1 AS z, 'a' AS k) AS w";
        for (sql, rows) in [
            (format!("SELECT x FROM t JOIN {w} USING (k) WHERE (x, k) IN"), &["1"] as &[&str]),
            (format!("SELECT x FROM t FULL JOIN {w} USING (k) WHERE (x, k) IN"), &["1"]),
            (format!("SELECT x FROM t LEFT JOIN {w} USING (k) WHERE (x, k) NOT IN"), &["2", "3"]),
            // No name of the list is one of the tables.
            (
                "SELECT x, 'q' AS k FROM t WHERE (x + 5, k) NOT IN".to_owned(),
                &["1|q", "2|q", "3|q"],
            ),
        ] {
            let sql = format!("{sql} (SELECT y, k FROM u) ORDER BY 1");
            assert_eq!(answer(&session, &sql).await[1..], *rows, "{sql}");
        }
    }

    #[tokio::test]
    async fn several_values_are_unknown_together_if_one_is_and_the_others_are_equal() {
        let session = session().await;
        for (asked, value) in [
            ("(1, 'a') IN (SELECT y, k FROM u)", "true"),
            ("(1, 'z') IN (SELECT y, k FROM u)", "false"),
            ("(2, 10) IN (SELECT y, n FROM u)", ""),
            ("(2, 10) NOT IN (SELECT y, n FROM u)", ""),
            ("(3, 10) IN (SELECT y, n FROM u)", "false"),
            ("(NULL, 70) IN (SELECT y, n FROM u)", ""),
            ("(NULL, 99) IN (SELECT y, n FROM u WHERE n > 0)", "false"),
            ("(NULL, NULL) IN (SELECT y, n FROM u)", ""),
            ("(NULL, NULL) NOT IN (SELECT y, n FROM u WHERE n > 99)", "true"),
            ("(1, 'a', 10) IN (SELECT y, k, n FROM u)", "true"),
            ("(2, 'z', 10) IN (SELECT y, k, n FROM u)", ""),
        ] {
            let found = answer(&session, &format!("SELECT {asked} AS v")).await;
            assert_eq!(found, ["v", value], "{asked}");
        }
        let sql = "SELECT x FROM t WHERE (x, k) IN (SELECT y, u.k FROM u WHERE u.k = t.k)";
        assert_eq!(answer(&session, sql).await, ["x", "1"]);
        let sql = "SELECT x, (x, k) IN (SELECT y, k FROM u) AS v FROM t ORDER BY x";
        assert_eq!(answer(&session, sql).await, ["x|v", "1|true", "2|false", "3|false"]);
        let sql = "SELECT (x, k) IN (SELECT y, k FROM u) FROM t WHERE x = 1";
        assert_eq!(answer(&session, sql).await, ["(x, k) IN (SELECT y, k FROM u)", "true"]);
    }

    #[tokio::test]
    async fn values_are_compared_with_any_and_all_of_a_query() {
        let session = session().await;
        for (asked, value) in [
            ("2 = ANY (SELECT y FROM u)", "true"),
            ("5 = SOME (SELECT y FROM u)", "false"),
            ("5 = ANY (SELECT n FROM u)", ""),
            ("NULL = ANY (SELECT y FROM u)", ""),
            ("NULL = ANY (SELECT y FROM u WHERE y > 9)", "false"),
            ("5 <> ALL (SELECT y FROM u)", "true"),
            ("2 <> ALL (SELECT y FROM u)", "false"),
            ("5 <> ALL (SELECT n FROM u)", ""),
            ("8 > ALL (SELECT y FROM u)", "true"),
            ("7 > ALL (SELECT y FROM u)", "false"),
            ("7 >= ALL (SELECT y FROM u)", "true"),
            ("99 > ALL (SELECT n FROM u)", ""),
            ("9 > ALL (SELECT n FROM u)", "false"),
            ("0 > ALL (SELECT y FROM u WHERE y > 9)", "true"),
            ("NULL > ALL (SELECT y FROM u WHERE y > 9)", "true"),
            ("NULL > ALL (SELECT y FROM u)", ""),
            ("2 >= ANY (SELECT y FROM u)", "true"),
            ("0 >= ANY (SELECT y FROM u)", "false"),
            ("0 >= ANY (SELECT n FROM u)", ""),
            ("0 < ANY (SELECT y FROM u WHERE y > 9)", "false"),
            ("7 < ANY (SELECT y FROM u)", "false"),
            ("1 <> ANY (SELECT y FROM u)", "true"),
            ("7 <> ANY (SELECT y FROM u WHERE y > 2)", "false"),
            ("7 = ALL (SELECT y FROM u WHERE y > 2)", "true"),
            ("7 = ALL (SELECT y FROM u)", "false"),
            ("'r' > ALL (SELECT k FROM u)", "false"),
        ] {
            let found = answer(&session, &format!("SELECT {asked} AS v")).await;
            assert_eq!(found, ["v", value], "{asked}");
        }
        for (condition, rows) in [
            ("x = ANY (SELECT y FROM u)", &["1", "2"] as &[&str]),
            ("x <> ALL (SELECT y FROM u)", &["3"]),
            ("x > ALL (SELECT y FROM u WHERE u.k = t.k)", &["2", "3"]),
            ("x >= ANY (SELECT y FROM u) AND x > 1", &["2", "3"]),
        ] {
            let sql = format!("SELECT x FROM t WHERE {condition} ORDER BY x");
            let found: Vec<_> = answer(&session, &sql).await.into_iter().skip(1).collect();
            assert_eq!(found, rows, "{condition}");
        }
    }

    #[tokio::test]
    async fn it_is_unknown_whether_a_value_is_among_others_of_which_one_is() {
        let session = session().await;
        for (asked, value) in [
            ("1 = ANY([NULL])", ""),
            ("1 = ANY([2, NULL])", ""),
            ("1 = ANY([1, NULL])", "true"),
            ("1 = ANY(ARRAY[2])", "false"),
            ("NULL = ANY([1])", ""),
        ] {
            let found = answer(&session, &format!("SELECT {asked} AS v")).await;
            assert_eq!(found, ["v", value], "{asked}");
        }
        let found = answer(&session, "SELECT 1 = ANY([2])").await;
        assert_eq!(found, ["1 = ANY([2])", "false"]);
    }

    #[tokio::test]
    async fn aggregates_with_conditions_on_queries_are_told_apart() {
        let session = session().await;
        let sql = "SELECT count(*) FILTER (WHERE x IN (SELECT y FROM u)), count(*) FILTER (WHERE x
                   IN (SELECT n FROM u WHERE n > 0)), count(*) FILTER (WHERE x IN (SELECT y FROM
                   u)) FROM t";
        assert_eq!(answer(&session, sql).await[1], "2|0|2");
        let sql = "SELECT sum(CASE WHEN EXISTS (SELECT 1 FROM u WHERE y = x) THEN 1 END) AS a,
                   sum(CASE WHEN EXISTS (SELECT 1 FROM u WHERE n = 10 * x) THEN 1 END) AS b FROM t";
        assert_eq!(answer(&session, sql).await, ["a|b", "2|1"]);
        let sql = "SELECT x IN (SELECT y FROM u) AS a, x IN (SELECT 3) AS b, count(*) AS c FROM t
                   GROUP BY x IN (SELECT y FROM u), x IN (SELECT 3) ORDER BY a";
        assert_eq!(answer(&session, sql).await, ["a|b|c", "false|true|1", "true|false|2"]);
    }
}
