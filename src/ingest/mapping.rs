//! A small TOML file that says what the columns of any CSV or JSON lines mean.
//!
//! ```toml
//! platform = "weibo"
//! timezone = "Asia/Shanghai"
//! time_format = "%d.%m.%Y %H:%M"
//!
//! [columns]
//! "编号" = "post_id"
//! "author.id" = "account_id"
//! "发布" = "posted_at"
//!
//! [constants]
//! client = "archive"
//! ```
//!
//! Fields are named like the columns of weiku's tables. With a column for
//! `post_id` or `bid` or `post_url` a record is a post, else an account. In JSON
//! the name of a column is the path of keys with dots between; with
//! `header = false` it is the number of the column, from 1. A commented example is `datasets/mapping.example.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Sink;
use super::column::{Column, Common, FIELDS, Field, Part, Subject};
use super::draft::Draft;
use super::formats::read_flat;
use super::input::Input;
use crate::error::{Error, Result, nearest};

/// A mapping file, checked.
#[derive(Debug)]
pub(super) struct Mapping {
    columns: Vec<(String, Field)>,
    constants: Vec<(Field, String)>,
    platform: Option<String>,
    time_format: Option<String>,
    timezone: chrono_tz::Tz,
    headless: bool,
}

/// A mapping file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    platform: Option<String>,
    timezone: Option<String>,
    time_format: Option<String>,
    #[serde(default = "yes")]
    header: bool,
    columns: BTreeMap<String, String>,
    #[serde(default)]
    constants: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

impl Mapping {
    /// Reads and checks a mapping file.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).map_err(|error| Error::io("read", path, &error))?;
        Self::parse(&text).map_err(|error| error.in_file(path.display().to_string()))
    }

    fn parse(text: &str) -> Result<Self> {
        let written: Written = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let wrong = Error::usage(format!("the mapping file is malformed: {}", error.message()));
            line.and_then(|line| u64::try_from(line).ok())
                .map_or(wrong.clone(), |line| wrong.at_line(line))
        })?;
        let timezone = written.timezone.as_deref().unwrap_or("Asia/Shanghai");
        let timezone = timezone.parse().map_err(|_| {
            Error::usage(format!("no time zone `{timezone}`"))
                .hint("zones are named like Asia/Shanghai")
        })?;
        let mut columns = Vec::new();
        for (name, field) in written.columns {
            columns.push((name, field_named(&field)?));
        }
        let mut constants = Vec::new();
        for (field, text) in written.constants {
            constants.push((field_named(&field)?, text));
        }
        let mapping = Self {
            columns,
            constants,
            platform: written.platform,
            time_format: written.time_format,
            timezone,
            headless: !written.header,
        };
        mapping.check_constants()?;
        mapping.check_numbers()?;
        Ok(mapping)
    }

    /// Refuses constants that would make every record fail.
    fn check_constants(&self) -> Result<()> {
        let mut common = self.common(None);
        common.constants.clear();
        for (field, text) in &self.constants {
            Draft::new(&common).put(Part::Record, *field, text).map_err(|reason| {
                Error::usage(format!("the constant `{}`: {reason}", field.name()))
            })?;
        }
        Ok(())
    }

    /// Refuses names of columns for a table that has none.
    fn check_numbers(&self) -> Result<()> {
        let is_number = |name: &str| name.parse().is_ok_and(|number: usize| number > 0);
        match self.columns.iter().find(|(name, _)| self.headless && !is_number(name)) {
            None => Ok(()),
            Some((name, _)) => Err(Error::usage(format!(
                "the column `{name}` is not a number, and the table has no header"
            ))
            .hint("columns are counted from 1: \"1\" = \"post_id\"")),
        }
    }

    /// Reads a file as the mapping says.
    pub(super) fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut common = self.common(input.now);
        if let Some(platform) = &input.options.platform {
            common.platform = Some(platform.clone());
        }
        common.account_id.clone_from(&input.options.account_id);
        if common.platform.is_none() && !self.maps(&[Field::Platform]) {
            let error = Error::usage("the mapping does not say which platform it is");
            return Err(error.hint(
                "add a line like platform = \"weibo\" to the mapping file, or pass --platform",
            ));
        }
        let columns: Vec<Column<'_>> = self
            .columns
            .iter()
            .map(|(name, field)| Column { name, field: *field, part: Part::Record, required: true })
            .collect();
        read_flat(input, &columns, &common, sink)
    }

    fn common(&self, now: Option<super::Instant>) -> Common {
        let is_post = self.maps(&[Field::PostId, Field::Bid, Field::Mid, Field::PostUrl]);
        Common {
            platform: self.platform.clone(),
            account_id: None,
            clock: super::fields::time::Clock { zone: self.timezone, now },
            time_format: self.time_format.clone(),
            is_repost: None,
            subject: if is_post { Subject::Post } else { Subject::Account },
            constants: self.constants.clone(),
            hides_sizes: false,
            headless: self.headless,
            plain_line_ends: false,
        }
    }

    fn maps(&self, fields: &[Field]) -> bool {
        let named = self
            .columns
            .iter()
            .map(|(_, field)| field)
            .chain(self.constants.iter().map(|(field, _)| field));
        named.into_iter().any(|field| fields.contains(field))
    }
}

fn field_named(name: &str) -> Result<Field> {
    Field::named(name).ok_or_else(|| {
        let error = Error::usage(format!("no field `{name}`"));
        match nearest(name, FIELDS.iter().map(|(name, _)| *name)) {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None => error.hint(
                "fields are named like the columns of weiku's tables; `weiku formats` lists them",
            ),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Field, Mapping};

    #[test]
    fn the_example_that_ships_is_valid() {
        let mapping = Mapping::parse(include_str!("../../datasets/mapping.example.toml")).unwrap();
        assert!(mapping.maps(&[Field::PostId]));
    }

    #[test]
    fn a_mapping_that_cannot_work_is_refused_with_advice() {
        for (text, part) in [
            ("[columns]\na = \"post_idd\"", "did you mean `post_id`"),
            ("[columns]\na = \"post_id\"\n[constants]\nlikes = \"many\"", "the constant `likes`"),
            ("timezone = \"China\"\n[columns]\n", "no time zone"),
            ("header = false\n[columns]\na = \"post_id\"", "is not a number"),
            ("[colums]\n", "malformed"),
            ("a b", "malformed"),
        ] {
            let error = Mapping::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
