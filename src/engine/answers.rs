//! What statements answer, as texts that tests compare.

use datafusion::arrow::util::display::array_value_to_string;
use datafusion::arrow::util::pretty::pretty_format_batches;

use super::Session;

/// The names of the columns and the rows, each `a|b`; NULL is empty.
pub(super) async fn answer(session: &Session, sql: &str) -> Vec<String> {
    let batches = session.collect(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let table = pretty_format_batches(&batches).unwrap().to_string();
    let lines = table.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    lines.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>().join("|")).collect()
}

/// The first value of the first column.
pub(crate) async fn value(session: &Session, sql: &str) -> String {
    let batches = session.collect(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    array_value_to_string(batches[0].column(0), 0).unwrap()
}
