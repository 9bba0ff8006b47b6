//! Finding the words of lists in a text, those of several lists in one pass.
//!
//! Few pairs of characters begin a word of a list, so that a text is read
//! character by character, and compared with words only where two characters
//! fit. For Chinese this takes half the time of an automaton over bytes, and no
//! longer for three lists than for one.

use std::cmp::Reverse;
use std::iter::once;
use std::ops::Range;

/// The most lists that are looked for together.
const MOST_LISTS: usize = 4;

/// How many values the low bits of a character have.
const CODES: usize = 1 << 16;

/// The role of a character that begins a word of two characters or more.
const BEGINS: u8 = 1;

/// The role of a character that is a word.
const IS_WORD: u8 = 2;

/// By how many bits [`BEGINS`] is moved for the second character of a word.
const SECOND: u8 = 4;

/// Lists of words that are looked for together.
#[derive(Debug)]
pub struct WordLists {
    /// The roles of each character, by its low bits.
    roles: Box<[u8; CODES]>,
    /// The group of words that a character begins, by its low bits; only where
    /// the roles say so.
    groups: Box<[u16; CODES]>,
    /// Groups of words that begin alike, as places in `words`.
    ranges: Vec<Range<usize>>,
    /// All words, group by group: the longest first, and of equal ones the first
    /// of its list.
    words: Vec<Word>,
}

/// A word of a list.
#[derive(Debug)]
struct Word {
    text: Box<str>,
    /// Its first bytes, and which of them count.
    head: u128,
    mask: u128,
    list: usize,
    number: usize,
}

/// A word that stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The place of its list among the lists.
    pub list: usize,
    /// Its place in the list.
    pub word: usize,
    /// Where it ends in the text.
    pub end: usize,
}

impl WordLists {
    /// Up to four lists; an empty word is nowhere found.
    #[must_use]
    pub fn new(lists: &[&[&str]]) -> Self {
        assert!(lists.len() <= MOST_LISTS, "{} lists are too many", lists.len());
        let mut words = Vec::new();
        for (list, of_list) in lists.iter().enumerate() {
            let of_list = of_list.iter().enumerate().filter(|(_, word)| !word.is_empty());
            words.extend(of_list.map(|(number, text)| Word::new(text, list, number)));
        }
        words.sort_by_key(|word| (word.code(), Reverse(word.text.len())));
        let mut lists =
            Self { roles: zeros(), groups: zeros(), ranges: Vec::new(), words: Vec::new() };
        for group in words.chunk_by(|one, next| one.code() == next.code()) {
            let from = lists.ranges.last().map_or(0, |last| last.end);
            lists.groups[group[0].code()] = lists.ranges.len() as u16;
            lists.ranges.push(from..from + group.len());
        }
        for word in &words {
            lists.roles[word.code()] |= match word.text.chars().nth(1) {
                None => IS_WORD,
                Some(second) => {
                    lists.roles[code(second)] |= BEGINS << SECOND;
                    BEGINS
                }
            };
        }
        Self { words, ..lists }
    }

    /// Hands the words that stand in `text` to `take`, from left to right. Of words
    /// of one list that overlap the first counts, and of those that begin together
    /// the longest.
    pub fn each_found(&self, text: &str, mut take: impl FnMut(Found)) {
        let mut ends = [0; MOST_LISTS];
        // The character before: where it stands, its low bits and its roles.
        let mut before = (0, 0, 0);
        // No word has its second character behind the end.
        for (at, character) in text.char_indices().chain(once((text.len(), '\0'))) {
            let code = code(character);
            let roles = self.roles[code];
            if before.2 & (roles >> SECOND | IS_WORD) != 0 {
                let group = usize::from(self.groups[before.1]);
                let rest = &text.as_bytes()[before.0..];
                let head = head(rest);
                for word in &self.words[self.ranges[group].clone()] {
                    if before.0 < ends[word.list] || !word.begins(rest, head) {
                        continue;
                    }
                    let end = before.0 + word.text.len();
                    ends[word.list] = end;
                    take(Found { list: word.list, word: word.number, end });
                }
            }
            before = (at, code, roles);
        }
    }
}

impl Word {
    fn new(text: &str, list: usize, number: usize) -> Self {
        let bits = 8 * text.len().min(size_of::<u128>()) as u32;
        let mask = u128::MAX >> (u128::BITS - bits);
        Self { text: text.into(), head: head(text.as_bytes()), mask, list, number }
    }

    /// The low bits of its first character.
    fn code(&self) -> usize {
        self.text.chars().next().map_or(0, code)
    }

    /// Whether `text`, whose first bytes are `head`, begins with it.
    fn begins(&self, text: &[u8], head: u128) -> bool {
        head & self.mask == self.head
            && (self.text.len() <= size_of::<u128>() || text.starts_with(self.text.as_bytes()))
    }
}

/// The low bits of a character: they tell most characters apart, and all of the
/// basic plane.
fn code(character: char) -> usize {
    usize::from(u32::from(character) as u16)
}

/// The first bytes of `text`, as a number to compare at once.
fn head(text: &[u8]) -> u128 {
    match text.first_chunk() {
        Some(first) => u128::from_le_bytes(*first),
        None => text.iter().rev().fold(0, |head, byte| head << 8 | u128::from(*byte)),
    }
}

/// A table of zeros.
fn zeros<T: Default + Copy + std::fmt::Debug>() -> Box<[T; CODES]> {
    let table = vec![T::default(); CODES].into_boxed_slice();
    table.try_into().expect("the table has this length")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words found, as list and place in it.
    fn found(lists: &[&[&str]], text: &str) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        WordLists::new(lists).each_found(text, |word| found.push((word.list, word.word)));
        found
    }

    #[test]
    fn the_first_and_the_longest_count_in_a_list_and_lists_do_not_disturb_each_other() {
        let one: &[&str] = &["围观", "有", "有木有", "木有", "有"];
        let other: &[&str] = &["木有钱", "", "观"];
        let expected = [(0, 2), (1, 0), (0, 0), (1, 2), (0, 1)];
        assert_eq!(found(&[one, other], "有木有钱围观有"), expected);
        assert_eq!(found(&[one], ""), []);
        assert_eq!(found(&[&[], &[]], "有\0"), []);
    }

    #[test]
    fn characters_that_share_their_low_bits_are_told_apart() {
        let (plain, high) = ('\u{4e00}', '\u{24e00}');
        let words = [plain.to_string(), high.to_string()];
        let list: &[&str] = &[&words[0], &words[1]];
        assert_eq!(found(&[list], &format!("{high}{plain}{high}")), [(0, 1), (0, 0), (0, 1)]);
    }

    #[test]
    fn short_and_long_words_are_found_at_the_very_end() {
        let list: &[&str] = &["a", "中华人民共和国外交部", "中华人民共和国外交部长"];
        assert_eq!(found(&[list], "a中华人民共和国外交部"), [(0, 0), (0, 1)]);
        assert_eq!(found(&[list], "中华人民共和国外交"), []);
        assert_eq!(found(&[list], "中华人民共和国外交部长a"), [(0, 2), (0, 0)]);
    }

    #[test]
    fn the_same_is_found_as_by_looking_everywhere() {
        let list: &[&str] = &["一二", "二", "二三四", "四五", "五", "a", "ab一"];
        let letters: Vec<char> = "一二三四五ab".chars().collect();
        let mut number = 1_u32;
        for _ in 0..2_000 {
            let text: String = (0..12)
                .map(|_| {
                    number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    letters[(number >> 24) as usize % letters.len()]
                })
                .collect();
            let mut expected = Vec::new();
            let mut rest = text.as_str();
            while let Some(letter) = rest.chars().next() {
                let fits = |word: &&&str| rest.starts_with(**word);
                let longest = list.iter().filter(fits).max_by_key(|word| word.len());
                expected.extend(longest.and_then(|word| list.iter().position(|w| w == word)));
                rest = &rest[longest.map_or(letter.len_utf8(), |word| word.len())..];
            }
            let came: Vec<usize> =
                found(&[list], &text).into_iter().map(|(_, word)| word).collect();
            assert_eq!(came, expected, "{text}");
        }
    }
}
