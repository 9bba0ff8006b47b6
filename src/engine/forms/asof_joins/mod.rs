//! `FROM posts AS p ASOF JOIN account_snapshots AS s ON p.account_id = s.account_id AND
//! p.posted_at >= s.observed_at`: beside each row the last one of another table before it.
//!
//! Rows that have none are left out, and kept by ASOF LEFT JOIN; `USING (account_id, at)`
//! compares the last of its columns by `>=`. The parser knows another spelling only, which
//! keeps all rows: `ASOF JOIN s MATCH_CONDITION (p.posted_at >= s.observed_at)`. So that is
//! put in where it is missing. The planner knows neither: to it each becomes a JOIN or a
//! LEFT JOIN with a mark in its condition, and once the columns of both sides are known,
//! [`nearest`] finds the rows.

mod nearest;

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Ident, Join, JoinConstraint, JoinOperator,
    ObjectName, Select, TableFactor, TableWithJoins, Value, VisitorMut, visit_expressions,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

pub(super) use nearest::find;
pub(in crate::engine) use nearest::nearest_by_range;

use crate::engine::parsed;
use crate::engine::script::Statement;
use crate::error::{Error, Result};

/// What stands in `MATCH_CONDITION` if none was written, of joins that leave out rows without
/// a match and of those that keep them.
const LEAVES_OUT: &str = "rows of ASOF JOIN";
const KEEPS: &str = "rows of ASOF LEFT JOIN";

/// What is cast in the condition of a planned join. That fails wherever the mark is not seen,
/// so that such a join is never taken for another one.
const MARK: &str = "the nearest row of an ASOF JOIN";

/// Writes each ASOF JOIN as the parser knows it.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| is(&token.token, Keyword::ASOF)) {
        return tokens;
    }
    let is_shown =
        |at: &usize| !matches!(tokens[*at].token, Token::Whitespace(_) | Token::SemiColon);
    let shown: Vec<usize> = (0..tokens.len()).filter(is_shown).collect();
    let words: Vec<&Token> = shown.iter().map(|&at| &tokens[at].token).collect();
    let written: Vec<Written> =
        (0..words.len()).filter_map(|asof| Written::at(&words, asof)).collect();
    let mut spelt = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let place = shown.binary_search(&at).ok();
        for join in written.iter().filter(|join| place.is_some() && join.condition == place) {
            let span = tokens[shown[join.asof]].span;
            let rows = if join.keeps_all { KEEPS } else { LEAVES_OUT };
            let condition = [
                Token::make_keyword("MATCH_CONDITION"),
                Token::LParen,
                Token::SingleQuotedString(rows.to_owned()),
                Token::RParen,
            ];
            spelt.extend(condition.map(|token| TokenWithSpan::new(token, span)));
        }
        let is_kind =
            |join: &Written| place.is_some_and(|place| join.asof < place && place < join.join);
        if !written.iter().any(is_kind) {
            spelt.push(token.clone());
        }
    }
    spelt
}

/// An ASOF JOIN as it is written, by the places of its words.
struct Written {
    asof: usize,
    join: usize,
    /// Whether rows without a match are kept.
    keeps_all: bool,
    /// Where ON or USING stands, if no `MATCH_CONDITION` does.
    condition: Option<usize>,
}

impl Written {
    /// That of which `words[asof]` is the first word.
    fn at(words: &[&Token], asof: usize) -> Option<Self> {
        let is_at = |place: usize, keyword| words.get(place).is_some_and(|word| is(word, keyword));
        let is_begun = asof.checked_sub(1).is_some_and(|before| ends_table(words[before]));
        if !is_begun || !is_at(asof, Keyword::ASOF) {
            return None;
        }
        let keeps_all = is_at(asof + 1, Keyword::LEFT);
        let mut join = asof + 1;
        if keeps_all || is_at(join, Keyword::INNER) {
            join += 1;
        }
        if keeps_all && is_at(join, Keyword::OUTER) {
            join += 1;
        }
        if !is_at(join, Keyword::JOIN) {
            return None;
        }
        let end = join + 1 + condition(&words[join + 1..])?;
        let condition = Some(end).filter(|_| !is_at(end, Keyword::MATCH_CONDITION));
        // That keeps all rows, as it is known elsewhere.
        let is_known = condition.is_some() || keeps_all || join == asof + 1;
        is_known.then_some(Self { asof, join, keeps_all, condition })
    }
}

/// Whether a table, or the condition of a join, may end with `token`, so that ASOF behind it
/// is no name.
fn ends_table(token: &Token) -> bool {
    match token {
        Token::Word(word) if word.quote_style.is_none() => !matches!(
            word.keyword,
            Keyword::FROM | Keyword::JOIN | Keyword::AS | Keyword::LATERAL | Keyword::ONLY
        ),
        token => matches!(
            token,
            Token::Word(_)
                | Token::Number(..)
                | Token::RParen
                | Token::RBracket
                | Token::SingleQuotedString(_)
        ),
    }
}

/// Where the condition of a join begins behind the table that `words` begin with.
fn condition(words: &[&Token]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate() {
        match word {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.checked_sub(1)?,
            Token::Comma if depth == 0 => return None,
            Token::Word(word) if depth == 0 && word.quote_style.is_none() => match word.keyword {
                Keyword::ON | Keyword::USING | Keyword::MATCH_CONDITION if at > 0 => {
                    return Some(at);
                }
                Keyword::JOIN | Keyword::WHERE | Keyword::GROUP | Keyword::ORDER => return None,
                _ => {}
            },
            _ => {}
        }
    }
    None
}

fn is(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword)
}

/// Has each ASOF JOIN with ON be one that the planner knows, with a mark.
///
/// # Errors
/// When its right side depends on the left one.
pub(super) fn mark(parsed: &mut Parsed, statement: &Statement) -> Result<()> {
    match parsed::visit(parsed, &mut EachSelect { statement }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct EachSelect<'a> {
    statement: &'a Statement,
}

impl VisitorMut for EachSelect<'_> {
    type Break = Error;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        for tables in &mut select.from {
            self.tables(tables)?;
        }
        ControlFlow::Continue(())
    }
}

impl EachSelect<'_> {
    fn tables(&self, tables: &mut TableWithJoins) -> ControlFlow<Error> {
        self.inside(&mut tables.relation)?;
        for join in &mut tables.joins {
            self.inside(&mut join.relation)?;
            self.join(join)?;
        }
        ControlFlow::Continue(())
    }

    fn inside(&self, table: &mut TableFactor) -> ControlFlow<Error> {
        match table {
            TableFactor::NestedJoin { table_with_joins, .. } => self.tables(table_with_joins),
            _ => ControlFlow::Continue(()),
        }
    }

    fn join(&self, join: &mut Join) -> ControlFlow<Error> {
        let JoinOperator::AsOf { match_condition, constraint } = &join.join_operator else {
            return ControlFlow::Continue(());
        };
        if asks_before(&join.relation) {
            return ControlFlow::Break(self.dependent(match_condition));
        }
        let joined = match constraint {
            // Which columns these are is found when they are merged.
            JoinConstraint::Using(_) => return ControlFlow::Continue(()),
            JoinConstraint::On(condition) => marked(match_condition, Some(condition.clone())),
            _ => marked(match_condition, None),
        };
        join.join_operator = joined;
        ControlFlow::Continue(())
    }

    fn dependent(&self, match_condition: &Expr) -> Error {
        let error = Error::query("the right side of an ASOF JOIN does not depend on the left one")
            .hint("JOIN LATERAL (SELECT ... ORDER BY ... LIMIT 1) ON true finds a row for each");
        match match_condition {
            Expr::Value(value) if value.span.start.line > 0 => {
                let (at, length) = (value.span.start, "ASOF".len() as u64);
                error.at(self.statement.place(at.line, at.column, Some(length)))
            }
            _ => error,
        }
    }
}

/// Whether `table` asks for columns of those before it.
fn asks_before(table: &TableFactor) -> bool {
    match table {
        TableFactor::Derived { lateral, .. } | TableFactor::Function { lateral, .. } => *lateral,
        TableFactor::UNNEST { .. } => {
            let found = visit_expressions(table, |part| match part {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            });
            found.is_break()
        }
        _ => false,
    }
}

/// The columns by which an ASOF JOIN with USING joins.
pub(super) fn shared(operator: &JoinOperator) -> Option<Vec<Ident>> {
    let JoinOperator::AsOf { constraint: JoinConstraint::Using(names), .. } = operator else {
        return None;
    };
    let name = |name: &ObjectName| match name.0.as_slice() {
        [part] => part.as_ident().cloned(),
        _ => None,
    };
    Some(names.iter().filter_map(name).collect())
}

/// Has an ASOF JOIN with USING compare `columns`, of each side one: the last of them by `>=`,
/// unless it has another condition for that.
pub(super) fn compare(operator: &mut JoinOperator, columns: Vec<(Expr, Expr)>) {
    let JoinOperator::AsOf { match_condition, .. } = operator else { return };
    let last = columns.len().checked_sub(1).filter(|_| rows(match_condition).is_some());
    let compared = columns.into_iter().enumerate().map(|(at, (left, right))| {
        let operator = if last == Some(at) { BinaryOperator::GtEq } else { BinaryOperator::Eq };
        both(left, operator, right)
    });
    let condition = compared.reduce(|all, one| both(all, BinaryOperator::And, one));
    *operator = marked(match_condition, condition);
}

/// The join that the planner knows, with all conditions and the mark.
fn marked(match_condition: &Expr, condition: Option<Expr>) -> JoinOperator {
    let rows = rows(match_condition);
    let nearest = rows.is_none().then(|| match_condition.clone());
    let all = [nearest, condition]
        .into_iter()
        .flatten()
        .fold(the_mark(), |all, one| both(all, BinaryOperator::And, Expr::Nested(Box::new(one))));
    match rows {
        Some(LEAVES_OUT) => JoinOperator::Join(JoinConstraint::On(all)),
        _ => JoinOperator::Left(JoinConstraint::On(all)),
    }
}

/// What was put in where no condition was written.
fn rows(match_condition: &Expr) -> Option<&str> {
    parsed::text(match_condition).filter(|text| [LEAVES_OUT, KEEPS].contains(text))
}

/// The mark, which is a condition so far.
fn the_mark() -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::value(Value::SingleQuotedString(MARK.to_owned()))),
        data_type: DataType::Boolean,
        array: false,
        format: None,
    }
}

fn both(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

#[cfg(test)]
mod tests;
