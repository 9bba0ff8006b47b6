//! The text of a script: UTF-8, or an error that says what it seems to be instead.

use encoding_rs::GB18030;

use crate::error::{Error, Result};

/// The text that the `bytes` of the script called `name` are.
///
/// # Errors
/// When they are not UTF-8, with the line of the first fault, and how to convert them
/// if they are text in an encoding that is common among those who write Chinese.
pub(crate) fn script_text(bytes: Vec<u8>, name: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count() as u64;
        let fault = Error::usage("the script is not UTF-8 text").in_file(name).at_line(line);
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
    use super::{GB18030, script_text};

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
