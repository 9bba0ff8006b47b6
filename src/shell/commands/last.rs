//! `.last`: open the whole last answer.

use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::Result;
use crate::render::{self, Sink, is_broken_pipe};
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
    details: "The arrow keys move, / searches, Enter shows a cell whole, ? lists the keys, q leaves. \
              WEIKU_PAGER, PAGER or .pager put a program of yours in its place; a terminal without a screen gets all rows.",
    takes: Takes::Nothing,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Last {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, _arguments: &str) -> Result<Flow> {
        // A safe session starts no program.
        let pager = shell.options.pager.clone().filter(|_| !shell.session.settings().safe);
        let older = shell.older("this");
        let views = pager.is_none() && shell.terminal.has_screen();
        if let Some(older) = older.as_deref().filter(|_| !views) {
            shell.confirm(older);
        }
        let kept = shell.last_answer()?;
        match pager {
            Some(pager) => page(shell, kept, &pager)?,
            None if views => tokio::task::block_in_place(|| viewer::run(kept, older))?,
            None => write(shell, kept, shell.terminal.out())?,
        }
        Ok(Flow::Continue)
    }
}

/// Writes an answer to a program.
fn page(shell: &Shell<'_>, kept: &Kept, command: &str) -> Result<()> {
    let (child, input) = start_program(command)?;
    match write(shell, kept, input) {
        Err(error) if !is_broken_pipe(&error) => Err(error),
        _ => wait_for(child),
    }
}

/// Writes the whole of an answer, for people.
fn write(shell: &Shell<'_>, kept: &Kept, out: Sink) -> Result<()> {
    let shown = render::Options { width: None, max_rows: usize::MAX, more: None, ..shell.shown() };
    let format =
        if shell.options.format.for_people { shell.options.format } else { render::FORMATS[0] };
    let mut writer = (format.open)(out, &kept.schema, &shown)?;
    kept.batches.iter().try_for_each(|batch| writer.write(batch))?;
    writer.finish()
}
