//! An ASOF JOIN that was planned: the row of the right side that is the nearest to each of
//! the left one.
//!
//! Each row of the right side is told the next one of its key: up to there it is the nearest,
//! and a row of the left side lies within one such span at most. Of rows with equal times the
//! last one is left, since the spans of the others are empty. What remains is a join by
//! range, which the engine finds by halving if both ends of a span are known. So the last
//! span of a key ends with the last value that there is.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{
    Column, DFSchema, Result, ScalarValue, TableReference, internal_datafusion_err,
};
use datafusion::error::DataFusionError;
use datafusion::functions_window::lead_lag::lead_udwf;
use datafusion::logical_expr::expr::{Between, Exists, InSubquery, SetComparison};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprFunctionExt, ExprSchemable, Join, LogicalPlan, LogicalPlanBuilder,
    Operator, binary_expr, cast, when,
};

use super::MARK;
use crate::error::Error;

/// What the columns are called that the right side gets: names that nobody gives, since
/// those without a table would mean them too.
const TABLE: &str = "right side of an ASOF JOIN";
const TIME: &str = "time of an ASOF JOIN";
const NEXT: &str = "next time of an ASOF JOIN";
const END: &str = "end of an ASOF JOIN";

/// How such a join is written.
const WRITTEN: &str = "sides are compared by =, and once by >=, >, <= or <: posts AS p ASOF JOIN \
                       account_snapshots AS s ON p.account_id = s.account_id AND p.posted_at >= \
                       s.observed_at";

/// Finds the nearest rows for each join of `plan` that is marked.
///
/// # Errors
/// When its condition does not tell which rows these are.
pub(in crate::engine::forms) fn find(plan: LogicalPlan) -> Result<LogicalPlan> {
    let planned = plan.transform_up_with_subqueries(|node| {
        let joined = match &node {
            LogicalPlan::Join(join) => joined(join)?,
            _ => None,
        };
        Ok(match joined {
            Some(joined) => Transformed::yes(joined),
            None => Transformed::no(node),
        })
    });
    planned.map(|planned| planned.data)
}

/// The join by range that `join` stands for, if it is marked.
fn joined(join: &Join) -> Result<Option<LogicalPlan>> {
    let Some(condition) = &join.filter else { return Ok(None) };
    if !split_conjunction(condition).into_iter().any(is_mark) {
        return Ok(None);
    }
    nearest_by_range(join, condition).map(Some)
}

/// The rows of the left side of `join`, each beside the nearest of the right side by
/// `condition`.
///
/// # Errors
/// When that does not tell which rows these are.
pub(in crate::engine) fn nearest_by_range(join: &Join, condition: &Expr) -> Result<LogicalPlan> {
    let parts = split_conjunction(condition).into_iter().filter(|part| !is_mark(part));
    let conditions = Conditions::of(parts, join.left.schema(), join.right.schema())?;
    let direction = Direction::of(conditions.time.operator);
    let right = spans(&join.right, &conditions, &direction)?;
    let all = conditions.all(&direction, right.schema());
    let all_columns = join.schema.columns().into_iter().map(Expr::Column);
    let rows = LogicalPlanBuilder::from(join.left.as_ref().clone());
    rows.join_on(right, join.join_type, all)?.project(all_columns)?.build()
}

fn is_mark(part: &Expr) -> bool {
    let Expr::Cast(cast) = part else { return false };
    let Expr::Literal(value, _) = cast.expr.as_ref() else { return false };
    value.try_as_str().flatten() == Some(MARK)
}

/// The rows of the right side, each with the span in which it is the nearest.
fn spans(
    right: &LogicalPlan,
    conditions: &Conditions,
    direction: &Direction,
) -> Result<LogicalPlan> {
    let mut columns: Vec<Expr> = right.schema().columns().into_iter().map(Expr::Column).collect();
    let time = conditions.time.right.clone().alias_qualified(Some(table()), TIME);
    let with_time = columns.iter().cloned().chain([time]).collect::<Vec<_>>();
    let mut rows = LogicalPlanBuilder::from(right.clone());
    if let Some(condition) = conjunction(conditions.of_right.iter().cloned()) {
        rows = rows.filter(condition)?;
    }
    let keys = conditions.keys.iter().map(|key| key.right.clone()).collect();
    let next = lead_udwf()
        .call(vec![own(TIME)])
        .partition_by(keys)
        .order_by(vec![own(TIME).sort(direction.is_up, false)])
        .build()?;
    let rows = rows.project(with_time)?.window([next])?.build()?;
    let kind = own(TIME).get_type(rows.schema().as_ref())?;
    // The window function comes last.
    let next = rows.schema().columns().pop().map(Expr::Column);
    let next = next.ok_or_else(|| internal_datafusion_err!("a window without a column"))?;
    columns.push(own(TIME));
    columns.push(next.clone().alias_qualified(Some(table()), NEXT));
    if let Some(last) = direction.last(&kind) {
        let end = when(next.clone().is_null(), Expr::Literal(last, None)).otherwise(next)?;
        columns.push(end.alias_qualified(Some(table()), END));
    }
    let is_not_empty = binary_expr(own(TIME), direction.before, own(NEXT));
    let rows = LogicalPlanBuilder::from(rows).project(columns)?;
    rows.filter(is_not_empty.or(own(NEXT).is_null()))?.build()
}

/// A column that the right side gets.
fn own(name: &str) -> Expr {
    Expr::Column(Column::new(Some(table()), name))
}

fn table() -> TableReference {
    TableReference::bare(TABLE)
}

/// The condition of a join, by what its parts are about.
struct Conditions {
    /// What has to be equal.
    keys: Vec<Compared>,
    /// The one comparison that is no equality.
    time: Compared,
    /// What is asked of rows of the right side alone, before the nearest is looked for.
    of_right: Vec<Expr>,
    /// What is asked of rows of the left side, and what is true or not of all rows.
    others: Vec<Expr>,
}

impl Conditions {
    fn of<'a>(
        parts: impl Iterator<Item = &'a Expr>,
        left: &DFSchema,
        right: &DFSchema,
    ) -> Result<Self> {
        let (mut keys, mut times) = (Vec::new(), Vec::new());
        let (mut of_right, mut others) = (Vec::new(), Vec::new());
        for part in parts.flat_map(comparisons) {
            match Side::of(&part, left, right) {
                Side::Right => of_right.push(part),
                Side::Left | Side::Neither => others.push(part),
                Side::Both => {
                    let Some(compared) = Compared::of(&part, left, right) else {
                        return Err(unknown(&part));
                    };
                    match compared.operator {
                        Operator::Eq | Operator::IsNotDistinctFrom => keys.push(compared),
                        Operator::GtEq | Operator::Gt | Operator::LtEq | Operator::Lt => {
                            times.push((part, compared));
                        }
                        _ => return Err(unknown(&part)),
                    }
                }
            }
        }
        if let [(one, _), (other, _), ..] = times.as_slice() {
            return Err(twice(one, other));
        }
        let Some((_, time)) = times.pop() else { return Err(without_time()) };
        let keys = keys.into_iter().map(|key| key.in_one_type(left, right));
        let keys = keys.collect::<Result<_>>()?;
        Ok(Self { keys, time: time.in_one_type(left, right)?, of_right, others })
    }

    /// What holds of a row of the left side and the one of the right side, whose columns
    /// are those of `right`, that is the nearest.
    fn all(self, direction: &Direction, right: &DFSchema) -> Vec<Expr> {
        let Compared { left: time, operator, .. } = self.time;
        let mut all: Vec<Expr> = self.keys.into_iter().map(Compared::expression).collect();
        all.push(binary_expr(time.clone(), operator, own(TIME)));
        let has_end = right.has_column(&Column::new(Some(table()), END));
        if has_end {
            all.push(binary_expr(time.clone(), direction.up_to, own(END)));
        }
        // The next row takes those of its own time, unless it is behind them only.
        if !has_end || direction.within != direction.up_to {
            let is_within = binary_expr(time, direction.within, own(NEXT));
            all.push(is_within.or(own(NEXT).is_null()));
        }
        all.extend(self.others);
        all
    }
}

/// Where the nearest row is looked for.
struct Direction {
    /// Whether it is the last one before, so that later rows end its span.
    is_up: bool,
    /// How the time of a row compares with the next one.
    before: Operator,
    /// How times in a span compare with its end, if the end does not belong to it, and if
    /// it does.
    within: Operator,
    up_to: Operator,
}

impl Direction {
    fn of(operator: Operator) -> Self {
        use Operator::{Gt, GtEq, Lt, LtEq};
        let is_up = matches!(operator, Gt | GtEq);
        let (before, up_to) = if is_up { (Lt, LtEq) } else { (Gt, GtEq) };
        let within = if matches!(operator, GtEq | LtEq) { before } else { up_to };
        Self { is_up, before, within, up_to }
    }

    /// The value behind which no other one of `kind` lies. Of texts there is none, and
    /// among doubles some are no numbers.
    fn last(&self, kind: &DataType) -> Option<ScalarValue> {
        let is_ended = kind.is_integer()
            || kind.is_decimal()
            || matches!(kind, DataType::Date32 | DataType::Timestamp(..));
        match self.is_up {
            _ if !is_ended => None,
            true => ScalarValue::max(kind),
            false => ScalarValue::min(kind),
        }
    }
}

/// Two values that are compared, one of each side.
struct Compared {
    left: Expr,
    operator: Operator,
    right: Expr,
}

impl Compared {
    fn of(part: &Expr, left: &DFSchema, right: &DFSchema) -> Option<Self> {
        let Expr::BinaryExpr(BinaryExpr { left: one, op, right: other }) = part else {
            return None;
        };
        let sides = (Side::of(one, left, right), Side::of(other, left, right));
        let (left, operator, right) = match sides {
            (Side::Left, Side::Right) => (one, *op, other),
            (Side::Right, Side::Left) => (other, op.swap()?, one),
            _ => return None,
        };
        Some(Self { left: left.as_ref().clone(), operator, right: right.as_ref().clone() })
    }

    /// The values in the type in which they are compared: the rows of the right side are
    /// told apart and put in order by it.
    fn in_one_type(self, left: &DFSchema, right: &DFSchema) -> Result<Self> {
        let kinds = (self.left.get_type(left)?, self.right.get_type(right)?);
        if kinds.0 == kinds.1 || kinds.0.is_string() && kinds.1.is_string() {
            return Ok(self);
        }
        let (one, other) =
            BinaryTypeCoercer::new(&kinds.0, &self.operator, &kinds.1).get_input_types()?;
        let as_kind = |value: Expr, known: DataType, wanted: DataType| {
            if known == wanted { value } else { cast(value, wanted) }
        };
        Ok(Self {
            left: as_kind(self.left, kinds.0, one),
            operator: self.operator,
            right: as_kind(self.right, kinds.1, other),
        })
    }

    fn expression(self) -> Expr {
        binary_expr(self.left, self.operator, self.right)
    }
}

/// The side of the join whose columns an expression asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Both,
    Neither,
}

impl Side {
    fn of(expression: &Expr, left: &DFSchema, right: &DFSchema) -> Self {
        // What a subquery asks of rows around it is not seen from here.
        if asks_around(expression) {
            return Self::Both;
        }
        let columns = expression.column_refs();
        let asks = |side: &DFSchema| columns.iter().any(|column| side.has_column(column));
        match (asks(left), asks(right)) {
            (true, true) => Self::Both,
            (true, false) => Self::Left,
            (false, true) => Self::Right,
            (false, false) => Self::Neither,
        }
    }
}

fn asks_around(expression: &Expr) -> bool {
    let found = expression.exists(|part| {
        let (Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. })
        | Expr::ScalarSubquery(subquery)) = part
        else {
            return Ok(false);
        };
        Ok(!subquery.outer_ref_columns.is_empty())
    });
    found.unwrap_or(true)
}

/// The comparisons that `part` of a condition stands for: BETWEEN for two.
fn comparisons(part: &Expr) -> Vec<Expr> {
    match part {
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let compared = |operator, bound: &Expr| {
                binary_expr(expr.as_ref().clone(), operator, bound.clone())
            };
            vec![compared(Operator::GtEq, low), compared(Operator::LtEq, high)]
        }
        other => vec![other.clone()],
    }
}

fn without_time() -> DataFusionError {
    told(Error::query("this ASOF JOIN does not say which row is the nearest").hint(WRITTEN))
}

fn twice(one: &Expr, other: &Expr) -> DataFusionError {
    let message =
        format!("an ASOF JOIN finds the nearest row by one comparison, not by {one} and {other}");
    told(Error::query(message).hint(
        "keep the one that says what is the nearest; the other one stands behind WHERE, which asks \
         it of the row that was found",
    ))
}

fn unknown(part: &Expr) -> DataFusionError {
    let message = format!("an ASOF JOIN does not compare its sides by {part}");
    told(
        Error::query(message).hint(format!(
            "{WRITTEN}; behind WHERE stands what is asked of the row that was found"
        )),
    )
}

fn told(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
