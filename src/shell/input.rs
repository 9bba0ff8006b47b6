//! What a person typed, or a script holds: dot-commands and SQL statements.

use std::ops::Range;

use crate::engine::{Statement, script};
use crate::error::{Error, Result};
use crate::shell::commands;
use crate::shell::scan::{Kind, Lexeme, scan};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// A dot-command or its backslash alias, on one line, as it was typed.
    Command {
        /// All of it.
        line: String,
        /// The number of its line in the text, if it stands there as a line of its own.
        at: Option<u64>,
    },
    /// A SQL statement.
    Statement(Statement),
    /// One whose answer is to have one line for each column, whatever others have.
    Expanded(Statement),
}

impl Input {
    /// A command that is meant by something else.
    fn meant(line: String) -> Self {
        Self::Command { line, at: None }
    }
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

/// What becomes of a statement that ends in a backslash and a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It runs, as behind a semicolon.
    Run,
    /// It runs, and its answer has one line for each column.
    Expanded,
    /// It runs again and again.
    Watched,
    /// It does not run, and its columns are told.
    Described,
}

/// Ends of a statement, as in psql.
const ENDS: &[(&str, Ending)] = &[
    ("g", Ending::Run),
    ("gx", Ending::Expanded),
    ("G", Ending::Expanded),
    ("watch", Ending::Watched),
    ("gdesc", Ending::Described),
];

/// One of [`ENDS`] behind a backslash, in some text.
#[derive(Debug)]
struct End<'a> {
    /// The byte of the backslash.
    start: usize,
    /// The byte behind all of it, a semicolon too.
    end: usize,
    ending: Ending,
    /// What stands behind it on its line: the file or program that the answer goes to, or
    /// how often to run.
    to: Option<&'a str>,
}

/// The places of `text` where a statement has one of [`ENDS`].
fn ends(text: &str) -> Vec<End<'_>> {
    if !ENDS.iter().any(|(end, _)| text.contains(&format!("\\{end}"))) {
        return Vec::new();
    }
    let lexemes = scan(text);
    let end = |pair: &[Lexeme<'_>]| {
        let [backslash, word] = pair else { return None };
        let known = ENDS.iter().find(|(end, _)| *end == word.text && word.kind == Kind::Word);
        let (_, ending) = known.filter(|_| backslash.is_symbol("\\"))?;
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
        Some(End { start: backslash.start, end, ending: *ending, to })
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
        return Ok(vec![Input::meant(command)]);
    }
    let mut inputs = Vec::new();
    let mut rest = 0;
    while let Some((start, end)) = next_command(text, rest) {
        push_statements(text, rest..start, file, &mut inputs)?;
        let line = command(trimmed(&text[start..end]));
        // Blank lines may be in front of it.
        let blanks = text[start..end].find(trimmed(&text[start..end])).unwrap_or(0);
        let at = text[..start + blanks].matches('\n').count() as u64 + 1;
        inputs.push(Input::Command { line, at: Some(at) });
        rest = end;
    }
    push_statements(text, rest..text.len(), file, &mut inputs)?;
    Ok(inputs)
}

/// The command that stands on a line of its own within a statement, which was probably
/// meant to have ended before.
pub(crate) fn command_within(input: &Input) -> Option<String> {
    let (Input::Statement(statement) | Input::Expanded(statement)) = input else { return None };
    let lines = statement.sql.lines().skip(1).map(trimmed);
    let mut words = lines.filter_map(|line| line.split_whitespace().next());
    let is_command =
        |word: &&str| commands::ALL.iter().any(|command| command.names().any(|name| name == *word));
    words.find(is_command).map(str::to_owned)
}

/// `error` of a statement with that `command` in it, with the advice to end it: the engine
/// takes the command for a part of a name.
pub(crate) fn as_unended(error: Error, command: Option<&str>) -> Error {
    let words = ["syntax error", "no table ", "a point stands ", " has no fields"];
    let is_by_it = words.iter().any(|words| error.message().contains(words));
    match command.filter(|_| is_by_it) {
        Some(command) => {
            error.hint(format!("{command} stands within a statement: a ; ends that before it"))
        }
        None => error,
    }
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
        Some((_, Ending::Expanded)) => ".again x".to_owned(),
        Some((_, Ending::Run)) => ".again".to_owned(),
        Some((_, Ending::Watched | Ending::Described)) | None => line.to_owned(),
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
        if inputs.len() > before
            && let Some(last) = inputs.pop()
        {
            push_ended(last, &end, inputs);
        }
    }
    push_plain(text, rest..part.end, file, inputs)
}

/// Adds an input that has an end of [`ENDS`].
fn push_ended(last: Input, end: &End<'_>, inputs: &mut Vec<Input>) {
    match (end.ending, last) {
        (Ending::Watched, last) => {
            let watch = format!(".watch {}", end.to.unwrap_or_default());
            inputs.extend([last, Input::meant(watch.trim_end().to_owned())]);
        }
        (Ending::Described, Input::Statement(statement)) => {
            // A comment at its end has its own line.
            inputs.push(Input::meant(format!(".describe ({}\n)", statement.sql)));
        }
        (ending, last) => {
            inputs.extend(end.to.map(|to| Input::meant(format!(".once {to}"))));
            inputs.push(match last {
                Input::Statement(statement) if ending == Ending::Expanded => {
                    Input::Expanded(statement)
                }
                last => last,
            });
        }
    }
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
        Some(command) => Input::meant(command),
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
    if let Some(statement) = explained(sql) {
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

/// The statement behind EXPLAIN ANALYZE, if no more is asked of it than that.
fn explained(sql: &str) -> Option<&str> {
    let (explain, rest) = sql.split_once(char::is_whitespace)?;
    let (analyze, statement) = rest.trim_start().split_once(char::is_whitespace)?;
    let statement = statement.trim_start();
    let is_it = explain.eq_ignore_ascii_case("explain") && analyze.eq_ignore_ascii_case("analyze");
    let first = statement.split_whitespace().next()?;
    let asks_more = ["verbose", "format"].iter().any(|word| first.eq_ignore_ascii_case(word));
    (is_it && !asks_more).then_some(statement)
}

/// The query that `statement` explains and analyzes, with its own place, if it is such a
/// statement: where its time goes is shown as `.explain` does.
pub(crate) fn analyzed(statement: &Statement) -> Option<Statement> {
    let sql = explained(&statement.sql).filter(|sql| is_query(sql) || sql.starts_with('('))?;
    let before = &statement.sql[..statement.sql.len() - sql.len()];
    let (line, column, prefix) = match before.rsplit_once('\n') {
        Some((_, last)) => (before.matches('\n').count() as u64, 1, last.to_owned()),
        None => (0, statement.column, format!("{}{before}", statement.prefix)),
    };
    let last = before.rsplit('\n').next().unwrap_or_default();
    Some(Statement {
        sql: sql.to_owned(),
        file: statement.file.clone(),
        line: statement.line + line,
        column: column + last.chars().count() as u64,
        prefix,
    })
}

/// The command that shows what stands behind SHOW.
fn shown(what: &str) -> Option<String> {
    let known = SHOWN.iter().find(|(known, _)| what.eq_ignore_ascii_case(known));
    known.map(|(_, command)| (*command).to_owned())
}

/// A source of rows as an argument of a command: a query goes into brackets.
fn as_argument(source: &str) -> String {
    if is_query(source) { format!("({source})") } else { source.to_owned() }
}

/// Whether `sql` begins as queries do.
fn is_query(sql: &str) -> bool {
    let first = sql.split_whitespace().next().unwrap_or_default();
    let words = ["select", "with", "from", "values"];
    words.iter().any(|word| first.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::{
        Error, Input, analyzed, as_unended, command_within, is_complete, is_for_shell, split,
    };
    use crate::engine::script;

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
            let inputs = split(typed, None).unwrap();
            assert!(
                matches!(inputs.as_slice(), [Input::Command { line, .. }] if line == command),
                "{typed}"
            );
        }
    }

    #[test]
    fn a_command_within_a_statement_is_found() {
        for (text, command) in [
            ("select 1\n.tables\n;", Some(".tables")),
            ("from posts\n  \\d posts;", Some("\\d")),
            ("select posts\n.text from posts;", None),
            ("select 1 .tables;", None),
            (".tables\nselect 1;", None),
        ] {
            let inputs = split(text, None).unwrap();
            let within = inputs.iter().find_map(command_within);
            assert_eq!(within.as_deref(), command, "{text}");
        }
        let told = |message: &str| as_unended(Error::query(message), Some(".tables"));
        assert!(told("syntax error: x").advice().unwrap().starts_with(".tables stands within"));
        assert_eq!(told("division by zero").advice(), None);
    }

    #[test]
    fn what_is_analyzed_keeps_its_place() {
        for (text, column, line) in
            [("explain analyze select x", 1, 3), ("EXPLAIN\n ANALYZE\n  select x", 1, 5)]
        {
            let script = script::parse(&format!("select '微';\n\n  {text};"), None).unwrap();
            let query = analyzed(&script[1]).unwrap();
            assert_eq!(query.sql, "select x");
            assert_eq!((query.line, query.place(1, 8, Some(1)).line), (line, Some(line)));
            // The mark is under the x.
            let place = query.place(1, 8, Some(1));
            let at = usize::try_from(place.column.unwrap()).unwrap() - column;
            assert_eq!(place.source.unwrap().chars().nth(at), Some('x'), "{text}");
        }
        for other in [
            "explain select 1",
            "explain analyze verbose select 1",
            "explain analyze format tree select 1",
            "explain analyze create table t as select 1",
            "select 'explain analyze select 1'",
        ] {
            assert_eq!(analyzed(&script::parse(other, None).unwrap()[0]), None, "{other}");
        }
        assert!(analyzed(&script::parse("explain analyze (select 1)", None).unwrap()[0]).is_some());
    }

    #[test]
    fn a_statement_may_end_in_a_backslash_and_g() {
        let text = "select 1 \\gx\n\\gx;\nselect '\\g',\n 2 \\g -- two\n.tables\n\
                    select 3; select 4\\G;\nselect 5 \\g out.csv\n\\g out.csv\n\\g";
        let inputs: Vec<String> = split(text, None)
            .unwrap()
            .into_iter()
            .map(|input| match input {
                Input::Command { line, .. } => line,
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
    fn a_statement_may_be_watched_or_described_where_it_ends() {
        for (text, expected) in [
            ("select 1 \\watch", vec!["select 1", ".watch"]),
            ("select 1; \\watch 2 times=3;", vec!["select 1", ".watch 2 times=3;"]),
            ("select 1\n\\watch 2", vec!["select 1", ".watch 2"]),
            ("select 1;\n\\watch 2", vec!["select 1", "\\watch 2"]),
            ("select 1 -- x\n\\gdesc", vec![".describe (select 1\n)"]),
            ("\\gdesc", vec!["\\gdesc"]),
            ("select '\\watch 2';", vec!["select '\\watch 2'"]),
        ] {
            let inputs = split(text, None).unwrap();
            let inputs = inputs.into_iter().map(|input| match input {
                Input::Command { line, .. } => line,
                Input::Statement(statement) | Input::Expanded(statement) => statement.sql,
            });
            assert_eq!(inputs.collect::<Vec<String>>(), expected, "{text}");
        }
        assert!(is_complete("select 1 \\watch 2") && is_complete("select 1\n\\gdesc"));
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
                Input::Command { line, .. } => line,
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
