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
    details: "Without a word it says which it is.",
    takes: Takes::Choice(&["on", "off"]),
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Timing {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let was_on = shell.options.timing;
        shell.options.timing = switch(&ABOUT, arguments, was_on)?;
        let is_asked = arguments.trim_end_matches(';').trim().is_empty();
        shell.note(match (shell.options.timing, is_asked) {
            // In psql the bare command turns it.
            (true, true) => "timing is on; .timing off turns it off",
            (false, true) => "timing is off; .timing on turns it on",
            (true, false) => "timing is on",
            (false, false) => "timing is off",
        });
        Ok(Flow::Continue)
    }
}
