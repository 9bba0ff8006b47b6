//! The prompt: editor, completion, commands, and the loop that joins them.
//!
//! A [`Shell`] reads inputs from a [`Terminal`], runs them in a session, and
//! writes answers and errors back. It knows nothing of the terminal beyond that
//! trait, so that tests and scripts drive it as a person does.

mod assist;
mod at_work;
mod column_values;
mod commands;
mod complete;
pub mod diagnostic;
mod editor;
mod history;
mod history_table;
mod input;
mod interrupts;
mod kept_file;
mod layout;
mod listing;
mod profile;
mod progress;
mod results;
mod rows_read;
mod scan;
mod screen;
mod searched;
mod signals;
mod silence;
mod sink;
mod snapshot;
mod statement;
mod straight;
mod talk;
mod terminal;
mod viewer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use assist::Assistant;
pub use commands::{command_list, reference};
pub use editor::{EditorOptions, LineEditor};
pub(crate) use history_table::register as register_history;
pub(crate) use input::{analyzed, is_for_shell};
pub(crate) use layout::file_laid_out;
pub(crate) use profile::Profile;
pub(crate) use progress::Progress;
pub(crate) use results::NO_LAST;
pub use searched::shown_for;
pub(crate) use signals::erase_progress;
pub use silence::Silence;
pub(crate) use straight::as_typed;
pub use terminal::{Keys, Plain, Reading, Terminal};

use crate::engine::{Params, Session, Statement};
use crate::error::{Error, Place, Result};
use crate::queries::{Library, script_at};
use crate::render::{self, Format, OutputFile, Readable, visible, wrap};
use assist::Data;
use complete::Catalog;
use history::History;
use input::Input;
use interrupts::Interrupts;
use results::{Kept, Results};
use sink::{Sinks, Target};
use straight::straight;

/// What a notice begins with.
const NOTICE: &str = "notice: ";

/// Lines that stand on the screen beside the rows of a table: the statement, the
/// head, what is left out, the footer and the next prompt.
const BESIDE_ROWS: usize = 12;

/// So many rows are shown whole, though they may take more lines than the screen has.
const WHOLE_ROWS: usize = 40;

/// As many rows are shown on the smallest screen.
const FEWEST_ROWS: usize = 10;

/// How deeply `.read` may call itself.
const DEEPEST_READ: usize = 16;

/// Whether the shell goes on after an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It reads the next input.
    Continue,
    /// It leaves.
    Quit,
}

/// What a shell is told when it starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database folder, for the prompt; `None` without one.
    pub database: Option<PathBuf>,
    /// The output format to begin with.
    pub format: &'static Format,
    /// Most rows that formats for people show; without it as many as the screen has
    /// room for.
    pub max_rows: Option<usize>,
    /// How formats for people show NULL.
    pub null: String,
    /// How big numbers are put into words.
    pub readable: Readable,
    /// Whether answers may be coloured.
    pub color: bool,
    /// Whether errors and everything else on standard error may be coloured.
    pub error_color: bool,
    /// Whether progress may be drawn.
    pub progress: bool,
    /// Whether each answer is followed by the time it took.
    pub timing: bool,
    /// Whether to greet, and to say what happens beside the answers.
    pub quiet: bool,
    /// Where inputs are remembered; `None` to remember nothing.
    pub history: Option<PathBuf>,
    /// A file of commands and statements to run first, if it is there.
    pub init: Option<PathBuf>,
    /// The program for `.edit`, and what it is called with.
    pub editor: Option<String>,
    /// The program for `.last`, and what it is called with.
    pub pager: Option<String>,
    /// Whether ghost text is shown while somebody types.
    pub hints: bool,
    /// Whose keys edit a line.
    pub keys: Keys,
    /// Values of placeholders in statements.
    pub params: Params,
}

impl Default for Options {
    fn default() -> Self {
        let shown = render::Options::default();
        Self {
            database: None,
            format: render::FORMATS[0],
            max_rows: None,
            null: shown.null,
            readable: shown.readable,
            color: false,
            error_color: false,
            progress: false,
            timing: true,
            quiet: false,
            history: None,
            init: None,
            editor: None,
            pager: None,
            hints: true,
            keys: Keys::default(),
            params: Params::new(),
        }
    }
}

/// A session at work for a person or a script.
pub struct Shell<'t> {
    session: Session,
    library: Library,
    terminal: &'t mut dyn Terminal,
    options: Options,
    /// Cells across that the person wants, instead of the terminal's.
    width: Option<usize>,
    /// The pager that the shell began with.
    first_pager: Option<String>,
    /// The format for people that `.x` goes back to.
    before_expanded: Option<&'static Format>,
    sinks: Sinks,
    results: Results,
    history: History,
    interrupts: Interrupts,
    /// The last statement of SQL that was run, with its parameters.
    last: Option<(Statement, Params)>,
    /// Whether that failed, or something behind it that cannot even be read.
    last_failed: bool,
    /// The number of the answer that was `_` to that statement.
    last_asked: Option<usize>,
    /// How many inputs stand behind the one that failed.
    not_run: usize,
    /// What the next prompt begins with.
    initial: String,
    /// How many rows the last statement gave.
    last_rows: Option<u64>,
    /// How long the statements of the input ran that is at work, if it had any.
    ran: Option<Duration>,
    fixed: Catalog,
    catalog: Arc<Catalog>,
    data: Arc<Data>,
    depth: usize,
    /// Whether a person is there to be asked.
    asks: bool,
}

impl std::fmt::Debug for Shell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shell").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Runs the shell on the program's terminal until the person leaves, and
/// returns the exit code.
///
/// # Errors
/// When the terminal cannot be used, or the init file fails.
pub async fn run(session: Session, library: Library, mut options: Options) -> Result<u8> {
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    let program = |names: &[&str]| {
        names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    };
    options.editor = options.editor.or_else(|| program(&["VISUAL", "EDITOR"]));
    let pager = program(&["WEIKU_PAGER"]).or(options.pager.take());
    options.pager = pager.or_else(|| program(&["PAGER"]));
    options.progress &= !dumb;
    options.hints &= !dumb;
    let mut editor = LineEditor::new(&EditorOptions {
        color: options.color && !dumb,
        hints: options.hints,
        keys: options.keys,
        screen: !dumb,
        reflows: reflows(),
        width: None,
        history: options.history.clone(),
    })?;
    let mut shell = Shell::new(session, library, options, &mut editor)?;
    shell.interact().await
}

/// Whether the terminal breaks rows anew when its width changes, as nearly all do: the
/// exceptions say who they are.
fn reflows() -> bool {
    let console = std::env::var("TERM").is_ok_and(|term| term == "linux");
    !console && ["XTERM_VERSION", "STY"].iter().all(|name| std::env::var_os(name).is_none())
}

impl<'t> Shell<'t> {
    /// A shell over `session` that reads and writes through `terminal`. It must
    /// be made within a Tokio runtime of several threads.
    ///
    /// # Errors
    /// When Ctrl-C cannot be listened to.
    pub fn new(
        session: Session,
        library: Library,
        options: Options,
        terminal: &'t mut dyn Terminal,
    ) -> Result<Self> {
        let history = History::new(options.history.clone());
        register_history(&session, history.path());
        let interrupts = Interrupts::listen()?;
        let data = Arc::new(Data::new(session.clone()));
        let first_pager = options.pager.clone();
        Ok(Self {
            session,
            library,
            terminal,
            options,
            width: None,
            first_pager,
            before_expanded: None,
            sinks: Sinks::default(),
            results: Results::default(),
            history,
            interrupts,
            last: None,
            last_failed: false,
            last_asked: None,
            not_run: 0,
            initial: String::new(),
            last_rows: None,
            ran: None,
            fixed: Catalog::default(),
            catalog: Arc::default(),
            data,
            depth: 0,
            asks: false,
        })
    }

    /// Greets, runs the init file, and reads inputs until the person leaves.
    /// Returns the exit code of the program.
    ///
    /// # Errors
    /// When the terminal cannot be read, or the init file fails.
    pub async fn interact(&mut self) -> Result<u8> {
        self.fixed = snapshot::fixed(&self.session).await;
        if let Some(init) = self.options.init.clone().filter(|init| init.exists())
            && self.run_init(&init).await? == Flow::Quit
        {
            return Ok(0);
        }
        self.learn_everything().await;
        self.greet().await;
        self.asks = true;
        loop {
            let initial = std::mem::take(&mut self.initial);
            match self.terminal.read(&self.prompt(), &initial)? {
                Reading::End => return Ok(0),
                Reading::Interrupted => {}
                Reading::Edit(text) => {
                    if let Err(error) = commands::edit_text(self, &text) {
                        self.complain(&error);
                        self.initial = text;
                    }
                }
                Reading::Text(text) => {
                    if self.enter(&text).await == Flow::Quit {
                        return Ok(0);
                    }
                }
            }
        }
    }

    /// Runs commands and statements in order, up to the first that fails;
    /// `file` names them in errors.
    ///
    /// # Errors
    /// The first error, which is not printed.
    pub async fn execute(&mut self, text: &str, file: Option<&str>) -> Result<Flow> {
        self.execute_all(text, file, &mut Err::<(), Error>).await
    }

    /// As [`Shell::execute`], but goes on behind what fails as long as `failed`, which is
    /// given each error, lets it.
    ///
    /// # Errors
    /// When the text cannot be split, and what `failed` gives back.
    pub async fn execute_all(
        &mut self,
        text: &str,
        file: Option<&str>,
        failed: &mut dyn FnMut(Error) -> Result<()>,
    ) -> Result<Flow> {
        let inputs = input::split(text, file).map_err(|error| as_typed(error, text, file));
        self.last_failed |= inputs.is_err();
        let mut inputs = inputs?.into_iter();
        while let Some(input) = inputs.next() {
            let within = input::command_within(&input);
            match self.run_input(input, file).await {
                Ok(Flow::Continue) => {}
                Ok(Flow::Quit) => return Ok(Flow::Quit),
                Err(error) => {
                    self.not_run = inputs.len();
                    let error = input::as_unended(error, within.as_deref());
                    failed(as_typed(error, text, file))?;
                }
            }
        }
        Ok(Flow::Continue)
    }

    /// Writes all answers in `format` into `file` from now on, as `.output` does; whoever
    /// began the file gives it its name at the end.
    pub(crate) fn send_to(&mut self, file: Arc<OutputFile>, format: &'static Format) {
        self.sinks.steady = Some(Target::whole(file, format));
    }

    async fn run_input(&mut self, input: Input, file: Option<&str>) -> Result<Flow> {
        let outcome = self.run_one(input, file).await;
        // Behind a failure most of all: they may say what is behind it.
        let room = self.terminal.width().unwrap_or(usize::MAX).saturating_sub(NOTICE.len());
        for notice in self.session.notices() {
            if self.terminal.notice(&notice) {
                continue;
            }
            let lines = wrap(&visible(&notice), room.max(20), usize::MAX, "");
            self.note(&format!("{NOTICE}{}", lines.join("\n        ")));
        }
        outcome
    }

    async fn run_one(&mut self, input: Input, file: Option<&str>) -> Result<Flow> {
        let is_expanded = matches!(input, Input::Expanded(_));
        match input {
            Input::Command { line, at } => {
                Box::pin(commands::run(self, &line)).await.map_err(|error| match file {
                    Some(file) if error.place().file.is_none() => in_script(error, file, &line, at),
                    _ => error,
                })
            }
            Input::Statement(statement) | Input::Expanded(statement) => {
                if scan::has_name(&statement.sql, results::LAST) {
                    self.tell_if_older(results::LAST);
                }
                self.results.begin();
                match commands::values(self, &statement).await? {
                    Some(params) if is_expanded => self.run_expanded(&statement, &params).await?,
                    Some(params) => self.run_statement(&statement, &params).await?,
                    None => {}
                }
                Ok(Flow::Continue)
            }
        }
    }

    /// As [`Shell::run_statement`], with one line for each column of the answer.
    async fn run_expanded(&mut self, statement: &Statement, params: &Params) -> Result<()> {
        let format = std::mem::replace(&mut self.options.format, render::format("vertical")?);
        let outcome = self.run_statement(statement, params).await;
        self.options.format = format;
        outcome
    }

    /// Runs one line or text as if it were typed, for callers that mix the
    /// shell's commands with their own work.
    ///
    /// # Errors
    /// As for [`Shell::execute`].
    pub async fn execute_line(&mut self, line: &str) -> Result<Flow> {
        self.execute(line, None).await
    }

    /// Runs what was typed; errors are said and do not end the shell.
    async fn enter(&mut self, text: &str) -> Flow {
        if text.trim().is_empty() {
            return Flow::Continue;
        }
        let is_remembered = !text.starts_with(char::is_whitespace);
        if is_remembered {
            self.terminal.remember(text.trim_end());
        }
        let entry = self.history.add(text);
        let entry = entry.unwrap_or_else(|error| {
            self.complain(&error);
            None
        });
        self.last_rows = None;
        self.ran = None;
        self.not_run = 0;
        let outcome = self.execute(&straight(text), None).await;
        let outcome = outcome.map_err(|error| as_typed(error, text, None));
        if is_remembered {
            self.terminal.learn_outcome(text.trim_end(), outcome.is_ok());
        }
        let rows = self.last_rows;
        if let Some(entry) = entry {
            let finished = self.history.finish(entry, self.ran, rows, outcome.is_ok());
            if let Err(error) = finished {
                self.complain(&error);
            }
        }
        match outcome {
            Ok(Flow::Quit) => return Flow::Quit,
            Ok(Flow::Continue) => {}
            Err(error) => {
                self.complain(&error);
                self.tell_not_run();
            }
        }
        self.learn_relations().await;
        Flow::Continue
    }

    /// Runs the file at `path`, which `.read` and the init file name.
    async fn run_file(&mut self, path: &Path) -> Result<Flow> {
        let text = script_at(path)?;
        let name = path.display().to_string();
        if self.depth >= DEEPEST_READ {
            return Err(Error::usage(format!(".read goes deeper than {DEEPEST_READ} files"))
                .in_file(name)
                .hint("does a file read itself?"));
        }
        self.depth += 1;
        let outcome = Box::pin(self.execute(&text, Some(&name))).await;
        self.depth -= 1;
        outcome
    }

    async fn run_init(&mut self, init: &Path) -> Result<Flow> {
        // Whatever is wrong in it, nothing of the session has run yet.
        self.run_file(init).await.map_err(|error| {
            Error::usage(format!("the init file failed: {}", error.message()))
                .at(error.place().clone())
                .hint("mend it, or start with --no-init")
        })
    }

    /// `weiku>`, or the name of the database folder.
    fn prompt(&self) -> String {
        let name = self.options.database.as_deref().and_then(Path::file_name);
        let name =
            name.map_or("weiku".into(), |name| visible(&name.to_string_lossy()).into_owned());
        let mark = if self.session.settings().readonly { " (read-only)" } else { "" };
        format!("{name}{mark}> ")
    }

    /// The last answer, if it was kept.
    ///
    /// # Errors
    /// When there is none, or it was too large.
    fn last_answer(&self) -> Result<&Kept> {
        self.results.last().ok_or_else(|| match self.results.is_empty() {
            true => Error::usage("there is no last answer yet"),
            false => {
                let why = self.results.lost().unwrap_or("nothing is known of it");
                Error::usage(format!("the last answer is not kept: {why}"))
                    .hint("put .once FILE before the statement, or COPY (SELECT ...) TO 'FILE'")
            }
        })
    }

    /// How values are shown on the terminal.
    fn shown(&self) -> render::Options {
        render::Options {
            width: self.width.or_else(|| self.terminal.width()),
            max_rows: self.options.max_rows.unwrap_or_else(|| self.fitting_rows()),
            whole_rows: self.options.max_rows.map_or(WHOLE_ROWS, |_| 0),
            color: self.options.color,
            null: self.options.null.clone(),
            readable: self.options.readable,
            more: Some(".last shows all".to_owned()),
            ..render::Options::default()
        }
    }

    /// As many rows as leave the head of a table on the screen, within bounds.
    fn fitting_rows(&self) -> usize {
        let most = render::Options::default().max_rows;
        let room = self.terminal.height().map_or(most, |height| height.saturating_sub(BESIDE_ROWS));
        room.clamp(FEWEST_ROWS, most)
    }

    /// Tells the editor about new tables and results.
    async fn learn_relations(&mut self) {
        let mut catalog = Catalog::clone(&self.catalog);
        catalog.relations = snapshot::relations(&self.session).await;
        catalog.relations.extend(self.fixed.relations.iter().cloned());
        self.hand_over(catalog);
    }

    /// Tells the editor about everything that has a name.
    async fn learn_everything(&mut self) {
        let catalog = snapshot::take(&self.session, &self.library, &self.fixed).await;
        self.hand_over(catalog);
    }

    fn hand_over(&mut self, catalog: Catalog) {
        self.catalog = Arc::new(catalog);
        let data = Arc::clone(&self.data);
        self.terminal.assist(Assistant::new(Arc::clone(&self.catalog), data));
    }
}

/// `error` of the command `line` of the script `file`, with the place of the command if it
/// stands at the line number `at`.
fn in_script(error: Error, file: &str, line: &str, at: Option<u64>) -> Error {
    if at.is_none() || error.place().line.is_some() {
        return error.in_file(file);
    }
    let name = line.split_whitespace().next().unwrap_or(line);
    error.at(Place {
        file: Some(file.to_owned()),
        line: at,
        column: Some(1),
        length: Some(name.chars().count() as u64),
        source: Some(line.to_owned()),
    })
}

/// `0.84 s`, or minutes when there are some.
fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        s if s < 0.0995 => format!("{s:.3} s"),
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 119.5 => format!("{s:.1} s"),
        s => format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0),
    }
}
