//! What is wrong with the name of a function that is not there, or not where it stands.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::{Translator, names};
use crate::engine::habits;
use crate::engine::script::tokenize;
use crate::error::{Error, nearest};

impl Translator {
    /// What to try instead of a function that is not there.
    pub(super) fn no_function(&self, name: &str) -> Error {
        let state = self.context.state();
        let names = state
            .scalar_functions()
            .keys()
            .chain(state.aggregate_functions().keys())
            .chain(state.window_functions().keys())
            .chain(state.higher_order_functions().keys())
            .map(String::as_str);
        if state.window_functions().contains_key(name) {
            let message = format!("{name} looks at other rows and needs OVER");
            return Error::query(message).hint(format!(
                "{name}(...) OVER (PARTITION BY account_id ORDER BY posted_at) says which"
            ));
        }
        let error = Error::query(format!("no function {name}"));
        if ["rollup", "cube"].contains(&name) {
            return error.hint("ROLLUP (a, b) and CUBE (a, b) stand in GROUP BY, or in its sets");
        }
        if let Some(here) = habits::function(name) {
            return error.hint(format!("here it is {here}"));
        }
        match nearest(name, names) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("`.functions` lists all"),
        }
    }

    /// What is wrong with a function that stands in FROM and gives no rows.
    pub(super) fn no_rows_from(&self, name: &str) -> Error {
        let state = self.context.state();
        let error = Error::query(format!("no function {name} gives rows to FROM"));
        if let Some(here) = habits::function(name) {
            return error.hint(format!("behind SELECT it is {here}"));
        }
        if let Some(here) = habits::rows(name) {
            return error.hint(format!("here it is {here}"));
        }
        if name.starts_with("read_") || name.ends_with("_scan") {
            let file = self.text_given_to(name).unwrap_or_else(|| "posts.csv".to_owned());
            let file = file.replace('\'', "''");
            return error.hint(format!("a file is asked by its name: FROM '{file}'"));
        }
        if state.scalar_functions().contains_key(name) {
            return error.hint(format!("it gives a value, and stands behind SELECT: {name}(...)"));
        }
        let mut names: Vec<&str> = state.table_functions().keys().map(String::as_str).collect();
        names.sort_unstable();
        match nearest(name, names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint(format!("there are {}", names.join(", "))),
        }
    }

    /// The text that is the first argument of a call of `function`.
    fn text_given_to(&self, function: &str) -> Option<String> {
        let mut tokens = tokenize(&self.statement.sql).ok()?;
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        tokens.windows(3).find_map(|three| match [&three[1].token, &three[2].token] {
            [Token::LParen, Token::SingleQuotedString(text)]
                if names(&three[0].token, function) =>
            {
                Some(text.clone())
            }
            _ => None,
        })
    }
}
