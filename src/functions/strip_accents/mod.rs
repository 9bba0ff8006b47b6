//! `strip_accents(text)`.

mod bases;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::scalar::{Scalar, converted, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "strip_accents",
    signature: "strip_accents(text) -> text",
    summary: "The text without accents and other marks on its letters, as for a search that \
              passes over them.",
    source: Some("As in DuckDB: the canonical decomposition of Unicode without the marks."),
    example: Example {
        sql: "SELECT strip_accents('nǐ hǎo, Ångström')",
        result: "ni hao, Angstrom",
    },
    arguments: &[Argument::Text],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| converted(&columns[0], |text| Some(stripped(text))),
    }),
};

/// Marks that stand behind their letters.
static MARKS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\p{M}+").expect("the pattern is a regular expression"));

/// Signs that follow one another, from the first on, as they are without accents.
static RUNS: LazyLock<Vec<(u32, Vec<char>)>> = LazyLock::new(|| {
    bases::RUNS.iter().map(|(first, signs)| (*first, signs.chars().collect())).collect()
});

/// The parts of Korean syllables, and the syllables, which have all parts in order.
const BEGINNINGS: Range<u32> = 0x1100..0x1113;
const VOWELS: Range<u32> = 0x1161..0x1176;
const ENDINGS: Range<u32> = 0x11A8..0x11C3;
const SYLLABLES: Range<u32> = 0xAC00..0xD7A4;

fn stripped(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let unmarked = MARKS.replace_all(text, "");
    let is_plain = |sign: char| base(sign) == sign && !VOWELS.contains(&u32::from(sign));
    if unmarked.chars().all(is_plain) && !unmarked.chars().any(is_ending) {
        return unmarked;
    }
    let mut made = String::with_capacity(unmarked.len());
    for sign in unmarked.chars() {
        let syllable = made.chars().next_back().and_then(|before| syllable(before, sign));
        match syllable {
            Some(syllable) => {
                made.pop();
                made.push(syllable);
            }
            None => made.push(base(sign)),
        }
    }
    Cow::Owned(made)
}

/// `sign` without its accents.
fn base(sign: char) -> char {
    let code = u32::from(sign);
    // Most signs of a Chinese text.
    if matches!(code, 0..0xC0 | 0x3100..0xF900 | 0xFF00..0x1_0000) {
        return sign;
    }
    let next = RUNS.partition_point(|(first, _)| *first <= code);
    let found = next.checked_sub(1).and_then(|run| {
        let (first, signs) = &RUNS[run];
        signs.get(usize::try_from(code - first).ok()?)
    });
    found.copied().unwrap_or(sign)
}

fn is_ending(sign: char) -> bool {
    ENDINGS.contains(&u32::from(sign))
}

/// The Korean syllable that `sign` makes of the part or syllable before it.
fn syllable(before: char, sign: char) -> Option<char> {
    let (before, sign) = (u32::from(before), u32::from(sign));
    let (vowels, endings) = (VOWELS.end - VOWELS.start, ENDINGS.end - ENDINGS.start + 1);
    let code = if BEGINNINGS.contains(&before) && VOWELS.contains(&sign) {
        let beginning = before - BEGINNINGS.start;
        SYLLABLES.start + (beginning * vowels + sign - VOWELS.start) * endings
    } else if SYLLABLES.contains(&before)
        && (before - SYLLABLES.start).is_multiple_of(endings)
        && ENDINGS.contains(&sign)
    {
        before + sign - ENDINGS.start + 1
    } else {
        return None;
    };
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::{bases, stripped};

    #[test]
    fn accents_are_those_of_duckdb() {
        for (text, is) in [
            ("mühleisen, ÀÉÎõç", "muhleisen, AEIoc"),
            ("nǚ lǜ ÅΩ", "nu lu AΩ"),
            ("e\u{301}a\u{20dd}b", "eab"),
            ("\u{301}", ""),
            // Letters of their own.
            ("ø ł đ ß æ ı", "ø ł đ ß æ ı"),
            ("Việt Nam Ελλάδα Ёлка", "Viet Nam Ελλαδα Елка"),
            ("がパ", "かハ"),
            ("外交部：台风", "外交部：台风"),
            ("\u{f900}\u{fa0d}\u{2f800}", "豈嗀丽"),
            ("각 \u{1100}\u{1161}\u{11a8} \u{1100}\u{1161} \u{11a8}", "각 각 가 \u{11a8}"),
            ("가\u{11a8} 각\u{11a8}", "각 각\u{11a8}"),
            ("", ""),
        ] {
            assert_eq!(stripped(text), is, "{text}");
        }
    }

    #[test]
    fn runs_of_signs_are_in_order() {
        let is_before = |runs: &[(u32, &str)]| {
            let [(first, signs), (next, _)] = runs else { return false };
            first + u32::try_from(signs.chars().count()).unwrap() <= *next
        };
        assert!(bases::RUNS.windows(2).all(is_before));
    }
}
