//! What a filter says of the text of a post, as terms to look up.
//!
//! Everything here may ask for less than the filter does, never for more: rows
//! that are found are filtered again.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Like, Operator, TryCast};
use regex_syntax::hir::{Class, Hir, HirKind};

use super::terms::{Term, folded, of_word};

/// The column whose texts are indexed.
pub(super) const COLUMN: &str = "text";

/// Terms of one word that are looked up, at most.
const WORD_TERMS: usize = 24;

/// Alternatives that are looked up, at most.
const ALTERNATIVES: usize = 64;

/// Characters that a class may have and still stand for one letter.
const CLASS_CHARACTERS: usize = 4;

/// What a row's text must hold, as far as the index can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Search {
    /// Nothing in particular.
    Anything,
    /// A term.
    Term(Term),
    /// All of these.
    All(Vec<Search>),
    /// One of these.
    Any(Vec<Search>),
}

/// How a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Heeded,
    Ignored,
}

impl Search {
    /// What rows that pass all of `filters` must hold.
    pub(crate) fn of(filters: &[Expr]) -> Self {
        Self::all(filters.iter().map(of_filter))
    }

    /// All of `parts`.
    fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut needed = Vec::new();
        for part in parts {
            match part {
                Self::Anything => {}
                Self::All(parts) => needed.extend(parts),
                part => needed.push(part),
            }
        }
        match needed.len() {
            0 => Self::Anything,
            1 => needed.remove(0),
            _ => Self::All(needed),
        }
    }

    /// One of `parts`.
    fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let parts: Vec<Self> = parts.into_iter().take(ALTERNATIVES + 1).collect();
        if parts.len() > ALTERNATIVES || parts.contains(&Self::Anything) {
            return Self::Anything;
        }
        Self::Any(parts)
    }

    /// The text holds `word`.
    fn word(word: &str, case: Case) -> Self {
        let is_clear = |c: char| case == Case::Heeded || has_one_form(c);
        let parts = word.split(|c| !is_clear(c));
        let terms = parts.flat_map(of_word).take(WORD_TERMS);
        Self::all(terms.map(Self::Term))
    }
}

/// Whether comparing without regard to case takes `character` for itself or the
/// same ASCII letter only. (K is also the sign for kelvin, s also the long s,
/// and i has forms with and without a dot.)
fn has_one_form(character: char) -> bool {
    if character.is_ascii() {
        return !matches!(character.to_ascii_lowercase(), 'k' | 's' | 'i');
    }
    character.to_lowercase().eq([character]) && character.to_uppercase().eq([character])
}

/// What rows that pass `filter` must hold.
fn of_filter(filter: &Expr) -> Search {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::And => Search::all([of_filter(left), of_filter(right)]),
            Operator::Or => Search::any([of_filter(left), of_filter(right)]),
            _ => of_comparison(left, *op, right).unwrap_or(Search::Anything),
        },
        Expr::Like(like) if !like.negated => of_like(like).unwrap_or(Search::Anything),
        Expr::InList(list) if !list.negated => of_list(list).unwrap_or(Search::Anything),
        Expr::ScalarFunction(call) => of_call(call).unwrap_or(Search::Anything),
        _ => Search::Anything,
    }
}

fn of_comparison(left: &Expr, op: Operator, right: &Expr) -> Option<Search> {
    if let Some(search) = of_position(left, op, right) {
        return Some(search);
    }
    match op {
        Operator::Eq => {
            let word = |text, word| Some(Search::word(literal(word)?, subject(text)?));
            word(left, right).or_else(|| word(right, left))
        }
        Operator::LikeMatch => Some(of_pattern(literal(right)?, subject(left)?)),
        Operator::ILikeMatch => {
            subject(left).and_then(|_| Some(of_pattern(literal(right)?, Case::Ignored)))
        }
        Operator::RegexMatch => of_regex("", literal(right)?, subject(left)?),
        Operator::RegexIMatch => of_regex("i", literal(right)?, subject(left)?),
        _ => None,
    }
}

/// `strpos(text, word) > 0` and its like.
fn of_position(left: &Expr, op: Operator, right: &Expr) -> Option<Search> {
    let (call, op, number) = match (left, right) {
        (Expr::ScalarFunction(call), number) => (call, op, number),
        (number, Expr::ScalarFunction(call)) => (call, op.swap()?, number),
        _ => return None,
    };
    if call.name() != "strpos" {
        return None;
    }
    let number = match number {
        Expr::Literal(value, _) => {
            i64::try_from(value.clone()).or_else(|_| i32::try_from(value.clone()).map(i64::from))
        }
        _ => return None,
    };
    let found = match op {
        Operator::Gt | Operator::NotEq => number.ok()? == 0,
        Operator::GtEq | Operator::Eq => number.ok()? > 0,
        _ => false,
    };
    let [text, word] = call.args.as_slice() else { return None };
    found.then(|| Some(Search::word(literal(word)?, subject(text)?)))?
}

fn of_like(like: &Like) -> Option<Search> {
    if like.escape_char.is_some_and(|escape| escape != '\\') {
        return None;
    }
    let case = subject(&like.expr)?;
    let case = if like.case_insensitive { Case::Ignored } else { case };
    Some(of_pattern(literal(&like.pattern)?, case))
}

/// The pattern of a LIKE: words between wildcards.
fn of_pattern(pattern: &str, case: Case) -> Search {
    let mut words = vec![String::new()];
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let character = match character {
            '%' | '_' => None,
            '\\' => characters.next(),
            other => Some(other),
        };
        match (character, words.last_mut()) {
            (Some(character), Some(word)) => word.push(character),
            _ => words.push(String::new()),
        }
    }
    Search::all(words.iter().map(|word| Search::word(word, case)))
}

fn of_list(list: &InList) -> Option<Search> {
    let case = subject(&list.expr)?;
    let words: Option<Vec<&str>> = list.list.iter().map(literal).collect();
    Some(Search::any(words?.into_iter().map(|word| Search::word(word, case))))
}

fn of_call(call: &ScalarFunction) -> Option<Search> {
    match (call.name(), call.args.as_slice()) {
        ("contains" | "starts_with" | "ends_with", [text, word]) => {
            Some(Search::word(literal(word)?, subject(text)?))
        }
        ("regexp_like", [text, pattern]) => of_regex("", literal(pattern)?, subject(text)?),
        ("regexp_like", [text, pattern, flags]) => {
            of_regex(literal(flags)?, literal(pattern)?, subject(text)?)
        }
        _ => None,
    }
}

/// How the indexed text is compared, if `expression` is it.
fn subject(expression: &Expr) -> Option<Case> {
    match expression {
        Expr::Column(column) => (column.name == COLUMN).then_some(Case::Heeded),
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
            field.data_type().is_string().then(|| subject(expr))?
        }
        Expr::ScalarFunction(call) if call.name() == "lower" => {
            subject(call.args.first()?).map(|_| Case::Ignored)
        }
        _ => None,
    }
}

fn literal(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Literal(
            ScalarValue::Utf8(Some(text))
            | ScalarValue::LargeUtf8(Some(text))
            | ScalarValue::Utf8View(Some(text)),
            _,
        ) => Some(text),
        _ => None,
    }
}

/// What any match of a regular expression holds.
fn of_regex(flags: &str, pattern: &str, case: Case) -> Option<Search> {
    let flagged =
        if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
    let pattern = regex_syntax::parse(&flagged).ok()?;
    Some(of_hir(&pattern, case))
}

/// A part of a regular expression.
enum Part {
    /// A character that follows at once on the one before.
    Character(char),
    /// Anything else, and what it holds.
    Other(Search),
}

fn of_hir(pattern: &Hir, case: Case) -> Search {
    let mut parts = Vec::new();
    collect(pattern, case, &mut parts);
    let mut needed = Vec::new();
    let mut word = String::new();
    for part in parts {
        match part {
            Part::Character(character) => word.push(character),
            Part::Other(search) => {
                needed.push(Search::word(&std::mem::take(&mut word), case));
                needed.push(search);
            }
        }
    }
    needed.push(Search::word(&word, case));
    Search::all(needed)
}

fn collect(pattern: &Hir, case: Case, parts: &mut Vec<Part>) {
    match pattern.kind() {
        // These take no room: what stands before and after are neighbours.
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => parts.extend(text.chars().map(Part::Character)),
            Err(_) => parts.push(Part::Other(Search::Anything)),
        },
        HirKind::Class(class) => parts.push(match one_letter(class) {
            Some(letter) => Part::Character(letter),
            None => Part::Other(Search::Anything),
        }),
        HirKind::Capture(capture) => collect(&capture.sub, case, parts),
        HirKind::Concat(inner) => inner.iter().for_each(|inner| collect(inner, case, parts)),
        HirKind::Repetition(repetition) => parts.push(Part::Other(match repetition.min {
            0 => Search::Anything,
            _ => of_hir(&repetition.sub, case),
        })),
        HirKind::Alternation(inner) => {
            let searches = inner.iter().map(|inner| of_hir(inner, case));
            parts.push(Part::Other(Search::any(searches)));
        }
    }
}

/// The letter that `class` stands for, if it is one letter in both cases.
fn one_letter(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let mut characters = class.iter().flat_map(|range| range.start()..=range.end());
    let few: Vec<char> = characters.by_ref().take(CLASS_CHARACTERS).map(folded).collect();
    let first = *few.first()?;
    (characters.next().is_none() && few.iter().all(|other| *other == first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use datafusion::functions::expr_fn::{contains, lower, strpos};
    use datafusion::prelude::{col, lit};

    use super::*;

    fn words(words: &[&str]) -> Search {
        Search::all(words.iter().map(|word| Search::word(word, Case::Heeded)))
    }

    #[test]
    fn patterns_ask_for_what_stands_between_their_wildcards() {
        for (pattern, expected) in [
            ("%地震%", vec!["地震"]),
            ("%地震%灾_情", vec!["地震", "灾", "情"]),
            (r"%100\%地\_震\\%", vec![r"100%地_震\"]),
            ("%", vec![]),
            ("", vec![]),
            (r"地震\", vec!["地震"]),
        ] {
            let filter = col("text").like(lit(pattern));
            assert_eq!(of_filter(&filter), words(&expected), "{pattern}");
            assert_eq!(of_filter(&col("text").not_like(lit(pattern))), Search::Anything);
            assert_eq!(of_filter(&col("client").like(lit(pattern))), Search::Anything);
        }
    }

    #[test]
    fn letters_with_other_forms_are_left_out_where_case_is_ignored() {
        let ignored = of_filter(&col("text").ilike(lit("%Earthquake地震Ü灾%")));
        assert_eq!(ignored, words(&["earthqua", "e地震", "灾"]));
        assert_eq!(of_filter(&lower(col("text")).like(lit("%ab%"))), words(&["ab"]));
    }

    #[test]
    fn functions_and_their_combinations_are_understood() {
        let (quake, flood) = (contains(col("text"), lit("地震")), strpos(col("text"), lit("洪水")));
        assert_eq!(of_filter(&quake), words(&["地震"]));
        assert_eq!(of_filter(&flood.clone().gt(lit(0))), words(&["洪水"]));
        assert_eq!(of_filter(&lit(0_i64).lt(flood.clone())), words(&["洪水"]));
        assert_eq!(of_filter(&flood.clone().eq(lit(0))), Search::Anything);
        assert_eq!(of_filter(&flood.clone().gt(lit(-1))), Search::Anything);
        assert_eq!(
            of_filter(&quake.clone().or(flood.clone().gt(lit(0)))),
            Search::Any(vec![words(&["地震"]), words(&["洪水"])])
        );
        assert_eq!(of_filter(&quake.clone().or(col("likes").gt(lit(5)))), Search::Anything);
        assert_eq!(of_filter(&quake.and(flood.gt(lit(0)))), words(&["地震", "洪水"]));
    }

    #[test]
    fn regular_expressions_ask_for_what_every_match_holds() {
        let regex = |flags, pattern| of_regex(flags, pattern, Case::Heeded).unwrap();
        assert_eq!(regex("", "#[^#]*公安[^#]*#"), words(&["公安"]));
        assert_eq!(regex("", "地震(级|强度)?灾情"), words(&["地震", "灾情"]));
        assert_eq!(regex("", r"\b(地震)$"), words(&["地震"]));
        assert_eq!(regex("", "(地震)+灾"), words(&["地震", "灾"]));
        assert_eq!(regex("", "(地震)*"), Search::Anything);
        assert_eq!(regex("", "地震|洪水"), Search::Any(vec![words(&["地震"]), words(&["洪水"])]));
        assert_eq!(regex("", "地震|.*"), Search::Anything);
        assert_eq!(regex("i", "earthquake"), words(&["earthqua", "e"]));
        assert!(of_regex("", "(", Case::Heeded).is_none());
    }
}
