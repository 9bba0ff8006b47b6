//! `whole_months(earlier, later)`.

use std::sync::Arc;

use chrono::{Datelike, NaiveDateTime};
use datafusion::arrow::array::Int64Array;

use super::calendar_difference::{clock, days_of_month, difference};
use super::scalar::{Scalar, integer_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "whole_months",
    signature: "whole_months(earlier, later) -> integer",
    summary: "How many whole months lie between two times by the clock of their time zone; below \
              0 if they are swapped. From the 31st of a month to the last day of a shorter one \
              it is a whole one.",
    source: Some("As date_sub in DuckDB."),
    example: Example {
        sql: "SELECT whole_months(DATE '2012-01-31', DATE '2012-02-29')",
        result: "1",
    },
    arguments: &[Argument::Instant, Argument::Instant],
    body: Body::Scalar(Scalar {
        returns: integer_type,
        compute: |columns, _| {
            let (earlier, later) = (clock(&columns[0])?, clock(&columns[1])?);
            let pairs = earlier.into_iter().zip(later);
            let months = pairs.map(|(earlier, later)| months(earlier?, later?));
            Ok(Arc::new(months.collect::<Int64Array>()))
        },
    }),
};

fn months(earlier: NaiveDateTime, later: NaiveDateTime) -> Option<i64> {
    if later < earlier {
        return months(later, earlier).map(|months| -months);
    }
    let last = days_of_month(later)?;
    let ends_month = later.day() as i32 == last && earlier.day() as i32 > last;
    let earlier = if ends_month { earlier.with_day(later.day())? } else { earlier };
    Some(difference(later, earlier)?.months.into())
}
