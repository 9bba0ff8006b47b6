//! What of a text is looked up: each pair of neighbouring characters, each
//! character beyond ASCII, and each three neighbouring ASCII letters or digits.
//!
//! ASCII capitals count as small letters, and nothing else is changed. So a
//! text that holds a word holds all terms of the word, whatever the case of
//! ASCII letters; texts that hold the terms are looked at again.

/// One term: up to three characters of 21 bits each.
pub(super) type Term = u64;

/// Calls `found` for each term of `text`, as often as it comes. `found` says
/// whether the term is new to it: behind a pair that is not, the character that
/// the pair ends with is none either, and is left out.
pub(super) fn of_text(text: &str, mut found: impl FnMut(Term) -> bool) {
    let mut before = None;
    let mut run = 0_u64;
    for character in text.chars() {
        let character = folded(character);
        let is_new = before.is_none_or(|before| found(pair(before, character)));
        before = Some(character);
        if !character.is_ascii() {
            run = 0;
            if is_new {
                found(term(character));
            }
        } else if !character.is_ascii_alphanumeric() {
            run = 0;
        } else {
            run = (run << 21 | u64::from(character)) & ((1 << 63) - 1);
            if run >> 42 != 0 {
                found(run);
            }
        }
    }
}

/// The terms that any text with `word` in it has; no more than are needed to
/// tell it from others.
pub(super) fn of_word(word: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    of_text(word, |term| {
        terms.push(term);
        true
    });
    if word.chars().nth(1).is_some() {
        terms.retain(|term| term & ((1 << 42) - 1) != 0);
    }
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The form in which a character is looked up.
pub(super) fn folded(character: char) -> char {
    character.to_ascii_lowercase()
}

fn term(character: char) -> Term {
    u64::from(character) << 42
}

fn pair(first: char, second: char) -> Term {
    term(first) | u64::from(second) << 21
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_all_terms_of_each_of_its_parts() {
        let texts = ["", "震", "#地震#Magnitude7.1😊", "a\0b", "ABC 微博weibo2012", "ｆｕｌｌ ÀÉ"];
        for text in texts {
            let mut has = Vec::new();
            of_text(text, |term| {
                has.push(term);
                true
            });
            let starts = text.char_indices().map(|(at, _)| at);
            for from in starts {
                for to in (from..=text.len()).filter(|to| text.is_char_boundary(*to)) {
                    for word in [text[from..to].to_owned(), text[from..to].to_ascii_uppercase()] {
                        assert!(of_word(&word).iter().all(|term| has.contains(term)), "{word}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_word_is_told_from_others_by_its_pairs_and_threes() {
        assert_eq!(of_word("地震").len(), 1);
        assert_eq!(of_word("震").len(), 1);
        assert_eq!(of_word("a").len(), 0, "single letters are everywhere");
        assert_eq!(of_word("abc").len(), 3);
        assert_ne!(of_word("地震"), of_word("震地"));
    }
}
