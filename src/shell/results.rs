//! Results that can be asked again: the last one is the table `_`, and each has
//! a number, `@1`, `@2` and so on.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use crate::error::{Error, Result};
use crate::render::unique_names;

/// The table that is the last result.
pub(crate) const LAST: &str = "_";

/// Bytes of one result that are kept at most.
const MOST_BYTES: usize = 64 << 20;

/// Bytes of all kept results together.
const MOST_BYTES_TOGETHER: usize = 256 << 20;

/// How many results are kept.
const MOST_RESULTS: usize = 20;

/// Collects the batches of a running statement while they are few enough.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Collector {
    /// Takes a batch, or lets all go when there is too much.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        self.bytes = self.bytes.saturating_add(batch.get_array_memory_size());
        if self.is_over() {
            self.batches = Vec::new();
        } else {
            self.batches.push(batch.clone());
        }
    }

    /// Whether there was too much to keep.
    pub(crate) fn is_over(&self) -> bool {
        self.bytes > MOST_BYTES
    }
}

/// One kept result.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Its number.
    pub(crate) number: usize,
    /// The statement that it answers.
    pub(crate) sql: String,
    /// Its columns, told apart.
    pub(crate) schema: SchemaRef,
    /// Its rows.
    pub(crate) batches: Vec<RecordBatch>,
    bytes: usize,
}

/// The kept results of a session.
#[derive(Debug, Default)]
pub(crate) struct Results {
    kept: VecDeque<Kept>,
    count: usize,
    last_is_kept: bool,
    /// Whether a later statement gave no result.
    is_older: bool,
    /// The result whose place and number the next one takes.
    replaced: Option<usize>,
}

impl Results {
    /// Notes that a statement begins: until it gives a result, the last one is an
    /// older one.
    pub(crate) fn begin(&mut self) {
        self.is_older = true;
    }

    /// Keeps the finished result of `sql` and returns its number, or `None` when it
    /// was too large: then `_` is no more, rather than another result than the last.
    ///
    /// # Errors
    /// When the session refuses the table.
    pub(crate) fn keep(
        &mut self,
        context: &SessionContext,
        schema: &SchemaRef,
        collected: Collector,
        sql: &str,
    ) -> Result<Option<usize>> {
        if let Some(replaced) = self.replaced.take() {
            self.kept.retain(|kept| kept.number != replaced);
            forget(context, &name(replaced))?;
            self.count = replaced - 1;
        }
        self.count += 1;
        self.is_older = false;
        self.last_is_kept = !collected.is_over();
        if collected.is_over() {
            forget(context, LAST)?;
            return Ok(None);
        }
        let schema = told_apart(schema);
        let batches = under(&schema, collected.batches)?;
        let table = MemTable::try_new(Arc::clone(&schema), vec![batches.clone()]).map_err(fault)?;
        let table = Arc::new(table);
        for name in [LAST.to_owned(), name(self.count)] {
            forget(context, &name)?;
            let table = Arc::clone(&table);
            context.register_table(bare(&name), table).map_err(fault)?;
        }
        let (number, sql, bytes) = (self.count, sql.to_owned(), collected.bytes);
        self.kept.push_back(Kept { number, sql, schema, batches, bytes });
        self.make_room(context)?;
        Ok(Some(self.count))
    }

    /// The last result, if it was kept.
    pub(crate) fn last(&self) -> Option<&Kept> {
        self.kept.back().filter(|_| self.last_is_kept)
    }

    /// The result `number`, which was `_` once.
    ///
    /// # Errors
    /// When it is not kept any more.
    pub(crate) fn earlier(&self, number: usize) -> Result<&Kept> {
        self.kept.iter().find(|kept| kept.number == number).ok_or_else(|| {
            let name = name(number);
            Error::usage(format!("the answer {name}, which was _ then, is not kept any more"))
                .hint("run the statements again first")
        })
    }

    /// Lets the next result take the place and the number of result `number`, if
    /// that is the last: the same question is asked again.
    pub(crate) fn replace(&mut self, number: Option<usize>) {
        self.replaced = self.last().map(|kept| kept.number).filter(|last| Some(*last) == number);
    }

    /// The result that the last statement gave, if it gave one that was kept.
    pub(crate) fn given(&self) -> Option<&Kept> {
        self.last().filter(|_| !self.is_older)
    }

    /// The last result, if a later statement gave none: whoever sees it may take it
    /// for that of the other.
    pub(crate) fn older(&self) -> Option<&Kept> {
        self.last().filter(|_| self.is_older)
    }

    /// Whether nothing has been asked yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn make_room(&mut self, context: &SessionContext) -> Result<()> {
        let too_many = |kept: &VecDeque<Kept>| {
            let bytes: usize = kept.iter().map(|kept| kept.bytes).sum();
            kept.len() > 1 && (kept.len() > MOST_RESULTS || bytes > MOST_BYTES_TOGETHER)
        };
        while too_many(&self.kept) {
            if let Some(oldest) = self.kept.pop_front() {
                forget(context, &name(oldest.number))?;
            }
        }
        Ok(())
    }
}

/// Lets `_` be `kept`, or none, whatever the last result is.
///
/// # Errors
/// When the session refuses the table.
pub(crate) fn let_last_be(context: &SessionContext, kept: Option<&Kept>) -> Result<()> {
    forget(context, LAST)?;
    let Some(kept) = kept else { return Ok(()) };
    let table = MemTable::try_new(Arc::clone(&kept.schema), vec![kept.batches.clone()]);
    let table = Arc::new(table.map_err(fault)?);
    context.register_table(bare(LAST), table).map(|_| ()).map_err(fault)
}

/// The table name of result `number`.
pub(crate) fn name(number: usize) -> String {
    format!("@{number}")
}

fn bare(name: &str) -> TableReference {
    TableReference::bare(name)
}

fn forget(context: &SessionContext, name: &str) -> Result<()> {
    context.deregister_table(bare(name)).map(|_| ()).map_err(fault)
}

/// `schema` with a name of its own for each column, so that all can be asked.
fn told_apart(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().zip(unique_names(schema));
    let fields =
        fields.map(|(field, name)| field.as_ref().clone().with_name(name).with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn under(schema: &SchemaRef, batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>> {
    let rename = |batch: RecordBatch| {
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &rows)
            .map_err(|error| Error::internal(format!("a result cannot be kept: {error}")))
    };
    batches.into_iter().map(rename).collect()
}

fn fault(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("a result cannot be kept: {error}"))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, StringArray};

    use super::*;

    /// Keeps an answer of one row with a text of so many bytes.
    fn keep(results: &mut Results, context: &SessionContext, bytes: usize) -> Option<usize> {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(bytes)]));
        let batch = RecordBatch::try_from_iter([("text", text)]).unwrap();
        let mut collector = Collector::default();
        collector.add(&batch);
        results.keep(context, &batch.schema(), collector, "select 'x'").unwrap()
    }

    fn is_there(context: &SessionContext, name: &str) -> bool {
        context.table_exist(bare(name)).unwrap()
    }

    #[test]
    fn an_answer_too_large_to_keep_takes_the_last_one_along() {
        let (mut results, context) = (Results::default(), SessionContext::new());
        assert_eq!(keep(&mut results, &context, 10), Some(1));
        assert!(is_there(&context, LAST) && is_there(&context, "@1"));
        assert_eq!(keep(&mut results, &context, MOST_BYTES + 1), None);
        // Else `_` would be another answer than the one on the screen.
        assert!(!is_there(&context, LAST) && is_there(&context, "@1"));
        assert!(results.last().is_none());
    }

    #[test]
    fn a_question_asked_again_keeps_its_number_and_the_answers_before_it() {
        let (mut results, context) = (Results::default(), SessionContext::new());
        keep(&mut results, &context, 10);
        assert_eq!(keep(&mut results, &context, 10), Some(2));
        for _ in 0..2 * MOST_RESULTS {
            results.replace(Some(2));
            assert_eq!(keep(&mut results, &context, 20), Some(2));
        }
        assert!(is_there(&context, "@1") && is_there(&context, "@2") && results.kept.len() == 2);
        // An older one has its place for good.
        results.replace(Some(1));
        assert_eq!(keep(&mut results, &context, 10), Some(3));
    }

    #[test]
    fn an_answer_is_older_once_a_later_statement_gives_none() {
        let (mut results, context) = (Results::default(), SessionContext::new());
        results.begin();
        assert!(results.older().is_none());
        keep(&mut results, &context, 10);
        assert!(results.older().is_none());
        results.begin();
        assert_eq!(results.older().map(|kept| kept.number), Some(1));
        keep(&mut results, &context, 10);
        assert!(results.older().is_none());
    }

    #[test]
    fn old_answers_make_room_by_number_and_by_size() {
        let (mut results, context) = (Results::default(), SessionContext::new());
        for _ in 0..=MOST_RESULTS {
            keep(&mut results, &context, 10);
        }
        assert!(!is_there(&context, "@1") && is_there(&context, "@2"));
        for _ in 0..6 {
            keep(&mut results, &context, MOST_BYTES * 3 / 4);
        }
        let bytes: usize = results.kept.iter().map(|kept| kept.bytes).sum();
        assert!(bytes <= MOST_BYTES_TOGETHER && results.kept.len() == 5, "{bytes}");
        assert!(is_there(&context, LAST) && is_there(&context, &name(results.count)));
    }
}
