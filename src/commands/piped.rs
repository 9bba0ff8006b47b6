//! What is piped in, as the table `stdin`:
//! `weiku -c "SELECT count(*) FROM stdin" < posts.csv`.

use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::path::Path;

use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use tempfile::NamedTempFile;

use crate::engine::Session;
use crate::error::{Error, Place, Result};
use crate::ingest::Packing;

/// The name of the table.
const NAME: &str = "stdin";

/// So many bytes tell what all of them are. A block of bzip2 is told only as a whole, and
/// has 900 kB at most.
const START: u64 = 1 << 20;

/// What was piped in, in a file that is there as long as this is.
#[derive(Debug)]
pub(super) struct Piped(NamedTempFile);

impl Piped {
    /// Whether a script names the table.
    pub(super) fn is_named_in(script: &str) -> bool {
        let mut words = script.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.any(|word| word.eq_ignore_ascii_case(NAME))
    }

    /// Makes the table.
    ///
    /// # Errors
    /// When standard input cannot be read or kept, or is no table.
    pub(super) async fn table(session: &Session) -> Result<Self> {
        let piped = Self(keep(&mut BufReader::new(std::io::stdin().lock()))?);
        let path = piped.path().replace('\'', "''");
        let sql = format!("CREATE VIEW {NAME} AS SELECT * FROM '{path}'");
        session.collect(&sql).await.map_err(|error| piped.named(error))?;
        Ok(piped)
    }

    fn path(&self) -> String {
        self.0.path().display().to_string()
    }

    /// `text` with the table in the place of the file, of which nobody knows.
    pub(super) fn told(&self, text: &str) -> String {
        text.replace(&self.path(), NAME)
    }

    /// `error` in such words, and with the table for those who ask for the device.
    pub(super) fn named(&self, error: Error) -> Error {
        let error = match error.message().contains("/dev/stdin") {
            true => error.hint(format!("what is piped in is the table {NAME}: FROM {NAME}")),
            false => error,
        };
        let place = error.place().clone();
        let file = place.file.as_deref().map(|file| self.told(file));
        error.reworded(|text| self.told(text)).at(Place { file, ..place })
    }
}

/// Keeps all that `input` gives in a file whose suffix says what it is.
fn keep(input: &mut dyn BufRead) -> Result<NamedTempFile> {
    let failed = |error: std::io::Error| Error::io("read", Path::new("standard input"), &error);
    let mut start = Vec::new();
    input.take(START).read_to_end(&mut start).map_err(failed)?;
    let suffix = suffix(&start)?;
    let file = tempfile::Builder::new().prefix("weiku-").suffix(&suffix).tempfile();
    let mut file = file.map_err(failed)?;
    file.write_all(&start).map_err(failed)?;
    // Who types tells the end once.
    if start.len() as u64 == START {
        std::io::copy(input, &mut file).map_err(failed)?;
    }
    Ok(file)
}

/// The suffix of files that begin with `start`.
fn suffix(start: &[u8]) -> Result<String> {
    if start.is_empty() {
        let error = Error::query("standard input is empty, and the table stdin is made of it");
        return Err(error.hint("weiku -c SQL < FILE, or PROGRAM | weiku -c SQL"));
    }
    if start.starts_with(b"PK\x03\x04") {
        let error = Error::query("standard input is a ZIP archive");
        let advice = "unpack it: unzip -p FILE | weiku; of a workbook save the sheets as CSV";
        return Err(error.hint(advice));
    }
    Ok(match Packing::seen(start) {
        Some(Packing { compression, suffix, .. }) => {
            format!("{}.{suffix}", plain_suffix(&unpacked(start, *compression)))
        }
        None => plain_suffix(start).to_owned(),
    })
}

/// As much as can be unpacked of what begins with `start`.
fn unpacked(start: &[u8], packing: FileCompressionType) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(reader) = packing.convert_read(Cursor::new(start.to_vec())) {
        // It ends too early. What is behind that needs no look, and what is wrong with it
        // is told when it is read.
        let _ = reader.take(START).read_to_end(&mut bytes);
    }
    bytes
}

/// The suffix of the format that a text begins like.
fn plain_suffix(start: &[u8]) -> &'static str {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |sign: u8| line.iter().filter(|byte| **byte == sign).count();
    match text.first() {
        _ if text.starts_with(b"PAR1") => ".parquet",
        _ if text.starts_with(b"ARROW1") => ".arrow",
        Some(b'[') => ".json",
        Some(b'{') => ".jsonl",
        _ if count(b'\t') > count(b',') => ".tsv",
        _ => ".csv",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{Piped, suffix};

    const TEXTS: [(&str, &str); 6] = [
        ("a,b\n1,2\n", ".csv"),
        ("a\tb\n1\t2\n", ".tsv"),
        ("\n {\"a\": 1}\n", ".jsonl"),
        ("\u{feff}[{\"a\": 1}]", ".json"),
        ("PAR1\u{1}", ".parquet"),
        ("BZh,1AY\n", ".csv"),
    ];

    #[test]
    fn the_format_is_seen_from_the_beginning() {
        for (start, expected) in TEXTS.into_iter().chain([("ARROW1\0\0", ".arrow")]) {
            assert_eq!(suffix(start.as_bytes()).unwrap(), expected, "{start:?}");
        }
    }

    #[test]
    fn what_is_packed_is_known_by_what_is_in_it() {
        for (text, format) in TEXTS {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(text.as_bytes()).unwrap();
            // Only the beginning of a long one is looked at.
            packer.flush().unwrap();
            assert_eq!(suffix(packer.get_ref()).unwrap(), format!("{format}.gz"));
            assert_eq!(suffix(&packer.finish().unwrap()).unwrap(), format!("{format}.gz"));
            let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
            assert_eq!(suffix(&packed).unwrap(), format!("{format}.zst"));
        }
    }

    #[test]
    fn what_is_no_table_is_told() {
        let zip = &b"PK\x03\x04\x14\0"[..];
        for (start, said) in [(&b""[..], "input is empty"), (zip, "a ZIP archive")] {
            let error = suffix(start).unwrap_err();
            assert!(error.message().contains(said) && error.advice().is_some(), "{error}");
        }
    }

    #[test]
    fn standard_input_is_read_only_when_a_script_names_it() {
        assert!(Piped::is_named_in("SELECT * FROM STDIN"));
        assert!(!Piped::is_named_in("SELECT my_stdin FROM posts"));
    }
}
