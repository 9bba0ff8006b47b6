//! Looks for plain words before it looks for patterns.
//!
//! The engine turns `ILIKE` and patterns such as `%a%b%` into regular expressions,
//! which take several times as long as looking for a word. `ILIKE` without letters
//! that have case, such as any Chinese, is the same as `LIKE`. Where a pattern
//! or a regular expression cannot do without a word, the word is looked for
//! first.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Filter, Like, LogicalPlan, Operator, lit,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use regex_syntax::hir::{Hir, HirKind};

use crate::catalog::Levers;

/// The rule.
#[derive(Debug)]
pub(super) struct PlainSearch;

impl OptimizerRule for PlainSearch {
    fn name(&self) -> &'static str {
        "plain_search"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = plan else { return Ok(Transformed::no(plan)) };
        if !Levers::of(&config.options()).plain_search {
            return Ok(Transformed::no(LogicalPlan::Filter(filter)));
        }
        let input = filter.input;
        let plain = filter.predicate.transform_up(heeding_case)?;
        let words = words_first(&plain.data, input.schema());
        let (predicate, changed) = match words {
            Some(predicate) => (predicate, true),
            None => (plain.data, plain.transformed),
        };
        let filter = LogicalPlan::Filter(Filter::try_new(predicate, input)?);
        Ok(if changed { Transformed::yes(filter) } else { Transformed::no(filter) })
    }
}

/// `ILIKE` as `LIKE` where that is the same.
fn heeding_case(expression: Expr) -> Result<Transformed<Expr>> {
    Ok(match expression {
        Expr::Like(like) if like.case_insensitive && has_no_case(&like.pattern) => {
            Transformed::yes(Expr::Like(Like { case_insensitive: false, ..like }))
        }
        other => Transformed::no(other),
    })
}

fn has_no_case(pattern: &Expr) -> bool {
    let one_form = |c: char| c.to_lowercase().eq([c]) && c.to_uppercase().eq([c]);
    text_of(pattern).is_some_and(|pattern| pattern.chars().all(one_form))
}

/// The condition with the words that it cannot do without in front; `None` if
/// there are none, or they are there already.
fn words_first(predicate: &Expr, schema: &DFSchema) -> Option<Expr> {
    let conditions: Vec<&Expr> = split_conjunction(predicate);
    let mut words: Vec<Expr> = Vec::new();
    for word in conditions.iter().flat_map(|condition| words_of(condition, schema)) {
        if !conditions.contains(&&word) && !words.contains(&word) {
            words.push(word);
        }
    }
    if words.is_empty() {
        return None;
    }
    conjunction(words.into_iter().chain(conditions.into_iter().cloned()))
}

/// The searches for words that a condition implies.
fn words_of(condition: &Expr, schema: &DFSchema) -> Vec<Expr> {
    let (text, words) = match condition {
        Expr::Like(like) if !like.negated && !like.case_insensitive => {
            let words = match text_of(&like.pattern).filter(|_| like.escape_char.is_none()) {
                Some(pattern) => words_of_pattern(pattern),
                None => Vec::new(),
            };
            (like.expr.as_ref(), words)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::RegexMatch, right }) => {
            let word = text_of(right).and_then(word_of_regex);
            (left.as_ref(), word.into_iter().collect())
        }
        Expr::ScalarFunction(call) if call.name() == "regexp_like" => match call.args.as_slice() {
            [text, pattern] => {
                (text, text_of(pattern).and_then(word_of_regex).into_iter().collect())
            }
            _ => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    let Ok(kind) = text.get_type(schema) else { return Vec::new() };
    words.into_iter().filter_map(|word| search(text, &kind, &word)).collect()
}

/// The search for `word` in `text`, which is of type `kind`.
fn search(text: &Expr, kind: &DataType, word: &str) -> Option<Expr> {
    let pattern = Some(format!("%{word}%"));
    let pattern = match kind {
        DataType::Utf8View => ScalarValue::Utf8View(pattern),
        DataType::Utf8 => ScalarValue::Utf8(pattern),
        DataType::LargeUtf8 => ScalarValue::LargeUtf8(pattern),
        _ => return None,
    };
    let (text, pattern) = (Box::new(text.clone()), Box::new(lit(pattern)));
    Some(Expr::Like(Like::new(false, text, pattern, None, false)))
}

/// The words between the wildcards of a pattern that has some inside, longest
/// first.
fn words_of_pattern(pattern: &str) -> Vec<String> {
    let inside = pattern.strip_prefix('%').unwrap_or(pattern);
    let inside = inside.strip_suffix('%').unwrap_or(inside);
    // A backslash takes the meaning from the character after it.
    if !inside.contains(['%', '_']) || pattern.contains('\\') {
        return Vec::new();
    }
    let words = inside.split(['%', '_']).filter(|word| !word.is_empty());
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

/// The longest word that every match of a regular expression has.
fn word_of_regex(pattern: &str) -> Option<String> {
    let word = word_of(&regex_syntax::parse(pattern).ok()?)?;
    // In a pattern of LIKE these mean something else.
    (!word.is_empty() && !word.contains(['%', '_', '\\'])).then_some(word)
}

fn word_of(regex: &Hir) -> Option<String> {
    match regex.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
        HirKind::Capture(capture) => word_of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => word_of(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().filter_map(word_of).max_by_key(String::len),
        _ => None,
    }
}

/// The text that an expression is.
fn text_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_expression_has_the_longest_word_that_it_cannot_do_without() {
        let word = |pattern| word_of_regex(pattern);
        assert_eq!(word("#[^#]*公安[^#]*#").as_deref(), Some("公安"));
        assert_eq!(word("(地震|洪水)灾+").as_deref(), Some("灾"));
        assert_eq!(word("(?i)weather"), None);
        assert_eq!(word("地震|洪水"), None);
        assert_eq!(word("(地震)?"), None);
        assert_eq!(word("100%"), None);
        assert_eq!(word("("), None);
    }

    #[test]
    fn a_pattern_has_words_between_its_wildcards() {
        assert_eq!(words_of_pattern("%应急%地%"), ["应急", "地"]);
        assert_eq!(words_of_pattern("今_应急"), ["应急", "今"]);
        for plain in ["%应急%", "应急%", "应急", "%", "", "%a\\%b%c%"] {
            assert!(words_of_pattern(plain).is_empty(), "{plain}");
        }
    }
}
