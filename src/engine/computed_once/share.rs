//! Puts scans of a table in the place of a query by name that is to be computed once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, plan_err};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::source_as_provider;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, RecursiveQuery, SubqueryAlias, TableScan};
use datafusion::optimizer::AnalyzerRule;

use super::mark::{Mark, When};
use super::table::CommonTable;
use crate::engine::unnested::columns_around;
use crate::error::Error;

/// The rule. It leaves no marks but those that are in no place where they were put.
#[derive(Debug)]
pub(super) struct Share;

impl AnalyzerRule for Share {
    fn name(&self) -> &'static str {
        "share_common_tables"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        check_steps(&plan)?;
        let uses = uses(&plan)?;
        if uses.is_empty() {
            return Ok(plan);
        }
        let mut sharing = Sharing { uses, tables: HashMap::new() };
        let shared = plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::SubqueryAlias(alias) => sharing.change(alias),
            node => Ok(Transformed::no(node)),
        });
        shared.map(|shared| shared.data)
    }
}

/// The marks in a plan, each with how often it is there.
fn uses(plan: &LogicalPlan) -> Result<HashMap<String, usize>> {
    let mut uses = HashMap::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::SubqueryAlias(alias) = node
            && Mark::of(&alias.alias).is_some()
        {
            *uses.entry(alias.alias.table().to_owned()).or_default() += 1;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(uses)
}

struct Sharing {
    uses: HashMap<String, usize>,
    /// What was decided of a mark: the table, if it is computed once.
    tables: HashMap<String, Option<CommonTable>>,
}

impl Sharing {
    fn change(&mut self, alias: SubqueryAlias) -> Result<Transformed<LogicalPlan>> {
        let changed = match Mark::of(&alias.alias) {
            Some(mark) => self.scan(&alias, mark)?.map(Arc::new),
            None => marked(&alias),
        };
        Ok(match changed {
            Some(input) => {
                let alias = SubqueryAlias::try_new(input, alias.alias)?;
                Transformed::yes(LogicalPlan::SubqueryAlias(alias))
            }
            None => Transformed::no(LogicalPlan::SubqueryAlias(alias)),
        })
    }

    /// The scan that takes the place of what is below `alias`, whose name is `mark`; none
    /// if that is computed for each use.
    fn scan(&mut self, alias: &SubqueryAlias, mark: Mark) -> Result<Option<LogicalPlan>> {
        if is_scanned(&alias.input) {
            return Ok(None);
        }
        let key = alias.alias.table();
        let table = match self.tables.get(key) {
            Some(decided) => decided.clone(),
            None => {
                let decided = self.table(alias, mark)?;
                self.tables.insert(key.to_owned(), decided.clone());
                decided
            }
        };
        let Some(table) = table else { return Ok(None) };
        if table.columns() != alias.input.schema().inner() {
            return plan_err!("the uses of {} do not fit one another", table.name);
        }
        table.scan().map(Some)
    }

    fn table(&self, alias: &SubqueryAlias, mark: Mark) -> Result<Option<CommonTable>> {
        let (query, uses) = (&alias.input, self.uses.get(alias.alias.table()));
        let wanted = mark.when != When::Costly || is_costly(query)?;
        if uses.is_none_or(|uses| *uses < 2) || !wanted {
            return Ok(None);
        }
        if !stands_alone(query)? {
            return if mark.when == When::Changing { Err(refusal(&mark.name)) } else { Ok(None) };
        }
        let number = self.tables.values().flatten().count() + 1;
        Ok(Some(CommonTable { number, name: mark.name, query: Arc::clone(query) }))
    }
}

/// Whether `plan` is the scan of such a table: what CREATE TABLE makes one of is analyzed
/// twice.
fn is_scanned(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => CommonTable::of(scan).is_some(),
        LogicalPlan::Limit(limit) => is_scanned(&limit.input),
        LogicalPlan::Projection(projection) => is_scanned(&projection.input),
        _ => false,
    }
}

fn refusal(name: &str) -> DataFusionError {
    let error = Error::query(format!(
        "{name} is used more than once, would be other rows each time, and asks columns of a \
         query around it"
    ));
    DataFusionError::External(Box::new(error.hint("use it once, or ask for all rows in it")))
}

/// What `alias` stands for, without the mark that was put between: all columns of a query
/// that is marked.
fn marked(alias: &SubqueryAlias) -> Option<Arc<LogicalPlan>> {
    let LogicalPlan::Projection(all) = alias.input.as_ref() else { return None };
    let LogicalPlan::SubqueryAlias(inner) = all.input.as_ref() else { return None };
    Mark::of(&inner.alias)?;
    let fields = inner.schema.fields();
    let mut pairs = all.expr.iter().zip(fields);
    let is_all = all.expr.len() == fields.len()
        && pairs.all(|(one, field)| matches!(one, Expr::Column(one) if one.name == *field.name()));
    is_all.then(|| Arc::clone(&inner.input))
}

/// Whether a query does more than to choose and compute from each row of a table: then it
/// takes longer than to keep what it gives. So it is taken to be too if it is by chance,
/// which may be in a query that another one names.
fn is_costly(query: &LogicalPlan) -> Result<bool> {
    let mut is_costly = query.exists(|node| Ok(!goes_row_by_row(node)))?;
    query.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            is_costly |= expression.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(is_costly)
}

fn goes_row_by_row(node: &LogicalPlan) -> bool {
    match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Values(_) => true,
        // What only orders the rows of a table that others select from does nothing.
        LogicalPlan::Sort(sort) => sort.fetch.is_none(),
        _ => false,
    }
}

/// Whether a query is the same wherever it stands: it asks no columns from outside, and
/// reads no rows of a recursive query that goes on around it.
fn stands_alone(query: &LogicalPlan) -> Result<bool> {
    let (mut made, mut read) = (HashSet::new(), HashSet::new());
    query.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::RecursiveQuery(recursive) => {
                made.insert(recursive.name.clone());
            }
            LogicalPlan::TableScan(scan) => read.extend(work_table(scan)),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    // What a query after LATERAL asks of the table beside it is within.
    Ok(read.is_subset(&made) && columns_around(query).is_empty())
}

/// Refuses a recursive query that reads the rows of its last step more than once, since they
/// go to the first that asks for them, or in a subquery: a value is computed before all steps,
/// and a query that names itself in subqueries only is planned as one without steps.
fn check_steps(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| match node {
        LogicalPlan::RecursiveQuery(RecursiveQuery { name, recursive_term, .. })
            if reads(recursive_term, name)? > 1 || is_read_in_a_value(recursive_term, name)? =>
        {
            Err(own_rows(name))
        }
        _ => Ok(TreeNodeRecursion::Continue),
    })?;
    plan.apply_with_subqueries(|node| match node {
        LogicalPlan::RecursiveQuery(_) => Ok(TreeNodeRecursion::Jump),
        LogicalPlan::TableScan(scan) => match work_table(scan) {
            Some(name) => Err(own_rows(&name)),
            None => Ok(TreeNodeRecursion::Continue),
        },
        _ => Ok(TreeNodeRecursion::Continue),
    })
    .map(|_| ())
}

fn own_rows(name: &str) -> DataFusionError {
    let error = Error::query(format!("{name} asks for its own rows in a subquery, or twice"));
    let hint = format!(
        "name {name} once behind UNION, in FROM; max(n) OVER () is the largest n of its last rows"
    );
    DataFusionError::External(Box::new(error.hint(hint)))
}

/// How often `step` reads the last rows of the recursive query called `name`.
fn reads(step: &LogicalPlan, name: &str) -> Result<usize> {
    let mut reads = 0;
    step.apply_with_subqueries(|node| match node {
        LogicalPlan::RecursiveQuery(other) if other.name == name => Ok(TreeNodeRecursion::Jump),
        LogicalPlan::TableScan(scan) => {
            reads += usize::from(work_table(scan).is_some_and(|read| read == name));
            Ok(TreeNodeRecursion::Continue)
        }
        _ => Ok(TreeNodeRecursion::Continue),
    })?;
    Ok(reads)
}

fn is_read_in_a_value(step: &LogicalPlan, name: &str) -> Result<bool> {
    let mut is_read = false;
    step.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::ScalarSubquery(asked) = part
                    && asked.outer_ref_columns.is_empty()
                {
                    is_read |= reads(&asked.subquery, name)? > 0;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(is_read)
}

/// The recursive query whose last rows `scan` reads, if it does.
fn work_table(scan: &TableScan) -> Option<String> {
    let provider = source_as_provider(&scan.source).ok()?;
    provider.downcast_ref::<CteWorkTable>().map(|table| table.name().to_owned())
}
