//! `WITH c AS (...)`: a query by name, which is one table however often it is used.
//!
//! The planner puts what it asks in the place of each use. One that is used again is marked
//! here, so that it can be computed once: always where it may be other rows each time, as
//! those by chance or numbers in no order; where `MATERIALIZED` asks for it; and where it
//! takes long, unless that is `NOT MATERIALIZED`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;

use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Cte, CteAsMaterialized, Distinct, Expr, Function, FunctionArgumentClause, FunctionArguments,
    Ident, LimitClause, Query, SetExpr, Statement as Typed, TableFactor, Visit, Visitor,
    VisitorMut, WindowType, With,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::familiar::VOLATILE;
use super::order_by_input;
use crate::engine::computed_once::{Mark, When};
use crate::engine::names::plain;
use crate::engine::parsed;
use crate::engine::passed_over::is_one_row;
use crate::engine::script::Statement;
use crate::error::{Error, Result};

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

/// A `MATERIALIZED` or `NOT MATERIALIZED` among tokens.
struct Wish {
    how: CteAsMaterialized,
    /// The places of its words.
    words: Vec<usize>,
    /// That of the bracket behind it.
    opens: usize,
}

/// Leaves out `MATERIALIZED` and `NOT MATERIALIZED`, which the parser does not know; see
/// [`wished`].
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let left_out: Vec<usize> = wishes(&tokens).into_iter().flat_map(|wish| wish.words).collect();
    if left_out.is_empty() {
        return tokens;
    }
    let kept = tokens.into_iter().enumerate().filter(|(at, _)| !left_out.contains(at));
    kept.map(|(_, token)| token).collect()
}

/// How queries by name are to be computed, as far as a statement of `tokens` says, each
/// with the place where the query ends.
pub(in crate::engine) fn wished(tokens: &[TokenWithSpan]) -> Vec<(Location, CteAsMaterialized)> {
    let ends = wishes(tokens).into_iter().filter_map(|wish| {
        let mut depth = 0;
        let end = tokens[wish.opens..].iter().find(|token| {
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        end.map(|end| (end.span.start, wish.how))
    });
    ends.collect()
}

fn wishes(tokens: &[TokenWithSpan]) -> Vec<Wish> {
    if !tokens.iter().any(|token| is_word(&token.token, Keyword::MATERIALIZED)) {
        return Vec::new();
    }
    let shown: Vec<usize> =
        (0..tokens.len()).filter(|&at| !matches!(tokens[at].token, Token::Whitespace(_))).collect();
    let is = |at: usize, keyword: Keyword| {
        shown.get(at).is_some_and(|&at| is_word(&tokens[at].token, keyword))
    };
    let opens = |at: usize| shown.get(at).is_some_and(|&at| tokens[at].token == Token::LParen);
    let wish = |begins: usize| {
        let (how, word) = match is(begins, Keyword::NOT) {
            true => (CteAsMaterialized::NotMaterialized, begins + 1),
            false => (CteAsMaterialized::Materialized, begins),
        };
        let is_wish = is(begins - 1, Keyword::AS) && is(word, Keyword::MATERIALIZED);
        (is_wish && opens(word + 1)).then(|| {
            let words = shown[begins..=word].to_vec();
            Wish { how, words, opens: shown[word + 1] }
        })
    };
    (1..shown.len()).filter_map(wish).collect()
}

fn is_word(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword)
}

/// Notes in `parsed` which queries are `wished` to be computed once or not, and refuses one
/// that is used again and cannot be the same rows again.
///
/// # Errors
/// Says which one it is.
pub(in crate::engine) fn check(
    parsed: &mut Parsed,
    wished: &[(Location, CteAsMaterialized)],
    statement: &Statement,
) -> Result<()> {
    let ControlFlow::Break(name) = parsed::visit(parsed, &mut Check { wished }) else {
        return Ok(());
    };
    let message =
        format!("{name} is used more than once, would be other rows each time, and is recursive");
    let error = Error::query(message)
        .hint(format!("make a table of it first: CREATE TABLE {name} AS WITH RECURSIVE ..."));
    let start = name.span.start;
    Err(match start.line {
        0 => error,
        line => {
            let length = name.value.chars().count() as u64;
            error.at(statement.place(line, start.column, Some(length)))
        }
    })
}

struct Check<'a> {
    wished: &'a [(Location, CteAsMaterialized)],
}

impl VisitorMut for Check<'_> {
    type Break = Ident;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Ident> {
        for table in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            let end = table.closing_paren_token.0.span.start;
            let wish = self.wished.iter().find(|(place, _)| *place == end);
            table.materialized = wish.map(|(_, how)| *how);
        }
        let mut again = used_again(query).into_iter();
        match again.find(|again| again.is_recursive && again.when == When::Changing) {
            Some(Again { name, .. }) => ControlFlow::Break(name),
            None => ControlFlow::Continue(()),
        }
    }
}

/// Marks the queries that are used again. What a view is said to be is given back, if
/// `parsed` makes one: it is without marks.
pub(in crate::engine) fn mark(parsed: &mut Parsed) -> Option<String> {
    let view = match &*parsed {
        Parsed::Statement(statement) => {
            let is_view = matches!(statement.as_ref(), Typed::CreateView { .. });
            is_view.then(|| order_by_input::as_typed(statement.as_ref().clone()).to_string())
        }
        _ => None,
    };
    let mut hasher = DefaultHasher::new();
    view.hash(&mut hasher);
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Marking { statement: hasher.finish(), count: 0 });
    view
}

/// The plan of a view that is said to be `view`.
pub(in crate::engine) fn said(plan: LogicalPlan, view: Option<String>) -> LogicalPlan {
    match plan {
        LogicalPlan::Ddl(DdlStatement::CreateView(mut made)) if view.is_some() => {
            made.definition = view;
            LogicalPlan::Ddl(DdlStatement::CreateView(made))
        }
        plan => plan,
    }
}

struct Marking {
    /// What tells the statement from those whose views it may read.
    statement: u64,
    /// How many are marked.
    count: usize,
}

impl VisitorMut for Marking {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let again = used_again(query);
        let Some(with) = &mut query.with else { return ControlFlow::Continue(()) };
        // The planner has to see of a recursive one what it is.
        for Again { place, when, name, .. } in again.into_iter().filter(|one| !one.is_recursive) {
            self.count += 1;
            let (statement, number, name) = (self.statement, self.count, plain(&name));
            // There is always such a one, and it can be wrapped.
            let mark = Mark { when, statement, number, name };
            let _ = with.cte_tables.get_mut(place).and_then(|table| wrap(table, &mark));
        }
        ControlFlow::Continue(())
    }
}

/// Makes a query one that selects all from what it was, which is called as `mark` says. The
/// names that its columns are given go along, before which they may be called alike.
fn wrap(table: &mut Cte, mark: &Mark) -> Option<()> {
    let template = "SELECT * FROM (SELECT 1) AS marked";
    let mut parser = Parser::new(&GenericDialect).try_with_sql(template).ok()?;
    let mut all = parser.parse_query().ok()?;
    let SetExpr::Select(select) = all.body.as_mut() else { return None };
    let rows = &mut select.from.first_mut()?.relation;
    let TableFactor::Derived { subquery, alias: Some(alias), .. } = rows else { return None };
    alias.name = Ident::with_quote('"', mark.to_string());
    alias.columns = std::mem::take(&mut table.alias.columns);
    std::mem::swap(subquery, &mut table.query);
    table.query = all;
    Some(())
}

/// A query by name that is used again and may be computed once.
struct Again {
    /// Its place among those of the query around it.
    place: usize,
    name: Ident,
    when: When,
    is_recursive: bool,
}

/// Those in `query`.
fn used_again(query: &Query) -> Vec<Again> {
    let Some(With { cte_tables: tables, recursive, .. }) = &query.with else {
        return Vec::new();
    };
    let mut again = Vec::new();
    // Those that are computed for each use, and may be other rows each time.
    let mut changing: Vec<&Cte> = Vec::new();
    for (place, table) in tables.iter().enumerate() {
        let changes =
            may_change(&table.query) || changing.iter().any(|other| uses(&table.query, other) > 0);
        let others = tables.iter().filter(|other| !std::ptr::eq(*other, table));
        let in_others: usize = others.map(|other| uses(&other.query, table)).sum();
        let count = in_others + uses(&query.body, table) + uses(&query.order_by, table);
        let when = match table.materialized {
            _ if changes => Some(When::Changing),
            Some(CteAsMaterialized::NotMaterialized) => None,
            Some(CteAsMaterialized::Materialized) => Some(When::Asked),
            None => Some(When::Costly),
        };
        match when {
            Some(when) if count > 1 => again.push(Again {
                place,
                name: table.alias.name.clone(),
                when,
                is_recursive: *recursive && uses(&table.query, table) > 0,
            }),
            Some(When::Changing) => changing.push(table),
            _ => {}
        }
    }
    again
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

/// Whether `query` may give other rows the next time.
fn may_change(query: &Query) -> bool {
    query.visit(&mut Changing { within_exists: 0 }).is_break()
}

/// Finds what may be something else the next time.
struct Changing {
    /// Within how many EXISTS, where it does not matter which rows there are.
    within_exists: usize,
}

impl Visitor for Changing {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if query.order_by.is_some() || self.within_exists > 0 {
            return ControlFlow::Continue(());
        }
        let takes_some = takes_some(query.limit_clause.as_ref()) || query.fetch.is_some();
        stop_if((takes_some && has_rows(&query.body)) || takes_first_of_groups(&query.body))
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if matches!(expression, Expr::Exists { .. }) {
            self.within_exists += 1;
        }
        let Expr::Function(call) = expression else { return ControlFlow::Continue(()) };
        let name = call.name.to_string().to_lowercase();
        let name = name.as_str();
        stop_if(match &call.over {
            _ if VOLATILE.contains(&name) => true,
            Some(WindowType::WindowSpec(window)) if window.order_by.is_empty() => {
                OF_ORDER.contains(&name)
                    || OF_INNER_ORDER.contains(&name)
                    || window.window_frame.is_some()
            }
            Some(_) => false,
            None => OF_INNER_ORDER.contains(&name) && !has_order(call),
        })
    }

    fn post_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if matches!(expression, Expr::Exists { .. }) {
            self.within_exists -= 1;
        }
        ControlFlow::Continue(())
    }
}

fn stop_if(found: bool) -> ControlFlow<()> {
    if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
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
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(VALUES (1, 'a'), (2, 'b')) AS t(n, g)";
        session.collect(&format!("CREATE TABLE t AS SELECT * FROM {rows}")).await.unwrap();
        let many = "SELECT value AS n, value % 7 AS g FROM range(0, 1000) AS r (value)";
        session.collect(&format!("CREATE TABLE many AS {many}")).await.unwrap();
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_would_be_others_each_time_are_the_same_for_each_use() {
        let session = session().await;
        for query in [
            "SELECT row_number() OVER () AS n FROM many",
            "SELECT row_number() OVER w AS n FROM many WINDOW w AS (PARTITION BY g)",
            "SELECT n + random() AS n FROM many",
            "SELECT uuid() AS n FROM many",
            "SELECT n FROM many LIMIT 10",
            "SELECT n FROM many WHERE n IN (SELECT n FROM many OFFSET 990)",
            "SELECT DISTINCT ON (g) n FROM many",
            "SELECT string_agg(CAST(n AS VARCHAR), ' ') AS n FROM many",
            "SELECT first_value(n) AS n FROM many",
            "SELECT n FROM many TABLESAMPLE (10 ROWS)",
        ] {
            for wish in ["", "MATERIALIZED", "NOT MATERIALIZED"] {
                let with = format!("WITH c AS {wish} ({query})");
                for others in [
                    "(SELECT n FROM c EXCEPT SELECT n FROM C)",
                    "c WHERE n NOT IN (SELECT n FROM c)",
                    "c LEFT ANTI JOIN c AS d ON c.n = d.n",
                    "c WHERE n > (SELECT max(n) FROM c)",
                ] {
                    let sql = format!("{with} SELECT count(*) AS k FROM {others}");
                    assert_eq!(value(&session, &sql).await, "0", "{sql}");
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn queries_that_use_others_see_the_same_rows() {
        let session = session().await;
        let chance = "SELECT random() AS n FROM many";
        let pairs = "SELECT count(*) AS k FROM b JOIN b AS c ON b.n = c.n";
        for (sql, is) in [
            // One that hands on the rows of another.
            (format!("WITH a AS ({chance}), b AS (SELECT n FROM a) {pairs}"), "1000"),
            // Two of one.
            (
                format!(
                    "WITH a AS ({chance}), d AS (SELECT max(n) AS n FROM a),
                     e AS (SELECT min(n) AS n FROM a)
                     SELECT count(*) AS k FROM a
                     WHERE n IN (SELECT n FROM d) OR n = (SELECT n FROM e)"
                ),
                "2",
            ),
            // Two of one, of which each is used again.
            (
                format!(
                    "WITH a AS ({chance}), d AS (SELECT DISTINCT n FROM a),
                     e AS (SELECT n, count(*) AS k FROM a GROUP BY n)
                     SELECT count(*) AS k FROM d JOIN e ON d.n = e.n
                     JOIN d AS f ON f.n = e.n JOIN e AS g ON g.n = f.n"
                ),
                "1000",
            ),
            // In a query of its own.
            (format!("SELECT k FROM (WITH b AS ({chance}) {pairs})"), "1000"),
            (format!("SELECT (WITH b AS ({chance}) {pairs}) AS k"), "1000"),
            (format!("WITH a AS ({chance}) SELECT k FROM (WITH b AS (FROM a) {pairs})"), "1000"),
            // Names for the columns.
            (format!("WITH b(n) AS (SELECT random() FROM many) {pairs}"), "1000"),
            // One called like the table that it reads.
            (
                "WITH many AS (SELECT random() AS n FROM many)
                 SELECT count(*) AS k FROM many JOIN many AS b ON many.n = b.n"
                    .to_owned(),
                "1000",
            ),
        ] {
            assert_eq!(value(&session, &sql).await, is, "{sql}");
        }
        let named = "WITH b(n, m) AS (SELECT t.n, u.n FROM t, t AS u)";
        let sql = format!("{named} SELECT sum(b.m * c.n) AS k FROM b, b AS c");
        assert_eq!(value(&session, &sql).await, "36");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_first_of_rows_that_are_alike_are_the_same_for_each_use() {
        let session = session().await;
        for wish in ["", "MATERIALIZED"] {
            let with = format!("WITH c AS {wish} (SELECT n FROM many ORDER BY g LIMIT 10)");
            let sql = format!("{with} SELECT count(*) AS k FROM c JOIN c AS d ON c.n = d.n");
            assert_eq!(value(&session, &sql).await, "10", "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_recursive_query_by_chance_is_used_once() {
        let session = session().await;
        let changing = "SELECT random() AS n UNION ALL SELECT n + 1 FROM c WHERE n < 3";
        let sql = format!(
            "WITH RECURSIVE c AS ({changing}) SELECT count(*) FROM c JOIN c AS d ON c.n = d.n"
        );
        let error = session.collect(&sql).await.unwrap_err();
        assert!(error.message().starts_with("c is used more than once"), "{error}");
        assert!(error.advice().unwrap_or_default().contains("CREATE TABLE c"), "{error}");
        assert_eq!(error.place().column, Some(16), "{error}");
        let same = "SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3";
        for uses in [
            "c AS (SELECT n FROM r) SELECT count(*) AS k FROM c JOIN c AS d ON c.n = d.n",
            "c AS (SELECT sum(n) AS n FROM r) SELECT c.n / 2 AS k FROM c, c AS d",
            "c AS (SELECT random() AS n) SELECT count(*) AS k FROM r, c, c AS d WHERE c.n = d.n",
        ] {
            let sql = format!("WITH RECURSIVE r AS ({same}), {uses}");
            assert_eq!(value(&session, &sql).await.trim_end_matches(".0"), "3", "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_view_is_said_to_be_what_was_typed() {
        let session = session().await;
        let asked = "WITH c AS (SELECT max(n) AS n FROM t) SELECT c.n FROM c, c AS d";
        session.collect(&format!("CREATE VIEW v AS {asked}")).await.unwrap();
        let view = session.context().table_provider("v").await.unwrap();
        let said = view.get_table_definition().unwrap_or_default().to_owned();
        assert!(said.contains("max(n) AS n") && !said.contains("computed once"), "{said}");
        assert_eq!(answer(&session, "SELECT n FROM v").await, ["n", "2"]);
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
