//! What the engine's messages mean that say a condition is none, or that a clause or
//! a function is given something that it does not take.

use super::engine_types;
use super::wording::{Meaning, between};
use crate::error::{Error, nearest};

/// As those of `wording`.
pub(super) const MEANINGS: &[Meaning] = &[
    ("with non-boolean predicate", no_condition),
    ("NOT' requires a boolean", |message| {
        let (_, given) = message.rsplit_once(" got ")?;
        Some(no_truth("NOT", given))
    }),
    ("type for logical boolean operation ", no_truths),
    ("type for comparison operation ", not_compared),
    ("ompatible types to compare ", not_listed),
    ("LIMIT must be >", |_| Some(no_count("LIMIT"))),
    ("OFFSET must be >", |_| Some(no_count("OFFSET"))),
    ("nsupported LIMIT expression", |_| Some(no_count("LIMIT"))),
    ("nsupported OFFSET expression", |_| Some(no_count("OFFSET"))),
    ("xpected LIMIT to be an integer", |_| Some(no_count("LIMIT"))),
    ("xpected OFFSET to be an integer", |_| Some(no_count("OFFSET"))),
    ("nsupported date_trunc granularity", |message| Some(no_part("date_trunc", message, &UNITS))),
    ("ate part '", |message| Some(no_part("date_part", message, &PARTS))),
    ("HAVING clause references", |_| {
        Some(Error::query("HAVING asks something of a column that no group has").hint(
            "conditions on rows stand behind WHERE; HAVING has groups, as in GROUP BY account_id \
             HAVING count(*) > 9",
        ))
    }),
    ("by column out of bounds", |message| {
        let place = between(message, "specified: ", ",")?;
        let (_, most) = message.rsplit_once("max: ")?;
        Some(no_column("ORDER BY", place, most))
    }),
    ("annot find column with position ", |message| {
        let place = between(message, "position ", " in")?;
        let (_, most) = message.rsplit_once(" to ")?;
        Some(no_column("GROUP BY", place, most))
    }),
    ("UNION queries have different number", |_| {
        Some(Error::query("the parts of a UNION have different numbers of columns").hint(
            "each lists as many; NULL takes the place of one: SELECT platform, NULL FROM accounts",
        ))
    }),
    ("not supported: lambda", |_| {
        Some(Error::query("-> makes a function, which is given to another one only").hint(
            "list_filter, list_transform, list_any_match and list_first take one: \
             list_filter(hashtags, h -> h LIKE '%北京%')",
        ))
    }),
    ("ambda defined ", |_| {
        Some(Error::query("the function behind -> has more names than it is given values").hint(
            "it is given the items of the list, one at a time: list_transform(likes, x -> x + 1)",
        ))
    }),
    ("physical LambdaVariable", |_| {
        Some(
            Error::query("the function behind -> uses columns beside the names before it, which the engine cannot do here")
                .hint("list what the query needs in a subquery first, or unnest the list"),
        )
    }),
    ("arameters with explicit data types", |_| {
        Some(
            Error::query("the names before -> have no types")
                .hint("cast what is made of them: x -> CAST(x AS BIGINT) + 1"),
        )
    }),
];

/// What `date_trunc` cuts off to.
const UNITS: [&str; 10] = [
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
];

/// What a time has.
const PARTS: [&str; 15] = [
    "year",
    "isoyear",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "minute",
    "second",
    "millisecond",
    "microsecond",
    "dow",
    "isodow",
    "doy",
    "epoch",
];

/// A value that stands where a condition was expected, in WHERE as a whole.
fn no_condition(message: &str) -> Option<Error> {
    let (_, kind) = message.rsplit_once(" returning ")?;
    let error =
        Error::query(format!("WHERE takes a condition, and is given {}", a_value(kind.trim())));
    Some(error.hint("compare it with something: WHERE likes > 0, WHERE text LIKE '%地震%'"))
}

fn no_truth(operator: &str, kind: &str) -> Error {
    let error = Error::query(format!(
        "{operator} stands with conditions, and is given {}",
        a_value(kind.trim())
    ));
    error.hint("compare it with something: likes > 0")
}

fn no_truths(message: &str) -> Option<Error> {
    let (_, operation) = message.split_once("boolean operation ")?;
    let operator = if operation.contains(" OR ") { "OR" } else { "AND" };
    let (left, right) = operation.split_once(&format!(" {operator} "))?;
    let kind = if left == "Boolean" { right } else { left };
    Some(no_truth(operator, kind))
}

fn not_compared(message: &str) -> Option<Error> {
    let (_, operation) = message.split_once("comparison operation ")?;
    let mut words = operation.split(' ');
    let (left, right) = (words.next()?, words.next_back()?);
    let kinds = [left, right];
    if kinds.contains(&"Boolean") {
        let other = if left == "Boolean" { right } else { left };
        let error = Error::query(format!("a truth is compared with {}", a_value(other)));
        return Some(error.hint("it is true, false or unknown: is_repost, or is_repost = true"));
    }
    // Kinds with blanks in their names are told as they are.
    let message = match operation.split(' ').count() {
        3 => format!("{} and {} are not compared", a_value(left), a_value(right)),
        _ => format!("there is no {}", engine_types::told(operation)),
    };
    Some(Error::query(message).hint("cast one of them, as in CAST(text AS BIGINT)"))
}

fn not_listed(message: &str) -> Option<Error> {
    let (_, kinds) = message.split_once("types to compare ")?;
    if !kinds.contains("List(") {
        return None;
    }
    Some(Error::query("IN compares a value with values, and one of them is a list").hint(
        "'人民日报' IN mentions and '人民日报' = ANY(mentions) ask whether a list holds it; \
         array_has_any(hashtags, ['地震', '台风']) whether it holds one of several",
    ))
}

fn no_count(clause: &str) -> Error {
    Error::query(format!("{clause} takes a whole number that is not below 0"))
        .hint(format!("write it as {clause} 10"))
}

fn no_part(function: &str, message: &str, known: &[&str]) -> Error {
    let typed = between(message, "'", "'").unwrap_or_default();
    let error = Error::query(format!("{function} knows no \"{typed}\""));
    error.hint(match nearest(typed, known.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("it knows {}", known.join(", ")),
    })
}

fn no_column(clause: &str, place: &str, most: &str) -> Error {
    Error::query(format!("{clause} {place} names a column by its place, and there are {most}"))
        .hint("1 is the first that SELECT lists; a name does as well")
}

/// A type of the engine as a person calls it.
pub(super) fn a_value(kind: &str) -> String {
    match kind {
        "Boolean" => "a truth".to_owned(),
        "Utf8" | "Utf8View" | "LargeUtf8" => "a text".to_owned(),
        _ if kind.starts_with("Int") || kind.starts_with("UInt") => "a whole number".to_owned(),
        _ if kind.starts_with("Float") || kind.starts_with("Decimal") => "a number".to_owned(),
        _ if kind.starts_with("Timestamp") => "a time".to_owned(),
        _ if kind.starts_with("Date") => "a date".to_owned(),
        _ if kind.starts_with("Interval") => "an interval".to_owned(),
        _ if kind.starts_with("List") => "a list".to_owned(),
        "Null" => "NULL".to_owned(),
        _ => format!("a value of type {}", engine_types::told(kind)),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn what_is_wrong_is_told_with_what_to_write() {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect(
                "CREATE TABLE t AS SELECT * FROM (VALUES (true, 1, ['a'], 'x')) AS
                 t(is_repost, likes, tags, text)",
            )
            .await
            .unwrap();
        for (sql, message, advice) in [
            ("SELECT 1 FROM t WHERE text", "WHERE takes a condition, and is given a text", "LIKE"),
            ("SELECT 1 FROM t WHERE likes", "is given a whole number", "likes > 0"),
            ("SELECT NOT likes FROM t", "NOT stands with conditions", "likes > 0"),
            ("SELECT text AND true FROM t", "AND stands with conditions", "likes > 0"),
            ("SELECT is_repost = 'yes' FROM t", "a truth is compared with a text", "is_repost"),
            ("SELECT is_repost = 2 FROM t", "a truth is compared with a whole number", "true"),
            ("SELECT tags IN ('a') FROM t", "one of them is a list", "= ANY(mentions)"),
            ("SELECT 'a' IN (tags) FROM t", "one of them is a list", "= ANY(mentions)"),
            ("SELECT 1 FROM t LIMIT -1", "LIMIT takes a whole number", "LIMIT 10"),
            ("SELECT 1 FROM t LIMIT 1 OFFSET -1", "OFFSET takes a whole number", "OFFSET 10"),
            ("SELECT date_trunc('dya', now())", "date_trunc knows no \"dya\"", "'day'"),
            ("SELECT extract(yaer FROM now())", "knows no \"yaer\"", "'year'"),
            ("SELECT 1 FROM t HAVING likes > 1", "HAVING asks", "WHERE"),
            ("SELECT likes FROM t ORDER BY 9", "ORDER BY 9", "first"),
            ("SELECT 1 UNION SELECT 1, 2", "different numbers of columns", "NULL"),
            ("SELECT lambda x : x + 1", "is given to another one only", "list_filter"),
            (
                "SELECT (SELECT sum(b.likes) FROM t AS b FULL JOIN t AS c ON b.likes = c.likes AND
                 c.likes = t.likes) FROM t",
                "uses columns from around it",
                "join with the query",
            ),
            ("SELECT list_filter([1], (x, i, j) -> true)", "more names", "one at a time"),
            ("SELECT 1 WHERE # = 1", "syntax error", "-- begins a comment"),
            ("SELECT cout(*) FROM t", "no function cout", "did you mean count?"),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains(message), "{sql}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains(advice)), "{sql}: {error}");
        }
    }
}
