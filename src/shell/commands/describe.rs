//! `.describe`: list the columns of a table, a file or a query.

use async_trait::async_trait;

use super::{About, Command, Reach, one_statement, source};
use crate::catalog::view;
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
    aliases: &["\\d", "\\d+", ".columns"],
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
        let relations = snapshot::relations(&shell.session).await;
        let known = relations.iter().find(|known| known.full_name() == name);
        let of_kind = |kind| known.filter(|known| known.kind == kind).map(|known| &*known.name);
        let table = of_kind("table").and_then(model::table);
        let view = of_kind("view").and_then(view);
        let about = |column: &str| {
            let stored = table.and_then(|table| table.column(column)).map(|known| known.summary);
            let viewed = || {
                let mut columns = view?.columns.iter();
                columns.find(|(known, _)| *known == column).map(|(_, about)| *about)
            };
            stored.or_else(viewed).unwrap_or_default()
        };
        let rows: Vec<Vec<Cell>> = plan
            .schema()
            .fields()
            .iter()
            .map(|field| {
                let null = if field.is_nullable() { "yes" } else { "no" };
                vec![
                    Cell::from(field.name().as_str()),
                    Cell::from(type_name(field.data_type())),
                    Cell::from(null),
                    Cell::from(about(field.name())),
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
