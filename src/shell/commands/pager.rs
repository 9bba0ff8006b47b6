//! `.pager`: choose the program in which `.last` opens an answer.

use async_trait::async_trait;

use super::{About, Command, OFF, Reach, permit};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Pager;

static ABOUT: About = About {
    name: ".pager",
    aliases: &[],
    usage: "[on|off|PROGRAM]",
    summary: "choose the program in which .last opens an answer",
    details: "At first it is WEIKU_PAGER, else the pager of the configuration, else PAGER, as for psql; off, or none of \
              them, means weiku's own viewer, and on what it was at first. less is started as less -RS, which shows colours and does not break \
              lines, unless LESS says otherwise; from version 600 on it keeps the names of the columns in place.\n.pager off\n.pager less -SRFX",
    takes: Takes::Choice(&[ON, OFF]),
    reach: Reach::Outside,
};

/// What goes back to the pager that the shell began with.
const ON: &str = "on";

/// What is done without a pager.
const VIEWER: &str = ".last opens the viewer";

#[async_trait(?Send)]
impl Command for Pager {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let argument = arguments.trim_end_matches(';').trim_end();
        match argument {
            "" => {}
            OFF => shell.options.pager = None,
            ON => shell.options.pager.clone_from(&shell.first_pager),
            program => {
                permit(shell, ".pager PROGRAM", Reach::Writes)?;
                shell.options.pager = Some(program.to_owned());
            }
        }
        let said = match &shell.options.pager {
            Some(program) => format!(".last opens `{program}`"),
            None if argument == ON => {
                format!("there is no pager to turn on, {VIEWER}; .pager less chooses one")
            }
            None => VIEWER.to_owned(),
        };
        shell.confirm(&said);
        Ok(Flow::Continue)
    }
}
