//! `.quit`: leave the shell.

use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Quit;

static ABOUT: About = About {
    name: ".quit",
    aliases: &["\\q", ".exit", ".q"],
    usage: "",
    summary: "leave the shell",
    details: "",
    takes: Takes::Nothing,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Quit {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, _shell: &mut Shell<'_>, _arguments: &str) -> Result<Flow> {
        Ok(Flow::Quit)
    }
}
