//! Columns of data files that are held in memory, decoded.
//!
//! Reading a column again costs its decompression again: half of the time of a
//! search through texts. So the columns that a session reads a second time
//! are kept as Arrow arrays, one for each row group. Data files never change,
//! so what is held cannot be out of date.
//!
//! A scan that looks for few rows needs few pages of its wide columns, and may
//! read these from the file each time; a column of which as much was read in that
//! way as half of it is decoded as a whole the next time.
//!
//! What may be held is as much as the data files have on disk, unless more is allowed.
//! Texts often take more when they are decoded. They are then read piece by piece each
//! time; but which rows pass a condition on them, a bit for each, is held as well.
//!
//! - [`watch`] sees how much of which columns is read.
//! - [`choose`] decides whether a scan reads from memory or, as the first time,
//!   through DataFusion's Parquet source.
//! - [`scan`] is the operator that reads from memory, [`reading`] what it does
//!   for each partition, and [`columns`] where its columns come from.
//! - [`conditions`] says which conditions have answers that last.
//! - [`fetch`] is the operator that adds columns to the few rows that are left in
//!   the end.

mod choose;
mod columns;
mod conditions;
mod fetch;
mod learned;
mod reading;
mod scan;
mod watch;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use datafusion::parquet::basic::Type;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::parquet::file::page_index::offset_index::{OffsetIndexMetaData, PageLocation};
use datafusion::physical_expr::PhysicalExpr;
use parking_lot::Mutex;

pub(super) use choose::{Wish, choose};
pub(crate) use fetch::FetchColumns;
pub(crate) use scan::HeldScan;
pub(super) use scan::{RowGroup, Source};
pub(super) use watch::Watched;

use super::available::available_memory;
use crate::model::Table;

/// A condition on columns of a table.
type Condition = Arc<dyn PhysicalExpr>;

/// A column of a row group of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Chunk {
    file: usize,
    group: usize,
    column: usize,
}

/// What can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    /// A column of a row group.
    Column(Chunk),
    /// Which rows of a row group pass the condition with the number.
    Passing { file: usize, group: usize, condition: usize },
}

/// What is known of a file from its footer.
#[derive(Debug)]
struct Footer {
    /// The number of the file in the cache.
    file: usize,
    /// The footer with the types in which the table is read.
    arrow: ArrowReaderMetadata,
    /// Where each column of each row group lies: first byte, length, chunk.
    places: Vec<(u64, u64, Chunk)>,
}

impl Footer {
    /// The chunk in which the byte at `offset` lies.
    fn chunk_at(&self, offset: u64) -> Option<Chunk> {
        let after = self.places.partition_point(|(start, _, _)| *start <= offset);
        let (start, length, chunk) = *self.places.get(after.checked_sub(1)?)?;
        (offset < start + length).then_some(chunk)
    }

    /// Bytes of a chunk in the file.
    fn compressed(&self, chunk: Chunk) -> u64 {
        let group = self.arrow.metadata().row_group(chunk.group);
        u64::try_from(group.column(chunk.column).compressed_size()).unwrap_or(0)
    }

    /// Bytes of the pages of a chunk that hold any of `rows`, which are in order; all
    /// of the chunk if the file does not say where its pages are.
    fn touched(&self, chunk: Chunk, rows: &[Range<usize>]) -> u64 {
        let pages = self.arrow.metadata().offset_index();
        let pages = pages.and_then(|index| index.get(chunk.group)?.get(chunk.column));
        let Some(pages) = pages.map(OffsetIndexMetaData::page_locations) else {
            return self.compressed(chunk);
        };
        let first = |page: &PageLocation| usize::try_from(page.first_row_index).unwrap_or(0);
        let ends = pages.iter().skip(1).map(first).chain([self.rows(chunk.group)]);
        let is_touched = |from: usize, to: usize| {
            let after = rows.partition_point(|range| range.end <= from);
            rows.get(after).is_some_and(|range| range.start < to)
        };
        let touched = pages.iter().zip(ends).filter(|(page, end)| is_touched(first(page), *end));
        touched.map(|(page, _)| u64::try_from(page.compressed_page_size).unwrap_or(0)).sum()
    }

    /// Whether the rows of a chunk are so short that looking through all of them
    /// costs little.
    fn is_narrow(&self, chunk: Chunk) -> bool {
        let group = self.arrow.metadata().row_group(chunk.group);
        let stored = usize::try_from(group.column(chunk.column).uncompressed_size());
        let most = self.rows(chunk.group).saturating_mul(NARROW_BYTES).saturating_add(FEW_BYTES);
        stored.is_ok_and(|bytes| bytes <= most)
    }

    /// About the bytes that a chunk takes in memory.
    fn decoded(&self, chunk: Chunk) -> usize {
        let column = self.arrow.metadata().row_group(chunk.group).column(chunk.column);
        let stored = usize::try_from(column.uncompressed_size()).unwrap_or(0);
        let rows = self.rows(chunk.group);
        match column.column_type() {
            Type::BOOLEAN => rows / 8,
            Type::INT32 | Type::INT64 => rows * 8,
            // A column of so few bytes has numbers for texts, of which each is there once.
            _ if stored < rows * 8 => rows * 16,
            _ => stored + rows * 16,
        }
    }

    /// Bytes of all columns in the file.
    fn bytes(&self) -> usize {
        let groups = self.arrow.metadata().row_groups().iter();
        groups.map(|group| usize::try_from(group.compressed_size()).unwrap_or(0)).sum()
    }

    /// Rows of a row group.
    fn rows(&self, group: usize) -> usize {
        usize::try_from(self.arrow.metadata().row_group(group).num_rows()).unwrap_or(0)
    }
}

/// Bytes of a row in a narrow column, at most.
const NARROW_BYTES: usize = 16;

/// Bytes of a chunk that do not matter, however few its rows are.
const FEW_BYTES: usize = 4 << 10;

/// Of the memory that a session may take, this part may hold columns.
const PART_OF_LIMIT: usize = 2;

/// Of the memory that was free when the program started, this part may hold columns.
const PART_OF_FREE: u64 = 4;

/// Bytes that are taken to have been free where the system does not say.
const FREE_WHEN_UNKNOWN: u64 = 2 << 30;

/// Bytes that may be held however small the data files are.
const LEAST: usize = 64 << 20;

/// Conditions that are remembered at a time.
const CONDITIONS: usize = 1000;

/// The columns that a session, and those made from it, hold in memory.
#[derive(Debug)]
pub(crate) struct HeldColumns {
    inner: Mutex<Inner>,
    /// Bytes that may be held, if memory is limited.
    limit: Option<usize>,
    /// Bytes that may be held as long as nothing is said about it.
    unasked: usize,
}

#[derive(Debug)]
struct Inner {
    arrays: HashMap<Part, Held>,
    /// The bytes of `arrays`, as far as the session's memory is concerned.
    reservation: MemoryReservation,
    /// The numbers of conditions, and how many had one so far.
    conditions: HashMap<Condition, usize>,
    numbered: usize,
    /// Bytes read from disk of chunks that are not held.
    read: HashMap<Chunk, u64>,
    footers: HashMap<Arc<str>, Option<Arc<Footer>>>,
    /// Bytes of the files with these footers.
    in_files: usize,
    /// Counts scans; what the latest ones used is not given up for others.
    clock: u64,
}

#[derive(Debug)]
struct Held {
    array: ArrayRef,
    bytes: usize,
    used: u64,
}

impl Inner {
    /// Gives up the array that was not used for longest, if that may be; gives its
    /// bytes.
    fn give_up_oldest(&mut self, may_go: impl Fn(&Held) -> bool) -> Option<usize> {
        let oldest = self.arrays.iter().min_by_key(|(_, held)| held.used);
        let (&part, _) = oldest.filter(|(_, held)| may_go(held))?;
        let given_up = self.arrays.remove(&part)?;
        if let Part::Column(chunk) = part {
            // To be held again it must be read again.
            self.read.remove(&chunk);
        }
        self.reservation.shrink(given_up.bytes);
        Some(given_up.bytes)
    }

    /// Forgets all conditions, and which rows pass them.
    fn forget_conditions(&mut self) {
        self.conditions.clear();
        let mut freed = 0;
        self.arrays.retain(|part, held| {
            let stays = matches!(part, Part::Column(_));
            freed += if stays { 0 } else { held.bytes };
            stays
        });
        self.reservation.shrink(freed);
    }
}

impl HeldColumns {
    /// No columns yet; what they take is taken from `pool`.
    pub(crate) fn new(pool: &Arc<dyn MemoryPool>) -> Self {
        let limit = match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => Some(bytes / PART_OF_LIMIT),
            _ => None,
        };
        let inner = Inner {
            arrays: HashMap::new(),
            reservation: MemoryConsumer::new("columns held in memory").register(pool),
            conditions: HashMap::new(),
            numbered: 0,
            read: HashMap::new(),
            footers: HashMap::new(),
            in_files: 0,
            clock: 0,
        };
        let unasked = available_memory().unwrap_or(FREE_WHEN_UNKNOWN) / PART_OF_FREE;
        let unasked = usize::try_from(unasked).unwrap_or(usize::MAX);
        Self { inner: Mutex::new(inner), limit, unasked }
    }

    /// Bytes that may be held when `megabytes` are set for it; otherwise as many as the
    /// files have that were read, and no more than a part of the memory that was free.
    pub(super) fn budget(&self, megabytes: Option<usize>) -> usize {
        let most = match megabytes {
            Some(megabytes) => megabytes.saturating_mul(1 << 20),
            None => self.inner.lock().in_files.max(LEAST).min(self.unasked),
        };
        most.min(self.limit.unwrap_or(usize::MAX))
    }

    /// Bytes that are held now.
    pub(crate) fn bytes(&self) -> usize {
        self.inner.lock().reservation.size()
    }

    /// Makes room of `bytes` for something else, as far as it can; false if nothing
    /// is held.
    pub(crate) fn give_way(&self, bytes: usize) -> bool {
        let mut inner = self.inner.lock();
        let mut freed = 0;
        while freed < bytes {
            let Some(more) = inner.give_up_oldest(|_| true) else { break };
            freed += more;
        }
        freed > 0
    }

    /// The footer of a file, if it has been read and has the table's columns.
    fn footer(&self, path: &str) -> Option<Arc<Footer>> {
        self.inner.lock().footers.get(path).cloned().flatten()
    }

    /// Whether the footer of a file has been read.
    pub(super) fn knows(&self, path: &str) -> bool {
        self.inner.lock().footers.contains_key(path)
    }

    /// Remembers the footer of a file of `table`.
    fn remember(&self, path: &str, table: &Table, metadata: &Arc<ParquetMetaData>) {
        let mut inner = self.inner.lock();
        if inner.footers.contains_key(path) {
            return;
        }
        let footer = footer(inner.footers.len(), table, metadata);
        inner.in_files += footer.as_ref().map_or(0, Footer::bytes);
        inner.footers.insert(path.into(), footer.map(Arc::new));
    }

    /// The number of a condition whose answers last.
    fn number(&self, condition: &Condition) -> usize {
        let mut inner = self.inner.lock();
        if let Some(number) = inner.conditions.get(condition) {
            return *number;
        }
        if inner.conditions.len() >= CONDITIONS {
            inner.forget_conditions();
        }
        let number = inner.numbered;
        inner.numbered += 1;
        inner.conditions.insert(Arc::clone(condition), number);
        number
    }

    /// Remembers that `bytes` of `chunk` were read from disk.
    fn note_read(&self, chunk: Chunk, bytes: u64) {
        *self.inner.lock().read.entry(chunk).or_default() += bytes;
    }

    /// The bytes of `chunk` that were read from disk.
    fn read(&self, chunk: Chunk) -> u64 {
        self.inner.lock().read.get(&chunk).copied().unwrap_or(0)
    }

    /// Of the chunks, those that are held, and those that were read before.
    fn known<'a>(&self, chunks: impl Iterator<Item = (&'a Footer, Chunk)>) -> Known {
        let inner = self.inner.lock();
        let mut known = Known::default();
        for (footer, chunk) in chunks {
            let compressed = footer.compressed(chunk);
            known.all += compressed;
            let held = inner.arrays.get(&Part::Column(chunk));
            known.decoded += held.map_or_else(|| footer.decoded(chunk), |held| held.bytes);
            let read = inner.read.get(&chunk).is_some_and(|bytes| *bytes * 2 >= compressed);
            if held.is_some() || read {
                known.read += compressed;
            }
            known.missing += usize::from(held.is_none());
        }
        known
    }

    /// Begins a scan; gives its time on the clock.
    fn tick(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.clock += 1;
        inner.clock
    }

    fn get(&self, part: Part, now: u64) -> Option<ArrayRef> {
        let mut inner = self.inner.lock();
        let held = inner.arrays.get_mut(&part)?;
        held.used = held.used.max(now);
        Some(Arc::clone(&held.array))
    }

    /// Holds `array` if there is room for it within `budget` bytes, or room can be
    /// made by giving up what no scan since `now` has used.
    fn put(&self, part: Part, array: &ArrayRef, now: u64, budget: usize) {
        let bytes = array.get_array_memory_size();
        let mut inner = self.inner.lock();
        if inner.arrays.contains_key(&part) {
            return;
        }
        while inner.reservation.size() + bytes > budget
            || inner.reservation.try_grow(bytes).is_err()
        {
            if inner.give_up_oldest(|held| held.used < now).is_none() {
                return;
            }
        }
        inner.arrays.insert(part, Held { array: Arc::clone(array), bytes, used: now });
    }
}

/// What is known of the chunks that a scan needs.
#[derive(Debug, Default)]
struct Known {
    /// Their bytes on disk.
    all: u64,
    /// Of these, bytes of chunks that are held, or of which half was read before.
    read: u64,
    /// How many are not held.
    missing: usize,
    /// About the bytes they take in memory.
    decoded: usize,
}

fn footer(file: usize, table: &Table, metadata: &Arc<ParquetMetaData>) -> Option<Footer> {
    let columns = metadata.file_metadata().schema_descr().root_schema().get_fields();
    let names = columns.iter().map(|column| column.name());
    if !names.eq(table.columns.iter().map(|column| column.name)) {
        return None;
    }
    let options = ArrowReaderOptions::new().with_schema(table.schema());
    let arrow = ArrowReaderMetadata::try_new(Arc::clone(metadata), options).ok()?;
    let mut places = Vec::new();
    for (group, row_group) in metadata.row_groups().iter().enumerate() {
        for (column, chunk) in row_group.columns().iter().enumerate() {
            let (start, length) = chunk.byte_range();
            places.push((start, length, Chunk { file, group, column }));
        }
    }
    places.sort_unstable_by_key(|(start, _, _)| *start);
    Some(Footer { file, arrow, places })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{BooleanArray, Int64Array};
    use datafusion::execution::memory_pool::{GreedyMemoryPool, UnboundedMemoryPool};
    use datafusion::physical_expr::expressions::lit;

    use super::*;

    fn chunk(group: usize) -> Part {
        Part::Column(Chunk { file: 0, group, column: 0 })
    }

    /// An array of about eight kilobytes.
    fn array() -> ArrayRef {
        Arc::new(Int64Array::from(vec![7; 1000]))
    }

    #[test]
    fn what_is_held_counts_and_gives_way() {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(50_000));
        let held = HeldColumns::new(&pool);
        assert_eq!(held.budget(Some(1)), 25_000, "half of the limit");
        for group in 0..5 {
            let now = held.tick();
            held.put(chunk(group), &array(), now, held.budget(Some(1)));
        }
        let bytes = array().get_array_memory_size();
        assert_eq!(pool.reserved(), 3 * bytes, "the budget holds three");
        assert!(held.get(chunk(1), 9).is_none() && held.get(chunk(4), 9).is_some());
        assert!(held.give_way(bytes + 1));
        assert_eq!(pool.reserved(), bytes, "arrays go whole");
        assert!(held.get(chunk(4), 9).is_some(), "what was used last stays longest");
        assert!(held.give_way(1) && !held.give_way(1));
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn unless_more_is_asked_for_as_much_is_held_as_files_have() {
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let held = HeldColumns { unasked: 3 * LEAST, ..HeldColumns::new(&pool) };
        assert_eq!(held.budget(None), LEAST);
        held.inner.lock().in_files = 2 * LEAST;
        assert_eq!(held.budget(None), 2 * LEAST);
        held.inner.lock().in_files = 4 * LEAST;
        assert_eq!(held.budget(None), 3 * LEAST, "not more than was free");
        assert_eq!(held.budget(Some(1000)), 1000 << 20);
    }

    #[test]
    fn so_many_conditions_are_remembered_and_no_more() {
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let held = HeldColumns::new(&pool);
        let passing: ArrayRef = Arc::new(BooleanArray::from(vec![true; 100]));
        let part = |condition| Part::Passing { file: 0, group: 0, condition };
        held.put(chunk(0), &array(), 1, usize::MAX);
        let columns = pool.reserved();
        for number in 0..CONDITIONS {
            assert_eq!(held.number(&lit(number as i64)), number);
            held.put(part(number), &passing, 1, usize::MAX);
        }
        assert_eq!(held.number(&lit(7_i64)), 7);
        assert!(held.get(part(7), 2).is_some() && pool.reserved() > columns);
        assert_eq!(held.number(&lit(-1_i64)), CONDITIONS, "a number is given once");
        assert!(held.get(part(7), 2).is_none());
        assert_eq!(held.number(&lit(7_i64)), CONDITIONS + 1);
        assert_eq!(pool.reserved(), columns, "columns stay");
    }

    #[test]
    fn nothing_is_held_where_queries_have_taken_the_memory() {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(50_000));
        let held = HeldColumns::new(&pool);
        let query = MemoryConsumer::new("sort").register(&pool);
        query.try_grow(45_000).unwrap();
        held.put(chunk(0), &array(), held.tick(), usize::MAX);
        assert!(held.get(chunk(0), 1).is_none());
        query.shrink(45_000);
        held.put(chunk(0), &array(), held.tick(), usize::MAX);
        assert!(held.get(chunk(0), 1).is_some());
    }
}
