//! Completion: from a text, a cursor and a catalog to candidates.
//!
//! It knows no editor and asks no engine: the catalog is a snapshot, and what
//! only the data can tell comes through [`Lookup`].

pub(crate) mod catalog;
mod command;
mod cursor;
mod fixed;
mod follow;
mod scope;
mod sql;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use std::collections::HashSet;

pub(crate) use catalog::{Catalog, Lookup};
use cursor::{Cursor, Quote};

use crate::shell::input;
use crate::text::pinyin;

/// The most candidates that are handed over: more than anybody reads.
const MOST_CANDIDATES: usize = 2_000;

/// What may stand at the cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Completion {
    /// The byte from which the candidates replace the text up to the cursor.
    pub(crate) start: usize,
    /// The candidates, the most likely first.
    pub(crate) candidates: Vec<Candidate>,
}

/// One text that may stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The text to insert.
    pub(crate) text: String,
    /// What to say beside it: a type, a title, the rest of a signature.
    pub(crate) note: String,
    /// Whether the note goes on where the text ends, without a gap.
    pub(crate) joins_note: bool,
    /// Another text that is matched with what is typed.
    also: String,
    /// Whether it is a string, written in single quotes.
    is_text: bool,
}

impl Candidate {
    /// A candidate that is inserted as it is.
    pub(crate) fn new(text: String, note: &str) -> Self {
        Self { text, note: note.to_owned(), joins_note: false, also: String::new(), is_text: false }
    }

    /// A name, which is quoted where it needs it.
    pub(crate) fn name(name: &str, note: &str) -> Self {
        Self { also: name.to_owned(), ..Self::new(words::quote_name(name), note) }
    }

    /// A string in quotes.
    pub(crate) fn text(value: &str, note: &str) -> Self {
        let text = format!("'{}'", value.replace('\'', "''"));
        Self { also: value.to_owned(), is_text: true, ..Self::new(text, note) }
    }
}

/// How a candidate matches what is typed.
enum Match {
    /// It begins with it.
    Begins,
    /// It is Chinese, and its beginning sounds like it.
    Sounds,
    /// It has it further on.
    Holds,
}

/// Collects candidates that match what is typed.
#[derive(Debug)]
pub(crate) struct Candidates {
    prefix: String,
    folded: String,
    seen: HashSet<String>,
    begin: Vec<Candidate>,
    sound: Vec<Candidate>,
    within: Vec<Candidate>,
}

impl Candidates {
    /// For a word of which `prefix` is typed.
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            folded: prefix.to_lowercase(),
            seen: HashSet::new(),
            begin: Vec::new(),
            sound: Vec::new(),
            within: Vec::new(),
        }
    }

    /// What is typed of the word.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether nothing has matched.
    pub(crate) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// How many have matched.
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Takes `candidate` if it matches: those that begin with what is typed
    /// come first, then Chinese ones that sound like it, and those that only
    /// hold it if there are no others.
    pub(crate) fn add(&mut self, candidate: Candidate) {
        // In the line that is typed they would act on the terminal.
        if candidate.text.contains(char::is_control) {
            return;
        }
        let Some(kind) = self.matched(&candidate) else {
            return;
        };
        if !self.seen.insert(candidate.text.clone()) {
            return;
        }
        match kind {
            Match::Begins => self.begin.push(candidate),
            Match::Sounds => self.sound.push(candidate),
            Match::Holds => self.within.push(candidate),
        }
    }

    fn matched(&self, candidate: &Candidate) -> Option<Match> {
        let text = candidate.text.to_lowercase();
        if text.starts_with(&self.folded) {
            return Some(Match::Begins);
        }
        let also = candidate.also.to_lowercase();
        let texts = [&text, &also];
        let any = |is: &dyn Fn(&str) -> bool| texts.iter().any(|text| is(text));
        let long = self.folded.chars().count() >= 2;
        if also.starts_with(&self.folded) {
            Some(Match::Begins)
        } else if any(&|text| pinyin::begins(text, &self.folded)) {
            Some(Match::Sounds)
        } else if long
            && any(&|text| has_part(text, &self.folded) || pinyin::holds(text, &self.folded))
        {
            Some(Match::Holds)
        } else {
            None
        }
    }

    /// The best of what was taken, to replace the text from byte `start` on.
    pub(crate) fn into_completion(self, start: usize) -> Completion {
        let mut candidates = self.begin;
        candidates.extend(self.sound);
        if candidates.is_empty() {
            candidates = self.within;
        }
        candidates.truncate(MOST_CANDIDATES);
        Completion { start, candidates }
    }
}

/// Whether `text` holds `part`: letters of the Latin alphabet where a word of a name
/// begins, as `number` in `row_number`, for `be` is nobody's way to ask for that.
fn has_part(text: &str, part: &str) -> bool {
    text.match_indices(part).any(|(at, _)| {
        !part.is_ascii()
            || text[..at].chars().next_back().is_none_or(|before| !before.is_ascii_alphanumeric())
    })
}

/// Says what may stand at byte `position` of `text`.
pub(crate) fn complete(
    text: &str,
    position: usize,
    catalog: &Catalog,
    lookup: &dyn Lookup,
) -> Completion {
    let line_start = text[..position].rfind('\n').map_or(0, |at| at + 1);
    let line = &text[line_start..];
    let line = &line[..line.find('\n').unwrap_or(line.len())];
    if input::begins_command(line.trim_start()) && input::is_complete(&text[..line_start]) {
        let mut completion = command::complete(line, position - line_start, catalog, lookup);
        completion.start += line_start;
        return completion;
    }
    match Cursor::find(text, position) {
        Some(cursor) => in_sql(&cursor, catalog, lookup),
        None => Completion::default(),
    }
}

/// Completes the word at `cursor` as SQL.
fn in_sql(cursor: &Cursor<'_>, catalog: &Catalog, lookup: &dyn Lookup) -> Completion {
    let word = &cursor.word;
    let mut found = Candidates::new(&word.typed);
    sql::complete(cursor, catalog, lookup, &mut found);
    let mut completion = found.into_completion(word.start);
    for candidate in &mut completion.candidates {
        fit_quotes(candidate, word);
    }
    completion
}

/// Writes a candidate in the quotes that are typed already, and leaves the
/// closing one out where it is there.
fn fit_quotes(candidate: &mut Candidate, word: &cursor::Word) {
    if let Quote::Name(quote) = word.quote
        && !candidate.text.starts_with(quote)
    {
        candidate.text = format!("{quote}{}{quote}", candidate.text);
    }
    let folder = candidate.is_text && candidate.text.ends_with("/'");
    if (word.closed || folder) && word.quote != Quote::None {
        candidate.text.pop();
    }
}
