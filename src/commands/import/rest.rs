//! What an import met and did not take.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::database::ImportReport;
use crate::error::{Error, Kind};
use crate::ingest::Expanded;
use crate::render::visible;

/// What was met and not taken, to be told once at the end: people give the
/// whole folder of a crawler, with its pictures and logs.
pub(super) struct Rest<'a> {
    expanded: &'a Expanded,
    /// Files in folders and archives that no format knows.
    pub(super) foreign: Vec<Error>,
    /// By format and unknown columns, how many files have them.
    left_out: BTreeMap<(String, Vec<String>), usize>,
}

/// How many names are told.
const NAMES: usize = 8;

impl<'a> Rest<'a> {
    pub(super) fn new(expanded: &'a Expanded) -> Self {
        Self { expanded, foreign: Vec::new(), left_out: BTreeMap::new() }
    }

    /// Whether the error is of a file that no format knows and that nobody
    /// named.
    pub(super) fn is_found(&self, error: &Error) -> bool {
        let Some(file) = &error.place().file else { return false };
        let is_named = self.expanded.named.iter().any(|path| path.display().to_string() == *file);
        error.kind() == Kind::Format && !is_named
    }

    pub(super) fn take_note(&mut self, report: &ImportReport) {
        if !report.left_out.is_empty() {
            let key = (report.format.clone(), report.left_out.clone());
            *self.left_out.entry(key).or_default() += 1;
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for ((format, columns), files) in &self.left_out {
            let columns: Vec<_> = columns.iter().map(|name| visible(name)).collect();
            let columns = columns.join(", ");
            // Writing to a String cannot fail.
            let _ = writeln!(text, "columns that {format} does not know, not taken: {columns}");
            if *files > 1 {
                text.pop();
                let _ = writeln!(text, " ({files} files)");
            }
        }
        let alone = self.left_alone();
        if !alone.is_empty() {
            let _ = writeln!(text, "left alone: {}", alone.join(", "));
        }
        text
    }

    /// The first few files that no format knows, by name, and the others by the
    /// ends of their names.
    fn left_alone(&self) -> Vec<String> {
        let name = |error: &Error| {
            let file = error.place().file.as_deref().unwrap_or_default();
            match error.message().strip_prefix("the file is ") {
                Some(what) => format!("{} ({what})", visible(file)),
                None => visible(file).into_owned(),
            }
        };
        let mut alone: Vec<String> = self.foreign.iter().take(NAMES).map(name).collect();
        if self.foreign.len() > NAMES {
            alone.push(format!("{} more of no known format", self.foreign.len() - NAMES));
        }
        let mut kinds: BTreeMap<String, Vec<&Path>> = BTreeMap::new();
        for path in &self.expanded.others {
            let suffix = path.extension().map(|suffix| suffix.to_string_lossy().to_lowercase());
            kinds.entry(suffix.unwrap_or_default()).or_default().push(path);
        }
        alone.extend(kinds.iter().map(|(suffix, paths)| match (&paths[..], suffix.as_str()) {
            ([path], _) => visible(&path.display().to_string()).into_owned(),
            (paths, "") => format!("{} files without a suffix", paths.len()),
            (paths, suffix) => format!("{} .{} files", paths.len(), visible(suffix)),
        }));
        alone
    }
}
