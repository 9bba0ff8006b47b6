//! `weiku [DB] [-c SQL | -f FILE ...]`: runs scripts, or opens the shell.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;

use clap::CommandFactory;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::answers::Answers;
use super::prompt::{Scripts, history_file};
use super::{DONE, Exit, Program};
use crate::catalog;
use crate::cli::{Cli, Common, Errors, Query, Script, command_meant, is_statement};
use crate::database::Database;
use crate::engine::{Params, Session, Statement, as_typed, script};
use crate::error::{Error, Kind, Result, nearest};
use crate::render::{is_broken_pipe, visible};
use crate::shell::{self, diagnostic};

pub(super) async fn execute(query: &Query, program: &Program) -> Result<Exit> {
    let config = program.resolve(&query.common)?;
    let database = open(query.database.as_deref()).await?;
    let session = database.session(config.settings.clone())?;
    // Whoever gives a safe session its statements need not know what a person typed.
    if !session.settings().safe {
        let folder = program.environment.state_dir.as_deref();
        shell::register_history(&session, folder.map(history_file).as_deref());
    }
    let params = params(&query.common)?;
    let mut scripts = query.scripts.clone();
    if scripts.is_empty() && program.environment.stdin_terminal {
        return super::prompt::open(query, session, &config, params, program).await;
    }
    if scripts.is_empty() {
        scripts.push(Script::File("-".into()));
    }
    let piped = super::piped::table(&session, &scripts).await?;
    let piped = piped.as_ref().map(tempfile::NamedTempFile::path);
    let _listening = super::interrupt::cancel_on_interrupt(&session);
    if config.progress {
        shell::erase_progress();
    }
    let scripts = scripts.iter().map(read).collect::<Result<Vec<_>>>()?;
    check_params(&params, &scripts)?;
    if scripts.iter().any(|(text, _)| shell::is_for_shell(text)) {
        let scripts = Scripts { texts: &scripts, piped, params };
        return scripts.run(query, session, &config, program).await;
    }
    let mut answers = Answers::new(&query.output, &config, program)?;
    let mut exit = DONE;
    for (text, file) in scripts {
        for statement in script::parse(&text, file.as_deref())? {
            let outcome = run(&session, &statement, &params, &mut answers, program).await;
            program.tell(session.notices(), piped, query.common.errors);
            match outcome {
                Ok(()) => {}
                Err(error) if is_broken_pipe(&error) => return Ok(DONE),
                Err(error) if query.keep_going => {
                    program.report(&error, query.common.errors);
                    exit = error.exit_code();
                }
                Err(error) => return Err(error),
            }
        }
    }
    answers.finish()?;
    Ok(exit)
}

/// The database at `path`, or none.
pub(super) async fn open(path: Option<&Path>) -> Result<Database> {
    let Some(path) = path else { return Ok(Database::none()) };
    if let Some(sql) = path.to_str().filter(|word| is_statement(word) && !path.exists()) {
        let error = Error::usage(format!("`{}` is a statement, and no database", visible(sql)));
        return Err(error.hint("put -c before it: weiku -c \"...\", or weiku DB -c \"...\""));
    }
    catalog::check_database(path)?;
    Database::open(path).await.map_err(|error| {
        let line = Cli::command();
        let word = path.to_str().filter(|_| error.kind() == Kind::Usage);
        let is_told = error.advice().is_some_and(|advice| advice.starts_with("did you mean"));
        match word.filter(|_| !is_told).and_then(|word| command_meant(&line, word)) {
            Some(near) => error.hint(format!("did you mean the command `weiku {near}`?")),
            None => error,
        }
    })
}

async fn run(
    session: &Session,
    statement: &Statement,
    params: &Params,
    answers: &mut Answers,
    program: &Program,
) -> Result<()> {
    let answer = session.run(statement, params).await.map_err(without_prompt)?;
    answers.write(answer, (statement, params), program).await
}

/// The error with the advice for a script that asks the last answer, which only the
/// prompt has.
fn without_prompt(error: Error) -> Error {
    if error.message() != shell::NO_LAST {
        return error;
    }
    error.hint(
        "only the prompt keeps the last answer as _; here one statement names it: \
         WITH answer AS (SELECT ...) SELECT ... FROM answer",
    )
}

/// The text of a script, and the file that it stands in.
fn read(source: &Script) -> Result<(String, Option<String>)> {
    match source {
        Script::Text(text) => Ok((text.clone(), None)),
        Script::File(path) if path == Path::new("-") => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().read_to_end(&mut bytes);
            read.map_err(|error| Error::io("read", path, &error))?;
            Ok((shell::script_text(bytes, "standard input")?, None))
        }
        Script::File(path) => {
            let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, &error))?;
            let name = path.display().to_string();
            Ok((shell::script_text(bytes, &name)?, Some(name)))
        }
    }
}

/// Refuses values that no statement of the scripts asks for. Commands of the shell
/// may run saved queries, which ask for others.
fn check_params(params: &Params, scripts: &[(String, Option<String>)]) -> Result<()> {
    let mut names = BTreeSet::new();
    for (text, _) in scripts {
        if shell::is_for_shell(text) {
            return Ok(());
        }
        // What cannot be read is complained of when it is run.
        let Ok(tokens) = script::tokenize(text) else { return Ok(()) };
        names.extend(script::numbered(tokens).into_iter().filter_map(|token| match token.token {
            Token::Placeholder(name) => name.strip_prefix('$').map(str::to_owned),
            _ => None,
        }));
    }
    let Some(name) = params.keys().find(|name| !names.contains(*name)) else { return Ok(()) };
    let error = Error::usage(format!("no statement has the parameter `${name}`"));
    Err(match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => {
            error.hint("write it in the SQL as $name; single quotes keep it from your shell")
        }
        None => {
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            error.hint(format!("there are {names}"))
        }
    })
}

/// The values of `-p NAME=VALUE` for plain SQL; what they are is told by where they stand.
pub(super) fn params(common: &Common) -> Result<Params> {
    Ok(common.given()?.into_iter().map(|(name, value)| (name, as_typed(&value))).collect())
}

impl Program {
    /// Writes what a session has to say of files to standard error; what is `piped`
    /// in has no name of its own.
    pub(super) fn tell(&self, notices: Vec<String>, piped: Option<&Path>, errors: Errors) {
        let mut stderr = self.stderr();
        let piped = piped.map(|path| path.display().to_string());
        for notice in notices {
            let notice = match &piped {
                Some(piped) => notice.replace(piped, "stdin"),
                None => notice,
            };
            let _ = match errors {
                Errors::Text => writeln!(stderr, "notice: {}", visible(&notice)),
                Errors::Json => writeln!(stderr, "{}", serde_json::json!({ "notice": notice })),
            };
        }
    }

    /// Writes an error to standard error, for people or for programs.
    pub fn report(&self, error: &Error, errors: Errors) {
        let mut stderr = self.stderr();
        // Nobody is left to tell when standard error itself is gone.
        let color = self.environment.stderr_terminal && !self.environment.no_color;
        let _ = match errors {
            Errors::Text => {
                let width = self.environment.width.filter(|_| self.environment.stderr_terminal);
                diagnostic::write_within(&mut stderr, error, color, width)
            }
            Errors::Json => writeln!(stderr, "{}", diagnostic::to_json(error)),
        };
    }
}
