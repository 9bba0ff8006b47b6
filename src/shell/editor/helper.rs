//! Joins our completion, colours and ghost text to the line editor.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustyline::completion::{Completer, longest_common_prefix};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::line_buffer::LineBuffer;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Changeset, CompletionType, Context, Helper};

use super::cycle::Turn;
use super::drawn;
use super::highlight::{highlight, unseen, without_marks};
use super::list::{self, GAP, Listed, Room};
use super::open::waits_for;
use super::state::State;
use crate::render::{truncate, visible};
use crate::shell::assist::{Assistant, Ghost};
use crate::shell::complete::Completion;
use crate::shell::input;
use crate::shell::straight::straight;

const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// Bytes of text up to which ghost text is looked for.
const MOST_BYTES: usize = 4 << 10;

/// What the line editor asks.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Who knows the names.
    pub(super) assistant: Assistant,
    /// Whether ghost text is wanted.
    pub(super) hints: bool,
    /// Whether colours are.
    pub(super) color: bool,
    /// What the keys say.
    pub(super) state: Arc<State>,
}

impl Helper for Asked {}

impl Validator for Asked {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let State { edit, answers, .. } = self.state.as_ref();
        let run = edit.load(Relaxed) || answers.load(Relaxed);
        let run = run || input::is_complete(&straight(context.input()));
        Ok(if run { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Completer for Asked {
    type Candidate = Listed;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Listed>)> {
        if let Some(text) = self.state.replacement.lock().take() {
            self.state.replaces.store(true, Relaxed);
            return Ok((0, vec![Listed::whole(text)]));
        }
        if self.state.answers.load(Relaxed) {
            return Ok((position, Vec::new()));
        }
        let goes_back = self.state.cycles_back.swap(false, Relaxed);
        let turn = if goes_back { Turn::Back } else { Turn::On };
        if let Some((start, text)) = self.state.cycle.lock().turn(line, position, turn) {
            return Ok((start, vec![Listed::whole(text)]));
        }
        let completion = self.assistant.complete(line, position);
        Ok((completion.start, self.listed(line, position, completion)))
    }

    fn update(&self, line: &mut LineBuffer, start: usize, elected: &str, changes: &mut Changeset) {
        let is_all = self.state.replaces.swap(false, Relaxed);
        if is_all && line.as_str() == elected {
            // The cursor alone moves, which is nothing that could be taken back.
            line.set_pos(elected.len());
            return;
        }
        let end = if is_all { line.len() } else { line.pos() };
        line.replace(start..end, elected, changes);
    }
}

impl Asked {
    /// The candidates as a list below `line`, which is remembered as drawn, and that Tab
    /// goes through.
    fn listed(&self, line: &str, position: usize, completion: Completion) -> Vec<Listed> {
        let (start, room) = (completion.start, Room::of_terminal());
        let mut drawn = self.state.drawn.lock();
        let end = line[position..].find('\n').map_or(line.len(), |length| position + length);
        let row = drawn.row(&line[..end], room.columns);
        let candidates = completion.candidates.iter().map(|one| one.text.clone()).collect();
        let mut listed = list::fitted(completion.candidates, room.without(row));
        if listed.len() < 2 {
            return listed;
        }
        // What all have in common is typed before the list is shown.
        let common = longest_common_prefix(&listed);
        let common = common.filter(|common| common.len() > position - start);
        let word = common.unwrap_or(&line[start..position]).to_owned();
        let typed = format!("{}{word}{}", &line[..start], &line[position..end]);
        let row = drawn.row(&typed, room.columns);
        drawn.note_list(list::push_down(&mut listed, row, room.columns));
        self.state.begins_list.store(position == line.len(), Relaxed);
        let typed = format!("{typed}{}", &line[end..]);
        self.state.cycle.lock().begin(typed, start, word, candidates);
        listed
    }

    /// The ghost text behind `line`.
    fn ghost(&self, line: &str, position: usize) -> Option<Ghost> {
        let state = &self.state;
        if line.is_empty() && state.says_how_to_leave.swap(false, Relaxed) {
            return Some(note("Ctrl-D leaves".to_owned()));
        }
        if let Some(told) = unseen(line).filter(|_| position == line.len()) {
            return Some(note(format!("  {told} is in this line, unseen")));
        }
        let empty = line.trim().is_empty() || state.answers.load(Relaxed);
        if !self.hints || position < line.len() || empty || line.len() > MOST_BYTES {
            return None;
        }
        let ghost = || from_history(line, state).or_else(|| self.assistant.ghost(line));
        match line.ends_with('\n') {
            // The editor has no other prompt for a further line.
            true => Some(note(waits_for(line))),
            false => ghost(),
        }
    }
}

/// Something to read behind the line, which no key inserts.
fn note(shown: String) -> Ghost {
    Ghost { shown, inserted: None }
}

/// `ghost` as far as `room` cells go: the screen is for what is typed. All of it is still
/// inserted.
fn cut(ghost: Ghost, room: usize) -> Option<Ghost> {
    let shown = truncate(&ghost.shown, room, "…").into_owned();
    (room > 0).then_some(Ghost { shown, ..ghost })
}

/// Ghost text for the editor.
#[derive(Debug)]
pub(super) struct GhostText {
    ghost: Ghost,
    state: Arc<State>,
}

impl GhostText {
    /// Whether the cursor has left the end of the line since: the editor would draw it
    /// again with a list of candidates, as if it had not.
    fn is_left(&self) -> bool {
        self.state.has_left_the_end.load(Relaxed)
    }
}

impl Hint for GhostText {
    fn display(&self) -> &str {
        if self.is_left() { "" } else { &self.ghost.shown }
    }

    fn completion(&self) -> Option<&str> {
        self.ghost.inserted.as_deref().filter(|_| !self.is_left())
    }
}

impl Hinter for Asked {
    type Hint = GhostText;

    fn hint(&self, line: &str, position: usize, _context: &Context<'_>) -> Option<GhostText> {
        self.state.cycle.lock().note(line);
        let columns = Room::of_terminal().columns;
        let mut drawn = self.state.drawn.lock();
        // The editor asks before it draws, also when the width has changed.
        let reflowed = drawn.reflowed(line, position, columns);
        if let Some(sequence) = reflowed.filter(|_| self.state.reflows) {
            drawn::put(&sequence);
        }
        let ghost = self.ghost(line, position);
        let ghost = ghost.and_then(|ghost| cut(ghost, drawn.room(line, columns)));
        drawn.note(line, ghost.as_ref().map_or("", |ghost| ghost.shown.as_str()), columns);
        self.state.has_left_the_end.store(false, Relaxed);
        ghost.map(|ghost| GhostText { ghost, state: Arc::clone(&self.state) })
    }
}

/// The rest of the last input that began with `line` and did not fail: its first line
/// is shown, all of it is inserted.
fn from_history(line: &str, state: &State) -> Option<Ghost> {
    let recall = state.recall.lock();
    let rest = recall.rest_of(line)?;
    let shown = match rest.split_once('\n') {
        Some((first, _)) => format!("{} …", visible(first)),
        None => visible(rest).into_owned(),
    };
    Some(Ghost { shown, inserted: Some(rest.to_owned()) })
}

impl Highlighter for Asked {
    fn highlight<'l>(&self, line: &'l str, _position: usize) -> Cow<'l, str> {
        let plain = !self.color || self.state.answers.load(Relaxed);
        match without_marks(line) {
            shown if plain => shown,
            Cow::Borrowed(line) => highlight(line),
            Cow::Owned(shown) => Cow::Owned(highlight(&shown).into_owned()),
        }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        _default: bool,
    ) -> Cow<'b, str> {
        if self.color {
            Cow::Owned(format!("\x1b[1m{prompt}{RESET}"))
        } else {
            Cow::Borrowed(prompt)
        }
    }

    /// Dim also where no colours are wanted: nothing else tells it from what is typed.
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("{DIM}{hint}{RESET}"))
    }

    fn highlight_candidate<'c>(
        &self,
        candidate: &'c str,
        _completion: CompletionType,
    ) -> Cow<'c, str> {
        // The editor has gone to the first row of the list, and left the ghost text above it.
        if self.state.begins_list.swap(false, Relaxed)
            && let Some(sequence) = self.state.drawn.lock().ghost_erased()
        {
            drawn::put(&sequence);
        }
        match candidate.split_once(GAP).filter(|_| self.color) {
            Some((text, note)) => Cow::Owned(format!("{text}{GAP}{DIM}{note}{RESET}")),
            None => Cow::Borrowed(candidate),
        }
    }

    fn highlight_char(&self, line: &str, position: usize, kind: CmdKind) -> bool {
        let moves = kind == CmdKind::MoveCursor;
        if moves && position < line.len() {
            self.state.has_left_the_end.store(true, Relaxed);
        }
        !moves
    }
}

#[cfg(test)]
mod tests {
    use super::cut;
    use crate::shell::assist::Ghost;

    #[test]
    fn ghost_text_ends_with_the_row_and_is_inserted_whole() {
        let ghost = |text: &str| Ghost { shown: text.to_owned(), inserted: Some("all".to_owned()) };
        for (room, shown) in [(20, "ect 微博;"), (9, "ect 微博;"), (8, "ect 微…"), (1, "…")]
        {
            assert_eq!(cut(ghost("ect 微博;"), room), Some(ghost(shown)), "{room}");
        }
        assert_eq!(cut(ghost("ect"), 0), None);
    }
}
