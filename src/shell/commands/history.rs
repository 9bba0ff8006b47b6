//! `.history`: list what was typed before.

use async_trait::async_trait;

use super::{About, Command, Reach, find};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct History;

static ABOUT: About = About {
    name: ".history",
    aliases: &["\\s"],
    usage: "[N] [TEXT]",
    summary: "list what was typed before",
    details: "With a text, the last that hold it, in any case. In SQL: SELECT * FROM weiku_history() ORDER BY ms DESC, where ms is the time of statements only. A line that begins with a blank is not remembered.",
    takes: Takes::Nothing,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for History {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let (count, wanted) = asked(arguments);
        let mut entries = shell.history.entries();
        entries.retain(|entry| wanted.is_empty() || holds(&entry.text, wanted));
        let skipped = entries.len().saturating_sub(count);
        let rows: Vec<Vec<Cell>> = entries
            .into_iter()
            .skip(skipped)
            .map(|entry| {
                let ended = match entry.ok {
                    Some(true) => "ok",
                    Some(false) => "failed",
                    None => "",
                };
                let number =
                    |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
                vec![
                    Cell::from(local(&entry.at, &shell.session.settings().timezone)),
                    Cell::from(entry.text),
                    Cell::from(number(entry.ms)),
                    Cell::from(number(entry.rows)),
                    Cell::from(ended),
                ]
            })
            .collect();
        if rows.is_empty() {
            shell.note(match wanted {
                "" => "nothing is remembered",
                _ => "nothing that is remembered holds it",
            });
        } else {
            shell.show_table(&listing::batch(&["at", "typed", "ms", "rows", "ended"], &rows)?)?;
            if skipped > 0 && !wanted.is_empty() {
                let all = skipped + rows.len();
                shell.confirm(&format!("{skipped} more before them: .history {all} {wanted}"));
            }
        }
        Ok(Flow::Continue)
    }
}

/// How many inputs are listed unless somebody says so.
const LISTED: usize = 20;

/// How many inputs `arguments` ask for, and what they are to hold.
fn asked(arguments: &str) -> (usize, &str) {
    let typed = arguments.trim_end_matches(';').trim_end();
    let (first, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    first.parse().map_or((LISTED, typed), |count| (count, rest.trim_start()))
}

/// Whether the input `typed` holds `wanted`, in any case; what only searched for it does not
/// count.
fn holds(typed: &str, wanted: &str) -> bool {
    let name = typed.split_whitespace().next().unwrap_or_default();
    let searches = name.starts_with(['.', '\\'])
        && find(name).is_ok_and(|command| command.help().name == ABOUT.name);
    !searches && typed.to_lowercase().contains(&wanted.to_lowercase())
}

/// An instant in the session's time zone, without fractions of a second.
fn local(at: &str, zone: &str) -> String {
    let Ok(instant) = chrono::DateTime::parse_from_rfc3339(at) else {
        return at.to_owned();
    };
    match zone.parse::<chrono_tz::Tz>() {
        Ok(zone) => instant.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => instant.format("%Y-%m-%d %H:%M:%SZ").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{asked, holds};

    #[test]
    fn a_number_counts_and_a_text_is_searched() {
        for (arguments, count, wanted) in [
            ("", 20, ""),
            ("50;", 50, ""),
            ("likes", 20, "likes"),
            ("group by day;", 20, "group by day"),
            ("5  from posts", 5, "from posts"),
            ("-5", 20, "-5"),
        ] {
            assert_eq!(asked(arguments), (count, wanted), "{arguments}");
        }
    }

    #[test]
    fn an_input_is_found_in_any_case_and_no_search_for_it() {
        for (typed, found) in [
            ("SELECT Likes\nFROM posts;", true),
            (".summarize likes", true),
            (".history likes", false),
            (".hist likes", false),
            ("\\s likes", false),
            ("select 1;", false),
        ] {
            assert_eq!(holds(typed, "lIKES"), found, "{typed}");
        }
    }
}
