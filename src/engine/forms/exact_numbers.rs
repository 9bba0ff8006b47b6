//! Numbers that a double would round: `12345678901234567.89::decimal(20, 2)`, and
//! whole numbers beyond 64 bits.
//!
//! To the planner a number with a point is a double, whatever it is cast to
//! afterwards, and so is a whole one that is too large. Here both are written as
//! texts under a cast to a decimal, which takes them digit by digit. Other
//! numbers with a point stay doubles: `1.5 * likes` is one.

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, UnaryOperator, Value,
};

/// Most digits of a decimal.
const DIGITS: usize = 38;

/// Keeps all digits of a number that is, or becomes, a decimal.
pub(super) fn keep(expression: &mut Expr) -> bool {
    if let Expr::Cast { expr, data_type, .. } = expression {
        if is_decimal(data_type)
            && let Some(number) = Number::of(expr).filter(|number| !number.fits_64_bits())
        {
            **expr = number.text();
            return true;
        }
    } else if let Some(number) = Number::of(expression).filter(Number::needs_decimal) {
        *expression = Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(number.text()),
            data_type: DataType::Decimal(ExactNumberInfo::PrecisionAndScale(DIGITS as u64, 0)),
            array: false,
            format: None,
        };
        return true;
    }
    false
}

fn is_decimal(kind: &DataType) -> bool {
    matches!(kind, DataType::Decimal(_) | DataType::Numeric(_) | DataType::Dec(_))
}

/// A number as it is written: digits, with a sign and a point at most.
struct Number(String);

impl Number {
    fn of(expression: &Expr) -> Option<Self> {
        match expression {
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => {
                    let digits = digits.to_string().replace('_', "");
                    let is_plain = digits.bytes().all(|one| one.is_ascii_digit() || one == b'.');
                    is_plain.then_some(Self(digits))
                }
                _ => None,
            },
            Expr::Nested(inner) => Self::of(inner),
            Expr::UnaryOp { op: UnaryOperator::Plus, expr } => Self::of(expr),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                Self::of(expr).filter(|number| !number.0.starts_with('-')).map(Self::negative)
            }
            _ => None,
        }
    }

    fn negative(self) -> Self {
        Self(format!("-{}", self.0))
    }

    /// Whether the planner takes it as an integer.
    fn fits_64_bits(&self) -> bool {
        self.0.parse::<i64>().is_ok() || self.0.parse::<u64>().is_ok()
    }

    /// Whether it is a whole number that only a decimal holds.
    fn needs_decimal(&self) -> bool {
        let digits = self.0.trim_start_matches('-').trim_start_matches('0');
        !digits.contains('.') && digits.len() <= DIGITS && !self.fits_64_bits()
    }

    fn text(self) -> Expr {
        Expr::value(Value::SingleQuotedString(self.0))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;

    use crate::engine::{Session, Settings};

    /// The first value of an answer, and what its column is called.
    async fn first(session: &Session, sql: &str) -> (String, String) {
        let batches = session.collect(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let name = batches[0].schema().field(0).name().clone();
        (array_value_to_string(batches[0].column(0), 0).unwrap(), name)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_decimal_has_the_digits_that_were_typed() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, wanted) in [
            ("12345678901234567.89::DECIMAL(20, 2)", "12345678901234567.89"),
            ("CAST(-12345678901234567.89 AS NUMERIC(20, 2))", "-12345678901234567.89"),
            ("(0.1234567890123456789)::DECIMAL(30,19)", "0.1234567890123456789"),
            ("TRY_CAST(.5 AS DECIMAL(3, 1))", "0.5"),
            ("1.005::DECIMAL(10, 2)", "1.01"),
            ("-(1.005::DECIMAL(10, 2))", "-1.01"),
            ("12345678901234567890123::DECIMAL(38, 0)", "12345678901234567890123"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("-9223372036854775809", "-9223372036854775809"),
            ("12345678901234567890123 - 12345678901234567890122", "1"),
            // As before: integers, doubles, and what a double holds only.
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("12::DECIMAL(10, 2)", "12.00"),
            ("1.5 * 2", "3.0"),
            ("1.5e3::DECIMAL(10, 1)", "1500.0"),
            ("1.5::DOUBLE", "1.5"),
        ] {
            let (value, _) = first(&session, &format!("SELECT {sql} AS n")).await;
            assert_eq!(value, wanted, "{sql}");
        }
        let compared = "SELECT n FROM (SELECT '12345678901234567.89'::decimal(20,2) AS n)
                        WHERE n = 12345678901234567.89::decimal(20,2)";
        assert_eq!(first(&session, compared).await.0, "12345678901234567.89");
        assert!(session.collect("SELECT 12345.67::decimal(5, 2)").await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_are_called_as_they_were_typed() {
        let session = Session::new(None, Settings::default()).unwrap();
        for typed in ["12.5::DECIMAL(5,2)", "12345678901234567890123", "1 + 1.5::DECIMAL(5,1)"] {
            assert_eq!(first(&session, &format!("SELECT {typed}")).await.1, typed);
        }
    }
}
