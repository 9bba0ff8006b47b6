//! `.last`: open the whole last answer.

use async_trait::async_trait;
use datafusion::arrow::record_batch::RecordBatch;

use super::{About, Command, Reach, misused};
use crate::error::{Error, Result};
use crate::render::{self, Sink, is_broken_pipe};
use crate::shell::complete::catalog::Takes;
use crate::shell::results::{Kept, LAST, name};
use crate::shell::sink::{start_pager, wait_for};
use crate::shell::{Flow, Shell, viewer};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Last;

static ABOUT: About = About {
    name: ".last",
    aliases: &[],
    usage: "[@N]",
    summary: "open the whole last answer, to scroll and search in it",
    details: "The arrow keys move, / searches, : goes to a row, Enter shows a cell whole, + makes its column wider, \
              ? lists the keys, q leaves. .last @3 opens an earlier answer. \
              WEIKU_PAGER, PAGER or .pager put a program of yours in its place; a terminal without a screen gets all rows.\n\
              An answer that is too large for memory is kept in a file in the folder of --spill-dir until the shell ends, as far as \
              a quarter of --spill-limit goes; it is for the viewer and for SQL, FROM _, only.",
    takes: Takes::Nothing,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Last {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let number = asked(arguments)?;
        // A safe session starts no program.
        let pager = shell.options.pager.clone().filter(|_| !shell.session.settings().safe);
        let mut said = shell.older("this").filter(|_| number.is_none());
        let is_small = wanted(shell, number)?.rows.in_memory().is_some();
        let views = shell.terminal.has_screen() && !(is_small && pager.is_some());
        if views && pager.is_some() {
            said.get_or_insert_with(|| "it is too large for your pager".to_owned());
        }
        if let Some(older) = said.as_deref().filter(|_| !views) {
            shell.confirm(older);
        }
        let kept = wanted(shell, number)?;
        match (kept.rows.in_memory(), pager) {
            _ if views => tokio::task::block_in_place(|| viewer::run(kept, said))?,
            (None, _) => {
                let (what, name) = match number.map(name) {
                    Some(name) => (format!("the answer {name}"), name),
                    None => ("the last answer".to_owned(), LAST.to_owned()),
                };
                let error = Error::usage(format!("{what} is too large to be shown here"));
                return Err(error.hint(format!(
                    "ask it: SELECT ... FROM {name}; or COPY (SELECT * FROM {name}) TO 'FILE'"
                )));
            }
            (Some(batches), Some(pager)) => page(shell, kept, batches, &pager)?,
            (Some(batches), None) => write(shell, kept, batches, shell.terminal.out())?,
        }
        Ok(Flow::Continue)
    }
}

/// The number of the answer that is asked for, if not the last.
fn asked(arguments: &str) -> Result<Option<usize>> {
    let typed = arguments.trim_end_matches(';').trim_end();
    if typed.is_empty() || typed == LAST {
        return Ok(None);
    }
    let number = typed.strip_prefix('@').unwrap_or(typed);
    number.parse::<usize>().map(Some).map_err(|_| misused(&ABOUT))
}

/// The answer of that number, or the last.
fn wanted<'a>(shell: &'a Shell<'_>, number: Option<usize>) -> Result<&'a Kept> {
    match number {
        Some(number) => shell.results.numbered(number),
        None => shell.last_answer(),
    }
}

/// Writes an answer to a program.
fn page(shell: &Shell<'_>, kept: &Kept, batches: &[RecordBatch], command: &str) -> Result<()> {
    let (child, input) = start_pager(command, head_lines(shell))?;
    match write(shell, kept, batches, input) {
        Err(error) if !is_broken_pipe(&error) => Err(error),
        _ => wait_for(child),
    }
}

/// How many lines stand above the rows of a table, which may stay while it scrolls: its
/// upper border, the names, the types, and the rule below them.
fn head_lines(shell: &Shell<'_>) -> usize {
    match format(shell).name {
        "box" | "ascii" => 3 + usize::from(shell.shown().types),
        _ => 0,
    }
}

/// The format of the session, or if that is for programs the one for people.
fn format(shell: &Shell<'_>) -> &'static render::Format {
    if shell.options.format.for_people { shell.options.format } else { render::FORMATS[0] }
}

/// Writes the whole of an answer, for people.
fn write(shell: &Shell<'_>, kept: &Kept, batches: &[RecordBatch], out: Sink) -> Result<()> {
    let shown = render::Options { width: None, max_rows: usize::MAX, more: None, ..shell.shown() };
    let mut writer = (format(shell).open)(out, &kept.schema, &shown)?;
    batches.iter().try_for_each(|batch| writer.write(batch))?;
    writer.finish()
}
