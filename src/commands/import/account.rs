//! What became of a file, in words.

use std::fmt::Write as _;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use crate::cli;
use crate::commands::{Program, say};
use crate::database::{ImportReport, Refused};
use crate::error::{Error, Result};
use crate::render::{self, group_digits, visible};

/// Says what became of a file.
pub(super) fn tell(report: &ImportReport, import: &cli::Import, program: &Program) -> Result<()> {
    say(&mut program.stderr(), &text(report, import))?;
    let Some(samples) = &report.samples else { return Ok(()) };
    let samples = as_seen_in(&super::zone(import, program)?, samples)?;
    let options =
        render::Options { width: program.environment.width, ..render::Options::default() };
    let mut writer = (render::format("box")?.open)(program.stdout(), &samples.schema(), &options)?;
    writer.write(&samples)?;
    writer.finish()
}

fn text(report: &ImportReport, import: &cli::Import) -> String {
    let mut text = format!("{}: ", visible(&report.file));
    let count = group_digits;
    let records = report.records;
    // Writing to a String cannot fail.
    let _ = write!(text, "{} as {}", rows(report.rows_read()), report.format);
    let _ = write!(
        text,
        " = {} added + {} changed + {} unchanged + {} blank or repeated header + {} rejected",
        count(records.added),
        count(records.changed),
        count(records.unchanged),
        count(report.skipped),
        count(report.rejected)
    );
    let nested = report.nested;
    if nested.added + nested.changed + nested.unchanged > 0 {
        let _ = write!(
            text,
            "; nested in them {} added, {} changed, {} unchanged",
            count(nested.added),
            count(nested.changed),
            count(nested.unchanged)
        );
    }
    if let Some(earlier) = &report.repeats {
        let _ = write!(text, "; nothing new: the same bytes were imported as {earlier}");
    }
    if import.dry_run {
        text.push_str("; dry run, nothing is written");
    }
    if report.is_unended {
        text.push_str(
            "\n  the file ends without a line end: if it was cut, its last row is not whole",
        );
    }
    for Refused { row, line, reason } in &report.refusals {
        let _ = write!(text, "\n  row {row}");
        let _ = match line {
            Some(line) => write!(text, " (line {line})"),
            None if report.has_header => write!(text, " (the header is row 1)"),
            None => Ok(()),
        };
        let _ = write!(text, " rejected: {}", visible(reason));
    }
    let told = report.refusals.len() as u64;
    if report.rejected > told {
        let _ = write!(text, "\n  and {} more", count(report.rejected - told));
    }
    if report.rejected > 0 && import.rejects {
        text.push_str("\n  they stay in rejects, with the reason of now");
    } else if report.rejected > 0 && !import.dry_run {
        let _ = write!(
            text,
            "\n  all are kept: SELECT * FROM rejects WHERE import_id = '{}'; \
             --rejects reads them again",
            report.repeats.as_ref().unwrap_or(&report.import_id)
        );
    }
    text.push('\n');
    text
}

/// `1 row`, `2 rows`.
fn rows(count: u64) -> String {
    format!("{} row{}", group_digits(count), if count == 1 { "" } else { "s" })
}

/// The same rows with their times in the time zone `zone`.
fn as_seen_in(zone: &str, rows: &RecordBatch) -> Result<RecordBatch> {
    let schema = rows.schema();
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let kind = DataType::Timestamp(*unit, Some(zone.into()));
            Field::new(field.name(), kind, field.is_nullable())
        }
        _ => field.as_ref().clone(),
    });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let columns = rows.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()));
    let failed = |error: datafusion::arrow::error::ArrowError| Error::internal(error.to_string());
    let columns = columns.collect::<std::result::Result<_, _>>().map_err(failed)?;
    RecordBatch::try_new(schema.into(), columns).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn one_row_is_no_several() {
        assert_eq!([0, 1, 2, 1_234].map(rows), ["0 rows", "1 row", "2 rows", "1,234 rows"]);
    }
}
