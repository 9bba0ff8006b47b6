//! `.run`: run a saved query.

use async_trait::async_trait;

use super::{About, Command, Reach, misused, split_words};
use crate::engine::{Params, Statement};
use crate::error::{Error, Result};
use crate::queries::{Clock, Grid, Param, ParamType, SavedQuery, guessed, plain};
use crate::render::visible;
use crate::shell::Reading;
use crate::shell::complete::catalog::Takes;
use crate::shell::scan::parameters;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Run;

static ABOUT: About = About {
    name: ".run",
    aliases: &[],
    usage: "NAME [PARAMETER=VALUE ...]",
    summary: "run a saved query",
    details: "A parameter without a value is asked for. .run top_tags day=2026-01-05 n=20\nA range or several values run it once for each: .run top_tags day=2026-01-01..2026-01-07",
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
        let clock = Clock::new(chrono::Utc::now(), &shell.session.settings().timezone)?;
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
        Ok(Flow::Continue)
    }
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
        match ask(shell, &param.name, Some(&param.kind))? {
            Some(value) => given.push((param.name.clone(), value)),
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// Asks the person for the value of a parameter; `None` when they would rather not
/// say.
fn ask(shell: &mut Shell<'_>, name: &str, kind: Option<&ParamType>) -> Result<Option<String>> {
    let name = visible(name);
    let prompt = match kind {
        Some(kind) => format!("{name} ({}, as {}): ", kind.name(), kind.example()),
        None => format!("{name}: "),
    };
    Ok(match shell.terminal.ask(&prompt)? {
        Reading::Text(value) | Reading::Edit(value) => Some(value.trim().to_owned()),
        Reading::Interrupted | Reading::End => None,
    })
}

/// Values for the placeholders of `statement`: those that were given at the start,
/// and for all others the person is asked. `None` when they would rather not say.
pub(crate) async fn values(shell: &mut Shell<'_>, statement: &Statement) -> Result<Option<Params>> {
    let mut values = shell.options.params.clone();
    let is_given = parameters(&statement.sql).iter().all(|name| values.contains_key(*name));
    if is_given || !shell.asks {
        return Ok(Some(values));
    }
    // What is wrong with a statement is told when it is run.
    let wanted = shell.session.parameters(statement).await.unwrap_or_default();
    let clock = Clock::new(chrono::Utc::now(), &shell.session.settings().timezone)?;
    for (name, data_type) in wanted {
        if values.contains_key(&name) {
            continue;
        }
        let kind = data_type.as_ref().map(ParamType::of);
        let Some(typed) = ask(shell, &name, kind.as_ref())? else { return Ok(None) };
        let value = match kind {
            Some(kind) => Param::required(&name, kind).parse(&typed, &clock),
            None => Ok(guessed(&typed)),
        };
        values.insert(name, value.map_err(as_typed_here)?);
    }
    Ok(Some(values))
}

/// `error` with its advice as it is typed behind `.run`, where no flag goes
/// before a parameter.
fn as_typed_here(error: Error) -> Error {
    match error.advice().map(|advice| advice.replace("-p ", "")) {
        Some(advice) => error.hint(advice),
        None => error,
    }
}
