//! Patterns for times as other databases write them.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::engine::parsed;
use crate::engine::script::Statement;
use crate::error::{Error, Result};

/// How `PostgreSQL` and others write the parts of a time, longest first, and how
/// `to_char` and its like write them here.
const TIME_PARTS: &[(&str, &str)] = &[
    ("YYYY", "%Y"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("MONTH", "%B"),
    ("MON", "%b"),
    ("DAY", "%A"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("DY", "%a"),
    ("HH", "%H"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("MS", "%3f"),
];

/// Functions whose second argument says how a time is written.
const TIME_FUNCTIONS: [&str; 8] = [
    "to_char",
    "date_format",
    "to_date",
    "to_timestamp",
    "to_time",
    "strftime",
    "strptime",
    "try_strptime",
];

/// Refuses a pattern for times of another database: here it would stand for
/// itself, and every time would be written alike.
pub(in crate::engine) fn check_patterns(parsed: &mut Parsed, statement: &Statement) -> Result<()> {
    let found = parsed::visit(parsed, &mut Patterns);
    let ControlFlow::Break((text, at)) = found else { return Ok(()) };
    let (mut here, mut rest) = (String::new(), text.as_str());
    while let Some(first) = rest.chars().next() {
        let known = TIME_PARTS.iter().find(|(part, _)| {
            rest.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part))
        });
        let length = known.map_or(first.len_utf8(), |(part, _)| part.len());
        here.push_str(known.map_or(&rest[..length], |(_, ours)| ours));
        rest = &rest[length..];
    }
    let error = Error::query(format!("the pattern '{text}' names no part of a time"))
        .at(statement.place(at.line, at.column, Some(text.chars().count() as u64 + 2)));
    let is_of_numbers = text.chars().all(|sign| matches!(sign, '0' | '9' | ',' | '.' | ' '));
    Err(match here == text {
        true if is_of_numbers => error.hint("a number is written out by format('{:,}', n)"),
        true => error,
        false => error.hint(format!("here it is '{here}'")),
    })
}

/// Finds the first such pattern.
struct Patterns;

impl VisitorMut for Patterns {
    type Break = (String, Location);

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Self::Break> {
        pattern(expression).map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }
}

/// The pattern of a call that writes or reads a time, if it has no `%`.
fn pattern(expression: &Expr) -> Option<(String, Location)> {
    let Expr::Function(call) = expression else { return None };
    let name = call.name.to_string();
    if !TIME_FUNCTIONS.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
        return None;
    }
    let FunctionArguments::List(arguments) = &call.args else { return None };
    let [first, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))), ..] =
        arguments.args.as_slice()
    else {
        return None;
    };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    // `strftime('%Y', '2012-08-27')` has the pattern in front.
    if name.eq_ignore_ascii_case("strftime") && first.to_string().contains('%') {
        return None;
    }
    (!text.contains('%')).then(|| (text.clone(), value.span.start))
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pattern_of_another_database_is_refused_with_ours() {
        let session = Session::new(None, Settings::default()).unwrap();
        let error = session.collect("SELECT to_char(now(), 'YYYY年MM月DD日 HH24:MI')").await;
        let error = error.unwrap_err();
        assert_eq!(error.advice(), Some("here it is '%Y年%m月%d日 %H:%M'"), "{error}");
        assert_eq!(error.place().column, Some(23));
        let error = session.collect("SELECT strptime('2012', 'YYYY')").await.unwrap_err();
        assert_eq!(error.advice(), Some("here it is '%Y'"), "{error}");
        for inside in ["EXPLAIN SELECT", "COPY (SELECT"] {
            let end = if inside.starts_with("COPY") { ") TO '/nonexistent/x.csv'" } else { "" };
            let sql = format!("{inside} to_char(now(), 'YYYY') AS year{end}");
            let error = session.collect(&sql).await.unwrap_err();
            assert_eq!(error.advice(), Some("here it is '%Y'"), "{sql}: {error}");
        }
        for fine in [
            "to_char(now(), '%Y-%m')",
            "to_date('2012-08-27', '%Y-%m-%d')",
            "strftime('%Y', '2012-08-27'::date)",
        ] {
            session.collect(&format!("SELECT {fine}")).await.unwrap();
        }
    }
}
