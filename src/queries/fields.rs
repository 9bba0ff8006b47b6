//! Reading front matter: TOML tables whose every fault has a place in the file.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Place, Result, nearest};

/// A TOML value with its place.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// The file that front matter stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// The file as the person named it.
    pub(super) file: &'a str,
    /// The whole text of the file.
    pub(super) text: &'a str,
    /// Where in `text` the TOML begins, in bytes.
    pub(super) start: usize,
}

impl Source<'_> {
    /// The place of the TOML's bytes `span`.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let start = self.text.floor_char_boundary(self.start + span.start);
        let end = self.text.floor_char_boundary(self.start + span.end).max(start);
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let marked = self.text[start..end].lines().next().unwrap_or_default();
        Place {
            file: Some(self.file.to_owned()),
            line: Some(before.matches('\n').count() as u64 + 1),
            column: Some(before[line_start..].chars().count() as u64 + 1),
            length: Some(marked.chars().count().max(1) as u64),
            source: Some(line.to_owned()),
        }
    }

    /// A fault at the TOML's bytes `span`.
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> Error {
        Error::usage(message).at(self.place(span))
    }
}

/// One table of the front matter, all of whose keys are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    /// The file it stands in.
    pub(super) source: Source<'a>,
    table: &'a DeTable<'a>,
}

impl<'a> Fields<'a> {
    /// Takes `table`, which `what` names in errors, if it has `known` keys only.
    pub(super) fn new(
        source: Source<'a>,
        what: &str,
        table: &'a DeTable<'a>,
        known: &[&str],
    ) -> Result<Self> {
        let first_unknown = table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        if let Some(key) = first_unknown {
            let name = key.get_ref();
            let error = source.error(key.span(), format!("unknown key `{name}` in {what}"));
            return Err(match nearest(name, known.iter().copied()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("the keys are {}", known.join(", "))),
            });
        }
        Ok(Self { source, table })
    }

    /// The value of `key`, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value<'a>> {
        self.table.get(key)
    }

    /// The text at `key`.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>> {
        self.get(key).map(|value| self.as_text(key, value)).transpose()
    }

    /// The list of texts at `key`; empty if it is not there.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let items = self.as_array(key, value)?;
        items.iter().map(|item| self.as_text(key, item)).collect()
    }

    /// The truth value at `key`.
    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Boolean(truth) => Ok(Some(*truth)),
            other => Err(self.wrong(key, "true or false", value, other)),
        }
    }

    /// The whole number at `key`.
    pub(super) fn integer(&self, key: &str) -> Result<Option<i64>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = match value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(key, "a whole number", value, value.get_ref())),
        }
    }

    /// `value` of `key` as a text.
    pub(super) fn as_text(&self, key: &str, value: &Value<'_>) -> Result<String> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.as_ref().to_owned()),
            other => Err(self.wrong(key, "a text in quotes", value, other)),
        }
    }

    /// `value` of `key` as a list.
    pub(super) fn as_array(&self, key: &str, value: &'a Value<'a>) -> Result<&'a [Value<'a>]> {
        match value.get_ref() {
            DeValue::Array(items) => Ok(items),
            other => Err(self.wrong(key, "a list in square brackets", value, other)),
        }
    }

    /// `value` of `key` as a table.
    pub(super) fn as_table(&self, key: &str, value: &'a Value<'a>) -> Result<&'a DeTable<'a>> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            other => Err(self.wrong(key, "a table in braces", value, other)),
        }
    }

    /// That the value of `key` is not what it has to be.
    pub(super) fn wrong(
        &self,
        key: &str,
        wanted: &str,
        value: &Value<'_>,
        found: &DeValue<'_>,
    ) -> Error {
        let message = format!("`{key}` has to be {wanted}, and is {}", kind_of(found));
        self.source.error(value.span(), message)
    }
}

/// The tables below `table` in the order in which the file has them.
pub(super) fn in_file_order<'a>(
    table: &'a DeTable<'a>,
) -> Vec<(&'a Spanned<std::borrow::Cow<'a, str>>, &'a Value<'a>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// What a TOML value is, in plain words.
pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
