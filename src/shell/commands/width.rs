//! `.width`: set how many cells a table may take.

use async_trait::async_trait;

use super::{About, Command, Reach, misused};
use crate::error::Result;
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
    details: "",
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
            "" | "auto" => shell.width = None,
            "all" | "inf" => shell.width = Some(usize::MAX),
            number => {
                let width: usize = number.parse().map_err(|_| misused(&ABOUT))?;
                shell.width = Some(width.max(NARROWEST));
            }
        }
        Ok(Flow::Continue)
    }
}

/// Narrower than this no table can be drawn.
const NARROWEST: usize = 20;
