//! What changed between two results: rows by key, and sums of numbers.
//!
//! Results are compared as the text of their files, so that what is called
//! equal is equal to every reader.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use crate::error::{Error, Result};
use crate::render::visible;

/// How many rows a difference shows of each kind.
const SHOWN: usize = 3;

/// How many characters of a value are shown.
const SHOWN_LENGTH: usize = 40;

/// A result as text: NULL and the empty text are both empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextTable {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl TextTable {
    /// Reads a result in the format that `suffix` stands for; `None` if weiku
    /// cannot read that format back.
    ///
    /// # Errors
    /// When the bytes are not in the format.
    pub fn read(suffix: &str, bytes: &[u8]) -> Result<Option<Self>> {
        match suffix {
            "csv" => Self::read_separated(b',', bytes).map(Some),
            "tsv" => Self::read_separated(b'\t', bytes).map(Some),
            "json" => Self::read_json(bytes).map(Some),
            "jsonl" => Self::read_lines(bytes).map(Some),
            _ => Ok(None),
        }
    }

    fn read_separated(separator: u8, bytes: &[u8]) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(bytes);
        let columns = reader.headers().map_err(|error| unreadable(&error))?;
        let mut table =
            Self { columns: columns.iter().map(str::to_owned).collect(), rows: Vec::new() };
        for record in reader.records() {
            let record = record.map_err(|error| unreadable(&error))?;
            table.rows.push(record.iter().map(str::to_owned).collect());
        }
        Ok(table)
    }

    fn read_json(bytes: &[u8]) -> Result<Self> {
        let rows: Vec<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
        Ok(Self::from_objects(&rows))
    }

    fn read_lines(bytes: &[u8]) -> Result<Self> {
        let rows = serde_json::Deserializer::from_slice(bytes).into_iter();
        let rows: Result<Vec<serde_json::Map<String, serde_json::Value>>, _> = rows.collect();
        Ok(Self::from_objects(&rows.map_err(|error| unreadable(&error))?))
    }

    fn from_objects(objects: &[serde_json::Map<String, serde_json::Value>]) -> Self {
        let mut table = Self::default();
        for object in objects {
            for name in object.keys() {
                if !table.columns.contains(name) {
                    table.columns.push(name.clone());
                }
            }
        }
        for object in objects {
            let cell = |name: &String| match object.get(name) {
                None | Some(serde_json::Value::Null) => String::new(),
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            table.rows.push(table.columns.iter().map(cell).collect());
        }
        table
    }

    fn positions(&self, names: &[String]) -> Option<Vec<usize>> {
        names.iter().map(|name| self.columns.iter().position(|column| column == name)).collect()
    }

    /// Rows by the values in the columns at `key`; `None` if two have the same.
    fn by_key(&self, key: &[usize]) -> Option<HashMap<Vec<&str>, &[String]>> {
        let mut rows = HashMap::with_capacity(self.rows.len());
        for row in &self.rows {
            let values = key.iter().map(|at| row.get(*at).map_or("", String::as_str)).collect();
            if rows.insert(values, row.as_slice()).is_some() {
                return None;
            }
        }
        Some(rows)
    }
}

/// That a result cannot be read back.
fn unreadable(error: &dyn std::fmt::Display) -> Error {
    Error::usage(format!("the result to compare with cannot be read: {error}"))
}

/// What changed, in lines for a reader; empty if nothing did.
///
/// Rows are told apart by the `key` columns; without any, or where they are not
/// unique, whole rows are compared, but a single row with the single row there
/// was. The order of rows does not count.
#[must_use]
pub fn compare(old: &TextTable, new: &TextTable, key: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    compare_columns(old, new, &mut lines);
    let keys = (old.positions(key), new.positions(key));
    let keyed = match &keys {
        // Without a key all rows are alike, which does for one row a side.
        (Some(old_key), Some(new_key)) => old.by_key(old_key).zip(new.by_key(new_key)),
        _ => None,
    };
    match keyed {
        Some((old_rows, new_rows)) => {
            let sides = Sides { old, new, old_rows: &old_rows, new_rows: &new_rows };
            sides.compare(key, &mut lines);
        }
        None => compare_whole_rows(old, new, &mut lines),
    }
    if !lines.is_empty() {
        compare_sums(old, new, &mut lines);
    }
    lines
}

/// Columns that came and went.
fn compare_columns(old: &TextTable, new: &TextTable, lines: &mut Vec<String>) {
    let missing = |from: &TextTable, other: &TextTable| -> Vec<String> {
        let gone = from.columns.iter().filter(|name| !other.columns.contains(name));
        gone.map(|name| visible(name).into_owned()).collect()
    };
    let (added, removed) = (missing(new, old), missing(old, new));
    if !added.is_empty() {
        lines.push(format!("columns added: {}", added.join(", ")));
    }
    if !removed.is_empty() {
        lines.push(format!("columns removed: {}", removed.join(", ")));
    }
    if added.is_empty() && removed.is_empty() && old.columns != new.columns {
        lines.push(format!("columns reordered: {}", new.columns.join(", ")));
    }
}

/// Two results whose rows have keys.
struct Sides<'a> {
    old: &'a TextTable,
    new: &'a TextTable,
    old_rows: &'a HashMap<Vec<&'a str>, &'a [String]>,
    new_rows: &'a HashMap<Vec<&'a str>, &'a [String]>,
}

impl Sides<'_> {
    fn compare(&self, key: &[String], lines: &mut Vec<String>) {
        let only_in = |these: &HashMap<Vec<&str>, &[String]>,
                       others: &HashMap<Vec<&str>, &[String]>| {
            let mut only: Vec<String> = these
                .keys()
                .filter(|key| !others.contains_key(*key))
                .map(|key| shorten(&key.join(" ")))
                .collect();
            only.sort();
            only
        };
        let added = only_in(self.new_rows, self.old_rows);
        let removed = only_in(self.old_rows, self.new_rows);
        let changed = self.changed();
        if added.is_empty() && removed.is_empty() && changed.is_empty() {
            return;
        }
        if key.is_empty() {
            lines.push("the row has changed".to_owned());
        } else {
            lines.push(format!(
                "{} added, {} removed, {} changed by {}",
                rows(added.len()),
                removed.len(),
                changed.len(),
                key.join(", ")
            ));
        }
        show("+ ", &added, lines);
        show("- ", &removed, lines);
        show("~ ", &changed, lines);
    }

    /// The rows of both sides that differ, each with its values before and now.
    fn changed(&self) -> Vec<String> {
        let shared: Vec<(usize, usize, &String)> = (self.new.columns.iter().enumerate())
            .filter_map(|(now, name)| {
                let before = self.old.columns.iter().position(|column| column == name)?;
                Some((before, now, name))
            })
            .collect();
        let mut changed = Vec::new();
        for (key, row) in self.new_rows {
            let Some(before) = self.old_rows.get(key) else { continue };
            let mut line = String::new();
            for (from, to, name) in &shared {
                let (old, new) = (cell(before, *from), cell(row, *to));
                if old != new {
                    let separator = if line.is_empty() { "" } else { ", " };
                    // Writing to a String cannot fail.
                    let _ = write!(line, "{separator}{name} {} -> {}", shorten(old), shorten(new));
                }
            }
            if !line.is_empty() {
                let name = key.join(" ");
                changed.push(if key.is_empty() {
                    line
                } else {
                    format!("{}: {line}", shorten(&name))
                });
            }
        }
        changed.sort();
        changed
    }
}

/// Rows that came and went, where there is no key to pair them by.
fn compare_whole_rows(old: &TextTable, new: &TextTable, lines: &mut Vec<String>) {
    let mut balance: BTreeMap<&[String], i64> = BTreeMap::new();
    for row in &new.rows {
        *balance.entry(row).or_default() += 1;
    }
    for row in &old.rows {
        *balance.entry(row).or_default() -= 1;
    }
    let of_sign = |sign: i64| -> Vec<String> {
        let rows = balance.iter().filter(|(_, count)| count.signum() == sign);
        rows.flat_map(|(row, count)| vec![shorten(&row.join(" ")); count.unsigned_abs() as usize])
            .collect()
    };
    let (added, removed) = (of_sign(1), of_sign(-1));
    if added.is_empty() && removed.is_empty() {
        return;
    }
    lines.push(format!("{} added, {} removed", rows(added.len()), removed.len()));
    show("+ ", &added, lines);
    show("- ", &removed, lines);
}

/// The sums of columns of whole numbers that moved, and the means of others: a
/// sum of shares says nothing.
fn compare_sums(old: &TextTable, new: &TextTable, lines: &mut Vec<String>) {
    // The one row of a side has been shown whole.
    if old.rows.len() == 1 && new.rows.len() == 1 {
        return;
    }
    for (at, name) in new.columns.iter().enumerate() {
        let Some(before) = old.columns.iter().position(|column| column == name) else { continue };
        let (Some(old), Some(new)) = (numbers(old, before), numbers(new, at)) else { continue };
        let whole = old.iter().chain(&new).all(|number| number.fract() == 0.0);
        let (word, of): (&str, fn(&[f64]) -> f64) =
            if whole { ("sum", sum) } else { ("mean", mean) };
        let (old, new) = (of(&old), of(&new));
        if shown(old) == shown(new) {
            continue;
        }
        let (before, now) = (shown(old), shown(new));
        let mut line = format!("{word} of {}: {before} -> {now}", visible(name));
        if old != 0.0 {
            line.push_str(&percent((new - old) / old.abs() * 100.0));
        }
        lines.push(line);
    }
}

/// The numbers of the column at `at`, if it holds them and nothing else.
fn numbers(table: &TextTable, at: usize) -> Option<Vec<f64>> {
    let cells = table.rows.iter().map(|row| cell(row, at)).filter(|text| !text.is_empty());
    // Long digits without a point are ids, whose sum means nothing.
    let number = |text: &str| text.parse().ok().filter(|_| text.len() <= 20 && !is_id(text));
    let numbers: Option<Vec<f64>> = cells.map(number).collect();
    numbers.filter(|numbers| !numbers.is_empty())
}

fn is_id(text: &str) -> bool {
    text.len() > 15 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn sum(numbers: &[f64]) -> f64 {
    numbers.iter().sum()
}

#[expect(clippy::cast_precision_loss, reason = "a result has not so many rows")]
fn mean(numbers: &[f64]) -> f64 {
    sum(numbers) / numbers.len() as f64
}

/// A number without the noise of its last digits.
fn shown(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How much more or less it is, in percent.
fn percent(change: f64) -> String {
    if change.abs() < 0.05 {
        return " (less than 0.1 %)".to_owned();
    }
    format!(" ({change:+.1} %)")
}

fn cell(row: &[String], at: usize) -> &str {
    row.get(at).map_or("", String::as_str)
}

fn rows(count: usize) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// The first few of `rows`, and how many more there are.
fn show(mark: &str, rows: &[String], lines: &mut Vec<String>) {
    lines.extend(rows.iter().take(SHOWN).map(|row| format!("{mark}{row}")));
    if rows.len() > SHOWN {
        lines.push(format!("{mark}... {} more", rows.len() - SHOWN));
    }
}

/// `text` made harmless and not too long.
fn shorten(text: &str) -> String {
    let shown = visible(text);
    if shown.is_empty() {
        return "(empty)".to_owned();
    }
    match shown.char_indices().nth(SHOWN_LENGTH) {
        Some((end, _)) => format!("{}...", &shown[..end]),
        None => shown.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str) -> TextTable {
        TextTable::read("csv", text.as_bytes()).unwrap().unwrap()
    }

    fn key(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn rows_are_paired_by_key_whatever_their_order() {
        let old = csv("who,n\n外交部,11\n公安部,7\n卫生部,5\n");
        let new = csv("who,n\n公安部,7\n外交部,12\n科技部,1\n");
        assert_eq!(
            compare(&old, &new, &key(&["who"])),
            [
                "1 row added, 1 removed, 1 changed by who",
                "+ 科技部",
                "- 卫生部",
                "~ 外交部: n 11 -> 12",
                "sum of n: 23 -> 20 (-13.0 %)",
            ]
        );
        assert!(
            compare(&old, &csv("who,n\n卫生部,5\n外交部,11\n公安部,7\n"), &key(&["who"]))
                .is_empty()
        );
    }

    #[test]
    fn without_a_unique_key_whole_rows_are_counted() {
        let old = csv("tag,n\na,1\na,1\nb,2\n");
        let new = csv("tag,n\na,1\nb,2\nb,2\n");
        assert_eq!(
            compare(&old, &new, &key(&["tag"])),
            ["1 row added, 1 removed", "+ b 2", "- a 1", "sum of n: 4 -> 5 (+25.0 %)"]
        );
    }

    #[test]
    fn a_single_row_is_compared_with_the_single_row_there_was() {
        let lines = compare(&csv("n,t\n1,x\n"), &csv("n,t\n2,x\n"), &[]);
        assert_eq!(lines, ["the row has changed", "~ n 1 -> 2"]);
    }

    #[test]
    fn of_shares_the_mean_is_told_and_small_changes_are_not_called_none() {
        let old = csv("who,share,n\na,0.1,100000\nb,0.2,100000\n");
        let new = csv("who,share,n\na,0.1,100000\nb,0.4,100001\n");
        assert_eq!(
            compare(&old, &new, &key(&["who"])),
            [
                "0 rows added, 0 removed, 1 changed by who",
                "~ b: share 0.2 -> 0.4, n 100000 -> 100001",
                "mean of share: 0.15 -> 0.25 (+66.7 %)",
                "sum of n: 200000 -> 200001 (less than 0.1 %)",
            ]
        );
    }

    #[test]
    fn columns_that_come_and_go_are_named() {
        let lines = compare(&csv("a,b\n1,2\n"), &csv("a,c\n1,2\n"), &key(&["a"]));
        assert_eq!(lines, ["columns added: c", "columns removed: b"]);
    }

    #[test]
    fn json_is_read_like_csv() {
        let json =
            TextTable::read("json", br#"[{"a":1,"b":null},{"a":2,"b":"x"}]"#).unwrap().unwrap();
        let lines =
            TextTable::read("jsonl", b"{\"a\":1,\"b\":null}\n{\"a\":2,\"b\":\"x\"}\n").unwrap();
        assert_eq!(json, csv("a,b\n1,\n2,x\n"));
        assert_eq!(lines.as_ref(), Some(&json));
        assert_eq!(TextTable::read("html", b"").unwrap(), None);
    }
}
