//! What is wrong with a setting, or with what it is given.

use super::{NO_SETTING, Translator};
use crate::catalog::setting_name;
use crate::engine::habits;
use crate::engine::wording::plain;
use crate::error::{Error, nearest};

/// What the names of most settings begin with.
const EXECUTION: &str = "datafusion.execution.";

impl Translator {
    /// What is wrong with a setting; DataFusion names only the part of the key
    /// that it does not know, so the key is taken from the statement.
    pub(super) fn setting(&self, message: &str) -> Error {
        let unknown = message.contains(NO_SETTING)
            || message.starts_with("no setting ")
            || message.contains("not found on") && message.starts_with("Config value");
        let words: Vec<&str> =
            self.statement.sql.split(|c: char| c.is_whitespace() || c == '=').collect();
        let key = match words.as_slice() {
            [first, key, ..] if unknown && first.eq_ignore_ascii_case("set") => *key,
            _ => return Error::query(plain(message)),
        };
        let state = self.context.state();
        let known = state.config_options().entries();
        let known: Vec<String> = known.into_iter().map(|entry| setting_name(entry.key)).collect();
        let error = Error::query(format!("no setting {key}"));
        if let Some(advice) = habits::setting(key) {
            return error.hint(advice);
        }
        let names = known.iter().map(String::as_str);
        // Most people leave out the part that all keys begin with.
        let short = names.clone().filter_map(|name| name.strip_prefix(EXECUTION));
        let near = nearest(key, names).map(str::to_owned);
        match near.or_else(|| Some(format!("{EXECUTION}{}", nearest(key, short)?))) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint(".set lists the settings"),
        }
    }
}
