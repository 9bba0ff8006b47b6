//! `avg` of decimals, of which the engine cuts all but four more digits: of 0.1, 0.2 and
//! 0.2 it makes 0.16666. Here it is their exact sum divided as decimals are, which gives a
//! double of all digits. [Whole numbers](super::whole_averages) are added up exactly as well.
//! Averages of other numbers are the engine's own, and that of truths is the share of those
//! that are true.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::types::{
    NativeType, logical_float64, logical_int8, logical_int16, logical_int32, logical_int64,
    logical_uint8, logical_uint16, logical_uint32,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::{average, count, sum};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Coercion, Documentation, EmitTo,
    GroupsAccumulator, ReversedUDAF, Signature, TypeSignature, TypeSignatureClass,
};

use super::checked_sum::with_truths;
use super::decimals::quotient;
use super::moving;
use super::whole_averages::{self, DistinctMean, GroupMeans, Mean};
use super::wrapped::as_the_engine_says;

/// `avg`.
pub(super) fn function() -> AggregateUDF {
    let engine = average::avg_udaf();
    let others = with_truths(engine.signature(), logical_float64(), NativeType::Float64);
    let takes = vec![whole_numbers(), others.type_signature];
    let signature = Signature::one_of(takes, others.volatility);
    let (sum, count) = (sum::sum_udaf(), count::count_udaf());
    AggregateUDF::from(Average { engine, signature, sum, count })
}

/// Whole numbers of all types for which 64 bits have room.
fn whole_numbers() -> TypeSignature {
    let shorter = [
        logical_int8(),
        logical_int16(),
        logical_int32(),
        logical_uint8(),
        logical_uint16(),
        logical_uint32(),
    ];
    TypeSignature::Coercible(vec![Coercion::new_implicit(
        TypeSignatureClass::Native(logical_int64()),
        shorter.map(TypeSignatureClass::Native).to_vec(),
        NativeType::Int64,
    )])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Average {
    engine: Arc<AggregateUDF>,
    signature: Signature,
    sum: Arc<AggregateUDF>,
    count: Arc<AggregateUDF>,
}

impl Average {
    /// What the sum and the number of the decimals are.
    fn fields(&self, decimals: &[FieldRef]) -> Result<[FieldRef; 2]> {
        Ok([self.sum.return_field(decimals)?, self.count.return_field(decimals)?])
    }

    /// What `make` makes of the sum and of the number of the decimals.
    fn both<T>(
        &self,
        args: &AccumulatorArgs<'_>,
        make: fn(&AggregateUDF, AccumulatorArgs<'_>) -> Result<T>,
    ) -> Result<Both<T>> {
        let [sum, count] = self.fields(args.expr_fields)?;
        let states = self.sum.state_fields(state_args(args, &sum))?.len();
        let of = |return_field| AccumulatorArgs { return_field, ..again(args) };
        Ok(Both { sum: make(&self.sum, of(sum))?, count: make(&self.count, of(count))?, states })
    }
}

/// `args` once more.
fn again<'a>(args: &AccumulatorArgs<'a>) -> AccumulatorArgs<'a> {
    AccumulatorArgs { return_field: Arc::clone(&args.return_field), ..*args }
}

fn state_args<'a>(args: &AccumulatorArgs<'a>, return_field: &FieldRef) -> StateFieldsArgs<'a> {
    StateFieldsArgs {
        name: args.name,
        input_fields: args.expr_fields,
        return_field: Arc::clone(return_field),
        ordering_fields: &[],
        is_distinct: args.is_distinct,
    }
}

fn are_decimals(values: &[FieldRef]) -> bool {
    values.iter().any(|value| value.data_type().is_decimal())
}

fn are_whole(values: &[FieldRef]) -> bool {
    values.iter().any(|value| value.data_type() == &DataType::Int64)
}

impl AggregateUDFImpl for Average {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [exact] if exact.is_decimal() || exact == &DataType::Int64 => Ok(DataType::Float64),
            _ => self.engine.return_type(arguments),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if are_decimals(args.expr_fields) {
            return Ok(Box::new(self.both(&args, AggregateUDF::accumulator)?));
        }
        match (are_whole(args.expr_fields), args.is_distinct) {
            (true, true) => Ok(Box::<DistinctMean>::default()),
            (true, false) => Ok(Box::<Mean>::default()),
            (false, _) => self.engine.accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if are_whole(args.input_fields) {
            return Ok(whole_averages::state_fields(&args));
        }
        if !are_decimals(args.input_fields) {
            return self.engine.state_fields(args);
        }
        let [sum, count] = self.fields(args.input_fields)?;
        let of = |return_field| StateFieldsArgs { return_field, ..args };
        let sum = self.sum.state_fields(of(sum))?;
        let count = self.count.state_fields(of(count))?;
        // Of distinct decimals both keep the same, by the same name.
        let named = |of: &'static str| {
            move |field: FieldRef| {
                let name = format!("{}[{of}]", field.name());
                Arc::new(Field::clone(&field).with_name(name)) as FieldRef
            }
        };
        Ok(sum.into_iter().map(named("sum")).chain(count.into_iter().map(named("count"))).collect())
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        if are_whole(args.expr_fields) {
            return !args.is_distinct;
        }
        if !are_decimals(args.expr_fields) {
            return self.engine.groups_accumulator_supported(args);
        }
        let supported =
            self.both(&args, |function, args| Ok(function.groups_accumulator_supported(args)));
        supported.is_ok_and(|both| both.sum && both.count)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        if are_whole(args.expr_fields) {
            return Ok(Box::<GroupMeans>::default());
        }
        if !are_decimals(args.expr_fields) {
            return self.engine.create_groups_accumulator(args);
        }
        let both = self.both(&args, AggregateUDF::create_groups_accumulator)?;
        Ok(Box::new(both))
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        let is_whole = are_whole(args.expr_fields);
        if !is_whole && !are_decimals(args.expr_fields) {
            return self.engine.create_sliding_accumulator(args);
        }
        if args.is_distinct {
            return Ok(moving::each_time(&Arc::new(function()), &args));
        }
        if is_whole {
            return Ok(Box::<Mean>::default());
        }
        Ok(Box::new(self.both(&args, AggregateUDF::create_sliding_accumulator)?))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// The sum and the number of the same decimals.
#[derive(Debug)]
struct Both<T> {
    sum: T,
    count: T,
    /// How many columns the state of the sum has; those of the number come after.
    states: usize,
}

impl Accumulator for Both<Box<dyn Accumulator>> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sum.update_batch(values)?;
        self.count.update_batch(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (sum, count) = states.split_at(self.states);
        self.sum.merge_batch(sum)?;
        self.count.merge_batch(count)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok([self.sum.state()?, self.count.state()?].concat())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = self.sum.evaluate()?.to_scalar()?;
        let count = self.count.evaluate()?.to_scalar()?;
        ScalarValue::try_from_array(&quotient(&sum, &count)?, 0)
    }

    fn size(&self) -> usize {
        self.sum.size() + self.count.size()
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sum.retract_batch(values)?;
        self.count.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.sum.supports_retract_batch() && self.count.supports_retract_batch()
    }
}

impl GroupsAccumulator for Both<Box<dyn GroupsAccumulator>> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sum.update_batch(values, groups, filter, total)?;
        self.count.update_batch(values, groups, filter, total)
    }

    fn evaluate(&mut self, which: EmitTo) -> Result<ArrayRef> {
        let (sums, counts) = (self.sum.evaluate(which)?, self.count.evaluate(which)?);
        Ok(quotient(&sums, &counts)?)
    }

    fn state(&mut self, which: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok([self.sum.state(which)?, self.count.state(which)?].concat())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        let (sum, count) = states.split_at(self.states);
        self.sum.merge_batch(sum, groups, total)?;
        self.count.merge_batch(count, groups, total)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let sum = self.sum.convert_to_state(values, filter)?;
        Ok([sum, self.count.convert_to_state(values, filter)?].concat())
    }

    fn size(&self) -> usize {
        self.sum.size() + self.count.size()
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn averages_of_decimals_have_the_digits_of_a_double() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows =
            "(VALUES ('a', 1, 0.1), ('a', 2, 0.2), ('a', 3, 0.2), ('b', 4, NULL), ('b', 5, 0.7),
                     ('c', 6, NULL)) AS t(g, i, d)";
        for (asked, wanted) in [
            ("avg(d) AS x FROM {}", vec!["0.3"]),
            ("avg(d) FILTER (WHERE g = 'a') AS x FROM {}", vec!["0.16666666666666666"]),
            ("avg(DISTINCT d) AS x FROM {} WHERE g = 'a'", vec!["0.15"]),
            ("avg(d) AS x FROM {} GROUP BY g ORDER BY g", vec!["0.16666666666666666", "0.7", ""]),
            ("mean(d) AS x FROM {} WHERE g = 'c'", vec![""]),
            // A third of those of which it is known is greater.
            ("avg(d > 0.5) AS x FROM {} WHERE i > 1", vec!["0.3333333333333333"]),
            ("avg(d > 0.5) AS x FROM {} GROUP BY g ORDER BY g", vec!["0.0", "1.0", ""]),
            (
                "avg(d > 0.5) OVER (ORDER BY i ROWS 1 PRECEDING) AS x FROM {} WHERE d > 0 ORDER BY i",
                vec!["0.0", "0.0", "0.0", "0.5"],
            ),
            ("avg(d * i) AS x FROM {} WHERE g = 'a'", vec!["0.36666666666666664"]),
            (
                "avg(d) OVER (ORDER BY i ROWS 1 PRECEDING) AS x FROM {} WHERE g < 'c' ORDER BY i",
                vec!["0.1", "0.15", "0.2", "0.2", "0.7"],
            ),
            (
                "avg(DISTINCT d) OVER (ORDER BY i ROWS 2 PRECEDING) AS x FROM {} WHERE g = 'a' ORDER BY i",
                vec!["0.1", "0.15", "0.15"],
            ),
        ] {
            let sql = format!("SELECT {}", asked.replace("{}", rows));
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
        }
    }
}
