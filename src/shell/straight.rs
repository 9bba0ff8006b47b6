//! Statements typed with the punctuation of a Chinese input method, as SQL
//! wants them.
//!
//! Outside strings and comments `；`, `（`, `，` and their like can mean nothing
//! but their ASCII twins, so nobody has to leave the input method for them.
//! Files are not changed: other programs read them too.

use std::borrow::Cow;

use crate::shell::input;
use crate::shell::scan::{Kind, scan};
use crate::text::full_width;

/// Bytes of a text beyond which it was not typed by hand.
const MOST_BYTES: usize = 64 << 10;

/// `text` with ASCII punctuation in the place of full-width one; it has as many
/// characters as before, so that places in it stay right.
pub(crate) fn straight(text: &str) -> Cow<'_, str> {
    if text.len() > MOST_BYTES || !text.chars().any(|c| full_width::ascii(c).is_some()) {
        return Cow::Borrowed(text);
    }
    if let Some(rest) = text.strip_prefix('。').filter(|rest| rest.starts_with(char::is_alphabetic))
    {
        return Cow::Owned(format!(".{rest}"));
    }
    // What stands behind a command is no SQL, and may mean its punctuation.
    if text.lines().any(|line| input::begins_command(line.trim_start())) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(quoted) = push_up_to_quote(rest, &mut out) {
        let Quoted { quote, start, end, after } = quoted;
        out.push(quote);
        out.push_str(&rest[start..end]);
        out.push(quote);
        rest = &rest[after..];
    }
    Cow::Owned(out)
}

/// A string or name between full-width quotes.
struct Quoted {
    /// The ASCII quote that stands for them.
    quote: char,
    /// Where its text begins.
    start: usize,
    /// Where its text ends.
    end: usize,
    /// The byte behind the closing quote.
    after: usize,
}

/// Pushes `text` up to the first thing between full-width quotes, which is
/// returned; without one, all of it.
fn push_up_to_quote(text: &str, out: &mut String) -> Option<Quoted> {
    for lexeme in scan(text) {
        let mut chars = lexeme.text.chars();
        let twin = match (lexeme.kind, chars.next(), chars.next()) {
            (Kind::Symbol | Kind::Blank, Some(c), None) => full_width::ascii(c),
            _ => None,
        };
        match twin {
            Some(quote @ ('\'' | '"')) => {
                let found = quoted(text, lexeme.end(), quote);
                if found.is_some() {
                    return found;
                }
                out.push_str(lexeme.text);
            }
            Some(twin) => out.push(twin),
            None => out.push_str(lexeme.text),
        }
    }
    None
}

/// What stands between full-width quotes, of which the opening one ends at byte
/// `start`; `None` where the closing one is missing, or where an ASCII quote
/// between them would end the string early.
fn quoted(text: &str, start: usize, quote: char) -> Option<Quoted> {
    let closes = |c: char| c == quote || full_width::ascii(c) == Some(quote);
    let (length, close) = text[start..].char_indices().find(|(_, c)| closes(*c) || *c == '\n')?;
    let end = start + length;
    let full = full_width::ascii(close).is_some();
    full.then(|| Quoted { quote, start, end, after: end + close.len_utf8() })
}

#[cfg(test)]
mod tests {
    use super::straight;

    #[test]
    fn punctuation_of_an_input_method_becomes_that_of_sql() {
        for (typed, meant) in [
            ("select count（*） from posts；", "select count(*) from posts;"),
            (
                "select text，likes　from posts where likes＞＝9；",
                "select text,likes from posts where likes>=9;",
            ),
            ("where text like ‘%微博，%’；", "where text like '%微博，%';"),
            ("where text = ’微博’ and “a” = 1；", "where text = '微博' and \"a\" = 1;"),
        ] {
            assert_eq!(straight(typed), meant);
            assert_eq!(straight(typed).chars().count(), typed.chars().count());
        }
        assert_eq!(straight("。run posts_with text=你，好"), ".run posts_with text=你，好");
    }

    #[test]
    fn strings_names_and_comments_keep_theirs() {
        for text in [
            "select '；（“’”', \"，\" -- ；\n from t /* ， */",
            // It cannot be told where these end.
            "select ‘it's’",
            "select ‘open",
            "select ‘a\nb’",
            "select '未完；",
            "select 1;",
            ".run posts_with text=你好，世界",
            "select 1;\n.run posts_with text=你好，世界",
        ] {
            assert_eq!(straight(text), text);
        }
    }
}
