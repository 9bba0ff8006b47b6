//! How often each value comes in each of many groups, for `histogram` and for what
//! [`counted`](super::counted) asks of many groups.
//!
//! Each value is kept once for all groups, and gets a number; what is counted are pairs
//! of a group and the number of a value. Values are put in order once, when the maps are
//! made. Values of one group, from which some can be taken out again, are kept by `counted`
//! itself.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, UInt32Array, new_empty_array,
};
use datafusion::arrow::compute::{cast, filter, take};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{HashMap, Result, exec_err, internal_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::aggregate::passes;
use super::counted::{comparable, lists, maps};

/// The numbers of rows of the values of all groups.
pub(super) struct Tallies {
    /// The type of the values.
    kind: DataType,
    /// Whether each value counts once.
    is_distinct: bool,
    /// The one column of values.
    schema: SchemaRef,
    /// Each value, with its number: the first one has 0.
    values: Box<dyn GroupValues>,
    /// The numbers of the values of a batch.
    numbers: Vec<usize>,
    /// Groups, in the upper half, and the numbers of their values, each with its rows.
    counts: HashMap<u64, i64>,
    /// How many groups there are.
    groups: usize,
    /// Makes bytes that compare as the values do.
    converter: RowConverter,
}

/// What is taken out of groups.
struct Taken {
    /// How many values each group has.
    lengths: Vec<usize>,
    /// The values of one group after the other.
    values: ArrayRef,
    /// The number of rows of each.
    counts: Vec<i64>,
}

impl Tallies {
    /// Nothing counted yet; `None` of values that are not compared by themselves.
    pub(super) fn of(kind: &DataType, is_distinct: bool) -> Result<Option<Self>> {
        let is_plain = kind.is_primitive() || kind.is_string() || kind == &DataType::Boolean;
        if !is_plain {
            return Ok(None);
        }
        let schema = Arc::new(Schema::new(vec![Field::new("value", kind.clone(), true)]));
        Ok(Some(Self {
            kind: kind.clone(),
            is_distinct,
            values: no_values(&schema)?,
            schema,
            numbers: Vec::new(),
            counts: HashMap::new(),
            groups: 0,
            converter: RowConverter::new(vec![SortField::new(kind.clone())])?,
        }))
    }

    /// Counts known `values`, each for its group and so many times.
    fn add(&mut self, values: ArrayRef, pairs: impl Iterator<Item = (usize, i64)>) -> Result<()> {
        self.values.intern(&[values], &mut self.numbers)?;
        if u32::try_from(self.values.len()).is_err() {
            return exec_err!("there are more than {} values to be counted", u32::MAX);
        }
        for (number, (group, times)) in self.numbers.iter().zip(pairs) {
            *self.counts.entry(pair_of(group, *number as u32)).or_insert(0) += times;
        }
        Ok(())
    }

    /// Takes groups out, with their values as they came.
    fn take(&mut self, emit_to: EmitTo) -> Result<Taken> {
        let values = self.take_values()?;
        let counts = std::mem::take(&mut self.counts).into_iter().collect();
        self.split(emit_to, &values, counts)
    }

    /// Takes groups out, the values of each in order.
    fn take_sorted(&mut self, emit_to: EmitTo) -> Result<Taken> {
        let values = self.take_values()?;
        let rows = self.converter.convert_columns(&[Arc::clone(&values)])?;
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        order
            .sort_unstable_by(|one, other| rows.row(*one as usize).cmp(&rows.row(*other as usize)));
        // From here on the number of a value is its place in the order.
        let mut places = vec![0; order.len()];
        for (place, number) in order.iter().enumerate() {
            places[*number as usize] = place as u32;
        }
        let values = take(&values, &UInt32Array::from(order), None)?;
        let counts = std::mem::take(&mut self.counts).into_iter();
        let place_of = |pair: u64| pair_of(group_of(pair), places[number_of(pair) as usize]);
        let counts = counts.map(|(pair, count)| (place_of(pair), count)).collect();
        self.split(emit_to, &values, counts)
    }

    fn take_values(&mut self) -> Result<ArrayRef> {
        let mut values = std::mem::replace(&mut self.values, no_values(&self.schema)?);
        if values.is_empty() {
            return Ok(new_empty_array(&self.kind));
        }
        match values.emit(EmitTo::All)?.as_slice() {
            [values] => Ok(cast(values, &self.kind)?),
            _ => internal_err!("values are one column"),
        }
    }

    /// What `counts` says of the groups that are taken out; of others it is counted anew.
    fn split(
        &mut self,
        emit_to: EmitTo,
        values: &ArrayRef,
        mut counts: Vec<(u64, i64)>,
    ) -> Result<Taken> {
        counts.sort_unstable();
        let groups = match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(groups) => groups,
        };
        self.groups -= groups;
        let first = counts.partition_point(|(pair, _)| group_of(*pair) < groups);
        let values_of = |counts: &[(u64, i64)]| {
            let numbers = counts.iter().map(|(pair, _)| Some(number_of(*pair)));
            take(values, &numbers.collect::<UInt32Array>(), None)
        };
        let (given, left) = counts.split_at(first);
        let mut lengths = vec![0; groups];
        for (pair, _) in given {
            lengths[group_of(*pair)] += 1;
        }
        let of_given = values_of(given)?;
        if !left.is_empty() {
            let pairs = left.iter().map(|(pair, count)| (group_of(*pair) - groups, *count));
            self.add(values_of(left)?, pairs)?;
        }
        let counts = given.iter().map(|(_, count)| *count).collect();
        Ok(Taken { lengths, values: of_given, counts })
    }
}

fn no_values(schema: &SchemaRef) -> Result<Box<dyn GroupValues>> {
    new_group_values(Arc::clone(schema), &GroupOrdering::None)
}

fn pair_of(group: usize, number: u32) -> u64 {
    (group as u64) << 32 | u64::from(number)
}

fn group_of(pair: u64) -> usize {
    (pair >> 32) as usize
}

fn number_of(pair: u64) -> u32 {
    pair as u32
}

/// Which rows count: those of known `values` that pass.
fn wanted(values: &ArrayRef, opt_filter: Option<&BooleanArray>) -> BooleanArray {
    let is_wanted = |row| values.is_valid(row) && passes(opt_filter, row);
    (0..values.len()).map(|row| Some(is_wanted(row))).collect()
}

/// The items of all `lists`.
fn items(lists: &ListArray) -> ArrayRef {
    let offsets = lists.value_offsets();
    let (first, end) = (offsets[0] as usize, offsets[lists.len()] as usize);
    lists.values().slice(first, end - first)
}

impl GroupsAccumulator for Tallies {
    fn update_batch(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        opt_filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.groups = self.groups.max(count);
        let values = comparable(&columns[0]);
        if values.null_count() == 0 && opt_filter.is_none() {
            return self.add(values, groups.iter().map(|group| (*group, 1)));
        }
        let wanted = wanted(&values, opt_filter);
        let groups = groups.iter().zip(wanted.values());
        let pairs = groups.filter_map(|(group, wanted)| wanted.then_some((*group, 1)));
        self.add(filter(&values, &wanted)?, pairs)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let Taken { lengths, values, mut counts } = self.take_sorted(emit_to)?;
        if self.is_distinct {
            counts.fill(1);
        }
        maps(&self.kind, lengths, values, Int64Array::from(counts))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let Taken { lengths, values, counts } = self.take(emit_to)?;
        lists(&self.kind, lengths, values, counts)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.groups = self.groups.max(count);
        let [values, counts] = states else { return internal_err!("not values and counts") };
        let (values, counts) = (values.as_list::<i32>(), items(counts.as_list::<i32>()));
        let groups = groups.iter().zip(values.offsets().lengths());
        let groups = groups.flat_map(|(group, length)| std::iter::repeat_n(*group, length));
        let counts = counts.as_primitive::<Int64Type>().values().iter().copied();
        self.add(items(values), groups.zip(counts))
    }

    fn convert_to_state(
        &self,
        columns: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let values = comparable(&columns[0]);
        let wanted = wanted(&values, opt_filter);
        let lengths = wanted.values().iter().map(usize::from).collect();
        let values = filter(&values, &wanted)?;
        let counts = vec![1; values.len()];
        lists(&self.kind, lengths, values, counts)
    }

    fn size(&self) -> usize {
        self.values.size()
            + self.numbers.capacity() * size_of::<usize>()
            + self.counts.capacity() * (size_of::<(u64, i64)>() + 1)
            + self.converter.size()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, MapArray, StringArray};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;
    use crate::functions::{Dictionaries, register};

    /// What each group has, as `value: rows`; a group without values has none.
    fn histograms(tallies: &mut Tallies, emit_to: EmitTo) -> Vec<Vec<String>> {
        let maps = tallies.evaluate(emit_to).unwrap();
        let maps: &MapArray = maps.as_map();
        let of = |at: usize| {
            let entries = maps.value(at);
            let keys = cast(entries.column(0), &DataType::Utf8).unwrap();
            let counts = entries.column(1).as_primitive::<Int64Type>();
            assert_eq!(maps.is_valid(at), !entries.is_empty());
            let keys = keys.as_string::<i32>().iter().map(Option::unwrap);
            keys.zip(counts.values().iter()).map(|(key, count)| format!("{key}: {count}")).collect()
        };
        (0..maps.len()).map(of).collect()
    }

    #[test]
    fn values_are_counted_in_each_group_whatever_their_road() {
        let doubles = [Some(-0.0), Some(f64::NAN), Some(2.5), None, Some(0.0), Some(-f64::NAN)];
        let texts = [Some("b"), Some("微博"), Some("a"), None, Some("b"), Some("微博")];
        let columns: [ArrayRef; 3] = [
            Arc::new(Float64Array::from(doubles.to_vec())),
            cast(&StringArray::from(texts.to_vec()), &DataType::Utf8View).unwrap(),
            Arc::new(StringArray::from(texts.to_vec())),
        ];
        let names = [["0.0", "2.5", "NaN"], ["b", "a", "微博"], ["b", "a", "微博"]];
        for (column, [twice, once, last]) in columns.into_iter().zip(names) {
            let new = |is_distinct| Tallies::of(column.data_type(), is_distinct).unwrap().unwrap();
            let (values, of) = ([Arc::clone(&column)], [0, 0, 2, 2, 0, 3]);
            let wanted = [
                vec![format!("{twice}: 2"), format!("{last}: 1")],
                vec![],
                vec![format!("{once}: 1")],
                vec![format!("{last}: 1")],
            ];
            let mut one = new(false);
            one.update_batch(&values, &of, None, 4).unwrap();
            assert_eq!(histograms(&mut one, EmitTo::First(1)), wanted[..1]);
            // What was the third group is the second one now.
            one.update_batch(&values, &[1, 1, 1, 1, 1, 1], None, 3).unwrap();
            let passes = [Some(false), None, Some(true), Some(true), Some(false), Some(false)];
            let passes = BooleanArray::from(passes.to_vec());
            one.update_batch(&values, &[0, 0, 0, 0, 0, 0], Some(&passes), 3).unwrap();
            let mut third = vec![format!("{twice}: 2"), format!("{once}: 2"), format!("{last}: 2")];
            third.sort_by_key(|entry| !entry.starts_with('a'));
            assert_eq!(
                histograms(&mut one, EmitTo::All),
                [vec![format!("{once}: 1")], third, vec![format!("{last}: 1")]]
            );

            // By way of states, of rows as they are and of groups.
            let mut two = new(true);
            let rows = one.convert_to_state(&values, Some(&passes)).unwrap();
            two.merge_batch(&rows, &[1; 6], 2).unwrap();
            one.update_batch(&values, &of, None, 4).unwrap();
            let first = one.state(EmitTo::First(1)).unwrap();
            let others = one.state(EmitTo::All).unwrap();
            let others: Vec<ArrayRef> = others.iter().map(|list| list.slice(1, 2)).collect();
            two.merge_batch(&first, &[0], 2).unwrap();
            two.merge_batch(&others, &[2, 3], 4).unwrap();
            two.merge_batch(&others, &[2, 3], 4).unwrap();
            let wanted = [
                vec![format!("{twice}: 1"), format!("{last}: 1")],
                vec![format!("{once}: 1")],
                vec![format!("{once}: 1")],
                vec![format!("{last}: 1")],
            ];
            assert_eq!(histograms(&mut two, EmitTo::All), wanted);
            assert_eq!(histograms(&mut two, EmitTo::All), Vec::<Vec<String>>::new());
        }
    }

    #[test]
    fn what_is_given_out_is_held_no_longer() {
        let mut tallies = Tallies::of(&DataType::Utf8View, false).unwrap().unwrap();
        let texts = (0..5000).map(|n| format!("a text of which there is one, {n}"));
        let texts = cast(&StringArray::from_iter_values(texts), &DataType::Utf8View).unwrap();
        let empty = tallies.size();
        tallies.update_batch(&[texts], &(0..5000).collect::<Vec<_>>(), None, 5000).unwrap();
        assert!(tallies.size() > empty + 300_000, "{}", tallies.size());
        tallies.evaluate(EmitTo::First(4990)).unwrap();
        assert!(tallies.size() < empty + 100_000, "{}", tallies.size());
        assert_eq!(tallies.evaluate(EmitTo::All).unwrap().len(), 10);
    }

    #[tokio::test]
    async fn many_groups_have_what_each_has_alone() {
        let context =
            SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
        register(&context, Arc::new(Dictionaries::built_in()));
        let ask = async |sql: &str| {
            let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
            let table = pretty_format_batches(&batches).unwrap().to_string();
            table
                .lines()
                .skip(3)
                .map(|line| line.trim_matches(['|', ' ']).to_owned())
                .collect::<Vec<_>>()
        };
        for x in ["x", "'博' || x", "x / 4.0", "x > 9", "CAST(x AS DECIMAL(9, 2))"] {
            let rows = format!(
                "(SELECT value % 300 AS g, {x} AS x FROM (SELECT value,
                    CASE WHEN value % 11 = 0 THEN NULL ELSE value * 7919 % 31 END AS x
                  FROM generate_series(1, 20000)))"
            );
            for call in ["histogram(x)", "histogram(DISTINCT x) FILTER (WHERE g % 2 = 0)"] {
                let all: Vec<String> =
                    ask(&format!("SELECT {call} AS h FROM {rows} GROUP BY g ORDER BY g")).await;
                for group in [0, 7, 299] {
                    let alone: Vec<String> =
                        ask(&format!("SELECT {call} AS h FROM {rows} WHERE g = {group}")).await;
                    assert_eq!(all[group], alone[0], "{call} of {x}");
                }
            }
        }
    }
}
