//! `.save`: make a saved query of the last statement.

use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;

use super::{About, Command, Reach, misused};
use crate::engine::Parameters;
use crate::error::{Error, Result};
use crate::queries::{Origin, ParamType, SavedQuery};
use crate::render::{OutputFile, visible};
use crate::shell::complete::catalog::Takes;
use crate::shell::results::LAST;
use crate::shell::scan::{parameters, scan};
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Save;

static ABOUT: About = About {
    name: ".save",
    aliases: &[],
    usage: "NAME [replace]",
    summary: "make a saved query of the last statement",
    details: "It becomes NAME.sql in the queries folder of the database, with which it goes, or of the working folder \
              without one; the path is told. Its first comment holds a title and a parameter for each placeholder. \
              With replace it takes the place of the query of that name, and of its comment; .edit changes that one.",
    takes: Takes::Nothing,
    reach: Reach::Writes,
};

#[async_trait(?Send)]
impl Command for Save {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let typed = arguments.trim_end_matches(';').trim_end();
        let (name, replaces) = match typed.rsplit_once(char::is_whitespace) {
            Some((name, "replace")) => (name.trim_end(), true),
            _ => (typed, false),
        };
        let name = name.trim_end_matches(".sql");
        let well_named = !name.is_empty()
            && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
            && !name.chars().any(|c| c.is_whitespace() || c.is_control());
        if !well_named {
            return Err(misused(&ABOUT));
        }
        let Some((statement, _)) = shell.last.clone() else {
            return Err(Error::usage("there is no statement to save yet"));
        };
        if shell.last_failed {
            return Err(Error::usage("the last statement failed, and nothing is saved")
                .hint("run the one that is to be saved, and then .save"));
        }
        if let Some(answer) = answer_asked(&statement.sql) {
            let message =
                format!("{answer} is an answer of this session, which a saved query lacks");
            return Err(Error::usage(message).hint(
                "write its statement into the query: WITH answer AS (SELECT ...) SELECT ... FROM answer",
            ));
        }
        let folder = match &shell.options.database {
            Some(database) => database.join("queries"),
            None => Path::new("queries").to_owned(),
        };
        let path = folder.join(format!("{name}.sql"));
        let path = match taken(shell, name, &path)? {
            Some(there) if !replaces => {
                return Err(Error::usage(format!("{} is there already", there.display())).hint(
                    format!(".edit {name} changes it, .save {name} replace writes it anew"),
                ));
            }
            there => there.unwrap_or(path),
        };
        // One that cannot be planned may be saved to be mended.
        let types = shell.session.parameters(&statement).await.unwrap_or_default();
        let text = front_matter(name, &statement.sql, &types);
        // What cannot be read back must not be written.
        SavedQuery::parse(name, &path.display().to_string(), &text)?;
        let is_there = path.exists();
        write(&path, &text)?;
        shell.note(&format!(
            "{} {}; .run {name} runs it",
            if is_there { "replaced" } else { "saved as" },
            visible(&path.display().to_string())
        ));
        shell.learn_everything().await;
        Ok(Flow::Continue)
    }
}

/// The file of the query called `name` that is to be at `path`, if there is one: there,
/// or in a folder that is looked in first, where it would hide the new one.
fn taken(shell: &Shell<'_>, name: &str, path: &Path) -> Result<Option<PathBuf>> {
    if path.exists() {
        return Ok(Some(path.to_owned()));
    }
    let known = shell.library.entries()?.into_iter().find(|entry| entry.name == name);
    Ok(match known.map(|entry| entry.origin) {
        Some(Origin::File(file)) => Some(file),
        _ => None,
    })
}

/// The kept answer, `_` or `@1`, that a statement asks.
fn answer_asked(sql: &str) -> Option<String> {
    let lexemes = scan(sql);
    let lexemes: Vec<_> = lexemes.iter().filter(|lexeme| lexeme.is_significant()).collect();
    let mut asked = None;
    for (at, lexeme) in lexemes.iter().enumerate() {
        let Some(name) = lexeme.name() else { continue };
        let number = name.strip_prefix('@').map(str::parse::<usize>);
        if name != LAST && !matches!(number, Some(Ok(_))) {
            continue;
        }
        let follows = |words: &[&str]| {
            let behind = lexemes[at + 1..].iter().map(|next| next.text.to_lowercase());
            behind.take(words.len()).eq(words.iter().map(|word| (*word).to_owned()))
        };
        if follows(&["as", "("]) {
            // The statement gives the name itself.
            return None;
        }
        let before = at.checked_sub(1).map(|before| lexemes[before]);
        if !before.is_some_and(|before| before.is("as") || before.is_symbol(".")) {
            asked.get_or_insert(name);
        }
    }
    asked
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
    use crate::engine::{Session, Settings};
    use crate::queries::Library;
    use crate::shell::{Options, Plain};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_failed_is_not_saved_and_what_is_there_is_replaced_by_that_word() {
        let folder = tempfile::tempdir().unwrap();
        let session = Session::new(None, Settings::default()).unwrap();
        let library = Library::of_folders(vec![folder.path().join("queries")]);
        let database = Some(folder.path().to_owned());
        let options = Options { quiet: true, database, ..Options::default() };
        let mut terminal = Plain;
        let mut shell = Shell::new(session, library, options, &mut terminal).unwrap();
        for line in [".mode null", "select 1 as a;", ".save top"] {
            shell.execute_line(line).await.unwrap();
        }
        for failing in ["select nothing;", "selct 2;"] {
            assert!(shell.execute_line(failing).await.is_err());
            let error = shell.execute_line(".save other").await.unwrap_err();
            assert!(error.message().contains("the last statement failed"), "{error}");
        }
        shell.execute_line("select 2 as b;").await.unwrap();
        let error = shell.execute_line(".save top").await.unwrap_err();
        assert!(error.advice().unwrap().contains(".save top replace"), "{error}");
        shell.execute_line(".save top replace").await.unwrap();
        let saved = std::fs::read_to_string(folder.path().join("queries/top.sql")).unwrap();
        assert!(saved.ends_with("select 2 as b;\n"), "{saved}");
    }

    #[test]
    fn an_answer_of_the_session_is_seen_in_a_statement() {
        for (sql, asked) in [
            ("SELECT * FROM _", Some("_")),
            ("SELECT * FROM posts JOIN @12 AS t USING (post_id)", Some("@12")),
            ("SELECT * FROM \"_\" WHERE a > 1", Some("_")),
            ("SELECT 1 AS _ FROM posts", None),
            ("WITH _ AS (SELECT 1) SELECT * FROM _", None),
            ("SELECT '_', '@1' FROM posts -- of _", None),
        ] {
            assert_eq!(answer_asked(sql).as_deref(), asked, "{sql}");
        }
    }

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
