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
    usage: "[SECONDS] [until rows=N] [times=N]",
    summary: "run the last statement again and again",
    details: "It goes on until Ctrl-C, until the statement gives N rows, or N times. Without SECONDS it waits 2. Each \
              round asks the same `_`, and its answer takes the place of that of the round before. Where the input is \
              no terminal, nobody could end it: there it needs until or times. SELECT ... \\watch 2 runs a statement \
              and watches it.",
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
        let rounds = parse(arguments)?;
        if !rounds.end() && !shell.terminal.is_attended() {
            let error = Error::usage(".watch would never end: the input is no terminal");
            return Err(error.hint("say when it ends: .watch 2 times=5, or .watch 2 until rows=0"));
        }
        // Each round gives a new answer, but asks the one that the statement asked.
        let asked = shell.last_asked;
        let then = shell.asked_then(&statement)?;
        let mut round = None;
        let mut ran = 0;
        // Also between the rounds.
        let _silence = shell.terminal.silence();
        loop {
            let time = time_of_day(shell);
            let pause = seconds(rounds.pause);
            shell.confirm(&format!("{time} · again every {pause}, Ctrl-C ends it"));
            round = run(shell, (&statement, &params), then.as_ref(), round).await?;
            shell.last_asked = asked;
            ran += 1;
            let is_there = rounds.until.is_some() && shell.last_rows == rounds.until;
            if is_there || Some(ran) == rounds.times {
                return Ok(Flow::Continue);
            }
            shell.interrupts.clear();
            tokio::select! {
                () = tokio::time::sleep(rounds.pause) => {}
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

/// How often and how long a statement is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rounds {
    /// The time between two of them.
    pause: Duration,
    /// The number of rows that ends it.
    until: Option<u64>,
    /// How many there are at most.
    times: Option<u64>,
}

impl Rounds {
    /// Whether it ends although nobody presses Ctrl-C, as far as that can be told.
    fn end(&self) -> bool {
        self.until.is_some() || self.times.is_some()
    }
}

/// Reads `2 times=5 until rows=0`, or the words of psql, `i=2 c=5`.
fn parse(arguments: &str) -> Result<Rounds> {
    let mut rounds = Rounds { pause: Duration::from_secs(2), until: None, times: None };
    let mut words = arguments.trim_end_matches(';').split_whitespace();
    while let Some(word) = words.next() {
        match word.split_once('=').unwrap_or(("", word)) {
            ("", "until") => {
                let rows = words.next().and_then(|word| word.strip_prefix("rows="));
                let rows = rows.and_then(|rows| rows.parse::<u64>().ok());
                rounds.until = Some(rows.ok_or_else(wrong)?);
            }
            ("times" | "c", times) => {
                let times = times.parse::<u64>().ok().filter(|times| *times > 0);
                rounds.times = Some(times.ok_or_else(wrong)?);
            }
            ("" | "i", seconds) => {
                let seconds = seconds.parse::<f64>().map_err(|_| wrong())?;
                rounds.pause = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
            }
            _ => return Err(wrong()),
        }
    }
    rounds.pause = rounds.pause.max(Duration::from_millis(100));
    Ok(rounds)
}

fn wrong() -> Error {
    let usage = ABOUT.usage;
    misused(&ABOUT).hint(format!("run the statement once; .watch {usage} runs it again and again"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Rounds, parse};

    #[test]
    fn the_pause_and_the_end_are_read() {
        let rounds =
            |millis, until, times| Rounds { pause: Duration::from_millis(millis), until, times };
        for (arguments, read) in [
            ("", rounds(2_000, None, None)),
            ("0.5 until rows=0;", rounds(500, Some(0), None)),
            ("0 times=3", rounds(100, None, Some(3))),
            ("i=1 c=2", rounds(1_000, None, Some(2))),
            ("times=3 until rows=1", rounds(2_000, Some(1), Some(3))),
        ] {
            assert_eq!(parse(arguments).unwrap(), read, "{arguments}");
        }
        assert!(!rounds(100, None, None).end());
        assert!(rounds(100, Some(0), None).end() && rounds(100, None, Some(1)).end());
        for wrong in ["soon", "-1", "1 until x", "until", "times=0", "times=x", "m=1", "nan"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
