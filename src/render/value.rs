//! One reading of Arrow arrays for all formats and charts: a [`Column`] is made
//! once per batch, and gives the [`Value`] at a row.

use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray,
    Float32Array, Float64Array, LargeBinaryArray, LargeStringArray, StringArray, StringViewArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type,
    Decimal128Type, Decimal256Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Float16Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    i256,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::time::Moment;
use crate::error::{Error, Result};

/// What stands in one cell.
#[derive(Debug)]
pub enum Value<'a> {
    /// Unknown.
    Null,
    /// True or false.
    Bool(bool),
    /// A signed whole number.
    Int(i64),
    /// An unsigned whole number.
    Unsigned(u64),
    /// A number in single precision, which has fewer digits to show.
    Float(f32),
    /// A number in double precision.
    Double(f64),
    /// A decimal number, exactly as text: `-12.50`.
    Decimal(String),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A day, counted from 1970-01-01.
    Date(i64),
    /// A time of day in nanoseconds.
    Time(u64),
    /// An instant, on the wall clock of its column's time zone.
    Moment(Moment),
    /// A list.
    List(Items<'a>),
    /// A struct.
    Struct(Members<'a>),
    /// A map: its keys, and its values in the same order.
    Map(Items<'a>, Items<'a>),
    /// What passed between two instants: in ISO 8601, and in nanoseconds.
    Elapsed(String, i128),
    /// A value of a rare type, as text: an interval, a union.
    Other(String),
}

/// The items of a list.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a> {
    column: &'a Column,
    start: usize,
    end: usize,
}

impl<'a> Items<'a> {
    /// The items in order.
    pub fn iter(self) -> impl Iterator<Item = Value<'a>> {
        (self.start..self.end).map(move |row| self.column.get(row))
    }
}

/// The members of a struct.
#[derive(Debug, Clone, Copy)]
pub struct Members<'a> {
    columns: &'a [(String, Column)],
    row: usize,
}

impl<'a> Members<'a> {
    /// The members in order, with their names.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.columns.iter().map(move |(name, column)| (name.as_str(), column.get(self.row)))
    }
}

/// An array that has been looked at once, so that reading its cells is cheap.
#[derive(Debug)]
pub struct Column {
    nulls: Option<NullBuffer>,
    cells: Cells,
}

#[derive(Debug)]
enum Cells {
    Null,
    Bool(BooleanArray),
    Int8(ScalarBuffer<i8>),
    Int16(ScalarBuffer<i16>),
    Int32(ScalarBuffer<i32>),
    Int64(ScalarBuffer<i64>),
    UInt8(ScalarBuffer<u8>),
    UInt16(ScalarBuffer<u16>),
    UInt32(ScalarBuffer<u32>),
    UInt64(ScalarBuffer<u64>),
    Float16(ArrayRef),
    Float32(Float32Array),
    Float64(Float64Array),
    Decimal32(ScalarBuffer<i32>, i8),
    Decimal64(ScalarBuffer<i64>, i8),
    Decimal128(ScalarBuffer<i128>, i8),
    Decimal256(ScalarBuffer<i256>, i8),
    Text(StringArray),
    LargeText(LargeStringArray),
    TextView(StringViewArray),
    Bytes(BinaryArray),
    LargeBytes(LargeBinaryArray),
    BytesView(BinaryViewArray),
    FixedBytes(FixedSizeBinaryArray),
    Date(ScalarBuffer<i32>),
    DateMillis(ScalarBuffer<i64>),
    /// Times of day, with the nanoseconds of one unit.
    Time32(ScalarBuffer<i32>, u64),
    Time64(ScalarBuffer<i64>, u64),
    /// Instants, with the units of one second.
    Moment(ScalarBuffer<i64>, i64, Option<Tz>),
    List(OffsetBuffer<i32>, Box<Column>),
    LargeList(OffsetBuffer<i64>, Box<Column>),
    FixedList(usize, Box<Column>),
    Struct(Vec<(String, Column)>),
    Map(OffsetBuffer<i32>, Box<Column>, Box<Column>),
    Dictionary(Vec<usize>, Box<Column>),
    Other(ArrayRef),
}

/// The columns of a batch.
///
/// # Errors
/// When a column has a type that cannot be shown.
pub fn columns(batch: &RecordBatch) -> Result<Vec<Column>> {
    batch.columns().iter().map(Column::new).collect()
}

impl Column {
    /// Looks at `array`.
    ///
    /// # Errors
    /// When its type cannot be shown.
    pub fn new(array: &ArrayRef) -> Result<Self> {
        if let DataType::RunEndEncoded(_, values) = array.data_type() {
            let plain = datafusion::arrow::compute::cast(array, values.data_type());
            return Self::new(&plain.map_err(|error| arrow_error(&error))?);
        }
        Ok(Self { nulls: array.logical_nulls(), cells: cells(array)? })
    }

    /// The value at `row`, which must be below the length of the array.
    #[must_use]
    pub fn get(&self, row: usize) -> Value<'_> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Value::Null;
        }
        match &self.cells {
            Cells::Null => Value::Null,
            Cells::Bool(cells) => Value::Bool(cells.value(row)),
            Cells::Int8(cells) => Value::Int(cells[row].into()),
            Cells::Int16(cells) => Value::Int(cells[row].into()),
            Cells::Int32(cells) => Value::Int(cells[row].into()),
            Cells::Int64(cells) => Value::Int(cells[row]),
            Cells::UInt8(cells) => Value::Unsigned(cells[row].into()),
            Cells::UInt16(cells) => Value::Unsigned(cells[row].into()),
            Cells::UInt32(cells) => Value::Unsigned(cells[row].into()),
            Cells::UInt64(cells) => Value::Unsigned(cells[row]),
            Cells::Float16(array) => {
                Value::Float(array.as_primitive::<Float16Type>().value(row).to_f32())
            }
            Cells::Float32(cells) => Value::Float(cells.value(row)),
            Cells::Float64(cells) => Value::Double(cells.value(row)),
            Cells::Decimal32(cells, scale) => decimal(cells[row].to_string(), *scale),
            Cells::Decimal64(cells, scale) => decimal(cells[row].to_string(), *scale),
            Cells::Decimal128(cells, scale) => decimal(cells[row].to_string(), *scale),
            Cells::Decimal256(cells, scale) => decimal(cells[row].to_string(), *scale),
            Cells::Text(cells) => Value::Text(cells.value(row)),
            Cells::LargeText(cells) => Value::Text(cells.value(row)),
            Cells::TextView(cells) => Value::Text(cells.value(row)),
            Cells::Bytes(cells) => Value::Bytes(cells.value(row)),
            Cells::LargeBytes(cells) => Value::Bytes(cells.value(row)),
            Cells::BytesView(cells) => Value::Bytes(cells.value(row)),
            Cells::FixedBytes(cells) => Value::Bytes(cells.value(row)),
            Cells::Date(cells) => Value::Date(cells[row].into()),
            Cells::DateMillis(cells) => date_of_millis(cells[row]),
            Cells::Time32(cells, unit) => Value::Time(u64::from(cells[row].unsigned_abs()) * unit),
            Cells::Time64(cells, unit) => Value::Time(cells[row].unsigned_abs() * unit),
            Cells::Moment(cells, unit, zone) => Value::Moment(moment(cells[row], *unit, *zone)),
            Cells::List(offsets, items) => {
                Value::List(items.range(offsets[row] as usize, offsets[row + 1] as usize))
            }
            Cells::LargeList(offsets, items) => {
                Value::List(items.range(offsets[row] as usize, offsets[row + 1] as usize))
            }
            Cells::FixedList(length, items) => {
                Value::List(items.range(row * length, (row + 1) * length))
            }
            Cells::Struct(columns) => Value::Struct(Members { columns, row }),
            Cells::Map(offsets, keys, values) => {
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                Value::Map(keys.range(start, end), values.range(start, end))
            }
            Cells::Dictionary(keys, values) => values.get(keys[row]),
            Cells::Other(array) => match elapsed(array, row) {
                Some(nanos) => Value::Elapsed(other(array, row), nanos),
                None => Value::Other(other(array, row)),
            },
        }
    }

    fn range(&self, start: usize, end: usize) -> Items<'_> {
        Items { column: self, start, end }
    }
}

fn cells(array: &ArrayRef) -> Result<Cells> {
    Ok(match array.data_type() {
        DataType::Null => Cells::Null,
        DataType::Boolean => Cells::Bool(array.as_boolean().clone()),
        DataType::Int8 => Cells::Int8(buffer::<Int8Type>(array)),
        DataType::Int16 => Cells::Int16(buffer::<Int16Type>(array)),
        DataType::Int32 => Cells::Int32(buffer::<Int32Type>(array)),
        DataType::Int64 => Cells::Int64(buffer::<Int64Type>(array)),
        DataType::UInt8 => Cells::UInt8(buffer::<UInt8Type>(array)),
        DataType::UInt16 => Cells::UInt16(buffer::<UInt16Type>(array)),
        DataType::UInt32 => Cells::UInt32(buffer::<UInt32Type>(array)),
        DataType::UInt64 => Cells::UInt64(buffer::<UInt64Type>(array)),
        DataType::Float16 => Cells::Float16(ArrayRef::clone(array)),
        DataType::Float32 => Cells::Float32(array.as_primitive().clone()),
        DataType::Float64 => Cells::Float64(array.as_primitive().clone()),
        DataType::Decimal32(_, scale) => Cells::Decimal32(buffer::<Decimal32Type>(array), *scale),
        DataType::Decimal64(_, scale) => Cells::Decimal64(buffer::<Decimal64Type>(array), *scale),
        DataType::Decimal128(_, scale) => {
            Cells::Decimal128(buffer::<Decimal128Type>(array), *scale)
        }
        DataType::Decimal256(_, scale) => {
            Cells::Decimal256(buffer::<Decimal256Type>(array), *scale)
        }
        DataType::Utf8 => Cells::Text(array.as_string().clone()),
        DataType::LargeUtf8 => Cells::LargeText(array.as_string().clone()),
        DataType::Utf8View => Cells::TextView(array.as_string_view().clone()),
        DataType::Binary => Cells::Bytes(array.as_binary().clone()),
        DataType::LargeBinary => Cells::LargeBytes(array.as_binary().clone()),
        DataType::BinaryView => Cells::BytesView(array.as_binary_view().clone()),
        DataType::FixedSizeBinary(_) => Cells::FixedBytes(array.as_fixed_size_binary().clone()),
        DataType::Date32 => Cells::Date(buffer::<Date32Type>(array)),
        DataType::Date64 => Cells::DateMillis(buffer::<Date64Type>(array)),
        DataType::Time32(TimeUnit::Second) => {
            Cells::Time32(buffer::<Time32SecondType>(array), 1_000_000_000)
        }
        DataType::Time32(_) => Cells::Time32(buffer::<Time32MillisecondType>(array), 1_000_000),
        DataType::Time64(TimeUnit::Microsecond) => {
            Cells::Time64(buffer::<Time64MicrosecondType>(array), 1000)
        }
        DataType::Time64(_) => Cells::Time64(buffer::<Time64NanosecondType>(array), 1),
        DataType::Timestamp(unit, zone) => moments(array, *unit, zone.as_deref())?,
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            Cells::List(list.offsets().clone(), Box::new(Column::new(list.values())?))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            Cells::LargeList(list.offsets().clone(), Box::new(Column::new(list.values())?))
        }
        DataType::FixedSizeList(_, length) => {
            let items = Column::new(array.as_fixed_size_list().values())?;
            Cells::FixedList(usize::try_from(*length).unwrap_or(0), Box::new(items))
        }
        DataType::Struct(fields) => {
            let members = fields.iter().zip(array.as_struct().columns());
            let named =
                members.map(|(field, member)| Ok((field.name().clone(), Column::new(member)?)));
            Cells::Struct(named.collect::<Result<_>>()?)
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let (keys, values) = (Column::new(map.keys())?, Column::new(map.values())?);
            Cells::Map(map.offsets().clone(), Box::new(keys), Box::new(values))
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let values = Column::new(dictionary.values())?;
            Cells::Dictionary(dictionary.normalized_keys(), Box::new(values))
        }
        _ => {
            ArrayFormatter::try_new(array, &FormatOptions::default())
                .map_err(|error| arrow_error(&error))?;
            Cells::Other(ArrayRef::clone(array))
        }
    })
}

fn buffer<T: ArrowPrimitiveType>(array: &ArrayRef) -> ScalarBuffer<T::Native> {
    array.as_primitive::<T>().values().clone()
}

fn moments(array: &ArrayRef, unit: TimeUnit, zone: Option<&str>) -> Result<Cells> {
    let zone = match zone {
        Some(name) => Some(name.parse::<Tz>().map_err(|error| arrow_error(&error))?),
        None => None,
    };
    let (values, per_second) = match unit {
        TimeUnit::Second => (buffer::<TimestampSecondType>(array), 1),
        TimeUnit::Millisecond => (buffer::<TimestampMillisecondType>(array), 1000),
        TimeUnit::Microsecond => (buffer::<TimestampMicrosecondType>(array), 1_000_000),
        TimeUnit::Nanosecond => (buffer::<TimestampNanosecondType>(array), 1_000_000_000),
    };
    Ok(Cells::Moment(values, per_second, zone))
}

/// The wall clock of `zone` at `ticks`; an instant that the calendar of time
/// zones cannot reach (beyond the year 262000) is given in UTC.
fn moment(ticks: i64, per_second: i64, zone: Option<Tz>) -> Moment {
    use chrono::{Offset, TimeZone};
    let seconds = ticks.div_euclid(per_second);
    let nanos = (ticks.rem_euclid(per_second) * (1_000_000_000 / per_second)) as u32;
    let Some(zone) = zone else { return Moment { seconds, nanos, offset: None } };
    let offset = chrono::DateTime::from_timestamp(seconds, 0)
        .map_or(0, |utc| zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc());
    Moment { seconds: seconds + i64::from(offset), nanos, offset: Some(offset) }
}

/// A day; arrays that hold more than whole days against the rules keep the time.
fn date_of_millis<'a>(millis: i64) -> Value<'a> {
    const DAY: i64 = 86_400_000;
    if millis % DAY == 0 {
        return Value::Date(millis / DAY);
    }
    Value::Moment(moment(millis, 1000, None))
}

/// Sets the point into `digits`. Unlike Arrow's own, this keeps all digits of a
/// sum that has outgrown its declared precision.
fn decimal<'a>(digits: String, scale: i8) -> Value<'a> {
    let scale = i32::from(scale);
    if scale == 0 || (scale < 0 && digits == "0") {
        return Value::Decimal(digits);
    }
    if scale < 0 {
        return Value::Decimal(digits + &"0".repeat(scale.unsigned_abs() as usize));
    }
    let places = scale.unsigned_abs() as usize;
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits.as_str()),
    };
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    Value::Decimal(format!("{sign}{whole}.{fraction}"))
}

/// The nanoseconds of a cell that holds what passed between two instants.
fn elapsed(array: &ArrayRef, row: usize) -> Option<i128> {
    let DataType::Duration(unit) = array.data_type() else { return None };
    let (count, nanos) = match unit {
        TimeUnit::Second => (array.as_primitive::<DurationSecondType>().value(row), 1_000_000_000),
        TimeUnit::Millisecond => {
            (array.as_primitive::<DurationMillisecondType>().value(row), 1_000_000)
        }
        TimeUnit::Microsecond => {
            (array.as_primitive::<DurationMicrosecondType>().value(row), 1_000)
        }
        TimeUnit::Nanosecond => (array.as_primitive::<DurationNanosecondType>().value(row), 1),
    };
    Some(i128::from(count) * nanos)
}

fn other(array: &ArrayRef, row: usize) -> String {
    match ArrayFormatter::try_new(array, &FormatOptions::default()) {
        Ok(formatter) => {
            let text = formatter.value(row).to_string();
            let is_interval = matches!(array.data_type(), DataType::Interval(_));
            if is_interval { with_singulars(&text) } else { text }
        }
        Err(error) => error.to_string(),
    }
}

/// `1 mon 1 day` of `1 mons 1 days`, as an interval is written.
fn with_singulars(interval: &str) -> String {
    let mut words: Vec<&str> = interval.split(' ').collect();
    for at in 1..words.len() {
        if matches!(words[at - 1], "1" | "-1") {
            words[at] = words[at].strip_suffix('s').unwrap_or(words[at]);
        }
    }
    words.join(" ")
}

/// An error of Arrow's, which after planning can only be a fault of ours.
pub(crate) fn arrow_error(error: &ArrowError) -> Error {
    Error::internal(format!("cannot show a result: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_day_of_an_interval_is_no_days() {
        let written = with_singulars("1 mons 1 days 14 hours -1 mins 1.000000000 secs");
        assert_eq!(written, "1 mon 1 day 14 hours -1 min 1.000000000 secs");
        assert_eq!(with_singulars("11 days"), "11 days");
    }

    #[test]
    fn decimals_are_exact_at_every_scale() {
        for (digits, scale, expected) in [
            ("1250", 2, "12.50"),
            ("-5", 2, "-0.05"),
            ("0", 3, "0.000"),
            ("7", 0, "7"),
            ("7", -3, "7000"),
            ("0", -3, "0"),
            (
                "99999999999999999999999999999999999999",
                10,
                "9999999999999999999999999999.9999999999",
            ),
        ] {
            let Value::Decimal(text) = decimal(digits.to_owned(), scale) else { unreachable!() };
            assert_eq!(text, expected);
        }
    }
}
