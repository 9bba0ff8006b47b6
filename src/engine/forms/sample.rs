//! `FROM posts TABLESAMPLE (10 PERCENT)` and `FROM posts USING SAMPLE 100 ROWS`: some
//! rows of a table, taken by chance.
//!
//! The planner passes over the clause in silence. Here the table becomes a query that
//! takes each row with that chance, or the first so many of all in an order by chance.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, LimitClause, ObjectName, ObjectNamePart, Query, SetExpr, TableAlias, TableFactor,
    TableSample, TableSampleKind, TableSampleMethod, TableSampleModifier, TableSampleUnit, Value,
    VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::engine::parsed;
use crate::error::{Error, Result};

/// How it is written.
const WRITTEN: &str = "write FROM posts TABLESAMPLE (10 PERCENT), or TABLESAMPLE (100 ROWS)";

/// The query that a table becomes, with the parts that differ.
const OF_EACH: &str = "SELECT * FROM t WHERE random() < 0";
const FIRST: &str = "SELECT * FROM t ORDER BY random() LIMIT 0";

/// Makes `SAMPLE (10 ROWS)` of `USING SAMPLE 10`, which the parser does not know, where it
/// stands behind a single table, and `10 PERCENT` of `10%`.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is_asked = |token: &TokenWithSpan| {
        is_word(&token.token, Keyword::SAMPLE) || is_word(&token.token, Keyword::TABLESAMPLE)
    };
    if !tokens.iter().any(is_asked) {
        return tokens;
    }
    let shown: Vec<usize> =
        (0..tokens.len()).filter(|&at| !matches!(tokens[at].token, Token::Whitespace(_))).collect();
    let token = |at: usize| shown.get(at).map(|&at| &tokens[at].token);
    let mut spelt: Vec<Option<Vec<Token>>> = vec![None; tokens.len()];
    for (at, &place) in shown.iter().enumerate() {
        if !is_asked(&tokens[place]) {
            continue;
        }
        let using = at.checked_sub(1).filter(|&before| {
            token(before).is_some_and(|token| is_word(token, Keyword::USING))
                && is_behind_one_table(&tokens, &shown[..before])
        });
        let mut number = at + 1;
        while token(number).is_some_and(|token| {
            *token == Token::LParen || METHODS.iter().any(|method| is_word(token, *method))
        }) {
            number += 1;
        }
        if !matches!(token(number), Some(Token::Number(..))) {
            continue;
        }
        let unit = number + 1;
        let is_open = token(number - 1) == Some(&Token::LParen);
        let is_percent = token(unit) == Some(&Token::Mod);
        // A function may be called sample(10 % 3).
        if is_percent && (!is_open || token(unit + 1) == Some(&Token::RParen)) {
            spelt[shown[unit]] = Some(vec![Token::make_keyword("PERCENT")]);
        }
        let Some(using) = using else { continue };
        spelt[shown[using]] = Some(Vec::new());
        // In brackets already.
        if number > at + 1 {
            continue;
        }
        let open = [Token::LParen, tokens[shown[number]].token.clone()];
        let (end, unit) = match token(unit) {
            Some(Token::Mod) => (unit, Some("PERCENT")),
            Some(token) if is_word(token, Keyword::PERCENT) => (unit, Some("PERCENT")),
            Some(token) if is_word(token, Keyword::ROWS) => (unit, Some("ROWS")),
            _ => (number, None),
        };
        let unit = Token::make_keyword(unit.unwrap_or("ROWS"));
        spelt[shown[number]] = Some(open.into());
        let close = vec![unit, Token::RParen];
        match end == number {
            true => spelt[shown[number]].get_or_insert_default().extend(close),
            false => spelt[shown[end]] = Some(close),
        }
    }
    let with_place = tokens.into_iter().zip(spelt).flat_map(|(token, spelt)| match spelt {
        Some(new) => new.into_iter().map(|new| TokenWithSpan::new(new, token.span)).collect(),
        None => vec![token],
    });
    with_place.collect()
}

/// Names of ways to take a sample.
const METHODS: [Keyword; 4] = [Keyword::BERNOULLI, Keyword::SYSTEM, Keyword::ROW, Keyword::BLOCK];

fn is_word(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword)
}

/// Whether the last of `tokens`, of which `shown` are no blanks, are FROM and one table.
/// Behind a join or WHERE a sample would be taken of all that comes before.
fn is_behind_one_table(tokens: &[TokenWithSpan], shown: &[usize]) -> bool {
    let mut depth = 0_usize;
    for &at in shown.iter().rev() {
        match &tokens[at].token {
            Token::RParen => depth += 1,
            Token::LParen if depth == 0 => return false,
            Token::LParen => depth -= 1,
            _ if depth > 0 => {}
            Token::Period | Token::SingleQuotedString(_) => {}
            Token::Word(word) if word.quote_style.is_some() => {}
            Token::Word(word) => match word.keyword {
                Keyword::FROM => return true,
                Keyword::NoKeyword | Keyword::AS => {}
                _ => return false,
            },
            _ => return false,
        }
    }
    false
}

/// Rewrites each table of which a sample is taken.
pub(super) fn take(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Take);
}

struct Take;

impl VisitorMut for Take {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        let (TableFactor::Table { sample, .. } | TableFactor::Derived { sample, .. }) = &*table
        else {
            return ControlFlow::Continue(());
        };
        let query = sample.as_ref().and_then(|sample| amount(asked(sample)).ok()?.query());
        if let Some(query) = query {
            replace(table, query);
        }
        ControlFlow::Continue(())
    }
}

/// Puts `query` in the place of `table`, which it asks.
fn replace(table: &mut TableFactor, mut query: Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let Some(from) = select.from.first_mut() else { return };
    let alias = match table {
        TableFactor::Table { sample, alias, name, .. } => {
            *sample = None;
            alias.take().or_else(|| own_name(name))
        }
        TableFactor::Derived { sample, alias, .. } => {
            *sample = None;
            alias.take()
        }
        _ => return,
    };
    std::mem::swap(&mut from.relation, table);
    *table =
        TableFactor::Derived { lateral: false, subquery: Box::new(query), alias, sample: None };
}

/// What a table is called that is given no other name.
fn own_name(name: &ObjectName) -> Option<TableAlias> {
    let Some(ObjectNamePart::Identifier(own)) = name.0.last() else { return None };
    let name = match own.quote_style {
        Some(_) => Ident { quote_style: Some('"'), ..own.clone() },
        None => own.clone(),
    };
    Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None })
}

fn asked(sample: &TableSampleKind) -> &TableSample {
    match sample {
        TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample) => {
            sample
        }
    }
}

/// What is wrong with a sample, and the word that it is asked with.
pub(in crate::engine) fn check(sample: &TableSampleKind) -> Option<(&'static str, Error)> {
    let sample = asked(sample);
    let word = match sample.modifier {
        TableSampleModifier::Sample => "SAMPLE",
        TableSampleModifier::TableSample => "TABLESAMPLE",
    };
    amount(sample).err().map(|error| (word, error))
}

/// How much of a table.
enum Amount {
    /// Each row with this chance.
    OfEach(f64),
    Rows(u64),
}

impl Amount {
    fn query(&self) -> Option<Query> {
        let number = |text: String| Expr::value(Value::Number(text, false));
        let template = match self {
            Self::OfEach(_) => OF_EACH,
            Self::Rows(_) => FIRST,
        };
        let mut parser = Parser::new(&GenericDialect).try_with_sql(template).ok()?;
        let mut query = *parser.parse_query().ok()?;
        match self {
            Self::OfEach(chance) => {
                let SetExpr::Select(select) = query.body.as_mut() else { return None };
                let Some(Expr::BinaryOp { right, .. }) = &mut select.selection else { return None };
                **right = number(chance.to_string());
            }
            Self::Rows(count) => {
                let Some(LimitClause::LimitOffset { limit, .. }) = &mut query.limit_clause else {
                    return None;
                };
                *limit = Some(number(count.to_string()));
            }
        }
        Some(query)
    }
}

fn amount(sample: &TableSample) -> Result<Amount> {
    use TableSampleMethod::{Bernoulli, Block, Row, System};
    if sample.seed.is_some() {
        let error = Error::query("a sample is another one each time: it takes no REPEATABLE");
        return Err(error
            .hint("keep one: CREATE TABLE some AS SELECT * FROM posts TABLESAMPLE (10 PERCENT)"));
    }
    let Some(quantity) = sample.quantity.as_ref().filter(|_| sample.offset.is_none()) else {
        return Err(Error::query("such a sample is not known").hint(WRITTEN));
    };
    let no_number = || Error::query("a sample has a number of rows, or percent").hint(WRITTEN);
    let Expr::Value(value) = &quantity.value else { return Err(no_number()) };
    let Value::Number(digits, _) = &value.value else { return Err(no_number()) };
    match (&quantity.unit, &sample.name) {
        (Some(TableSampleUnit::Percent), _) | (None, Some(Bernoulli | System | Row | Block)) => {
            match digits.parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => {
                    Ok(Amount::OfEach(percent / 100.0))
                }
                _ => Err(Error::query("a sample has between 0 and 100 percent").hint(WRITTEN)),
            }
        }
        (Some(TableSampleUnit::Rows), None) => {
            digits.parse().map(Amount::Rows).map_err(|_| no_number())
        }
        (Some(TableSampleUnit::Rows), Some(method)) => {
            let error = Error::query(format!("{method} takes each row with a chance in percent"));
            Err(error.hint(WRITTEN))
        }
        (None, None) => Err(Error::query(format!("{digits} rows, or percent?")).hint(WRITTEN)),
    }
}

#[cfg(test)]
mod tests {
    use super::spell;
    use crate::engine::answers::answer;
    use crate::engine::script::tokenize;
    use crate::engine::{Session, Settings};

    #[test]
    fn using_sample_becomes_what_the_parser_knows() {
        for (typed, meant) in [
            ("FROM t USING SAMPLE 10", "FROM t  SAMPLE (10ROWS)"),
            ("FROM t AS a USING SAMPLE 10 ROWS", "FROM t AS a  SAMPLE (10 ROWS)"),
            ("FROM o.t USING SAMPLE 10%", "FROM o.t  SAMPLE (10PERCENT)"),
            ("FROM 'x.csv' using sample 5 PERCENT", "FROM 'x.csv'  sample (5 PERCENT)"),
            ("FROM (SELECT 1) s USING SAMPLE (5 ROWS)", "FROM (SELECT 1) s  SAMPLE (5 ROWS)"),
            ("FROM t TABLESAMPLE 5% WHERE a", "FROM t TABLESAMPLE 5PERCENT WHERE a"),
            ("FROM t TABLESAMPLE (5%)", "FROM t TABLESAMPLE (5PERCENT)"),
            ("FROM t TABLESAMPLE BERNOULLI (5)", "FROM t TABLESAMPLE BERNOULLI (5)"),
            ("SELECT sample(10 % 3)", "SELECT sample(10 % 3)"),
            // Of more than one table, or of some rows, it is no sample of the table.
            ("FROM t, u USING SAMPLE 10", "FROM t, u USING SAMPLE 10"),
            ("FROM t WHERE a USING SAMPLE 10", "FROM t WHERE a USING SAMPLE 10"),
            ("SELECT sample FROM t JOIN u USING (a)", "SELECT sample FROM t JOIN u USING (a)"),
        ] {
            let tokens = spell(tokenize(typed).unwrap());
            let spelt: String = tokens.iter().map(|token| token.token.to_string()).collect();
            assert_eq!(spelt, meant, "{typed}");
        }
    }

    #[tokio::test]
    async fn a_sample_has_as_many_rows_as_were_asked_for() {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect("CREATE TABLE t AS SELECT value AS n FROM generate_series(1, 10000)")
            .await
            .unwrap();
        for (from, least, most) in [
            ("t TABLESAMPLE (100 ROWS)", 100, 100),
            ("t USING SAMPLE 7", 7, 7),
            ("t USING SAMPLE 20000 ROWS", 10_000, 10_000),
            ("t TABLESAMPLE 100 PERCENT", 10_000, 10_000),
            ("t TABLESAMPLE (0 PERCENT)", 0, 0),
            ("t AS s TABLESAMPLE BERNOULLI (10)", 700, 1300),
            ("t TABLESAMPLE SYSTEM (10)", 700, 1300),
            ("t USING SAMPLE 50%", 4700, 5300),
            ("(SELECT * FROM t WHERE n > 5000) AS s TABLESAMPLE (10 PERCENT)", 300, 700),
        ] {
            let counted = format!("SELECT count(*) AS n, count(DISTINCT n) AS d FROM {from}");
            let row = answer(&session, &counted).await.remove(1);
            let (rows, distinct) = row.split_once('|').unwrap();
            assert_eq!(rows, distinct, "{from}");
            assert!((least..=most).contains(&rows.parse::<u32>().unwrap()), "{from}: {rows}");
        }
        let named = "SELECT t.n > 0 AS is_so FROM t TABLESAMPLE (1 ROWS) WHERE t.n > 0";
        assert_eq!(answer(&session, named).await, ["is_so", "true"]);
        let (first, second) = (
            answer(&session, "SELECT min(n), max(n), sum(n) FROM t USING SAMPLE 500").await,
            answer(&session, "SELECT min(n), max(n), sum(n) FROM t USING SAMPLE 500").await,
        );
        assert_ne!(first, second);
    }

    #[tokio::test]
    async fn a_sample_that_cannot_be_taken_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE t AS SELECT 1 AS n").await.unwrap();
        for (sample, told) in [
            ("TABLESAMPLE (10 PERCENT) REPEATABLE (5)", "REPEATABLE"),
            ("TABLESAMPLE (101 PERCENT)", "between 0 and 100"),
            ("TABLESAMPLE (10)", "rows, or percent?"),
            ("TABLESAMPLE (1.5 ROWS)", "number of rows"),
            ("TABLESAMPLE BERNOULLI (10 ROWS)", "BERNOULLI"),
            ("TABLESAMPLE (BUCKET 1 OUT OF 3)", "not known"),
        ] {
            let error = session.collect(&format!("SELECT n FROM t {sample}")).await.unwrap_err();
            assert!(error.message().contains(told), "{sample}: {error}");
            assert!(error.advice().is_some(), "{sample}");
            assert_eq!(error.place().column, Some(17), "{sample}");
        }
    }
}
