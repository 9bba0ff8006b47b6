//! `SUMMARIZE posts` and `SUMMARIZE SELECT ...`: a row for each column of a table or of
//! an answer, with its range, its spread and how much of it is unknown.
//!
//! The parser does not know the word. The tokens become a query under a name that
//! nobody gives, and once it is planned, and its columns are known, what sums them up
//! takes its place: one pass over the rows, whose one row is turned to as many as there
//! are columns.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, ScalarValue, UnnestOptions};
use datafusion::functions::math::expr_fn::round;
use datafusion::functions_aggregate::expr_fn::{
    approx_distinct, approx_percentile_cont, avg, count, max, min, stddev,
};
use datafusion::functions_nested::make_array::make_array;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, col, lit, when};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::model::type_name;

const WORD: &str = "summarize";

/// What the query is called that is summed up.
const MARK: &str = "the query behind SUMMARIZE";

/// Makes a query under that name of what stands behind SUMMARIZE.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let Some((start, end)) = asked(&tokens) else { return tokens };
    let span = tokens[start].span;
    let made = |token: Token| TokenWithSpan::new(token, span);
    let all = || [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")].map(made);
    let mut spelt = tokens[..start].to_vec();
    spelt.extend(all());
    spelt.push(made(Token::LParen));
    if !begins_query(&tokens[start + 1..end]) {
        spelt.extend(all());
    }
    spelt.extend_from_slice(&tokens[start + 1..end]);
    let name = Token::make_word(MARK, Some('"'));
    spelt.extend([Token::RParen, Token::make_keyword("AS"), name].map(made));
    spelt.extend_from_slice(&tokens[end..]);
    spelt
}

/// Where SUMMARIZE stands, and where what it asks ends.
fn asked(tokens: &[TokenWithSpan]) -> Option<(usize, usize)> {
    let shown = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
    let first = tokens.iter().find(shown)?;
    let mut before: [Option<&Token>; 2] = [None, None];
    for (start, TokenWithSpan { token, .. }) in tokens.iter().enumerate() {
        match token {
            Token::Whitespace(_) => continue,
            Token::Word(word)
                if word.quote_style.is_none()
                    && word.value.eq_ignore_ascii_case(WORD)
                    && may_begin(before, &first.token) =>
            {
                return Some((start, end(tokens, start + 1)?));
            }
            _ => before = [before[1], Some(token)],
        }
    }
    None
}

/// Whether a query begins behind the last two tokens of a statement that begins with
/// `first`: the statement itself, or one that is explained, kept or copied.
fn may_begin(before: [Option<&Token>; 2], first: &Token) -> bool {
    let is = |token: &Token, keywords: &[Keyword]| {
        matches!(token, Token::Word(word)
            if word.quote_style.is_none() && keywords.contains(&word.keyword))
    };
    match before {
        [_, None] => true,
        [Some(copy), Some(Token::LParen)] => is(copy, &[Keyword::COPY]),
        [_, Some(last)] => {
            is(last, &[Keyword::EXPLAIN, Keyword::ANALYZE, Keyword::VERBOSE])
                || is(last, &[Keyword::AS]) && is(first, &[Keyword::CREATE])
        }
    }
}

/// Where the brackets close, or the statement ends, in which the token at `start` stands;
/// none if nothing stands there.
fn end(tokens: &[TokenWithSpan], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut shown = 0;
    for (at, TokenWithSpan { token, .. }) in tokens.iter().enumerate().skip(start) {
        match token {
            Token::Whitespace(_) => continue,
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return (shown > 0).then_some(at),
            Token::RParen => depth -= 1,
            Token::SemiColon | Token::EOF if depth == 0 => return (shown > 0).then_some(at),
            Token::Word(_) | Token::SingleQuotedString(_) => {}
            // No table begins with it.
            _ if shown == 0 => return None,
            _ => {}
        }
        shown += 1;
    }
    (shown > 0).then_some(tokens.len())
}

fn begins_query(tokens: &[TokenWithSpan]) -> bool {
    let first = tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_)));
    match first.map(|first| &first.token) {
        Some(Token::Word(word)) => matches!(
            word.keyword,
            Keyword::SELECT | Keyword::FROM | Keyword::WITH | Keyword::VALUES
        ),
        _ => false,
    }
}

/// Puts what sums up into the place of each such query.
pub(super) fn sum_up(plan: LogicalPlan) -> Result<LogicalPlan> {
    let planned = plan.transform_up_with_subqueries(|node| {
        let summed = match &node {
            LogicalPlan::Projection(all) => marked(&all.input).map(summary).transpose()?,
            _ => None,
        };
        Ok(match summed {
            Some(summed) => Transformed::yes(summed),
            None => Transformed::no(node),
        })
    });
    planned.map(|planned| planned.data)
}

/// The query that is summed up, if `plan` gives it the name.
fn marked(plan: &LogicalPlan) -> Option<&Arc<LogicalPlan>> {
    match plan {
        LogicalPlan::SubqueryAlias(named) if named.alias.table() == MARK => Some(&named.input),
        _ => None,
    }
}

/// How many rows there are.
const ROWS: &str = "rows";

fn summary(input: &Arc<LogicalPlan>) -> Result<LogicalPlan> {
    let columns: Vec<Summed> = input
        .schema()
        .iter()
        .enumerate()
        .map(|(index, (table, field))| Summed {
            index,
            name: field.name().clone(),
            value: Expr::Column(Column::new(table.cloned(), field.name())),
            kind: field.data_type().clone(),
        })
        .collect();
    let sums = columns.iter().flat_map(Summed::sums);
    let sums = sums.chain([count(lit(1)).alias(ROWS)]).collect::<Vec<_>>();
    let rows = columns.iter().map(Summed::row).collect::<Result<Vec<_>>>()?;
    let lists = NAMES.iter().enumerate().map(|(at, name)| {
        make_array(rows.iter().map(|row| row[at].clone()).collect()).alias(*name)
    });
    let all = NAMES.iter().map(|name| Column::from_name(*name)).collect();
    LogicalPlanBuilder::from(Arc::clone(input))
        .aggregate(Vec::<Expr>::new(), sums)?
        .project(lists.collect::<Vec<_>>())?
        .unnest_columns_with_options(all, UnnestOptions::default())?
        .build()
}

/// The columns of the answer.
const NAMES: [&str; 12] = [
    "column_name",
    "column_type",
    "min",
    "max",
    "approx_unique",
    "avg",
    "std",
    "q25",
    "q50",
    "q75",
    "count",
    "null_percentage",
];

/// A column that is summed up.
struct Summed {
    index: usize,
    name: String,
    value: Expr,
    kind: DataType,
}

impl Summed {
    /// What is asked of all rows.
    fn sums(&self) -> Vec<Expr> {
        let known = count(self.value.clone());
        let mut sums = vec![known.alias(self.called("known"))];
        if self.is_counted() {
            let texts = cast(self.value.clone(), DataType::Utf8);
            sums.push(approx_distinct(texts).alias(self.called("distinct")));
        }
        if self.is_plain() {
            sums.push(min(self.value.clone()).alias(self.called("min")));
            sums.push(max(self.value.clone()).alias(self.called("max")));
        }
        if self.kind.is_numeric() {
            let number = cast(self.value.clone(), DataType::Float64);
            sums.push(avg(number.clone()).alias(self.called("avg")));
            sums.push(stddev(number.clone()).alias(self.called("std")));
            for (name, share) in [("q25", 0.25), ("q50", 0.5), ("q75", 0.75)] {
                let quantile =
                    approx_percentile_cont(number.clone().sort(true, false), lit(share), None);
                sums.push(quantile.alias(self.called(name)));
            }
        }
        sums
    }

    /// The row that is made of that, as many values as there are names.
    fn row(&self) -> Result<Vec<Expr>> {
        let sum = |name: &str| col(self.called(name));
        let text = |name: &str| match self.is_plain() {
            true => cast(sum(name), DataType::Utf8),
            false => lit(ScalarValue::Utf8(None)),
        };
        let number = |name: &str| match self.kind.is_numeric() {
            true => sum(name),
            false => lit(ScalarValue::Float64(None)),
        };
        // Of whole numbers a quartile is one too, and the estimate has decimals.
        let quartile = |name: &str| match self.kind.is_integer() {
            true => round(vec![sum(name)]),
            false => number(name),
        };
        let distinct = match self.is_counted() {
            true => cast(sum("distinct"), DataType::Int64),
            false => lit(ScalarValue::Int64(None)),
        };
        let known = cast(sum("known"), DataType::Float64) / cast(col(ROWS), DataType::Float64);
        let unknown = when(col(ROWS).gt(lit(0)), (lit(1.0) - known) * lit(100.0))
            .otherwise(lit(ScalarValue::Float64(None)))?;
        Ok(vec![
            lit(self.name.clone()),
            lit(type_name(&self.kind)),
            text("min"),
            text("max"),
            distinct,
            number("avg"),
            number("std"),
            quartile("q25"),
            quartile("q50"),
            quartile("q75"),
            col(ROWS),
            cast(unknown, DataType::Decimal128(5, 2)),
        ])
    }

    fn called(&self, sum: &str) -> String {
        format!("{sum}_{}", self.index)
    }

    /// Whether its values can be put in order.
    fn is_plain(&self) -> bool {
        is_plain(&self.kind)
    }

    /// Whether its values can be told apart by their texts: lists too, which have no least
    /// and greatest that would say anything.
    fn is_counted(&self) -> bool {
        match &self.kind {
            DataType::List(item) | DataType::LargeList(item) => is_plain(item.data_type()),
            kind => is_plain(kind),
        }
    }
}

fn is_plain(kind: &DataType) -> bool {
    kind.is_numeric()
        || kind.is_string()
        || matches!(
            kind,
            DataType::Boolean
                | DataType::Timestamp(..)
                | DataType::Date32
                | DataType::Date64
                | DataType::Time32(_)
                | DataType::Time64(_)
        )
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn each_column_has_a_row() {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect(
                "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a', ['x'], true),
                 (2, NULL, ['y'], false), (3, 'c', NULL, NULL), (6, 'c', NULL, NULL))
                 AS t(n, s, l, b)",
            )
            .await
            .unwrap();
        let rows = answer(&session, "SUMMARIZE t").await;
        assert_eq!(
            rows[0],
            "column_name|column_type|min|max|approx_unique|avg|std|q25|q50|q75|count|null_percentage"
        );
        assert_eq!(rows[2], "s|text|a|c|2||||||4|25.00");
        let of = async |column: &str| {
            let sql = format!("SELECT {column} FROM kept ORDER BY column_name");
            answer(&session, &sql).await.split_off(1)
        };
        session.collect("CREATE TABLE kept AS SUMMARIZE SELECT * FROM t").await.unwrap();
        assert_eq!(of("min").await, ["false", "", "1", "a"]);
        assert_eq!(of("max").await, ["true", "", "6", "c"]);
        assert_eq!(of("approx_unique").await, ["2", "2", "4", "2"]);
        assert_eq!(of("avg").await, ["", "", "3.0", ""]);
        assert_eq!(of("round(std, 3)").await, ["", "", "2.16", ""]);
        // The estimate is 4.5, but whole as the numbers are.
        assert_eq!(of("q75").await, ["", "", "5.0", ""]);
        assert_eq!(of("count").await, ["4", "4", "4", "4"]);
        assert_eq!(of("null_percentage").await, ["50.00", "50.00", "0.00", "25.00"]);
    }

    #[tokio::test]
    async fn tables_queries_and_values_are_summed_up() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE t AS SELECT 1 AS n, 'a' AS s").await.unwrap();
        for (sql, rows) in [
            ("summarize t", 2),
            ("SUMMARIZE t WHERE n > 5", 2),
            ("SUMMARIZE SELECT n FROM t", 1),
            ("SUMMARIZE FROM t", 2),
            ("SUMMARIZE (SELECT n FROM t)", 1),
            ("SUMMARIZE VALUES (1, 2, 3)", 3),
            ("SUMMARIZE WITH a AS (SELECT n FROM t) SELECT * FROM a", 1),
        ] {
            assert_eq!(answer(&session, sql).await.len(), rows + 1, "{sql}");
        }
        session.collect("EXPLAIN SUMMARIZE t").await.unwrap();
        let error = session.collect("SUMMARIZE nowhere").await.unwrap_err();
        assert_eq!(error.message(), "no table \"nowhere\"");
        assert_eq!(error.place().column, Some(11));
        // The word is a name elsewhere.
        for fine in ["SELECT 1 AS summarize", "SELECT summarize FROM (SELECT 1 AS summarize)"] {
            assert_eq!(answer(&session, fine).await, ["summarize", "1"]);
        }
    }
}
