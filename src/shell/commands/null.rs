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
    details: "Without TEXT it is NULL again. .null ∅, .null ''",
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
        shell.options.null = words.first().cloned().unwrap_or_else(|| "NULL".to_owned());
        let said = format!("NULL is shown as `{}`", shell.options.null);
        shell.confirm(&said);
        Ok(Flow::Continue)
    }
}
