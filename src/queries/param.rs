//! Declared parameters: a typed value out of what a person typed.
//!
//! Values are bound to the plan and never pasted into the SQL, so that
//! `'; DROP VIEW v; --` is a text like any other.

use std::cmp::Ordering;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use toml::de::DeValue;

use super::fields::{Fields, Source, Value};
use super::moment::Clock;
use crate::error::{Error, Result, nearest};

/// One parameter of a saved query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Its name; the SQL has it as `$name`.
    pub name: String,
    /// The kind of value it takes.
    pub kind: ParamType,
    /// What it is for, if the file says so.
    pub description: Option<String>,
    /// Whether a run without a value is refused. One that is not required and
    /// has no default is NULL when it is not given.
    pub required: bool,
    default: Option<Typed>,
    min: Option<String>,
    max: Option<String>,
}

/// The kinds of value that parameters take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamType {
    /// Any text.
    Text,
    /// A 64-bit whole number.
    Int,
    /// A number.
    Float,
    /// `true` or `false`.
    Bool,
    /// A day, absolute or relative to today.
    Date,
    /// An instant, absolute or relative to now.
    Timestamp,
    /// One of these texts.
    Enum(Vec<String>),
    /// Several values of one kind.
    List(Box<ParamType>),
}

/// A value as it was typed: on the command line or in front matter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Typed {
    One(String),
    Many(Vec<String>),
}

pub(super) const KEYS: &[&str] =
    &["type", "description", "default", "min", "max", "required", "values", "of"];

pub(super) const TYPES: &[&str] =
    &["text", "int", "float", "bool", "date", "timestamp", "enum", "list"];

impl Param {
    /// One that must be given, called `name`.
    #[must_use]
    pub fn required(name: &str, kind: ParamType) -> Self {
        let (description, default, min, max) = (None, None, None, None);
        Self { name: name.to_owned(), kind, description, required: true, default, min, max }
    }

    /// Reads `params.{name} = {declaration}`.
    pub(super) fn read(source: Source<'_>, name: &str, declaration: &Value<'_>) -> Result<Self> {
        let what = format!("parameter `{name}`");
        let DeValue::Table(table) = declaration.get_ref() else {
            let example = format!("write params.{name} = {{ type = \"int\", default = 20 }}");
            let error = source.error(declaration.span(), format!("{what} has no type"));
            return Err(error.hint(example));
        };
        let fields = Fields::new(source, &what, table, KEYS)?;
        let kind = read_type(&fields, &what, declaration)?;
        let mut param = Self {
            name: name.to_owned(),
            description: fields.text("description")?,
            default: read_default(&fields, &kind)?,
            min: read_bound(&fields, &kind, "min")?,
            max: read_bound(&fields, &kind, "max")?,
            required: false,
            kind,
        };
        param.required = fields.boolean("required")?.unwrap_or(param.default.is_none());
        if let (true, Some(default)) = (param.required, fields.get("default")) {
            let message = format!("{what} is required and has a default");
            return Err(source.error(default.span(), message).hint("drop one of the two"));
        }
        param.check_default(&fields)?;
        Ok(param)
    }

    /// Refuses a default that the parameter itself would refuse.
    fn check_default(&self, fields: &Fields<'_>) -> Result<()> {
        let (Some(typed), Some(value)) = (&self.default, fields.get("default")) else {
            return Ok(());
        };
        // What a relative day is depends on the run, so only its form is checked.
        let clock = Clock::new(DateTime::UNIX_EPOCH, "UTC")?;
        let moving = matches!(self.kind, ParamType::Date | ParamType::Timestamp);
        let checked = if moving && typed.is_relative() {
            self.convert(typed, &clock)
        } else {
            self.take(typed, &clock)
        };
        checked.map(drop).map_err(|error| error.at(fields.source.place(value.span())))
    }

    /// The value that `text` stands for.
    ///
    /// # Errors
    /// When it is not of the parameter's type, or out of its bounds.
    pub fn parse(&self, text: &str, clock: &Clock) -> Result<ScalarValue> {
        self.take(&Typed::One(text.to_owned()), clock)
    }

    /// The value when none is given.
    ///
    /// # Errors
    /// When the parameter is required; the error names its type and an example.
    pub fn unset(&self, clock: &Clock) -> Result<ScalarValue> {
        match &self.default {
            Some(default) => self.take(default, clock),
            None if self.required => Err(Error::usage(format!(
                "parameter `{}` ({}) is missing",
                self.name,
                self.kind.name()
            ))
            .hint(format!("-p {}={}", self.name, self.kind.example()))),
            None => self.kind.null(clock),
        }
    }

    /// A value that the parameter takes, to plan with: its default, its least or
    /// greatest value, or an example of its type.
    ///
    /// # Errors
    /// When it takes no value at all.
    pub fn sample(&self, clock: &Clock) -> Result<ScalarValue> {
        if !self.required {
            return self.unset(clock);
        }
        let example = self.kind.example();
        let example = example.trim_matches('"').to_owned();
        let candidates = [Some(example.clone()), self.min.clone(), self.max.clone()];
        let mut taken = candidates.into_iter().flatten().map(|text| self.parse(&text, clock));
        taken.find(Result::is_ok).unwrap_or_else(|| self.parse(&example, clock))
    }

    /// The default as it is written, if there is one.
    #[must_use]
    pub fn default_text(&self) -> Option<String> {
        self.default.as_ref().map(|default| match default {
            Typed::One(text) => text.clone(),
            Typed::Many(texts) => texts.join(","),
        })
    }

    fn take(&self, typed: &Typed, clock: &Clock) -> Result<ScalarValue> {
        let value = self.convert(typed, clock)?;
        self.check_bound(&value, self.min.as_deref(), clock, Ordering::Less, "least")?;
        self.check_bound(&value, self.max.as_deref(), clock, Ordering::Greater, "greatest")?;
        Ok(value)
    }

    fn convert(&self, typed: &Typed, clock: &Clock) -> Result<ScalarValue> {
        let ParamType::List(of) = &self.kind else {
            return match typed {
                Typed::One(text) => self.one(&self.kind, text, clock),
                Typed::Many(_) => Err(Error::internal("a list for a single value")),
            };
        };
        let texts: Vec<&str> = match typed {
            Typed::One(text) if text.is_empty() => Vec::new(),
            Typed::One(text) => text.split(',').map(str::trim).collect(),
            Typed::Many(texts) => texts.iter().map(String::as_str).collect(),
        };
        let values: Vec<ScalarValue> =
            texts.iter().map(|text| self.one(of, text, clock)).collect::<Result<_>>()?;
        let list = ScalarValue::new_list(&values, &of.data_type(clock), true);
        Ok(ScalarValue::List(Arc::clone(&list)))
    }

    fn one(&self, kind: &ParamType, text: &str, clock: &Clock) -> Result<ScalarValue> {
        kind.scalar(text, clock).ok_or_else(|| {
            let error = Error::usage(format!(
                "parameter `{}` is {}, not `{text}`",
                self.name,
                kind.described()
            ));
            match kind {
                ParamType::Enum(values) => match nearest(text, values.iter().map(String::as_str)) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                },
                _ => error.hint(format!("for example -p {}={}", self.name, kind.example())),
            }
        })
    }

    fn check_bound(
        &self,
        value: &ScalarValue,
        bound: Option<&str>,
        clock: &Clock,
        beyond: Ordering,
        which: &str,
    ) -> Result<()> {
        let Some(bound) = bound else { return Ok(()) };
        let limit = self.one(&self.kind, bound, clock)?;
        if value.partial_cmp(&limit) == Some(beyond) {
            let message = format!(
                "parameter `{}` is {}; the {which} it takes is {bound}",
                self.name,
                plain(value)
            );
            return Err(Error::usage(message));
        }
        Ok(())
    }
}

impl Typed {
    /// Whether the value depends on the day of the run.
    fn is_relative(&self) -> bool {
        let is_relative = |text: &String| !text.starts_with(|first: char| first.is_ascii_digit());
        match self {
            Self::One(text) => is_relative(text),
            Self::Many(texts) => texts.iter().any(is_relative),
        }
    }
}

impl ParamType {
    /// The kind of value that suits a column of `data_type`.
    #[must_use]
    pub fn of(data_type: &DataType) -> Self {
        match data_type {
            data_type if data_type.is_integer() => Self::Int,
            data_type if data_type.is_numeric() => Self::Float,
            DataType::Boolean => Self::Bool,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(_, _) => Self::Timestamp,
            DataType::Dictionary(_, values) => Self::of(values),
            DataType::List(item) | DataType::LargeList(item) => {
                Self::List(Box::new(Self::of(item.data_type())))
            }
            _ => Self::Text,
        }
    }

    /// The name in front matter.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Enum(_) => "enum",
            Self::List(_) => "list",
        }
    }

    /// A value that it takes, for messages.
    #[must_use]
    pub fn example(&self) -> String {
        match self {
            Self::Text => "weibo".to_owned(),
            Self::Int => "20".to_owned(),
            Self::Float => "0.5".to_owned(),
            Self::Bool => "true".to_owned(),
            Self::Date => "2012-08-27".to_owned(),
            Self::Timestamp => "\"2012-08-27 10:45\"".to_owned(),
            Self::Enum(values) => values.first().cloned().unwrap_or_default(),
            Self::List(of) => format!("{0},{0}", of.example()),
        }
    }

    /// What it takes, in words.
    fn described(&self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Int => "a whole number".to_owned(),
            Self::Float => "a number".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Date => "a date (2012-08-27, today, -7d)".to_owned(),
            Self::Timestamp => "an instant (2012-08-27 10:45, now, -90min)".to_owned(),
            Self::Enum(values) => format!("one of {}", values.join(", ")),
            Self::List(of) => format!("a list, each {}", of.described()),
        }
    }

    /// The Arrow type of its values; instants are in the clock's zone.
    pub(super) fn data_type(&self, clock: &Clock) -> DataType {
        match self {
            Self::Text | Self::Enum(_) => DataType::Utf8,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Timestamp => {
                DataType::Timestamp(TimeUnit::Microsecond, Some(clock.zone().into()))
            }
            Self::List(of) => DataType::new_list(of.data_type(clock), true),
        }
    }

    /// The typed NULL that stands for no value.
    fn null(&self, clock: &Clock) -> Result<ScalarValue> {
        ScalarValue::try_from(self.data_type(clock))
            .map_err(|error| Error::internal(format!("no NULL of type {}: {error}", self.name())))
    }

    /// Reads one value; `None` if `text` is none of this type.
    fn scalar(&self, text: &str, clock: &Clock) -> Option<ScalarValue> {
        Some(match self {
            Self::Text => ScalarValue::Utf8(Some(text.to_owned())),
            Self::Int => ScalarValue::Int64(Some(text.parse().ok()?)),
            Self::Float => ScalarValue::Float64(Some(
                text.parse().ok().filter(|number: &f64| number.is_finite())?,
            )),
            Self::Bool => ScalarValue::Boolean(Some(text.parse().ok()?)),
            Self::Date => {
                let days =
                    clock.date(text)?.signed_duration_since(DateTime::UNIX_EPOCH.date_naive());
                ScalarValue::Date32(Some(i32::try_from(days.num_days()).ok()?))
            }
            Self::Timestamp => {
                let micros = clock.instant(text)?.timestamp_micros();
                ScalarValue::TimestampMicrosecond(Some(micros), Some(clock.zone().into()))
            }
            Self::Enum(values) => {
                ScalarValue::Utf8(Some(values.iter().find(|value| *value == text)?.clone()))
            }
            Self::List(_) => return None,
        })
    }
}

/// `value` as a person would type it: dates as days, instants in UTC, list
/// elements between commas, NULL as nothing.
#[must_use]
pub fn plain(value: &ScalarValue) -> String {
    match value {
        value if value.is_null() => String::new(),
        ScalarValue::Utf8(Some(text))
        | ScalarValue::Utf8View(Some(text))
        | ScalarValue::LargeUtf8(Some(text)) => text.clone(),
        ScalarValue::TimestampMicrosecond(Some(micros), _) => {
            DateTime::<Utc>::from_timestamp_micros(*micros).map_or_else(
                || micros.to_string(),
                |instant| instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            )
        }
        ScalarValue::List(list) => {
            let values = list.value(0);
            let texts: Vec<String> = (0..values.len())
                .filter_map(|index| ScalarValue::try_from_array(&values, index).ok())
                .map(|element| plain(&element))
                .collect();
            texts.join(",")
        }
        other => other.to_string(),
    }
}

/// The declared type, with its values or element type.
fn read_type(fields: &Fields<'_>, what: &str, declaration: &Value<'_>) -> Result<ParamType> {
    let Some(name) = fields.text("type")? else {
        let error = fields.source.error(declaration.span(), format!("{what} has no type"));
        return Err(error.hint(format!("the types are {}", TYPES.join(", "))));
    };
    let kind = match name.as_str() {
        "enum" => ParamType::Enum(read_values(fields, what, declaration)?),
        "list" => ParamType::List(Box::new(read_element(fields)?)),
        name => simple_type(fields, "type", name)?,
    };
    for (key, belongs) in [("values", "enum"), ("of", "list")] {
        if let (true, Some(value)) = (kind.name() != belongs, fields.get(key)) {
            let message = format!("`{key}` goes with type \"{belongs}\" only");
            return Err(fields.source.error(value.span(), message));
        }
    }
    Ok(kind)
}

/// The type called `name`, which stands at `key`.
fn simple_type(fields: &Fields<'_>, key: &str, name: &str) -> Result<ParamType> {
    Ok(match name {
        "text" => ParamType::Text,
        "int" => ParamType::Int,
        "float" => ParamType::Float,
        "bool" => ParamType::Bool,
        "date" => ParamType::Date,
        "timestamp" => ParamType::Timestamp,
        _ => {
            let span = fields.get(key).map(toml::Spanned::span).unwrap_or_default();
            let error = fields.source.error(span, format!("no parameter type `{name}`"));
            return Err(match nearest(name, TYPES.iter().copied()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("the types are {}", TYPES.join(", "))),
            });
        }
    })
}

/// The element type of a list; text when it is not said.
fn read_element(fields: &Fields<'_>) -> Result<ParamType> {
    match fields.text("of")? {
        Some(name) => simple_type(fields, "of", &name),
        None => Ok(ParamType::Text),
    }
}

/// The values of an enum.
fn read_values(fields: &Fields<'_>, what: &str, declaration: &Value<'_>) -> Result<Vec<String>> {
    let values = fields.texts("values")?;
    if values.is_empty() {
        let error =
            fields.source.error(declaration.span(), format!("{what} is an enum of nothing"));
        return Err(error.hint("add values = [\"one\", \"two\"]"));
    }
    Ok(values)
}

/// The default, if it is of the declared type.
fn read_default(fields: &Fields<'_>, kind: &ParamType) -> Result<Option<Typed>> {
    let Some(value) = fields.get("default") else { return Ok(None) };
    if let ParamType::List(of) = kind {
        let items = fields.as_array("default", value)?;
        let texts = items.iter().map(|item| typed_text(fields, "default", of, item));
        return Ok(Some(Typed::Many(texts.collect::<Result<_>>()?)));
    }
    Ok(Some(Typed::One(typed_text(fields, "default", kind, value)?)))
}

/// The bound at `key`, if it is of the declared type and the type has an order.
fn read_bound(fields: &Fields<'_>, kind: &ParamType, key: &str) -> Result<Option<String>> {
    let Some(value) = fields.get(key) else { return Ok(None) };
    let ordered =
        matches!(kind, ParamType::Int | ParamType::Float | ParamType::Date | ParamType::Timestamp);
    if !ordered {
        let message = format!("`{key}` goes with numbers, dates and timestamps only");
        return Err(fields.source.error(value.span(), message));
    }
    let text = typed_text(fields, key, kind, value)?;
    let clock = Clock::new(DateTime::UNIX_EPOCH, "UTC")?;
    if kind.scalar(&text, &clock).is_none() {
        let message = format!("`{key}` has to be {}, not `{text}`", kind.described());
        return Err(fields.source.error(value.span(), message));
    }
    Ok(Some(text))
}

/// A TOML value of a type that fits `kind`, as a person would type it.
fn typed_text(
    fields: &Fields<'_>,
    key: &str,
    kind: &ParamType,
    value: &Value<'_>,
) -> Result<String> {
    match (kind, value.get_ref()) {
        (ParamType::Int | ParamType::Float, DeValue::Integer(number)) if number.radix() == 10 => {
            Ok(number.as_str().to_owned())
        }
        (ParamType::Float, DeValue::Float(number)) => Ok(number.as_str().to_owned()),
        (ParamType::Bool, DeValue::Boolean(truth)) => Ok(truth.to_string()),
        (ParamType::Date | ParamType::Timestamp, DeValue::Datetime(moment)) => {
            Ok(moment.to_string())
        }
        (
            ParamType::Text | ParamType::Enum(_) | ParamType::Date | ParamType::Timestamp,
            DeValue::String(text),
        ) => Ok(text.as_ref().to_owned()),
        (_, other) => Err(fields.wrong(key, &kind.described(), value, other)),
    }
}
