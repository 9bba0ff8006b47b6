//! Counts and numbers of rows are BIGINT: `row_number()`, `rank()`, `ntile(4)`,
//! `array_length(hashtags)`.
//!
//! The engine gives them without a sign. Then `-row_number() OVER ()` is refused, the
//! difference of two ranks overflows where it is below nothing, and beside an integer they
//! become decimals, of which `ntile(4) OVER (...) / 2` has digits behind the point.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::compute::{SortOptions, cast};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::FunctionRegistry;
use datafusion::functions_aggregate::approx_distinct::approx_distinct_udaf;
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::function::{
    AccumulatorArgs, ExpressionArgs, PartitionEvaluatorArgs, StateFieldsArgs, WindowUDFFieldArgs,
};
use datafusion::logical_expr::window_state::WindowAggState;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Documentation, EmitTo, Expr,
    GroupsAccumulator, LimitEffect, PartitionEvaluator, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;

use super::wrapped::as_the_engine_says;

/// Window functions that count.
const OF_ROWS: [&str; 4] = ["row_number", "rank", "dense_rank", "ntile"];

/// Functions of lists that count.
const OF_LISTS: [&str; 6] = [
    "array_length",
    "cardinality",
    "array_position",
    "array_positions",
    "array_ndims",
    "array_dims",
];

/// Aggregates that count, and of which the engine does not give BIGINT.
const OF_GROUPS: [&str; 2] = ["approx_distinct", "regr_count"];

/// Puts functions that give BIGINT in the place of those that `context` knows.
pub(super) fn register(context: &SessionContext) {
    for name in OF_ROWS {
        if let Ok(engine) = context.udwf(name) {
            context.register_udwf(numbers(engine));
        }
    }
    for name in OF_LISTS {
        if let Ok(engine) = context.udf(name) {
            context.register_udf(ScalarUDF::from(OfLists { engine }));
        }
    }
    for name in OF_GROUPS {
        if let Ok(engine) = context.udaf(name) {
            context.register_udaf(AggregateUDF::from(OfGroups { engine }));
        }
    }
}

/// A call of `row_number`, for rules that make expressions of their own.
pub(super) fn row_number() -> Expr {
    numbers(row_number_udwf()).call(Vec::new())
}

/// A call of `approx_distinct`, likewise.
pub(super) fn approx_distinct(value: Expr) -> Expr {
    AggregateUDF::from(OfGroups { engine: approx_distinct_udaf() }).call(vec![value])
}

fn numbers(engine: Arc<WindowUDF>) -> WindowUDF {
    WindowUDF::new_from_impl(OfRows { engine })
}

/// What stands for `kind`, in which the engine counts.
fn signed(kind: &DataType) -> DataType {
    match kind {
        DataType::UInt64 => DataType::Int64,
        DataType::List(item) => {
            let kind = signed(item.data_type());
            DataType::List(Arc::new(Field::clone(item).with_data_type(kind)))
        }
        other => other.clone(),
    }
}

fn signed_field(field: &FieldRef) -> FieldRef {
    Arc::new(Field::clone(field).with_data_type(signed(field.data_type())))
}

/// A window function of which only the type of the numbers is ours.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OfRows {
    engine: Arc<WindowUDF>,
}

impl WindowUDFImpl for OfRows {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn signature(&self) -> &Signature;
        fn expressions(&self, args: ExpressionArgs<'_>) -> Vec<Arc<dyn PhysicalExpr>>;
        fn sort_options(&self) -> Option<SortOptions>;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Signed { engine: self.engine.partition_evaluator_factory(args)? }))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(signed_field(&self.engine.field(args)?))
    }

    fn limit_effect(&self, args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        self.engine.inner().limit_effect(args)
    }
}

/// What gives numbers with a sign, and in all else is the engine's.
#[derive(Debug)]
struct Signed<T> {
    engine: T,
}

impl PartitionEvaluator for Signed<Box<dyn PartitionEvaluator>> {
    as_the_engine_says! {
        fn get_range(&self, row: usize, rows: usize) -> Result<Range<usize>>;
        fn is_causal(&self) -> bool;
        fn supports_bounded_execution(&self) -> bool;
        fn uses_window_frame(&self) -> bool;
        fn include_rank(&self) -> bool;
    }

    fn memoize(&mut self, state: &mut WindowAggState) -> Result<()> {
        self.engine.memoize(state)
    }

    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        Ok(cast(&self.engine.evaluate_all(values, rows)?, &DataType::Int64)?)
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        match self.engine.evaluate(values, range)? {
            // As nobody has more rows than fit.
            ScalarValue::UInt64(number) => {
                Ok(ScalarValue::Int64(number.and_then(|number| i64::try_from(number).ok())))
            }
            other => other.cast_to(&DataType::Int64),
        }
    }

    fn evaluate_all_with_rank(&self, rows: usize, ranks: &[Range<usize>]) -> Result<ArrayRef> {
        Ok(cast(&self.engine.evaluate_all_with_rank(rows, ranks)?, &DataType::Int64)?)
    }
}

/// A function of lists of which only the type of the numbers is ours.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OfLists {
    engine: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for OfLists {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn signature(&self) -> &Signature;
        fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>>;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.engine.return_type(arguments).map(|kind| signed(&kind))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.engine.return_field_from_args(args).map(|field| signed_field(&field))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let kind = args.return_field.data_type().clone();
        let kinds = args.arg_fields.iter().map(|field| field.data_type().clone());
        let given = self.engine.return_type(&kinds.collect::<Vec<_>>())?;
        let return_field = Arc::new(Field::clone(&args.return_field).with_data_type(given));
        let counted = self.engine.invoke_with_args(ScalarFunctionArgs { return_field, ..args })?;
        counted.cast_to(&kind, None)
    }
}

/// An aggregate of which only the type of the number is ours.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OfGroups {
    engine: Arc<AggregateUDF>,
}

impl OfGroups {
    /// `args` as the engine has them.
    fn engines<'a>(&self, args: &AccumulatorArgs<'a>) -> Result<AccumulatorArgs<'a>> {
        let return_field = self.engine.return_field(args.expr_fields)?;
        Ok(AccumulatorArgs { return_field, ..*args })
    }
}

impl AggregateUDFImpl for OfGroups {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn signature(&self) -> &Signature;
        fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>>;
        fn is_nullable(&self) -> bool;
        fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.engine.return_type(arguments).map(|kind| signed(&kind))
    }

    fn default_value(&self, kind: &DataType) -> Result<ScalarValue> {
        self.engine.default_value(kind)?.cast_to(&DataType::Int64)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let return_field = self.engine.return_field(args.input_fields)?;
        self.engine.state_fields(StateFieldsArgs { return_field, ..args })
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Signed { engine: self.engine.accumulator(self.engines(&args)?)? }))
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Signed {
            engine: self.engine.create_groups_accumulator(self.engines(&args)?)?,
        }))
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        let engine = self.engine.create_sliding_accumulator(self.engines(&args)?)?;
        Ok(Box::new(Signed { engine }))
    }
}

impl Accumulator for Signed<Box<dyn Accumulator>> {
    as_the_engine_says! {
        fn size(&self) -> usize;
        fn supports_retract_batch(&self) -> bool;
    }

    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.engine.update_batch(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.engine.retract_batch(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.engine.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.engine.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.engine.evaluate()?.cast_to(&DataType::Int64)
    }
}

impl GroupsAccumulator for Signed<Box<dyn GroupsAccumulator>> {
    as_the_engine_says! {
        fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>)
            -> Result<Vec<ArrayRef>>;
        fn size(&self) -> usize;
    }

    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.engine.update_batch(values, groups, filter, total)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.engine.merge_batch(states, groups, total)
    }

    fn state(&mut self, which: EmitTo) -> Result<Vec<ArrayRef>> {
        self.engine.state(which)
    }

    fn evaluate(&mut self, which: EmitTo) -> Result<ArrayRef> {
        Ok(cast(&self.engine.evaluate(which)?, &DataType::Int64)?)
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn numbers_of_rows_are_integers_with_a_sign() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("ntile(3) OVER (ORDER BY k) / 2", ["0", "1", "1"]),
            ("-row_number() OVER (ORDER BY k)", ["-1", "-2", "-3"]),
            ("-row_number() OVER (ORDER BY k ROWS 1 PRECEDING)", ["-1", "-2", "-3"]),
            ("rank() OVER (ORDER BY k) - rank() OVER (ORDER BY k DESC)", ["-2", "0", "2"]),
            ("dense_rank() OVER (PARTITION BY k > 1 ORDER BY k DESC) - 2", ["-1", "0", "-1"]),
            ("arrow_typeof(row_number() OVER ())", ["Int64"; 3]),
            ("arrow_typeof(rank() OVER (ORDER BY k))", ["Int64"; 3]),
            ("arrow_typeof(dense_rank() OVER (ORDER BY k))", ["Int64"; 3]),
            ("arrow_typeof(ntile(2) OVER (ORDER BY k))", ["Int64"; 3]),
            ("arrow_typeof(percent_rank() OVER (ORDER BY k))", ["Float64"; 3]),
        ] {
            let sql = format!("SELECT {asked} AS x FROM (VALUES (1), (2), (3)) AS t(k) ORDER BY k");
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
        }
        let sql = "DESCRIBE SELECT ntile(2) OVER (ORDER BY k) AS x FROM (VALUES (1)) AS t(k)";
        assert_eq!(answer(&session, sql).await[1..], ["x|bigint|NO"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn numbers_of_items_are_integers_with_a_sign() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("array_length(l) / 2", "1"),
            ("list_length(l) - 4", "-1"),
            ("-cardinality(l)", "-3"),
            ("array_position(l, 7) - 4", "-2"),
            ("array_positions(l, 7)", "[2, 3]"),
            ("arrow_typeof(array_positions(l, 7)[1])", "Int64"),
            ("arrow_typeof(array_ndims(l))", "Int64"),
            ("array_dims(l)", "[3]"),
            ("array_length(NULL::bigint[])", ""),
            ("cardinality(map(['a'], [1])) - 2", "-1"),
        ] {
            for list in ["[5, 7, 7]", "CASE WHEN now() IS NOT NULL THEN [5, 7, 7] END"] {
                let sql = format!("SELECT {asked} AS x FROM (SELECT {list} AS l)");
                assert_eq!(answer(&session, &sql).await[1..], [wanted], "{sql}");
            }
        }
    }
    #[tokio::test(flavor = "multi_thread")]
    async fn numbers_of_groups_are_integers_with_a_sign() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("approx_count_distinct(k) / 2", "1"),
            ("arrow_typeof(approx_distinct(k))", "Int64"),
            ("regr_count(k, g) - 5", "-2"),
            ("approx_distinct(k) FILTER (WHERE k > 5)", "0"),
        ] {
            let sql =
                format!("SELECT {asked} AS x FROM (VALUES (1, 1), (1, 2), (2, 3)) AS t(g, k)");
            assert_eq!(answer(&session, &sql).await[1..], [wanted], "{sql}");
        }
        for (asked, wanted) in [
            ("regr_count(k, g) / 2", ["1", "0"]),
            ("approx_distinct(k) - 2", ["0", "-1"]),
            ("arrow_typeof(regr_count(k, g))", ["Int64"; 2]),
        ] {
            let from = "FROM (VALUES (1, 1), (1, 2), (2, 3)) AS t(g, k)";
            let sql = format!("SELECT {asked} AS x {from} GROUP BY g ORDER BY g");
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
            let window = "OVER (PARTITION BY g ORDER BY k ROWS 1 PRECEDING)";
            let sql = asked.replace("(k)", &format!("(k) {window}"));
            let sql = sql.replace("(k, g)", &format!("(k, g) {window}"));
            let sql = format!("SELECT {sql} AS x {from} WHERE g = 2");
            assert_eq!(answer(&session, &sql).await[1..], wanted[1..], "{sql}");
        }
    }
}
