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
    usage: "[N|all|auto]",
    summary: "set how many rows a table shows at most",
    details: "At first it is auto: up to 40 rows are all shown, and of more as many as leave the head of \
              the table on the screen. The true number of rows is always said. Formats for programs \
              write all rows.",
    takes: Takes::Choice(&["all", "auto"]),
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
            "auto" => shell.options.max_rows = None,
            "all" | "inf" => shell.options.max_rows = Some(usize::MAX),
            number => {
                let number: usize = number.parse().map_err(|_| {
                    let error = Error::usage(format!("{} is no number of rows", visible(number)));
                    error.hint("give a whole number such as 40, all or auto")
                })?;
                if number == 0 {
                    return Err(Error::usage("a table shows at least 1 row")
                        .hint(".maxrows all shows all rows, .maxrows auto as many as fit"));
                }
                shell.options.max_rows = Some(number);
            }
        }
        let rows = said(shell.options.max_rows);
        shell.confirm(&format!("tables show {rows}"));
        Ok(Flow::Continue)
    }
}

fn said(rows: Option<usize>) -> String {
    match rows {
        None => "up to 40 rows, and of more as many as leave their head on the screen".to_owned(),
        Some(usize::MAX) => "all rows".to_owned(),
        Some(1) => "at most 1 row".to_owned(),
        Some(rows) => format!("at most {} rows", group_digits(rows as u64)),
    }
}
