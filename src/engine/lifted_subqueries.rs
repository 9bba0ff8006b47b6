//! Subqueries wherever an expression may stand.
//!
//! The engine joins the query of `EXISTS (...)` and of `x IN (...)` only for rows that are
//! kept by it, and a subquery with columns from around it only in SELECT and WHERE. In
//! other places, in GROUP BY, ORDER BY, a window, an aggregate or the condition of an outer
//! join, a rule has them computed below, as one more column of the rows there. So it does
//! with those that the engine joins nowhere: see [`unnested`].
//!
//! Conditions in such a place have two values, true and false: see
//! [`UnknownMembers`](super::unknown_members::UnknownMembers).

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, Result};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, merge_schema, split_conjunction_owned};
use datafusion::logical_expr::{
    Expr, Filter, Join, LogicalPlan, LogicalPlanBuilder, Projection, Sort, Subquery, lit,
};
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::{AnalyzerRule, OptimizerContext, OptimizerRule};

use super::rewrite;
use super::unknown_members::{apart, first_column, has_rows, one_value, outside};
use super::unnested::{self, is_needed, subquery};

/// The rule.
#[derive(Debug)]
pub(super) struct LiftedSubqueries;

impl AnalyzerRule for LiftedSubqueries {
    fn name(&self) -> &'static str {
        "lifted_subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let made = Cell::new(0);
        let plan = unnested::conditions_first(plan)?;
        let plan = plan.transform_up_with_subqueries(|node| lift(node, &made))?.data;
        check_found(&plan)?;
        if made.get() == 0 {
            return Ok(plan);
        }
        // A column that was never unknown may be to the engine, now that it is joined.
        rewrite::with_new_schemas(plan)
    }
}

/// Refuses a plan with columns from around that are not there.
fn check_found(plan: &LogicalPlan) -> Result<()> {
    plan.apply(|node| match node {
        // The engine joins it to the table beside it.
        LogicalPlan::Subquery(_) => Ok(TreeNodeRecursion::Jump),
        node if node.contains_outer_reference() => Err(unnested::refused()),
        _ => Ok(TreeNodeRecursion::Continue),
    })
    .map(|_| ())
}

/// The node over rows that have what it asks for; as it is, if it asks for nothing, or for
/// something that cannot be joined.
fn lift(node: LogicalPlan, made: &Cell<usize>) -> Result<Transformed<LogicalPlan>> {
    if let LogicalPlan::Join(join) = &node
        && let Some(joined) = unnested::beside(join, made)?
    {
        return Ok(Transformed::yes(joined));
    }
    if !asks(&node, is_subquery)? {
        return Ok(Transformed::no(node));
    }
    let node = with_all_around(node)?;
    let schema = merge_schema(&node.data.inputs());
    if !asks(&node.data, asked_of(&node.data, &schema))? {
        return Ok(node);
    }
    let node = node.data;
    let columns = node.schema().columns();
    let prepared = match node.clone() {
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => conditions_above(join)?,
        LogicalPlan::Filter(filter) => LogicalPlan::Filter(plain_conditions_below(filter)?),
        LogicalPlan::Sort(sort) => LogicalPlan::Sort(with_columns_asked_by(sort)?),
        other => other,
    };
    let is_moved = matches!((&node, &prepared), (LogicalPlan::Join(_), LogicalPlan::Filter(_)));
    let mut below = Below::new(&prepared, made)?;
    let changed = below.computed(prepared)?;
    if !changed.transformed {
        return Ok(if is_moved { Transformed::yes(changed.data) } else { Transformed::no(node) });
    }
    let mut inputs = below.inputs.into_iter();
    let changed = changed.data.map_children(|input| {
        Ok(match inputs.next() {
            Some(input) => Transformed::yes(input),
            None => Transformed::no(input),
        })
    })?;
    let changed = changed.data.recompute_schema()?;
    if changed.schema().columns() == columns {
        return Ok(Transformed::yes(changed));
    }
    let columns = columns.into_iter().map(Expr::Column);
    let plan = LogicalPlanBuilder::from(changed).project(columns)?.build()?;
    Ok(Transformed::yes(plan))
}

/// The node with subqueries that know of all columns from around them: the planner does
/// not tell them of those that only a query in them asks for.
fn with_all_around(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    node.map_expressions(|expression| {
        expression.transform_up(|inner| match inner {
            Expr::ScalarSubquery(asked) if hides_columns(&asked) => {
                let outer_ref_columns = asked.subquery.all_out_ref_exprs();
                Ok(Transformed::yes(Expr::ScalarSubquery(Subquery { outer_ref_columns, ..asked })))
            }
            Expr::Exists(Exists { subquery, negated }) if hides_columns(&subquery) => {
                let outer_ref_columns = subquery.subquery.all_out_ref_exprs();
                let subquery = Subquery { outer_ref_columns, ..subquery };
                Ok(Transformed::yes(Expr::Exists(Exists { subquery, negated })))
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated })
                if hides_columns(&subquery) =>
            {
                let outer_ref_columns = subquery.subquery.all_out_ref_exprs();
                let subquery = Subquery { outer_ref_columns, ..subquery };
                Ok(Transformed::yes(Expr::InSubquery(InSubquery::new(expr, subquery, negated))))
            }
            inner => Ok(Transformed::no(inner)),
        })
    })
}

fn hides_columns(asked: &Subquery) -> bool {
    asked.outer_ref_columns.is_empty() && !asked.subquery.all_out_ref_exprs().is_empty()
}

fn asks(node: &LogicalPlan, wanted: impl Fn(&Expr) -> bool) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(|expression| {
        found |= has(expression, &wanted);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// For what an expression of a node is changed, over rows with the columns of `schema`.
fn asked_of<'a>(node: &LogicalPlan, schema: &'a DFSchema) -> Box<dyn Fn(&Expr) -> bool + 'a> {
    match node {
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) => {
            Box::new(move |inner| is_condition(inner) || is_needed(inner, schema))
        }
        // The engine does not see that rows are in the order of what is yet to be computed.
        LogicalPlan::Window(_) | LogicalPlan::Sort(_) => Box::new(is_subquery),
        _ => Box::new(is_lifted),
    }
}

fn has(expression: &Expr, wanted: impl Fn(&Expr) -> bool) -> bool {
    expression.exists(|inner| Ok(wanted(inner))).unwrap_or(true)
}

fn is_lifted(expression: &Expr) -> bool {
    match expression {
        // Without columns from around it, it is computed once, wherever it stands.
        Expr::ScalarSubquery(asked) => !asked.outer_ref_columns.is_empty(),
        expression => is_condition(expression),
    }
}

fn is_subquery(expression: &Expr) -> bool {
    subquery(expression).is_some()
}

fn is_condition(expression: &Expr) -> bool {
    matches!(expression, Expr::Exists(_) | Expr::InSubquery(_))
}

/// An inner join keeps rows as WHERE does.
fn conditions_above(mut join: Join) -> Result<LogicalPlan> {
    let Some(condition) = join.filter.take() else { return Ok(LogicalPlan::Join(join)) };
    let (asking, plain): (Vec<_>, Vec<_>) =
        split_conjunction_owned(condition).into_iter().partition(|part| has(part, is_lifted));
    join.filter = conjunction(plain);
    let joined = LogicalPlan::Join(join);
    match conjunction(asking) {
        Some(asking) => Filter::try_new(asking, Arc::new(joined)).map(LogicalPlan::Filter),
        None => Ok(joined),
    }
}

/// Of rows that other conditions leave out nothing is asked: there are fewer to ask for, and
/// the others may be there to keep something from failing. Conditions on columns from around
/// stay, for the engine to ask them later.
fn plain_conditions_below(mut filter: Filter) -> Result<Filter> {
    let (asking, plain): (Vec<_>, Vec<_>) = split_conjunction_owned(filter.predicate)
        .into_iter()
        .partition(|part| has(part, is_subquery) || part.contains_outer());
    if let Some(plain) = conjunction(plain) {
        filter.input = Arc::new(LogicalPlan::Filter(Filter::try_new(plain, filter.input)?));
    }
    filter.predicate = conjunction(asking).unwrap_or_else(|| lit(true));
    Ok(filter)
}

/// The planner lists for ORDER BY the columns that it names, and not those that a subquery
/// in it has from around it.
fn with_columns_asked_by(sort: Sort) -> Result<Sort> {
    let LogicalPlan::Projection(listed) = sort.input.as_ref() else { return Ok(sort) };
    let mut expressions = listed.expr.clone();
    for order in &sort.expr {
        order.expr.apply(|inner| {
            let around = subquery(inner).into_iter().flat_map(columns_around);
            for column in around {
                let named = Expr::Column(column.clone());
                let is_missing = !listed.schema.has_column(column)
                    && listed.input.schema().has_column(column)
                    && !expressions.contains(&named);
                if is_missing {
                    expressions.push(named);
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    // Where two columns would go by one name, it stays as it is.
    let Ok(wider) = Projection::try_new(expressions, Arc::clone(&listed.input)) else {
        return Ok(sort);
    };
    let input = Arc::new(LogicalPlan::Projection(wider));
    Ok(Sort { expr: sort.expr, input, fetch: sort.fetch })
}

/// The columns from around a subquery that it uses.
fn columns_around(asked: &Subquery) -> impl Iterator<Item = &Column> {
    asked.outer_ref_columns.iter().filter_map(|outer| match outer {
        Expr::OuterReferenceColumn(_, column) => Some(column),
        _ => None,
    })
}

/// Whether the engine does well to make a join of a condition that rows are kept by. What
/// is the same for all rows would meet each of them.
fn is_joined(condition: &Expr) -> bool {
    match condition {
        Expr::Exists(asked) => !asked.subquery.outer_ref_columns.is_empty(),
        Expr::InSubquery(asked) => is_joined_in(asked, asked.negated),
        Expr::Not(inner) => match inner.as_ref() {
            Expr::InSubquery(asked) => is_joined_in(asked, !asked.negated),
            Expr::Exists(_) => is_joined(inner),
            _ => false,
        },
        _ => false,
    }
}

/// The join that leaves out rows knows of unknown values only by one pair of columns.
fn is_joined_in(asked: &InSubquery, is_negated: bool) -> bool {
    let is_plain = !has(&asked.expr, is_condition);
    if asked.subquery.outer_ref_columns.is_empty() {
        is_plain && (asked.expr.any_column_refs() || asked.expr.contains_outer())
    } else {
        is_plain && !is_negated
    }
}

/// What is below a node.
struct Below<'a> {
    inputs: Vec<LogicalPlan>,
    /// The same, without the columns that were computed.
    bases: Vec<LogicalPlan>,
    /// Whether the node is to have no subqueries at all in the end.
    lifts_all: bool,
    /// What was asked for, and the column that has it.
    known: Vec<(Expr, Expr)>,
    /// How many columns the rule has made.
    made: &'a Cell<usize>,
}

impl<'a> Below<'a> {
    fn new(node: &LogicalPlan, made: &'a Cell<usize>) -> Result<Self> {
        let inputs = node.inputs();
        let schema = merge_schema(&inputs);
        let bases: Vec<_> = if asks(node, |inner| is_needed(inner, &schema))? {
            inputs.into_iter().map(|input| unnested::once(input, made)).collect::<Result<_>>()?
        } else {
            inputs.into_iter().cloned().collect()
        };
        let lifts_all = matches!(node, LogicalPlan::Window(_));
        Ok(Self { inputs: bases.clone(), bases, lifts_all, known: Vec::new(), made })
    }

    /// The node with columns in the place of what it asks for.
    fn computed(&mut self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let is_filter = matches!(node, LogicalPlan::Filter(_));
        let is_sort = matches!(node, LogicalPlan::Sort(_));
        let schema = self.schema();
        let (asked, names) = (asked_of(&node, &schema), NamePreserver::new(&node));
        node.map_expressions(|expression| {
            // The columns of grouping sets are called as what is in them.
            if !has(&expression, &asked) || matches!(expression, Expr::GroupingSet(_)) {
                return Ok(Transformed::no(expression));
            }
            if is_filter {
                return self.kept_by(expression);
            }
            if is_sort {
                return self.sorted_by(expression).map(Transformed::yes);
            }
            let name = names.save(&expression);
            Ok(self.columns_in(expression)?.update_data(|changed| name.restore(changed)))
        })
    }

    /// A condition that rows are kept by.
    fn kept_by(&mut self, condition: Expr) -> Result<Transformed<Expr>> {
        let mut changed = false;
        let mut parts = Vec::new();
        let schema = self.schema();
        for part in split_conjunction_owned(condition) {
            let is_unnested = has(&part, |inner| is_needed(inner, &schema));
            if !is_unnested && (!has(&part, is_condition) || is_joined(&part)) {
                parts.push(part);
                continue;
            }
            let part = self.columns_in(part)?;
            changed |= part.transformed;
            parts.push(part.data);
        }
        let condition = conjunction(parts).unwrap_or_else(|| lit(true));
        Ok(Transformed::new(condition, changed, TreeNodeRecursion::Continue))
    }

    /// What rows are sorted by. The engine is at a loss where one key is a part of another,
    /// so all of it becomes a column.
    fn sorted_by(&mut self, key: Expr) -> Result<Expr> {
        let key = self.columns_in(key)?.data;
        if has(&key, is_lifted) || matches!(key, Expr::Column(_)) {
            return Ok(key);
        }
        let name = self.next_name();
        for input in &mut self.inputs {
            if let Some(wider) = with_column(input, &key, &name)? {
                *input = wider;
            }
        }
        Ok(Expr::Column(Column::new_unqualified(name)))
    }

    fn next_name(&self) -> String {
        let number = self.made.get();
        self.made.set(number + 1);
        format!("__asked_{number}")
    }

    fn columns_in(&mut self, expression: Expr) -> Result<Transformed<Expr>> {
        expression.transform_up(|inner| self.column(inner))
    }

    fn column(&mut self, asked: Expr) -> Result<Transformed<Expr>> {
        let is_ours = is_lifted(&asked) || self.lifts_all && is_subquery(&asked);
        if !is_ours {
            return Ok(Transformed::no(asked));
        }
        let asked = match same_for_all(&asked)? {
            Some(found) if !self.lifts_all => return Ok(Transformed::yes(found)),
            Some(found) => found,
            None => asked,
        };
        let schema = self.schema();
        let is_needed = is_needed(&asked, &schema);
        if is_needed && is_condition(&asked) {
            return self.counted(asked);
        }
        if let Some((_, column)) = self.known.iter().find(|(known, _)| *known == asked) {
            return Ok(Transformed::yes(column.clone()));
        }
        let name = self.next_name();
        for (input, base) in self.inputs.iter_mut().zip(&self.bases) {
            if !is_asked_of(&asked, &schema, input.schema()) {
                continue;
            }
            let wider = if is_needed {
                Some(with_value((&*input, base), &asked, &name, self.made)?)
            } else {
                with_column(input, &asked, &name)?
            };
            if let Some(wider) = wider {
                *input = wider;
                let column = Expr::Column(Column::new_unqualified(name));
                self.known.push((asked, column.clone()));
                return Ok(Transformed::yes(column));
            }
        }
        if is_needed { Err(unnested::refused()) } else { Ok(Transformed::no(asked)) }
    }

    /// A condition on a query that the engine does not join as the number of its rows.
    fn counted(&mut self, asked: Expr) -> Result<Transformed<Expr>> {
        let (rows, is_negated) = match asked {
            Expr::Exists(Exists { subquery, negated }) => (subquery.subquery, negated),
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                let schema = self.schema();
                let rows = apart(&subquery.subquery, &schema)?;
                let equal = first_column(&rows).eq(outside(*expr, &schema)?);
                (Arc::new(LogicalPlan::Filter(Filter::try_new(equal, rows)?)), negated)
            }
            other => return Ok(Transformed::no(other)),
        };
        let number = one_value(Arc::unwrap_or_clone(rows), count(lit(1_i64)))?;
        let number = self.column(number)?.data;
        let none = lit(0_i64);
        Ok(Transformed::yes(if is_negated { number.eq(none) } else { number.gt(none) }))
    }

    /// All columns below the node.
    fn schema(&self) -> DFSchema {
        merge_schema(&self.inputs.iter().collect::<Vec<_>>())
    }
}

/// A condition that is the same for all rows, as a value between others.
fn same_for_all(asked: &Expr) -> Result<Option<Expr>> {
    let (found, negated) = match asked {
        Expr::Exists(Exists { subquery, negated }) if subquery.outer_ref_columns.is_empty() => {
            (has_rows(subquery.subquery.as_ref().clone())?, *negated)
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated })
            if subquery.outer_ref_columns.is_empty()
                && !expr.any_column_refs()
                && !expr.contains_outer() =>
        {
            let rows = &subquery.subquery;
            let item = Expr::Column(Column::from(rows.schema().qualified_field(0)));
            let equal = Filter::try_new(expr.as_ref().clone().eq(item), Arc::clone(rows))?;
            (has_rows(LogicalPlan::Filter(equal))?, *negated)
        }
        _ => return Ok(None),
    };
    Ok(Some(if negated { Expr::Not(Box::new(found)) } else { found }))
}

/// Whether all columns that are needed of both sides are of one.
fn is_asked_of(asked: &Expr, both: &DFSchema, one: &DFSchema) -> bool {
    let around = subquery(asked).map(|asked| unnested::columns_around(&asked.subquery));
    let around = around.unwrap_or_default();
    let mut columns = asked.column_refs().into_iter().chain(&around);
    columns.all(|column| one.has_column(column) || !both.has_column(column))
}

/// `input` with one more column, of what a subquery gives that the engine does not join.
fn with_value(
    (input, base): (&LogicalPlan, &LogicalPlan),
    asked: &Expr,
    name: &str,
    made: &Cell<usize>,
) -> Result<LogicalPlan> {
    let Expr::ScalarSubquery(asked) = asked else { return Err(unnested::refused()) };
    let (below, value) = unnested::with_value((input, base), asked, made)?;
    let columns = input.schema().columns().into_iter().map(Expr::Column);
    let columns = columns.chain([value.alias(name)]);
    LogicalPlanBuilder::from(below).project(columns)?.build()
}

/// `input` with one more column; none if that cannot be joined.
fn with_column(input: &LogicalPlan, asked: &Expr, name: &str) -> Result<Option<LogicalPlan>> {
    let (below, value) = if is_condition(asked) {
        let Some(marked) = marked(input, asked)? else { return Ok(None) };
        marked
    } else {
        // The engine joins that itself.
        (input.clone(), asked.clone())
    };
    let columns = input.schema().columns().into_iter().map(Expr::Column);
    let columns = columns.chain([value.alias(name)]);
    LogicalPlanBuilder::from(below).project(columns)?.build().map(Some)
}

/// `input`, joined so that it is known of each row whether a condition is true of it, and
/// what says so.
fn marked(input: &LogicalPlan, condition: &Expr) -> Result<Option<(LogicalPlan, Expr)>> {
    // The engine marks the rows of a condition that is part of another one, looks at the
    // marks, and leaves them out again.
    let question = Expr::IsTrue(Box::new(condition.clone()));
    let filter = LogicalPlan::Filter(Filter::try_new(question, Arc::new(input.clone()))?);
    let joined = DecorrelatePredicateSubquery::new().rewrite(filter, &OptimizerContext::new());
    // What it fails at is told in the words for a subquery that stands as it was.
    let Ok(Transformed { data: LogicalPlan::Projection(without_marks), .. }) = joined else {
        return Ok(None);
    };
    let LogicalPlan::Filter(filter) = without_marks.input.as_ref() else { return Ok(None) };
    let Expr::IsTrue(mark) = &filter.predicate else { return Ok(None) };
    Ok(Some((filter.input.as_ref().clone(), mark.as_ref().clone())))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a'), (2, 'a'), (3, 'b'), (NULL, 'z'))
             AS t(x, k)",
            "CREATE TABLE u AS SELECT * FROM (VALUES (2, 'a'), (2, 'a'), (NULL, 'b')) AS u(y, k)",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    async fn rows(session: &Session, sql: &str) -> Vec<String> {
        answer(session, sql).await.into_iter().skip(1).collect()
    }

    #[tokio::test]
    async fn conditions_on_queries_are_values() {
        let session = session().await;
        for (asked, found) in [
            ("EXISTS (SELECT 1 FROM u WHERE u.y = t.x)", ["false", "true", "false", "false"]),
            ("NOT EXISTS (SELECT 1 FROM u WHERE u.y = t.x)", ["true", "false", "true", "true"]),
            ("EXISTS (SELECT 1 FROM u WHERE u.y > t.x)", ["true", "false", "false", "false"]),
            ("EXISTS (SELECT 1 FROM u)", ["true", "true", "true", "true"]),
            ("EXISTS (SELECT 1 FROM u WHERE y > 9)", ["false", "false", "false", "false"]),
            ("x IN (SELECT y FROM u)", ["", "true", "", ""]),
            ("x NOT IN (SELECT y FROM u)", ["", "false", "", ""]),
            ("x IN (SELECT y FROM u WHERE y > 0)", ["false", "true", "false", ""]),
            ("x NOT IN (SELECT y FROM u WHERE y > 0)", ["true", "false", "true", ""]),
            ("x IN (SELECT y FROM u WHERE y > 9)", ["false", "false", "false", "false"]),
            ("x NOT IN (SELECT y FROM u WHERE y > 9)", ["true", "true", "true", "true"]),
            ("x IN (SELECT y FROM u WHERE u.k = t.k)", ["false", "true", "", "false"]),
            ("x NOT IN (SELECT y FROM u WHERE u.k = t.k)", ["true", "false", "", "true"]),
            ("x IN (VALUES (1), (3))", ["true", "false", "true", ""]),
            ("2 IN (SELECT y FROM u)", ["true", "true", "true", "true"]),
            ("5 IN (SELECT y FROM u)", ["", "", "", ""]),
            ("NULL IN (SELECT y FROM u WHERE y > 9)", ["false", "false", "false", "false"]),
            (
                "(SELECT count(*) FROM u WHERE u.y = t.x) IN (SELECT 2)",
                ["false", "true", "false", "false"],
            ),
            (
                "CASE WHEN EXISTS (SELECT 1 FROM u WHERE u.k = t.k) THEN 'some' ELSE 'none' END",
                ["some", "some", "some", "none"],
            ),
        ] {
            let sql = format!("SELECT {asked} AS v FROM t ORDER BY x");
            assert_eq!(rows(&session, &sql).await, found, "{asked}");
        }
    }

    #[tokio::test]
    async fn conditions_on_queries_stand_in_each_clause() {
        let session = session().await;
        for (sql, found) in [
            ("SELECT count(*) FILTER (WHERE x IN (SELECT y FROM u)) FROM t", &["1"] as &[&str]),
            ("SELECT count(*) FILTER (WHERE x NOT IN (SELECT y FROM u)) FROM t", &["0"]),
            (
                "SELECT sum(CASE WHEN EXISTS (SELECT 1 FROM u WHERE u.k = t.k) THEN 1 ELSE 0 END)
                 FROM t",
                &["3"],
            ),
            (
                "SELECT count(*) FILTER (WHERE x IN (SELECT y FROM u)) AS a, count(*) FILTER
                 (WHERE x IN (SELECT y + 1 FROM u)) AS b FROM t",
                &["1|1"],
            ),
            (
                "SELECT k FROM t GROUP BY k HAVING k IN (SELECT k FROM u) OR max(x) > 9
                 ORDER BY k",
                &["a", "b"],
            ),
            (
                "SELECT k FROM t GROUP BY k HAVING NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.k)",
                &["z"],
            ),
            (
                "SELECT x IN (SELECT y FROM u) AS v, count(*) FROM t GROUP BY 1 ORDER BY 2",
                &["true|1", "|3"],
            ),
            (
                "SELECT EXISTS (SELECT 1 FROM u WHERE u.y = t.x) AS v, count(*) FROM t GROUP BY v
                 ORDER BY 2",
                &["true|1", "false|3"],
            ),
            ("SELECT k FROM t ORDER BY x NOT IN (SELECT y FROM u WHERE y > 0), x LIMIT 1", &["a"]),
            (
                "SELECT x FROM t ORDER BY EXISTS (SELECT 1 FROM u WHERE u.y = t.x) DESC, x",
                &["2", "1", "3", ""],
            ),
            (
                "SELECT x, row_number() OVER (PARTITION BY x IN (SELECT y FROM u WHERE y > 0)
                 ORDER BY x) FROM t ORDER BY x",
                &["1|1", "2|1", "3|2", "|1"],
            ),
            (
                "SELECT x, row_number() OVER (ORDER BY x < (SELECT max(y) FROM u), x DESC) FROM t
                 ORDER BY x > (SELECT min(y) FROM u) DESC, x LIMIT 2",
                &["3|1", "1|3"],
            ),
            (
                "SELECT x FROM t QUALIFY row_number() OVER (ORDER BY x) = 1 OR x IN (SELECT y
                 FROM u) ORDER BY x",
                &["1", "2"],
            ),
            (
                "SELECT x, y FROM t LEFT JOIN u ON t.k = u.k AND x IN (SELECT y FROM u) ORDER BY x",
                &["1|", "2|2", "2|2", "3|", "|"],
            ),
            (
                "SELECT x, y FROM t LEFT JOIN u ON t.k = u.k AND EXISTS (SELECT 1 FROM u AS v
                 WHERE v.y = u.y) ORDER BY x",
                &["1|2", "1|2", "2|2", "2|2", "3|", "|"],
            ),
            (
                "SELECT DISTINCT x FROM t JOIN u ON t.k = u.k AND (EXISTS (SELECT 1 FROM u AS v
                 WHERE v.y = t.x) OR u.y IS NULL) ORDER BY x",
                &["2", "3"],
            ),
            (
                "SELECT x, (SELECT count(*) FILTER (WHERE u.y IN (SELECT x FROM t)) FROM u WHERE
                 u.k = t.k) FROM t ORDER BY x",
                &["1|2", "2|2", "3|0", "|0"],
            ),
        ] {
            assert_eq!(rows(&session, sql).await, found, "{sql}");
        }
    }

    #[tokio::test]
    async fn subqueries_with_columns_from_around_stand_in_each_clause() {
        let session = session().await;
        let count = "(SELECT count(*) FROM u WHERE u.y = t.x)";
        for (sql, found) in [
            (format!("SELECT x FROM t ORDER BY {count} DESC, x"), &["2", "1", "3", ""] as &[&str]),
            (format!("SELECT k FROM t ORDER BY {count} DESC, k LIMIT 1"), &["a"]),
            (format!("SELECT sum({count}) FROM t"), &["2"]),
            (
                format!("SELECT {count} AS v, count(*) FROM t GROUP BY v ORDER BY v"),
                &["0|3", "2|1"],
            ),
            (
                format!("SELECT x, row_number() OVER (ORDER BY {count} DESC, x) FROM t ORDER BY x"),
                &["1|2", "2|1", "3|3", "|4"],
            ),
            (
                "SELECT x, u.y FROM t LEFT JOIN u ON u.k = t.k AND t.x = (SELECT max(v.y) FROM u AS
                 v WHERE v.k = t.k) ORDER BY x"
                    .to_owned(),
                &["1|", "2|2", "2|2", "3|", "|"],
            ),
            (
                "SELECT DISTINCT x FROM t JOIN u ON u.y = (SELECT max(v.y) FROM u AS v WHERE
                 v.k = t.k) ORDER BY x"
                    .to_owned(),
                &["1", "2"],
            ),
        ] {
            assert_eq!(rows(&session, &sql).await, found, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_row_that_is_first_for_each_is_not_looked_for_among_all() {
        let session = session().await;
        let sql = "SELECT x, EXISTS (SELECT 1 FROM u WHERE u.k = t.k LIMIT 1) AS v FROM t
                   ORDER BY x";
        assert_eq!(rows(&session, sql).await, ["1|true", "2|true", "3|true", "|false"]);
        let sql = "SELECT x FROM t WHERE EXISTS (SELECT 1 FROM (SELECT y FROM u WHERE u.k = t.k
                   ORDER BY y LIMIT 1) AS s WHERE s.y = 2) ORDER BY x";
        assert_eq!(rows(&session, sql).await, ["1", "2"]);
    }

    #[tokio::test]
    async fn what_is_asked_for_keeps_its_name() {
        let session = session().await;
        let sql = "SELECT x IN (SELECT y FROM u) AS v, * FROM t WHERE x = 2";
        assert_eq!(answer(&session, sql).await, ["v|x|k", "true|2|a"]);
        let sql = "SELECT * FROM t ORDER BY x IN (SELECT y FROM u), x LIMIT 1";
        assert_eq!(answer(&session, sql).await, ["x|k", "2|a"]);
    }

    #[tokio::test]
    async fn what_asks_both_sides_of_an_outer_join_is_refused() {
        let session = session().await;
        let sql = "SELECT x FROM t LEFT JOIN u ON EXISTS (SELECT 1 FROM u AS v WHERE v.y = t.x AND
                   v.k = u.k)";
        let error = session.collect(sql).await.unwrap_err();
        assert!(error.advice().is_some(), "{error}");
    }
}
