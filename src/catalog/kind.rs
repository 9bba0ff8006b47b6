//! What the names of files say of what is in them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;

use super::advice::holds;
use crate::error::Error;
use crate::ingest::Packing;

/// The suffixes that can be queried in place.
pub(crate) const SUFFIXES: [&str; 10] =
    ["parquet", "csv", "tsv", "json", "jsonl", "ndjson", "arrow", "psv", "tab", "txt"];

/// What a file name says about its content.
#[derive(Debug)]
pub(super) struct Kind {
    /// The suffix of the format itself.
    pub(super) format: &'static str,
    /// The whole suffix with that of the compression, as files are listed by it.
    pub(super) suffix: String,
    /// How it is packed.
    pub(super) compression: FileCompressionType,
}

impl Kind {
    /// What the name tells, if it is of a format that can be asked.
    pub(super) fn of(name: &str) -> Option<Self> {
        let name = Path::new(name).file_name()?.to_str()?;
        let file = name.to_lowercase();
        let packed = |(plain, end)| Some((plain, Packing::named(end)?.compression));
        let (plain, compression) = file
            .rsplit_once('.')
            .and_then(packed)
            .unwrap_or((file.as_str(), FileCompressionType::UNCOMPRESSED));
        let (_, end) = plain.rsplit_once('.')?;
        let format = SUFFIXES.into_iter().find(|suffix| *suffix == end)?;
        let suffix = name[name.len() - (file.len() - plain.len() + end.len())..].to_owned();
        Some(Self { format, suffix, compression })
    }

    /// What the files below folders of this kind called `name` are, with those that are data:
    /// those of the format, or others if there are none.
    pub(super) fn of_folder(
        &self,
        name: &str,
        files: Vec<PathBuf>,
    ) -> Result<(Self, Vec<PathBuf>), Error> {
        let is_one = |path: &PathBuf| {
            path.to_str().and_then(Self::of).is_some_and(|kind| kind.format == self.format)
        };
        let (ours, others): (Vec<_>, Vec<_>) = files.into_iter().partition(is_one);
        Self::of_all(name, if ours.is_empty() { others } else { ours })
    }

    /// What the files below the folder called `name` are, with those that are data.
    pub(super) fn of_all(name: &str, files: Vec<PathBuf>) -> Result<(Self, Vec<PathBuf>), Error> {
        let known = |path: &PathBuf| Self::of(path.to_str()?);
        let Some(first) = files.iter().find_map(known) else {
            let error = Error::usage(format!("no file below `{name}` can be asked"));
            return Err(error.hint(holds(files.iter().map(PathBuf::as_path))));
        };
        let is_one = |path: &PathBuf| known(path).is_some_and(|kind| kind.suffix == first.suffix);
        let (files, others): (Vec<_>, Vec<_>) = files.into_iter().partition(is_one);
        if let Some(other) = others.iter().find_map(known) {
            let error = Error::query(format!("the files below `{name}` are of several formats"));
            let name = name.trim_end_matches('/');
            let (one, other) = (&first.suffix, &other.suffix);
            return Err(error.hint(format!(
                "ask those of one by a pattern: '{name}/**/*.{one}', or '{name}/**/*.{other}'"
            )));
        }
        Ok((first, files))
    }

    /// Whether it is a table of texts in rows.
    pub(super) fn is_csv(&self) -> bool {
        matches!(self.format, "csv" | "tsv" | "psv" | "tab" | "txt")
    }

    /// Whether it is JSON in one of its forms.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.format, "json" | "jsonl" | "ndjson")
    }

    /// Whether the name says that this is a table, and not any text.
    pub(super) fn is_told(&self) -> bool {
        self.format != "txt"
    }

    /// What stands between the columns, if the name tells.
    pub(super) fn delimiter(&self) -> Option<u8> {
        match self.format {
            "tsv" | "tab" => Some(b'\t'),
            "psv" => Some(b'|'),
            _ => None,
        }
    }

    /// A table of texts as the engine reads it.
    pub(super) fn csv(&self, delimiter: u8, has_header: bool) -> CsvFormat {
        CsvFormat::default()
            .with_has_header(has_header)
            .with_delimiter(delimiter)
            // Posts hold line breaks. Without this a file that is split between
            // threads gives rows that are not there.
            .with_newlines_in_values(true)
            .with_file_compression_type(self.compression)
    }

    /// How the engine reads such files.
    pub(super) fn format(&self) -> Arc<dyn FileFormat> {
        match self.format {
            "parquet" => Arc::new(ParquetFormat::default()),
            "arrow" => Arc::new(ArrowFormat),
            _ if self.is_csv() => Arc::new(self.csv(self.delimiter().unwrap_or(b','), true)),
            _ => Arc::new(JsonFormat::default().with_file_compression_type(self.compression)),
        }
    }

    /// Refuses files that are not packed as their names say.
    pub(super) fn check_packing(&self, paths: &[PathBuf]) -> Result<(), Error> {
        let Some(Packing { name, begins, .. }) = Packing::of(self.compression) else {
            return Ok(());
        };
        let length = begins.len() as u64;
        for path in paths {
            let mut start = Vec::new();
            let read = File::open(path).and_then(|file| file.take(length).read_to_end(&mut start));
            read.map_err(|error| Error::io("read", path, &error))?;
            if !start.is_empty() && !start.starts_with(begins) {
                let path = path.display();
                let error = Error::query(format!("'{path}' is not packed with {name}"));
                return Err(error.hint("its name says so; without that ending it may be read"));
            }
        }
        Ok(())
    }
}
