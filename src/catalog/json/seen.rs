//! What the values of JSON records are: the type that holds all of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Keys of the objects at one place, beyond which they are data and no columns, as in
/// `{"2012-08-27": 3, "2012-08-28": 5}`.
const KEYS: usize = 500;

/// From here on a number that is read as a fraction may be a whole one: an id.
const HUGE: f64 = 9.2e18;

/// What the values at one place were so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    truths: bool,
    wholes: bool,
    fractions: bool,
    /// Numbers of which some digits would be lost.
    huge: bool,
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
            (false, true) if self.fractions => DataType::Float64,
            (false, true) => DataType::Int64,
            _ => DataType::Utf8,
        }
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

impl<'de> DeserializeSeed<'de> for &mut Seen {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Seen {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _value: bool) -> Result<(), E> {
        self.truths = true;
        Ok(())
    }

    fn visit_i64<E>(self, _value: i64) -> Result<(), E> {
        self.wholes = true;
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(_) => self.wholes = true,
            Err(_) => self.huge = true,
        }
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        match value.abs() < HUGE {
            true => self.fractions = true,
            false => self.huge = true,
        }
        Ok(())
    }

    fn visit_str<E>(self, _value: &str) -> Result<(), E> {
        self.texts = true;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let seen = self.items.get_or_insert_default();
        while items.next_element_seed(&mut **seen)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let keys = self.objects.get_or_insert_with(|| Keys::at_most(KEYS));
        while let Some(place) = entries.next_key_seed(Place(&mut *keys))? {
            entries.next_value_seed(&mut keys.seen[place].1)?;
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
        for record in records {
            let mut json = serde_json::Deserializer::from_str(record);
            seen.deserialize(&mut json).unwrap();
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
        ] {
            let records = values.map(|value| format!("{{\"a\": {value}}}"));
            let told = of(&[&records[0], &records[1]]).0;
            assert_eq!(told, format!("a {expected}"), "{values:?}");
        }
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
