//! Merges rows by key into the files of one table, as if row by row.
//!
//! Rows come in chunks. Within a chunk, rows of one key form a group; for each
//! group the row that is there already is looked for in the committed files and,
//! unless the key is known not to have come before, in memory and in the files
//! this transaction wrote; then the group's rows are
//! merged into it one after the other. A row in a file that changes is marked
//! there and goes on in memory; when the transaction commits, files with marked
//! rows are written anew without them.

use std::path::PathBuf;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{concat_batches, interleave, take_record_batch};

use super::append::{Staged, Writing};
use super::compare::{Incoming, Outcome};
use super::data_file::{DataFileWriter, Packing};
use super::errors::arrow;
use super::groups::Groups;
use super::keys::{self, Keys};
use super::memory::{Memory, MergedRows};
use super::rows::{self, Rows};
use super::statistics::may_hold;
use super::{DataFile, Limits, MergeCounts, Snapshot, Standing};
use crate::error::{Error, Result};
use crate::model::Table;

/// Rows of which the keys of files are held in memory at a time, eight bytes each;
/// so few in tests that they do not suffice.
const HELD_KEYS: u64 = if cfg!(test) { 20_000 } else { 12 << 20 };

/// Rows that are put together at a time.
const SLICE_ROWS: usize = 32 * 1024;

/// Rows that wait to be merged.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    batches: Vec<RecordBatch>,
    standings: Vec<Standing>,
    bytes: usize,
}

impl Chunk {
    /// Takes rows in, with what is known of each.
    pub(super) fn push(
        &mut self,
        batch: RecordBatch,
        standings: impl IntoIterator<Item = Standing>,
    ) {
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        self.standings.extend(standings);
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.standings.len()
    }

    /// Whether it is time to merge them.
    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        self.rows() >= limits.merge_rows || self.bytes >= limits.merge_bytes
    }
}

/// What merging leaves of a table: files that are new, and files that go.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Files that are new.
    pub(super) staged: Vec<Staged>,
    /// Files of the base that go.
    pub(super) removed: Vec<DataFile>,
}

/// Merges rows into one table.
#[derive(Debug)]
pub(super) struct Merger {
    table: &'static Table,
    folder: PathBuf,
    files: Vec<MergedFile>,
    /// Files that are being written.
    writing: Vec<Writing>,
    memory: Memory,
    /// How many chunks were merged.
    merges: u64,
    counts: [MergeCounts; 2],
}

/// A file in which keys are looked for.
#[derive(Debug)]
struct MergedFile {
    file: DataFile,
    /// The guard of a file that this transaction wrote.
    staged: Option<Staged>,
    keys: Option<Keys>,
    /// The merge in which keys were looked for in it last, 0 if they never were.
    asked: u64,
    /// The rows that were replaced; empty as long as there are none.
    replaced: Vec<bool>,
}

impl Merger {
    /// Merges into the table as of `base`; new files go to `folder`.
    pub(super) fn new(base: &Snapshot, folder: PathBuf) -> Self {
        let committed = |file: &DataFile| MergedFile::new(file.clone(), None);
        Self {
            table: base.table,
            folder,
            files: base.files.iter().map(committed).collect(),
            writing: Vec::new(),
            memory: Memory::default(),
            merges: 0,
            counts: Default::default(),
        }
    }

    /// What merging did so far: records, then nested rows.
    pub(super) fn counts(&self) -> [MergeCounts; 2] {
        self.counts
    }

    /// Whether enough rows for a file wait in memory.
    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        self.memory.rows() >= limits.file_rows || self.memory.bytes() >= limits.merged_file_bytes
    }

    /// The rows for the next file, while others are still to be merged. The
    /// caller writes it, and says so to [`Merger::is_writing`].
    pub(super) fn take_file(&mut self) -> Result<Vec<RecordBatch>> {
        self.memory.take_for_file(self.table)
    }

    /// The rows for the last file, when nothing more is merged.
    pub(super) fn take_rest(&mut self) -> Result<Vec<RecordBatch>> {
        self.memory.take()
    }

    /// Takes note of a file that is being written.
    pub(super) fn is_writing(&mut self, writing: Writing) {
        self.writing.push(writing);
    }

    /// Merges the rows of `chunk`, in order.
    pub(super) fn merge(&mut self, chunk: &Chunk) -> Result<()> {
        if chunk.rows() == 0 {
            return Ok(());
        }
        let rows = concat_batches(&self.table.schema(), &chunk.batches).map_err(arrow)?;
        let are_first = chunk.standings.iter().all(|standing| standing.is_first);
        let groups = Groups::of(self.table, &rows, are_first)?;
        let mut work = Work::new(self.table, &rows, &groups, &chunk.standings)?;
        self.merges += 1;
        self.merge_into_memory(&mut work)?;
        self.merge_into_files(&mut work)?;
        work.take_new();
        for (count, done) in self.counts.iter_mut().zip(work.counts) {
            count.added += done.added;
            count.changed += done.changed;
            count.unchanged += done.unchanged;
        }
        for merged in work.into_batches()? {
            self.memory.push(merged);
        }
        Ok(())
    }

    /// Merges the groups whose key waits in memory.
    fn merge_into_memory(&mut self, work: &mut Work<'_>) -> Result<()> {
        let mut open = work.open(|group| !work.is_first(group));
        for waiting in self.memory.batches() {
            let found = if open.is_empty() { Vec::new() } else { waiting.find(&open)? };
            if found.is_empty() {
                continue;
            }
            let source = work.add_source(waiting.batch().clone())?;
            let mut used = false;
            for (row, group) in found {
                let group = group as usize;
                let there = There { source, row, is_nested: waiting.is_nested(row) };
                if work.merges(group, there) == Some(Outcome::Changed) {
                    waiting.replace(row);
                    used = true;
                }
            }
            if !used {
                work.drop_source(source);
            }
            open.retain(|(_, group)| !work.done[*group as usize]);
        }
        Ok(())
    }

    /// Merges the groups whose key lies in a file.
    fn merge_into_files(&mut self, work: &mut Work<'_>) -> Result<()> {
        let has_committed = self.files.iter().any(|file| file.staged.is_none());
        let open = work.open(|group| has_committed || !work.is_first(group));
        if open.is_empty() {
            return Ok(());
        }
        if open.iter().any(|(_, group)| !work.is_first(*group as usize)) {
            self.await_files()?;
        }
        let range = work.key_range(&open)?;
        for number in 0..self.files.len() {
            let file = &self.files[number];
            let wanted: Vec<(u64, u32)> = open
                .iter()
                .filter(|(_, group)| {
                    let group = *group as usize;
                    !work.done[group] && (file.staged.is_none() || !work.is_first(group))
                })
                .copied()
                .collect();
            if wanted.is_empty() || !may_hold(self.table, &file.file.statistics, &range) {
                continue;
            }
            let found = self.find(number, &wanted)?;
            self.files[number].merge(self.table, found, work)?;
        }
        Ok(())
    }

    /// Waits for the files that are being written.
    fn await_files(&mut self) -> Result<()> {
        for writing in self.writing.drain(..) {
            let staged = writing.wait()?;
            if let Some(written) = staged.written() {
                self.files.push(MergedFile::new(written.file.clone(), Some(staged)));
            }
        }
        Ok(())
    }

    /// The rows of file `number` that may have one of the `wanted` keys, each with
    /// the number that came with the key.
    ///
    /// The keys of a file are held from the second time on: many a file is looked
    /// into but once, by an import of one chunk or by two keys of one hash.
    fn find(&mut self, number: usize, wanted: &[(u64, u32)]) -> Result<Vec<(u32, u32)>> {
        let is_known = self.files[number].asked > 0;
        self.files[number].asked = self.merges;
        if self.files[number].keys.is_none() && is_known && self.makes_room(number) {
            self.files[number].keys = Some(rows::keys(self.table, &self.files[number].file)?);
        }
        let file = &self.files[number];
        match &file.keys {
            Some(keys) => Ok(keys.find(wanted)),
            None => keys::find(rows::hashes(self.table, &file.file)?, wanted),
        }
    }

    /// Whether the keys of file `number` can be held, too. If it is for them, those
    /// of files go in which nothing was looked for of late. Others stay: all files
    /// are looked into in turn, and each would push out one that comes next.
    fn makes_room(&mut self, number: usize) -> bool {
        let rows = self.files[number].file.rows;
        let has_room = |files: &[MergedFile]| {
            let held = files.iter().filter(|file| file.keys.is_some());
            held.map(|file| file.file.rows).sum::<u64>() + rows <= HELD_KEYS
        };
        if !has_room(&self.files) {
            let is_old = |file: &&mut MergedFile| file.asked + 1 < self.merges;
            self.files.iter_mut().filter(is_old).for_each(|file| file.keys = None);
        }
        has_room(&self.files)
    }

    /// Ends merging, after [`Merger::take_rest`]: waits for the files, and
    /// writes those anew of which rows were replaced.
    pub(super) fn finish(mut self) -> Result<Merged> {
        self.await_files()?;
        let mut merged = Merged::default();
        for file in std::mem::take(&mut self.files) {
            let keeps_all = file.replaced.is_empty();
            if !keeps_all {
                merged.staged.extend(file.rewrite(self.table, &self.folder)?.map(Staged::new));
            }
            match file.staged {
                Some(staged) if keeps_all => merged.staged.push(staged),
                // Dropping the guard removes the file.
                Some(_) => {}
                None if keeps_all => {}
                None => merged.removed.push(file.file),
            }
        }
        Ok(merged)
    }
}

impl MergedFile {
    /// A file none of whose rows was replaced.
    fn new(file: DataFile, staged: Option<Staged>) -> Self {
        Self { file, staged, keys: None, asked: 0, replaced: Vec::new() }
    }

    /// Merges groups into the rows where they were `found`, if these have their
    /// keys.
    fn merge(
        &mut self,
        table: &'static Table,
        mut found: Vec<(u32, u32)>,
        work: &mut Work<'_>,
    ) -> Result<()> {
        found.retain(|(row, _)| !self.replaced.get(*row as usize).is_some_and(|gone| *gone));
        if found.is_empty() {
            return Ok(());
        }
        let mut numbers: Vec<u32> = found.iter().map(|(row, _)| *row).collect();
        numbers.dedup();
        let mut replaced = Vec::new();
        let mut next = 0;
        let mut found = found.as_slice();
        for batch in Rows::some(table, &self.file, &numbers)? {
            let batch = batch?;
            let read = numbers.get(next..next + batch.num_rows()).ok_or_else(|| {
                Error::store(format!("{} has more rows than it should", self.file.path.display()))
            })?;
            next += batch.num_rows();
            let source = work.add_source(batch)?;
            let mut used = false;
            for (position, row) in read.iter().enumerate() {
                let count = found.iter().take_while(|(other, _)| other == row).count();
                let (same, rest) = found.split_at(count);
                found = rest;
                for &(_, group) in same {
                    let there = There { source, row: position as u32, is_nested: false };
                    if work.merges(group as usize, there) == Some(Outcome::Changed) {
                        replaced.push(*row);
                        used = true;
                    }
                }
            }
            if !used {
                work.drop_source(source);
            }
        }
        if next != numbers.len() {
            return Err(Error::store(format!(
                "{} has fewer rows than it should",
                self.file.path.display()
            )));
        }
        self.mark(&replaced);
        Ok(())
    }

    /// Marks rows as replaced.
    fn mark(&mut self, rows: &[u32]) {
        if rows.is_empty() {
            return;
        }
        self.replaced.resize(usize::try_from(self.file.rows).unwrap_or(0), false);
        for &row in rows {
            self.replaced[row as usize] = true;
        }
    }

    /// Writes the rows that were not replaced to a new file; none if there are
    /// none.
    fn rewrite(
        &self,
        table: &'static Table,
        folder: &std::path::Path,
    ) -> Result<Option<super::data_file::Written>> {
        if self.replaced.iter().all(|gone| *gone) {
            return Ok(None);
        }
        let mut writer = DataFileWriter::create(table, folder, Packing::Fast)?;
        let mut from = 0;
        for batch in Rows::all(table, &self.file)? {
            let batch = batch?;
            let gone = self.replaced.get(from..from + batch.num_rows()).unwrap_or_default();
            from += batch.num_rows();
            let keep: BooleanArray = gone.iter().map(|gone| Some(!gone)).collect();
            writer.write(&rows::keep_rows(&batch, &keep)?)?;
        }
        Ok(Some(writer.finish()?))
    }
}

/// A row into which a group is merged.
#[derive(Clone, Copy)]
struct There {
    source: u32,
    row: u32,
    /// Whether it is known to have stood in other records only.
    is_nested: bool,
}

/// The merging of one chunk.
struct Work<'a> {
    table: &'static Table,
    rows: &'a RecordBatch,
    groups: &'a Groups,
    standings: &'a [Standing],
    /// The chunk's rows beside all rows they are merged into.
    incoming: Incoming,
    /// For each group whether it is merged.
    done: Vec<bool>,
    counts: [MergeCounts; 2],
    /// Groups that come out as one row of the chunk.
    whole: Vec<u32>,
    whole_hashes: Vec<u64>,
    whole_nested: Vec<u32>,
    /// Groups that come out as a mix: for each column, source and row.
    mixed: Vec<Vec<(u32, u32)>>,
    mixed_hashes: Vec<u64>,
    mixed_nested: Vec<u32>,
}

impl<'a> Work<'a> {
    fn new(
        table: &'static Table,
        rows: &'a RecordBatch,
        groups: &'a Groups,
        standings: &'a [Standing],
    ) -> Result<Self> {
        Ok(Self {
            table,
            rows,
            groups,
            standings,
            incoming: Incoming::new(table, rows)?,
            done: vec![false; groups.len()],
            counts: Default::default(),
            whole: Vec::new(),
            whole_hashes: Vec::new(),
            whole_nested: Vec::new(),
            mixed: vec![Vec::new(); table.columns.len()],
            mixed_hashes: Vec::new(),
            mixed_nested: Vec::new(),
        })
    }

    /// Whether for certain no row of the group's key came before in the transaction.
    fn is_first(&self, group: usize) -> bool {
        self.standings[self.groups.first[group] as usize].is_first
    }

    /// The groups that are still to be merged and that are `wanted`, by the hashes of
    /// their keys, in the order of these.
    fn open(&self, wanted: impl Fn(usize) -> bool) -> Vec<(u64, u32)> {
        let is_open = |group: &u32| !self.done[*group as usize] && wanted(*group as usize);
        let groups = (0..self.groups.len() as u32).filter(is_open);
        let mut open: Vec<(u64, u32)> =
            groups.map(|group| (self.groups.hashes[group as usize], group)).collect();
        open.sort_unstable();
        open
    }

    /// Merges a group into a row that is there, if it is still to be merged and has
    /// the row's key.
    fn merges(&mut self, group: usize, there: There) -> Option<Outcome> {
        let first = self.groups.first[group] as usize;
        let is_it =
            !self.done[group] && self.incoming.same_key(there.source, there.row as usize, first);
        is_it.then(|| self.merge_group(group, Some(there)))
    }

    /// Makes rows known into which groups are merged; gives their number.
    fn add_source(&mut self, batch: RecordBatch) -> Result<u32> {
        self.incoming.add_source(batch)
    }

    /// Forgets the source that was added last, of which no row is used.
    fn drop_source(&mut self, source: u32) {
        self.incoming.drop_source(source);
    }

    /// Merges the rows of a group, one after the other, into the row that is
    /// there, if one is.
    ///
    /// A file to which a crawler appended holds earlier looks at a post before
    /// the latest. When it is read again, all of them together say nothing new
    /// if the latest does not.
    fn merge_group(&mut self, group: usize, there: Option<There>) -> Outcome {
        self.done[group] = true;
        let first = self.groups.first[group];
        let mut row = Some(first);
        let mut is_nested = match there {
            Some(there) => {
                self.incoming.begin(there.source, there.row);
                there.is_nested
            }
            None => {
                self.incoming.begin(0, first);
                self.count(first).added += 1;
                row = self.groups.next(first);
                !self.standings[first as usize].is_record
            }
        };
        let mut outcome = Outcome::Unchanged;
        let before = self.counts;
        while let Some(incoming) = row {
            is_nested &= !self.standings[incoming as usize].is_record;
            match self.incoming.merge(incoming) {
                Outcome::Changed => {
                    outcome = Outcome::Changed;
                    self.count(incoming).changed += 1;
                }
                Outcome::Unchanged => self.count(incoming).unchanged += 1,
            }
            row = self.groups.next(incoming);
        }
        if let (Outcome::Changed, Some(there)) = (outcome, there)
            && self.incoming.says_the_same(there.source, there.row)
        {
            outcome = Outcome::Unchanged;
            for (count, before) in self.counts.iter_mut().zip(before) {
                count.unchanged += count.changed - before.changed;
                count.changed = before.changed;
            }
        }
        if outcome == Outcome::Changed {
            self.mixed_nested.extend(is_nested.then_some(self.mixed_hashes.len() as u32));
            self.mixed_hashes.push(self.groups.hashes[group]);
            for (column, place) in self.mixed.iter_mut().zip(self.incoming.merged()) {
                column.push(*place);
            }
        } else if there.is_none() {
            self.whole_nested.extend(is_nested.then_some(self.whole.len() as u32));
            self.whole.push(first);
            self.whole_hashes.push(self.groups.hashes[group]);
        }
        outcome
    }

    /// Takes the groups whose keys are nowhere.
    fn take_new(&mut self) {
        for group in 0..self.groups.len() {
            if !self.done[group] {
                self.merge_group(group, None);
            }
        }
    }

    /// The count in which `row` is counted.
    fn count(&mut self, row: u32) -> &mut MergeCounts {
        &mut self.counts[usize::from(!self.standings[row as usize].is_record)]
    }

    /// The least and greatest key of the groups in `open`, column by column.
    fn key_range(&self, open: &[(u64, u32)]) -> Result<RecordBatch> {
        let first: UInt32Array =
            open.iter().map(|(_, group)| self.groups.first[*group as usize]).collect();
        let positions: Vec<usize> =
            self.table.key.iter().filter_map(|name| self.table.index(name)).collect();
        let keys = self.rows.project(&positions).map_err(arrow)?;
        take_record_batch(&keys, &first).map_err(arrow)
    }

    /// What comes out.
    fn into_batches(self) -> Result<Vec<MergedRows>> {
        let mut batches = Vec::new();
        let (hashes, nested) = (self.whole_hashes, self.whole_nested);
        if self.whole.len() == self.rows.num_rows() {
            batches.push(MergedRows { batch: self.rows.clone(), hashes, nested });
        } else if !self.whole.is_empty() {
            let is_small = self.whole.len() < self.rows.num_rows() / 2;
            let batch = take_record_batch(self.rows, &UInt32Array::from(self.whole));
            let batch = batch.map_err(arrow)?;
            let batch = if is_small { rows::compact(&batch)? } else { batch };
            batches.push(MergedRows { batch, hashes, nested });
        }
        let sources = self.incoming.sources();
        let mut nested = self.mixed_nested.iter().peekable();
        for (number, hashes) in (0u32..).zip(self.mixed_hashes.chunks(SLICE_ROWS)) {
            let from = number as usize * SLICE_ROWS;
            let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.mixed.len());
            for (number, places) in self.mixed.iter().enumerate() {
                let values: Vec<&dyn Array> =
                    sources.iter().map(|source| source.column(number).as_ref()).collect();
                let places: Vec<(usize, usize)> = places[from..from + hashes.len()]
                    .iter()
                    .map(|(source, row)| (*source as usize, *row as usize))
                    .collect();
                columns.push(interleave(&values, &places).map_err(arrow)?);
            }
            let batch = RecordBatch::try_new(self.rows.schema(), columns).map_err(arrow)?;
            let in_slice = |row: &&u32| (**row as usize) < from + hashes.len();
            let nested = std::iter::from_fn(|| nested.next_if(in_slice));
            batches.push(MergedRows {
                batch: rows::compact(&batch)?,
                hashes: hashes.to_vec(),
                nested: nested.map(|row| row - from as u32).collect(),
            });
        }
        Ok(batches)
    }
}
