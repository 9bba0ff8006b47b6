//! Where the cursor stands: the statement around it and the word it touches.

use super::scope;
use crate::shell::scan::{Kind, Lexeme, scan};

/// The statement at the cursor, cut in two there.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    /// What stands before the word at the cursor.
    pub(crate) before: Vec<Lexeme<'a>>,
    /// What stands behind it.
    pub(crate) after: Vec<Lexeme<'a>>,
    /// The part of a word that is typed already.
    pub(crate) word: Word,
}

/// The part of a word in front of the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// The byte at which it begins, its opening quote included.
    pub(crate) start: usize,
    /// What is typed, without the quote.
    pub(crate) typed: String,
    /// How it is quoted.
    pub(crate) quote: Quote,
    /// Whether the closing quote stands right behind the cursor.
    pub(crate) closed: bool,
}

/// How the word at the cursor is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quote {
    /// Not at all.
    None,
    /// As a name, in this quote.
    Name(char),
    /// As a string.
    Text,
}

impl<'a> Cursor<'a> {
    /// Finds the word and statement at byte `position` of `text`; `None` where
    /// nothing can be completed: in a comment or a number.
    pub(crate) fn find(text: &'a str, position: usize) -> Option<Self> {
        let mut before = scan(&text[..position]);
        let word = take_word(&mut before, text, position)?;
        let statement =
            before.iter().rposition(|lexeme| lexeme.is_symbol(";")).map_or(0, |end| end + 1);
        before.drain(..statement);
        before.retain(Lexeme::is_significant);
        let rest = position + rest_of_word(&text[position..], word.quote);
        let mut after = scan(&text[rest..]);
        after.retain(Lexeme::is_significant);
        if let Some(end) = after.iter().position(|lexeme| lexeme.is_symbol(";")) {
            after.truncate(end);
        }
        let mut cursor = Self { before, after, word };
        cursor.widen_setting();
        Some(cursor)
    }

    /// The name of a setting is one word, dots and all.
    fn widen_setting(&mut self) {
        let names_setting =
            self.before.first().is_some_and(|first| first.is("set") || first.is("show"));
        while let Some(last) = self.before.last().filter(|_| names_setting) {
            let joined = last.end() == self.word.start && self.before.len() > 1;
            if !joined || !(last.is_symbol(".") || last.kind == Kind::Word) {
                return;
            }
            self.word.start = last.start;
            self.word.typed.insert_str(0, last.text);
            self.before.pop();
        }
    }

    /// The whole statement without the word, with the brackets closed at the
    /// cursor that are opened before it and not closed behind it.
    pub(crate) fn statement(&self) -> Vec<Lexeme<'a>> {
        let open = self.before.iter().filter(|lexeme| lexeme.is_symbol("(")).count();
        let count = |symbol| {
            let lexemes = self.before.iter().chain(&self.after);
            lexemes.filter(|lexeme| lexeme.is_symbol(symbol)).count()
        };
        let missing = count("(").saturating_sub(count(")")).min(open);
        let close = Lexeme { kind: Kind::Symbol, text: ")", start: self.word.start };
        let mut tokens = self.before.clone();
        tokens.extend(std::iter::repeat_n(close, missing.min(self.innermost_brackets())));
        tokens.extend(&self.after);
        tokens
    }

    /// How many brackets hold the cursor within the innermost query.
    fn innermost_brackets(&self) -> usize {
        let mut open = Vec::new();
        for (index, lexeme) in self.before.iter().enumerate() {
            if lexeme.is_symbol("(") {
                let next = self.before.get(index + 1);
                open.push(next.is_some_and(scope::begins_query));
            } else if lexeme.is_symbol(")") {
                open.pop();
            }
        }
        open.iter().rev().take_while(|query| !**query).count()
    }
}

/// Takes the word that ends at the cursor off the lexemes before it.
fn take_word(before: &mut Vec<Lexeme<'_>>, text: &str, position: usize) -> Option<Word> {
    let rest = &text[position..];
    let word = |start: usize, typed: &str, quote, close: char| {
        let closed = quote != Quote::None && rest.starts_with(close);
        Some(Word { start, typed: typed.to_owned(), quote, closed })
    };
    let Some(last) = before.last().copied() else {
        return word(position, "", Quote::None, ' ');
    };
    let found = match last.kind {
        Kind::Word => word(last.start, last.text, Quote::None, ' '),
        Kind::OpenName => {
            let quote = last.text.chars().next()?;
            word(last.start, &last.text[quote.len_utf8()..], Quote::Name(quote), quote)
        }
        Kind::OpenText => {
            let typed = last.text.strip_prefix('\'')?;
            word(last.start, &typed.replace("''", "'"), Quote::Text, '\'')
        }
        Kind::Number | Kind::QuotedName | Kind::Text | Kind::Parameter | Kind::OpenComment => {
            return None;
        }
        Kind::Comment if !last.text.ends_with(['\n', '/']) => return None,
        // With it the name of an answer begins, as `@1`.
        Kind::Symbol if last.text == "@" => word(last.start, last.text, Quote::None, ' '),
        Kind::Comment | Kind::Blank | Kind::Symbol => {
            return word(position, "", Quote::None, ' ');
        }
    };
    before.pop();
    found
}

/// How many bytes behind the cursor still belong to the word it stands in.
fn rest_of_word(rest: &str, quote: Quote) -> usize {
    match quote {
        Quote::None => rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '@' || c == '$'))
            .unwrap_or(rest.len()),
        Quote::Name(close) => closing(rest, close),
        Quote::Text => closing(rest, '\''),
    }
}

/// The byte behind the closing quote, if it stands on the same line.
fn closing(rest: &str, quote: char) -> usize {
    let line = rest.lines().next().unwrap_or_default();
    line.find(quote).map_or(0, |at| at + quote.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Quote};

    fn find(text: &str) -> Option<(String, String, Quote, String)> {
        let position = text.find('|').unwrap();
        let text = text.replace('|', "");
        let cursor = Cursor::find(&text, position)?;
        let join = |lexemes: &[crate::shell::scan::Lexeme<'_>]| {
            lexemes.iter().map(|lexeme| lexeme.text).collect::<Vec<_>>().join(" ")
        };
        Some((
            join(&cursor.before),
            cursor.word.typed.clone(),
            cursor.word.quote,
            join(&cursor.after),
        ))
    }

    #[test]
    fn the_word_is_cut_out_of_its_statement() {
        let found = find("select 1; select te|xt from posts; select 2").unwrap();
        assert_eq!(found, ("select".into(), "te".into(), Quote::None, "from posts".into()));
    }

    #[test]
    fn an_open_quote_is_closed_for_what_follows_it() {
        let found = find("select * from posts where client = 'i|' and 1 = 1").unwrap();
        assert_eq!(found.0, "select * from posts where client =");
        assert_eq!(found.1, "i");
        assert_eq!(found.2, Quote::Text);
        assert_eq!(found.3, "and 1 = 1");
    }

    #[test]
    fn nothing_is_completed_in_comments_and_numbers() {
        assert_eq!(find("select 1 -- te|"), None);
        assert_eq!(find("select /* te|"), None);
        assert_eq!(find("select 12|"), None);
    }
}
