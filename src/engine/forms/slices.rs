//! `hashtags[:2]`, `hashtags[2:]`, `text[1:5]` and `authors[1].name`: pieces of lists and
//! texts, and parts of structures in lists.
//!
//! The planner wants both ends of a piece, takes one of lists only, and knows a point
//! behind names only. Places count from 1, those below 0 from the end.

use datafusion::common::{DFSchema, Result};
use datafusion::functions::unicode::expr_fn::{character_length, substring};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr as Planned, ExprSchemable, GetFieldAccess, lit, when};
use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Ident, Subscript, UnaryOperator, Value};

use crate::engine::names::plain;

/// Gives a piece the ends that it is without, and asks for parts by their names in
/// brackets.
pub(super) fn complete(expression: &mut Expr) -> bool {
    let Expr::CompoundFieldAccess { root, access_chain } = expression else { return false };
    // Before that a point may stand behind the name of a table.
    let mut is_value = !matches!(root.as_ref(), Expr::Identifier(_));
    let mut changed = false;
    for access in access_chain {
        match access {
            AccessExpr::Dot(Expr::Identifier(name)) if is_value => {
                *access = part(name);
                changed = true;
            }
            AccessExpr::Dot(_) => {}
            AccessExpr::Subscript(subscript) => {
                is_value = true;
                changed |= complete_slice(subscript);
            }
        }
    }
    changed
}

/// The part `name` of a structure, asked for in brackets.
pub(super) fn part(name: &Ident) -> AccessExpr {
    let index = Expr::value(Value::SingleQuotedString(plain(name)));
    AccessExpr::Subscript(Subscript::Index { index })
}

fn complete_slice(subscript: &mut Subscript) -> bool {
    let Subscript::Slice { lower_bound, upper_bound, stride: None } = subscript else {
        return false;
    };
    let is_open = lower_bound.is_none() || upper_bound.is_none();
    lower_bound.get_or_insert_with(one);
    upper_bound
        .get_or_insert_with(|| Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(one()) });
    is_open
}

fn one() -> Expr {
    Expr::value(Value::Number("1".to_owned(), false))
}

/// Plans pieces of texts.
#[derive(Debug)]
pub(in crate::engine) struct SliceTexts;

impl ExprPlanner for SliceTexts {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        if !access.expr.get_type(schema).is_ok_and(|data_type| data_type.is_string()) {
            return Ok(PlannerResult::Original(access));
        }
        let RawFieldAccessExpr { expr: text, field_access } = access;
        let piece = match field_access {
            GetFieldAccess::ListIndex { key } => piece(text, *key.clone(), *key)?,
            GetFieldAccess::ListRange { start, stop, stride } if *stride == lit(1_i64) => {
                piece(text, *start, *stop)?
            }
            field_access => {
                let access = RawFieldAccessExpr { expr: text, field_access };
                return Ok(PlannerResult::Original(access));
            }
        };
        Ok(PlannerResult::Planned(piece))
    }
}

/// The signs of `text` from place `start` to place `stop`.
fn piece(text: Planned, start: Planned, stop: Planned) -> Result<Planned> {
    let length = character_length(text.clone());
    let from_start = |place: Planned| {
        let counted_back = length.clone() + place.clone() + lit(1_i64);
        when(place.clone().lt(lit(0_i64)), counted_back).otherwise(place)
    };
    let start = from_start(start)?;
    let start = when(start.clone().lt(lit(1_i64)), lit(1_i64)).otherwise(start)?;
    let stop = from_start(stop)?;
    let count = stop.clone() - start.clone() + lit(1_i64);
    let count = when(stop.lt(start.clone()), lit(0_i64)).otherwise(count)?;
    Ok(substring(text, start, count))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn pieces_of_lists_and_texts_may_have_one_end() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES ([1, 2, 3], '微博数据', 2, NULL::bigint)) AS t(l, text, n, u)";
        for (piece, is) in [
            ("l[:2]", "[1, 2]"),
            ("l[2:]", "[2, 3]"),
            ("l[:-2]", "[1, 2]"),
            ("l[5:]", "[]"),
            ("l[-1]", "3"),
            ("text[1:2]", "微博"),
            ("text[n:]", "博数据"),
            ("text[:n]", "微博"),
            ("t.text[-2:]", "数据"),
            ("text[0:2]", "微博"),
            ("text[-9:2]", "微博"),
            ("text[3:2]", ""),
            ("text[0]", ""),
            ("text[-1]", "据"),
            ("text[9]", ""),
            ("text[u:2]", ""),
            ("'abcd'[2:3]", "bc"),
        ] {
            let sql = format!("SELECT {piece} AS piece {from}");
            assert_eq!(answer(&session, &sql).await, ["piece", is], "{piece}");
        }
        let sql = format!("SELECT text[u:2] IS NULL AS unknown, text[:1] {from}");
        assert_eq!(answer(&session, &sql).await, ["unknown|text[:1]", "true|微"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_point_may_stand_behind_any_structure() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (SELECT [{'b': {'c': 7}}] AS a) AS t";
        for (part, is) in [("a[1].b.c", "7"), ("t.a[1].b.c", "7"), ("(a[1]).b.c", "7")] {
            let sql = format!("SELECT {part} {from}");
            assert_eq!(answer(&session, &sql).await, [part, is]);
        }
    }
}
