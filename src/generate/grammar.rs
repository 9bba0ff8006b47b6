//! Texts from rules: the language of the files in `grammar/`, compiled to
//! pieces that are copied into one buffer.
//!
//! A file is a list of rules. `:name` begins a rule; each line after it, or
//! each part of a line between `|`, is an alternative. In an alternative
//!
//! - `{name}` is replaced by an alternative of that rule,
//! - `{v=name}` does the same and remembers the outcome under the letter `v`,
//! - `{v}` repeats what `v` remembers,
//! - `{3-20}` is a number from 3 to 20, `{4.0-5.9}` one with a decimal,
//! - `{!word}` is filled by the program: a date, a name, a link (see [`Fill`]),
//! - a leading `[春夏]` keeps the alternative to those seasons.
//!
//! Lines that begin with `# ` are comments.

use std::collections::HashMap;

use super::calendar::Season;
use super::dice::Dice;

/// What only the program can put into a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// The day of the post, as 8月27日.
    Date,
    /// The day before the post.
    Yesterday,
    /// The day after the post.
    Tomorrow,
    /// The time of the post, as 14时30分.
    Time,
    /// The hour of the post.
    Hour,
    /// Some time of the day or the days before, as 今天上午.
    When,
    /// The year of the post.
    Year,
    /// The day of the week of the post, as 周三.
    Weekday,
    /// The last of the year's 24 solar terms, as 立秋.
    Term,
    /// A greeting that fits the hour.
    Greeting,
    /// The place the account speaks for; for a ministry any city, but the same
    /// in the whole text.
    Place,
    /// Some city.
    City,
    /// Some province.
    Province,
    /// The body that runs the account.
    Body,
    /// The name of the account.
    Own,
    /// The name of another account in the collection.
    Other,
    /// The name of somebody who is not in the collection.
    Person,
    /// A short link.
    Link,
    /// What the account's field talks about this fortnight, between hash marks.
    Topic,
}

/// The fills by their name in a rule.
const FILLS: [(&str, Fill); 19] = [
    ("date", Fill::Date),
    ("yesterday", Fill::Yesterday),
    ("tomorrow", Fill::Tomorrow),
    ("time", Fill::Time),
    ("hour", Fill::Hour),
    ("when", Fill::When),
    ("year", Fill::Year),
    ("term", Fill::Term),
    ("weekday", Fill::Weekday),
    ("greeting", Fill::Greeting),
    ("place", Fill::Place),
    ("city", Fill::City),
    ("province", Fill::Province),
    ("body", Fill::Body),
    ("own", Fill::Own),
    ("other", Fill::Other),
    ("person", Fill::Person),
    ("link", Fill::Link),
    ("topic", Fill::Topic),
];

/// Names a rule of a [`Grammar`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RuleId(u16);

impl RuleId {
    /// Its number among the rules.
    pub(super) fn number(self) -> u16 {
        self.0
    }
}

/// Compiled rules.
#[derive(Debug)]
pub(super) struct Grammar {
    /// All fixed pieces of text, one after the other.
    text: String,
    pieces: Vec<Piece>,
    /// Ranges of `pieces`.
    alternatives: Vec<(u32, u32)>,
    /// For each rule and season, the range of `alternatives`.
    rules: Vec<[(u32, u32); 4]>,
    names: HashMap<String, RuleId>,
}

/// One step in writing a text.
#[derive(Debug, Clone, Copy)]
enum Piece {
    /// Copies a range of the fixed text.
    Literal(u32, u32),
    /// Writes an alternative of a rule.
    Rule(RuleId),
    /// Writes an alternative of a rule and remembers it.
    Bind(u8, RuleId),
    /// Repeats what was remembered.
    Recall(u8),
    /// Writes a number between two, of which the last `decimals` digits stand
    /// after the point.
    Number { least: u32, greatest: u32, decimals: u8 },
    /// Asks the program.
    Fill(Fill),
}

/// What [`Grammar::write`] remembers under each letter: a range of the buffer.
pub(super) type Memory = [(u32, u32); 26];

/// Fills what a rule cannot know.
pub(super) trait Filler {
    /// Appends the value of `fill` to `out`.
    fn fill(&mut self, fill: Fill, dice: &mut Dice, out: &mut Vec<u8>);

    /// The season of the text.
    fn season(&self) -> Season;
}

impl Grammar {
    /// Compiles rules. The sources are part of the program, so a fault in them
    /// is a fault of the program, which a test finds.
    pub(super) fn compile(sources: &[&str]) -> Result<Self, String> {
        let lines = || sources.iter().flat_map(|source| source.lines());
        let mut names = HashMap::new();
        for name in lines().filter_map(|line| line.strip_prefix(':')) {
            let id = RuleId(names.len() as u16);
            if names.insert(name.trim().to_owned(), id).is_some() {
                return Err(format!("rule {name} stands twice"));
            }
        }
        let mut grammar = Self {
            text: String::new(),
            pieces: Vec::new(),
            alternatives: Vec::new(),
            rules: Vec::with_capacity(names.len()),
            names,
        };
        let mut rule: Vec<&str> = Vec::new();
        for line in lines().skip_while(|line| !line.starts_with(':')).skip(1).chain([":"]) {
            if line.starts_with(':') {
                grammar.add_rule(&rule)?;
                rule.clear();
            } else if !line.is_empty() && !line.starts_with("# ") {
                rule.extend(line.split('|'));
            }
        }
        Ok(grammar)
    }

    /// The rule called `name`, if there is one.
    pub(super) fn rule(&self, name: &str) -> Option<RuleId> {
        self.names.get(name).copied()
    }

    /// Adds the rule that comes next in the order of names.
    fn add_rule(&mut self, lines: &[&str]) -> Result<(), String> {
        let mut of_season: [Vec<(u32, u32)>; 4] = Default::default();
        for line in lines {
            let (seasons, text) = split_seasons(line);
            let range = self.add_alternative(text)?;
            for (season, ranges) in of_season.iter_mut().enumerate() {
                if seasons & 1 << season != 0 {
                    ranges.push(range);
                }
            }
        }
        let mut rule = [(0, 0); 4];
        for (season, ranges) in of_season.iter().enumerate() {
            if ranges.is_empty() {
                return Err(format!("no alternative for season {season} in {lines:?}"));
            }
            let start = self.alternatives.len() as u32;
            self.alternatives.extend(ranges);
            rule[season] = (start, self.alternatives.len() as u32);
        }
        self.rules.push(rule);
        Ok(())
    }

    /// Compiles one alternative to a range of pieces.
    fn add_alternative(&mut self, mut line: &str) -> Result<(u32, u32), String> {
        let start = self.pieces.len() as u32;
        while let Some((literal, rest)) = line.split_once('{') {
            let (slot, rest) =
                rest.split_once('}').ok_or_else(|| format!("no closing brace in {line}"))?;
            self.add_literal(literal);
            let piece = self.slot(slot).ok_or_else(|| format!("unknown slot {{{slot}}}"))?;
            self.pieces.push(piece);
            line = rest;
        }
        self.add_literal(line);
        Ok((start, self.pieces.len() as u32))
    }

    fn add_literal(&mut self, literal: &str) {
        if !literal.is_empty() {
            let start = self.text.len() as u32;
            self.text.push_str(literal);
            self.pieces.push(Piece::Literal(start, self.text.len() as u32));
        }
    }

    /// The piece for what stands between braces.
    fn slot(&self, slot: &str) -> Option<Piece> {
        if let Some(word) = slot.strip_prefix('!') {
            return FILLS
                .iter()
                .find(|(name, _)| *name == word)
                .map(|(_, fill)| Piece::Fill(*fill));
        }
        if let Some((letter, name)) = slot.split_once('=') {
            return Some(Piece::Bind(letter_index(letter)?, self.rule(name)?));
        }
        if slot.starts_with(|first: char| first.is_ascii_digit()) {
            let (least, greatest) = slot.split_once('-')?;
            let decimals = least.split_once('.').map_or(0, |(_, after)| after.len() as u8);
            let digits = |number: &str| number.replace('.', "").parse().ok();
            return Some(Piece::Number {
                least: digits(least)?,
                greatest: digits(greatest)?,
                decimals,
            });
        }
        letter_index(slot).map(Piece::Recall).or_else(|| self.rule(slot).map(Piece::Rule))
    }

    /// Writes one text of `rule` to the end of `out`.
    pub(super) fn write(
        &self,
        rule: RuleId,
        dice: &mut Dice,
        filler: &mut dyn Filler,
        memory: &mut Memory,
        out: &mut Vec<u8>,
    ) {
        let (start, end) = self.rules[usize::from(rule.0)][filler.season() as usize];
        let chosen = start as usize + dice.below((end - start) as usize);
        let (start, end) = self.alternatives[chosen];
        for piece in &self.pieces[start as usize..end as usize] {
            match *piece {
                Piece::Literal(from, to) => {
                    out.extend_from_slice(&self.text.as_bytes()[from as usize..to as usize]);
                }
                Piece::Rule(rule) => self.write(rule, dice, filler, memory, out),
                Piece::Bind(letter, rule) => {
                    let from = out.len() as u32;
                    self.write(rule, dice, filler, memory, out);
                    memory[usize::from(letter)] = (from, out.len() as u32);
                }
                Piece::Recall(letter) => {
                    let (from, to) = memory[usize::from(letter)];
                    out.extend_from_within(from as usize..to as usize);
                }
                Piece::Number { least, greatest, decimals } => {
                    let value = dice.between(least as usize, greatest as usize) as u64;
                    write_number(value, decimals, out);
                }
                Piece::Fill(fill) => filler.fill(fill, dice, out),
            }
        }
    }
}

/// Appends a number of which the last `decimals` digits stand after the point.
pub(super) fn write_number(value: u64, decimals: u8, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut place = digits.len();
    let mut left = value;
    loop {
        place -= 1;
        digits[place] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 && digits.len() - place > usize::from(decimals) {
            break;
        }
    }
    let point = digits.len() - usize::from(decimals);
    out.extend_from_slice(&digits[place..point]);
    if decimals > 0 {
        out.push(b'.');
        out.extend_from_slice(&digits[point..]);
    }
}

/// The seasons for which an alternative is meant, as bits, and the rest of it.
fn split_seasons(line: &str) -> (u8, &str) {
    const ALL: u8 = 0b1111;
    let Some((marks, rest)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) else {
        return (ALL, line);
    };
    let bits = marks.chars().map(|mark| "春夏秋冬".chars().position(|season| season == mark));
    match bits.collect::<Option<Vec<_>>>() {
        Some(bits) => (bits.iter().fold(0, |mask, bit| mask | 1 << bit), rest),
        None => (ALL, line),
    }
}

/// The position of a lowercase letter in the alphabet.
fn letter_index(letter: &str) -> Option<u8> {
    match letter.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(letter - b'a'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::dice::{Seed, Stream};
    use super::*;

    struct Summer;

    impl Filler for Summer {
        fn fill(&mut self, _: Fill, _: &mut Dice, out: &mut Vec<u8>) {
            out.extend_from_slice("某地".as_bytes());
        }
        fn season(&self) -> Season {
            Season::Summer
        }
    }

    fn write(source: &str) -> String {
        let grammar = Grammar::compile(&[source]).unwrap();
        let mut out = b"before ".to_vec();
        let mut dice = Seed::new(1).dice(Stream::Events);
        let rule = grammar.rule("post").unwrap();
        grammar.write(rule, &mut dice, &mut Summer, &mut Memory::default(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_remembered_word_is_repeated() {
        let text = write(":post\n【{w=word}】今天{w}\n:word\n晴|雨|雪");
        let words: Vec<&str> =
            ["晴", "雨", "雪"].into_iter().filter(|w| text.contains(w)).collect();
        assert_eq!(words.len(), 1, "{text}");
    }

    #[test]
    fn alternatives_of_other_seasons_are_not_used() {
        assert_eq!(write(":post\n[冬]雪|[夏]雨|[春秋]风"), "before 雨");
    }

    #[test]
    fn an_emoji_at_the_start_is_no_season() {
        assert_eq!(write(":post\n[微笑]你好"), "before [微笑]你好");
    }

    #[test]
    fn numbers_stay_in_their_range_and_keep_their_decimals() {
        assert_eq!(write(":post\n{7-7}级，{4.5-4.5}，{0.5-0.5}"), "before 7级，4.5，0.5");
    }

    #[test]
    fn an_unknown_slot_is_named() {
        let error = Grammar::compile(&[":post\n{nothing}"]).unwrap_err();
        assert!(error.contains("nothing"), "{error}");
    }
}
