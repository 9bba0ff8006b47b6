//! `.schema`: show how tables and views are made, and what the columns of files are.

use std::path::Path;

use async_trait::async_trait;

use super::describe::unplaced;
use super::{
    About, Command, PATTERN_SIGNS, Reach, looks_like_file, matches, one_statement, pattern_of,
    source,
};
use crate::catalog::{CATALOG, SCHEMA};
use crate::engine::Params;
use crate::error::{Error, Result, nearest};
use crate::model;
use crate::render::{type_name, visible, visible_lines, wrap};
use crate::shell::complete::catalog::{Column, Relation, Takes};
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
    usage: "[TABLE | FILE]",
    summary: "show how tables and views are made",
    details: "The statements can be run as they are, in a session without a database. Of a file they are of a table \
              with its columns.\n\
              .schema posts\n.schema 'posts.csv'",
    takes: Takes::Relation,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Schema {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let pattern = pattern_of(arguments);
        let mut found = false;
        for relation in snapshot::relations(&shell.session).await {
            let wanted = if pattern.is_empty() {
                relation.kind != "result"
            } else {
                let name = relation.full_name();
                name == pattern
                    || relation.quoted() == pattern
                    || pattern.contains(PATTERN_SIGNS) && matches(pattern, &name)
            };
            if wanted {
                found = true;
                let text = definition(shell, &relation).await;
                shell.say(visible_lines(&text).trim_end())?;
            }
        }
        if found || pattern.is_empty() {
            return Ok(Flow::Continue);
        }
        let bare = pattern.trim_matches(['\'', '"']);
        if !pattern.starts_with('\'') && !looks_like_file(bare) {
            return Err(unknown(shell, pattern).await);
        }
        let text = of_file(shell, pattern, bare).await?;
        shell.say(visible_lines(&text).trim_end())?;
        Ok(Flow::Continue)
    }
}

/// The statement that would make a table with the columns of the file at `path`, which is
/// written as `argument`.
async fn of_file(shell: &Shell<'_>, argument: &str, path: &str) -> Result<String> {
    let statement = one_statement(&ABOUT, &format!("SELECT * FROM {}", source(argument)))?;
    let plan = shell.session.plan(&statement, &Params::new()).await.map_err(unplaced)?;
    let fields = plan.schema().fields().iter();
    let columns: Vec<Column> = fields
        .map(|field| Column { name: field.name().clone(), type_name: type_name(field.data_type()) })
        .collect();
    // Of `posts.csv.gz` the name is what stands before both suffixes.
    let file = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
    let stem = file.as_deref().and_then(|name| name.split('.').next()).unwrap_or_default();
    let is_name = !stem.is_empty() && !stem.contains(['*', '?', '[', '{']);
    let name = if is_name { stem } else { "file" };
    let lines: Vec<String> = (0..columns.len()).map(|index| line(&columns, index, "")).collect();
    let (path, name) = (visible(path), quote_name(name));
    Ok(format!("-- the columns of {path}\nCREATE TABLE {name} (\n{}\n);\n", lines.join("\n")))
}

/// The line of a column in a statement that makes its table; `constraint` stands behind
/// its type.
fn line(columns: &[Column], index: usize, constraint: &str) -> String {
    let Column { name, type_name } = &columns[index];
    let comma = if index + 1 < columns.len() { "," } else { "" };
    format!("    {} {}{constraint}{comma}", quote_name(name), written(type_name))
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
    if let Some(item) = type_name.strip_suffix("[]") {
        return format!("{}[]", written(item));
    }
    let column = Column { name: String::new(), type_name: type_name.to_owned() };
    let members = column.members();
    if !members.is_empty() {
        let member =
            |one: &Column| format!("{} {}", quote_name(&one.name), written(&one.type_name));
        let members: Vec<String> = members.iter().map(member).collect();
        return format!("struct<{}>", members.join(", "));
    }
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
        let about = known.map_or("", |known| known.summary);
        lines.push((line(&relation.columns, index, required), about));
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
    use super::{with_comments, written};
    use crate::engine::{Session, Settings};
    use crate::model::type_name;

    #[tokio::test(flavor = "multi_thread")]
    async fn types_are_written_so_that_sql_takes_them() {
        let session = Session::new(None, Settings::default()).unwrap();
        let types = [
            "struct(name text, \"a b\" struct(raw bytes, n ubigint[]))",
            "struct(likes bigint)[]",
            "timestamp Asia/Shanghai",
            "utinyint",
            "text[][]",
        ];
        for (number, name) in types.into_iter().enumerate() {
            let sql = format!("CREATE TABLE t{number} (c {})", written(name));
            session.collect(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
            let table = session.context().table(format!("t{number}")).await.unwrap();
            assert_eq!(type_name(table.schema().field(0).data_type()), name, "{sql}");
        }
    }

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
