//! `lpad`, `rpad` and `repeat` within bounds: the engine's own build a text of any
//! length, outside the memory limit and deaf to a cancellation meanwhile.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::functions::{string, unicode};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::wrapped::wrapped;

/// Most characters, or repetitions, that one batch of rows may ask for together.
const MAX_TOTAL: i64 = 64 << 20;

/// The functions of the engine whose second argument says how long a text gets.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    [unicode::lpad(), unicode::rpad(), string::repeat()]
        .into_iter()
        .map(|engine| wrapped(engine, call))
}

fn call(engine: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    if let Some(length) = args.args.get(1) {
        let total = total(length, args.number_rows)?;
        if total > MAX_TOTAL {
            return exec_err!(
                "{} would make texts of {total} characters at once, over the limit of {MAX_TOTAL}",
                engine.name()
            );
        }
    }
    engine.invoke_with_args(args)
}

/// The lengths of all rows together; negative ones count as none.
fn total(length: &ColumnarValue, rows: usize) -> Result<i64> {
    let (lengths, times) = match length {
        ColumnarValue::Array(lengths) => (Arc::clone(lengths), 1),
        ColumnarValue::Scalar(one) => (one.to_array()?, rows as i64),
    };
    let lengths = cast(&lengths, &DataType::Int64)?;
    let lengths = lengths.as_primitive::<Int64Type>().iter().flatten();
    let sum = lengths.fold(0_i64, |sum, length| sum.saturating_add(length.max(0)));
    Ok(sum.saturating_mul(times))
}
