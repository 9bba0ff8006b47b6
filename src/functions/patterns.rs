//! What functions with regular expressions and delimiters have in common.

use std::iter;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use regex::Regex;

use super::scalar::{numbers, texts};

/// The regular expression that was needed last: mostly all rows have the same.
#[derive(Debug, Default)]
pub(super) struct Last(Option<(String, Regex)>);

impl Last {
    /// The regular expression that `pattern` writes.
    pub(super) fn regex(&mut self, pattern: &str) -> Result<&Regex> {
        let kept = match self.0.take().filter(|(text, _)| text == pattern) {
            Some(kept) => kept,
            None => {
                let regex = Regex::new(pattern).map_err(|error| exec_datafusion_err!("{error}"))?;
                (pattern.to_owned(), regex)
            }
        };
        Ok(&self.0.insert(kept).1)
    }

    /// The same, and the number of its `group`.
    ///
    /// # Errors
    /// When it has no such group.
    pub(super) fn group(&mut self, pattern: &str, group: f64) -> Result<(&Regex, usize)> {
        let regex = self.regex(pattern)?;
        let all = regex.captures_len();
        match (0..all).find(|number| *number as f64 == group) {
            Some(group) => Ok((regex, group)),
            None => exec_err!("the last group of '{pattern}' is {}, there is no {group}", all - 1),
        }
    }
}

/// The group that each of `rows` asks for: that of the third of `columns`, or 0, which is all
/// that matches, if there is none.
pub(super) fn groups(
    columns: &[ArrayRef],
    rows: usize,
) -> Box<dyn Iterator<Item = Option<f64>> + '_> {
    match columns.get(2) {
        Some(groups) => Box::new(numbers(groups).iter()),
        None => Box::new(iter::repeat_n(Some(0.0), rows)),
    }
}

/// Each text of `column` in the pieces between what `find` finds, given a text, the place
/// from which to look, and the delimiter: where it begins, and how long it is. An unknown
/// delimiter leaves a text as it is.
pub(super) fn split(
    column: &ArrayRef,
    delimiters: &ArrayRef,
    mut find: impl FnMut(&str, usize, &str) -> Result<Option<(usize, usize)>>,
) -> Result<ArrayRef> {
    let element = Field::new("element", DataType::Utf8, true);
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(element);
    for (text, delimiter) in texts(column)?.zip(texts(delimiters)?) {
        let Some(text) = text else {
            lists.append_null();
            continue;
        };
        let mut from = 0;
        while let Some(delimiter) = delimiter.filter(|_| from < text.len()) {
            let Some((mut start, length)) = find(text, from, delimiter)? else { break };
            // What is found everywhere stands between any two characters.
            if (start, length) == (from, 0) {
                start += text[from..].chars().next().map_or(0, char::len_utf8);
                if start == text.len() {
                    break;
                }
            }
            lists.values().append_value(&text[from..start]);
            from = start + length;
        }
        lists.values().append_value(&text[from..]);
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}
