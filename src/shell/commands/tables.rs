//! `.tables`: list tables and views, with their rows.

use async_trait::async_trait;

use super::{About, Command, Reach, matches, pattern_of};
use crate::catalog::view;
use crate::engine::Session;
use crate::error::Result;
use crate::model;
use crate::render::group_digits;
use crate::render::value::{Column as Values, Value};
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
use crate::shell::snapshot;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Tables;

static ABOUT: About = About {
    name: ".tables",
    aliases: &["\\dt", "\\dt+"],
    usage: "[PATTERN]",
    summary: "list tables and views, with their rows",
    details: ".tables post* lists the tables whose names begin with post, as .tables post% does. In SQL: information_schema.tables.",
    takes: Takes::Relation,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Tables {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        list(shell, arguments, None).await
    }
}

/// Lists the relations that the pattern in `arguments` names, of one kind if it is given.
pub(super) async fn list(
    shell: &mut Shell<'_>,
    arguments: &str,
    kind: Option<&str>,
) -> Result<Flow> {
    let pattern = pattern_of(arguments);
    let mut rows = Vec::new();
    for relation in snapshot::relations(&shell.session).await {
        let wanted = match pattern {
            // Each answer is one: they are asked for by name.
            "" => relation.kind != "result",
            pattern => matches(pattern, &relation.full_name()),
        };
        if !wanted || kind.is_some_and(|kind| relation.kind != kind) {
            continue;
        }
        let count = match relation.kind {
            // Counting a view may be a long question of its own.
            "view" => None,
            _ => count(shell, &relation.quoted()).await?,
        };
        let about = match relation.kind {
            "table" => model::table(&relation.name).map(|table| table.summary),
            "view" => view(&relation.name).map(|view| view.summary),
            _ => None,
        };
        rows.push(vec![
            Cell::from(relation.full_name()),
            Cell::from(relation.kind),
            Cell::from(count),
            Cell::from(about.unwrap_or_default()),
        ]);
    }
    if rows.is_empty() {
        let kind = kind.unwrap_or("table");
        shell.note(&match pattern {
            "" => format!("there are no {kind}s"),
            _ => format!("no {kind} matches"),
        });
    } else {
        let listing = listing::batch(&["name", "kind", "rows", "about"], &rows)?;
        shell.show_table(&listing)?;
    }
    Ok(Flow::Continue)
}

async fn count(shell: &mut Shell<'_>, table: &str) -> Result<Option<i64>> {
    let batches = shell.ask(&format!("SELECT count(*) FROM {table}")).await?;
    let Some(batch) = batches.first() else {
        return Ok(None);
    };
    Ok(match Values::new(batch.column(0))?.get(0) {
        Value::Int(count) => Some(count),
        _ => None,
    })
}

/// `44 accounts, 200,000 posts`, for the greeting.
pub(crate) async fn row_counts(session: &Session) -> String {
    let mut counts = Vec::new();
    for table in ["accounts", "posts"] {
        let batches = session.collect(&format!("SELECT count(*) FROM {table}")).await;
        let count = batches.ok().and_then(|batches| {
            let values = Values::new(batches.first()?.column(0)).ok()?;
            match values.get(0) {
                Value::Int(count) => u64::try_from(count).ok(),
                _ => None,
            }
        });
        if let Some(count) = count {
            counts.push(format!("{} {table}", group_digits(count)));
        }
    }
    counts.join(", ")
}
