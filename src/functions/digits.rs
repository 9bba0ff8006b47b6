//! What functions share that write the bytes of a value as digits.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Int64Type, UInt64Type};
use datafusion::common::Result;

use super::scalar::texts;

/// How the bytes of a text, and a whole number, are written.
pub(super) struct Digits {
    /// Of bytes each has the same number of digits.
    pub(super) bytes: fn(&[u8]) -> String,
    /// Of a number there are none in front that are 0.
    pub(super) number: fn(u64) -> String,
}

impl Digits {
    /// The digits of each value. A number below 0 has those of its 64 bits.
    pub(super) fn of(&self, column: &ArrayRef) -> Result<ArrayRef> {
        let written: StringViewArray = match column.data_type() {
            DataType::Int64 => {
                let numbers = column.as_primitive::<Int64Type>().iter();
                numbers.map(|one| one.map(|one| (self.number)(one.cast_unsigned()))).collect()
            }
            DataType::UInt64 => {
                let numbers = column.as_primitive::<UInt64Type>().iter();
                numbers.map(|one| one.map(self.number)).collect()
            }
            DataType::Binary => {
                column.as_binary::<i32>().iter().map(|one| one.map(self.bytes)).collect()
            }
            _ => texts(column)?.map(|one| one.map(|one| (self.bytes)(one.as_bytes()))).collect(),
        };
        Ok(Arc::new(written))
    }
}
