//! `string_agg(text, ' ' ORDER BY posted_at) OVER (PARTITION BY account_id)`: all rows of a
//! partition in an order, for which the engine has no call. It is the one of a window that
//! has the order and reaches from its first row to its last.
//!
//! A window with an order or a frame of its own is left alone, where the engine refuses the
//! other order; so is DISTINCT, which keeps none, and a function that asks for an order to
//! know its values, as percentiles do.

use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArgumentClause, FunctionArguments, ObjectNamePart,
    OrderByExpr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

/// The functions to which the order says only how the rows come.
const FUNCTIONS: [&str; 8] = [
    "array_agg",
    "first_value",
    "group_concat",
    "last_value",
    "list",
    "listagg",
    "nth_value",
    "string_agg",
];

/// Has a window over all rows take the order that is asked for in the call.
pub(super) fn order(expression: &mut Expr) -> bool {
    let Expr::Function(call) = expression else { return false };
    if !is_known(call) {
        return false;
    }
    let Some(window) = call.over.as_ref().and_then(window) else { return false };
    let Some(order_by) = take_order(call) else { return false };
    let frame = WindowFrame {
        units: WindowFrameUnits::Rows,
        start_bound: WindowFrameBound::Preceding(None),
        end_bound: Some(WindowFrameBound::Following(None)),
    };
    let window = WindowSpec { order_by, window_frame: Some(frame), ..window };
    call.over = Some(WindowType::WindowSpec(window));
    true
}

fn is_known(call: &Function) -> bool {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return false };
    FUNCTIONS.iter().any(|known| name.value.eq_ignore_ascii_case(known))
}

/// A window without an order and a frame. What is added to a named one that has either is
/// refused where names are filled in.
fn window(over: &WindowType) -> Option<WindowSpec> {
    match over {
        WindowType::NamedWindow(name) => Some(WindowSpec {
            window_name: Some(name.clone()),
            partition_by: Vec::new(),
            order_by: Vec::new(),
            window_frame: None,
        }),
        WindowType::WindowSpec(window) => {
            let is_plain = window.order_by.is_empty() && window.window_frame.is_none();
            is_plain.then(|| window.clone())
        }
    }
}

/// Takes the order out of a call, if it has one.
fn take_order(call: &mut Function) -> Option<Vec<OrderByExpr>> {
    let FunctionArguments::List(list) = &mut call.args else { return None };
    if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
        return None;
    }
    let is_order =
        |clause: &FunctionArgumentClause| matches!(clause, FunctionArgumentClause::OrderBy(_));
    let place = list.clauses.iter().position(is_order)?;
    match list.clauses.remove(place) {
        FunctionArgumentClause::OrderBy(order) => Some(order),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn all_rows_of_a_partition_are_taken_in_the_order_of_the_call() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(1, 'c', 10), (2, 'a', 10), (3, NULL, 10), (4, 'b', 20), (5, 'a', 20)";
        let made = format!("CREATE TABLE t AS SELECT * FROM (VALUES {rows}) AS t(id, k, v)");
        session.collect(&made).await.unwrap();
        for (asked, wanted) in [
            ("string_agg(k, ' ' ORDER BY k) OVER (PARTITION BY v)", "a c|a c|a c|a b|a b"),
            (
                "string_agg(k, ' ' ORDER BY id DESC) OVER ()",
                "a b a c|a b a c|a b a c|a b a c|a b a c",
            ),
            (
                "string_agg(k, ' ' ORDER BY k DESC) FILTER (WHERE id > 1) OVER (PARTITION BY v)",
                "a|a|a|b a|b a",
            ),
            (
                "array_agg(k ORDER BY k NULLS FIRST) OVER (PARTITION BY v)",
                "[, a, c]|[, a, c]|[, a, c]|[a, b]|[a, b]",
            ),
            (
                "list(id ORDER BY v DESC, k) OVER ()",
                "[5, 4, 2, 1, 3]|[5, 4, 2, 1, 3]|[5, 4, 2, 1, 3]|[5, 4, 2, 1, 3]|[5, 4, 2, 1, 3]",
            ),
            ("first_value(id ORDER BY k) OVER w", "2|2|2|5|5"),
        ] {
            let sql =
                format!("SELECT {asked} AS x FROM t WINDOW w AS (PARTITION BY v) ORDER BY id");
            assert_eq!(answer(&session, &sql).await[1..].join("|"), wanted, "{sql}");
        }
        let unnamed = "SELECT string_agg(k, ' ' ORDER BY k) OVER (PARTITION BY v) FROM t LIMIT 1";
        let name = "string_agg(k, ' ' ORDER BY k) OVER (PARTITION BY v)";
        assert_eq!(answer(&session, unnamed).await[0], name);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_orders_of_one_call_are_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for window in ["(ORDER BY v)", "(ROWS 1 PRECEDING)", "w"] {
            let sql = format!(
                "SELECT string_agg(k, ' ' ORDER BY k) OVER {window} FROM (VALUES ('a', 1)) AS t(k, v)
                 WINDOW w AS (ORDER BY v)"
            );
            assert!(session.collect(&sql).await.is_err(), "{sql}");
        }
    }
}
