//! What a person typed, or a script holds: dot-commands and SQL statements.

use std::ops::Range;

use crate::engine::{Statement, script};
use crate::error::Result;
use crate::shell::scan::{Kind, Lexeme, scan};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// A dot-command or its backslash alias, on one line, as it was typed.
    Command(String),
    /// A SQL statement.
    Statement(Statement),
    /// One whose answer is to have one line for each column, whatever others have.
    Expanded(Statement),
}

/// Blanks of no width, and the byte-order mark: what is copied from web pages and office
/// programs may begin with them, and nobody sees it.
pub(crate) const UNSEEN: [char; 3] = ['\u{FEFF}', '\u{200B}', '\u{2060}'];

/// `text` without blanks before and behind it, seen or not.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(is_blank)
}

fn is_blank(sign: char) -> bool {
    sign.is_whitespace() || UNSEEN.contains(&sign)
}

/// Words that leave or help without a dot, for those who do not know the dot
/// yet, and the commands they stand for.
const BARE_WORDS: &[(&str, &str)] = &[("exit", ".quit"), ("quit", ".quit"), ("help", ".help")];

/// What SHOW may show, and the commands that show it better.
const SHOWN: &[(&str, &str)] =
    &[("tables", ".tables"), ("views", ".views"), ("all", ".set"), ("functions", ".functions")];

/// Ends of a statement that run it as `;` does, as in psql, and whether its answer is
/// to have one line for each column.
const ENDS: &[(&str, bool)] = &[("g", false), ("gx", true), ("G", true)];

/// One of [`ENDS`] behind a backslash, in some text.
#[derive(Debug)]
struct End<'a> {
    /// The byte of the backslash.
    start: usize,
    /// The byte behind all of it, a semicolon too.
    end: usize,
    is_expanded: bool,
    /// The file or program that the answer goes to, if it is named behind it.
    to: Option<&'a str>,
}

/// The places of `text` where a statement ends in `\g`, `\gx` or `\G`.
fn ends(text: &str) -> Vec<End<'_>> {
    if !text.contains("\\g") && !text.contains("\\G") {
        return Vec::new();
    }
    let lexemes = scan(text);
    let end = |pair: &[Lexeme<'_>]| {
        let [backslash, word] = pair else { return None };
        let known = ENDS.iter().find(|(end, _)| *end == word.text && word.kind == Kind::Word);
        let (_, is_expanded) = known.filter(|_| backslash.is_symbol("\\"))?;
        let line = text[word.end()..].lines().next().unwrap_or_default();
        let behind = line.trim_start();
        let (length, to) = if behind.starts_with(';') {
            (line.len() - behind.len() + 1, None)
        } else if behind.is_empty() || behind.starts_with("--") {
            (0, None)
        } else {
            (line.len(), Some(behind.trim_end()))
        };
        let end = word.end() + length;
        Some(End { start: backslash.start, end, is_expanded: *is_expanded, to })
    };
    lexemes.windows(2).filter_map(end).collect()
}

/// Whether `text` holds what only the shell knows: lines that are commands, or
/// statements that end in `\g`.
pub(crate) fn is_for_shell(text: &str) -> bool {
    let might_begin = |line: &str| begins_command(trimmed(line));
    (text.lines().any(might_begin) && next_command(text, 0).is_some()) || !ends(text).is_empty()
}

/// Whether Enter should run `text` rather than begin a new line.
pub(crate) fn is_complete(text: &str) -> bool {
    let trimmed = trimmed(text);
    if trimmed.is_empty() || begins_command(trimmed) || bare_word(trimmed).is_some() {
        return true;
    }
    let lexemes = scan(trimmed);
    if lexemes.last().is_some_and(|last| last.kind == Kind::OpenComment) {
        return false;
    }
    match lexemes.iter().rfind(|lexeme| lexeme.is_significant()) {
        // Comments only: there is nothing to wait for.
        None => true,
        // A script may end in a command: `select 1; .tables` on two lines.
        Some(last) => {
            let is_ended = || ends(trimmed).last().is_some_and(|end| end.end == trimmed.len());
            last.is_symbol(";") || is_ended() || ends_in_command(trimmed)
        }
    }
}

/// Cuts `text` into commands and statements, in order; `file` is its name for
/// errors.
///
/// # Errors
/// When a string, a quoted name or a comment is not closed.
pub(crate) fn split(text: &str, file: Option<&str>) -> Result<Vec<Input>> {
    if let Some(command) = bare_word(trimmed(text)) {
        return Ok(vec![Input::Command(command)]);
    }
    let mut inputs = Vec::new();
    let mut rest = 0;
    while let Some((start, end)) = next_command(text, rest) {
        push_statements(text, rest..start, file, &mut inputs)?;
        inputs.push(Input::Command(command(trimmed(&text[start..end]))));
        rest = end;
    }
    push_statements(text, rest..text.len(), file, &mut inputs)?;
    Ok(inputs)
}

/// Whether `text`, without leading blanks, is a command.
pub(crate) fn begins_command(text: &str) -> bool {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some('.'), Some(next)) => next.is_alphabetic() || next == '?',
        (Some('\\'), Some(next)) => next.is_alphabetic() || next == '?' || next == '!',
        (Some('.' | '\\'), None) => true,
        _ => false,
    }
}

/// The command of a line. The ends of statements, where no statement stands before
/// them, run the last one again.
fn command(line: &str) -> String {
    let name = line.strip_prefix('\\').map(|name| name.trim_end_matches(';').trim_end());
    match ENDS.iter().find(|(end, _)| Some(*end) == name) {
        Some((_, true)) => ".again x".to_owned(),
        Some((_, false)) => ".again".to_owned(),
        None => line.to_owned(),
    }
}

/// The command that `trimmed` stands for, as `help copy` does.
fn bare_word(trimmed: &str) -> Option<String> {
    let typed = trimmed.trim_end_matches(';').trim_end();
    let (word, topic) = typed.split_once(' ').unwrap_or((typed, ""));
    let known = BARE_WORDS.iter().find(|(bare, _)| word.eq_ignore_ascii_case(bare));
    let (_, command) = known.filter(|(bare, _)| topic.is_empty() || *bare == "help")?;
    // A statement that begins on the next line is none of its business.
    (!typed.contains('\n')).then(|| format!("{command} {topic}").trim_end().to_owned())
}

fn ends_in_command(text: &str) -> bool {
    let mut rest = 0;
    let mut last = None;
    while let Some((_, end)) = next_command(text, rest) {
        last = Some(end);
        rest = end;
    }
    last == Some(text.len())
}

/// The bytes of the next line that is a command: one that begins where a
/// statement could begin.
fn next_command(text: &str, from: usize) -> Option<(usize, usize)> {
    let mut fresh = true;
    let ends = ends(&text[from..]);
    for lexeme in scan(&text[from..]) {
        if !lexeme.is_significant() || lexeme.text.chars().all(is_blank) {
            continue;
        }
        let start = from + lexeme.start;
        if fresh && begins_line(text, start) && begins_command(&text[start..]) {
            let line = text[start..].find('\n').map_or(text.len(), |length| start + length);
            return Some((start, line));
        }
        let is_in = |end: &End<'_>| (end.start..end.end).contains(&lexeme.start);
        fresh = lexeme.is_symbol(";") || ends.iter().any(is_in);
    }
    None
}

fn begins_line(text: &str, start: usize) -> bool {
    let line = text[..start].rfind('\n').map_or(0, |end| end + 1);
    trimmed(&text[line..start]).is_empty()
}

/// Adds the statements in a part of `text`, with their places in the whole.
fn push_statements(
    text: &str,
    part: Range<usize>,
    file: Option<&str>,
    inputs: &mut Vec<Input>,
) -> Result<()> {
    let mut rest = part.start;
    for end in ends(&text[part.clone()]) {
        let before = inputs.len();
        push_plain(text, rest..part.start + end.start, file, inputs)?;
        rest = part.start + end.end;
        if inputs.len() == before {
            continue;
        }
        let last = inputs.pop();
        inputs.extend(end.to.map(|to| Input::Command(format!(".once {to}"))));
        inputs.extend(last.map(|last| match last {
            Input::Statement(statement) if end.is_expanded => Input::Expanded(statement),
            last => last,
        }));
    }
    push_plain(text, rest..part.end, file, inputs)
}

/// As [`push_statements`], where only semicolons end statements.
fn push_plain(
    text: &str,
    part: Range<usize>,
    file: Option<&str>,
    inputs: &mut Vec<Input>,
) -> Result<()> {
    if trimmed(&text[part.clone()]).is_empty() {
        return Ok(());
    }
    // Empty lines instead of what stands before keep the line numbers right.
    let mut padded = "\n".repeat(text[..part.start].matches('\n').count());
    padded.push_str(&text[part]);
    let statements = script::parse(&padded, file)?;
    inputs.extend(statements.into_iter().map(|statement| match command_for(&statement.sql) {
        Some(command) => Input::Command(command),
        None => Input::Statement(statement),
    }));
    Ok(())
}

/// The command that does what a statement would do elsewhere.
fn command_for(sql: &str) -> Option<String> {
    let (first, rest) = sql.split_once(char::is_whitespace)?;
    let rest = rest.trim();
    if first.eq_ignore_ascii_case("summarize") {
        return Some(format!(".summarize {}", as_argument(rest)));
    }
    if first.eq_ignore_ascii_case("explain")
        && let Some((analyze, statement)) = rest.split_once(char::is_whitespace)
        && analyze.eq_ignore_ascii_case("analyze")
        && !statement.trim_start().get(..7).is_some_and(|word| word.eq_ignore_ascii_case("verbose"))
    {
        return Some(format!(".explain {statement}"));
    }
    if first.eq_ignore_ascii_case("show") {
        let words: Vec<&str> = rest.split_whitespace().collect();
        let [kind, which, name] = words.as_slice() else { return shown(rest) };
        let kind = [kind.to_lowercase(), which.to_lowercase()];
        return match [kind[0].as_str(), kind[1].as_str()] {
            ["columns", "from" | "in"] => Some(format!(".describe {name}")),
            ["create", "table" | "view"] => Some(format!(".schema {name}")),
            _ => None,
        };
    }
    None
}

/// The command that shows what stands behind SHOW.
fn shown(what: &str) -> Option<String> {
    let known = SHOWN.iter().find(|(known, _)| what.eq_ignore_ascii_case(known));
    known.map(|(_, command)| (*command).to_owned())
}

/// A source of rows as an argument of a command: a query goes into brackets.
fn as_argument(source: &str) -> String {
    let first = source.split_whitespace().next().unwrap_or_default();
    let query = ["select", "with", "from", "values"];
    if query.iter().any(|word| first.eq_ignore_ascii_case(word)) {
        format!("({source})")
    } else {
        source.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Input, is_complete, is_for_shell, split};

    #[test]
    fn enter_runs_what_is_finished_and_only_that() {
        for done in [
            "",
            "  ",
            ".tables",
            "\\dt",
            "select 1;",
            "select ';';  -- end",
            "-- c",
            "exit",
            "HELP me",
            "select 1 \\g",
            "select 1 \\g out.csv",
            "select 1\n\\gx ;  ",
            "select 1; select 2\\G",
        ] {
            assert!(is_complete(done), "{done:?} should run");
        }
        for open in [
            "select 1",
            "select ';",
            "select 1; select",
            "/* a",
            "select \"a;",
            "select 1 -- ;",
            "select '\\g",
            "select 1 \\gset",
        ] {
            assert!(!is_complete(open), "{open:?} should go on");
        }
    }

    #[test]
    fn habits_of_other_shells_become_commands() {
        for (typed, command) in [
            ("SUMMARIZE posts;", ".summarize posts"),
            ("summarize select 1 as a;", ".summarize (select 1 as a)"),
            ("show tables;", ".tables"),
            ("SHOW VIEWS", ".views"),
            ("help copy", ".help copy"),
            ("Exit;", ".quit"),
            ("SHOW ALL;", ".set"),
            ("show columns from posts;", ".describe posts"),
            ("SHOW CREATE VIEW hashtag_daily;", ".schema hashtag_daily"),
            ("explain analyze\nselect 1", ".explain select 1"),
            // As it is copied from a page.
            ("\u{200b}\u{a0}.mode csv\u{200b}\n", ".mode csv"),
            ("\u{feff}exit", ".quit"),
        ] {
            assert_eq!(split(typed, None).unwrap(), [Input::Command(command.to_owned())]);
        }
    }

    #[test]
    fn a_statement_may_end_in_a_backslash_and_g() {
        let text = "select 1 \\gx\n\\gx;\nselect '\\g',\n 2 \\g -- two\n.tables\n\
                    select 3; select 4\\G;\nselect 5 \\g out.csv\n\\g out.csv\n\\g";
        let inputs: Vec<String> = split(text, None)
            .unwrap()
            .into_iter()
            .map(|input| match input {
                Input::Command(command) => command,
                Input::Statement(statement) => format!("{}: {}", statement.line, statement.sql),
                Input::Expanded(statement) => format!("{}x: {}", statement.line, statement.sql),
            })
            .collect();
        let expected = [
            "1x: select 1",
            ".again x",
            "3: select '\\g',\n 2",
            ".tables",
            "6: select 3",
            "6x: select 4",
            ".once out.csv",
            "7: select 5",
            "\\g out.csv",
            ".again",
        ];
        assert_eq!(inputs, expected);
    }

    #[test]
    fn a_script_for_the_shell_is_known_by_its_commands_and_by_its_ends() {
        for text in [
            "\\dt",
            "select 1;\n\\d posts",
            "select 1 \\gx",
            "\u{feff}.tables",
            " \u{200b}.mode csv",
        ] {
            assert!(is_for_shell(text), "{text:?}");
        }
        for text in ["select 1;", "select '\n.tables'", "select .5;\nselect\n.5;", "select '\\g';"]
        {
            assert!(!is_for_shell(text), "{text:?}");
        }
    }

    #[test]
    fn a_script_mixes_commands_and_statements() {
        let text =
            "-- it's a comment\n.mode csv\nselect 1,\n  2;\n.read it's.sql\nselect ';\n.no';\n";
        let inputs: Vec<String> = split(text, Some("a.sql"))
            .unwrap()
            .into_iter()
            .map(|input| match input {
                Input::Command(command) => command,
                Input::Statement(statement) | Input::Expanded(statement) => {
                    format!("{}: {}", statement.line, statement.sql)
                }
            })
            .collect();
        assert_eq!(
            inputs,
            [".mode csv", "3: select 1,\n  2", ".read it's.sql", "6: select ';\n.no'"]
        );
    }
}
