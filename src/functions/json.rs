//! What the functions of JSON have in common: paths, and what stands at their ends.
//!
//! A text that is no JSON, or was cut off, is unknown whatever it is asked for: of
//! `{"id": 12` nobody can say that the number ends there. What is found is a part of the
//! text as it is written there: nothing is parsed as a number, so that no digit is lost.

use std::borrow::Cow;
use std::iter;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err};
use serde::de::IgnoredAny;

use super::scalar::texts;

/// Whether `text` is JSON from its beginning to its end.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// `json`, which must be JSON, without the blanks between its parts.
pub(super) fn without_blanks(json: &str) -> Cow<'_, str> {
    if !json.contains([' ', '\t', '\n', '\r']) {
        return Cow::Borrowed(json);
    }
    let (mut is_inside, mut is_escaped) = (false, false);
    let is_kept = |sign: &char| {
        match (is_inside, *sign) {
            (true, _) if is_escaped => is_escaped = false,
            (true, '\\') => is_escaped = true,
            (_, '"') => is_inside = !is_inside,
            (false, ' ' | '\t' | '\n' | '\r') => return false,
            _ => {}
        }
        true
    };
    Cow::Owned(json.chars().filter(is_kept).collect())
}

/// What stands in the JSON texts of the first of `columns` at the paths of the second, or
/// all of each text if there are no paths.
///
/// A row is `None` if its text is no JSON or its path unknown, and `Some(None)` if nothing
/// stands there.
pub(super) fn found(columns: &[ArrayRef]) -> Result<Vec<Option<Option<&str>>>> {
    let mut paths = Paths::of(columns.get(1))?;
    let mut found = Vec::with_capacity(columns[0].len());
    for text in texts(&columns[0])? {
        let path = paths.read()?;
        found.push(match (text, path) {
            (Some(text), Some(path)) if is_json(text) => Some(find(text, path)),
            _ => None,
        });
    }
    Ok(found)
}

/// As [`found`], of which only what stands there counts.
pub(super) fn values(columns: &[ArrayRef]) -> Result<impl Iterator<Item = Option<&str>>> {
    Ok(found(columns)?.into_iter().map(Option::flatten))
}

/// The names of the fields of the object `json`, as they are written, and their values.
pub(super) fn fields(json: &str) -> Option<impl Iterator<Item = (&str, &str)>> {
    let mut rest = json.starts_with('{').then_some(json)?;
    Some(iter::from_fn(move || {
        // One sign stands before each field, a brace or a comma, and one behind its name.
        let (name, behind) = first_value(rest.get(1..)?)?;
        let (value, behind) = first_value(behind.get(1..)?)?;
        rest = behind;
        Some((name, value))
    }))
}

/// The items of the array `json`.
pub(super) fn items(json: &str) -> Option<impl Iterator<Item = &str>> {
    let mut rest = json.starts_with('[').then_some(json)?;
    Some(iter::from_fn(move || {
        let (item, behind) = first_value(rest.get(1..)?)?;
        rest = behind;
        Some(item)
    }))
}

/// The value that `json` begins with, and what is behind it.
fn first_value(json: &str) -> Option<(&str, &str)> {
    let json = json.trim_ascii_start();
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    let (value, behind) = json.split_at_checked(values.byte_offset())?;
    Some((value, behind.trim_ascii_start()))
}

/// A value as people read it: a text as [`decoded`], and null as unknown.
pub(super) fn plain(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'n' => None,
        b'"' => decoded(json),
        _ => Some(Cow::Borrowed(json)),
    }
}

/// The text that `json` is, without its quotes; unknown if there is half a character in
/// it, such as `\ud83d` alone.
pub(super) fn decoded(json: &str) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str::<String>(json).ok().map(Cow::Owned)
}

/// A column of lists of texts.
pub(super) fn text_lists<'a, L>(lists: impl Iterator<Item = Option<L>>) -> ArrayRef
where
    L: Iterator<Item = Option<Cow<'a, str>>>,
{
    let element = Field::new("element", DataType::Utf8, true);
    let mut built = ListBuilder::new(StringBuilder::new()).with_field(element);
    built.extend(lists);
    Arc::new(built.finish())
}

/// What stands in `json` at the end of `path`, as it is written there.
fn find<'a>(json: &'a str, path: &[Step]) -> Option<&'a str> {
    path.iter().try_fold(json.trim_ascii(), |json, step| step.within(json))
}

/// One step of a path.
#[derive(Debug)]
enum Step {
    /// To the field of this name.
    Field(String),
    /// To the item of this number, which counts from the end if it is negative.
    Item(i64),
    /// To the field of this name, or to the item of this number in an array.
    Part(String),
}

impl Step {
    /// Where it leads in `json`.
    fn within<'a>(&self, json: &'a str) -> Option<&'a str> {
        match self {
            Self::Field(name) => field(json, name),
            Self::Item(number) => item(json, *number),
            Self::Part(name) => field(json, name).or_else(|| item(json, name.parse().ok()?)),
        }
    }
}

/// The value of the first field of this name, as in DuckDB.
fn field<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = fields(json)?.find(|(key, _)| decoded(key).as_deref() == Some(name))?;
    Some(value)
}

fn item(json: &str, number: i64) -> Option<&str> {
    if let Ok(number) = usize::try_from(number) {
        return items(json)?.nth(number);
    }
    let all: Vec<&str> = items(json)?.collect();
    let from_end = usize::try_from(number.unsigned_abs()).ok()?;
    all.get(all.len().checked_sub(from_end)?).copied()
}

/// The paths of the rows. One that is the same in the next row is read once.
struct Paths<'a> {
    written: Box<dyn Iterator<Item = Option<Cow<'a, str>>> + 'a>,
    last: Option<(Cow<'a, str>, Vec<Step>)>,
}

impl<'a> Paths<'a> {
    /// Those of `column`; without one all lead to the whole.
    fn of(column: Option<&'a ArrayRef>) -> Result<Self> {
        let written: Box<dyn Iterator<Item = Option<Cow<'a, str>>> + 'a> = match column {
            None => Box::new(iter::repeat(Some(Cow::Borrowed("$")))),
            Some(column) if column.data_type() == &DataType::Int64 => {
                let numbers = column.as_primitive::<Int64Type>().iter();
                Box::new(numbers.map(|number| Some(Cow::<str>::Owned(path_of_item(number?)))))
            }
            Some(column) => Box::new(texts(column)?.map(|path| path.map(Cow::Borrowed))),
        };
        Ok(Self { written, last: None })
    }

    /// The path of the next row; `None` if it is unknown.
    fn read(&mut self) -> Result<Option<&[Step]>> {
        let Some(path) = self.written.next().flatten() else { return Ok(None) };
        if self.last.as_ref().is_none_or(|(last, _)| *last != path) {
            let read = steps(&path)?;
            self.last = Some((path, read));
        }
        Ok(self.last.as_ref().map(|(_, steps)| steps.as_slice()))
    }
}

fn path_of_item(number: i64) -> String {
    format!("$[{number}]")
}

/// The steps of a path; without any it leads to the whole.
fn steps(path: &str) -> Result<Vec<Step>> {
    if let Some(rest) = path.strip_prefix('$') {
        return dotted(rest).ok_or_else(|| not_read(path));
    }
    if let Some(rest) = path.strip_prefix('/') {
        let names = rest.split('/').map(|name| name.replace("~1", "/").replace("~0", "~"));
        return Ok(names.map(Step::Part).collect());
    }
    if path.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Step::Field(path.to_owned())])
}

/// The steps of `.user.name`, `."a key"[0]` and `[#-1]`, which stand behind a `$`.
fn dotted(mut rest: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, behind) = match rest.strip_prefix('[') {
            Some(inside) => bracketed(inside)?,
            None => named(rest.strip_prefix('.')?)?,
        };
        steps.push(step);
        rest = behind;
    }
    Some(steps)
}

/// The step that `0]`, `#-1]` or `"a key"]` begins with, and what is behind it.
fn bracketed(inside: &str) -> Option<(Step, &str)> {
    if inside.starts_with('"') {
        let (name, rest) = quoted(inside)?;
        return Some((name, rest.strip_prefix(']')?));
    }
    let (number, rest) = inside.split_once(']')?;
    let number = match number.strip_prefix('#') {
        // `#` is the number of items, behind which there are none.
        Some(from_end) => from_end.parse().ok().filter(|number: &i64| *number < 0)?,
        None => number.parse().ok()?,
    };
    Some((Step::Item(number), rest))
}

/// The step that `user.name` or `"a key"` begins with, and what is behind it.
fn named(rest: &str) -> Option<(Step, &str)> {
    if rest.starts_with('"') {
        return quoted(rest);
    }
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    // `*` stands for all there are, of which only one could be given.
    (!name.is_empty() && name != "*").then(|| (Step::Field(name.to_owned()), rest))
}

/// The field that `rest` begins with in quotes, as JSON writes texts, and what is behind.
fn quoted(rest: &str) -> Option<(Step, &str)> {
    let (name, rest) = first_value(rest)?;
    Some((Step::Field(decoded(name)?.into_owned()), rest))
}

fn not_read(path: &str) -> DataFusionError {
    // More than one value cannot be given, but be asked for in another way.
    match path.split_once("[*]") {
        Some((array, "")) => {
            return exec_datafusion_err!(
                "'{path}' is no path to one value: json_items(text, '{array}') gives all items of \
                 the array"
            );
        }
        Some((array, behind)) if !behind.contains('*') => {
            return exec_datafusion_err!(
                "'{path}' is no path to one value: write [json_extract_string(item, '${behind}') \
                 FOR item IN json_items(text, '{array}')]"
            );
        }
        _ => {}
    }
    exec_datafusion_err!(
        "'{path}' is no path: it is written as '$.user.name', '$.\"a key\"', '$.tags[0]' or \
         '/user/name'; json_items gives all items of an array"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    async fn of(expression: &str) -> String {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = format!("SELECT {expression} FROM (VALUES ($json$
            {{\"id\": 4412345678901234567, \"user\": {{\"name\": \"\\u5c0f\\u660e\", \"a key\": 1.50}},
              \"tags\": [\"a\", {{\"n\": [7, 8]}}, null], \"none\": null, \"a.b\": true}}
            $json$, '{{\"id\": 12')) AS t(j, cut)");
        value(&session, &sql).await
    }

    fn at<'a>(json: &'a str, path: &str) -> Option<&'a str> {
        find(json, &steps(path).unwrap())
    }

    #[test]
    fn what_stands_there_is_given_as_it_is_written() {
        let json = r#" { "a" : [ 1.50 , -0,"x]" , {} ,[ ] ] , "n":12345678901234567890123 } "#;
        for (path, is) in [
            ("$", json.trim()),
            ("", json.trim()),
            ("a", r#"[ 1.50 , -0,"x]" , {} ,[ ] ]"#),
            ("/a/0", "1.50"),
            ("/a/-5", "1.50"),
            ("$.a[1]", "-0"),
            ("$.a[2]", r#""x]""#),
            ("$.a[-2]", "{}"),
            ("$.a[#-1]", "[ ]"),
            ("n", "12345678901234567890123"),
        ] {
            assert_eq!(at(json, path), Some(is), "{path}");
        }
        for path in ["0", "$.a[5]", "$.a[-6]", "/a/x", "$.n[0]", "$.a[3].x", "$.a[4][0]"] {
            assert_eq!(at(json, path), None, "{path}");
        }
    }

    #[test]
    fn names_are_compared_as_they_read_and_the_first_counts() {
        assert_eq!(at(r#"{"a": 1, "a": 2}"#, "a"), Some("1"));
        assert_eq!(at(r#"{"\u0061\"b": 1}"#, r#"a"b"#), Some("1"));
        assert_eq!(at(r#"{"\u0061\"b": 1}"#, r#"$."a\"b""#), Some("1"));
        assert_eq!(at(r#"{"": 1}"#, "/"), Some("1"));
        assert_eq!(at(r#"{"0": 1}"#, "/0"), Some("1"));
    }

    #[test]
    fn half_a_character_is_unknown() {
        let json = r#"{"\ud83d": "x\ud83d", "b": "\ud83d\ude00"}"#;
        assert!(is_json(json));
        assert_eq!(plain(at(json, "b").unwrap()).as_deref(), Some("😀"));
        let (name, value) = fields(json).unwrap().next().unwrap();
        assert_eq!((decoded(name), plain(value)), (None, None));
    }

    #[test]
    fn json_may_be_nested_deeply() {
        let json = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(is_json(&json));
        assert_eq!(at(&json, &format!("${}", "[0]".repeat(300))).unwrap().len(), json.len() - 600);
        assert!(!is_json(&json[1..]));
    }

    #[test]
    fn blanks_within_texts_stay() {
        for (json, is) in [
            (r#" { "a b" : [ 1 , "\\" , " \" " ] } "#, r#"{"a b":[1,"\\"," \" "]}"#),
            ("[1]", "[1]"),
            ("\t7\n", "7"),
        ] {
            assert_eq!(without_blanks(json), is);
        }
    }

    #[tokio::test]
    async fn values_stand_at_the_end_of_paths() {
        for (expression, is) in [
            // All digits of an id stay.
            ("json_extract(j, '$.id')", "4412345678901234567"),
            ("CAST(j->>'id' AS BIGINT) + 1", "4412345678901234568"),
            ("json_extract_string(j, '$.user.name')", "小明"),
            ("json_extract_string(j, '/user/name')", "小明"),
            ("json_extract(j, '$.user.\"a key\"')", "1.50"),
            ("json_extract(j, '$[\"a.b\"]')", "true"),
            ("j->'a.b'", "true"),
            ("j->'tags'->1->'n'->>-1", "8"),
            ("j->>'$.tags[1].n[#-2]'", "7"),
            ("json_extract(j, '$.tags[0]')", "\"a\""),
            ("json_extract(j, '$.none')", "null"),
            ("j->>'none' IS NULL", "true"),
            ("j->>'missing' IS NULL", "true"),
            ("json_exists(j, 'none')", "true"),
            ("json_exists(j, '$.tags[3]')", "false"),
            ("json_items(j, '$.tags')", "[a, {\"n\": [7, 8]}, ]"),
            ("json_array_length(j, 'tags')", "3"),
            ("json_array_length(j) IS NULL", "true"),
            ("json_keys(j, 'user')", "[name, a key]"),
            ("json_value(j, '$.user.name')", "小明"),
            ("json_value(j, '$.id')", "4412345678901234567"),
            ("json_value(j, '$.user') IS NULL", "true"),
            ("json_extract_scalar(j, '$.tags') IS NULL", "true"),
            ("json_value(j, '$.none') IS NULL", "true"),
            ("json_value(j, '$.missing') IS NULL", "true"),
            ("json_value('\"{\"', '$')", "{"),
            ("json_type(j, 'id')", "UBIGINT"),
            ("json_type(j)", "OBJECT"),
        ] {
            assert_eq!(of(expression).await, is, "{expression}");
        }
    }

    #[tokio::test]
    async fn a_text_that_was_cut_off_is_unknown() {
        for (expression, is) in [
            ("json_valid(cut)", "false"),
            ("json_valid(j)", "true"),
            ("cut->>'id' IS NULL", "true"),
            ("json_exists(cut, 'id') IS NULL", "true"),
            ("json_type(cut) IS NULL", "true"),
            ("json_valid(NULL) IS NULL", "true"),
        ] {
            assert_eq!(of(expression).await, is, "{expression}");
        }
    }

    #[tokio::test]
    async fn each_row_may_have_its_own_path() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "SELECT string_agg(j->>path, ' ' ORDER BY path) FROM (VALUES
            ('{\"a\": {\"b\": 1}}', '$.a.b'), ('[2]', '$[0]'), ('{\"$a\": 3}', '/$a'), ('4', NULL))
            AS t(j, path)";
        assert_eq!(value(&session, sql).await, "1 2 3");
    }

    #[tokio::test]
    async fn a_path_to_many_values_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for path in ["$.tags[*]", "$.*", "$..name", "$a", "$.a[", "$.\"a", "$[#1]"] {
            let sql = format!("SELECT json_extract('{{}}', '{path}')");
            let error = session.collect(&sql).await.unwrap_err().to_string();
            assert!(error.contains("is no path"), "{path}: {error}");
        }
        for (path, told) in [
            ("$.tags[*]", "json_items(text, '$.tags') gives"),
            (
                "$[*].user.name",
                "[json_extract_string(item, '$.user.name') FOR item IN json_items(text, '$')]",
            ),
        ] {
            let sql = format!("SELECT json_extract('{{}}', '{path}')");
            let error = session.collect(&sql).await.unwrap_err().to_string();
            assert!(error.contains(told), "{path}: {error}");
        }
    }
}
