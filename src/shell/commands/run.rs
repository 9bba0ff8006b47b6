//! `.run`: run a saved query.

use std::borrow::Cow;

use async_trait::async_trait;

use super::{About, Command, Reach, misused, split_words};
use crate::catalog::view;
use crate::engine::{Params, Statement, as_typed};
use crate::error::{Error, Result};
use crate::queries::{Clock, Grid, Param, ParamType, SavedQuery, plain};
use crate::render::visible;
use crate::shell::Reading;
use crate::shell::complete::catalog::Takes;
use crate::shell::scan::{Lexeme, parameters, scan};
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Run;

/// The tables that imports fill.
const FILLED: [&str; 4] = ["posts", "post_snapshots", "accounts", "account_snapshots"];

static ABOUT: About = About {
    name: ".run",
    aliases: &[],
    usage: "NAME [PARAMETER=VALUE ...]",
    summary: "run a saved query",
    details: "A parameter without a value is asked for. A range or several values run it once for each.\n\
              .run top_tags day=2026-01-05 n=20\n.run top_tags day=2026-01-01..2026-01-07",
    takes: Takes::Query,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Run {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let mut words = split_words(arguments.trim_end_matches(';'))?.into_iter();
        let Some(name) = words.next() else {
            return Err(misused(&ABOUT));
        };
        let query = shell.library.get(&name)?;
        let mut given = Vec::new();
        for word in words {
            let Some((name, value)) = word.split_once('=') else {
                return Err(misused(&ABOUT));
            };
            given.push((name.to_owned(), value.to_owned()));
        }
        if !ask_for_missing(shell, &query, &mut given)? {
            return Ok(Flow::Continue);
        }
        let clock = clock(shell)?;
        let grid = Grid::new(&query.params, &given, &clock).map_err(as_typed_here)?;
        let statements = query.statements()?;
        for point in &grid.points {
            if !grid.swept.is_empty() {
                let values = grid.swept.iter().filter_map(|name| {
                    point.get(name).map(|value| format!("{name}={}", plain(value)))
                });
                let values: Vec<String> = values.collect();
                shell.note(&visible(&values.join(" ")));
            }
            for statement in &statements {
                shell.run_statement(statement, point).await?;
            }
        }
        tell_what_is_empty(shell, &statements).await;
        Ok(Flow::Continue)
    }
}

/// Says which tables behind `statements` are empty: that is why their answers are, or why
/// names are missing in them.
async fn tell_what_is_empty(shell: &mut Shell<'_>, statements: &[Statement]) {
    let mut empty = Vec::new();
    for table in FILLED {
        if !statements.iter().any(|statement| reads(&statement.sql, table)) {
            continue;
        }
        let any = shell.session.collect(&format!("SELECT 1 AS one FROM {table} LIMIT 1")).await;
        // Without such a table the statement has failed before.
        if any.is_ok_and(|batches| batches.iter().all(|batch| batch.num_rows() == 0)) {
            empty.push(table);
        }
    }
    let database = shell.options.database.as_ref().map(|path| path.display().to_string());
    let database = database.unwrap_or_else(|| "DB".to_owned());
    let import = format!("`weiku import {} FILE...`", visible(&database));
    match empty.as_slice() {
        [] => {}
        ["accounts"] => shell.note(&format!(
            "the table accounts is empty: names and organizations are not known; {import} takes \
             profiles, or a directory file"
        )),
        [one] => shell.note(&format!("the table {one} is empty: {import} fills it")),
        several => {
            let tables = several.join(" and ");
            shell.note(&format!("the tables {tables} are empty: {import} fills them"));
        }
    }
}

/// Whether `sql` has `table` in FROM, or a view of the database over it.
fn reads(sql: &str, table: &str) -> bool {
    let mut lexemes = scan(sql);
    lexemes.retain(Lexeme::is_significant);
    lexemes.windows(2).any(|pair| {
        let name = pair[1].name().filter(|_| pair[0].is("from") || pair[0].is("join"));
        name.is_some_and(|name| {
            name == table || view(&name).is_some_and(|view| reads(view.sql, table))
        })
    })
}

/// Asks the person for values that must be given and are not; `false` when they
/// would rather not say.
fn ask_for_missing(
    shell: &mut Shell<'_>,
    query: &SavedQuery,
    given: &mut Vec<(String, String)>,
) -> Result<bool> {
    let missing =
        |name: &str, given: &[(String, String)]| given.iter().all(|(known, _)| known != name);
    if given.iter().any(|(name, _)| query.params.iter().all(|param| param.name != *name)) {
        // What is wrong already need not be completed.
        return Ok(true);
    }
    for param in &query.params {
        let required = param.required && param.default_text().is_none();
        if !required || !missing(&param.name, given) || !shell.asks {
            continue;
        }
        let clock = clock(shell)?;
        let read = |typed: &str| {
            let value = in_digits(&meant(typed), Some(&param.kind)).into_owned();
            let one = (param.name.clone(), value.clone());
            Grid::new(std::slice::from_ref(param), &[one], &clock).map(|_| value)
        };
        if let Some(description) = &param.description {
            shell.confirm(description);
        }
        match ask(shell, &param.name, Some(&param.kind), read)? {
            Some(value) => given.push((param.name.clone(), value)),
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// Values for the placeholders of `statement`: those that were given at the start,
/// and for all others the person is asked, in the order in which they stand there.
/// `None` when they would rather not say.
pub(crate) async fn values(shell: &mut Shell<'_>, statement: &Statement) -> Result<Option<Params>> {
    let mut values = shell.options.params.clone();
    let names = parameters(&statement.sql);
    if names.iter().all(|name| values.contains_key(*name)) || !shell.asks {
        return Ok(Some(values));
    }
    // What is wrong with a statement is told when it is run.
    let wanted = shell.session.parameters(statement).await.unwrap_or_default();
    let clock = clock(shell)?;
    for name in names {
        let Some(data_type) = wanted.get(name).filter(|_| !values.contains_key(name)) else {
            continue;
        };
        let kind = data_type.as_ref().map(ParamType::of);
        let param = kind.clone().map(|kind| Param::required(name, kind));
        let read = |typed: &str| match (&param, meant(typed)) {
            (Some(param), value) => param.parse(&in_digits(&value, kind.as_ref()), &clock),
            (None, Cow::Borrowed(value)) => Ok(as_typed(value)),
            // What stands in quotes is no number.
            (None, Cow::Owned(value)) => Ok(value.into()),
        };
        let Some(value) = ask(shell, name, kind.as_ref(), read)? else { return Ok(None) };
        values.insert(name.to_owned(), value);
    }
    Ok(Some(values))
}

/// Asks the person for the value of a parameter until `read` takes what they type;
/// `None` when they would rather not say.
fn ask<T>(
    shell: &mut Shell<'_>,
    name: &str,
    kind: Option<&ParamType>,
    read: impl Fn(&str) -> Result<T>,
) -> Result<Option<T>> {
    let name = visible(name);
    let example = kind.map(|kind| kind.example().trim_matches('"').to_owned());
    let prompt = match (kind, &example) {
        (Some(ParamType::Enum(values)), _) => {
            format!("{name} (one of {}): ", visible(&values.join(", ")))
        }
        (Some(ParamType::Bool), _) => format!("{name} (true or false): "),
        (Some(kind), Some(example)) => format!("{name} ({}, for example {example}): ", kind.name()),
        _ => format!("{name}: "),
    };
    loop {
        let (Reading::Text(typed) | Reading::Edit(typed)) = shell.terminal.ask(&prompt)? else {
            shell.confirm("nothing was run");
            return Ok(None);
        };
        let typed = typed.trim();
        let error = match (typed, empty(kind)) {
            ("", None) => Error::usage(format!("{name} needs a value")),
            _ => match read(typed) {
                Ok(value) => {
                    if let ("", Some(empty)) = (typed, empty(kind)) {
                        shell.confirm(&format!("{name} is {empty}"));
                    }
                    return Ok(Some(value));
                }
                Err(error) => error,
            },
        };
        let likely = error.advice().filter(|advice| advice.starts_with("did you mean"));
        let hint = match (likely, &example) {
            (Some(likely), _) => likely.to_owned(),
            (None, Some(example)) => format!("for example {example}"),
            (None, None) => "type one".to_owned(),
        };
        let between = if hint.ends_with('?') { " " } else { "; " };
        shell.complain(&error.hint(format!("{hint}{between}Ctrl-C gives up")));
    }
}

/// What an empty line stands for, where it stands for something.
fn empty(kind: Option<&ParamType>) -> Option<&'static str> {
    match kind {
        None | Some(ParamType::Text) => Some("the empty text"),
        Some(ParamType::List(_)) => Some("an empty list"),
        Some(_) => None,
    }
}

/// What is meant by `typed`: people who write SQL all day put texts and dates into
/// single quotes here too.
fn meant(typed: &str) -> Cow<'_, str> {
    let inside = typed.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    inside.map_or(Cow::Borrowed(typed), |inside| Cow::Owned(inside.replace("''", "'")))
}

/// Words for powers of ten, with the zeros that they stand for; of two that end alike
/// the longer one comes first.
const UNITS: &[(&str, usize)] = &[("万亿", 12), ("亿", 8), ("万", 4), ("k", 3), ("K", 3), ("M", 6)];

/// A whole number that is `typed` as answers and people tell it, `1万`, `1.2亿` or `5k`, in
/// digits. What is none is left for the parameter to refuse.
fn in_digits<'a>(typed: &'a str, kind: Option<&ParamType>) -> Cow<'a, str> {
    let digits = || {
        let (number, zeros) = UNITS
            .iter()
            .find_map(|(unit, zeros)| Some((typed.strip_suffix(unit)?.trim_end(), *zeros)))?;
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let unsigned = whole.strip_prefix('-').unwrap_or(whole);
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = !unsigned.is_empty() && are_digits(unsigned) && are_digits(part);
        let zeros = zeros.checked_sub(part.len()).filter(|_| is_number)?;
        Some(format!("{whole}{part}{}", "0".repeat(zeros)))
    };
    let digits = if kind == Some(&ParamType::Int) { digits() } else { None };
    digits.map_or(Cow::Borrowed(typed), Cow::Owned)
}

fn clock(shell: &Shell<'_>) -> Result<Clock> {
    Clock::new(chrono::Utc::now(), &shell.session.settings().timezone)
}

/// `error` with its advice as it is typed behind `.run`, where no flag goes
/// before a parameter.
fn as_typed_here(error: Error) -> Error {
    match error.advice().map(|advice| advice.replace("-p ", "")) {
        Some(advice) => error.hint(advice),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::{ParamType, in_digits, reads};

    #[test]
    fn a_whole_number_is_typed_as_answers_tell_it() {
        let told = |typed: &str| in_digits(typed, Some(&ParamType::Int)).into_owned();
        for (typed, digits) in [
            ("1万", "10000"),
            ("1.25亿", "125000000"),
            ("2万亿", "2000000000000"),
            ("-3 万", "-30000"),
            ("5k", "5000"),
            ("1.5M", "1500000"),
            ("12", "12"),
            // No whole numbers, or none at all.
            ("1.23456万", "1.23456万"),
            ("万", "万"),
            ("1.2.3万", "1.2.3万"),
            ("1..2万", "1..2万"),
            ("x1k", "x1k"),
        ] {
            assert_eq!(told(typed), digits, "{typed}");
        }
        for kind in [Some(&ParamType::Text), Some(&ParamType::Float), None] {
            assert_eq!(in_digits("1万", kind), "1万");
        }
    }

    #[test]
    fn a_table_is_read_by_name_or_by_a_view() {
        for (sql, table, is_read) in [
            ("SELECT count(*) AS posts FROM accounts", "accounts", true),
            ("SELECT count(*) AS posts FROM accounts", "posts", false),
            ("SELECT 1 FROM (SELECT 2) AS a JOIN -- posts\n\"posts\" ON true", "posts", true),
            ("select 1 from Posts", "posts", true),
            ("SELECT * FROM hashtag_daily", "posts", true),
            ("SELECT * FROM hashtag_daily", "accounts", false),
            ("SELECT * FROM account_latest", "account_snapshots", true),
            ("SELECT 'FROM posts'", "posts", false),
        ] {
            assert_eq!(reads(sql, table), is_read, "{table}: {sql}");
        }
    }
}
