//! What a file tells of posts and accounts, to rows of their tables and of the tables
//! of their counts. Apart from reading, so that the next records are read meanwhile.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};

use super::repeats::Repeats;
use super::rows::Pending;
use crate::error::{Error, Result};
use crate::model::{ACCOUNT_SNAPSHOTS, ACCOUNTS, OBSERVED_AT, POST_SNAPSHOTS, POSTS, Table};

/// The tables of which the counts are kept apart, where, and the counts that a look sees.
const COUNTS: [(&Table, &Table, [&str; 3]); 2] = [
    (&POSTS, &POST_SNAPSHOTS, ["reposts", "comments", "likes"]),
    (&ACCOUNTS, &ACCOUNT_SNAPSHOTS, ["followers", "following", "posts"]),
];

/// The columns of looks at what is in `table`: its own, and those of the table of its
/// counts that it lacks.
pub(super) fn schema(table: &'static Table) -> SchemaRef {
    let own = table.schema();
    let mut fields: Vec<Arc<Field>> = own.fields().iter().cloned().collect();
    if let Some((_, counts, _)) = COUNTS.iter().find(|(of, ..)| of.name == table.name) {
        let counts = counts.schema();
        let lacks = |field: &&Arc<Field>| own.field_with_name(field.name()).is_err();
        fields.extend(counts.fields().iter().filter(lacks).cloned());
    }
    Arc::new(Schema::new(fields))
}

/// The rows of the table, and of the table of its counts: there, those that saw
/// others than the look before. Rows come in the order of the file; those of other
/// tables stay as they are.
pub(super) fn sort_out(looks: Pending, repeats: &mut Repeats) -> Result<Vec<Pending>> {
    let Some((_, counts_table, counts)) =
        COUNTS.into_iter().find(|(of, ..)| of.name == looks.table.name)
    else {
        return Ok(vec![looks]);
    };
    let Pending { table, batch, mut standings } = looks;
    let unknown = || Error::internal(format!("looks at {}", table.name));
    let column = |name: &str| batch.column_by_name(name).ok_or_else(unknown);
    let [platform, id] = table.key else { return Err(unknown()) };
    let platforms: &StringViewArray = column(platform)?.as_string_view();
    let ids: &StringViewArray = column(id)?.as_string_view();
    let seen = column(OBSERVED_AT)?.as_primitive::<TimestampMicrosecondType>();
    let mut known = Vec::with_capacity(counts.len());
    for name in counts {
        known.push(column(name)?.as_primitive::<Int64Type>());
    }
    let mut times = Vec::with_capacity(standings.len());
    let mut standings_then = Vec::with_capacity(standings.len());
    let mut are_news = Vec::with_capacity(standings.len());
    for (row, standing) in standings.iter_mut().enumerate() {
        let count = |at: usize| known[at].is_valid(row).then(|| known[at].value(row));
        let id = (platforms.value(row), ids.value(row));
        let seen = seen.value(row);
        let look = repeats.look(table, id, seen, &[count(0), count(1), count(2)]);
        times.push(seen + look.later);
        *standing = look.standing(standing.is_record);
        are_news.push(look.is_news);
        standings_then.extend(look.is_news.then(|| look.standing_then()));
    }
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"));
    let rows = |table: &'static Table| {
        let columns = table.columns.iter().map(|of| match of.name {
            OBSERVED_AT => Ok(Arc::clone(&times)),
            name => column(name).map(Arc::clone),
        });
        let columns = columns.collect::<Result<_>>()?;
        RecordBatch::try_new(table.schema(), columns).map_err(|_| unknown())
    };
    let (rows, mut counted) = (rows(table)?, rows(counts_table)?);
    if standings_then.len() < standings.len() {
        counted = filter_record_batch(&counted, &are_news.into()).map_err(|_| unknown())?;
    }
    let counted = Pending { table: counts_table, batch: counted, standings: standings_then };
    Ok(vec![Pending { table, batch: rows, standings }, counted])
}
