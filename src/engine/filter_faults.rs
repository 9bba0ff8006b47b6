//! What fails in a condition that the engine asks while it reads a Parquet file.
//!
//! It tells of that as of a file that cannot be read, with the fault as a programmer would
//! print it: `Error evaluating filter predicate: ArrowError(DivideByZero, Some(""))`. The
//! file is as it should be, and the fault is told as it is anywhere else.

use datafusion::arrow::error::ArrowError;

use super::wording::{arrow_error, plain};
use crate::error::Error;

/// How the engine begins to tell of it.
const BEGINNING: &str = "Error evaluating filter predicate: ";

/// The fault that `message` tells of; none if it tells of a file.
pub(super) fn told(message: &str) -> Option<Error> {
    let (_, printed) = message.split_once(BEGINNING)?;
    let text = first_text(printed);
    let arrow = match text {
        _ if printed.starts_with("ArrowError(DivideByZero") => ArrowError::DivideByZero,
        Some(text) if printed.starts_with("ArrowError(ArithmeticOverflow(") => {
            ArrowError::ArithmeticOverflow(text)
        }
        text => return Some(Error::query(plain(text.as_deref().unwrap_or(printed)))),
    };
    Some(arrow_error(&arrow))
}

/// The first text in double quotes in what was `printed` so.
fn first_text(printed: &str) -> Option<String> {
    let (_, quoted) = printed.split_once('"')?;
    let mut signs = quoted.chars();
    let mut text = String::new();
    loop {
        match signs.next()? {
            '"' => return Some(text),
            '\\' => match signs.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                '0' => text.push('\0'),
                'u' => text.push(by_number(&mut signs)?),
                sign => text.push(sign),
            },
            sign => text.push(sign),
        }
    }
}

/// The sign whose number stands in braces, `{200d}`.
fn by_number(signs: &mut std::str::Chars<'_>) -> Option<char> {
    let digits: String = signs.by_ref().skip(1).take_while(|sign| *sign != '}').collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::told;
    use crate::engine::{Session, Settings};

    #[test]
    fn the_fault_is_told_and_not_the_file() {
        for (printed, message) in [
            (
                r#"ArrowError(ComputeError("Int64Array overflow on abs(-9)"), Some(""))"#,
                "int64Array overflow on abs(-9)",
            ),
            (r#"ArrowError(DivideByZero, Some(""))"#, "division by zero"),
            (
                r#"ArrowError(ArithmeticOverflow("Overflow happened on: 9 * 2"), Some(""))"#,
                "a number is too large: overflow happened on: 9 * 2",
            ),
            (r#"Execution("a \"b\" \\ \u{200d}微博")"#, "a \"b\" \\ \u{200d}微博"),
            ("NoText", "noText"),
        ] {
            let text =
                format!("External: Compute error: Error evaluating filter predicate: {printed}");
            assert_eq!(told(&text).unwrap().message(), message, "{printed}");
        }
        assert!(told("Invalid Parquet file. Corrupt footer").is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn conditions_that_fail_while_a_file_is_read_do_not_blame_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("n.parquet").display().to_string();
        let session = Session::new(None, Settings::default()).unwrap();
        let made = format!(
            "COPY (SELECT value AS id, -9223372036854775807 - value AS big
             FROM generate_series(0, 1)) TO '{file}'"
        );
        session.collect(&made).await.unwrap();
        for condition in
            ["abs(big) < 1000", "big * 2 > 5", "power(big, 3)::BIGINT > 5", "1 / id > 3"]
        {
            let sql = format!("SELECT id FROM '{file}' WHERE {condition}");
            let error = session.collect(&sql).await.unwrap_err();
            for word in ["Parquet", "cannot be read", "predicate", "Array", "external"] {
                assert!(!error.message().contains(word), "{sql}: {error}");
            }
            assert!(error.advice().is_some_and(|told| !told.contains("verify")), "{sql}: {error}");
        }
    }
}
