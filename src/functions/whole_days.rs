//! `whole_days(earlier, later)`.

use std::sync::Arc;

use datafusion::arrow::array::Int64Array;

use super::calendar_difference::clock;
use super::scalar::{Scalar, integer_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "whole_days",
    signature: "whole_days(earlier, later) -> integer",
    summary: "How many whole days lie between two times by the clock of their time zone; below \
              0 if they are swapped.",
    source: Some("As date_sub in DuckDB."),
    example: Example {
        sql: "SELECT whole_days(TIMESTAMP '2012-08-27 10:00:00', TIMESTAMP '2012-08-29 09:00:00')",
        result: "1",
    },
    arguments: &[Argument::Instant, Argument::Instant],
    body: Body::Scalar(Scalar {
        returns: integer_type,
        compute: |columns, _| {
            let (earlier, later) = (clock(&columns[0])?, clock(&columns[1])?);
            let pairs = earlier.into_iter().zip(later);
            let days = pairs.map(|(earlier, later)| Some((later? - earlier?).num_days()));
            Ok(Arc::new(days.collect::<Int64Array>()))
        },
    }),
};
