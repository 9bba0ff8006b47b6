//! What is wrong with a statement that the parser does not understand.

use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::Translator;
use super::tables::answer_number;
use crate::engine::habits;
use crate::engine::script::tokenize;
use crate::engine::slips;
use crate::engine::wording::{between, plain};
use crate::error::{Error, Kind, Place};
use crate::text::full_width;

impl Translator {
    /// What the parser complains of, and what was probably meant.
    pub(super) fn syntax(&self, parser: &ParserError) -> Error {
        let message = match parser {
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
            ParserError::RecursionLimitExceeded => {
                return Error::new(Kind::Limit, "the statement nests too deeply")
                    .hint("take inner parts out into WITH clauses");
            }
        };
        let (words, at) = split_location(message);
        let words = words.replace(", found: ", ", found ").replace("Expected: ", "expected ");
        let words = words.replace("found EOF", "found the end of the statement");
        let words = match between(&words, "No infix parser for token Word(Word { value: \"", "\"") {
            Some(word) => format!("{word} does not stand between two values"),
            None => words,
        };
        let words = plain(&words);
        let error = self.known_elsewhere(Error::query(format!("syntax error: {words}")));
        if let Some((line, column)) = at
            && let Some((found, twin)) = self.full_width(line, column)
        {
            return error
                .at(self.statement.place(line, column, Some(1)))
                .hint(format!("{found} is full-width punctuation; SQL is written with {twin}"));
        }
        let error = match words.ends_with("found #") && error.advice().is_none() {
            true => error.hint("-- begins a comment; a name with # stands in double quotes"),
            false => error,
        };
        let error = match words.to_lowercase().ends_with("expected ), found exclude") {
            true if self.has_frame() => error.hint(
                "a frame leaves no row out here: two frames beside it have the others, as in ROWS \
                 BETWEEN 2 PRECEDING AND 1 PRECEDING; of a sum the row can be taken away",
            ),
            _ => error,
        };
        if error.advice().is_none()
            && let Some(slip) = slips::told(&words, at, &self.statement)
        {
            return slip;
        }
        match at {
            Some((line, column)) => {
                let length = self.word_length(line, column);
                error.at(self.statement.place(line, column, length))
            }
            None => match self.last_word().filter(|_| words.contains("end of the statement")) {
                Some(place) => error.at(place),
                None => error,
            },
        }
    }

    /// Whether the statement has a frame of a window.
    fn has_frame(&self) -> bool {
        let sql = self.statement.sql.to_lowercase();
        ["preceding", "following", "current row"].iter().any(|word| sql.contains(word))
    }

    /// The place of the last word or sign of the statement.
    fn last_word(&self) -> Option<Place> {
        let tokens = tokenize(&self.statement.sql).ok()?;
        let is_shown = |token: &&TokenWithSpan| {
            !matches!(token.token, Token::Whitespace(_) | Token::SemiColon | Token::EOF)
        };
        let span = tokens.iter().rfind(is_shown)?.span;
        let length = span.end.column.saturating_sub(span.start.column);
        Some(self.statement.place(span.start.line, span.start.column, Some(length)))
    }

    /// `error` with what to do here instead of a statement of another database.
    pub(super) fn known_elsewhere(&self, error: Error) -> Error {
        let sql = &self.statement.sql;
        match habits::statement(sql) {
            Some(here) => error.hint(here),
            None if sql.trim() == "_" || answer_number(sql.trim()).is_some() => {
                error.hint(format!("FROM {} asks the answer again", sql.trim()))
            }
            None => error,
        }
    }

    /// The full-width punctuation at a place, with its ASCII twin.
    fn full_width(&self, line: u64, column: u64) -> Option<(char, char)> {
        let tokens = tokenize(&self.statement.sql).ok()?;
        let at = |token: &&TokenWithSpan| {
            (token.span.start.line, token.span.start.column) == (line, column)
        };
        match tokens.iter().find(at)?.token {
            Token::Char(found) => Some((found, full_width::ascii(found)?)),
            _ => None,
        }
    }

    /// How many characters the token at a place has.
    fn word_length(&self, line: u64, column: u64) -> Option<u64> {
        let tokens = tokenize(&self.statement.sql).ok()?;
        let token = tokens
            .iter()
            .find(|token| (token.span.start.line, token.span.start.column) == (line, column))?;
        (token.span.end.line == line).then(|| token.span.end.column - column)
    }
}

/// The parser's words without their "at Line: x, Column: y", and that place.
fn split_location(message: &str) -> (&str, Option<(u64, u64)>) {
    let Some((words, place)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let Some((line, column)) = place.split_once(", Column: ") else { return (message, None) };
    let digits = |text: &str| {
        text.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().ok()
    };
    (words, digits(line).zip(digits(column)))
}
