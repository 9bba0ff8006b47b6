//! Clauses of aggregates at functions that look at one row: `upper(DISTINCT place)`,
//! `list_sort(array_agg(id)) FILTER (WHERE id > 8)`. The planner leaves them out, and so
//! would answer another question than was asked.

use std::ops::ControlFlow;

use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, Ident, ObjectNamePart, VisitorMut,
};

use super::forms::familiar;
use super::parsed;
use super::script::Statement;
use crate::error::{Error, Result};

/// Refuses a statement in which a function of `state` that looks at one row has a clause
/// that only functions of several rows take.
///
/// # Errors
/// Says which function and clause it is.
pub(super) fn check(
    parsed: &mut Parsed,
    statement: &Statement,
    state: &SessionState,
) -> Result<()> {
    let ControlFlow::Break((name, error)) = parsed::visit(parsed, &mut Find { state }) else {
        return Ok(());
    };
    let start = name.span.start;
    Err(match start.line {
        0 => error,
        line => {
            let length = name.value.chars().count() as u64;
            error.at(statement.place(line, start.column, Some(length)))
        }
    })
}

/// Finds the first such call.
struct Find<'a> {
    state: &'a SessionState,
}

impl VisitorMut for Find<'_> {
    /// The name of the function, and what is wrong.
    type Break = (Ident, Error);

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<(Ident, Error)> {
        let Expr::Function(call) = expression else { return ControlFlow::Continue(()) };
        take_nulls(call);
        let (Some(name), Some(clause)) = (name(call), Clause::of(call)) else {
            return ControlFlow::Continue(());
        };
        if !self.is_of_one_row(&name.value.to_lowercase()) {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break((name.clone(), self.refusal(&name.value, clause, call)))
    }
}

impl Find<'_> {
    /// Whether `name` is that of a function which cannot look at several rows.
    fn is_of_one_row(&self, name: &str) -> bool {
        let is_known = self.state.scalar_functions().contains_key(name)
            || self.state.higher_order_functions().contains_key(name);
        is_known && !self.is_of_rows(name)
    }

    fn is_of_rows(&self, name: &str) -> bool {
        self.state.aggregate_functions().contains_key(name)
            || self.state.window_functions().contains_key(name)
            || familiar::gathers_rows(name)
    }

    fn refusal(&self, name: &str, clause: Clause, call: &Function) -> Error {
        let error =
            Error::query(format!("{name} looks at one row and takes no {}", clause.words()));
        error.hint(match self.with_clause_inside(clause, call) {
            Some(call) => format!("write {call}"),
            None => clause.advice().to_owned(),
        })
    }

    /// `call` with its clause at the aggregate that is its argument.
    fn with_clause_inside(&self, clause: Clause, call: &Function) -> Option<Function> {
        let mut call = call.clone();
        let FunctionArguments::List(given) = &mut call.args else { return None };
        let inner = given.args.iter_mut().find_map(|argument| self.plain_aggregate(argument))?;
        let FunctionArguments::List(inside) = &mut inner.args else { return None };
        match clause {
            Clause::Filter => inner.filter = call.filter.take(),
            Clause::Over => inner.over = call.over.take(),
            Clause::Distinct => inside.duplicate_treatment = given.duplicate_treatment.take(),
            Clause::OrderBy => inside.clauses = std::mem::take(&mut given.clauses),
            // Few aggregates take these.
            Clause::WithinGroup | Clause::Nulls => return None,
        }
        // Another clause would be refused in its turn.
        Clause::of(&call).is_none().then_some(call)
    }

    /// The aggregate that `argument` is, if it has no clause yet.
    fn plain_aggregate<'a>(&self, argument: &'a mut FunctionArg) -> Option<&'a mut Function> {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(inner))) = argument else {
            return None;
        };
        let is_of_rows =
            name(inner).is_some_and(|name| self.is_of_rows(&name.value.to_lowercase()));
        (is_of_rows && Clause::of(inner).is_none()).then_some(inner)
    }
}

/// `lag(upper(place) IGNORE NULLS) OVER (...)`: what the parser has given to the last function
/// before it is a clause of the one around that.
fn take_nulls(call: &mut Function) {
    if call.over.is_none() || call.null_treatment.is_some() {
        return;
    }
    let FunctionArguments::List(given) = &mut call.args else { return };
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(last))) = given.args.last_mut() else {
        return;
    };
    if let Some(inner) = last_call(last).filter(|inner| inner.over.is_none()) {
        call.null_treatment = inner.null_treatment.take();
    }
}

/// The call with which `expression` ends.
fn last_call(expression: &mut Expr) -> Option<&mut Function> {
    match expression {
        Expr::Function(call) => Some(call),
        Expr::BinaryOp { right, .. } => last_call(right),
        Expr::UnaryOp { expr, .. } => last_call(expr),
        _ => None,
    }
}

/// A clause that only functions of several rows take.
#[derive(Debug, Clone, Copy)]
enum Clause {
    Filter,
    Over,
    WithinGroup,
    Distinct,
    OrderBy,
    Nulls,
}

impl Clause {
    /// The first one of `call`.
    fn of(call: &Function) -> Option<Self> {
        let (distinct, clauses) = match &call.args {
            FunctionArguments::List(list) => (list.duplicate_treatment, list.clauses.as_slice()),
            _ => (None, &[][..]),
        };
        let is_order =
            |one: &FunctionArgumentClause| matches!(one, FunctionArgumentClause::OrderBy(_));
        let is_of_nulls = |one: &FunctionArgumentClause| {
            matches!(one, FunctionArgumentClause::IgnoreOrRespectNulls(_))
        };
        if call.filter.is_some() {
            Some(Self::Filter)
        } else if call.over.is_some() {
            Some(Self::Over)
        } else if !call.within_group.is_empty() {
            Some(Self::WithinGroup)
        } else if distinct == Some(DuplicateTreatment::Distinct) {
            Some(Self::Distinct)
        } else if clauses.iter().any(is_order) {
            Some(Self::OrderBy)
        } else if call.null_treatment.is_some() || clauses.iter().any(is_of_nulls) {
            Some(Self::Nulls)
        } else {
            None
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Filter => "FILTER",
            Self::Over => "OVER",
            Self::WithinGroup => "WITHIN GROUP",
            Self::Distinct => "DISTINCT",
            Self::OrderBy => "ORDER BY",
            Self::Nulls => "IGNORE NULLS or RESPECT NULLS",
        }
    }

    /// What takes the clause.
    fn advice(self) -> &'static str {
        match self {
            Self::Filter => {
                "an aggregate takes it: sum(likes) FILTER (WHERE likes > 9); of one row, CASE WHEN \
                 likes > 9 THEN likes END is NULL where the condition is not true"
            }
            Self::Over => "an aggregate takes it: sum(likes) OVER (PARTITION BY account_id)",
            Self::WithinGroup => {
                "an aggregate takes it: percentile_cont(0.5) WITHIN GROUP (ORDER BY likes)"
            }
            Self::Distinct => {
                "an aggregate takes it: count(DISTINCT platform); SELECT DISTINCT gives each row \
                 once"
            }
            Self::OrderBy => {
                "an aggregate takes it: array_agg(likes ORDER BY posted_at); ORDER BY at the end \
                 of a query sorts its rows"
            }
            Self::Nulls => "first_value, last_value, nth_value, lag and lead take it",
        }
    }
}

/// The name of a call that has no schema before it.
fn name(call: &Function) -> Option<&Ident> {
    match call.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE n AS SELECT * FROM
                    (VALUES (7, 'a', 3), (8, 'b', 4), (9, 'a', 5)) AS t(id, g, k)";
        session.collect(made).await.unwrap();
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_clause_of_aggregates_is_not_left_out() {
        let session = session().await;
        for (asked, clause, advice) in [
            (
                "list_sort(array_agg(id)) FILTER (WHERE id > 8)",
                "list_sort looks at one row and takes no FILTER",
                "write list_sort(array_agg(id) FILTER (WHERE id > 8))",
            ),
            (
                "coalesce(sum(k), 0) FILTER (WHERE id = 2)",
                "takes no FILTER",
                "write coalesce(sum(k) FILTER (WHERE id = 2), 0)",
            ),
            ("abs(sum(k)) OVER ()", "takes no OVER", "write abs(sum(k) OVER ())"),
            ("round(DISTINCT sum(k))", "takes no DISTINCT", "write round(sum(DISTINCT k))"),
            (
                "list_sort(array_agg(k) ORDER BY id)",
                "takes no ORDER BY",
                "write list_sort(array_agg(k ORDER BY id))",
            ),
            ("round(sum(k)) WITHIN GROUP (ORDER BY k)", "takes no WITHIN GROUP", "percentile_cont"),
            ("upper(DISTINCT g)", "upper looks at one row and takes no DISTINCT", "count(DISTINCT"),
            ("abs(k ORDER BY id)", "takes no ORDER BY", "array_agg("),
            ("Abs(k) OVER ()", "takes no OVER", "sum("),
            ("abs(k) IGNORE NULLS OVER ()", "takes no OVER", "sum("),
            ("year(now()) FILTER (WHERE true)", "takes no FILTER", "CASE WHEN"),
            ("list_transform([1], x -> x) FILTER (WHERE true)", "takes no FILTER", "CASE WHEN"),
            ("1 + (SELECT abs(k) OVER () FROM n LIMIT 1)", "takes no OVER", "sum("),
        ] {
            let sql = format!("SELECT {asked} FROM n");
            let error = session.collect(&sql).await.unwrap_err();
            assert!(error.message().contains(clause), "{sql}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains(advice)), "{sql}: {error:?}");
            assert!(error.place().column.is_some(), "{sql}: {error}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_of_rows_keep_their_clauses() {
        let session = session().await;
        for (asked, wanted) in [
            ("list_sort(array_agg(id) FILTER (WHERE id > 8))", "[9]"),
            ("count_if(k > 3) FILTER (WHERE id > 8)", "1"),
            ("json_group_array(id) FILTER (WHERE id > 8)", "[9]"),
            ("json_agg(id ORDER BY id DESC)", "[9,8,7]"),
            ("list(id ORDER BY id)", "[7, 8, 9]"),
            ("first(k ORDER BY id) FILTER (WHERE g = 'b')", "4"),
            ("count(DISTINCT upper(g))", "2"),
            ("mode() WITHIN GROUP (ORDER BY g)", "a"),
            (
                "(SELECT string_agg(v, ',' ORDER BY id) FROM (SELECT id,
                   lag(nullif(k, 4) IGNORE NULLS) OVER (ORDER BY id) AS v FROM n))",
                "3,3",
            ),
            (
                "(SELECT string_agg(v, ',' ORDER BY id) FROM (SELECT id,
                   lag(0 + nullif(k, 4) RESPECT NULLS) OVER (ORDER BY id) AS v FROM n))",
                "3",
            ),
        ] {
            assert_eq!(value(&session, &format!("SELECT {asked} FROM n")).await, wanted, "{asked}");
        }
    }
}
