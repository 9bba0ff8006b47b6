//! Files that are no text: what they are instead, as their first bytes tell.

/// How many first bytes tell it.
pub(super) const LENGTH: u64 = 512;

/// What files of some kinds begin with, and where.
const BEGINNINGS: [(usize, &[u8], &str); 15] = [
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (0, b"\xFF\xD8\xFF", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"BM", "a BMP picture"),
    (4, b"ftyp", "a video or picture"),
    (0, b"ID3", "a sound"),
    (0, b"%PDF", "a PDF document"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"\xD0\xCF\x11\xE0", "an old Office document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"7z\xBC\xAF", "a 7z archive"),
    (0, b"ARROW1", "an Arrow file"),
    (0, b"\x7FELF", "a program"),
];

/// How many control characters even a short text may hold by mishap.
const FEW: usize = 3;

/// What a file is that begins with `start`, if it is no text. Text may hold a
/// NUL or another control character by mishap, but not one in twenty.
pub(super) fn kind(start: &[u8]) -> Option<&'static str> {
    let begins = |(at, mark, _): &&(usize, &[u8], &str)| {
        start.get(*at..).is_some_and(|rest| rest.starts_with(mark))
    };
    let is_text = |mark: &[u8]| mark.is_ascii() && !mark.contains(&0);
    let has_controls = is_mostly_controls(start);
    let found = BEGINNINGS.iter().filter(begins);
    // A mark of letters only could begin a text.
    let found = found.filter(|(at, mark, _)| *at == 0 || has_controls || !is_text(mark));
    let mut found = found.filter(|(_, mark, _)| mark.len() > 3 || has_controls || !is_text(mark));
    found.next().map(|(.., name)| *name).or(has_controls.then_some("no text"))
}

/// Whether so many control characters stand in `start` as in no text.
fn is_mostly_controls(start: &[u8]) -> bool {
    if start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF") {
        return false;
    }
    let is_control = |byte: &&u8| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127);
    start.iter().filter(is_control).count() > (start.len() / 20).max(FEW)
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn what_is_no_text_is_named_and_text_is_not() {
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some("a PNG picture"));
        assert_eq!(kind(b"%PDF-1.7 %\xE2\xE3\xCF\xD3"), Some("a PDF document"));
        assert_eq!(kind(b"\0\0\0\x18ftypmp42\0\0\0\0"), Some("a video or picture"));
        assert_eq!(kind(b"\x01\x02\x03\x04\x05"), Some("no text"));
        for text in ["id,text\n1,a\0b", "BMW,ID3", "", "微博id,微博正文\n", "{\"a\":\"ftyp\"}"]
        {
            assert_eq!(kind(text.as_bytes()), None, "{text}");
        }
    }
}
