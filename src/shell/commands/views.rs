//! `.views`: list the views.

use async_trait::async_trait;

use super::{About, Command, Reach, tables};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Views;

static ABOUT: About = About {
    name: ".views",
    aliases: &["\\dv", "\\dv+"],
    usage: "[PATTERN]",
    summary: "list views only",
    details: ".views hashtag* lists the views whose names begin with hashtag, .schema NAME shows how one is \
              made. In SQL: information_schema.views.",
    takes: Takes::Relation,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Views {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        tables::list(shell, arguments, Some("view")).await
    }
}
