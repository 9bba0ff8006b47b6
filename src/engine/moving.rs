//! Aggregates over frames that move on: `stddev(likes) OVER (ORDER BY posted_at ROWS 6
//! PRECEDING)`.
//!
//! The engine subtracts what leaves a frame. With doubles that leaves what rounding made
//! of both: variances below nothing, or nothing of the small numbers behind a large one.
//! Many aggregates cannot give anything back and were refused.
//!
//! Here nothing is subtracted. Sums and moments are kept in two stacks: one of the rows
//! that leave first, each with all that come after it there, and one of those that came
//! since, with what they are together. Putting both together is all that an answer takes;
//! once the first is used up, the second becomes the first, so that each row is added
//! three times at most. Texts that are put together have a file of their own. For other
//! aggregates the rows of the frame are kept and gone over each time. All that is not a
//! moving frame is the engine's own.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, UInt64Array};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::cast::as_float64_array;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::expr::{
    AggregateFunction, AggregateFunctionParams, WindowFunctionParams,
};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Operator,
    ReversedUDAF, SetMonotonicity, Signature, StatisticsArgs,
};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::prelude::SessionContext;

use super::moving_texts::texts;
use super::paired_moments;
use super::wrapped::as_the_engine_says;
use crate::functions;

/// The engine's functions whose frames are ours to move, but for those of pairs of numbers.
const NAMES: [&str; 14] = [
    "avg",
    "var",
    "var_pop",
    "stddev",
    "stddev_pop",
    "string_agg",
    "bool_and",
    "bool_or",
    "bit_and",
    "bit_or",
    "any_value",
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
];

/// Puts functions with frames of ours in the place of those that `context` knows.
pub(super) fn register(context: &SessionContext) {
    let put = |name: &str| {
        if let Ok(engine) = context.udaf(name) {
            context.register_udaf(AggregateUDF::new_from_impl(Moving { engine }));
        }
    };
    NAMES.into_iter().for_each(put);
    paired_moments::engines().for_each(|engine| put(engine.name()));
    let own = functions::ALL.iter().filter(|function| function.is_aggregate());
    own.for_each(|function| put(function.name));
}

/// The sum of doubles in a frame that moves on.
pub(super) fn sum() -> Box<dyn Accumulator> {
    Numbers::<Total>::finished_by(|total| ScalarValue::Float64(total.sum()))
}

/// `function` over a frame whose rows are gone over each time.
pub(super) fn each_time(
    function: &Arc<AggregateUDF>,
    args: &AccumulatorArgs<'_>,
) -> Box<dyn Accumulator> {
    Box::new(Frame { call: Call::of(function, args), pieces: Vec::new() })
}

/// A function of which only moving frames are ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Moving {
    engine: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Moving {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn schema_name(&self, params: &AggregateFunctionParams) -> Result<String>;
        fn human_display(&self, params: &AggregateFunctionParams) -> Result<String>;
        fn window_function_schema_name(&self, params: &WindowFunctionParams) -> Result<String>;
        fn display_name(&self, params: &AggregateFunctionParams) -> Result<String>;
        fn window_function_display_name(&self, params: &WindowFunctionParams) -> Result<String>;
        fn signature(&self) -> &Signature;
        fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>>;
        fn return_type(&self, arguments: &[DataType]) -> Result<DataType>;
        fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef>;
        fn is_nullable(&self) -> bool;
        fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>>;
        fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool;
        fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>)
            -> Result<Box<dyn GroupsAccumulator>>;
        fn order_sensitivity(&self) -> AggregateOrderSensitivity;
        fn simplify(&self) -> Option<AggregateFunctionSimplification>;
        fn simplify_expr_op_literal(&self, call: &AggregateFunction, argument: &Expr,
            operator: Operator, literal: &Expr, is_left: bool) -> Result<Option<Expr>>;
        fn is_descending(&self) -> Option<bool>;
        fn value_from_stats(&self, statistics: &StatisticsArgs<'_>) -> Option<ScalarValue>;
        fn default_value(&self, kind: &DataType) -> Result<ScalarValue>;
        fn supports_null_handling_clause(&self) -> bool;
        fn supports_within_group_clause(&self) -> bool;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        // What only a window does, whose rows come in the order of another one.
        if args.is_reversed && args.order_bys.is_empty() {
            let texts = texts(self.name(), &args);
            return Ok(texts.unwrap_or_else(|| each_time(&self.engine, &args)));
        }
        self.engine.accumulator(args)
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        let known = numbers(self.name(), &args).or_else(|| texts(self.name(), &args));
        if let Some(known) = known {
            return Ok(known);
        }
        let gone_over = each_time(&self.engine, &args);
        let own = self.engine.create_sliding_accumulator(args)?;
        Ok(if own.supports_retract_batch() { own } else { gone_over })
    }

    fn with_beneficial_ordering(
        self: Arc<Self>,
        is_ordered: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        let ordered = Arc::clone(self.engine.inner()).with_beneficial_ordering(is_ordered)?;
        Ok(ordered.map(|ordered| {
            let engine = Arc::new(AggregateUDF::new_from_shared_impl(ordered));
            Arc::new(Self { engine }) as Arc<dyn AggregateUDFImpl>
        }))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        match self.engine.reverse_udf() {
            ReversedUDAF::Reversed(reversed) if reversed.name() == self.name() => {
                ReversedUDAF::Reversed(Arc::new(AggregateUDF::new_from_impl(self.clone())))
            }
            other => other,
        }
    }

    fn set_monotonicity(&self, kind: &DataType) -> SetMonotonicity {
        self.engine.inner().set_monotonicity(kind)
    }
}

/// What moves along for the function `name`, if it is one of doubles that can be told
/// from their sum or their moments.
fn numbers(name: &str, args: &AccumulatorArgs<'_>) -> Option<Box<dyn Accumulator>> {
    let are_doubles = args.expr_fields.iter().all(|field| field.data_type() == &DataType::Float64);
    if args.is_distinct || !are_doubles {
        return None;
    }
    let finish: fn(Moments) -> ScalarValue = match name {
        "avg" => {
            let average = |total: Total| ScalarValue::Float64(total.average());
            return Some(Numbers::<Total>::finished_by(average));
        }
        "regr_count" => |all| ScalarValue::Int64(Some(all.rows as i64)),
        "var" => |all| all.shared(all.squares[0], 1.0),
        "var_pop" => |all| all.shared(all.squares[0], 0.0),
        "stddev" => |all| root(&all.shared(all.squares[0], 1.0)),
        "stddev_pop" => |all| root(&all.shared(all.squares[0], 0.0)),
        "covar_samp" => |all| all.shared(all.product, 1.0),
        "covar_pop" => |all| all.shared(all.product, 0.0),
        "corr" => |all| ScalarValue::Float64(all.correlation()),
        "regr_slope" => |all| ScalarValue::Float64(all.slope()),
        "regr_intercept" => |all| {
            let intercept = all.slope().map(|slope| all.means[0] - slope * all.means[1]);
            ScalarValue::Float64(intercept)
        },
        "regr_r2" => |all| ScalarValue::Float64(all.determination()),
        "regr_avgx" => |all| all.known(all.means[1]),
        "regr_avgy" => |all| all.known(all.means[0]),
        "regr_sxx" => |all| all.known(all.squares[1]),
        "regr_syy" => |all| all.known(all.squares[0]),
        "regr_sxy" => |all| all.known(all.product),
        _ => return None,
    };
    Some(Numbers::finished_by(finish))
}

fn root(number: &ScalarValue) -> ScalarValue {
    match number {
        ScalarValue::Float64(number) => ScalarValue::Float64(number.map(f64::sqrt)),
        other => other.clone(),
    }
}

/// What is kept of some rows that follow each other.
pub(super) trait Part: Copy + Debug + Send + Sync + 'static {
    /// What is kept of none, or of one that is unknown.
    const NONE: Self;

    /// What is kept of these rows and of `later` ones.
    fn then(self, later: Self) -> Self;
}

/// What is kept of rows of doubles.
pub(super) trait OfDoubles: Part {
    /// What is kept of one row.
    fn of(row: [f64; 2]) -> Self;
}

/// A sum, with the digits that a double has no room for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Total {
    high: f64,
    low: f64,
    rows: f64,
}

impl Total {
    /// All together, if there is a row.
    pub(super) fn sum(self) -> Option<f64> {
        (self.rows > 0.0).then_some(self.high)
    }

    /// What each row has on average, if there is one.
    pub(super) fn average(self) -> Option<f64> {
        (self.rows > 0.0).then(|| self.high / self.rows)
    }
}

impl Part for Total {
    const NONE: Self = Self { high: 0.0, low: 0.0, rows: 0.0 };

    fn then(self, later: Self) -> Self {
        if self.rows == 0.0 {
            return later;
        }
        if later.rows == 0.0 {
            return self;
        }
        let rows = self.rows + later.rows;
        let sum = self.high + later.high;
        // What rounding has taken from the sum (Knuth, TwoSum).
        let of_later = sum - self.high;
        let lost = (self.high - (sum - of_later)) + (later.high - of_later);
        let low = self.low + later.low + lost;
        let high = sum + low;
        if !low.is_finite() || !high.is_finite() {
            return Self { high: sum, low: 0.0, rows };
        }
        Self { high, low: low - (high - sum), rows }
    }
}

impl OfDoubles for Total {
    fn of([value, _]: [f64; 2]) -> Self {
        Self { high: value, low: 0.0, rows: 1.0 }
    }
}

/// How many rows there are, the means of one or two numbers of each, and how far they
/// lie from the means: the sums of the squares, and of the products.
#[derive(Debug, Clone, Copy)]
struct Moments {
    rows: f64,
    means: [f64; 2],
    squares: [f64; 2],
    product: f64,
}

impl Moments {
    /// `total` for each row, where `fewer` of them count.
    fn shared(self, total: f64, fewer: f64) -> ScalarValue {
        ScalarValue::Float64((self.rows > fewer).then(|| total / (self.rows - fewer)))
    }

    /// `number` if there is a row that it is about.
    fn known(self, number: f64) -> ScalarValue {
        ScalarValue::Float64((self.rows > 0.0).then_some(number))
    }

    fn correlation(self) -> Option<f64> {
        match self.means.map(f64::is_nan) {
            [true, true] => return Some(f64::NAN),
            [false, false] if self.rows > 1.0 => {}
            _ => return None,
        }
        let [one, other] = self.squares.map(|square| (square / self.rows).sqrt());
        (one != 0.0 && other != 0.0).then(|| self.product / self.rows / one / other)
    }

    fn slope(self) -> Option<f64> {
        (self.rows > 1.0 && self.squares[1] != 0.0).then(|| self.product / self.squares[1])
    }

    fn determination(self) -> Option<f64> {
        let [one, other] = self.squares;
        let varies = self.rows > 1.0 && one != 0.0 && other != 0.0;
        varies.then(|| (self.product / one) * (self.product / other))
    }
}

impl Part for Moments {
    const NONE: Self = Self { rows: 0.0, means: [0.0; 2], squares: [0.0; 2], product: 0.0 };

    fn then(self, later: Self) -> Self {
        if self.rows == 0.0 {
            return later;
        }
        if later.rows == 0.0 {
            return self;
        }
        let rows = self.rows + later.rows;
        let apart = [later.means[0] - self.means[0], later.means[1] - self.means[1]];
        let weight = self.rows * later.rows / rows;
        let mean = |at: usize| self.means[at] + apart[at] * (later.rows / rows);
        let square =
            |at: usize| self.squares[at] + later.squares[at] + apart[at] * apart[at] * weight;
        Self {
            rows,
            means: [mean(0), mean(1)],
            squares: [square(0), square(1)],
            product: self.product + later.product + apart[0] * apart[1] * weight,
        }
    }
}

impl OfDoubles for Moments {
    fn of(row: [f64; 2]) -> Self {
        Self { rows: 1.0, means: row, ..Self::NONE }
    }
}

/// The rows of a frame in two stacks.
#[derive(Debug)]
pub(super) struct Stacks<P> {
    /// The next one to leave is the last; each is put together with all behind it here.
    leaving: Vec<P>,
    /// Those that came since.
    entered: Vec<P>,
    all_entered: P,
}

impl<P: Part> Stacks<P> {
    /// A frame without rows.
    pub(super) fn new() -> Self {
        Self { leaving: Vec::new(), entered: Vec::new(), all_entered: P::NONE }
    }

    /// Takes the next row in.
    pub(super) fn enter(&mut self, part: P) {
        self.entered.push(part);
        self.all_entered = self.all_entered.then(part);
    }

    /// Whether there was one to leave.
    pub(super) fn leave(&mut self) -> bool {
        if self.leaving.is_empty() {
            let mut from_here = P::NONE;
            self.leaving.extend(self.entered.drain(..).rev().map(|part| {
                from_here = part.then(from_here);
                from_here
            }));
            self.all_entered = P::NONE;
        }
        self.leaving.pop().is_some()
    }

    /// All rows together.
    pub(super) fn whole(&self) -> P {
        self.leaving.last().map_or(self.all_entered, |first| first.then(self.all_entered))
    }
}

/// A function of doubles over a frame.
#[derive(Debug)]
struct Numbers<P> {
    stacks: Stacks<P>,
    finish: fn(P) -> ScalarValue,
}

impl<P: OfDoubles> Numbers<P> {
    fn finished_by(finish: fn(P) -> ScalarValue) -> Box<dyn Accumulator> {
        Box::new(Self { stacks: Stacks::new(), finish })
    }
}

impl<P: OfDoubles> Accumulator for Numbers<P> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let columns = values.iter().map(|column| as_float64_array(column));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        for at in 0..rows(values) {
            let mut row = [0.0; 2];
            for (value, column) in row.iter_mut().zip(&columns) {
                *value = column.value(at);
            }
            let is_known = columns.iter().all(|column| column.is_valid(at));
            self.stacks.enter(if is_known { P::of(row) } else { P::NONE });
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if (0..rows(values)).all(|_| self.stacks.leave()) { Ok(()) } else { none_left() }
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok((self.finish)(self.stacks.whole()))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        not_in_parts()
    }

    fn merge_batch(&mut self, _states: &[ArrayRef]) -> Result<()> {
        not_in_parts()
    }

    fn size(&self) -> usize {
        let Stacks { leaving, entered, .. } = &self.stacks;
        size_of_val(self) + (leaving.capacity() + entered.capacity()) * size_of::<P>()
    }
}

fn rows(columns: &[ArrayRef]) -> usize {
    columns.first().map_or(0, Array::len)
}

fn none_left() -> Result<()> {
    internal_err!("a row that leaves a window was not in it")
}

fn not_in_parts<T>() -> Result<T> {
    internal_err!("a window that moves on is not put together from parts")
}

/// A call of an aggregate, which can be begun again and again.
#[derive(Debug)]
struct Call {
    function: Arc<AggregateUDF>,
    return_field: FieldRef,
    schema: Schema,
    ignore_nulls: bool,
    order_bys: Vec<PhysicalSortExpr>,
    is_reversed: bool,
    name: String,
    is_distinct: bool,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    expr_fields: Vec<FieldRef>,
}

impl Call {
    fn of(function: &Arc<AggregateUDF>, args: &AccumulatorArgs<'_>) -> Self {
        Self {
            function: Arc::clone(function),
            return_field: Arc::clone(&args.return_field),
            schema: args.schema.clone(),
            ignore_nulls: args.ignore_nulls,
            order_bys: args.order_bys.to_vec(),
            is_reversed: args.is_reversed,
            name: args.name.to_owned(),
            is_distinct: args.is_distinct,
            exprs: args.exprs.to_vec(),
            expr_fields: args.expr_fields.to_vec(),
        }
    }

    /// One that has no rows yet, and is given them in their order.
    fn begin(&self) -> Result<Box<dyn Accumulator>> {
        self.function.accumulator(AccumulatorArgs {
            return_field: Arc::clone(&self.return_field),
            schema: &self.schema,
            ignore_nulls: self.ignore_nulls,
            order_bys: &self.order_bys,
            is_reversed: false,
            name: &self.name,
            is_distinct: self.is_distinct,
            exprs: &self.exprs,
            expr_fields: &self.expr_fields,
        })
    }
}

/// The rows of a frame, for a function that is computed anew each time.
#[derive(Debug)]
struct Frame {
    call: Call,
    /// Each piece has more rows than the next one, so that there are few.
    pieces: Vec<Vec<ArrayRef>>,
}

impl Accumulator for Frame {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if rows(values) == 0 {
            return Ok(());
        }
        self.pieces.push(values.to_vec());
        while let [.., earlier, later] = self.pieces.as_slice()
            && rows(earlier) <= rows(later)
        {
            let columns = earlier.iter().zip(later);
            let joined = columns.map(|(one, other)| concat(&[one.as_ref(), other.as_ref()]));
            let joined = joined.collect::<Result<Vec<_>, _>>()?;
            self.pieces.truncate(self.pieces.len() - 2);
            self.pieces.push(joined);
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut leaving = rows(values);
        while leaving > 0 {
            let Some(first) = self.pieces.first_mut() else { return none_left() };
            let held = rows(first);
            if held > leaving {
                for column in first {
                    *column = column.slice(leaving, held - leaving);
                }
                break;
            }
            self.pieces.remove(0);
            leaving -= held;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut once = self.call.begin()?;
        if self.call.is_reversed {
            for piece in self.pieces.iter().rev() {
                once.update_batch(&backwards(piece)?)?;
            }
        } else {
            for piece in &self.pieces {
                once.update_batch(piece)?;
            }
        }
        once.evaluate()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        not_in_parts()
    }

    fn merge_batch(&mut self, _states: &[ArrayRef]) -> Result<()> {
        not_in_parts()
    }

    fn size(&self) -> usize {
        let columns = self.pieces.iter().flatten();
        size_of_val(self) + columns.map(Array::get_array_memory_size).sum::<usize>()
    }
}

/// The rows of `columns`, the last one first.
fn backwards(columns: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
    let order = UInt64Array::from_iter_values((0..rows(columns) as u64).rev());
    let turned = columns.iter().map(|column| take(column, &order, None));
    Ok(turned.collect::<Result<Vec<_>, _>>()?)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// What `expression` is for each row of `rows`, whose columns are `i` and others.
    async fn each(session: &Session, expression: &str, rows: &str) -> Vec<String> {
        let sql = format!("SELECT {expression} AS found FROM (VALUES {rows} ORDER BY i");
        answer(session, &sql).await.split_off(1)
    }

    #[tokio::test]
    async fn what_has_left_a_frame_leaves_no_trace() {
        let session = Session::new(None, Settings::default()).unwrap();
        let last = "OVER (ORDER BY i ROWS 1 PRECEDING)";
        let alike = "(1, 0.1), (2, 0.7), (3, 0.7)) AS t(i, v)";
        let spread = each(&session, &format!("stddev(v) {last}"), alike).await;
        assert_eq!((spread[0].as_str(), spread[2].as_str()), ("", "0.0"));
        assert!((spread[1].parse::<f64>().unwrap() - 0.18_f64.sqrt()).abs() < 1e-15);

        let far = "(1, 1e20), (2, 1.0), (3, 1.0), (4, 'nan'::double), (5, 2.0), (6, 4.0),
                   (7, NULL), (8, NULL)) AS t(i, v)";
        for (function, wanted) in [
            ("sum(v)", ["1e20", "1e20", "2.0", "NaN", "NaN", "6.0", "4.0", ""]),
            ("avg(v)", ["1e20", "5e19", "1.0", "NaN", "NaN", "3.0", "4.0", ""]),
            ("var_pop(v)", ["0.0", "2.5e39", "0.0", "NaN", "NaN", "1.0", "0.0", ""]),
            ("var(v)", ["", "5e39", "0.0", "NaN", "NaN", "2.0", "", ""]),
            ("covar_pop(v, i)", ["0.0", "-2.5e19", "0.0", "NaN", "NaN", "0.5", "0.0", ""]),
            ("corr(v, i)", ["", "-1.0", "", "", "", "1.0", "", ""]),
            ("regr_slope(v, i)", ["", "-1e20", "0.0", "NaN", "NaN", "2.0", "", ""]),
            ("regr_slope(i, v)", ["", "-1e-20", "", "NaN", "NaN", "0.5", "", ""]),
            ("regr_r2(v, i)", ["", "1.0", "1.0", "NaN", "NaN", "1.0", "", ""]),
            ("regr_count(v, i)", ["1", "2", "2", "2", "2", "2", "1", "0"]),
        ] {
            let found = each(&session, &format!("{function} {last}"), far).await;
            let same = found.iter().zip(wanted).all(|(found, wanted)| {
                let near = |one: f64, other: f64| (one - other).abs() <= other.abs() * 1e-14;
                match (found.parse::<f64>(), wanted.parse::<f64>()) {
                    (Ok(one), Ok(other)) => one.is_nan() && other.is_nan() || near(one, other),
                    _ => found == wanted,
                }
            });
            assert!(same && found.len() == wanted.len(), "{function}: {found:?}");
        }
    }

    /// With numbers that are not far from zero: of others the engine's own lose digits when
    /// nothing moves.
    #[tokio::test]
    async fn moving_frames_agree_with_the_same_rows_joined() {
        let session = Session::new(None, Settings::default()).unwrap();
        for function in [
            "sum(v)",
            "avg(w)",
            "stddev(v)",
            "stddev_pop(w)",
            "var(w)",
            "covar_samp(v, w)",
            "corr(v, w)",
            "regr_slope(v, w)",
            "regr_intercept(w, v)",
            "regr_r2(v, w)",
            "regr_sxx(v, w)",
            "regr_syy(v, w)",
            "regr_sxy(v, w)",
            "regr_avgx(v, w)",
            "regr_avgy(v, w)",
            "avg(DISTINCT w)",
            "sum(DISTINCT w)",
            "sum(DISTINCT i % 5)",
            "gini(w)",
            "skewness(w)",
        ] {
            let sql = format!(
                "WITH t AS (
                   SELECT value AS i, 100 + (value * 7919 % 101) / 8.0 AS v, value % 3 AS g,
                     CASE WHEN value % 7 = 0 THEN NULL ELSE (value * 31 % 17)::double END AS w
                   FROM generate_series(1, 300)),
                 moved AS (
                   SELECT i AS n, {function} OVER (PARTITION BY g ORDER BY i
                     RANGE BETWEEN 40 PRECEDING AND 9 FOLLOWING)::double AS f FROM t),
                 joined AS (
                   SELECT here, ({function})::double AS j
                   FROM (SELECT i AS here, g AS own FROM t)
                   JOIN t ON own = g AND i BETWEEN here - 40 AND here + 9 GROUP BY here)
                 SELECT count(*) AS pairs, count(f) AS moving, count(j) AS still,
                   sum((abs(f - j) > 1e-9 * greatest(1.0, abs(j)))::int) AS differing
                 FROM moved JOIN joined ON n = here"
            );
            assert_eq!(answer(&session, &sql).await[1], "300|300|300|0", "{function}");
        }
    }

    #[tokio::test]
    async fn sums_of_distinct_numbers_do_not_wrap_around_in_a_frame() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "SELECT sum(DISTINCT i) OVER (ORDER BY i ROWS 1 PRECEDING) AS found
                   FROM (VALUES (9223372036854775807), (2)) AS t(i)";
        let error = session.collect(sql).await.unwrap_err().to_string();
        assert!(error.contains("does not fit"), "{error}");
    }

    #[tokio::test]
    async fn what_gives_nothing_back_is_gone_over() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows =
            "(1, 'a', true), (2, 'b', false), (3, NULL, true), (4, 'd', true)) AS t(i, x, b)";
        for (expression, wanted) in [
            ("string_agg(x, '-') OVER (ORDER BY i ROWS 1 PRECEDING)", ["a", "a-b", "b", "d"]),
            (
                "string_agg(x, '') OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)",
                ["ab", "ab", "bd", "d"],
            ),
            ("string_agg(x, '') OVER (ORDER BY i DESC ROWS 1 PRECEDING)", ["ba", "b", "d", "d"]),
            (
                "string_agg(x, '') FILTER (WHERE b) OVER (ORDER BY i ROWS 2 PRECEDING)",
                ["a", "a", "a", "d"],
            ),
            ("bool_and(b) OVER (ORDER BY i ROWS 1 PRECEDING)", ["true", "false", "false", "true"]),
            ("bool_or(b) OVER (ORDER BY i ROWS CURRENT ROW)", ["true", "false", "true", "true"]),
            ("bit_and(i) OVER (ORDER BY i ROWS 1 PRECEDING)", ["1", "0", "2", "0"]),
            ("bit_or(i) OVER (ORDER BY i ROWS 1 PRECEDING)", ["1", "3", "3", "7"]),
            ("any_value(i) OVER (ORDER BY i ROWS CURRENT ROW)", ["1", "2", "3", "4"]),
            ("approx_median(i) OVER (ORDER BY i ROWS CURRENT ROW)", ["1.0", "2.0", "3.0", "4.0"]),
            ("product(i) OVER (ORDER BY i ROWS 1 PRECEDING)", ["1.0", "2.0", "6.0", "12.0"]),
        ] {
            assert_eq!(each(&session, expression, rows).await, wanted, "{expression}");
        }
    }

    #[tokio::test]
    async fn texts_enter_and_leave_at_both_ends() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(1, '微'), (2, NULL), (3, '博'), (4, '')) AS t(i, x)";
        let all = "string_agg(x, '——') OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING
                                               AND 1 FOLLOWING) || '/' ||
                   string_agg(x, '——') OVER (ORDER BY i DESC) || '/' ||
                   string_agg(x, '——') OVER (ORDER BY i DESC ROWS 1 PRECEDING)";
        let wanted = ["微/——博——微/微", "微——博/——博/博", "博——/——博/——博", "博——//"];
        assert_eq!(each(&session, all, rows).await, wanted);
        for (unknown, wanted) in [
            ("string_agg(x, NULL) OVER (ORDER BY i ROWS 2 PRECEDING)", ["微", "微", "微博", "博"]),
            (
                "string_agg(x, '-') OVER (ORDER BY i ROWS BETWEEN 1 FOLLOWING AND 1 FOLLOWING)",
                ["", "博", "", ""],
            ),
        ] {
            assert_eq!(each(&session, unknown, rows).await, wanted, "{unknown}");
        }
    }

    #[tokio::test]
    async fn a_window_read_in_the_order_of_another_keeps_its_own() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(1, 'a'), (2, 'b'), (3, 'c')) AS t(i, x)";
        let both = "string_agg(x, '') OVER (ORDER BY i) || '/' ||
                    string_agg(x, '') OVER (ORDER BY i DESC) || '/' ||
                    string_agg(x, '') OVER (ORDER BY i ROWS BETWEEN CURRENT ROW
                                            AND UNBOUNDED FOLLOWING)";
        assert_eq!(each(&session, both, rows).await, ["a/cba/abc", "ab/cb/bc", "abc/c/c"]);
    }
}
