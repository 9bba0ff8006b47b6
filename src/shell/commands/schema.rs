//! `.schema`: show how tables and views are made.

use async_trait::async_trait;

use super::{About, Command, PATTERN_SIGNS, Reach, matches};
use crate::catalog::{CATALOG, SCHEMA};
use crate::error::{Error, Result, nearest};
use crate::model;
use crate::render::{visible, visible_lines, wrap};
use crate::shell::complete::catalog::Relation;
use crate::shell::complete::catalog::Takes;
use crate::shell::complete::words::quote_name;
use crate::shell::snapshot;
use crate::shell::{Flow, Shell};
use crate::text::width::display_width;

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
                let name = relation.full_name();
                name == pattern || pattern.contains(PATTERN_SIGNS) && matches(pattern, &name)
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
    let names: Vec<String> = relations.iter().map(Relation::full_name).collect();
    match nearest(name, names.iter().map(String::as_str)) {
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
    let catalog = shell.session.context().catalog(CATALOG);
    let schema = relation.schema.as_deref().unwrap_or(SCHEMA);
    let schema = catalog.and_then(|known| known.schema(schema));
    if relation.kind == "view"
        && let Some(schema) = schema
        && let Ok(Some(view)) = schema.table(&relation.name).await
        && let Some(sql) = view.get_table_definition()
    {
        let sql = sql.trim().trim_end_matches(';');
        let is_whole = sql.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("create"));
        let make = format!("CREATE VIEW {} AS\n", relation.quoted());
        return format!("{}{sql};\n", if is_whole { "" } else { &make });
    }
    let table = model::table(&relation.name).filter(|_| relation.kind == "table");
    let mut text = table.map_or(String::new(), |table| format!("-- {}\n", table.summary));
    text.push_str(&format!("CREATE TABLE {} (\n", relation.quoted()));
    let mut lines = Vec::new();
    for (index, column) in relation.columns.iter().enumerate() {
        let known = table.and_then(|table| table.column(&column.name));
        let required = if known.is_some_and(|known| !known.nullable) { " NOT NULL" } else { "" };
        let comma = if index + 1 < relation.columns.len() { "," } else { "" };
        let name = quote_name(&column.name);
        let type_name = written(&column.type_name);
        let about = known.map_or("", |known| known.summary);
        lines.push((format!("    {name} {type_name}{required}{comma}"), about));
    }
    text.push_str(&with_comments(&lines, shell.shown().width.unwrap_or(usize::MAX)));
    text.push_str(");\n");
    text
}

/// Lines of code, each with what there is to say of it behind `--`, in lines of at
/// most `width` cells where that leaves room for some words.
fn with_comments(lines: &[(String, &str)], width: usize) -> String {
    let code = lines.iter().map(|(code, _)| display_width(code)).max().unwrap_or(0);
    let room = width.saturating_sub(code + "  -- ".len()).max(LEAST_COMMENT);
    let mut text = String::new();
    for (code_here, about) in lines {
        let mut comments = wrap(about, room, usize::MAX, "").into_iter();
        let first = comments.next().filter(|first| !first.is_empty());
        let blanks = " ".repeat(code - display_width(code_here));
        match first {
            Some(first) => text.push_str(&format!("{code_here}{blanks}  -- {first}\n")),
            None => text.push_str(&format!("{code_here}\n")),
        }
        for comment in comments {
            text.push_str(&format!("{}  -- {comment}\n", " ".repeat(code)));
        }
    }
    text
}

/// Cells below which a comment is not worth breaking.
const LEAST_COMMENT: usize = 20;

#[cfg(test)]
mod tests {
    use super::with_comments;

    #[test]
    fn comments_stand_in_a_column_and_are_broken_between_words() {
        let lines = [
            ("    account_id text,".to_owned(), "the service's own id of the account"),
            ("    level text,".to_owned(), ""),
            ("    n bigint".to_owned(), "how many"),
        ];
        assert_eq!(
            with_comments(&lines, 50),
            "    account_id text,  -- the service's own id of\n\
             \u{20}                     -- the account\n\
             \u{20}   level text,\n\
             \u{20}   n bigint          -- how many\n"
        );
        assert_eq!(with_comments(&lines, usize::MAX).lines().count(), 3);
    }
}
