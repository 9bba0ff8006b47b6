//! `strip_accents(text)`.

use std::borrow::Cow;
use std::sync::LazyLock;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
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

fn stripped(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    let unmarked = MARKS.replace_all(&decomposed, "");
    // Korean syllables are decomposed as well.
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&unmarked);
    if composed == text { Cow::Borrowed(text) } else { Cow::Owned(composed.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::stripped;

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
}
