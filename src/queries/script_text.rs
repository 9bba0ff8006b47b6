//! The text of a script or saved query: UTF-8, or an error that says what it seems to be
//! instead.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use encoding_rs::GB18030;

use crate::error::{Error, Result};

/// The text of the script at `path`.
///
/// # Errors
/// When it cannot be read, and as for [`script_text`].
pub(crate) fn script_at(path: &Path) -> Result<String> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    script_text(bytes, &path.display().to_string())
}

/// The text of the script that `source`, which is called `name`, gives.
///
/// # Errors
/// When it cannot be read, and as for [`script_text`].
pub(crate) fn read_script(source: &mut dyn Read, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    let read = source.read_to_end(&mut bytes);
    read.map_err(|error| unreadable(Path::new(name), &error))?;
    script_text(bytes, name)
}

/// The error for a script that cannot be read: whatever the reason, nothing has run.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    if error.kind() == ErrorKind::IsADirectory {
        let error = Error::usage(format!("{} is a folder", path.display()));
        return error.hint("name one of the scripts in it");
    }
    Error::usage(Error::io("read", path, error).message())
}

/// The text that the `bytes` of the script called `name` are.
///
/// # Errors
/// When they are not UTF-8, with the line of the first fault, and how to convert them
/// if they are text in an encoding that is common among those who write Chinese.
fn script_text(bytes: Vec<u8>, name: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count() as u64;
        let fault = Error::usage("the text is not UTF-8").in_file(name).at_line(line);
        match other_encoding(error.as_bytes()) {
            Some((called, name)) => fault.hint(format!(
                "it may be {called}; iconv -f {name} -t UTF-8 FILE makes UTF-8 of it"
            )),
            None => fault,
        }
    })
}

/// The encoding that `bytes`, which are not UTF-8, can be text in: as people call it, and
/// as programs do.
fn other_encoding(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Some(("UTF-16, which Windows calls Unicode", "UTF-16"));
    }
    let decoded = GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    // What is no text has zeros, which GB18030 has as well.
    let is_text = decoded.is_some_and(|text| !text.contains('\0'));
    is_text.then_some(("GB18030 or GBK", "GB18030"))
}

#[cfg(test)]
mod tests {
    use super::{GB18030, read_script, script_at, script_text};
    use crate::error::Kind;

    #[test]
    fn a_script_that_cannot_be_read_is_a_wrong_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let error = script_at(folder.path()).unwrap_err();
        assert!(error.message().ends_with("is a folder") && error.advice().is_some(), "{error}");
        assert_eq!(error.kind(), Kind::Usage);
        // A file in which somebody looks for more.
        let file = folder.path().join("a.sql");
        std::fs::write(&file, "select 1").unwrap();
        assert_eq!(script_at(&file.join("b.sql")).unwrap_err().kind(), Kind::Usage);
        assert_eq!(read_script(&mut &b"select 1"[..], "standard input").unwrap(), "select 1");
    }

    #[test]
    fn a_script_in_another_encoding_is_told_how_to_become_utf8() {
        let gbk = GB18030.encode("select 1;\nselect '微博' as 名称;\n").0.into_owned();
        let error = script_text(gbk, "a.sql").unwrap_err();
        assert_eq!((error.place().file.as_deref(), error.place().line), (Some("a.sql"), Some(2)));
        assert!(error.message().contains("not UTF-8"), "{error}");
        assert!(error.advice().unwrap().contains("iconv -f GB18030 -t UTF-8"), "{error}");
        let utf16 = "\u{feff}select 1;".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let error = script_text(utf16, "a.sql").unwrap_err();
        assert!(error.advice().unwrap().contains("iconv -f UTF-16 -t UTF-8"), "{error}");
        for other in [&b"select 'caf\xe9 '"[..], b"\x89PNG\r\n\0\0", b"\xff\xff"] {
            assert_eq!(script_text(other.to_vec(), "a.sql").unwrap_err().advice(), None);
        }
        assert_eq!(script_text("select '微博'".into(), "a.sql").unwrap(), "select '微博'");
    }
}
