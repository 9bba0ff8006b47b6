//! `.maxrows`: set how many rows a table shows at most.

use async_trait::async_trait;

use super::{About, Command, Reach, misused};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct MaxRows;

static ABOUT: About = About {
    name: ".maxrows",
    aliases: &[],
    usage: "[N|all]",
    summary: "set how many rows a table shows at most",
    details: "The true number of rows is always said. Formats for programs write all rows.",
    takes: Takes::Choice(&["all"]),
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for MaxRows {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        match arguments.trim_end_matches(';') {
            "" => {
                let rows = shell.options.max_rows;
                let rows = if rows == usize::MAX { "all".to_owned() } else { rows.to_string() };
                shell.note(&format!("at most {rows} rows"));
            }
            "all" | "inf" => shell.options.max_rows = usize::MAX,
            number => shell.options.max_rows = number.parse().map_err(|_| misused(&ABOUT))?,
        }
        Ok(Flow::Continue)
    }
}
