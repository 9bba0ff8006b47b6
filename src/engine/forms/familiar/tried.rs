//! `try_strptime(x, '%Y-%m-%d')`: a time read by a pattern, or by the first of several that
//! fits, and NULL where none does. What reads is `to_timestamp`.

use std::sync::{Arc, LazyLock};

use chrono::format::{Item, StrftimeItems};
use datafusion::arrow::array::{Array, ArrayRef, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::scalar_doc_sections::DOC_SECTION_DATETIME;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, DocumentationBuilder, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

use crate::error::Error;

const NAME: &str = "try_strptime";

/// The function, for which `engine` reads.
pub(super) fn function(engine: Arc<ScalarUDF>) -> ScalarUDF {
    ScalarUDF::from(Tried { engine, signature: Signature::variadic_any(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Tried {
    engine: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for Tried {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        let is_text = |given: &DataType| given.is_string() || given.is_null();
        match given {
            [_, _, ..] if given.iter().all(is_text) => self.engine.return_type(given),
            _ => Err(refusal(format!("{NAME} is not called like this"))),
        }
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let engine = self.engine.inner().with_updated_config(config)?;
        Some(function(Arc::new(engine)))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let unknown = ScalarValue::try_from(args.return_field.data_type())?;
        if has_unknown(&args.args) {
            return Ok(ColumnarValue::Scalar(unknown));
        }
        check_patterns(&args.args)?;
        let is_column = |value: &ColumnarValue| matches!(value, ColumnarValue::Array(_));
        if !args.args.iter().any(is_column) {
            let read = self.engine.invoke_with_args(args);
            return Ok(read.unwrap_or(ColumnarValue::Scalar(unknown)));
        }
        // The engine takes a pattern for each row only if there is a text for each.
        if let Some(first) = args.args.first_mut() {
            *first = ColumnarValue::Array(first.to_array(args.number_rows)?);
        }
        let mut pieces = Vec::new();
        self.read(&args, 0, args.number_rows, &mut pieces);
        let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(match pieces.as_slice() {
            [] => new_null_array(args.return_field.data_type(), 0),
            pieces => concat(pieces)?,
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static ABOUT: LazyLock<Documentation> = LazyLock::new(|| {
            let about = "A time read by a pattern, in the session's time zone, and NULL where it \
                         does not fit; by the first of several that does.";
            let call = "try_strptime('2012-08-27', '%Y-%m-%d')";
            DocumentationBuilder::new_with_details(DOC_SECTION_DATETIME, about, call).build()
        });
        Some(LazyLock::force(&ABOUT))
    }
}

/// Whether a text or pattern of all rows is unknown.
fn has_unknown(values: &[ColumnarValue]) -> bool {
    values.iter().any(|value| matches!(value, ColumnarValue::Scalar(value) if value.is_null()))
}

/// Refuses what is no pattern, which no text would fit.
fn check_patterns(values: &[ColumnarValue]) -> Result<()> {
    for pattern in values.iter().skip(1) {
        let ColumnarValue::Scalar(pattern) = pattern else { continue };
        let Some(pattern) = pattern.try_as_str().flatten() else { continue };
        if StrftimeItems::new(pattern).any(|item| item == Item::Error) {
            return Err(refusal(format!("'{pattern}' is no pattern of a time")));
        }
    }
    Ok(())
}

impl Tried {
    /// Adds the times of `length` rows from `start`. The engine does not tell which row it
    /// cannot read: each half is asked by itself.
    fn read(
        &self,
        args: &ScalarFunctionArgs,
        start: usize,
        length: usize,
        pieces: &mut Vec<ArrayRef>,
    ) {
        if length == 0 {
            return;
        }
        let part = |value: &ColumnarValue| match value {
            ColumnarValue::Array(values) => ColumnarValue::Array(values.slice(start, length)),
            scalar @ ColumnarValue::Scalar(_) => scalar.clone(),
        };
        let asked = ScalarFunctionArgs {
            args: args.args.iter().map(part).collect(),
            number_rows: length,
            ..args.clone()
        };
        let read = self.engine.invoke_with_args(asked).and_then(|read| read.into_array(length));
        match read {
            Ok(times) => pieces.push(times),
            Err(_) if length == 1 => pieces.push(new_null_array(args.return_field.data_type(), 1)),
            Err(_) => {
                let half = length / 2;
                self.read(args, start, half, pieces);
                self.read(args, start + half, length - half, pieces);
            }
        }
    }
}

fn refusal(message: String) -> DataFusionError {
    let hint = "it is try_strptime('2012-08-27', '%Y-%m-%d')";
    DataFusionError::External(Box::new(Error::query(message).hint(hint)))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_does_not_fit_is_unknown() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "SELECT try_strptime(x, '%Y-%m-%d') AS a, \
                   try_strptime(x, ['%Y年%m月%d日', '%Y-%m-%d']) AS b \
                   FROM (VALUES (1, '2012-08-27'), (2, 'x'), (3, NULL), (4, '2012年8月28日')) \
                   AS t(n, x) ORDER BY n";
        let found = answer(&session, sql).await;
        let first = "2012-08-27T00:00:00+08:00|2012-08-27T00:00:00+08:00";
        assert_eq!(found, ["a|b", first, "|", "|", "|2012-08-28T00:00:00+08:00"]);
        for (asked, is) in [
            ("try_strptime('x', '%Y-%m-%d')", ""),
            ("try_strptime(NULL, '%Y-%m-%d')", ""),
            (
                "try_strptime('2012-08-27', p) FROM (SELECT unnest(['%Y-%m-%d']) AS p)",
                "2012-08-27T00:00:00+08:00",
            ),
            (
                "try_strptime('2012-08-27 10:00:00.5', '%Y-%m-%d %H:%M:%S.%f')",
                "2012-08-27T10:00:00.500+08:00",
            ),
        ] {
            assert_eq!(
                answer(&session, &format!("SELECT {asked} AS so")).await[1..],
                [is],
                "{asked}"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_row_of_many_is_read_by_itself() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "SELECT count(t) AS n, count(*) AS m FROM (SELECT try_strptime(CASE WHEN value \
                   % 7 = 0 THEN 'x' ELSE '2012-08-27' END, '%Y-%m-%d') AS t \
                   FROM generate_series(1, 20000) AS s(value))";
        assert_eq!(answer(&session, sql).await[1..], ["17143|20000"]);
    }

    #[tokio::test]
    async fn what_is_no_pattern_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for refused in
            ["try_strptime('2012', '%Q')", "try_strptime('2012')", "try_strptime(5, '%Y')"]
        {
            let error = session.collect(&format!("SELECT {refused}")).await.unwrap_err();
            assert!(error.advice().is_some_and(|told| told.contains("%Y-%m-%d")), "{error:?}");
        }
    }
}
