//! Clauses of other databases that the parser takes and the planner passes over in
//! silence, or takes for something else: an answer without them would be another one
//! than was asked for.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Fetch, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, Join, JoinConstraint, JoinOperator, LimitClause, OrderByKind, Query, Select,
    SetExpr, SetOperator, SetQuantifier, TableFactor, Value, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::forms::{arithmetic, like, sample, similar_to};
use super::parsed;
use super::script::{Statement, tokenize};
use crate::error::{Error, Result};

/// Words and signs by which the place of such a clause is found, with a blank between
/// them, and what is told of it.
type Refused = (&'static str, Error);

/// What stands for a query with a window function after LATERAL.
const NUMBERED: &str = "number the rows first: JOIN (SELECT *, row_number() OVER (PARTITION BY \
                        account_id ORDER BY reposts DESC) AS n FROM posts) AS p ON \
                        p.account_id = accounts.account_id AND p.n = 1";

/// The aggregates that people ask for most.
const AGGREGATES: [&str; 5] = ["count", "sum", "min", "max", "avg"];

/// Aggregates beside `count`, which take no `*`.
const OF_ONE_COLUMN: [&str; 10] = [
    "sum",
    "min",
    "max",
    "avg",
    "array_agg",
    "list",
    "string_agg",
    "median",
    "stddev",
    "any_value",
];

/// Refuses a statement with such a clause.
pub(super) fn check(parsed: &mut Parsed, statement: &Statement) -> Result<()> {
    let found = parsed::visit(parsed, &mut PassedOver);
    let ControlFlow::Break((mark, error)) = found else { return Ok(()) };
    let words: Vec<&str> = mark.split(' ').collect();
    let tokens = tokenize(&statement.sql).unwrap_or_default();
    let tokens: Vec<_> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    // The last one, for WITH may begin the statement.
    let place = tokens
        .windows(words.len())
        .rfind(|row| row.iter().zip(&words).all(|(token, word)| is_word(&token.token, word)));
    Err(match place {
        Some(row) => {
            let (at, length) = (row[0].span.start, words[0].chars().count() as u64);
            error.at(statement.place(at.line, at.column, Some(length)))
        }
        None => error,
    })
}

fn is_word(token: &Token, word: &str) -> bool {
    match token {
        Token::Word(known) => known.quote_style.is_none() && known.value.eq_ignore_ascii_case(word),
        sign => sign.to_string() == word,
    }
}

/// Finds the first such clause.
struct PassedOver;

impl VisitorMut for PassedOver {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refused> {
        let fills = query.order_by.as_ref().is_some_and(|order| match &order.kind {
            OrderByKind::Expressions(all) => all.iter().any(|one| one.with_fill.is_some()),
            OrderByKind::All(_) => false,
        });
        found(if fills {
            unknown("WITH FILL", "join with generate_series, which has a row for each value")
        } else {
            query.fetch.as_ref().and_then(fetched).or_else(|| sets_by_name(query))
        })
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Refused> {
        let (GroupByExpr::All(totals) | GroupByExpr::Expressions(_, totals)) = &select.group_by;
        found(if select.prewhere.is_some() {
            unknown("PREWHERE", "WHERE reads no more than it must")
        } else if !select.connect_by.is_empty() {
            unknown("CONNECT BY", "WITH RECURSIVE follows rows from one to the next")
        } else if !totals.is_empty() {
            unknown("WITH ROLLUP", "GROUP BY ROLLUP (platform), CUBE (...) or GROUPING SETS (...)")
        } else {
            select.from.iter().find_map(|first| unconditional(&first.joins))
        })
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<Refused> {
        found(match table {
            TableFactor::Derived { lateral: true, subquery, .. } => lateral(subquery),
            TableFactor::NestedJoin { table_with_joins, .. } => {
                unconditional(&table_with_joins.joins)
            }
            TableFactor::Table { partitions, .. } if !partitions.is_empty() => {
                unknown("PARTITION", "a condition behind WHERE chooses rows")
            }
            TableFactor::Table { with_ordinality: true, .. } => {
                unknown("WITH ORDINALITY", "row_number() OVER () numbers rows")
            }
            TableFactor::Function { name, with_ordinality: true, .. }
                if !name.to_string().eq_ignore_ascii_case("unnest") =>
            {
                unknown("WITH ORDINALITY", "row_number() OVER () numbers rows")
            }
            TableFactor::Table { version: Some(_), .. } => unknown(
                "FOR SYSTEM_TIME",
                "FROM posts FOR TIMESTAMP AS OF '2012-08-27' asks a table as it was",
            ),
            TableFactor::Table { sample: Some(taken), .. }
            | TableFactor::Derived { sample: Some(taken), .. } => sample::check(taken),
            _ => None,
        })
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Refused> {
        found(match expression {
            Expr::Exists { subquery, .. } => exists(subquery),
            // The planner takes it for the exclusive or.
            Expr::BinaryOp { op: BinaryOperator::BitwiseXor | BinaryOperator::PGExp, .. } => {
                let error = Error::query("the sign ^ does not raise to a power here");
                Some(("^", error.hint("power(2, 10) does")))
            }
            Expr::BinaryOp { op: BinaryOperator::PGOverlap, .. } => {
                let error = Error::query("the sign && joins no conditions").hint(
                    "AND does; array_has_any(hashtags, ['地震']) says whether lists have a value \
                     in common",
                );
                Some(("&&", error))
            }
            Expr::Function(call) => all_columns(call),
            Expr::UnaryOp { .. } => arithmetic::ambiguous(expression),
            Expr::Like { .. } | Expr::ILike { .. } => like::refused(expression),
            Expr::SimilarTo { pattern, escape_char, .. } => {
                let wrong = similar_to::as_regex(pattern, escape_char.as_ref()).err();
                wrong.map(|error| ("SIMILAR TO", error))
            }
            _ => None,
        })
    }
}

fn found(clause: Option<Refused>) -> ControlFlow<Refused> {
    clause.map_or(ControlFlow::Continue(()), ControlFlow::Break)
}

/// The clause that is known by `words`, the first of which tells its place.
fn unknown(words: &'static str, advice: &'static str) -> Option<Refused> {
    let first = words.split(' ').next().unwrap_or(words);
    Some((first, Error::query(format!("not supported: {words}")).hint(advice)))
}

/// A join that does not say which rows belong together: the planner takes it for one of
/// each row with each.
fn unconditional(joins: &[Join]) -> Option<Refused> {
    let has_none = |join: &&Join| match &join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => *constraint == JoinConstraint::None,
        _ => false,
    };
    // What is beside a row belongs to it.
    let is_beside = |join: &&Join| match &join.relation {
        TableFactor::UNNEST { .. } => true,
        TableFactor::Derived { lateral, .. } | TableFactor::Function { lateral, .. } => *lateral,
        _ => false,
    };
    joins.iter().filter(has_none).find(|join| !is_beside(join)).map(|_| {
        let error = Error::query("JOIN does not say which rows belong together");
        let advice = "add ON p.account_id = a.account_id, or USING (account_id); CROSS JOIN puts \
                      each row beside each";
        // Of several the tokens do not tell which it is.
        (if joins.len() == 1 { "JOIN" } else { "" }, error.hint(advice))
    })
}

/// An aggregate of `*`, of which only `count` knows what it is.
fn all_columns(call: &Function) -> Option<Refused> {
    let name = call.name.to_string();
    let name = OF_ONE_COLUMN.iter().find(|known| known.eq_ignore_ascii_case(&name))?;
    let FunctionArguments::List(list) = &call.args else { return None };
    let is_star = |argument: &FunctionArg| {
        matches!(
            argument,
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard | FunctionArgExpr::QualifiedWildcard(_))
        )
    };
    list.args.iter().any(is_star).then(|| {
        let error = Error::query(format!("{name} takes one column, and * is all of them"));
        (*name, error.hint(format!("name the column: {name}(likes); count(*) counts rows")))
    })
}

/// What FETCH asks for beside a number of rows.
fn fetched(fetch: &Fetch) -> Option<Refused> {
    let (what, advice) = if fetch.with_ties {
        ("WITH TIES", "rank the rows: QUALIFY rank() OVER (ORDER BY likes DESC) <= 5")
    } else if fetch.percent {
        (
            "PERCENT",
            "number the rows: QUALIFY row_number() OVER (ORDER BY likes DESC) <= 0.1 * count(*) \
             OVER ()",
        )
    } else {
        return None;
    };
    Some(("FETCH", Error::query(format!("FETCH does not take {what}")).hint(advice)))
}

/// A query and what it is made of on its own level, without the queries in FROM and in
/// expressions.
struct Level<'a> {
    /// The query, and those in brackets that it puts together.
    queries: Vec<&'a Query>,
    /// What they are made of.
    bodies: Vec<&'a SetExpr>,
}

impl<'a> Level<'a> {
    fn of(query: &'a Query) -> Self {
        let mut level = Self { queries: vec![query], bodies: vec![&*query.body] };
        let mut at = 0;
        // A list instead of a recursion: a UNION may have thousands of parts.
        while let Some(body) = level.bodies.get(at).copied() {
            match body {
                SetExpr::Query(inner) => {
                    level.queries.push(inner);
                    level.bodies.push(&inner.body);
                }
                SetExpr::SetOperation { left, right, .. } => {
                    level.bodies.extend([&**left, &**right]);
                }
                _ => {}
            }
            at += 1;
        }
        level
    }

    fn selects(&self) -> impl Iterator<Item = &'a Select> {
        self.bodies.iter().copied().filter_map(SetExpr::as_select)
    }
}

/// INTERSECT and EXCEPT of columns by name, which only UNION has.
fn sets_by_name(query: &Query) -> Option<Refused> {
    Level::of(query).bodies.into_iter().find_map(|body| {
        let SetExpr::SetOperation {
            op: op @ (SetOperator::Intersect | SetOperator::Except),
            set_quantifier:
                SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName,
            ..
        } = body
        else {
            return None;
        };
        let words = if *op == SetOperator::Intersect { "INTERSECT" } else { "EXCEPT" };
        let error = Error::query(format!("{words} does not take BY NAME"));
        Some((words, error.hint("list the columns of both sides in one order, without BY NAME")))
    })
}

/// What a query after LATERAL has that the planner asks of the rows of all tables
/// before it at once, instead of for each of their rows.
fn lateral(query: &Query) -> Option<Refused> {
    let level = Level::of(query);
    let (what, advice) = if level.selects().any(|select| select.qualify.is_some()) {
        ("QUALIFY", NUMBERED)
    } else if level.selects().any(|select| calls(select, |call| call.over.is_some())) {
        ("a window function", NUMBERED)
    } else {
        return None;
    };
    let error = Error::query(format!("a query after LATERAL does not take {what}"));
    Some(("LATERAL (", error.hint(advice)))
}

/// What a query in EXISTS has that the planner leaves out: it only asks whether there
/// are rows before that.
fn exists(query: &Query) -> Option<Refused> {
    let level = Level::of(query);
    let (what, advice) = if level.queries.iter().any(|query| skips(query)) {
        ("OFFSET", "compare the count: (SELECT count(*) FROM posts WHERE likes > 9) > 5")
    } else if level.queries.iter().any(|query| takes_none(query)) {
        ("LIMIT 0", "compare the count: (SELECT count(*) FROM posts WHERE likes > 9) > 0")
    } else if level.selects().any(is_one_row) {
        (
            "an aggregate without GROUP BY, which always gives a row",
            "compare the count: (SELECT count(*) FROM posts WHERE likes > 9) > 0",
        )
    } else {
        return None;
    };
    let error = Error::query(format!("EXISTS does not take a query with {what}"));
    Some(("EXISTS (", error.hint(advice)))
}

fn skips(query: &Query) -> bool {
    match &query.limit_clause {
        Some(LimitClause::LimitOffset { offset, .. }) => offset.is_some(),
        Some(LimitClause::OffsetCommaLimit { .. }) => true,
        None => false,
    }
}

fn takes_none(query: &Query) -> bool {
    let limit = match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, .. }) => limit.as_ref(),
        Some(LimitClause::OffsetCommaLimit { limit, .. }) => Some(limit),
        None => None,
    };
    let fetched = query.fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref());
    limit.is_some_and(is_zero) || fetched.is_some_and(is_zero)
}

fn is_zero(count: &Expr) -> bool {
    match count {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.to_string().parse::<f64>() == Ok(0.0),
            _ => false,
        },
        Expr::Nested(inner) => is_zero(inner),
        _ => false,
    }
}

/// Whether `select` makes one row of all rows, or none by HAVING.
pub(super) fn is_one_row(select: &Select) -> bool {
    let is_grouped = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(groups, _) => !groups.is_empty(),
    };
    let is_aggregate = |call: &Function| {
        let name = call.name.to_string();
        call.over.is_none() && AGGREGATES.iter().any(|known| known.eq_ignore_ascii_case(&name))
    };
    !is_grouped && (select.having.is_some() || calls(select, is_aggregate))
}

/// Whether what `select` gives is computed by a call that is `wanted`, not in queries that
/// are in an expression.
fn calls(select: &Select, wanted: impl Fn(&Function) -> bool) -> bool {
    let found = parsed::look_outside_queries(&select.projection, |expression| match expression {
        Expr::Function(call) if wanted(call) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn no_clause_is_passed_over_in_silence() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE VIEW t AS SELECT * FROM (VALUES (1), (2)) AS t(n)").await.unwrap();
        for (sql, word) in [
            ("SELECT count(*) FROM t PREWHERE n > 1", "PREWHERE"),
            (
                "WITH a AS (SELECT n, count(*) FROM t GROUP BY n WITH ROLLUP) SELECT * FROM a",
                "WITH",
            ),
            ("SELECT n FROM t ORDER BY n WITH FILL", "WITH"),
            ("SELECT n FROM t ORDER BY n FETCH FIRST 1 ROWS WITH TIES", "WITH TIES"),
            ("SELECT n FROM t ORDER BY n FETCH FIRST 10 PERCENT ROWS ONLY", "PERCENT"),
            (
                "SELECT * FROM generate_series(5, 6) WITH ORDINALITY AS u(item, place)",
                "WITH ORDINALITY",
            ),
            (
                "SELECT * FROM t LEFT JOIN LATERAL (SELECT row_number() OVER (ORDER BY b.n) AS m
                 FROM t AS b WHERE b.n < t.n) AS s ON true",
                "window function",
            ),
            (
                "SELECT * FROM t, LATERAL (SELECT b.n AS m FROM t AS b WHERE b.n < t.n
                 QUALIFY row_number() OVER (ORDER BY b.n) = 1) AS s",
                "QUALIFY",
            ),
            ("SELECT n FROM t EXCEPT ALL BY NAME SELECT n FROM t", "EXCEPT does not take BY NAME"),
            (
                "SELECT n FROM t UNION ALL (SELECT n FROM t INTERSECT BY NAME SELECT n FROM t)",
                "INTERSECT does not take BY NAME",
            ),
            (
                "SELECT n FROM t WHERE EXISTS (SELECT 1 FROM t AS b WHERE b.n > t.n OFFSET 1)",
                "OFFSET",
            ),
            (
                "SELECT n FROM t WHERE NOT EXISTS (SELECT 1 FROM t AS b WHERE b.n > t.n LIMIT 0)",
                "LIMIT 0",
            ),
            (
                "SELECT n FROM t WHERE EXISTS (SELECT Count(*) FROM t AS b WHERE b.n > t.n)",
                "aggregate without GROUP BY",
            ),
            (
                "SELECT n FROM t WHERE EXISTS (SELECT 1 FROM t AS b WHERE b.n > t.n
                 HAVING count(*) = 0)",
                "aggregate without GROUP BY",
            ),
            ("SELECT 2 ^ 10 AS n", "^"),
            ("SELECT count(*) FROM t JOIN t AS b", "JOIN does not say"),
            ("SELECT count(*) FROM t AS a LEFT JOIN t AS b WHERE true", "JOIN does not say"),
            ("SELECT count(*) FROM t, (t AS a INNER JOIN t AS b)", "JOIN does not say"),
            ("SELECT max(*) FROM t", "max takes one column"),
            ("SELECT sum(t.*) FROM t", "sum takes one column"),
            ("SELECT n FROM t WHERE n > 1 && n < 3", "&& joins no conditions"),
            ("SELECT n FROM t WHERE 'abc' SIMILAR TO concat('a', '%')", "SIMILAR TO"),
        ] {
            for begin in ["", "EXPLAIN ", "CREATE TABLE made AS "] {
                let error = session.collect(&format!("{begin}{sql}")).await.unwrap_err();
                assert!(error.message().contains(word), "{begin}{sql}: {error}");
                assert!(error.advice().is_some() && error.place().column.is_some(), "{error}");
            }
        }
        for fine in [
            "SELECT n, count(*) FROM t GROUP BY ROLLUP (n) ORDER BY n",
            "SELECT n, count(*) FROM t GROUP BY ALL",
            "SELECT count(*) FROM t CROSS JOIN t AS b",
            "SELECT count(*) FROM t NATURAL JOIN t AS b",
            "SELECT count(*) FROM t AS a JOIN t AS b USING (n), t AS c",
            "SELECT * FROM t ORDER BY random() LIMIT 100",
            "SELECT row_number() OVER (), n FROM t",
            "SELECT n, m FROM t, LATERAL (SELECT n + 1 AS m) AS s",
            "SELECT n, m FROM t, LATERAL (SELECT count(*) AS m FROM t AS b WHERE b.n = t.n) AS s",
            "SELECT t.n, m FROM t JOIN (SELECT n, row_number() OVER (ORDER BY n) AS m FROM t) AS s
             ON s.n = t.n AND s.m = 1",
            "SELECT n = ANY([1, 2]) AS is_so, n > ALL([1, 2]) AS is_most FROM t",
            "SELECT n FROM t WHERE n IN (SELECT n FROM t) AND n >= (SELECT max(n) FROM t)",
            "SELECT n FROM t UNION ALL SELECT n FROM t",
            "SELECT n FROM t EXCEPT ALL SELECT 1",
            "SELECT n FROM t WHERE EXISTS (SELECT 1 FROM t AS b WHERE b.n > t.n LIMIT 1)",
            "SELECT n FROM t WHERE (SELECT count(*) FROM t AS b WHERE b.n = t.n) > 0",
            "SELECT power(2, 10), 'a' ~ '^a'",
        ] {
            session.collect(fine).await.unwrap();
        }
    }
}
