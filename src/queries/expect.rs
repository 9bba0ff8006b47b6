//! What a saved query promises of its result.

use std::fmt;

use toml::de::{DeTable, DeValue};

use super::fields::{Fields, Source, Value, in_file_order, kind_of};
use crate::error::{Place, Result};

/// One promise, with its place in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// What is promised.
    pub rule: Rule,
    /// Of which databases it is promised; of all if it is not said.
    pub when: Option<Condition>,
    /// Where the file says so.
    pub place: Place,
}

/// A query over the database, with its place in the file. What depends on it is
/// promised where it gives a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The query.
    pub sql: String,
    /// Where the file says so.
    pub place: Place,
}

/// The kinds of promise. Each is written as one table:
///
/// ```toml
/// expect = [
///   { rows = ">= 1" },                     # also 17, "= 17", "1..50"
///   { unique = ["organization"] },
///   { not_null = ["accounts"] },
///   { range = [0, 100], column = "share" },
///   { accepted = ["city", "county"], column = "level" },
///   { value = 11, column = "accounts", where = { organization = "外交部" } },
///   { none = "SELECT * FROM result WHERE accounts < 1" },
///   { baseline = "accounts.csv", key = ["organization"] },
///   # What is promised of some databases only: those where a query has a row.
///   { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2013-01-01'", expect = [ { rows = 17 } ] },
/// ]
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// The result has so many rows.
    Rows(RowCount),
    /// No two rows agree in all of these columns.
    Unique(Vec<String>),
    /// None of these columns is ever NULL.
    NotNull(Vec<String>),
    /// The column's values lie between the two, both included; NULL passes.
    Range {
        /// The column.
        column: String,
        /// The least value, if there is one.
        min: Option<Literal>,
        /// The greatest value, if there is one.
        max: Option<Literal>,
    },
    /// The column holds these values only; NULL passes.
    Accepted {
        /// The column.
        column: String,
        /// The values.
        values: Vec<Literal>,
    },
    /// Exactly one row fits `filter`, and its column holds the value.
    Value {
        /// The column; the only one of the result if it is not said.
        column: Option<String>,
        /// Columns and values that choose the row.
        filter: Vec<(String, Literal)>,
        /// The value.
        value: Literal,
        /// How far a number may be off.
        within: Option<f64>,
    },
    /// This query over the table `result` has no rows.
    None(String),
    /// The result equals the one in this file beside the query.
    Baseline {
        /// The file, relative to the query's folder.
        file: String,
        /// The columns that tell which rows to compare with each other.
        key: Vec<String>,
    },
}

/// How many rows are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowCount {
    /// The fewest.
    pub min: u64,
    /// The most; `u64::MAX` for no limit.
    pub max: u64,
}

/// A value that front matter names.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text; also stands for dates and times.
    Text(String),
    /// True or false.
    Bool(bool),
}

/// The key of a condition.
pub(super) const WHEN: &str = "when";

/// How a rule is written.
#[derive(Debug)]
pub(super) struct Form {
    /// The key that says which rule a table is.
    pub(super) name: &'static str,
    /// The keys that go with it.
    with: &'static [&'static str],
    /// A table that is right.
    example: &'static str,
}

/// The forms of all rules.
pub(super) const RULES: &[Form] = &[
    Form { name: "rows", with: &[], example: "{ rows = \">= 1\" }" },
    Form { name: "unique", with: &[], example: "{ unique = [\"organization\"] }" },
    Form { name: "not_null", with: &[], example: "{ not_null = [\"accounts\"] }" },
    Form { name: "range", with: &["column"], example: "{ range = [0, 100], column = \"share\" }" },
    Form {
        name: "accepted",
        with: &["column"],
        example: "{ accepted = [\"city\", \"county\"], column = \"level\" }",
    },
    Form {
        name: "value",
        with: &["column", "where", "within"],
        example: "{ value = 11, column = \"accounts\", where = { organization = \"外交部\" } }",
    },
    Form {
        name: "none",
        with: &[],
        example: "{ none = \"SELECT * FROM result WHERE accounts < 1\" }",
    },
    Form {
        name: "baseline",
        with: &["key"],
        example: "{ baseline = \"accounts.csv\", key = [\"organization\"] }",
    },
];

/// How expectations are written together.
pub(super) const ALL_FORM: &str =
    "write expect = [ { rows = \">= 1\" }, { unique = [\"organization\"] } ]";

/// How those of some databases are.
const CONDITIONAL_FORM: &str = "write { when = \"SELECT ...\", expect = [ { rows = 17 } ] }";

/// Expectations in groups of those with one condition, as they stand in the file.
pub fn by_condition(expectations: &[Expectation]) -> impl Iterator<Item = &[Expectation]> {
    expectations.chunk_by(|one, next| one.when == next.when)
}

impl Expectation {
    /// Reads one table of `expect`, which may hold several.
    pub(super) fn read(source: Source<'_>, value: &Value<'_>) -> Result<Vec<Self>> {
        let table = table_of(source, value)?;
        match table.get(WHEN) {
            Some(when) => Self::read_conditional(source, table, when),
            None => Ok(vec![Self::read_one(source, table, value)?]),
        }
    }

    /// Reads `{ when = "SELECT ...", expect = [ ... ] }`.
    fn read_conditional(
        source: Source<'_>,
        table: &DeTable<'_>,
        when: &Value<'_>,
    ) -> Result<Vec<Self>> {
        let fields = Fields::new(source, "an expectation with `when`", table, &[WHEN, "expect"])?;
        let sql = fields.as_text(WHEN, when)?;
        let condition = Condition { sql, place: source.place(when.span()) };
        let Some(items) = fields.get("expect") else {
            let error = source.error(when.span(), "nothing is expected when this holds");
            return Err(error.hint(CONDITIONAL_FORM));
        };
        let conditional = |item| {
            let one = Self::read_one(source, table_of(source, item)?, item)?;
            Ok(Self { when: Some(condition.clone()), ..one })
        };
        let items = fields.as_array("expect", items).map_err(|error| error.hint(CONDITIONAL_FORM));
        items?.iter().map(conditional).collect()
    }

    fn read_one(source: Source<'_>, table: &DeTable<'_>, value: &Value<'_>) -> Result<Self> {
        let known: Vec<&str> = RULES
            .iter()
            .flat_map(|form| [form.name].into_iter().chain(form.with.iter().copied()))
            .collect();
        let fields = Fields::new(source, "an expectation", table, &known)?;
        let mut named = RULES.iter().filter(|form| fields.get(form.name).is_some());
        let (Some(form), None) = (named.next(), named.next()) else {
            let names: Vec<&str> = RULES.iter().map(|form| form.name).collect();
            let message = format!("an expectation has exactly one of {}", names.join(", "));
            return Err(source.error(value.span(), message).hint(ALL_FORM));
        };
        let goes_with = |key: &str| key == form.name || form.with.contains(&key);
        let stray = in_file_order(table).into_iter().find(|(key, _)| !goes_with(key.get_ref()));
        if let Some((key, _)) = stray {
            let message = format!("`{}` does not go with `{}`", key.get_ref(), form.name);
            return Err(source.error(key.span(), message).hint(form.advice()));
        }
        let rule = read_rule(&fields, form.name, value).map_err(|error| match error.advice() {
            None => error.hint(form.advice()),
            Some(_) => error,
        })?;
        Ok(Self { rule, when: None, place: source.place(value.span()) })
    }
}

impl Form {
    fn advice(&self) -> String {
        format!("write {}", self.example)
    }
}

/// The table that an expectation is.
fn table_of<'a>(source: Source<'_>, value: &'a Value<'a>) -> Result<&'a DeTable<'a>> {
    let DeValue::Table(table) = value.get_ref() else {
        let message = format!("an expectation is a table, not {}", kind_of(value.get_ref()));
        return Err(source.error(value.span(), message).hint(ALL_FORM));
    };
    Ok(table)
}

/// The rule called `name`, whose value is there.
fn read_rule(fields: &Fields<'_>, name: &str, whole: &Value<'_>) -> Result<Rule> {
    let Some(value) = fields.get(name) else {
        return Err(fields.source.error(whole.span(), format!("`{name}` is missing")));
    };
    Ok(match name {
        "rows" => Rule::Rows(read_rows(fields, value)?),
        "unique" => Rule::Unique(columns(fields, name, value)?),
        "not_null" => Rule::NotNull(columns(fields, name, value)?),
        "range" => read_range(fields, value, whole)?,
        "accepted" => {
            let values = fields.as_array(name, value)?;
            let values = values.iter().map(|item| literal(fields, name, item));
            Rule::Accepted {
                values: values.collect::<Result<_>>()?,
                column: column(fields, whole)?,
            }
        }
        "value" => Rule::Value {
            value: literal(fields, name, value)?,
            column: fields.text("column")?,
            filter: read_filter(fields)?,
            within: read_within(fields)?,
        },
        "none" => Rule::None(fields.as_text(name, value)?),
        _ => Rule::Baseline { file: fields.as_text(name, value)?, key: fields.texts("key")? },
    })
}

/// The column that a rule about one column names.
fn column(fields: &Fields<'_>, whole: &Value<'_>) -> Result<String> {
    fields
        .text("column")?
        .ok_or_else(|| fields.source.error(whole.span(), "the expectation names no column"))
}

/// The columns of `unique` and `not_null`: a list, or one name.
fn columns(fields: &Fields<'_>, key: &str, value: &Value<'_>) -> Result<Vec<String>> {
    if let DeValue::String(name) = value.get_ref() {
        return Ok(vec![name.as_ref().to_owned()]);
    }
    let names = fields.texts(key)?;
    if names.is_empty() {
        return Err(fields.source.error(value.span(), format!("`{key}` names no column")));
    }
    Ok(names)
}

/// A row count: `17`, `"= 17"`, `">= 1"`, `"1..50"`.
fn read_rows(fields: &Fields<'_>, value: &Value<'_>) -> Result<RowCount> {
    let text = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::String(text) => text.as_ref().to_owned(),
        other => return Err(fields.wrong("rows", "a row count", value, other)),
    };
    RowCount::parse(&text).ok_or_else(|| {
        let message = format!("`{text}` is no row count");
        fields
            .source
            .error(value.span(), message)
            .hint("write 17, \">= 1\", \"< 100\" or \"1..50\"")
    })
}

impl RowCount {
    /// Reads a row count; `None` if `text` is none.
    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let text = text.trim();
        let exactly = |count| Self { min: count, max: count };
        if let Some((min, max)) = text.split_once("..") {
            let range = Self { min: number(min)?, max: number(max)? };
            return (range.min <= range.max).then_some(range);
        }
        if let Some(count) = text.strip_prefix(">=") {
            return Some(Self { min: number(count)?, max: u64::MAX });
        }
        if let Some(count) = text.strip_prefix("<=") {
            return Some(Self { min: 0, max: number(count)? });
        }
        if let Some(count) = text.strip_prefix('>') {
            return Some(Self { min: number(count)?.checked_add(1)?, max: u64::MAX });
        }
        if let Some(count) = text.strip_prefix('<') {
            return Some(Self { min: 0, max: number(count)?.checked_sub(1)? });
        }
        number(text.strip_prefix('=').unwrap_or(text)).map(exactly)
    }

    /// Whether `rows` is right.
    #[must_use]
    pub fn holds(&self, rows: u64) -> bool {
        (self.min..=self.max).contains(&rows)
    }
}

/// `range = [min, max]`, or a table of one or both.
fn read_range(fields: &Fields<'_>, value: &Value<'_>, whole: &Value<'_>) -> Result<Rule> {
    let (min, max) = match value.get_ref() {
        DeValue::Array(bounds) if bounds.len() == 2 => (
            Some(literal(fields, "range", &bounds[0])?),
            Some(literal(fields, "range", &bounds[1])?),
        ),
        DeValue::Table(table) => {
            let bounds = Fields::new(fields.source, "`range`", table, &["min", "max"])?;
            let bound =
                |key: &str| bounds.get(key).map(|item| literal(&bounds, key, item)).transpose();
            (bound("min")?, bound("max")?)
        }
        other => return Err(fields.wrong("range", "[least, greatest]", value, other)),
    };
    if min.is_none() && max.is_none() {
        return Err(fields.source.error(value.span(), "`range` has neither min nor max"));
    }
    Ok(Rule::Range { column: column(fields, whole)?, min, max })
}

/// `where = { column = value }`.
fn read_filter(fields: &Fields<'_>) -> Result<Vec<(String, Literal)>> {
    let Some(value) = fields.get("where") else { return Ok(Vec::new()) };
    let table = fields.as_table("where", value)?;
    let pairs = in_file_order(table).into_iter();
    pairs
        .map(|(key, item)| Ok((key.get_ref().as_ref().to_owned(), literal(fields, "where", item)?)))
        .collect()
}

/// `within = 0.01`.
fn read_within(fields: &Fields<'_>) -> Result<Option<f64>> {
    let Some(value) = fields.get("within") else { return Ok(None) };
    match literal(fields, "within", value)? {
        Literal::Float(number) => Ok(Some(number)),
        #[expect(clippy::cast_precision_loss, reason = "a tolerance of 2^53 is not meant")]
        Literal::Int(number) => Ok(Some(number as f64)),
        Literal::Text(_) | Literal::Bool(_) => {
            Err(fields.wrong("within", "a number", value, value.get_ref()))
        }
    }
}

/// A plain value.
fn literal(fields: &Fields<'_>, key: &str, value: &Value<'_>) -> Result<Literal> {
    let unread = || fields.wrong(key, "a plain value", value, value.get_ref());
    Ok(match value.get_ref() {
        DeValue::String(text) => Literal::Text(text.as_ref().to_owned()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Literal::Int(parsed.map_err(|_| unread())?)
        }
        DeValue::Float(number) => Literal::Float(number.as_str().parse().map_err(|_| unread())?),
        DeValue::Boolean(truth) => Literal::Bool(*truth),
        DeValue::Datetime(moment) => Literal::Text(moment.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => return Err(unread()),
    })
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Bool(truth) => write!(f, "{truth}"),
        }
    }
}

impl fmt::Display for RowCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = |count| if count == 1 { "row" } else { "rows" };
        match (self.min, self.max) {
            (min, max) if min == max => write!(f, "exactly {min} {}", rows(min)),
            (min, u64::MAX) => write!(f, "at least {min} {}", rows(min)),
            (0, max) => write!(f, "at most {max} {}", rows(max)),
            (min, max) => write!(f, "{min} to {max} rows"),
        }
    }
}

impl fmt::Display for Rule {
    /// The promise in words, as reports and failures name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(count) => write!(f, "{count}"),
            Self::Unique(columns) => write!(f, "{} is unique", columns.join(", ")),
            Self::NotNull(columns) => write!(f, "{} is never NULL", columns.join(", ")),
            Self::Range { column, min, max } => match (min, max) {
                (Some(min), Some(max)) => write!(f, "{column} is from {min} to {max}"),
                (Some(min), None) => write!(f, "{column} is at least {min}"),
                (None, Some(max)) => write!(f, "{column} is at most {max}"),
                (None, None) => write!(f, "{column} is anything"),
            },
            Self::Accepted { column, values } => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "{column} is one of {}", values.join(", "))
            }
            Self::Value { column, filter, value, within } => {
                write!(f, "{} is {value}", column.as_deref().unwrap_or("the value"))?;
                if let Some(within) = within {
                    write!(f, " within {within}")?;
                }
                for (index, (column, value)) in filter.iter().enumerate() {
                    let word = if index == 0 { " where" } else { " and" };
                    write!(f, "{word} {column} is {value}")?;
                }
                Ok(())
            }
            Self::None(sql) => {
                write!(f, "no row for {}", sql.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            Self::Baseline { file, .. } => write!(f, "the result is that of {file}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_that_is_shown_is_right() {
        let parse = |expect: &str| {
            let text = format!("/*---\nexpect = [ {expect} ]\n---*/\nSELECT 1");
            crate::queries::SavedQuery::parse("q", "q.sql", &text)
        };
        for form in RULES {
            assert!(form.example.contains(&format!("{} =", form.name)), "{}", form.name);
            assert_eq!(parse(form.example).unwrap().expect.len(), 1, "{}", form.example);
            // Whatever is wrong with one, its form is shown.
            let wrong = format!("{{ {} = [[1]] }}", form.name);
            let error = parse(&wrong).unwrap_err();
            assert!(error.advice().is_some_and(|advice| advice.starts_with("write ")), "{error}");
        }
        assert!(parse("{ when = \"SELECT 1\", expect = 3 }").unwrap_err().advice().is_some());
    }

    #[test]
    fn row_counts_are_read_in_every_form() {
        let count = |text: &str| RowCount::parse(text).map(|count| count.to_string());
        assert_eq!(count("17").as_deref(), Some("exactly 17 rows"));
        assert_eq!(count("= 17").as_deref(), Some("exactly 17 rows"));
        assert_eq!(count(">= 1").as_deref(), Some("at least 1 row"));
        assert_eq!(count("> 1").as_deref(), Some("at least 2 rows"));
        assert_eq!(count("<100").as_deref(), Some("at most 99 rows"));
        assert_eq!(count("1..50").as_deref(), Some("1 to 50 rows"));
        for wrong in ["", "x", "50..1", "< 0", ">= -1", "~3"] {
            assert_eq!(count(wrong), None, "{wrong}");
        }
    }
}
