//! SQL laid out well: other blanks and line ends, keywords in capitals, and nothing else
//! changed.

use sqlformat::{FormatOptions, QueryParams};

use super::scan::{Kind, scan};
use crate::error::{Error, Result};

/// How a front matter begins and ends.
const FRONT_MATTER: [&str; 2] = ["/*---", "---*/"];

/// `sql` laid out.
///
/// # Errors
/// When it would say something else then.
pub(crate) fn laid_out(sql: &str) -> Result<String> {
    let options = FormatOptions { uppercase: Some(true), ..FormatOptions::default() };
    let formatted = sqlformat::format(sql, &QueryParams::None, &options);
    if said(sql) != said(&formatted) {
        return Err(Error::usage("this statement cannot be laid out without changing it"));
    }
    Ok(formatted)
}

/// The statements of a file laid out; its front matter stays as it is.
///
/// # Errors
/// As for [`laid_out`].
pub(crate) fn file_laid_out(text: &str) -> Result<String> {
    let [opens, closes] = FRONT_MATTER;
    let end = text.strip_prefix(opens).and_then(|rest| rest.find(closes));
    let (head, sql) = text.split_at(end.map_or(0, |end| opens.len() + end + closes.len()));
    let sql = laid_out(sql)?;
    let line_end = if head.is_empty() { "" } else { "\n" };
    Ok(format!("{head}{line_end}{}\n", sql.trim()))
}

/// What `text` says, whatever its blanks and the case of its words are.
fn said(text: &str) -> Vec<String> {
    let lexemes = scan(text).into_iter().filter(|lexeme| lexeme.kind != Kind::Blank);
    let words = lexemes.map(|lexeme| match lexeme.kind {
        Kind::Word => lexeme.text.to_lowercase(),
        Kind::Comment => lexeme.text.split_whitespace().collect::<Vec<_>>().join(" "),
        _ => lexeme.text.to_owned(),
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::{file_laid_out, laid_out};

    #[test]
    fn a_layout_changes_blanks_and_the_case_of_keywords_only() {
        let formatted = laid_out("select a, '微  博' from t where n>=1").unwrap();
        assert!(formatted.contains("'微  博'") && formatted.contains('\n'), "{formatted}");
        assert!(formatted.starts_with("SELECT"), "{formatted}");
    }

    #[test]
    fn a_file_keeps_its_front_matter_and_comments_and_stays_laid_out() {
        let head = "/*---\ntitle = \"select  x\"\n---*/";
        let text = format!("{head}\nselect  a -- of  all\nfrom t where n=$n;\n/* two */ select 2");
        let formatted = file_laid_out(&text).unwrap();
        assert!(formatted.starts_with(head) && formatted.ends_with("2\n"), "{formatted}");
        assert!(formatted.contains("-- of  all\n") && formatted.contains("/* two */"));
        assert_eq!(file_laid_out(&formatted).unwrap(), formatted);
    }
}
