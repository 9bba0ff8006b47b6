//! `.show`: show the text of a saved query.

use async_trait::async_trait;

use super::{About, Command, Reach, misused};
use crate::error::Result;
use crate::render::{visible, visible_lines};
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Show;

static ABOUT: About = About {
    name: ".show",
    aliases: &[],
    usage: "NAME",
    summary: "show the text of a saved query",
    details: "",
    takes: Takes::Query,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Show {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let name = arguments.trim_end_matches(';');
        if name.is_empty() {
            return Err(misused(&ABOUT));
        }
        let query = shell.library.get(name)?;
        shell.note(&visible(&query.file));
        shell.say(visible_lines(&query.text).trim_end())?;
        Ok(Flow::Continue)
    }
}
