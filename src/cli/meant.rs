//! What was most likely meant by what is no command and no flag.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

use crate::error::nearest;

/// The error with the command or the flag that is nearest to what was typed. The
/// line takes any first word for a database, and blames what comes after it.
pub(super) fn explained(error: Error, line: &Command, arguments: &[OsString]) -> Error {
    if !error.use_stderr() {
        return error;
    }
    let first = arguments.get(1).and_then(|first| first.to_str()).unwrap_or_default();
    let command = line.find_subcommand(first);
    if let (None, Some(near)) = (command, command_meant(line, first)) {
        return no_command(line, first, near);
    }
    let error = second_word(error, line, first);
    let error = late_command(error, line, arguments);
    nearest_flag(error, command.unwrap_or(line))
}

/// `weiku help run` as the flag has it; a database may be called so.
pub(super) fn asking_for_help(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|first| first == "help") && !Path::new("help").exists() {
        arguments.remove(1);
        arguments.push("--help".into());
    }
    arguments
}

/// Words that statements begin with, in small letters.
const BEGINNINGS: [&str; 10] = [
    "select",
    "from",
    "with",
    "values",
    "show",
    "describe",
    "summarize",
    "explain",
    "copy",
    "pivot",
];

/// Whether `text` can be nothing but a command of the shell, or a statement: a word that
/// one begins with, and more behind it.
#[must_use]
pub fn is_statement(text: &str) -> bool {
    let text = text.trim();
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    if let Some(command) = first.strip_prefix('.') {
        return !command.is_empty() && command.chars().all(|sign| sign.is_ascii_lowercase());
    }
    !rest.is_empty() && BEGINNINGS.iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// `arguments` with -c before the statement among them that was not expected: other
/// databases take it behind the file, and it can be nothing else.
pub(super) fn with_statement(error: &Error, arguments: &[OsString]) -> Option<Vec<OsString>> {
    let word = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::UnknownArgument => word,
        _ => return None,
    };
    if !is_statement(word) {
        return None;
    }
    let is_it = |at: &usize| arguments[*at] == **word && arguments[*at - 1] != "-c";
    let at = (2..arguments.len()).find(is_it)?;
    let mut meant = arguments.to_vec();
    meant.insert(at, "-c".into());
    Some(meant)
}

/// Whether `error` is that `word` was not expected.
pub(super) fn is_about(error: &Error, word: &str) -> bool {
    let not_expected = error.kind() == ErrorKind::UnknownArgument;
    let found = error.get(ContextKind::InvalidArg);
    not_expected && matches!(found, Some(ContextValue::String(found)) if found == word)
}

/// The command that `word` is a slip of the hand for, unless it is a flag or
/// names something that is there.
pub fn command_meant<'a>(line: &'a Command, word: &str) -> Option<&'a str> {
    if word.starts_with('-') || Path::new(word).exists() {
        return None;
    }
    nearest(word, line.get_subcommands().map(Command::get_name))
}

fn no_command(line: &Command, word: &str, near: &str) -> Error {
    let mut error = Error::new(ErrorKind::InvalidSubcommand).with_cmd(line);
    error.insert(ContextKind::InvalidSubcommand, ContextValue::String(word.to_owned()));
    error.insert(ContextKind::SuggestedSubcommand, ContextValue::String(near.to_owned()));
    error
}

/// A word after the database is a command that comes too late, or none.
fn second_word(mut error: Error, line: &Command, first: &str) -> Error {
    let word = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::ArgumentConflict => word,
        _ => return error,
    };
    if line.find_subcommand(word).is_some() {
        let tip = format!("the command comes first: weiku {word} {first}");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        return error;
    }
    let mut unknown = Error::new(ErrorKind::UnknownArgument).with_cmd(line);
    unknown.insert(ContextKind::InvalidArg, ContextValue::String(word.clone()));
    unknown
}

/// A command behind flags is taken for a database, and the word behind it is blamed.
fn late_command(mut error: Error, line: &Command, arguments: &[OsString]) -> Error {
    let words: Vec<&str> = arguments.iter().skip(1).filter_map(|word| word.to_str()).collect();
    let is_command = |at: &usize| {
        let is_value = at.checked_sub(1).is_some_and(|before| takes_value(line, words[before]));
        line.find_subcommand(words[*at]).is_some() && !is_value
    };
    let at = (0..words.len()).find(is_command).unwrap_or_default();
    if error.kind() != ErrorKind::UnknownArgument || at == 0 || !words[0].starts_with('-') {
        return error;
    }
    let (flags, command) = words.split_at(at);
    let meant = [&["weiku"][..], command, flags].concat();
    let tip = match line.clone().try_get_matches_from(meant.iter().copied()) {
        Ok(_) => format!("the command comes first: {}", meant.join(" ")),
        Err(_) => format!("the command comes first; weiku {} --help has its flags", command[0]),
    };
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    error
}

/// Whether a word that `flag` takes as its value follows it.
fn takes_value(line: &Command, flag: &str) -> bool {
    let is_meant = |arg: &Arg| match flag.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => flag
            .strip_prefix('-')
            .is_some_and(|short| arg.get_short().is_some_and(|known| short.chars().eq([known]))),
    };
    line.get_arguments().any(|arg| is_meant(arg) && arg.get_action().takes_values())
}

fn nearest_flag(mut error: Error, command: &Command) -> Error {
    let typed = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(typed)) if error.kind() == ErrorKind::UnknownArgument => typed,
        _ => return error,
    };
    let flags = command.get_arguments().filter_map(Arg::get_long);
    let near = typed.strip_prefix("--").and_then(|typed| nearest(typed, flags));
    if let Some(near) = near.map(|near| format!("--{near}")) {
        error.insert(ContextKind::SuggestedArg, ContextValue::String(near));
        // That it could be a value is far from what was meant.
        error.remove(ContextKind::Suggested);
    }
    error
}

/// What is wrong with a command line, as other errors are told: the tips are the hint,
/// or else how the line is written.
#[must_use]
pub fn refusal(error: &Error) -> crate::error::Error {
    let text = error.render().to_string();
    let mut parts = text.split("\n\n");
    let message = one_line(parts.next().unwrap_or_default());
    let message = message.strip_prefix("error: ").unwrap_or(&message).to_owned();
    let rest: Vec<String> = parts.map(one_line).collect();
    let behind = |word: &str| rest.iter().find_map(|part| part.strip_prefix(word));
    let told = crate::error::Error::usage(message);
    match (behind("tip: "), behind("Usage: ")) {
        (Some(tips), _) => told.hint(tips.replace(" tip: ", "; ")),
        (None, Some(usage)) => told.hint(format!("usage: {usage}")),
        (None, None) => told.hint("weiku --help lists the flags"),
    }
}

/// The words of `text` with single blanks between them.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::{is_statement, refusal};
    use crate::cli::Cli;

    fn said(line: &[&str]) -> String {
        let error = Cli::read(line.iter().map(OsString::from)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn a_statement_is_known_by_its_first_word_and_that_it_has_more() {
        for sql in ["select 1", " FROM posts", "with a as (select 1)\nfrom a", ".tables", ".help x"]
        {
            assert!(is_statement(sql), "{sql}");
        }
        for other in ["select", "posts", "from-2012", "a b", "./db", "..", ".", "s3://a/b", ""] {
            assert!(!is_statement(other), "{other}");
        }
    }

    #[test]
    fn a_slip_of_the_hand_is_told_with_what_was_meant() {
        for (line, meant) in [
            (&["weiku", "imprt", "real", "x"][..], "a similar subcommand exists: 'import'"),
            (&["weiku", "imprt", "db", "--observed-at", "x"], "subcommand exists: 'import'"),
            (&["weiku", "db", "--cvs"], "a similar argument exists: '--csv'"),
            (&["weiku", "import", "db", "a.csv", "--dryrun"], "argument exists: '--dry-run'"),
        ] {
            let said = said(line);
            assert!(said.contains(meant) && !said.contains("as a value"), "{said}");
        }
    }

    #[test]
    fn a_refusal_has_its_reason_and_its_advice_apart() {
        for (line, message, hint) in [
            (
                &["weiku", "db", "--cvs"][..],
                "unexpected argument '--cvs' found",
                "a similar argument exists: '--csv'",
            ),
            (
                &["weiku", "imprt", "real", "x"],
                "unrecognized subcommand 'imprt'",
                "a similar subcommand exists: 'import'",
            ),
            (&["weiku", "--errors", "yaml"], "invalid value 'yaml'", "weiku --help"),
            (&["weiku", "verify"], "the following required arguments", "weiku verify"),
        ] {
            let error = refusal(&Cli::read(line.iter().map(OsString::from)).unwrap_err());
            let advice = error.advice().unwrap_or_default();
            assert!(error.message().starts_with(message), "{error} {advice}");
            assert!(advice.contains(hint) && !advice.contains("tip:"), "{error} {advice}");
            assert!(!error.message().contains('\n') && error.exit_code() == 2);
        }
    }

    #[test]
    fn help_of_a_command_is_given_either_way() {
        let said = |line: &[&str]| {
            Cli::read(line.iter().map(OsString::from)).unwrap_err().render().to_string()
        };
        assert_eq!(said(&["weiku", "help", "run"]), said(&["weiku", "run", "--help"]));
        assert_eq!(said(&["weiku", "help"]), said(&["weiku", "--help"]));
    }

    #[test]
    fn a_command_behind_flags_is_told_to_come_first() {
        for (line, meant) in [
            (
                &["weiku", "--timezone", "UTC", "config", "show"][..],
                "weiku config show --timezone UTC",
            ),
            (&["weiku", "-q", "import", "db", "a.csv"], "weiku import db a.csv -q"),
            (&["weiku", "--readonly", "import", "db", "a.csv"], "first; weiku import --help"),
        ] {
            let said = said(line);
            assert!(said.contains(meant) && said.contains("the command comes first"), "{said}");
        }
        // Here `report` is the value of a flag.
        let said = said(&["weiku", "--queries-dir", "report", "db", "b"]);
        assert!(!said.contains("comes first"), "{said}");
    }

    #[test]
    fn memory_has_a_short_flag() {
        let cli = Cli::read(["weiku", "-m", "512MB", "db"].iter().map(OsString::from)).unwrap();
        assert_eq!(cli.query.common.memory_limit.as_deref(), Some("512MB"));
    }

    #[test]
    fn a_second_word_is_blamed_for_being_a_command_only_if_it_is_one() {
        let said_of_command = said(&["weiku", "my-db", "import", "a.csv"]);
        assert!(said_of_command.contains("comes first: weiku import my-db"), "{said_of_command}");
        let said = said(&["weiku", "Cargo.toml", "nothing-like-a-command"]);
        assert!(said.contains("unexpected argument 'nothing-like-a-command'"), "{said}");
    }
}
