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

/// What an operator is and found, with the findings first: the rest may be cut.
fn operator(node: &Node) -> String {
    match node.notes.is_empty() {
        true => format!("{}{}", node.branches, node.what),
        false => format!("{}[{}] {}", node.branches, node.notes.join(", "), node.what),
    }
}
