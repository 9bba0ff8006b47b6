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
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            let said_nothing = self.links_without_cost(at);
            if said_nothing >= FEWEST_FOLDED {
                let what = format!("{}… {said_nothing} operators without cost", node.branches);
                let what = truncate(&what, width.saturating_sub(rows_width + 9), "…");
                let line = format!("{:>5}  {:>rows_width$}  {what}", "", node.shown_rows());
                text.push_str(&format!("\n{line}"));
                at += said_nothing;
                continue;
            }
            at += 1;
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

    /// How many operators from the one at `first` on only hand on the rows of the next, in
    /// no time that counts and with nothing of note.
    fn links_without_cost(&self, first: usize) -> usize {
        let links = self.nodes[first..].windows(2).take_while(|pair| {
            let (node, next) = (&pair[0], &pair[1]);
            let hands_on = node.rows.is_none() || node.rows == next.rows;
            node.is_link && hands_on && node.notes.is_empty() && self.share(node) == 0
        });
        links.count()
    }
}

/// One operator takes no more room than the line that would stand for it.
const FEWEST_FOLDED: usize = 2;

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
    use std::time::Duration;

    use super::{Node, Profile, operator};

    #[test]
    fn an_operator_is_named_before_what_it_found() {
        let node = |what: &str, notes: &[&str]| Node {
            depth: 0,
            branches: "└─ ".to_owned(),
            what: what.to_owned(),
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
            rows: None,
            nanos: 0,
            is_link: false,
        };
        let scan = node("DataSource: 3 parts", &["read 1 kB", "files 1 of 2"]);
        assert_eq!(operator(&scan), "└─ DataSource [read 1 kB, files 1 of 2]: 3 parts");
        assert_eq!(operator(&node("EmptyExec", &["read 1 kB"])), "└─ EmptyExec [read 1 kB]");
        assert_eq!(operator(&node("Filter: a > 1", &[])), "└─ Filter: a > 1");
    }

    #[test]
    fn operators_that_say_nothing_are_one_line() {
        let node = |what: &str, rows: usize, nanos: usize| Node {
            depth: 0,
            branches: String::new(),
            what: what.to_owned(),
            notes: Vec::new(),
            rows: Some(rows),
            nanos,
            is_link: what != "scan",
        };
        let told = |nodes: Vec<Node>| {
            let profile = Profile { nodes, rows: 7, took: Duration::from_secs(1) };
            let text = profile.to_text(40, false);
            text.lines().skip(1).take_while(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        let shown: Vec<String> = told(vec![
            node("merge", 7, 0),
            node("project", 7, 500),
            node("repartition", 7, 0),
            node("project", 7, 0),
            node("buffer", 7, 0),
            node("filter", 7, 0),
            node("scan", 90, 10_000),
        ]);
        assert_eq!(
            shown,
            [
                "          7  merge",
                "  4 %     7  project",
                "          7  … 3 operators without cost",
                "          7  filter",
                " 95 %    90  scan",
            ]
        );
        // One alone stays, and so does what rows come from.
        let shown: Vec<String> = told(vec![node("merge", 7, 0), node("scan", 7, 0)]);
        assert_eq!(shown, ["          7  merge", "          7  scan"]);
    }
}
