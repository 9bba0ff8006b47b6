//! What of a statement is still open while it is typed over several lines.

use crate::shell::scan::{Kind, Lexeme, scan};

/// What the statement that is typed in `text` waits for, in a few words.
pub(super) fn waits_for(text: &str) -> String {
    let lexemes = scan(text);
    let last = lexemes.last().copied();
    match last.map(|last| last.kind) {
        Some(Kind::OpenText) => format!("the string of {} is open", line(text, last)),
        Some(Kind::OpenName) => format!("the name of {} is open", line(text, last)),
        Some(Kind::OpenComment) => format!("the comment of {} is open", line(text, last)),
        _ => match open_bracket(&lexemes) {
            Some(bracket) => {
                format!("the {} of {} is open", bracket.text, line(text, Some(bracket)))
            }
            None if is_ended(&lexemes) => "Enter runs it".to_owned(),
            None => "; and Enter run it".to_owned(),
        },
    }
}

/// Whether nothing stands behind the last semicolon.
fn is_ended(lexemes: &[Lexeme<'_>]) -> bool {
    let last = lexemes.iter().rev().find(|lexeme| lexeme.is_significant());
    last.is_some_and(|last| last.text == ";")
}

fn open_bracket<'a>(lexemes: &[Lexeme<'a>]) -> Option<Lexeme<'a>> {
    let mut open = Vec::new();
    for lexeme in lexemes.iter().filter(|lexeme| lexeme.kind == Kind::Symbol) {
        match lexeme.text {
            "(" | "[" => open.push(*lexeme),
            ")" | "]" => {
                open.pop();
            }
            ";" => open.clear(),
            _ => {}
        }
    }
    open.pop()
}

fn line(text: &str, lexeme: Option<Lexeme<'_>>) -> String {
    let start = lexeme.map_or(0, |lexeme| lexeme.start);
    format!("line {}", 1 + text[..start].matches('\n').count())
}

#[cfg(test)]
mod tests {
    use super::waits_for;

    #[test]
    fn what_is_open_is_named_with_its_line() {
        for (text, expected) in [
            ("select 1\n", "; and Enter run it"),
            ("select 1; -- one\n", "Enter runs it"),
            ("select 'it''s\n", "the string of line 1 is open"),
            ("select\n  (1 + [2\n", "the [ of line 2 is open"),
            ("select (1), (\n", "the ( of line 1 is open"),
            ("select 1 /* why\n", "the comment of line 1 is open"),
            ("select \"a\n", "the name of line 1 is open"),
        ] {
            assert_eq!(waits_for(text), expected, "{text:?}");
        }
    }
}
