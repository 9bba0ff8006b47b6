//! A tree of joins, freed from the projections and aliases in between, for rules
//! that change one of the joined tables.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinConstraint, JoinType, NullEquality, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, Join, LogicalPlan};

/// What each column that comes out of a plan is called in the joined table that
/// it is from.
pub(super) type Origins = HashMap<Column, Column>;

/// Tables that are joined: each has a number, in the order of the tree.
#[derive(Debug)]
pub(super) enum Tree {
    /// A joined table.
    Table(usize),
    /// A join of two trees.
    Join(Box<JoinOf>),
}

/// A join; its expressions speak of the columns of the joined tables.
#[derive(Debug)]
pub(super) struct JoinOf {
    /// What is joined.
    pub(super) left: Tree,
    /// With what.
    pub(super) right: Tree,
    /// Expressions that have to be equal, one of each side.
    pub(super) on: Vec<(Expr, Expr)>,
    /// What else has to be true.
    pub(super) filter: Option<Expr>,
    join_type: JoinType,
    null_equality: NullEquality,
}

/// The joined tables of `plan`, their tree, and the origins of its columns; `None`
/// if it is no join.
pub(super) fn joined(plan: &LogicalPlan) -> Option<(Vec<Arc<LogicalPlan>>, Tree, Origins)> {
    let mut tables = Vec::new();
    if !leads_to_join(plan) {
        return None;
    }
    let (tree, origins) = flatten(plan, &mut tables)?;
    Some((tables, tree, origins))
}

/// Whether projections of plain columns, and aliases, lead to a join that keeps
/// the rows of its left side.
fn leads_to_join(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Join(join) => matches!(join.join_type, JoinType::Inner | JoinType::Left),
        LogicalPlan::SubqueryAlias(alias) => leads_to_join(&alias.input),
        LogicalPlan::Projection(projection) => {
            projection.expr.iter().all(|one| plain_column(one).is_some())
                && leads_to_join(&projection.input)
        }
        _ => false,
    }
}

/// The column that an expression is, under whatever name.
pub(super) fn plain_column(expression: &Expr) -> Option<&Column> {
    match expression {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => plain_column(&alias.expr),
        _ => None,
    }
}

fn flatten(plan: &LogicalPlan, tables: &mut Vec<Arc<LogicalPlan>>) -> Option<(Tree, Origins)> {
    if !leads_to_join(plan) {
        tables.push(Arc::new(plan.clone()));
        let own = plan.schema().columns().into_iter().map(|column| (column.clone(), column));
        return Some((Tree::Table(tables.len() - 1), own.collect()));
    }
    match plan {
        LogicalPlan::Join(join) => flatten_join(join, tables),
        LogicalPlan::SubqueryAlias(alias) => {
            let (tree, inner) = flatten(&alias.input, tables)?;
            let columns = alias.input.schema().columns();
            let origins = alias.schema.columns().into_iter().zip(columns);
            let origins = origins.map(|(outer, column)| Some((outer, inner.get(&column)?.clone())));
            Some((tree, origins.collect::<Option<_>>()?))
        }
        LogicalPlan::Projection(projection) => {
            let (tree, inner) = flatten(&projection.input, tables)?;
            let origins = projection.schema.columns().into_iter().zip(&projection.expr);
            let origins =
                origins.map(|(outer, one)| Some((outer, inner.get(plain_column(one)?)?.clone())));
            Some((tree, origins.collect::<Option<_>>()?))
        }
        _ => None,
    }
}

fn flatten_join(join: &Join, tables: &mut Vec<Arc<LogicalPlan>>) -> Option<(Tree, Origins)> {
    let (left, mut origins) = flatten(&join.left, tables)?;
    let (right, right_origins) = flatten(&join.right, tables)?;
    let on = join
        .on
        .iter()
        .map(|(ours, theirs)| Some((renamed(ours, &origins)?, renamed(theirs, &right_origins)?)));
    let on = on.collect::<Option<_>>()?;
    origins.extend(right_origins);
    let filter = match &join.filter {
        Some(filter) => Some(renamed(filter, &origins)?),
        None => None,
    };
    let (join_type, null_equality) = (join.join_type, join.null_equality);
    let join = JoinOf { left, right, on, filter, join_type, null_equality };
    Some((Tree::Join(Box::new(join)), origins))
}

/// `expression` with its columns called as in the joined tables; `None` if one is
/// not from there.
pub(super) fn renamed(expression: &Expr, origins: &Origins) -> Option<Expr> {
    let mut all_known = true;
    let renamed = expression.clone().transform(|one| match &one {
        Expr::Column(column) => match origins.get(column) {
            Some(origin) => Ok(Transformed::yes(Expr::Column(origin.clone()))),
            None => {
                all_known = false;
                Ok(Transformed::no(one))
            }
        },
        _ => Ok(Transformed::no(one)),
    });
    renamed.ok().filter(|_| all_known).map(|renamed| renamed.data)
}

impl Tree {
    /// The plan of the tree over `tables`.
    pub(super) fn plan(&self, tables: &[Arc<LogicalPlan>]) -> Result<Arc<LogicalPlan>> {
        match self {
            Self::Table(number) => Ok(Arc::clone(&tables[*number])),
            Self::Join(join) => Ok(Arc::new(LogicalPlan::Join(Join::try_new(
                join.left.plan(tables)?,
                join.right.plan(tables)?,
                join.on.clone(),
                join.filter.clone(),
                join.join_type,
                JoinConstraint::On,
                join.null_equality,
                false,
            )?))),
        }
    }

    /// All joins of the tree.
    pub(super) fn joins(&self) -> Vec<&JoinOf> {
        match self {
            Self::Table(_) => Vec::new(),
            Self::Join(join) => {
                let mut joins = vec![join.as_ref()];
                joins.extend(join.left.joins());
                joins.extend(join.right.joins());
                joins
            }
        }
    }

    /// The tables of which every row comes through, as far as it finds a partner
    /// where one is needed: not those on the right of an outer join.
    pub(super) fn kept(&self) -> Vec<usize> {
        match self {
            Self::Table(number) => vec![*number],
            Self::Join(join) => {
                let mut kept = join.left.kept();
                if join.join_type == JoinType::Inner {
                    kept.extend(join.right.kept());
                }
                kept
            }
        }
    }
}

/// How many rows the stored table has from which `plan` reads, if it does nothing
/// but choose among its rows and columns.
pub(super) fn stored_rows(plan: &LogicalPlan) -> Option<usize> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let provider = source_as_provider(&scan.source).ok()?;
            provider.statistics()?.num_rows.get_value().copied()
        }
        LogicalPlan::Projection(projection) => stored_rows(&projection.input),
        LogicalPlan::Filter(filter) => stored_rows(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => stored_rows(&alias.input),
        _ => None,
    }
}

/// Whether all columns of `expression` are of `schema`.
pub(super) fn only_of(expression: &Expr, schema: &DFSchema) -> bool {
    all_columns(expression, |column| schema.has_column(column))
}

/// Whether no column of `expression` is of `schema`.
pub(super) fn none_of(expression: &Expr, schema: &DFSchema) -> bool {
    all_columns(expression, |column| !schema.has_column(column))
}

fn all_columns(expression: &Expr, holds: impl Fn(&Column) -> bool) -> bool {
    let mut all = true;
    // The walk cannot fail: it only looks.
    let _ = expression.apply(|one| {
        match one {
            Expr::Column(column) => all &= holds(column),
            // What a subquery reads cannot be seen from here.
            Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::OuterReferenceColumn(..) => all = false,
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    all
}
