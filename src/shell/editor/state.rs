//! What the parts of the editor tell each other.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;

use super::cycle::Cycle;
use super::drawn::Drawn;
use super::recall::Recall;

/// Shared by the editor, its keys, and what it asks while somebody types.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether the person asked for the editor program.
    pub(super) edit: AtomicBool,
    /// Whether the person answers a question: no statement is typed.
    pub(super) answers: AtomicBool,
    /// Whether Ctrl-C was pressed on an empty line.
    pub(super) says_how_to_leave: AtomicBool,
    /// Whether the cursor has left the end of the line since its ghost text was found.
    pub(super) has_left_the_end: AtomicBool,
    /// Whether a list of candidates is about to be drawn below the end of the text.
    pub(super) begins_list: AtomicBool,
    /// What was typed before.
    pub(super) recall: Mutex<Recall>,
    /// The text that takes the place of what is typed, once the editor asks for it.
    pub(super) replacement: Mutex<Option<String>>,
    /// Whether what the editor is about to put in takes the place of the whole text.
    pub(super) replaces: AtomicBool,
    /// The history file, to which other shells write too.
    pub(super) history: Option<PathBuf>,
    /// Whether the terminal breaks rows anew when its width changes.
    pub(super) reflows: bool,
    /// What is drawn of the line that is typed.
    pub(super) drawn: Mutex<Drawn>,
    /// The candidates that Tab goes through.
    pub(super) cycle: Mutex<Cycle>,
    /// Whether it is to go back among them.
    pub(super) cycles_back: AtomicBool,
}
