//! The dot-commands: one file each, and the list that dispatch, help, completion
//! and the reference page are derived from.

mod again;
mod chart;
mod copy;
mod database;
mod describe;
mod edit;
mod explain;
mod format;
mod functions;
mod habits;
mod help;
mod hints;
mod history;
mod keys;
mod last;
mod maxrows;
mod mode;
mod null;
mod once;
mod output;
mod pager;
mod queries;
mod quit;
mod read;
mod readable;
mod report;
mod run;
mod save;
mod schema;
mod set;
mod shell;
mod show;
mod summarize;
mod tables;
mod tee;
mod timing;
mod topics;
mod views;
mod watch;
mod width;
mod x;

use std::path::PathBuf;

use async_trait::async_trait;

use super::complete::catalog::Takes;
use super::complete::words;
use super::{Flow, Shell};
use crate::engine::{READ_ONLY, Statement, script};
use crate::error::{Error, Result, nearest};
use crate::render::visible;

pub(crate) use edit::edit_text;
pub(crate) use run::values;
pub(crate) use set::own_settings;
pub(crate) use tables::row_counts;
pub(crate) use topics::TOPICS;

/// All commands, in the order in which help lists them.
pub(crate) const ALL: &[&dyn Command] = &[
    &help::Help,
    &tables::Tables,
    &views::Views,
    &schema::Schema,
    &describe::Describe,
    &summarize::Summarize,
    &functions::Functions,
    &database::Database,
    &queries::Queries,
    &run::Run,
    &show::Show,
    &save::Save,
    &report::Report,
    &explain::Explain,
    &last::Last,
    &chart::Chart,
    &copy::Copy,
    &watch::Watch,
    &again::Again,
    &mode::Mode,
    &x::X,
    &maxrows::MaxRows,
    &width::Width,
    &null::Null,
    &readable::Readable,
    &timing::Timing,
    &hints::Hints,
    &keys::Keys,
    &pager::Pager,
    &once::Once,
    &output::Output,
    &tee::Tee,
    &read::Read,
    &edit::Edit,
    &shell::System,
    &format::Format,
    &history::History,
    &set::Set,
    &quit::Quit,
];

/// A dot-command.
#[async_trait(?Send)]
pub(crate) trait Command: Sync {
    /// What is to be known of it.
    fn help(&self) -> &'static About;

    /// Runs it with what was typed behind its name.
    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow>;
}

/// What is to be known of a command.
#[derive(Debug)]
pub(crate) struct About {
    /// Its name with the dot.
    pub(crate) name: &'static str,
    /// Other names that fingers may know.
    pub(crate) aliases: &'static [&'static str],
    /// What may follow the name; optional parts stand in brackets.
    pub(crate) usage: &'static str,
    /// What it does, in a few words.
    pub(crate) summary: &'static str,
    /// All that is to be said beyond the summary, with an example.
    pub(crate) details: &'static str,
    /// What completion offers behind the name.
    pub(crate) takes: Takes,
    /// How far it reaches.
    pub(crate) reach: Reach,
}

/// How far a command reaches, which decides whether `--safe` and `--readonly`
/// allow it, as `engine::guard` decides of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Only the session: what SQL under the same rules may do.
    Session,
    /// Files that SQL could not reach, or a program that shows an answer.
    Outside,
    /// It writes a file, as COPY does, or runs any program, which may.
    Writes,
}

impl dyn Command {
    /// Its name and its aliases.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let about = self.help();
        std::iter::once(about.name).chain(about.aliases.iter().copied())
    }
}

/// Runs a line that begins with a dot or a backslash.
///
/// # Errors
/// When there is no such command, it is not allowed, or it fails.
pub(crate) async fn run(shell: &mut Shell<'_>, line: &str) -> Result<Flow> {
    let line = line.trim();
    let (name, arguments) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let name = name.trim_end_matches(';');
    let command = find(name)?;
    let About { name, reach, .. } = command.help();
    permit(shell, name, *reach)?;
    command.run(shell, arguments.trim()).await
}

/// Refuses `what`, which reaches so far, where the session does not allow it.
fn permit(shell: &Shell<'_>, what: &str, reach: Reach) -> Result<()> {
    let settings = shell.session.settings();
    let refused = |flag| Error::usage(format!("{} is not allowed under {flag}", visible(what)));
    if settings.safe && reach != Reach::Session {
        return Err(refused("--safe"));
    }
    if settings.readonly && reach == Reach::Writes {
        return Err(refused("--readonly").hint(READ_ONLY));
    }
    Ok(())
}

/// The command called `name`, with its dot or backslash.
fn called(name: &str) -> Option<&'static dyn Command> {
    ALL.iter().copied().find(|command| command.names().any(|known| known == name))
}

/// The command called `name`, with its dot or backslash, or the only one that begins so
/// behind a dot.
///
/// # Errors
/// When there is none; the error names the nearest, or those that begin so.
pub(crate) fn find(name: &str) -> Result<&'static dyn Command> {
    if let Some(command) = called(name) {
        return Ok(command);
    }
    let error = Error::usage(format!("no command {}", visible(name)));
    if let Some(here) = habits::command(name) {
        return Err(error.hint(here));
    }
    match begun_as(name).as_slice() {
        [command] => Ok(*command),
        [] => Err(match near(bare(name)) {
            Some(near) => error.hint(format!("did you mean .{near}?")),
            None => error.hint(".help lists the commands"),
        }),
        several => {
            let names = several.iter().map(|command| command.help().name);
            let names = names.collect::<Vec<_>>().join(", ");
            Err(error.hint(format!("that is how {names} begin: type more of it")))
        }
    }
}

/// The command that `typed` was most likely meant to be, both without a dot; a single
/// letter may have been meant for any.
fn near(typed: &str) -> Option<&'static str> {
    let names = ALL.iter().map(|command| bare(command.help().name));
    nearest(typed, names).filter(|_| typed.len() > 1)
}

/// The commands of which a name begins as `name`, which begins with a dot.
fn begun_as(name: &str) -> Vec<&'static dyn Command> {
    if bare(name).is_empty() || !name.starts_with('.') {
        return Vec::new();
    }
    let all = ALL.iter().copied();
    all.filter(|command| command.names().any(|known| known.starts_with(name))).collect()
}

/// The name of a command without its dot or backslash.
fn bare(name: &str) -> &str {
    name.trim_start_matches(['.', '\\'])
}

/// The reference page of all commands, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from("# Commands of the shell\n");
    for command in ALL {
        let about = command.help();
        page.push_str(&format!("\n## `{}`\n\n{}.\n", usage(about), capitalized(about.summary)));
        if !about.details.is_empty() {
            page.push_str(&format!("\n{}\n", about.details));
        }
        if !about.aliases.is_empty() {
            page.push_str(&format!("\nAlso `{}`.\n", about.aliases.join("`, `")));
        }
    }
    page
}

/// All commands as data: name, aliases, usage, what it does, and details.
#[must_use]
pub fn command_list() -> Vec<serde_json::Value> {
    let described = ALL.iter().map(|command| {
        let about = command.help();
        serde_json::json!({
            "name": about.name,
            "aliases": about.aliases,
            "usage": usage(about),
            "about": about.summary,
            "details": about.details,
        })
    });
    described.collect()
}

/// The name with what may follow it.
fn usage(about: &About) -> String {
    format!("{} {}", about.name, about.usage).trim_end().to_owned()
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// What turns something off, and is no name of a file or a program.
const OFF: &str = "off";

/// The error for arguments that a command does not take.
fn misused(about: &About) -> Error {
    Error::usage(format!("{} is not used like that", about.name))
        .hint(format!("usage: {}", usage(about)))
}

/// The words of `arguments`; quotes hold words together.
///
/// # Errors
/// When a quote is not closed.
fn split_words(arguments: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in arguments.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => found.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(open_quote(arguments, quote));
    }
    found.extend(word);
    Ok(found)
}

/// The error for a quote that is not closed, with the words as they might have been meant:
/// with a quote among them.
fn open_quote(arguments: &str, quote: Option<char>) -> Error {
    let error = Error::usage("a quote is not closed");
    let (quote, other) = if quote == Some('"') { ('"', '\'') } else { ('\'', '"') };
    let open = arguments.rfind(quote).unwrap_or_default();
    // What is not held together by quotes begins behind a blank.
    let begun = arguments[..open].rsplit(char::is_whitespace).next().map_or(0, str::len);
    let word = &arguments[open - begun..];
    let named = word.split_once('=').filter(|(name, _)| !name.contains(quote));
    let (name, value) = named.unwrap_or(("", word));
    if value.contains(other) {
        return error.hint("a value with one kind of quotes in it stands in those of the other");
    }
    let equals = if name.is_empty() { "" } else { "=" };
    let meant = format!("{name}{equals}{other}{value}{other}");
    error.hint(format!("if it is a part of the text, write {}", visible(&meant)))
}

/// The path that `word` is. What begins with `~/` begins in the person's folder, as
/// where a command is typed: no such program sees what is typed here.
fn path_of(word: &str) -> PathBuf {
    crate::catalog::below_home(word).unwrap_or_else(|| PathBuf::from(word))
}

/// Reads `on` or `off`; nothing leaves it as it is `now`.
fn switch(about: &About, arguments: &str, now: bool) -> Result<bool> {
    match arguments.trim_end_matches(';') {
        "" => Ok(now),
        "on" | "true" | "1" => Ok(true),
        OFF | "false" | "0" => Ok(false),
        _ => Err(misused(about)),
    }
}

/// Signs that make a pattern of a text.
const PATTERN_SIGNS: [char; 3] = ['*', '?', '%'];

/// Whether `name` matches a pattern with `*` and `?`, or with `%` and `_` as LIKE has
/// them, in any case; a pattern without `*`, `?` and `%` matches names that hold it.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    if !pattern.contains(PATTERN_SIGNS) {
        return name.contains(&pattern);
    }
    let pattern = if pattern.contains('%') { of_like(&pattern) } else { pattern };
    glob::Pattern::new(&pattern).is_ok_and(|pattern| pattern.matches(&name))
}

/// A pattern of LIKE as one with `*` and `?`.
fn of_like(pattern: &str) -> String {
    let mut globbed = String::new();
    for sign in pattern.chars() {
        match sign {
            '%' => globbed.push('*'),
            '_' => globbed.push('?'),
            other => globbed.push_str(&glob::Pattern::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    globbed
}

/// What was typed behind a command as one pattern: without a semicolon or a comment.
fn pattern_of(arguments: &str) -> &str {
    let typed = if arguments.starts_with("--") { "" } else { arguments };
    let typed = typed.split_once(" --").map_or(typed, |(pattern, _)| pattern);
    typed.trim_end().trim_end_matches(';').trim_end()
}

/// The one statement that `sql` is.
///
/// # Errors
/// When it is none, or several.
fn one_statement(about: &About, sql: &str) -> Result<Statement> {
    let mut statements = script::parse(sql, None)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        _ => Err(misused(about)),
    }
}

/// What stands in FROM for an argument that is a name, a file, or a query, in
/// brackets or not.
fn source(argument: &str) -> String {
    let argument = argument.trim().trim_end_matches(';').trim_end();
    if let Some((word, _)) = argument.split_once(char::is_whitespace)
        && ["select", "from", "with", "values"].iter().any(|one| word.eq_ignore_ascii_case(one))
    {
        return format!("({argument})");
    }
    let written = argument.starts_with(['(', '"', '\''])
        || argument.split('.').all(words::is_plain) && !looks_like_file(argument);
    if written { argument.to_owned() } else { format!("\"{}\"", argument.replace('"', "\"\"")) }
}

fn looks_like_file(argument: &str) -> bool {
    argument.contains('/') || crate::render::format_for_suffix(argument.as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{ALL, Reach, find, matches, path_of, pattern_of, source, split_words, switch};

    #[test]
    fn every_name_is_given_once_and_described() {
        let mut names = HashSet::new();
        for command in ALL {
            let about = command.help();
            assert!(about.name.starts_with('.'), "{}", about.name);
            assert!(!about.summary.is_empty() && !about.summary.ends_with('.'), "{}", about.name);
            for name in command.names() {
                assert!(names.insert(name), "{name} is there twice");
            }
        }
    }

    #[test]
    fn a_command_that_writes_or_reaches_outside_is_known_to() {
        let reaching = |reach| {
            let names = ALL.iter().map(|command| command.help());
            names.filter(|about| about.reach == reach).map(|about| about.name).collect::<Vec<_>>()
        };
        let writing = [".save", ".report", ".once", ".output", ".tee", ".edit", ".shell"];
        assert_eq!(reaching(Reach::Writes), writing);
        assert_eq!(reaching(Reach::Outside), [".pager", ".read"]);
    }

    #[test]
    fn an_unknown_command_names_the_nearest() {
        let error = find(".tabels").err().unwrap();
        assert_eq!(error.advice(), Some("did you mean .tables?"));
    }

    #[test]
    fn a_command_may_be_shortened_while_only_one_begins_so() {
        for (typed, meant) in [
            (".tab", ".tables"),
            (".sum", ".summarize"),
            (".sc", ".schema"),
            (".desc", ".describe"),
        ] {
            assert_eq!(find(typed).unwrap().help().name, meant, "{typed}");
        }
        // In each shell it leaves.
        assert_eq!(find(".q").unwrap().help().name, ".quit");
        let advice = |typed| find(typed).err().unwrap().advice().unwrap().to_owned();
        assert!(advice(".t").contains(".tables, .timing, .tee begin"), "{}", advice(".t"));
        for nothing in [".ui", ".web", ".zz", ".j", ".", "\\tab"] {
            assert_eq!(advice(nothing), ".help lists the commands", "{nothing}");
        }
        assert!(advice(".log").contains(".tee"), "another shell's command is none of ours");
    }

    #[test]
    fn words_are_held_together_by_quotes() {
        assert_eq!(split_words("a 'b c' d=\"e f\" ''").unwrap(), ["a", "b c", "d=e f", ""]);
        assert!(split_words("a 'b").is_err());
    }

    #[test]
    fn a_quote_that_is_not_closed_is_told_with_how_it_may_be_meant() {
        for (typed, meant) in [
            ("top day='; drop view v1; --", Some("day=\"'; drop view v1; --\"")),
            ("top text=it's", Some("text=\"it's\"")),
            ("top text=\"微博", Some("text='\"微博'")),
            ("'open", Some("\"'open\"")),
            ("top text=it's \"so\"", None),
        ] {
            let error = split_words(typed).unwrap_err();
            assert_eq!(error.message(), "a quote is not closed");
            let hint = error.advice().unwrap();
            match meant {
                Some(meant) => {
                    assert_eq!(hint, format!("if it is a part of the text, write {meant}"));
                    assert!(split_words(meant).unwrap()[0].contains(['\'', '"']), "{meant}");
                }
                None => assert!(hint.contains("those of the other"), "{hint}"),
            }
        }
    }

    #[test]
    fn nothing_behind_a_switch_leaves_it_as_it_is() {
        let about = find(".timing").unwrap().help();
        for now in [true, false] {
            assert_eq!(switch(about, ";", now).unwrap(), now);
            assert!(switch(about, "on", now).unwrap() && !switch(about, "off;", now).unwrap());
        }
        assert!(switch(about, "maybe", true).is_err());
    }

    #[test]
    fn a_path_may_begin_in_the_folder_of_the_person() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(path_of("~/a b.csv"), home.join("a b.csv"));
        for path in ["a/~/b", "./~/b", "~other/b", "/b"] {
            assert_eq!(path_of(path).to_str(), Some(path));
        }
    }

    #[test]
    fn patterns_and_plain_parts_match_names() {
        assert!(matches("post*", "post_snapshots"));
        assert!(matches("snap", "post_snapshots"));
        assert!(!matches("snap*", "post_snapshots"));
        assert!(matches("%SNAP%", "post_snapshots") && matches("post_snap%", "post-snapshots"));
        assert!(!matches("snap%", "post_snapshots") && !matches("p%[st]", "posts"));
    }

    #[test]
    fn a_pattern_ends_before_a_comment() {
        for (typed, pattern) in
            [("post*;", "post*"), ("-- all", ""), ("%post% -- two", "%post%"), ("a--b", "a--b")]
        {
            assert_eq!(pattern_of(typed), pattern);
        }
    }

    #[test]
    fn a_source_is_quoted_when_it_must_be() {
        assert_eq!(source("posts;"), "posts");
        assert_eq!(source("(select 1)"), "(select 1)");
        assert_eq!(source("SELECT 1;"), "(SELECT 1)");
        assert_eq!(source("a.csv"), "\"a.csv\"");
        assert_eq!(source("data/a b.parquet"), "\"data/a b.parquet\"");
        assert_eq!(source("'a.csv'"), "'a.csv'");
        assert_eq!(source("information_schema.tables"), "information_schema.tables");
        assert_eq!(source("@1"), "@1");
    }
}
