//! What a statement looks for, so that its answer can show it: words in texts, and
//! the columns that order the rows.

use crate::engine::{Params, Statement};
use crate::queries::plain;
use crate::render;
use crate::shell::scan::{Kind, Lexeme, scan};

/// Functions of a text and what is looked for in it.
const FUNCTIONS: &[&str] = &[
    "contains",
    "ends_with",
    "instr",
    "position",
    "regexp_count",
    "regexp_like",
    "regexp_match",
    "starts_with",
    "strpos",
];

/// The most words that are marked.
const MOST_WORDS: usize = 20;

/// How the answer to `statement` is shown, where others are as in `shown`.
#[must_use]
pub fn shown_for(
    statement: &Statement,
    params: &Params,
    shown: render::Options,
) -> render::Options {
    let (searched, ordered) = (words(statement, params), ordered_by(statement));
    render::Options { searched, ordered, listed: is_listed(statement), ..shown }
}

/// The words that `statement` looks for, the longest first.
fn words(statement: &Statement, params: &Params) -> Vec<String> {
    let mut lexemes = scan(&statement.sql);
    lexemes.retain(Lexeme::is_significant);
    let mut words = Vec::new();
    for (at, lexeme) in lexemes.iter().enumerate() {
        let behind = &lexemes[at + 1..];
        let patterns = if lexeme.is("like") || lexeme.is("ilike") {
            joined(behind)
        } else if FUNCTIONS.iter().any(|name| lexeme.is(name)) {
            later_arguments(behind)
        } else {
            continue;
        };
        for pattern in patterns {
            add_words(&pattern_text(pattern, params), &mut words);
        }
    }
    words.sort_by_key(|word: &String| std::cmp::Reverse(word.len()));
    words.dedup();
    words.truncate(MOST_WORDS);
    words
}

/// The columns by which `statement` orders its answer, as far as they are called by
/// their names.
fn ordered_by(statement: &Statement) -> Vec<String> {
    // ORDER BY in brackets orders something else.
    let lexemes = outside_brackets(statement);
    let order = lexemes.windows(2).rposition(|pair| pair[0].is("order") && pair[1].is("by"));
    let Some(order) = order else { return Vec::new() };
    let items = lexemes[order + 2..].split(|lexeme| lexeme.is_symbol(","));
    items.filter_map(ordering_name).collect()
}

/// Whether the columns of the answer are named one by one: no item of the first list
/// is `*` or `posts.*`.
fn is_listed(statement: &Statement) -> bool {
    let lexemes = outside_brackets(statement);
    let Some(select) = lexemes.iter().position(|lexeme| lexeme.is("select")) else {
        return false;
    };
    let list = &lexemes[select + 1..];
    let end = list.iter().position(|lexeme| lexeme.is("from")).unwrap_or(list.len());
    let is_star = |item: &[Lexeme<'_>]| {
        let Some(star) = item.iter().position(|lexeme| lexeme.is_symbol("*")) else { return false };
        // Behind anything else it multiplies.
        star.checked_sub(1).is_none_or(|before| {
            let before = &item[before];
            before.is_symbol(".") || ["distinct", "all", "on"].iter().any(|word| before.is(word))
        })
    };
    !list[..end].split(|lexeme| lexeme.is_symbol(",")).any(is_star)
}

/// The words of `statement` that stand in no brackets.
fn outside_brackets(statement: &Statement) -> Vec<Lexeme<'_>> {
    let mut lexemes = scan(&statement.sql);
    lexemes.retain(Lexeme::is_significant);
    let mut depth = 0_usize;
    lexemes.retain(|lexeme| {
        match lexeme.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    });
    lexemes
}

/// The name that an item of ORDER BY begins with, if that is all of its expression:
/// `likes DESC`, `p.likes`.
fn ordering_name(item: &[Lexeme<'_>]) -> Option<String> {
    let name = match item {
        [_, dot, name, ..] if dot.is_symbol(".") => name,
        [name, ..] => name,
        [] => return None,
    };
    name.name()
}

/// The operands that `||` joins at the beginning of `lexemes`.
fn joined<'t, 'a>(lexemes: &'t [Lexeme<'a>]) -> Vec<&'t Lexeme<'a>> {
    let is_part = |lexeme: &&Lexeme<'_>| is_pattern(lexeme) || lexeme.is_symbol("||");
    lexemes.iter().take_while(is_part).filter(|lexeme| is_pattern(lexeme)).collect()
}

/// The texts behind the first comma of a call whose bracket begins `lexemes`.
fn later_arguments<'t, 'a>(lexemes: &'t [Lexeme<'a>]) -> Vec<&'t Lexeme<'a>> {
    let (mut depth, mut later) = (0_usize, false);
    let mut found = Vec::new();
    for lexeme in lexemes {
        match lexeme.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "," if depth == 1 => later = true,
            _ if later && is_pattern(lexeme) => found.push(lexeme),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

fn is_pattern(lexeme: &Lexeme<'_>) -> bool {
    matches!(lexeme.kind, Kind::Text | Kind::Parameter)
}

/// The text that a literal or a parameter stands for.
fn pattern_text(lexeme: &Lexeme<'_>, params: &Params) -> String {
    match lexeme.kind {
        Kind::Parameter => {
            params.get(lexeme.text.trim_start_matches('$')).map(plain).unwrap_or_default()
        }
        _ => lexeme.text.trim_matches('\'').replace("''", "'"),
    }
}

/// Adds the plain words of a pattern of LIKE or of a regular expression.
fn add_words(pattern: &str, words: &mut Vec<String>) {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '#' | '@' | '-' | '\'');
    let parts = pattern.split(|c: char| !is_plain(c)).map(str::trim);
    words.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
}

#[cfg(test)]
mod tests {
    use datafusion::common::ScalarValue;

    use super::{is_listed, ordered_by, words};
    use crate::engine::{Params, script};

    fn found(sql: &str) -> Vec<String> {
        let params = Params::from([("word".to_owned(), ScalarValue::from("海啸"))]);
        words(&script::parse(sql, None).unwrap()[0], &params)
    }

    #[test]
    fn the_columns_that_order_an_answer_are_those_outside_brackets() {
        for (sql, names) in [
            (
                "select * from posts p order by p.likes desc nulls last, \"Text\", 3 limit 5",
                "likes|Text",
            ),
            ("select rank() over (order by a) from t", ""),
            ("select * from (select * from t order by a) as t order by b", "b"),
            ("select * from t order by lower(a), a.b.c", "lower|b"),
            ("select 1", ""),
        ] {
            let statements = script::parse(sql, None).unwrap();
            assert_eq!(ordered_by(&statements[0]).join("|"), names, "{sql}");
        }
    }

    #[test]
    fn columns_are_listed_unless_a_star_stands_for_them() {
        for (sql, listed) in [
            ("select a, count(*) n, sum(b) * 2, c * d from t", true),
            ("with t as (select * from u) select a from t", true),
            ("select * from posts", false),
            ("select distinct * from posts", false),
            ("select a, p.* exclude (b) from posts p", false),
            ("from posts", false),
        ] {
            assert_eq!(is_listed(&script::parse(sql, None).unwrap()[0]), listed, "{sql}");
        }
    }

    #[test]
    fn patterns_of_like_and_of_functions_are_taken_apart() {
        assert_eq!(found("select 1 from t where text like '%地震%' and a = '微博'"), ["地震"]);
        assert_eq!(found("select 1 where a ilike '%it''s%me_'"), ["it's", "me"]);
        assert_eq!(found("select 1 where a like '%' || $word || '%'"), ["海啸"]);
        assert_eq!(found("select 1 where contains(lower(text), '地震')"), ["地震"]);
        assert_eq!(found("select 1 where regexp_like(text, '(地震|大海啸)+')"), ["大海啸", "地震"]);
        assert_eq!(found("select replace(text, 'a', 'b') from t"), Vec::<String>::new());
    }
}
