//! What an operator above learns while it runs and tells a scan, as far as it is about
//! texts.
//!
//! A join tells which keys it looks for: not below the least, not above the greatest, and
//! one of a list or of a table of hashes. Three comparisons of texts take longer than the
//! work that they save the join. But a column of keys mostly has few different texts: what
//! was found out of one is known of all that are equal to it, and short ones are equal if
//! their views are, which are numbers.
//!
//! The join looks at every row itself. So a row too many does no harm; one that passes is
//! never left out.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch, StringViewArray, UInt64Array,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::{HashSet, Result};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, DynamicFilterPhysicalExpr, DynamicFilterTracking, InListExpr, Literal,
};
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};
use parking_lot::Mutex;

use super::reading::evaluated;

/// A filter through which more rows pass than one in so many is given up: it costs more
/// than it saves.
const WORTH_ONE_IN: usize = 2;

/// Fewer rows say nothing of what a filter is worth.
const SAMPLE: usize = 1 << 10;

/// The longest text that is nothing but its view.
const SHORT: usize = 12;

/// What is known of more texts than these is not kept: to find one of them takes as long as
/// to ask.
const MOST_TEXTS: usize = 1 << 14;

/// If after so many rows most texts are still new, nothing is kept either.
const ENOUGH: usize = 1 << 15;

/// A filter that is learned, over columns of which one is a text.
pub(super) struct Learned {
    /// The filter, whatever it says at the time.
    filter: Arc<dyn PhysicalExpr>,
    is_of_one_text: bool,
    /// What it says, once that does not change any more.
    settled: Option<Settled>,
}

/// A filter that does not change.
struct Settled {
    filter: Arc<dyn PhysicalExpr>,
    /// What is known of texts, if it is of one and that pays.
    texts: Mutex<Option<Texts>>,
}

/// Which texts pass.
#[derive(Default)]
struct Texts {
    /// The views of short texts that pass, and of those that do not.
    passing: HashSet<u128>,
    failing: HashSet<u128>,
    /// Whether no others pass.
    are_all: bool,
    /// Whether an unknown text passes.
    null: Option<bool>,
    /// How many rows were looked at, and for how many of these the filter was asked.
    looked_at: usize,
    asked: usize,
}

impl Learned {
    /// A filter over the columns of `schema`.
    pub(super) fn new(filter: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Self {
        let mut kinds = schema.fields().iter().map(|field| field.data_type());
        let is_of_one_text = kinds.len() == 1 && kinds.all(|kind| kind == &DataType::Utf8View);
        Self { filter: Arc::clone(filter), is_of_one_text, settled: None }
    }

    /// Takes over what was learned, if no more will be.
    pub(super) fn settle(&mut self) -> Result<()> {
        if self.settled.is_none()
            && matches!(
                DynamicFilterTracking::classify(&self.filter),
                DynamicFilterTracking::AllComplete
            )
        {
            let filter = match self.filter.downcast_ref::<DynamicFilterPhysicalExpr>() {
                Some(learned) => learned.current()?,
                None => Arc::clone(&self.filter),
            };
            self.settled = Some(Settled::new(filter, self.is_of_one_text));
        }
        Ok(())
    }

    /// Which rows of `batch`, of which those of `mask` count and may be `few`, pass.
    pub(super) fn passing(
        &self,
        batch: &RecordBatch,
        mask: &BooleanArray,
        few: bool,
    ) -> Result<BooleanArray> {
        let Some(settled) = &self.settled else {
            return evaluated(&self.filter, batch, mask, few);
        };
        let mut texts = settled.texts.lock();
        let column = batch.columns().first().and_then(AsArray::as_string_view_opt);
        let (Some(known), Some(column)) = (texts.as_mut(), column) else {
            return evaluated(&settled.filter, batch, mask, few);
        };
        let passing = known.passing(&settled.filter, batch, column, mask)?;
        if !known.pay() {
            *texts = None;
        }
        Ok(passing)
    }

    /// Whether it is worth asking on, when of the rows of a row group that `came` so many have
    /// `passed`. The first ones say little: they may be the newest, which are looked for.
    pub(super) fn pays(came: usize, passed: usize) -> bool {
        came < SAMPLE || passed <= came / WORTH_ONE_IN
    }
}

impl Settled {
    fn new(filter: Arc<dyn PhysicalExpr>, is_of_one_text: bool) -> Self {
        if !is_of_one_text {
            return Self { filter, texts: Mutex::new(None) };
        }
        let filter = without_bounds(&filter);
        let texts = match members(&filter) {
            Some(passing) => {
                Texts { passing, are_all: true, null: Some(false), ..Texts::default() }
            }
            None => Texts::default(),
        };
        Self { filter, texts: Mutex::new(Some(texts)) }
    }
}

impl Texts {
    /// Which rows of `batch`, whose first column is `column`, are among those of `mask` and
    /// pass `filter`, which is asked of texts that were not known.
    fn passing(
        &mut self,
        filter: &Arc<dyn PhysicalExpr>,
        batch: &RecordBatch,
        column: &StringViewArray,
        mask: &BooleanArray,
    ) -> Result<BooleanArray> {
        let (views, nulls) = (column.views(), column.nulls());
        let is_null = |row: usize| nulls.is_some_and(|nulls| nulls.is_null(row));
        let mut unknown = Vec::new();
        let passing = BooleanBuffer::collect_bool(column.len(), |row| {
            if !mask.values().value(row) {
                return false;
            }
            let known = if is_null(row) { self.null } else { self.known(views[row]) };
            known.unwrap_or_else(|| {
                unknown.push(row);
                false
            })
        });
        self.looked_at += mask.true_count();
        self.asked += unknown.len();
        if unknown.is_empty() {
            return Ok(BooleanArray::new(passing, None));
        }
        let rows = UInt64Array::from_iter_values(unknown.iter().map(|row| *row as u64));
        let rows = take_record_batch(batch, &rows)?;
        let all = BooleanArray::from(vec![true; unknown.len()]);
        let answers = evaluated(filter, &rows, &all, false)?;
        let mut completed = BooleanBufferBuilder::new(passing.len());
        completed.append_buffer(&passing);
        for (row, passes) in unknown.into_iter().zip(answers.values().iter()) {
            completed.set_bit(row, passes);
            if is_null(row) {
                self.null = Some(passes);
            } else {
                self.note(views[row], passes);
            }
        }
        Ok(BooleanArray::new(completed.finish(), None))
    }

    /// Whether a text passes, if that is known.
    fn known(&self, view: u128) -> Option<bool> {
        if self.passing.contains(&view) {
            return Some(true);
        }
        (self.are_all || self.failing.contains(&view)).then_some(false)
    }

    /// Notes whether a text passes if it is a short one: the view of a long one shows where
    /// it is, and not what.
    fn note(&mut self, view: u128, passes: bool) {
        // A view begins with the length of its text.
        let length = view & u128::from(u32::MAX);
        if length <= SHORT as u128 {
            let texts = if passes { &mut self.passing } else { &mut self.failing };
            texts.insert(view);
        }
    }

    /// Whether it is worth it to know them.
    fn pay(&self) -> bool {
        let are_few = self.passing.len() + self.failing.len() <= MOST_TEXTS;
        self.are_all || (are_few && (self.looked_at < ENOUGH || self.asked * 2 <= self.looked_at))
    }
}

/// A filter on one column without the comparisons with an end, if it asks for more than
/// that: those that pass the rest are mostly within.
fn without_bounds(filter: &Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    let parts = split_conjunction(filter);
    let others = || parts.iter().copied().filter(|part| !is_bound(part));
    if others().next().is_none() {
        return Arc::clone(filter);
    }
    conjunction(others().map(Arc::clone))
}

fn is_bound(part: &Arc<dyn PhysicalExpr>) -> bool {
    part.downcast_ref::<BinaryExpr>().is_some_and(|comparison| {
        matches!(comparison.op(), Operator::GtEq | Operator::LtEq)
            && comparison.left().is::<Column>()
            && comparison.right().is::<Literal>()
    })
}

/// The views of the texts that pass a filter on one column, if it asks for one of a list and
/// all are short.
fn members(filter: &Arc<dyn PhysicalExpr>) -> Option<HashSet<u128>> {
    let list = filter.downcast_ref::<InListExpr>()?;
    if list.negated() || !list.expr().is::<Column>() {
        return None;
    }
    let mut texts = Vec::with_capacity(list.len());
    for member in list.list() {
        // One that is unknown equals none.
        if let Some(text) = member.downcast_ref::<Literal>()?.value().try_as_str()? {
            texts.push(text);
        }
    }
    if texts.iter().any(|text| text.len() > SHORT) {
        return None;
    }
    let texts = StringViewArray::from_iter_values(texts);
    Some(texts.views().iter().copied().collect())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::arrow::datatypes::Field;
    use datafusion::common::ScalarValue;
    use datafusion::physical_expr::expressions::{binary, col, in_list, is_null, lit};

    use super::*;

    fn schema() -> Arc<Schema> {
        Arc::new(Schema::new(vec![Field::new("key", DataType::Utf8View, true)]))
    }

    /// Keys, some of which are unknown, empty, of the length that just fits, or longer.
    fn keys(rows: usize) -> RecordBatch {
        const KEYS: [Option<&str>; 9] = [
            Some("1670071920"),
            None,
            Some("1670071921"),
            Some(""),
            Some("twelve bytes"),
            Some("thirteen byte"),
            Some("thirteen bits"),
            Some("微博"),
            Some("微"),
        ];
        let keys = (0..rows).map(|row| KEYS[row * 7 % 9]).collect::<StringViewArray>();
        RecordBatch::try_new(schema(), vec![Arc::new(keys) as ArrayRef]).unwrap()
    }

    fn text(text: &str) -> Arc<dyn PhysicalExpr> {
        lit(ScalarValue::Utf8View(Some(text.to_owned())))
    }

    fn compared(operator: Operator, end: &str) -> Arc<dyn PhysicalExpr> {
        binary(col("key", &schema()).unwrap(), operator, text(end), &schema()).unwrap()
    }

    fn both(
        one: Arc<dyn PhysicalExpr>,
        operator: Operator,
        other: Arc<dyn PhysicalExpr>,
    ) -> Arc<dyn PhysicalExpr> {
        binary(one, operator, other, &schema()).unwrap()
    }

    fn one_of(texts: &[Option<&str>]) -> Arc<dyn PhysicalExpr> {
        let one = |text: &Option<&str>| lit(ScalarValue::Utf8View(text.map(str::to_owned)));
        let texts = texts.iter().map(one).collect();
        in_list(col("key", &schema()).unwrap(), texts, &false, &schema()).unwrap()
    }

    /// A filter that has learned `what`, and has no more to learn.
    fn learned(what: &Arc<dyn PhysicalExpr>) -> Learned {
        let key = col("key", &schema()).unwrap();
        let filter = DynamicFilterPhysicalExpr::new(vec![key], lit(true));
        filter.update(Arc::clone(what)).unwrap();
        filter.mark_complete();
        let filter: Arc<dyn PhysicalExpr> = Arc::new(filter);
        let mut learned = Learned::new(&filter, &schema());
        learned.settle().unwrap();
        learned
    }

    /// The number of rows of `batch` that pass `learned`, which are those of `mask` that
    /// pass `what`.
    fn checked(learned: &Learned, what: &Arc<dyn PhysicalExpr>, mask: &BooleanArray) -> usize {
        let batch = keys(mask.len());
        let wanted = evaluated(what, &batch, mask, false).unwrap();
        let passing = learned.passing(&batch, mask, false).unwrap();
        for row in (0..mask.len()).filter(|row| mask.value(*row)) {
            assert_eq!(passing.value(row), wanted.value(row), "{what}: row {row}");
        }
        passing.true_count()
    }

    #[test]
    fn as_many_rows_pass_as_by_the_filter_itself() {
        let short = one_of(&[Some("1670071920"), Some(""), Some("twelve bytes"), Some("微博")]);
        let some_unknown = one_of(&[Some("1670071921"), None]);
        let some_long = one_of(&[Some("thirteen byte"), Some("微"), None]);
        let bounds = both(
            compared(Operator::GtEq, "1670071920"),
            Operator::And,
            compared(Operator::LtEq, "thirteen bits"),
        );
        let nulls = is_null(col("key", &schema()).unwrap()).unwrap();
        let all = BooleanArray::from(vec![true; 40]);
        let some = BooleanArray::from((0..40).map(|row| row % 3 != 0).collect::<Vec<_>>());
        for what in [
            Arc::clone(&short),
            some_unknown,
            Arc::clone(&some_long),
            bounds,
            both(nulls, Operator::Or, short),
            both(compared(Operator::NotEq, "微"), Operator::And, some_long),
            lit(true),
            lit(false),
        ] {
            let learned = learned(&what);
            for mask in [&some, &all, &all, &some] {
                checked(&learned, &what, mask);
            }
            assert!(learned.settled.unwrap().texts.lock().is_some());
        }
    }

    #[test]
    fn of_a_list_of_short_texts_the_ends_are_not_asked_for() {
        let list = one_of(&[Some("1670071920"), Some("微博"), None]);
        let bounds = both(
            compared(Operator::GtEq, "1670071920"),
            Operator::And,
            compared(Operator::LtEq, "微博"),
        );
        let what = both(Arc::clone(&bounds), Operator::And, list);
        let learned = learned(&what);
        let settled = learned.settled.as_ref().unwrap();
        assert!(settled.filter.is::<InListExpr>(), "{}", settled.filter);
        let all = BooleanArray::from(vec![true; 90]);
        assert_eq!(checked(&learned, &what, &all), 20);
        let texts = settled.texts.lock();
        let texts = texts.as_ref().unwrap();
        assert!(texts.are_all && texts.passing.len() == 2 && texts.failing.is_empty());
        assert_eq!(texts.asked, 0);
        let alone = without_bounds(&bounds);
        assert!(alone.eq(&bounds), "there is nothing else to ask for");
    }

    #[test]
    fn a_filter_is_asked_once_of_each_short_text() {
        let what = both(one_of(&[Some("微博")]), Operator::Or, compared(Operator::LtEq, "2"));
        let learned = learned(&what);
        let all = BooleanArray::from(vec![true; 900]);
        for _ in 0..3 {
            assert_eq!(checked(&learned, &what, &all), 400);
        }
        let texts = learned.settled.as_ref().unwrap().texts.lock();
        let texts = texts.as_ref().unwrap();
        assert_eq!((texts.passing.len(), texts.failing.len(), texts.null), (4, 2, Some(false)));
        // All of the first batch, and of the others those that are longer.
        assert_eq!((texts.looked_at, texts.asked), (2700, 900 + 2 * 200));
    }

    #[test]
    fn nothing_is_kept_where_most_texts_are_new() {
        let what = compared(Operator::LtEq, "5");
        let learned = learned(&what);
        let numbers = (0..ENOUGH).map(|number| Some(number.to_string()));
        let numbers: StringViewArray = numbers.collect();
        let batch = RecordBatch::try_new(schema(), vec![Arc::new(numbers) as ArrayRef]).unwrap();
        let all = BooleanArray::from(vec![true; ENOUGH]);
        let first = learned.passing(&batch, &all, false).unwrap();
        assert!(learned.settled.as_ref().unwrap().texts.lock().is_none());
        assert_eq!(first, learned.passing(&batch, &all, false).unwrap());
    }

    #[test]
    fn what_may_still_change_is_asked_as_it_is() {
        let key = col("key", &schema()).unwrap();
        let filter = Arc::new(DynamicFilterPhysicalExpr::new(vec![key], lit(true)));
        let expression: Arc<dyn PhysicalExpr> = Arc::<DynamicFilterPhysicalExpr>::clone(&filter);
        let mut learned = Learned::new(&expression, &schema());
        let all = BooleanArray::from(vec![true; 9]);
        let mut passed = Vec::new();
        for text in [None, Some("微博"), Some("none")] {
            if let Some(text) = text {
                filter.update(one_of(&[Some(text)])).unwrap();
            }
            learned.settle().unwrap();
            passed.push(learned.passing(&keys(9), &all, false).unwrap().true_count());
        }
        assert_eq!(passed, [9, 1, 0]);
        assert!(learned.settled.is_none());
    }

    #[test]
    fn a_filter_over_other_columns_is_asked_as_it_is() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("key", DataType::Utf8View, true),
            Field::new("number", DataType::Int64, true),
        ]));
        let key = col("key", &schema).unwrap();
        let number = col("number", &schema).unwrap();
        let filter = DynamicFilterPhysicalExpr::new(vec![key, number], lit(true));
        filter.update(compared(Operator::GtEq, "2")).unwrap();
        filter.mark_complete();
        let filter: Arc<dyn PhysicalExpr> = Arc::new(filter);
        let mut learned = Learned::new(&filter, &schema);
        learned.settle().unwrap();
        assert!(learned.settled.as_ref().unwrap().texts.lock().is_none());
        let columns = vec![
            Arc::new(StringViewArray::from(vec!["1", "2", "3"])) as ArrayRef,
            Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef,
        ];
        let batch = RecordBatch::try_new(schema, columns).unwrap();
        let all = BooleanArray::from(vec![true; 3]);
        assert_eq!(learned.passing(&batch, &all, false).unwrap().true_count(), 2);
    }

    #[test]
    fn a_filter_that_most_rows_pass_does_not_pay() {
        assert!(Learned::pays(100, 100), "these are too few");
        assert!(Learned::pays(8192, 4096));
        assert!(!Learned::pays(8192, 4097));
    }
}
