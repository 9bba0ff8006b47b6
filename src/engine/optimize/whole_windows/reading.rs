//! Which rows may be read twice, and where that costs less than to sort them.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, JoinType};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Join, LogicalPlan, Operator, TableScan};

use super::super::joined_tables::only_of;
use super::groups::below;
use crate::catalog::StoreTable;

type Columns = BTreeSet<Column>;

/// Fewer rows are sorted at once.
const MANY: usize = 1000;

/// There are groups of so many rows, or the join has nearly as much to do as the sort.
const ROWS_PER_GROUP: usize = 8;

/// An account has so many posts, mostly more.
const POSTS_PER_ACCOUNT: usize = 100;

/// Texts and truths that many rows have in common, and how many there are of each.
const COMMON: [(&str, usize); 11] = [
    ("platform", 4),
    ("is_repost", 3),
    ("client", 200),
    ("verified", 3),
    ("verified_type", 16),
    ("level", 8),
    ("system", 32),
    ("region", 64),
    ("style", 16),
    // As many as there are accounts.
    ("account_id", usize::MAX),
    ("origin_account_id", usize::MAX),
];

/// Functions that are computed twice at little cost.
const CHEAP: [&str; 7] =
    ["date_trunc", "date_part", "to_local_time", "coalesce", "nullif", "abs", "checked_arithmetic"];

/// Operators that are as well.
const OPERATORS: [Operator; 15] = [
    Operator::Eq,
    Operator::NotEq,
    Operator::Lt,
    Operator::LtEq,
    Operator::Gt,
    Operator::GtEq,
    Operator::And,
    Operator::Or,
    Operator::IsDistinctFrom,
    Operator::IsNotDistinctFrom,
    Operator::Plus,
    Operator::Minus,
    Operator::Multiply,
    Operator::Divide,
    Operator::Modulo,
];

/// Whether the rows of `plan` may be read once more for `values`, and are so many more than
/// the groups by `keys` that this costs less than to sort them.
pub(super) fn is_worth_it(plan: &LogicalPlan, keys: &[Expr], values: &[&Expr]) -> bool {
    if !values.iter().all(|value| is_cheap(value)) {
        return false;
    }
    let Some(rows) = rows(plan, &columns(values.iter().copied())) else { return false };
    let groups = keys
        .iter()
        .try_fold(1_usize, |groups, key| Some(groups.saturating_mul(values_of(key, plan, rows)?)));
    rows >= MANY && groups.is_some_and(|groups| groups <= rows / ROWS_PER_GROUP)
}

/// How many rows `plan` reads, of which `needed` are read once more; `None` if that costs
/// too much, or might give other rows.
fn rows(plan: &LogicalPlan, needed: &Columns) -> Option<usize> {
    match plan {
        LogicalPlan::TableScan(scan) => rows_of_table(scan, needed),
        LogicalPlan::Filter(filter) => {
            let needed = needed | &columns([&filter.predicate]);
            is_passed_by_many(&filter.predicate).then(|| rows(&filter.input, &needed))?
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let inner = alias.schema.columns().into_iter().zip(alias.input.schema().columns());
            let inner = inner.filter(|(column, _)| needed.contains(column));
            rows(&alias.input, &inner.map(|(_, column)| column).collect())
        }
        LogicalPlan::Projection(projection) => {
            let listed = projection.schema.columns().into_iter().zip(&projection.expr);
            let listed = listed.filter(|(column, _)| needed.contains(column));
            let listed: Vec<&Expr> = listed.map(|(_, one)| one).collect();
            let is_steady = !projection.expr.iter().any(Expr::is_volatile);
            let is_cheap = listed.iter().all(|one| is_cheap(one));
            (is_steady && is_cheap).then(|| rows(&projection.input, &columns(listed)))?
        }
        LogicalPlan::Join(join) => rows_of_join(join, needed),
        _ => None,
    }
}

/// A stored table; others may be read once only, or take long.
fn rows_of_table(scan: &TableScan, needed: &Columns) -> Option<usize> {
    let table = StoreTable::of_scan(scan)?;
    if scan.fetch.is_some()
        || table.selection().is_some()
        || !scan.filters.iter().all(is_passed_by_many)
    {
        return None;
    }
    let schema = scan.source.schema();
    let is_narrow = |column: &Column| schema.field_with_name(&column.name).is_ok_and(is_narrow);
    let needed = needed | &columns(&scan.filters);
    needed.iter().all(is_narrow).then(|| usize::try_from(table.snapshot().rows()).ok())?
}

/// A table with what is known of its rows in a far smaller one.
fn rows_of_join(join: &Join, needed: &Columns) -> Option<usize> {
    use JoinType::{Inner, Left, LeftAnti, LeftSemi};
    let is_ours = matches!(join.join_type, Inner | Left | LeftSemi | LeftAnti)
        && join.filter.is_none()
        && !join.null_aware;
    let keys: Vec<&Expr> = join.on.iter().flat_map(|(left, right)| [left, right]).collect();
    if !is_ours || keys.is_empty() || !keys.iter().all(|key| is_cheap(key)) {
        return None;
    }
    let needed = needed | &columns(keys);
    let side = |side: &LogicalPlan| {
        let own = needed.iter().filter(|column| side.schema().has_column(column));
        rows(side, &own.cloned().collect())
    };
    let (left, right) = (side(&join.left)?, side(&join.right)?);
    let is_small = |small: usize, large: usize| small.saturating_mul(ROWS_PER_GROUP) <= large;
    let is_right_large = join.join_type == Inner && is_small(left, right);
    if is_right_large { Some(right) } else { is_small(right, left).then_some(left) }
}

/// The columns that `expressions` are made of.
fn columns<'a>(expressions: impl IntoIterator<Item = &'a Expr>) -> Columns {
    expressions.into_iter().flat_map(Expr::column_refs).cloned().collect()
}

/// Whether a column is read at little cost.
fn is_narrow(field: &Field) -> bool {
    match field.data_type() {
        DataType::Boolean => true,
        kind if kind.is_string() => COMMON.iter().any(|(name, _)| name == field.name()),
        kind => kind.is_primitive(),
    }
}

/// Whether `expression` is computed at little cost, and gives the same each time.
fn is_cheap(expression: &Expr) -> bool {
    let is_found = expression.exists(|part| Ok(!is_cheap_part(part)));
    matches!(is_found, Ok(false)) && !expression.is_volatile()
}

fn is_cheap_part(part: &Expr) -> bool {
    match part {
        Expr::Alias(_)
        | Expr::Column(_)
        | Expr::Literal(..)
        | Expr::Not(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::IsNotUnknown(_)
        | Expr::Negative(_)
        | Expr::Between(_)
        | Expr::Case(_)
        | Expr::Cast(_)
        | Expr::InList(_) => true,
        Expr::BinaryExpr(BinaryExpr { op, .. }) => OPERATORS.contains(op),
        Expr::ScalarFunction(call) => CHEAP.contains(&call.name()),
        _ => false,
    }
}

/// Whether a condition is asked at little cost, and leaves so many rows that it is worth
/// it to ask it twice.
fn is_passed_by_many(condition: &Expr) -> bool {
    is_cheap(condition) && !split_conjunction(condition).into_iter().any(picks_few)
}

/// Whether a condition looks for certain values.
fn picks_few(condition: &Expr) -> bool {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            !is_platform(left) && !is_platform(right)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            picks_few(left) && picks_few(right)
        }
        Expr::InList(list) => !list.negated && !is_platform(&list.expr),
        _ => false,
    }
}

/// Whether an expression is the service that rows are from: mostly it is the same for all.
fn is_platform(expression: &Expr) -> bool {
    matches!(expression, Expr::Column(column) if column.name == "platform")
}

/// How many values `key` has in the `rows` rows of `plan`, as far as that can be told.
fn values_of(key: &Expr, plan: &LogicalPlan, rows: usize) -> Option<usize> {
    match plan {
        LogicalPlan::TableScan(scan) => match key {
            Expr::Column(column) => values_of_column(&column.name, scan, rows),
            other => values_of_time(other),
        },
        LogicalPlan::Filter(filter) => values_of(key, &filter.input, rows),
        LogicalPlan::Projection(projection) => {
            values_of(&below(key, plan)?.unalias(), &projection.input, rows)
        }
        LogicalPlan::SubqueryAlias(alias) => values_of(&below(key, plan)?, &alias.input, rows),
        LogicalPlan::Join(join) => {
            let sides = [&join.left, &join.right].into_iter();
            let mut sides = sides.filter(|side| only_of(key, side.schema()));
            values_of(key, sides.next()?, rows)
        }
        _ => None,
    }
}

/// Those of a column: no more than its table has rows.
fn values_of_column(name: &str, scan: &TableScan, rows: usize) -> Option<usize> {
    let snapshot = StoreTable::of_scan(scan)?.snapshot();
    let all = usize::try_from(snapshot.rows()).ok()?;
    let is_of_accounts = snapshot.table.key.last() == Some(&name);
    let known = COMMON.iter().find(|(common, _)| *common == name).map(|(_, values)| *values);
    Some(match known {
        Some(usize::MAX) if !is_of_accounts => all.min(rows / POSTS_PER_ACCOUNT),
        Some(values) => all.min(values),
        None => all,
    })
}

/// Those of a part of time.
fn values_of_time(key: &Expr) -> Option<usize> {
    match key {
        Expr::Cast(cast) => (*cast.field.data_type() == DataType::Date32).then_some(7300),
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let Some(Expr::Literal(unit, _)) = args.first() else { return None };
            let unit = unit.try_as_str()??.to_ascii_lowercase();
            match (func.name(), unit.as_str()) {
                ("date_trunc" | "date_part", "year") => Some(20),
                ("date_trunc", "quarter") => Some(80),
                ("date_trunc", "month") => Some(240),
                ("date_trunc", "week") => Some(1040),
                ("date_trunc", "day") => Some(7300),
                ("date_part", "quarter") => Some(4),
                ("date_part", "month") => Some(12),
                ("date_part", "week") => Some(53),
                ("date_part", "day") => Some(31),
                ("date_part", "dow" | "isodow") => Some(7),
                ("date_part", "doy") => Some(366),
                ("date_part", "hour") => Some(24),
                _ => None,
            }
        }
        _ => None,
    }
}
