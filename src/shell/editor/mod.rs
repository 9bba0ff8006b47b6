//! The terminal with a line editor: history, completion, colours, ghost text.

mod helper;
mod highlight;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Editor, Event, EventContext,
    EventHandler, KeyCode, KeyEvent, Modifiers, RepeatCount,
};

use crate::error::{Error, Result};
use crate::shell::assist::Assistant;
use crate::shell::history::{self, MOST_RECALLED};
use crate::shell::terminal::{Reading, Terminal};
use helper::Asked;

/// How the line editor behaves.
#[derive(Debug, Clone)]
pub struct EditorOptions {
    /// Whether to colour what is typed.
    pub color: bool,
    /// Whether to show ghost text.
    pub hints: bool,
    /// Whether the keys are those of vi rather than of Emacs.
    pub vi: bool,
    /// Cells across; `None` asks the terminal each time.
    pub width: Option<usize>,
    /// The history file, whose inputs the arrow keys walk.
    pub history: Option<std::path::PathBuf>,
}

/// A terminal with a line editor, on standard input and output.
pub struct LineEditor {
    editor: std::cell::RefCell<Editor<Asked, MemHistory>>,
    width: Option<usize>,
    edit: Arc<AtomicBool>,
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
        let colors = if options.color { ColorMode::Enabled } else { ColorMode::Disabled };
        let keys = if options.vi { rustyline::EditMode::Vi } else { rustyline::EditMode::Emacs };
        let config = Config::builder()
            .max_history_size(MOST_RECALLED)
            .map_err(|error| unusable(&error))?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .completion_prompt_limit(200)
            .color_mode(colors)
            .edit_mode(keys)
            .bell_style(rustyline::config::BellStyle::None)
            .tab_stop(4)
            .build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history).map_err(|error| unusable(&error))?;
        let edit = Arc::new(AtomicBool::new(false));
        editor.set_helper(Some(Asked {
            assistant: Assistant::default(),
            hints: options.hints,
            edit: Arc::clone(&edit),
        }));
        bind_keys(&mut editor);
        if let Some(path) = &options.history {
            recall(&mut editor, path)?;
        }
        let editor = std::cell::RefCell::new(editor);
        let stderr_is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        Ok(Self { editor, width: options.width, edit, stderr_is_terminal })
    }
}

fn unusable(error: &ReadlineError) -> Error {
    Error::usage(format!("cannot use the terminal: {error}"))
        .hint("`weiku DB -c SQL` and `weiku DB -f FILE` need none")
}

/// Binds the keys that are ours; all others are those of readline.
fn bind_keys(editor: &mut Editor<Asked, MemHistory>) {
    let enter = [
        KeyEvent(KeyCode::Enter, Modifiers::ALT),
        KeyEvent(KeyCode::Char('\r'), Modifiers::ALT),
        KeyEvent(KeyCode::Enter, Modifiers::SHIFT),
    ];
    for key in enter {
        editor.bind_sequence(key, EventHandler::Simple(Cmd::Newline));
    }
    let flag = editor.helper().map(|asked| Arc::clone(&asked.edit)).unwrap_or_default();
    let keys = [KeyEvent::ctrl('X'), KeyEvent::ctrl('E')];
    let handler = EventHandler::Conditional(Box::new(AskForEditor(flag)));
    editor.bind_sequence(Event::KeySeq(keys.to_vec()), handler);
}

/// Ctrl-X Ctrl-E ends the line and says that it is to be edited elsewhere.
struct AskForEditor(Arc<AtomicBool>);

impl ConditionalEventHandler for AskForEditor {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        self.0.store(true, Ordering::Relaxed);
        Some(Cmd::AcceptLine)
    }
}

/// Puts what was typed before under the arrow keys.
fn recall(editor: &mut Editor<Asked, MemHistory>, path: &std::path::Path) -> Result<()> {
    let entries = history::read(path);
    let skipped = entries.len().saturating_sub(MOST_RECALLED);
    for entry in entries.into_iter().skip(skipped) {
        editor.add_history_entry(entry.text).map_err(|error| unusable(&error))?;
    }
    Ok(())
}

impl Terminal for LineEditor {
    fn read(&mut self, prompt: &str, initial: &str) -> Result<Reading> {
        self.edit.store(false, Ordering::Relaxed);
        let editor = self.editor.get_mut();
        // Completion may ask the engine, which runs on other threads.
        let read =
            tokio::task::block_in_place(|| editor.readline_with_initial(prompt, (initial, "")));
        match read {
            Ok(text) if self.edit.swap(false, Ordering::Relaxed) => Ok(Reading::Edit(text)),
            Ok(text) => Ok(Reading::Text(text)),
            Err(ReadlineError::Interrupted) => Ok(Reading::Interrupted),
            Err(ReadlineError::Eof) => Ok(Reading::End),
            Err(error) => Err(unusable(&error)),
        }
    }

    fn out(&self) -> Box<dyn Write + Send> {
        Box::new(std::io::stdout())
    }

    fn err(&self) -> Box<dyn Write + Send> {
        Box::new(std::io::stderr())
    }

    fn width(&self) -> Option<usize> {
        let columns =
            || self.editor.borrow_mut().dimensions().map(|(columns, _)| usize::from(columns));
        self.width.or_else(columns)
    }

    fn is_live(&self) -> bool {
        self.stderr_is_terminal
    }

    fn assist(&mut self, assistant: Assistant) {
        if let Some(asked) = self.editor.get_mut().helper_mut() {
            asked.assistant = assistant;
        }
    }

    fn remember(&mut self, text: &str) {
        // A full memory is no reason to stop: the file has it.
        let _ = self.editor.get_mut().add_history_entry(text);
    }

    fn set_hints(&mut self, on: bool) {
        if let Some(asked) = self.editor.get_mut().helper_mut() {
            asked.hints = on;
        }
    }
}
