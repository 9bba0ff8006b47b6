//! `.output`: write all answers to a file from now on.

use async_trait::async_trait;

use super::once::one_path;
use super::{About, Command, OFF, Reach};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::sink::Target;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Output;

static ABOUT: About = About {
    name: ".output",
    aliases: &["\\o"],
    usage: "[off | FILE | |PROGRAM]",
    summary: "write all answers to a file from now on",
    details: "With off, stdout, or without a file, answers go to the terminal again. Formats are as \
              for .once.",
    takes: Takes::File,
    reach: Reach::Writes,
};

#[async_trait(?Send)]
impl Command for Output {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let argument = arguments.trim_end_matches(';').trim_end();
        shell.sinks.steady = match argument {
            "" | OFF | "stdout" | "-" => None,
            argument => match argument.strip_prefix('|') {
                Some(command) if !command.trim().is_empty() => {
                    Some(Target::Program(command.trim().to_owned()))
                }
                _ => Some(Target::append(&one_path(&ABOUT, argument)?, shell.options.format)?),
            },
        };
        let said = match &shell.sinks.steady {
            None => "answers go to the terminal".to_owned(),
            Some(target) => {
                let to = target.told(shell.options.format, shell.sinks.mode_is_chosen);
                format!("answers go to {to}")
            }
        };
        shell.confirm(&said);
        Ok(Flow::Continue)
    }
}
