//! `.once`: write the next answer to a file or a program.

use std::path::PathBuf;

use async_trait::async_trait;

use super::{About, Command, OFF, Reach, misused, path_of, split_words};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::sink::Target;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Once;

static ABOUT: About = About {
    name: ".once",
    aliases: &["\\g"],
    usage: "off | FILE | |PROGRAM",
    summary: "write the next answer to a file or a program",
    details: "The suffix chooses the format, and .gz or .zst behind it packs the file. A program gets CSV, or what \
              .mode has chosen; one that shows it to you, such as less, what you would see. off takes the command back; \
              a file that is called off is written ./off.\n\
              .once posts.csv.gz\n.once |wc -l\n.mode jsonl\n.once |jq .text",
    takes: Takes::File,
    reach: Reach::Writes,
};

#[async_trait(?Send)]
impl Command for Once {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let argument = arguments.trim_end_matches(';').trim_end();
        if argument == OFF {
            shell.sinks.once = None;
            shell.confirm("the next answer goes where the others do");
            return Ok(Flow::Continue);
        }
        shell.sinks.once = Some(match argument.strip_prefix('|') {
            Some(command) if !command.trim().is_empty() => {
                Target::Program(command.trim().to_owned())
            }
            _ => Target::file(one_path(&ABOUT, argument)?, shell.options.format)?,
        });
        if let Some(target) = &shell.sinks.once {
            let to = target.told(shell.options.format, shell.sinks.mode_is_chosen);
            let said = format!("the next answer goes to {to}");
            shell.confirm(&said);
        }
        Ok(Flow::Continue)
    }
}

/// The one path that `arguments` are.
pub(super) fn one_path(about: &About, arguments: &str) -> Result<PathBuf> {
    match split_words(arguments)?.as_slice() {
        [path] if !path.is_empty() => Ok(path_of(path)),
        _ => Err(misused(about)),
    }
}
