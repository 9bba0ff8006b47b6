//! `.schema`: show how tables and views are made.

use async_trait::async_trait;

use super::{About, Command, Reach, matches};
use crate::catalog::{CATALOG, SCHEMA};
use crate::error::{Error, Result, nearest};
use crate::model;
use crate::render::{visible, visible_lines};
use crate::shell::complete::catalog::Relation;
use crate::shell::complete::catalog::Takes;
use crate::shell::complete::words::quote_name;
use crate::shell::snapshot;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Schema;

static ABOUT: About = About {
    name: ".schema",
    aliases: &[],
    usage: "[TABLE]",
    summary: "show how tables and views are made",
    details: "The statements can be run as they are, in a session without a database.",
    takes: Takes::Relation,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Schema {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let pattern = arguments.trim_end_matches(';');
        let mut found = false;
        for relation in snapshot::relations(&shell.session).await {
            let wanted = if pattern.is_empty() {
                relation.kind != "result"
            } else {
                relation.name == pattern
                    || pattern.contains(['*', '?']) && matches(pattern, &relation.name)
            };
            if wanted {
                found = true;
                let text = definition(shell, &relation).await;
                shell.say(visible_lines(&text).trim_end())?;
            }
        }
        if !found && !pattern.is_empty() {
            return Err(unknown(shell, pattern).await);
        }
        Ok(Flow::Continue)
    }
}

async fn unknown(shell: &Shell<'_>, name: &str) -> Error {
    let relations = snapshot::relations(&shell.session).await;
    let error = Error::usage(format!("no table {}", visible(name)));
    match nearest(name, relations.iter().map(|relation| relation.name.as_str())) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(".tables lists them"),
    }
}

/// The name of a type as SQL takes it where it differs from what people say.
fn written(type_name: &str) -> String {
    match type_name {
        instant if instant.starts_with("timestamp ") => "timestamp with time zone".to_owned(),
        "bytes" => "bytea".to_owned(),
        "utinyint" => "tinyint unsigned".to_owned(),
        "usmallint" => "smallint unsigned".to_owned(),
        "uint" => "int unsigned".to_owned(),
        "ubigint" => "bigint unsigned".to_owned(),
        other => other.to_owned(),
    }
}

/// The statement that would make a relation.
async fn definition(shell: &Shell<'_>, relation: &Relation) -> String {
    let schema = shell.session.context().catalog(CATALOG).and_then(|known| known.schema(SCHEMA));
    if relation.kind == "view"
        && let Some(schema) = schema
        && let Ok(Some(view)) = schema.table(&relation.name).await
        && let Some(sql) = view.get_table_definition()
    {
        let sql = sql.trim().trim_end_matches(';');
        let is_whole = sql.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("create"));
        let make = format!("CREATE VIEW {} AS\n", quote_name(&relation.name));
        return format!("{}{sql};\n", if is_whole { "" } else { &make });
    }
    let table = model::table(&relation.name).filter(|_| relation.kind == "table");
    let mut text = table.map_or(String::new(), |table| format!("-- {}\n", table.summary));
    text.push_str(&format!("CREATE TABLE {} (\n", quote_name(&relation.name)));
    for (index, column) in relation.columns.iter().enumerate() {
        let known = table.and_then(|table| table.column(&column.name));
        let required = if known.is_some_and(|known| !known.nullable) { " NOT NULL" } else { "" };
        let comma = if index + 1 < relation.columns.len() { "," } else { "" };
        let about = known.map_or(String::new(), |known| format!("  -- {}", known.summary));
        let name = quote_name(&column.name);
        let type_name = written(&column.type_name);
        text.push_str(&format!("    {name} {type_name}{required}{comma}{about}\n"));
    }
    text.push_str(");\n");
    text
}
