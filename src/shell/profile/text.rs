//! A profile as a tree for the terminal.

use super::{Node, Profile};
use crate::render::truncate;

/// The share of the time from which on an operator stands out.
const HOT: usize = 25;

const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

impl Profile {
    /// The operators as a tree, with the share of time and the rows of each,
    /// on lines of at most `width` cells.
    pub(crate) fn to_text(&self, width: usize, color: bool) -> String {
        let rows = self.nodes.iter().map(|node| node.shown_rows().len());
        let rows_width = rows.max().unwrap_or(0).max(4);
        let mut text = format!(" time  {:>rows_width$}  operator", "rows");
        for node in &self.nodes {
            let share = self.share(node);
            let shown = if share == 0 { String::new() } else { format!("{share} %") };
            let room = width.saturating_sub(rows_width + 9);
            let what = operator(node);
            let what = truncate(&what, room, "…");
            let line = format!("{shown:>5}  {:>rows_width$}  {what}", node.shown_rows());
            let (bold, reset) = if color && share >= HOT { (BOLD, RESET) } else { ("", "") };
            text.push_str(&format!("\n{bold}{line}{reset}"));
        }
        format!("{text}\n\n{}", self.summary())
    }
}

/// What an operator is, what it found, and what it does: the end may be cut.
fn operator(node: &Node) -> String {
    let Node { branches, what, notes, .. } = node;
    if notes.is_empty() {
        return format!("{branches}{what}");
    }
    let notes = notes.join(", ");
    match what.split_once(": ") {
        Some((name, rest)) => format!("{branches}{name} [{notes}]: {rest}"),
        None => format!("{branches}{what} [{notes}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, operator};

    #[test]
    fn an_operator_is_named_before_what_it_found() {
        let node = |what: &str, notes: &[&str]| Node {
            depth: 0,
            branches: "└─ ".to_owned(),
            what: what.to_owned(),
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
            rows: None,
            nanos: 0,
        };
        let scan = node("DataSource: 3 parts", &["read 1 kB", "1 of 2 files skipped"]);
        assert_eq!(operator(&scan), "└─ DataSource [read 1 kB, 1 of 2 files skipped]: 3 parts");
        assert_eq!(operator(&node("EmptyExec", &["read 1 kB"])), "└─ EmptyExec [read 1 kB]");
        assert_eq!(operator(&node("Filter: a > 1", &[])), "└─ Filter: a > 1");
    }
}
