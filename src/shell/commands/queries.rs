//! `.queries`: list the saved queries.

use async_trait::async_trait;

use super::{About, Command, Reach, matches, pattern_of};
use crate::error::Result;
use crate::queries::Param;
use crate::render::{visible, wrap};
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
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

/// Before what is said of a name.
const MARGIN: &str = "    ";

/// Lines are not broken narrower than that.
const NARROWEST: usize = 20;

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
        let width = shell.shown().width.unwrap_or(usize::MAX);
        let is_seen = shell.options.format.for_people && shell.sinks.is_terminal();
        let cells: Vec<Vec<Cell>> =
            rows.iter().map(|row| row.iter().cloned().map(Cell::from).collect()).collect();
        if rows.is_empty() {
            shell.note(if pattern.is_empty() {
                "there are no saved queries"
            } else {
                "no saved query matches"
            });
        } else if is_seen && listing::across(&listing::widths(&HEADS, &cells)) > width {
            shell.say(&below_names(&rows, width))?;
        } else {
            shell.show_table(&listing::batch(&HEADS, &cells)?)?;
        }
        shell.learn_everything().await;
        Ok(Flow::Continue)
    }
}

/// The queries where a table has no room: each name whole, for it is what is typed
/// next, and below it the rest.
fn below_names(rows: &[[String; 3]], width: usize) -> String {
    let room = width.saturating_sub(MARGIN.len()).max(NARROWEST);
    let mut lines = Vec::new();
    for [name, title, params] in rows {
        lines.push(visible(name).into_owned());
        let about = [title, params].map(|text| visible(text).into_owned());
        let about: Vec<String> = about.into_iter().filter(|text| !text.is_empty()).collect();
        if !about.is_empty() {
            let about = wrap(&about.join(" · "), room, usize::MAX, "");
            lines.extend(about.iter().map(|line| format!("{MARGIN}{line}")));
        }
    }
    lines.join("\n")
}

/// `day` when it must be given, `n=10` with its default.
fn described(param: &Param) -> String {
    match param.default_text() {
        Some(default) => format!("{}={default}", param.name),
        None => param.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::below_names;

    #[test]
    fn a_name_is_whole_and_what_is_said_of_it_stands_below() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = [
            row(["ministry_report/accounts_stated", "Government accounts in all", "stated=50000"]),
            row(["quality/imports", "", ""]),
        ];
        assert_eq!(
            below_names(&rows, 30),
            "ministry_report/accounts_stated\n    Government accounts in all\n    · stated=50000\n\
             quality/imports"
        );
    }
}
