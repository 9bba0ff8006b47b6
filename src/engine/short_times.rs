//! Texts of times that leave something out: `2012-03-31 10:00`, `2012/03/31`, `2012-3-1`.
//!
//! The engine reads times with seconds only, and days of two digits each. Before such a
//! text becomes a time it is written out in full; all others stay as they are, and what
//! is no time is still refused. A text in a statement is written out when the statement
//! is planned, so that files and row groups are ruled out by it as by any other.

use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, lit};

use super::hidden::Hidden;

/// Where the parts of a time stand that is written out.
const HYPHENS: [usize; 2] = [4, 7];
const COLONS: [usize; 2] = [13, 16];
const DAY_ONLY: usize = "2012-03-31".len();

/// `text` written out in full; none if it is so already.
pub(super) fn in_full(text: &Expr) -> Option<Expr> {
    match text {
        Expr::Literal(value, _) => written_out(value.try_as_str().flatten()?).map(lit),
        Expr::ScalarFunction(call) if IN_FULL.is_called(call) => None,
        text => Some(IN_FULL.of(text.clone())),
    }
}

/// The function that does so.
pub(super) static IN_FULL: Hidden =
    Hidden { name: "time_in_full", returns: |kind| Ok(kind.clone()), compute: all_in_full };

fn all_in_full(texts: &ArrayRef) -> Result<ArrayRef> {
    let views = cast(texts, &DataType::Utf8View)?;
    let views = views.as_string_view();
    if views.iter().flatten().all(is_full) {
        return Ok(Arc::clone(texts));
    }
    let mut full = StringViewBuilder::with_capacity(views.len());
    for text in views {
        match text.and_then(written_out) {
            Some(text) => full.append_value(text),
            None => full.append_option(text),
        }
    }
    Ok(cast(&full.finish(), texts.data_type())?)
}

/// `text` in full, if it tells a time and leaves something out.
pub(super) fn written_out(text: &str) -> Option<String> {
    if is_full(text) {
        return None;
    }
    let full = spelled(text.trim())?;
    string_to_datetime(&Utc, &full).is_ok().then_some(full)
}

/// Whether `text` looks like a day, or like a time with seconds.
fn is_full(text: &str) -> bool {
    let bytes = text.as_bytes();
    let at = |places: [usize; 2], sign: u8| {
        places.into_iter().all(|place| bytes.get(place) == Some(&sign))
    };
    at(HYPHENS, b'-') && (bytes.len() == DAY_ONLY || at(COLONS, b':'))
}

/// The parts of `text` with all digits, and seconds.
fn spelled(text: &str) -> Option<String> {
    let (year, rest) = digits(text, 4, 4)?;
    let sign = rest.chars().next().filter(|sign| matches!(sign, '-' | '/'))?;
    let (month, rest) = digits(rest.strip_prefix(sign)?, 1, 2)?;
    let (day, rest) = digits(rest.strip_prefix(sign)?, 1, 2)?;
    let day = format!("{year}-{month:0>2}-{day:0>2}");
    if rest.is_empty() {
        return Some(day);
    }
    let (hour, rest) = digits(rest.strip_prefix(['T', 't', ' '])?, 1, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2, 2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => digits(rest, 2, 2)?,
        None => ("00", rest),
    };
    // A fraction and a zone stand as they are.
    Some(format!("{day}T{hour:0>2}:{minute}:{second}{rest}"))
}

/// The digits that `text` begins with, if they are so many, and the rest.
fn digits(text: &str, least: usize, most: usize) -> Option<(&str, &str)> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    (least..=most).contains(&count).then(|| text.split_at(count))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use super::*;
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[test]
    fn what_is_left_out_is_written() {
        for (text, full) in [
            ("2012-03-31 10:00", "2012-03-31T10:00:00"),
            ("2012-03-31T10:00", "2012-03-31T10:00:00"),
            ("2012-03-31 9:05", "2012-03-31T09:05:00"),
            ("2012-03-31 10:00+08", "2012-03-31T10:00:00+08"),
            ("2012-03-31 10:00 +08:00", "2012-03-31T10:00:00 +08:00"),
            ("2012-03-31T10:00Z", "2012-03-31T10:00:00Z"),
            ("2012/03/31", "2012-03-31"),
            ("2012/3/1 10:00:01.5", "2012-03-01T10:00:01.5"),
            ("2012-3-1", "2012-03-01"),
            (" 2012-03-31 ", "2012-03-31"),
        ] {
            assert_eq!(written_out(text).as_deref(), Some(full), "{text}");
        }
        for text in [
            "2012-03-31",
            "2012-03-31 10:00:00",
            "2012-03-31T10:00:00.5+08:00",
            "2012-03-31 10",
            "2012-03-31 10:",
            "2012-03-31 10:0",
            "2012-03-31 25:00",
            "2012-02-31 10:00",
            "2012-03/31",
            "12-3-1",
            "2012-3",
            "2012-3-1x",
            "2012-3-1 10:00 no zone",
            "转发微博",
            "",
        ] {
            assert_eq!(written_out(text), None, "{text}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn short_times_are_read_wherever_a_text_becomes_a_time() {
        let session = Session::new(None, Settings::default()).unwrap();
        let time = "2012-03-31T10:00:00";
        let instant = "2012-03-31T10:00:00+08:00";
        for text in ["2012-03-31 10:00", "2012-03-31T10:00", "2012/3/31 10:00"] {
            let from = format!("FROM (SELECT CASE WHEN now() IS NOT NULL THEN '{text}' END AS x)");
            for typed in [format!("'{text}'"), "x".to_owned()] {
                for (cast, wanted) in [
                    ("#::timestamptz", instant),
                    ("CAST(# AS TIMESTAMP)", time),
                    ("TRY_CAST(# AS TIMESTAMPTZ)", instant),
                    ("#::date", "2012-03-31"),
                    ("to_date(#)", "2012-03-31"),
                    ("to_timestamp(#)::date", "2012-03-31"),
                    ("TIMESTAMPTZ '2012-03-31 09:59:59' < #", "true"),
                    ("date_part('hour', #)", "10"),
                ] {
                    let sql = format!("SELECT {} AS t {from}", cast.replace('#', &typed));
                    assert_eq!(value(&session, &sql).await, wanted, "{sql}");
                }
            }
        }
        for (typed, wanted) in [
            ("TIMESTAMPTZ '2012-03-31 10:00'", instant),
            ("TIMESTAMPTZ '2012-03-31 02:00Z'", instant),
            ("TIMESTAMPTZ '2012-03-31 11:00+09'", instant),
            ("TIMESTAMP '2012-03-31 10:00'", time),
            ("TIMESTAMP '2012-03-31 10:00Z'", time),
            ("DATE '2012/03/31'", "2012-03-31"),
            ("'2012-3-1'::timestamp", "2012-03-01T00:00:00"),
            ("DATE '2012-03-31' BETWEEN '2012/3/31' AND '2012/4/1'", "true"),
            ("TRY_CAST('2012-03-31 10' AS TIMESTAMP) IS NULL", "true"),
        ] {
            assert_eq!(value(&session, &format!("SELECT {typed} AS t")).await, wanted, "{typed}");
        }
        for text in ["2012-03-31 10", "2012-02-31 10:00", "2012-13-1"] {
            assert!(session.collect(&format!("SELECT '{text}'::timestamptz")).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_short_time_in_a_condition_is_a_constant() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "EXPLAIN SELECT * FROM (SELECT arrow_cast(value, 'Timestamp(Microsecond, None)')
                     ::timestamptz AS at FROM generate_series(1, 10)) WHERE at > '2012/3/31 10:00'";
        let batches = session.collect(sql).await.unwrap();
        let plan = pretty_format_batches(&batches).unwrap().to_string();
        assert!(!plan.contains("time_in_full"), "{plan}");
    }
}
