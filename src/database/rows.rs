//! Rows that importers read, to batches that the store merges.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryViewBuilder, BooleanBuilder, Int64Builder, ListBuilder, StringBuilder,
    StringViewBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;

use super::looks;
use crate::error::{Error, Result};
use crate::ingest::{Account, AccountCounts, Instant, Post, Text};
use crate::model::{ACCOUNTS, IMPORTS, POSTS, REJECTS, Table};
use crate::store::Standing;

/// The largest block of text.
const LARGEST_BLOCK: u32 = 16 << 20;

/// Rows of one table that wait to be merged, and what is known of each. Those of
/// posts and accounts have the columns of [`looks::schema`] until they are sorted out.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) table: &'static Table,
    pub(super) batch: RecordBatch,
    pub(super) standings: Vec<Standing>,
}

/// Collects the columns of one table row by row.
///
/// Values are pushed in the order of the table's columns, one per column.
pub(super) struct Rows {
    table: &'static Table,
    schema: SchemaRef,
    columns: Vec<Column>,
    standings: Vec<Standing>,
    /// Bytes of text so far, to bound memory.
    bytes: usize,
}

enum Column {
    Text(Texts),
    Texts(ListBuilder<StringBuilder>),
    Integer(Int64Builder),
    Boolean(BooleanBuilder),
    Instant(TimestampMicrosecondBuilder),
    Bytes(BinaryViewBuilder),
}

/// A column of text, whose blocks are as large as the column's last batch was:
/// blocks that grow while they are filled would be half empty, and what waits to
/// be written would take twice the memory.
struct Texts {
    builder: StringViewBuilder,
    bytes: u32,
}

/// The smallest block of text.
const SMALLEST_BLOCK: u32 = 4 * 1024;

impl Texts {
    fn new() -> Self {
        Self { builder: StringViewBuilder::new(), bytes: 0 }
    }

    fn push(&mut self, text: Option<&str>) -> usize {
        self.builder.append_option(text);
        let length = text.map_or(0, str::len);
        self.bytes = self.bytes.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        length
    }

    fn finish(&mut self, rows: usize) -> ArrayRef {
        let block = self.bytes.clamp(SMALLEST_BLOCK, LARGEST_BLOCK);
        self.bytes = 0;
        let next = StringViewBuilder::with_capacity(rows).with_fixed_block_size(block + block / 16);
        Arc::new(std::mem::replace(&mut self.builder, next).finish())
    }
}

/// A column of instants with room for `rows`.
fn instants(rows: usize) -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC")
}

/// One value of a row.
pub(super) enum Value<'a> {
    Text(Option<&'a str>),
    Texts(Option<&'a [Text<'a>]>),
    Integer(Option<i64>),
    Boolean(Option<bool>),
    Instant(Option<Instant>),
    Bytes(Option<&'a [u8]>),
}

impl Column {
    fn new(kind: &DataType) -> Self {
        match kind {
            DataType::Utf8View => Self::Text(Texts::new()),
            DataType::List(_) => {
                let field = Field::new("element", DataType::Utf8, true);
                Self::Texts(ListBuilder::new(StringBuilder::new()).with_field(field))
            }
            DataType::Int64 => Self::Integer(Int64Builder::new()),
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::BinaryView => Self::Bytes(BinaryViewBuilder::new()),
            _ => Self::Instant(instants(0)),
        }
    }

    /// The values so far; makes room for as many as there were.
    fn finish(&mut self, rows: usize) -> ArrayRef {
        match self {
            Self::Text(texts) => texts.finish(rows),
            Self::Texts(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => {
                let next = Int64Builder::with_capacity(rows);
                Arc::new(std::mem::replace(builder, next).finish())
            }
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Instant(builder) => {
                let next = instants(rows);
                Arc::new(std::mem::replace(builder, next).finish())
            }
            Self::Bytes(builder) => Arc::new(builder.finish()),
        }
    }
}

impl Rows {
    pub(super) fn new(table: &'static Table) -> Self {
        let schema = looks::schema(table);
        let columns = schema.fields().iter().map(|field| Column::new(field.data_type())).collect();
        Self { table, schema, columns, standings: Vec::new(), bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.standings.len()
    }

    /// Bytes of text collected so far.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a row; `values` are those of the table's columns in order.
    pub(super) fn push(&mut self, standing: Standing, values: &[Value<'_>]) -> Result<()> {
        if values.len() != self.columns.len() {
            return Err(Error::internal(format!(
                "{} columns for {}",
                values.len(),
                self.table.name
            )));
        }
        for (column, value) in self.columns.iter_mut().zip(values) {
            self.bytes += append(column, value)
                .ok_or_else(|| Error::internal(format!("a wrong type for {}", self.table.name)))?;
        }
        self.standings.push(standing);
        Ok(())
    }

    /// The rows collected so far; begins anew.
    pub(super) fn take(&mut self) -> Result<Pending> {
        let rows = self.len();
        let columns = self.columns.iter_mut().map(|column| column.finish(rows)).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|error| Error::internal(format!("{}: {error}", self.table.name)))?;
        self.bytes = 0;
        Ok(Pending { table: self.table, batch, standings: std::mem::take(&mut self.standings) })
    }
}

/// Appends a value and gives its bytes, or `None` if the types do not agree.
fn append(column: &mut Column, value: &Value<'_>) -> Option<usize> {
    match (column, value) {
        (Column::Text(texts), Value::Text(text)) => return Some(texts.push(*text)),
        (Column::Texts(builder), Value::Texts(texts)) => {
            for text in texts.unwrap_or_default() {
                builder.values().append_value(text);
            }
            builder.append(texts.is_some());
        }
        (Column::Integer(builder), Value::Integer(number)) => builder.append_option(*number),
        (Column::Boolean(builder), Value::Boolean(truth)) => builder.append_option(*truth),
        (Column::Instant(builder), Value::Instant(instant)) => builder.append_option(*instant),
        (Column::Bytes(builder), Value::Bytes(bytes)) => {
            builder.append_option(*bytes);
            return Some(bytes.map_or(0, <[u8]>::len));
        }
        _ => return None,
    }
    Some(8)
}

/// A post into looks at `posts`.
pub(super) fn push_post(
    rows: &mut Rows,
    post: &Post<'_>,
    seen: Instant,
    is_record: bool,
) -> Result<()> {
    debug_assert_eq!(rows.table.name, POSTS.name);
    rows.push(
        is_record.into(),
        &[
            Value::Text(Some(&post.platform)),
            Value::Text(Some(&post.post_id)),
            Value::Text(post.account_id.as_deref()),
            Value::Instant(post.posted_at),
            Value::Text(post.text.as_deref()),
            Value::Text(post.client.as_deref()),
            Value::Text(post.place.as_deref()),
            Value::Boolean(post.is_repost),
            Value::Text(post.origin_post_id.as_deref()),
            Value::Text(post.origin_account_id.as_deref()),
            Value::Integer(post.counts.reposts),
            Value::Integer(post.counts.comments),
            Value::Integer(post.counts.likes),
            Value::Texts(post.hashtags.as_deref()),
            Value::Texts(post.mentions.as_deref()),
            Value::Texts(post.urls.as_deref()),
            Value::Integer(post.media_count),
            Value::Instant(Some(seen)),
            Value::Integer(post.counts.precision),
        ],
    )
}

/// An account into looks at `accounts`.
pub(super) fn push_account(
    rows: &mut Rows,
    account: &Account<'_>,
    seen: Instant,
    is_record: bool,
) -> Result<()> {
    debug_assert_eq!(rows.table.name, ACCOUNTS.name);
    let counts = account.counts.as_ref();
    let count = |of: fn(&AccountCounts) -> Option<i64>| Value::Integer(counts.and_then(of));
    rows.push(
        is_record.into(),
        &[
            Value::Text(Some(&account.platform)),
            Value::Text(Some(&account.account_id)),
            Value::Text(account.screen_name.as_deref()),
            Value::Text(account.description.as_deref()),
            Value::Boolean(account.verified),
            Value::Text(account.verified_type.as_deref()),
            Value::Text(account.verified_reason.as_deref()),
            Value::Text(account.location.as_deref()),
            Value::Instant(account.registered_at),
            Value::Text(account.organization.as_deref()),
            Value::Text(account.level.as_deref()),
            Value::Text(account.system.as_deref()),
            Value::Text(account.region.as_deref()),
            Value::Text(account.style.as_deref()),
            Value::Instant(Some(seen)),
            count(|counts| counts.followers),
            count(|counts| counts.following),
            count(|counts| counts.posts),
            count(|counts| counts.precision),
        ],
    )
}

/// A refused row into `rejects`, by import, file and row; or what is new about
/// one that is there.
pub(super) fn push_reject(
    rows: &mut Rows,
    (import, file, row): (&str, &str, u64),
    reason: &str,
    raw: Option<&[u8]>,
    header: Option<&[u8]>,
    taken_by: Option<&str>,
    standing: Standing,
) -> Result<()> {
    debug_assert_eq!(rows.table.name, REJECTS.name);
    rows.push(
        standing,
        &[
            Value::Text(Some(import)),
            Value::Text(Some(file)),
            Value::Integer(Some(i64::try_from(row).unwrap_or(i64::MAX))),
            Value::Text(Some(reason)),
            Value::Bytes(raw),
            Value::Bytes(header),
            Value::Text(taken_by),
        ],
    )
}

/// The account of an import into `imports`.
pub(super) fn push_import(
    rows: &mut Rows,
    report: &super::ImportReport,
    times: [Instant; 3],
) -> Result<()> {
    debug_assert_eq!(rows.table.name, IMPORTS.name);
    let count = |count: u64| Value::Integer(Some(i64::try_from(count).unwrap_or(i64::MAX)));
    let [observed, started, finished] = times;
    rows.push(
        Standing::from(true),
        &[
            Value::Text(Some(&report.import_id)),
            Value::Text(Some(&report.file)),
            Value::Text(Some(&report.sha256)),
            Value::Text(Some(&report.format)),
            Value::Instant(Some(observed)),
            Value::Instant(Some(started)),
            Value::Instant(Some(finished)),
            count(report.rows_read()),
            count(report.records.added),
            count(report.records.changed),
            count(report.records.unchanged),
            count(report.skipped),
            count(report.rejected),
        ],
    )
}
