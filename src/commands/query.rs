//! `weiku [DB] [-c SQL | -f FILE ...]`: runs scripts, or opens the shell.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use clap::CommandFactory;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::answers::Answers;
use super::piped::Piped;
use super::prompt::{Scripts, history_file};
use super::{DONE, Exit, Program};
use crate::catalog;
use crate::cli::{Cli, Common, Errors, Query, Script, command_meant, is_statement};
use crate::config::Config;
use crate::database::Database;
use crate::engine::{Params, Session, Statement, as_typed, script};
use crate::error::{Error, Kind, Result, nearest};
use crate::queries::{read_script, script_at};
use crate::render::{is_broken_pipe, visible, write_error};
use crate::shell::{self, Profile, Progress, diagnostic};

/// Cells of the lines of a plan where nothing says how many there are.
const WIDTH: usize = 120;

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
    let is_script = scripts.contains(&Script::File("-".into()));
    // Each is read once: it may be a pipe as well.
    let scripts = scripts.iter().map(read).collect::<Result<Vec<_>>>()?;
    let piped = match !is_script && scripts.iter().any(|(text, _)| Piped::is_named_in(text)) {
        true => Some(piped(&session, query, program).await?),
        false => None,
    };
    let piped = piped.as_ref();
    let _listening = super::interrupt::cancel_on_interrupt(&session);
    if config.progress {
        shell::erase_progress();
    }
    check_params(&params, &scripts)?;
    if scripts.iter().any(|(text, _)| shell::is_for_shell(text)) {
        let scripts = Scripts { texts: &scripts, piped, params };
        return scripts.run(query, session, &config, program).await;
    }
    let mut answers = Answers::new(&query.output, &config, program)?;
    let mut exit = DONE;
    // What workers did stands only in the engine's own text.
    let keeps_plans = query.output.format_name().is_some()
        || query.output.output.is_some()
        || session.settings().cluster.is_some();
    for (text, file) in scripts {
        let file = file.as_deref();
        let in_text = |error: Error| shell::as_typed(error, &text, file);
        for statement in script::parse(&text, file).map_err(in_text)? {
            let outcome = match shell::analyzed(&statement).filter(|_| !keeps_plans) {
                Some(explained) => explain(&session, (&explained, &params), &config, program).await,
                None => run(&session, &statement, &params, &mut answers, program).await,
            };
            let outcome = outcome.map_err(in_text).map_err(|error| match piped {
                Some(piped) => piped.named(error),
                None => error,
            });
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

/// What is piped in, as a table.
async fn piped(session: &Session, query: &Query, program: &Program) -> Result<Piped> {
    if program.environment.stdin_terminal {
        let notice = "the table stdin is what is typed from here on; Ctrl-D ends it".to_owned();
        program.tell(vec![notice], None, query.common.errors);
    }
    Piped::table(session).await
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

/// Runs a statement to its end, throws its answer away, and shows where its time went: the
/// plans of EXPLAIN ANALYZE are for people, also where they are kept in a file.
async fn explain(
    session: &Session,
    (statement, params): (&Statement, &Params),
    config: &Config,
    program: &Program,
) -> Result<()> {
    let width = program.environment.width;
    let progress = config.progress.then(|| {
        let width = width.unwrap_or(usize::MAX);
        Progress::start(program.stderr(), width)
    });
    let begun = Instant::now();
    let mut answer = session.run_anew(statement, params).await.map_err(without_prompt)?;
    if let Some(progress) = &progress {
        progress.watch(&answer.plan);
    }
    let mut rows = 0;
    while let Some(batch) = answer.next().await {
        rows += batch?.num_rows();
    }
    drop(progress);
    let profile = Profile::of(answer.plan.as_ref(), rows, begun.elapsed());
    let width = width.filter(|_| program.environment.stdout_terminal);
    let shown = profile.to_text(width.unwrap_or(WIDTH), config.color);
    writeln!(program.stdout(), "{shown}").map_err(|error| write_error(&error))
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
            let text = read_script(&mut std::io::stdin(), "standard input");
            Ok((text.map_err(or_table)?, None))
        }
        Script::File(path) => Ok((script_at(path)?, Some(path.display().to_string()))),
    }
}

/// The error for standard input that is no script, with what to try if it is a table.
fn or_table(error: Error) -> Error {
    match error.advice() {
        Some(_) => error,
        None => error.hint("a table that is piped in is asked by -c \"SELECT ... FROM stdin\""),
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
    pub(super) fn tell(&self, notices: Vec<String>, piped: Option<&Piped>, errors: Errors) {
        let mut stderr = self.stderr();
        for notice in notices {
            let notice = match piped {
                Some(piped) => piped.told(&notice),
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
