//! weiku's own tables as Parquet.

use std::fs::File;
use std::io;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::Format;
use super::weiku::{self, COLUMNS};
use crate::error::{Error, Result};
use crate::ingest::column::{Column, Common, Subject};
use crate::ingest::draft::Draft;
use crate::ingest::input::Input;
use crate::ingest::record::Row;
use crate::ingest::source::Beside;
use crate::ingest::{Refusal, Sink};

/// How many columns an error lists.
const SHOWN: usize = 12;

/// Rows that are read at once.
const BATCH: usize = 8_192;

/// The columns decide what a row is, as for the other files of ours.
pub(super) const FORMAT: Format = Format {
    name: "weiku-parquet",
    summary: "weiku's own tables as Parquet, with columns named as the tables name them",
    columns: COLUMNS,
    more: &[],
    recognise: |head| head.is_parquet(),
    read,
};

fn read(input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
    let name = input.name;
    let damaged = |reason: String| {
        Error::input(format!("cannot read the Parquet file: {reason}")).in_file(name)
    };
    let mut common = input.common("", Subject::Post);
    common.platform.clone_from(&input.options.platform);
    let Input { content, beside, left_out, .. } = input;
    let file = open(content, beside).map_err(|error| damaged(error.to_string()))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|error| damaged(error.to_string()))?;
    let names: Vec<&str> =
        builder.schema().fields().iter().map(|field| field.name().as_str()).collect();
    if !names.contains(&"post_id") && !names.contains(&"account_id") {
        let some = names[..names.len().min(SHOWN)].join(", ");
        return Err(Error::input(format!("no column post_id or account_id among {some}"))
            .in_file(name)
            .hint("query the file in place: SELECT * FROM 'file.parquet'"));
    }
    common.subject =
        weiku::subject(&names, common.platform.is_some()).map_err(|error| error.in_file(name))?;
    left_out.extend(weiku::left_out(&names));
    let batches: ParquetRecordBatchReader =
        builder.with_batch_size(BATCH).build().map_err(|error| damaged(error.to_string()))?;
    let mut row = 0;
    for batch in batches {
        let batch = batch.map_err(|error| damaged(error.to_string()))?;
        row = read_batch(&batch, &common, row, sink).map_err(|error| error.in_file(name))?;
    }
    Ok(())
}

/// The file itself where it lies plain, else a copy, since Parquet is read from
/// its end.
fn open(content: &mut dyn io::Read, beside: &Beside) -> io::Result<File> {
    let mut magic = [0; 4];
    if let Some(path) = beside.path() {
        let mut file = File::open(path)?;
        if io::Read::read_exact(&mut file, &mut magic).is_ok() && &magic == b"PAR1" {
            return Ok(file);
        }
    }
    let mut copy = tempfile::tempfile()?;
    io::copy(content, &mut copy)?;
    Ok(copy)
}

/// Gives the rows of a batch to the sink, and the number of the last of them.
fn read_batch(
    batch: &RecordBatch,
    common: &Common,
    mut row: u64,
    sink: &mut dyn Sink,
) -> Result<u64> {
    let mut columns: Vec<(&Column, Texts)> = Vec::new();
    for column in COLUMNS {
        if let Some(array) = batch.column_by_name(column.name) {
            let texts = Texts::new(array)
                .map_err(|reason| Error::input(format!("{}: {reason}", column.name)))?;
            columns.push((column, texts));
        }
    }
    for index in 0..batch.num_rows() {
        row += 1;
        match read_row(&columns, common, index) {
            Ok(rows) => sink.record(row, rows)?,
            Err(reason) => sink.reject(Refusal { row, line: None, reason, raw: &[] })?,
        }
    }
    Ok(row)
}

fn read_row<'a>(
    columns: &'a [(&Column, Texts)],
    common: &'a Common,
    index: usize,
) -> Result<Vec<Row<'a>>, String> {
    let mut draft = Draft::new(common);
    for (column, texts) in columns {
        if let Some(text) = texts.get(index) {
            draft.set(column, text)?;
        }
    }
    draft.finish()
}

/// A column whose values can be had as text.
enum Texts {
    Text(ArrayRef),
    Integer(ArrayRef),
    Instant(ArrayRef),
    Flag(BooleanArray),
    List(ArrayRef),
}

impl Texts {
    fn new(array: &ArrayRef) -> Result<Self, String> {
        let to = |kind: &DataType| cast(array, kind).map_err(|error| error.to_string());
        Ok(match array.data_type() {
            DataType::Boolean => Self::Flag(array.as_boolean().clone()),
            DataType::Timestamp(..) | DataType::Date32 => {
                Self::Instant(to(&DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?)
            }
            kind if kind.is_integer() => Self::Integer(to(&DataType::Int64)?),
            DataType::List(_) => Self::List(to(&DataType::new_list(DataType::Utf8, true))?),
            _ => Self::Text(to(&DataType::Utf8)?),
        })
    }

    fn get(&self, index: usize) -> Option<String> {
        match self {
            Self::Text(array) => {
                array.is_valid(index).then(|| array.as_string::<i32>().value(index).to_owned())
            }
            Self::Integer(array) => array
                .is_valid(index)
                .then(|| array.as_primitive::<Int64Type>().value(index).to_string()),
            Self::Flag(array) => array.is_valid(index).then(|| array.value(index).to_string()),
            Self::Instant(array) => {
                let micros = array
                    .is_valid(index)
                    .then(|| array.as_primitive::<TimestampMicrosecondType>().value(index))?;
                Some(chrono::DateTime::from_timestamp_micros(micros)?.to_rfc3339())
            }
            Self::List(array) => {
                let items = array.is_valid(index).then(|| array.as_list::<i32>().value(index))?;
                let items: Vec<&str> = items.as_string::<i32>().iter().flatten().collect();
                Some(serde_json::Value::from(items).to_string())
            }
        }
    }
}
