//! Groups and aggregates that the engine would call alike: to it `x::date` is `x`, and
//! it refuses two columns of one name.
//!
//! `coalesce(x::date)` is the same value under another name, and gone again once
//! the query is planned. What a person sees keeps the name that was typed.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CastKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, GroupByExpr, Ident, ObjectName, OrderBy, OrderByExpr, OrderByKind, Query,
    Select, SelectItem, SetExpr, Value, visit_expressions, visit_expressions_mut,
};

use super::names::without_casts;

/// Whether a function of this name is an aggregate or looks at other rows.
pub(super) type IsAggregate<'a> = &'a dyn Fn(&str) -> bool;

/// Tells groups, and aggregates, of a query apart that differ in casts only.
pub(super) fn tell_apart(query: &mut Query, is_aggregate: IsAggregate<'_>) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let order_by = query.order_by.as_mut();
    let groups = alike(&groups(select, is_aggregate));
    let calls = alike(&calls(select, order_by.as_deref(), is_aggregate));
    if groups.is_empty() && calls.is_empty() {
        return;
    }
    let rewrite = |expression: &mut Expr| rewrite(expression, &groups, &calls);
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(expression) => {
                let typed = expression.to_string();
                if rewrite(expression) {
                    let alias = Ident::with_quote('"', typed);
                    *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
                }
            }
            SelectItem::ExprWithAlias { expr, .. } => {
                rewrite(expr);
            }
            _ => {}
        }
    }
    if let GroupByExpr::Expressions(expressions, _) = &mut select.group_by {
        for expression in expressions {
            rewrite(expression);
        }
    }
    let filters = [&mut select.having, &mut select.qualify].into_iter().flatten();
    let orders = order_by.into_iter().flat_map(sorted).map(|order| &mut order.expr);
    for expression in filters.chain(orders) {
        rewrite(expression);
    }
}

/// Wraps what is in `groups`, and an argument of what is in `calls`; says whether
/// there was any.
fn rewrite(
    expression: &mut Expr,
    groups: &HashMap<String, usize>,
    calls: &HashMap<String, usize>,
) -> bool {
    let mut changed = false;
    let _ = visit_expressions_mut(expression, |part| {
        let meant = meant(part);
        if let Some(times) = calls.get(&meant) {
            changed = true;
            wrap_argument(part, *times);
        } else if let Some(times) = groups.get(&meant) {
            changed = true;
            wrap(part, *times);
        }
        ControlFlow::<()>::Continue(())
    });
    changed
}

/// What ORDER BY lists.
fn sorted(order_by: &mut OrderBy) -> &mut [OrderByExpr] {
    match &mut order_by.kind {
        OrderByKind::Expressions(expressions) => expressions,
        OrderByKind::All(_) => &mut [],
    }
}

/// What the rows of `select` are grouped by, with numbers and other names put back
/// into what they stand for.
fn groups(select: &Select, is_aggregate: IsAggregate<'_>) -> Vec<Expr> {
    let listed = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            Some(expr.clone())
        }
        _ => None,
    };
    let GroupByExpr::Expressions(expressions, _) = &select.group_by else {
        let all = select.projection.iter().filter_map(listed);
        return all.filter(|item| aggregates(item, is_aggregate).is_empty()).collect();
    };
    let called = |name: &Ident| {
        select.projection.iter().find(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => {
                alias.value.eq_ignore_ascii_case(&name.value)
            }
            _ => false,
        })
    };
    let meant = |expression: &Expr| {
        let item = match expression {
            Expr::Identifier(name) => called(name),
            Expr::Value(value) => match &value.value {
                Value::Number(number, _) => {
                    let place = number.to_string().parse::<usize>().ok();
                    select.projection.get(place.unwrap_or_default().wrapping_sub(1))
                }
                _ => None,
            },
            _ => None,
        };
        item.and_then(listed).unwrap_or_else(|| expression.clone())
    };
    expressions.iter().map(meant).collect()
}

/// The aggregates, and the calls that look at other rows, of a query.
fn calls(select: &Select, order_by: Option<&OrderBy>, is_aggregate: IsAggregate<'_>) -> Vec<Expr> {
    let mut found = Vec::new();
    for item in &select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            found.extend(aggregates(expr, is_aggregate));
        }
    }
    for filter in [&select.having, &select.qualify].into_iter().flatten() {
        found.extend(aggregates(filter, is_aggregate));
    }
    if let Some(OrderBy { kind: OrderByKind::Expressions(orders), .. }) = order_by {
        found.extend(orders.iter().flat_map(|order| aggregates(&order.expr, is_aggregate)));
    }
    found
}

fn aggregates(expression: &Expr, is_aggregate: IsAggregate<'_>) -> Vec<Expr> {
    let mut found = Vec::new();
    let _ = visit_expressions(expression, |part| {
        if let Expr::Function(call) = part
            && is_aggregate(&call.name.to_string().to_lowercase())
        {
            found.push(part.clone());
        }
        ControlFlow::<()>::Continue(())
    });
    found
}

/// Of expressions that the engine would call alike all but the first, and how often
/// each has to be wrapped to have a name of its own.
fn alike(expressions: &[Expr]) -> HashMap<String, usize> {
    let mut all: Vec<(Expr, &Expr)> =
        expressions.iter().map(|expression| (without_casts(expression), expression)).collect();
    // What has no cast keeps its name.
    all.sort_by_key(|(bare, expression)| bare != *expression);
    let mut of_name: HashMap<String, Vec<String>> = HashMap::new();
    let mut wrapped = HashMap::new();
    for (bare, expression) in all {
        let known = of_name.entry(bare.to_string().to_lowercase()).or_default();
        let meant = meant(expression);
        if known.contains(&meant) {
            continue;
        }
        if !known.is_empty() {
            wrapped.insert(meant.clone(), known.len());
        }
        known.push(meant);
    }
    wrapped
}

/// An expression as text, however its casts are written.
fn meant(expression: &Expr) -> String {
    let mut plain = expression.clone();
    let _ = visit_expressions_mut(&mut plain, |part| {
        if let Expr::Cast { kind: kind @ CastKind::DoubleColon, .. } = part {
            *kind = CastKind::Cast;
        }
        ControlFlow::<()>::Continue(())
    });
    plain.to_string()
}

/// Wraps the first argument of a call in which there is a cast.
fn wrap_argument(call: &mut Expr, times: usize) {
    let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = call else { return };
    let argument = list.args.iter_mut().find_map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression))
            if without_casts(expression) != *expression =>
        {
            Some(expression)
        }
        _ => None,
    });
    if let Some(argument) = argument {
        wrap(argument, times);
    }
}

/// Puts `coalesce(...)` around an expression so many times.
fn wrap(expression: &mut Expr, times: usize) {
    for _ in 0..times {
        let inner = FunctionArgExpr::Expr(expression.clone());
        let args = FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(inner)],
            clauses: Vec::new(),
        });
        *expression = Expr::Function(Function {
            name: ObjectName::from(vec![Ident::new("coalesce")]),
            uses_odbc_syntax: false,
            parameters: FunctionArguments::None,
            args,
            filter: None,
            null_treatment: None,
            over: None,
            within_group: Vec::new(),
        });
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::engine::{Session, Settings};

    /// The names of the columns and the rows of an answer, one a line.
    async fn answer(session: &Session, sql: &str) -> crate::Result<Vec<String>> {
        let batches = session.collect(sql).await?;
        let table = pretty_format_batches(&batches).unwrap().to_string();
        let lines = table.lines().filter(|line| line.starts_with('|'));
        Ok(lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_differs_in_casts_only_is_told_apart() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES ('10', 1.2), ('9', 2.2)) AS t(b, x)";
        for (select, rest, rows) in [
            ("max(b), max(b::int)", "", &["| max(b) | max(b::INT) |", "| 9 | 10 |"][..]),
            (
                "max(b::int) AS a, max(b::bigint) AS c, max(b) AS d",
                "HAVING max(b::int) > 9",
                &["| a | c | d |", "| 10 | 10 | 9 |"],
            ),
            (
                "count(*) AS n",
                "GROUP BY CAST(x AS INT), x ORDER BY CAST(x AS INT)",
                &["| n |", "| 1 |", "| 1 |"],
            ),
            (
                "x::int, x, count(*) AS n",
                "GROUP BY CAST(x AS INT), x ORDER BY x",
                &["| x::INT | x | n |", "| 1 | 1.2 | 1 |", "| 2 | 2.2 | 1 |"],
            ),
            (
                "x, x::int AS whole",
                "GROUP BY 1, whole ORDER BY whole DESC",
                &["| x | whole |", "| 2.2 | 2 |", "| 1.2 | 1 |"],
            ),
            (
                "b, max(b) OVER () AS m, max(b::int) OVER () AS n",
                "ORDER BY b",
                &["| b | m | n |", "| 10 | 9 | 10 |", "| 9 | 9 | 10 |"],
            ),
        ] {
            let sql = format!("SELECT {select} {from} {rest}");
            assert_eq!(answer(&session, &sql).await.unwrap(), rows, "{sql}");
        }
    }
}
