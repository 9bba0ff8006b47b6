//! Reads wide columns only of the rows that come out in the end.
//!
//! "The most reposted posts" sorts all posts by one number, and shows the texts of
//! ten. So the rows are found by the columns that decide, and then the others are
//! fetched for them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{FetchType, LogicalPlan, TableScan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;

use crate::catalog::{FetchColumns, HeldScan, Levers, StoreTable};
use crate::engine::sort_columns::is_known;

/// More rows than this are not few.
const FEW: usize = 1000;

/// The rule that tells scans of which few rows are wanted.
#[derive(Debug)]
pub(super) struct FewRows;

impl OptimizerRule for FewRows {
    fn name(&self) -> &'static str {
        "few_rows"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let rows = match &plan {
            LogicalPlan::Sort(sort) => sort.fetch,
            LogicalPlan::Limit(limit) => match limit.get_fetch_type()? {
                FetchType::Literal(rows) => rows,
                FetchType::UnsupportedExpr => None,
            },
            _ => None,
        };
        if rows.is_none_or(|rows| rows > FEW) || !Levers::of(&config.options()).late_columns {
            return Ok(Transformed::no(plan));
        }
        plan.map_children(told)
    }
}

/// `plan` with its scan told, if it gives rows of the scan one by one.
fn told(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Sort(_) => plan.map_children(told),
        LogicalPlan::TableScan(scan) => {
            let table = StoreTable::of_scan(&scan).filter(|table| !table.is_for_few_rows());
            let Some(table) = table else {
                return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
            };
            let source = provider_as_source(Arc::new(table.for_few_rows()));
            Ok(Transformed::yes(LogicalPlan::TableScan(TableScan { source, ..scan })))
        }
        plan => Ok(Transformed::no(plan)),
    }
}

/// The rule that has such a scan leave out what is better fetched afterwards.
#[derive(Debug)]
pub(super) struct LateColumns;

impl PhysicalOptimizerRule for LateColumns {
    fn name(&self) -> &'static str {
        "late_columns"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            let late = Sorted::of(&node).map(Sorted::fetched_late).transpose()?.flatten();
            Ok(match late {
                Some(plan) => Transformed::new(plan, true, TreeNodeRecursion::Jump),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The first rows of a scan that is filtered and sorted; all expressions speak of the
/// columns of the scan.
struct Sorted {
    scan: HeldScan,
    filters: Vec<Arc<dyn PhysicalExpr>>,
    order: Vec<PhysicalSortExpr>,
    /// How many are sorted out, and how many of these are passed over.
    rows: usize,
    passed_over: usize,
    output: Vec<ProjectionExpr>,
}

impl Sorted {
    /// What `node` gives, if it is that and few rows come out.
    fn of(node: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let limit = node.downcast_ref::<GlobalLimitExec>();
        let sort = limit.map_or(node, GlobalLimitExec::input).downcast_ref::<SortExec>()?;
        let (rows, passed_over) = (sort.fetch()?, limit.map_or(0, GlobalLimitExec::skip));
        if rows.saturating_sub(passed_over) > FEW {
            return None;
        }
        let schema = sort.input().schema();
        let columns = schema.fields().iter().enumerate().map(|(index, field)| {
            let expr = Arc::new(Column::new(field.name(), index));
            ProjectionExpr { expr, alias: field.name().clone() }
        });
        let mut output: Vec<ProjectionExpr> = columns.collect();
        let mut order: Vec<PhysicalSortExpr> = sort.expr().iter().cloned().collect();
        let mut filters: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
        let mut input = sort.input();
        loop {
            if let Some(scan) = input.downcast_ref::<HeldScan>() {
                // What is not is a column below the sort, and has to stay one.
                if !order.iter().all(|one| is_known(one, &scan.schema())) {
                    return None;
                }
                let scan = scan.clone();
                return Some(Self { scan, filters, order, rows, passed_over, output });
            }
            if let Some(filter) = input.downcast_ref::<FilterExec>() {
                if filter.projection().is_some() {
                    return None;
                }
                filters.push(Arc::clone(filter.predicate()));
                input = filter.input();
                continue;
            }
            let projection = input.downcast_ref::<ProjectionExec>()?;
            if projection.expr().iter().any(|one| is_volatile(&one.expr)) {
                return None;
            }
            let below =
                |index: usize| projection.expr().get(index).map(|one| Arc::clone(&one.expr));
            for one in &mut output {
                one.expr = replaced(&one.expr, below)?;
            }
            for one in &mut order {
                one.expr = replaced(&one.expr, below)?;
            }
            for one in &mut filters {
                *one = replaced(one, below)?;
            }
            input = projection.input();
        }
    }

    /// The same rows, found without the columns that only come out; `None` if these
    /// are none that are better fetched.
    fn fetched_late(self) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let deciding = self.order.iter().map(|one| &one.expr).chain(&self.filters);
        let early = columns(deciding);
        let shown = columns(self.output.iter().map(|one| &one.expr));
        let late: Vec<usize> = shown.difference(&early).copied().collect();
        let early: Vec<usize> = early.into_iter().collect();
        let better = |column: &usize| self.scan.is_better_fetched(*column);
        // The first rows tell soon which others can be among them, so that the scan itself
        // reads few of its columns; who passes over many sorts all of them.
        let is_worth_it = if self.rows <= FEW {
            late.iter().any(better) && !early.iter().any(better)
        } else {
            self.scan.is_for_few_rows() && !late.is_empty()
        };
        if !is_worth_it {
            return Ok(None);
        }
        let schema = self.scan.schema();
        let places: HashMap<usize, usize> =
            early.iter().chain(&late).enumerate().map(|(place, column)| (*column, place)).collect();
        let moved = |expression: &Arc<dyn PhysicalExpr>| {
            let column = |index: usize| -> Option<Arc<dyn PhysicalExpr>> {
                Some(Arc::new(Column::new(schema.field(index).name(), *places.get(&index)?)))
            };
            replaced(expression, column)
        };
        let filters: Option<Vec<_>> = self.filters.iter().map(moved).collect();
        let order: Option<Vec<_>> = self
            .order
            .iter()
            .map(|one| Some(PhysicalSortExpr::new(moved(&one.expr)?, one.options)))
            .collect();
        let output: Option<Vec<_>> = self
            .output
            .iter()
            .map(|one| Some(ProjectionExpr { expr: moved(&one.expr)?, alias: one.alias.clone() }))
            .collect();
        let (Some(filters), Some(order), Some(output)) = (filters, order, output) else {
            return Ok(None);
        };
        let Some(order) = LexOrdering::new(order) else { return Ok(None) };
        let mut plan: Arc<dyn ExecutionPlan> = Arc::new(self.scan.addressed(&early)?);
        for filter in filters.into_iter().rev() {
            plan = Arc::new(FilterExec::try_new(filter, plan)?);
        }
        plan = Arc::new(SortExec::new(order, plan).with_fetch(Some(self.rows)));
        if self.passed_over > 0 {
            let rows = self.rows.saturating_sub(self.passed_over);
            plan = Arc::new(GlobalLimitExec::new(plan, self.passed_over, Some(rows)));
        }
        plan = Arc::new(FetchColumns::new(plan, &self.scan, &late)?);
        Ok(Some(Arc::new(ProjectionExec::try_new(output, plan)?)))
    }
}

/// The columns that some expressions look at.
fn columns<'a>(expressions: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>) -> BTreeSet<usize> {
    expressions.flat_map(collect_columns).map(|column| column.index()).collect()
}

/// `expression` with something else in the place of each column; `None` if there is
/// nothing for one.
fn replaced(
    expression: &Arc<dyn PhysicalExpr>,
    by: impl Fn(usize) -> Option<Arc<dyn PhysicalExpr>>,
) -> Option<Arc<dyn PhysicalExpr>> {
    let mut all_known = true;
    let replaced = Arc::clone(expression).transform_up(|one| {
        let Some(column) = one.downcast_ref::<Column>() else { return Ok(Transformed::no(one)) };
        match by(column.index()) {
            Some(other) => Ok(Transformed::yes(other)),
            None => {
                all_known = false;
                Ok(Transformed::no(one))
            }
        }
    });
    replaced.ok().filter(|_| all_known).map(|replaced| replaced.data)
}
