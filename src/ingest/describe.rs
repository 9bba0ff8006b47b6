//! The import formats as a table, for people who ask what weiku reads.

use super::column::{Column, Field, Part};
use super::formats::FORMATS;

/// One column of one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The format's name, for `--format`.
    pub format: &'static str,
    /// Where such files come from.
    pub summary: &'static str,
    /// The column in the file's header, or the keys of JSON between dots.
    pub column: String,
    /// The field that it becomes; of the reposted original after `origin: `.
    pub field: String,
    /// Whether the format is recognised by it.
    pub required: bool,
}

/// All columns of all formats that become something, format by format.
#[must_use]
pub fn describe() -> Vec<Described> {
    let mut rows = Vec::new();
    for format in FORMATS {
        let main = std::iter::once(("", format.columns));
        for (under, columns) in main.chain(format.more.iter().copied()) {
            for column in columns.iter().filter(|column| column.field != Field::Ignored) {
                rows.push(Described {
                    format: format.name,
                    summary: format.summary,
                    column: if under.is_empty() {
                        column.name.to_owned()
                    } else {
                        format!("{under}.{}", column.name)
                    },
                    field: field(column),
                    required: column.required,
                });
            }
        }
    }
    rows
}

fn field(column: &Column<'_>) -> String {
    match column.part {
        Part::Record => column.field.name().to_owned(),
        Part::Origin => format!("origin: {}", column.field.name()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FORMATS, describe};

    #[test]
    fn every_format_has_a_name_of_its_own_and_columns() {
        let rows = describe();
        let names: BTreeSet<&str> = rows.iter().map(|row| row.format).collect();
        assert_eq!(names.len(), FORMATS.len());
        assert!(rows.iter().all(|row| !row.field.is_empty() && !row.summary.ends_with('.')));
    }
}
