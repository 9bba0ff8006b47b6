//! Rows that are sorted by what is computed: `ORDER BY -length(text)`.
//!
//! Where the engine cannot tell the range of an expression's values it also forgets that it
//! sorted rows by it, and then refuses its own plan as one whose rows are in no order. Such
//! an expression becomes a column before rows are sorted by it: of columns the engine
//! forgets nothing.
//!
//! Windows over one order are computed together, and the engine takes it that they name
//! their keys alike. Where it makes a column of a key, it calls it by the old name in some
//! of them and not in others; here all lose these names.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::alias::AliasGenerator;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Projection, Sort, SortExpr, Window};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalSortExpr, create_physical_expr};

/// The rule, for plans whose expressions are as they will be run.
#[derive(Debug)]
pub(super) struct SortByColumns;

impl OptimizerRule for SortByColumns {
    fn name(&self) -> &'static str {
        "sort_by_columns"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let names = config.alias_generator();
        let plan = alike(plan)?;
        let (plan, is_changed) = (plan.data, plan.transformed);
        let sorted = match &plan {
            LogicalPlan::Sort(sort) => by_columns(sort, names)?,
            LogicalPlan::Window(window) => windows(window, names)?,
            LogicalPlan::Aggregate(groups) => aggregates(groups, names)?,
            _ => None,
        };
        let Some(sorted) = sorted else {
            return Ok(Transformed::new_transformed(plan, is_changed));
        };
        // Without the columns that were only sorted by.
        let columns = plan.schema().columns().into_iter().map(Expr::Column).collect();
        let columns = Projection::try_new(columns, Arc::new(sorted))?;
        Ok(Transformed::yes(LogicalPlan::Projection(columns)))
    }
}

fn by_columns(sort: &Sort, names: &AliasGenerator) -> Result<Option<LogicalPlan>> {
    let mut keys = Keys::of(&sort.input, names);
    let mut expr = sort.expr.clone();
    keys.sort(&mut expr);
    let Some(input) = keys.computed()? else { return Ok(None) };
    Ok(Some(LogicalPlan::Sort(Sort { expr, input, fetch: sort.fetch })))
}

fn windows(window: &Window, names: &AliasGenerator) -> Result<Option<LogicalPlan>> {
    let mut keys = Keys::of(&window.input, names);
    let calls: Result<_> = window.window_expr.iter().map(|call| keys.within(call)).collect();
    let calls = calls?;
    let Some(input) = keys.computed()? else { return Ok(None) };
    Ok(Some(LogicalPlan::Window(Window::try_new(calls, input)?)))
}

/// `plan`, whose windows have keys without names of their own.
fn alike(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if !matches!(plan, LogicalPlan::Window(_)) {
        return Ok(Transformed::no(plan));
    }
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|call| {
        let name = names.save(&call);
        Ok(call.transform_up(without_names)?.update_data(|call| name.restore(call)))
    })
}

/// A call over windows, whose keys lose their names.
fn without_names(mut part: Expr) -> Result<Transformed<Expr>> {
    let Expr::WindowFunction(call) = &mut part else { return Ok(Transformed::no(part)) };
    let params = &mut call.params;
    let orders = params.order_by.iter_mut().map(|order| &mut order.expr);
    let mut is_changed = false;
    for key in params.partition_by.iter_mut().chain(orders) {
        let plain = std::mem::take(key).unalias_nested();
        is_changed |= plain.transformed;
        *key = plain.data;
    }
    Ok(Transformed::new_transformed(part, is_changed))
}

fn aggregates(groups: &Aggregate, names: &AliasGenerator) -> Result<Option<LogicalPlan>> {
    let mut keys = Keys::of(&groups.input, names);
    let calls: Result<_> = groups.aggr_expr.iter().map(|call| keys.within(call)).collect();
    let calls = calls?;
    let Some(input) = keys.computed()? else { return Ok(None) };
    let groups = Aggregate::try_new(input, groups.group_expr.clone(), calls)?;
    Ok(Some(LogicalPlan::Aggregate(groups)))
}

/// The expressions that rows are sorted by and that become columns.
struct Keys<'a> {
    rows: &'a Arc<LogicalPlan>,
    names: &'a AliasGenerator,
    /// Each with the name of its column.
    columns: Vec<(Expr, String)>,
}

impl<'a> Keys<'a> {
    fn of(rows: &'a Arc<LogicalPlan>, names: &'a AliasGenerator) -> Self {
        Self { rows, names, columns: Vec::new() }
    }

    /// What to sort by instead of `key`.
    fn key(&mut self, key: Expr) -> Expr {
        if is_kept_in_mind(&key, self.rows.schema()) {
            return key;
        }
        let key = key.unalias();
        let known = self.columns.iter().find(|(known, _)| *known == key);
        let name = match known {
            Some((_, name)) => name.clone(),
            None => {
                let name = self.names.next("__sort_key");
                self.columns.push((key, name.clone()));
                name
            }
        };
        Expr::Column(Column::from_name(name))
    }

    /// Has `orders` be of columns where it has to.
    fn sort(&mut self, orders: &mut [SortExpr]) {
        for order in orders {
            order.expr = self.key(std::mem::take(&mut order.expr));
        }
    }

    /// A call that looks at sorted rows, which keeps its name.
    fn within(&mut self, call: &Expr) -> Result<Expr> {
        let name = NamePreserver::new_for_projection().save(call);
        let call = call.clone().transform_up(|mut part| {
            let is_changed = match &mut part {
                Expr::AggregateFunction(call) => {
                    self.sort(&mut call.params.order_by);
                    true
                }
                Expr::WindowFunction(call) => {
                    self.sort(&mut call.params.order_by);
                    let parts = std::mem::take(&mut call.params.partition_by);
                    call.params.partition_by =
                        parts.into_iter().map(|part| self.key(part)).collect();
                    true
                }
                _ => false,
            };
            Ok(Transformed::new_transformed(part, is_changed))
        })?;
        Ok(name.restore(call.data))
    }

    /// The rows with the new columns, if there are any.
    fn computed(self) -> Result<Option<Arc<LogicalPlan>>> {
        if self.columns.is_empty() {
            return Ok(None);
        }
        let columns = self.rows.schema().columns().into_iter().map(Expr::Column);
        let keys = self.columns.into_iter().map(|(key, name)| key.alias(name));
        let all = columns.chain(keys).collect();
        let rows = Projection::try_new(all, Arc::clone(self.rows))?;
        Ok(Some(Arc::new(LogicalPlan::Projection(rows))))
    }
}

/// Whether the engine knows of rows that were sorted by `key` that they are in its order.
/// True of what it computes only in other ways, such as a subquery.
fn is_kept_in_mind(key: &Expr, schema: &DFSchema) -> bool {
    if matches!(key, Expr::Column(_) | Expr::Literal(..)) {
        return true;
    }
    let (props, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    let key = create_physical_expr(key, schema, &props, &context);
    key.map_or(true, |key| is_known(&PhysicalSortExpr::new_default(key), schema.inner()))
}

/// Whether the engine knows of rows in this order that they are in it.
pub(super) fn is_known(order: &PhysicalSortExpr, schema: &SchemaRef) -> bool {
    let sorted = EquivalenceProperties::new_with_orderings(Arc::clone(schema), [[order.clone()]]);
    sorted.ordering_satisfy([order.clone()]).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_are_sorted_by_whatever_is_computed() {
        let settings = Settings { threads: 4, ..Settings::default() };
        let session = Session::new(None, settings).unwrap();
        for sql in [
            "CREATE TABLE a AS SELECT * FROM (VALUES (1), (2), (4), (NULL)) AS t(n)",
            "CREATE TABLE b AS SELECT * FROM (VALUES (1), (2), (2)) AS t(m)",
        ] {
            session.collect(sql).await.unwrap();
        }
        for (sql, wanted) in [
            ("SELECT n FROM # ORDER BY -coalesce(n, m)", &["n", "4", "2", "2", "1", ""][..]),
            ("SELECT n FROM # ORDER BY abs(coalesce(n, m)) DESC LIMIT 2", &["n", "4", "2"]),
            (
                "SELECT -n AS n FROM # ORDER BY abs(coalesce(n, m))",
                &["n", "-1", "-2", "-2", "-4", ""],
            ),
            ("SELECT n FROM # ORDER BY coalesce(n, m) > 1, n", &["n", "1", "2", "2", "4", ""]),
            (
                "SELECT n, rank() OVER (ORDER BY -coalesce(n, m)) AS r,
                 sum(n) OVER (ORDER BY -coalesce(n, m)) AS s FROM # ORDER BY r",
                &["n|r|s", "4|1|4", "2|2|8", "2|2|8", "1|4|9", "|5|9"],
            ),
            (
                "SELECT n, count(*) OVER (PARTITION BY coalesce(n, m) > 1) AS c FROM #
                 ORDER BY c, n",
                &["n|c", "1|1", "|1", "2|3", "2|3", "4|3"],
            ),
            (
                "SELECT string_agg(n::varchar, ',' ORDER BY -coalesce(n, m)) AS l FROM #",
                &["l", "4,2,2,1"],
            ),
            (
                "SELECT n > 1 AS b, string_agg(n::varchar, ',' ORDER BY abs(coalesce(n, m)) DESC)
                 FROM # GROUP BY n > 1 ORDER BY b",
                &[
                    "b|string_agg(n::VARCHAR, ',' ORDER BY abs(coalesce(n, m)) DESC)",
                    "false|1",
                    "true|4,2,2",
                    "|",
                ],
            ),
        ] {
            let sql = sql.replace('#', "a LEFT JOIN b ON n = m");
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn windows_over_one_computed_order_are_computed_together() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(VALUES (1, 2, 3), (2, 2, 4), (3, 1, 5)) AS t(id, g, k)";
        for (calls, wanted) in [
            (
                "max(k - 10) OVER (PARTITION BY g ORDER BY -k, id ROWS 2 PRECEDING) AS v,
                 ntile(4) OVER (PARTITION BY g ORDER BY -k, id) AS w",
                ["id|v|w", "1|-6|2", "2|-6|1", "3|-5|1"],
            ),
            (
                "sum(k + 1) OVER (PARTITION BY -g ORDER BY -k) AS v,
                 row_number() OVER (PARTITION BY -g ORDER BY -k) AS w",
                ["id|v|w", "1|9|2", "2|5|1", "3|6|1"],
            ),
            (
                "sum(k * 2) OVER (ORDER BY k % 3 + 1, id) AS v,
                 lag(k) OVER (ORDER BY k % 3 + 1, id) AS w",
                ["id|v|w", "1|6|", "2|14|3", "3|24|4"],
            ),
        ] {
            let sql = format!("SELECT id, {calls} FROM {rows} ORDER BY id");
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test]
    async fn what_the_engine_keeps_in_mind_stays_as_it_is() {
        let session = Session::new(None, Settings::default()).unwrap();
        let table = "(SELECT value AS n FROM generate_series(1, 3))";
        for order in ["n + 1", "abs(n)", "n DESC", "length(n::varchar)"] {
            let sql = format!("EXPLAIN SELECT n FROM {table} ORDER BY {order}");
            let plan = answer(&session, &sql).await.join("\n");
            assert!(!plan.contains("__sort_key"), "{plan}");
        }
        let sql = format!("EXPLAIN SELECT n FROM {table} ORDER BY -round(n::double)");
        let plan = answer(&session, &sql).await.join("\n");
        assert!(plan.contains("__sort_key"), "{plan}");
    }
}
