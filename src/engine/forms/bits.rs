//! `~flags`: a whole number with each of its bits turned round, which the planner does
//! not know.

use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator};

use crate::engine::names::call;

/// Makes a call of `bit_not` of `~`.
pub(super) fn turn(expression: &mut Expr) -> bool {
    let Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } = expression else { return false };
    let number = Expr::clone(expr);
    *expression = call("bit_not", [number]);
    true
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn bits_are_turned_round() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, is) in [
            ("~n", "-6"),
            ("~ ~n", "5"),
            ("~(n + 1) & 255", "249"),
            ("~9223372036854775807", "-9223372036854775808"),
            ("~NULL::bigint", ""),
            ("bit_count(255)", "8"),
            ("bit_count(-1)", "64"),
            ("xor(6, 3)", "5"),
        ] {
            let sql = format!("SELECT {expression} AS made FROM (VALUES (5)) AS t(n)");
            assert_eq!(answer(&session, &sql).await[1], is, "{expression}");
        }
        for wrong in ["~1.5", "~'a'", "xor(1.5, 1)"] {
            assert!(session.collect(&format!("SELECT {wrong}")).await.is_err(), "{wrong}");
        }
    }
}
