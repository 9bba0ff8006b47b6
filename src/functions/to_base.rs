//! `to_base(number, base)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringViewBuilder};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::{Result, exec_err};

use super::scalar::{Scalar, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "to_base",
    signature: "to_base(number, base) -> text",
    summary: "A whole number in a base from 2 to 36; NULL for one below 0.",
    source: Some("As in DuckDB, where a number below 0 is an error."),
    example: Example { sql: "SELECT to_base(255, 36)", result: "73" },
    arguments: &[Argument::Whole, Argument::Whole],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| in_bases(&columns[0], &columns[1]),
    }),
};

const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Each of `numbers` in its base.
fn in_bases(numbers: &ArrayRef, bases: &ArrayRef) -> Result<ArrayRef> {
    let mut written = StringViewBuilder::with_capacity(numbers.len());
    let bases = bases.as_primitive::<Int64Type>();
    for (number, base) in numbers.as_primitive::<Int64Type>().iter().zip(bases) {
        let Some(base) = base else {
            written.append_null();
            continue;
        };
        let Some(base) = u64::try_from(base).ok().filter(|base| (2..=36).contains(base)) else {
            return exec_err!("a base is a number from 2 to 36, and not {base}");
        };
        let number = number.and_then(|number| u64::try_from(number).ok());
        written.append_option(number.map(|number| in_base(number, base)));
    }
    Ok(Arc::new(written.finish()))
}

fn in_base(mut number: u64, base: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(DIGITS[(number % base) as usize]));
        number /= base;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::in_base;

    #[test]
    fn digits_are_those_of_duckdb() {
        for (number, base, is) in [
            (0, 2, "0"),
            (10, 2, "1010"),
            (255, 16, "FF"),
            (35, 36, "Z"),
            (u64::MAX, 16, "FFFFFFFFFFFFFFFF"),
        ] {
            assert_eq!(in_base(number, base), is);
        }
    }
}
