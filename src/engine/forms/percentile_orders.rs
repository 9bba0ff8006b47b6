//! `quantile_cont(likes, 0.9 ORDER BY id)`: of the order only its direction tells, whether a
//! percentile is counted from the least value or from the greatest. The engine takes what
//! stands behind ORDER BY for the values, as it does in `percentile_cont(0.9 ORDER BY likes)`,
//! though these are named before the percentile.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    ObjectNamePart,
};

/// A function, how many arguments it has at least where the values are among them, and
/// whether the direction tells.
type Known = (&'static str, usize, bool);

const FUNCTIONS: [Known; 6] = [
    ("percentile", 2, true),
    ("percentile_cont", 2, true),
    ("quantile_cont", 2, true),
    ("approx_quantile", 2, false),
    ("approx_percentile_cont", 2, true),
    ("approx_percentile_cont_with_weight", 3, true),
];

/// Has a call that names its values order these, or leave out an order that says nothing.
pub(super) fn order_values(expression: &mut Expr) -> bool {
    let Expr::Function(call) = expression else { return false };
    let Some((_, least, has_direction)) = known(call) else { return false };
    let FunctionArguments::List(list) = &mut call.args else { return false };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(first)), ..] = list.args.as_slice() else {
        return false;
    };
    // `approx_percentile_cont(0.9, 100 ORDER BY likes)` begins with the percentile.
    if list.args.len() < least || is_constant(first) {
        return false;
    }
    let mut is_changed = false;
    list.clauses.retain_mut(|clause| {
        let FunctionArgumentClause::OrderBy(order) = clause else { return true };
        is_changed = true;
        let [order] = order.as_mut_slice() else { return false };
        order.expr = first.clone();
        has_direction
    });
    is_changed
}

fn known(call: &Function) -> Option<Known> {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return None };
    FUNCTIONS.into_iter().find(|(known, ..)| known.eq_ignore_ascii_case(&name.value))
}

fn is_constant(argument: &Expr) -> bool {
    match argument {
        Expr::Value(_) => true,
        Expr::UnaryOp { expr, .. } | Expr::Nested(expr) | Expr::Cast { expr, .. } => {
            is_constant(expr)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn percentiles_are_of_the_values_whatever_they_are_ordered_by() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1, 300), (2, 200), (3, 100)) AS t(id, k)";
        for (asked, wanted) in [
            ("quantile_cont(k, 0.25 ORDER BY id)", "150.0"),
            ("quantile_cont(k, 0.25 ORDER BY id DESC)", "250.0"),
            ("quantile_cont(k, 0.25 ORDER BY k DESC)", "250.0"),
            ("quantile_cont(k, 0.25 ORDER BY id, k)", "150.0"),
            ("percentile(k, 0.25 ORDER BY -k)", "150.0"),
            ("percentile_cont(k, 0.25 ORDER BY id)", "150.0"),
            ("approx_quantile(k, 0 ORDER BY id)", "100.0"),
            ("approx_quantile(k, 0 ORDER BY k DESC)", "100.0"),
            ("approx_percentile_cont(k, 1, 100 ORDER BY id)", "300.0"),
            ("approx_percentile_cont_with_weight(k, 1, 1 ORDER BY id)", "300.0"),
            ("percentile_cont(0.25 ORDER BY k DESC)", "250.0"),
            ("percentile_cont(0.25) WITHIN GROUP (ORDER BY k)", "150.0"),
        ] {
            let sql = format!("SELECT CAST({asked} AS DOUBLE) AS p {from}");
            assert_eq!(answer(&session, &sql).await[1..], [wanted], "{sql}");
        }
        let sql = format!("SELECT quantile_cont(k, 0.5 ORDER BY id) {from}");
        let found = answer(&session, &sql).await;
        assert_eq!(found, ["quantile_cont(k, 0.5 ORDER BY id)", "200.0"]);
    }
}
