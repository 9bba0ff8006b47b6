//! `corr(x, y)`, `covar_samp(x, y)`, `regr_slope(y, x)` and the like in many groups.
//!
//! The engine begins one of its own for each group and cuts each batch into the rows of
//! each. Of `corr` it keeps the sums of squares instead, which leave nothing of how
//! numbers far from zero differ, and find a correlation with numbers that are all alike.
//! Here the means of all groups, and how far their numbers lie from them, are in one
//! column that is brought up to date row by row (Welford 1962), and part by part
//! (Chan and others 1979). Without groups all is the engine's own.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, UInt64Array};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::cast::{as_float64_array, as_uint64_array};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::{correlation, covariance, regr};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator,
    Signature,
};
use datafusion::prelude::SessionContext;

use super::wrapped::as_the_engine_says;

/// Puts these functions in the place of the engine's own.
pub(super) fn register(context: &SessionContext) {
    for (engine, gives) in functions() {
        context.register_udaf(AggregateUDF::from(Paired { engine, gives }));
    }
}

/// The engine's functions of pairs of numbers.
pub(super) fn engines() -> impl Iterator<Item = Arc<AggregateUDF>> {
    functions().into_iter().map(|(engine, _)| engine)
}

fn functions() -> [(Arc<AggregateUDF>, Gives); 12] {
    [
        (correlation::corr_udaf(), Gives::Correlation),
        (covariance::covar_samp_udaf(), Gives::CovarianceOfSample),
        (covariance::covar_pop_udaf(), Gives::CovarianceOfAll),
        (regr::regr_slope_udaf(), Gives::Slope),
        (regr::regr_intercept_udaf(), Gives::Intercept),
        (regr::regr_count_udaf(), Gives::Rows),
        (regr::regr_r2_udaf(), Gives::Determination),
        (regr::regr_avgx_udaf(), Gives::Mean(1)),
        (regr::regr_avgy_udaf(), Gives::Mean(0)),
        (regr::regr_sxx_udaf(), Gives::Squares(1)),
        (regr::regr_syy_udaf(), Gives::Squares(0)),
        (regr::regr_sxy_udaf(), Gives::Product),
    ]
}

/// What is given for a group. Of its two arguments the first, which a line through the
/// points gives, has the number 0, and the second, by which it is given, the number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Gives {
    Correlation,
    CovarianceOfSample,
    CovarianceOfAll,
    /// How steep the line through the points is.
    Slope,
    /// Where it begins.
    Intercept,
    /// How many rows there are in which both are known.
    Rows,
    /// Which share of the variance the line explains.
    Determination,
    Mean(usize),
    /// The sum of the squares of the distances from the mean.
    Squares(usize),
    /// The sum of the products of these distances.
    Product,
}

impl Gives {
    /// What the columns of a state are that come after the number of rows. They are those
    /// of the engine.
    fn parts(self) -> &'static [Part] {
        match self {
            Self::Correlation => {
                &[Part::Mean(0), Part::Squares(0), Part::Mean(1), Part::Squares(1), Part::Product]
            }
            Self::CovarianceOfSample | Self::CovarianceOfAll => {
                &[Part::Mean(0), Part::Mean(1), Part::Product]
            }
            _ => &[Part::Mean(1), Part::Mean(0), Part::Squares(1), Part::Squares(0), Part::Product],
        }
    }
}

/// A part of [`Moments`].
#[derive(Debug, Clone, Copy)]
enum Part {
    Mean(usize),
    Squares(usize),
    Product,
}

/// A function of pairs of numbers, of which only groups are ours.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Paired {
    engine: Arc<AggregateUDF>,
    gives: Gives,
}

impl AggregateUDFImpl for Paired {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn signature(&self) -> &Signature;
        fn return_type(&self, arguments: &[DataType]) -> Result<DataType>;
        fn is_nullable(&self) -> bool;
        fn default_value(&self, kind: &DataType) -> Result<ScalarValue>;
        fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>>;
        fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>>;
        fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>)
            -> Result<Box<dyn Accumulator>>;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups { gives: self.gives, moments: Vec::new() }))
    }
}

/// How many rows there are, the means of the two numbers of each, and how far they lie
/// from the means: the sums of the squares, and of the products.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Moments {
    rows: f64,
    means: [f64; 2],
    squares: [f64; 2],
    product: f64,
}

impl Moments {
    /// Those of one row.
    fn of(row: [f64; 2]) -> Self {
        Self { rows: 1.0, means: row, ..Self::default() }
    }

    /// Takes another row in.
    fn add(&mut self, row: [f64; 2]) {
        self.rows += 1.0;
        let [one, other] = [row[0] - self.means[0], row[1] - self.means[1]];
        self.means[0] += one / self.rows;
        self.means[1] += other / self.rows;
        let rest = row[1] - self.means[1];
        self.squares[0] += one * (row[0] - self.means[0]);
        self.squares[1] += other * rest;
        self.product += one * rest;
    }

    /// Takes the rows of another part in.
    fn merge(&mut self, part: &Self) {
        if part.rows == 0.0 {
            return;
        }
        if self.rows == 0.0 {
            *self = *part;
            return;
        }
        let rows = self.rows + part.rows;
        let apart = [part.means[0] - self.means[0], part.means[1] - self.means[1]];
        let weight = self.rows * part.rows / rows;
        for (at, apart) in apart.iter().enumerate() {
            self.means[at] += apart * (part.rows / rows);
            self.squares[at] += part.squares[at] + apart * apart * weight;
        }
        self.product += part.product + apart[0] * apart[1] * weight;
        self.rows = rows;
    }

    fn part(&self, part: Part) -> f64 {
        match part {
            Part::Mean(of) => self.means[of],
            Part::Squares(of) => self.squares[of],
            Part::Product => self.product,
        }
    }

    fn set(&mut self, part: Part, number: f64) {
        match part {
            Part::Mean(of) => self.means[of] = number,
            Part::Squares(of) => self.squares[of] = number,
            Part::Product => self.product = number,
        }
    }

    /// `number` if more rows count than these.
    fn beyond(&self, rows: f64, number: f64) -> Option<f64> {
        (self.rows > rows).then_some(number)
    }

    fn correlation(&self) -> Option<f64> {
        match self.means.map(f64::is_nan) {
            [true, true] => return Some(f64::NAN),
            [false, false] if self.rows > 1.0 => {}
            _ => return None,
        }
        let [one, other] = self.squares.map(|squares| (squares / self.rows).sqrt());
        (one != 0.0 && other != 0.0).then(|| self.product / self.rows / one / other)
    }

    fn slope(&self) -> Option<f64> {
        let slope = self.product / self.squares[1];
        if self.squares[1] == 0.0 { None } else { self.beyond(1.0, slope) }
    }

    fn determination(&self) -> Option<f64> {
        let [one, other] = self.squares;
        let share = (self.product / one) * (self.product / other);
        if one == 0.0 || other == 0.0 { None } else { self.beyond(1.0, share) }
    }

    /// What is given; of the number of rows the number.
    fn value(&self, gives: Gives) -> Option<f64> {
        match gives {
            Gives::Correlation => self.correlation(),
            Gives::CovarianceOfSample => self.beyond(1.0, self.product / (self.rows - 1.0)),
            Gives::CovarianceOfAll => self.beyond(0.0, self.product / self.rows),
            Gives::Slope => self.slope(),
            Gives::Intercept => self.slope().map(|slope| self.means[0] - slope * self.means[1]),
            Gives::Rows => Some(self.rows),
            Gives::Determination => self.determination(),
            Gives::Mean(of) => self.beyond(0.0, self.means[of]),
            Gives::Squares(of) => self.beyond(0.0, self.squares[of]),
            Gives::Product => self.beyond(0.0, self.product),
        }
    }
}

/// The two columns that a function is given.
fn pairs(values: &[ArrayRef]) -> Result<[&Float64Array; 2]> {
    let [one, other] = values else { return internal_err!("not pairs of numbers") };
    Ok([as_float64_array(one)?, as_float64_array(other)?])
}

/// Whether both numbers of the row at `at` are known and pass.
fn counts([one, other]: [&Float64Array; 2], passes: Option<&BooleanArray>, at: usize) -> bool {
    let passes = passes.is_none_or(|passes| passes.is_valid(at) && passes.value(at));
    passes && one.is_valid(at) && other.is_valid(at)
}

/// The moments of all groups.
struct Groups {
    gives: Gives,
    moments: Vec<Moments>,
}

impl Groups {
    /// The columns of a state.
    fn columns(&self, moments: &[Moments]) -> Vec<ArrayRef> {
        let rows = moments.iter().map(|moments| moments.rows as u64);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(UInt64Array::from_iter_values(rows))];
        for part in self.gives.parts() {
            let numbers = moments.iter().map(|moments| moments.part(*part));
            columns.push(Arc::new(Float64Array::from_iter_values(numbers)));
        }
        columns
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.moments.resize(total_num_groups, Moments::default());
        let pairs = pairs(values)?;
        let [ones, others] = pairs;
        let rows = ones.values().iter().zip(others.values());
        let all_count = opt_filter.is_none() && ones.null_count() + others.null_count() == 0;
        for (at, (group, (one, other))) in group_indices.iter().zip(rows).enumerate() {
            if all_count || counts(pairs, opt_filter, at) {
                self.moments[*group].add([*one, *other]);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let moments = emit_to.take_needed(&mut self.moments);
        Ok(match self.gives {
            Gives::Rows => {
                let rows = moments.iter().map(|moments| moments.rows as u64);
                Arc::new(UInt64Array::from_iter_values(rows))
            }
            gives => {
                let numbers = moments.iter().map(|moments| moments.value(gives));
                Arc::new(numbers.collect::<Float64Array>())
            }
        })
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let moments = emit_to.take_needed(&mut self.moments);
        Ok(self.columns(&moments))
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.moments.resize(total_num_groups, Moments::default());
        let [rows, numbers @ ..] = values else { return internal_err!("a state without rows") };
        let rows = as_uint64_array(rows)?;
        let numbers = numbers.iter().map(|column| as_float64_array(column));
        let numbers = numbers.collect::<Result<Vec<_>>>()?;
        for (at, (group, rows)) in group_indices.iter().zip(rows.values().iter()).enumerate() {
            let mut part = Moments { rows: *rows as f64, ..Moments::default() };
            for (of, column) in self.gives.parts().iter().zip(&numbers) {
                part.set(*of, column.value(at));
            }
            self.moments[*group].merge(&part);
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let pairs = pairs(values)?;
        let moments = (0..pairs[0].len()).map(|at| {
            let row = pairs.map(|column| column.value(at));
            if counts(pairs, opt_filter, at) { Moments::of(row) } else { Moments::default() }
        });
        Ok(self.columns(&moments.collect::<Vec<_>>()))
    }

    fn size(&self) -> usize {
        self.moments.capacity() * size_of::<Moments>()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::compute::filter;
    use datafusion::arrow::datatypes::{Field, Schema};
    use datafusion::execution::FunctionRegistry;

    use super::*;
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// How many groups there are: the first two of many numbers, and those of which `batch`
    /// tells.
    const GROUPS: usize = 7;

    fn args(schema: &Schema) -> AccumulatorArgs<'_> {
        AccumulatorArgs {
            return_field: Arc::new(Field::new("f", DataType::Float64, true)),
            schema,
            ignore_nulls: false,
            order_bys: &[],
            is_reversed: false,
            name: "f",
            is_distinct: false,
            exprs: &[],
            expr_fields: &[],
        }
    }

    struct Batch {
        columns: [ArrayRef; 2],
        groups: Vec<usize>,
        passes: BooleanArray,
    }

    /// Pairs of which some are unknown. The group 2 has no rows, 3 has one, of 4 the second
    /// number is always the same, of 5 the first one is sometimes none, of 6 both never are
    /// numbers.
    fn batch(numbers: std::ops::Range<i32>) -> Batch {
        let groups: Vec<usize> = numbers
            .clone()
            .map(|n| if n == 17 { 3 } else { [0, 1, 4, 5, 6][n as usize * 7 % 5] })
            .collect();
        let pairs = numbers.clone().zip(&groups).map(|(n, group)| {
            let (one, other) = (f64::from(n * 37 % 101), f64::from(n * n % 53) / 8.0);
            let (one, other) = match group {
                1 => (1e6 + one, other + one / 4.0 - 1e4),
                4 => (one, 0.1),
                5 if n % 10 < 5 => (f64::NAN, other),
                6 => (f64::NAN, f64::NAN),
                _ => (one, other + one / 4.0),
            };
            ((n % 7 > 0 || n == 17).then_some(one), (n % 11 > 0).then_some(other))
        });
        let (ones, others): (Vec<_>, Vec<_>) = pairs.unzip();
        let passes = numbers.map(|n| match n % 9 {
            0 => Some(false),
            1 => None,
            _ => Some(true),
        });
        Batch {
            columns: [Arc::new(Float64Array::from(ones)), Arc::new(Float64Array::from(others))],
            groups,
            passes: passes.collect(),
        }
    }

    fn are_near(found: &ArrayRef, wanted: &[ScalarValue]) -> bool {
        let near =
            |row: usize| match (ScalarValue::try_from_array(found, row).unwrap(), &wanted[row]) {
                (ScalarValue::Float64(Some(one)), ScalarValue::Float64(Some(other))) => {
                    one.is_nan() && other.is_nan()
                        || (one - other).abs() <= 1e-9 * other.abs().max(1e-3)
                }
                (one, other) => &one == other,
            };
        found.len() == wanted.len() && (0..wanted.len()).all(near)
    }

    #[test]
    fn each_group_has_what_the_engine_gives_for_it_alone() {
        let ours = SessionContext::new();
        register(&ours);
        let schema = Schema::empty();
        let parts = [batch(0..90), batch(90..91), batch(91..400)];
        for engine in engines() {
            let name = engine.name();
            let ours = ours.udaf(name).unwrap();
            let alone = |group: usize| {
                let mut one = engine.accumulator(args(&schema)).unwrap();
                for Batch { columns, groups, passes } in &parts {
                    let is_of_it = |(at, of): (usize, &usize)| {
                        Some(*of == group && passes.is_valid(at) && passes.value(at))
                    };
                    let its: BooleanArray = groups.iter().enumerate().map(is_of_it).collect();
                    let given = columns.each_ref().map(|column| filter(column, &its).unwrap());
                    one.update_batch(&given).unwrap();
                }
                one.evaluate().unwrap()
            };
            let alone: Vec<ScalarValue> = (0..GROUPS).map(alone).collect();
            let new = || ours.create_groups_accumulator(args(&schema)).unwrap();
            let update = |groups: &mut dyn GroupsAccumulator, batch: &Batch| {
                let Batch { columns, groups: of, passes } = batch;
                groups.update_batch(columns, of, Some(passes), GROUPS).unwrap();
            };

            let mut one = new();
            parts.iter().for_each(|part| update(one.as_mut(), part));
            let first = one.evaluate(EmitTo::First(3)).unwrap();
            assert!(are_near(&first, &alone[..3]), "{name} {first:?} {alone:?}");
            let last = one.evaluate(EmitTo::All).unwrap();
            assert!(are_near(&last, &alone[3..]), "{name} {last:?} {alone:?}");
            assert_eq!(one.size(), 0, "{name}");

            // In parts, of which one is made of rows as they are.
            let mut all = new();
            update(one.as_mut(), &parts[0]);
            update(one.as_mut(), &parts[1]);
            let states = one.state(EmitTo::First(2)).unwrap();
            all.merge_batch(&states, &[0, 1], 2).unwrap();
            let states = one.state(EmitTo::All).unwrap();
            all.merge_batch(&states, &[2, 3, 4, 5, 6], GROUPS).unwrap();
            let Batch { columns, groups, passes } = &parts[2];
            let states = one.convert_to_state(columns, Some(passes)).unwrap();
            all.merge_batch(&states, groups, GROUPS).unwrap();
            let states = all.state(EmitTo::All).unwrap();
            all.merge_batch(&states, &[0, 1, 2, 3, 4, 5, 6], GROUPS).unwrap();
            let found = all.evaluate(EmitTo::All).unwrap();
            assert!(are_near(&found, &alone), "{name} {found:?} {alone:?}");

            // A state is one that the engine's own reads.
            let fields = engine.state_fields(StateFieldsArgs {
                name: "f",
                input_fields: &[],
                return_field: Arc::new(Field::new("f", DataType::Float64, true)),
                ordering_fields: &[],
                is_distinct: false,
            });
            let kinds =
                fields.unwrap().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
            assert_eq!(
                states.iter().map(|part| part.data_type().clone()).collect::<Vec<_>>(),
                kinds
            );
            for group in [0, 1] {
                let mut read = engine.accumulator(args(&schema)).unwrap();
                let state: Vec<_> = states.iter().map(|part| part.slice(group, 1)).collect();
                read.merge_batch(&state).unwrap();
                let found = read.evaluate().unwrap().to_array().unwrap();
                assert!(are_near(&found, &alone[group..=group]), "{name} {found:?}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn numbers_far_from_zero_and_all_alike_lose_nothing_in_groups() {
        let session = Session::new(None, Settings { threads: 2, ..Settings::default() }).unwrap();
        let rows =
            "(SELECT value % 3 AS g, (value * 37 % 101)::double AS x, (value % 53)::double AS y
                     FROM generate_series(1, 3000)) AS t";
        for (call, wanted) in [
            ("round(corr(1e9 + x, y - 1e9) - corr(x, y), 6)", "0.0"),
            ("round(covar_pop(1e9 + x, y) - covar_pop(x, y), 3)", "0.0"),
            ("corr(x, 0.1)", ""),
            ("regr_slope(x, 0.1)", ""),
            ("regr_slope(y * 2, y)", "2.0"),
            ("regr_count(x, y) FILTER (WHERE y < 0)", "0"),
            ("covar_samp(x, y) FILTER (WHERE y < 0)", ""),
        ] {
            let sql = format!("SELECT {call} AS f FROM {rows} GROUP BY g");
            let found = answer(&session, &sql).await;
            let found: Vec<_> = found[1..].iter().map(|one| one.trim_start_matches('-')).collect();
            assert_eq!(found, [wanted; 3], "{sql}");
        }
    }
}
