//! `.queries`: list the saved queries.

use async_trait::async_trait;

use super::{About, Command, Reach, matches, pattern_of};
use crate::error::Result;
use crate::queries::Param;
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::Cell;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Queries;

static ABOUT: About = About {
    name: ".queries",
    aliases: &[],
    usage: "[PATTERN]",
    summary: "list the saved queries",
    details: ".run runs one, .show shows its text, .save makes one of the last statement.",
    takes: Takes::Query,
    reach: Reach::Session,
};

/// The columns.
const HEADS: [&str; 3] = ["name", "title", "parameters"];

#[async_trait(?Send)]
impl Command for Queries {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let pattern = pattern_of(arguments);
        let mut rows = Vec::new();
        for entry in shell.library.entries()? {
            if !pattern.is_empty() && !matches(pattern, &entry.name) {
                continue;
            }
            // One that cannot be read is listed all the same, with the reason.
            rows.push(match entry.load() {
                Ok(query) => {
                    let params: Vec<String> = query.params.iter().map(described).collect();
                    [query.name, query.title, params.join(" ")]
                }
                Err(error) => [entry.name, error.to_string(), String::new()],
            });
        }
        let cells: Vec<Vec<Cell>> =
            rows.iter().map(|row| row.iter().cloned().map(Cell::from).collect()).collect();
        if rows.is_empty() {
            shell.note(if pattern.is_empty() {
                "there are no saved queries"
            } else {
                "no saved query matches"
            });
        } else {
            shell.show_named(&HEADS, &cells, &rows)?;
        }
        shell.learn_everything().await;
        Ok(Flow::Continue)
    }
}

/// `day` when it must be given, `n=10` with its default.
fn described(param: &Param) -> String {
    match param.default_text() {
        Some(default) => format!("{}={default}", param.name),
        None => param.name.clone(),
    }
}
