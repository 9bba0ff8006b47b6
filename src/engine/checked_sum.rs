//! `sum` over integers that reports an overflow where the engine's own wraps
//! around: summing ids, or counts of billions, must not give a wrong number.
//! Truths are summed as 1 and 0: `sum(is_repost)` counts those that are true.
//!
//! Sums are kept in 128 bits, which 2^63 rows cannot overflow, and checked once
//! when the result is made. Other types go to the engine's own `sum`, but for doubles of
//! a frame that moves on: see `moving`.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, PrimitiveArray,
    UInt64Array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Field, FieldRef, Int64Type, UInt64Type,
};
use datafusion::common::types::{LogicalTypeRef, NativeType, logical_boolean, logical_int64};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Coercion, Documentation, EmitTo,
    GroupsAccumulator, ReversedUDAF, SetMonotonicity, Signature, TypeSignature, TypeSignatureClass,
    Volatility,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::accumulate::NullState;

use super::moving;
use super::wrapped::as_the_engine_says;

/// The type in which partial sums travel.
const STATE: DataType = DataType::Decimal128(38, 0);

/// `sum` with overflow reported.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct CheckedSum {
    engine: Sum,
    signature: Signature,
}

impl Default for CheckedSum {
    fn default() -> Self {
        let engine = Sum::default();
        let signature = with_truths(engine.signature(), logical_int64(), NativeType::Int64);
        Self { engine, signature }
    }
}

/// What a function of numbers takes, and truths, which are 1 and 0 of the type `number`.
pub(super) fn with_truths(
    numbers: &Signature,
    number: LogicalTypeRef,
    native: NativeType,
) -> Signature {
    let truths = vec![TypeSignatureClass::Native(logical_boolean())];
    let coercion = Coercion::new_implicit(TypeSignatureClass::Native(number), truths, native);
    let takes = vec![numbers.type_signature.clone(), TypeSignature::Coercible(vec![coercion])];
    Signature::one_of(takes, Volatility::Immutable)
}

/// Whether sums of the type are ours to check.
fn is_integer(kind: &DataType) -> bool {
    matches!(kind, DataType::Int64 | DataType::UInt64)
}

impl AggregateUDFImpl for CheckedSum {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn return_type(&self, arguments: &[DataType]) -> Result<DataType>;
        fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool;
        fn set_monotonicity(&self, kind: &DataType) -> SetMonotonicity;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let kind = args.return_field.data_type().clone();
        match (is_integer(&kind), args.is_distinct) {
            (true, false) => Ok(Box::new(Total { kind, sum: 0, rows: 0 })),
            (true, true) => Ok(Box::new(DistinctTotal { kind, seen: HashSet::new() })),
            (false, _) => self.engine.accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if !is_integer(args.return_type()) || args.is_distinct {
            return self.engine.state_fields(args);
        }
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "sum"), STATE, true))])
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let kind = args.return_field.data_type().clone();
        if is_integer(&kind) {
            Ok(Box::new(GroupTotals { kind, sums: Vec::new(), nulls: NullState::new() }))
        } else {
            self.engine.create_groups_accumulator(args)
        }
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        let kind = args.return_field.data_type().clone();
        if args.is_distinct {
            let function = Arc::new(AggregateUDF::from(Self::default()));
            return Ok(moving::each_time(&function, &args));
        }
        match kind {
            DataType::Int64 | DataType::UInt64 => Ok(Box::new(Total { kind, sum: 0, rows: 0 })),
            DataType::Float64 => Ok(moving::sum()),
            _ => self.engine.create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// `sum` as a number of `kind`, or the error that it does not fit.
fn fitted(sum: i128, kind: &DataType) -> Result<ScalarValue> {
    let fits = match kind {
        DataType::UInt64 => u64::try_from(sum).map(|sum| ScalarValue::UInt64(Some(sum))),
        _ => i64::try_from(sum).map(|sum| ScalarValue::Int64(Some(sum))),
    };
    fits.map_err(|_| too_large(sum, kind))
}

/// The error that a sum is no number of `kind`.
pub(super) fn too_large(sum: i128, kind: &DataType) -> datafusion::error::DataFusionError {
    let error = crate::Error::query(format!("the sum {sum} does not fit into {kind}"))
        .hint("sum a DECIMAL(38,0) or DOUBLE instead, as in sum(CAST(x AS DECIMAL(38,0)))");
    datafusion::error::DataFusionError::External(Box::new(error))
}

/// Calls `take` with each known integer of `values`.
fn each(values: &ArrayRef, mut take: impl FnMut(i128)) -> Result<()> {
    match values.data_type() {
        DataType::Int64 => {
            values.as_primitive::<Int64Type>().iter().flatten().for_each(|v| take(v.into()));
        }
        DataType::UInt64 => {
            values.as_primitive::<UInt64Type>().iter().flatten().for_each(|v| take(v.into()));
        }
        DataType::Decimal128(..) => {
            values.as_primitive::<Decimal128Type>().iter().flatten().for_each(take);
        }
        other => return Err(exec_datafusion_err!("sum met {other} where an integer was due")),
    }
    Ok(())
}

/// One running sum, which can also give rows back as a window moves on.
#[derive(Debug)]
struct Total {
    kind: DataType,
    sum: i128,
    rows: u64,
}

impl Accumulator for Total {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each(&values[0], |value| {
            self.sum += value;
            self.rows += 1;
        })
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each(&values[0], |value| {
            self.sum -= value;
            self.rows -= 1;
        })
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = (self.rows > 0).then_some(self.sum);
        Ok(vec![ScalarValue::Decimal128(sum, 38, 0)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.rows == 0 {
            ScalarValue::try_from(&self.kind)
        } else {
            fitted(self.sum, &self.kind)
        }
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The sum of distinct integers.
#[derive(Debug)]
struct DistinctTotal {
    kind: DataType,
    seen: HashSet<i128>,
}

impl Accumulator for DistinctTotal {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each(&values[0], |value| {
            self.seen.insert(value);
        })
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.update_batch(&[list])?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Result<Vec<_>> =
            self.seen.iter().map(|value| fitted(*value, &self.kind)).collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&values?, &self.kind))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.seen.is_empty() {
            return ScalarValue::try_from(&self.kind);
        }
        fitted(self.seen.iter().sum(), &self.kind)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.seen.capacity() * size_of::<i128>()
    }
}

/// The sums of many groups at once.
#[derive(Debug)]
struct GroupTotals {
    kind: DataType,
    sums: Vec<i128>,
    nulls: NullState,
}

impl GroupTotals {
    fn add<T: ArrowPrimitiveType + Send>(
        &mut self,
        values: &PrimitiveArray<T>,
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) where
        i128: From<T::Native>,
    {
        self.sums.resize(total_groups, 0);
        let sums = &mut self.sums;
        self.nulls.accumulate(groups, values, filter, total_groups, |group, value| {
            sums[group] += i128::from(value);
        });
    }

    fn take(&mut self, emit: EmitTo) -> (Vec<i128>, Option<NullBuffer>) {
        (emit.take_needed(&mut self.sums), self.nulls.build(emit))
    }
}

impl GroupsAccumulator for GroupTotals {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        match values[0].data_type() {
            DataType::UInt64 => {
                self.add(values[0].as_primitive::<UInt64Type>(), groups, filter, total_groups);
            }
            _ => self.add(values[0].as_primitive::<Int64Type>(), groups, filter, total_groups),
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        total_groups: usize,
    ) -> Result<()> {
        self.add(states[0].as_primitive::<Decimal128Type>(), groups, None, total_groups);
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let kind = self.kind.clone();
        let (sums, nulls) = self.take(emit);
        let wrong = |sum: &i128| too_large(*sum, &kind);
        Ok(match kind {
            DataType::UInt64 => {
                let sums = sums.iter().map(|sum| u64::try_from(*sum).map_err(|_| wrong(sum)));
                Arc::new(UInt64Array::new(sums.collect::<Result<Vec<_>>>()?.into(), nulls))
            }
            _ => {
                let sums = sums.iter().map(|sum| i64::try_from(*sum).map_err(|_| wrong(sum)));
                Arc::new(Int64Array::new(sums.collect::<Result<Vec<_>>>()?.into(), nulls))
            }
        })
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, nulls) = self.take(emit);
        let sums = Decimal128Array::new(sums.into(), nulls).with_data_type(STATE);
        Ok(vec![Arc::new(sums)])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let wide = datafusion::arrow::compute::cast(&values[0], &STATE)?;
        let kept = match filter {
            None => wide,
            Some(filter) => {
                let dropped = datafusion::arrow::compute::not(filter)?;
                datafusion::arrow::compute::nullif(&wide, &dropped)?
            }
        };
        Ok(vec![kept])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.nulls.size()
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn the_sum_of_truths_counts_those_that_are_true() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(VALUES ('a', 1, true), ('a', 2, true), ('a', 3, false), ('b', 4, NULL),
                     ('c', 5, false)) AS t(g, i, is_so)";
        for (asked, wanted) in [
            ("sum(is_so) AS x FROM {}", vec!["2"]),
            ("sum(DISTINCT is_so) AS x FROM {}", vec!["1"]),
            ("sum(i > 1) AS x FROM {} WHERE g = 'a'", vec!["2"]),
            ("sum(is_so) AS x FROM {} GROUP BY g ORDER BY g", vec!["2", "", "0"]),
            ("sum(is_so) FILTER (WHERE i > 1) AS x FROM {}", vec!["1"]),
            (
                "sum(is_so) OVER (ORDER BY i ROWS 1 PRECEDING) AS x FROM {} ORDER BY i",
                vec!["1", "2", "1", "0", "0"],
            ),
            ("arrow_typeof(sum(is_so)) AS x FROM {}", vec!["Int64"]),
        ] {
            let sql = format!("SELECT {}", asked.replace("{}", rows));
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
        }
        let text = session.collect("SELECT sum('1')").await.unwrap_err().to_string();
        assert!(text.contains("sum takes numbers"), "{text}");
    }
}
