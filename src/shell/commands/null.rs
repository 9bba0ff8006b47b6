//! `.null`: set how tables show NULL.

use async_trait::async_trait;

use super::{About, Command, Reach, split_words};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Null;

static ABOUT: About = About {
    name: ".null",
    aliases: &[".nullvalue"],
    usage: "[TEXT]",
    summary: "set how tables show NULL",
    details: "Without TEXT it says how; .null NULL is as at first. .null ∅, .null ''",
    takes: Takes::Nothing,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Null {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let words = split_words(arguments)?;
        if let Some(text) = words.into_iter().next() {
            shell.options.null = text;
        }
        let said = format!("NULL is shown as `{}`", shell.options.null);
        shell.confirm(&said);
        Ok(Flow::Continue)
    }
}
