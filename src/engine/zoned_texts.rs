//! Texts that tell a time with its zone: `'2021-04-01T20:00:00Z'::date` is the day
//! on which that instant falls in the session's zone, as it is by way of an instant.
//! The engine's own cast takes the day in UTC. `'2021-04-01T20:00:00Z'::timestamp`, where
//! a person says that the zone is not wanted, is the time as it is written, 20:00, as in
//! PostgreSQL and DuckDB.
//!
//! Such a text is written anew as the time on the wall of the session's zone, or without
//! its own zone, and then cast, and one that leaves something out is written in full
//! ([`super::short_times`]); all other texts stay as they are.

use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, internal_err};
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility, lit,
};
use datafusion::optimizer::AnalyzerRule;

use super::hidden::computed;
use super::rewrite;
use super::short_times::written_out;

/// Where the time begins in a text that has a date before it.
const TIME: usize = "2021-04-01T".len();

/// In place of a zone: times as they are written.
const AS_WRITTEN: &str = "";

/// The rule for casts to timestamps without a zone that a person wrote, for plans as they
/// were written.
#[derive(Debug)]
pub(super) struct CastWithoutZone;

impl AnalyzerRule for CastWithoutZone {
    fn name(&self) -> &'static str {
        "cast_without_zone"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        // The first of the rules goes over all of a plan, so that those behind it find each
        // node knowing the columns below it.
        rewrite::expressions(plan, &without_zone)
    }
}

fn without_zone(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })) =
        &mut expression
    else {
        return Ok(Transformed::no(expression));
    };
    let is_text = matches!(field.data_type(), DataType::Timestamp(_, None))
        && expr.get_type(schema).is_ok_and(|kind| kind.is_string());
    match is_text.then(|| on_the_wall(expr, AS_WRITTEN)).flatten() {
        Some(text) => {
            **expr = text;
            Ok(Transformed::yes(expression))
        }
        None => Ok(Transformed::no(expression)),
    }
}

/// `text` with times on the wall of `zone`; none if it is so already.
pub(super) fn on_the_wall(text: &Expr, zone: &str) -> Option<Expr> {
    if let Expr::ScalarFunction(call) = text
        && call.func.inner().downcast_ref::<OnTheWall>().is_some()
    {
        return None;
    }
    let Expr::Literal(value, _) = text else {
        let arguments = vec![text.clone(), lit(zone)];
        return Some(Expr::ScalarFunction(ScalarFunction::new_udf(
            Arc::new(function()),
            arguments,
        )));
    };
    wall(value.try_as_str().flatten()?, parsed(zone).ok()?.as_ref()).map(lit)
}

/// The zone called `zone`; none if times are as they are written.
fn parsed(zone: &str) -> Result<Option<Tz>> {
    if zone == AS_WRITTEN { Ok(None) } else { Ok(Some(zone.parse()?)) }
}

/// The function that does so. Plans that were made elsewhere name it; statements
/// cannot.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(OnTheWall { signature: Signature::any(2, Volatility::Immutable) })
}

/// The text of a time and a zone to the text of the time on the wall there.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OnTheWall {
    signature: Signature,
}

impl ScalarUDFImpl for OnTheWall {
    fn name(&self) -> &'static str {
        "on_the_wall"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments[0].clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [texts, ColumnarValue::Scalar(zone)] = args.args.as_slice() else {
            return internal_err!("on_the_wall takes a text and one zone");
        };
        let zone = parsed(zone.try_as_str().flatten().unwrap_or("UTC"))?;
        computed(texts, |texts| walls(texts, zone.as_ref()))
    }
}

fn walls(texts: &ArrayRef, zone: Option<&Tz>) -> Result<ArrayRef> {
    let views = cast(texts, &DataType::Utf8View)?;
    let views = views.as_string_view();
    if !views.iter().flatten().any(|text| zone_at(text).is_some() || written_out(text).is_some()) {
        return Ok(Arc::clone(texts));
    }
    let mut walls = StringViewBuilder::with_capacity(views.len());
    for text in views {
        match text.and_then(|text| wall(text, zone)) {
            Some(wall) => walls.append_value(wall),
            None => walls.append_option(text),
        }
    }
    Ok(cast(&walls.finish(), texts.data_type())?)
}

/// The time on the wall of `zone`, or as it is written, if `text` is one with a zone, or
/// one that leaves something out.
fn wall(text: &str, zone: Option<&Tz>) -> Option<String> {
    let full = written_out(text);
    let text = full.as_deref().unwrap_or(text);
    zone_at(text).and_then(|at| wall_of(text, at, zone)).or(full)
}

/// The time on the wall of `zone` in `text`, whose own zone begins `at` a place.
fn wall_of(text: &str, at: usize, zone: Option<&Tz>) -> Option<String> {
    match zone {
        Some(zone) => {
            let instant = string_to_datetime(zone, text).ok()?;
            Some(instant.naive_local().format("%Y-%m-%dT%H:%M:%S%.f").to_string())
        }
        None => {
            string_to_datetime(&Utc, text).ok()?;
            Some(text.get(..at)?.trim_end().to_owned())
        }
    }
}

/// Where something other than digits begins behind the time of `text`.
fn zone_at(text: &str) -> Option<usize> {
    let behind = text.as_bytes().get(TIME..)?;
    let begins = |byte: &u8| matches!(byte, b'+' | b'-') || byte.is_ascii_alphabetic();
    behind.iter().position(begins).map(|at| TIME + at)
}

#[cfg(test)]
mod tests {

    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_text_with_a_zone_is_an_instant() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (text, day, time) in [
            ("2021-04-01T20:00:00Z", "2021-04-02", "2021-04-01T20:00:00"),
            ("2021-04-02T04:00:00+08:00", "2021-04-02", "2021-04-02T04:00:00"),
            ("2021-04-01 20:00:00.5 -05:00", "2021-04-02", "2021-04-01T20:00:00.500"),
            ("2021-04-01T20:00:00", "2021-04-01", "2021-04-01T20:00:00"),
            ("2021-04-01", "2021-04-01", "2021-04-01T00:00:00"),
        ] {
            let column = format!("(SELECT CASE WHEN now() IS NOT NULL THEN '{text}' END AS x)");
            for typed in [format!("'{text}'"), "x".to_owned()] {
                let from = format!("FROM {column}");
                for cast in [
                    "CAST(# AS DATE)",
                    "TRY_CAST(# AS DATE)",
                    "to_date(#)",
                    "#::timestamptz::date",
                    "to_timestamp(#)::date",
                    "date_trunc('day', #)::date",
                ] {
                    let sql = format!("SELECT {} AS d {from}", cast.replace('#', &typed));
                    assert_eq!(value(&session, &sql).await, day, "{sql}");
                }
                let sql = format!("SELECT {typed}::timestamp AS t {from}");
                assert_eq!(value(&session, &sql).await, time, "{sql}");
            }
        }
        for (condition, wanted) in [
            ("at >= TIMESTAMP '2012-08-26T16:00:00Z'", "true"),
            ("at > TIMESTAMP '2012-08-27T00:00:00+08:00'", "false"),
            ("at = '2012-08-26T16:00:00Z'", "true"),
            ("at > TIMESTAMP '2012-08-26T23:59:59Z'", "true"),
            ("TRY_CAST('no time at all, Z' AS DATE) IS NULL", "true"),
            ("TRY_CAST('no time at all, Z' AS TIMESTAMP) IS NULL", "true"),
        ] {
            let sql = format!(
                "SELECT {condition} AS c FROM (SELECT '2012-08-27 00:00:00'::timestamptz AS at)"
            );
            assert_eq!(value(&session, &sql).await, wanted, "{sql}");
        }
        session.collect("SET timezone = 'UTC'").await.unwrap();
        assert_eq!(value(&session, "SELECT '2021-04-02T04:00:00+08:00'::date").await, "2021-04-01");
        assert!(session.collect("SELECT 'no time at all, Z'::date").await.is_err());
    }
}
