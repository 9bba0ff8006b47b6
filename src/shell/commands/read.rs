//! `.read`: run the commands and statements of a file.

use super::once::one_path;
use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Read;

static ABOUT: About = About {
    name: ".read",
    aliases: &["\\i"],
    usage: "FILE",
    summary: "run the commands and statements of a file",
    details: "It stops at the first error.",
    takes: Takes::File,
    reach: Reach::Outside,
};

#[async_trait(?Send)]
impl Command for Read {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let path = one_path(&ABOUT, arguments.trim_end_matches(';').trim_end())?;
        shell.run_file(&path).await
    }
}
