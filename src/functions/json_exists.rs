//! `json_exists(text, path)`.

use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;

use super::json::found;
use super::scalar::Scalar;
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "json_exists",
    signature: "json_exists(text, path) -> boolean",
    summary: "Whether a text that is JSON has something at a path as in json_extract, which \
              may be null; NULL for a text that is no JSON.",
    source: Some("As in DuckDB."),
    example: Example {
        sql: "SELECT json_exists('{\"retweeted_status\": null}', '$.retweeted_status')",
        result: "true",
    },
    arguments: &[Argument::Text, Argument::Path],
    body: Body::Scalar(Scalar {
        returns: |_| DataType::Boolean,
        compute: |columns, _| {
            let exists = found(columns)?.into_iter().map(|found| Some(found?.is_some()));
            Ok(Arc::new(exists.collect::<BooleanArray>()))
        },
    }),
};
