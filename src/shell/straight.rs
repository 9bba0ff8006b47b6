//! What was typed with the punctuation of a Chinese input method, as the shell wants it.
//!
//! The engine makes `；`, `（` and `，` of statements their ASCII twins wherever they come
//! from. At the prompt that has to be known before, since Enter asks whether a statement
//! ends, and of commands the engine knows nothing: only their dot is one.

use std::borrow::Cow;

use crate::engine;
use crate::error::{Error, Place};
use crate::shell::input::{self, UNSEEN};
use crate::text::full_width;

/// `text` with ASCII punctuation in the place of full-width one; it has as many
/// characters as before, so that places in it stay right.
pub(crate) fn straight(text: &str) -> Cow<'_, str> {
    if let Some(rest) = text.strip_prefix('。').filter(|rest| rest.starts_with(char::is_alphabetic))
    {
        return Cow::Owned(format!(".{rest}"));
    }
    // What stands behind a command is no SQL, and may mean its punctuation.
    if text.lines().any(|line| input::begins_command(input::trimmed(line))) {
        return Cow::Borrowed(text);
    }
    engine::straight(text)
}

/// `error` of `text`, which is called `file`, with its line as it stands there: the engine
/// saw blanks in the place of those that nobody sees, and one of them may be what is wrong.
pub(crate) fn as_typed(error: Error, text: &str, file: Option<&str>) -> Error {
    let place = error.place();
    let line = place.line.and_then(|line| usize::try_from(line).ok()?.checked_sub(1));
    let line = line.filter(|_| place.file.as_deref() == file && text.contains(UNSEEN));
    let (Some(source), Some(typed)) = (&place.source, line.and_then(|at| text.lines().nth(at)))
    else {
        return error;
    };
    let Some(source) = with_unseen(source, typed) else { return error };
    let place = Place { source: Some(source), ..place.clone() };
    error.at(place)
}

/// `source` with the blanks that nobody sees of `typed`, the line that it was made of. It
/// may end before that.
fn with_unseen(source: &str, typed: &str) -> Option<String> {
    let mut typed = typed.chars();
    let sign = |shown: char| match typed.next()? {
        unseen if shown == ' ' && UNSEEN.contains(&unseen) => Some(unseen),
        same if same == shown || full_width::ascii(same) == Some(shown) => Some(shown),
        _ => None,
    };
    source.chars().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::{Error, Place, as_typed, straight};

    #[test]
    fn blanks_that_nobody_sees_are_in_the_line_of_an_error() {
        let place = |line, source: &str| Place {
            line: Some(line),
            column: Some(8),
            source: Some(source.to_owned()),
            ..Place::default()
        };
        let typed = "select 1；\nselect lik\u{200b}es，\u{feff} 2 from posts; select 3;";
        for (line, source, shown) in [
            (2, "select lik es,  2 from posts", "select lik\u{200b}es,\u{feff} 2 from posts"),
            // Some other text.
            (2, "select lik-es", "select lik-es"),
            (1, "select 1", "select 1"),
            (3, "select lik es", "select lik es"),
        ] {
            let error = as_typed(Error::query("no").at(place(line, source)), typed, None);
            assert_eq!(*error.place(), place(line, shown));
            let elsewhere = as_typed(Error::query("no").at(place(line, source)), typed, Some("f"));
            assert_eq!(*elsewhere.place(), place(line, source));
        }
    }

    #[test]
    fn statements_are_made_straight_and_of_commands_the_dot_only() {
        for (typed, meant) in [
            ("select count（*） from posts；", "select count(*) from posts;"),
            ("。run posts_with text=你，好", ".run posts_with text=你，好"),
            (".run posts_with text=你好，世界", ".run posts_with text=你好，世界"),
            ("\u{200b}.run x text=你，好", "\u{200b}.run x text=你，好"),
            (
                "select 1;\n.run posts_with text=你好，世界",
                "select 1;\n.run posts_with text=你好，世界",
            ),
        ] {
            assert_eq!(straight(typed), meant);
        }
    }
}
