//! `format(pattern, value, ...)`.

use super::directives::{Piece, Style, written};
use super::scalar::{Scalar, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "format",
    signature: "format(pattern, value, ...) -> text",
    summary: "A pattern with values in the places of {}, or of {0} and {1} by their numbers. \
              Behind a colon stands how: {:>10}, {:<10} and {:^10} fill up, {:05} does so with \
              zeros, {:,} parts thousands, {:.2f} has two digits behind the point, {:x} is to \
              the base of 16. An unknown value makes all unknown.",
    source: Some("As in DuckDB, whose other directives are refused."),
    example: Example {
        sql: "SELECT format('{}: {:,} 转发, {:.1f}%', '成都', 12345, 2.5)",
        result: "成都: 12,345 转发, 2.5%",
    },
    arguments: &[Argument::Text, Argument::Written],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| written(columns, pieces),
    }),
};

/// The pieces of a pattern with brackets.
fn pieces(pattern: &str) -> Option<Vec<Piece>> {
    let (mut pieces, mut rest, mut next) = (Vec::new(), pattern, 0);
    while let Some(start) = rest.find(['{', '}']) {
        let (before, behind) = rest.split_at(start);
        pieces.push(Piece::Text(before.to_owned()));
        // Doubled, they stand for themselves.
        if behind.starts_with("{{") || behind.starts_with("}}") {
            pieces.push(Piece::Text(behind[..1].to_owned()));
            rest = &behind[2..];
            continue;
        }
        let (inside, behind) = behind.strip_prefix('{')?.split_once('}')?;
        let (place, style) = inside.split_once(':').unwrap_or((inside, ""));
        let place = match place {
            "" => next,
            number => number.parse::<usize>().ok()?,
        };
        next = usize::checked_add(place, 1)?;
        pieces.push(Piece::Value(place, Style::read(style)?));
        rest = behind;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn values_stand_in_their_places() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, is) in [
            ("format('{} {}', 'a', 5)", "a 5"),
            ("format('{1} {0}', 'a', 'b')", "b a"),
            ("format('{:>3}|{:<3}|{:^3}|', 'a', 'b', 'c')", "  a|b  | c |"),
            ("format('{:05d} {:+d} {:5}|', -42, 7, 8)", "-0042 +7     8|"),
            ("format('{:,}', 4412345678901234567)", "4,412,345,678,901,234,567"),
            ("format('{:,.2f} {:x}', 1234.5, 255)", "1,234.50 ff"),
            ("format('{:.1f}', 4412345678901234567)", "4412345678901234567.0"),
            ("format('{{}} {:.2s}', '成都市')", "{} 成都"),
            ("format('none')", "none"),
            ("format('{}', NULL) IS NULL", "true"),
            ("format('none', NULL) IS NULL", "true"),
            ("format('{:<05d}|{:^05}|{:+05}', 42, -42, 7)", "00042|-0042|+0007"),
            ("printf('%-05d|%05s|', 5, 'ab')", "00005|   ab|"),
            ("format('{}', DATE '2012-08-27')", "2012-08-27"),
            ("printf('%d %s %.2f|%5s|', 1, 'x', 2.5, 'y')", "1 x 2.50|    y|"),
            ("printf('%-5d|%05d %% %x', 7, 42, 255)", "7    |00042 % ff"),
            ("printf('%s', true)", "true"),
        ] {
            assert_eq!(value(&session, &format!("SELECT {expression}")).await, is, "{expression}");
        }
    }

    #[tokio::test]
    async fn what_would_be_written_otherwise_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, told) in [
            ("format('{} {}', 1)", "more values than the 1 given"),
            ("format('{', 1)", "not known"),
            ("format('{:05}', 'ab')", "0 and + are for numbers"),
            ("format('{:+}', 'ab')", "0 and + are for numbers"),
            ("format('{:q}', 1)", "not known"),
            ("format('{:9999999999999}', 1)", "not known"),
            ("printf('%d', 2.5)", "whole numbers"),
            ("printf('%f', 'a')", "f writes numbers"),
            ("printf('%e', 2.5)", "not known"),
            ("printf('50%', 2.5)", "not known"),
            ("printf('%x', -1)", "is below"),
            ("printf('%s', now())", "printf does not take"),
        ] {
            let error = session.collect(&format!("SELECT {expression}")).await.unwrap_err();
            assert!(error.to_string().contains(told), "{expression}: {error}");
        }
    }
}
