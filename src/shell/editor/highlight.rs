//! Colours for SQL while it is typed.
//!
//! Only attributes and the colours that are readable on light and dark
//! terminals alike: bold, dim, green, magenta, cyan.

use std::borrow::Cow;
use std::fmt::Write;

use datafusion::sql::sqlparser::keywords::ALL_KEYWORDS;

use crate::render::visible;
use crate::shell::input::{self, UNSEEN};
use crate::shell::scan::{Kind, scan};

const KEYWORD: &str = "\x1b[1m";
const TEXT: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[35m";
const COMMENT: &str = "\x1b[2m";
const PARAMETER: &str = "\x1b[36m";
const COMMAND: &str = "\x1b[1;36m";
const RESET: &str = "\x1b[0m";

/// The blank that looks as any other.
const NO_BREAK: char = '\u{A0}';

/// Texts beyond this length stay plain: typing must not wait for colours.
const MOST_BYTES: usize = 32 << 10;

/// `text` with colours; it takes the same cells.
pub(crate) fn highlight(text: &str) -> Cow<'_, str> {
    if text.len() > MOST_BYTES {
        return Cow::Borrowed(text);
    }
    if input::begins_command(text.trim_start()) {
        return Cow::Owned(command(text));
    }
    let mut colored = String::with_capacity(text.len() * 2);
    for lexeme in scan(text) {
        match style(lexeme.kind, lexeme.text) {
            Some(style) => push_styled(&mut colored, style, lexeme.text),
            None => colored.push_str(lexeme.text),
        }
    }
    Cow::Owned(colored)
}

/// The first character of `text` that would act on the terminal or change the order of its
/// neighbours.
fn first_mark(text: &str) -> Option<char> {
    text.chars().find(|c| is_mark(*c))
}

/// As it is told, the first character of `text` that is not seen, or not for what it is:
/// within a string it keeps two that look alike from being the same.
pub(super) fn unseen(text: &str) -> Option<String> {
    let is_unseen = |sign: &char| is_mark(*sign) || *sign == NO_BREAK || UNSEEN.contains(sign);
    let sign = text.chars().find(is_unseen)?;
    Some(match sign {
        NO_BREAK => "a no-break space".to_owned(),
        sign => visible(&sign.to_string()).into_owned(),
    })
}

/// `text` without such characters. It takes the same cells: the line editor gives them none,
/// so that nothing can stand in their place.
pub(super) fn without_marks(text: &str) -> Cow<'_, str> {
    // Behind an escape the editor takes other signs to have no cells either.
    if first_mark(text).is_none() || text.contains('\x1b') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(is_mark, ""))
}

fn is_mark(c: char) -> bool {
    let orders = matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}');
    orders || (c.is_control() && !matches!(c, '\n' | '\t'))
}

/// Each line on its own, since the editor redraws lines.
fn push_styled(colored: &mut String, style: &str, text: &str) {
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            colored.push('\n');
        }
        if !line.is_empty() {
            let _ = write!(colored, "{style}{line}{RESET}");
        }
    }
}

fn command(text: &str) -> String {
    let start = text.len() - text.trim_start().len();
    let end = text[start..].find(char::is_whitespace).map_or(text.len(), |at| start + at);
    format!("{}{COMMAND}{}{RESET}{}", &text[..start], &text[start..end], &text[end..])
}

fn style(kind: Kind, text: &str) -> Option<&'static str> {
    match kind {
        Kind::Word => {
            ALL_KEYWORDS.binary_search(&text.to_uppercase().as_str()).ok().map(|_| KEYWORD)
        }
        Kind::Text | Kind::OpenText => Some(TEXT),
        Kind::Number => Some(NUMBER),
        Kind::Comment | Kind::OpenComment => Some(COMMENT),
        Kind::Parameter => Some(PARAMETER),
        Kind::QuotedName | Kind::OpenName | Kind::Blank | Kind::Symbol => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{first_mark, highlight, unseen, without_marks};

    fn plain(text: &str) -> String {
        let pattern = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
        pattern.replace_all(&highlight(text), "").into_owned()
    }

    #[test]
    fn colours_change_no_character() {
        for text in ["select '微博\n外交' -- c\nfrom t", "select 'open", ".run x n=1", "", "/* a"]
        {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn marks_that_act_are_told_and_not_drawn() {
        for (text, mark, drawn) in [
            ("select 'a\u{202e}b\u{2066}'", Some('\u{202e}'), "select 'ab'"),
            ("select\u{7} 1", Some('\u{7}'), "select 1"),
            (
                "select\n\t'微博 ❤\u{fe0f} 👩\u{200d}👧'",
                None,
                "select\n\t'微博 ❤\u{fe0f} 👩\u{200d}👧'",
            ),
            ("\u{1b}[31m", Some('\u{1b}'), "\u{1b}[31m"),
        ] {
            assert_eq!((first_mark(text), without_marks(text).as_ref()), (mark, drawn), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_seen_is_told() {
        for (text, told) in [
            ("select 'a\u{200b}b'", Some("⟨200B⟩")),
            ("select\u{feff} 1", Some("⟨FEFF⟩")),
            ("select\u{a0}1", Some("a no-break space")),
            ("select '\u{202e}'", Some("⟨202E⟩")),
            // An input method types it, and it is as wide as its neighbours.
            ("select\u{3000}1", None),
            ("select '❤\u{fe0f}'", None),
        ] {
            assert_eq!(unseen(text).as_deref(), told, "{text:?}");
        }
    }

    #[test]
    fn an_unclosed_quote_keeps_the_colours_before_it() {
        let colored = highlight("select 1, 'open");
        assert!(colored.starts_with("\x1b[1mselect\x1b[0m"), "{colored:?}");
        assert!(colored.ends_with("\x1b[32m'open\x1b[0m"), "{colored:?}");
    }
}
