//! Records in which the objects and lists of a column of texts are texts.
//!
//! The reader of the engine takes numbers for texts, but nothing that has parts. Bytes
//! are copied and nothing is parsed as a number, so that no digit is lost.

use datafusion::arrow::datatypes::{DataType, Fields};

/// The `record`, whose columns are `columns`, with what has parts made a text where a
/// column is one of texts; nothing if it is no whole JSON.
pub(super) fn with_texts(record: &[u8], columns: &Fields) -> Option<Vec<u8>> {
    let mut copying = Copying { rest: record, made: Vec::with_capacity(record.len() + 16) };
    copying.object(columns)?;
    Some(copying.made)
}

/// What is still to be copied, and what was made of the rest.
struct Copying<'a> {
    rest: &'a [u8],
    made: Vec<u8>,
}

impl<'a> Copying<'a> {
    fn value(&mut self, kind: &DataType) -> Option<()> {
        match (kind, self.peek()?) {
            (DataType::Struct(fields), b'{') => self.object(fields),
            (DataType::List(item), b'[') => self.list(item.data_type()),
            (DataType::Utf8, b'{' | b'[') => self.as_text(),
            _ => {
                let value = self.take_value()?;
                self.made.extend_from_slice(value);
                Some(())
            }
        }
    }

    fn object(&mut self, fields: &Fields) -> Option<()> {
        self.copy(b'{')?;
        while self.peek()? != b'}' {
            let key = self.take_value()?;
            self.made.extend_from_slice(key);
            self.copy(b':')?;
            let name = serde_json::from_slice::<String>(key).ok()?;
            match fields.iter().find(|field| *field.name() == name) {
                Some(field) => self.value(field.data_type())?,
                None => self.value(&DataType::Null)?,
            }
            if self.peek()? == b',' {
                self.copy(b',')?;
            }
        }
        self.copy(b'}')
    }

    fn list(&mut self, item: &DataType) -> Option<()> {
        self.copy(b'[')?;
        while self.peek()? != b']' {
            self.value(item)?;
            if self.peek()? == b',' {
                self.copy(b',')?;
            }
        }
        self.copy(b']')
    }

    /// Takes a value with parts as the text that it is, on one line.
    fn as_text(&mut self) -> Option<()> {
        let value = self.take_value()?;
        self.made.push(b'"');
        let (mut in_string, mut is_escaped) = (false, false);
        for &byte in value {
            if !in_string && byte.is_ascii_whitespace() {
                continue;
            }
            if matches!(byte, b'"' | b'\\') {
                self.made.push(b'\\');
            }
            self.made.push(byte);
            in_string ^= byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
        }
        self.made.push(b'"');
        Some(())
    }

    /// The next byte that is no blank, without taking it.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    fn copy(&mut self, expected: u8) -> Option<()> {
        if self.peek()? != expected {
            return None;
        }
        self.rest = &self.rest[1..];
        self.made.push(expected);
        Some(())
    }

    /// Takes a whole value as it stands.
    fn take_value(&mut self) -> Option<&'a [u8]> {
        let first = self.peek()?;
        let end = match first {
            b'"' | b'{' | b'[' => end_of_nested(self.rest)?,
            _ => {
                let ends = |byte: &u8| {
                    byte.is_ascii_whitespace() || matches!(byte, b',' | b':' | b'}' | b']')
                };
                self.rest.iter().position(ends).unwrap_or(self.rest.len())
            }
        };
        // What is no value at all would be taken for ever.
        if end == 0 {
            return None;
        }
        let (value, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(value)
    }
}

/// Where the string, object or list ends with which `bytes` begin.
fn end_of_nested(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 && !in_string {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Field;
    use serde_json::Value;

    use super::*;

    fn fields() -> Fields {
        let parts = Fields::from(vec![Field::new("x", DataType::Utf8, true)]);
        Fields::from(vec![
            Field::new("id", DataType::Utf8, true),
            Field::new("a", DataType::Utf8, true),
            Field::new("s", DataType::Struct(parts), true),
            Field::new("l", DataType::new_list(DataType::Utf8, true), true),
        ])
    }

    #[test]
    fn what_has_parts_becomes_a_text_and_the_rest_stays() {
        let record = r#"{ "id": 123456789012345678901234567890, "a": {"b" : [1, "} \" \\"] },
            "s": {"x": [1], "y": {"z": 2}}, "l": [1, {"c": null}, "t"], "other": [{}] }"#;
        let made = with_texts(record.as_bytes(), &fields()).unwrap();
        let made = String::from_utf8(made).unwrap();
        assert!(made.contains("123456789012345678901234567890"), "{made}");
        let made: Value = serde_json::from_str(&made).unwrap();
        assert_eq!(made["a"], r#"{"b":[1,"} \" \\"]}"#);
        assert_eq!(made["s"], serde_json::json!({"x": "[1]", "y": {"z": 2}}));
        assert_eq!(made["l"], serde_json::json!([1, r#"{"c":null}"#, "t"]));
        assert_eq!(made["other"], serde_json::json!([{}]));
    }

    #[test]
    fn no_bytes_make_it_panic_or_loop() {
        for text in ["", "{", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":[", "[1]", "{,}"] {
            assert!(with_texts(text.as_bytes(), &fields()).is_none(), "{text}");
        }
        let _ = with_texts(b"{\"l\":[,,]}", &fields());
        let _ = with_texts(b"{\"a\":{\"b\":\"\\", &fields());
    }
}
