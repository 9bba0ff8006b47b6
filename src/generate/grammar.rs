//! Texts from rules: the language of the files in `grammar/`, compiled to
//! pieces that are copied into one buffer.
//!
//! A file is a list of rules. `:name` begins a rule; each line after it, or
//! each part of a line between `|`, is an alternative. In an alternative
//!
//! - `{name}` is replaced by an alternative of that rule,
//! - `{v=name}` does the same and remembers the outcome under the letter `v`,
//! - `{v}` repeats what `v` remembers,
//! - `{name@v}` is replaced by an alternative of the rule `name@` followed by what
//!   `v` remembers, so that what is said of a storm fits a storm,
//! - `{3-20}` is a number from 3 to 20, `{4.0-5.9}` one with a decimal,
//! - `{!word}` is filled by the program: a date, a name, a link (see [`Fill`]),
//! - a leading `[春夏]` keeps the alternative to those seasons, `[晨]`, `[昼]` and
//!   `[夜]` to parts of the day, `[暖]` and `[寒]` to places where winters are mild
//!   or cold; `[冬寒]` asks for both.
//!
//! Lines that begin with `# ` are comments.

use std::collections::HashMap;

use super::calendar::Season;
use super::dice::Dice;

/// When and where a text is written, as far as rules ask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    /// The season.
    pub(super) season: Season,
    /// The part of the day.
    pub(super) part: DayPart,
    /// Whether winters are mild there.
    pub(super) mild: bool,
}

/// A part of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayPart {
    /// From five to eleven.
    Morning,
    /// Until six in the evening.
    Day,
    /// The evening and the night.
    Night,
}

/// The marks of seasons, parts of the day and places, in the order of their
/// numbers.
const MARKS: [&str; 3] = ["春夏秋冬", "晨昼夜", "寒暖"];

/// How many scenes there are.
const SCENES: usize = 4 * 3 * 2;

impl Scene {
    /// Its number among the scenes.
    fn index(self) -> usize {
        (self.season as usize * 3 + self.part as usize) * 2 + usize::from(self.mild)
    }

    /// The number that each of [`MARKS`] has in the scene of this index.
    fn marks(index: usize) -> [usize; 3] {
        [index / 6, index / 2 % 3, index % 2]
    }
}

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
    /// For each rule and scene, the range of `alternatives`.
    rules: Vec<[(u32, u32); SCENES]>,
    names: HashMap<String, RuleId>,
    /// Rules that are chosen by what is remembered.
    choices: Vec<Choice>,
}

/// A rule for what may be remembered.
#[derive(Debug)]
struct Choice {
    remembered: String,
    rule: RuleId,
}

/// Which rule to write.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// This one.
    Rule(RuleId),
    /// The one of a range of `choices` for what a letter remembers.
    Agreeing(u8, (u32, u32)),
}

/// One step in writing a text.
#[derive(Debug, Clone, Copy)]
enum Piece {
    /// Copies a range of the fixed text.
    Literal(u32, u32),
    /// Writes an alternative of a rule.
    Rule(Target),
    /// Writes an alternative of a rule and remembers it.
    Bind(u8, Target),
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

    /// When and where the text is written.
    fn scene(&self) -> Scene;
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
            choices: Vec::new(),
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
        let mut of_scene = vec![Vec::new(); SCENES];
        for line in lines {
            let (scenes, text) = split_scenes(line);
            let range = self.add_alternative(text)?;
            for (scene, ranges) in of_scene.iter_mut().enumerate() {
                if scenes & 1 << scene != 0 {
                    ranges.push(range);
                }
            }
        }
        let mut rule = [(0, 0); SCENES];
        for (scene, ranges) in of_scene.iter().enumerate() {
            if ranges.is_empty() && !self.is_chosen(self.rules.len()) {
                return Err(format!("no alternative for scene {scene} in {lines:?}"));
            }
            let start = self.alternatives.len() as u32;
            self.alternatives.extend(ranges);
            rule[scene] = (start, self.alternatives.len() as u32);
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
    fn slot(&mut self, slot: &str) -> Option<Piece> {
        if let Some(word) = slot.strip_prefix('!') {
            return FILLS
                .iter()
                .find(|(name, _)| *name == word)
                .map(|(_, fill)| Piece::Fill(*fill));
        }
        if let Some((letter, name)) = slot.split_once('=') {
            return Some(Piece::Bind(letter_index(letter)?, self.target(name)?));
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
        letter_index(slot).map(Piece::Recall).or_else(|| self.target(slot).map(Piece::Rule))
    }

    /// The rule that `name` names, or those from which `name@v` chooses.
    fn target(&mut self, name: &str) -> Option<Target> {
        let Some((family, letter)) = name.split_once('@') else {
            return self.rule(name).map(Target::Rule);
        };
        let start = self.choices.len() as u32;
        for (name, &rule) in &self.names {
            if let Some(remembered) = name.strip_prefix(family).and_then(|n| n.strip_prefix('@')) {
                self.choices.push(Choice { remembered: remembered.to_owned(), rule });
            }
        }
        let end = self.choices.len() as u32;
        (start < end).then_some(Target::Agreeing(letter_index(letter)?, (start, end)))
    }

    /// Whether the rule of this number is chosen by what is remembered: it need
    /// not have an alternative for scenes in which that cannot be.
    fn is_chosen(&self, number: usize) -> bool {
        self.names.iter().any(|(name, rule)| usize::from(rule.0) == number && name.contains('@'))
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
        let (start, end) = self.rules[usize::from(rule.0)][filler.scene().index()];
        if start == end {
            return;
        }
        let chosen = start as usize + dice.below((end - start) as usize);
        let (start, end) = self.alternatives[chosen];
        for piece in &self.pieces[start as usize..end as usize] {
            match *piece {
                Piece::Literal(from, to) => {
                    out.extend_from_slice(&self.text.as_bytes()[from as usize..to as usize]);
                }
                Piece::Rule(target) => self.write_target(target, dice, filler, memory, out),
                Piece::Bind(letter, target) => {
                    let from = out.len() as u32;
                    self.write_target(target, dice, filler, memory, out);
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

impl Grammar {
    /// Writes one text of the rule that `target` names; none if nothing is said
    /// of what is remembered, which a test excludes.
    fn write_target(
        &self,
        target: Target,
        dice: &mut Dice,
        filler: &mut dyn Filler,
        memory: &mut Memory,
        out: &mut Vec<u8>,
    ) {
        let rule = match target {
            Target::Rule(rule) => Some(rule),
            Target::Agreeing(letter, (start, end)) => {
                let (from, to) = memory[usize::from(letter)];
                let remembered = &out[from as usize..to as usize];
                let mut choices = self.choices[start as usize..end as usize].iter();
                choices
                    .find(|choice| choice.remembered.as_bytes() == remembered)
                    .map(|choice| choice.rule)
            }
        };
        debug_assert!(rule.is_some(), "no rule agrees in {}", String::from_utf8_lossy(out));
        if let Some(rule) = rule {
            self.write(rule, dice, filler, memory, out);
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

/// The scenes for which an alternative is meant, as bits, and the rest of it.
fn split_scenes(line: &str) -> (u32, &str) {
    const ALL: u32 = (1 << SCENES) - 1;
    let Some((marks, rest)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) else {
        return (ALL, line);
    };
    // For each kind of mark which of its marks are given, as bits.
    let mut given = [0_u32; MARKS.len()];
    for mark in marks.chars() {
        let place = |known: &str| known.chars().position(|other| other == mark);
        let found =
            MARKS.into_iter().enumerate().find_map(|(kind, known)| Some((kind, place(known)?)));
        let Some((kind, number)) = found else { return (ALL, line) };
        given[kind] |= 1 << number;
    }
    let holds = |index: &usize| {
        let numbers = Scene::marks(*index);
        given.iter().zip(numbers).all(|(given, number)| *given == 0 || given & 1 << number != 0)
    };
    ((0..SCENES).filter(holds).fold(0, |scenes, index| scenes | 1 << index), rest)
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
        fn scene(&self) -> Scene {
            Scene { season: Season::Summer, part: DayPart::Night, mild: false }
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
    fn alternatives_of_other_places_and_times_are_not_used() {
        assert_eq!(write(":post\n[暖]椰子|[夏寒夜]西瓜|[夏晨昼寒]粥|[春秋冬寒]雪"), "before 西瓜");
    }

    #[test]
    fn what_is_said_agrees_with_what_is_remembered() {
        let text =
            write(":post\n{w=kind}：{will@w}\n:kind\n大风|暴雨\n:will@大风\n风\n:will@暴雨\n雨");
        assert!(["before 大风：风", "before 暴雨：雨"].contains(&text.as_str()), "{text}");
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
