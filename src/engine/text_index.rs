//! Looks words up in the indexes of the texts before they are searched.
//!
//! The scan of `posts` is told which rows may hold the words; the filter stays
//! and has the last word. In EXPLAIN the scan shows how many rows are left.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::note;
use crate::catalog::{Levers, Selection, StoreTable};
use crate::index::{self, Search};

/// The rule that narrows scans by the indexes of the texts.
#[derive(Debug, Default)]
pub(super) struct UseTextIndex;

impl OptimizerRule for UseTextIndex {
    fn name(&self) -> &'static str {
        "use_text_index"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::TableScan(scan) = plan else { return Ok(Transformed::no(plan)) };
        if !Levers::of(&config.options()).text_index || scan.filters.iter().any(is_noted) {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        }
        Ok(match narrowed(&scan)? {
            Some(scan) => Transformed::yes(LogicalPlan::TableScan(scan)),
            None => Transformed::no(LogicalPlan::TableScan(scan)),
        })
    }
}

/// The scan with fewer rows; none if the indexes cannot tell.
fn narrowed(scan: &TableScan) -> Result<Option<TableScan>> {
    let Some(table) = StoreTable::of_scan(scan) else { return Ok(None) };
    if !index::covers(table.snapshot().table) {
        return Ok(None);
    }
    let search = Search::of(&scan.filters);
    if search == Search::Anything {
        return Ok(None);
    }
    let selection = match table.selection() {
        Some(selection) => Some(selection.clone()),
        None => Selection::find(table.snapshot(), &search),
    };
    let Some(selection) = selection else { return Ok(None) };
    let mut scan = scan.clone();
    scan.filters.push(note::note(note::TEXT_INDEX, &selection.summary()));
    scan.source = provider_as_source(Arc::new(table.narrowed(selection)));
    Ok(Some(scan))
}

fn is_noted(filter: &Expr) -> bool {
    note::is_note(filter, note::TEXT_INDEX)
}
