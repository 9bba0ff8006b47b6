//! What the data of a report is: which versions, how much, of what time.

use datafusion::arrow::record_batch::RecordBatch;

use crate::Database;
use crate::batch::{RunPlan, RunRecord};
use crate::error::Result;
use crate::render::value::{self, Value};

use super::cells::{self, Look};

/// What the data is, for the title page: names and texts in order.
#[derive(Debug, Default)]
pub struct Facts {
    /// The facts.
    pub(super) items: Vec<(String, String)>,
    /// When the report was made, in the session's zone.
    pub(super) made_at: String,
}

/// A question of the title page and the name of its answer.
const QUESTIONS: [(&str, &str); 5] = [
    // Some exports hold posts and say nothing of their accounts.
    (
        "Accounts",
        "SELECT count(*) FROM (SELECT platform, account_id FROM accounts UNION \
         SELECT platform, account_id FROM posts WHERE account_id IS NOT NULL)",
    ),
    ("Posts", "SELECT count(*) FROM posts"),
    ("First post", "SELECT CAST(min(posted_at) AS DATE) FROM posts"),
    ("Last post", "SELECT CAST(max(posted_at) AS DATE) FROM posts"),
    ("Last import", "SELECT CAST(max(observed_at) AS DATE) FROM imports"),
];

impl Facts {
    /// Asks the database.
    pub(super) async fn gather(
        database: &Database,
        plan: &RunPlan,
        record: &RunRecord,
    ) -> Result<Self> {
        let clock = plan.clock();
        let made_at = format!("{} {}", seconds(&clock.show(clock.now())), clock.zone());
        let mut items = Vec::new();
        if database.store().is_some() {
            let session = database.session(plan.options().settings.clone())?;
            let session = session.sibling_at(record.tables.clone())?;
            for (name, sql) in QUESTIONS {
                if let Some(text) = single(&session.collect(sql).await?)? {
                    items.push((name.to_owned(), text));
                }
            }
        }
        let read = record.queries.iter().flat_map(|query| &query.tables);
        let tables: std::collections::BTreeMap<_, _> = read.collect();
        if !tables.is_empty() {
            let versions: Vec<String> =
                tables.iter().map(|(table, version)| format!("{table} {version}")).collect();
            items.push(("Table versions".to_owned(), versions.join(", ")));
        }
        Ok(Self { items, made_at })
    }
}

/// The text of the one value of an answer; `None` for NULL.
fn single(batches: &[RecordBatch]) -> Result<Option<String>> {
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
    let column = value::Column::new(batch.column(0))?;
    Ok(match column.get(0) {
        Value::Null => None,
        value => cells::cell(&value, Look::alone()).map(|cell| cell.text),
    })
}

/// A time to the second.
fn seconds(text: &str) -> &str {
    text.split('.').next().unwrap_or(text)
}
