//! `.format`: lay the last statement, or the given one, out well.

use async_trait::async_trait;
use sqlformat::{FormatOptions, QueryParams};

use super::{About, Command, Reach, misused};
use crate::error::{Error, Result};
use crate::render::visible_lines;
use crate::shell::complete::catalog::Takes;
use crate::shell::scan::scan;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Format;

static ABOUT: About = About {
    name: ".format",
    aliases: &[],
    usage: "[SQL]",
    summary: "lay the last statement, or the given one, out well",
    details: "",
    takes: Takes::Sql,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Format {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let sql = match (arguments, &shell.last) {
            ("", Some((last, _))) => last.sql.clone(),
            ("", None) => return Err(misused(&ABOUT)),
            (typed, _) => typed.trim_end_matches(';').to_owned(),
        };
        let formatted = laid_out(&sql)?;
        shell.say(&visible_lines(&format!("{formatted};")))?;
        Ok(Flow::Continue)
    }
}

/// `sql` with other blanks and line ends, and nothing else changed.
fn laid_out(sql: &str) -> Result<String> {
    let options = FormatOptions { uppercase: Some(true), ..FormatOptions::default() };
    let formatted = sqlformat::format(sql, &QueryParams::None, &options);
    let said = |text: &str| {
        let lexemes = scan(text).into_iter().filter(super::super::scan::Lexeme::is_significant);
        lexemes.map(|lexeme| lexeme.text.to_lowercase()).collect::<Vec<_>>()
    };
    if said(sql) != said(&formatted) {
        return Err(Error::usage("this statement cannot be laid out without changing it"));
    }
    Ok(formatted)
}

#[cfg(test)]
mod tests {
    use super::laid_out;

    #[test]
    fn a_layout_changes_blanks_and_the_case_of_keywords_only() {
        let formatted = laid_out("select a, '微  博' from t where n>=1").unwrap();
        assert!(formatted.contains("'微  博'") && formatted.contains('\n'), "{formatted}");
        assert!(formatted.starts_with("SELECT"), "{formatted}");
    }
}
