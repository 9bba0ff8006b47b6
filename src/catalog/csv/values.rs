//! What the values of a CSV column are: the type that holds all of them, and the
//! few that keep it from being a better one.

use chrono::Utc;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DataType, TimeUnit};

use crate::catalog::digits::Digits;

/// As many values of the better type there must be for each that is none, for a
/// column to be told of: else it is one of texts that happen to look alike.
const FOR_EACH: u64 = 10;

/// What the values of a column were so far.
#[derive(Debug, Default)]
pub(super) struct Values {
    truths: Seen,
    numbers: Seen,
    times: Seen,
    texts: Seen,
    /// Whether a number has a fraction or an exponent.
    is_broken: bool,
    digits_of_numbers: Digits,
    /// Whether a time says more than the day, and most digits behind its seconds.
    digits: Option<usize>,
    /// Whether a time says of which zone it is.
    names_zone: bool,
}

/// The values of one kind.
#[derive(Debug, Default)]
struct Seen {
    count: u64,
    first: Option<Odd>,
}

/// Where a row begins: the number of its file, and the line in that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) file: usize,
    pub(super) line: u64,
}

/// A value, and where its row begins.
#[derive(Debug)]
pub(super) struct Odd {
    pub(super) value: String,
    pub(super) at: At,
}

/// What one value is.
enum Kind {
    Truth,
    Whole,
    Broken,
    Date,
    Time { digits: usize, names_zone: bool },
    Text,
}

impl Values {
    /// Takes a value of the row at `at` into account; an empty one says nothing.
    pub(super) fn see(&mut self, value: &str, at: At) {
        if value.is_empty() {
            return;
        }
        let seen = match kind(value) {
            Kind::Truth => &mut self.truths,
            Kind::Whole => {
                self.digits_of_numbers.see(value);
                &mut self.numbers
            }
            Kind::Broken => {
                self.is_broken = true;
                self.digits_of_numbers.see(value);
                &mut self.numbers
            }
            Kind::Date => &mut self.times,
            Kind::Time { digits, names_zone } => {
                self.digits = self.digits.max(Some(digits));
                self.names_zone |= names_zone;
                &mut self.times
            }
            Kind::Text => &mut self.texts,
        };
        seen.count += 1;
        seen.first.get_or_insert_with(|| Odd { value: value.to_owned(), at });
    }

    /// Whether `value` is of the kind of these values: of any, if they are texts or
    /// there are none.
    pub(super) fn fits(&self, value: &str) -> bool {
        let mut kinds = self.kinds().into_iter().filter(|(seen, _)| seen.count > 0);
        let (Some((_, better)), None) = (kinds.next(), kinds.next()) else { return true };
        value.is_empty() || better == Better::None || better == kind(value).better()
    }

    /// Whether these values are nothing better than texts, as none are.
    pub(super) fn are_texts(&self) -> bool {
        self.data_type("UTC") == DataType::Utf8
    }

    /// Whether each further value counts: a decimal has room for the digits that were
    /// seen, and the scan would round others.
    pub(super) fn are_decimals(&self) -> bool {
        matches!(self.data_type("UTC"), DataType::Decimal128(..))
    }

    /// The type that holds all values, text if there are none; instants are those
    /// of the time zone `zone`.
    pub(super) fn data_type(&self, zone: &str) -> DataType {
        let mut kinds = self.kinds().into_iter().filter(|(seen, _)| seen.count > 0);
        match (kinds.next(), kinds.next()) {
            (Some((_, Better::Truth)), None) => DataType::Boolean,
            (Some((_, Better::Number)), None) if self.is_broken => {
                self.digits_of_numbers.data_type()
            }
            (Some((_, Better::Number)), None) => DataType::Int64,
            (Some((_, Better::Time)), None) => self.time_type(zone),
            _ => DataType::Utf8,
        }
    }

    fn time_type(&self, zone: &str) -> DataType {
        let Some(digits) = self.digits else { return DataType::Date32 };
        let unit = match digits {
            0 => TimeUnit::Second,
            1..=3 => TimeUnit::Millisecond,
            4..=6 => TimeUnit::Microsecond,
            _ => TimeUnit::Nanosecond,
        };
        DataType::Timestamp(unit, self.names_zone.then(|| zone.into()))
    }

    /// The first of few values that make a text of a column of something else, and
    /// the type in SQL that it would have without them.
    pub(super) fn odd(&self) -> Option<(&Odd, &'static str)> {
        let kinds = self.kinds();
        let (most, better) = kinds[..3].iter().max_by_key(|(seen, _)| seen.count)?;
        let others = || kinds.iter().filter(move |(_, kind)| kind != better).map(|(seen, _)| *seen);
        let count: u64 = others().map(|seen| seen.count).sum();
        let is_told = count > 0 && count.saturating_mul(FOR_EACH) <= most.count;
        let first = others().filter_map(|seen| seen.first.as_ref()).min_by_key(|odd| odd.at);
        let name = match better {
            Better::Truth => "BOOLEAN",
            Better::Number if self.is_broken => "DOUBLE",
            Better::Number => "BIGINT",
            Better::Time if self.digits.is_none() => "DATE",
            Better::Time => "TIMESTAMP",
            Better::None => "VARCHAR",
        };
        first.filter(|_| is_told).map(|odd| (odd, name))
    }

    /// The values by kind; those that are nothing better than texts come last.
    fn kinds(&self) -> [(&Seen, Better); 4] {
        [
            (&self.numbers, Better::Number),
            (&self.times, Better::Time),
            (&self.truths, Better::Truth),
            (&self.texts, Better::None),
        ]
    }
}

/// What a column is better taken for than for text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Truth,
    Number,
    Time,
    None,
}

impl Kind {
    fn better(&self) -> Better {
        match self {
            Self::Truth => Better::Truth,
            Self::Whole | Self::Broken => Better::Number,
            Self::Date | Self::Time { .. } => Better::Time,
            Self::Text => Better::None,
        }
    }
}

/// Whether `value` is nothing better than a text.
pub(super) fn is_text(value: &str) -> bool {
    kind(value).better() == Better::None
}

/// What `value` is for the scan, which reads whatever it is said to be or fails.
fn kind(value: &str) -> Kind {
    if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") {
        return Kind::Truth;
    }
    if let Some(kind) = number(value) {
        return kind;
    }
    time(value).unwrap_or(Kind::Text)
}

fn number(value: &str) -> Option<Kind> {
    if matches!(value, "NaN" | "nan" | "inf" | "-inf") {
        return Some(Kind::Broken);
    }
    let digits = value.strip_prefix('-').unwrap_or(value);
    if is_code(digits) {
        return None;
    }
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse::<i64>().ok().map(|_| Kind::Whole);
    }
    let known =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(known)
        && value.parse::<f64>().is_ok_and(f64::is_finite);
    is_number.then_some(Kind::Broken)
}

/// Whether `digits` begin with a zero that a number would lose, as those of telephones,
/// regions and accounts do: 0123 is not 123.
pub(super) fn is_code(digits: &str) -> bool {
    matches!(digits.as_bytes(), [b'0', next, ..] if next.is_ascii_digit())
}

fn time(value: &str) -> Option<Kind> {
    let behind_day = behind(value, "0000-00-00")?;
    // There are dates such as 0000-00-00.
    string_to_datetime(&Utc, value).ok()?;
    if behind_day.is_empty() {
        return Some(Kind::Date);
    }
    let behind_seconds = behind(value, "0000-00-00T00:00:00")?;
    let fraction = behind_seconds.strip_prefix('.').unwrap_or_default();
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let zone = behind_seconds.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()).trim();
    (digits <= 9).then_some(Kind::Time { digits, names_zone: !zone.is_empty() })
}

/// What follows in `value` behind a beginning like `form`, which has a 0 for each
/// digit, and T for what may be a blank.
fn behind<'a>(value: &'a str, form: &str) -> Option<&'a str> {
    let (start, rest) = value.split_at_checked(form.len())?;
    let fits = start.bytes().zip(form.bytes()).all(|(byte, sign)| match sign {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b' '),
        sign => byte == sign,
    });
    fits.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> DataType {
        let mut seen = Values::default();
        values.iter().for_each(|value| seen.see(value, At { file: 0, line: 1 }));
        seen.data_type("Asia/Shanghai")
    }

    #[test]
    fn a_column_has_the_type_that_holds_all_its_values() {
        use DataType::{Boolean, Date32, Float64, Int64, Timestamp, Utf8};
        for (values, expected) in [
            (&["1", "-2", "", "0"][..], Int64),
            (&["1", "-2", "", "007"], Utf8),
            (&["00861234", "0123"], Utf8),
            (&["1.5", "00.5"], Utf8),
            (&["0.5", "-0.5", "0", "0e1"], Float64),
            (&["+8613800138000"], Utf8),
            (&["123456789012345678901234567890"], Utf8),
            (&["12e4567"], Utf8),
            (&["1", "2.5"], Float64),
            (&[".5", "5.", "1e3", "-1.5E-3", "NaN", "-inf"], Float64),
            (&["True", "false"], Boolean),
            (&["2012-08-27", ""], Date32),
            (&["2012-08-27", "2012-08-27 10:00:00"], Timestamp(TimeUnit::Second, None)),
            (&["2012-08-27T10:00:00.5"], Timestamp(TimeUnit::Millisecond, None)),
            (
                &["2012-08-27T10:00:00.123456+08:00"],
                Timestamp(TimeUnit::Microsecond, Some("Asia/Shanghai".into())),
            ),
            (
                &["2012-08-27 10:00:00Z", "2012-08-27 10:00:00"],
                Timestamp(TimeUnit::Second, Some("Asia/Shanghai".into())),
            ),
            (&["", ""], Utf8),
            (&["1", "true"], Utf8),
            (&["1", "2012-08-27"], Utf8),
            (&["9223372036854775807"], Int64),
            (&["1", "9223372036854775808"], Utf8),
        ] {
            assert_eq!(of(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_column_of_which_a_double_loses_digits_is_of_decimals() {
        for (values, expected) in [
            (&["12345678901234567.89", "-1", "0.5"][..], DataType::Decimal128(19, 2)),
            (&["0.12345678901234567891", "12"], DataType::Decimal128(22, 20)),
            (&["12345678901234567.890", ""], DataType::Decimal128(19, 2)),
            // These are the digits of doubles, and some that only a double holds.
            (&["116.40717315673828", "0.30000000000000004"], DataType::Float64),
            (&["12345678901234567.89", "1e300"], DataType::Float64),
            (&["12345678901234567.89", "NaN"], DataType::Float64),
            (&["1.5", "100000000000000.25"], DataType::Float64),
            (&["12345678901234567.89", "0.00000000000000000000000000001"], DataType::Float64),
        ] {
            assert_eq!(of(values), expected, "{values:?}");
        }
    }

    #[test]
    fn what_the_scan_could_not_read_is_text() {
        for value in [
            "0000-00-00",
            "0000-00-00 00:00:00",
            "2012-02-30",
            "2012-08-27 10:00:00 发布",
            "2012-08-27 25:00:00",
            "2012-08-27 10:00",
            "2012-8-27",
            "1,234",
            "1.2万",
            "１２",
            " 1",
            "+",
            "-",
            ".",
            "e5",
            "1-2",
            "1e",
            "infinity",
            "yes",
            "微博",
        ] {
            assert_eq!(of(&[value]), DataType::Utf8, "{value}");
        }
    }

    #[test]
    fn few_odd_values_are_told_and_many_are_a_column_of_texts() {
        let told = |values: &[&str]| {
            let mut seen = Values::default();
            for (value, line) in values.iter().zip(2..) {
                seen.see(value, At { file: 0, line });
            }
            seen.odd().map(|(odd, better)| (odd.value.clone(), odd.at.line, better))
        };
        let mut values = vec!["1"; 20];
        assert_eq!(told(&values), None);
        values[7] = "likes";
        values[9] = "";
        assert_eq!(told(&values), Some(("likes".to_owned(), 9, "BIGINT")));
        values[11] = "2.5";
        assert_eq!(told(&values), Some(("likes".to_owned(), 9, "DOUBLE")));
        values[3] = "1.2万";
        assert_eq!(told(&values), None);
        let mut times = vec!["2012-08-27 10:00:00"; 20];
        times[5] = "7";
        assert_eq!(told(&times), Some(("7".to_owned(), 7, "TIMESTAMP")));
        assert_eq!(told(&["微博", "外交", "a"]), None);
    }
}
