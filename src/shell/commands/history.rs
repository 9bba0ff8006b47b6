//! `.history`: list what was typed before.

use async_trait::async_trait;

use super::{About, Command, Reach, misused};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct History;

static ABOUT: About = About {
    name: ".history",
    aliases: &["\\s"],
    usage: "[N]",
    summary: "list what was typed before",
    details: "In SQL: SELECT * FROM weiku_history() ORDER BY ms DESC, where ms is the time of statements only. A line that begins with a blank is not remembered.",
    takes: Takes::Nothing,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for History {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let argument = arguments.trim_end_matches(';');
        let count =
            if argument.is_empty() { 20 } else { argument.parse().map_err(|_| misused(&ABOUT))? };
        let entries = shell.history.entries();
        let skipped = entries.len().saturating_sub(count);
        let rows: Vec<Vec<Cell>> = entries
            .into_iter()
            .skip(skipped)
            .map(|entry| {
                let ended = match entry.ok {
                    Some(true) => "ok",
                    Some(false) => "failed",
                    None => "",
                };
                let number =
                    |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
                vec![
                    Cell::from(local(&entry.at, &shell.session.settings().timezone)),
                    Cell::from(entry.text),
                    Cell::from(number(entry.ms)),
                    Cell::from(number(entry.rows)),
                    Cell::from(ended),
                ]
            })
            .collect();
        if rows.is_empty() {
            shell.note("nothing is remembered");
        } else {
            shell.show_table(&listing::batch(&["at", "typed", "ms", "rows", "ended"], &rows)?)?;
        }
        Ok(Flow::Continue)
    }
}

/// An instant in the session's time zone, without fractions of a second.
fn local(at: &str, zone: &str) -> String {
    let Ok(instant) = chrono::DateTime::parse_from_rfc3339(at) else {
        return at.to_owned();
    };
    match zone.parse::<chrono_tz::Tz>() {
        Ok(zone) => instant.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => instant.format("%Y-%m-%d %H:%M:%SZ").to_string(),
    }
}
