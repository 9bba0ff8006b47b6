//! Sums over the posts of a data file: by time, by hour of the day, by hour, and by
//! account and month.
//!
//! A row of a roll-up stands for the posts of one platform, of one kind, of one
//! span of time, and mostly of one account or client. It says how many they are, when
//! the first and the last was posted, and of each count how often it is known,
//! its sum and its extremes.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, Int64Array, RecordBatch,
    StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{
    DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::HashMap;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::arrow::{ArrowWriter, ProjectionMask};
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;

use super::names::Names;
use super::sidecar::{Kind, Section, Sidecar, u64_at};
use super::slices::{Grain, Spans};
use crate::error::{Error, Result};

/// The counts of a post that are summed.
pub(crate) const COUNTS: [&str; 4] = ["reposts", "comments", "likes", "media_count"];

/// The column with the number of posts that a row stands for.
pub(crate) const ROLLUP_POSTS: &str = "rollup_posts";

/// The column with the time of the last of these posts; `posted_at` is the
/// first's.
pub(crate) const LAST_POSTED_AT: &str = "rollup_last_posted_at";

/// How the names of all columns begin that are not those of posts.
pub(crate) const PREFIX: &str = "rollup_";

/// A roll-up has at most so many rows, and this share of the posts: one that is
/// hardly shorter than what it sums up is not kept.
const ROWS: usize = 16 * 1024;
const SHARE: usize = 4;

/// While it is made it may have so many instead: of fifty thousand accounts nearly every
/// post is at first of another one.
const ROWS_AT_FIRST: usize = 64 * 1024;

/// What the roll-up says of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// For how many posts it is known.
    Known,
    /// Its sum.
    Sum,
    /// Its least value.
    Min,
    /// Its greatest value.
    Max,
}

impl Measure {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Known, Self::Sum, Self::Min, Self::Max];

    /// The column that says it of `count`.
    pub(crate) fn column(self, count: &str) -> String {
        let word = match self {
            Self::Known => "known",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
        };
        format!("{PREFIX}{word}_{count}")
    }
}

/// By what posts are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// By client and eight hours.
    Time,
    /// By client, month, and hour of the day.
    Hour,
    /// By hour.
    Clock,
    /// By account and month.
    Account,
}

impl Shape {
    /// All shapes, those with few rows first.
    pub(crate) const ALL: [Self; 4] = [Self::Time, Self::Hour, Self::Clock, Self::Account];

    /// The columns of posts that all posts of a row have in common, besides the
    /// span of time.
    pub(crate) fn dimensions(self) -> &'static [&'static str] {
        match self {
            Self::Time | Self::Hour => &["platform", "client", "is_repost"],
            Self::Clock => &["platform", "is_repost"],
            Self::Account => &["platform", "account_id", "is_repost"],
        }
    }

    /// How finely time is kept.
    pub(crate) fn grain(self) -> Grain {
        match self {
            Self::Time => Grain::Day,
            Self::Clock => Grain::Hour,
            Self::Hour | Self::Account => Grain::Month,
        }
    }

    /// A number for the part of time that posts of a row have in common.
    fn part_of_time(self, micros: i64, spans: &mut Spans) -> i64 {
        let span = spans.span(self.grain(), micros);
        match self {
            Self::Time | Self::Clock | Self::Account => span,
            Self::Hour => span * 24 + Grain::Hour.span(micros).rem_euclid(24),
        }
    }

    /// What it is by, in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Time => "client and eight hours",
            Self::Hour => "client, month and hour of the day",
            Self::Clock => "hour",
            Self::Account => "account and month",
        }
    }

    fn section(self) -> Kind {
        match self {
            Self::Time => Kind::RollupByTime,
            Self::Hour => Kind::RollupByHour,
            Self::Clock => Kind::RollupByClock,
            Self::Account => Kind::RollupByAccount,
        }
    }

    /// The columns of the roll-up, instants in UTC.
    pub(crate) fn schema(self) -> SchemaRef {
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let dimension = |name: &&str| match *name {
            "is_repost" => Field::new("is_repost", DataType::Boolean, true),
            name => Field::new(name, DataType::Utf8View, name != "platform"),
        };
        let mut fields: Vec<Field> = self.dimensions().iter().map(dimension).collect();
        fields.extend([
            Field::new("posted_at", instant.clone(), true),
            Field::new(LAST_POSTED_AT, instant, true),
            Field::new(ROLLUP_POSTS, DataType::Int64, false),
        ]);
        for count in COUNTS {
            fields.extend(Measure::ALL.map(|measure| {
                Field::new(measure.column(count), DataType::Int64, measure != Measure::Known)
            }));
        }
        Arc::new(Schema::new(fields))
    }
}

/// How large roll-ups and what they sum up are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size {
    /// Rows of the roll-up.
    pub(crate) rows: u64,
    /// For each count the sum of its magnitudes, or more.
    pub(crate) magnitudes: [u64; COUNTS.len()],
}

impl Size {
    /// The size of both together.
    pub(super) fn and(self, other: Self) -> Self {
        let mut both = self;
        both.rows = both.rows.saturating_add(other.rows);
        for (sum, magnitude) in both.magnitudes.iter_mut().zip(other.magnitudes) {
            *sum = sum.saturating_add(magnitude);
        }
        both
    }
}

/// Makes the roll-ups of one data file, row by row.
#[derive(Debug)]
pub(super) struct RollupsBuilder {
    platforms: Names,
    clients: Names,
    accounts: Names,
    spans: Spans,
    shapes: [ShapeBuilder; Shape::ALL.len()],
}

impl Default for RollupsBuilder {
    fn default() -> Self {
        Self {
            platforms: Names::default(),
            clients: Names::default(),
            accounts: Names::default(),
            spans: Spans::default(),
            shapes: Shape::ALL.map(ShapeBuilder::new),
        }
    }
}

impl RollupsBuilder {
    /// Takes the next rows in.
    pub(super) fn observe(&mut self, posts: &RecordBatch) {
        let column = |name: &str| posts.column_by_name(name);
        let (Some(platforms), Some(clients), Some(accounts), Some(reposts), Some(instants)) = (
            column("platform"),
            column("client"),
            column("account_id"),
            column("is_repost"),
            column("posted_at"),
        ) else {
            self.shapes.iter_mut().for_each(ShapeBuilder::give_up);
            return;
        };
        let (platforms, clients) = (platforms.as_string_view(), clients.as_string_view());
        let (accounts, reposts) = (accounts.as_string_view(), reposts.as_boolean());
        let instants = instants.as_primitive::<TimestampMicrosecondType>();
        let counts = COUNTS.map(|name| column(name).map(AsArray::as_primitive::<Int64Type>));
        for row in 0..posts.num_rows() {
            let post = Post {
                platform: self.platforms.number(platforms, row),
                client: self.clients.number(clients, row),
                account: self.accounts.number(accounts, row),
                is_repost: boolean(reposts, row),
                instant: instants.is_valid(row).then(|| instants.value(row)),
                counts: counts.map(|values| {
                    values.filter(|values| values.is_valid(row)).map(|values| values.value(row))
                }),
            };
            self.shapes.iter_mut().for_each(|shape| shape.add(&post, &mut self.spans));
        }
        self.shapes.iter_mut().for_each(ShapeBuilder::check_size);
    }

    /// The sections that hold the roll-ups: of each shape its size and its rows,
    /// as Parquet. That of a shape that was given up is empty.
    pub(super) fn finish(self) -> Result<Vec<Section>> {
        let mut sections = Vec::new();
        for builder in self.shapes {
            let kind = builder.shape.section();
            let names = match builder.shape {
                Shape::Time | Shape::Hour => Some(&self.clients),
                Shape::Clock => None,
                Shape::Account => Some(&self.accounts),
            };
            let mut bytes = Vec::new();
            if let Some((size, rows)) = builder.finish(&self.platforms, names)? {
                bytes.extend_from_slice(&size.rows.to_le_bytes());
                size.magnitudes.iter().for_each(|sum| bytes.extend_from_slice(&sum.to_le_bytes()));
                bytes.extend_from_slice(&encode(&rows)?);
            }
            sections.push(Section { kind, bytes });
        }
        Ok(sections)
    }
}

/// What roll-ups take from a post. Texts are numbers in [`Names`].
struct Post {
    platform: Option<u32>,
    client: Option<u32>,
    account: Option<u32>,
    is_repost: Option<bool>,
    instant: Option<i64>,
    counts: [Option<i64>; COUNTS.len()],
}

/// What the posts of one row have in common. Texts are numbers in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    platform: Option<u32>,
    name: Option<u32>,
    span: Option<i64>,
    is_repost: Option<bool>,
}

/// The sums over the posts of one row.
#[derive(Debug, Clone, Default)]
struct Group {
    posts: i64,
    first: Option<i64>,
    last: Option<i64>,
    counts: [Sums; COUNTS.len()],
}

/// The sums over one count. There may be many: without options they take half
/// the memory.
#[derive(Debug, Clone, Copy)]
struct Sums {
    known: i64,
    /// None of the others means anything as long as no value is known.
    sum: i64,
    min: i64,
    max: i64,
}

impl Default for Sums {
    fn default() -> Self {
        Self { known: 0, sum: 0, min: i64::MAX, max: i64::MIN }
    }
}

#[derive(Debug)]
struct ShapeBuilder {
    shape: Shape,
    posts: usize,
    groups: HashMap<Key, Group>,
    /// Whether it is not worth keeping for its many rows, or cannot be kept for a
    /// sum that is no 64-bit number.
    is_given_up: bool,
}

impl ShapeBuilder {
    fn new(shape: Shape) -> Self {
        Self { shape, posts: 0, groups: HashMap::default(), is_given_up: false }
    }

    fn add(&mut self, post: &Post, spans: &mut Spans) {
        self.posts += 1;
        if self.is_given_up {
            return;
        }
        let key = Key {
            platform: post.platform,
            name: match self.shape {
                Shape::Time | Shape::Hour => post.client,
                Shape::Clock => None,
                Shape::Account => post.account,
            },
            span: post.instant.map(|instant| self.shape.part_of_time(instant, spans)),
            is_repost: post.is_repost,
        };
        let group = self.groups.entry(key).or_default();
        group.posts += 1;
        group.first = [group.first, post.instant].into_iter().flatten().min();
        group.last = group.last.max(post.instant);
        for (sums, value) in group.counts.iter_mut().zip(post.counts) {
            if let Some(value) = value {
                self.is_given_up |= !sums.add(value);
            }
        }
    }

    /// Gives up if there are too many rows for what is to come.
    fn check_size(&mut self) {
        if self.has_more_than(ROWS_AT_FIRST) {
            self.give_up();
        }
    }

    fn has_more_than(&self, rows: usize) -> bool {
        self.groups.len() > rows + self.posts / SHARE
    }

    fn give_up(&mut self) {
        self.is_given_up = true;
        self.groups.clear();
    }

    /// The roll-up, with its size; none if it was given up.
    fn finish(
        self,
        platforms: &Names,
        names: Option<&Names>,
    ) -> Result<Option<(Size, RecordBatch)>> {
        if self.is_given_up || self.has_more_than(ROWS) {
            return Ok(None);
        }
        let mut groups: Vec<(Key, Group)> = self.groups.into_iter().collect();
        groups.sort_unstable_by_key(|(key, _)| *key);
        let mut size = Size { rows: groups.len() as u64, ..Size::default() };
        for (_, group) in &groups {
            for (magnitude, sums) in size.magnitudes.iter_mut().zip(group.counts) {
                *magnitude = magnitude.saturating_add(sums.magnitude());
            }
        }
        let instants = |value: fn(&Group) -> Option<i64>| -> ArrayRef {
            let values: TimestampMicrosecondArray =
                groups.iter().map(|(_, group)| value(group)).collect();
            Arc::new(values.with_timezone("UTC"))
        };
        let texts = |names: &Names, number: fn(&Key) -> Option<u32>| -> ArrayRef {
            let texts = names.texts();
            let values = groups.iter().map(|(key, _)| text(&texts, number(key)));
            Arc::new(values.collect::<StringViewArray>())
        };
        let mut reposts = BooleanBuilder::with_capacity(groups.len());
        groups.iter().for_each(|(key, _)| reposts.append_option(key.is_repost));
        let posts = Int64Array::from_iter_values(groups.iter().map(|(_, group)| group.posts));
        let mut columns = vec![texts(platforms, |key| key.platform)];
        columns.extend(names.map(|names| texts(names, |key| key.name)));
        columns.extend([
            Arc::new(reposts.finish()),
            instants(|group| group.first),
            instants(|group| group.last),
            Arc::new(posts) as ArrayRef,
        ]);
        for number in 0..COUNTS.len() {
            for measure in Measure::ALL {
                let values = groups.iter().map(|(_, group)| group.counts[number].value(measure));
                columns.push(Arc::new(values.collect::<Int64Array>()));
            }
        }
        let rows = RecordBatch::try_new(self.shape.schema(), columns).map_err(internal)?;
        Ok(Some((size, rows)))
    }
}

impl Sums {
    /// Takes a value in; false if the sum is no 64-bit number.
    fn add(&mut self, value: i64) -> bool {
        self.known += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        let (sum, overflows) = self.sum.overflowing_add(value);
        self.sum = sum;
        !overflows
    }

    fn value(&self, measure: Measure) -> Option<i64> {
        let value = match measure {
            Measure::Known => return Some(self.known),
            Measure::Sum => self.sum,
            Measure::Min => self.min,
            Measure::Max => self.max,
        };
        (self.known > 0).then_some(value)
    }

    /// The sum of the magnitudes of all values, or more.
    fn magnitude(&self) -> u64 {
        if self.known == 0 {
            return 0;
        }
        if self.min >= 0 {
            return self.sum.unsigned_abs();
        }
        let largest = self.min.unsigned_abs().max(self.max.unsigned_abs());
        self.known.unsigned_abs().saturating_mul(largest)
    }
}

/// The text with a number.
fn text<'a>(texts: &[&'a str], number: Option<u32>) -> Option<&'a str> {
    number.map(|number| texts[number as usize])
}

fn boolean(values: &BooleanArray, row: usize) -> Option<bool> {
    values.is_valid(row).then(|| values.value(row))
}

/// Rows as Parquet.
fn encode(rows: &RecordBatch) -> Result<Vec<u8>> {
    let level = ZstdLevel::try_new(3).map_err(internal)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).map_err(internal)?;
    writer.write(rows).map_err(internal)?;
    writer.into_inner().map_err(internal)
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("cannot sum posts up: {error}"))
}

/// Whether `sidecar` tells of each shape what there is of it; one that was made
/// before there was a shape does not.
pub(super) fn is_complete(sidecar: &Sidecar) -> bool {
    Shape::ALL.iter().all(|shape| !sidecar.sections(shape.section()).is_empty())
}

/// One roll-up as it was read: its rows are decoded column by column, as they
/// are asked for.
#[derive(Debug)]
pub(super) struct Encoded {
    /// Its size.
    pub(super) size: Size,
    rows: Bytes,
}

impl Encoded {
    /// The roll-up of `shape` in `sidecar`, if there is one.
    pub(super) fn open(sidecar: &Sidecar, shape: Shape) -> Result<Option<Self>> {
        let [section] = sidecar.sections(shape.section())[..] else { return Ok(None) };
        let bytes = Bytes::from(sidecar.read(section)?);
        if bytes.is_empty() {
            return Ok(None);
        }
        let number = |at: usize| u64_at(&bytes, at).ok_or_else(|| sidecar.damaged());
        let mut size = Size { rows: number(0)?, ..Size::default() };
        let mut at = 8;
        for magnitude in &mut size.magnitudes {
            *magnitude = number(at)?;
            at += 8;
        }
        Ok(Some(Self { size, rows: bytes.slice(at..) }))
    }

    /// The column with the given number.
    pub(super) fn column(&self, number: usize) -> Result<ArrayRef> {
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(self.rows.clone()).map_err(internal)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), [number]);
        let rows = usize::try_from(self.size.rows).unwrap_or(usize::MAX).max(1);
        let reader =
            builder.with_projection(mask).with_batch_size(rows).build().map_err(internal)?;
        let mut parts = Vec::new();
        for batch in reader {
            parts.push(Arc::clone(batch.map_err(internal)?.column(0)));
        }
        match parts.as_slice() {
            [] => Err(internal("a roll-up has no rows")),
            [whole] => Ok(Arc::clone(whole)),
            parts => concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()).map_err(internal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether sums by account are kept of `posts` posts, which so many accounts wrote in
    /// turn.
    fn are_kept(posts: u32, accounts: u32) -> bool {
        let mut builder = ShapeBuilder::new(Shape::Account);
        let (mut platforms, mut names) = (Names::default(), Names::default());
        let platform = platforms.number(&StringViewArray::from_iter_values(["weibo"]), 0);
        let texts = StringViewArray::from_iter_values((0..accounts).map(|n| n.to_string()));
        let mut spans = Spans::default();
        for post in 0..posts {
            let made = Post {
                platform,
                client: None,
                account: names.number(&texts, (post % accounts) as usize),
                is_repost: None,
                instant: Some(1_346_036_400_000_000),
                counts: [Some(i64::from(post)); COUNTS.len()],
            };
            builder.add(&made, &mut spans);
            if post % 8192 == 0 {
                builder.check_size();
            }
        }
        builder.finish(&platforms, Some(&names)).unwrap().is_some()
    }

    #[test]
    fn sums_by_account_are_kept_however_many_accounts_come_at_first() {
        assert!(are_kept(160_000, 50_000));
        assert!(!are_kept(60_000, 50_000));
        assert!(!are_kept(160_000, 160_000));
    }
}
