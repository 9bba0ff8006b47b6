//! Groups rows once where they are grouped in several ways: by `CUBE`, `ROLLUP` or
//! `GROUPING SETS`.
//!
//! The engine takes each row once for each way, eight times for a cube of three columns.
//! The groups by all the columns together say all about the coarser ones as long as what is
//! asked for can be added up, and mostly there are far fewer of them than rows. A column
//! that is unknown makes a group of its own among them, so it stays apart from the totals.
//!
//! Where there are no such groups, as by `GROUPING SETS ((client), (account_id))`, each set may
//! still be found among the sums that are kept beside the posts. Then the sets are asked for
//! one by one, as long as no more than one of them has to be made from the posts themselves.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan, Projection, Union, lit};
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::added_up::{Functions, Late, Sums, finished, in_two_steps, is_late};
use super::distinct_on::is_steady;
use crate::catalog::{Levers, StoreTable};
use crate::engine::any_expression::any_expression;
use crate::engine::rollups::UseRollups;

/// More sets than this are not asked for one by one.
const FEW_SETS: usize = 4;

/// What the columns of a set that is asked for by itself are called, but for their numbers.
const COLUMN: &str = "__of_set_";

/// The rule.
#[derive(Debug)]
pub(super) struct FinestGroups;

impl OptimizerRule for FinestGroups {
    fn name(&self) -> &'static str {
        "finest_groups"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let finest = in_two_steps(plan, config, rewritten);
        let is_on = Levers::of(&config.options()).sum_before_join;
        let sets = match &finest.data {
            LogicalPlan::Aggregate(aggregate) if is_on && !finest.transformed => {
                one_by_one(aggregate, config)
            }
            _ => None,
        };
        Ok(sets.map_or(finest, Transformed::yes))
    }
}

/// The plan with the finest groups made first; `None` where that cannot be done or is not
/// worth it.
fn rewritten(aggregate: &Aggregate, functions: &Functions) -> Option<LogicalPlan> {
    let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() else { return None };
    if aggregate.aggr_expr.is_empty() || aggregate.aggr_expr.iter().any(is_late) {
        return None;
    }
    let keys = keys(sets);
    if !has_finest(sets, &keys) {
        return None;
    }
    let rows = aggregate.input.schema();
    let mut sums = Sums::new(rows, rows, functions);
    let late: Option<Vec<Late>> = aggregate.aggr_expr.iter().map(|one| sums.late(one)).collect();
    let late = late?;
    let (input, early) = (Arc::clone(&aggregate.input), sums.into_early());
    let finest = Aggregate::try_new(input, keys.clone(), early).ok()?;
    let columns = finest.schema.columns().into_iter().map(Expr::Column);
    let names: Vec<(Expr, Expr)> = keys.into_iter().zip(columns).collect();
    let sets = Expr::GroupingSet(named(sets, &names)?);
    finished(aggregate, Arc::new(LogicalPlan::Aggregate(finest)), vec![sets], late)
}

/// What is grouped by, each once.
fn keys(sets: &GroupingSet) -> Vec<Expr> {
    let mut keys: Vec<Expr> = Vec::new();
    for key in sets.distinct_expr() {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys
}

/// Whether the groups by all keys together are asked for: else there may be nearly as many
/// as rows though each set has few, and a sum of one may be too large though none of those
/// asked for is.
fn has_finest(sets: &GroupingSet, keys: &[Expr]) -> bool {
    match sets {
        GroupingSet::Rollup(_) | GroupingSet::Cube(_) => true,
        GroupingSet::GroupingSets(sets) => {
            sets.len() > 1 && sets.iter().any(|set| keys.iter().all(|key| set.contains(key)))
        }
    }
}

/// `sets` of the columns that the keys became.
fn named(sets: &GroupingSet, names: &[(Expr, Expr)]) -> Option<GroupingSet> {
    let column = |key: &Expr| {
        let name = names.iter().find(|(known, _)| known == key);
        name.map(|(_, column)| column.clone())
    };
    let columns = |keys: &Vec<Expr>| keys.iter().map(column).collect::<Option<Vec<_>>>();
    Some(match sets {
        GroupingSet::Rollup(keys) => GroupingSet::Rollup(columns(keys)?),
        GroupingSet::Cube(keys) => GroupingSet::Cube(columns(keys)?),
        GroupingSet::GroupingSets(sets) => {
            GroupingSet::GroupingSets(sets.iter().map(columns).collect::<Option<_>>()?)
        }
    })
}

/// The sets one after the other; `None` where that may differ, or where more than one of them
/// would have to be made from the rows themselves.
fn one_by_one(aggregate: &Aggregate, config: &dyn OptimizerConfig) -> Option<LogicalPlan> {
    let [Expr::GroupingSet(all)] = aggregate.group_expr.as_slice() else { return None };
    let GroupingSet::GroupingSets(sets) = all else { return None };
    let mut asked = aggregate.group_expr.iter().chain(&aggregate.aggr_expr);
    let fits = (2..=FEW_SETS).contains(&sets.len())
        && !aggregate.aggr_expr.is_empty()
        && !aggregate.aggr_expr.iter().any(is_late)
        && asked.all(is_steady)
        && !is_any_repeated(sets)
        && is_read_alike(&aggregate.input);
    if !fits {
        return None;
    }
    let keys = keys(all);
    let (mut from_sums, mut from_rows) = (0, 0);
    let mut branches = Vec::with_capacity(sets.len());
    for set in sets {
        let (summed, is_from_sums) = of_set(aggregate, set, config)?;
        // What the others take from sums is there for all rows as well, if not among the
        // statistics of the files.
        if !set.is_empty() {
            from_sums += usize::from(is_from_sums);
            from_rows += usize::from(!is_from_sums);
        }
        branches.push(Arc::new(branch(aggregate, &keys, set, summed)?));
    }
    if from_sums == 0 || from_rows > 1 {
        return None;
    }
    as_before(aggregate, LogicalPlan::Union(Union::try_new(branches).ok()?))
}

/// Whether a set is there twice, or has a key twice.
fn is_any_repeated(sets: &[Vec<Expr>]) -> bool {
    let within = |one: &[Expr], other: &[Expr]| one.iter().all(|key| other.contains(key));
    sets.iter().enumerate().any(|(number, set)| {
        let before = &sets[..number];
        let has_key_twice = set.iter().enumerate().any(|(place, key)| set[..place].contains(key));
        has_key_twice || before.iter().any(|other| within(set, other) && within(other, set))
    })
}

/// Whether a plan gives the same rows however often it is read: those of stored tables, joined
/// and chosen by what is steady.
fn is_read_alike(plan: &LogicalPlan) -> bool {
    let is_known = match plan {
        LogicalPlan::TableScan(scan) => scan.fetch.is_none() && StoreTable::of_scan(scan).is_some(),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Join(_) => true,
        _ => false,
    };
    let is_unsteady = |expression: &Expr| Ok(!is_steady(expression));
    is_known
        && any_expression(plan, is_unsteady).is_ok_and(|is_found| !is_found)
        && plan.inputs().into_iter().all(is_read_alike)
}

/// The groups of one set, and whether they are taken from kept sums. Kept sums know nothing of
/// columns that only other sets are grouped by, so these are left out before.
fn of_set(
    aggregate: &Aggregate,
    set: &[Expr],
    config: &dyn OptimizerConfig,
) -> Option<(LogicalPlan, bool)> {
    let (input, asked) = (Arc::clone(&aggregate.input), aggregate.aggr_expr.clone());
    let own = Aggregate::try_new(input, set.to_vec(), asked).ok()?;
    let schema = Arc::clone(&own.schema);
    let narrow = OptimizeProjections::new().rewrite(LogicalPlan::Aggregate(own), config).ok()?;
    let summed = UseRollups.rewrite(narrow.data, config).ok()?;
    let is_same = summed.data.schema().logically_equivalent_names_and_types(&schema);
    is_same.then_some((summed.data, summed.transformed))
}

/// `summed`, the groups of `set`, with the columns of all sets: those of other keys unknown, and
/// the number by which the sets are told apart.
fn branch(
    aggregate: &Aggregate,
    keys: &[Expr],
    set: &[Expr],
    summed: LogicalPlan,
) -> Option<LogicalPlan> {
    let found: Vec<Expr> = summed.schema().columns().into_iter().map(Expr::Column).collect();
    let (groups, results) = found.split_at_checked(set.len())?;
    let mut fields = aggregate.schema.fields().iter();
    let mut columns = Vec::with_capacity(fields.len());
    // A bit for each key, the last one the least, that is set where the key is left out.
    let mut left_out = 0_u64;
    for key in keys {
        let kind = fields.next()?.data_type();
        let place = set.iter().position(|one| one == key);
        left_out = left_out.checked_mul(2)? | u64::from(place.is_none());
        columns.push(match place {
            Some(place) => groups.get(place)?.clone(),
            None => lit(ScalarValue::try_from(kind).ok()?),
        });
    }
    let id = fields.next().filter(|id| id.name() == Aggregate::INTERNAL_GROUPING_ID)?;
    columns.push(lit(number_of_kind(left_out, id.data_type())?));
    columns.extend_from_slice(results);
    let named = columns.into_iter().enumerate();
    let named = named.map(|(number, column)| column.alias(format!("{COLUMN}{number}"))).collect();
    let shown = Projection::try_new(named, Arc::new(summed)).ok()?;
    Some(LogicalPlan::Projection(shown))
}

/// `number` as a value of the type that the engine has for the numbers of sets.
fn number_of_kind(number: u64, kind: &DataType) -> Option<ScalarValue> {
    let wide = ScalarValue::UInt64(Some(number));
    wide.cast_to(kind).ok().filter(|narrow| !narrow.is_null())
}

/// The columns of `plan` named as those of `aggregate`; `None` if they differ in more than
/// their names.
fn as_before(aggregate: &Aggregate, plan: LogicalPlan) -> Option<LogicalPlan> {
    let (found, wanted) = (plan.schema(), &aggregate.schema);
    let mut columns = Vec::with_capacity(wanted.fields().len());
    for (column, (qualifier, field)) in found.columns().into_iter().zip(wanted.iter()) {
        columns.push(Expr::Column(column).alias_qualified(qualifier.cloned(), field.name()));
    }
    let is_same = found.fields().len() == wanted.fields().len()
        && found.fields().iter().zip(wanted.fields()).all(|(found, wanted)| {
            found.data_type() == wanted.data_type() && found.is_nullable() == wanted.is_nullable()
        });
    if !is_same {
        return None;
    }
    let projection = Projection::try_new(columns, Arc::new(plan)).ok()?;
    Some(LogicalPlan::Projection(projection))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// What can be added up.
    const SUMS: &str =
        "count(*) AS n, count(x) AS known, sum(x) AS s, sum(d) AS sd, min(x) AS least,
        max(c) AS most, avg(x) AS mean, median(x) AS middle, sum(x) FILTER (WHERE x > 2) AS few";

    async fn session() -> Session {
        let session = Session::new(None, Settings { threads: 2, ..Settings::default() }).unwrap();
        for made in [
            "CREATE TABLE t AS SELECT 'a' || nullif(value % 3, 2) AS a,
             nullif(value % 4, 3) AS b, value % 5 = 0 AS c, nullif(value % 7, 5) AS x,
             value / 4.0e0 AS d, TIMESTAMP '2012-01-15 00:00:00' + INTERVAL '1 day' * (value % 40) AS at
             FROM range(0, 500) AS r (value)",
            "CREATE TABLE none AS SELECT * FROM t WHERE x > 100",
            "CREATE TABLE names AS SELECT value AS b, value % 2 AS half FROM range(0, 3) AS r (value)",
        ] {
            session.collect(made).await.unwrap();
        }
        session
    }

    /// Rows of the answer in an order of their own, with the rule and without, and whether
    /// the rule was at work.
    async fn both(session: &Session, sql: &str) -> (Vec<String>, Vec<String>, bool) {
        let mut answers = Vec::new();
        let plan = answer(session, &format!("EXPLAIN {sql}")).await.join("\n");
        for lever in ["true", "false"] {
            session.collect(&format!("SET weiku.sum_before_join = {lever}")).await.unwrap();
            let mut rows = answer(session, sql).await;
            rows.sort();
            answers.push(rows);
        }
        session.collect("SET weiku.sum_before_join = true").await.unwrap();
        let without = answers.pop().unwrap();
        (answers.pop().unwrap(), without, plan.contains("__early_0"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn groups_of_groups_are_the_groups_of_the_rows() {
        let session = session().await;
        for (keys, groups) in [
            ("a, b, c", "ROLLUP (a, b, c)"),
            ("a, b, c", "CUBE (a, b, c)"),
            ("b, c", "GROUPING SETS ((b, c), (c), ())"),
            ("b, c", "GROUPING SETS ((c, b), (b), (b), ())"),
            ("b, c", "b, ROLLUP (c)"),
            ("a", "ROLLUP (a)"),
            ("a, b, c", "ROLLUP ((a, b), c)"),
            ("upper(a) AS a, date_trunc('month', at) AS m", "CUBE (1, 2)"),
            ("a, b, grouping(a) AS ga, grouping(b) AS gb, grouping(a, b) AS g", "CUBE (a, b)"),
        ] {
            for table in ["t", "none"] {
                let sql = format!("SELECT {keys}, {SUMS} FROM {table} GROUP BY {groups}");
                let (with, without, is_at_work) = both(&session, &sql).await;
                assert!(is_at_work, "{sql}");
                assert_eq!(with, without, "{sql}");
                assert!(table == "none" || with.len() > 3, "{sql}: {with:?}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_unknown_is_not_taken_for_a_total() {
        let session = session().await;
        let sql =
            "SELECT a, grouping(a) AS g, count(*) AS n FROM t GROUP BY ROLLUP (a) ORDER BY g, a";
        let wanted = ["a|g|n", "a0|0|167", "a1|0|167", "|0|166", "|1|500"];
        assert_eq!(answer(&session, sql).await, wanted);
        let sql = "SELECT count(*) AS n, sum(x) AS s FROM none GROUP BY ROLLUP (a)";
        assert_eq!(answer(&session, sql).await, ["n|s", "0|"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_above_and_below_is_as_before() {
        let session = session().await;
        for sql in [
            "SELECT a, n FROM (SELECT a, b, count(*) AS n FROM t GROUP BY CUBE (a, b) HAVING sum(x) > 99) q
             WHERE b IS NULL",
            "SELECT t.a, half, count(*) AS n, sum(half) AS h, max(x) AS m FROM t JOIN names USING (b)
             GROUP BY ROLLUP (t.a, half)",
            "SELECT half, count(*) AS n, sum(x) AS s FROM t JOIN names USING (b) GROUP BY CUBE (half)",
            "SELECT sum(n) AS n FROM (SELECT count(*) AS n FROM (SELECT DISTINCT a, b FROM t) u
             GROUP BY CUBE (a, b)) v",
            "SELECT a, b, rank() OVER (ORDER BY count(*), a, b) AS r FROM t GROUP BY ROLLUP (a, b)",
        ] {
            let (with, without, is_at_work) = both(&session, sql).await;
            assert!(is_at_work, "{sql}");
            assert_eq!(with, without, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_be_added_up_is_left_to_the_engine() {
        let session = session().await;
        for (aggregate, groups) in [
            ("count(DISTINCT x)", "CUBE (a, b)"),
            ("string_agg(a, ',' ORDER BY a)", "ROLLUP (a, b)"),
            ("stddev(x)", "ROLLUP (a, b)"),
            ("count(*)", "GROUPING SETS ((a), (b))"),
        ] {
            let sql = format!("SELECT a, b, {aggregate} AS n FROM t GROUP BY {groups}");
            let (with, without, is_at_work) = both(&session, &sql).await;
            assert!(!is_at_work, "{sql}");
            assert_eq!(with, without, "{sql}");
        }
    }
}
