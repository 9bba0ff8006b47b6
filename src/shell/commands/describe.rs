//! `.describe`: list the columns of a table, a file or a query.

use async_trait::async_trait;

use super::{About, Command, Reach, one_statement, source};
use crate::engine::Params;
use crate::error::{Error, Place, Result};
use crate::model;
use crate::render::type_name;
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
use crate::shell::snapshot;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Describe;

static ABOUT: About = About {
    name: ".describe",
    aliases: &["\\d"],
    usage: "TABLE | FILE | (QUERY)",
    summary: "list the columns of a table, a file or a query",
    details: ".describe posts, .describe 'posts.csv', .describe (SELECT 1 AS n). In SQL: DESCRIBE posts.",
    takes: Takes::RelationOrSql,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Describe {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        if arguments.is_empty() {
            return super::run(shell, ".tables").await;
        }
        let statement = one_statement(&ABOUT, &format!("SELECT * FROM {}", source(arguments)))?;
        let plan = shell.session.plan(&statement, &Params::new()).await.map_err(unplaced)?;
        let name = arguments.trim_end_matches(';');
        let is_stored = snapshot::relations(&shell.session)
            .await
            .iter()
            .any(|known| known.name == name && known.kind == "table");
        let table = model::table(name).filter(|_| is_stored);
        let rows: Vec<Vec<Cell>> = plan
            .schema()
            .fields()
            .iter()
            .map(|field| {
                let known = table.and_then(|table| table.column(field.name()));
                let null = if field.is_nullable() { "yes" } else { "no" };
                vec![
                    Cell::from(field.name().as_str()),
                    Cell::from(type_name(field.data_type())),
                    Cell::from(null),
                    Cell::from(known.map_or("", |known| known.summary)),
                ]
            })
            .collect();
        shell.show_table(&listing::batch(&["column", "type", "null", "about"], &rows)?)?;
        Ok(Flow::Continue)
    }
}

/// `error` without its place: that is in a statement which nobody typed.
pub(super) fn unplaced(error: Error) -> Error {
    error.at(Place::default())
}
