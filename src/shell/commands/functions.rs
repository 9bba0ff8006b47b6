//! `.functions`: list the functions of SQL.

use async_trait::async_trait;

use super::{About, Command, Reach, matches};
use crate::error::Result;
use crate::render::value::{Column as Values, Value};
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Functions;

static ABOUT: About = About {
    name: ".functions",
    aliases: &["\\df"],
    usage: "[PATTERN]",
    summary: "list the functions of SQL",
    details: ".functions date* lists those whose names begin with date; .help NAME explains one. In SQL: information_schema.routines.",
    takes: Takes::Function,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Functions {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let pattern = arguments.trim_end_matches(';');
        let sql = "SELECT routine_name AS name, \
                   min(CASE function_type WHEN '' THEN NULL ELSE lower(function_type) END) AS kind, \
                   min(syntax_example) AS call, min(description) AS about \
                   FROM information_schema.routines GROUP BY routine_name ORDER BY routine_name";
        let mut rows = Vec::new();
        for batch in shell.ask(sql).await? {
            let columns: Vec<Values> =
                batch.columns().iter().map(Values::new).collect::<Result<_>>()?;
            for row in 0..batch.num_rows() {
                let cell = |column: &Values| match column.get(row) {
                    Value::Text(text) => text.lines().next().unwrap_or_default().trim().to_owned(),
                    _ => String::new(),
                };
                let texts: Vec<String> = columns.iter().map(cell).collect();
                if pattern.is_empty() || matches(pattern, &texts[0]) {
                    rows.push(texts.into_iter().map(Cell::from).collect());
                }
            }
        }
        if rows.is_empty() {
            shell.note("no function matches");
        } else {
            shell.show_table(&listing::batch(&["name", "kind", "call", "about"], &rows)?)?;
        }
        Ok(Flow::Continue)
    }
}
