//! `.mode`: choose how answers are written, or list the ways.

use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::{Error, Result};
use crate::render::{self, FORMATS};
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Mode;

static ABOUT: About = About {
    name: ".mode",
    aliases: &[],
    usage: "[FORMAT]",
    summary: "choose how answers are written, or list the ways",
    details: "",
    takes: Takes::Format,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Mode {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let name = arguments.trim_end_matches(';');
        if name.is_empty() {
            let now = shell.options.format.name;
            let rows: Vec<Vec<Cell>> = FORMATS
                .iter()
                .map(|format| {
                    let mark = if format.name == now { "now" } else { "" };
                    vec![Cell::from(format.name), Cell::from(mark), Cell::from(format.summary)]
                })
                .collect();
            shell.show_table(&listing::batch(&["mode", "in use", "about"], &rows)?)?;
            return Ok(Flow::Continue);
        }
        let format = render::format(name)?;
        if BINARY.contains(&format.name) {
            return Err(Error::usage(format!("{name} is no text for a terminal"))
                .hint(format!(".once result.{name} writes the next answer to a file")));
        }
        shell.options.format = format;
        shell.before_expanded = None;
        shell.sinks.mode_is_chosen = true;
        shell.confirm(&format!("answers are written as {}", format.name));
        Ok(Flow::Continue)
    }
}

/// Formats that only files can take.
const BINARY: &[&str] = &["parquet", "arrow"];
