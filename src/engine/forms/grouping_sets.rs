//! GROUP BY as other databases take it: `ROLLUP (1, 2)` by places in the list,
//! `ROLLUP ((platform, lang), place)` and `CUBE` by several columns at once, `()` for all
//! rows, `(platform, lang)` for both columns, and ROLLUP and CUBE among GROUPING SETS. In
//! these an item may begin with a bracket and go on behind it: `ROLLUP ((likes + 1) / 2)`.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Select, SelectItem, Value,
    Visit, VisitorMut,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::engine::group_names::IsAggregate;
use crate::engine::parsed;

/// Most parts of a CUBE that are taken together in all ways: there are 1024.
const MOST_PARTS: usize = 10;

/// Puts each item of ROLLUP, CUBE and GROUPING SETS that begins with a bracket, and does not
/// end with the one that closes it, in brackets of its own: the parser takes what is in the
/// first brackets for the whole item.
pub(super) fn enclose(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is_list = |token: &TokenWithSpan| {
        let words = [Keyword::ROLLUP, Keyword::CUBE, Keyword::SETS];
        words.iter().any(|word| is(&token.token, *word))
    };
    if !tokens.iter().any(is_list) {
        return tokens;
    }
    let shown: Vec<usize> =
        (0..tokens.len()).filter(|&at| !matches!(tokens[at].token, Token::Whitespace(_))).collect();
    let lists = shown
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| is_list(&tokens[pair[0]]) && tokens[pair[1]].token == Token::LParen);
    let open: Vec<(usize, usize)> =
        lists.flat_map(|(place, _)| torn(&tokens, &shown[place + 2..])).collect();
    let mut enclosed = Vec::with_capacity(tokens.len() + 2 * open.len());
    for (at, token) in tokens.into_iter().enumerate() {
        let span = token.span;
        if open.iter().any(|(first, _)| *first == at) {
            enclosed.push(TokenWithSpan::new(Token::LParen, span));
        }
        enclosed.push(token);
        if open.iter().any(|(_, last)| *last == at) {
            enclosed.push(TokenWithSpan::new(Token::RParen, span));
        }
    }
    enclosed
}

/// The first and the last token of each item that goes on behind the bracket with which it
/// begins; the tokens at `shown` begin with the first item, and the list ends where one more
/// bracket is closed than was opened.
fn torn(tokens: &[TokenWithSpan], shown: &[usize]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut first = None;
    let mut is_closed = false;
    let mut is_torn = false;
    let mut last = 0;
    for &at in shown {
        let token = &tokens[at].token;
        let ends = depth == 0 && matches!(token, Token::Comma | Token::RParen);
        if ends {
            found.extend(first.take().filter(|_| is_torn).map(|first| (first, last)));
            if *token == Token::RParen {
                break;
            }
            continue;
        }
        if first.is_none() {
            first = Some(at);
            // An item that does not begin with a bracket is read as it is.
            is_closed = false;
            is_torn = false;
        } else if is_closed {
            is_torn = true;
        }
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begins_with_bracket = first.is_some_and(|first| tokens[first].token == Token::LParen);
        is_closed |= begins_with_bracket && depth == 0;
        last = at;
    }
    found
}

fn is(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword)
}

/// Brings each GROUP BY of `parsed` to what the planner knows.
pub(in crate::engine) fn spell(parsed: &mut Parsed, is_aggregate: IsAggregate<'_>) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Spell { is_aggregate });
}

struct Spell<'a> {
    is_aggregate: IsAggregate<'a>,
}

impl VisitorMut for Spell<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let is_aggregate = self.is_aggregate;
        let Select { projection, having, group_by, .. } = select;
        let GroupByExpr::Expressions(groups, _) = group_by else {
            return ControlFlow::Continue(());
        };
        let is_of_all = groups.iter().all(is_all);
        if is_of_all
            && !has_aggregate(projection, is_aggregate)
            && !has_aggregate(having, is_aggregate)
        {
            // One row without an aggregate would become all rows.
            return ControlFlow::Continue(());
        }
        let mut spelt = Vec::with_capacity(groups.len());
        for group in groups.drain(..) {
            match group {
                Expr::Tuple(parts) => spelt.extend(parts),
                Expr::Rollup(parts) => spelt.push(rollup(by_columns(parts, projection))),
                Expr::Cube(parts) => spelt.push(cube(by_columns(parts, projection))),
                Expr::GroupingSets(sets) => {
                    let sets = sets.into_iter().flat_map(written_out).collect();
                    spelt.push(Expr::GroupingSets(by_columns(sets, projection)));
                }
                other => spelt.push(other),
            }
        }
        *groups = spelt;
        ControlFlow::Continue(())
    }
}

/// Whether a group is `()`.
fn is_all(group: &Expr) -> bool {
    matches!(group, Expr::Tuple(parts) if parts.is_empty())
}

/// `sets` with listed expressions in the place of their numbers.
fn by_columns(mut sets: Vec<Vec<Expr>>, items: &[SelectItem]) -> Vec<Vec<Expr>> {
    for part in sets.iter_mut().flatten() {
        if let Some(listed) = place(part).and_then(|place| listed(items, place)) {
            *part = listed.clone();
        }
    }
    sets
}

/// The number that `part` is.
fn place(part: &Expr) -> Option<usize> {
    let Expr::Value(value) = part else { return None };
    match &value.value {
        Value::Number(number, _) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// The expression at a place of a list, if that can be told: of how many columns a `*`
/// stands for is not known yet.
fn listed(items: &[SelectItem], place: usize) -> Option<&Expr> {
    let items = items.get(..place)?;
    let mut found = None;
    for item in items {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                found = Some(expr);
            }
            _ => return None,
        }
    }
    found
}

fn rollup(parts: Vec<Vec<Expr>>) -> Expr {
    if parts.iter().all(|part| part.len() == 1) && !repeat(&parts) {
        return Expr::Rollup(parts);
    }
    Expr::GroupingSets(rolled_up(&parts))
}

/// Whether a column is in two parts, which the planner refuses.
fn repeat(parts: &[Vec<Expr>]) -> bool {
    parts.iter().enumerate().any(|(at, part)| parts[..at].contains(part))
}

fn rolled_up(parts: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    (0..=parts.len()).rev().map(|count| together(parts.iter().take(count))).collect()
}

fn cube(parts: Vec<Vec<Expr>>) -> Expr {
    let is_plain = parts.iter().all(|part| part.len() == 1) && !repeat(&parts);
    if is_plain || parts.len() > MOST_PARTS {
        return Expr::Cube(parts);
    }
    Expr::GroupingSets(in_all_ways(&parts))
}

fn in_all_ways(parts: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    let sets = (0_usize..1 << parts.len()).rev().map(|chosen| {
        let is_chosen = |at: usize| (chosen >> at) & 1 == 1;
        together(parts.iter().enumerate().filter(|(at, _)| is_chosen(*at)).map(|(_, part)| part))
    });
    sets.collect()
}

/// The sets that `set` stands for: several if it is a ROLLUP or CUBE, which the parser
/// takes for a function there.
fn written_out(set: Vec<Expr>) -> Vec<Vec<Expr>> {
    let [Expr::Function(call)] = set.as_slice() else { return vec![set] };
    let FunctionArguments::List(list) = &call.args else { return vec![set] };
    let parts = list.args.iter().map(|given| match given {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Tuple(columns))) => Some(columns.clone()),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(column)) => Some(vec![column.clone()]),
        _ => None,
    });
    let Some(parts) = parts.collect::<Option<Vec<_>>>() else { return vec![set] };
    match call.name.to_string().to_lowercase().as_str() {
        "rollup" => rolled_up(&parts),
        "cube" if parts.len() <= MOST_PARTS => in_all_ways(&parts),
        _ => vec![set],
    }
}

/// One set of the columns of all `parts`, each once.
fn together<'a>(parts: impl Iterator<Item = &'a Vec<Expr>>) -> Vec<Expr> {
    let mut set: Vec<Expr> = Vec::new();
    for column in parts.flatten() {
        if !set.contains(column) {
            set.push(column.clone());
        }
    }
    set
}

/// Whether there is an aggregate in `part`, not in queries that are in an expression.
fn has_aggregate(part: &impl Visit, is_aggregate: IsAggregate<'_>) -> bool {
    let found = parsed::look_outside_queries(part, |expression| match expression {
        Expr::Function(call)
            if call.over.is_none() && is_aggregate(&call.name.to_string().to_lowercase()) =>
        {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect(
                "CREATE TABLE t AS SELECT * FROM
                 (VALUES ('a', 1, true), ('b', 1, true), ('a', 2, false)) AS t(g, x, b)",
            )
            .await
            .unwrap();
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn groups_are_named_by_place_and_taken_together() {
        let session = session().await;
        for (sql, wanted) in [
            (
                "SELECT g, count(*) AS n FROM t GROUP BY ROLLUP(1) ORDER BY n, g",
                &["g|n", "b|1", "a|2", "|3"][..],
            ),
            (
                "SELECT g, count(*) AS n FROM t GROUP BY GROUPING SETS ((1), ()) ORDER BY n, g",
                &["g|n", "b|1", "a|2", "|3"],
            ),
            (
                "SELECT upper(g) AS g, x, count(*) AS n FROM t GROUP BY CUBE(1, 2)
                 ORDER BY g, x",
                &["g|x|n", "A|1|1", "A|2|1", "A||2", "B|1|1", "B||1", "|1|2", "|2|1", "||3"],
            ),
            (
                "SELECT g, x, b, count(*) AS n FROM t GROUP BY ROLLUP((g, x), b)
                 ORDER BY g, x, b",
                &[
                    "g|x|b|n",
                    "a|1|true|1",
                    "a|1||1",
                    "a|2|false|1",
                    "a|2||1",
                    "b|1|true|1",
                    "b|1||1",
                    "|||3",
                ],
            ),
            (
                "SELECT g, x, b, count(*) AS n FROM t GROUP BY CUBE((g, x), b)
                 HAVING count(*) > 1 ORDER BY g, x, b",
                &["g|x|b|n", "||true|2", "|||3"],
            ),
            (
                "SELECT g, x, count(*) AS n FROM t GROUP BY GROUPING SETS (ROLLUP(g), (x))
                 ORDER BY g, x",
                &["g|x|n", "a||2", "b||1", "|1|2", "|2|1", "||3"],
            ),
            (
                "SELECT g, x, count(*) AS n FROM t GROUP BY GROUPING SETS (cube(1, 2))
                 ORDER BY g, x",
                &["g|x|n", "a|1|1", "a|2|1", "a||2", "b|1|1", "b||1", "|1|2", "|2|1", "||3"],
            ),
            (
                "SELECT g, x, count(*) AS n FROM t GROUP BY GROUPING SETS (ROLLUP((g, x)), x)
                 HAVING count(*) > 1 ORDER BY g, x",
                &["g|x|n", "|1|2", "||3"],
            ),
            (
                "SELECT g, g IS NULL AS of_all, count(*) AS n FROM t GROUP BY ROLLUP(g)
                 ORDER BY n",
                &["g|of_all|n", "b|false|1", "a|false|2", "|true|3"],
            ),
            (
                "SELECT g, count(*) AS n FROM t GROUP BY ROLLUP(g, g) ORDER BY n, g",
                &["g|n", "b|1", "b|1", "a|2", "a|2", "|3"],
            ),
            (
                "SELECT g, count(*) AS n FROM t GROUP BY CUBE(1, g) HAVING count(*) > 1 ORDER BY n",
                &["g|n", "a|2", "a|2", "a|2", "|3"],
            ),
            (
                "SELECT g, x, b FROM t GROUP BY (g, x), b ORDER BY g, x LIMIT 1",
                &["g|x|b", "a|1|true"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_item_may_go_on_behind_its_first_bracket() {
        let session = session().await;
        for (sql, wanted) in [
            (
                "SELECT (x > 1) IS NOT TRUE AS b, count(*) AS n FROM t
                 GROUP BY ROLLUP((x > 1) IS NOT TRUE) ORDER BY n",
                &["b|n", "false|1", "true|2", "|3"][..],
            ),
            (
                "SELECT (x + 1) * 2 AS y, g, count(*) AS n FROM t
                 GROUP BY rollup ((x + 1) * 2, g) HAVING count(*) > 1 ORDER BY n",
                &["y|g|n", "4||2", "||3"],
            ),
            (
                "SELECT g, (x + 1) * 2 AS y, count(*) AS n FROM t
                 GROUP BY CUBE (g, (x + 1) * (2)) HAVING count(*) > 2",
                &["g|y|n", "||3"],
            ),
            (
                "SELECT g, count(*) AS n FROM t
                 GROUP BY GROUPING SETS ((g, x), (x + 1) * 2, ()) HAVING count(*) > 1 ORDER BY n",
                &["g|n", "|2", "|3"],
            ),
            (
                "SELECT (x + 1) * 2 AS y, count(*) AS n FROM t
                 GROUP BY GROUPING SETS (ROLLUP((x + 1) * 2)) ORDER BY n",
                &["y|n", "6|1", "4|2", "|3"],
            ),
            (
                "SELECT coalesce(g, 'c') AS c, count(*) AS n FROM t
                 GROUP BY ROLLUP ((g), ((x + 1))) HAVING count(*) > 2",
                &["c|n", "c|3"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn empty_brackets_group_all_rows() {
        let session = session().await;
        for (sql, wanted) in [
            ("SELECT count(*) AS n FROM t GROUP BY ()", &["n", "3"][..]),
            ("SELECT count(*) AS n FROM t WHERE false GROUP BY ()", &["n", "0"]),
            ("SELECT g, count(*) AS n FROM t GROUP BY (), g ORDER BY g", &["g|n", "a|2", "b|1"]),
            ("SELECT 7 AS n FROM t GROUP BY () HAVING count(*) = 3", &["n", "7"]),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
        for refused in [
            "SELECT 7 AS n FROM t GROUP BY ()",
            "SELECT (SELECT count(*) FROM t) AS n FROM t GROUP BY ()",
            "SELECT g, count(*) FROM t GROUP BY ()",
        ] {
            session.collect(refused).await.unwrap_err();
        }
    }
}
