//! `.set`: show settings, or change one.

use super::describe::unplaced;
use async_trait::async_trait;

use super::{About, Command, Reach, matches, one_statement};
use crate::engine::Params;
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Set;

static ABOUT: About = About {
    name: ".set",
    aliases: &[],
    usage: "[NAME [VALUE]]",
    summary: "show settings, or change one",
    details: "In SQL: SET name = value; and information_schema.df_settings. How answers look is set by\n.mode, .maxrows, .width, .null, .timing and .hints.",
    takes: Takes::Setting,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Set {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let argument = arguments.trim_end_matches(';');
        let (name, value) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
        let value = value.trim().trim_start_matches('=').trim();
        if value.is_empty() {
            return list(shell, name.trim_end_matches('=')).await;
        }
        let statement = format!("SET {name} = '{}'", value.trim_matches('\'').replace('\'', "''"));
        let statement = one_statement(&ABOUT, &statement)?;
        let answer = shell.session.run(&statement, &Params::new()).await.map_err(unplaced)?;
        answer.collect().await.map_err(unplaced)?;
        shell.learn_everything().await;
        Ok(Flow::Continue)
    }
}

async fn list(shell: &mut Shell<'_>, pattern: &str) -> Result<Flow> {
    shell.learn_everything().await;
    let rows: Vec<Vec<Cell>> = shell
        .catalog
        .settings
        .iter()
        .filter(|setting| pattern.is_empty() || matches(pattern, &setting.name))
        .map(|setting| vec![Cell::from(setting.name.as_str()), Cell::from(setting.value.as_str())])
        .collect();
    if rows.is_empty() {
        shell.note("no setting matches");
    } else {
        shell.show_table(&listing::batch(&["setting", "value"], &rows)?)?;
    }
    Ok(Flow::Continue)
}
