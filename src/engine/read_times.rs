//! `to_timestamp` and its like, of columns of texts.
//!
//! The engine promises instants in the session's time zone, and reads a column of texts
//! by it, but what it then gives has no zone: a query with such a column ended. Here the
//! instants have the zone that was promised.

use datafusion::arrow::array::{Array, ArrayRef, make_array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use datafusion::prelude::SessionContext;

use super::wrapped::wrapped;

/// The functions that read times.
pub(super) const NAMES: [&str; 5] = [
    "to_timestamp",
    "to_timestamp_seconds",
    "to_timestamp_millis",
    "to_timestamp_micros",
    "to_timestamp_nanos",
];

/// Puts these functions in the place of the engine's own, which know the time zone.
pub(super) fn register(context: &SessionContext) {
    for engine in NAMES.iter().filter_map(|name| context.udf(name).ok()) {
        context.register_udf(wrapped(engine, read));
    }
}

fn read(engine: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    let promised = args.return_field.data_type().clone();
    // The function itself, since its wrapper looks at once whether a promise was kept.
    Ok(match engine.inner().invoke_with_args(args)? {
        ColumnarValue::Array(times) => ColumnarValue::Array(in_zone(times, promised)?),
        time => time,
    })
}

/// The same instants, with the zone of the type that was `promised`.
fn in_zone(times: ArrayRef, promised: DataType) -> Result<ArrayRef> {
    let lacks_zone = matches!((times.data_type(), &promised),
        (DataType::Timestamp(given, None), DataType::Timestamp(unit, Some(_))) if given == unit);
    if !lacks_zone {
        return Ok(times);
    }
    Ok(make_array(times.to_data().into_builder().data_type(promised).build()?))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    const TEXTS: &str = "(VALUES ('2012-08-01 10:00', '20120801 1000'),
                           ('2012-08-01T02:00:00Z', '20120801 1000'), (NULL, NULL)) AS t(x, y)";

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_of_texts_are_read_in_the_time_zone() {
        let session = Session::new(None, Settings::default()).unwrap();
        let time = "2012-08-01T10:00:00+08:00";
        for called in [
            "to_timestamp(x)",
            "to_timestamp_seconds(x)",
            "to_timestamp_millis(x)",
            "to_timestamp_micros(x)",
            "to_timestamp_nanos(arrow_cast(x, 'Utf8View'))",
            "strptime(y, '%Y%m%d %H%M')",
            "to_timestamp(y, '%Y-%m-%d', '%Y%m%d %H%M')",
            "to_timestamp(y, CASE WHEN y > '' THEN '%Y%m%d %H%M' END)",
        ] {
            let sql = format!("SELECT {called} AS at FROM {TEXTS} ORDER BY 1");
            assert_eq!(answer(&session, &sql).await[1..], [time, time, ""], "{sql}");
            let sql = format!(
                "SELECT count(*) FROM {TEXTS} WHERE {called} = TIMESTAMPTZ '2012-08-01 10:00:00'"
            );
            assert_eq!(answer(&session, &sql).await[1..], ["2"], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_of_texts_are_read_in_a_time_zone_that_was_set() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("SET TIME ZONE 'America/New_York'").await.unwrap();
        let sql = format!("SELECT strptime(y, '%Y%m%d %H%M') AS at FROM {TEXTS} LIMIT 1");
        assert_eq!(answer(&session, &sql).await[1..], ["2012-08-01T10:00:00-04:00"]);
        let sql = "SELECT to_timestamp('2012-08-01 10:00:00') AS at";
        assert_eq!(answer(&session, sql).await[1..], ["2012-08-01T10:00:00-04:00"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_text_of_a_column_that_is_no_time_is_named() {
        let session = Session::new(None, Settings::default()).unwrap();
        for called in ["to_timestamp(x)", "strptime(x, '%Y%m%d')"] {
            let sql = format!("SELECT {called} FROM (VALUES ('20120801'), ('never')) AS t(x)");
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.message().contains("is not a time"), "{error}");
            assert!(error.advice().is_some(), "{error}");
        }
    }
}
