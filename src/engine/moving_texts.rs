//! `string_agg` over frames that move on: `string_agg(client, ', ') OVER (ORDER BY posted_at
//! ROWS 6 PRECEDING)`.
//!
//! The text of the frame is kept. It grows at one end and shrinks at the other, so that a
//! row takes no more than to write down its answer.

use std::collections::VecDeque;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, internal_datafusion_err, internal_err};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::physical_expr::expressions::Literal;

/// What moves along for the function `name`, if it puts texts together as they come.
pub(super) fn texts(name: &str, args: &AccumulatorArgs<'_>) -> Option<Box<dyn Accumulator>> {
    if name != "string_agg" || args.is_distinct || !args.order_bys.is_empty() {
        return None;
    }
    let delimiter = args.exprs.get(1)?.downcast_ref::<Literal>()?.value();
    let delimiter = if delimiter.is_null() { "" } else { delimiter.try_as_str()?? };
    Some(Box::new(Texts {
        delimiter: delimiter.to_owned(),
        is_reversed: args.is_reversed,
        text: VecDeque::new(),
        lengths: VecDeque::new(),
        known: 0,
    }))
}

/// The text of a frame.
#[derive(Debug)]
struct Texts {
    delimiter: String,
    /// Whether the rows come from the last to the first.
    is_reversed: bool,
    /// The known texts in order, with a delimiter behind each.
    text: VecDeque<u8>,
    /// The bytes of the text of each row, as they came; nothing where it is unknown.
    lengths: VecDeque<Option<usize>>,
    /// How many are known.
    known: usize,
}

impl Texts {
    fn enter(&mut self, text: Option<&str>) {
        self.lengths.push_back(text.map(str::len));
        let Some(text) = text else { return };
        self.known += 1;
        let bytes = text.bytes().chain(self.delimiter.bytes());
        if self.is_reversed {
            for byte in bytes.rev() {
                self.text.push_front(byte);
            }
        } else {
            self.text.extend(bytes);
        }
    }

    /// Whether there was a row to leave.
    fn leave(&mut self) -> bool {
        let Some(length) = self.lengths.pop_front() else { return false };
        let Some(length) = length else { return true };
        self.known -= 1;
        let bytes = length + self.delimiter.len();
        if self.is_reversed {
            self.text.truncate(self.text.len().saturating_sub(bytes));
        } else {
            self.text.drain(..bytes.min(self.text.len()));
        }
        true
    }
}

impl Accumulator for Texts {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(texts) = values.first() else { return Ok(()) };
        let texts = cast(texts, &DataType::Utf8View)?;
        texts.as_string_view().iter().for_each(|text| self.enter(text));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let leaving = values.first().map_or(0, Array::len);
        match (0..leaving).all(|_| self.leave()) {
            true => Ok(()),
            false => internal_err!("a text that leaves a window was not in it"),
        }
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.known == 0 {
            return Ok(ScalarValue::LargeUtf8(None));
        }
        let length = self.text.len().saturating_sub(self.delimiter.len());
        let mut bytes = Vec::with_capacity(self.text.len());
        let (first, second) = self.text.as_slices();
        bytes.extend_from_slice(first);
        bytes.extend_from_slice(second);
        bytes.truncate(length);
        let text = String::from_utf8(bytes);
        let text = text.map_err(|error| internal_datafusion_err!("a torn text: {error}"))?;
        Ok(ScalarValue::LargeUtf8(Some(text)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        internal_err!("a window that moves on is not put together from parts")
    }

    fn merge_batch(&mut self, _states: &[ArrayRef]) -> Result<()> {
        internal_err!("a window that moves on is not put together from parts")
    }

    fn size(&self) -> usize {
        let lengths = self.lengths.capacity() * size_of::<Option<usize>>();
        size_of_val(self) + self.text.capacity() + lengths + self.delimiter.capacity()
    }
}
