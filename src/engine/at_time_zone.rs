//! `posted_at AT TIME ZONE 'UTC'` as the standard has it: of an instant, what clocks show
//! there, a time without a zone; of a time without a zone, the instant at which clocks
//! there show it. The engine gives an instant in both cases.
//!
//! What it is depends on the type, which is not known before a statement is planned: it
//! is written as a call of a function, with the session's zone, in which an instant is
//! shown.

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use datafusion::arrow::compute::{cast_with_options, try_binary};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit, TimestampNanosecondType};
use datafusion::arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::format::DEFAULT_CAST_OPTIONS;
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err};
use datafusion::logical_expr::scalar_doc_sections::DOC_SECTION_DATETIME;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, DocumentationBuilder, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart, Value,
    VisitorMut,
};

use super::hidden::computed;
use super::remembered_part::local_times;
use super::{names, parsed};
use crate::error::Error;

/// The function, which PostgreSQL has under this name, too.
const NAME: &str = "timezone";

/// Writes each `x AT TIME ZONE zone` of a statement as a call.
pub(super) fn spell(parsed: &mut Parsed, options: &ConfigOptions) {
    let zone = options.execution.time_zone.as_deref().unwrap_or("UTC");
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Spell { zone });
}

struct Spell<'a> {
    /// The session's zone.
    zone: &'a str,
}

impl Spell<'_> {
    fn shown_in(&self) -> Expr {
        Expr::value(Value::SingleQuotedString(self.zone.to_owned()))
    }
}

impl VisitorMut for Spell<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::AtTimeZone { timestamp, time_zone } => {
                let (zone, time) = (time_zone.as_ref().clone(), timestamp.as_ref().clone());
                *expression = names::call(NAME, [zone, time, self.shown_in()]);
            }
            Expr::Function(call) if is_ours(call) => {
                if let FunctionArguments::List(list) = &mut call.args
                    && list.args.len() == 2
                {
                    list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(self.shown_in())));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn is_ours(call: &Function) -> bool {
    match call.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] => name.value.eq_ignore_ascii_case(NAME),
        _ => false,
    }
}

/// The function. Its third argument is put there, and must be a constant.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(AtTimeZone { signature: Signature::any(3, Volatility::Immutable) })
}

/// A zone and a time to that time in the zone.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AtTimeZone {
    signature: Signature,
}

impl ScalarUDFImpl for AtTimeZone {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        internal_err!("what timezone gives depends on a constant")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let ([zone, time, _], [.., shown_in]) = (args.arg_fields, args.scalar_arguments) else {
            return internal_err!("timezone takes a zone, a time, and the session's zone");
        };
        let (zone, time) = (zone.data_type(), time.data_type());
        if !zone.is_string() && !zone.is_null() {
            return Err(refusal(format!("{zone} is no time zone"), ZONES));
        }
        let Some(shown_in) = shown_in.and_then(|shown_in| shown_in.try_as_str().flatten()) else {
            return Err(refusal("timezone is not called like this".to_owned(), CALL));
        };
        let instant = |unit| DataType::Timestamp(unit, Some(shown_in.into()));
        let kind = match time {
            DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, None),
            DataType::Timestamp(unit, None) => instant(*unit),
            DataType::Date32 | DataType::Date64 => instant(TimeUnit::Microsecond),
            DataType::Null => DataType::Timestamp(TimeUnit::Microsecond, None),
            time if time.is_string() => {
                let message = "a text at a time zone may be an instant or what clocks show there";
                return Err(refusal(message.to_owned(), TEXTS));
            }
            time => return Err(refusal(format!("{time} is no time"), CALL)),
        };
        Ok(Arc::new(Field::new(NAME, kind, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [zone, time, _] = args.args.as_slice() else {
            return internal_err!("timezone takes a zone, a time, and the session's zone");
        };
        let ColumnarValue::Scalar(zone) = zone else {
            let message = "all rows are taken at one time zone, and not each at its own";
            return Err(refusal(message.to_owned(), ZONES));
        };
        let kind = args.return_field.data_type();
        let Some(zone) = zone.try_as_str().flatten() else {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from(kind)?));
        };
        let zone = known(zone)?;
        computed(time, |times| at(times, &zone, kind))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static ABOUT: LazyLock<Documentation> = LazyLock::new(|| {
            let about = "An instant as what clocks in a zone show, or the instant at which clocks \
                         there show a time; the same as time AT TIME ZONE zone.";
            let call = "timezone(zone, time)";
            DocumentationBuilder::new_with_details(DOC_SECTION_DATETIME, about, call).build()
        });
        Some(LazyLock::force(&ABOUT))
    }
}

/// What to write instead.
const CALL: &str = "write time AT TIME ZONE 'Asia/Shanghai', of a timestamp or timestamptz";
const TEXTS: &str = "write TIMESTAMPTZ '2012-08-27 18:00+08' or TIMESTAMP '2012-08-27 18:00', \
                     or cast the column to one of them";
const ZONES: &str = "give an IANA name such as Asia/Shanghai, or an offset such as +08:00";

fn refusal(message: String, hint: &str) -> DataFusionError {
    DataFusionError::External(Box::new(Error::query(message).hint(hint)))
}

/// The zone called `name`, as it is written.
fn known(name: &str) -> Result<Arc<str>> {
    if name.parse::<Tz>().is_ok() {
        return Ok(name.into());
    }
    let mut zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    match zones.find(|zone| zone.eq_ignore_ascii_case(name)) {
        Some(zone) => Ok(zone.into()),
        None => Err(refusal(format!("no time zone `{name}`"), ZONES)),
    }
}

/// The `times` at `zone`, which are of type `kind`.
fn at(times: &ArrayRef, zone: &Arc<str>, kind: &DataType) -> Result<ArrayRef> {
    match (times.data_type(), kind) {
        (DataType::Timestamp(TimeUnit::Nanosecond, Some(_)), _) => walls_of_nanos(times, zone),
        (DataType::Timestamp(_, Some(_)), _) => {
            let micros = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(zone)));
            let walls: ArrayRef = Arc::new(local_times(&exactly(times, &micros)?, zone)?);
            exactly(&walls, kind)
        }
        (_, DataType::Timestamp(unit, _)) => {
            // A date is the time at which it begins.
            let walls = exactly(times, &DataType::Timestamp(*unit, None))?;
            let there = DataType::Timestamp(*unit, Some(Arc::clone(zone)));
            exactly(&exactly(&walls, &there)?, kind)
        }
        _ => internal_err!("timezone gives a time"),
    }
}

/// A cast that fails where it would lose something.
fn exactly(times: &ArrayRef, kind: &DataType) -> Result<ArrayRef> {
    Ok(cast_with_options(times, kind, &DEFAULT_CAST_OPTIONS)?)
}

/// What clocks in `zone` show at each instant, to the nanosecond.
fn walls_of_nanos(instants: &ArrayRef, zone: &str) -> Result<ArrayRef> {
    let instants = instants.as_primitive::<TimestampNanosecondType>();
    let micros: TimestampMicrosecondArray = instants.unary(|nanos| nanos.div_euclid(1000));
    let micros: ArrayRef = Arc::new(micros);
    let walls = local_times(&micros, zone)?;
    let walls: TimestampNanosecondArray = try_binary(instants, &walls, |nanos: i64, wall: i64| {
        let offset = (wall - nanos.div_euclid(1000)) * 1000;
        let too_far = || ArrowError::ComputeError("an instant is too far from our time".to_owned());
        nanos.checked_add(offset).ok_or_else(too_far)
    })?;
    Ok(Arc::new(walls))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn an_instant_becomes_what_clocks_show_and_back() {
        let session = Session::new(None, Settings::default()).unwrap();
        let nanos = "arrow_cast('2012-02-01T04:00:00.123456789', 'Timestamp(Nanosecond, \
                     Some(\"UTC\"))') AT TIME ZONE 'Asia/Tokyo'";
        let from = "FROM (SELECT CASE WHEN now() IS NOT NULL \
                    THEN TIMESTAMPTZ '2012-02-01 12:00:00+08' END AS at)";
        for (asked, wanted) in [
            ("at AT TIME ZONE 'UTC'", "2012-02-01T04:00:00"),
            ("TIMESTAMPTZ '2012-02-01 12:00:00+08' AT TIME ZONE 'UTC'", "2012-02-01T04:00:00"),
            ("(at AT TIME ZONE 'UTC') AT TIME ZONE 'Asia/Shanghai'", "2012-02-01T04:00:00+08:00"),
            ("TIMESTAMP '2012-02-01 12:00:00' AT TIME ZONE 'utc'", "2012-02-01T20:00:00+08:00"),
            ("at::timestamp AT TIME ZONE 'Asia/Tokyo'", "2012-02-01T11:00:00+08:00"),
            ("DATE '2012-02-01' AT TIME ZONE 'UTC'", "2012-02-01T08:00:00+08:00"),
            ("timezone('America/New_York', at)", "2012-01-31T23:00:00"),
            ("(at AT TIME ZONE 'America/New_York')::date", "2012-01-31"),
            ("extract(hour FROM at AT TIME ZONE '+09:00')", "13"),
            ("(at AT TIME ZONE 'UTC') = TIMESTAMP '2012-02-01 04:00:00'", "true"),
            ("(NULL::timestamptz AT TIME ZONE 'UTC') IS NULL", "true"),
            ("(at AT TIME ZONE NULL) IS NULL", "true"),
            (nanos, "2012-02-01T13:00:00.123456789"),
        ] {
            let found = answer(&session, &format!("SELECT {asked} AS so {from}")).await;
            assert_eq!(found[1..], [wanted], "{asked}");
        }
        let sql = format!(
            "SELECT (at AT TIME ZONE 'UTC')::date, count(*) AS n {from}
             GROUP BY (at AT TIME ZONE 'UTC')::date ORDER BY (at AT TIME ZONE 'UTC')::date"
        );
        assert_eq!(answer(&session, &sql).await[1..], ["2012-02-01|1"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_instant_is_shown_in_the_zone_of_the_session_as_it_is_now() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("SET timezone = 'UTC'").await.unwrap();
        let sql = "SELECT TIMESTAMP '2012-02-01 12:00:00' AT TIME ZONE 'Asia/Shanghai' AS so";
        assert_eq!(answer(&session, sql).await[1..], ["2012-02-01T04:00:00Z"]);
    }

    #[tokio::test]
    async fn what_could_mean_two_things_or_none_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, what) in [
            ("now() AT TIME ZONE 'Mars/Base'", "no time zone `Mars/Base`"),
            ("'2012-02-01 12:00:00' AT TIME ZONE 'UTC'", "may be an instant"),
            ("now() AT TIME ZONE 8", "no time zone"),
            ("5 AT TIME ZONE 'UTC'", "no time"),
        ] {
            let error = session.collect(&format!("SELECT {asked} AS so")).await.unwrap_err();
            assert!(error.message().contains(what), "{asked}: {error}");
        }
    }
}
