//! `LATERAL (SELECT ... FROM s WHERE s.k = p.k AND s.t <= p.t ORDER BY s.t DESC LIMIT 1)`:
//! the last row before each, as ASOF JOIN finds it.
//!
//! Of each value around it there would be as many rows as are before it, to be sorted for
//! the sake of one. Of rows with equal times any may be the first, since nothing else
//! orders them.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, JoinConstraint, JoinType, NullEquality, Result};
use datafusion::logical_expr::expr_rewriter::strip_outer_reference;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, FetchType, Filter, Join, Limit, LogicalPlan, Operator,
    Projection, SkipType, Sort, binary_expr,
};

use super::around::Rows;
use super::earlier::is_repeatable;
use super::{columns_around, next_name};
use crate::engine::forms::nearest_by_range;

/// What is asked for by such a query.
pub(super) struct Nearest<'a> {
    /// What the row is one of.
    input: &'a Arc<LogicalPlan>,
    /// What is asked of those rows alone.
    of_input: Vec<Expr>,
    /// The columns that have to be equal to what stands in the row around.
    keys: Vec<(Column, Expr)>,
    /// How the time of the row compares with that of the row around.
    time: (Column, Operator, Expr),
    /// The columns of the query, as `input` has them.
    listed: Vec<Column>,
}

impl<'a> Nearest<'a> {
    /// What `query` asks for beside rows with the columns of `around`, if it is such a one.
    pub(super) fn of(query: &'a LogicalPlan, around: &DFSchema) -> Option<Self> {
        let (query, columns) = below_lists(query, query.schema().columns())?;
        let LogicalPlan::Limit(limit) = query else { return None };
        if !takes_first(limit) {
            return None;
        }
        let (query, mut columns) = below_lists(&limit.input, columns)?;
        let LogicalPlan::Sort(sort) = query else { return None };
        let is_up = order(sort, &mut columns)?;
        let (query, mut listed) = below_lists(&sort.input, columns)?;
        let by = listed.pop()?;
        let LogicalPlan::Filter(filter) = query else { return None };
        let input = &filter.input;
        if !columns_around(input).is_empty() {
            return None;
        }
        let (mut of_input, mut keys, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for condition in split_conjunction(&filter.predicate) {
            if !is_repeatable(condition) {
                return None;
            }
            if !condition.contains_outer() {
                of_input.push(condition.clone());
                continue;
            }
            let (column, operator, value) = compared(condition)?;
            let kind = kind_of(&column, input)?;
            let value = value_around(value, around)?;
            if value.get_type(around).ok()? != kind {
                return None;
            }
            match operator {
                Operator::Eq if is_told_apart(&kind) => keys.push((column, value)),
                _ if column == by && is_up == is_behind(operator)? && has_ends(&kind) => {
                    times.push((column, operator, value));
                }
                _ => return None,
            }
        }
        let time = times.pop().filter(|_| times.is_empty())?;
        Some(Self { input, of_input, keys, time, listed })
    }

    /// The rows among which are the nearest ones, their columns as `listed` calls them, and
    /// besides what is compared. If `around` may have few of the keys, only those are here.
    ///
    /// # Errors
    /// When a node cannot be made of others.
    pub(super) fn rows(
        &self,
        listed: impl Fn(usize, Expr) -> Expr,
        around: &LogicalPlan,
        made: &Cell<usize>,
    ) -> Result<Rows> {
        let mut rows = Arc::clone(self.input);
        if let Some(condition) = conjunction(self.of_input.iter().cloned()) {
            rows = Arc::new(LogicalPlan::Filter(Filter::try_new(condition, rows)?));
        }
        if !self.keys.is_empty() && !is_whole(around) {
            rows = Arc::new(self.of_keys(rows, around, made)?);
        }
        let asked = self.keys.iter().map(|(column, _)| column).chain([&self.time.0]);
        let names: Vec<_> = asked.map(|column| (column.clone(), next_name(made))).collect();
        let columns = self.listed.iter().enumerate();
        let columns = columns.map(|(place, column)| listed(place, Expr::Column(column.clone())));
        let named = names.iter().map(|(column, name)| Expr::Column(column.clone()).alias(name));
        let columns = columns.chain(named).collect();
        let plan = LogicalPlan::Projection(Projection::try_new(columns, rows)?);
        let keys = names.iter().map(|(_, name)| Column::new_unqualified(name)).collect();
        Ok(Rows { plan, keys })
    }

    /// The `rows` that have a key of those of `around`.
    fn of_keys(
        &self,
        rows: Arc<LogicalPlan>,
        around: &LogicalPlan,
        made: &Cell<usize>,
    ) -> Result<LogicalPlan> {
        let names: Vec<_> = self.keys.iter().map(|_| next_name(made)).collect();
        let values = self.keys.iter().zip(&names);
        let values = values.map(|((_, value), name)| value.clone().alias(name)).collect();
        let values = Projection::try_new(values, Arc::new(around.clone()))?;
        let equal = self.keys.iter().zip(&names).map(|((column, _), name)| {
            (Expr::Column(column.clone()), Expr::Column(Column::new_unqualified(name)))
        });
        let join = Join::try_new(
            rows,
            Arc::new(LogicalPlan::Projection(values)),
            equal.collect(),
            None,
            JoinType::LeftSemi,
            JoinConstraint::On,
            NullEquality::NullEqualsNothing,
            false,
        )?;
        Ok(LogicalPlan::Join(join))
    }

    /// The rows around, each beside the nearest of `rows`; none if that cannot be told.
    ///
    /// # Errors
    /// When a node cannot be made of others.
    pub(super) fn joined(
        self,
        around: LogicalPlan,
        rows: Rows,
        kind: JoinType,
    ) -> Result<Option<LogicalPlan>> {
        let columns = rows.key_columns();
        let (_, operator, time) = self.time;
        let values = self.keys.into_iter().map(|(_, value)| (Operator::Eq, value));
        let compared = columns.zip(values.chain([(operator, time)]));
        let conditions: Vec<_> = compared
            .map(|(column, (operator, value))| binary_expr(column, operator, value))
            .collect();
        let is_unclear = |condition: &Expr| {
            let columns = condition.column_refs();
            let is_of = |side: &LogicalPlan, column: &Column| side.schema().has_column(column);
            columns.into_iter().any(|column| is_of(&around, column) == is_of(&rows.plan, column))
        };
        if conditions.iter().any(is_unclear) {
            return Ok(None);
        }
        let Some(condition) = conjunction(conditions) else { return Ok(None) };
        let join = Join::try_new(
            Arc::new(around),
            Arc::new(rows.plan),
            Vec::new(),
            Some(condition.clone()),
            kind,
            JoinConstraint::On,
            NullEquality::NullEqualsNothing,
            false,
        )?;
        nearest_by_range(&join, &condition).map(Some)
    }
}

/// What is below the projections at the top of `query`, and its columns that `columns` are.
fn below_lists(
    mut query: &LogicalPlan,
    mut columns: Vec<Column>,
) -> Option<(&LogicalPlan, Vec<Column>)> {
    while let LogicalPlan::Projection(listed) = query {
        columns = columns
            .iter()
            .map(|column| {
                let place = listed.schema.maybe_index_of_column(column)?;
                match without_names(listed.expr.get(place)?) {
                    Expr::Column(column) => Some(column.clone()),
                    _ => None,
                }
            })
            .collect::<Option<_>>()?;
        query = listed.input.as_ref();
    }
    Some((query, columns))
}

fn without_names(mut expression: &Expr) -> &Expr {
    while let Expr::Alias(alias) = expression {
        expression = alias.expr.as_ref();
    }
    expression
}

fn takes_first(limit: &Limit) -> bool {
    matches!(limit.get_skip_type(), Ok(SkipType::Literal(0)))
        && matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(1))))
}

/// Whether rows are sorted upwards, by the one column that is put behind `columns`.
fn order(sort: &Sort, columns: &mut Vec<Column>) -> Option<bool> {
    let [key] = sort.expr.as_slice() else { return None };
    let Expr::Column(column) = &key.expr else { return None };
    columns.push(column.clone());
    sort.fetch.is_none().then_some(key.asc)
}

/// How a column compares with a value from around, if that is what a condition is.
fn compared(condition: &Expr) -> Option<(Column, Operator, &Expr)> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return None };
    match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), value) => Some((column.clone(), *op, value)),
        (value, Expr::Column(column)) => Some((column.clone(), op.swap()?, value)),
        _ => None,
    }
}

/// Whether the nearest row is behind the one around, and so the first one of those.
fn is_behind(operator: Operator) -> Option<bool> {
    match operator {
        Operator::Lt | Operator::LtEq => Some(false),
        Operator::Gt | Operator::GtEq => Some(true),
        _ => None,
    }
}

/// `value` over rows with the columns of `around`, if it is made of these alone.
fn value_around(value: &Expr, around: &DFSchema) -> Option<Expr> {
    if value.any_column_refs() {
        return None;
    }
    let value = strip_outer_reference(value.clone());
    value.column_refs().into_iter().all(|column| around.has_column(column)).then_some(value)
}

fn kind_of(column: &Column, rows: &LogicalPlan) -> Option<DataType> {
    Expr::Column(column.clone()).get_type(rows.schema().as_ref()).ok()
}

/// Whether values of a type are equal if and only if they are in one group, unlike the two
/// zeros of doubles.
fn is_told_apart(kind: &DataType) -> bool {
    has_ends(kind) || kind.is_string() || *kind == DataType::Boolean
}

/// Whether a type has a first value and a last one, which a range ends with.
fn has_ends(kind: &DataType) -> bool {
    kind.is_integer()
        || kind.is_decimal()
        || matches!(kind, DataType::Date32 | DataType::Timestamp(..))
}

/// Whether rows are all of a table, so that few of their keys are not among them.
fn is_whole(rows: &LogicalPlan) -> bool {
    match rows {
        LogicalPlan::TableScan(scan) => scan.fetch.is_none() && scan.filters.is_empty(),
        LogicalPlan::SubqueryAlias(named) => is_whole(&named.input),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// Tables `a` and `b` with keys and times, some of which are unknown or the same.
    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for (name, rows, factor) in [("a", 90, 37), ("b", 70, 53)] {
            let sql = format!(
                "CREATE TABLE {name} AS SELECT value AS id, nullif(value * {factor} % 4, 3) AS k,
                 nullif(value * {factor} % 41, 17) AS t, value % 5 AS z
                 FROM range(0, {rows}) AS r (value)"
            );
            session.collect(&sql).await.unwrap();
        }
        session
    }

    async fn plan(session: &Session, sql: &str) -> String {
        answer(session, &format!("EXPLAIN {sql}")).await.join("\n")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_nearest_row_is_the_first_of_all_in_their_order() {
        let session = session().await;
        let ways = [(">=", "DESC"), (">", "DESC"), ("<=", "ASC"), ("<", "ASC")];
        for time in ["t", "CAST(t AS DECIMAL(9, 2))", "DATE '2012-08-01' + CAST(t AS INT)"] {
            for (operator, order) in ways {
                for (join, around) in [
                    ("JOIN", "a"),
                    ("LEFT JOIN", "a"),
                    ("LEFT JOIN", "(SELECT * FROM a WHERE id % 3 = 1) AS a"),
                    ("JOIN", "(SELECT * FROM a ORDER BY id LIMIT 9) AS a"),
                ] {
                    for more in ["b.k = a.k AND", "", "a.k = b.k AND b.z < 3 AND"] {
                        let rows = |more_order: &str| {
                            let of =
                                |name: &str| format!("(SELECT id, k, z, {time} AS t FROM {name})");
                            format!(
                                "WITH a AS {}, b AS {} SELECT a.id, s.at FROM {around} {join}
                                 LATERAL (SELECT b.t AS at FROM b WHERE {more} a.t {operator} b.t
                                 ORDER BY b.t {order}{more_order} LIMIT 1) AS s ON true
                                 ORDER BY a.id",
                                of("a"),
                                of("b")
                            )
                        };
                        let (nearest, first) = (rows(""), rows(", b.id"));
                        let found = answer(&session, &nearest).await;
                        assert!(found.len() > 3, "{nearest}");
                        assert_eq!(found, answer(&session, &first).await, "{nearest}");
                    }
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_nearest_row_is_found_by_range() {
        let session = session().await;
        let query = "SELECT b.id FROM b WHERE b.k = a.k AND b.t <= a.t ORDER BY b.t DESC LIMIT 1";
        let sql = format!("SELECT a.id, s.* FROM a LEFT JOIN LATERAL ({query}) AS s ON true");
        let found = plan(&session, &sql).await;
        assert!(found.contains("lead(") && found.contains("RangeJoinExec"), "{found}");
        // Only the rows of keys that are asked for are looked at.
        let sql = format!("SELECT a.id, s.* FROM a, LATERAL ({query}) AS s WHERE a.z = 1");
        assert!(plan(&session, &sql).await.contains("Semi"), "{sql}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn other_queries_beside_a_row_are_computed_for_its_values() {
        let session = session().await;
        for query in [
            "SELECT b.id FROM b WHERE b.t <= a.t ORDER BY b.t DESC, b.id LIMIT 1",
            "SELECT b.id FROM b WHERE b.t <= a.t ORDER BY b.t LIMIT 1",
            "SELECT b.id FROM b WHERE b.t <= a.t ORDER BY b.id DESC LIMIT 1",
            "SELECT b.id FROM b WHERE b.t <= a.t ORDER BY b.t DESC LIMIT 2",
            "SELECT b.id FROM b WHERE b.t <= a.t ORDER BY b.t DESC LIMIT 1 OFFSET 1",
            "SELECT b.id FROM b WHERE b.t <= a.t AND b.z < a.z ORDER BY b.t DESC LIMIT 1",
            "SELECT b.id FROM b WHERE b.t <= a.t AND a.z > 1 ORDER BY b.t DESC LIMIT 1",
            "SELECT b.id FROM b WHERE b.t <> a.t ORDER BY b.t DESC LIMIT 1",
            "SELECT b.id + a.id AS id FROM b WHERE b.t <= a.t ORDER BY b.t DESC LIMIT 1",
            "SELECT x.id FROM (SELECT id, CAST(t AS DOUBLE) AS t FROM b) AS x WHERE x.t <= a.t
             ORDER BY x.t DESC LIMIT 1",
        ] {
            let sql = format!("SELECT a.id, s.id FROM a LEFT JOIN LATERAL ({query}) AS s ON true");
            let found = plan(&session, &sql).await;
            assert!(!found.contains("lead("), "{found}");
        }
        // What is asked of the row is asked after it is found.
        let sql = "SELECT a.id, s.id FROM a LEFT JOIN LATERAL (SELECT b.id, b.z FROM b WHERE
                   b.t <= a.t ORDER BY b.t DESC LIMIT 1) AS s ON s.z > 2";
        assert!(!plan(&session, sql).await.contains("lead("), "{sql}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_listed_of_the_nearest_row_keeps_its_names() {
        let session = session().await;
        let sql = "SELECT * FROM (SELECT id, k, t FROM a WHERE id IN (1, 3)) AS a LEFT JOIN LATERAL
                   (SELECT b.k AS key, b.t, b.t AS at FROM b WHERE b.k = a.k AND b.t < a.t
                   ORDER BY at DESC LIMIT 1) AS s ON true ORDER BY id";
        // The keys of 1 and 3 are 1 and unknown.
        assert_eq!(
            answer(&session, sql).await,
            ["id|k|t|key|t_1|at", "1|1|37|1|35|35", "3||29|||"]
        );
    }
}
