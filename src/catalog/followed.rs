//! Views that the session made, over the tables that have the names now: a view is a plan,
//! which keeps the table that was there when it was made.

use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::datasource::{ViewTable, provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, TableScan, TableScanBuilder};

use super::asked::{Asked, Look};
use super::own_table::OwnTable;
use super::table::foreign;
use crate::error::Error;

/// The table that has a name now, if there is one.
type Now<'a> = &'a (dyn Fn(&str) -> Option<Arc<dyn TableProvider>> + Sync);

/// The `table` called `name`; if it is a view, of the tables that `now` have the names of
/// those that it reads. If one of them is gone, or has other columns, that is told of where
/// the view is read.
pub(super) fn followed(
    name: &str,
    table: Arc<dyn TableProvider>,
    now: Now<'_>,
) -> Result<Arc<dyn TableProvider>> {
    let Some(view) = table.downcast_ref::<ViewTable>() else { return Ok(table) };
    let mut read = Vec::new();
    view.logical_plan().apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && is_another(scan, now)
        {
            read.push(unlike(name, scan, now));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if read.is_empty() {
        return Ok(table);
    }
    if let Some(error) = read.into_iter().flatten().next() {
        return Ok(Arc::new(Asked { table, look: Refusing(error) }));
    }
    let plan = view.logical_plan().clone().transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(scan) => {
            Ok(Transformed::yes(LogicalPlan::TableScan(current(scan, now)?)))
        }
        // What is read may have values missing where there were none.
        node => Ok(Transformed::yes(node.recompute_schema()?)),
    })?;
    Ok(Arc::new(ViewTable::new(plan.data, view.definition().cloned())))
}

/// Whether `scan` is of a table of the session that no longer has its name.
fn is_another(scan: &TableScan, now: Now<'_>) -> bool {
    let Ok(read) = source_as_provider(&scan.source) else { return false };
    let Some(read) = read.downcast_ref::<OwnTable>() else { return false };
    match now(scan.table_name.table()) {
        Some(now) => now.downcast_ref::<OwnTable>().is_none_or(|now| !now.is(read)),
        None => true,
    }
}

/// What is wrong with the table that has the name of that of `scan` now, for the view `name`.
fn unlike(name: &str, scan: &TableScan, now: Now<'_>) -> Option<Error> {
    let table = scan.table_name.table();
    let what = match now(table) {
        Some(now) if has_columns_of(scan, now.as_ref()) => return None,
        Some(_) => "has other columns now",
        None => "is no longer there",
    };
    let error = Error::query(format!("the view {name} reads the table {table}, which {what}"));
    Some(error.hint(format!("make the view anew: CREATE OR REPLACE VIEW {name} AS ...")))
}

/// Whether `table` has the columns that are there for `scan`.
fn has_columns_of(scan: &TableScan, table: &dyn TableProvider) -> bool {
    let (old, new) = (scan.source.schema(), table.schema());
    let is_same = |(old, new): (&FieldRef, &FieldRef)| {
        old.name() == new.name() && old.data_type() == new.data_type()
    };
    old.fields().len() == new.fields().len() && old.fields().iter().zip(new.fields()).all(is_same)
}

/// `scan` of the table that has the name now.
fn current(scan: TableScan, now: Now<'_>) -> Result<TableScan> {
    match now(scan.table_name.table()) {
        Some(table) if is_another(&scan, now) => {
            TableScanBuilder::new(scan.table_name, provider_as_source(table))
                .with_projection(scan.projection)
                .with_filters(scan.filters)
                .with_fetch(scan.fetch)
                .build()
        }
        _ => Ok(scan),
    }
}

/// Tells what is wrong with a view where it is read.
#[derive(Debug)]
struct Refusing(Error);

impl Look for Refusing {
    fn look(&self, _columns: &Schema, _is_asked: &dyn Fn(usize) -> bool) -> Result<()> {
        Err(foreign(self.0.clone()))
    }
}
