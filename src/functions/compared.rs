//! What functions of two texts have in common.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, PrimitiveArray};
use datafusion::arrow::datatypes::ArrowPrimitiveType;
use datafusion::common::Result;

use super::scalar::texts;

/// What `compare` gives for the two texts of each row; `None` is unknown.
pub(super) fn compared<T: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    compare: impl Fn(&str, &str) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let pairs = texts(&columns[0])?.zip(texts(&columns[1])?);
    let found = pairs.map(|(one, other)| compare(one?, other?));
    Ok(Arc::new(found.collect::<PrimitiveArray<T>>()))
}
