//! `.functions`: list the functions of SQL.

use async_trait::async_trait;

use super::{About, Command, Reach, matches};
use crate::error::Result;
use crate::render::value::{Column as Values, Value};
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Functions;

static ABOUT: About = About {
    name: ".functions",
    aliases: &["\\df"],
    usage: "[PATTERN]",
    summary: "list the functions of SQL",
    details: ".functions date* lists those whose names begin with date; .help NAME explains one. In SQL: information_schema.routines.",
    takes: Takes::Function,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Functions {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let pattern = arguments.trim_end_matches(';');
        let sql = "SELECT routine_name AS name, \
                   min(CASE function_type WHEN '' THEN NULL ELSE lower(function_type) END) AS kind, \
                   min(syntax_example) AS call, min(description) AS about \
                   FROM information_schema.routines GROUP BY routine_name ORDER BY routine_name";
        let mut rows = Vec::new();
        for batch in shell.ask(sql).await? {
            let columns: Vec<Values> =
                batch.columns().iter().map(Values::new).collect::<Result<_>>()?;
            for row in 0..batch.num_rows() {
                let cell = |column: &Values| match column.get(row) {
                    Value::Text(text) => text.lines().next().unwrap_or_default().trim().to_owned(),
                    _ => String::new(),
                };
                let texts: Vec<String> = columns.iter().map(cell).collect();
                let texts: Vec<String> = texts.iter().map(|text| in_plain_words(text)).collect();
                if pattern.is_empty() || matches(pattern, &texts[0]) {
                    rows.push(texts.into_iter().map(Cell::from).collect());
                }
            }
        }
        if rows.is_empty() {
            shell.note("no function matches");
        } else {
            shell.show_table(&listing::batch(&["name", "kind", "call", "about"], &rows)?)?;
        }
        Ok(Flow::Continue)
    }
}

/// What the engine documents in Markdown as plain text: of links the words, and the
/// engine without its name.
pub(super) fn in_plain_words(documented: &str) -> String {
    let mut plain = String::new();
    let mut rest = documented;
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        let parts = link.split_once("](http").and_then(|(words, address)| {
            let (_, after) = address.split_once(')')?;
            (!words.contains(['[', ']'])).then_some((words, after))
        });
        match parts {
            Some((words, after)) => {
                plain.push_str(words.trim_matches('`'));
                rest = after;
            }
            None => {
                plain.push('[');
                rest = link;
            }
        }
    }
    plain.push_str(rest);
    plain.replace("DataFusion", "the SQL engine")
}

#[cfg(test)]
mod tests {
    use super::in_plain_words;
    use crate::engine::{Session, Settings};
    use crate::render::value::{Column as Values, Value};

    #[test]
    fn links_are_their_words() {
        for (documented, plain) in [
            ("Returns [`UUID v4`](https://a.b/c_%28d%29) values.", "Returns UUID v4 values."),
            ("An [a](http://x) and [b](https://y)s.", "An a and bs."),
            ("array_slice(array, [begin], [end])", "array_slice(array, [begin], [end])"),
            ("a[1] of [x](y)", "a[1] of [x](y)"),
            ("Returns the version of DataFusion.", "Returns the version of the SQL engine."),
        ] {
            assert_eq!(in_plain_words(documented), plain);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_function_shows_an_address() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "SELECT DISTINCT routine_name, description FROM information_schema.routines";
        for batch in session.collect(sql).await.unwrap() {
            let texts = Values::new(batch.column(1)).unwrap();
            for row in 0..batch.num_rows() {
                if let Value::Text(text) = texts.get(row) {
                    let plain = in_plain_words(text);
                    assert!(!plain.contains("](http"), "{plain}");
                }
            }
        }
    }
}
