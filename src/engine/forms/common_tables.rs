//! `WITH c AS (...)`: a query by name, which is one table however often it is used.
//!
//! The planner computes it anew for each use. Where that gives the same rows it does not
//! matter; where it need not, as for rows by chance or numbers in no order, the uses would
//! not fit one another, and so a second use is refused. `MATERIALIZED` and
//! `NOT MATERIALIZED` say how it is to be computed, not what it is, and are left out.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Cte, Distinct, Expr, Function, FunctionArgumentClause, FunctionArguments, Ident, LimitClause,
    Query, SetExpr, TableFactor, Visit, Visitor, VisitorMut, WindowType, With,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::engine::names::plain;
use crate::engine::parsed;
use crate::engine::passed_over::is_one_row;
use crate::engine::script::Statement;
use crate::error::{Error, Result};

/// Functions that give something else each time.
const BY_CHANCE: [&str; 4] = ["rand", "random", "uuid", "gen_random_uuid"];

/// Functions of windows that give something else for another order of the rows.
const OF_ORDER: [&str; 7] =
    ["row_number", "ntile", "lag", "lead", "first_value", "last_value", "nth_value"];

/// Aggregates of which that holds.
const OF_INNER_ORDER: [&str; 8] = [
    "array_agg",
    "string_agg",
    "listagg",
    "group_concat",
    "any_value",
    "first_value",
    "last_value",
    "nth_value",
];

/// Leaves out `MATERIALIZED` and `NOT MATERIALIZED`, which the parser does not know.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| is_word(&token.token, Keyword::MATERIALIZED)) {
        return tokens;
    }
    let shown: Vec<usize> =
        (0..tokens.len()).filter(|&at| !matches!(tokens[at].token, Token::Whitespace(_))).collect();
    let is = |at: usize, keyword: Keyword| {
        shown.get(at).is_some_and(|&at| is_word(&tokens[at].token, keyword))
    };
    let mut left_out = HashSet::new();
    for at in 0..shown.len() {
        let begins = if is(at, Keyword::NOT) { at + 1 } else { at };
        let opens = shown.get(begins + 1).is_some_and(|&at| tokens[at].token == Token::LParen);
        let is_behind_as = at > 0 && is(at - 1, Keyword::AS);
        if is_behind_as && is(begins, Keyword::MATERIALIZED) && opens {
            left_out.extend(shown[at..=begins].iter().copied());
        }
    }
    if left_out.is_empty() {
        return tokens;
    }
    let kept = tokens.into_iter().enumerate().filter(|(at, _)| !left_out.contains(at));
    kept.map(|(_, token)| token).collect()
}

fn is_word(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword)
}

/// Refuses a query by name that is used again and would not be the same again.
///
/// # Errors
/// Says which one it is, and why.
pub(in crate::engine) fn check(parsed: &mut Parsed, statement: &Statement) -> Result<()> {
    let ControlFlow::Break((name, reason)) = parsed::visit(parsed, &mut Check) else {
        return Ok(());
    };
    let error = Error::query(format!(
        "{name} is used more than once, and would be other rows each time: it has {}",
        reason.what
    ));
    let error = error.hint(format!(
        "{}make a table of it first: CREATE TABLE {name} AS SELECT ...",
        reason.advice
    ));
    let start = name.span.start;
    Err(match start.line {
        0 => error,
        line => {
            let length = name.value.chars().count() as u64;
            error.at(statement.place(line, start.column, Some(length)))
        }
    })
}

/// Why a query may give other rows the next time.
#[derive(Clone)]
struct Reason {
    what: String,
    /// What to do about it, before what can always be done.
    advice: &'static str,
}

struct Check;

impl VisitorMut for Check {
    type Break = (Ident, Reason);

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<(Ident, Reason)> {
        let Some(With { cte_tables, .. }) = &query.with else {
            return ControlFlow::Continue(());
        };
        let mut changing: Vec<(&Cte, Reason)> = Vec::new();
        for table in cte_tables {
            let own = reason(&table.query);
            let inherited = changing.iter().find(|(of, _)| uses(&table.query, of) > 0);
            if let Some(reason) = own.or_else(|| inherited.map(|(_, reason)| reason.clone())) {
                changing.push((table, reason));
            }
        }
        for (table, reason) in changing {
            let others = cte_tables.iter().filter(|other| !std::ptr::eq(*other, table));
            let in_others: usize = others.map(|other| uses(&other.query, table)).sum();
            if in_others + uses(&query.body, table) + uses(&query.order_by, table) > 1 {
                return ControlFlow::Break((table.alias.name.clone(), reason));
            }
        }
        ControlFlow::Continue(())
    }
}

/// How often `part` has the rows of `table`.
fn uses(part: &impl Visit, table: &Cte) -> usize {
    let mut uses = Uses { name: plain(&table.alias.name), count: 0 };
    // It never breaks off.
    let _ = part.visit(&mut uses);
    uses.count
}

struct Uses {
    name: String,
    count: usize,
}

impl Visitor for Uses {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = table
            && let [part] = name.0.as_slice()
            && part.as_ident().is_some_and(|name| plain(name) == self.name)
        {
            self.count += 1;
        }
        ControlFlow::Continue(())
    }
}

/// Why `query` may give other rows the next time, if it may.
fn reason(query: &Query) -> Option<Reason> {
    match query.visit(&mut Changing { within_exists: 0 }) {
        ControlFlow::Break(reason) => Some(reason),
        ControlFlow::Continue(()) => None,
    }
}

/// Finds what may be something else the next time.
struct Changing {
    /// Within how many EXISTS, where it does not matter which rows there are.
    within_exists: usize,
}

impl Visitor for Changing {
    type Break = Reason;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Reason> {
        let takes_some = takes_some(query.limit_clause.as_ref()) || query.fetch.is_some();
        let what = if query.order_by.is_some() || self.within_exists > 0 {
            None
        } else if takes_some && has_rows(&query.body) {
            Some("LIMIT or OFFSET without ORDER BY")
        } else if takes_first_of_groups(&query.body) {
            Some("DISTINCT ON without ORDER BY")
        } else {
            None
        };
        let advice = "say which rows are the first, as in ORDER BY post_id, or ";
        what.map_or(ControlFlow::Continue(()), |what| {
            ControlFlow::Break(Reason { what: what.to_owned(), advice })
        })
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Reason> {
        if matches!(expression, Expr::Exists { .. }) {
            self.within_exists += 1;
        }
        let Expr::Function(call) = expression else { return ControlFlow::Continue(()) };
        let name = call.name.to_string().to_lowercase();
        if BY_CHANCE.contains(&name.as_str()) {
            let what = format!("{name}, which is chance");
            return ControlFlow::Break(Reason { what, advice: "" });
        }
        let is_of_order = match &call.over {
            Some(WindowType::WindowSpec(window)) if window.order_by.is_empty() => {
                OF_ORDER.contains(&name.as_str())
                    || OF_INNER_ORDER.contains(&name.as_str())
                    || window.window_frame.is_some()
            }
            Some(_) => false,
            None => OF_INNER_ORDER.contains(&name.as_str()) && !has_order(call),
        };
        if !is_of_order {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(Reason {
            what: format!("{name} of rows in no order"),
            advice: "say an order, as in row_number() OVER (ORDER BY post_id) or \
                     string_agg(text, ' ' ORDER BY post_id), or ",
        })
    }

    fn post_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Reason> {
        if matches!(expression, Expr::Exists { .. }) {
            self.within_exists -= 1;
        }
        ControlFlow::Continue(())
    }
}

/// Whether there may be more rows than one.
fn has_rows(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => !select.from.is_empty() && !is_one_row(select),
        _ => true,
    }
}

fn takes_first_of_groups(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => matches!(select.distinct, Some(Distinct::On(_))),
        _ => false,
    }
}

fn takes_some(limit: Option<&LimitClause>) -> bool {
    match limit {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => limit.is_some() || offset.is_some(),
        Some(LimitClause::OffsetCommaLimit { .. }) => true,
        None => false,
    }
}

/// Whether a call says in which order it takes the rows.
fn has_order(call: &Function) -> bool {
    let is_order =
        |clause: &FunctionArgumentClause| matches!(clause, FunctionArgumentClause::OrderBy(_));
    match &call.args {
        FunctionArguments::List(list) => {
            !call.within_group.is_empty() || list.clauses.iter().any(is_order)
        }
        _ => !call.within_group.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(VALUES (1, 'a'), (2, 'b')) AS t(n, g)";
        session.collect(&format!("CREATE TABLE t AS SELECT * FROM {rows}")).await.unwrap();
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_are_others_each_time_are_used_once() {
        let session = session().await;
        for (query, said) in [
            ("SELECT row_number() OVER () AS n FROM t", "row_number"),
            ("SELECT row_number() OVER w AS n FROM t WINDOW w AS (PARTITION BY g)", "row_number"),
            ("SELECT n + random() AS n FROM t", "random"),
            ("SELECT n FROM t LIMIT 1", "LIMIT"),
            ("SELECT n FROM t WHERE n IN (SELECT n FROM t OFFSET 1)", "OFFSET"),
            ("SELECT DISTINCT ON (g) n FROM t", "DISTINCT ON"),
            ("SELECT string_agg(g, ' ') AS n FROM t", "string_agg"),
            ("SELECT first_value(n) AS n FROM t", "first_value"),
            ("SELECT n FROM t TABLESAMPLE (1 ROWS)", "random"),
        ] {
            for uses in [
                "SELECT count(*) FROM c JOIN c AS d ON c.n = d.n",
                "SELECT n FROM c UNION ALL SELECT n FROM C",
                "SELECT n FROM c WHERE n > (SELECT avg(n) FROM c)",
            ] {
                let sql = format!("WITH c AS ({query}) {uses}");
                let error = session.collect(&sql).await.unwrap_err();
                assert!(error.message().starts_with("c is used more than once"), "{sql}: {error}");
                assert!(error.message().contains(said), "{sql}: {error}");
                assert!(error.advice().unwrap_or_default().contains("CREATE TABLE c"), "{error}");
                assert_eq!(error.place().column, Some(6), "{sql}: {error}");
            }
        }
        let handed_on = "WITH a AS (SELECT random() AS n FROM t), b AS (SELECT n FROM a)
                         SELECT count(*) FROM b JOIN b AS c ON b.n = c.n";
        let error = session.collect(handed_on).await.unwrap_err();
        assert!(error.message().starts_with("b is used more than once"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_are_the_same_are_used_as_often_as_one_likes() {
        let session = session().await;
        let both = "SELECT count(*) AS c FROM c JOIN c AS d ON c.n = d.n";
        for (table, uses, is) in [
            ("c AS (SELECT n FROM t)", both, "2"),
            ("c AS MATERIALIZED (SELECT n FROM t)", both, "2"),
            ("c(n) AS not materialized(SELECT n FROM t)", both, "2"),
            ("c AS (SELECT row_number() OVER (ORDER BY n) AS n FROM t)", both, "2"),
            ("c AS (SELECT n FROM t ORDER BY n LIMIT 1)", both, "1"),
            ("c AS (SELECT max(n) AS n FROM t LIMIT 1)", both, "1"),
            ("c AS (SELECT n FROM t WHERE EXISTS (SELECT 1 FROM t LIMIT 1))", both, "2"),
            (
                "c AS (SELECT string_agg(g, '' ORDER BY g) AS n FROM t)",
                "SELECT a.n || b.n AS c FROM c AS a, c AS b",
                "abab",
            ),
            ("c AS (SELECT row_number() OVER () AS n FROM t)", "SELECT max(n) AS c FROM c", "2"),
        ] {
            let sql = format!("WITH {table} {uses}");
            assert_eq!(answer(&session, &sql).await, ["c", is], "{sql}");
        }
    }
}
