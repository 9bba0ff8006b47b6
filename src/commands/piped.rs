//! What is piped in, as the table `stdin`:
//! `weiku -c "SELECT count(*) FROM stdin" < posts.csv`.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::cli::Script;
use crate::engine::Session;
use crate::error::{Error, Result};

/// The name of the table.
const NAME: &str = "stdin";

/// Makes the table when `scripts` name it. The file that holds what was piped
/// in must live as long as it is read.
///
/// # Errors
/// When standard input cannot be read, or kept.
pub(super) async fn table(session: &Session, scripts: &[Script]) -> Result<Option<NamedTempFile>> {
    let is_script = scripts.contains(&Script::File("-".into()));
    if is_script || !scripts.iter().any(names_it) {
        return Ok(None);
    }
    let file = keep(&mut BufReader::new(std::io::stdin().lock()))?;
    let path = file.path().display().to_string().replace('\'', "''");
    session.collect(&format!("CREATE VIEW {NAME} AS SELECT * FROM '{path}'")).await?;
    Ok(Some(file))
}

fn names_it(script: &Script) -> bool {
    let read;
    let text = match script {
        Script::Text(text) => text,
        Script::File(path) => {
            // A script that cannot be read is complained of when it is run.
            read = std::fs::read_to_string(path).unwrap_or_default();
            &read
        }
    };
    let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.any(|word| word.eq_ignore_ascii_case(NAME))
}

/// Keeps all that `input` gives in a file whose suffix says what it is.
fn keep(input: &mut dyn BufRead) -> Result<NamedTempFile> {
    let failed = |error: std::io::Error| Error::io("read", Path::new("standard input"), &error);
    let mut start = Vec::new();
    input.take(1 << 16).read_to_end(&mut start).map_err(failed)?;
    let suffix = suffix(&start);
    let file = tempfile::Builder::new().prefix("weiku-").suffix(suffix).tempfile();
    let mut file = file.map_err(failed)?;
    file.write_all(&start).map_err(failed)?;
    std::io::copy(input, &mut file).map_err(failed)?;
    Ok(file)
}

/// The suffix of the format that a text begins like.
fn suffix(start: &[u8]) -> &'static str {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |sign: u8| line.iter().filter(|byte| **byte == sign).count();
    match text.first() {
        _ if text.starts_with(b"PAR1") => ".parquet",
        Some(b'[') => ".json",
        Some(b'{') => ".jsonl",
        _ if count(b'\t') > count(b',') => ".tsv",
        _ => ".csv",
    }
}

#[cfg(test)]
mod tests {
    use super::{Script, names_it, suffix};

    #[test]
    fn the_format_is_seen_from_the_beginning() {
        for (start, expected) in [
            ("a,b\n1,2\n", ".csv"),
            ("a\tb\n1\t2\n", ".tsv"),
            ("\n {\"a\": 1}\n", ".jsonl"),
            ("\u{feff}[{\"a\": 1}]", ".json"),
            ("PAR1\u{1}", ".parquet"),
            ("", ".csv"),
        ] {
            assert_eq!(suffix(start.as_bytes()), expected, "{start:?}");
        }
    }

    #[test]
    fn standard_input_is_read_only_when_a_script_names_it() {
        assert!(names_it(&Script::Text("SELECT * FROM STDIN".to_owned())));
        assert!(!names_it(&Script::Text("SELECT my_stdin FROM posts".to_owned())));
    }
}
