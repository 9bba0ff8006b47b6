//! What was imported, and what could not be.

use super::ColumnKind::{Bytes, Instant, Integer, Text};
use super::{Table, ascending, descending, optional, required};

/// One row per imported file.
pub const IMPORTS: Table = Table {
    name: "imports",
    summary: "what was imported: one row per file, with the account of its rows",
    columns: &[
        required("import_id", Text, "names the import; also the key into rejects"),
        required("file", Text, "the file as it was named"),
        required("sha256", Text, "the checksum of the file's bytes"),
        required("format", Text, "the format it was read as"),
        required("observed_at", Instant, "when the file's content was captured"),
        required("started_at", Instant, "when the import began"),
        required("finished_at", Instant, "when the import was ready to commit"),
        required("rows_read", Integer, "rows or records in the file"),
        required("added", Integer, "rows that were new"),
        required("changed", Integer, "rows that changed what was known"),
        required("unchanged", Integer, "rows that were known already"),
        required("skipped", Integer, "blank rows and repeated headers"),
        required("rejected", Integer, "rows that could not be taken; they are in rejects"),
    ],
    key: &["import_id"],
    sort: &[descending("started_at"), ascending("import_id")],
};

/// One row per refused row.
pub const REJECTS: Table = Table {
    name: "rejects",
    summary: "each row that could not be taken, with the reason and its bytes",
    columns: &[
        required("import_id", Text, "the import that met it"),
        required("file", Text, "the file it stands in"),
        required("row", Integer, "the row or record in the file, counted from 1"),
        required("reason", Text, "why it could not be taken"),
        optional("raw", Bytes, "the row's bytes as they were read"),
        optional("header", Bytes, "the header of the row's table, in a file that has one"),
        optional("taken_by", Text, "the import that took the row later; NULL if none did"),
    ],
    key: &["import_id", "file", "row"],
    sort: &[ascending("import_id"), ascending("file"), ascending("row")],
};
