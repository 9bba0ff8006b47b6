//! What is known of each column of a data file without reading it, and how the
//! log holds it.
//!
//! The log's own statistics allow instants in milliseconds only and do not say
//! whether a text is cut. So each file also carries, in a tag, what weiku
//! answers from: exact to the microsecond, cuts marked.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::{ColumnKind, Table};

/// The longest text, in bytes, that is kept whole as a bound of a column.
const LONGEST_BOUND: usize = 128;

/// What is known of one column of a data file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ColumnRange {
    /// How many values are NULL.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub(super) nulls: u64,
    /// The least value.
    #[serde(rename = "min", default, skip_serializing_if = "Option::is_none")]
    pub(super) min: Option<Bound>,
    /// The greatest value.
    #[serde(rename = "max", default, skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<Bound>,
}

/// A least or greatest value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Bound {
    /// Of a Boolean column.
    Boolean(bool),
    /// Of an Integer column, or an Instant in microseconds.
    Integer(i64),
    /// Of a Text column.
    Text(String),
    /// Of a Text column: no value is beyond this, but it was cut and is none.
    Cut([String; 1]),
}

/// Collects what is known of the columns of a file while its rows pass by.
#[derive(Debug)]
pub(super) struct Collector {
    table: &'static Table,
    rows: u64,
    columns: Vec<ColumnRange>,
}

impl Collector {
    /// A collector for a file of `table`.
    pub(super) fn new(table: &'static Table) -> Self {
        Self { table, rows: 0, columns: vec![ColumnRange::default(); table.columns.len()] }
    }

    /// Takes the rows of `batch` in.
    pub(super) fn observe(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        for ((range, column), values) in
            self.columns.iter_mut().zip(self.table.columns).zip(batch.columns())
        {
            range.nulls += values.null_count() as u64;
            let (min, max) = bounds(column.kind, values.as_ref());
            range.min = [range.min.take(), min].into_iter().flatten().min();
            range.max = range.max.take().max(max);
        }
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// How many rows passed, and what is known of each column.
    pub(super) fn finish(self) -> (u64, Vec<ColumnRange>) {
        let cut = |mut range: ColumnRange| {
            range.min = range.min.map(cut_below);
            range.max = range.max.and_then(cut_above);
            range
        };
        (self.rows, self.columns.into_iter().map(cut).collect())
    }
}

/// The least and greatest value of one array.
fn bounds(kind: ColumnKind, values: &dyn Array) -> (Option<Bound>, Option<Bound>) {
    match kind {
        ColumnKind::Text => {
            let values = values.as_string_view();
            let text = |value: &str| Bound::Text(value.to_owned());
            (compute::min_string_view(values).map(text), compute::max_string_view(values).map(text))
        }
        ColumnKind::Integer => {
            let values = values.as_primitive::<Int64Type>();
            (compute::min(values).map(Bound::Integer), compute::max(values).map(Bound::Integer))
        }
        ColumnKind::Instant => {
            let values = values.as_primitive::<TimestampMicrosecondType>();
            (compute::min(values).map(Bound::Integer), compute::max(values).map(Bound::Integer))
        }
        ColumnKind::Boolean => {
            let values = values.as_boolean();
            let (min, max) = (compute::min_boolean(values), compute::max_boolean(values));
            (min.map(Bound::Boolean), max.map(Bound::Boolean))
        }
        ColumnKind::TextList | ColumnKind::Bytes => (None, None),
    }
}

/// A bound not above `bound` that is short enough.
fn cut_below(bound: Bound) -> Bound {
    match bound {
        Bound::Text(text) if text.len() > LONGEST_BOUND => Bound::Cut([head(&text).to_owned()]),
        bound => bound,
    }
}

/// A bound not below `bound` that is short enough, if there is one.
fn cut_above(bound: Bound) -> Option<Bound> {
    match bound {
        Bound::Text(text) if text.len() > LONGEST_BOUND => {
            let mut characters: Vec<char> = head(&text).chars().collect();
            while let Some(last) = characters.pop() {
                if let Some(next) = successor(last) {
                    characters.push(next);
                    return Some(Bound::Cut([characters.into_iter().collect()]));
                }
            }
            None
        }
        bound => Some(bound),
    }
}

/// The beginning of `text` that is short enough for a bound.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_BOUND)]
}

/// The character after `character` in the order of code points.
fn successor(character: char) -> Option<char> {
    let next = u32::from(character) + 1;
    // The surrogates are no characters: the next one after them is.
    char::from_u32(if next == 0xD800 { 0xE000 } else { next })
}

/// The statistics that the engine plans with and answers from.
pub(super) fn statistics(
    table: &Table,
    rows: u64,
    size: u64,
    columns: &[ColumnRange],
) -> Statistics {
    let column_statistics = table
        .columns
        .iter()
        .enumerate()
        .map(|(position, column)| match columns.get(position) {
            Some(range) => column_statistics(column.kind, range),
            None => ColumnStatistics::new_unknown(),
        })
        .collect();
    Statistics {
        num_rows: Precision::Exact(as_usize(rows)),
        total_byte_size: Precision::Inexact(as_usize(size)),
        column_statistics,
    }
}

/// What the engine is told of one column.
fn column_statistics(kind: ColumnKind, range: &ColumnRange) -> ColumnStatistics {
    ColumnStatistics {
        null_count: Precision::Exact(as_usize(range.nulls)),
        min_value: precision(kind, range.min.as_ref()),
        max_value: precision(kind, range.max.as_ref()),
        ..ColumnStatistics::new_unknown()
    }
}

/// A bound as the engine takes it.
fn precision(kind: ColumnKind, bound: Option<&Bound>) -> Precision<ScalarValue> {
    match (kind, bound) {
        (ColumnKind::Boolean, Some(Bound::Boolean(value))) => Precision::Exact((*value).into()),
        (ColumnKind::Integer, Some(Bound::Integer(value))) => Precision::Exact((*value).into()),
        (ColumnKind::Instant, Some(Bound::Integer(value))) => {
            Precision::Exact(ScalarValue::TimestampMicrosecond(Some(*value), Some("UTC".into())))
        }
        (ColumnKind::Text, Some(Bound::Text(value))) => {
            Precision::Exact(ScalarValue::Utf8View(Some(value.clone())))
        }
        (ColumnKind::Text, Some(Bound::Cut([value]))) => {
            Precision::Inexact(ScalarValue::Utf8View(Some(value.clone())))
        }
        _ => Precision::Absent,
    }
}

/// The statistics in the form that every reader of the log knows.
pub(super) fn delta_statistics(table: &Table, rows: u64, columns: &[ColumnRange]) -> String {
    let (mut nulls, mut min, mut max) = (Map::new(), Map::new(), Map::new());
    for (column, range) in table.columns.iter().zip(columns) {
        let put = |map: &mut Map<String, Value>, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(column.name.to_owned(), value);
            }
        };
        put(&mut nulls, (column.kind != ColumnKind::TextList).then(|| json!(range.nulls)));
        put(&mut min, range.min.as_ref().and_then(|bound| delta_value(column.kind, bound)));
        put(&mut max, range.max.as_ref().and_then(|bound| delta_value(column.kind, bound)));
    }
    json!({ "numRecords": rows, "minValues": min, "maxValues": max, "nullCount": nulls })
        .to_string()
}

/// A bound in the log's form.
fn delta_value(kind: ColumnKind, bound: &Bound) -> Option<Value> {
    match bound {
        // The log keeps no bounds of truth values.
        Bound::Boolean(_) => None,
        Bound::Integer(value) if kind == ColumnKind::Instant => {
            let instant = chrono::DateTime::from_timestamp_micros(*value)?;
            Some(json!(instant.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)))
        }
        Bound::Integer(value) => Some(json!(value)),
        Bound::Text(value) | Bound::Cut([value]) => Some(json!(value)),
    }
}

/// The tag that holds what is known of the columns.
pub(super) fn to_tag(columns: &[ColumnRange]) -> String {
    json!(columns).to_string()
}

/// What the tag says, unless it is of another table's shape.
pub(super) fn from_tag(table: &Table, tag: &str) -> Option<Vec<ColumnRange>> {
    let columns: Vec<ColumnRange> = serde_json::from_str(tag).ok()?;
    (columns.len() == table.columns.len()).then_some(columns)
}

/// A count as the engine takes it.
fn as_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Whether a file with these statistics may hold one of `keys`, whose columns
/// are the table's key.
pub(super) fn may_hold(table: &Table, statistics: &Statistics, keys: &RecordBatch) -> bool {
    table.key.iter().zip(keys.columns()).all(|(name, values)| {
        let Some(column) = table.column(name) else { return true };
        let Some(position) = table.index(name) else { return true };
        let Some(known) = statistics.column_statistics.get(position) else { return true };
        let (least, greatest) = bounds(column.kind, values.as_ref());
        let (least, greatest) =
            (precision(column.kind, least.as_ref()), precision(column.kind, greatest.as_ref()));
        // A bound that was cut is still a bound.
        let is_above = known.min_value.get_value() > greatest.get_value();
        let is_below = known.max_value.get_value() < least.get_value();
        let are_known = [&known.min_value, &known.max_value, &least, &greatest]
            .iter()
            .all(|bound| bound.get_value().is_some());
        !are_known || !(is_above || is_below)
    })
}
