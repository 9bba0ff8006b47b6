//! Texts as numbers.

use datafusion::arrow::array::{Array, StringViewArray};
use datafusion::common::HashMap;

/// The texts of a column, numbered as they came.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<String, u32>,
    /// The one that came last; the next one is often the same.
    last: Option<(String, u32)>,
}

impl Names {
    /// The number of a text.
    pub(super) fn number(&mut self, texts: &StringViewArray, row: usize) -> Option<u32> {
        if texts.is_null(row) {
            return None;
        }
        let text = texts.value(row);
        if let Some((last, number)) = &self.last
            && last == text
        {
            return Some(*number);
        }
        let number = match self.numbers.get(text) {
            Some(number) => *number,
            None => {
                let number = self.numbers.len() as u32;
                self.numbers.insert(text.to_owned(), number);
                number
            }
        };
        let (last, of_last) = self.last.get_or_insert_default();
        text.clone_into(last);
        *of_last = number;
        Some(number)
    }

    /// The texts in the order of their numbers.
    pub(super) fn texts(&self) -> Vec<&str> {
        let mut texts = vec![""; self.numbers.len()];
        for (text, number) in &self.numbers {
            texts[*number as usize] = text;
        }
        texts
    }
}
