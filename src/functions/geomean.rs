//! `geomean(value)`.

use datafusion::arrow::datatypes::DataType;

use super::aggregate::{Aggregate, add_totals};
use super::{Argument, Body, Example, Function};

pub(super) static FUNCTION: Function = Function {
    name: "geomean",
    signature: "geomean(value) -> number, over rows",
    summary: "The geometric mean, also called geometric_mean: the number whose product with \
              itself is that of all values, for rates of growth and counts that differ widely. A \
              value of 0 makes it 0, and one below makes it NaN. Unknown values do not take part.",
    source: Some("The exponential of the mean of the logarithms, as in DuckDB."),
    example: Example {
        sql: "SELECT round(geomean(likes), 6) FROM (VALUES (1), (10), (100)) AS posts (likes)",
        result: "10.0",
    },
    arguments: &[Argument::Number],
    body: Body::Aggregate(Aggregate {
        returns: DataType::Float64,
        add: |totals, row| {
            if let Some(value) = row.first().copied().flatten() {
                add_totals(totals, &[1.0, value.ln()]);
            }
        },
        merge: add_totals,
        finish: mean,
    }),
};

/// The mean of as many numbers as there are, by their logarithms.
fn mean(totals: &[f64]) -> Option<f64> {
    let &[count, logarithms] = totals else { return None };
    Some((logarithms / count).exp())
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn zeros_what_is_below_and_nothing_are_those_of_duckdb() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (rows, is) in [
            ("(1), (0)", "0.0"),
            ("(1), (-2)", "NaN"),
            ("(NULL::double)", ""),
            ("(NULL), (7)", "7.0"),
        ] {
            let sql = format!("SELECT round(geometric_mean(x), 9) FROM (VALUES {rows}) AS t(x)");
            assert_eq!(value(&session, &sql).await, is, "{rows}");
        }
    }
}
