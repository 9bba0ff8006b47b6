//! Yes or no.

use super::known;

/// Reads `True`, `1`, `是`, `y` and their opposites.
pub(crate) fn parse(text: &str) -> Result<Option<bool>, String> {
    let Some(text) = known(text) else { return Ok(None) };
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(&["true", "1", "1.0", "yes", "y", "t", "是"]) {
        Ok(Some(true))
    } else if is_one_of(&["false", "0", "0.0", "no", "n", "f", "否"]) {
        Ok(Some(false))
    } else {
        Err(format!("`{text}` is neither yes nor no"))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn yes_and_no_come_in_many_words() {
        for text in ["True", "true", "1", "是", "Y"] {
            assert_eq!(parse(text), Ok(Some(true)), "{text}");
        }
        for text in ["False", "0", "否", "no"] {
            assert_eq!(parse(text), Ok(Some(false)), "{text}");
        }
        assert_eq!(parse("无"), Ok(None));
        assert!(parse("也许").is_err());
    }
}
