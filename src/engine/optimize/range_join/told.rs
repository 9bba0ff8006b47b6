//! What a join by range tells the scan of its right side: between which ends the rows lie
//! that may match.
//!
//! Of "posts of each day of August" only those of August need be read. The ends are known
//! when the left side is there, before the first row of the right side is asked for.
//!
//! A scan of held columns is told, and of columns that it holds as they are: a condition
//! asked about rows that other conditions leave out must not fail. Numbers and times are
//! told of, which have but one order.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, Column, DynamicFilterPhysicalExpr, lit,
};
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterPushdownResult, ChildPushdownResult, FilterPushdownPhase,
};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion_functions_aggregate_common::min_max::{max_batch, min_batch};

use super::shape::{Range, Shape};
use super::sorted::Sorted;
use crate::catalog::HeldScan;

/// A condition of a scan that is filled in when the left side is there.
#[derive(Debug)]
pub(super) struct Told {
    filter: Arc<DynamicFilterPhysicalExpr>,
    ends: Vec<End>,
}

/// A column of the scan that is compared with values of the left side.
#[derive(Debug)]
struct End {
    /// The place of the range among those of the join, its condition, and its bound.
    range: usize,
    condition: Arc<dyn PhysicalExpr>,
    bound: Arc<dyn PhysicalExpr>,
    /// The column that the bound is, at most in a coarser unit of time, and its type.
    column: Arc<dyn PhysicalExpr>,
    kind: DataType,
}

impl Told {
    /// That of a join, and its right side with the condition in the scan, if there is
    /// something to tell.
    pub(super) fn of(
        shape: &Shape,
        config: &ConfigOptions,
    ) -> Result<Option<(Self, Arc<dyn ExecutionPlan>)>> {
        // Rows of the right side that match nothing must not come out.
        let (_, may_be_left_out) = shape.kind.on_lr_is_preserved();
        if !shape.shared || !may_be_left_out {
            return Ok(None);
        }
        let ranges = shape.ranges.iter().enumerate();
        let ends = ranges.filter_map(|(place, range)| End::of(place, range, &shape.right));
        let ends: Vec<End> = ends.collect();
        if ends.is_empty() {
            return Ok(None);
        }
        let columns = ends.iter().map(|end| Arc::clone(&end.column)).collect();
        let filter = Arc::new(DynamicFilterPhysicalExpr::new(columns, lit(true)));
        let told = Self { filter, ends };
        let right = with_filter(&shape.right, told.filter(), config)?;
        Ok(right.map(|right| (told, right)))
    }

    /// The condition.
    pub(super) fn filter(&self) -> Arc<dyn PhysicalExpr> {
        Arc::<DynamicFilterPhysicalExpr>::clone(&self.filter)
    }

    /// Whether it is that of a join, as far as its conditions go.
    pub(super) fn fits(&self, shape: &Shape) -> bool {
        self.ends.iter().all(|end| {
            let range = shape.ranges.get(end.range);
            range.is_some_and(|range| {
                range.condition.eq(&end.condition) && range.bound.eq(&end.bound)
            })
        })
    }

    /// Fills the condition in.
    pub(super) fn tell(&self, shape: &Shape, sorted: &Sorted) {
        // Without it the scan gives more rows, of which none matches.
        let wanted = self.wanted(shape, sorted).unwrap_or_else(|_| lit(true));
        if self.filter.update(wanted).is_ok() {
            self.filter.mark_complete();
        }
    }

    fn wanted(&self, shape: &Shape, sorted: &Sorted) -> Result<Arc<dyn PhysicalExpr>> {
        let rows = &sorted.rows;
        let mut conditions: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
        for end in &self.ends {
            let Some(range) = shape.ranges.get(end.range) else { continue };
            let values = shape.values[range.value].evaluate(rows)?.into_array(rows.num_rows())?;
            // Where values below the bound are out, a bound above all values has none.
            let (operator, value) = if range.lower {
                (Operator::LtEq, max_batch(&values)?)
            } else {
                (Operator::GtEq, min_batch(&values)?)
            };
            if let Some(value) = in_unit(&value, &end.kind, range.lower) {
                let column = Arc::clone(&end.column);
                conditions.push(Arc::new(BinaryExpr::new(column, operator, lit(value))));
            }
        }
        Ok(conjunction(conditions))
    }
}

impl End {
    /// That of a range of a join with this right side, if its bound is a column of a scan.
    fn of(place: usize, range: &Range, right: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let (column, kind) = scanned(right, &range.bound)?;
        let has_one_order = kind.is_integer()
            || matches!(kind, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
        has_one_order.then(|| Self {
            range: place,
            condition: Arc::clone(&range.condition),
            bound: Arc::clone(&range.bound),
            column: Arc::new(column),
            kind,
        })
    }
}

/// The column of a scan that an expression over the rows of `plan` shows, at most in a finer
/// unit of time, and its type.
fn scanned(
    plan: &Arc<dyn ExecutionPlan>,
    expression: &Arc<dyn PhysicalExpr>,
) -> Option<(Column, DataType)> {
    let schema = plan.schema();
    let mut shown = expression;
    if let Some(cast) = expression.downcast_ref::<CastExpr>() {
        shown = cast.expr();
        if !is_finer(&shown.data_type(&schema).ok()?, cast.cast_type()) {
            return None;
        }
    }
    let place = shown.downcast_ref::<Column>()?.index();
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        return scanned(projection.input(), &projection.expr().get(place)?.expr);
    }
    if let Some(dealt) = plan.downcast_ref::<RepartitionExec>() {
        return scanned(dealt.input(), shown);
    }
    if !plan.is::<HeldScan>() {
        return None;
    }
    let field = schema.fields().get(place)?;
    Some((Column::new(field.name(), place), field.data_type().clone()))
}

/// Whether the one type of times becomes the other without a change of the instant.
fn is_finer(coarse: &DataType, fine: &DataType) -> bool {
    match (coarse, fine) {
        (DataType::Timestamp(coarse, zone), DataType::Timestamp(fine, other)) => {
            zone.is_some() == other.is_some() && nanoseconds(*coarse) >= nanoseconds(*fine)
        }
        _ => false,
    }
}

fn nanoseconds(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// An end for a column of type `kind`, the next one outwards if the unit of the column is
/// coarser; nothing if there is none.
fn in_unit(value: &ScalarValue, kind: &DataType, is_upper: bool) -> Option<ScalarValue> {
    if value.is_null() {
        return None;
    }
    let DataType::Timestamp(unit, zone) = kind else {
        return (value.data_type() == *kind).then(|| value.clone());
    };
    let (fine, ticks) = match value {
        ScalarValue::TimestampSecond(ticks, _) => (TimeUnit::Second, *ticks),
        ScalarValue::TimestampMillisecond(ticks, _) => (TimeUnit::Millisecond, *ticks),
        ScalarValue::TimestampMicrosecond(ticks, _) => (TimeUnit::Microsecond, *ticks),
        ScalarValue::TimestampNanosecond(ticks, _) => (TimeUnit::Nanosecond, *ticks),
        _ => return None,
    };
    let factor = (nanoseconds(*unit) / nanoseconds(fine)).max(1);
    let below = ticks?.div_euclid(factor);
    let is_between = ticks?.rem_euclid(factor) > 0;
    let ticks = Some(below.checked_add(i64::from(is_upper && is_between))?);
    let zone = zone.clone();
    Some(match unit {
        TimeUnit::Second => ScalarValue::TimestampSecond(ticks, zone),
        TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(ticks, zone),
        TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(ticks, zone),
        TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(ticks, zone),
    })
}

/// `plan`, a scan below projections whose rows may be dealt out, with `filter` in the scan;
/// nothing if it does not take it.
fn with_filter(
    plan: &Arc<dyn ExecutionPlan>,
    filter: Arc<dyn PhysicalExpr>,
    config: &ConfigOptions,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let projected = plan.downcast_ref::<ProjectionExec>().map(ProjectionExec::input);
    let dealt = plan.downcast_ref::<RepartitionExec>().map(RepartitionExec::input);
    if let Some(input) = projected.or(dealt) {
        let Some(input) = with_filter(input, filter, config)? else {
            return Ok(None);
        };
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        return Arc::clone(plan).replace_children(vec![input], options).map(Some);
    }
    let filter = ChildFilterPushdownResult { filter, child_results: Vec::new() };
    let told = ChildPushdownResult { parent_filters: vec![filter], self_filters: Vec::new() };
    let phase = FilterPushdownPhase::Post;
    Ok(plan.handle_child_pushdown_result(phase, told, config)?.updated_node)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use datafusion::arrow::array::{ArrayRef, Int64Array};

    use super::*;
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings, made_posts};
    use crate::store::Store;

    /// A thousand posts, one an hour from the first of August 2012 on.
    async fn posts(folder: &Path) -> Arc<Store> {
        let times = (0..1000).map(|hour| (1_343_750_400 + hour * 3600) * 1_000_000);
        let times: ArrayRef = Arc::new(Int64Array::from_iter_values(times));
        made_posts::store(folder, [made_posts::posts(0..1000, &[("posted_at", times)])]).await
    }

    async fn session(folder: &Path) -> Session {
        let settings = Settings { threads: 2, ..Settings::default() };
        let session = Session::new(Some(posts(folder).await), settings).unwrap();
        session.collect("SET weiku.result_cache = false").await.unwrap();
        session
    }

    /// The rows of an answer, in an order of their own.
    async fn rows(session: &Session, sql: &str) -> Vec<String> {
        let mut rows = answer(session, sql).await;
        rows.sort();
        rows
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_held_scan_gives_no_rows_beyond_the_ends() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path()).await;
        for (kind, tells) in [
            ("", true),
            ("LEFT", true),
            ("LEFT SEMI", true),
            ("LEFT ANTI", true),
            ("RIGHT SEMI", true),
            ("RIGHT", false),
            ("RIGHT ANTI", false),
            ("FULL", false),
        ] {
            let sql = format!(
                "SELECT * FROM (SELECT unnest(generate_series(TIMESTAMP '2012-07-30 00:00:00',
                     TIMESTAMP '2012-08-22 00:00:00', INTERVAL '1 day')) AS day) d
                 {kind} JOIN (SELECT post_id, posted_at FROM posts WHERE likes < 900) p
                 ON p.posted_at >= d.day AND p.posted_at < d.day + INTERVAL '1 day'"
            );
            session.collect("SET weiku.range_join = false").await.unwrap();
            let wanted = rows(&session, &sql).await;
            session.collect("SET weiku.range_join = true").await.unwrap();
            // From files first, then from memory.
            for _ in 0..3 {
                assert_eq!(rows(&session, &sql).await, wanted, "{kind}");
            }
            let plan = answer(&session, &format!("EXPLAIN ANALYZE {sql}")).await.join("\n");
            assert!(plan.contains("RangeJoinExec"), "{kind}: {plan}");
            let scan = plan.lines().find(|line| line.contains("HeldScan")).unwrap_or_default();
            assert_eq!(scan.contains("DynamicFilter"), tells, "{kind}: {plan}");
            assert_eq!(scan.contains("output_rows=900,"), !tells, "{kind}: {plan}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_round_of_a_recursive_query_looks_for_itself() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path()).await;
        let sql = "WITH RECURSIVE r AS (
                SELECT CAST(0 AS BIGINT) AS n
                UNION ALL
                SELECT p.likes AS n FROM r JOIN posts p ON p.likes > r.n AND p.likes < r.n + 2
                WHERE r.n < 20
            ) SELECT count(*) AS n FROM r";
        for _ in 0..3 {
            assert_eq!(value(&session, sql).await, "21");
        }
    }

    #[test]
    fn an_end_in_a_coarser_unit_lies_outwards() {
        let zone: Option<Arc<str>> = Some("+08:00".into());
        let kind = |unit| DataType::Timestamp(unit, Some("Asia/Shanghai".into()));
        let end = |ticks, unit, is_upper| {
            let value = ScalarValue::TimestampNanosecond(Some(ticks), zone.clone());
            in_unit(&value, &kind(unit), is_upper).unwrap()
        };
        let micros =
            |ticks| ScalarValue::TimestampMicrosecond(Some(ticks), Some("Asia/Shanghai".into()));
        assert_eq!(end(1_999, TimeUnit::Microsecond, false), micros(1));
        assert_eq!(end(1_001, TimeUnit::Microsecond, true), micros(2));
        assert_eq!(end(2_000, TimeUnit::Microsecond, true), micros(2));
        assert_eq!(end(-1, TimeUnit::Microsecond, false), micros(-1));
        assert_eq!(end(-1, TimeUnit::Microsecond, true), micros(0));
        assert_eq!(end(-1, TimeUnit::Second, false).data_type(), kind(TimeUnit::Second));
        let none = ScalarValue::TimestampNanosecond(None, zone.clone());
        assert_eq!(in_unit(&none, &kind(TimeUnit::Second), true), None);
        let number = ScalarValue::Int64(Some(7));
        assert_eq!(in_unit(&number, &DataType::Int64, true), Some(number.clone()));
        assert_eq!(in_unit(&number, &DataType::Int32, true), None);
    }

    #[test]
    fn a_cast_keeps_the_instant_only_between_zones_or_without_them() {
        let kind = |unit, zone: Option<&str>| DataType::Timestamp(unit, zone.map(Into::into));
        let (zone, other) = (Some("Asia/Shanghai"), Some("UTC"));
        let micros = |zone| kind(TimeUnit::Microsecond, zone);
        let nanos = |zone| kind(TimeUnit::Nanosecond, zone);
        assert!(is_finer(&micros(zone), &nanos(other)) && is_finer(&micros(None), &nanos(None)));
        assert!(!is_finer(&micros(None), &nanos(zone)) && !is_finer(&micros(zone), &nanos(None)));
        assert!(!is_finer(&nanos(zone), &micros(zone)), "it cuts off");
        assert!(!is_finer(&DataType::Date32, &micros(None)));
    }
}
