//! Dates and times without a zone mean the session's zone, also beside an
//! instant: `posted_at >= DATE '2012-08-27'` begins at midnight there, and
//! `CAST(posted_at AS TIMESTAMP)` is the time on the wall. The engine's own casts
//! go by UTC. Texts that tell a time with its zone are instants, too, and those that
//! leave something out are written in full first. Times become texts in one way.
//!
//! A cast that reads a time in the zone is hidden from the engine. Beside a constant, be it
//! one that it learns from a file, the engine would take the cast away and compare with the
//! constant as UTC has it. The difference of two dates is hidden as well: the engine takes
//! it for days in one place, and for a length of time in another.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, Volatility, cast,
};
use datafusion::optimizer::AnalyzerRule;

use super::{read_times, reordering_casts, rewrite, short_times, spaced_times, zoned_texts};

/// The rule.
#[derive(Debug)]
pub(super) struct CastInZone;

impl AnalyzerRule for CastInZone {
    fn name(&self) -> &'static str {
        "cast_in_zone"
    }

    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        let zone = config.execution.time_zone.as_deref();
        // All of the plan, as the engine's casts have left it; see the first of the rules.
        rewrite::expressions(plan, &|expression, schema| in_zone(expression, schema, zone))
    }
}

/// A cast as it is meant in the session's `zone`.
fn in_zone(expression: Expr, schema: &DFSchema, zone: Option<&str>) -> Result<Transformed<Expr>> {
    if let Some(time) = zone.and_then(|zone| by_name(&expression, schema, zone)) {
        return Ok(Transformed::yes(time));
    }
    if let Some(made) = difference(&expression, schema).or_else(|| joined(&expression, schema)) {
        return Ok(Transformed::yes(made));
    }
    if is_days(&expression, schema) || is_read_by_arrow(&expression, schema) {
        return Ok(hide(expression));
    }
    if is_hidden_twice(&expression) {
        return Ok(once(expression));
    }
    let (Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })) = &expression
    else {
        return Ok(Transformed::no(expression));
    };
    let Ok(from) = expr.get_type(schema) else { return Ok(Transformed::no(expression)) };
    if reads_in_zone(&from, field.data_type()) {
        return Ok(hide(expression));
    }
    let is_date = matches!(from, DataType::Date32 | DataType::Date64);
    let inner = match (&from, field.data_type()) {
        // By way of a time without zone, which the next cast reads in the zone.
        (DataType::Date32 | DataType::Date64, DataType::Timestamp(_, Some(_))) => {
            cast(expr.as_ref().clone(), DataType::Timestamp(TimeUnit::Microsecond, None))
        }
        (DataType::Timestamp(_, Some(_)), DataType::Timestamp(_, None)) => {
            let local = datafusion::functions::datetime::to_local_time();
            let call = ScalarFunction::new_udf(local, vec![expr.as_ref().clone()]);
            Expr::ScalarFunction(call)
        }
        (from, to) if spaced_times::become_texts(from, to) => {
            spaced_times::SPACED.of(expr.as_ref().clone())
        }
        (from, DataType::Date32 | DataType::Timestamp(_, None)) if from.is_string() => {
            match zone.and_then(|zone| zoned_texts::on_the_wall(expr, zone)) {
                Some(text) => text,
                None => return Ok(Transformed::no(expression)),
            }
        }
        (from, DataType::Date64 | DataType::Timestamp(_, Some(_))) if from.is_string() => {
            match short_times::in_full(expr) {
                Some(text) => text,
                None => return Ok(Transformed::no(expression)),
            }
        }
        _ => return Ok(Transformed::no(expression)),
    };
    let is_read = is_date && matches!(field.data_type(), DataType::Timestamp(_, Some(_)));
    let made = match &expression {
        Expr::TryCast(_) => {
            Expr::TryCast(TryCast::new_from_field(Box::new(inner), Arc::clone(field)))
        }
        _ => Expr::Cast(Cast::new_from_field(Box::new(inner), Arc::clone(field))),
    };
    Ok(Transformed::yes(if is_read { hide(made).data } else { made }))
}

/// Whether a cast takes a time without a zone for one of the clocks in a zone.
fn reads_in_zone(from: &DataType, to: &DataType) -> bool {
    matches!((from, to), (DataType::Timestamp(_, None), DataType::Timestamp(_, Some(_))))
}

/// Whether a call of `arrow_cast`, which becomes a cast, does so.
fn is_read_by_arrow(expression: &Expr, schema: &DFSchema) -> bool {
    let Expr::ScalarFunction(call) = expression else { return false };
    if !matches!(call.func.name(), "arrow_cast" | "arrow_try_cast") {
        return false;
    }
    let from = call.args.first().and_then(|time| time.get_type(schema).ok());
    let to = expression.get_type(schema).ok();
    from.zip(to).is_some_and(|(from, to)| reads_in_zone(&from, &to))
}

/// Whether it is the difference of two dates.
fn is_days(expression: &Expr, schema: &DFSchema) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) = expression else {
        return false;
    };
    [right, left].iter().all(|side| {
        let kind = side.get_type(schema);
        kind.is_ok_and(|kind| matches!(kind, DataType::Date32 | DataType::Date64))
    })
}

/// Hides what has other values in other rows. Of constants the engine makes one, as it is
/// meant.
fn hide(expression: Expr) -> Transformed<Expr> {
    match is_constant(&expression) {
        true => Transformed::no(expression),
        // A cast is called as its column, beside which it may be a key of a join.
        false => Transformed::yes(reordering_casts::SAME.named(expression)),
    }
}

/// Whether nothing but constants is in it.
fn is_constant(expression: &Expr) -> bool {
    let is_other = |part: &Expr| {
        Ok(match part {
            Expr::Literal(..)
            | Expr::Placeholder(_)
            | Expr::Cast(_)
            | Expr::TryCast(_)
            | Expr::Negative(_)
            | Expr::BinaryExpr(_) => false,
            Expr::ScalarFunction(call) => call.func.signature().volatility == Volatility::Volatile,
            _ => true,
        })
    };
    expression.exists(is_other).is_ok_and(|has_other| !has_other)
}

/// Whether it is hidden, and was so before: plans of views have been here.
fn is_hidden_twice(expression: &Expr) -> bool {
    let hidden = |expression: &Expr| match expression {
        Expr::ScalarFunction(call) => reordering_casts::SAME.is_called(call),
        _ => false,
    };
    let Expr::ScalarFunction(call) = expression else { return false };
    hidden(expression) && call.args.first().is_some_and(hidden)
}

/// Without the outer one of two functions of one argument.
fn once(expression: Expr) -> Transformed<Expr> {
    match expression {
        Expr::ScalarFunction(mut call) if call.args.len() == 1 => {
            Transformed::yes(call.args.remove(0))
        }
        other => Transformed::no(other),
    }
}

/// An instant minus a time without a zone, or the other way round, of two instants: the
/// engine would take away one number from the other.
fn difference(expression: &Expr, schema: &DFSchema) -> Option<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) = expression else {
        return None;
    };
    let is_time = |kind: &DataType| matches!(kind, DataType::Timestamp(..));
    let is_zoned = |kind: &DataType| matches!(kind, DataType::Timestamp(_, Some(_)));
    // Of many values that are taken away one by one, the first is asked for last.
    let taken = right.get_type(schema).ok().filter(is_time)?;
    let from = left.get_type(schema).ok().filter(is_time)?;
    if is_zoned(&from) == is_zoned(&taken) {
        return None;
    }
    let (left, right) = (left.as_ref().clone(), right.as_ref().clone());
    Some(match is_zoned(&from) {
        true => left - hide(cast(right, from)).data,
        false => hide(cast(left, taken)).data - right,
    })
}

/// `array_to_string` of times, as that of their texts: it casts nothing.
fn joined(expression: &Expr, schema: &DFSchema) -> Option<Expr> {
    let Expr::ScalarFunction(call) = expression else { return None };
    let times = call.args.first().filter(|_| call.func.name() == "array_to_string")?;
    if !spaced_times::become_texts(&times.get_type(schema).ok()?, &DataType::Utf8) {
        return None;
    }
    let mut args = call.args.clone();
    args[0] = spaced_times::SPACED.of(times.clone());
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&call.func), args)))
}

/// `to_date`, `to_timestamp` and its like, casts by another name, as they are meant in `zone`.
fn by_name(expression: &Expr, schema: &DFSchema, zone: &str) -> Option<Expr> {
    let Expr::ScalarFunction(call) = expression else { return None };
    let [argument] = call.args.as_slice() else { return None };
    let name = call.func.name();
    if name != "to_date" && !read_times::NAMES.contains(&name) {
        return None;
    }
    let given = argument.get_type(schema).ok()?;
    let argument = match name {
        "to_timestamp" if given.is_integer() => return since_1970(argument, expression, schema),
        _ if !given.is_string() => return None,
        "to_date" => zoned_texts::on_the_wall(argument, zone)?,
        _ => short_times::in_full(argument)?,
    };
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&call.func), vec![argument])))
}

/// The instant so many `seconds` after the beginning of 1970 in UTC, where the engine's
/// own function, the `call`, takes those of the zone.
fn since_1970(seconds: &Expr, call: &Expr, schema: &DFSchema) -> Option<Expr> {
    let kind = call.get_type(schema).ok()?;
    let DataType::Timestamp(_, Some(zone)) = &kind else { return None };
    let instants = DataType::Timestamp(TimeUnit::Second, Some(Arc::clone(zone)));
    let instant = cast(cast(seconds.clone(), DataType::Int64), instants);
    // The engine would compare whole seconds with what it cuts off to seconds.
    Some(reordering_casts::hidden(cast(instant, kind.clone())))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;

    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    /// A file in which one column has the same value everywhere, so that the engine takes a
    /// constant for it.
    async fn with_file(folder: &std::path::Path) -> (Session, String) {
        let file = folder.join("times.parquet").display().to_string();
        let session = Session::new(None, Settings::default()).unwrap();
        let copy = format!(
            "COPY (SELECT TIMESTAMPTZ '2012-08-27 23:59:59' AS seen, at, at::timestamp AS wall,
                     at::date AS day
                   FROM (SELECT TIMESTAMPTZ '2012-08-26 22:30:00' + INTERVAL '1 hour' * value AS at
                         FROM range(0, 24))) TO '{file}'"
        );
        session.collect(&copy).await.unwrap();
        (session, file)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_instant_is_compared_with_a_time_without_a_zone_in_the_zone() {
        let folder = tempfile::tempdir().unwrap();
        let (session, file) = with_file(folder.path()).await;
        for (condition, rows) in [
            ("seen <= at::timestamp", "0"),
            ("at::timestamp >= seen", "0"),
            ("seen <= (at AT TIME ZONE 'Asia/Shanghai')", "0"),
            ("seen < at::timestamp + INTERVAL '3 hours'", "1"),
            ("seen::timestamp <= at", "0"),
            ("seen >= at::timestamp", "24"),
            ("seen <= wall", "0"),
            ("wall < TIMESTAMPTZ '2012-08-27 00:00:00'", "2"),
            ("wall::timestamptz < TIMESTAMPTZ '2012-08-27 00:00:00'", "2"),
            ("wall::timestamptz IN (TIMESTAMPTZ '2012-08-27 00:30:00')", "1"),
            ("wall < now() - (now() - TIMESTAMPTZ '2012-08-27 00:00:00')", "2"),
            ("arrow_cast(wall, 'Timestamp(ns, \"Asia/Shanghai\")') >= seen", "0"),
            ("day <= TIMESTAMPTZ '2012-08-26 23:59:59'", "2"),
            ("day = TIMESTAMPTZ '2012-08-27 00:00:00'", "22"),
            ("at = wall", "24"),
            ("(SELECT max(wall) FROM 'FILE') < TIMESTAMPTZ '2012-08-27 22:00:00'", "24"),
        ] {
            let condition = condition.replace("FILE", &file);
            for sql in [
                format!("SELECT count(*) FROM '{file}' WHERE {condition}"),
                format!("SELECT count(*) FROM (SELECT *, {condition} AS b FROM '{file}') WHERE b"),
                format!("SELECT count(*) FILTER (WHERE {condition}) FROM '{file}'"),
            ] {
                let batches = session.collect(&sql).await.unwrap();
                let found = array_value_to_string(batches[0].column(0), 0).unwrap();
                assert_eq!(found, rows, "{sql}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn days_between_two_dates_are_a_number_in_conditions() {
        let folder = tempfile::tempdir().unwrap();
        let (session, file) = with_file(folder.path()).await;
        for (condition, rows) in [
            ("date_diff('day', at, seen) < 1", "22"),
            ("date_diff('day', at, seen) = 1", "2"),
            ("NOT (date_diff('day', at, seen) > 0)", "22"),
            ("date_diff('week', at, seen) = 0", "24"),
            ("date_diff('hour', at, seen) > 3", "22"),
            ("seen::date - day >= 1", "2"),
            ("day - DATE '2012-08-26' = 1", "22"),
        ] {
            let sql = format!("SELECT count(*) FROM '{file}' WHERE {condition}");
            let batches = session.collect(&sql).await.unwrap();
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, rows, "{condition}");
        }
    }

    #[tokio::test]
    async fn seconds_since_1970_are_those_of_utc() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (SELECT 1330000000 + value AS x FROM generate_series(0, 0))";
        let time = "2012-02-23T20:26:40+08:00";
        for (what, wanted) in [
            ("to_timestamp(1330000000)", time),
            ("to_timestamp(x)", time),
            ("to_timestamp(x::int)", time),
            ("to_timestamp(x::double)", time),
            ("to_timestamp_seconds(x)", time),
            ("to_timestamp(x) < TIMESTAMPTZ '2012-02-23 20:26:40.5'", "true"),
            ("to_timestamp(NULL::bigint) IS NULL", "true"),
            ("extract(epoch FROM to_timestamp(x))", "1330000000.0"),
        ] {
            let batches = session.collect(&format!("SELECT {what} {from}")).await.unwrap();
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, wanted, "{what}");
        }
        let sql = "SELECT count(*) FROM generate_series(1330000000, 1330000003) AS t (x)
                   WHERE to_timestamp(x) < TIMESTAMPTZ '2012-02-23 20:26:41.5'";
        let batches = session.collect(sql).await.unwrap();
        assert_eq!(array_value_to_string(batches[0].column(0), 0).unwrap(), "2");
        assert!(session.collect("SELECT to_timestamp(9223372036854775807)").await.is_err());
    }

    #[tokio::test]
    async fn a_time_without_a_zone_is_taken_from_an_instant_in_the_zone() {
        let session = Session::new(None, Settings::default()).unwrap();
        let times = "(SELECT TIMESTAMPTZ '2012-05-05 00:00:00' AS at, d, d::timestamp AS wall
                      FROM (VALUES (DATE '2012-05-04')) AS v(d))";
        for (difference, wanted) in
            [("at - wall", "24"), ("wall - at", "-24"), ("at - d::timestamp(6)", "24")]
        {
            let sql = format!("SELECT extract(epoch FROM {difference}) / 3600 FROM {times}");
            let batches = session.collect(&sql).await.unwrap();
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, format!("{wanted}.0"), "{difference}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn tables_are_joined_by_times_with_and_without_a_zone() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE a AS SELECT * FROM (VALUES (TIMESTAMPTZ '2012-01-01 00:00:00+08', 1),
                      (TIMESTAMPTZ '2012-01-02 00:00:00+08', 2), (NULL, 3)) AS a(t, n);
                    CREATE TABLE b AS SELECT * FROM (VALUES (TIMESTAMP '2012-01-01 00:00:00', DATE '2012-01-01'),
                      (TIMESTAMP '2012-01-01 08:00:00', DATE '2012-01-03'), (NULL, NULL)) AS b(u, d)";
        for sql in made.split(';') {
            session.collect(sql).await.unwrap();
        }
        for (sql, wanted) in [
            ("SELECT count(*) FROM a JOIN b ON t = u", "1"),
            ("SELECT count(*) FROM a JOIN b ON t = u::timestamptz", "1"),
            ("SELECT count(*) FROM a JOIN b ON t = d::timestamp", "1"),
            ("SELECT count(*) FROM a JOIN b ON t = u AND n = 1 AND t = d", "1"),
            ("SELECT count(u) FROM a LEFT JOIN b ON t = u", "1"),
            ("SELECT count(*) FROM a FULL JOIN b ON t = u", "5"),
            ("SELECT count(*) FROM a, b WHERE t = u", "1"),
            ("SELECT count(*) FROM a JOIN b ON t IS NOT DISTINCT FROM u", "2"),
            ("SELECT count(*) FROM a WHERE EXISTS (SELECT 1 FROM b WHERE t = u)", "1"),
            ("SELECT count(*) FROM b WHERE u IN (SELECT t FROM a)", "1"),
            ("SELECT count(*) FROM a JOIN (SELECT u AS t FROM b) AS c USING (t)", "1"),
            ("SELECT sum((SELECT count(*) FROM b WHERE t = u)) FROM a", "1"),
            ("SELECT count(*) FROM (SELECT t FROM a INTERSECT SELECT u FROM b)", "2"),
        ] {
            assert_eq!(value(&session, sql).await, wanted, "{sql}");
        }
    }
}
