//! Cells as a report shows them: long numbers in groups, fractions rounded, days
//! without a time of day.

use crate::render::value::Value;
use crate::render::{group_digits, plain};

/// Whole numbers that are all of this size are taken for years, which are not
/// grouped.
const YEARS: std::ops::RangeInclusive<f64> = 1900.0..=2100.0;

/// What a report shows for a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// The text for the eye.
    pub(super) text: String,
    /// The exact value, where the text is rounded.
    pub(super) exact: Option<String>,
}

/// How the values of a column are shown: all alike, so that they can be compared
/// at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Whether the digits of whole parts stand in groups of three.
    grouped: bool,
    /// How many decimals a fraction has.
    decimals: usize,
    /// Whether all times are midnights, which stand for days.
    days: bool,
}

impl Look {
    /// What suits these values of a column.
    pub(super) fn of<'a>(values: impl IntoIterator<Item = Value<'a>>) -> Self {
        let mut largest: f64 = 0.0;
        let mut needed = 0;
        let (mut years, mut days) = (true, true);
        for value in values {
            #[expect(clippy::cast_precision_loss, reason = "only the size counts")]
            let number = match value {
                Value::Int(number) => number as f64,
                Value::Unsigned(number) => number as f64,
                Value::Float(_) | Value::Double(_) | Value::Decimal(_) => {
                    let exact = plain(&value);
                    needed = needed.max(exact.split_once('.').map_or(0, |(_, rest)| rest.len()));
                    exact.parse().unwrap_or(0.0)
                }
                Value::Moment(moment) => {
                    days &= moment.seconds.rem_euclid(86_400) == 0 && moment.nanos == 0;
                    continue;
                }
                _ => continue,
            };
            if number.is_finite() {
                years &= YEARS.contains(&number);
                largest = largest.max(number.abs());
            }
        }
        let useful = match largest {
            _ if largest >= 1000.0 => 0,
            _ if largest >= 100.0 => 1,
            _ if largest >= 1.0 => 2,
            _ => 4,
        };
        Self { grouped: !years, decimals: useful.min(needed), days }
    }

    /// For a number that stands alone.
    pub(super) fn alone() -> Self {
        Self { grouped: true, decimals: 2, days: false }
    }

    fn whole(self, number: u64) -> String {
        if self.grouped { group_digits(number) } else { number.to_string() }
    }

    /// A fraction, rounded; the exact value goes along where that changes it.
    fn fraction(self, number: f64, exact: String) -> Cell {
        let size = number.abs();
        if !number.is_finite() || size >= 1e15 || (size > 0.0 && size < 1e-4) {
            return Cell { text: exact, exact: None };
        }
        let short = format!("{size:.*}", self.decimals);
        let (whole, fraction) = short.split_once('.').unwrap_or((&short, ""));
        let whole = whole.parse().map_or_else(|_| whole.to_owned(), |whole| self.whole(whole));
        let sign = if number < 0.0 { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        let text = format!("{sign}{whole}{point}{fraction}");
        let is_exact = text.replace(',', "").parse() == exact.parse::<f64>();
        Cell { text, exact: (!is_exact).then_some(exact) }
    }
}

/// The cell of `value`; `None` for NULL.
pub(super) fn cell(value: &Value<'_>, look: Look) -> Option<Cell> {
    let text = match value {
        Value::Null => return None,
        Value::Int(number) => {
            let sign = if *number < 0 { "-" } else { "" };
            format!("{sign}{}", look.whole(number.unsigned_abs()))
        }
        Value::Unsigned(number) => look.whole(*number),
        Value::Float(number) => return Some(look.fraction(f64::from(*number), plain(value))),
        Value::Double(number) => return Some(look.fraction(*number, plain(value))),
        Value::Decimal(digits) => {
            let number = digits.parse().unwrap_or(f64::NAN);
            return Some(look.fraction(number, plain(value)));
        }
        Value::Moment(_) if look.days => {
            let text = plain(value);
            text.split_once(' ').map_or(text.clone(), |(day, _)| day.to_owned())
        }
        other => plain(other),
    };
    Some(Cell { text, exact: None })
}

/// A whole number that stands alone.
pub(super) fn grouped(number: u64) -> String {
    group_digits(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Moment;

    /// The cells of a column.
    fn shown(column: fn() -> Vec<Value<'static>>) -> Vec<(String, Option<String>)> {
        let look = Look::of(column());
        column()
            .iter()
            .map(|value| {
                cell(value, look).map_or_else(Default::default, |cell| (cell.text, cell.exact))
            })
            .collect()
    }

    fn texts(column: fn() -> Vec<Value<'static>>) -> Vec<String> {
        shown(column).into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn a_column_is_grouped_as_a_whole_and_years_are_not() {
        assert_eq!(texts(|| vec![Value::Int(2011), Value::Int(2012)]), ["2011", "2012"]);
        assert_eq!(texts(|| vec![Value::Int(1200), Value::Int(800)]), ["1,200", "800"]);
        assert_eq!(
            texts(|| vec![Value::Int(-2_800_000), Value::Int(5000), Value::Null]),
            ["-2,800,000", "5,000", ""]
        );
    }

    #[test]
    fn times_that_are_all_midnights_are_days() {
        fn at(seconds: i64) -> Value<'static> {
            Value::Moment(Moment { seconds, nanos: 0, offset: None })
        }
        assert_eq!(
            texts(|| vec![at(0), Value::Null, at(86_400)]),
            ["1970-01-01", "", "1970-01-02"]
        );
        assert_eq!(texts(|| vec![at(0), at(60)])[0], "1970-01-01 00:00:00");
    }

    #[test]
    fn fractions_have_the_decimals_of_their_column_and_keep_their_exact_value() {
        let third = || vec![Value::Double(1.0 / 3.0), Value::Double(-0.5)];
        assert_eq!(
            shown(third),
            [
                ("0.3333".to_owned(), Some("0.3333333333333333".to_owned())),
                ("-0.5000".to_owned(), None)
            ]
        );
        assert_eq!(texts(|| vec![Value::Double(8.8), Value::Double(11.546)]), ["8.80", "11.55"]);
        assert_eq!(texts(|| vec![Value::Double(0.5), Value::Double(2.0)]), ["0.5", "2.0"]);
        assert_eq!(texts(|| vec![Value::Double(-12345.6), Value::Double(0.2)]), ["-12,346", "0"]);
        assert_eq!(texts(|| vec![Value::Double(f64::NAN), Value::Double(1e-9)])[1], "1e-9");
    }
}
