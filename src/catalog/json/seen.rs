//! What the values of JSON records are: the type that holds all of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::numbers::{ByDigit, Numbers, without_too_large};
use crate::catalog::digits::Digits;

/// Keys of the objects at one place, beyond which they are data and no columns, as in
/// `{"2012-08-27": 3, "2012-08-28": 5}`.
const KEYS: usize = 500;

/// From here on a number that is parsed as a fraction may be a whole one: an id.
const HUGE: f64 = 9.2e18;

/// What the values at one place were so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    truths: bool,
    wholes: bool,
    fractions: bool,
    /// Whole numbers beyond 64 bits, and what is too large for a double.
    huge: bool,
    /// What it takes to keep all digits of the others.
    digits: Digits,
    texts: bool,
    /// What is in the lists.
    items: Option<Box<Self>>,
    objects: Option<Keys>,
}

/// The keys of objects, in the order in which they came.
#[derive(Debug)]
struct Keys {
    seen: Vec<(String, Seen)>,
    places: HashMap<String, usize>,
    most: usize,
}

impl Seen {
    /// For records, whose keys are columns however many there are.
    pub(super) fn of_records() -> Self {
        Self { objects: Some(Keys::at_most(usize::MAX)), ..Self::default() }
    }

    /// Takes a record into account. Of numbers that are not looked at digit by digit it
    /// is not known what it takes to keep their digits.
    pub(super) fn see(&mut self, record: &[u8], by_digit: ByDigit) -> serde_json::Result<()> {
        match self.take(record, by_digit) {
            // It is JSON, which has no largest number.
            Err(error) if is_too_large(&error) => self.take(&without_too_large(record), by_digit),
            taken => taken,
        }
    }

    fn take(&mut self, record: &[u8], by_digit: ByDigit) -> serde_json::Result<()> {
        let mut numbers = Numbers::of(record, by_digit);
        let mut json = serde_json::Deserializer::from_slice(record);
        Seeing { seen: self, numbers: &mut numbers }.deserialize(&mut json)?;
        json.end()
    }

    /// Whether a column, or a part of one, is of decimals.
    pub(super) fn has_decimals(&self) -> bool {
        self.columns().0.iter().any(|column| holds_decimals(column.data_type()))
    }

    /// The columns of the records, and whether one of them, or a part of it, is a text
    /// that holds JSON.
    pub(super) fn columns(&self) -> (Fields, bool) {
        self.objects.as_ref().map_or_else(|| (Fields::empty(), false), Keys::fields)
    }

    /// The type that holds all values, text if there are none, and whether JSON has to
    /// be kept as text for it.
    fn data_type(&self) -> (DataType, bool) {
        let has_scalars = self.truths || self.wholes || self.fractions || self.huge || self.texts;
        match (&self.objects, &self.items) {
            (None, None) => (self.scalar(), false),
            (Some(keys), None) if !has_scalars && keys.are_columns() => {
                let (fields, holds_json) = keys.fields();
                (DataType::Struct(fields), holds_json)
            }
            (None, Some(items)) if !has_scalars => {
                let (item, holds_json) = items.data_type();
                (DataType::List(Arc::new(Field::new_list_field(item, true))), holds_json)
            }
            _ => (DataType::Utf8, true),
        }
    }

    fn scalar(&self) -> DataType {
        let has_numbers = self.wholes || self.fractions;
        match (self.truths, has_numbers) {
            _ if self.texts || self.huge => DataType::Utf8,
            (true, false) => DataType::Boolean,
            (false, true) if self.fractions => self.digits.data_type(),
            (false, true) => DataType::Int64,
            _ => DataType::Utf8,
        }
    }

    fn see_whole(&mut self, number: i64) {
        self.wholes = true;
        self.digits.see_whole(number);
    }

    /// Takes a number into account, as it is written.
    fn see_written(&mut self, number: &str) {
        let digits = number.strip_prefix('-').unwrap_or(number);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.fractions = true;
            self.digits.see(number);
            return;
        }
        match number.parse::<i64>() {
            Ok(number) => self.see_whole(number),
            Err(_) => self.huge = true,
        }
    }
}

/// Whether the error is for a number that no double is.
fn is_too_large(error: &serde_json::Error) -> bool {
    error.to_string().starts_with("number out of range")
}

fn holds_decimals(kind: &DataType) -> bool {
    match kind {
        DataType::Decimal128(..) => true,
        DataType::Struct(fields) => fields.iter().any(|field| holds_decimals(field.data_type())),
        DataType::List(item) => holds_decimals(item.data_type()),
        _ => false,
    }
}

impl Keys {
    fn at_most(most: usize) -> Self {
        Self { seen: Vec::new(), places: HashMap::new(), most }
    }

    /// Where what was seen under `key` is kept; that of keys beyond the most is mixed,
    /// and asked for by nobody.
    fn place(&mut self, key: &str) -> usize {
        if let Some(place) = self.places.get(key) {
            return *place;
        }
        if self.seen.len() > self.most {
            return self.most;
        }
        let place = self.seen.len();
        self.seen.push((key.to_owned(), Seen::default()));
        self.places.insert(key.to_owned(), place);
        place
    }

    /// Whether the objects have parts that can be told apart in a type.
    fn are_columns(&self) -> bool {
        !self.seen.is_empty() && self.seen.len() <= self.most
    }

    fn fields(&self) -> (Fields, bool) {
        let mut any_json = false;
        let fields = self.seen.iter().map(|(key, seen)| {
            let (kind, holds_json) = seen.data_type();
            any_json |= holds_json;
            Field::new(key, kind, true)
        });
        (fields.collect(), any_json)
    }
}

/// Takes a value, and those in it, into account.
struct Seeing<'a, 'r> {
    /// What the values at its place were so far.
    seen: &'a mut Seen,
    /// The numbers of its record that the parser has not come to yet.
    numbers: &'a mut Numbers<'r>,
}

impl<'de> DeserializeSeed<'de> for Seeing<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seeing<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _value: bool) -> Result<(), E> {
        self.seen.truths = true;
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.numbers.pass();
        self.seen.see_whole(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.numbers.pass();
        match i64::try_from(value) {
            Ok(value) => self.seen.see_whole(value),
            Err(_) => self.seen.huge = true,
        }
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        // Of whole numbers those beyond 64 bits and -0 come here.
        let may_be_whole = value.abs() >= HUGE || value == 0.0;
        if may_be_whole || self.numbers.are_by_digit() {
            // There is one, as the parser has read it: else a double is all that is known.
            self.seen.see_written(self.numbers.next().unwrap_or("NaN"));
        } else {
            self.numbers.pass();
            self.seen.fractions = true;
        }
        Ok(())
    }

    fn visit_str<E>(self, _value: &str) -> Result<(), E> {
        self.seen.texts = true;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { seen, numbers } = self;
        let seen: &mut Seen = seen.items.get_or_insert_default();
        loop {
            let item = Seeing { seen: &mut *seen, numbers: &mut *numbers };
            if items.next_element_seed(item)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { seen, numbers } = self;
        let keys = seen.objects.get_or_insert_with(|| Keys::at_most(KEYS));
        while let Some(place) = entries.next_key_seed(Place(&mut *keys))? {
            let seen = &mut keys.seen[place].1;
            entries.next_value_seed(Seeing { seen, numbers: &mut *numbers })?;
        }
        Ok(())
    }
}

/// Reads a key as the place of what was seen under it.
struct Place<'a>(&'a mut Keys);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<usize, E> {
        Ok(self.0.place(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(records: &[&str]) -> (String, bool) {
        let mut seen = Seen::of_records();
        let mut see = |by_digit| {
            for record in records {
                seen.see(record.as_bytes(), by_digit).unwrap();
            }
            seen.has_decimals()
        };
        if see(ByDigit::Long) {
            see(ByDigit::All);
        }
        let (fields, holds_json) = seen.columns();
        let told = fields.iter().map(|field| format!("{} {}", field.name(), field.data_type()));
        (told.collect::<Vec<_>>().join(", "), holds_json)
    }

    #[test]
    fn a_column_has_the_type_that_holds_all_its_values() {
        for (values, expected) in [
            (["1", "-2"], "Int64"),
            (["1", "2.5"], "Float64"),
            (["true", "null"], "Boolean"),
            (["true", "1"], "Utf8"),
            (["1", "\"x\""], "Utf8"),
            (["null", "null"], "Utf8"),
            (["{}", "null"], "Utf8"),
            (["1", "18446744073709551615"], "Utf8"),
            (["1", "123456789012345678901234567890"], "Utf8"),
            (["9223372036854775807", "1"], "Int64"),
            (["9223372036854775808", "1.5"], "Utf8"),
            (["-9223372036854775809", "1"], "Utf8"),
            (["-9223372036854775808", "-0"], "Int64"),
        ] {
            let records = values.map(|value| format!("{{\"a\": {value}}}"));
            let told = of(&[&records[0], &records[1]]).0;
            assert_eq!(told, format!("a {expected}"), "{values:?}");
        }
    }

    #[test]
    fn numbers_of_which_a_double_loses_digits_are_decimals() {
        for (values, expected) in [
            (["12345678901234567.89", "-1"], "Decimal128(19, 2)"),
            (["-0.5", "12345678901234567.890"], "Decimal128(19, 2)"),
            (["-0.12345678901234567890", "-0"], "Decimal128(19, 19)"),
            (["0.1000000000000000055511151231257827", "0"], "Decimal128(34, 34)"),
            (["9007199254740993", "0.5"], "Decimal128(17, 1)"),
            (["12345678901234567890.5", "null"], "Decimal128(21, 1)"),
            // These are the digits of doubles, or some that only a double holds.
            (["116.40717315673828", "0.30000000000000004"], "Float64"),
            (["4640865532228085", "0.5"], "Float64"),
            (["1.0", "-0.0"], "Float64"),
            (["12345678901234567.89", "1.5e3"], "Float64"),
            (["12345678901234567.89", "0.00000000000000000000000000001"], "Float64"),
            (["1e300", "5"], "Float64"),
            // What no double is is a text, as in CSV.
            (["1e400", "5"], "Utf8"),
            (["12345678901234567.89", "\"x\""], "Utf8"),
        ] {
            let records = values.map(|value| format!("{{\"a\": {value}}}"));
            let told = of(&[&records[0], &records[1]]).0;
            assert_eq!(told, format!("a {expected}"), "{values:?}");
        }
    }

    #[test]
    fn each_number_is_taken_for_what_is_written_at_its_place() {
        let (told, _) = of(&[
            r#"{"7": 1.5, "s": {"8": -2, "b": [5, "9.5", null]}, "c": 12345678901234567.125}"#,
            r#"{"7": 2, "s": {"8": 12345678901234567.8, "\"-1": true}, "c": 1}"#,
        ]);
        let parts = r#""8": Decimal128(18, 1), "b": List(Utf8), "\"-1": Boolean"#;
        assert_eq!(told, format!("7 Float64, s Struct({parts}), c Decimal128(20, 3)"));
        let (told, _) = of(&[r#"{"l": [[0.25, 1.12345678901234567], [12]]}"#]);
        assert_eq!(told, "l List(List(Decimal128(19, 17)))");
    }

    #[test]
    fn what_is_sometimes_an_object_is_text_that_holds_json() {
        assert_eq!(of(&["{\"a\": {\"b\": 1}}"]), ("a Struct(\"b\": Int64)".to_owned(), false));
        assert_eq!(of(&["{\"a\": {\"b\": 1}}", "{\"a\": 2}"]), ("a Utf8".to_owned(), true));
        assert_eq!(of(&["{\"a\": [1]}", "{\"a\": {\"b\": 2}}"]), ("a Utf8".to_owned(), true));
        assert_eq!(of(&["{\"a\": [1, {\"b\": 2}]}"]), ("a List(Utf8)".to_owned(), true));
    }

    #[test]
    fn columns_come_in_the_order_of_the_records_and_many_keys_are_data() {
        assert_eq!(of(&["{\"b\": 1}", "{\"a\": 1, \"b\": 2}"]).0, "b Int64, a Int64");
        let many: Vec<String> = (0..2 * KEYS).map(|key| format!("\"k{key}\": {key}")).collect();
        assert_eq!(of(&[&format!("{{\"a\": {{{}}}}}", many.join(","))]), ("a Utf8".into(), true));
        let (wide, _) = of(&[&format!("{{{}}}", many.join(","))]);
        assert_eq!(wide.matches("Int64").count(), 2 * KEYS);
    }
}
