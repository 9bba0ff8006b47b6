//! `count(DISTINCT account_id, platform)`: how many different rows of values there are.
//!
//! The planner counts one value only. Here the values become one, which is unknown as
//! soon as one of them is: as in `MySQL` and Spark, such rows do not count.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DuplicateTreatment, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments,
};

/// Makes one value of several that are counted.
pub(super) fn join(expression: &mut Expr) -> bool {
    let Expr::Function(call) = expression else { return false };
    if !call.name.to_string().eq_ignore_ascii_case("count") {
        return false;
    }
    let FunctionArguments::List(list) = &mut call.args else { return false };
    if list.duplicate_treatment != Some(DuplicateTreatment::Distinct) || list.args.len() < 2 {
        return false;
    }
    let values = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    });
    let Some(values) = values.collect::<Option<Vec<_>>>() else { return false };
    let known = values.iter().map(|value| {
        let value = Expr::Nested(Box::new(value.clone()));
        Expr::IsNotNull(Box::new(value))
    });
    let Some(condition) = known.reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    }) else {
        return false;
    };
    let one = Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: Expr::Tuple(values) }],
        else_result: None,
    };
    list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(one))];
    true
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn different_rows_of_known_values_are_counted() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1, 'x'), (1, NULL), (1, 'x'), (NULL, 'x'), (1, 'y'), (2, 'x'))
                    AS t(a, b)";
        for (counted, is) in [
            ("count(DISTINCT a, b)", "3"),
            ("Count(DISTINCT b, a, 5)", "3"),
            ("count(DISTINCT a, b) FILTER (WHERE b = 'x')", "2"),
            ("count(DISTINCT a)", "2"),
            ("count(DISTINCT (a, b))", "5"),
        ] {
            let sql = format!("SELECT {counted} AS n {from}");
            assert_eq!(answer(&session, &sql).await, ["n", is], "{counted}");
        }
        let sql = format!("SELECT a, count(DISTINCT a, b) {from} GROUP BY a ORDER BY a");
        assert_eq!(answer(&session, &sql).await, ["a|count(DISTINCT a, b)", "1|2", "2|1", "|0"]);
    }
}
