//! `.hints`: turn the ghost text while typing on or off.

use async_trait::async_trait;

use super::{About, Command, Reach, switch};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Hints;

static ABOUT: About = About {
    name: ".hints",
    aliases: &[],
    usage: "[on|off]",
    summary: "turn the ghost text while typing on or off",
    details: "Without a word it says which it is.",
    takes: Takes::Choice(&["on", "off"]),
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Hints {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let on = switch(&ABOUT, arguments, shell.options.hints)?;
        shell.terminal.set_hints(on);
        shell.options.hints = on;
        shell.confirm(if on { "ghost text is shown" } else { "no ghost text is shown" });
        Ok(Flow::Continue)
    }
}
