//! `.again`: run the last statement again.

use async_trait::async_trait;

use super::{About, Command, Reach, misused};
use crate::error::{Error, Result};
use crate::shell::complete::catalog::Takes;
use crate::shell::results::let_last_be;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Again;

static ABOUT: About = About {
    name: ".again",
    aliases: &[],
    usage: "[x]",
    summary: "run the last statement again",
    details: "It asks the same `_` as the first time. With x its answer has one line for each column, as with .x. \
              Alone on a line \\g and \\gx do the same; at the end of a statement they run it as ; does, and a file \
              behind them takes the answer.\n\
              SELECT * FROM posts LIMIT 1 \\gx",
    takes: Takes::Choice(&["x"]),
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Again {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let is_expanded = match arguments.trim_end_matches(';').trim_end() {
            "" => false,
            "x" => true,
            _ => return Err(misused(&ABOUT)),
        };
        let Some((statement, params)) = shell.last.clone() else {
            return Err(Error::usage("there is no statement to run again yet"));
        };
        let asked = shell.last_asked;
        let then = shell.asked_then(&statement)?;
        if then.is_some() {
            let_last_be(shell.session.context(), then.as_ref())?;
        }
        let outcome = match is_expanded {
            true => shell.run_expanded(&statement, &params).await,
            false => shell.run_statement(&statement, &params).await,
        };
        if then.is_some() {
            shell.last_asked = asked;
            if outcome.is_err() {
                let_last_be(shell.session.context(), shell.results.last())?;
            }
        }
        outcome.map(|()| Flow::Continue)
    }
}
