//! The one error type, sorted by who can put it right, and the exit codes.

use std::fmt;
use std::path::Path;

/// What kind of trouble it is, which decides who can mend it and how the
/// program exits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line, a configuration file or a parameter is wrong, or names
    /// something that is not there. Nothing ran.
    Usage,
    /// A statement cannot be parsed, planned or executed.
    Query,
    /// An import file, or a row of it, cannot be taken.
    Input,
    /// A file is of no import format that weiku knows.
    Format,
    /// A file of the database is damaged, missing or cannot be written.
    Store,
    /// Everything ran, and an expectation of a saved query does not hold.
    Expectation,
    /// A limit of memory, disk or size was hit.
    Limit,
    /// Somebody else holds the database, or a server cannot be reached.
    Busy,
    /// Another writer of the database came first; the same again may do.
    Overtaken,
    /// The time limit was hit.
    Timeout,
    /// The person pressed Ctrl-C.
    Cancelled,
    /// weiku or a library of it is at fault.
    Internal,
}

/// What the exit codes of the program mean.
pub const EXITS: &[(u8, &str)] = &[
    (0, "done"),
    (1, "a query or an import failed"),
    (2, "usage, configuration, a missing file or parameter: nothing ran"),
    (3, "all ran, and an expectation failed"),
    (4, "a limit was hit: memory, disk, size"),
    (5, "busy or unreachable; trying again may help"),
    (124, "the time limit was hit"),
    (130, "Ctrl-C"),
];

impl Kind {
    /// The process exit code that stands for this kind.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Query | Self::Input | Self::Format | Self::Store | Self::Internal => 1,
            Self::Usage => 2,
            Self::Expectation => 3,
            Self::Limit => 4,
            Self::Busy | Self::Overtaken => 5,
            Self::Timeout => 124,
            Self::Cancelled => 130,
        }
    }

    /// The word that stands for this kind in machine-readable errors.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Query => "query",
            Self::Input => "input",
            Self::Format => "format",
            Self::Store => "store",
            Self::Expectation => "expectation",
            Self::Limit => "limit",
            Self::Busy => "busy",
            Self::Overtaken => "overtaken",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// What stands between an error and its hint on one line.
pub(crate) const HINT: &str = "; hint: ";

/// Where in a text an error lies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file or other origin of the text, as the person named it.
    pub file: Option<String>,
    /// The line, counted from 1; for an import the row.
    pub line: Option<u64>,
    /// The column in characters, counted from 1.
    pub column: Option<u64>,
    /// How many characters the faulty piece has.
    pub length: Option<u64>,
    /// The whole source line, to be shown with a mark under the faulty piece.
    pub source: Option<String>,
}

/// An error with its kind, its place and what to try.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: Kind,
    message: String,
    place: Place,
    hint: Option<String>,
}

/// The result of everything in weiku that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` that says `message`: lowercase, without a full stop.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), place: Place::default(), hint: None }))
    }

    /// A wrong command line, setting or parameter.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// A statement that cannot run.
    pub fn query(message: impl Into<String>) -> Self {
        Self::new(Kind::Query, message)
    }

    /// An import file that cannot be taken.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Kind::Input, message)
    }

    /// A database file that is damaged, missing or cannot be written.
    pub fn store(message: impl Into<String>) -> Self {
        Self::new(Kind::Store, message)
    }

    /// A fault of weiku itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// A failed operation on the file or folder at `path`; `doing` reads as in
    /// "cannot {doing} {path}".
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => Kind::Usage,
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Kind::Limit,
            _ => Kind::Store,
        };
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
            std::io::ErrorKind::StorageFull => "no space left on the disk".to_owned(),
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            std::io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only".to_owned(),
            _ => error.to_string(),
        };
        Self::new(kind, format!("cannot {doing} {}: {reason}", path.display()))
    }

    /// The same error with advice on what to try; reads after "hint: ".
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error with message and hint in the words that `words` makes of
    /// them.
    #[must_use]
    pub(crate) fn reworded(mut self, words: impl Fn(&str) -> String) -> Self {
        self.0.message = words(&self.0.message);
        self.0.hint = self.0.hint.as_deref().map(words);
        self
    }

    /// The same error, placed in `file`.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.0.place.file = Some(file.into());
        self
    }

    /// The same error, placed at `line` of its file (a row, for an import).
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.0.place.line = Some(line);
        self
    }

    /// The same error at `place`.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place = place;
        self
    }

    /// What kind of trouble it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What failed, without its place and hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it lies.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// What to try, if there is advice.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The process exit code for this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.0.kind.exit_code()
    }
}

impl fmt::Display for Error {
    /// `FILE:LINE:COLUMN: message; hint: ...` on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        if let Some(file) = &place.file {
            write!(f, "{file}")?;
            for number in [place.line, place.column].into_iter().map_while(|number| number) {
                write!(f, ":{number}")?;
            }
            write!(f, ": ")?;
        }
        write!(f, "{}", self.message())?;
        match self.advice() {
            Some(hint) => write!(f, "{HINT}{hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Names that people write every day: of two that are as near to what was typed, one of
/// these is meant rather than a rare one.
const COMMON: &[&str] =
    &["avg", "coalesce", "count", "length", "lower", "max", "min", "round", "sum", "trim", "upper"];

/// How far a name is from what was typed; of two names the lesser one was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Apart {
    /// How many letters must be changed, added, left out or swapped.
    slips: usize,
    /// Whether it begins with another letter: people seldom mistype the first.
    begins_otherwise: bool,
    /// Whether it is none of [`COMMON`].
    is_rare: bool,
    /// How many letters at the beginning are as they were typed.
    begun: std::cmp::Reverse<usize>,
    /// Whether something else was mistyped than letters left out, which is what happens
    /// most to those who type fast.
    is_not_left_out: bool,
}

impl Apart {
    /// How far `name` is from `typed`, both in lower case.
    fn of(typed: &str, name: &str) -> Self {
        let begun = typed.chars().zip(name.chars()).take_while(|(one, other)| one == other).count();
        let mut letters = name.chars();
        let is_left_out = typed.chars().all(|sign| letters.any(|letter| letter == sign));
        Self {
            slips: strsim::damerau_levenshtein(typed, name),
            begins_otherwise: begun == 0,
            is_rare: !COMMON.contains(&name),
            begun: std::cmp::Reverse(begun),
            is_not_left_out: !is_left_out,
        }
    }
}

/// The name among `names` that `typed` was most likely meant to be, for hints. Of several
/// that are as near, `Apart` decides. One of which half must be changed is none.
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let letters = typed.chars().count();
    names
        .into_iter()
        .map(|name| (Apart::of(&typed, &name.to_lowercase()), name))
        .filter(|(apart, name)| apart.slips <= 1 + name.chars().count() / 4)
        .filter(|(apart, _)| 2 * apart.slips < letters || apart.slips == 1 && letters <= 2)
        .min_by_key(|(apart, name)| (*apart, *name))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn of_names_that_are_as_near_the_one_that_people_type_is_meant() {
        for (typed, names, meant) in [
            ("cout", ["cot", "count", "cut"], Some("count")),
            ("cout", ["count", "cut", "cot"], Some("count")),
            ("cont", ["cot", "count", "cut"], Some("count")),
            // Letters are left out rather than typed in excess.
            ("pots", ["pos", "posts", "plots"], Some("posts")),
            // One of these is written every day, but a first letter is seldom mistyped.
            ("sim", ["sin", "sum", "dim"], Some("sum")),
            ("tin", ["min", "tan", "max"], Some("tan")),
            ("mni", ["max", "min", "sum"], Some("min")),
            ("likse", ["likes", "liked", "link"], Some("likes")),
            ("foo", ["count", "sum", "min"], None),
            ("pie", ["line", "area", "bar"], None),
            ("hash", ["cosh", "sinh", "tan"], None),
            ("xor", ["corr", "cor", "x"], Some("cor")),
            ("di", ["id", "text", "likes"], Some("id")),
        ] {
            assert_eq!(nearest(typed, names), meant, "{typed}");
        }
    }
}
