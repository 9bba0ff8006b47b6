//! Times of Parquet files that a statement declares to be of another kind: `CREATE EXTERNAL
//! TABLE t (wall TIMESTAMPTZ) STORED AS PARQUET ...` over files whose times have no zone, or
//! TIMESTAMP over instants.
//!
//! The engine reads such values one way from the rows of a file, and another way from its
//! statistics, by which it also leaves rows out. So the files are read as what they hold, and
//! made what was declared by a cast, which means what it means elsewhere: a time without a zone
//! is one on the clocks of the session's, or of that in which the column was declared.

use std::borrow::Cow;
use std::slice;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingTable, ListingTableConfig};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use object_store::ObjectMeta;

use super::asked::{Asked, Look};
use super::columns::{cast_to, zone_of};
use super::csv::quoted;
use super::table::foreign;
use crate::error::Error;

/// The files of `table`, if it is declared to have times and they are of Parquet.
pub(super) fn of_files_with_times(table: &dyn TableProvider) -> Option<&ListingTable> {
    let files = table.downcast_ref::<ListingTable>()?;
    let has_times = files.schema().fields().iter().any(|field| has_times(field.data_type()));
    (has_times && files.options().format.is::<ParquetFormat>()).then_some(files)
}

/// The `table` called `name`, which has these `files`, with the times that they hold, made
/// those that they are declared to be; `None` if they are that already. What cannot be looked
/// at is told of where it is read.
pub(super) async fn with_times(
    table: &Arc<dyn TableProvider>,
    files: &ListingTable,
    name: &str,
    state: &SessionState,
) -> Result<Option<Arc<dyn TableProvider>>> {
    let declared = files.schema();
    let Ok(held) = look(files, &declared, name, state).await else { return Ok(None) };
    let rows: Arc<dyn TableProvider> = match held.columns(&zone_of(state)) {
        Some(columns) => {
            let read = read_as(files, &columns)?;
            Arc::new(Declared { rows: cast_to(Arc::new(read), &declared)? })
        }
        None if held.refused.is_empty() => return Ok(None),
        None => Arc::clone(table),
    };
    Ok(Some(match held.refused.is_empty() {
        true => rows,
        false => Arc::new(Asked { table: rows, look: Refusing(held.refused) }),
    }))
}

/// What `files` hold, each looked at by itself.
async fn look<'a>(
    files: &ListingTable,
    declared: &'a Schema,
    name: &'a str,
    state: &SessionState,
) -> Result<Held<'a>> {
    let kinds = vec![None; declared.fields().len()];
    let mut held = Held { declared, kinds, refused: Vec::new(), name };
    let options = files.options();
    for place in files.table_paths() {
        let store = state.runtime_env().object_store(place)?;
        let listed = place.list_all_files(state, store.as_ref(), &options.file_extension).await?;
        let listed: Vec<ObjectMeta> = listed.try_collect().await?;
        for file in listed.iter().filter(|file| file.size > 0) {
            let one = slice::from_ref(file);
            let columns = options.format.infer_schema(state, &store, one).await?;
            held.see(&columns, file);
        }
    }
    Ok(held)
}

/// The same `files` with these `columns`, of which those are left out that their folders are.
fn read_as(files: &ListingTable, columns: &Schema) -> Result<ListingTable> {
    let options = files.options();
    let is_of_files = |field: &&Arc<Field>| {
        options.table_partition_cols.iter().all(|(folder, _)| folder != field.name())
    };
    let fields: Vec<_> = columns.fields().iter().filter(is_of_files).cloned().collect();
    let columns = Schema::new_with_metadata(fields, columns.metadata().clone());
    let config = ListingTableConfig::new_with_multi_paths(files.table_paths().clone())
        .with_listing_options(options.clone())
        .with_schema(Arc::new(columns));
    ListingTable::try_new(config)
}

/// What the files of a table hold in place of the times that it is declared to have.
struct Held<'a> {
    declared: &'a Schema,
    /// For each column of times whether the files hold the other kind, and a file that says so.
    kinds: Vec<Option<(bool, String)>>,
    /// The places of columns that cannot be read, and why.
    refused: Vec<(usize, Error)>,
    /// What the table is called.
    name: &'a str,
}

impl Held<'_> {
    /// Takes a file into account, which has these `columns`.
    fn see(&mut self, columns: &Schema, file: &ObjectMeta) {
        let declared = self.declared.fields().iter().zip(&mut self.kinds).enumerate();
        for (place, (field, kind)) in declared {
            let Ok(held) = columns.field_with_name(field.name()) else { continue };
            let is_other = are_other_times(field.data_type(), held.data_type());
            let are_times = [field.data_type(), held.data_type()]
                .into_iter()
                .all(|kind| matches!(kind, DataType::Timestamp(..)));
            match kind {
                _ if !are_times => {
                    if is_other {
                        self.refused.push((place, in_parts(self.name, field.name())));
                    }
                }
                None => *kind = Some((is_other, file.location.to_string())),
                Some((known, _)) if *known == is_other => {}
                Some((_, first)) => {
                    let files = (first.as_str(), file.location.as_ref());
                    let error = of_both_kinds(self.name, field.name(), files);
                    self.refused.push((place, error));
                }
            }
        }
    }

    /// The columns with the times that the files hold, instants in `zone`, if some are not of
    /// the declared kind.
    fn columns(&self, zone: &Arc<str>) -> Option<SchemaRef> {
        let is_other = |kind: &Option<(bool, String)>| matches!(kind, Some((true, _)));
        if !self.kinds.iter().any(is_other) {
            return None;
        }
        let mut fields = Vec::with_capacity(self.kinds.len());
        for (field, kind) in self.declared.fields().iter().zip(&self.kinds) {
            fields.push(match field.data_type() {
                DataType::Timestamp(unit, declared) if is_other(kind) => {
                    let held = declared.is_none().then(|| Arc::clone(zone));
                    let held = DataType::Timestamp(*unit, held);
                    Arc::new(field.as_ref().clone().with_data_type(held))
                }
                _ => Arc::clone(field),
            });
        }
        let metadata = self.declared.metadata().clone();
        Some(Arc::new(Schema::new_with_metadata(fields, metadata)))
    }
}

/// A table that is read by a plan, as a view is, and is none: it can be dropped as a table.
#[derive(Debug)]
struct Declared {
    rows: Arc<dyn TableProvider>,
}

#[async_trait]
impl TableProvider for Declared {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        self.rows.get_logical_plan()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.rows.scan(state, projection, filters, limit).await
    }
}

/// Refuses columns, by their places.
#[derive(Debug)]
struct Refusing(Vec<(usize, Error)>);

impl Look for Refusing {
    fn look(&self, _columns: &Schema, is_asked: &dyn Fn(usize) -> bool) -> Result<()> {
        match self.0.iter().find(|(place, _)| is_asked(*place)) {
            Some((_, error)) => Err(foreign(error.clone())),
            None => Ok(()),
        }
    }
}

fn has_times(kind: &DataType) -> bool {
    match kind {
        DataType::Timestamp(..) => true,
        DataType::List(item) | DataType::LargeList(item) => has_times(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_times(field.data_type())),
        _ => false,
    }
}

/// Whether one has times with a zone where the other has some without.
fn are_other_times(declared: &DataType, held: &DataType) -> bool {
    match (declared, held) {
        (DataType::Timestamp(_, one), DataType::Timestamp(_, other)) => {
            one.is_some() != other.is_some()
        }
        (
            DataType::List(one) | DataType::LargeList(one),
            DataType::List(other) | DataType::LargeList(other),
        ) => are_other_times(one.data_type(), other.data_type()),
        (DataType::Struct(fields), DataType::Struct(others)) => fields.iter().any(|field| {
            let other = others.iter().find(|other| other.name() == field.name());
            other.is_some_and(|other| are_other_times(field.data_type(), other.data_type()))
        }),
        _ => false,
    }
}

/// The error for times in lists or structures, which no cast here reaches.
fn in_parts(table: &str, column: &str) -> Error {
    let error = Error::query(format!(
        "the column {} of {table} is declared with times of another kind than its files have: with \
         a zone, or without one",
        quoted(column)
    ));
    error.hint("leave the columns out of CREATE EXTERNAL TABLE: the files tell them")
}

/// The error for a column that is an instant in one file, and a time without zone in another.
fn of_both_kinds(table: &str, column: &str, (first, second): (&str, &str)) -> Error {
    let message = format!(
        "of the column {} of {table} one of the files /{first} and /{second} has times with a zone, \
         and the other some without",
        quoted(column)
    );
    Error::query(message)
        .hint("make a table of each, and put them together by UNION ALL, each with a cast")
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn times_are_made_what_they_are_declared_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display();
        let session = Session::new(None, Settings::default()).unwrap();
        // One row is read from the statistics, several are read themselves.
        for (name, rows) in [("one", 0), ("some", 3)] {
            let sql = format!(
                "COPY (SELECT TIMESTAMP '2012-08-27 10:00:00' + value * INTERVAL '1 hour' AS wall,
                              TIMESTAMPTZ '2012-08-27 10:00:00' + value * INTERVAL '1 hour' AS at
                       FROM generate_series(0, {rows}) AS t(value)) TO '{place}/{name}.parquet'"
            );
            session.collect(&sql).await.unwrap();
            let sql = format!(
                "CREATE EXTERNAL TABLE \"{name}\" (at TIMESTAMP, wall TIMESTAMPTZ) STORED AS PARQUET
                 LOCATION '{place}/{name}.parquet'"
            );
            session.collect(&sql).await.unwrap();
            for (asked, wanted) in [
                ("min(wall)", "2012-08-27T10:00:00+08:00"),
                ("min(at)", "2012-08-27T10:00:00"),
                ("count(*) FILTER (WHERE wall = '2012-08-27 10:00:00')", "1"),
            ] {
                let sql = format!("SELECT {asked} FROM \"{name}\"");
                assert_eq!(value(&session, &sql).await, wanted, "{sql}");
            }
            for filter in ["wall <= '2012-08-27 10:00:00'", "at < '2012-08-27 10:30:00'"] {
                let rows = format!("FROM \"{name}\" WHERE {filter}");
                for (asked, wanted) in [
                    ("count(*)", "1"),
                    ("max(at)", "2012-08-27T10:00:00"),
                    ("max(wall)", "2012-08-27T10:00:00+08:00"),
                ] {
                    let sql = format!("SELECT {asked} {rows}");
                    assert_eq!(value(&session, &sql).await, wanted, "{sql}");
                }
            }
        }
        let sql = "SELECT max(wall) FROM \"some\"";
        assert_eq!(value(&session, sql).await, "2012-08-27T13:00:00+08:00");
        session.collect("DROP TABLE \"some\"").await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_that_hold_both_kinds_of_times_are_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display();
        std::fs::create_dir(folder.path().join("d")).unwrap();
        let session = Session::new(None, Settings::default()).unwrap();
        for (name, kind) in [("a", "TIMESTAMP"), ("b", "TIMESTAMPTZ")] {
            let sql = format!(
                "COPY (SELECT {kind} '2012-08-27 10:00:00' AS at) TO '{place}/d/{name}.parquet'"
            );
            session.collect(&sql).await.unwrap();
        }
        let sql = format!(
            "CREATE EXTERNAL TABLE t (at TIMESTAMPTZ) STORED AS PARQUET LOCATION '{place}/d/'"
        );
        session.collect(&sql).await.unwrap();
        let error = session.collect("SELECT * FROM t").await.unwrap_err();
        let told = error.message();
        assert!(told.contains("a.parquet") && told.contains("b.parquet"), "{told}");
        assert_eq!(value(&session, "SELECT count(*) FROM t").await, "2");
        session.collect("DROP TABLE t").await.unwrap();
    }
}
