//! `epoch_ms(x)`: of a time the milliseconds since 1970, and of a whole number the time so
//! many milliseconds after. Which of them it is depends on the type, which is not known
//! before a statement is planned, so that it is a function.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampMillisecondType,
};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::scalar_doc_sections::DOC_SECTION_DATETIME;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, DocumentationBuilder, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

use crate::engine::hidden::computed;
use crate::error::Error;

const NAME: &str = "epoch_ms";

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// The function, whose times are shown in the zone of `config`.
pub(super) fn function(config: &ConfigOptions) -> ScalarUDF {
    let zone = config.execution.time_zone.as_deref().map(Arc::from);
    ScalarUDF::from(Milliseconds {
        zone,
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Milliseconds {
    /// The session's zone.
    zone: Option<Arc<str>>,
    signature: Signature,
}

impl ScalarUDFImpl for Milliseconds {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What cannot be taken stays as it is, and is refused with what to write.
    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [one] => Ok(vec![taken(one).unwrap_or_else(|| one.clone())]),
            _ => Ok(given.to_vec()),
        }
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        match given {
            [one] if one.is_integer() => {
                Ok(DataType::Timestamp(TimeUnit::Millisecond, self.zone.clone()))
            }
            [one] if taken(one).is_some() => Ok(DataType::Int64),
            _ => Err(refusal()),
        }
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        Some(function(config))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return internal_err!("{NAME} was planned with several arguments");
        };
        computed(value, |values| match values.data_type() {
            DataType::Int64 => {
                let numbers = values.as_primitive::<Int64Type>();
                let times = numbers.reinterpret_cast::<TimestampMillisecondType>();
                Ok(Arc::new(times.with_timezone_opt(self.zone.clone())))
            }
            _ => milliseconds(values),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        static ABOUT: LazyLock<Documentation> = LazyLock::new(|| {
            let about = "Milliseconds since 1970 in UTC; of a whole number the time so many \
                         milliseconds after 1970.";
            let call = "epoch_ms(x)";
            DocumentationBuilder::new_with_details(DOC_SECTION_DATETIME, about, call).build()
        });
        Some(LazyLock::force(&ABOUT))
    }
}

/// The type to which a value of type `given` is brought.
fn taken(given: &DataType) -> Option<DataType> {
    let micros = TimeUnit::Microsecond;
    match given {
        given if given.is_integer() => Some(DataType::Int64),
        DataType::Timestamp(_, zone) => Some(DataType::Timestamp(micros, zone.clone())),
        DataType::Null | DataType::Date32 | DataType::Date64 => {
            Some(DataType::Timestamp(micros, None))
        }
        given if given.is_string() => Some(DataType::Timestamp(micros, None)),
        DataType::Time32(_) | DataType::Time64(_) => Some(DataType::Time64(micros)),
        DataType::Duration(_) => Some(DataType::Duration(micros)),
        DataType::Interval(_) => Some(DataType::Interval(IntervalUnit::MonthDayNano)),
        _ => None,
    }
}

/// The milliseconds of times or lengths of time, rounded. Months have thirty days, as
/// everywhere in epochs.
fn milliseconds(values: &ArrayRef) -> Result<ArrayRef> {
    let micros: Int64Array = match values.data_type() {
        DataType::Interval(_) => {
            let intervals = values.as_primitive::<IntervalMonthDayNanoType>();
            intervals.unary_opt(|interval| {
                let days = i64::from(interval.months) * 30 + i64::from(interval.days);
                days.checked_mul(DAY)?.checked_add(interval.nanoseconds / 1000)
            })
        }
        _ => cast(values, &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
    };
    let millis: Int64Array = micros.unary(|micros: i64| micros / 1000 + (micros % 1000) / 500);
    Ok(Arc::new(millis))
}

fn refusal() -> DataFusionError {
    let error = Error::query(format!("{NAME} is not called like this"));
    let hint = "it is epoch_ms(x), of a time, or of a whole number of milliseconds since 1970";
    DataFusionError::External(Box::new(error.hint(hint)))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_of_times_and_of_numbers_are_told_apart() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1346033472346, TIMESTAMPTZ '2012-08-27 10:11:12.345678+08'), \
                    (NULL, NULL)) AS t(n, at)";
        let sql = format!("SELECT epoch_ms(n) AS t, epoch_ms(at) AS n {from} ORDER BY n");
        let found = answer(&session, &sql).await;
        assert_eq!(found, ["t|n", "2012-08-27T10:11:12.346+08:00|1346033472346", "|"]);
        for (asked, is) in [
            ("epoch_ms(epoch_ms(1346033472346))", "1346033472346"),
            ("epoch_ms(1346033472346) = to_timestamp_millis(1346033472346)", "true"),
            ("epoch_ms(TIMESTAMP '2012-08-27 10:00:00.1239')", "1346061600124"),
            ("epoch_ms(TIMESTAMP '1969-12-31 23:59:59.9995')", "-1"),
            ("epoch_ms(DATE '2012-08-27')", "1346025600000"),
            ("epoch_ms('2012-08-27 10:00:00')", "1346061600000"),
            ("epoch_ms(INTERVAL '1 month 1 day')", "2678400000"),
            ("epoch_ms(TIME '10:00:00')", "36000000"),
            (
                "epoch_ms(at - TIMESTAMPTZ '2012-08-27 10:11:12+08') FROM (SELECT TIMESTAMPTZ \
              '2012-08-27 10:11:13+08' AS at)",
                "1000",
            ),
            ("epoch_ms(NULL) IS NULL", "true"),
            ("epoch_ms(INTERVAL '100000000 months') IS NULL", "true"),
        ] {
            let (asked, from) = asked.split_once(" FROM ").unwrap_or((asked, "(SELECT 1)"));
            let found = answer(&session, &format!("SELECT {asked} AS so FROM {from}")).await;
            assert_eq!(found[1..], [is], "{asked}");
        }
        for refused in ["epoch_ms(true)", "epoch_ms(1.5)", "epoch_ms(1, 2)"] {
            let error = session.collect(&format!("SELECT {refused}")).await.unwrap_err();
            assert!(error.advice().is_some_and(|told| told.contains("epoch_ms(x)")), "{error:?}");
        }
    }
}
