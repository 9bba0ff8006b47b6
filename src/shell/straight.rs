//! What was typed with the punctuation of a Chinese input method, as the shell wants it.
//!
//! The engine makes `；`, `（` and `，` of statements their ASCII twins wherever they come
//! from. At the prompt that has to be known before, since Enter asks whether a statement
//! ends, and of commands the engine knows nothing: only their dot is one.

use std::borrow::Cow;

use crate::engine;
use crate::shell::input;

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

#[cfg(test)]
mod tests {
    use super::straight;

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
