//! Functions that ask how often each value of a group comes.
//!
//! What is looked for does not depend on the order in which rows come, nor on the number
//! of threads. Many groups share one table of values ([`tallied`]); values that are not
//! compared by themselves, and those of a window, are kept as bytes ([`rows`]).

mod arrays;
mod chosen;
mod rows;
mod tallied;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, ColumnarValue, Documentation, GroupsAccumulator, Signature,
    Volatility,
};

pub(super) use arrays::{comparable, lists, maps};
use rows::{Groups, OneGroup};
use tallied::Tallied;

use super::Function;
use super::arguments::{coerce_compared, documentation};
use super::grouped::{same_by_name, told_of_all};

/// What a function makes of the values.
#[derive(Debug)]
pub(super) struct Counted {
    /// What it gives.
    pub(super) gives: Gives,
    /// What the function is called elsewhere.
    pub(super) aliases: &'static [&'static str],
}

/// What is given for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// The value that comes most often, and the least of several.
    MostFrequent,
    /// The least value that a share of all does not go beyond; the second argument is
    /// the share.
    Quantile,
    /// The greatest value that a share of all does not go below.
    QuantileFromTop,
    /// How much a value tells, in bits.
    Entropy,
    /// How often each value comes, as a map in the order of the values.
    Histogram,
    /// The values that come most often, as a list; the second argument is how many.
    Commonest,
}

/// Most values of such a list.
const MOST_VALUES: f64 = 1_000_000.0;

impl Gives {
    /// What the second argument is, and the least and the greatest that there may be.
    fn second(self) -> (&'static str, f64, f64) {
        match self {
            Self::Commonest => ("number of values", 1.0, MOST_VALUES),
            _ => ("share", 0.0, 1.0),
        }
    }
}

/// What is asked of the values of each group.
#[derive(Debug, Clone)]
struct Asked {
    gives: Gives,
    /// The second argument; `None` if it is unknown, or if there is none.
    second: Option<f64>,
    /// Whether each value counts once.
    is_distinct: bool,
    /// The type of the values.
    kind: DataType,
}

impl Asked {
    /// What a value weighs that comes in so many rows.
    fn weight(&self, count: i64) -> i64 {
        if self.is_distinct { 1 } else { count }
    }

    /// How many values are given at most where a list of them is.
    fn most(&self) -> usize {
        self.second.map_or(0, |most| most as usize)
    }
}

/// A [`Counted`] as DataFusion calls it.
#[derive(Debug)]
pub(super) struct CountedCall {
    function: &'static Function,
    gives: Gives,
    aliases: Vec<String>,
    signature: Signature,
    documentation: Documentation,
}

impl CountedCall {
    /// The `function` with its `body`.
    pub(super) fn new(function: &'static Function, body: &'static Counted) -> Self {
        Self {
            function,
            gives: body.gives,
            aliases: body.aliases.iter().map(|&alias| alias.to_owned()).collect(),
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: documentation(function),
        }
    }

    /// What is asked of the values of each group.
    fn asked(&self, arguments: &AccumulatorArgs<'_>) -> Result<Asked> {
        let Some(value) = arguments.expr_fields.first() else {
            return internal_err!("{} was not given a value", self.function.name);
        };
        Ok(Asked {
            gives: self.gives,
            second: self.second(arguments)?,
            is_distinct: arguments.is_distinct,
            kind: value.data_type().clone(),
        })
    }

    /// The second argument, which is the same for all rows; `None` if it is unknown.
    fn second(&self, arguments: &AccumulatorArgs<'_>) -> Result<Option<f64>> {
        let Some(second) = arguments.exprs.get(1) else { return Ok(None) };
        let (name, (what, least, most)) = (self.function.name, self.gives.second());
        let no_rows = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let Ok(ColumnarValue::Scalar(second)) = second.evaluate(&no_rows) else {
            return plan_err!("the {what} of {name} is a number, not a column");
        };
        let ScalarValue::Float64(second) = second.cast_to(&DataType::Float64)? else {
            return internal_err!("the {what} of {name} is no number");
        };
        match second {
            Some(second) if !(least..=most).contains(&second) => {
                plan_err!("the {what} of {name} lies between {least} and {most}, not at {second}")
            }
            second => Ok(second),
        }
    }
}

same_by_name!(CountedCall);

impl AggregateUDFImpl for CountedCall {
    told_of_all!();

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        coerce_compared(self.function, given)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match self.gives {
            Gives::Entropy => Ok(DataType::Float64),
            Gives::Histogram => Ok(DataType::Map(arrays::entries(&arguments[0]), false)),
            Gives::Commonest => {
                Ok(DataType::List(Arc::new(Field::new_list_field(arguments[0].clone(), true))))
            }
            Gives::MostFrequent | Gives::Quantile | Gives::QuantileFromTop => {
                Ok(arguments[0].clone())
            }
        }
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let types = [arguments.input_fields[0].data_type().clone(), DataType::Int64];
        let fields = ["values", "counts"].iter().zip(types).map(|(part, kind)| {
            let kind = DataType::List(Arc::new(Field::new_list_field(kind, true)));
            Arc::new(Field::new(format_state_name(arguments.name, part), kind, true))
        });
        Ok(fields.collect())
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::new(self.asked(&arguments)?)?))
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let asked = self.asked(&arguments)?;
        match Tallied::of(&asked)? {
            Some(tallied) => Ok(Box::new(tallied)),
            None => Ok(Box::new(Groups::new(asked)?)),
        }
    }
}
