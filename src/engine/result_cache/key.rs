//! What an answer depends on.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::config::ConfigOptions;
use datafusion::sql::sqlparser::ast;

use super::entry::to_ipc;
use crate::catalog::is_lever;
use crate::engine::Params;
use crate::engine::fingerprint::Fingerprint;
use crate::engine::reads::Reads;

/// All that an answer depends on, besides the program.
#[derive(Debug)]
pub(in crate::engine) struct Depends<'a> {
    /// The statement. Its `Hash` covers all of it but where its words stand.
    pub(in crate::engine) statement: &'a ast::Statement,
    /// The values of its placeholders.
    pub(in crate::engine) params: &'a Params,
    /// What it reads, by which views and earlier versions are known as well.
    pub(in crate::engine) reads: &'a Reads,
    /// The settings of the session.
    pub(in crate::engine) options: &'a ConfigOptions,
    /// What tells the session's lists of words from those that come with weiku.
    pub(in crate::engine) dictionaries: Option<&'a str>,
}

/// What tells an answer from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::engine) struct Key([u8; 32]);

/// The one setting of the engine besides the levers that is known to change no
/// answer, and that differs between a prompt and a batch.
const THREADS: &str = "datafusion.execution.target_partitions";

impl Key {
    /// The key of what `program` answers; none if a parameter has no Arrow form.
    pub(super) fn of(program: &str, depends: &Depends<'_>) -> Option<Self> {
        let Depends { statement, params, reads, options, dictionaries } = depends;
        let mut key = Fingerprint::default();
        key.add((program, statement, row(params)?, reads.files_sha256(), dictionaries));
        for entry in options.entries().iter().filter(|entry| !changes_no_answer(&entry.key)) {
            key.add((&entry.key, &entry.value));
        }
        Some(Self(key.digest()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn to_hexadecimal(self) -> String {
        hex::encode(self.0)
    }
}

fn changes_no_answer(setting: &str) -> bool {
    setting == THREADS || is_lever(setting)
}

/// The parameters as a row in Arrow's own format, which tells types and values of
/// all kinds apart.
fn row(params: &Params) -> Option<Vec<u8>> {
    let columns: Option<Vec<ArrayRef>> =
        params.values().map(|value| value.to_array().ok()).collect();
    let columns = columns?;
    let fields: Vec<Field> = params
        .keys()
        .zip(&columns)
        .map(|(name, column)| Field::new(name, column.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let rows = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &rows).ok()?;
    to_ipc(&schema, &[batch])
}
