//! `.save`: make a saved query of the last statement.

use std::path::{Component, Path};

use async_trait::async_trait;

use super::{About, Command, Reach, misused};
use crate::error::{Error, Result};
use crate::queries::SavedQuery;
use crate::render::{OutputFile, visible};
use crate::shell::complete::catalog::Takes;
use crate::shell::scan::{Kind, scan};
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Save;

static ABOUT: About = About {
    name: ".save",
    aliases: &[],
    usage: "NAME",
    summary: "make a saved query of the last statement",
    details: "It becomes NAME.sql in the queries folder of the database, or of the working folder\nwithout one. Its first comment holds a title and a parameter for each placeholder.",
    takes: Takes::Nothing,
    reach: Reach::Outside,
};

#[async_trait(?Send)]
impl Command for Save {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let name = arguments.trim_end_matches(';').trim_end_matches(".sql");
        let well_named = !name.is_empty()
            && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
            && !name.chars().any(|c| c.is_whitespace() || c.is_control());
        if !well_named {
            return Err(misused(&ABOUT));
        }
        let Some((statement, _)) = &shell.last else {
            return Err(Error::usage("there is no statement to save yet"));
        };
        let folder = match &shell.options.database {
            Some(database) => database.join("queries"),
            None => Path::new("queries").to_owned(),
        };
        let path = folder.join(format!("{name}.sql"));
        if path.exists() {
            return Err(Error::usage(format!("{} is there already", path.display()))
                .hint(format!(".edit {name} changes it")));
        }
        let text = front_matter(name, &statement.sql);
        // What cannot be read back must not be written.
        SavedQuery::parse(name, &path.display().to_string(), &text)?;
        write(&path, &text)?;
        shell.note(&format!(
            "saved as {}; .run {name} runs it",
            visible(&path.display().to_string())
        ));
        shell.learn_everything().await;
        Ok(Flow::Continue)
    }
}

/// The file of a saved query: a title, its parameters, and the statement.
fn front_matter(name: &str, sql: &str) -> String {
    let title = name.rsplit('/').next().unwrap_or(name).replace(['_', '-'], " ");
    let mut text = format!("/*---\ntitle = {}\n", toml::Value::from(title));
    let mut seen = Vec::new();
    for lexeme in scan(sql).iter().filter(|lexeme| lexeme.kind == Kind::Parameter) {
        let param = lexeme.text.trim_start_matches('$');
        if !param.is_empty() && param != "?" && !seen.contains(&param) {
            seen.push(param);
            text.push_str(&format!("params.{param} = {{ type = \"text\" }}\n"));
        }
    }
    text.push_str("---*/\n");
    text.push_str(sql.trim());
    text.push_str(";\n");
    text
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))?;
    }
    OutputFile::create(path)?.fill(text.as_bytes())
}
