//! `lag(likes, 1, reposts) OVER (...)`: what there is in place of a row that is not there.
//!
//! The engine takes a constant only. Where another value is meant, the row is asked
//! whether it is there, which tells one without a value from none.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, NullTreatment, ObjectNamePart, Value,
};

/// Asks whether the row is there where a call of `lag` or `lead` says what is else.
pub(super) fn spell(expression: &mut Expr) -> bool {
    let Expr::Function(call) = &*expression else { return false };
    let Some((value, default)) = parts(call) else { return false };
    if ignores_unknown(call) && is_of_the_row(call) {
        // The row is always there, known or not.
        *expression = value;
        return true;
    }
    // The nth value that is known is there if it is known.
    let is_there = if ignores_unknown(call) {
        Expr::IsNotNull(Box::new(value.clone()))
    } else {
        let yes = Expr::value(Value::Boolean(true));
        let mut asked = call.clone();
        change_args(&mut asked, |args| {
            args.truncate(2);
            args[0] = FunctionArg::Unnamed(FunctionArgExpr::Expr(yes));
        });
        Expr::Function(asked)
    };
    *expression = Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition: is_there, result: value }],
        else_result: Some(Box::new(default)),
    };
    true
}

/// A call without what is there instead, and that, if it is no constant.
fn parts(call: &Function) -> Option<(Expr, Expr)> {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return None };
    let is_offset = ["lag", "lead"].iter().any(|known| name.value.eq_ignore_ascii_case(known));
    if !is_offset || call.over.is_none() {
        return None;
    }
    let FunctionArguments::List(list) = &call.args else { return None };
    let [_, _, FunctionArg::Unnamed(FunctionArgExpr::Expr(default))] = list.args.as_slice() else {
        return None;
    };
    if is_constant(default) {
        return None;
    }
    let mut value = call.clone();
    change_args(&mut value, |args| args.truncate(2));
    Some((Expr::Function(value), default.clone()))
}

/// Whether a call asks for the row itself: no row ahead, and none back.
fn is_of_the_row(call: &Function) -> bool {
    let FunctionArguments::List(list) = &call.args else { return false };
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(offset)))) = list.args.get(1)
    else {
        return false;
    };
    matches!(&offset.value, Value::Number(number, _) if number == "0")
}

fn change_args(call: &mut Function, change: impl FnOnce(&mut Vec<FunctionArg>)) {
    if let FunctionArguments::List(list) = &mut call.args {
        change(&mut list.args);
    }
}

fn ignores_unknown(call: &Function) -> bool {
    let FunctionArguments::List(list) = &call.args else { return false };
    let within = list.clauses.iter().filter_map(|clause| match clause {
        FunctionArgumentClause::IgnoreOrRespectNulls(treatment) => Some(treatment),
        _ => None,
    });
    call.null_treatment
        .iter()
        .chain(within)
        .any(|treatment| matches!(treatment, NullTreatment::IgnoreNulls))
}

/// Whether the engine computes `value` before it looks at rows.
fn is_constant(value: &Expr) -> bool {
    match value {
        Expr::Value(_) | Expr::TypedString(_) | Expr::Interval(_) => true,
        Expr::Nested(inner)
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::Cast { expr: inner, .. } => is_constant(inner),
        Expr::BinaryOp { left, right, .. } => is_constant(left) && is_constant(right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_value_beside_a_row_that_is_not_there_may_be_of_the_row() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("lag(n, 1, n * 10) OVER (ORDER BY n)", ["10", "1", "2"]),
            ("lag(v, 1, n * 10) OVER w", ["10", "10", ""]),
            ("lead(v, 1, n) OVER w", ["", "30", "3"]),
            ("lead(v, 2, (SELECT max(7))) OVER (ORDER BY n)", ["30", "7", "7"]),
            ("lead(v, -1, n) OVER w", ["1", "10", ""]),
            ("lag(v, 1, n) IGNORE NULLS OVER w", ["1", "10", "10"]),
            ("lag(v, 1, -1) OVER w", ["-1", "10", ""]),
            ("lag(v, 1, 1 + 1) OVER w", ["2", "10", ""]),
            ("coalesce(lag(v, 1, n + 0.5) OVER w, 0)", ["1.5", "10.0", "0.0"]),
        ] {
            let sql = format!(
                "SELECT {asked} FROM (VALUES (1, 10), (2, NULL), (3, 30)) AS t(n, v)
                 WINDOW w AS (ORDER BY n) ORDER BY n"
            );
            assert_eq!(
                answer(&session, &sql).await[..],
                [&[asked][..], &wanted[..]].concat(),
                "{sql}"
            );
        }
    }
}
