//! `.tee`: copy all answers to a file from now on.

use async_trait::async_trait;

use super::once::one_path;
use super::{About, Command, OFF, Reach};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::sink::Target;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Tee;

static ABOUT: About = About {
    name: ".tee",
    aliases: &[],
    usage: "[off|FILE]",
    summary: "copy all answers to a file from now on",
    details: "With off, or without a file, the copies end. Tables in it are as wide as on the screen, and .once takes the \
              next answer whole. A file that is called off is written ./off.",
    takes: Takes::File,
    reach: Reach::Writes,
};

#[async_trait(?Send)]
impl Command for Tee {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let argument = arguments.trim_end_matches(';').trim_end();
        shell.sinks.copy = match argument {
            "" | OFF => None,
            argument => Some(Target::append(&one_path(&ABOUT, argument)?, shell.options.format)?),
        };
        let said = match &shell.sinks.copy {
            None => "answers are copied no more".to_owned(),
            Some(target) => format!("answers are copied to {}", target.name()),
        };
        shell.confirm(&said);
        Ok(Flow::Continue)
    }
}
