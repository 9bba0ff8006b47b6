//! Groups of intervals: those of one length are equal here as in comparisons, so that
//! `24 hours` and `1 day` are one group in GROUP BY, DISTINCT, DISTINCT ON and UNION, of
//! whose intervals one is shown.
//!
//! The lengths become columns of their own, by which the rows are grouped.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, GroupingSet, LogicalPlan, Projection, SortExpr, when,
};

use super::compared_intervals::{is_interval, length, shortest};

/// Groups rows by lengths, if `plan` groups them by intervals.
pub(super) fn by_length(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Aggregate(groups) => group(groups),
        LogicalPlan::Distinct(Distinct::All(rows)) => different(rows),
        LogicalPlan::Distinct(Distinct::On(rows)) => first_of_groups(rows),
        other => Ok(Transformed::no(other)),
    }
}

/// Whether `plan` may group rows by intervals.
pub(super) fn are_grouped(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(groups) => groups.group_expr.iter().any(|group| match group {
            Expr::GroupingSet(_) => true,
            key => is_interval(key, groups.input.schema()),
        }),
        LogicalPlan::Distinct(Distinct::All(rows)) => has_intervals(rows),
        LogicalPlan::Distinct(Distinct::On(_)) => true,
        _ => false,
    }
}

fn has_intervals(rows: &LogicalPlan) -> bool {
    let mut columns = rows.schema().columns().into_iter().map(Expr::Column);
    columns.any(|column| is_interval(&column, rows.schema()))
}

/// DISTINCT: a group of each row, if there are intervals in it.
fn different(rows: Arc<LogicalPlan>) -> Result<Transformed<LogicalPlan>> {
    if !has_intervals(&rows) {
        return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::All(rows))));
    }
    let columns: Vec<_> = rows.schema().columns().into_iter().map(Expr::Column).collect();
    group(Aggregate::try_new(rows, columns, Vec::new())?)
}

/// GROUP BY.
fn group(groups: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let keys = grouping_set_to_exprlist(&groups.group_expr)?;
    let Some(measured) = Measured::of(&groups.input, keys)? else {
        return Ok(Transformed::no(LogicalPlan::Aggregate(groups)));
    };
    let keys = groups.group_expr.into_iter().map(|group| match group {
        Expr::GroupingSet(set) => Expr::GroupingSet(measured.set(set)),
        key => measured.key(key),
    });
    let mut aggregates = groups.aggr_expr;
    for (interval, length) in &measured.lengths {
        aggregates.push(shortest(interval.clone().unalias()).alias(shown(length)));
    }
    let grouped = Aggregate::try_new(Arc::clone(&measured.rows), keys.collect(), aggregates)?;
    // In the places of the lengths the intervals, called as before.
    let mut columns = Vec::new();
    for ((table, field), column) in groups.schema.iter().zip(grouped.schema.columns()) {
        columns.push(if measured.lengths.iter().any(|(_, length)| *length == column) {
            let interval = Expr::Column(Column::from_name(shown(&column)));
            // A total of ROLLUP has no length, though there are intervals in it.
            let interval = when(Expr::Column(column).is_not_null(), interval).end()?;
            interval.alias_qualified(table.cloned(), field.name())
        } else {
            Expr::Column(column)
        });
    }
    let grouped = Arc::new(LogicalPlan::Aggregate(grouped));
    let columns = Projection::try_new(columns, grouped)?;
    Ok(Transformed::yes(LogicalPlan::Projection(columns)))
}

/// DISTINCT ON.
fn first_of_groups(rows: DistinctOn) -> Result<Transformed<LogicalPlan>> {
    let orders = rows.sort_expr.iter().flatten().map(|order| &order.expr);
    let keys = rows.on_expr.iter().chain(orders).collect();
    let Some(measured) = Measured::of(&rows.input, keys)? else {
        return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::On(rows))));
    };
    let keys = rows.on_expr.into_iter().map(|key| measured.key(key)).collect();
    let orders = rows.sort_expr.map(|orders| {
        let by_length =
            |order: SortExpr| SortExpr::new(measured.key(order.expr), order.asc, order.nulls_first);
        orders.into_iter().map(by_length).collect()
    });
    let first = DistinctOn::try_new(keys, rows.select_expr, orders, Arc::clone(&measured.rows))?;
    Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::On(first))))
}

/// Rows with the lengths of intervals.
struct Measured {
    /// The rows, with the lengths as further columns.
    rows: Arc<LogicalPlan>,
    /// The intervals, each with the column of its length.
    lengths: Vec<(Expr, Column)>,
}

impl Measured {
    /// `rows` with the lengths of the intervals among `keys`, if there are any.
    fn of(rows: &Arc<LogicalPlan>, keys: Vec<&Expr>) -> Result<Option<Self>> {
        let mut lengths: Vec<(Expr, Column)> = Vec::new();
        for key in keys {
            let is_known = lengths.iter().any(|(known, _)| known == key);
            if !is_known && is_interval(key, rows.schema()) {
                let name = format!("__length_{}", lengths.len());
                lengths.push((key.clone(), Column::from_name(name)));
            }
        }
        if lengths.is_empty() {
            return Ok(None);
        }
        let mut columns: Vec<_> = rows.schema().columns().into_iter().map(Expr::Column).collect();
        for (interval, column) in &lengths {
            columns.push(length(interval.clone().unalias()).alias(&column.name));
        }
        let rows = LogicalPlan::Projection(Projection::try_new(columns, Arc::clone(rows))?);
        Ok(Some(Self { rows: Arc::new(rows), lengths }))
    }

    /// What rows are grouped by instead of `key`: its length, if it is an interval.
    fn key(&self, key: Expr) -> Expr {
        match self.lengths.iter().find(|(interval, _)| *interval == key) {
            Some((_, length)) => Expr::Column(length.clone()),
            None => key,
        }
    }

    fn set(&self, set: GroupingSet) -> GroupingSet {
        let each =
            |keys: Vec<Expr>| -> Vec<Expr> { keys.into_iter().map(|key| self.key(key)).collect() };
        match set {
            GroupingSet::Rollup(keys) => GroupingSet::Rollup(each(keys)),
            GroupingSet::Cube(keys) => GroupingSet::Cube(each(keys)),
            GroupingSet::GroupingSets(sets) => {
                GroupingSet::GroupingSets(sets.into_iter().map(each).collect())
            }
        }
    }
}

/// What the interval is called that is shown for a group of a length.
fn shown(length: &Column) -> String {
    format!("{}_shown", length.name)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE a AS SELECT * FROM (VALUES (1, INTERVAL '24 hours'),
              (2, INTERVAL '1 day'), (3, INTERVAL '2 hours'), (4, NULL)) AS t(n, i)",
            "CREATE TABLE b AS SELECT * FROM (VALUES (INTERVAL '3 days'), (INTERVAL '72 hours'))
              AS t(i)",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn intervals_of_one_length_are_one_group() {
        let session = session().await;
        for (sql, wanted) in [
            (
                "SELECT i = INTERVAL '1 day' AS is_day, count(*) AS c FROM a GROUP BY i ORDER BY i",
                &["is_day|c", "false|1", "true|2", "|1"][..],
            ),
            (
                "SELECT count(*) AS c, sum(n) AS s FROM a GROUP BY i
                 HAVING i > INTERVAL '3 hours'",
                &["c|s", "2|3"],
            ),
            ("SELECT i, n FROM a WHERE n = 2 GROUP BY i, n", &["i|n", "1 days|2"]),
            ("SELECT -i AS j, max(n) AS m FROM a WHERE n > 3 GROUP BY -i", &["j|m", "|4"]),
            ("SELECT max(i) = i AS x FROM a WHERE n < 3 GROUP BY i", &["x", "true"]),
            (
                "SELECT i IS NULL AS total, n, count(*) AS c FROM a WHERE n < 3
                 GROUP BY ROLLUP (i, n) ORDER BY total, n",
                &["total|n|c", "false|1|1", "false|2|1", "false||2", "true||2"],
            ),
            (
                "SELECT i IS NULL AS u, count(*) AS c FROM a GROUP BY GROUPING SETS ((i), ())
                 ORDER BY c, u",
                &["u|c", "false|1", "true|1", "false|2", "true|4"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn intervals_of_one_length_are_no_different_ones() {
        let session = session().await;
        for (sql, wanted) in [
            ("SELECT count(*) AS c FROM (SELECT DISTINCT i FROM a)", &["c", "3"][..]),
            ("SELECT count(*) AS c FROM (SELECT DISTINCT a.i, 5 AS k FROM a)", &["c", "3"]),
            ("SELECT count(*) AS c FROM (SELECT i FROM a UNION SELECT i FROM b)", &["c", "4"]),
            ("SELECT count(DISTINCT i) AS c, count(i) AS k FROM a", &["c|k", "2|3"]),
            (
                "SELECT n, count(*) OVER (PARTITION BY i) AS c FROM a ORDER BY n",
                &["n|c", "1|2", "2|2", "3|1", "4|1"],
            ),
            ("SELECT DISTINCT ON (i) n FROM a ORDER BY i, n", &["n", "3", "1", "4"]),
            ("SELECT DISTINCT ON (n > 2) n FROM a ORDER BY n > 2, i DESC, n", &["n", "1", "3"]),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_of_groups_are_called_as_before() {
        let session = session().await;
        let sql = "SELECT count(DISTINCT i), min(i) FROM a WHERE n = 2 GROUP BY a.i, n";
        let names = "count(DISTINCT i)|min(i)";
        assert_eq!(answer(&session, sql).await, [names, "1|1 days"]);
        let sql = "SELECT DISTINCT a.i FROM a JOIN b ON a.n = 2";
        assert_eq!(answer(&session, sql).await, ["i", "1 days"]);
    }
}
