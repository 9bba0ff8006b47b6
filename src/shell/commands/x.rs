//! `.x`: turn on or off one line for each column.

use async_trait::async_trait;

use super::{About, Command, Reach, misused, switch};
use crate::error::Result;
use crate::render;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct X;

static ABOUT: About = About {
    name: ".x",
    aliases: &["\\x"],
    usage: "[on|off]",
    summary: "turn on or off one line for each column",
    details: "Without a word it turns from one to the other, as in psql.",
    takes: Takes::Choice(&["on", "off"]),
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for X {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let expanded = render::format("vertical")?;
        let is_expanded = shell.options.format.name == expanded.name;
        if arguments.trim_end_matches(';') == "auto" {
            return Err(misused(&ABOUT).hint(
                "tables are fitted to the screen, and .last scrolls in all of one; \\gx at the end \
                 of a statement gives its answer one line for each column",
            ));
        }
        let on = switch(&ABOUT, arguments, !is_expanded)?;
        match (on, is_expanded) {
            (true, false) => {
                shell.before_expanded = Some(shell.options.format);
                shell.options.format = expanded;
            }
            (false, true) => {
                shell.options.format = shell.before_expanded.take().unwrap_or(render::FORMATS[0]);
            }
            _ => {}
        }
        shell.confirm(if on { "one line for each column" } else { "one line for each row" });
        Ok(Flow::Continue)
    }
}
