//! `SUMMARIZE posts` and `SUMMARIZE SELECT ...`: a row for each column of a table or of
//! an answer, with its range, its spread and how much of it is unknown.
//!
//! The parser does not know the word. The tokens become a query under a name that
//! nobody gives, and once it is planned, and its columns are known, what sums them up
//! takes its place: one pass over the rows for all figures, which are then computed once,
//! one more for how numbers and times are spread between them, and the one row of that is
//! turned to as many as there are columns.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, ScalarValue, TableReference, UnnestOptions};
use datafusion::functions::datetime::{from_unixtime, to_unixtime};
use datafusion::functions::math::expr_fn::round;
use datafusion::functions_aggregate::expr_fn::{
    approx_percentile_cont, avg, count, max, min, stddev,
};
use datafusion::functions_nested::make_array::make_array;
use datafusion::logical_expr::{
    AggregateUDF, Expr, LogicalPlan, LogicalPlanBuilder, cast, lit, when,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{frequent, spread};
use crate::engine::computed_once::{Mark, When};
use crate::engine::whole_counts::approx_distinct;
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

/// The functions over rows that sum up.
pub(in crate::engine) fn functions() -> [AggregateUDF; 2] {
    [frequent::function(), spread::function()]
}

/// How many rows there are; names that no column has.
const ROWS: &str = "rows behind SUMMARIZE";
const BARS: &str = "bars behind SUMMARIZE";

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
    let totals =
        LogicalPlanBuilder::from(Arc::clone(input)).aggregate(Vec::<Expr>::new(), sums)?.build()?;
    let totals = with_bars(totals, input, &columns)?;
    let rows = columns.iter().map(Summed::row).collect::<Result<Vec<_>>>()?;
    let (last, others) = NAMES.split_last().expect("there are names");
    let lists = others.iter().enumerate().map(|(at, name)| {
        make_array(rows.iter().map(|row| row[at].clone()).collect()).alias(*name)
    });
    let lists = lists.chain([Expr::Column(Column::from_name(BARS)).alias(*last)]);
    let all = NAMES.iter().map(|name| Column::from_name(*name)).collect();
    LogicalPlanBuilder::from(totals)
        .project(lists.collect::<Vec<_>>())?
        .unnest_columns_with_options(all, UnnestOptions::default())?
        .build()
}

/// The `totals` of the rows of `input`, and a list of how its columns are spread between
/// them. The totals are used twice, so that they are computed once and planned for
/// themselves: in one plan with what turns them to rows, each of them, which are thousands
/// for some files, would be looked for in all of that. The list is made before, as well.
fn with_bars(
    totals: LogicalPlan,
    input: &Arc<LogicalPlan>,
    columns: &[Summed],
) -> Result<LogicalPlan> {
    let bars: Vec<Expr> =
        columns.iter().filter(|column| column.is_measured()).map(Summed::bars).collect();
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let (statement, name) = (hasher.finish(), WORD.to_owned());
    let mark = Mark { when: When::Asked, statement, number: 0, name };
    let totals =
        LogicalPlanBuilder::from(totals).alias(TableReference::bare(mark.to_string()))?.build()?;
    let mut beside = LogicalPlanBuilder::from(totals.clone());
    if !bars.is_empty() {
        let all = beside.cross_join(LogicalPlan::clone(input))?;
        beside = all.aggregate(Vec::<Expr>::new(), bars)?;
    }
    let list = make_array(columns.iter().map(Summed::spread).collect()).alias(BARS);
    let beside = beside.project([list])?.build()?;
    LogicalPlanBuilder::from(totals).cross_join(beside)?.build()
}

/// The columns of the answer.
const NAMES: [&str; 14] = [
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
    "top_values",
    "histogram",
];

/// Shares of the rows below which the quartiles lie.
const QUARTILES: [(&str, f64); 3] = [("q25", 0.25), ("q50", 0.5), ("q75", 0.75)];

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
        let number = self.number(self.value.clone());
        if self.kind.is_numeric() {
            sums.push(avg(number.clone()).alias(self.called("avg")));
            sums.push(stddev(number.clone()).alias(self.called("std")));
        }
        if self.is_measured() {
            sums.extend(QUARTILES.map(|(name, share)| {
                let number = number.clone().sort(true, false);
                approx_percentile_cont(number, lit(share), None).alias(self.called(name))
            }));
        }
        if let Some(texts) = self.texts() {
            sums.push(frequent::function().call(vec![texts]).alias(self.called("top")));
        }
        sums
    }

    /// How a column that is measured is spread between its totals.
    fn bars(&self) -> Expr {
        let end = |name: &str| self.number(self.sum(name));
        // The years of times do not grow.
        let median = match self.kind.is_numeric() {
            true => self.sum("q50"),
            false => lit(ScalarValue::Float64(None)),
        };
        let numbers = vec![self.number(self.value.clone()), end("min"), end("max"), median];
        spread::function().call(numbers).alias(self.called("bars"))
    }

    /// How it is spread; unknown if it is not measured.
    fn spread(&self) -> Expr {
        if self.is_measured() { self.sum("bars") } else { lit(ScalarValue::Utf8(None)) }
    }

    /// The row that is made of that but for how it is spread, a value for each other name.
    fn row(&self) -> Result<Vec<Expr>> {
        let no_text = || lit(ScalarValue::Utf8(None));
        let end = |name: &str| match self.is_plain() {
            true => cast(self.sum(name), DataType::Utf8),
            false => no_text(),
        };
        let number = |name: &str| match self.kind.is_numeric() {
            true => self.sum(name),
            false => lit(ScalarValue::Float64(None)),
        };
        let top = if self.texts().is_some() { self.sum("top") } else { no_text() };
        let (known, rows) = (self.sum("known"), Expr::Column(Column::from_name(ROWS)));
        Ok(vec![
            lit(self.name.clone()),
            lit(type_name(&self.kind)),
            end("min"),
            end("max"),
            self.distinct(&known)?,
            number("avg"),
            number("std"),
            self.quartile("q25"),
            self.quartile("q50"),
            self.quartile("q75"),
            rows.clone(),
            unknown_share(&known, &rows)?,
            top,
        ])
    }

    /// How many values there are, about: never more than are known.
    fn distinct(&self, known: &Expr) -> Result<Expr> {
        if !self.is_counted() {
            return Ok(lit(ScalarValue::Int64(None)));
        }
        let distinct = cast(self.sum("distinct"), DataType::Int64);
        when(distinct.clone().gt(known.clone()), known.clone()).otherwise(distinct)
    }

    /// A value between others as a text of its kind: the estimate has decimals where
    /// the values have none.
    fn quartile(&self, name: &str) -> Expr {
        let estimate = || self.sum(name);
        let seconds = || cast(round(vec![estimate()]), DataType::Int64);
        let value = match &self.kind {
            DataType::Timestamp(_, Some(zone)) => {
                from_unixtime().call(vec![seconds(), lit(&**zone)])
            }
            DataType::Timestamp(_, None) => from_unixtime().call(vec![seconds()]),
            DataType::Date32 | DataType::Date64 => {
                cast(from_unixtime().call(vec![seconds()]), DataType::Date32)
            }
            kind if kind.is_integer() => cast(round(vec![estimate()]), DataType::Decimal128(20, 0)),
            kind if kind.is_numeric() => estimate(),
            _ => return lit(ScalarValue::Utf8(None)),
        };
        cast(value, DataType::Utf8)
    }

    /// A value of the column as a number: of times the seconds since 1970.
    fn number(&self, value: Expr) -> Expr {
        let value = if self.is_instant() { to_unixtime().call(vec![value]) } else { value };
        cast(value, DataType::Float64)
    }

    /// Its values as texts, or lists of texts, of which the most frequent are said.
    fn texts(&self) -> Option<Expr> {
        match &self.kind {
            DataType::List(item) | DataType::LargeList(item) => {
                item.data_type().is_string().then(|| self.value.clone())
            }
            DataType::Boolean => Some(cast(self.value.clone(), DataType::Utf8)),
            kind => kind.is_string().then(|| self.value.clone()),
        }
    }

    /// One of what is asked of all rows.
    fn sum(&self, name: &str) -> Expr {
        Expr::Column(Column::from_name(self.called(name)))
    }

    /// A name that no column has.
    fn called(&self, sum: &str) -> String {
        format!("{sum} of column {} behind SUMMARIZE", self.index)
    }

    /// Whether its values lie on a scale.
    fn is_measured(&self) -> bool {
        self.kind.is_numeric() || self.is_instant()
    }

    fn is_instant(&self) -> bool {
        matches!(self.kind, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
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

/// How much of a column is unknown, in percent; never none or all when it is neither.
fn unknown_share(known: &Expr, rows: &Expr) -> Result<Expr> {
    let number = |count: &Expr| cast(count.clone(), DataType::Float64);
    let share = (lit(1.0) - number(known) / number(rows)) * lit(100.0);
    let share = when(rows.clone().eq(lit(0_i64)), lit(ScalarValue::Float64(None)))
        .when(known.clone().eq(rows.clone()), lit(0.0))
        .when(known.clone().eq(lit(0_i64)), lit(100.0))
        .when(share.clone().lt(lit(0.01)), lit(0.01))
        .when(share.clone().gt(lit(99.99)), lit(99.99))
        .otherwise(share)?;
    Ok(cast(share, DataType::Decimal128(5, 2)))
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
            "column_name|column_type|min|max|approx_unique|avg|std|q25|q50|q75|count|\
             null_percentage|top_values|histogram"
        );
        assert_eq!(rows[2], "s|text|a|c|2||||||4|25.00|c (2)|");
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
        assert_eq!(of("q75").await, ["", "", "5", ""]);
        assert_eq!(of("count").await, ["4", "4", "4", "4"]);
        assert_eq!(of("null_percentage").await, ["50.00", "50.00", "0.00", "25.00"]);
    }

    #[tokio::test]
    async fn numbers_and_times_have_bars_and_quartiles_of_their_kind() {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect(
                "CREATE TABLE t AS SELECT value AS n, value / 2.0 AS f, ['a', 'b'] AS l,
                 CAST('2012-08-27' AS DATE) AS same,
                 CAST(to_timestamp_seconds(1345420800 + value * 172800) AS DATE) AS d
                 FROM generate_series(0, 8)",
            )
            .await
            .unwrap();
        let of = async |columns: &str, from: &str| {
            let made = format!("CREATE OR REPLACE TABLE kept AS SUMMARIZE {from}");
            session.collect(&made).await.unwrap();
            let sql = format!("SELECT {columns} FROM kept ORDER BY column_name");
            answer(&session, &sql).await.split_off(1)
        };
        // d, f, l, n, same.
        assert_eq!(of("q50", "t").await, ["2012-08-28", "2.0", "", "4", "2012-08-27"]);
        let bars = ["▄▄▄▄▄▄▄█", "▄▄▄▄▄▄▄█", "", "▄▄▄▄▄▄▄█", ""];
        assert_eq!(of("histogram", "t").await, bars);
        assert_eq!(of("top_values", "t").await, ["", "", "a (9), b (9)", "", ""]);
        // Of no rows nothing is known but that there are none.
        let none = "column_name, count, approx_unique, max, histogram";
        assert_eq!(of(none, "t WHERE n > 8").await[0], "d|0|0||");
    }

    #[tokio::test]
    async fn the_figures_are_planned_for_themselves_with_numbers_and_without() {
        let session = Session::new(None, Settings::default()).unwrap();
        for columns in ["1 AS n, 'a' AS s", "'a' AS s, 'b' AS t"] {
            let made = format!("CREATE OR REPLACE TABLE t AS SELECT {columns}");
            session.collect(&made).await.unwrap();
            let plan = answer(&session, "EXPLAIN SUMMARIZE t").await.join("\n");
            assert_eq!(plan.matches("ComputedOnceExec: summarize").count(), 2, "{plan}");
            let rows = answer(&session, "SUMMARIZE t").await;
            assert_eq!(rows.len(), 3, "{rows:?}");
            assert!(rows[2].ends_with("|1|0.00||"), "{rows:?}");
        }
    }

    #[tokio::test]
    async fn a_share_is_never_rounded_to_none_or_all() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "CREATE TABLE kept AS SUMMARIZE SELECT nullif(value, 1) AS few,
                   CASE WHEN value = 1 THEN 1 END AS most FROM generate_series(1, 30000)";
        session.collect(sql).await.unwrap();
        let asked = "SELECT null_percentage FROM kept ORDER BY column_name";
        let shares = answer(&session, asked).await;
        assert_eq!(shares[1..], ["0.01", "99.99"]);
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
