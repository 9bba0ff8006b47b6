//! One saved query: its front matter and its SQL.

use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::expect::{ALL_FORM, Condition, Expectation, by_condition};
use super::fields::{Fields, Source, in_file_order};
use super::param::Param;
use crate::chart::Spec;
use crate::engine::{Statement, script};
use crate::error::{Error, Result};

const OPENING: &str = "/*---";
const CLOSING: &str = "---*/";

const KEYS: &[&str] = &[
    "title",
    "description",
    "order",
    "tags",
    "params",
    "chart",
    "expect",
    "format",
    "depends_on",
    "timeout",
];

/// A saved query as its file has it.
#[derive(Debug, Clone)]
pub struct SavedQuery {
    /// Its path below the library's folder, without the suffix.
    pub name: String,
    /// The file as errors name it.
    pub file: String,
    /// What a reader calls it; the name if the file does not say.
    pub title: String,
    /// What it answers and how to read the answer.
    pub description: Option<String>,
    /// Its place among the queries of its folder; those without one come last,
    /// by name.
    pub order: Option<i64>,
    /// Words to select it by.
    pub tags: Vec<String>,
    /// The declared parameters, in the file's order.
    pub params: Vec<Param>,
    /// The chart that shows the result.
    pub chart: Option<ChartSettings>,
    /// What it promises of its result.
    pub expect: Vec<Expectation>,
    /// The output format that suits it.
    pub format: Option<String>,
    /// The queries that have to run before it.
    pub depends_on: Vec<String>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// The whole file.
    pub text: String,
    /// The file with blanks in place of the front matter, so that every
    /// position in it is one in the file.
    body: String,
}

/// The `chart` of a saved query: the keys and texts as they are written, for
/// [`crate::chart`] to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartSettings {
    /// `kind`, `x`, `y` and so on, in the file's order.
    pub settings: Vec<(String, String)>,
    /// The line of the file that says so.
    pub line: u64,
}

impl SavedQuery {
    /// Reads the saved query `name` from the `text` of `file`. Front matter may
    /// be missing: any SQL file is a saved query.
    ///
    /// # Errors
    /// When the front matter is not closed, is no TOML, or has a key or value
    /// that it must not have; the error has the place and the nearest key.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut query = Self {
            name: name.to_owned(),
            file: file.to_owned(),
            title: name.to_owned(),
            description: None,
            order: None,
            tags: Vec::new(),
            params: Vec::new(),
            chart: None,
            expect: Vec::new(),
            format: None,
            depends_on: Vec::new(),
            timeout: None,
            text: text.to_owned(),
            body: text.to_owned(),
        };
        if let Some((start, end)) = front_matter(file, text)? {
            let source = Source { file, text, start };
            query.read_front_matter(source, &text[start..end])?;
            query.body = blanked(&text[..end + CLOSING.len()]) + &text[end + CLOSING.len()..];
        }
        Ok(query)
    }

    /// The statements, each with its place in the file. All but the last are run
    /// for their effect; the last is the result.
    ///
    /// # Errors
    /// When a string, a quoted name or a comment is not closed, or there is no
    /// statement.
    pub fn statements(&self) -> Result<Vec<Statement>> {
        let statements = script::parse(&self.body, Some(&self.file))?;
        if statements.is_empty() {
            let error = Error::query("the saved query has no SQL");
            return Err(error.in_file(&self.file));
        }
        Ok(statements)
    }

    /// The conditions of its expectations, each once.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        by_condition(&self.expect).filter_map(|group| group[0].when.as_ref())
    }

    /// The SQL without front matter and blanks around it, for reading.
    #[must_use]
    pub fn sql(&self) -> &str {
        self.body.trim()
    }

    fn read_front_matter(&mut self, source: Source<'_>, toml: &str) -> Result<()> {
        let table = DeTable::parse(toml).map_err(|error| {
            let message = format!("front matter: {}", error.message().trim_end_matches('.'));
            source.error(error.span().unwrap_or_default(), message)
        })?;
        let fields = Fields::new(source, "the front matter", table.get_ref(), KEYS)?;
        if let Some(title) = fields.text("title")? {
            self.title = title;
        }
        self.description = fields.text("description")?;
        self.order = fields.integer("order")?;
        self.tags = fields.texts("tags")?;
        self.params = read_params(&fields)?;
        self.chart = read_chart(&fields)?;
        self.expect = read_expectations(&fields)?;
        self.format = fields.text("format")?;
        self.depends_on = fields.texts("depends_on")?;
        self.timeout = read_timeout(&fields)?;
        Ok(())
    }
}

/// Where the TOML begins and ends, if the file begins with front matter.
fn front_matter(file: &str, text: &str) -> Result<Option<(usize, usize)>> {
    let leading = text.len() - text.trim_start().len();
    if !text[leading..].starts_with(OPENING) {
        return Ok(None);
    }
    let start = leading + OPENING.len();
    match text[start..].find(CLOSING) {
        Some(length) => Ok(Some((start, start + length))),
        None => {
            let source = Source { file, text, start: leading };
            let error = source.error(0..OPENING.len(), "the front matter is not closed");
            Err(error.hint(format!("end it with {CLOSING}")))
        }
    }
}

/// Where the SQL of the file begins: behind the front matter, if there is one.
///
/// # Errors
/// When the front matter is not closed.
pub(crate) fn behind_front_matter(file: &str, text: &str) -> Result<usize> {
    Ok(front_matter(file, text)?.map_or(0, |(_, end)| end + CLOSING.len()))
}

/// `text` with every character but line ends made a blank.
fn blanked(text: &str) -> String {
    text.chars().map(|letter| if matches!(letter, '\n' | '\r') { letter } else { ' ' }).collect()
}

fn read_params(fields: &Fields<'_>) -> Result<Vec<Param>> {
    let Some(value) = fields.get("params") else { return Ok(Vec::new()) };
    let table = fields.as_table("params", value)?;
    let mut params = Vec::new();
    for (key, declaration) in in_file_order(table) {
        let name = key.get_ref().as_ref();
        if !is_name(name) {
            let message = format!("`{name}` is no name for a parameter");
            let error = fields.source.error(key.span(), message);
            return Err(error.hint("use letters, digits and _, beginning with a letter"));
        }
        params.push(Param::read(fields.source, name, declaration)?);
    }
    Ok(params)
}

/// Whether `$name` is one placeholder to the SQL tokenizer.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn read_chart(fields: &Fields<'_>) -> Result<Option<ChartSettings>> {
    let Some(value) = fields.get("chart") else { return Ok(None) };
    let table = fields.as_table("chart", value)?;
    let mut settings = Vec::new();
    for (key, item) in in_file_order(table) {
        let text = match item.get_ref() {
            DeValue::String(text) => text.as_ref().to_owned(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(truth) => truth.to_string(),
            DeValue::Array(items) => {
                let texts = items.iter().map(|item| fields.as_text(key.get_ref(), item));
                texts.collect::<Result<Vec<_>>>()?.join(",")
            }
            other => return Err(fields.wrong(key.get_ref(), "a plain value", item, other)),
        };
        settings.push((key.get_ref().as_ref().to_owned(), text));
    }
    let place = fields.source.place(value.span());
    let line = place.line.unwrap_or(1);
    // Whether its columns are there can only be seen of a result.
    Spec::parse(&settings).map_err(|error| error.at(place))?;
    Ok(Some(ChartSettings { settings, line }))
}

fn read_expectations(fields: &Fields<'_>) -> Result<Vec<Expectation>> {
    let Some(value) = fields.get("expect") else { return Ok(Vec::new()) };
    let items = fields.as_array("expect", value).map_err(|error| error.hint(ALL_FORM))?;
    let read = items.iter().map(|item| Expectation::read(fields.source, item));
    Ok(read.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// `timeout = "90s"`, or a number of seconds.
fn read_timeout(fields: &Fields<'_>) -> Result<Option<Duration>> {
    let Some(value) = fields.get("timeout") else { return Ok(None) };
    let text = match value.get_ref() {
        DeValue::String(text) => text.as_ref().to_owned(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        other => {
            return Err(fields.wrong("timeout", "a length of time such as \"60s\"", value, other));
        }
    };
    match parse_duration(&text) {
        Some(duration) => Ok(Some(duration)),
        None => {
            let message = format!("`{text}` is no length of time");
            Err(fields
                .source
                .error(value.span(), message)
                .hint("write \"500ms\", \"60s\", \"5m\" or \"1h\""))
        }
    }
}

/// The longest time that can be asked for, in seconds: some thirty years.
const LONGEST: f64 = 1e9;

/// Reads a length of time: `500ms`, `60s`, `5m`, `1h`, or seconds without a
/// unit. `None` if `text` is none, or nothing at all, or beyond all patience.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.trim().parse().ok()?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    };
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    (!duration.is_zero() && seconds <= LONGEST).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::super::{ParamType, Rule};
    use super::*;

    fn parse(text: &str) -> Result<SavedQuery> {
        SavedQuery::parse("folder/q", "queries/folder/q.sql", text)
    }

    fn fault(front: &str) -> String {
        parse(&format!("/*---\n{front}\n---*/\nSELECT 1")).unwrap_err().to_string()
    }

    #[test]
    fn front_matter_says_all_about_a_query() {
        let query = parse(
            "\u{feff}/*---\r\ntitle = \"Accounts\"\ntags = [\"daily\"]\nparams.n = { type = \"int\", default = 20, min = 1 }\nparams.kind = { type = \"enum\", values = [\"a\", \"b\"] }\nchart = { kind = \"bar\", x = \"o\", y = [\"a\", \"b\"] }\nexpect = [ { rows = \">= 1\" }, { value = 44, column = \"n\" } ]\ntimeout = \"90s\"\n---*/ SELECT 1",
        )
        .unwrap();
        assert_eq!(
            (query.title.as_str(), query.tags.as_slice()),
            ("Accounts", &["daily".to_owned()][..])
        );
        let names: Vec<&str> = query.params.iter().map(|param| param.name.as_str()).collect();
        assert_eq!(names, ["n", "kind"]);
        assert_eq!(query.params[1].kind, ParamType::Enum(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(query.chart.unwrap().settings[2], ("y".to_owned(), "a,b".to_owned()));
        assert!(matches!(query.expect[1].rule, Rule::Value { .. }));
        assert_eq!(query.timeout, Some(Duration::from_secs(90)));
        assert!(query.params[1].required && !query.params[0].required);
    }

    #[test]
    fn a_file_without_front_matter_is_a_query() {
        let query = parse("-- a comment\nSELECT 1;").unwrap();
        assert_eq!((query.title.as_str(), query.sql()), ("folder/q", "-- a comment\nSELECT 1;"));
    }

    #[test]
    fn the_front_matter_is_blanked_so_that_lines_stay() {
        let query = parse("/*---\ntitle = \"微博\"\n---*/ SELECT 1").unwrap();
        assert_eq!(query.body, "     \n            \n      SELECT 1");
    }

    #[test]
    fn faults_have_a_place_and_the_nearest_key() {
        let at = "queries/folder/q.sql:2";
        assert_eq!(
            fault("titel = \"x\""),
            format!("{at}:1: unknown key `titel` in the front matter; hint: did you mean `title`?")
        );
        assert_eq!(
            fault("title = 3"),
            format!("{at}:9: `title` has to be a text in quotes, and is an integer")
        );
        assert_eq!(
            fault("params.n = { type = \"int\", deflaut = 3 }"),
            format!(
                "{at}:28: unknown key `deflaut` in parameter `n`; hint: did you mean `default`?"
            )
        );
        assert_eq!(
            fault("params.n = { type = \"integer\" }"),
            format!(
                "{at}:21: no parameter type `integer`; hint: the types are {}",
                "text, int, float, bool, date, timestamp, enum, list"
            )
        );
        assert_eq!(
            fault("params.n = { type = \"int\", default = 0, min = 1 }"),
            format!("{at}:38: parameter `n` is 0; the least it takes is 1")
        );
        assert_eq!(
            fault("params.d = { type = \"date\", default = \"soon\" }"),
            format!(
                "{at}:39: parameter `d` is a date (2012-08-27, today, -7d), not `soon`; hint: for example -p d=2012-08-27"
            )
        );
        assert_eq!(
            fault("expect = [ { rows = \"many\" } ]"),
            format!(
                "{at}:21: `many` is no row count; hint: write 17, \">= 1\", \"< 100\" or \"1..50\""
            )
        );
        assert_eq!(
            fault("expect = [ { unique = [\"a\"], column = \"b\" } ]"),
            format!(
                "{at}:30: `column` does not go with `unique`; hint: write {{ unique = [\"organization\"] }}"
            )
        );
        for wrong in ["{ rows = \">= 1\" }", "\"rows >= 1\"", "1", "[ \"rows >= 1\" ]", "[ {} ]"] {
            let fault = fault(&format!("expect = {wrong}"));
            let right =
                "hint: write expect = [ { rows = \">= 1\" }, { unique = [\"organization\"] } ]";
            assert!(fault.ends_with(right), "{fault}");
        }
        assert_eq!(
            fault("expect = [ { when = \"SELECT 1\" } ]"),
            format!(
                "{at}:21: nothing is expected when this holds; hint: write {{ when = \"SELECT ...\", expect = [ {{ rows = 17 }} ] }}"
            )
        );
        assert!(fault("title = \"x").starts_with(&format!("{at}:")), "{}", fault("title = \"x"));
        assert!(parse("/*---\ntitle = 1").unwrap_err().to_string().contains("not closed"));
    }

    #[test]
    fn the_readme_of_the_queries_explains_every_key_and_its_example_is_right() {
        let readme = include_str!("../../queries/README.md");
        let example = readme.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
        assert_eq!(parse(example).unwrap().params.len(), 3);
        let rules = super::super::expect::RULES.iter().map(|form| form.name);
        let charts = crate::chart::KINDS.iter().map(|(name, _, _)| *name);
        let params = super::super::param::KEYS.iter().chain(super::super::param::TYPES).copied();
        let when = super::super::expect::WHEN;
        for key in KEYS.iter().copied().chain(rules).chain([when]).chain(charts).chain(params) {
            assert!(readme.contains(&format!("`{key}`")), "{key}");
        }
    }

    #[test]
    fn lengths_of_time_have_units() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5h"), Some(Duration::from_secs(5400)));
        for wrong in ["", "s", "0", "-1s", "5 years", "NaN", "1e400s"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
