//! Intervals of Parquet files. Such a value is months, days and milliseconds; the reader
//! takes the column for one of days and milliseconds, and gives 0 for a month. A table
//! with such a column is read as long as that one is not asked for.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, IntervalUnit, Schema};
use datafusion::catalog::TableProvider;
use datafusion::error::Result;

use super::asked::{Asked, Look};
use super::csv::quoted;
use super::table::foreign;
use crate::error::Error;

/// `table`, called `name`, which does not give intervals.
pub(super) fn without(table: Arc<dyn TableProvider>, name: &str) -> Arc<dyn TableProvider> {
    match table.schema().fields().iter().any(|field| is_lost(field.data_type())) {
        true => Arc::new(Asked { table, look: Refusing { name: name.to_owned() } }),
        false => table,
    }
}

/// Whether values of this type would lose their months.
fn is_lost(kind: &DataType) -> bool {
    match kind {
        DataType::Interval(unit) => *unit == IntervalUnit::DayTime,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => is_lost(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| is_lost(field.data_type())),
        _ => false,
    }
}

/// Refuses such columns of the table called `name`.
#[derive(Debug)]
struct Refusing {
    name: String,
}

impl Look for Refusing {
    fn look(&self, columns: &Schema, is_asked: &dyn Fn(usize) -> bool) -> Result<()> {
        let mut asked = columns.fields().iter().enumerate().filter(|(place, _)| is_asked(*place));
        match asked.find(|(_, field)| is_lost(field.data_type())) {
            Some((_, field)) => Err(foreign(self.refusal(field.name()))),
            None => Ok(()),
        }
    }
}

impl Refusing {
    fn refusal(&self, column: &str) -> Error {
        let (column, name) = (quoted(column), &self.name);
        let what = "intervals, which cannot be read from Parquet";
        Error::query(format!("the column {column} of '{name}' has {what}")).hint(format!(
            "the others can: SELECT * EXCLUDE ({column}) FROM '{name}'; the program that wrote \
             it can write a text, by CAST({column} AS VARCHAR)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use datafusion::arrow::array::{ArrayRef, Int64Array, IntervalDayTimeArray, RecordBatch};
    use datafusion::arrow::datatypes::IntervalDayTime;
    use datafusion::arrow::util::display::array_value_to_string;
    use datafusion::parquet::arrow::ArrowWriter;

    use super::*;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn intervals_of_parquet_files_are_refused_and_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let intervals = IntervalDayTimeArray::from(vec![IntervalDayTime::new(2, 0)]);
        let numbers = Int64Array::from(vec![7]);
        let batch = RecordBatch::try_from_iter([
            ("i", Arc::new(intervals) as ArrayRef),
            ("n", Arc::new(numbers) as ArrayRef),
        ]);
        let batch = batch.unwrap();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();

        let session = Session::new(None, Settings::default()).unwrap();
        let from = format!("FROM '{}'", path.display());
        for (asked, wanted) in [
            ("SELECT n #", "7"),
            ("SELECT count(*) #", "1"),
            ("SELECT * EXCLUDE (i) # WHERE n = 7", "7"),
        ] {
            let sql = asked.replace('#', &from);
            let batches = session.collect(&sql).await.unwrap();
            assert_eq!(array_value_to_string(batches[0].column(0), 0).unwrap(), wanted, "{sql}");
        }
        for asked in ["SELECT * #", "SELECT max(i) #", "SELECT n # WHERE i > INTERVAL '1 hour'"] {
            let error = session.collect(&asked.replace('#', &from)).await.unwrap_err();
            assert!(error.message().contains("the column i of"), "{asked}: {error}");
            assert!(error.advice().unwrap().contains("EXCLUDE (i)"), "{asked}: {error}");
        }
    }
}
