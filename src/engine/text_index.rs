//! Looks words up in the indexes of the texts before they are searched.
//!
//! The scan of `posts` is told which rows may hold the words; the filter stays
//! and has the last word. In EXPLAIN the scan shows how many rows are left.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TableScan, Volatility, lit,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::scalar::ScalarValue;

use super::options::Options;
use crate::catalog::{Selection, StoreTable};
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
        if !Options::of(&config.options()).text_index || scan.filters.iter().any(is_note) {
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
    let Ok(provider) = source_as_provider(&scan.source) else { return Ok(None) };
    let Some(table) = provider.downcast_ref::<StoreTable>() else { return Ok(None) };
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
    scan.filters.push(note(&selection.summary(table.snapshot())));
    scan.source = provider_as_source(Arc::new(table.narrowed(selection)));
    Ok(Some(scan))
}

/// A filter that lets everything pass and says in EXPLAIN what was found.
fn note(words: &str) -> Expr {
    let function = Arc::new(ScalarUDF::from(Note::default()));
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![lit(words)]))
}

fn is_note(filter: &Expr) -> bool {
    matches!(filter, Expr::ScalarFunction(call) if call.name() == NOTE)
}

/// The name of the function in EXPLAIN.
const NOTE: &str = "text_index";

/// True, whatever its argument.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Note {
    signature: Signature,
}

impl Default for Note {
    fn default() -> Self {
        // Volatile, so that no rule puts its value in its place.
        Self { signature: Signature::any(1, Volatility::Volatile) }
    }
}

impl ScalarUDFImpl for Note {
    fn name(&self) -> &str {
        NOTE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))))
    }
}
