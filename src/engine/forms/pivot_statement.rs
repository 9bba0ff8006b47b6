//! `PIVOT posts ON platform USING sum(likes) GROUP BY account_id`, as DuckDB has it: the
//! values of a column become columns, whatever values there are. Of several columns, as in
//! `ON platform, kind`, each value of one with each of the others does. And `UNPIVOT posts ON
//! reposts, likes INTO NAME kind VALUE number`, the other way.
//!
//! The values are asked for first. Then a query is put together from the statement's own
//! tokens, which leaves the places of errors as they are.

use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::compute::{SortOptions, concat, sort};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use crate::error::Error;

/// Columns that one statement makes of values at most.
const MOST_VALUES: usize = 500;

/// How the clauses of UNPIVOT follow one another.
const UNPIVOT: &str = "write it as UNPIVOT posts ON reposts, likes INTO NAME kind VALUE number";

type Tokens = Vec<TokenWithSpan>;

/// A statement that may be, or have in it, a PIVOT.
#[derive(Debug)]
pub(in crate::engine) enum Statement {
    /// It is a statement for the parser.
    Plain(Tokens),
    /// The values that become columns are not known yet.
    Open(Pivot),
}

/// A PIVOT, cut at its clauses.
#[derive(Debug)]
pub(in crate::engine) struct Pivot {
    tokens: Tokens,
    /// All of it in `tokens`.
    whole: Range<usize>,
    source: Range<usize>,
    /// At least one.
    on: Vec<On>,
    using: Vec<Aggregate>,
    groups: Range<usize>,
    rest: Range<usize>,
}

/// Whose values become columns.
#[derive(Debug)]
struct On {
    column: Range<usize>,
    /// The values, if they are listed behind IN.
    listed: Option<Range<usize>>,
}

/// An aggregate of a PIVOT.
#[derive(Debug)]
struct Aggregate {
    call: Range<usize>,
    alias: Option<String>,
}

/// A value of a column.
#[derive(Debug, Clone)]
struct Value {
    literal: Vec<Token>,
    label: String,
}

/// Values of all columns that together become one, and what it is called.
struct Made {
    values: Vec<Value>,
    label: String,
}

/// Finds the PIVOT or UNPIVOT in the tokens of a statement. What needs no values to be
/// known is put together at once.
pub(in crate::engine) fn find(tokens: Tokens) -> Result<Statement> {
    let Some(start) = start(&tokens) else { return Ok(Statement::Plain(tokens)) };
    let is_pivot = is(&tokens[start], Keyword::PIVOT);
    let blank = |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let before = tokens[..start].iter().filter(|token| !blank(token)).count();
    let tokens: Tokens = tokens.into_iter().filter(|token| !blank(token)).collect();
    let end = end(&tokens, before);
    match is_pivot {
        true => cut(tokens, before..end),
        false => unpivot(&tokens, before..end).map(Statement::Plain),
    }
}

/// Where a PIVOT or UNPIVOT begins that is a query, not a clause of FROM or a name.
fn start(tokens: &[TokenWithSpan]) -> Option<usize> {
    use Keyword::{ANALYZE, AS, EXPLAIN, VERBOSE};
    let mut previous: Option<&TokenWithSpan> = None;
    let mut after_with = false;
    let seen = tokens.iter().enumerate();
    for (index, token) in seen.filter(|(_, one)| !matches!(one.token, Token::Whitespace(_))) {
        let may_begin = match previous {
            None => true,
            Some(before) => match before.token {
                Token::LParen => true,
                Token::RParen => after_with,
                _ => [EXPLAIN, ANALYZE, VERBOSE, AS].iter().any(|word| is(before, *word)),
            },
        };
        let is_word = is(token, Keyword::PIVOT) || is(token, Keyword::UNPIVOT);
        if may_begin && is_word && has_table(&tokens[index + 1..]) {
            return Some(index);
        }
        after_with |= is(token, Keyword::WITH);
        previous = Some(token);
    }
    None
}

/// Whether a table follows, and behind it ON or USING. `UNPIVOT (number FOR kind IN ...)` is
/// a clause of FROM.
fn has_table(tokens: &[TokenWithSpan]) -> bool {
    let tokens = &tokens[..end(tokens, 0)];
    let mut tokens = tokens.iter().filter(|one| !matches!(one.token, Token::Whitespace(_)));
    let is_clause = tokens.clone().nth(2).is_some_and(|third| is(third, Keyword::FOR));
    let begins = tokens.next().is_some_and(|first| match &first.token {
        Token::Word(word) => !matches!(word.keyword, Keyword::FROM | Keyword::ON),
        Token::LParen => !is_clause,
        other => matches!(other, Token::SingleQuotedString(_)),
    });
    begins && tokens.any(|token| is(token, Keyword::ON) || is(token, Keyword::USING))
}

/// Where the query ends that begins at `start`.
fn end(tokens: &[TokenWithSpan], start: usize) -> usize {
    let mut depth = 0;
    let closes = tokens[start..].iter().position(|token| {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        depth < 0 || token.token == Token::SemiColon || token.token == Token::EOF
    });
    closes.map_or(tokens.len(), |length| start + length)
}

/// The places in `range`, outside of brackets, where `wanted` is.
fn places<'a>(
    tokens: &'a [TokenWithSpan],
    range: Range<usize>,
    wanted: impl Fn(&TokenWithSpan) -> bool + 'a,
) -> impl Iterator<Item = usize> + 'a {
    let mut depth = 0;
    range.filter(move |index| {
        let token = &tokens[*index];
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth -= 1,
            _ => {}
        }
        depth == 0 && wanted(token)
    })
}

/// The parts of `range` between its commas.
fn between_commas(tokens: &[TokenWithSpan], range: Range<usize>) -> Vec<Range<usize>> {
    let commas = places(tokens, range.clone(), |token| token.token == Token::Comma);
    let ends: Vec<usize> = commas.chain([range.end]).collect();
    let mut start = range.start;
    let parts = ends.into_iter().map(|end| std::mem::replace(&mut start, end + 1)..end);
    parts.filter(|part| !part.is_empty()).collect()
}

fn is(token: &TokenWithSpan, keyword: Keyword) -> bool {
    matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.keyword == keyword)
}

fn cut(tokens: Tokens, whole: Range<usize>) -> Result<Statement> {
    let inside = whole.start + 1..whole.end;
    let at = |range: Range<usize>, keyword| places(&tokens, range, move |one| is(one, keyword));
    // A join of the source may have an ON of its own before it.
    let on = at(inside.clone(), Keyword::ON).last();
    let from_on = on.unwrap_or(inside.start)..inside.end;
    let rest = [Keyword::ORDER, Keyword::LIMIT].map(|word| at(from_on.clone(), word).next());
    let rest = rest.into_iter().flatten().min().unwrap_or(inside.end);
    let groups = at(from_on.start..rest, Keyword::GROUP).next();
    let before_groups = groups.unwrap_or(rest);
    let using = at(from_on.start..before_groups, Keyword::USING).next();
    let Some(on) = on else {
        return Err(refused(
            "PIVOT is told whose values become columns",
            "write it as PIVOT posts ON platform USING count(*)",
        ));
    };
    let on = on + 1..using.unwrap_or(before_groups);
    let source = inside.start..on.start - 1;
    let on: Vec<On> =
        between_commas(&tokens, on).into_iter().map(|part| deciding(&tokens, part)).collect();
    if on.is_empty() {
        return Err(refused(
            "PIVOT is told whose values become columns",
            "write it as PIVOT posts ON platform USING count(*)",
        ));
    }
    let aggregates = using.map(|using| between_commas(&tokens, using + 1..before_groups));
    let aggregates = aggregates.unwrap_or_default();
    let using = aggregates.into_iter().map(|part| aggregate(&tokens, part)).collect();
    // Behind GROUP comes BY.
    let groups = groups.map_or(rest..rest, |group| (group + 2).min(rest)..rest);
    let rest = rest..inside.end;
    let pivot = Pivot { tokens, whole, source, on, using, groups, rest };
    match pivot.listed() {
        Some(values) => pivot.with_values(&values).map(Statement::Plain),
        None => Ok(Statement::Open(pivot)),
    }
}

fn deciding(tokens: &[TokenWithSpan], part: Range<usize>) -> On {
    let is_in = |token: &TokenWithSpan| is(token, Keyword::IN);
    match places(tokens, part.clone(), is_in).next() {
        // In brackets.
        Some(word) => {
            On { column: part.start..word, listed: Some((word + 2).min(part.end)..part.end - 1) }
        }
        None => On { column: part, listed: None },
    }
}

fn aggregate(tokens: &[TokenWithSpan], part: Range<usize>) -> Aggregate {
    let word = |index: usize| match &tokens[index].token {
        Token::Word(word) if word.quote_style.is_some() => Some(word.value.clone()),
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    };
    let last = part.end - 1;
    let by_as = part.len() > 2 && is(&tokens[last - 1], Keyword::AS);
    let closed = part.len() > 1 && tokens[last - 1].token == Token::RParen;
    match word(last).filter(|_| by_as || closed) {
        Some(alias) => {
            let end = if by_as { last - 1 } else { last };
            Aggregate { call: part.start..end, alias: Some(alias) }
        }
        None => Aggregate { call: part, alias: None },
    }
}

impl Pivot {
    /// The query for the values that become columns.
    pub(in crate::engine) fn question(&self) -> Result<Tokens> {
        let placeholder = |token: &TokenWithSpan| matches!(token.token, Token::Placeholder(_));
        if self.tokens.iter().any(placeholder) {
            return Err(refused(
                "the values that PIVOT makes columns of are asked for before parameters are known",
                "list them: ON platform IN ('weibo', 'x')",
            ));
        }
        let mut asked = self.common_tables().to_vec();
        let span = self.span();
        asked.extend(words(span, &[Keyword::SELECT, Keyword::DISTINCT]));
        let open = self.on.iter().filter(|on| on.listed.is_none());
        for (number, on) in open.enumerate() {
            if number > 0 {
                asked.push(TokenWithSpan::new(Token::Comma, span));
            }
            asked.extend_from_slice(&self.tokens[on.column.clone()]);
        }
        asked.extend(words(span, &[Keyword::FROM]));
        asked.extend_from_slice(&self.tokens[self.source.clone()]);
        asked.extend(words(span, &[Keyword::ORDER, Keyword::BY]));
        asked.push(TokenWithSpan::new(number("1"), span));
        asked.extend(words(span, &[Keyword::LIMIT]));
        asked.push(TokenWithSpan::new(number(&(MOST_VALUES + 1).to_string()), span));
        Ok(asked)
    }

    /// `WITH a AS (...), b AS (...)` before it, which may be its source. Where it stands in
    /// brackets, that is what is complete there.
    fn common_tables(&self) -> &[TokenWithSpan] {
        let before = &self.tokens[..self.whole.start];
        let with = before.iter().position(|token| is(token, Keyword::WITH));
        let Some(with) = with else { return &[] };
        let (mut depth, mut complete) = (0, with);
        for (place, token) in before.iter().enumerate().skip(with) {
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                Token::Comma if depth == 0 => complete = place,
                _ => {}
            }
        }
        &before[with..if depth == 0 { before.len() } else { complete }]
    }

    /// The statement with a column for each value in the `answer` to the question.
    pub(in crate::engine) fn closed(&self, answer: &[RecordBatch]) -> Result<Tokens> {
        let rows: usize = answer.iter().map(RecordBatch::num_rows).sum();
        if rows > MOST_VALUES {
            return Err(self.too_many());
        }
        let mut asked = 0;
        let mut all = Vec::new();
        for on in &self.on {
            if let Some(listed) = &on.listed {
                all.push(self.listed_values(listed.clone()));
                continue;
            }
            let parts: Vec<&dyn Array> =
                answer.iter().map(|batch| batch.column(asked).as_ref()).collect();
            asked += 1;
            if parts.is_empty() {
                all.push(Vec::new());
                continue;
            }
            let mut column = concat(&parts)?;
            // Several are in the order of the first of them.
            if self.on.len() > 1 {
                let order = SortOptions { descending: false, nulls_first: false };
                column = sort(&column, Some(order))?;
            }
            all.push(values_of(&column)?);
        }
        self.with_values(&all)
    }

    fn too_many(&self) -> DataFusionError {
        let on: Vec<String> =
            self.on.iter().map(|on| self.texts(on.column.clone()).concat()).collect();
        let has = if on.len() == 1 { "has" } else { "have" };
        refused(
            &format!("{} {has} more than {MOST_VALUES} values to make columns of", on.join(", ")),
            "list those that are wanted: ON platform IN ('weibo', 'x')",
        )
    }

    /// The values that stand in the statement, if all do: `ON platform IN ('weibo', 'x')`.
    fn listed(&self) -> Option<Vec<Vec<Value>>> {
        let values = |on: &On| on.listed.clone().map(|listed| self.listed_values(listed));
        self.on.iter().map(values).collect()
    }

    fn listed_values(&self, listed: Range<usize>) -> Vec<Value> {
        let value = |part: Range<usize>| {
            let label = match &self.tokens[part.start].token {
                Token::SingleQuotedString(text) if part.len() == 1 => text.clone(),
                _ => self.texts(part.clone()).concat(),
            };
            let literal = self.tokens[part].iter().map(|token| token.token.clone()).collect();
            Value { literal, label }
        };
        between_commas(&self.tokens, listed).into_iter().map(value).collect()
    }

    /// The statement with a column for each of the values of its columns, or each with each
    /// of the others, and each aggregate.
    fn with_values(&self, all: &[Vec<Value>]) -> Result<Tokens> {
        let span = self.span();
        if all.iter().any(Vec::is_empty) {
            return Err(refused("there is no value to make a column of", "see what the table has"));
        }
        let count = all.iter().try_fold(1_usize, |count, values| count.checked_mul(values.len()));
        if all.len() > 1 && count.is_none_or(|count| count > MOST_VALUES) {
            return Err(self.too_many());
        }
        let made = each_with_each(all);
        let mut query = self.tokens[..self.whole.start].to_vec();
        query.extend(words(span, &[Keyword::SELECT]));
        if self.groups.is_empty() {
            query.push(TokenWithSpan::new(Token::Mul, span));
            query.extend(words(span, &[Keyword::FROM]));
            query.extend_from_slice(&self.tokens[self.source.clone()]);
            self.clause(&mut query, &made);
        } else {
            query.extend_from_slice(&self.tokens[self.groups.clone()]);
            self.columns(&mut query, &made);
            query.extend(words(span, &[Keyword::FROM]));
            query.extend_from_slice(&self.tokens[self.source.clone()]);
            query.extend(words(span, &[Keyword::GROUP, Keyword::BY]));
            query.extend_from_slice(&self.tokens[self.groups.clone()]);
        }
        query.extend_from_slice(&self.tokens[self.rest.start..]);
        Ok(query)
    }

    /// `PIVOT (sum(likes) FOR platform IN ('x' AS "x"))`: groups are all other columns. Several
    /// columns, and their values, are in brackets.
    fn clause(&self, query: &mut Tokens, all: &[Made]) {
        let span = self.span();
        let put = |query: &mut Tokens, token| query.push(TokenWithSpan::new(token, span));
        query.extend(words(span, &[Keyword::PIVOT]));
        put(query, Token::LParen);
        for (index, aggregate) in self.aggregates().into_iter().enumerate() {
            if index > 0 {
                put(query, Token::Comma);
            }
            query.extend(aggregate.0);
            if let Some(alias) = aggregate.1 {
                query.extend(words(span, &[Keyword::AS]));
                put(query, quoted(alias));
            }
        }
        query.extend(words(span, &[Keyword::FOR]));
        let columns = self.on.iter().map(|on| self.tokens[on.column.clone()].to_vec());
        query.extend(in_brackets(span, columns.collect()));
        query.extend(words(span, &[Keyword::IN]));
        put(query, Token::LParen);
        for (index, made) in all.iter().enumerate() {
            if index > 0 {
                put(query, Token::Comma);
            }
            let values = made.values.iter().map(|value| placed(span, &value.literal));
            query.extend(in_brackets(span, values.collect()));
            query.extend(words(span, &[Keyword::AS]));
            put(query, quoted(made.label.clone()));
        }
        put(query, Token::RParen);
        put(query, Token::RParen);
    }

    /// `, sum(likes) FILTER (WHERE platform = 'x') AS "x"` for each value.
    fn columns(&self, query: &mut Tokens, all: &[Made]) {
        let span = self.span();
        let aggregates = self.aggregates();
        for made in all {
            for (call, alias) in &aggregates {
                let put = |query: &mut Tokens, token| query.push(TokenWithSpan::new(token, span));
                put(query, Token::Comma);
                // A filter of its own holds as well.
                let own = call.iter().position(|token| is(token, Keyword::FILTER));
                query.extend_from_slice(&call[..own.unwrap_or(call.len())]);
                query.extend(words(span, &[Keyword::FILTER]));
                put(query, Token::LParen);
                query.extend(words(span, &[Keyword::WHERE]));
                if let Some(own) = own {
                    put(query, Token::LParen);
                    query.extend_from_slice(&call[own + 3..call.len() - 1]);
                    put(query, Token::RParen);
                    query.extend(words(span, &[Keyword::AND]));
                }
                for (number, (on, value)) in self.on.iter().zip(&made.values).enumerate() {
                    if number > 0 {
                        query.extend(words(span, &[Keyword::AND]));
                    }
                    put(query, Token::LParen);
                    query.extend_from_slice(&self.tokens[on.column.clone()]);
                    put(query, Token::RParen);
                    query.extend(words(span, &[Keyword::IS, Keyword::NOT]));
                    query.extend(words(span, &[Keyword::DISTINCT, Keyword::FROM]));
                    query.extend(placed(span, &value.literal));
                }
                put(query, Token::RParen);
                query.extend(words(span, &[Keyword::AS]));
                let label = &made.label;
                let typed = || call.iter().map(|one| one.token.to_string()).collect::<String>();
                put(
                    query,
                    quoted(match alias {
                        Some(alias) => format!("{label}_{alias}"),
                        None if aggregates.len() > 1 => format!("{label}_{}", typed()),
                        None => label.clone(),
                    }),
                );
            }
        }
    }

    /// The aggregates with what they are called; `count(*)` if there is none.
    fn aggregates(&self) -> Vec<(Tokens, Option<String>)> {
        if self.using.is_empty() {
            let call = [word("count"), Token::LParen, Token::Mul, Token::RParen];
            let call = call.map(|token| TokenWithSpan::new(token, self.span()));
            return vec![(call.to_vec(), None)];
        }
        let one = |aggregate: &Aggregate| {
            (self.tokens[aggregate.call.clone()].to_vec(), aggregate.alias.clone())
        };
        self.using.iter().map(one).collect()
    }

    fn texts(&self, range: Range<usize>) -> Vec<String> {
        self.tokens[range].iter().map(|token| token.token.to_string()).collect()
    }

    /// Where what the statement does not say itself is said to be.
    fn span(&self) -> Span {
        self.tokens[self.whole.start].span
    }
}

/// The values of a column in which equal ones follow each other, each once.
fn values_of(column: &ArrayRef) -> Result<Vec<Value>> {
    let options = FormatOptions::default();
    let texts = ArrayFormatter::try_new(column, &options)?;
    let mut values: Vec<Value> = Vec::new();
    for row in 0..column.len() {
        let is_null = column.is_null(row);
        let label = if is_null { "NULL".to_owned() } else { texts.value(row).try_to_string()? };
        let literal = literal(column.data_type(), is_null, &label)?;
        if values.last().is_none_or(|last| last.literal != literal) {
            values.push(Value { literal, label });
        }
    }
    Ok(values)
}

/// Each value of the first column with each of the others.
fn each_with_each(all: &[Vec<Value>]) -> Vec<Made> {
    let mut made = vec![Made { values: Vec::new(), label: String::new() }];
    for values in all {
        let mut longer = Vec::new();
        for first in &made {
            for value in values {
                let label = match first.values.is_empty() {
                    true => value.label.clone(),
                    false => format!("{}_{}", first.label, value.label),
                };
                let mut values = first.values.clone();
                values.push(value.clone());
                longer.push(Made { values, label });
            }
        }
        made = longer;
    }
    made
}

/// Several parts in brackets, with commas between them; one as it is.
fn in_brackets(span: Span, parts: Vec<Tokens>) -> Tokens {
    let put = |token| TokenWithSpan::new(token, span);
    if let [part] = parts.as_slice() {
        return part.clone();
    }
    let mut all = vec![put(Token::LParen)];
    for (number, part) in parts.into_iter().enumerate() {
        if number > 0 {
            all.push(put(Token::Comma));
        }
        all.extend(part);
    }
    all.push(put(Token::RParen));
    all
}

/// `tokens` as if they stood at `span`.
fn placed(span: Span, tokens: &[Token]) -> Tokens {
    tokens.iter().map(|token| TokenWithSpan::new(token.clone(), span)).collect()
}

/// `SELECT * FROM posts UNPIVOT (number FOR kind IN (reposts, likes))`, which the planner
/// knows.
fn unpivot(tokens: &[TokenWithSpan], whole: Range<usize>) -> Result<Tokens> {
    let inside = whole.start + 1..whole.end;
    let at = |keyword| places(tokens, inside.clone(), move |token| is(token, keyword)).last();
    let (Some(on), into) = (at(Keyword::ON), at(Keyword::INTO)) else {
        return Err(refused("UNPIVOT is told which columns become rows", UNPIVOT));
    };
    let span = tokens[whole.start].span;
    let rest = [at(Keyword::ORDER), at(Keyword::LIMIT)].into_iter().flatten().min();
    let rest = rest.unwrap_or(inside.end);
    let (name, value) = match into {
        None => (quoted("name".to_owned()), quoted("value".to_owned())),
        Some(into) => {
            let said = &tokens[into + 1..rest];
            let [first, name, second, value] = said else {
                return Err(refused("UNPIVOT makes one column of names, one of values", UNPIVOT));
            };
            let says = |token: &TokenWithSpan, word: &str| {
                token.token.to_string().eq_ignore_ascii_case(word)
            };
            if !says(first, "name") || !says(second, "value") {
                return Err(refused("UNPIVOT makes one column of names, one of values", UNPIVOT));
            }
            (name.token.clone(), value.token.clone())
        }
    };
    let put = |token| TokenWithSpan::new(token, span);
    let mut query = tokens[..whole.start].to_vec();
    query.extend(words(span, &[Keyword::SELECT]));
    query.push(put(Token::Mul));
    query.extend(words(span, &[Keyword::FROM]));
    query.extend_from_slice(&tokens[inside.start..on]);
    query.extend(words(span, &[Keyword::UNPIVOT]));
    query.extend([put(Token::LParen), put(value)]);
    query.extend(words(span, &[Keyword::FOR]));
    query.push(put(name));
    query.extend(words(span, &[Keyword::IN]));
    query.push(put(Token::LParen));
    let columns = &tokens[on + 1..into.unwrap_or(rest)];
    let first = columns.iter().find(|one| !matches!(one.token, Token::Whitespace(_)));
    // `ON * EXCLUDE (id)`, of which the clause knows COLUMNS only.
    let is_all = first.is_some_and(|first| first.token == Token::Mul);
    if is_all {
        query.extend([put(word("COLUMNS")), put(Token::LParen)]);
    }
    query.extend_from_slice(columns);
    query.extend(is_all.then(|| put(Token::RParen)));
    query.extend([put(Token::RParen), put(Token::RParen)]);
    query.extend_from_slice(&tokens[rest..]);
    Ok(query)
}

/// A value as it is written in a statement.
fn literal(data_type: &DataType, is_null: bool, text: &str) -> Result<Vec<Token>> {
    let typed = |word: &str| vec![self::word(word), Token::SingleQuotedString(text.to_owned())];
    Ok(match data_type {
        _ if is_null => vec![word("NULL")],
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Dictionary(..) => {
            vec![Token::SingleQuotedString(text.to_owned())]
        }
        DataType::Boolean => vec![word(text)],
        DataType::Date32 => typed("DATE"),
        DataType::Timestamp(_, None) => typed("TIMESTAMP"),
        DataType::Timestamp(_, Some(_)) => typed("TIMESTAMPTZ"),
        number if number.is_numeric() => match text.strip_prefix('-') {
            Some(digits) => vec![Token::Minus, self::number(digits)],
            None => vec![self::number(text)],
        },
        _ => {
            return Err(refused(
                "PIVOT takes columns of texts, numbers, truth values, dates and times",
                "make a text of it: ON CAST(hashtags AS VARCHAR)",
            ));
        }
    })
}

fn words(span: Span, keywords: &[Keyword]) -> Vec<TokenWithSpan> {
    let token = |keyword: &Keyword| TokenWithSpan::new(word(&format!("{keyword:?}")), span);
    keywords.iter().map(token).collect()
}

/// A keyword, or a name that needs no quotes.
fn word(word: &str) -> Token {
    Token::make_keyword(word)
}

fn quoted(name: String) -> Token {
    Token::Word(Word { value: name, quote_style: Some('"'), keyword: Keyword::NoKeyword })
}

fn number(digits: &str) -> Token {
    Token::Number(digits.to_owned(), false)
}

fn refused(message: &str, hint: &str) -> DataFusionError {
    DataFusionError::External(Box::new(Error::query(message).hint(hint)))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        let posts = "CREATE TABLE posts AS SELECT * FROM (VALUES
            ('me', 'weibo', 3, DATE '2012-08-27'), ('me', 'x', 4, DATE '2012-08-28'),
            ('me', 'weibo', 5, DATE '2012-08-27'), ('you', 'x', NULL, NULL),
            ('you', NULL, -1, NULL)) AS t(account, platform, likes, day)";
        session.collect(posts).await.unwrap();
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn all_values_of_a_column_become_columns() {
        let session = session().await;
        for (sql, wanted) in [
            (
                "PIVOT posts ON platform USING sum(likes) GROUP BY account ORDER BY account",
                &["account|weibo|x|NULL", "me|8|4|", "you|||-1"][..],
            ),
            (
                "PIVOT posts ON platform USING sum(likes) AS s, count(*) GROUP BY account
                 ORDER BY account LIMIT 1",
                &[
                    "account|weibo_s|weibo_count(*)|x_s|x_count(*)|NULL_s|NULL_count(*)",
                    "me|8|2|4|1||0",
                ],
            ),
            (
                "PIVOT posts ON platform IN ('x') USING count(*) FILTER (WHERE likes > 0)
                 GROUP BY account ORDER BY account",
                &["account|x", "me|1", "you|0"],
            ),
            (
                "PIVOT (SELECT account, platform FROM posts) ON platform ORDER BY ALL",
                &["account|weibo|x|NULL", "me|2|1|0", "you|0|1|1"],
            ),
            (
                "WITH p AS (SELECT * FROM posts WHERE likes > 3) PIVOT p ON likes USING count(*)
                 GROUP BY platform ORDER BY platform",
                &["platform|4|5", "weibo|0|1", "x|1|0"],
            ),
            (
                "SELECT * FROM (PIVOT posts ON day USING max(likes) GROUP BY account) AS p
                 WHERE account = 'me'",
                &["account|2012-08-27|2012-08-28|NULL", "me|5|4|"],
            ),
            (
                "PIVOT posts ON likes USING max(account) GROUP BY day ORDER BY day LIMIT 1",
                &["day|-1|3|4|5|NULL", "2012-08-27||me||me|"],
            ),
            (
                "WITH p AS (SELECT * FROM posts WHERE likes > 3), n AS (PIVOT p ON platform)
                 SELECT count(*) AS n FROM n",
                &["n", "2"],
            ),
            (
                "WITH n AS (PIVOT (SELECT platform FROM posts) ON platform) SELECT x FROM n",
                &["x", "2"],
            ),
            ("SELECT 1 AS pivot, 2 AS unpivot", &["pivot|unpivot", "1|2"]),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_value_of_a_column_is_put_with_each_of_another() {
        let session = Session::new(None, Settings::default()).unwrap();
        let table = "CREATE TABLE t AS SELECT * FROM (VALUES ('a', 'y', 1, 1), ('b', 'x', 2, 1),
                     ('a', 'x', 3, 2)) AS t(p, q, n, g)";
        session.collect(table).await.unwrap();
        for (sql, wanted) in [
            (
                "PIVOT t ON p, q USING sum(n) ORDER BY g",
                &["g|a_x|a_y|b_x|b_y", "1||1|2|", "2|3|||"][..],
            ),
            (
                "PIVOT t ON p, q USING sum(n) AS s, count(*) AS c GROUP BY g ORDER BY g LIMIT 1",
                &["g|a_x_s|a_x_c|a_y_s|a_y_c|b_x_s|b_x_c|b_y_s|b_y_c", "1||0|1|1|2|1||0"],
            ),
            (
                "PIVOT t ON p IN ('a', 'c'), q USING sum(n) ORDER BY g",
                &["g|a_x|a_y|c_x|c_y", "1||1||", "2|3|||"],
            ),
            (
                "FROM t PIVOT (sum(n) FOR (p, q) IN (('a', 'x'), ('b', 'x') AS other)) ORDER BY g",
                &["g|a_x|other", "1||2", "2|3|"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_become_rows_by_a_statement() {
        let session = session().await;
        let counts = "(SELECT 1 AS id, 2 AS likes, 3 AS reposts)";
        for (sql, wanted) in [
            (
                format!("UNPIVOT {counts} ON likes, reposts INTO NAME kind VALUE n ORDER BY n"),
                ["id|kind|n", "1|likes|2", "1|reposts|3"],
            ),
            (
                format!("FROM (UNPIVOT {counts} ON likes, reposts) ORDER BY 3"),
                ["id|name|value", "1|likes|2", "1|reposts|3"],
            ),
            (
                format!("UNPIVOT {counts} ON COLUMNS(* EXCLUDE (id)) INTO NAME kind VALUE n"),
                ["id|kind|n", "1|likes|2", "1|reposts|3"],
            ),
            (
                format!("UNPIVOT {counts} ON * EXCLUDE (id) ORDER BY 3"),
                ["id|name|value", "1|likes|2", "1|reposts|3"],
            ),
        ] {
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_become_columns_is_told() {
        let session = session().await;
        for (sql, told) in [
            ("PIVOT posts USING count(*)", "whose values"),
            ("PIVOT posts ON USING count(*)", "whose values"),
            ("PIVOT (SELECT 1 AS a WHERE false) ON a", "no value"),
            ("PIVOT range(1000) ON value USING count(*) GROUP BY value", "more than 500"),
            ("PIVOT range(30) ON value, value + 1 USING count(*) GROUP BY value", "more than 500"),
            ("PIVOT (SELECT $x AS a) ON a", "parameters"),
            ("PIVOT posts ON [likes] USING count(*) GROUP BY account", "texts, numbers"),
            ("UNPIVOT posts ON likes INTO kind", "one column of names"),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.to_string().contains(told), "{sql}: {error}");
            assert!(error.advice().is_some(), "{sql}: {error}");
        }
    }
}
