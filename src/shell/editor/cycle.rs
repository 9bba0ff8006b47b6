//! Tab that is pressed again while a list of candidates stands on the screen: each of them
//! comes into the line in its turn, and after the last what was typed.

/// Which of the candidates comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The one behind, as for Tab.
    On,
    /// The one before, as for Shift-Tab.
    Back,
}

/// The candidates of the list that was shown last, and which of them stands in the line.
#[derive(Debug, Default)]
pub(super) struct Cycle {
    /// What was typed, then each candidate; empty without a list.
    texts: Vec<String>,
    /// Which of them stands in the line.
    at: usize,
    /// The byte at which it begins.
    start: usize,
    /// The whole line.
    line: String,
    /// The byte of the cursor, which stands behind it.
    position: usize,
}

impl Cycle {
    /// Begins with a list of `candidates` for `typed`, which stands in `line` from byte
    /// `start` to the cursor.
    pub(super) fn begin(
        &mut self,
        line: String,
        start: usize,
        typed: String,
        candidates: Vec<String>,
    ) {
        let position = start + typed.len();
        let others = candidates.into_iter().filter(|candidate| *candidate != typed);
        let mut texts: Vec<String> = others.collect();
        texts.insert(0, typed);
        *self = Self { texts, at: 0, start, line, position };
    }

    /// Forgets the list.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// Forgets the list if `line`, which is drawn now, is another one.
    pub(super) fn note(&mut self, line: &str) {
        if line != self.line {
            self.end();
        }
    }

    /// What comes into `line` next, and the byte from which it takes the place of what
    /// stands before the cursor; none where the list belongs to another line or place.
    pub(super) fn turn(
        &mut self,
        line: &str,
        position: usize,
        turn: Turn,
    ) -> Option<(usize, String)> {
        if self.texts.is_empty() || line != self.line || position != self.position {
            return None;
        }
        let step = match turn {
            Turn::On => 1,
            Turn::Back => self.texts.len() - 1,
        };
        self.at = (self.at + step) % self.texts.len();
        let text = &self.texts[self.at];
        self.line.replace_range(self.start..self.position, text);
        self.position = self.start + text.len();
        Some((self.start, text.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Cycle, Turn};

    /// A list for the word in `select co from t`.
    fn cycle() -> Cycle {
        let mut cycle = Cycle::default();
        let candidates = ["comments", "count(", "co"].map(str::to_owned).to_vec();
        cycle.begin("select co from t".to_owned(), 7, "co".to_owned(), candidates);
        cycle
    }

    #[test]
    fn each_candidate_comes_in_its_turn_and_then_what_was_typed() {
        let mut cycle = cycle();
        let (mut line, mut position) = ("select co from t".to_owned(), 9);
        let mut press = |turn| {
            let (start, text) = cycle.turn(&line, position, turn).unwrap();
            line.replace_range(start..position, &text);
            position = start + text.len();
            line.clone()
        };
        for there in ["comments", "count(", "co", "comments"] {
            assert_eq!(press(Turn::On), format!("select {there} from t"));
        }
        for there in ["co", "count("] {
            assert_eq!(press(Turn::Back), format!("select {there} from t"));
        }
    }

    #[test]
    fn another_line_or_place_has_a_list_of_its_own() {
        assert_eq!(Cycle::default().turn("", 0, Turn::On), None);
        assert_eq!(cycle().turn("select co from t", 8, Turn::On), None);
        assert_eq!(cycle().turn("select c from t", 8, Turn::On), None);
        // Nor does it come back with the same line, once that was another one.
        let mut left = cycle();
        left.note("select co from t");
        assert_eq!(left.turn("select co from t", 9, Turn::On), Some((7, "comments".to_owned())));
        left.note("select com from t");
        left.note("select comments from t");
        assert_eq!(left.turn("select comments from t", 15, Turn::On), None);
    }
}
