//! `weibo_time(mid)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::Result;

use super::scalar::{Environment, Scalar, ids};
use super::{Argument, Body, Example, Function};
use crate::text::weibo_id::instant_from_mid;

pub(super) static FUNCTION: Function = Function {
    name: "weibo_time",
    signature: "weibo_time(mid) -> timestamp",
    summary: "When a Weibo post was made, read off its numeric id, exact to a second or two; NULL \
              for the short ids given until about 2011, which carry no time.",
    source: Some("the id's bits above the 22nd count seconds from 515483463 (Unix time)."),
    example: Example {
        sql: "SELECT weibo_time('3501756485200075') = TIMESTAMPTZ '2012-10-16T06:01:08Z'",
        result: "true",
    },
    arguments: &[Argument::Id],
    body: Body::Scalar(Scalar {
        returns: |environment| DataType::Timestamp(TimeUnit::Microsecond, Some(zone(environment))),
        compute: |columns, environment| times(&columns[0], environment),
    }),
};

/// The instant of each id.
fn times(column: &ArrayRef, environment: &Environment) -> Result<ArrayRef> {
    let times: TimestampMicrosecondArray =
        ids(column)?.map(|id| id.and_then(instant_from_mid)).collect();
    Ok(Arc::new(times.with_timezone(zone(environment))))
}

/// The time zone in which results are shown.
fn zone(environment: &Environment) -> Arc<str> {
    environment.time_zone.as_ref().map_or_else(|| Arc::from("UTC"), Arc::clone)
}
