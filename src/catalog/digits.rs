//! What it takes to keep all digits of the numbers of a column.

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};

/// As many digits of a number a double always keeps.
pub(super) const SAFE_DIGITS: usize = 15;

/// Up to here a double holds each whole number, and is written as that.
const SAFE_WHOLE: u64 = 1 << 53;

/// What it takes to keep all digits of some numbers.
#[derive(Debug, Default)]
pub(super) struct Digits {
    /// The most before a point, and the most behind one.
    before: usize,
    behind: usize,
    /// Whether a double would lose some, as of 12345678901234567.89.
    are_many: bool,
    /// Whether a number is written as one that only a double is: 1e300, NaN.
    of_double: bool,
}

impl Digits {
    /// Takes a number into account, as it is written.
    pub(super) fn see(&mut self, number: &str) {
        // A double it is, whatever comes.
        if self.of_double {
            return;
        }
        let plain = number.strip_prefix('-').unwrap_or(number);
        let (before, behind) = plain.split_once('.').unwrap_or((plain, ""));
        if !before.bytes().chain(behind.bytes()).all(|byte| byte.is_ascii_digit()) {
            self.of_double = true;
            return;
        }
        let before = before.trim_start_matches('0');
        let behind = behind.trim_end_matches('0');
        self.before = self.before.max(before.len());
        self.behind = self.behind.max(behind.len());
        if before.len() + behind.len() > SAFE_DIGITS && !self.are_many {
            self.are_many = are_lost(plain, before, behind);
        }
    }

    /// Takes a whole number into account.
    pub(super) fn see_whole(&mut self, number: i64) {
        let size = number.unsigned_abs();
        if size > SAFE_WHOLE {
            self.see(&number.to_string());
        } else if let Some(log) = size.checked_ilog10() {
            self.before = self.before.max(log as usize + 1);
        }
    }

    /// The type of numbers with a point. Digits that a double gives back when it is
    /// written were those of one when the file was.
    pub(super) fn data_type(&self) -> DataType {
        let precision = self.before + self.behind;
        match (u8::try_from(precision), i8::try_from(self.behind)) {
            (Ok(precision @ ..=DECIMAL128_MAX_PRECISION), Ok(scale))
                if self.are_many && !self.of_double =>
            {
                DataType::Decimal128(precision, scale)
            }
            _ => DataType::Float64,
        }
    }
}

/// Whether the double that `plain` is read as is written with other digits than those
/// `before` the point, without zeros in front, and `behind` it, without zeros at the end.
fn are_lost(plain: &str, before: &str, behind: &str) -> bool {
    let Ok(double) = plain.parse::<f64>() else { return false };
    let written = double.to_string();
    let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
    whole.trim_start_matches('0') != before || fraction != behind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[&str]) -> DataType {
        let mut digits = Digits::default();
        numbers.iter().for_each(|number| digits.see(number));
        digits.data_type()
    }

    #[test]
    fn numbers_are_decimals_if_a_double_loses_digits_of_one() {
        for (numbers, expected) in [
            (&["12345678901234567.89", "-1", "0.5"][..], DataType::Decimal128(19, 2)),
            (&["-0.12345678901234567890", "12"], DataType::Decimal128(21, 19)),
            (&["9007199254740993", "0.5"], DataType::Decimal128(17, 1)),
            (&["0.30000000000000004", "116.40717315673828", ".5", "5."], DataType::Float64),
            (&["100000000000000000000.0"], DataType::Float64),
            (&["12345678901234567.89", "1.5e3"], DataType::Float64),
            (&["1.5e3", "12345678901234567.89"], DataType::Float64),
            (&["12345678901234567.89", "0.0000000000000000000000000001"], DataType::Float64),
            (&[], DataType::Float64),
        ] {
            assert_eq!(of(numbers), expected, "{numbers:?}");
        }
    }

    #[test]
    fn a_whole_number_counts_as_the_text_of_it() {
        let border = i64::try_from(SAFE_WHOLE).unwrap();
        let numbers = [0, -1, 9, 10, 99, 999_999, 4_640_865_532_228_085, i64::MIN, i64::MAX];
        let around = [border - 1, border, border + 1, border + 2, -border, -border - 1];
        for number in numbers.into_iter().chain(around) {
            let (mut whole, mut written) = (Digits::default(), Digits::default());
            whole.see_whole(number);
            written.see(&number.to_string());
            let parts = |digits: &Digits| (digits.before, digits.behind, digits.are_many);
            assert_eq!(parts(&whole), parts(&written), "{number}");
        }
    }
}
