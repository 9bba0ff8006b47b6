//! `width_bucket(value, start, end, count)`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Builder};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::{Result, exec_err};

use super::scalar::{Scalar, integer_type, numbers};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "width_bucket",
    signature: "width_bucket(value, start, end, count) -> integer",
    summary: "In which of so many parts of the same width between two numbers a value lies, from \
              1: for a histogram. A part has its start and not its end; what lies before the \
              first is in 0, and what lies behind the last in one more than there are. The start \
              may be the greater number.",
    source: Some("As in PostgreSQL."),
    example: Example { sql: "SELECT width_bucket(35, 0, 100, 10)", result: "4" },
    arguments: &[Argument::Number, Argument::Number, Argument::Number, Argument::Whole],
    body: Body::Scalar(Scalar { returns: integer_type, compute: |columns, _| buckets(columns) }),
};

/// The part of each row.
fn buckets(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [values, starts, ends] = [0, 1, 2].map(|at| numbers(&columns[at]));
    let counts = columns[3].as_primitive::<Int64Type>();
    let mut found = Int64Builder::with_capacity(values.len());
    for row in 0..values.len() {
        if columns.iter().any(|column| column.is_null(row)) {
            found.append_null();
            continue;
        }
        let (start, end, count) = (starts.value(row), ends.value(row), counts.value(row));
        if count < 1 || start == end || !start.is_finite() || !end.is_finite() {
            return exec_err!(
                "width_bucket cuts what lies between two numbers into 1 part or more, and not \
                 {start} to {end} into {count}"
            );
        }
        found.append_option(bucket(values.value(row), start, end, count));
    }
    Ok(Arc::new(found.finish()))
}

/// In which of `count` parts from `start` to `end` a value lies.
fn bucket(value: f64, start: f64, end: f64, count: i64) -> Option<i64> {
    if start > end {
        return bucket(-value, -start, -end, count);
    }
    if value.is_nan() {
        return None;
    }
    if value < start {
        return Some(0);
    }
    if value >= end {
        return count.checked_add(1);
    }
    // Halves, since the difference of great numbers may be beyond all.
    let share = (value / 2.0 - start / 2.0) / (end / 2.0 - start / 2.0);
    // What is close below the end may be rounded to it.
    Some(((share * count as f64) as i64).min(count - 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::bucket;
    use crate::engine::{Session, Settings};

    #[test]
    fn parts_are_those_of_postgresql() {
        for ((value, start, end, count), is) in [
            ((5.35, 0.024, 10.06, 5), 3),
            ((0.0, 0.0, 10.0, 5), 1),
            ((2.0, 0.0, 10.0, 5), 2),
            ((9.999, 0.0, 10.0, 5), 5),
            ((10.0, 0.0, 10.0, 5), 6),
            ((-0.1, 0.0, 10.0, 5), 0),
            ((f64::INFINITY, 0.0, 10.0, 5), 6),
            // From the greater number down.
            ((10.0, 10.0, 0.0, 5), 1),
            ((10.1, 10.0, 0.0, 5), 0),
            ((0.0, 10.0, 0.0, 5), 6),
            ((0.0, f64::MIN, f64::MAX, 4), 3),
            ((1.0_f64.next_down(), 0.0, 1.0, 3), 3),
        ] {
            let found = bucket(value, start, end, count);
            assert_eq!(found, Some(is), "{value} {start} {end} {count}");
        }
        assert_eq!(bucket(f64::NAN, 0.0, 10.0, 5), None);
        assert_eq!(bucket(2.0, 0.0, 1.0, i64::MAX), None);
    }

    #[tokio::test]
    async fn what_cannot_be_cut_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for given in ["1, 0, 10, 0", "1, 5, 5, 3", "1, 0, 'inf'::double, 3"] {
            let sql = format!("SELECT width_bucket({given})");
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.to_string().contains("width_bucket cuts"), "{given}: {error}");
        }
    }
}
