//! How numbers are spread from the lowest to the highest, as eight bars: what SUMMARIZE
//! says of numbers and times.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

/// Steps from the lowest to the highest.
const STEPS: usize = 8;

/// Numbers whose highest is so many times their median are counted in steps that grow.
const HEAVY: f64 = 50.0;

/// What is said beside the bars of steps that grow.
const GROWING: &str = " log";

/// The function: of numbers, and of their lowest, highest and median, which are the same
/// in all rows, to the bars. Without a median the steps are equal.
pub(super) fn function() -> AggregateUDF {
    AggregateUDF::from(Spread { signature: Signature::any(4, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Spread {
    signature: Signature,
}

impl AggregateUDFImpl for Spread {
    fn name(&self) -> &str {
        "spread_in_bars"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let counts = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)));
        let parts = [("counts", counts), ("grow", DataType::Boolean)];
        let field = |(part, kind): (&str, DataType)| {
            Arc::new(Field::new(format_state_name(arguments.name, part), kind, true))
        };
        Ok(parts.map(field).into())
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Bars::default()))
    }
}

/// The steps, of numbers that differ.
#[derive(Debug, Clone, Copy)]
struct Steps {
    low: f64,
    high: f64,
    /// Whether each is so many times as wide as the one before.
    grow: bool,
}

impl Steps {
    /// Equal steps, unless a few numbers are far above all others: then all would lie in
    /// the first.
    fn new(low: f64, high: f64, median: Option<f64>) -> Option<Self> {
        let far = median.is_some_and(|median| high > HEAVY * median.max(1.0));
        let differ = low < high && low.is_finite() && high.is_finite();
        differ.then_some(Self { low, high, grow: low >= 0.0 && far })
    }

    /// The step of `number`, counted from 0.
    fn of(self, number: f64) -> usize {
        let share = if self.grow {
            (number.ln_1p() - self.low.ln_1p()) / (self.high.ln_1p() - self.low.ln_1p())
        } else {
            (number - self.low) / (self.high - self.low)
        };
        // What is below the lowest, or no number, falls to the first.
        ((share * STEPS as f64) as usize).min(STEPS - 1)
    }
}

/// How many numbers lie in each step.
#[derive(Debug, Default)]
struct Bars {
    counts: [i64; STEPS],
    /// Whether the steps grow, once a number was counted.
    grow: Option<bool>,
}

impl Bars {
    fn said(&self) -> Option<String> {
        let bars = bars(&self.counts);
        self.grow.map(|grow| if grow { bars + GROWING } else { bars })
    }
}

fn bars(counts: &[i64]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |count: &i64| match *count {
        0 => '·',
        count => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
            [usize::try_from((count * 8 - 1) / most).unwrap_or(0).min(7)],
    };
    counts.iter().map(bar).collect()
}

impl Accumulator for Bars {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let [numbers, low, high, median] = columns else {
            return internal_err!("not numbers with their lowest, highest and median");
        };
        let first =
            |column: &ArrayRef| column.as_primitive::<Float64Type>().iter().next().flatten();
        let (Some(low), Some(high)) = (first(low), first(high)) else { return Ok(()) };
        let Some(steps) = Steps::new(low, high, first(median)) else { return Ok(()) };
        self.grow = Some(steps.grow);
        for number in numbers.as_primitive::<Float64Type>().iter().flatten() {
            self.counts[steps.of(number)] += 1;
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [counts, grow] = states else { return internal_err!("not counts and steps") };
        for row in 0..counts.len() {
            let others = counts.as_list::<i32>().value(row);
            let others = others.as_primitive::<Int64Type>().values();
            for (count, other) in self.counts.iter_mut().zip(others) {
                *count += other;
            }
            let grow = grow.as_boolean();
            self.grow = self.grow.or(grow.is_valid(row).then(|| grow.value(row)));
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let field = Arc::new(Field::new_list_field(DataType::Int64, true));
        let counts = Arc::new(Int64Array::from(self.counts.to_vec()));
        let counts = ListArray::new(field, OffsetBuffer::from_lengths([STEPS]), counts, None);
        Ok(vec![ScalarValue::List(Arc::new(counts)), ScalarValue::Boolean(self.grow)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Utf8(self.said()))
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::{Steps, bars};

    #[test]
    fn a_few_large_numbers_do_not_hide_how_the_others_are_spread() {
        let places = |steps: Steps| [0.0, 9.0, 20.0, 300.0, 100_000.0].map(|n| steps.of(n));
        let growing = Steps::new(0.0, 100_000.0, Some(20.0)).unwrap();
        assert!(growing.grow);
        assert_eq!(places(growing), [0, 1, 2, 3, 7]);
        let equal = Steps::new(0.0, 100_000.0, Some(40_000.0)).unwrap();
        assert_eq!(places(equal), [0, 0, 0, 0, 7]);
        assert!(!Steps::new(-1.0, 100_000.0, Some(1.0)).unwrap().grow);
        assert!(!Steps::new(0.0, 100_000.0, None).unwrap().grow);
        assert!(Steps::new(3.0, 3.0, None).is_none());
        assert!(Steps::new(0.0, f64::INFINITY, None).is_none());
    }

    #[test]
    fn bars_are_as_high_as_their_counts() {
        assert_eq!(bars(&[0, 1, 50, 100]), "·▁▄█");
    }
}
