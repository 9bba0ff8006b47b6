//! `.functions`: list the functions of SQL.

use async_trait::async_trait;

use super::{About, Command, Reach, matches, pattern_of};
use crate::error::Result;
use crate::render::value::{Column as Values, Value};
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::Cell;
use crate::shell::snapshot;
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
        let pattern = pattern_of(arguments);
        let sql = "SELECT routine_name AS name, \
                   min(CASE function_type WHEN '' THEN NULL ELSE lower(function_type) END) AS kind, \
                   min(syntax_example) AS call, min(description) AS about \
                   FROM information_schema.routines GROUP BY routine_name ORDER BY routine_name";
        let lambdas = snapshot::of_lambdas(&shell.session).into_iter();
        let lambdas = lambdas.map(|[name, call, about]| [name, "scalar".to_owned(), call, about]);
        let mut known: Vec<[String; 4]> = lambdas.collect();
        for batch in shell.ask(sql).await? {
            let columns: Vec<Values> =
                batch.columns().iter().map(Values::new).collect::<Result<_>>()?;
            for row in 0..batch.num_rows() {
                let cell = |column: &Values| match column.get(row) {
                    Value::Text(text) => text.lines().next().unwrap_or_default().trim().to_owned(),
                    _ => String::new(),
                };
                let [name, kind, call, about] = [0, 1, 2, 3].map(|at| cell(&columns[at]));
                let call = call_of(&name, &call);
                known.push([name, kind, call, about]);
            }
        }
        known.sort();
        let wanted = |name: &str| pattern.is_empty() || matches(pattern, name);
        let known = known.into_iter().filter(|[name, ..]| wanted(name));
        let known: Vec<[String; 4]> =
            known.map(|texts| texts.map(|text| in_plain_words(&text))).collect();
        let rows: Vec<Vec<Cell>> =
            known.iter().map(|texts| texts.iter().cloned().map(Cell::from).collect()).collect();
        if rows.is_empty() {
            shell.note("no function matches");
        } else {
            let named: Vec<[String; 4]> = known.into_iter().map(below_name).collect();
            shell.show_named(&["name", "kind", "call", "about"], &rows, &named)?;
        }
        Ok(Flow::Continue)
    }
}

/// A function as it is listed below its name: most are of one kind, which is not said.
fn below_name([name, kind, call, about]: [String; 4]) -> [String; 4] {
    let kind = if kind == "scalar" { String::new() } else { kind };
    [name, call, kind, about]
}

/// Calls that are not as the engine documents them: it has one entry for several names,
/// and SQL has words of its own in some.
const CALLS: &[(&str, &str)] =
    &[("position", "position(substr IN str)"), ("quantile_cont", "quantile_cont(value, share)")];

/// The call of the function called `name` as it is documented, which for another name of
/// it is under the first.
pub(super) fn call_of(name: &str, documented: &str) -> String {
    if let Some((_, call)) = CALLS.iter().find(|(other, _)| *other == name) {
        return (*call).to_owned();
    }
    let is_name = |text: &str| text.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
    match documented.split_once('(') {
        Some((first, arguments)) if is_name(first) => format!("{name}({arguments}"),
        _ => documented.to_owned(),
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
    use super::{call_of, in_plain_words};
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

    #[test]
    fn another_name_of_a_function_is_called_by_that_name() {
        for (name, documented, call) in [
            ("list_has", "array_has(array, element)", "list_has(array, element)"),
            ("now", "now()", "now()"),
            ("quantile_cont", "percentile_cont(p) WITHIN ...", "quantile_cont(value, share)"),
            ("odd", "an (odd) text", "an (odd) text"),
            ("range", "", ""),
        ] {
            assert_eq!(call_of(name, documented), call);
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
