//! `text LIKE ANY ('%地震%', '%台风%')`, `LIKE ALL`, and `LIKE '10!%' ESCAPE '!'`.
//!
//! The planner knows a single pattern with the backslash. Lists of patterns become as
//! many comparisons: `NOT LIKE ANY` holds if one of the patterns does not match, as in
//! PostgreSQL. A pattern with another escape becomes one with the backslash.

use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectNamePart, Value, ValueWithSpan,
};

use crate::error::{Error, Kind};

/// What takes the meaning from the sign after it, to the engine.
const ESCAPE: char = '\\';

/// Most patterns in one comparison: the planner walks what is made of them by recursion.
const MOST_PATTERNS: usize = 4_000;

/// Makes as many comparisons as there are patterns.
pub(super) fn each(expression: &mut Expr) -> bool {
    let Some((op, patterns)) = patterns(expression) else { return false };
    let compared = patterns.into_iter().map(|of| compared(expression, of));
    let all = compared.reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: op.clone(),
        right: Box::new(right),
    });
    let Some(all) = all else { return false };
    *expression = Expr::Nested(Box::new(all));
    true
}

/// The patterns of a comparison with several, and what stands between the comparisons.
fn patterns(expression: &Expr) -> Option<(BinaryOperator, Vec<Expr>)> {
    match expression {
        Expr::Like { any, pattern, .. } | Expr::ILike { any, pattern, .. } => match any {
            true => Some((BinaryOperator::Or, listed(pattern)?)),
            false => called(pattern),
        },
        _ => None,
    }
}

/// The patterns that stand in the brackets behind ANY.
fn listed(pattern: &Expr) -> Option<Vec<Expr>> {
    match pattern {
        Expr::Tuple(patterns) => Some(patterns.clone()),
        Expr::Array(Array { elem, .. }) => Some(elem.clone()),
        Expr::Nested(inner) => listed(inner),
        Expr::Subquery(_) => None,
        one => Some(vec![one.clone()]),
    }
}

/// The patterns of ALL and SOME, which the parser takes for functions.
fn called(pattern: &Expr) -> Option<(BinaryOperator, Vec<Expr>)> {
    let Expr::Function(call) = pattern else { return None };
    let [ObjectNamePart::Identifier(Ident { value, quote_style: None, .. })] =
        call.name.0.as_slice()
    else {
        return None;
    };
    let op = match value.to_lowercase().as_str() {
        "all" => BinaryOperator::And,
        "some" => BinaryOperator::Or,
        _ => return None,
    };
    let FunctionArguments::List(list) = &call.args else { return None };
    let patterns = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(pattern)) => Some(pattern.clone()),
        _ => None,
    });
    let patterns = patterns.collect::<Option<Vec<_>>>()?;
    match patterns.as_slice() {
        [one] => Some((op, listed(one)?)),
        _ => Some((op, patterns)),
    }
}

/// The comparison `expression` with one pattern.
fn compared(expression: &Expr, of: Expr) -> Expr {
    let mut one = expression.clone();
    if let Expr::Like { any, pattern, .. } | Expr::ILike { any, pattern, .. } = &mut one {
        *any = false;
        **pattern = of;
    }
    one
}

/// Writes a pattern with the escape that the engine knows.
pub(super) fn escape(expression: &mut Expr) -> bool {
    let (Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. }) =
        expression
    else {
        return false;
    };
    let Some(sign) = escape_char.as_ref().and_then(sign) else { return false };
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = &mut **pattern
    else {
        return false;
    };
    let Some(respelt) = with_backslash(text, sign) else { return false };
    *text = respelt;
    *escape_char = None;
    true
}

/// The sign behind ESCAPE, if it is not the engine's own: none in the empty text.
fn sign(value: &ValueWithSpan) -> Option<Option<char>> {
    let Value::SingleQuotedString(text) = &value.value else { return None };
    let mut signs = text.chars();
    match (signs.next(), signs.next()) {
        (sign, None) if sign != Some(ESCAPE) => Some(sign),
        _ => None,
    }
}

/// `pattern` with the backslash in the place of `sign`; none if nothing follows a sign.
fn with_backslash(pattern: &str, sign: Option<char>) -> Option<String> {
    let mut respelt = String::with_capacity(pattern.len());
    let mut signs = pattern.chars();
    while let Some(next) = signs.next() {
        let (meant, is_escaped) = match Some(next) == sign {
            true => (signs.next()?, true),
            false => (next, false),
        };
        if meant == ESCAPE || is_escaped && matches!(meant, '%' | '_') {
            respelt.push(ESCAPE);
        }
        respelt.push(meant);
    }
    Some(respelt)
}

/// What of a comparison cannot be written otherwise, and the word by which it is found.
pub(in crate::engine) fn refused(expression: &Expr) -> Option<(&'static str, Error)> {
    let (Expr::Like { any, pattern, .. } | Expr::ILike { any, pattern, .. }) = expression else {
        return None;
    };
    let several = patterns(expression);
    if *any && several.is_none() {
        let error = Error::query("LIKE ANY does not take a query, but a list");
        return Some(("ANY", error.hint("write the patterns out: LIKE ANY ('%地震%', '%台风%')")));
    }
    if several.as_ref().is_some_and(|(_, patterns)| patterns.len() > MOST_PATTERNS) {
        let word = if matches!(expression, Expr::Like { .. }) { "LIKE" } else { "ILIKE" };
        let message = format!("{word} takes up to {MOST_PATTERNS} patterns at once");
        let error = Error::new(Kind::Limit, message);
        return Some((word, error.hint("put them in a table and join it: ON text LIKE pattern")));
    }
    let patterns = several.map_or_else(|| vec![pattern.as_ref().clone()], |(_, all)| all);
    let is_left = patterns.into_iter().any(|of| {
        let mut one = compared(expression, of);
        escape(&mut one);
        match &one {
            Expr::Like { escape_char, .. } | Expr::ILike { escape_char, .. } => {
                escape_char.as_ref().is_some_and(|left| !is_backslash(left))
            }
            _ => false,
        }
    });
    is_left.then(|| {
        let error = Error::query(
            "ESCAPE takes one sign, and a pattern that is written out and does not end with it",
        );
        ("ESCAPE", error.hint("the backslash goes with any pattern: LIKE '10\\%'"))
    })
}

fn is_backslash(value: &ValueWithSpan) -> bool {
    matches!(&value.value, Value::SingleQuotedString(text) if text == "\\")
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn of(session: &Session, condition: &str) -> String {
        let sql = format!(
            "SELECT {condition} AS is_so
             FROM (VALUES ('北京地震', NULL, '10%')) AS t(text, nothing, p)"
        );
        answer(session, &sql).await.remove(1)
    }

    #[tokio::test]
    async fn a_text_is_compared_with_each_pattern() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (condition, is) in [
            ("text LIKE ANY ('%地震%', '%台风%')", "true"),
            ("text LIKE ANY ('%暴雨%', '%台风%')", "false"),
            ("text LIKE ANY (ARRAY['%暴雨%', '北京%'])", "true"),
            ("text LIKE ANY (['%暴雨%', '北京%'])", "true"),
            ("text LIKE ANY ('北京%')", "true"),
            ("text LIKE SOME ('%暴雨%', '北京%')", "true"),
            ("text LIKE ALL ('北京%', '%地震')", "true"),
            ("text LIKE ALL ('北京%', '%台风')", "false"),
            ("text LIKE ALL (ARRAY['北京%', '%地震'])", "true"),
            ("text NOT LIKE ANY ('北京%', '%台风')", "true"),
            ("text NOT LIKE ANY ('北京%', '%地震')", "false"),
            ("text NOT LIKE ALL ('上海%', '%台风')", "true"),
            ("text NOT LIKE ALL ('上海%', '%地震')", "false"),
            ("'ABC' ILIKE ANY ('x%', 'ab%')", "true"),
            ("'ABC' NOT ILIKE ALL ('x%', 'ab%')", "false"),
            ("nothing LIKE ANY ('a', 'b')", ""),
            ("text LIKE ANY ('a') OR text LIKE ANY ('北京%', 'x') AND 1 = 1", "true"),
            ("'a%' LIKE ANY ('b', 'a!%') ESCAPE '!'", "true"),
        ] {
            assert_eq!(of(&session, condition).await, is, "{condition}");
        }
        let named = answer(&session, "SELECT 'a' LIKE ANY ('a%', 'b%')").await;
        assert_eq!(named, ["'a' LIKE ANY ('a%', 'b%')", "true"]);
    }

    #[tokio::test]
    async fn any_sign_may_be_the_escape() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (condition, is) in [
            ("p LIKE '10!%' ESCAPE '!'", "true"),
            ("'100' LIKE '10!%' ESCAPE '!'", "false"),
            ("'100' LIKE '10%' ESCAPE '!'", "true"),
            ("'a!b' LIKE 'a!!_' ESCAPE '!'", "true"),
            ("'a_b' LIKE 'a#_b' ESCAPE '#'", "true"),
            ("'axb' LIKE 'a#_b' ESCAPE '#'", "false"),
            ("'a\\b' LIKE 'a\\_' ESCAPE '!'", "true"),
            ("'A_B' ILIKE 'a!_b' ESCAPE '!'", "true"),
            ("'a_b' NOT LIKE 'a!_b' ESCAPE '!'", "false"),
            ("'100%' LIKE '100%%' ESCAPE '%'", "true"),
            ("'a\\' LIKE 'a\\' ESCAPE ''", "true"),
            ("'a%' LIKE 'a\\%' ESCAPE '\\'", "true"),
        ] {
            assert_eq!(of(&session, condition).await, is, "{condition}");
        }
    }

    #[tokio::test]
    async fn patterns_beyond_what_is_safe_are_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = |count: usize| format!("SELECT 'b' LIKE ANY ({}'b') AS b", "'a', ".repeat(count));
        assert_eq!(answer(&session, &sql(200)).await, ["b", "true"]);
        let error = session.collect(&sql(4000)).await.unwrap_err();
        assert!(error.message().contains("up to 4000 patterns"), "{error}");
    }

    #[tokio::test]
    async fn other_escapes_and_lists_are_refused_in_plain_words() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (condition, word) in [
            ("text LIKE p ESCAPE '!'", "ESCAPE"),
            ("text LIKE 'a!' ESCAPE '!'", "ESCAPE"),
            ("text LIKE 'a' ESCAPE 'ab'", "ESCAPE"),
            ("text LIKE ANY (SELECT 'a')", "ANY"),
        ] {
            let sql =
                format!("SELECT 1 AS n FROM (VALUES ('a', 'b')) AS t(text, p) WHERE {condition}");
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.message().contains(word), "{condition}: {error}");
            assert!(error.advice().is_some() && error.place().column.is_some(), "{condition}");
        }
    }
}
