//! Full-width punctuation, which an input method for Chinese puts where SQL
//! wants ASCII: `；` for `;`, `（` for `(`, `‘` for `'`. And blanks that nobody sees, which
//! web pages and office programs put into what is copied from them.

/// The ASCII character that a full-width one looks like, if it is punctuation
/// or a blank. Letters and digits are left alone: they may be names.
#[must_use]
pub fn ascii(c: char) -> Option<char> {
    match c {
        '\u{3000}' => Some(' '),
        // The zero-width space, the word joiner, and the byte-order mark.
        '\u{200B}' | '\u{2060}' | '\u{FEFF}' => Some(' '),
        // The keys of < and >.
        '《' => Some('<'),
        '》' => Some('>'),
        '￥' => Some('$'),
        '、' => Some(','),
        '。' => Some('.'),
        '【' => Some('['),
        '】' => Some(']'),
        '‘' | '’' => Some('\''),
        '“' | '”' => Some('"'),
        '\u{FF01}'..='\u{FF5E}' => {
            let ascii = char::from_u32(u32::from(c) - 0xFEE0)?;
            ascii.is_ascii_punctuation().then_some(ascii)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::ascii;

    #[test]
    fn punctuation_has_an_ascii_twin_and_letters_have_none() {
        let twins: String =
            "；，（）＝＞％＊．　、。‘’“”《》￥".chars().filter_map(ascii).collect();
        assert_eq!(twins, ";,()=>%*. ,.''\"\"<>$");
        assert_eq!("\u{200B}\u{FEFF}".chars().filter_map(ascii).collect::<String>(), "  ");
        assert_eq!("ＡＢ１微a;".chars().find_map(ascii), None);
    }
}
