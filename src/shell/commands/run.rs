//! `.run`: run a saved query.

use async_trait::async_trait;

use super::{About, Command, Reach, misused, split_words};
use crate::error::{Error, Result};
use crate::queries::{Clock, Grid, SavedQuery, plain};
use crate::render::visible;
use crate::shell::Reading;
use crate::shell::complete::catalog::Takes;
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
        let prompt =
            format!("{} ({}, as {}): ", param.name, param.kind.name(), param.kind.example());
        match shell.terminal.ask(&prompt)? {
            Reading::Text(value) | Reading::Edit(value) => {
                given.push((param.name.clone(), value.trim().to_owned()));
            }
            Reading::Interrupted | Reading::End => return Ok(false),
        }
    }
    Ok(true)
}

/// `error` with its advice as it is typed behind `.run`, where no flag goes
/// before a parameter.
fn as_typed_here(error: Error) -> Error {
    match error.advice().map(|advice| advice.replace("-p ", "")) {
        Some(advice) => error.hint(advice),
        None => error,
    }
}
