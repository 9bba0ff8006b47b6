//! The terminal with a line editor: history, completion, colours, ghost text.

mod cycle;
mod drawn;
mod dumb;
mod helper;
mod highlight;
mod keys;
mod list;
mod open;
mod recall;
mod search;
mod state;

use std::io::{BufReader, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{ColorMode, CompletionType, Config, EditMode, Editor};

use crate::error::{Error, Result};
use crate::shell::assist::Assistant;
use crate::shell::history::{self, MOST_RECALLED};
use crate::shell::input;
use crate::shell::signals;
use crate::shell::silence::Silence;
use crate::shell::terminal::{Keys, Reading, Terminal};
use drawn::TAB_STOP;
use dumb::Lines;
use helper::Asked;
use state::State;

/// How the line editor behaves.
#[derive(Debug, Clone)]
pub struct EditorOptions {
    /// Whether to colour what is typed.
    pub color: bool,
    /// Whether to show ghost text.
    pub hints: bool,
    /// Whose keys edit a line.
    pub keys: Keys,
    /// Whether the whole screen may be taken, which a dumb terminal has not.
    pub screen: bool,
    /// Whether the terminal breaks rows anew when its width changes.
    pub reflows: bool,
    /// Cells across; `None` asks the terminal each time.
    pub width: Option<usize>,
    /// The history file, whose inputs the arrow keys walk.
    pub history: Option<std::path::PathBuf>,
}

/// A terminal with a line editor, on standard input and output.
pub struct LineEditor {
    editor: std::cell::RefCell<Editor<Asked, MemHistory>>,
    width: Option<usize>,
    screen: bool,
    /// The lines of a terminal that nothing can be drawn on.
    lines: Option<Lines>,
    state: Arc<State>,
    stderr_is_terminal: bool,
}

impl std::fmt::Debug for LineEditor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineEditor").field("width", &self.width).finish_non_exhaustive()
    }
}

impl LineEditor {
    /// Opens the editor on the program's terminal.
    ///
    /// # Errors
    /// When the terminal cannot be used.
    pub fn new(options: &EditorOptions) -> Result<Self> {
        // Ghost text is dim also with NO_COLOR, which the editor would heed for all.
        let colors = if options.screen { ColorMode::Forced } else { ColorMode::Disabled };
        let config = Config::builder()
            .max_history_size(MOST_RECALLED)
            .map_err(|error| unusable(&error))?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .completion_prompt_limit(usize::MAX)
            .color_mode(colors)
            .edit_mode(mode(options.keys))
            .bell_style(rustyline::config::BellStyle::None)
            .tab_stop(TAB_STOP)
            .build();
        signals::keep_terminal();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history).map_err(|error| unusable(&error))?;
        let state = Arc::new(State {
            history: options.history.clone(),
            reflows: options.reflows,
            ..State::default()
        });
        editor.set_helper(Some(Asked {
            assistant: Assistant::default(),
            hints: options.hints,
            color: options.color,
            state: Arc::clone(&state),
        }));
        keys::bind(&mut editor, &state);
        let editor = std::cell::RefCell::new(editor);
        let stderr_is_terminal = std::io::stderr().is_terminal();
        let EditorOptions { width, screen, .. } = *options;
        let is_dumb = !screen && std::io::stdin().is_terminal();
        let lines = is_dumb.then(|| Lines::of(BufReader::new(std::io::stdin()))).transpose()?;
        let mut editor = Self { editor, width, screen, lines, state, stderr_is_terminal };
        if let Some(path) = &options.history {
            editor.recall(path);
        }
        Ok(editor)
    }

    /// Puts what was typed before under the arrow keys.
    fn recall(&mut self, path: &std::path::Path) {
        let entries = history::read(path);
        let skipped = entries.len().saturating_sub(MOST_RECALLED);
        for entry in entries.into_iter().skip(skipped) {
            self.remember(&entry.text);
            if let Some(ok) = entry.ok {
                self.learn_outcome(&entry.text, ok);
            }
        }
    }

    fn read_line(&mut self, prompt: &str, initial: &str) -> Result<Reading> {
        if let Some(lines) = &mut self.lines {
            let answers = self.state.answers.load(Relaxed);
            let is_whole: fn(&str) -> bool = if answers { |_| true } else { input::is_complete };
            let mut out = std::io::stdout();
            let runtime = tokio::runtime::Handle::current();
            return tokio::task::block_in_place(|| {
                runtime.block_on(lines.read(prompt, &mut out, is_whole))
            });
        }
        self.state.drawn.lock().begin(prompt);
        self.state.cycle.lock().end();
        let editor = self.editor.get_mut();
        // Completion may ask the engine, which runs on other threads.
        let read =
            tokio::task::block_in_place(|| editor.readline_with_initial(prompt, (initial, "")));
        match read {
            Ok(text) if self.state.edit.swap(false, Relaxed) => {
                // It comes back from the other editor, in its place.
                if let Some(sequence) = self.state.drawn.lock().given_erased(&text) {
                    drawn::put(&sequence);
                }
                Ok(Reading::Edit(text))
            }
            Ok(text) => Ok(Reading::Text(text)),
            Err(ReadlineError::Interrupted) => Ok(Reading::Interrupted),
            Err(ReadlineError::Eof) => Ok(Reading::End),
            Err(error) => Err(unusable(&error)),
        }
    }
}

fn mode(keys: Keys) -> EditMode {
    match keys {
        Keys::Emacs => EditMode::Emacs,
        Keys::Vi => EditMode::Vi,
    }
}

fn unusable(error: &ReadlineError) -> Error {
    Error::usage(format!("cannot use the terminal: {error}"))
        .hint("`weiku DB -c SQL` and `weiku DB -f FILE` need none")
}

impl Terminal for LineEditor {
    fn read(&mut self, prompt: &str, initial: &str) -> Result<Reading> {
        self.state.edit.store(false, Relaxed);
        self.read_line(prompt, initial)
    }

    fn ask(&mut self, question: &str) -> Result<Reading> {
        self.state.answers.store(true, Relaxed);
        let read = self.read_line(question, "");
        self.state.answers.store(false, Relaxed);
        read
    }

    fn out(&self) -> Box<dyn Write + Send> {
        Box::new(std::io::stdout())
    }

    fn err(&self) -> Box<dyn Write + Send> {
        Box::new(std::io::stderr())
    }

    fn acts(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    fn width(&self) -> Option<usize> {
        let columns =
            || self.editor.borrow_mut().dimensions().map(|(columns, _)| usize::from(columns));
        self.width.or_else(columns)
    }

    fn height(&self) -> Option<usize> {
        self.editor.borrow_mut().dimensions().map(|(_, lines)| usize::from(lines))
    }

    fn is_live(&self) -> bool {
        self.stderr_is_terminal
    }

    fn has_screen(&self) -> bool {
        self.screen && std::io::stdout().is_terminal() && std::io::stdin().is_terminal()
    }

    fn silence(&self) -> Option<Silence> {
        // Without the line editor nothing would show what was typed, later.
        if self.lines.is_some() { None } else { Silence::begin() }
    }

    fn assist(&mut self, assistant: Assistant) {
        if let Some(asked) = self.editor.get_mut().helper_mut() {
            asked.assistant = assistant;
        }
    }

    fn remember(&mut self, text: &str) {
        self.state.recall.lock().push(text);
        // The editor's own memory serves the keys of vi; when it is full, that is no
        // reason to stop.
        let _ = self.editor.get_mut().add_history_entry(text);
    }

    fn learn_outcome(&mut self, text: &str, ok: bool) {
        self.state.recall.lock().learn_outcome(text, ok);
    }

    fn set_keys(&mut self, keys: Keys) {
        self.editor.get_mut().set_edit_mode(mode(keys));
    }

    fn set_hints(&mut self, on: bool) {
        if let Some(asked) = self.editor.get_mut().helper_mut() {
            asked.hints = on;
        }
    }
}
