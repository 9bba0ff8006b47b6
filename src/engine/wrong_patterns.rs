//! What is wrong with a regular expression, in plain words.
//!
//! The library prints the pattern over a line of signs that point into it; on one line,
//! as our messages are, they would point nowhere.

/// What the library says is wrong, and what we say.
const FAULTS: &[(&str, &str)] = &[
    ("unclosed group", "the bracket ( is not closed"),
    ("unopened group", "the bracket ) closes nothing"),
    ("unclosed character class", "the bracket [ is not closed"),
    ("repetition operator missing expression", "there is nothing that it could repeat"),
    ("unclosed counted repetition", "the bracket { is not closed"),
    ("invalid repetition count range", "the first number is larger than the second"),
    ("repetition quantifier expects a valid decimal", "a number is missing"),
    ("invalid character class range", "the range goes backwards"),
    ("incomplete escape sequence", "nothing stands behind the \\"),
    ("unrecognized escape sequence", "this sign has no meaning behind a \\"),
    ("backreferences are not supported", "what was found before cannot be asked for again"),
    ("look-around", "what stands before or behind cannot be looked at"),
];

/// The words for a message of the library, if it is about a pattern of one line.
pub(super) fn told(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("regex parse error:\n")?;
    let (shown, reason) = rest.rsplit_once("\nerror: ")?;
    let mut lines = shown.lines().map(|line| line.strip_prefix("    ").unwrap_or(line));
    let (pattern, signs) = (lines.next()?, lines.next()?);
    if lines.next().is_some() || !signs.contains('^') {
        return None;
    }
    let at = signs.chars().take_while(|sign| *sign == ' ').count() + 1;
    let known = FAULTS.iter().find(|(words, _)| reason.starts_with(*words));
    let fault = known.map_or(reason.trim(), |(_, fault)| *fault);
    Some(format!("\"{pattern}\" is no regular expression: at character {at} {fault}"))
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn a_wrong_pattern_is_told_with_the_place_and_what_is_wrong() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (pattern, said) in [
            ("微博(a", "at character 3 the bracket ( is not closed"),
            ("[b", "at character 1 the bracket [ is not closed"),
            ("a{3,1}", "at character 2 the first number is larger than the second"),
            ("*a", "at character 1 there is nothing that it could repeat"),
        ] {
            for sql in [
                format!("SELECT regexp_replace('abc', '{pattern}', '')"),
                format!("SELECT 'abc' ~ '{pattern}'"),
            ] {
                let error = session.collect(&sql).await.unwrap_err();
                let wanted = format!("\"{pattern}\" is no regular expression: {said}");
                assert_eq!(error.message(), wanted, "{sql}");
                let at = sql.find(&format!("'{pattern}'")).unwrap() as u64 + 1;
                assert_eq!(error.place().column, Some(at), "{sql}");
                assert!(error.advice().unwrap().contains("\\("), "{sql}");
            }
        }
    }
}
