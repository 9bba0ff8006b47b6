//! What the engine's messages mean that say a value, or a part of a statement, does not
//! fit where it stands.

use super::conditions::a_value;
use super::engine_types;
use super::lone_place::SEVERAL_ROWS;
use super::wording::{Meaning, between};
use crate::error::{Error, nearest};

/// As those of `wording`.
pub(super) const MEANINGS: &[Meaning] = &[
    ("annot coerce arithmetic expression", |message| {
        arithmetic(between(message, "arithmetic expression ", " to valid")?)
    }),
    ("or temporal operation ", |message| {
        arithmetic(between(message, "temporal operation ", ": ")?)
    }),
    ("in LIKE expression", like),
    ("in BETWEEN expression", |message| {
        let (one, other) = between(message, "types ", " in BETWEEN")?.rsplit_once(" and ")?;
        let message = format!("BETWEEN is given {} and {}", a_value(one), a_value(other));
        Some(Error::query(message).hint("both ends are of the kind of what is compared with them"))
    }),
    ("an't cast value ", |message| {
        let (value, kind) = message.split_once("cast value ")?.1.rsplit_once(" to type ")?;
        does_not_fit(value, kind)
    }),
    ("is out of range ", |message| {
        let (value, kind) = message.split_once("value of ")?.1.split_once(" is out of range ")?;
        does_not_fit(value, kind)
    }),
    ("is too large to store in a Decimal", |message| no_digits(message, "large")),
    ("is too small to store in a Decimal", |message| no_digits(message, "small")),
    ("to value of Boolean type", |message| {
        let value = between(message, "annot cast value '", "' to value")?;
        Some(
            Error::query(format!("the text \"{value}\" is not a truth")).hint(
                "true, false, yes, no, 1 and 0 are; TRY_CAST gives NULL where a text is none",
            ),
        )
    }),
    ("nsupported CAST from ", no_cast),
    ("nsupported SQL type ", unknown_type),
    ("ggregate function calls cannot be nested", |_| {
        let error = Error::query("an aggregate stands in another one");
        Some(error.hint(
            "sum up twice: SELECT max(n) FROM (SELECT count(*) AS n FROM posts GROUP BY \
             account_id)",
        ))
    }),
    ("indow function call", |message| {
        let is_nested = ["cannot contain window", "calls cannot be nested"];
        is_nested.iter().any(|words| message.contains(words)).then(|| {
            Error::query("a window function stands in another function that looks at rows").hint(
                "name it in a subquery first: SELECT sum(n) FROM (SELECT row_number() OVER () AS \
                 n FROM posts)",
            )
        })
    }),
    ("logical expression Wildcard", |_| Some(star())),
    ("rojections require unique expression names", |message| {
        let name = column(between(message, "the expression \"", "\"")?);
        let error = Error::query(format!("two columns are called {name}"));
        Some(error.hint("leave one of them out, or name it with AS"))
    }),
    ("names given as column alias", |message| {
        let columns = between(message, "contains ", " columns")?;
        let names = between(message, "but only ", " names")?;
        let s = if columns == "1" { "" } else { "s" };
        let message = format!("a query gives {columns} column{s}, and {names} are wanted of it");
        Some(Error::query(message).hint(
            "it lists as many as there are names, or values before IN: (a, b) IN (SELECT a, b \
             FROM t)",
        ))
    }),
    ("nvalid input syntax for type interval", |message| {
        let value = between(message, "\"", "\"")?;
        let error = Error::query(format!("\"{value}\" is no span of time"));
        Some(error.hint("as in INTERVAL '3 days', '1 year 2 months', '4 hours 30 minutes'"))
    }),
    ("lice subscript requires a lower bound", |_| {
        let error = Error::query("a part of a list has a first item");
        Some(error.hint("write it as hashtags[1:2]"))
    }),
    ("calar subquery returned more than one row", |_| {
        Some(Error::query(SEVERAL_ROWS).hint(
            "take one of them, as in (SELECT max(likes) FROM ...), or put ORDER BY and LIMIT 1 into \
             it; IN compares with each",
        ))
    }),
    ("ormat error", |message| {
        (message == "format error").then(|| {
            Error::query("a pattern for times has a % that names no part of a time").hint(
                "%Y-%m-%d %H:%M:%S are year, month, day, hour, minute and second; %% is the sign",
            )
        })
    }),
    ("to common types in CASE", |message| {
        let (one, other) = between(message, "then (", ") to common")?.split_once(") and else (")?;
        let (one, other) = (engine_types::told(one), engine_types::told(other));
        let error =
            Error::query(format!("CASE gives values of one kind, and not {one} and {other}"));
        Some(error.hint("cast one of them, as in CAST(likes AS VARCHAR)"))
    }),
];

/// Whole numbers of the engine: what SQL calls them, and their ends.
const WHOLE: &[(&str, &str, i128, i128)] = &[
    ("Int8", "TINYINT", i8::MIN as i128, i8::MAX as i128),
    ("Int16", "SMALLINT", i16::MIN as i128, i16::MAX as i128),
    ("Int32", "INT", i32::MIN as i128, i32::MAX as i128),
    ("Int64", "BIGINT", i64::MIN as i128, i64::MAX as i128),
    ("UInt8", "UTINYINT", 0, u8::MAX as i128),
    ("UInt16", "USMALLINT", 0, u16::MAX as i128),
    ("UInt32", "UINTEGER", 0, u32::MAX as i128),
    ("UInt64", "UBIGINT", 0, u64::MAX as i128),
];

/// That a number is none of those of a type of the engine.
pub(super) fn does_not_fit(value: &str, kind: &str) -> Option<Error> {
    let (_, name, least, most) = WHOLE.iter().find(|(engine, ..)| *engine == kind)?;
    let whole = value.parse::<i128>().ok();
    if whole.is_some_and(|number| (*least..=*most).contains(&number)) {
        return None;
    }
    let message = format!("{value} does not fit {name}, which goes from {least} to {most}");
    Some(Error::query(message).hint(match whole.map(i64::try_from) {
        Some(Ok(_)) => "BIGINT holds it; TRY_CAST gives NULL for what does not fit",
        _ => "DECIMAL(38,0) or DOUBLE may hold it; TRY_CAST gives NULL for what does not fit",
    }))
}

fn no_digits(message: &str, size: &str) -> Option<Error> {
    let (value, rest) = message.split_once(&format!(" is too {size} to store in a Decimal"))?;
    let value = value.rsplit(' ').next()?;
    let (_, rest) = rest.split_once("of precision ")?;
    let (digits, end) = rest.split_once(". M")?;
    let (_, end) = end.split_once(" is ")?;
    let message = format!("{value} does not fit DECIMAL of {digits} digits, which goes to {end}");
    Some(Error::query(message).hint("give it more digits: DECIMAL(18,2) has 16 before the point"))
}

fn arithmetic(types: &str) -> Option<Error> {
    let told = engine_types::told(types);
    let error = Error::query(format!("there is no {told}"));
    let words: Vec<&str> = told.split(' ').collect();
    let [left, sign, right] = words.as_slice() else { return Some(error) };
    let is_time = |word: &str| matches!(word, "timestamp" | "date" | "time");
    let is_list = |word: &str| word.ends_with("[]");
    Some(match (*left, *sign, *right) {
        ("text", "+", "text") => error.hint("|| joins texts: 'a' || 'b'"),
        (one, "+", other) if is_time(one) && is_time(other) => {
            error.hint("the time between two is their difference: later - earlier")
        }
        (one, "+" | "-", other) if is_time(one) && !is_list(other) => {
            error.hint(format!("a span of time has a unit: posted_at {sign} INTERVAL '1 day'"))
        }
        (one, _, other) if is_list(one) || is_list(other) => {
            error.hint("array_append(hashtags, 'x') adds to a list; list_sum(likes) sums one up")
        }
        _ => error.hint("cast one of them, as in CAST(text AS BIGINT)"),
    })
}

fn like(message: &str) -> Option<Error> {
    let (kind, _) = between(message, "to coerce ", " in LIKE")?.rsplit_once(" and ")?;
    let error = Error::query(format!("LIKE looks at texts, and is given {}", a_value(kind)));
    Some(match kind.starts_with("Timestamp") || kind.starts_with("Date") {
        true => error.hint(
            "a span of time has two ends: posted_at >= '2020-01-01' AND posted_at < '2020-02-01'; \
             as a text it is to_char(posted_at, '%Y-%m')",
        ),
        false => error.hint("make it one: CAST(likes AS VARCHAR) LIKE '1%'"),
    })
}

fn no_cast(message: &str) -> Option<Error> {
    let (from, to) = message.split_once("CAST from ")?.1.rsplit_once(" to ")?;
    let (from, to) = (engine_types::told(from), engine_types::told(to));
    let error = Error::query(format!("there is no cast from {from} to {to}"));
    Some(match from.as_str() {
        "timestamp" | "date" => {
            error.hint("a number of a time is one of its parts: date_part('epoch', posted_at)")
        }
        list if list.ends_with("[]") => {
            error.hint("array_to_string(hashtags, ' ') makes a text of a list, unnest rows")
        }
        _ => error,
    })
}

/// Names of types, for those who mistype one.
const TYPES: [&str; 20] = [
    "BIGINT",
    "BOOLEAN",
    "BYTEA",
    "DATE",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "INT",
    "INTEGER",
    "INTERVAL",
    "NUMERIC",
    "REAL",
    "SMALLINT",
    "STRING",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TINYINT",
    "VARCHAR",
];

/// Types of other databases whose values are texts here.
const TEXTS: [&str; 6] = ["JSON", "JSONB", "UUID", "ENUM", "XML", "CITEXT"];

fn unknown_type(message: &str) -> Option<Error> {
    let (_, name) = message.split_once("SQL type ")?;
    // With something in brackets the message says more.
    if name.contains(['(', ' ', '<']) {
        return None;
    }
    let error = Error::query(format!("no type {name}"));
    if TEXTS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Some(error.hint("such values are texts here: VARCHAR"));
    }
    if name.eq_ignore_ascii_case("DATETIME") {
        return Some(error.hint("here it is TIMESTAMP"));
    }
    Some(match nearest(name, TYPES) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(format!("there are {}", TYPES.join(", "))),
    })
}

fn star() -> Error {
    Error::query("* stands for all columns behind SELECT, and for rows in count(*)")
        .hint("an aggregate takes one column: max(likes)")
}

/// The name of a column without that of its table; an expression as it is.
fn column(name: &str) -> &str {
    match name.contains(['(', ' ']) {
        true => name,
        false => name.rsplit('.').next().unwrap_or(name),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_does_not_fit_is_told_without_words_of_the_engine() {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect(
                "CREATE TABLE t AS SELECT * FROM (VALUES ('a', 1, now(), ['x']),
                 ('b', 2, now(), ['y'])) AS t(s, n, seen, l)",
            )
            .await
            .unwrap();
        for (sql, message, advice) in [
            ("SELECT CAST('4632018979655143' AS INT)", "does not fit INT", "BIGINT holds it"),
            ("SELECT 300::TINYINT", "300 does not fit TINYINT, which goes from -128", "BIGINT"),
            ("SELECT 12345::DECIMAL(3,1)", "does not fit DECIMAL of 3 digits", "more digits"),
            ("SELECT '是'::BOOL", "the text \"是\" is not a truth", "yes, no"),
            ("SELECT l::BIGINT FROM t", "no cast from text[] to bigint", "unnest"),
            ("SELECT 'a'::strin", "no type strin", "did you mean STRING?"),
            ("SELECT 'a'::UUID", "no type UUID", "VARCHAR"),
            ("SELECT max(count(*)) FROM t", "an aggregate stands in another one", "sum up twice"),
            ("SELECT sum(row_number() OVER ()) FROM t", "a window function stands in", "subquery"),
            ("SELECT (SELECT n FROM t) AS one", "more than one row", "LIMIT 1"),
            ("SELECT DISTINCT n FROM t ORDER BY s", "only what it lists", "list what"),
            ("SELECT INTERVAL '3 dayz'", "\"3 dayz\" is no span of time", "'3 days'"),
            ("SELECT strftime(seen, '%Q') FROM t", "names no part of a time", "%Y-%m-%d"),
            ("SELECT seen LIKE '2020%' FROM t", "LIKE looks at texts, and is given a time", ">= '"),
            ("SELECT n LIKE '1%' FROM t", "is given a whole number", "CAST(likes AS VARCHAR)"),
            ("SELECT seen + 1 FROM t", "there is no timestamp + bigint", "at + INTERVAL '1 day'"),
            ("SELECT seen - '1 day' FROM t", "there is no timestamp - text", "- INTERVAL '1 day'"),
            ("SELECT 'a' + 'b'", "there is no text + text", "|| joins texts"),
            ("SELECT s + n FROM t", "there is no text + bigint", "CAST(text AS BIGINT)"),
            ("SELECT [1, 'a', now()]", "a list has values of one kind", "CAST("),
            ("SELECT CASE WHEN true THEN 1 ELSE [1] END", "CASE gives values of one", "cast one"),
            ("SELECT n FROM t WHERE (n, s) IN (SELECT n FROM t)", "2 are wanted of it", "lists"),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains(message), "{sql}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains(advice)), "{sql}: {error}");
            for word in ["Utf8", "Int64", "Timestamp(", "Wildcard", "coerce"] {
                assert!(!error.to_string().contains(word), "{sql}: {error}");
            }
        }
    }
}
