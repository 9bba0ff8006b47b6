//! SQL laid out well: other blanks and line ends, keywords in capitals, and nothing else
//! changed.

use sqlformat::{FormatOptions, QueryParams};

use super::scan::{Kind, Lexeme, scan};
use crate::error::{Error, Result};
use crate::queries::behind_front_matter;

/// Words behind AS that are no names.
const NO_NAMES: [&str; 6] = ["from", "materialized", "not", "select", "values", "with"];

/// How often a layout is laid out again at most, until it stays as it is.
const MOST_TIMES: usize = 4;

/// `sql` laid out.
///
/// # Errors
/// When it would say something else then.
pub(crate) fn laid_out(sql: &str) -> Result<String> {
    let mut formatted = formatted(sql);
    for _ in 0..MOST_TIMES {
        let again = self::formatted(&formatted);
        if again == formatted {
            break;
        }
        formatted = again;
    }
    if said(sql) != said(&formatted) {
        return Err(Error::usage("this statement cannot be laid out without changing it"));
    }
    Ok(formatted)
}

fn formatted(sql: &str) -> String {
    let options = FormatOptions {
        uppercase: Some(true),
        ignore_case_convert: Some(names(sql)),
        ..FormatOptions::default()
    };
    sqlformat::format(sql, &QueryParams::None, &options)
}

/// The words that stand behind AS: `month` is a keyword, and mostly a name.
fn names(sql: &str) -> Vec<&str> {
    let words: Vec<_> = scan(sql).into_iter().filter(Lexeme::is_significant).collect();
    let pairs = words.windows(2).filter(|pair| pair[0].is("as") && pair[1].kind == Kind::Word);
    let named = pairs.map(|pair| pair[1].text);
    named.filter(|name| !NO_NAMES.iter().any(|word| name.eq_ignore_ascii_case(word))).collect()
}

/// The statements of `text`, which is that of `file`, laid out; its front matter stays as it
/// is.
///
/// # Errors
/// As for [`laid_out`], and when the front matter is not closed.
pub(crate) fn file_laid_out(file: &str, text: &str) -> Result<String> {
    let (head, sql) = text.split_at(behind_front_matter(file, text)?);
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
    use std::fs::{read_dir, read_to_string};

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
        let formatted = file_laid_out("one.sql", &text).unwrap();
        assert!(formatted.starts_with(head) && formatted.ends_with("2\n"), "{formatted}");
        assert!(formatted.contains("-- of  all\n") && formatted.contains("/* two */"));
        assert_eq!(file_laid_out("one.sql", &formatted).unwrap(), formatted);
    }

    #[test]
    fn what_is_laid_out_stays_and_names_keep_their_case() {
        let folders = read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/queries")).unwrap();
        let folders = folders.map(|folder| folder.unwrap().path()).filter(|path| path.is_dir());
        let files = folders.flat_map(|folder| read_dir(folder).unwrap());
        let files = files.map(|file| file.unwrap().path());
        for file in files.filter(|file| file.extension().is_some_and(|suffix| suffix == "sql")) {
            let text = read_to_string(file).unwrap();
            let formatted = file_laid_out("one.sql", &text).unwrap();
            assert_eq!(file_laid_out("one.sql", &formatted).unwrap(), formatted);
        }
        let formatted = laid_out("select date_trunc('month', t) as month from p order by month");
        let formatted = formatted.unwrap();
        assert!(formatted.contains("AS month") && !formatted.contains("MONTH"), "{formatted}");
    }
}
