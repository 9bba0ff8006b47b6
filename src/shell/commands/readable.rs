//! `.readable`: choose the words for big numbers.

use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::Result;
use crate::render::Readable as Words;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Readable;

static ABOUT: About = About {
    name: ".readable",
    aliases: &[".large_number_rendering"],
    usage: "[zh|en|off]",
    summary: "choose the words for big numbers: 12.35万 or 12.35 million",
    details: "They stand beside the digits of an answer of one row, and in charts; formats for programs \
              never have them. Without a word it says which are used.",
    takes: Takes::Choice(&["zh", "en", "off"]),
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Readable {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        match arguments.trim_end_matches(';') {
            "" => {}
            name => shell.options.readable = Words::named(name)?,
        }
        let said = match shell.options.readable {
            Words::Chinese => "big numbers are also told in 万 and 亿",
            Words::English => "big numbers are also told in millions",
            Words::Off => "big numbers are told in digits only",
        };
        shell.confirm(said);
        Ok(Flow::Continue)
    }
}
