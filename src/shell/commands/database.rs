//! `.database`: say which database is open.

use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::Result;
use crate::render::visible;
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
use crate::shell::progress::bytes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Database;

static ABOUT: About = About {
    name: ".database",
    aliases: &["\\l", "\\l+", "\\conninfo", ".databases"],
    usage: "",
    summary: "say which database is open",
    details: "",
    takes: Takes::Nothing,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Database {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, _arguments: &str) -> Result<Flow> {
        let settings = shell.session.settings();
        let path = shell.options.database.as_ref().map(|path| path.display().to_string());
        let path = path.map_or_else(|| "none".to_owned(), |path| visible(&path).into_owned());
        let writes = if settings.readonly { "read-only" } else { "read and write" };
        let rows = [
            ("database", path),
            ("access", writes.to_owned()),
            ("time zone", settings.timezone.clone()),
            ("threads", settings.threads.to_string()),
            (
                "memory limit",
                settings
                    .memory_limit
                    .map_or_else(|| "none".to_owned(), |limit| bytes(limit as f64)),
            ),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(name, value)| vec![Cell::from(name), Cell::from(value)])
            .collect();
        shell.show_table(&listing::batch(&["what", "value"], &rows)?)?;
        Ok(Flow::Continue)
    }
}
