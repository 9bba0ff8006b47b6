//! The average of whole numbers: the double that is nearest to their exact sum, divided by
//! their number. The engine adds them up as doubles, which loses the digits of large ones,
//! and other ones in another order of the rows.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array,
};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::accumulate::accumulate;

/// The type in which sums travel.
const SUM: DataType = DataType::Decimal128(38, 0);

/// What is kept of whole numbers, or of the different ones among them.
pub(super) fn state_fields(args: &StateFieldsArgs<'_>) -> Vec<FieldRef> {
    if args.is_distinct {
        let item = Field::new_list_field(DataType::Int64, true);
        return vec![Arc::new(Field::new_list(format_state_name(args.name, "seen"), item, true))];
    }
    let [sum, count] = ["sum", "count"].map(|part| format_state_name(args.name, part));
    vec![Arc::new(Field::new(sum, SUM, true)), Arc::new(Field::new(count, DataType::Int64, true))]
}

/// What `rows` numbers of which this is the `sum` are on average.
pub(super) fn mean(sum: i128, rows: u64) -> Option<f64> {
    let size = sum.unsigned_abs();
    if rows == 0 {
        return None;
    }
    if size < 1_u128 << f64::MANTISSA_DIGITS {
        return Some(sum as f64 / rows as f64);
    }
    // A quotient of more digits than a double has, the last of which says whether others
    // follow, so that it is rounded once.
    let shift = size.leading_zeros();
    let (whole, rest) = ((size << shift) / u128::from(rows), (size << shift) % u128::from(rows));
    let digits = (whole | u128::from(rest > 0)) as f64;
    let mean = digits / 2_f64.powi(shift.cast_signed());
    Some(if sum < 0 { -mean } else { mean })
}

/// The average of one group, which can also give rows back as a window moves on.
#[derive(Debug, Default)]
pub(super) struct Mean {
    sum: i128,
    rows: u64,
}

fn total(values: &Int64Array) -> i128 {
    match values.null_count() {
        0 => values.values().iter().map(|value| i128::from(*value)).sum(),
        _ => values.iter().flatten().map(i128::from).sum(),
    }
}

fn known(values: &Int64Array) -> u64 {
    (values.len() - values.null_count()) as u64
}

impl Accumulator for Mean {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values[0].as_primitive::<Int64Type>();
        self.sum += total(values);
        self.rows += known(values);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values[0].as_primitive::<Int64Type>();
        self.sum -= total(values);
        self.rows -= known(values);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (sum, rows) in parts(states).flatten() {
            self.sum += sum;
            self.rows += rows;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let rows = ScalarValue::Int64(Some(self.rows.cast_signed()));
        Ok(vec![ScalarValue::Decimal128(Some(self.sum), 38, 0), rows])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(mean(self.sum, self.rows)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The sum and the number of each row of `states`, if they are known.
fn parts(states: &[ArrayRef]) -> impl Iterator<Item = Option<(i128, u64)>> {
    let sums = states[0].as_primitive::<Decimal128Type>().iter();
    let counts = states[1].as_primitive::<Int64Type>().iter();
    sums.zip(counts).map(|(sum, count)| Some((sum?, count?.cast_unsigned())))
}

/// The average of the different numbers of one group.
#[derive(Debug, Default)]
pub(super) struct DistinctMean(HashSet<i64>);

impl Accumulator for DistinctMean {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.extend(values[0].as_primitive::<Int64Type>().iter().flatten());
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.update_batch(&[list])?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Vec<_> = self.0.iter().map(|value| ScalarValue::Int64(Some(*value))).collect();
        let list = ScalarValue::new_list_nullable(&values, &DataType::Int64);
        Ok(vec![ScalarValue::List(list)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = self.0.iter().map(|value| i128::from(*value)).sum();
        Ok(ScalarValue::Float64(mean(sum, self.0.len() as u64)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.capacity() * size_of::<i64>()
    }
}

/// The averages of many groups at once.
#[derive(Debug, Default)]
pub(super) struct GroupMeans {
    sums: Vec<i128>,
    rows: Vec<u64>,
}

impl GroupMeans {
    fn grow(&mut self, total: usize) {
        self.sums.resize(total.max(self.sums.len()), 0);
        self.rows.resize(total.max(self.rows.len()), 0);
    }

    fn take(&mut self, which: EmitTo) -> (Vec<i128>, Vec<u64>) {
        (which.take_needed(&mut self.sums), which.take_needed(&mut self.rows))
    }
}

impl GroupsAccumulator for GroupMeans {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.grow(total);
        let (sums, rows) = (&mut self.sums, &mut self.rows);
        accumulate(groups, values[0].as_primitive::<Int64Type>(), filter, |group, value| {
            sums[group] += i128::from(value);
            rows[group] += 1;
        });
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total);
        for (group, part) in groups.iter().zip(parts(states)) {
            let Some((sum, rows)) = part else { continue };
            self.sums[*group] += sum;
            self.rows[*group] += rows;
        }
        Ok(())
    }

    fn evaluate(&mut self, which: EmitTo) -> Result<ArrayRef> {
        let (sums, rows) = self.take(which);
        let means = sums.into_iter().zip(rows).map(|(sum, rows)| mean(sum, rows));
        Ok(Arc::new(means.collect::<Float64Array>()))
    }

    fn state(&mut self, which: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, rows) = self.take(which);
        let sums = Decimal128Array::from(sums).with_data_type(SUM);
        let rows = Int64Array::from_iter_values(rows.into_iter().map(u64::cast_signed));
        Ok(vec![Arc::new(sums), Arc::new(rows)])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<Int64Type>();
        let passes =
            |row: usize| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let known = (0..values.len()).map(|row| values.is_valid(row) && passes(row));
        let known: Vec<bool> = known.collect();
        let sums = known
            .iter()
            .zip(values.values())
            .map(|(is_known, value)| if *is_known { i128::from(*value) } else { 0 });
        let sums = Decimal128Array::from_iter_values(sums).with_data_type(SUM);
        let rows = Int64Array::from_iter_values(known.into_iter().map(i64::from));
        Ok(vec![Arc::new(sums), Arc::new(rows)])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.rows.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::mean;
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[test]
    fn a_quotient_is_rounded_once() {
        let two_to = |power: u32| 1_i128 << power;
        for (sum, rows, wanted) in [
            (0, 0, None),
            (7, 2, Some(3.5)),
            (-1, 3, Some(-1.0 / 3.0)),
            // Beside doubles that are two apart the one in the middle is even.
            (two_to(53) + 1, 1, Some(9_007_199_254_740_992.0)),
            (two_to(53) + 3, 1, Some(9_007_199_254_740_996.0)),
            // A bit more than the middle.
            ((two_to(53) + 1) * 3 + 1, 3, Some(9_007_199_254_740_994.0)),
            (-((two_to(53) + 1) * 3 + 1), 3, Some(-9_007_199_254_740_994.0)),
            (two_to(100), 1 << 20, Some(2_f64.powi(80))),
            (i128::MIN, 2, Some(-(2_f64.powi(126)))),
        ] {
            assert_eq!(mean(sum, rows), wanted, "{sum} / {rows}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn averages_are_those_of_the_exact_sum() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(VALUES ('a', 1, 4611686018427387904), ('a', 2, 1), ('a', 3, 1),
                     ('a', 4, -4611686018427387904), ('b', 5, NULL), ('b', 6, 9), ('c', 7, NULL))
                    AS t(g, i, n)";
        for (asked, wanted) in [
            ("avg(n) AS x FROM {} WHERE g = 'a'", vec!["0.5"]),
            ("mean(n) AS x FROM {} GROUP BY g ORDER BY g", vec!["0.5", "9.0", ""]),
            ("avg(n) FILTER (WHERE i < 3) AS x FROM {} WHERE i > 1", vec!["1.0"]),
            ("avg(n) FILTER (WHERE i <> 1) AS x FROM {} WHERE i < 4 GROUP BY g", vec!["1.0"]),
            ("avg(DISTINCT n) AS x FROM {} WHERE g = 'a'", vec!["0.3333333333333333"]),
            (
                "avg(DISTINCT n) AS x FROM {} GROUP BY g ORDER BY g",
                vec!["0.3333333333333333", "9.0", ""],
            ),
            ("avg(DISTINCT n) + count(DISTINCT i) AS x FROM {} WHERE g = 'b'", vec!["11.0"]),
            ("avg(i::smallint) AS x FROM {} WHERE g = 'b'", vec!["5.5"]),
            ("avg(i::double) AS x FROM {} WHERE g = 'b'", vec!["5.5"]),
            (
                "avg(n) OVER (ORDER BY i ROWS 1 PRECEDING) AS x FROM {} WHERE i IN (2, 3, 5, 6)
                 ORDER BY i",
                vec!["1.0", "1.0", "1.0", "9.0"],
            ),
            (
                "avg(DISTINCT n) OVER (ORDER BY i ROWS 1 PRECEDING) AS x FROM {}
                 WHERE i IN (2, 3, 5, 6) ORDER BY i",
                vec!["1.0", "1.0", "1.0", "9.0"],
            ),
            ("avg(n) OVER () AS x FROM {} WHERE i < 5 LIMIT 1", vec!["0.5"]),
            ("avg(NULL::bigint) AS x FROM {}", vec![""]),
            ("arrow_typeof(avg(n)) AS x FROM {}", vec!["Float64"]),
        ] {
            let sql = format!("SELECT {}", asked.replace("{}", rows));
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
        }
    }
}
