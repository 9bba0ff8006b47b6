//! A tolerant scanner: SQL as it stands in an editor, half typed.
//!
//! It runs the tokenizer of the SQL parser and recovers where that gives up, so
//! that completion, colours and the end of a statement are found in text that
//! no parser would take. Every byte of the text belongs to exactly one lexeme.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

/// How often the scanner restarts behind text that the tokenizer refuses,
/// before it takes the rest as one piece.
const MOST_RESTARTS: usize = 64;

/// What a piece of the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a bare name.
    Word,
    /// A name in double quotes or backticks.
    QuotedName,
    /// A number.
    Number,
    /// A string in any kind of quotes.
    Text,
    /// A parameter such as `$n` or `?`.
    Parameter,
    /// A comment of one or more lines.
    Comment,
    /// Blanks and line ends.
    Blank,
    /// An operator or a piece of punctuation.
    Symbol,
    /// A string whose closing quote is missing.
    OpenText,
    /// A quoted name whose closing quote is missing.
    OpenName,
    /// A comment that does not end.
    OpenComment,
}

/// One piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lexeme<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// The text as it was typed, quotes included.
    pub(crate) text: &'a str,
    /// The byte at which it begins.
    pub(crate) start: usize,
}

impl Lexeme<'_> {
    /// The byte behind it.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it says something: neither a blank nor a comment.
    pub(crate) fn is_significant(&self) -> bool {
        !matches!(self.kind, Kind::Blank | Kind::Comment | Kind::OpenComment)
    }

    /// Whether it is the bare word `word`, in any case.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is the symbol `symbol`.
    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    /// The name it stands for, if it is one: lower case unless quoted.
    pub(crate) fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_lowercase()),
            Kind::QuotedName => {
                let quote = self.text.chars().next()?;
                let inner = self.text.strip_prefix(quote)?.strip_suffix(quote)?;
                Some(inner.replace(&format!("{quote}{quote}"), &quote.to_string()))
            }
            _ => None,
        }
    }
}

/// Cuts `text` into lexemes, from its first byte to its last.
pub(crate) fn scan(text: &str) -> Vec<Lexeme<'_>> {
    let mut lexemes = Vec::new();
    let mut start = 0;
    for _ in 0..MOST_RESTARTS {
        start = scan_until_refused(text, start, &mut lexemes);
        let rest = &text[start..];
        let Some(first) = rest.chars().next() else {
            return lexemes;
        };
        let kind = open_kind(rest);
        let end = if kind == Kind::Symbol { start + first.len_utf8() } else { text.len() };
        lexemes.push(Lexeme { kind, text: &text[start..end], start });
        start = end;
    }
    if start < text.len() {
        lexemes.push(Lexeme { kind: Kind::OpenText, text: &text[start..], start });
    }
    lexemes
}

/// Adds the lexemes of `text` from `start` on until the tokenizer gives up, and
/// returns the byte behind the last one.
fn scan_until_refused<'a>(text: &'a str, start: usize, lexemes: &mut Vec<Lexeme<'a>>) -> usize {
    let rest = &text[start..];
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    // A refusal leaves the tokens before it in `tokens`, which is all we need.
    let _ = Tokenizer::new(&GenericDialect {}, rest)
        .with_unescape(false)
        .tokenize_with_location_into_buf(&mut tokens);
    let mut positions = Positions::new(rest);
    let mut end = 0;
    for token in &tokens {
        let from = end;
        end = positions.byte_at(token.span.end.line, token.span.end.column);
        if from < end {
            let text = &rest[from..end];
            lexemes.push(Lexeme { kind: kind_of(&token.token), text, start: start + from });
        }
    }
    start + end
}

/// Walks a text once, from positions in lines and columns to bytes.
struct Positions<'a> {
    chars: std::str::CharIndices<'a>,
    line: u64,
    column: u64,
}

impl<'a> Positions<'a> {
    fn new(text: &'a str) -> Self {
        Self { chars: text.char_indices(), line: 1, column: 1 }
    }

    /// The byte at a position, which must not lie before the one asked last.
    fn byte_at(&mut self, line: u64, column: u64) -> usize {
        while (self.line, self.column) < (line, column) {
            match self.chars.next() {
                None => break,
                Some((_, '\n')) => (self.line, self.column) = (self.line + 1, 1),
                Some(_) => self.column += 1,
            }
        }
        self.chars.offset()
    }
}

fn kind_of(token: &Token) -> Kind {
    match token {
        Token::Word(word) if word.quote_style.is_some() => Kind::QuotedName,
        Token::Word(_) => Kind::Word,
        Token::Number(..) => Kind::Number,
        Token::Placeholder(_) => Kind::Parameter,
        Token::Whitespace(
            Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
        ) => Kind::Comment,
        Token::Whitespace(_) => Kind::Blank,
        Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::TripleSingleQuotedString(_)
        | Token::TripleDoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::DoubleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_)
        | Token::DoubleQuotedRawStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_) => Kind::Text,
        _ => Kind::Symbol,
    }
}

/// What the tokenizer could not finish, by how it begins.
fn open_kind(rest: &str) -> Kind {
    if rest.starts_with("/*") {
        return Kind::OpenComment;
    }
    match rest.chars().next() {
        Some('"' | '`') => Kind::OpenName,
        Some('\'' | '$') => Kind::OpenText,
        // Prefixed strings: E'..', N'..', X'..', B'..', R'..', U&'..'.
        Some(first) if first.is_ascii_alphabetic() && rest.contains('\'') => Kind::OpenText,
        _ => Kind::Symbol,
    }
}

/// The names of the parameters in `sql`, without the `$`, each once.
pub(crate) fn parameters(sql: &str) -> Vec<&str> {
    let mut found = Vec::new();
    if !sql.contains('$') {
        return found;
    }
    for lexeme in scan(sql).iter().filter(|lexeme| lexeme.kind == Kind::Parameter) {
        let name = lexeme.text.trim_start_matches('$');
        if !name.is_empty() && lexeme.text.starts_with('$') && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// Whether `name` stands in `sql` as the name of something.
pub(crate) fn has_name(sql: &str, name: &str) -> bool {
    sql.contains(name) && scan(sql).iter().any(|lexeme| lexeme.name().as_deref() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::{Kind, scan};

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        let lexemes = scan(text);
        let joined: String = lexemes.iter().map(|lexeme| lexeme.text).collect();
        assert_eq!(joined, text, "every byte belongs to a lexeme");
        lexemes.iter().filter(|l| l.kind != Kind::Blank).map(|l| (l.kind, l.text)).collect()
    }

    #[test]
    fn finished_sql_is_cut_as_the_parser_cuts_it() {
        assert_eq!(
            kinds("SELECT \"a b\", '它''s' -- c\nFROM t WHERE n >= $n;"),
            [
                (Kind::Word, "SELECT"),
                (Kind::QuotedName, "\"a b\""),
                (Kind::Symbol, ","),
                (Kind::Text, "'它''s'"),
                (Kind::Comment, "-- c\n"),
                (Kind::Word, "FROM"),
                (Kind::Word, "t"),
                (Kind::Word, "WHERE"),
                (Kind::Word, "n"),
                (Kind::Symbol, ">="),
                (Kind::Parameter, "$n"),
                (Kind::Symbol, ";"),
            ]
        );
    }

    #[test]
    fn an_unclosed_quote_or_comment_reaches_to_the_end() {
        assert_eq!(kinds("select '外交 from t").last(), Some(&(Kind::OpenText, "'外交 from t")));
        assert_eq!(kinds("select \"a b").last(), Some(&(Kind::OpenName, "\"a b")));
        assert_eq!(kinds("select /* a").last(), Some(&(Kind::OpenComment, "/* a")));
        assert_eq!(kinds("select $$a").last(), Some(&(Kind::OpenText, "$$a")));
    }

    #[test]
    fn names_are_folded_unless_quoted() {
        let names: Vec<_> =
            scan("Posts \"Posts\" \"a\"\"b\"").iter().filter_map(super::Lexeme::name).collect();
        assert_eq!(names, ["posts", "Posts", "a\"b"]);
    }
}
