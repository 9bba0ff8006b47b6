//! `.maxrows`: set how many rows a table shows at most.

use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::{Error, Result};
use crate::render::{group_digits, visible};
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
            "" => {}
            "all" | "inf" => shell.options.max_rows = usize::MAX,
            number => {
                shell.options.max_rows = number.parse().map_err(|_| {
                    let error = Error::usage(format!("{} is no number of rows", visible(number)));
                    error.hint("give a whole number such as 40, or all")
                })?;
            }
        }
        let rows = said(shell.options.max_rows);
        shell.confirm(&format!("tables show {rows}"));
        Ok(Flow::Continue)
    }
}

fn said(rows: usize) -> String {
    match rows {
        usize::MAX => "all rows".to_owned(),
        1 => "at most 1 row".to_owned(),
        rows => format!("at most {} rows", group_digits(rows as u64)),
    }
}
