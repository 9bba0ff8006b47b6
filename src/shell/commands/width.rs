//! `.width`: set how many cells a table may take.

use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::{Error, Result};
use crate::render::visible;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Width;

static ABOUT: About = About {
    name: ".width",
    aliases: &[],
    usage: "[N|all|auto]",
    summary: "set how many cells a table may take",
    details: "auto goes by the terminal; without a word it says what is so. .width 100, .width all",
    takes: Takes::Choice(&["auto", "all"]),
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Width {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        match arguments.trim_end_matches(';') {
            "" => {}
            "auto" | "0" => shell.width = None,
            "all" | "inf" => shell.width = Some(usize::MAX),
            number => {
                let width: usize = number.parse().map_err(|_| {
                    let error = Error::usage(format!("{} is no number of cells", visible(number)));
                    error.hint("give a whole number such as 100, all, or auto for the terminal's")
                })?;
                shell.width = Some(width.max(NARROWEST));
            }
        }
        let said = match shell.width {
            None => "tables are as wide as the terminal".to_owned(),
            Some(usize::MAX) => "tables are as wide as they like".to_owned(),
            Some(width) => format!("tables take at most {width} cells"),
        };
        shell.confirm(&said);
        Ok(Flow::Continue)
    }
}

/// Narrower than this no table can be drawn.
const NARROWEST: usize = 20;
