//! `.timing`: turn the time under each answer on or off.

use async_trait::async_trait;

use super::{About, Command, Reach, switch};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Timing;

static ABOUT: About = About {
    name: ".timing",
    aliases: &["\\timing", ".timer"],
    usage: "[on|off]",
    summary: "turn the time under each answer on or off",
    details: "Without a word it turns from one to the other, as in psql.",
    takes: Takes::Choice(&["on", "off"]),
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Timing {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        shell.options.timing = switch(&ABOUT, arguments, !shell.options.timing)?;
        shell.note(if shell.options.timing { "timing is on" } else { "timing is off" });
        Ok(Flow::Continue)
    }
}
