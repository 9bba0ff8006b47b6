//! `text SIMILAR TO '%(地震|台风)%'`: a pattern that stands for the whole text, with
//! the wildcards of LIKE and the brackets of regular expressions.
//!
//! The planner takes such a pattern for a regular expression that any part of the text
//! may match, where `%` and `_` stand for themselves. Here it becomes the regular
//! expression that it means.

use std::iter::Peekable;
use std::str::Chars;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value, ValueWithSpan};

use crate::error::{Error, Result};

/// What takes the meaning from the sign after it, if nothing else is said to.
const ESCAPE: char = '\\';

/// The sets that are known by a name, as in `[[:digit:]]`.
const NAMED_SETS: [&str; 14] = [
    ":alnum:", ":alpha:", ":ascii:", ":blank:", ":cntrl:", ":digit:", ":graph:", ":lower:",
    ":print:", ":punct:", ":space:", ":upper:", ":word:", ":xdigit:",
];

/// Brings such a pattern to a regular expression.
pub(super) fn spell(expression: &mut Expr) -> bool {
    let Expr::SimilarTo { negated, expr, pattern, escape_char } = expression else { return false };
    let Ok(regex) = as_regex(pattern, escape_char.as_ref()) else { return false };
    let op = match *negated {
        true => BinaryOperator::PGRegexNotMatch,
        false => BinaryOperator::PGRegexMatch,
    };
    let left = std::mem::replace(expr, Box::new(Expr::value(Value::Null)));
    let right = Box::new(Expr::value(Value::SingleQuotedString(regex)));
    *expression = Expr::Nested(Box::new(Expr::BinaryOp { left, op, right }));
    true
}

/// The regular expression that means what `pattern` does.
///
/// # Errors
/// When it is not written out, or means nothing.
pub(in crate::engine) fn as_regex(
    pattern: &Expr,
    escape: Option<&ValueWithSpan>,
) -> Result<String> {
    let Some(pattern) = written_out(pattern) else {
        return Err(Error::query("SIMILAR TO takes a pattern that is written out").hint(
            "one that is computed is a regular expression, behind ~ : text ~ ('^(' || pattern || \
             ')$')",
        ));
    };
    let escape = match escape {
        None => Some(ESCAPE),
        Some(escape) => sign(&escape.value)?,
    };
    let signs = pattern.chars().peekable();
    Signs { signs, escape, regex: "(?s)^(?:".to_owned() }.translated()
}

fn written_out(pattern: &Expr) -> Option<&str> {
    match pattern {
        Expr::Value(value) => text(&value.value),
        Expr::Nested(inner) => written_out(inner),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::SingleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text)
        | Value::NationalStringLiteral(text) => Some(text),
        Value::DollarQuotedString(text) => Some(&text.value),
        _ => None,
    }
}

/// The one sign behind ESCAPE; the empty text says that there is none.
fn sign(value: &Value) -> Result<Option<char>> {
    match text(value).map(|text| text.chars().collect::<Vec<_>>()).as_deref() {
        Some([]) => Ok(None),
        Some([sign]) => Ok(Some(*sign)),
        _ => Err(Error::query("ESCAPE takes one sign").hint("write it as ESCAPE '#'")),
    }
}

/// A pattern on its way to a regular expression.
struct Signs<'a> {
    signs: Peekable<Chars<'a>>,
    escape: Option<char>,
    regex: String,
}

impl Signs<'_> {
    fn translated(mut self) -> Result<String> {
        // What closes more than it opened would close the brackets around all of it.
        let mut open = 0_usize;
        while let Some(sign) = self.signs.next() {
            match sign {
                _ if self.escape == Some(sign) => self.escaped()?,
                '%' => self.regex.push_str(".*"),
                '_' => self.regex.push('.'),
                '[' => self.set()?,
                '(' => {
                    open += 1;
                    // So `(?i)` does not become what it is in regular expressions.
                    self.regex.push_str("(?:");
                }
                ')' => {
                    open = open.checked_sub(1).ok_or_else(unpaired)?;
                    self.regex.push(')');
                }
                '|' | '*' | '+' | '?' | '{' | '}' => self.regex.push(sign),
                _ => self.itself(sign),
            }
        }
        if open > 0 {
            return Err(unpaired());
        }
        self.regex.push_str(")$");
        Ok(self.regex)
    }

    /// A set in brackets, the first of which was read.
    fn set(&mut self) -> Result<()> {
        self.regex.push('[');
        if self.signs.next_if_eq(&'^').is_some() {
            self.regex.push('^');
        }
        let mut is_first = true;
        let mut is_range = false;
        loop {
            let sign = self.signs.next().ok_or_else(unpaired)?;
            let begins_range = sign == '-' && !is_first && !is_range;
            match sign {
                _ if self.escape == Some(sign) => self.escaped()?,
                // The first one is in the set.
                ']' if !is_first => break,
                '[' if self.signs.peek() == Some(&':') => self.named_set()?,
                '-' if begins_range => self.regex.push('-'),
                // Regular expressions know sets in sets, and `&&` between them.
                _ => self.itself(sign),
            }
            is_first = false;
            is_range = begins_range;
        }
        self.regex.push(']');
        Ok(())
    }

    fn named_set(&mut self) -> Result<()> {
        let name: String = self.signs.by_ref().take_while(|sign| *sign != ']').collect();
        if !NAMED_SETS.contains(&name.as_str()) {
            return Err(Error::query(format!("SIMILAR TO knows no set [{name}]"))
                .hint("[[:digit:]], [[:alpha:]], [[:space:]] and [[:punct:]] are such sets"));
        }
        self.regex.push('[');
        self.regex.push_str(&name);
        self.regex.push(']');
        Ok(())
    }

    /// The sign whose meaning is taken away. Letters and digits have none here, and who
    /// writes `\d` means what it is in regular expressions.
    fn escaped(&mut self) -> Result<()> {
        match self.signs.next() {
            Some(sign) if self.escape == Some(sign) || !sign.is_ascii_alphanumeric() => {
                self.itself(sign);
                Ok(())
            }
            _ => Err(Error::query(
                "in the pattern of SIMILAR TO the escape sign stands before no sign that has a \
                 meaning",
            )
            .hint(
                "a digit is [0-9]; regular expressions, with \\d and so on, stand behind ~ : \
                 text ~ '^\\d+$'",
            )),
        }
    }

    fn itself(&mut self, sign: char) {
        if regex_syntax::is_meta_character(sign) {
            self.regex.push('\\');
        }
        self.regex.push(sign);
    }
}

fn unpaired() -> Error {
    Error::query("in the pattern of SIMILAR TO a bracket has no partner")
        .hint("one that stands for itself has a backslash before it: '%\\(%'")
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pattern_stands_for_the_whole_text() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("'abc' SIMILAR TO 'a%'", "true"),
            ("'abc' SIMILAR TO '(b|c)'", "false"),
            ("'abc' SIMILAR TO 'abc'", "true"),
            ("'abc' SIMILAR TO 'b'", "false"),
            ("'abc' SIMILAR TO 'x|abc'", "true"),
            ("'xabc' SIMILAR TO 'x|abc'", "false"),
            ("'关于地震的消息' SIMILAR TO '%(地震|台风)%'", "true"),
            ("'关于地震的消息' SIMILAR TO '(地震|台风)'", "false"),
            ("'微博' SIMILAR TO '__'", "true"),
            ("'a.c' SIMILAR TO 'a.c'", "true"),
            ("'abc' SIMILAR TO 'a.c'", "false"),
            ("'^a$' SIMILAR TO '^a$'", "true"),
            ("'a' SIMILAR TO '^a$'", "false"),
            ("'abc' NOT SIMILAR TO 'a%'", "false"),
            ("'abc' NOT SIMILAR TO 'b'", "true"),
            ("NULL::varchar SIMILAR TO 'a%'", ""),
            ("'' SIMILAR TO ''", "true"),
            ("'' SIMILAR TO '%'", "true"),
            ("E'a\\nb' SIMILAR TO 'a%b'", "true"),
            ("E'a\\n' SIMILAR TO 'a'", "false"),
            ("'aab' SIMILAR TO 'a{2}b+'", "true"),
            ("'2012-08' SIMILAR TO '[0-9]{4}-[0-9]{2}'", "true"),
            ("'a-' SIMILAR TO '[a-c][a-]'", "true"),
            ("'d' SIMILAR TO '[^a-c]'", "true"),
            ("'&' SIMILAR TO '[a&&b]'", "true"),
            ("'a' SIMILAR TO '[a&&b]'", "true"),
            ("'[' SIMILAR TO '[[x]'", "true"),
            ("']' SIMILAR TO '[]x]'", "true"),
            ("'%' SIMILAR TO '[%_]'", "true"),
            ("'7' SIMILAR TO '[[:digit:]]'", "true"),
            (r"'100%' SIMILAR TO '100\%'", "true"),
            (r"'1000' SIMILAR TO '100\%'", "false"),
            ("'100%' SIMILAR TO '100#%' ESCAPE '#'", "true"),
            ("'1000' SIMILAR TO '100#%' ESCAPE '#'", "false"),
            (r"'a\b' SIMILAR TO 'a\b' ESCAPE ''", "true"),
            ("'abc' SIMILAR TO U&'a%'", "true"),
            ("'abc' SIMILAR TO ('a%')", "true"),
            ("('abc' SIMILAR TO 'a%')::varchar SIMILAR TO 't%'", "true"),
        ] {
            let sql = format!("SELECT ({asked})::varchar AS so");
            assert_eq!(answer(&session, &sql).await, ["so", wanted], "{asked}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_are_chosen_and_columns_called_as_they_were_typed() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES ('abc'), ('cab'), (NULL)) AS t(text)";
        let sql = format!("SELECT text {from} WHERE text SIMILAR TO 'a%'");
        assert_eq!(answer(&session, &sql).await, ["text", "abc"]);
        let sql = format!("SELECT text {from} WHERE text NOT SIMILAR TO 'a%'");
        assert_eq!(answer(&session, &sql).await, ["text", "cab"]);
        let sql = format!("SELECT text SIMILAR TO 'a%', count(*) {from} GROUP BY 1 ORDER BY 1");
        let rows = answer(&session, &sql).await;
        assert_eq!(rows[0], "text SIMILAR TO 'a%'|count(*)");
        assert_eq!(rows[1..], ["false|1", "true|1", "|1"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_means_nothing_is_told() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, told) in [
            ("'abc' SIMILAR TO 'a' || '%'", "written out"),
            ("text SIMILAR TO text", "written out"),
            ("'abc' SIMILAR TO 'a#%' ESCAPE '##'", "one sign"),
            (r"'7' SIMILAR TO '\d'", "escape sign"),
            (r"'7' SIMILAR TO '7\'", "escape sign"),
            ("'b' SIMILAR TO 'a)|(b'", "bracket"),
            ("'b' SIMILAR TO '(b'", "bracket"),
            ("'b' SIMILAR TO '[b'", "bracket"),
            ("'b' SIMILAR TO '[[:letter:]]'", "[:letter:]"),
        ] {
            let sql = format!("SELECT {asked} FROM (SELECT 'abc' AS text)");
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.message().contains(told), "{asked}: {error}");
            assert!(error.advice().is_some() && error.place().column.is_some(), "{error}");
        }
        // Not what it is in regular expressions, where it would find this.
        assert!(session.collect("SELECT 'ABC' SIMILAR TO '(?i)abc'").await.is_err());
    }
}
