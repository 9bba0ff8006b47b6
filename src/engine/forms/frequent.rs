//! The values that come most often, with how often they do, in one pass and in little
//! memory: what SUMMARIZE says of texts and of the items of lists.
//!
//! Once too many values are kept, as many of each are taken off as half of them come, and
//! those of which nothing is left are forgotten. So a count that is kept is never more
//! than the true one, and at most as much less as was taken off in all.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, StringArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

use crate::render::{group_digits, truncate};

/// Values that are said.
const TOP: usize = 3;

/// Cells of a value that is said: addresses begin alike.
const CELLS: usize = 30;

/// Values that are kept at most.
const MOST_KEPT: usize = 20_000;

/// The function: of texts, or of lists of texts, to what is said.
pub(super) fn function() -> AggregateUDF {
    AggregateUDF::from(Frequent { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Frequent {
    signature: Signature,
}

impl AggregateUDFImpl for Frequent {
    fn name(&self) -> &str {
        "frequent_values"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let list = |kind| DataType::List(Arc::new(Field::new_list_field(kind, true)));
        let parts = [
            ("values", list(DataType::Utf8)),
            ("counts", list(DataType::Int64)),
            ("taken_off", DataType::Int64),
        ];
        let field = |(part, kind): (&str, DataType)| {
            Arc::new(Field::new(format_state_name(arguments.name, part), kind, true))
        };
        Ok(parts.map(field).into())
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Counts::default()))
    }
}

/// What is kept of the values.
#[derive(Debug, Default)]
struct Counts {
    counts: HashMap<Box<str>, i64>,
    /// What was taken off each count at most.
    taken_off: i64,
    /// The bytes of the texts.
    bytes: usize,
}

impl Counts {
    fn add(&mut self, text: &str, times: i64) {
        if let Some(count) = self.counts.get_mut(text) {
            *count += times;
            return;
        }
        self.counts.insert(text.into(), times);
        self.bytes += text.len();
        if self.counts.len() > MOST_KEPT {
            self.thin();
        }
    }

    /// Forgets at least half of the values, those that come least.
    fn thin(&mut self) {
        let mut counts: Vec<i64> = self.counts.values().copied().collect();
        let middle = counts.len() / 2;
        let (_, half, _) = counts.select_nth_unstable(middle);
        let half = *half;
        self.counts.retain(|_, count| {
            *count -= half;
            *count > 0
        });
        self.taken_off += half;
        self.bytes = self.counts.keys().map(|text| text.len()).sum();
    }

    /// Adds the known texts of an array, or of the lists in it.
    fn add_all(&mut self, values: &ArrayRef) -> Result<()> {
        let mut add = |items: ArrayRef| self.add_texts(&items);
        match values.data_type() {
            DataType::List(_) => values.as_list::<i32>().iter().flatten().try_for_each(add),
            DataType::LargeList(_) => values.as_list::<i64>().iter().flatten().try_for_each(add),
            _ => add(Arc::clone(values)),
        }
    }

    fn add_texts(&mut self, texts: &ArrayRef) -> Result<()> {
        let texts = cast(texts, &DataType::Utf8View)?;
        texts.as_string_view().iter().flatten().for_each(|text| self.add(text, 1));
        Ok(())
    }

    /// The most frequent values, of which each is sure to be among them.
    fn said(&self) -> Option<String> {
        let least = self.taken_off.max(1);
        let counts = self.counts.iter().filter(|(_, count)| **count > least);
        let mut found: Vec<(&Box<str>, &i64)> = counts.collect();
        found.sort_by(|one, other| other.1.cmp(one.1).then_with(|| one.0.cmp(other.0)));
        found.truncate(TOP);
        let at_least = if self.taken_off > 0 { "≥ " } else { "" };
        let said = found.iter().map(|(text, count)| {
            let count = group_digits(count.unsigned_abs());
            format!("{} ({at_least}{count})", truncate(text, CELLS, "…"))
        });
        let said = said.collect::<Vec<_>>().join(", ");
        (!said.is_empty()).then_some(said)
    }
}

impl Accumulator for Counts {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        columns.iter().try_for_each(|values| self.add_all(values))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, counts, taken_off] = states else {
            return internal_err!("not values, counts and what was taken off");
        };
        for row in 0..values.len() {
            let texts = values.as_list::<i32>().value(row);
            let numbers = counts.as_list::<i32>().value(row);
            let numbers = numbers.as_primitive::<Int64Type>().values();
            for (text, times) in texts.as_string::<i32>().iter().flatten().zip(numbers) {
                self.add(text, *times);
            }
            self.taken_off += taken_off.as_primitive::<Int64Type>().value(row);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let length = self.counts.len();
        let texts = StringArray::from_iter_values(self.counts.keys());
        let counts: Int64Array = self.counts.values().copied().collect();
        let arrays: [ArrayRef; 2] = [Arc::new(texts), Arc::new(counts)];
        let lists = arrays.map(|items| {
            let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
            let offsets = OffsetBuffer::from_lengths([length]);
            ScalarValue::List(Arc::new(ListArray::new(field, offsets, items, None)))
        });
        Ok(lists.into_iter().chain([ScalarValue::from(self.taken_off)]).collect())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Utf8(self.said()))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes + self.counts.capacity() * size_of::<(Box<str>, i64)>()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::Accumulator;

    use super::{Counts, MOST_KEPT};

    #[test]
    fn the_most_frequent_come_first_and_those_that_stand_alone_do_not() {
        let mut counts = Counts::default();
        for (text, times) in [("b", 2), ("a", 2), ("c", 1), ("d", 3000), ("e", 2)] {
            counts.add(text, times);
        }
        assert_eq!(counts.said().as_deref(), Some("d (3,000), a (2), b (2)"));
        assert_eq!(Counts::default().said(), None);
    }

    #[test]
    fn of_very_many_values_the_frequent_are_known_with_a_count_that_is_not_too_high() {
        let mut parts = [Counts::default(), Counts::default()];
        let all = 5 * MOST_KEPT;
        for number in 0..all {
            let part = &mut parts[number % 2];
            part.add(&number.to_string(), 1);
            if number % 10 == 0 {
                part.add("often", 1);
            }
        }
        let [mut one, mut other] = parts;
        let state = other.state().unwrap().into_iter().map(|part| part.to_array().unwrap());
        one.merge_batch(&state.collect::<Vec<_>>()).unwrap();
        assert!(one.counts.len() <= MOST_KEPT && one.taken_off > 0);
        let kept = one.counts["often"];
        let often = (all / 10) as i64;
        assert!(kept <= often && often <= kept + one.taken_off, "{kept} {often}");
        assert!(one.said().unwrap().starts_with("often (≥ "));
    }
}
