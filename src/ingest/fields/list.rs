//! Several values in one cell.

use super::known;
use crate::ingest::Text;

/// Reads a list: a JSON array such as `["a","b"]`, or names between commas.
/// `None` is unknown; `[]` is known to be empty.
pub(crate) fn parse(text: &str) -> Result<Option<Vec<Text<'_>>>, String> {
    let Some(text) = known(text) else { return Ok(None) };
    if text.starts_with('[') {
        return serde_json::from_str::<Vec<String>>(text)
            .map(|items| Some(items.into_iter().map(Text::from).collect()))
            .map_err(|_| format!("`{text}` is not a list such as [\"a\",\"b\"]"));
    }
    Ok(Some(split(text).map(Text::from).collect()))
}

/// The values between commas (or blanks and commas), none of them empty.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '，', ';']).filter_map(known)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn lists_are_json_or_names_between_commas() {
        let list =
            |items: &[&'static str]| Ok(Some(items.iter().map(|&item| item.into()).collect()));
        assert_eq!(parse(r#"["a,b","c"]"#), list(&["a,b", "c"]));
        assert_eq!(parse("a, b,,c"), list(&["a", "b", "c"]));
        assert_eq!(parse("[]"), list(&[]));
        assert_eq!(parse("无"), Ok(None));
        assert!(parse("[1,").is_err());
    }
}
