//! `string_agg(text, ' ' ORDER BY likes), string_agg(text, ' ' ORDER BY posted_at)`: texts
//! joined in several orders at once. The engine's own gives one order to all of them; here
//! lists are joined, each of which [`ordered_lists`](crate::engine::ordered_lists) puts in
//! the order that it asks for.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, DuplicateTreatment, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, Select, SelectItem, VisitMut, VisitorMut,
};

use crate::engine::names::call;
use crate::engine::parsed;

/// The function that the engine gives one order.
const JOINED: &str = "string_agg";

/// Joins lists where a part of `parsed` has several orders.
pub(super) fn part(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut EachSelect);
}

struct EachSelect;

impl VisitorMut for EachSelect {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut orders = BTreeSet::new();
        for item in &select.projection {
            let _ = parsed::look_outside_queries(item, |expression| {
                orders.extend(joined(expression).and_then(|(call, _)| order(call)));
                ControlFlow::Continue(())
            });
        }
        if orders.len() > 1 {
            select.projection.iter_mut().for_each(join_lists);
        }
        ControlFlow::Continue(())
    }
}

/// Joins lists in a column, which keeps its name.
fn join_lists(item: &mut SelectItem) {
    let before = item.to_string();
    // It never breaks off.
    let _ = item.visit(&mut EachCall);
    if let SelectItem::UnnamedExpr(expr) = item
        && before != expr.to_string()
    {
        let (expr, alias) = (expr.clone(), Ident::with_quote('"', before));
        *item = SelectItem::ExprWithAlias { expr, alias };
    }
}

struct EachCall;

impl VisitorMut for EachCall {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Some(list) = joined(expression).and_then(|(call, list)| of_list(call, list)) {
            *expression = list;
        }
        ControlFlow::Continue(())
    }
}

/// The call that joins texts in an order of its own, and what it is given.
fn joined(expression: &Expr) -> Option<(&Function, &FunctionArgumentList)> {
    let Expr::Function(call) = expression else { return None };
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return None };
    let FunctionArguments::List(list) = &call.args else { return None };
    let is_so = name.value.eq_ignore_ascii_case(JOINED) && call.over.is_none();
    is_so.then_some((call, list))
}

/// The order of a call, as it is written.
fn order(call: &Function) -> Option<String> {
    let FunctionArguments::List(list) = &call.args else { return None };
    list.clauses.iter().find_map(|clause| match clause {
        FunctionArgumentClause::OrderBy(order) => {
            Some(order.iter().map(|one| format!("{one}, ")).collect())
        }
        _ => None,
    })
}

/// `array_to_string(array_agg(text ORDER BY likes) FILTER (WHERE text IS NOT NULL), ' ')`.
fn of_list(joined: &Function, given: &FunctionArgumentList) -> Option<Expr> {
    order(joined)?;
    let [text, FunctionArg::Unnamed(FunctionArgExpr::Expr(between))] = given.args.as_slice() else {
        return None;
    };
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(text)) = text else { return None };
    let text = match given.duplicate_treatment {
        // These are put in order by what they are.
        Some(DuplicateTreatment::Distinct) => text.clone(),
        _ => cast_to_text(text),
    };
    // Of unknown texts alone nothing is known, and no empty text.
    let is_known = Expr::IsNotNull(Box::new(text.clone()));
    let filter = match joined.filter.clone() {
        Some(condition) => Expr::BinaryOp {
            left: Box::new(Expr::Nested(condition)),
            op: BinaryOperator::And,
            right: Box::new(is_known),
        },
        None => is_known,
    };
    let mut given = given.clone();
    given.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(text))];
    let list = Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("array_agg")]),
        args: FunctionArguments::List(given),
        filter: Some(Box::new(filter)),
        ..joined.clone()
    });
    Some(call("array_to_string", [list, between.clone()]))
}

fn cast_to_text(expression: &Expr) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expression.clone()),
        data_type: DataType::Text,
        array: false,
        format: None,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn each_text_is_joined_in_its_own_order() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from =
            "FROM (VALUES ('a', 2, 1), ('b', 1, 1), (NULL, 3, 1), (NULL, 4, 2)) AS t(x, y, g)";
        let sql = format!(
            "SELECT g, string_agg(x, ',' ORDER BY y) AS by_y, string_agg(x, ',' ORDER BY x) AS by_x,
             string_agg(x, ',' ORDER BY x DESC) FILTER (WHERE y < 2) AS few {from} GROUP BY g ORDER BY g"
        );
        assert_eq!(answer(&session, &sql).await, ["g|by_y|by_x|few", "1|b,a|a,b|b", "2|||"]);
        let sql = format!(
            "SELECT string_agg(x, ',' ORDER BY y), string_agg(x, ',' ORDER BY x) {from} WHERE g = 1"
        );
        let named = "string_agg(x, ',' ORDER BY y)|string_agg(x, ',' ORDER BY x)";
        assert_eq!(answer(&session, &sql).await, [named, "b,a|a,b"]);
        // Texts are made of what is none.
        let sql = format!(
            "SELECT string_agg(DISTINCT g, '-' ORDER BY g) AS a, string_agg(y, '' ORDER BY y DESC) AS b
             {from}"
        );
        assert_eq!(answer(&session, &sql).await, ["a|b", "1-2|4321"]);
    }
}
