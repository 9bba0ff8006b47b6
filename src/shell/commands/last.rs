//! `.last`: open the whole last answer in the pager.

use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::{Error, Result};
use crate::render::{self, is_broken_pipe};
use crate::shell::complete::catalog::Takes;
use crate::shell::sink::{start_program, wait_for};
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Last;

static ABOUT: About = About {
    name: ".last",
    aliases: &[],
    usage: "",
    summary: "open the whole last answer in the pager",
    details: "The pager is WEIKU_PAGER, PAGER, or else less -SRFX; in it the arrow keys scroll, / searches\nand q leaves.",
    takes: Takes::Nothing,
    reach: Reach::Outside,
};

#[async_trait(?Send)]
impl Command for Last {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, _arguments: &str) -> Result<Flow> {
        let Some(kept) = shell.results.last().cloned() else {
            return Err(Error::usage("there is no last answer, or it was too large to keep"));
        };
        let command = shell.options.pager.clone().unwrap_or_else(|| "less -SRFX".to_owned());
        let (child, input) = start_program(&command)?;
        let shown = render::Options { width: None, max_rows: usize::MAX, ..shell.shown() };
        let format =
            if shell.options.format.for_people { shell.options.format } else { render::FORMATS[0] };
        let mut writer = (format.open)(input, &kept.schema, &shown)?;
        let written = kept
            .batches
            .iter()
            .try_for_each(|batch| writer.write(batch))
            .and_then(|()| writer.finish());
        match written {
            Err(error) if !is_broken_pipe(&error) => return Err(error),
            _ => {}
        }
        wait_for(child)?;
        Ok(Flow::Continue)
    }
}
