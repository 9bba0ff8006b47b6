//! The one statement splitter, on the tokenizer of the SQL parser.

use datafusion::sql::sqlparser::tokenizer::{
    Location, Token, TokenWithSpan, Tokenizer, TokenizerError,
};

use super::dialect::Ours;
use super::straight::straight;
use crate::error::{Error, Place, Result};

/// One statement of a script, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The text without the closing semicolon and surrounding blanks.
    pub sql: String,
    /// The file it stands in, as the person named it; `None` for typed text.
    pub file: Option<String>,
    /// The line of the file on which `sql` begins, counted from 1.
    pub line: u64,
    /// The column in characters at which `sql` begins, counted from 1.
    pub column: u64,
    /// What stands before `sql` on its first line.
    pub prefix: String,
}

impl Statement {
    /// The place of a piece of `sql` that begins at `line` and `column` of it,
    /// both counted from 1, and has `length` characters.
    #[must_use]
    pub fn place(&self, line: u64, column: u64, length: Option<u64>) -> Place {
        let text = self.sql.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
        let (column, source) = if line <= 1 {
            (self.column + column.saturating_sub(1), format!("{}{text}", self.prefix))
        } else {
            (column, text.to_owned())
        };
        Place {
            file: self.file.clone(),
            line: Some(self.line + line.saturating_sub(1)),
            column: Some(column),
            length,
            source: Some(source),
        }
    }
}

/// Splits `text` at its semicolons, minding strings, quoted names, dollar
/// quotes and nested comments. Statements of blanks and comments only are left
/// out; a byte-order mark, CRLF and full-width punctuation do no harm.
///
/// # Errors
/// When a string, a quoted name or a comment is not closed.
///
/// # Example
/// ```
/// let script = weiku::engine::script::parse("SELECT ';'; -- two;\nSELECT 2", None)?;
/// assert_eq!(script.len(), 2);
/// assert_eq!(script[1].sql, "SELECT 2");
/// assert_eq!(script[1].line, 2);
/// # Ok::<(), weiku::Error>(())
/// ```
pub fn parse(text: &str, file: Option<&str>) -> Result<Vec<Statement>> {
    let text = straight(without_mark(text));
    let text = &*text;
    let tokens = tokenize(text).map_err(|error| unclosed(text, file, &error))?;
    let mut cursor = Cursor::new(text);
    let mut statements = Vec::new();
    let mut open: Option<(usize, Location)> = None;
    let mut end = 0;
    for token in &tokens {
        match token.token {
            Token::Whitespace(_) => {}
            Token::SemiColon => {
                if let Some((start, place)) = open.take() {
                    statements.push(statement(text, start..end, place, file));
                }
            }
            Token::EOF => break,
            _ => {
                let start = cursor.offset(token.span.start);
                end = cursor.offset(token.span.end);
                open.get_or_insert((start, token.span.start));
            }
        }
    }
    if let Some((start, place)) = open {
        statements.push(statement(text, start..end, place, file));
    }
    Ok(statements)
}

/// Whether typed `text` is ready to run: every quote and comment is closed, and
/// nothing follows its last semicolon. Blank text is complete.
#[must_use]
pub fn is_complete(text: &str) -> bool {
    let Ok(tokens) = tokenize(without_mark(text)) else { return false };
    let last =
        tokens.iter().rev().find(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    last.is_none_or(|token| token.token == Token::SemiColon)
}

/// The tokens of `text`, with their places, strings as they are written.
///
/// # Errors
/// When a string, a quoted name or a comment is not closed.
pub fn tokenize(text: &str) -> std::result::Result<Vec<TokenWithSpan>, TokenizerError> {
    Tokenizer::new(&Ours, text).with_unescape(false).tokenize_with_location()
}

/// The tokens of statements with each `?` as `$1`, `$2` and so on; every statement counts
/// anew, and `?2` says itself which one it is.
#[must_use]
pub fn numbered(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut last = 0_usize;
    for TokenWithSpan { token, .. } in &mut tokens {
        match token {
            Token::SemiColon => last = 0,
            Token::Placeholder(name) => {
                let Some(position) = name.strip_prefix('?') else { continue };
                *name = if position.is_empty() {
                    last += 1;
                    format!("${last}")
                } else {
                    format!("${position}")
                };
            }
            _ => {}
        }
    }
    tokens
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn statement(
    text: &str,
    range: std::ops::Range<usize>,
    place: Location,
    file: Option<&str>,
) -> Statement {
    let line_start = text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
    Statement {
        sql: text[range.clone()].to_owned(),
        file: file.map(str::to_owned),
        line: place.line,
        column: place.column,
        prefix: text[line_start..range.start].to_owned(),
    }
}

/// The tokenizer's complaint, which is always about something not closed.
fn unclosed(text: &str, file: Option<&str>, error: &TokenizerError) -> Error {
    let Location { line, column } = error.location;
    let source = text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
    let message = match error.message.as_str() {
        "Unterminated string literal" => "this string is not closed",
        "Unexpected EOF while in a multi-line comment" => "a comment is not closed",
        message if message.contains("close delimiter") => "this quoted name is not closed",
        message => message,
    };
    let closing = match message {
        "this string is not closed" => Some("add a closing '"),
        "a comment is not closed" => Some("add a closing */"),
        "this quoted name is not closed" => Some("add a closing \""),
        _ => None,
    };
    let error = Error::query(message).at(Place {
        file: file.map(str::to_owned),
        line: Some(line),
        column: Some(column),
        length: Some(1),
        source: Some(source.to_owned()),
    });
    match closing {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Turns the tokenizer's lines and columns into byte offsets, moving forward
/// only, so that a long script costs one pass.
pub(super) struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    at: Location,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, offset: 0, at: Location { line: 1, column: 1 } }
    }

    /// The byte at which `to` is.
    pub(super) fn offset(&mut self, to: Location) -> usize {
        let mut rest = self.text[self.offset..].chars();
        while (self.at.line, self.at.column) < (to.line, to.column) {
            let Some(char) = rest.next() else { break };
            self.offset += char.len_utf8();
            if char == '\n' {
                self.at = Location { line: self.at.line + 1, column: 1 };
            } else {
                self.at.column += 1;
            }
        }
        self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<String> {
        parse(script, None).unwrap().into_iter().map(|statement| statement.sql).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_split() {
        let script = "select ';'; select \"a;b\"; select $$;$$; /* ; /* ; */ ; */ select 1 -- ;\n";
        assert_eq!(texts(script), ["select ';'", "select \"a;b\"", "select $$;$$", "select 1"]);
    }

    #[test]
    fn blanks_comments_and_marks_are_not_statements() {
        assert_eq!(texts("\u{feff};;\r\n -- x\n ; /* y */"), Vec::<String>::new());
        assert_eq!(texts("\u{feff}select 1;\r\nselect\r\n2"), ["select 1", "select\r\n2"]);
    }

    #[test]
    fn statements_know_their_place_after_wide_characters() {
        let script = parse("select '微博'; select 2;\n  select 3", Some("a.sql")).unwrap();
        let places: Vec<_> = script.iter().map(|one| (one.line, one.column)).collect();
        assert_eq!(places, [(1, 1), (1, 14), (2, 3)]);
        assert_eq!(script[1].prefix, "select '微博'; ");
        let place = script[2].place(1, 8, Some(1));
        assert_eq!((place.line, place.column), (Some(2), Some(10)));
    }

    #[test]
    fn unclosed_things_are_named_with_their_place() {
        let error = parse("select 1;\nselect 'abc", None).unwrap_err();
        assert_eq!(error.message(), "this string is not closed");
        assert_eq!(error.place().line, Some(2));
        assert!(parse("select /* x", None).is_err());
        assert!(parse("select \"x", None).is_err());
    }

    #[test]
    fn completeness_is_a_closed_last_statement() {
        assert!(is_complete("select 1;") && is_complete("select 1; -- done") && is_complete(" "));
        assert!(!is_complete("select 1") && !is_complete("select ';") && !is_complete("x; y"));
    }
}
