//! The keys that are ours; all others are those of readline, or of vi.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustyline::history::MemHistory;
use rustyline::{
    Cmd, ConditionalEventHandler, EditMode, Editor, Event, EventContext, EventHandler, InputMode,
    KeyCode, KeyEvent, Modifiers, Movement, RepeatCount,
};
use unicode_segmentation::UnicodeSegmentation;

use super::drawn;
use super::helper::Asked;
use super::recall::{Found, Recall};
use super::search;
use super::state::State;
use crate::shell::history;

/// Binds the keys.
pub(super) fn bind(editor: &mut Editor<Asked, MemHistory>, state: &Arc<State>) {
    let enter = [
        KeyEvent(KeyCode::Enter, Modifiers::ALT),
        KeyEvent(KeyCode::Char('\r'), Modifiers::ALT),
        KeyEvent(KeyCode::Enter, Modifiers::SHIFT),
    ];
    for key in enter {
        editor.bind_sequence(key, EventHandler::Simple(Cmd::Newline));
    }
    let mut bind = |keys: &[KeyEvent], action: Action| {
        let key = Key { action, state: Arc::clone(state) };
        editor
            .bind_sequence(Event::KeySeq(keys.to_vec()), EventHandler::Conditional(Box::new(key)));
    };
    bind(&[KeyEvent::ctrl('C')], clear);
    bind(&[KeyEvent::ctrl('R')], find);
    bind(&[KeyEvent::ctrl('@')], leave);
    bind(&[KeyEvent::ctrl('X'), KeyEvent::ctrl('E')], ask_for_editor);
    for key in [KeyEvent(KeyCode::Up, Modifiers::NONE), KeyEvent::ctrl('P')] {
        bind(&[key], walk_back);
    }
    for key in [KeyEvent(KeyCode::Down, Modifiers::NONE), KeyEvent::ctrl('N')] {
        bind(&[key], walk_on);
    }
    for modifiers in [Modifiers::ALT, Modifiers::CTRL] {
        bind(&[KeyEvent(KeyCode::Right, modifiers)], take_word);
    }
    bind(&[KeyEvent::alt('f')], take_word);
    for key in [KeyEvent(KeyCode::End, Modifiers::NONE), KeyEvent::ctrl('E')] {
        bind(&[key], go_to_end);
    }
    for key in [KeyEvent(KeyCode::Right, Modifiers::NONE), KeyEvent::ctrl('F')] {
        bind(&[key], go_right);
    }
    bind(&[KeyEvent(KeyCode::BackTab, Modifiers::NONE)], cycle_back);
    bind(&[KeyEvent::ctrl('L')], forget_lists);
}

/// What a key does: a command of the line editor, or `None` for its own.
type Action = fn(&State, &EventContext<'_>) -> Option<Cmd>;

struct Key {
    action: Action,
    state: Arc<State>,
}

impl ConditionalEventHandler for Key {
    fn handle(
        &self,
        _: &Event,
        _: RepeatCount,
        _: bool,
        context: &EventContext<'_>,
    ) -> Option<Cmd> {
        (self.action)(&self.state, context)
    }
}

/// Bytes of the longest text that the editor clears in place: it counts the cells that
/// it clears in 16 bits.
const MOST_KILLED: usize = 65_535;

/// Ctrl-C throws away what is typed.
///
/// The line is cleared in place: to leave the editor and enter it again would
/// lose the keys that it has read already. In the command mode of vi those are no text.
fn clear(state: &State, context: &EventContext<'_>) -> Option<Cmd> {
    if state.answers.load(Relaxed) {
        return None;
    }
    if context.mode() == EditMode::Vi && context.input_mode() == InputMode::Command {
        // Only a new line begins in insert mode, as people who press Ctrl-C expect.
        return Some(Cmd::Interrupt);
    }
    let (line, position) = (context.line(), context.pos());
    if let Some(sequence) = state.drawn.lock().lists_erased(line, position) {
        drawn::put(&sequence);
    }
    if line.len() > MOST_KILLED {
        return Some(Cmd::Interrupt);
    }
    if line.is_empty() {
        state.says_how_to_leave.store(true, Relaxed);
        return Some(Cmd::Repaint);
    }
    // What was cut off just before comes back with the rest: from the end back, so that
    // it stands behind it as it did.
    let is_at_end = position == line.len();
    Some(Cmd::Kill(if is_at_end { Movement::BeginningOfBuffer } else { Movement::WholeBuffer }))
}

/// Ctrl-D that was pressed while a statement ran comes as this key: the
/// terminal took it for the end of a line.
fn leave(_: &State, context: &EventContext<'_>) -> Option<Cmd> {
    context.line().is_empty().then_some(Cmd::EndOfFile)
}

/// Shift-Tab goes back among the candidates that Tab goes through.
fn cycle_back(state: &State, _: &EventContext<'_>) -> Option<Cmd> {
    state.cycles_back.store(true, Relaxed);
    Some(Cmd::Complete)
}

/// What Ctrl-L clears are the lists of candidates too: Tab shows them anew. With the keys
/// of vi the editor would wait for another key first.
fn forget_lists(state: &State, _: &EventContext<'_>) -> Option<Cmd> {
    state.drawn.lock().note_cleared();
    state.cycle.lock().end();
    Some(Cmd::ClearScreen)
}

/// Ctrl-X Ctrl-E ends the line and says that it is to be edited elsewhere.
fn ask_for_editor(state: &State, _: &EventContext<'_>) -> Option<Cmd> {
    if state.answers.load(Relaxed) {
        return Some(Cmd::Noop);
    }
    state.edit.store(true, Relaxed);
    Some(Cmd::AcceptLine)
}

/// Ctrl-R opens the search among what was typed before.
fn find(state: &State, context: &EventContext<'_>) -> Option<Cmd> {
    if state.answers.load(Relaxed) {
        return Some(Cmd::Noop);
    }
    match search::run(searched(state), context.line()) {
        Some(chosen) => Some(replace(state, chosen)),
        None => Some(Cmd::Repaint),
    }
}

/// What Ctrl-R searches: also what was typed in other shells meanwhile.
fn searched(state: &State) -> Found {
    let written = state.history.as_deref().map(history::read).unwrap_or_default();
    state.recall.lock().beside(&written)
}

/// Takes one word of the ghost text, where the cursor stands before it.
fn take_word(_: &State, context: &EventContext<'_>) -> Option<Cmd> {
    // With Escape and f those who use vi go to a letter.
    if context.mode() == EditMode::Vi || context.pos() < context.line().len() {
        return None;
    }
    Some(Cmd::Insert(1, first_word(context.hint_text()?).to_owned()))
}

/// At its end, the end of the line is that of the ghost text.
fn go_to_end(state: &State, context: &EventContext<'_>) -> Option<Cmd> {
    if context.pos() == context.line().len() {
        return context.has_hint().then_some(Cmd::CompleteHint);
    }
    back_to_end(state, context)
}

/// Over the last letter as to the end; else by one.
fn go_right(state: &State, context: &EventContext<'_>) -> Option<Cmd> {
    let mut rest = context.line()[context.pos()..].graphemes(true);
    let is_before_last = rest.next().is_some() && rest.next().is_none();
    if is_before_last { back_to_end(state, context) } else { None }
}

/// Back to the end of the text, where the ghost text stands again: the editor would only
/// move the cursor.
fn back_to_end(state: &State, context: &EventContext<'_>) -> Option<Cmd> {
    let is_vi_command =
        context.mode() == EditMode::Vi && context.input_mode() == InputMode::Command;
    // The end of another line than the last has none.
    let is_in_last_line = !context.line()[context.pos()..].contains('\n');
    (is_in_last_line && !is_vi_command).then(|| replace(state, context.line().to_owned()))
}

/// `text` up to the end of its first word.
fn first_word(text: &str) -> &str {
    let is_in_word = |sign: char| sign.is_alphanumeric() || sign == '_';
    let begins = text.find(is_in_word).unwrap_or(text.len());
    let length = text[begins..].find(|sign: char| !is_in_word(sign)).unwrap_or(text.len() - begins);
    &text[..begins + length]
}

/// Up within a text of several lines, else to an earlier input.
fn walk_back(state: &State, context: &EventContext<'_>) -> Option<Cmd> {
    if context.line()[..context.pos()].contains('\n') {
        return Some(Cmd::Move(Movement::LineUp(1)));
    }
    Some(walk(state, context, Recall::earlier))
}

/// Down within a text of several lines, else to a later input.
fn walk_on(state: &State, context: &EventContext<'_>) -> Option<Cmd> {
    if context.line()[context.pos()..].contains('\n') {
        return Some(Cmd::Move(Movement::LineDown(1)));
    }
    Some(walk(state, context, Recall::later))
}

fn walk(
    state: &State,
    context: &EventContext<'_>,
    step: fn(&mut Recall, &str) -> Option<String>,
) -> Cmd {
    if state.answers.load(Relaxed) {
        return Cmd::Noop;
    }
    let found = step(&mut state.recall.lock(), context.line());
    found.map_or(Cmd::Noop, |text| replace(state, text))
}

/// Puts `text` in the place of all that is typed, with the cursor behind it.
///
/// The editor's own command for this leaves the cursor before the text; what is
/// completed has it behind.
fn replace(state: &State, text: String) -> Cmd {
    *state.replacement.lock() = Some(text);
    Cmd::Complete
}

#[cfg(test)]
mod tests {
    use super::first_word;

    #[test]
    fn a_word_goes_with_what_stands_before_it() {
        for (text, word) in [
            ("osts where likes > 3", "osts"),
            (" where likes > 3", " where"),
            ("(*) from", "(*) from"),
            (" = '微博视频号' limit 3", " = '微博视频号"),
            (";", ";"),
            ("", ""),
        ] {
            assert_eq!(first_word(text), word);
        }
    }
}
