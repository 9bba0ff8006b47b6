//! `.save`: make a saved query of the last statement.

use std::path::{Component, Path};

use async_trait::async_trait;

use super::{About, Command, Reach, misused};
use crate::engine::Parameters;
use crate::error::{Error, Result};
use crate::queries::{ParamType, SavedQuery};
use crate::render::{OutputFile, visible};
use crate::shell::complete::catalog::Takes;
use crate::shell::scan::parameters;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Save;

static ABOUT: About = About {
    name: ".save",
    aliases: &[],
    usage: "NAME",
    summary: "make a saved query of the last statement",
    details: "It becomes NAME.sql in the queries folder of the database, or of the working folder \
              without one. Its first comment holds a title and a parameter for each placeholder.",
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
        let Some((statement, _)) = shell.last.clone() else {
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
        // One that cannot be planned may be saved to be mended.
        let types = shell.session.parameters(&statement).await.unwrap_or_default();
        let text = front_matter(name, &statement.sql, &types);
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

/// The file of a saved query: a title, its parameters, which are texts where
/// nothing tells their types, and the statement.
fn front_matter(name: &str, sql: &str, types: &Parameters) -> String {
    let title = name.rsplit('/').next().unwrap_or(name).replace(['_', '-'], " ");
    let mut text = format!("/*---\ntitle = {}\n", toml::Value::from(title));
    for param in parameters(sql) {
        let data_type = types.get(param).and_then(Option::as_ref);
        let kind = data_type.map_or(ParamType::Text, ParamType::of);
        let of = match &kind {
            ParamType::List(of) => format!(", of = \"{}\"", of.name()),
            _ => String::new(),
        };
        text.push_str(&format!("params.{param} = {{ type = \"{}\"{of} }}\n", kind.name()));
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

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::*;

    #[test]
    fn a_parameter_has_the_type_of_its_use_or_is_a_text() {
        let list = DataType::new_list(DataType::Utf8, true);
        let types = [("n", DataType::Int64), ("day", DataType::Date32), ("tags", list)];
        let types = types.map(|(name, data_type)| (name.to_owned(), Some(data_type))).into();
        let sql = "SELECT $word FROM posts WHERE day = $day AND tags = $tags LIMIT $n";
        let text = front_matter("a/few_posts", sql, &types);
        let saved = SavedQuery::parse("few_posts", "few_posts.sql", &text).unwrap();
        assert_eq!(saved.title, "few posts");
        let types =
            saved.params.iter().map(|param| format!("{}={}", param.name, param.kind.name()));
        let types: Vec<_> = types.collect();
        assert_eq!(types, ["word=text", "day=date", "tags=list", "n=int"]);
    }
}
