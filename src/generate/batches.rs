//! Rows of the generated world as batches in the shape of the tables.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int64Array, Int64Builder, ListBuilder, StringBuilder,
    StringViewBuilder, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::Field;
use datafusion::arrow::record_batch::RecordBatch;

use super::account::{Account, Manner};
use crate::error::{Error, Result};
use crate::model::{self, Table};
use crate::text::entities;

/// The service on which the world takes place.
pub(super) const PLATFORM: &str = "weibo";

/// The rows in a batch, except perhaps the last of a block.
pub(super) const ROWS: usize = 16_384;

/// Instants from seconds to the tables' microseconds.
fn instants(seconds: impl IntoIterator<Item = i64>) -> ArrayRef {
    let values = seconds.into_iter().map(|seconds| seconds * 1_000_000);
    Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
}

/// The same text in every row.
fn same(text: &str, rows: usize) -> ArrayRef {
    let mut builder = StringViewBuilder::with_capacity(rows);
    (0..rows).for_each(|_| builder.append_value(text));
    Arc::new(builder.finish())
}

/// Counts that are known.
fn counts(values: impl IntoIterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.into_iter().map(|value| value as i64)))
}

/// A batch of `table`; the columns are in its order.
fn batch(table: &Table, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(table.schema(), columns)
        .map_err(|error| Error::internal(format!("generated {}: {error}", table.name)))
}

/// Numbers as text.
fn ids(values: impl IntoIterator<Item = u64>) -> ArrayRef {
    let mut builder = StringViewBuilder::new();
    let mut digits = Vec::with_capacity(20);
    for value in values {
        append_id(&mut builder, value, &mut digits);
    }
    Arc::new(builder.finish())
}

/// Appends a number as text; `digits` is scratch space.
fn append_id(builder: &mut StringViewBuilder, value: u64, digits: &mut Vec<u8>) {
    digits.clear();
    super::grammar::write_number(value, 0, digits);
    builder.append_value(utf8(digits));
}

/// Bytes that were put together from texts and digits.
pub(super) fn utf8(bytes: &[u8]) -> &str {
    simdutf8::basic::from_utf8(bytes).expect("texts are made of whole characters")
}

/// The accounts, as first seen at `observed` (seconds since 1970).
pub(super) fn accounts(accounts: &[&Account], observed: i64) -> Result<RecordBatch> {
    let rows = accounts.len();
    let texts = |text: &dyn Fn(&Account) -> Option<String>| -> ArrayRef {
        let mut builder = StringViewBuilder::with_capacity(rows);
        accounts.iter().for_each(|account| builder.append_option(text(account)));
        Arc::new(builder.finish())
    };
    let location = |account: &Account| {
        if account.region.is_empty() { "北京".to_owned() } else { location(account) }
    };
    batch(
        &model::ACCOUNTS,
        vec![
            same(PLATFORM, rows),
            texts(&|account| Some(account.id.to_string())),
            texts(&|account| Some(account.name.clone())),
            texts(&|account| Some(description(account))),
            Arc::new(BooleanArray::from(vec![true; rows])),
            same("government", rows),
            texts(&|account| Some(format!("{}官方微博", account.organization))),
            texts(&|account| Some(location(account))),
            instants(accounts.iter().map(|account| account.registered)),
            texts(&|account| Some(account.organization.clone())),
            texts(&|account| Some(account.level.code().to_owned())),
            texts(&|account| {
                Some(super::systems::SYSTEMS[usize::from(account.system)].code.to_owned())
            }),
            texts(&|account| (!account.region.is_empty()).then(|| account.region.to_owned())),
            texts(&|_| None),
            instants(vec![observed; rows]),
        ],
    )
}

/// The place an account names: its province, and its city if it has one.
fn location(account: &Account) -> String {
    let province = account.region.trim_end_matches(['省', '市']);
    let place = account.place.strip_prefix(province).unwrap_or(&account.place);
    let place: String = place.chars().take(if place.chars().count() > 3 { 2 } else { 3 }).collect();
    if place.is_empty() { province.to_owned() } else { format!("{province} {place}") }
}

/// What an account says of itself.
fn description(account: &Account) -> String {
    let words = match account.manner {
        Manner::Interaction => "听您说，陪您聊，帮您办",
        Manner::News => "发布权威信息，解读政策法规",
        Manner::Emergency => "第一时间发布预警和应急信息",
    };
    format!("{}官方微博，{words}。", account.organization)
}

/// How large an account was at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AccountCount {
    /// The account's id.
    pub(super) account: u64,
    /// When, in seconds since 1970.
    pub(super) observed: i64,
    /// Accounts that follow it.
    pub(super) followers: u64,
    /// Accounts it follows.
    pub(super) following: u64,
    /// Posts it had published.
    pub(super) posts: u64,
    /// The unit to which followers were rounded.
    pub(super) precision: u64,
}

/// Rows of `account_snapshots`.
pub(super) fn account_snapshots(rows: &[AccountCount]) -> Result<RecordBatch> {
    batch(
        &model::ACCOUNT_SNAPSHOTS,
        vec![
            same(PLATFORM, rows.len()),
            ids(rows.iter().map(|row| row.account)),
            instants(rows.iter().map(|row| row.observed)),
            counts(rows.iter().map(|row| row.followers)),
            counts(rows.iter().map(|row| row.following)),
            counts(rows.iter().map(|row| row.posts)),
            counts(rows.iter().map(|row| row.precision)),
        ],
    )
}

/// How a post had been received at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PostCount {
    /// The post's id.
    pub(super) post: u64,
    /// When, in seconds since 1970.
    pub(super) observed: i64,
    /// Times it had been passed on.
    pub(super) reposts: u64,
    /// Comments under it.
    pub(super) comments: u64,
}

/// Rows of `post_snapshots`. Likes did not exist in exports of 2012.
pub(super) fn post_snapshots(rows: &[PostCount]) -> Result<RecordBatch> {
    batch(
        &model::POST_SNAPSHOTS,
        vec![
            same(PLATFORM, rows.len()),
            ids(rows.iter().map(|row| row.post)),
            instants(rows.iter().map(|row| row.observed)),
            counts(rows.iter().map(|row| row.reposts)),
            counts(rows.iter().map(|row| row.comments)),
            Arc::new(Int64Array::from(vec![None; rows.len()])),
            counts(vec![1; rows.len()]),
        ],
    )
}

/// A post as far as it is not its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct PostRow {
    /// Its id.
    pub(super) post: u64,
    /// Its account's id.
    pub(super) account: u64,
    /// When it was posted, in seconds since 1970.
    pub(super) posted: i64,
    /// What it was posted from.
    pub(super) client: &'static str,
    /// The place it names.
    pub(super) place: Option<&'static str>,
    /// The post and account it passes on.
    pub(super) origin: Option<super::relay::Origin>,
    /// Times it was passed on.
    pub(super) reposts: u64,
    /// Comments under it.
    pub(super) comments: u64,
    /// Pictures and videos attached.
    pub(super) media: u64,
}

/// Collects posts to a batch.
#[derive(Debug)]
pub(super) struct PostBatch {
    rows: Vec<PostRow>,
    texts: StringViewBuilder,
    lists: [ListBuilder<StringBuilder>; 3],
}

impl PostBatch {
    /// An empty batch.
    pub(super) fn new() -> Self {
        let list = || {
            ListBuilder::new(StringBuilder::new()).with_field(Field::new(
                "element",
                datafusion::arrow::datatypes::DataType::Utf8,
                true,
            ))
        };
        Self {
            rows: Vec::with_capacity(ROWS),
            texts: StringViewBuilder::with_capacity(ROWS).with_fixed_block_size(1 << 20),
            lists: [list(), list(), list()],
        }
    }

    /// Adds a post with its text; hashtags and the like are read off it.
    pub(super) fn push(&mut self, row: PostRow, text: &str) {
        self.rows.push(row);
        self.texts.append_value(text);
        let found = [entities::hashtags(text), entities::mentions(text), entities::urls(text)];
        for (list, values) in self.lists.iter_mut().zip(found) {
            values.iter().for_each(|value| list.values().append_value(value));
            list.append(true);
        }
    }

    /// How many posts there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The batch, as seen at `observed` (seconds since 1970). Likes did not exist in
    /// exports of 2012.
    pub(super) fn finish(mut self, observed: i64) -> Result<RecordBatch> {
        let rows = &self.rows;
        let optional_ids = |id: &dyn Fn(&PostRow) -> Option<u64>| -> ArrayRef {
            let mut builder = StringViewBuilder::with_capacity(rows.len());
            let mut digits = Vec::with_capacity(20);
            for row in rows {
                match id(row) {
                    Some(id) => append_id(&mut builder, id, &mut digits),
                    None => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        };
        let mut clients = StringViewBuilder::with_capacity(rows.len()).with_deduplicate_strings();
        rows.iter().for_each(|row| clients.append_value(row.client));
        let mut places = StringViewBuilder::with_capacity(rows.len());
        rows.iter().for_each(|row| places.append_option(row.place));
        let mut likes = Int64Builder::with_capacity(rows.len());
        likes.append_nulls(rows.len());
        let [hashtags, mentions, urls] = self.lists.each_mut().map(ListBuilder::finish);
        batch(
            &model::POSTS,
            vec![
                same(PLATFORM, rows.len()),
                optional_ids(&|row| Some(row.post)),
                optional_ids(&|row| Some(row.account)),
                instants(rows.iter().map(|row| row.posted)),
                Arc::new(self.texts.finish()),
                Arc::new(clients.finish()),
                Arc::new(places.finish()),
                Arc::new(BooleanArray::from_iter(
                    rows.iter().map(|row| Some(row.origin.is_some())),
                )),
                optional_ids(&|row| row.origin.map(|origin| origin.post)),
                optional_ids(&|row| row.origin.map(|origin| origin.account)),
                counts(rows.iter().map(|row| row.reposts)),
                counts(rows.iter().map(|row| row.comments)),
                Arc::new(likes.finish()),
                Arc::new(hashtags),
                Arc::new(mentions),
                Arc::new(urls),
                counts(rows.iter().map(|row| row.media)),
                instants(vec![observed; rows.len()]),
            ],
        )
    }
}
