//! What statements answer, as texts that tests compare.

use datafusion::arrow::util::display::array_value_to_string;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

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

/// What the engine answers as it comes, and what it answers with `function` in the place of
/// its own.
pub(super) async fn without_and_with(function: ScalarUDF, sql: &str) -> [String; 2] {
    let (plain, changed) = (SessionContext::new(), SessionContext::new());
    changed.register_udf(function);
    let answer = async |context: SessionContext| {
        let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    };
    [answer(plain).await, answer(changed).await]
}
