//! `.explain`: run a statement and show where its time goes.

use std::time::Instant;

use async_trait::async_trait;

use super::{About, Command, Reach, misused, one_statement, path_of, permit, split_words};
use crate::engine::{Params, Statement};
use crate::error::{Error, Result};
use crate::render::{OutputFile, visible};
use crate::shell::complete::catalog::Takes;
use crate::shell::profile::Profile;
use crate::shell::results::{LAST, let_last_be};
use crate::shell::scan::has_name;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Explain;

static ABOUT: About = About {
    name: ".explain",
    aliases: &[],
    usage: "[html FILE] [SQL]",
    summary: "run a statement and show where its time goes",
    details: "Without SQL it is the last statement. The answer is thrown away. html writes a page of all \
              operators, which opens without a network. EXPLAIN SELECT ... shows the plan without running it.\n.explain html slow.html",
    takes: Takes::PageOrSql,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Explain {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let (page, sql) = read(arguments)?;
        // As EXPLAIN has it: here there is no other way.
        let sql = match sql.split_once(char::is_whitespace) {
            Some((word, rest)) if word.eq_ignore_ascii_case("analyze") => rest.trim_start(),
            _ => sql,
        };
        let now = shell.results.last().map(|kept| kept.number);
        let (statement, params, asked) = match (sql, &shell.last) {
            ("", Some((statement, params))) => {
                (statement.clone(), params.clone(), shell.last_asked)
            }
            ("", None) => {
                let error = Error::usage("there is no last statement");
                return Err(error.hint(".explain SELECT ... explains the one that is given"));
            }
            (sql, _) => (one_statement(&ABOUT, sql)?, shell.options.params.clone(), now),
        };
        let asks_other = asked != now && has_name(&statement.sql, LAST);
        let then = match asked.filter(|_| asks_other) {
            Some(number) => Some(shell.results.earlier(number)?.clone()),
            None => None,
        };
        // What was typed here is the last statement as well: for html, and to edit.
        shell.last = Some((statement.clone(), params.clone()));
        shell.last_asked = asked;
        shell.results.begin();
        if asks_other {
            let_last_be(shell.session.context(), then.as_ref())?;
        }
        let explained = explain(shell, page, &statement, &params).await;
        shell.last_failed = explained.is_err();
        if asks_other {
            let_last_be(shell.session.context(), shell.results.last())?;
        }
        explained
    }
}

/// Shows where the time of `statement` goes, or writes it to `page`.
async fn explain(
    shell: &mut Shell<'_>,
    page: Option<String>,
    statement: &Statement,
    params: &Params,
) -> Result<Flow> {
    let Some(page) = page else {
        let profile = profile(shell, statement, params).await?;
        let shown = shell.shown();
        shell.say(&profile.to_text(shown.width.unwrap_or(120), shown.color))?;
        return Ok(Flow::Continue);
    };
    permit(shell, ".explain html", Reach::Writes)?;
    let file = OutputFile::create(&path_of(&page))?;
    let profile = profile(shell, statement, params).await?;
    file.fill(profile.to_html(&statement.sql).as_bytes())?;
    shell.confirm(&format!("the page is {}", visible(&page)));
    Ok(Flow::Continue)
}

/// The file behind `html`, if a page is wanted, and the statement behind it.
fn read(arguments: &str) -> Result<(Option<String>, &str)> {
    let Some(rest) = arguments.strip_prefix("html") else {
        return Ok((None, arguments));
    };
    if !(rest.is_empty() || rest.starts_with(char::is_whitespace)) {
        return Ok((None, arguments));
    }
    let rest = rest.trim_start();
    let end = match rest.chars().next() {
        Some(quote @ ('\'' | '"')) => rest[1..].find(quote).map(|length| length + 2),
        _ => rest.find(char::is_whitespace),
    };
    let (file, sql) = rest.split_at(end.unwrap_or(rest.len()));
    let file = split_words(file.trim_end_matches(';'))?.pop().ok_or_else(|| misused(&ABOUT))?;
    Ok((Some(file), sql.trim()))
}

/// Runs `statement` to its end, throws its answer away, and keeps how it went.
async fn profile(shell: &mut Shell<'_>, statement: &Statement, params: &Params) -> Result<Profile> {
    let begun = Instant::now();
    shell.interrupts.clear();
    let _silence = shell.terminal.silence();
    let progress = shell.progress();
    let mut answer = shell.start_anew(statement, params).await?;
    if let Some(progress) = &progress {
        progress.watch(&answer.plan);
    }
    let mut rows = 0;
    while let Some(batch) = shell.next(&mut answer).await {
        rows += batch?.num_rows();
    }
    drop(progress);
    let took = begun.elapsed();
    shell.ran = Some(shell.ran.unwrap_or_default() + took);
    Ok(Profile::of(answer.plan.as_ref(), rows, took))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_page_has_a_file_and_may_have_a_statement() {
        let page = |file: &str| Some(file.to_owned());
        assert_eq!(read("html f.html").unwrap(), (page("f.html"), ""));
        assert_eq!(read("html f.html; ").unwrap(), (page("f.html"), ""));
        assert_eq!(read("html 'a b.html' select 1").unwrap(), (page("a b.html"), "select 1"));
        assert_eq!(read("select html from t").unwrap(), (None, "select html from t"));
        assert_eq!(read("htmlx").unwrap(), (None, "htmlx"));
        assert!(read("html").is_err() && read("html '").is_err());
    }
}
