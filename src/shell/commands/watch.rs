//! `.watch`: run the last statement again and again.

use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::array::timezone::Tz;

use super::{About, Command, Reach, misused};
use crate::engine::{Params, Statement};
use crate::error::{Error, Result};
use crate::shell::complete::catalog::Takes;
use crate::shell::results::{Kept, let_last_be};
use crate::shell::{Flow, Shell, seconds};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Watch;

static ABOUT: About = About {
    name: ".watch",
    aliases: &["\\watch"],
    usage: "[SECONDS] [until rows=N]",
    summary: "run the last statement again and again",
    details: "It goes on until Ctrl-C, or until the statement gives N rows. Without SECONDS it waits 2. Each round \
              asks the same `_`, and its answer takes the place of that of the round before.",
    takes: Takes::Nothing,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Watch {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let Some((statement, params)) = shell.last.clone() else {
            return Err(Error::usage("there is no statement to watch yet"));
        };
        let (pause, until) = parse(arguments)?;
        // Each round gives a new answer, but asks the one that the statement asked.
        let asked = shell.last_asked;
        let then = shell.asked_then(&statement)?;
        let mut round = None;
        // Also between the rounds.
        let _silence = shell.terminal.silence();
        loop {
            let time = time_of_day(shell);
            shell.confirm(&format!("{time} · again every {}, Ctrl-C ends it", seconds(pause)));
            round = run(shell, (&statement, &params), then.as_ref(), round).await?;
            shell.last_asked = asked;
            if until.is_some() && shell.last_rows == until {
                return Ok(Flow::Continue);
            }
            shell.interrupts.clear();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shell.interrupts.pressed() => return Ok(Flow::Continue),
            }
        }
    }
}

/// The time of day in the session's time zone.
fn time_of_day(shell: &Shell<'_>) -> String {
    let config = shell.session.context().copied_config();
    let zone = config.options().execution.time_zone.as_deref().unwrap_or("UTC");
    let now = chrono::Utc::now();
    let there =
        zone.parse::<Tz>().map(|zone| now.with_timezone(&zone).format("%H:%M:%S").to_string());
    there.unwrap_or_else(|_| now.format("%H:%M:%S UTC").to_string())
}

/// Runs the statement once more, over the answer `then` if it asks `_`. Its own
/// answer, whose number is returned, takes the place of that of the `round`
/// before, so that all others stay.
async fn run(
    shell: &mut Shell<'_>,
    (statement, params): (&Statement, &Params),
    then: Option<&Kept>,
    round: Option<usize>,
) -> Result<Option<usize>> {
    if then.is_some() {
        let_last_be(shell.session.context(), then)?;
    }
    shell.results.replace(round);
    let outcome = shell.run_statement(statement, params).await;
    shell.results.replace(None);
    if outcome.is_err() && then.is_some() {
        let_last_be(shell.session.context(), shell.results.last())?;
    }
    outcome.map(|()| shell.results.given().map(|kept| kept.number))
}

/// The pause between runs, and the number of rows that ends it.
fn parse(arguments: &str) -> Result<(Duration, Option<u64>)> {
    let mut words = arguments.trim_end_matches(';').split_whitespace().peekable();
    let mut pause = Duration::from_secs(2);
    if let Some(seconds) = words.peek().and_then(|word| word.parse::<f64>().ok()) {
        words.next();
        pause = Duration::try_from_secs_f64(seconds).map_err(|_| misused(&ABOUT))?;
    }
    let rest: Vec<&str> = words.collect();
    let until =
        match rest.as_slice() {
            [] => None,
            ["until", rows] => {
                let count = rows.strip_prefix("rows=").and_then(|count| count.parse().ok());
                Some(count.ok_or_else(|| misused(&ABOUT))?)
            }
            _ => return Err(misused(&ABOUT).hint(
                "run the statement once; .watch [SECONDS] [until rows=N] runs it again and again",
            )),
        };
    Ok((pause.max(Duration::from_millis(100)), until))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse;

    #[test]
    fn the_pause_and_the_end_are_read() {
        assert_eq!(parse("").unwrap(), (Duration::from_secs(2), None));
        assert_eq!(parse("0.5 until rows=0;").unwrap(), (Duration::from_millis(500), Some(0)));
        assert!(parse("soon").is_err() && parse("-1").is_err() && parse("1 until x").is_err());
    }
}
