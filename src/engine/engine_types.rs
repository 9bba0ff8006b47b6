//! The engine's names of types and values in its messages, as SQL calls them.

use datafusion::arrow::datatypes::DataType;

use crate::model::type_name;

/// `message` with the names that people know instead of those of the engine: `bigint` for
/// `Int64`, `'a'` for `Utf8("a")`. What stands in quotes was typed, and stays.
pub(super) fn told(message: &str) -> String {
    let mut told = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' | '`' if !ends_in_word(&told) => quoted(rest, first),
            'A'..='Z' if !ends_in_word(&told) => match named(rest) {
                Some((length, name)) => {
                    told.push_str(&name);
                    rest = &rest[length..];
                    continue;
                }
                None => first.len_utf8(),
            },
            _ => first.len_utf8(),
        };
        told.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    told
}

/// Whether more of a word or path, or an apostrophe, would follow `text`.
fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(|last| last.is_alphanumeric() || "_./".contains(last))
}

/// The length of the quoted text that `rest` begins with, or of the quote alone.
fn quoted(rest: &str, quote: char) -> usize {
    rest[1..].find(quote).map_or(1, |end| end + 2)
}

/// How much of `rest` is a type or value of the engine, and what it is called.
fn named(rest: &str) -> Option<(usize, String)> {
    let word = rest.find(|sign: char| !sign.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let name = &rest[..word];
    let simple = name.parse::<DataType>().ok();
    let Some(inside) = bracketed(&rest[word..]) else {
        return match name {
            // A word of sentences too.
            "Binary" => None,
            "Null" => Some((word, "NULL".to_owned())),
            _ if name.starts_with("Decimal")
                && name.ends_with(|last: char| last.is_ascii_digit()) =>
            {
                Some((word, "decimal".to_owned()))
            }
            _ => simple.map(|data_type| (word, short(&data_type))),
        };
    };
    let whole = word + inside.len() + 2;
    if let Ok(data_type) = rest[..whole].parse::<DataType>() {
        return Some((whole, short(&data_type)));
    }
    match name {
        "Struct" | "Map" | "Union" | "Timestamp" | "Interval" | "Duration" => {
            Some((whole, name.to_lowercase()))
        }
        "Time32" | "Time64" => Some((whole, "time".to_owned())),
        "List" | "LargeList" => Some((whole, format!("{}[]", told(first_of(inside))))),
        // A value: Int64(1).
        _ => simple.map(|_| (whole, value(inside))),
    }
}

/// What stands in the round brackets that `rest` begins with.
fn bracketed(rest: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, sign) in rest.char_indices() {
        match sign {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return (at > 0).then(|| &rest[1..at]);
        }
    }
    None
}

/// The type of a list's items, without the name of their field.
fn first_of(inside: &str) -> &str {
    inside.split_once(", field:").map_or(inside, |(items, _)| items)
}

fn value(inside: &str) -> String {
    match inside.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) => format!("'{text}'"),
        None => inside.to_owned(),
    }
}

/// As `type_name`, without the time zone: two times of one zone differ in nothing by it.
fn short(data_type: &DataType) -> String {
    match data_type {
        DataType::Timestamp(..) => "timestamp".to_owned(),
        _ => type_name(data_type),
    }
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn no_type_of_the_engine_reaches_a_reader() {
        for (engine, ours) in [
            ("f does not take (Utf8View, Int64)", "f does not take (text, bigint)"),
            (
                "there is no Timestamp(µs, \"Asia/Shanghai\") + Int64",
                "there is no timestamp + bigint",
            ),
            ("from List(Utf8, field: 'element') to Int64", "from text[] to bigint"),
            ("(bigint, Struct(\"x\": Null))", "(bigint, struct(x null))"),
            ("a Decimal128 of precision 3", "a decimal of precision 3"),
            ("Decimal128(10, 2) and Date32", "decimal(10,2) and date"),
            ("count(Int64(1)) and f(Utf8(\"a\"))", "count(1) and f('a')"),
            // What was typed stays, and an apostrophe is no quote.
            ("the text \"Int64\" isn't Int64", "the text \"Int64\" isn't bigint"),
            ("Boolean in MyInt64, Int64s", "boolean in MyInt64, Int64s"),
        ] {
            assert_eq!(told(engine), ours);
        }
    }
}
