//! What `format` and `printf` have in common: the places of a pattern where values are
//! written, and how.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringViewBuilder};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{Result, exec_datafusion_err, exec_err};

use super::scalar::texts;

/// Most signs to which a value is filled up, and most digits behind its point.
const WIDEST: usize = 1_000;

/// Most digits of a decimal number that a floating-point number keeps.
const EXACT_DIGITS: usize = 15;

/// A part of a pattern.
#[derive(Debug)]
pub(super) enum Piece {
    /// A text that stands as it is.
    Text(String),
    /// The value of the argument with this number, from 0.
    Value(usize, Style),
}

/// How a value is written.
#[derive(Debug, Clone, Default)]
pub(super) struct Style {
    /// Where it stands in its width; numbers are at the right, and other values at the left
    /// if nothing is said. Zeros fill at the left in any case.
    pub(super) side: Option<Side>,
    /// Whether zeros fill the width.
    zeros: bool,
    /// Whether a number that is not below 0 has a plus.
    plus: bool,
    /// Whether commas part thousands.
    thousands: bool,
    /// The least width.
    width: usize,
    /// The digits behind the point, or the most signs of a text.
    precision: Option<usize>,
    form: Form,
}

/// Where a value stands in its width.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Left,
    Middle,
    Right,
}

/// What a value is written as.
#[derive(Debug, Clone, Copy, Default)]
enum Form {
    /// What it is.
    #[default]
    Itself,
    /// A whole number.
    Whole,
    /// A number with a point.
    Fixed,
    /// A whole number to the base of 16.
    Hexadecimal,
}

impl Style {
    /// The style that `-5.1f` or `>10` means.
    pub(super) fn read(written: &str) -> Option<Self> {
        let mut style = Self::default();
        let mut rest = written;
        while let Some(flag) = rest.chars().next() {
            match flag {
                '<' | '-' => style.side = Some(Side::Left),
                '^' => style.side = Some(Side::Middle),
                '>' => style.side = Some(Side::Right),
                '0' => style.zeros = true,
                '+' => style.plus = true,
                ',' => style.thousands = true,
                _ => break,
            }
            rest = &rest[1..];
        }
        (style.width, rest) = size(rest).unwrap_or((0, rest));
        if let Some(behind) = rest.strip_prefix(',') {
            (style.thousands, rest) = (true, behind);
        }
        if let Some(behind) = rest.strip_prefix('.') {
            let (precision, behind) = size(behind)?;
            (style.precision, rest) = (Some(precision), behind);
        }
        style.form = match rest {
            "" | "s" => Form::Itself,
            "d" | "i" => Form::Whole,
            "f" => Form::Fixed,
            "x" => Form::Hexadecimal,
            _ => return None,
        };
        (style.width <= WIDEST && style.precision <= Some(WIDEST)).then_some(style)
    }

    /// `value` as it is written, or why it cannot be.
    fn write(&self, value: &str, kind: Kind) -> Result<String> {
        let made = match (self.form, kind) {
            (Form::Itself, Kind::Other) if (self.zeros || self.plus) && self.side.is_none() => {
                return exec_err!("0 and + are for numbers, and '{value}' is given as none");
            }
            (Form::Itself, Kind::Other) => self.cut(value),
            (Form::Itself, _) if self.precision.is_some() => {
                return exec_err!("the digits of a number are told with an f, as in .2f");
            }
            (Form::Itself, _) | (Form::Whole, Kind::Whole) => value.to_owned(),
            (Form::Fixed, Kind::Whole) => match self.precision.unwrap_or(6) {
                0 => value.to_owned(),
                digits => format!("{value}.{}", "0".repeat(digits)),
            },
            (Form::Fixed, Kind::Float | Kind::Decimal) => self.rounded(value, kind)?,
            (Form::Hexadecimal, Kind::Whole) => match value.parse::<u64>() {
                Ok(number) => format!("{number:x}"),
                Err(_) => return exec_err!("x writes whole numbers from 0, {value} is below"),
            },
            (Form::Whole | Form::Hexadecimal, _) => {
                return exec_err!("d and x write whole numbers, and '{value}' is given as none");
            }
            (Form::Fixed, Kind::Other) => {
                return exec_err!("f writes numbers, and '{value}' is given as none");
            }
        };
        Ok(match kind {
            Kind::Other => self.filled(&made, Side::Left),
            _ => self.number(&made),
        })
    }

    /// The first signs of a text.
    fn cut(&self, text: &str) -> String {
        match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text.to_owned(),
        }
    }

    /// A number with so many digits behind its point.
    fn rounded(&self, value: &str, kind: Kind) -> Result<String> {
        let known = value.chars().filter(char::is_ascii_digit).skip_while(|digit| *digit == '0');
        if matches!(kind, Kind::Decimal) && known.count() > EXACT_DIGITS {
            return exec_err!("{value} has more digits than f writes; write round(x, 2) with s");
        }
        let number: f64 =
            value.parse().map_err(|_| exec_datafusion_err!("'{value}' is no number"))?;
        let digits = self.precision.unwrap_or(6);
        Ok(format!("{number:.digits$}"))
    }

    /// A number with its sign, its thousands, and its zeros.
    fn number(&self, written: &str) -> String {
        let (sign, digits) = match written.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None if self.plus => ("+", written),
            None => ("", written),
        };
        let mut digits = if self.thousands { parted(digits) } else { digits.to_owned() };
        if self.zeros {
            let missing = self.width.saturating_sub(sign.len() + digits.len());
            digits.insert_str(0, &"0".repeat(missing));
        }
        self.filled(&format!("{sign}{digits}"), Side::Right)
    }

    /// A text filled up to its width.
    fn filled(&self, text: &str, otherwise: Side) -> String {
        let width = self.width;
        match self.side.unwrap_or(otherwise) {
            Side::Left => format!("{text:<width$}"),
            Side::Middle => format!("{text:^width$}"),
            Side::Right => format!("{text:>width$}"),
        }
    }
}

/// The number that `written` begins with, and what is behind it.
fn size(written: &str) -> Option<(usize, &str)> {
    let end = written.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(written.len());
    Some((written[..end].parse().ok()?, &written[end..]))
}

/// Digits with commas between the thousands before the point.
fn parted(digits: &str) -> String {
    let whole = digits.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(digits.len());
    let mut made = String::with_capacity(digits.len() + whole / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && place < whole && (whole - place) % 3 == 0 {
            made.push(',');
        }
        made.push(digit);
    }
    made
}

/// What is known of the values of a column.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Whole,
    Float,
    Decimal,
    Other,
}

impl Kind {
    fn of(column: &ArrayRef) -> Self {
        match column.data_type() {
            kind if kind.is_integer() => Self::Whole,
            kind if kind.is_floating() => Self::Float,
            kind if kind.is_decimal() => Self::Decimal,
            _ => Self::Other,
        }
    }
}

/// The pattern of each row, which `read` takes apart, with the values of the row in its
/// places. An unknown value makes all unknown.
pub(super) fn written(
    columns: &[ArrayRef],
    read: impl Fn(&str) -> Option<Vec<Piece>>,
) -> Result<ArrayRef> {
    let options = FormatOptions::default();
    let mut values = Vec::new();
    for column in &columns[1..] {
        values.push((column, ArrayFormatter::try_new(column.as_ref(), &options)?));
    }
    let mut last: Option<(&str, Vec<Piece>)> = None;
    let mut made = StringViewBuilder::with_capacity(columns[0].len());
    for (row, pattern) in texts(&columns[0])?.enumerate() {
        let is_known = values.iter().all(|(column, _)| column.is_valid(row));
        let Some(pattern) = pattern.filter(|_| is_known) else {
            made.append_null();
            continue;
        };
        let pieces = match last.take() {
            Some((text, pieces)) if text == pattern => pieces,
            _ => read(pattern).ok_or_else(|| {
                exec_datafusion_err!(
                    "'{pattern}' has a place that is not known: format has {{}}, {{:>10}}, {{:,}} \
                     and {{:.2f}}; printf has %s, %d, %05d, %.2f and %x; %% and {{{{ stand for one"
                )
            })?,
        };
        made.append_value(line(pattern, &pieces, &values, row)?);
        last = Some((pattern, pieces));
    }
    Ok(Arc::new(made.finish()))
}

/// The pieces of a pattern, written for a row.
fn line(
    pattern: &str,
    pieces: &[Piece],
    values: &[(&ArrayRef, ArrayFormatter<'_>)],
    row: usize,
) -> Result<String> {
    let mut line = String::new();
    for piece in pieces {
        let (argument, style) = match piece {
            Piece::Text(text) => {
                line.push_str(text);
                continue;
            }
            Piece::Value(argument, style) => (*argument, style),
        };
        let Some((column, formatter)) = values.get(argument) else {
            let given = values.len();
            return exec_err!("'{pattern}' has places for more values than the {given} given");
        };
        line += &style.write(&formatter.value(row).try_to_string()?, Kind::of(column))?;
    }
    Ok(line)
}
