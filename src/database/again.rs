//! Reads rejected rows again, after a fix: other options, or a newer weiku.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};

use super::Database;
use super::import::{self, ImportOptions, ImportReport, Progress, Rejects, Seen};
use super::rows::{self, Rows};
use crate::engine::Settings;
use crate::error::{Error, Kind, Result};
use crate::ingest::{self, Instant, Source};
use crate::model::REJECTS;
use crate::store::Store;

/// The rejected rows that no import took later, with what reading them needs.
const OPEN: &str = "
    SELECT arrow_cast(r.import_id, 'Utf8View'), arrow_cast(r.file, 'Utf8View'),
        arrow_cast(i.format, 'Utf8View'), i.observed_at, r.row, arrow_cast(r.reason, 'Utf8View'),
        arrow_cast(r.raw, 'Binary') AS raw, arrow_cast(r.header, 'Binary') AS header
    FROM rejects AS r
    JOIN imports AS i ON r.import_id = i.import_id
    WHERE r.taken_by IS NULL
    ORDER BY r.import_id, r.file, r.row";

/// How many of the rows that are refused again are told.
const TOLD: usize = 5;

/// Rejected rows of one file under one header.
#[derive(Debug)]
struct Group {
    import_id: String,
    file: String,
    format: String,
    observed_at: Instant,
    header: Option<Vec<u8>>,
    /// Row, reason and bytes.
    rows: Vec<(u64, String, Vec<u8>)>,
}

impl Database {
    /// Reads all rows again that earlier imports rejected and that no later one
    /// took, and gives an account of each file's. Those that can be taken now
    /// are merged as of the time of their file, and marked in `rejects`; the
    /// others get the reason of now.
    ///
    /// # Errors
    /// When there is no database. What ends the import, such as another process
    /// that writes, is the last of what is given.
    pub async fn import_rejects(
        &self,
        options: &ImportOptions,
        progress: &Arc<dyn Progress>,
    ) -> Result<Vec<Result<ImportReport>>> {
        let Some(store) = self.store() else { return Err(Error::usage("there is no database")) };
        let mut reports = Vec::new();
        let groups = self.open_rejects().await?;
        progress.start(groups.len(), None);
        for group in groups {
            let report = self.take_again(store, group, options, progress).await;
            progress.end();
            match report {
                // What came before is in, and is to be told.
                Err(error) if import::ends_the_import(&error) => {
                    reports.push(Err(error));
                    break;
                }
                report => reports.extend(report.transpose()),
            }
        }
        Ok(reports)
    }

    /// Takes in the rows of a group that can be taken. When another writer, on
    /// another machine, has committed meanwhile, they are merged again into what
    /// there is then; none if that writer has taken them all.
    async fn take_again(
        &self,
        store: &Arc<Store>,
        mut group: Group,
        options: &ImportOptions,
        progress: &Arc<dyn Progress>,
    ) -> Result<Option<ImportReport>> {
        for attempt in 1..import::TRIES {
            match read_again(store, &group, options, progress).await {
                Err(error) if error.kind() == Kind::Overtaken => {}
                report => return report.map(Some),
            }
            import::give_way(attempt).await;
            let open = self.open_rejects().await?;
            match open
                .into_iter()
                .find(|open| open.is_of(&group.import_id, &group.file, group.header.as_deref()))
            {
                Some(open) => group = open,
                None => return Ok(None),
            }
        }
        read_again(store, &group, options, progress).await.map(Some)
    }

    async fn open_rejects(&self) -> Result<Vec<Group>> {
        let batches = self.session(Settings::default())?.collect(OPEN).await?;
        let Some(first) = batches.first() else { return Ok(Vec::new()) };
        let all = concat_batches(&first.schema(), &batches)
            .map_err(|error| Error::internal(error.to_string()))?;
        Ok(groups(&all))
    }
}

/// The rows of the answer to [`OPEN`], put together by import, file and header.
fn groups(all: &RecordBatch) -> Vec<Group> {
    let text =
        |column: usize, row: usize| all.column(column).as_string_view().value(row).to_owned();
    let bytes = |column: usize, row: usize| {
        let values = all.column(column).as_binary::<i32>();
        values.is_valid(row).then(|| values.value(row).to_vec())
    };
    let mut groups: Vec<Group> = Vec::new();
    for row in 0..all.num_rows() {
        let (import_id, file, header) = (text(0, row), text(1, row), bytes(7, row));
        let number = all.column(4).as_primitive::<Int64Type>().value(row);
        let reject =
            (u64::try_from(number).unwrap_or(0), text(5, row), bytes(6, row).unwrap_or_default());
        match groups.last_mut() {
            Some(group) if group.is_of(&import_id, &file, header.as_deref()) => {
                group.rows.push(reject);
            }
            _ => groups.push(Group {
                import_id,
                file,
                format: text(2, row),
                observed_at: all.column(3).as_primitive::<TimestampMicrosecondType>().value(row),
                header,
                rows: vec![reject],
            }),
        }
    }
    groups
}

/// Reads the rows of a group as a small file of the same name.
async fn read_again(
    store: &Arc<Store>,
    group: &Group,
    options: &ImportOptions,
    progress: &Arc<dyn Progress>,
) -> Result<ImportReport> {
    let started = Utc::now();
    let id = import::import_id(started);
    let seen = Seen { fixed: options.observed_at, modified: group.observed_at };
    let format = options.reading.format.clone().or_else(|| Some(group.format.clone()));
    if format.as_deref() == Some("mapping") {
        return Err(Error::usage("these rows were read by a mapping file, and need it again")
            .in_file(&group.file)
            .hint("pass it with --format FILE.toml"));
    }
    let reading = ingest::Options { format, ..options.reading.clone() };
    let options = ImportOptions { reading, ..options.clone() };
    let source = Source::stream(group.file.clone(), Cursor::new(group.content()));
    let mut transaction = store.begin_for("import").await?;
    let (mut report, _) =
        import::take_in(&mut transaction, source, &id, seen, &options, progress, Rejects::Told)
            .await?;
    // The header is row 1 of what was read.
    let first = if group.header.is_some() { 2 } else { 1 };
    if report.rows_read() != group.rows.len() as u64 {
        return Err(Error::input(format!(
            "the {} rejected rows cannot be told apart when they are read by themselves",
            group.rows.len()
        ))
        .in_file(&group.file)
        .hint("import the file itself again"));
    }
    for refused in &mut report.refusals {
        let known = usize::try_from(refused.row).unwrap_or(0).checked_sub(first);
        refused.row = known.and_then(|at| group.rows.get(at)).map_or(refused.row, |(row, ..)| *row);
        // The line of what was read now is none of the file.
        refused.line = None;
    }
    if report.rejected == report.rows_read() {
        report.refusals.truncate(TOLD);
        return Ok(report);
    }
    let refused: HashMap<u64, &String> =
        report.refusals.iter().map(|refused| (refused.row, &refused.reason)).collect();
    let mut marks = Rows::new(&REJECTS);
    for (row, reason, _) in &group.rows {
        let (reason, taken_by) = match refused.get(row) {
            Some(reason) => (*reason, None),
            None => (reason, Some(id.as_str())),
        };
        let place = (group.import_id.as_str(), group.file.as_str(), *row);
        rows::push_reject(&mut marks, place, reason, None, None, taken_by, true.into())?;
    }
    let marks = marks.take()?;
    transaction.upsert(&REJECTS, marks.batch, &marks.standings).await?;
    report.refusals.truncate(TOLD);
    import::finish(transaction, &report, group.observed_at, started).await?;
    Ok(report)
}

impl Group {
    /// Whether it has the rows of this file of this import under this header.
    fn is_of(&self, import_id: &str, file: &str, header: Option<&[u8]>) -> bool {
        self.import_id == import_id && self.file == file && self.header.as_deref() == header
    }

    /// The header, and the rows line by line.
    fn content(&self) -> Vec<u8> {
        let rows = self.rows.iter().map(|(.., raw)| raw.as_slice());
        let lines: Vec<&[u8]> = self.header.as_deref().into_iter().chain(rows).collect();
        let mut content = lines.join(&b'\n');
        content.push(b'\n');
        content
    }
}
