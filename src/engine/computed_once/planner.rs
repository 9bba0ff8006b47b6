//! Plans statements in which queries by name are computed once.
//!
//! What a use does with the rows is planned first: then it is known which columns are
//! wanted of a query, by all of its uses together. Those are what it is planned for, once,
//! with whatever makes plans fast; and all uses get the same computation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Column, Result, internal_err};
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableScan};
use datafusion::physical_expr::expressions::Column as Place;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

use super::computation::Computation;
use super::operator::ComputedOnce;
use super::table::CommonTable;

/// The planner.
#[derive(Debug)]
pub(super) struct PlanOnce;

#[async_trait]
impl QueryPlanner for PlanOnce {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let engine = DefaultPhysicalPlanner::default();
        let mut uses = BTreeMap::new();
        add_uses(plan, &mut uses)?;
        if uses.is_empty() {
            return engine.create_physical_plan(plan, session).await;
        }
        let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
            return internal_err!("a session of another kind");
        };
        let mut planned = HashMap::new();
        for query in Query::all(uses, state)?.into_iter().rev() {
            let input = with_planned(query.plan, &planned)?;
            let input = engine.create_physical_plan(&input, session).await?;
            let table = Planned::new(&query.table, query.columns, input)?;
            planned.insert(query.table.number, table);
        }
        let plan = with_planned(plan.clone(), &planned)?;
        engine.create_physical_plan(&plan, session).await
    }
}

/// What the uses of a query want together.
struct Uses {
    table: CommonTable,
    columns: BTreeSet<usize>,
}

/// Adds to `uses` those in `plan`.
fn add_uses(plan: &LogicalPlan, uses: &mut BTreeMap<usize, Uses>) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(table) = CommonTable::of(scan)
        {
            let all = table.columns().fields().len();
            let of_table = uses
                .entry(table.number)
                .or_insert_with(|| Uses { table, columns: BTreeSet::new() });
            match &scan.projection {
                Some(columns) => of_table.columns.extend(columns),
                None => of_table.columns.extend(0..all),
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

impl Uses {
    /// The columns to be computed: at least one, and where rows are only counted one
    /// that takes little.
    fn columns(&self) -> Vec<usize> {
        if !self.columns.is_empty() {
            return self.columns.iter().copied().collect();
        }
        let mut fields = self.table.columns().fields().iter();
        vec![fields.position(|field| field.data_type().primitive_width().is_some()).unwrap_or(0)]
    }
}

/// What is computed for all uses of a query.
struct Query {
    table: CommonTable,
    columns: Vec<usize>,
    plan: LogicalPlan,
}

impl Query {
    /// Those with `uses`, and those that they use in turn, each behind all that use it.
    fn all(mut uses: BTreeMap<usize, Uses>, state: &SessionState) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        while let Some((_, of_table)) = uses.pop_last() {
            let columns = of_table.columns();
            let plan = chosen(&of_table.table.query, &columns)?;
            let plan = state.optimizer().optimize(plan, state, |_, _| {})?;
            add_uses(&plan, &mut uses)?;
            all.push(Self { table: of_table.table, columns, plan });
        }
        Ok(all)
    }
}

/// These columns of `query`.
fn chosen(query: &LogicalPlan, columns: &[usize]) -> Result<LogicalPlan> {
    let schema = query.schema();
    if columns.len() == schema.fields().len() {
        return Ok(query.clone());
    }
    let columns: Vec<Expr> = columns
        .iter()
        .map(|column| Expr::Column(Column::from(schema.qualified_field(*column))))
        .collect();
    LogicalPlanBuilder::from(query.clone()).project(columns)?.build()
}

/// `plan` with scans of what is `planned`, by the numbers of the tables.
fn with_planned(plan: LogicalPlan, planned: &HashMap<usize, Planned>) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
        let table = CommonTable::of(&scan).and_then(|table| planned.get(&table.number));
        let Some(table) = table else { return Ok(Transformed::no(LogicalPlan::TableScan(scan))) };
        let source = provider_as_source(Arc::new(table.clone()));
        Ok(Transformed::yes(LogicalPlan::TableScan(TableScan { source, ..scan })))
    });
    plan.map(|plan| plan.data)
}

/// A query by name once it is known what is computed.
#[derive(Debug, Clone)]
struct Planned {
    /// All its columns.
    schema: SchemaRef,
    /// Those that are computed.
    columns: Vec<usize>,
    computation: Arc<Computation>,
}

impl Planned {
    fn new(
        table: &CommonTable,
        columns: Vec<usize>,
        input: Arc<dyn ExecutionPlan>,
    ) -> Result<Self> {
        let schema = Arc::clone(table.columns());
        let computed = Arc::new(schema.project(&columns)?);
        let computation = Computation::new(table.name.clone(), input, computed)?;
        let computation = match table.query.max_rows() {
            Some(0 | 1) => computation.of_one_row(),
            _ => computation,
        };
        Ok(Self { schema, columns, computation: Arc::new(computation) })
    }
}

#[async_trait]
impl TableProvider for Planned {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    /// The filters and the limit stay above.
    async fn scan(
        &self,
        _: &dyn Session,
        columns: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let once = Arc::new(ComputedOnce::new(Arc::clone(&self.computation)));
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let columns = columns.unwrap_or(&all);
        if *columns == self.columns {
            return Ok(once);
        }
        let places = columns.iter().map(|column| {
            let Some(place) = self.columns.iter().position(|computed| computed == column) else {
                return internal_err!("column {column} was not computed");
            };
            let alias = self.schema.field(*column).name().clone();
            Ok(ProjectionExpr { expr: Arc::new(Place::new(&alias, place)), alias })
        });
        let places = places.collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(places, once)?))
    }
}
