//! `LIMIT 10%` and `LIMIT 10 PERCENT`: a share of the rows, whose number is counted by a
//! query of its own. Of a row there is no part, so that 10% of 19 rows is one.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, LimitClause, ObjectNamePart,
    Query, SetExpr, TableFactor, Value, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::engine::parsed;

/// What a limit is a call of until its rows are counted; no one types it.
const SHARE: &str = "share of rows";

/// Makes a call of each such limit.
pub(super) fn spell(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let shown: Vec<usize> =
        (0..tokens.len()).filter(|&at| !matches!(tokens[at].token, Token::Whitespace(_))).collect();
    let found = shown.windows(3).enumerate().filter(|(place, words)| {
        let token = |at: usize| &tokens[words[at]].token;
        let next = shown.get(place + 3).map(|at| &tokens[*at].token);
        is(token(0), Keyword::LIMIT)
            && matches!(token(1), Token::Number(..))
            && (*token(2) == Token::Mod || is(token(2), Keyword::PERCENT))
            && next.is_none_or(ends_limit)
    });
    let found: Vec<(usize, usize)> = found.map(|(_, words)| (words[1], words[2])).collect();
    // From the last one on, so that the places of the others stay.
    for (number, sign) in found.into_iter().rev() {
        let span = tokens[number].span;
        let call = [
            Token::make_word(SHARE, Some('"')),
            Token::LParen,
            tokens[number].token.clone(),
            Token::RParen,
        ];
        drop(tokens.splice(number..=sign, call.map(|token| TokenWithSpan::new(token, span))));
    }
    tokens
}

/// Whether a limit ends before `token`, which else would go on with what `%` divides by.
fn ends_limit(token: &Token) -> bool {
    matches!(token, Token::RParen | Token::SemiColon | Token::EOF) || is(token, Keyword::OFFSET)
}

fn is(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword)
}

/// Has the rows counted of which a limit takes a share.
pub(super) fn count(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Count);
}

struct Count;

impl VisitorMut for Count {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let limit = match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit: Some(limit), .. }) => share(limit),
            _ => None,
        };
        let counted = limit.and_then(|percent| counted(query, percent));
        if let (Some(counted), Some(LimitClause::LimitOffset { limit, .. })) =
            (counted, &mut query.limit_clause)
        {
            *limit = Some(Expr::Subquery(counted));
        }
        ControlFlow::Continue(())
    }
}

/// How many of a hundred rows a limit takes, if it is a share.
fn share(limit: &Expr) -> Option<&str> {
    let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = limit else {
        return None;
    };
    let [ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(percent)))] = list.args.as_slice()
    else {
        return None;
    };
    match &percent.value {
        Value::Number(percent, _) if name.value == SHARE => Some(percent),
        _ => None,
    }
}

/// The query for the number of rows that are `percent` of those of `query`.
fn counted(query: &Query, percent: &str) -> Option<Box<Query>> {
    let template = format!(
        "SELECT CAST(floor(count(*) * {percent} / 100.0) AS BIGINT) FROM (SELECT 1) AS \"{SHARE}\""
    );
    let mut parser = Parser::new(&GenericDialect).try_with_sql(&template).ok()?;
    let mut counted = parser.parse_query().ok()?;
    let SetExpr::Select(select) = counted.body.as_mut() else { return None };
    let TableFactor::Derived { subquery, .. } = &mut select.from.first_mut()?.relation else {
        return None;
    };
    **subquery = Query { order_by: None, limit_clause: None, ..query.clone() };
    Some(counted)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_limit_takes_a_share_of_the_rows() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE t AS SELECT * FROM range(1, 8) AS r(id)").await.unwrap();
        for (sql, wanted) in [
            ("SELECT id FROM t ORDER BY id LIMIT 50%", "1 2 3"),
            ("SELECT id, id FROM t ORDER BY id DESC LIMIT 30 PERCENT", "7|7 6|6"),
            ("SELECT id FROM t ORDER BY id LIMIT 50 percent OFFSET 1;", "2 3 4"),
            ("SELECT id FROM t ORDER BY id LIMIT 100%", "1 2 3 4 5 6 7"),
            ("SELECT count(*) FROM (SELECT id FROM t LIMIT 0.5%)", "0"),
            ("SELECT sum(id) FROM (SELECT id FROM t ORDER BY id LIMIT 30%)", "3"),
            ("WITH c AS (SELECT id + 1 AS id FROM t) SELECT id FROM c ORDER BY 1 LIMIT 15%", "2"),
            ("SELECT id FROM t WHERE id > 2 UNION SELECT 9 ORDER BY id LIMIT 34 %", "3 4"),
            // What is left over by a division.
            ("SELECT id FROM t ORDER BY id LIMIT 12 % 5", "1 2"),
        ] {
            assert_eq!(answer(&session, sql).await[1..].join(" "), wanted, "{sql}");
        }
    }
}
