//! `lpad`, `rpad` and `repeat` within bounds: the engine's own build a text of any
//! length, outside the memory limit and deaf to a cancellation meanwhile.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::length::length;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::functions::{string, unicode};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::wrapped::wrapped;

/// Most characters that one batch of rows may ask for together.
const MAX_TOTAL: i64 = 64 << 20;

/// Most bytes that the texts of one batch may have when they are repeated.
const MAX_BYTES: i64 = 256 << 20;

/// The functions of the engine whose second argument says how long a text gets.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    let padded = [unicode::lpad(), unicode::rpad()];
    let padded = padded.into_iter().map(|engine| wrapped(engine, pad));
    padded.chain([wrapped(string::repeat(), repeat)])
}

fn pad(engine: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    if let Some(lengths) = args.args.get(1) {
        let total = total(lengths, None, args.number_rows)?;
        if total > MAX_TOTAL {
            return exec_err!(
                "{} would make texts of {total} characters at once, over the limit of {MAX_TOTAL}",
                engine.name()
            );
        }
    }
    engine.invoke_with_args(args)
}

fn repeat(engine: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    if let [text, times] = args.args.as_slice() {
        let total = total(times, Some(text), args.number_rows)?;
        if total > MAX_BYTES {
            return exec_err!(
                "{} would make texts of {total} bytes at once, over the limit of {MAX_BYTES}",
                engine.name()
            );
        }
    }
    engine.invoke_with_args(args)
}

/// The lengths of all rows together, each so often as its text has bytes if there are texts;
/// negative ones count as none.
fn total(lengths: &ColumnarValue, texts: Option<&ColumnarValue>, rows: usize) -> Result<i64> {
    let whole = |values: &ArrayRef| cast(values, &DataType::Int64);
    let lengths = whole(&lengths.to_array(rows)?)?;
    let lengths = lengths.as_primitive::<Int64Type>();
    let bytes = match texts {
        Some(texts) => whole(&length(&cast(&texts.to_array(rows)?, &DataType::Utf8View)?)?)?,
        None => return Ok(added(lengths.iter())),
    };
    let bytes = bytes.as_primitive::<Int64Type>().iter();
    Ok(added(
        lengths
            .iter()
            .zip(bytes)
            .map(|(length, bytes)| Some(length?.max(0).saturating_mul(bytes?))),
    ))
}

/// The sum of those that are known and not negative.
fn added(lengths: impl Iterator<Item = Option<i64>>) -> i64 {
    lengths.flatten().fold(0, |sum, length| sum.saturating_add(length.max(0)))
}
