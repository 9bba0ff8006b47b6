//! `.last`: open the whole last answer.

use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::{Error, Result};
use crate::render::{self, is_broken_pipe};
use crate::shell::complete::catalog::Takes;
use crate::shell::results::Kept;
use crate::shell::sink::{start_program, wait_for};
use crate::shell::{Flow, Shell, viewer};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Last;

static ABOUT: About = About {
    name: ".last",
    aliases: &[],
    usage: "",
    summary: "open the whole last answer, to scroll and search in it",
    details: "The arrow keys move, / searches, Enter shows a cell whole, ? lists the keys, q leaves.\nWEIKU_PAGER, PAGER or .pager put a program of yours in its place.",
    takes: Takes::Nothing,
    reach: Reach::Session,
};

/// The program for terminals that have no screen to take.
const PAGER: &str = "less -SRFX";

#[async_trait(?Send)]
impl Command for Last {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, _arguments: &str) -> Result<Flow> {
        let safe = shell.session.settings().safe;
        let has_screen = shell.terminal.has_screen();
        let pager = shell.options.pager.clone().filter(|_| !safe);
        match pager {
            None if has_screen => {
                let kept = shell.last_answer()?;
                tokio::task::block_in_place(|| viewer::run(kept))?;
            }
            None if safe => {
                return Err(Error::usage("a program for .last is not allowed under --safe"));
            }
            pager => page(shell, shell.last_answer()?, pager.as_deref().unwrap_or(PAGER))?,
        }
        Ok(Flow::Continue)
    }
}

/// Writes an answer to a program.
fn page(shell: &Shell<'_>, kept: &Kept, command: &str) -> Result<()> {
    let (child, input) = start_program(command)?;
    let shown = render::Options { width: None, max_rows: usize::MAX, more: None, ..shell.shown() };
    let format =
        if shell.options.format.for_people { shell.options.format } else { render::FORMATS[0] };
    let mut writer = (format.open)(input, &kept.schema, &shown)?;
    let written = kept
        .batches
        .iter()
        .try_for_each(|batch| writer.write(batch))
        .and_then(|()| writer.finish());
    match written {
        Err(error) if !is_broken_pipe(&error) => Err(error),
        _ => wait_for(child),
    }
}
