//! Values as bytes that compare as they do, each with its number of rows. Each group keeps
//! its own, so that values that leave a window are taken out again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, UInt32Array, new_null_array,
};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::hash_utils::RandomState;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::arrays::{comparable, listed, lists, maps};
use super::chosen::{at_share, entropy, heaviest, heaviest_few};
use super::{Asked, Gives};
use crate::functions::aggregate::passes;

/// A value as bytes.
type Row = Box<[u8]>;

/// The values of a group, and in how many rows each comes.
#[derive(Debug)]
enum Counts {
    /// In order.
    Ordered(BTreeMap<Row, i64>),
    /// In none, which is faster where only the numbers of rows are compared.
    Hashed(HashMap<Row, i64, RandomState>),
}

impl Counts {
    /// No values yet, of which something is given.
    fn of(gives: Gives) -> Self {
        match gives {
            Gives::MostFrequent | Gives::Commonest => {
                Self::Hashed(HashMap::with_hasher(RandomState::with_seed(0)))
            }
            Gives::Quantile | Gives::QuantileFromTop | Gives::Entropy | Gives::Histogram => {
                Self::Ordered(BTreeMap::new())
            }
        }
    }

    fn get_mut(&mut self, row: &[u8]) -> Option<&mut i64> {
        match self {
            Self::Ordered(counts) => counts.get_mut(row),
            Self::Hashed(counts) => counts.get_mut(row),
        }
    }

    fn insert(&mut self, row: Row, times: i64) {
        match self {
            Self::Ordered(counts) => counts.insert(row, times),
            Self::Hashed(counts) => counts.insert(row, times),
        };
    }

    fn remove(&mut self, row: &[u8]) {
        match self {
            Self::Ordered(counts) => counts.remove(row),
            Self::Hashed(counts) => counts.remove(row),
        };
    }

    fn len(&self) -> usize {
        match self {
            Self::Ordered(counts) => counts.len(),
            Self::Hashed(counts) => counts.len(),
        }
    }

    fn iter(&self) -> Box<dyn Iterator<Item = (&[u8], i64)> + '_> {
        match self {
            Self::Ordered(counts) => Box::new(counts.iter().map(|(row, count)| (&**row, *count))),
            Self::Hashed(counts) => Box::new(counts.iter().map(|(row, count)| (&**row, *count))),
        }
    }

    /// The greatest value first, if they are in order.
    fn top_down(&self) -> Box<dyn Iterator<Item = (&[u8], i64)> + '_> {
        match self {
            Self::Ordered(counts) => {
                Box::new(counts.iter().rev().map(|(row, count)| (&**row, *count)))
            }
            Self::Hashed(_) => self.iter(),
        }
    }
}

/// What a value that is kept takes: room is kept for as much again.
fn cost(row: &[u8]) -> usize {
    row.len() + 2 * size_of::<(Row, i64)>()
}

/// The values of all groups.
#[derive(Debug)]
pub(super) struct Groups {
    asked: Asked,
    converter: RowConverter,
    /// NULL as a row.
    unknown: Row,
    groups: Vec<Counts>,
    /// What all values take together, for the account of memory.
    bytes: usize,
}

impl Groups {
    /// Nothing counted yet.
    pub(super) fn new(asked: Asked) -> Result<Self> {
        let converter = RowConverter::new(vec![SortField::new(asked.kind.clone())])?;
        let unknown = converter.convert_columns(&[new_null_array(&asked.kind, 1)])?;
        let unknown = unknown.row(0).data().into();
        Ok(Self { asked, converter, unknown, groups: Vec::new(), bytes: 0 })
    }

    /// Makes room for groups up to `count`.
    fn grow(&mut self, count: usize) {
        let gives = self.asked.gives;
        self.groups.resize_with(self.groups.len().max(count), || Counts::of(gives));
    }

    /// Counts the known `values`, each for the group that `group_of` names.
    fn add(
        &mut self,
        columns: &[ArrayRef],
        group_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        let values = comparable(&columns[0]);
        let rows = self.converter.convert_columns(&[Arc::clone(&values)])?;
        for at in 0..values.len() {
            if let Some(group) = group_of(at).filter(|_| values.is_valid(at)) {
                self.count(group, rows.row(at).data(), 1);
            }
        }
        Ok(())
    }

    fn count(&mut self, group: usize, row: &[u8], times: i64) {
        let counts = &mut self.groups[group];
        if let Some(count) = counts.get_mut(row) {
            *count += times;
        } else {
            counts.insert(row.into(), times);
            self.bytes += cost(row);
        }
    }

    /// Takes `values` that leave a window out of the first group.
    fn remove(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let values = comparable(&columns[0]);
        let rows = self.converter.convert_columns(&[Arc::clone(&values)])?;
        for at in (0..values.len()).filter(|at| values.is_valid(*at)) {
            let row = rows.row(at).data();
            match self.groups[0].get_mut(row) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) => {
                    self.groups[0].remove(row);
                    self.bytes -= cost(row);
                }
                None => return internal_err!("a value that leaves a window was not in it"),
            }
        }
        Ok(())
    }

    /// Adds what other parts have counted, for the groups that `group_of` names.
    fn merge(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let [values, counts] = states else { return internal_err!("not values and counts") };
        let (values, counts) = (values.as_list::<i32>(), counts.as_list::<i32>());
        let rows = self.converter.convert_columns(&[Arc::clone(values.values())])?;
        let numbers = counts.values().as_primitive::<Int64Type>().values();
        let (of_values, of_counts) = (values.value_offsets(), counts.value_offsets());
        for at in (0..values.len()).filter(|at| values.is_valid(*at)) {
            let group = group_of(at);
            let places = of_values[at]..of_values[at + 1];
            for (row, number) in places.zip(of_counts[at]..of_counts[at + 1]) {
                self.count(group, rows.row(row as usize).data(), numbers[number as usize]);
            }
        }
        Ok(())
    }

    /// The values of a group, each with its weight.
    fn weighed<'a>(
        &self,
        counts: impl Iterator<Item = (&'a [u8], i64)>,
    ) -> impl Iterator<Item = (&'a [u8], i64)> {
        counts.map(move |(row, count)| (row, self.asked.weight(count)))
    }

    fn total(&self, counts: &Counts) -> i64 {
        self.weighed(counts.iter()).map(|(_, weight)| weight).sum()
    }

    /// The value that is looked for in a group.
    fn found<'a>(&self, counts: &'a Counts) -> Option<&'a [u8]> {
        let in_order = match self.asked.gives {
            Gives::Quantile => counts.iter(),
            Gives::QuantileFromTop => counts.top_down(),
            Gives::MostFrequent | Gives::Entropy | Gives::Histogram | Gives::Commonest => {
                return heaviest(self.weighed(counts.iter()), Ord::cmp);
            }
        };
        at_share(self.weighed(in_order), self.total(counts), self.asked.second?)
    }

    /// How much a value of a group tells, in bits.
    fn entropy(&self, counts: &Counts) -> Option<f64> {
        let weights = self.weighed(counts.iter()).map(|(_, weight)| weight);
        entropy(weights, self.total(counts))
    }

    /// What is given for each of `groups`.
    fn results(&self, groups: &[Counts]) -> Result<ArrayRef> {
        match self.asked.gives {
            Gives::Entropy => {
                let results = groups.iter().map(|counts| self.entropy(counts));
                Ok(Arc::new(results.collect::<Float64Array>()))
            }
            Gives::Histogram => self.histograms(groups),
            Gives::Commonest => self.commonest(groups),
            Gives::MostFrequent | Gives::Quantile | Gives::QuantileFromTop => {
                self.column(groups.iter().map(|counts| self.found(counts).unwrap_or(&self.unknown)))
            }
        }
    }

    /// How often each value of each of `groups` comes.
    fn histograms(&self, groups: &[Counts]) -> Result<ArrayRef> {
        let lengths = groups.iter().map(Counts::len).collect();
        let pairs = || self.weighed(groups.iter().flat_map(Counts::iter));
        let counts: Int64Array = pairs().map(|(_, count)| Some(count)).collect();
        let values = self.column(pairs().map(|(row, _)| row))?;
        maps(&self.asked.kind, lengths, values, counts)
    }

    /// The values that come most often in each of `groups`: of those that come equally
    /// often the lesser ones first.
    fn commonest(&self, groups: &[Counts]) -> Result<ArrayRef> {
        let (mut lengths, mut rows) = (Vec::with_capacity(groups.len()), Vec::new());
        for counts in groups {
            let weighed: Vec<(&[u8], i64)> = self.weighed(counts.iter()).collect();
            let few = heaviest_few(weighed, self.asked.most(), Ord::cmp);
            lengths.push(few.len());
            rows.extend(few);
        }
        listed(&self.asked.kind, lengths, self.column(rows.into_iter())?)
    }

    /// Rows as the values that they stand for.
    fn column<'a>(&self, rows: impl Iterator<Item = &'a [u8]>) -> Result<ArrayRef> {
        let parser = self.converter.parser();
        let columns = self.converter.convert_rows(rows.map(|row| parser.parse(row)))?;
        Ok(cast(&columns[0], &self.asked.kind)?)
    }

    /// The values of each of `groups`, and their counts, as lists.
    fn state_of(&self, groups: &[Counts]) -> Result<Vec<ArrayRef>> {
        let lengths = groups.iter().map(Counts::len).collect();
        let pairs = || groups.iter().flat_map(Counts::iter);
        let counts = pairs().map(|(_, count)| count).collect();
        let values = self.column(pairs().map(|(row, _)| row))?;
        lists(&self.asked.kind, lengths, values, counts)
    }

    /// Takes out the first groups.
    fn take(&mut self, emit_to: EmitTo) -> Vec<Counts> {
        let taken = emit_to.take_needed(&mut self.groups);
        let rows = taken.iter().flat_map(Counts::iter);
        self.bytes -= rows.map(|(row, _)| cost(row)).sum::<usize>();
        taken
    }

    /// The bytes that are in use.
    fn size(&self) -> usize {
        size_of::<Self>()
            + self.groups.capacity() * size_of::<Counts>()
            + self.bytes
            + self.unknown.len()
            + self.converter.size()
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.grow(count);
        self.add(columns, |row| passes(filter, row).then(|| groups[row]))
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.grow(count);
        self.merge(states, |row| groups[row])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let taken = self.take(emit_to);
        self.results(&taken)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let taken = self.take(emit_to);
        self.state_of(&taken)
    }

    fn convert_to_state(
        &self,
        columns: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let values = comparable(&columns[0]);
        let is_kept = |row: usize| values.is_valid(row) && passes(filter, row);
        let lengths = (0..values.len()).map(|row| usize::from(is_kept(row))).collect();
        let kept = (0..values.len()).filter(|row| is_kept(*row)).map(|row| row as u32);
        let kept = take(&values, &kept.collect::<UInt32Array>(), None)?;
        let counts = vec![1; kept.len()];
        lists(&self.asked.kind, lengths, kept, counts)
    }

    fn size(&self) -> usize {
        Self::size(self)
    }
}

/// The same for all rows, of which there is one group.
#[derive(Debug)]
pub(super) struct OneGroup(Groups);

impl OneGroup {
    /// Nothing counted yet.
    pub(super) fn new(asked: Asked) -> Result<Self> {
        let mut groups = Groups::new(asked)?;
        groups.grow(1);
        Ok(Self(groups))
    }
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.0.add(columns, |_| Some(0))
    }

    fn retract_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.0.remove(columns)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge(states, |_| 0)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.0.results(&self.0.groups)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = self.0.state_of(&self.0.groups)?;
        state.iter().map(|list| ScalarValue::try_from_array(list, 0)).collect()
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}
