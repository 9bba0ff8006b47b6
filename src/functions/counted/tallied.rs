//! What is asked of the values of many groups, which [`Tallies`] counts: each value is
//! kept once for all of them.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, StringViewArray, UInt32Array, make_comparator,
};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::compute::{SortOptions, take};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::arrays::listed;
use super::chosen::{at_share, entropy, heaviest, heaviest_few};
use super::{Asked, Gives};
use crate::functions::tallies::Tallies;

/// The values of all groups, and what is asked of them.
pub(super) struct Tallied {
    asked: Asked,
    tallies: Tallies,
}

impl Tallied {
    /// Nothing counted yet; `None` of values that are not compared by themselves.
    pub(super) fn of(asked: &Asked) -> Result<Option<Self>> {
        // Half floating point numbers have two zeros where a group is alone.
        if asked.kind == DataType::Float16 && asked.gives != Gives::Histogram {
            return Ok(None);
        }
        let tallies = Tallies::of(&asked.kind, asked.is_distinct)?;
        Ok(tallies.map(|tallies| Self { asked: asked.clone(), tallies }))
    }

    /// Takes groups out, the values of each in order.
    fn take_sorted(&mut self, emit_to: EmitTo) -> Result<Weighed> {
        let maps = self.tallies.evaluate(emit_to)?;
        let maps = maps.as_map();
        Ok(Weighed {
            offsets: maps.offsets().clone(),
            values: Arc::clone(maps.keys()),
            weights: maps.values().as_primitive::<Int64Type>().values().clone(),
        })
    }

    /// Takes groups out, the values of each in any order: most need not be compared where
    /// only the heaviest are asked for.
    fn take(&mut self, emit_to: EmitTo) -> Result<Weighed> {
        let state = self.tallies.state(emit_to)?;
        let [values, counts] = state.as_slice() else {
            return internal_err!("not values and counts");
        };
        let (values, counts) = (values.as_list::<i32>(), counts.as_list::<i32>());
        let counts = counts.values().as_primitive::<Int64Type>().values();
        let weights = match self.asked.is_distinct {
            true => ScalarBuffer::from(vec![1_i64; counts.len()]),
            false => counts.clone(),
        };
        Ok(Weighed {
            offsets: values.offsets().clone(),
            values: Arc::clone(values.values()),
            weights,
        })
    }

    /// The value of each group that weighs most.
    fn most_frequent(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let weighed = self.take(emit_to)?;
        let compare = make_comparator(&weighed.values, &weighed.values, SortOptions::default())?;
        let groups = weighed.groups();
        weighed.given(groups.map(|group| heaviest(weighed.of(group), &*compare)))
    }

    /// The values of each group that weigh most.
    fn commonest(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let weighed = self.take(emit_to)?;
        let compare = make_comparator(&weighed.values, &weighed.values, SortOptions::default())?;
        let (mut lengths, mut places) = (Vec::new(), Vec::new());
        for group in weighed.groups() {
            let few = heaviest_few(weighed.of(group).collect(), self.asked.most(), &*compare);
            lengths.push(few.len());
            places.extend(few.into_iter().map(Some));
        }
        listed(&self.asked.kind, lengths, weighed.given(places.into_iter())?)
    }

    /// The value of each group with which the share is reached.
    fn at_share(&mut self, emit_to: EmitTo, is_from_top: bool) -> Result<ArrayRef> {
        let weighed = self.take_sorted(emit_to)?;
        let places = weighed.groups().map(|group| {
            let (total, share) = (weighed.total(group.clone()), self.asked.second?);
            match is_from_top {
                true => at_share(weighed.of(group).rev(), total, share),
                false => at_share(weighed.of(group), total, share),
            }
        });
        weighed.given(places)
    }

    /// How much a value of each group tells.
    fn entropy(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let weighed = self.take_sorted(emit_to)?;
        let told = weighed.groups().map(|group| {
            let total = weighed.total(group.clone());
            entropy(weighed.of(group).map(|(_, weight)| weight), total)
        });
        Ok(Arc::new(told.collect::<Float64Array>()))
    }
}

/// The values of one group after the other, each with its weight.
struct Weighed {
    /// Where each group begins.
    offsets: OffsetBuffer<i32>,
    values: ArrayRef,
    weights: ScalarBuffer<i64>,
}

impl Weighed {
    /// Where the values of each group are.
    fn groups(&self) -> impl Iterator<Item = Range<usize>> {
        self.offsets.windows(2).map(|ends| ends[0] as usize..ends[1] as usize)
    }

    /// The places of the values of a `group`, each with its weight.
    fn of(&self, group: Range<usize>) -> impl DoubleEndedIterator<Item = (usize, i64)> {
        group.map(move |place| (place, self.weights[place]))
    }

    /// What all values of a `group` weigh.
    fn total(&self, group: Range<usize>) -> i64 {
        self.weights[group].iter().sum()
    }

    /// The values at `places`.
    fn given(&self, places: impl Iterator<Item = Option<usize>>) -> Result<ArrayRef> {
        // As they are taken, texts would hold those of all.
        if let Some(texts) = self.values.as_string_view_opt() {
            let given = places.map(|place| place.map(|place| texts.value(place)));
            return Ok(Arc::new(given.collect::<StringViewArray>()));
        }
        let places = places.map(|place| place.map(|place| place as u32));
        Ok(take(&self.values, &places.collect::<UInt32Array>(), None)?)
    }
}

impl GroupsAccumulator for Tallied {
    fn update_batch(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.tallies.update_batch(columns, groups, filter, count)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.tallies.merge_batch(states, groups, count)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        match self.asked.gives {
            Gives::MostFrequent => self.most_frequent(emit_to),
            Gives::Quantile => self.at_share(emit_to, false),
            Gives::QuantileFromTop => self.at_share(emit_to, true),
            Gives::Entropy => self.entropy(emit_to),
            Gives::Histogram => self.tallies.evaluate(emit_to),
            Gives::Commonest => self.commonest(emit_to),
        }
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.tallies.state(emit_to)
    }

    fn convert_to_state(
        &self,
        columns: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.tallies.convert_to_state(columns, filter)
    }

    fn size(&self) -> usize {
        size_of::<Asked>() + self.tallies.size()
    }
}
