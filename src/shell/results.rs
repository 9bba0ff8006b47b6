//! Results that can be asked again: the last one is the table `_`, and each has
//! a number, `@1`, `@2` and so on.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::execution::DiskManager;
use datafusion::prelude::SessionContext;

use super::kept_file::{FileWriting, KeptFile, written};
use crate::error::{Error, Result};
use crate::render::unique_names;

/// The table that is the last result.
pub(crate) const LAST: &str = "_";

/// What the engine says where that is asked and not there.
pub(crate) const NO_LAST: &str = "no table \"_\"";

/// Bytes of one result that are kept in memory at most; a larger one goes to the disk.
const MOST_BYTES: usize = 64 << 20;

/// Bytes of all results in memory together.
const MOST_BYTES_TOGETHER: usize = 256 << 20;

/// How many results are kept.
const MOST_RESULTS: usize = 20;

/// What part of the disk that queries may fill is for results.
const PART_OF_DISK: u64 = 4;

/// Collects the batches of a running statement: in memory while they are few, else in
/// a file.
#[derive(Debug)]
pub(crate) struct Collector {
    disk: Arc<DiskManager>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    bytes: usize,
    file: Option<FileWriting>,
    /// Whether a file was begun that takes no more.
    has_failed: bool,
}

/// What was collected, or why it cannot be kept.
#[derive(Debug)]
pub(crate) struct Collected {
    schema: SchemaRef,
    rows: Result<Rows>,
    bytes: usize,
}

impl Collector {
    /// For an answer of `schema` to a statement of this session.
    pub(crate) fn new(context: &SessionContext, schema: &SchemaRef) -> Self {
        Self {
            disk: Arc::clone(&context.runtime_env().disk_manager),
            schema: told_apart(schema),
            batches: Vec::new(),
            bytes: 0,
            file: None,
            has_failed: false,
        }
    }

    /// Takes a batch.
    ///
    /// # Errors
    /// When the system has no thread to give for the file.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        if let Some(file) = &self.file {
            // Once it has failed, the end tells why.
            self.has_failed = self.has_failed || !file.add(batch);
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(batch.get_array_memory_size());
        self.batches.push(batch.clone());
        if self.bytes > MOST_BYTES {
            self.schema = written(&self.schema);
            let (first, most) = (std::mem::take(&mut self.batches), part_of(&self.disk));
            self.file = Some(FileWriting::begin(&self.disk, &self.schema, first, most)?);
        }
        Ok(())
    }

    /// All that was taken.
    pub(crate) fn finish(self) -> Collected {
        let Self { schema, batches, bytes, file, .. } = self;
        match file {
            Some(file) => {
                let rows = file.finish().map(|file| Rows::OnDisk(Arc::new(file)));
                Collected { schema, rows, bytes: 0 }
            }
            None => Collected { rows: under(&schema, batches).map(Rows::InMemory), schema, bytes },
        }
    }
}

impl Collected {
    /// Whether `.last` can show all of it; what is on disk only where there is a
    /// `screen`.
    pub(crate) fn is_shown_by_last(&self, screen: bool) -> bool {
        self.rows.as_ref().is_ok_and(|rows| screen || rows.in_memory().is_some())
    }
}

/// Bytes of disk that results may take.
fn part_of(disk: &DiskManager) -> u64 {
    disk.max_temp_directory_size() / PART_OF_DISK
}

/// The rows of a kept result.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    /// Few enough for memory.
    InMemory(Vec<RecordBatch>),
    /// In a file.
    OnDisk(Arc<KeptFile>),
}

impl Rows {
    /// The rows of each batch.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        match self {
            Self::InMemory(batches) => batches.iter().map(RecordBatch::num_rows).collect(),
            Self::OnDisk(file) => file.lengths().to_vec(),
        }
    }

    /// One batch; there are as many as [`Rows::lengths`].
    ///
    /// # Errors
    /// When a file cannot be read any more.
    pub(crate) fn batch(&self, index: usize) -> Result<RecordBatch> {
        match self {
            Self::InMemory(batches) => batches
                .get(index)
                .cloned()
                .ok_or_else(|| Error::internal(format!("an answer has no batch {index}"))),
            Self::OnDisk(file) => file.batch(index),
        }
    }

    /// All batches at once, if they are in memory.
    pub(crate) fn in_memory(&self) -> Option<&[RecordBatch]> {
        match self {
            Self::InMemory(batches) => Some(batches),
            Self::OnDisk(_) => None,
        }
    }

    fn table(&self, schema: &SchemaRef) -> Result<Arc<dyn TableProvider>> {
        match self {
            Self::InMemory(batches) => {
                let table = MemTable::try_new(Arc::clone(schema), vec![batches.clone()]);
                Ok(Arc::new(table.map_err(fault)?))
            }
            Self::OnDisk(file) => {
                let file: Arc<KeptFile> = Arc::clone(file);
                Ok(file)
            }
        }
    }

    fn bytes_on_disk(&self) -> u64 {
        match self {
            Self::InMemory(_) => 0,
            Self::OnDisk(file) => file.bytes(),
        }
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
    pub(crate) rows: Rows,
    /// Bytes in memory.
    bytes: usize,
}

/// The kept results of a session.
#[derive(Debug, Default)]
pub(crate) struct Results {
    kept: VecDeque<Kept>,
    count: usize,
    /// Why the last one is not kept.
    lost: Option<String>,
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
    /// cannot be kept: then `_` is no more, rather than another result than the last,
    /// and [`Results::lost`] says why.
    ///
    /// # Errors
    /// When the session refuses the table.
    pub(crate) fn keep(
        &mut self,
        context: &SessionContext,
        collected: Collected,
        sql: &str,
    ) -> Result<Option<usize>> {
        if let Some(replaced) = self.replaced.take() {
            self.kept.retain(|kept| kept.number != replaced);
            forget(context, &name(replaced))?;
            self.count = replaced - 1;
        }
        self.count += 1;
        self.is_older = false;
        let Collected { schema, rows, bytes } = collected;
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                self.lost = Some(error.message().to_owned());
                forget(context, LAST)?;
                return Ok(None);
            }
        };
        self.lost = None;
        let table = rows.table(&schema)?;
        for name in [LAST.to_owned(), name(self.count)] {
            forget(context, &name)?;
            let table = Arc::clone(&table);
            context.register_table(bare(&name), table).map_err(fault)?;
        }
        let (number, sql) = (self.count, sql.to_owned());
        self.kept.push_back(Kept { number, sql, schema, rows, bytes });
        self.make_room(context)?;
        Ok(Some(self.count))
    }

    /// The last result, if it was kept.
    pub(crate) fn last(&self) -> Option<&Kept> {
        self.kept.back().filter(|_| self.lost.is_none())
    }

    /// Why the last result was not kept.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
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

    /// The result `number`.
    ///
    /// # Errors
    /// When there is none, or it is not kept any more.
    pub(crate) fn numbered(&self, number: usize) -> Result<&Kept> {
        self.kept.iter().find(|kept| kept.number == number).ok_or_else(|| {
            let name = name(number);
            let error = match (1..=self.count).contains(&number) {
                true => Error::usage(format!("the answer {name} is not kept any more")),
                false => Error::usage(format!("there is no answer {name}")),
            };
            match (self.kept.front(), self.kept.back()) {
                (Some(first), Some(last)) => error.hint(format!(
                    "there are {} to {}",
                    self::name(first.number),
                    self::name(last.number)
                )),
                _ => error,
            }
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
        let most_on_disk = part_of(&context.runtime_env().disk_manager);
        let too_many = |kept: &VecDeque<Kept>| {
            let bytes: usize = kept.iter().map(|kept| kept.bytes).sum();
            let disk: u64 = kept.iter().map(|kept| kept.rows.bytes_on_disk()).sum();
            let too_large = bytes > MOST_BYTES_TOGETHER || disk > most_on_disk;
            kept.len() > 1 && (kept.len() > MOST_RESULTS || too_large)
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
    let table = kept.rows.table(&kept.schema)?;
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
    use datafusion::arrow::array::{
        ArrayRef, AsArray, DictionaryArray, Int64Array, StringArray, StringViewArray,
    };
    use datafusion::arrow::datatypes::Int32Type;
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::prelude::SessionConfig;

    use super::*;

    /// A session whose queries and answers may take so many bytes of disk.
    fn session(disk: u64) -> SessionContext {
        let runtime = RuntimeEnvBuilder::new().with_max_temp_directory_size(disk);
        let runtime = runtime.build_arc().unwrap();
        SessionContext::new_with_config_rt(SessionConfig::new(), runtime)
    }

    /// An answer of so many batches of one row, with a text of so many bytes.
    fn answer(batches: usize, bytes: usize) -> Vec<RecordBatch> {
        let batch = |number: usize| {
            let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(bytes)]));
            let number: ArrayRef = Arc::new(Int64Array::from(vec![number as i64]));
            RecordBatch::try_from_iter([("text", text), ("n", number)]).unwrap()
        };
        (0..batches).map(batch).collect()
    }

    fn keep_all(
        results: &mut Results,
        context: &SessionContext,
        batches: &[RecordBatch],
    ) -> Option<usize> {
        let mut collector = Collector::new(context, &batches[0].schema());
        batches.iter().for_each(|batch| collector.add(batch).unwrap());
        results.keep(context, collector.finish(), "select 'x'").unwrap()
    }

    /// Keeps an answer of one row with a text of so many bytes.
    fn keep(results: &mut Results, context: &SessionContext, bytes: usize) -> Option<usize> {
        keep_all(results, context, &answer(1, bytes))
    }

    async fn asked(context: &SessionContext, sql: &str) -> String {
        let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    fn is_there(context: &SessionContext, name: &str) -> bool {
        context.table_exist(bare(name)).unwrap()
    }

    #[test]
    fn an_answer_too_large_for_the_disk_takes_the_last_one_along() {
        let (mut results, context) = (Results::default(), session(1 << 20));
        assert_eq!(keep(&mut results, &context, 10), Some(1));
        assert!(is_there(&context, LAST) && is_there(&context, "@1"));
        assert_eq!(keep(&mut results, &context, MOST_BYTES + 1), None);
        // Else `_` would be another answer than the one on the screen.
        assert!(!is_there(&context, LAST) && is_there(&context, "@1"));
        assert!(results.last().is_none());
        let why = results.lost().unwrap();
        assert!(why.contains("--spill-limit"), "{why}");
        assert_eq!(context.runtime_env().disk_manager.used_disk_space(), 0);
        assert_eq!(keep(&mut results, &context, 10), Some(3));
        assert!(results.lost().is_none() && results.last().is_some());
    }

    #[tokio::test]
    async fn an_answer_too_large_for_memory_is_read_from_the_disk() {
        let (mut results, context) = (Results::default(), session(1 << 30));
        let batches = answer(70, 1 << 20);
        assert_eq!(keep_all(&mut results, &context, &batches), Some(1));
        let disk = Arc::clone(&context.runtime_env().disk_manager);
        let used = disk.used_disk_space();
        assert!(used > 70 << 20 && used < 75 << 20, "{used}");
        let kept = results.last().unwrap();
        assert!(kept.rows.in_memory().is_none() && kept.bytes == 0);
        assert_eq!(kept.rows.lengths(), [1; 70]);
        for index in [69, 0, 42] {
            assert_eq!(kept.rows.batch(index).unwrap().column(1), batches[index].column(1));
        }
        let sums = "select count(*) c, sum(n) s, max(length(text)) l from _";
        let told = asked(&context, sums).await;
        assert!(told.contains("| 70 | 2415 | 1048576 |"), "{told}");
        let told = asked(&context, "select min(n) m from \"@1\" where n > 41").await;
        assert!(told.contains("| 42 |"), "{told}");
        let told = asked(&context, "select count(*) c from _").await;
        assert!(told.contains("| 70 |"), "{told}");
        // The file goes with the last that holds it.
        for name in [LAST, "@1"] {
            forget(&context, name).unwrap();
        }
        drop(results);
        assert_eq!(disk.used_disk_space(), 0);
    }

    #[tokio::test]
    async fn what_an_answer_does_not_show_is_not_written() {
        let (mut results, context) = (Results::default(), session(1 << 30));
        let texts = StringViewArray::from_iter_values((0..2_000).map(|_| "长".repeat(20_000)));
        let dictionary: DictionaryArray<Int32Type> = ["weibo"; 2_000].into_iter().collect();
        let columns: [(&str, ArrayRef); 2] =
            [("text", Arc::new(texts)), ("platform", Arc::new(dictionary))];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let other: DictionaryArray<Int32Type> = ["twitter"; 1].into_iter().collect();
        let other: ArrayRef = Arc::new(other);
        let last = RecordBatch::try_new(
            batch.schema(),
            vec![Arc::clone(batch.slice(1_999, 1).column(0)), other],
        );
        let batches = [batch.slice(0, 3), last.unwrap()];
        assert_eq!(keep_all(&mut results, &context, &batches), Some(1));
        let rows = &results.last().unwrap().rows;
        assert!(rows.in_memory().is_none() && rows.bytes_on_disk() < 1 << 20, "{rows:?}");
        let platform = rows.batch(1).unwrap().column(1).as_string::<i32>().value(0).to_owned();
        assert_eq!(platform, "twitter");
        let sql = "select platform, count(*) as n from _ group by platform order by platform";
        let told = asked(&context, sql).await;
        assert!(told.contains("| twitter  | 1 |") && told.contains("| weibo    | 3 |"), "{told}");
        let told = asked(&context, "select max(length(text)) as n from _").await;
        assert!(told.contains("| 20000 |"), "{told}");
    }

    #[test]
    fn an_answer_that_is_given_up_leaves_nothing_on_the_disk() {
        let context = session(1 << 30);
        let batches = answer(80, 1 << 20);
        let mut collector = Collector::new(&context, &batches[0].schema());
        batches.iter().for_each(|batch| collector.add(batch).unwrap());
        drop(collector);
        assert_eq!(context.runtime_env().disk_manager.used_disk_space(), 0);
    }

    #[test]
    fn answers_on_the_disk_make_room_for_one_another() {
        let (mut results, context) = (Results::default(), session(800 << 20));
        for _ in 0..3 {
            keep_all(&mut results, &context, &answer(80, 1 << 20));
        }
        assert!(!is_there(&context, "@1") && is_there(&context, "@2") && is_there(&context, "@3"));
        assert!(context.runtime_env().disk_manager.used_disk_space() < 200 << 20);
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
