//! Recursive queries that step by decimals: `SELECT 0.1 UNION ALL SELECT n + 0.1 FROM t`
//! comes to 0.3, and to 1.0 in ten steps.
//!
//! The columns of a recursive query have the types that they begin with, and whatever is
//! added to them is cut to these: 0.1 has one digit. So where a column is only added to and
//! taken from, and all its numbers are written in the query, it begins with room for many
//! digits, and behind the point for as many as the longest of the numbers has there.
//! Elsewhere its numbers are doubles, which are cut nowhere.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, Cte, DataType, ExactNumberInfo, Expr, Query, Select, SelectItem,
    SetExpr, SetOperator, TableFactor, UnaryOperator, Value, visit_expressions,
};

use super::exact_numbers::is_written_decimal;
use crate::engine::names::plain;

/// The digits of such a column.
const DIGITS: u64 = 30;

/// The most digits of a number before its point, and behind it.
const MOST: usize = 15;

/// Gives the columns of `table` that step by decimals room for them; false if it has none,
/// or other decimals as well.
pub(super) fn widen(table: &mut Cte) -> bool {
    let name = plain(&table.alias.name);
    let Some((first, next)) = steps(&mut table.query) else { return false };
    let is_alone = first.from.is_empty() && reads_only(next, &name);
    let Some(columns) = columns(first, next).filter(|_| is_alone) else { return false };
    let Some(places) = columns.iter().flatten().max().copied() else { return false };
    for (item, _) in first.projection.iter_mut().zip(columns).filter(|(_, column)| column.is_some())
    {
        if let SelectItem::UnnamedExpr(begun) | SelectItem::ExprWithAlias { expr: begun, .. } = item
        {
            *begun = with_room(begun.clone(), places);
        }
    }
    true
}

/// What a recursive query begins with, and how it goes on.
fn steps(query: &mut Query) -> Option<(&mut Select, &Select)> {
    let SetExpr::SetOperation { op: SetOperator::Union, left, right, .. } = query.body.as_mut()
    else {
        return None;
    };
    match (&mut **left, &**right) {
        (SetExpr::Select(first), SetExpr::Select(next)) if query.with.is_none() => {
            Some((first, next))
        }
        _ => None,
    }
}

/// Whether all columns of `select` are those of the table called `name`.
fn reads_only(select: &Select, name: &str) -> bool {
    let [table] = select.from.as_slice() else { return false };
    let TableFactor::Table { name: read, args: None, .. } = &table.relation else { return false };
    let [part] = read.0.as_slice() else { return false };
    table.joins.is_empty() && part.as_ident().is_some_and(|part| plain(part) == name)
}

/// How many places behind the point the numbers of each column have, if it is one of
/// decimals; nothing if some may be cut.
fn columns(first: &Select, next: &Select) -> Option<Vec<Option<usize>>> {
    if first.projection.len() != next.projection.len() {
        return None;
    }
    let both = first.projection.iter().zip(&next.projection);
    both.map(|(begun, step)| column(expression(begun)?, expression(step)?)).collect()
}

fn expression(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expression)
        | SelectItem::ExprWithAlias { expr: expression, .. } => Some(expression),
        _ => None,
    }
}

/// The same of one column, which begins with `begun`.
fn column(begun: &Expr, step: &Expr) -> Option<Option<usize>> {
    match places(begun) {
        Some(places_begun) if places_begun > 0 => Some(Some(places_begun.max(places(step)?))),
        None if !matches!(begun, Expr::Value(_)) => None,
        _ => (!has_decimal(step)).then_some(None),
    }
}

fn has_decimal(expression: &Expr) -> bool {
    let look = |part: &Expr| match is_written_decimal(part) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    visit_expressions(expression, look).is_break()
}

/// The most places behind the point of the numbers in a sum, 0 if it has none but whole
/// ones; nothing if it is no sum.
fn places(sum: &Expr) -> Option<usize> {
    match sum {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => places_of(&number.to_string().replace('_', "")),
            _ => None,
        },
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Some(0),
        Expr::Nested(inner)
        | Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr: inner } => {
            places(inner)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Plus | BinaryOperator::Minus, right } => {
            Some(places(left)?.max(places(right)?))
        }
        _ => None,
    }
}

fn places_of(number: &str) -> Option<usize> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let fits =
        |digits: &str| digits.len() <= MOST && digits.bytes().all(|digit| digit.is_ascii_digit());
    let is_decimal = number.contains('.');
    (fits(whole) && fits(part)).then(|| if is_decimal { part.len().max(1) } else { 0 })
}

fn with_room(number: Expr, places: usize) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(number),
        data_type: DataType::Decimal(ExactNumberInfo::PrecisionAndScale(DIGITS, places as i64)),
        array: false,
        format: None,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn steps_by_decimals_are_exact() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (first, next, wanted) in [
            ("0.1", "n + 0.1 FROM t WHERE n < 1", "0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0"),
            ("1.0", "t.n + 0.25 FROM t WHERE n < 1.5", "1.00 1.25 1.50"),
            ("-0.5", "(n - -0.3) FROM t WHERE n < 0", "-0.5 -0.2 0.1"),
            ("9.9", "n + 1 FROM T WHERE n < 11", "9.9 10.9 11.9"),
            // What is multiplied, or comes from elsewhere, is cut nowhere.
            ("1.0", "n * 1.5 FROM t WHERE n < 3", "1.0 1.5 2.25 3.375"),
            ("0.5", "n + x FROM t, (SELECT 0.25 AS x) AS s WHERE n < 1", "0.5 0.75 1.0"),
            ("0.5", "sqrt(n) FROM t WHERE n < 0.6", "0.5 0.7071067811865476"),
            ("0.5::double", "n + 0.25 FROM t WHERE n < 1", "0.5 0.75 1.0"),
            ("1", "n + 1 FROM t WHERE n < 2.5", "1 2 3"),
        ] {
            let sql = format!(
                "WITH RECURSIVE t(n) AS (SELECT {first} UNION ALL SELECT {next})
                 SELECT string_agg(n::text, ' ' ORDER BY n) FROM t"
            );
            assert_eq!(value(&session, &sql).await, wanted, "{sql}");
        }
        let sql = "WITH RECURSIVE t AS (SELECT 1 AS i, 0.1 AS n, 'x' AS s UNION ALL
                     SELECT i + 1, n + 0.1, s || 'x' FROM t WHERE i < 3)
                   SELECT n FROM t WHERE s = 'xxx'";
        assert_eq!(value(&session, sql).await, "0.3");
    }
}
