//! `list_transform(likes, (n, place) -> n * place)`: a function of the items of a list and of
//! their places, which count from 1. The engine gives functions the items alone; here these
//! are pairs of an item and its place.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, LambdaFunction, ObjectNamePart, Value,
};

use super::slices::part;
use super::{lambdas, level_names};
use crate::engine::dialect::lambda;
use crate::engine::names::{call, plain};

/// Functions that make new items, and those that keep some.
const MAKE: [&str; 5] = ["apply", "array_apply", "array_transform", "list_apply", "list_transform"];
const KEEP: [&str; 2] = ["array_filter", "list_filter"];

/// Longest list, as it is written: it is asked for twice, and may have such calls in it.
const MOST_BYTES: usize = 4 << 10;

/// Gives pairs to such a function.
pub(super) fn pair(expression: &mut Expr) -> bool {
    let Expr::Function(call) = &*expression else { return false };
    let Some(meaning) = meaning(call) else { return false };
    *expression = meaning;
    true
}

fn meaning(asked: &Function) -> Option<Expr> {
    let [ObjectNamePart::Identifier(name)] = asked.name.0.as_slice() else { return None };
    let is_one_of = |known: &[&str]| known.iter().any(|one| name.value.eq_ignore_ascii_case(one));
    let (makes, keeps) = (is_one_of(&MAKE), is_one_of(&KEEP));
    let FunctionArguments::List(list) = &asked.args else { return None };
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(items)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(function @ Expr::Lambda(_))),
    ] = list.args.as_slice()
    else {
        return None;
    };
    let mut function = function.clone();
    // Parts of an item are asked for in brackets first.
    lambdas::spell(&mut function);
    let Expr::Lambda(LambdaFunction { params, body, .. }) = function else { return None };
    let [item, place] = &*params else { return None };
    if !(makes || keeps) || items.to_string().len() > MOST_BYTES {
        return None;
    }
    // A function within this one has another pair, if its names are others.
    let both = Ident::with_quote('"', format!("{} and {}", plain(&item.name), plain(&place.name)));
    let mut body = *body;
    level_names::replace(&mut body, &|name| match plain(name) {
        name if name == plain(&item.name) => Some(of_pair(&both, "1")),
        name if name == plain(&place.name) => Some(of_pair(&both, "2")),
        _ => None,
    });
    let (pairs, function) = (pairs(items), lambda(&both, body));
    Some(match keeps {
        true => {
            let kept = call("list_filter", [pairs, function]);
            call("list_transform", [kept, lambda(&both, of_pair(&both, "1"))])
        }
        false => call("list_transform", [pairs, function]),
    })
}

/// The items of a list, each with its place.
fn pairs(items: &Expr) -> Expr {
    let one = || Expr::value(Value::Number("1".to_owned(), false));
    let length = Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(call("array_length", [items.clone()])),
        data_type: DataType::BigInt(None),
        array: false,
        format: None,
    };
    // A range ends before its end.
    let end =
        Expr::BinaryOp { left: Box::new(length), op: BinaryOperator::Plus, right: Box::new(one()) };
    call("arrays_zip", [items.clone(), call("range", [one(), end])])
}

/// The item or the place of a pair.
fn of_pair(both: &Ident, which: &str) -> Expr {
    let root = Box::new(Expr::Identifier(both.clone()));
    let access_chain = vec![part(&Ident::with_quote('"', which))];
    Expr::Nested(Box::new(Expr::CompoundFieldAccess { root, access_chain }))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn a_function_is_given_items_and_their_places() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (call, wanted) in [
            ("list_transform([10, 20], (x, i) -> x + i)", "[11, 22]"),
            ("list_transform(['a', NULL], (x, i) -> concat(x, i + 1))", "[a2, 3]"),
            ("list_filter([10, 20, 30], (x, i) -> i > 1 AND x < 30)", "[20]"),
            (
                "list_transform([[1, 2], [3]], (x, i) -> list_transform(x, (y, j) -> y * i + j))",
                "[[2, 4], [7]]",
            ),
            ("list_transform([{'n': 3}], (s, i) -> s.n + i)", "[4]"),
            ("list_transform([1, 2], (x, i) -> x * i + t.z)", "[6, 9]"),
            ("list_transform(t.l, (x, i) -> x)", ""),
        ] {
            let sql = format!("SELECT {call} FROM (SELECT 5 AS z, NULL::BIGINT[] AS l) AS t");
            assert_eq!(answer(&session, &sql).await, [call, wanted], "{sql}");
        }
    }
}
