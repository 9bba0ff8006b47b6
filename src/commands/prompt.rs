//! `weiku [DB]` on a terminal: the shell.

use std::path::{Path, PathBuf};

use super::{Exit, Program};
use crate::cli::Query;
use crate::config::Config;
use crate::engine::{Params, Session};
use crate::error::Result;
use crate::queries::Library;
use crate::render;
use crate::shell::{self, Shell};

/// The file in the configuration folder that the shell runs first.
pub(super) const INIT_FILE: &str = "init.sql";

/// Opens the shell as the flags of `query` say.
pub(super) async fn open(
    query: &Query,
    session: Session,
    config: &Config,
    params: Params,
    program: &Program,
) -> Result<Exit> {
    let library = library(config, session.store().map(|store| store.root()))?;
    let options = options(query, config, params, program)?;
    shell::run(session, library, options).await
}

/// Runs a script that uses the shell's commands, as the shell's `.read` would.
pub(super) async fn script(
    text: &str,
    file: Option<&str>,
    query: &Query,
    session: Session,
    config: &Config,
    program: &Program,
) -> Result<()> {
    let library = library(config, session.store().map(|store| store.root()))?;
    let params = super::query::params(&query.common)?;
    let mut options = options(query, config, params, program)?;
    options.quiet = true;
    options.timing = false;
    if query.output.format_name().is_none() && !program.environment.stdout_terminal {
        options.format = render::format("csv")?;
    }
    let mut plain = shell::Plain;
    let mut shell = Shell::new(session, library, options, &mut plain)?;
    shell.execute(text, file).await.map(|_| ())
}

fn options(
    query: &Query,
    config: &Config,
    params: Params,
    program: &Program,
) -> Result<shell::Options> {
    let environment = &program.environment;
    let asked = query.output.format_name().or(config.file.format.as_deref());
    let defaults = shell::Options::default();
    Ok(shell::Options {
        database: query.database.clone(),
        format: asked.map(render::format).transpose()?.unwrap_or(defaults.format),
        max_rows: config.file.max_rows.or(defaults.max_rows),
        readable: config.readable,
        null: config.file.null.clone().unwrap_or_else(|| defaults.null.clone()),
        color: config.color,
        error_color: config.error_color,
        progress: config.progress,
        quiet: query.common.quiet,
        history: environment.state_dir.as_deref().map(history_file),
        init: environment
            .config_dir
            .as_ref()
            .filter(|_| !query.no_init)
            .map(|folder| folder.join(INIT_FILE)),
        keys: config.file.keys.as_deref().map_or(Ok(defaults.keys), shell::Keys::named)?,
        pager: config.file.pager.clone(),
        hints: config.file.hints.unwrap_or(defaults.hints),
        params,
        ..defaults
    })
}

/// The file in the state folder that remembers what is typed.
pub(super) fn history_file(folder: &Path) -> PathBuf {
    folder.join("history")
}

/// Where saved queries are looked up; `database` is the folder of the database.
pub(super) fn library(config: &Config, database: Option<&Path>) -> Result<Library> {
    let named: Vec<_> = config.queries.iter().cloned().collect();
    Library::standard(&named, Path::new("."), database)
}
