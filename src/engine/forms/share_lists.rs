//! `quantile_cont(likes, [0.25, 0.5, 0.75])`: the list of several quantiles. The functions
//! look for one at a time, so that the list is made of as many calls.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    Array, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    ObjectNamePart,
};

/// The functions of a share, by all their names.
const NAMES: &[&str] = &[
    "quantile_cont",
    "percentile_cont",
    "quantile",
    "quantile_disc",
    "percentile_disc",
    "percentile",
    "approx_quantile",
    "approx_percentile_cont",
];

/// Makes a list of the calls that `expression` stands for.
pub(super) fn part(expression: &mut Expr) -> bool {
    let Expr::Function(call) = &*expression else { return false };
    let Some(shares) = shares(call) else { return false };
    let calls: Vec<Expr> = shares.elem.iter().map(|share| with_share(call, share)).collect();
    let Some(first) = calls.first() else { return false };
    // Of no values there is no quantile, and no list of them.
    let condition = Expr::IsNotNull(Box::new(first.clone()));
    let result = Expr::Array(Array { elem: calls, ..shares.clone() });
    *expression = Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: None,
    };
    true
}

/// The list of shares that a call is given, which is all but the value.
fn shares(call: &Function) -> Option<&Array> {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return None };
    let FunctionArguments::List(list) = &call.args else { return None };
    let given = match list.args.as_slice() {
        [given] if !call.within_group.is_empty() => given,
        [_, given] if call.within_group.is_empty() => given,
        _ => return None,
    };
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Array(shares))) = given else {
        return None;
    };
    NAMES.iter().any(|known| name.value.eq_ignore_ascii_case(known)).then_some(shares)
}

/// `call` with one `share` in place of the list.
fn with_share(call: &Function, share: &Expr) -> Expr {
    let mut call = call.clone();
    if let FunctionArguments::List(list) = &mut call.args
        && let Some(last) = list.args.last_mut()
    {
        *last = FunctionArg::Unnamed(FunctionArgExpr::Expr(share.clone()));
    }
    Expr::Function(call)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn several_shares_give_a_list() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1), (2), (3), (4), (5), (NULL)) AS t(n)";
        for (call, wanted) in [
            ("quantile_cont(n, [0.25, 0.5, 0.75])", "[2.0, 3.0, 4.0]"),
            ("quantile_disc(n, [0.5, 1])", "[3, 5]"),
            ("quantile(n, ARRAY[0.5])", "[3]"),
            ("percentile_cont([0.5, 0.25]) WITHIN GROUP (ORDER BY n DESC)", "[3.0, 4.0]"),
            ("percentile_disc([0.2]) WITHIN GROUP (ORDER BY n)", "[1]"),
            ("approx_quantile(CAST(n AS DOUBLE), [0.5])", "[3.0]"),
            ("quantile_cont(n, [0.5]) FILTER (WHERE n > 9)", ""),
        ] {
            let sql = format!("SELECT {call} {from}");
            assert_eq!(answer(&session, &sql).await, [call, wanted], "{sql}");
        }
        assert!(session.collect(&format!("SELECT quantile_cont(n, [2]) {from}")).await.is_err());
    }
}
