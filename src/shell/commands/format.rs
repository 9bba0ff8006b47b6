//! `.format`: lay the last statement, or the given one, out well.

use async_trait::async_trait;

use super::{About, Command, Reach, misused};
use crate::error::Result;
use crate::render::visible_lines;
use crate::shell::complete::catalog::Takes;
use crate::shell::layout::laid_out;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Format;

static ABOUT: About = About {
    name: ".format",
    aliases: &[],
    usage: "[SQL]",
    summary: "lay the last statement, or the given one, out well",
    details: "",
    takes: Takes::Sql,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Format {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let sql = match (arguments, &shell.last) {
            ("", Some((last, _))) => last.sql.clone(),
            ("", None) => return Err(misused(&ABOUT)),
            (typed, _) => typed.trim_end_matches(';').to_owned(),
        };
        let formatted = laid_out(&sql)?;
        shell.say(&visible_lines(&format!("{formatted};")))?;
        Ok(Flow::Continue)
    }
}
