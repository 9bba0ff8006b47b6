//! Distinct texts in many groups: `count(DISTINCT ...)`, `string_agg(DISTINCT ...)` and
//! `array_agg(DISTINCT ...)`.
//!
//! The engine keeps a table of texts for each group, large already when it is empty,
//! and does not say how large. Here all groups have one: each text is kept once, and
//! beside it which groups have it.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, UInt32Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{SortOptions, cast, filter, sort_to_indices, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{HashSet, Result, ScalarValue};
use datafusion::functions_aggregate::count::Count;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator, ReversedUDAF,
    SetMonotonicity, Signature, StatisticsArgs,
};
use datafusion::physical_expr_common::binary_map::OutputType;
use datafusion::physical_expr_common::binary_view_map::ArrowBytesViewMap;

use super::made_lists::Made;
use super::wrapped::as_the_engine_says;

/// `count`: of the engine, but for texts that count once in each of many groups.
#[derive(Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct CountTexts {
    engine: Count,
}

/// Whether it is for us.
fn is_ours(args: &AccumulatorArgs<'_>) -> bool {
    let [field] = args.expr_fields else { return false };
    args.is_distinct && field.data_type().is_string()
}

impl AggregateUDFImpl for CountTexts {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn signature(&self) -> &Signature;
        fn return_type(&self, arguments: &[DataType]) -> Result<DataType>;
        fn is_nullable(&self) -> bool;
        fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>>;
        fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>>;
        fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>)
            -> Result<Box<dyn Accumulator>>;
        fn reverse_expr(&self) -> ReversedUDAF;
        fn value_from_stats(&self, statistics: &StatisticsArgs<'_>) -> Option<ScalarValue>;
        fn default_value(&self, kind: &DataType) -> Result<ScalarValue>;
        fn documentation(&self) -> Option<&Documentation>;
        fn set_monotonicity(&self, kind: &DataType) -> SetMonotonicity;
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        is_ours(&args) || self.engine.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        if !is_ours(&args) {
            return self.engine.create_groups_accumulator(args);
        }
        Ok(Box::new(Groups::new(args.expr_fields[0].data_type().clone())))
    }
}

/// What makes something of the distinct texts of each group, which come in an order if
/// there is one; `None` if they are no texts.
pub(super) fn listed(
    made: Made,
    order: Option<SortOptions>,
    kind: &DataType,
) -> Option<Box<dyn GroupsAccumulator>> {
    if !kind.is_string() {
        return None;
    }
    Some(Box::new(Groups { made: Some(made), order, ..Groups::new(kind.clone()) }))
}

/// The texts of all groups.
struct Groups {
    /// The type of the texts.
    kind: DataType,
    /// What is made of the texts; if nothing, they are counted.
    made: Option<Made>,
    /// The order that they are given in; if there is none, as they came.
    order: Option<SortOptions>,
    /// Each text, with its number: the first one has 0.
    texts: ArrowBytesViewMap<u32>,
    /// The number that the next text gets.
    next: u32,
    /// Groups, in the upper half, and the numbers of their texts.
    pairs: HashSet<u64>,
    /// How many texts each group has.
    counts: Vec<i64>,
}

impl Groups {
    fn new(kind: DataType) -> Self {
        Self {
            kind,
            made: None,
            order: None,
            texts: map(),
            next: 0,
            pairs: HashSet::new(),
            counts: Vec::new(),
        }
    }

    /// Whether a text that is unknown is one as well.
    fn keeps_unknown(&self) -> bool {
        self.made.as_ref().is_some_and(Made::keeps_unknown)
    }

    /// Which rows count: those of known texts that pass.
    fn wanted(&self, texts: &ArrayRef, passes: Option<&BooleanArray>) -> BooleanArray {
        let keeps_unknown = self.keeps_unknown();
        let passes = |row| passes.is_none_or(|passes| passes.is_valid(row) && passes.value(row));
        let is_wanted = |row| (keeps_unknown || texts.is_valid(row)) && passes(row);
        (0..texts.len()).map(|row| Some(is_wanted(row))).collect()
    }

    /// Adds `texts`, each to its group.
    fn add(&mut self, texts: &ArrayRef, groups: impl Iterator<Item = usize>) -> Result<()> {
        let mut numbers = Vec::with_capacity(texts.len());
        let next = &mut self.next;
        let number = |_: Option<&[u8]>| {
            *next += 1;
            *next - 1
        };
        self.texts.insert_if_new(&cast(texts, &DataType::Utf8View)?, number, |number| {
            numbers.push(number);
        });
        for (group, number) in groups.zip(numbers) {
            if self.pairs.insert(pair_of(group, number)) {
                self.counts[group] += 1;
            }
        }
        Ok(())
    }

    /// Takes groups out: how many texts each has, and the texts of all in turn, those of
    /// each in the `order`.
    fn take(
        &mut self,
        emit_to: EmitTo,
        order: Option<SortOptions>,
    ) -> Result<(Vec<i64>, ArrayRef)> {
        let mut texts = std::mem::replace(&mut self.texts, map()).into_state();
        self.next = 0;
        let mut pairs: Vec<u64> = std::mem::take(&mut self.pairs).into_iter().collect();
        if order.is_some() {
            // From here on the number of a text is its place in the order.
            let sorted = sort_to_indices(&texts, order, None)?;
            let mut places = vec![0; sorted.len()];
            for (place, number) in sorted.values().iter().enumerate() {
                places[*number as usize] = place as u32;
            }
            for pair in &mut pairs {
                *pair = pair_of(group_of(*pair), places[*pair as u32 as usize]);
            }
            texts = take(&texts, &sorted, None)?;
        }
        pairs.sort_unstable();
        let counts = emit_to.take_needed(&mut self.counts);
        let taken = pairs.partition_point(|pair| group_of(*pair) < counts.len());
        let texts_of = |pairs: &[u64]| {
            take(
                &texts,
                &pairs.iter().map(|pair| Some(*pair as u32)).collect::<UInt32Array>(),
                None,
            )
        };
        let (given, left) = (texts_of(&pairs[..taken])?, texts_of(&pairs[taken..])?);
        // Those that stay are counted anew, without the texts of the others.
        self.counts.fill(0);
        self.add(&left, pairs[taken..].iter().map(|pair| group_of(*pair) - counts.len()))?;
        Ok((counts, given))
    }

    /// Lists of `texts`, so many in each as `counts` says.
    fn lists(
        &self,
        counts: impl Iterator<Item = usize>,
        texts: &ArrayRef,
    ) -> Result<Vec<ArrayRef>> {
        let field = Arc::new(Field::new_list_field(self.kind.clone(), true));
        let texts = cast(texts, &self.kind)?;
        let lists = ListArray::try_new(field, OffsetBuffer::from_lengths(counts), texts, None)?;
        Ok(vec![Arc::new(lists)])
    }
}

fn pair_of(group: usize, number: u32) -> u64 {
    (group as u64) << 32 | u64::from(number)
}

fn group_of(pair: u64) -> usize {
    (pair >> 32) as usize
}

fn map() -> ArrowBytesViewMap<u32> {
    ArrowBytesViewMap::new(OutputType::Utf8View)
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.counts.resize(total_num_groups, 0);
        let texts = &values[0];
        if (texts.null_count() == 0 || self.keeps_unknown()) && opt_filter.is_none() {
            return self.add(texts, group_indices.iter().copied());
        }
        let wanted = self.wanted(texts, opt_filter);
        let groups = group_indices.iter().zip(wanted.values());
        let groups = groups.filter_map(|(group, wanted)| wanted.then_some(*group));
        self.add(&filter(texts, &wanted)?, groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        if self.made.is_none() && emit_to == EmitTo::All {
            let counts = std::mem::replace(self, Self::new(self.kind.clone())).counts;
            return Ok(Arc::new(Int64Array::from(counts)));
        }
        let (counts, texts) = self.take(emit_to, self.order)?;
        let Some(made) = &self.made else { return Ok(Arc::new(Int64Array::from(counts))) };
        let lengths: Vec<usize> = counts.into_iter().map(|count| count as usize).collect();
        made.of(&self.kind, &lengths, &texts)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (counts, texts) = self.take(emit_to, None)?;
        self.lists(counts.into_iter().map(|count| count as usize), &texts)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.counts.resize(total_num_groups, 0);
        let lists = values[0].as_list::<i32>();
        let (Some(first), Some(end)) = (lists.offsets().first(), lists.offsets().last()) else {
            return Ok(());
        };
        let texts = lists.values().slice(*first as usize, (end - first) as usize);
        let lengths = lists.offsets().lengths();
        let groups = group_indices.iter().zip(lengths);
        self.add(&texts, groups.flat_map(|(group, length)| std::iter::repeat_n(*group, length)))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let wanted = self.wanted(&values[0], opt_filter);
        let texts = filter(&values[0], &wanted)?;
        self.lists(wanted.values().iter().map(usize::from), &texts)
    }

    fn size(&self) -> usize {
        self.texts.size()
            + self.pairs.capacity() * (size_of::<u64>() + 1)
            + self.counts.capacity() * size_of::<i64>()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{LargeStringArray, StringArray, StringViewArray};
    use datafusion::arrow::datatypes::Int64Type;

    use super::*;

    const TEXTS: [Option<&str>; 7] = [
        Some("a text that is longer than a view"),
        Some("b"),
        Some("a text that is longer than a view"),
        None,
        Some("b"),
        Some("c"),
        Some("a text that is longer than a view"),
    ];

    fn counts(groups: &mut Groups, emit_to: EmitTo) -> Vec<i64> {
        groups.evaluate(emit_to).unwrap().as_primitive::<Int64Type>().values().to_vec()
    }

    #[test]
    fn each_text_counts_once_in_each_group_whatever_its_type_and_road() {
        let all: [ArrayRef; 3] = [
            Arc::new(StringViewArray::from(TEXTS.to_vec())),
            Arc::new(StringArray::from(TEXTS.to_vec())),
            Arc::new(LargeStringArray::from(TEXTS.to_vec())),
        ];
        for texts in all {
            let new = || Groups::new(texts.data_type().clone());
            let (values, of) = ([Arc::clone(&texts)], [0, 0, 0, 2, 2, 2, 3]);
            let mut one = new();
            one.update_batch(&values, &of, None, 4).unwrap();
            one.update_batch(&values, &of, None, 4).unwrap();
            let state = one.state(EmitTo::First(1)).unwrap();
            assert_eq!(state[0].as_list::<i32>().value_length(0), 2);
            assert_eq!(counts(&mut one, EmitTo::First(2)), [0, 2]);
            assert_eq!(counts(&mut one, EmitTo::All), [1]);
            // By way of states, of rows that pass.
            let passes = [Some(true), Some(false), Some(true), Some(true), None, Some(true), None];
            let passes = BooleanArray::from(passes.to_vec());
            one.update_batch(&values, &of, Some(&passes), 4).unwrap();
            let mut two = new();
            let rows = one.convert_to_state(&values, Some(&passes)).unwrap();
            two.merge_batch(&rows, &of, 4).unwrap();
            let sliced = one.state(EmitTo::All).unwrap()[0].slice(2, 2);
            two.merge_batch(&[sliced], &[2, 4], 5).unwrap();
            assert_eq!(counts(&mut two, EmitTo::All), [1, 0, 1, 0, 0]);
        }
    }

    #[test]
    fn the_texts_of_each_group_are_given_in_order() {
        let text = || Made::Text { between: "; ".to_owned() };
        let [long, b, c] = ["a text that is longer than a view", "b", "c"];
        let down = Some(SortOptions { descending: true, nulls_first: true });
        let kinds = [DataType::Utf8View, DataType::Utf8, DataType::LargeUtf8];
        for kind in kinds {
            let values: ArrayRef = Arc::new(StringArray::from(TEXTS.to_vec()));
            let (values, of) = ([cast(&values, &kind).unwrap()], [0, 0, 0, 2, 2, 2, 3]);
            let new = |made: Made, order| {
                let mut groups = listed(made, order, &kind).unwrap();
                groups.update_batch(&values, &of, None, 4).unwrap();
                groups
            };
            let texts = |groups: &mut dyn GroupsAccumulator, emit_to: EmitTo| {
                let texts = groups.evaluate(emit_to).unwrap();
                let texts = texts.as_string::<i64>().iter();
                texts.map(|text| text.map(str::to_owned)).collect::<Vec<_>>()
            };
            let wanted = [Some(format!("{long}; {b}")), None, Some(format!("{b}; {c}"))];
            let mut one = new(text(), None);
            assert_eq!(texts(one.as_mut(), EmitTo::First(3)), wanted);
            assert_eq!(texts(one.as_mut(), EmitTo::All), [Some(long.to_owned())]);

            // By way of states, in an order.
            let mut two = new(text(), down);
            let passes = BooleanArray::from(vec![Some(true), None, Some(false), None, None]);
            let some = [values[0].slice(0, 5)];
            let rows = two.convert_to_state(&some, Some(&passes)).unwrap();
            let state = two.state(EmitTo::First(3)).unwrap();
            assert_eq!(texts(two.as_mut(), EmitTo::All), [Some(long.to_owned())]);
            two.merge_batch(&state, &[0, 1, 2], 3).unwrap();
            two.merge_batch(&rows, &[1, 1, 1, 1, 1], 3).unwrap();
            let wanted = [format!("{b}; {long}"), long.to_owned(), format!("{c}; {b}")];
            assert_eq!(texts(two.as_mut(), EmitTo::All), wanted.map(Some));

            // An unknown text is a text in a list, if it is not left out.
            let items = |groups: &mut dyn GroupsAccumulator| {
                let lists = groups.evaluate(EmitTo::All).unwrap();
                let lists = lists.as_list::<i32>();
                assert_eq!(lists.value_type(), kind);
                let items = cast(lists.values(), &DataType::Utf8).unwrap();
                let items = items.as_string::<i32>().iter().map(|item| item.map(str::to_owned));
                let known: Vec<bool> = (0..lists.len()).map(|at| lists.is_valid(at)).collect();
                (items.collect::<Vec<_>>(), lists.offsets().to_vec(), known)
            };
            let mut all = new(Made::List { skips_unknown: false }, down);
            let wanted = [Some(b), Some(long), None, Some(c), Some(b), Some(long)];
            let wanted = wanted.map(|text| text.map(str::to_owned)).to_vec();
            let known = vec![true, false, true, true];
            assert_eq!(items(all.as_mut()), (wanted, vec![0, 2, 2, 5, 6], known.clone()));
            let mut known_ones = new(Made::List { skips_unknown: true }, None);
            let wanted = [long, b, b, c, long].map(|text| Some(text.to_owned())).to_vec();
            assert_eq!(items(known_ones.as_mut()), (wanted, vec![0, 2, 2, 4, 5], known));
        }
        assert!(listed(text(), None, &DataType::Int64).is_none());
    }

    #[test]
    fn what_is_given_out_is_held_no_longer() {
        let mut groups = Groups::new(DataType::Utf8);
        let texts = (0..5000).map(|n| format!("a text of which there is one, {n}"));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        let empty = groups.size();
        groups.update_batch(&[texts], &(0..5000).collect::<Vec<_>>(), None, 5000).unwrap();
        assert!(groups.size() > empty + 150_000);
        groups.evaluate(EmitTo::First(4990)).unwrap();
        assert!(groups.size() < empty + 20_000, "{}", groups.size());
        assert_eq!(counts(&mut groups, EmitTo::All), [1; 10]);
    }
}
