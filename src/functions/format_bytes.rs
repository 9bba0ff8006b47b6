//! `format_bytes(bytes)`.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, StringViewArray};
use datafusion::arrow::datatypes::Int64Type;

use super::scalar::{Scalar, text_type};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "format_bytes",
    signature: "format_bytes(bytes) -> text",
    summary: "A number of bytes as people read it, in units of 1024; further digits are cut off.",
    source: Some("As in DuckDB."),
    example: Example { sql: "SELECT format_bytes(1572864)", result: "1.5 MiB" },
    arguments: &[Argument::Whole],
    body: Body::Scalar(Scalar {
        returns: text_type,
        compute: |columns, _| {
            let sizes = columns[0].as_primitive::<Int64Type>().iter();
            Ok(Arc::new(sizes.map(|size| size.map(written)).collect::<StringViewArray>()))
        },
    }),
};

const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/// `bytes` in the greatest unit of which there is one.
fn written(bytes: i64) -> String {
    let (sign, bytes) = (if bytes < 0 { "-" } else { "" }, bytes.unsigned_abs());
    let sized = UNITS.iter().enumerate().map(|(place, unit)| (unit, 1024_u64 << (10 * place)));
    match sized.rev().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => {
            format!("{sign}{}.{} {unit}", bytes / size, bytes % size * 10 / size)
        }
        None if bytes == 1 => format!("{sign}1 byte"),
        None => format!("{sign}{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn sizes_are_those_of_duckdb() {
        for (bytes, is) in [
            (0, "0 bytes"),
            (-1, "-1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_048_575, "1023.9 KiB"),
            (-2048, "-2.0 KiB"),
            (1_099_511_627_776, "1.0 TiB"),
            (i64::MAX, "8191.9 PiB"),
        ] {
            assert_eq!(written(bytes), is);
        }
    }
}
