//! What is wrong with the name of a column that is not there, or in more than one table.

use datafusion::common::{Column, SchemaError, TableReference};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::{Translator, names};
use crate::catalog::{VIEWS, View};
use crate::engine::asked_tables::Asked;
use crate::engine::named_beside;
use crate::engine::script::tokenize;
use crate::engine::wording::{beside_tables, correlated};
use crate::error::{Error, nearest};
use crate::ingest;
use crate::model::TABLES;

/// So many letters may be the beginning of a column's name; fewer say nothing.
const BEGUN: usize = 3;

impl Translator {
    /// What is wrong with a column, and what to try.
    pub(super) fn schema(&self, error: &SchemaError) -> Error {
        match error {
            // A column of the engine's own, by which it joins with a subquery.
            SchemaError::FieldNotFound { field, .. } if field.name == "__always_true" => {
                correlated()
            }
            SchemaError::FieldNotFound { field, valid_fields }
                if is_joined(field) || valid_fields.iter().any(is_joined) =>
            {
                correlated()
            }
            SchemaError::FieldNotFound { field, valid_fields } => {
                let is_compared = self.is_compared(&field.name);
                let error = no_column(field, valid_fields, is_compared, &self.table_names());
                if field.relation.is_none()
                    && let Some(advice) = named_beside::advice(&self.statement.sql, &field.name)
                {
                    return error.hint(advice);
                }
                let is_beside = |column: &Column| column.name.starts_with("UNNEST(outer_ref(");
                let is_alone = field.relation.is_some() && valid_fields.is_empty();
                if valid_fields.iter().any(is_beside)
                    || is_alone && self.statement.sql.to_lowercase().contains("unnest")
                {
                    return beside_tables();
                }
                let is_near =
                    |column: &Column| nearest(&field.name, [column.name.as_str()]).is_some();
                if field.relation.is_none()
                    && nearest(&field.name, ["DISTINCT"]).is_some()
                    && !valid_fields.iter().any(is_near)
                {
                    return error.hint("did you mean DISTINCT?");
                }
                if field.relation.is_none() && field.name.eq_ignore_ascii_case("all") {
                    return error.hint(
                        "ORDER BY ALL stands alone, behind a query; ORDER BY 1, 2 orders by the \
                         first column, then the second",
                    );
                }
                let same = |column: &Column| column.name.eq_ignore_ascii_case(&field.name);
                if self.is_in_double_quotes(&field.name)
                    && !valid_fields.iter().any(same)
                    && ingest::own_name(&field.name).is_none()
                {
                    return error.hint(format!("text goes in single quotes: '{}'", field.name));
                }
                error
            }
            SchemaError::AmbiguousReference { field } => {
                let asked = Asked::of(&self.statement.sql);
                let table = asked.called_with(&field.name).unwrap_or("posts");
                Error::query(format!("the column {} is in more than one table", field.name))
                    .hint(format!("say which, as in {table}.{}", field.name))
            }
            SchemaError::DuplicateQualifiedField { name, .. }
            | SchemaError::DuplicateUnqualifiedField { name } => {
                if let Some(twice) = Asked::of(&self.statement.sql).twice {
                    let error = Error::query(format!("{twice} stands twice in FROM"));
                    return error.hint(format!(
                        "give each a name of its own: FROM t AS {twice}1, t AS {twice}2"
                    ));
                }
                Error::query(format!("two columns are called {name}"))
                    .hint("casts do not count in that; make one of them in a subquery, with AS")
            }
        }
    }

    /// Whether the statement has `name` in double quotes, as other databases
    /// let people write texts.
    fn is_in_double_quotes(&self, name: &str) -> bool {
        let tokens = tokenize(&self.statement.sql).unwrap_or_default();
        tokens.iter().any(|token| match &token.token {
            Token::Word(word) => word.quote_style == Some('"') && word.value == name,
            _ => false,
        })
    }

    /// Whether something is compared with `name`, as it is with texts.
    fn is_compared(&self, name: &str) -> bool {
        let mut tokens = tokenize(&self.statement.sql).unwrap_or_default();
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        let compares = |token: &Token| match token {
            Token::Eq | Token::DoubleEq | Token::Neq => true,
            Token::Word(word) => matches!(word.keyword, Keyword::LIKE | Keyword::ILIKE),
            _ => false,
        };
        tokens.windows(2).any(|pair| compares(&pair[0].token) && names(&pair[1].token, name))
    }
}

/// Whether a column is of a subquery that the engine was about to join.
fn is_joined(column: &Column) -> bool {
    let names = ["__correlated_sq_", "__scalar_sq_"];
    let Some(table) = &column.relation else { return false };
    names.iter().any(|name| table.table().starts_with(name))
}

/// The error for a column that is none of the `valid` ones, in a session that knows these
/// tables; a name that something `is_compared` with was probably to be a text.
fn no_column(field: &Column, valid: &[Column], is_compared: bool, known: &[String]) -> Error {
    let tables = valid.iter().filter_map(|column| column.relation.as_ref());
    let mut tables: Vec<&str> = tables.map(TableReference::table).collect();
    tables.dedup();
    let tables = tables.join(", ");
    if let Some(table) = &field.relation
        && !valid.iter().any(|column| column.relation.as_ref() == Some(table))
    {
        let error = Error::query(format!("FROM has no \"{}\"", table.table()));
        return error.hint(match tables.is_empty() {
            true => format!("put it there: FROM {}", table.table()),
            false => format!("it has {tables}"),
        });
    }
    let error = Error::query(match &field.relation {
        Some(table) => format!("no column \"{}\" in {}", field.name, table.table()),
        None if tables.is_empty() => format!("no column \"{}\"", field.name),
        None => format!("no column \"{}\" in {tables}", field.name),
    });
    let elsewhere = elsewhere(&field.name, known);
    // Of a column of one table the others say nothing.
    let of_table = |column: &&Column| field.relation.is_none() || column.relation == field.relation;
    let valid: Vec<&Column> = valid.iter().filter(of_table).collect();
    let names = || valid.iter().map(|column| column.name.as_str());
    let own = ingest::own_name(&field.name).filter(|_| !is_compared);
    // `id` of accounts is account_id.
    let end = format!("_{}", field.name);
    let longer = || names().find(|name| !is_compared && name.ends_with(&end));
    let own_of_table = || names().find(|name| Some(*name) == own);
    // The only one that begins so, which was not typed to its end.
    let begun = || {
        let is_long = field.name.chars().count() >= BEGUN && !is_compared;
        let mut begun = names().filter(|name| is_long && name.starts_with(&field.name));
        let first = begun.next()?;
        begun.all(|other| other == first).then_some(first)
    };
    let near = nearest(&field.name, names()).or_else(own_of_table);
    match near.or_else(begun).or_else(longer) {
        // Without quotes, capitals are small letters.
        Some(near) if near.contains(char::is_uppercase) => error.hint(format!(
            "did you mean \"{near}\"? a name with capitals stands in double quotes: {}",
            in_statement(near)
        )),
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None if !elsewhere.is_empty() => {
            error.hint(format!("{} is in {}", field.name, elsewhere.join(", ")))
        }
        None if own.is_some_and(|own| !self::elsewhere(own, known).is_empty()) => {
            let own = own.unwrap_or_default();
            let tables = self::elsewhere(own, known).join(", ");
            error.hint(format!("here it is {own}, which is in {tables}"))
        }
        // Names of columns are seldom Chinese, but for those of crawlers; values often are.
        None if valid.is_empty() || is_compared || !field.name.is_ascii() && own.is_none() => {
            error.hint(format!("text goes in single quotes: '{}'", field.name))
        }
        None => {
            let mut all: Vec<_> = Vec::new();
            for name in names() {
                if !all.contains(&name) {
                    all.push(name);
                }
            }
            all.truncate(20);
            let names: Vec<String> = all.into_iter().map(in_statement).collect();
            error.hint(format!("there are {}", names.join(", ")))
        }
    }
}

/// `name` as it stands in a statement, in double quotes if it must.
fn in_statement(name: &str) -> String {
    let is_plain = |sign: char| sign == '_' || sign.is_alphanumeric() && !sign.is_uppercase();
    match name.chars().all(is_plain) && !name.starts_with(|first: char| first.is_ascii_digit()) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// The tables and views of a database that have a column called `name`, of those that are
/// `known`: whoever asks a file may have no database.
fn elsewhere(name: &str, known: &[String]) -> Vec<&'static str> {
    let tables = TABLES.iter().filter(|table| table.index(name).is_some()).map(|table| table.name);
    let has = |view: &&&View| view.columns.iter().any(|(column, _)| *column == name);
    let all = tables.chain(VIEWS.iter().filter(has).map(|view| view.name));
    all.filter(|table| known.iter().any(|known| known == table)).collect()
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn tables_that_are_not_there_are_in_no_hint() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE mine AS SELECT 1 AS n, 2 AS m").await.unwrap();
        for name in ["\"微博id\"", "粉丝数", "likes"] {
            let error = session.collect(&format!("SELECT {name} FROM mine")).await.unwrap_err();
            assert_eq!(error.advice(), Some("there are n, m"), "{name}: {error}");
        }
    }
}
