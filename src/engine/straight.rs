//! Statements with the punctuation of a Chinese input method, as SQL wants them.
//!
//! Outside of strings, names in quotes and comments `；`, `（` and `，` can mean nothing but
//! their ASCII twins, wherever a statement comes from: typed, in a file, or on the command
//! line.

use std::borrow::Cow;

use datafusion::sql::sqlparser::tokenizer::{Token, Whitespace};

use super::script::{Cursor, tokenize};
use crate::text::full_width;

/// Bytes of a text beyond which it was not typed by hand.
const MOST_BYTES: usize = 64 << 10;

/// `text` with ASCII punctuation in the place of full-width one; it has as many
/// characters as before, so that places in it stay right.
pub(crate) fn straight(text: &str) -> Cow<'_, str> {
    if text.len() > MOST_BYTES || !text.chars().any(|sign| full_width::ascii(sign).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(behind) = push_up_to_quote(rest, &mut out) {
        rest = behind;
    }
    Cow::Owned(out)
}

/// Pushes `text` with the first thing between full-width quotes; gives what is behind it,
/// if there is such a thing.
fn push_up_to_quote<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let Ok(tokens) = tokenize(text) else {
        // Where its strings end cannot be told.
        out.push_str(text);
        return None;
    };
    let mut cursor = Cursor::new(text);
    let mut pushed = 0;
    for token in &tokens {
        let start = cursor.offset(token.span.start);
        let end = cursor.offset(token.span.end);
        let twin = match token.token {
            Token::Char(sign) => full_width::ascii(sign),
            // Blanks are one sign each, and comments are more.
            Token::Whitespace(Whitespace::Space) => Some(' '),
            _ => None,
        };
        let Some(twin) = twin else { continue };
        out.push_str(&text[pushed..start]);
        pushed = end;
        if matches!(twin, '\'' | '"') {
            if let Some((inside, behind)) = quoted(&text[end..], twin) {
                out.push(twin);
                out.push_str(inside);
                out.push(twin);
                return Some(behind);
            }
            out.push_str(&text[start..end]);
        } else {
            out.push(twin);
        }
    }
    out.push_str(&text[pushed..]);
    None
}

/// What stands before the full-width quote that closes, and what behind it; `None` where
/// there is none, or an ASCII quote between would end the string early.
fn quoted(text: &str, quote: char) -> Option<(&str, &str)> {
    let ends = |sign: char| sign == quote || sign == '\n' || full_width::ascii(sign) == Some(quote);
    let (end, close) = text.char_indices().find(|(_, sign)| ends(*sign))?;
    let is_full_width = full_width::ascii(close).is_some();
    is_full_width.then(|| (&text[..end], &text[end + close.len_utf8()..]))
}

#[cfg(test)]
mod tests {
    use super::straight;
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[test]
    fn punctuation_of_an_input_method_becomes_that_of_sql() {
        for (typed, meant) in [
            ("select count（*） from posts；", "select count(*) from posts;"),
            (
                "select text，likes　from posts\nwhere likes＞＝9；",
                "select text,likes from posts\nwhere likes>=9;",
            ),
            ("where text like ‘%微博，%’；", "where text like '%微博，%';"),
            ("select\u{200b}text\u{a0}from\u{feff} posts;\u{200b}", "select text from  posts; "),
            ("where text = ’微博’ and “a” = 1；", "where text = '微博' and \"a\" = 1;"),
        ] {
            assert_eq!(straight(typed), meant);
            assert_eq!(straight(typed).chars().count(), typed.chars().count());
        }
    }

    #[test]
    fn strings_names_and_comments_keep_theirs() {
        for text in [
            "select '；（“’”', \"，\" -- ；\n from t /* ， */",
            "select $$ ， $$, 'a\tb'",
            "select 'a\u{200b}b', \"\u{feff}\" -- \u{200b}",
            // It cannot be told where these end.
            "select ‘it's’",
            "select ‘open",
            "select ‘a\nb’",
            "select '未完；",
            "select 1;",
        ] {
            assert_eq!(straight(text), text);
        }
    }

    #[tokio::test]
    async fn statements_are_run_with_it() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows =
            answer(&session, "select count（*） as n， ‘，’ as sign from （select 1）；").await;
        assert_eq!(rows, ["n|sign", "1|，"]);
    }
}
