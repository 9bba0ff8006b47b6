//! What is wrong with the name of a table, or of a file, that is not there.

use datafusion::catalog::information_schema::{INFORMATION_SCHEMA, INFORMATION_SCHEMA_TABLES};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::Translator;
use crate::catalog::{self, CATALOG, SCHEMA, SUFFIXES};
use crate::engine::asked_tables::Asked;
use crate::engine::attach;
use crate::engine::habits;
use crate::engine::script::tokenize;
use crate::error::{Error, nearest};

impl Translator {
    /// What to try instead of a table that is not there.
    pub(super) fn no_table(&self, name: &str) -> Error {
        if is_path(name) {
            return catalog::missing(name, self.roots.as_deref());
        }
        if let Some(file) = unquoted_file(name) {
            let error = Error::query(format!("no table \"{file}\""));
            return error.hint(format!("a file stands in single quotes: FROM '{file}'"));
        }
        // Only the name of another schema than the session's own is told with the catalog.
        let name =
            name.strip_prefix(CATALOG).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name);
        let error = Error::query(format!("no table \"{name}\""));
        if name == "-" {
            return error.hint("what is piped in is the table stdin: FROM stdin");
        }
        // A safe session does not tell what files and folders there are.
        let place = || catalog::place_advice(name).filter(|_| self.roots.is_none());
        let tables = self.table_names();
        if answer_number(name).is_some() {
            return error.hint(kept_answers(&tables));
        }
        let queries = Asked::of(&self.statement.sql).queries;
        if queries.iter().any(|query| query == name) {
            return error.hint(format!(
                "WITH makes \"{name}\" known behind its query only: put it before those that ask \
                 for it, or write WITH RECURSIVE if it asks for itself"
            ));
        }
        let names: Vec<String> = queries.into_iter().chain(tables).collect();
        let meant = habits::table(name).filter(|ours| names.iter().any(|one| one == ours));
        let is_answer = |other: &str| other == "_" || answer_number(other).is_some();
        // A single sign is as near to `_` as to anything.
        let is_short = name.chars().count() == 1;
        let others = names.iter().map(String::as_str).filter(|one| !(is_short && is_answer(one)));
        let near = meant.or_else(|| nearest(name, others));
        let database = name.split_once('.').map(|(database, _)| database);
        // A table of another database is none of this one.
        let near = near.filter(|near| database.is_none() || near.contains('.'));
        match (near, place()) {
            (Some(near), _) => error.hint(format!("did you mean \"{near}\"?")),
            (None, Some(advice)) => error.hint(advice),
            _ if habits::lists_tables(name) => error.hint(
                "information_schema.tables and information_schema.columns list what there is",
            ),
            _ if database.is_some_and(|name| name == INFORMATION_SCHEMA) => {
                error.hint(format!("there are {}", INFORMATION_SCHEMA_TABLES.join(", ")))
            }
            _ if database.is_some() && self.is_quoted_file(name) => {
                catalog::missing(name, self.roots.as_deref())
            }
            _ if database.is_some() => {
                let database = database.unwrap_or_default();
                error
                    .hint(format!("ATTACH 'DB' AS {database} makes the tables of a database known"))
            }
            _ if names.iter().all(|name| is_answer(name)) => {
                error.hint("no database is open: give its folder, as in `weiku DB`")
            }
            _ => {
                let names: Vec<_> = names.iter().filter(|name| !is_answer(name)).cloned().collect();
                error.hint(format!("there are {}", names.join(", ")))
            }
        }
    }

    /// Whether `name` stands in FROM in single quotes, as files do.
    fn is_quoted_file(&self, name: &str) -> bool {
        let mut tokens = tokenize(&self.statement.sql).unwrap_or_default();
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        let begins = |token: &Token| match token {
            Token::Word(word) => matches!(word.keyword, Keyword::FROM | Keyword::JOIN),
            _ => false,
        };
        let is_text = |token: &Token| match token {
            Token::SingleQuotedString(text) => text == name,
            _ => false,
        };
        tokens.windows(2).any(|pair| begins(&pair[0].token) && is_text(&pair[1].token))
    }

    /// All tables and views, those of attached databases as `other.posts`.
    pub(super) fn table_names(&self) -> Vec<String> {
        let Some(catalog) = self.context.catalog(CATALOG) else { return Vec::new() };
        let of = |schema: &str| {
            catalog.schema(schema).map(|schema| schema.table_names()).unwrap_or_default()
        };
        let attached = attach::names(&self.context)
            .into_iter()
            .flat_map(|name| of(&name).into_iter().map(move |table| format!("{name}.{table}")));
        of(SCHEMA).into_iter().chain(attached).collect()
    }
}

/// The number of the answer that a name such as `@3` means at the prompt.
pub(super) fn answer_number(name: &str) -> Option<usize> {
    name.strip_prefix('@')?.parse().ok()
}

/// What to try instead of an answer that is not among the tables called `names`.
fn kept_answers(names: &[String]) -> String {
    let mut kept: Vec<usize> = names.iter().filter_map(|name| answer_number(name)).collect();
    kept.sort_unstable();
    match kept.as_slice() {
        [] => "the prompt keeps answers as @1, @2 and so on; there is none yet".to_owned(),
        [only] => format!("the only answer that is kept is @{only}"),
        [first, .., last] if last - first + 1 == kept.len() => {
            format!("the answers that are kept are @{first} to @{last}")
        }
        kept => {
            let kept: Vec<String> = kept.iter().map(|number| format!("@{number}")).collect();
            format!("the answers that are kept are {}", kept.join(", "))
        }
    }
}

/// Whether a name that is no table looks like that of a file.
fn is_path(name: &str) -> bool {
    name.contains('/')
        || name
            .rsplit_once('.')
            .is_some_and(|(_, end)| nearest(end, SUFFIXES).is_some_and(|near| near != end))
}

/// The name of a file that stands in FROM without quotes, where the engine takes
/// `posts.csv` for a table `csv` of a schema `posts`.
fn unquoted_file(name: &str) -> Option<&str> {
    let file = name.strip_prefix(CATALOG)?.strip_prefix('.')?;
    let (_, end) = file.rsplit_once('.')?;
    SUFFIXES.contains(&end).then_some(file)
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_name_with_a_suffix_in_single_quotes_is_a_file_and_no_table_of_a_database() {
        let session = Session::new(None, Settings::default()).unwrap();
        let error = session.collect("SELECT * FROM 'nowhere.shh'").await.unwrap_err();
        assert_eq!(error.message(), "no file `nowhere.shh`");
        let error = session.collect("SELECT * FROM nowhere.shh").await.unwrap_err();
        assert!(error.advice().unwrap_or_default().contains("ATTACH"), "{error}");
    }
}
