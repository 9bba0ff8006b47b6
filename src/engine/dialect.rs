//! The dialect of SQL that is spoken here: the parser's general one, and what people
//! know from elsewhere that it does not parse or takes for something else.
//!
//! - `x -> x + 1` and `lambda x : x + 1`, for functions such as `list_filter`
//! - `1_000`, `0xff`, `0o17` and `0b11`, which it takes for a number and a name
//! - `2 ** 10`, `INTERVAL (n) DAY`, `likes IN [1, 2]` and `'地震' IN hashtags`
//! - `raw -> 'user'`, which reads JSON wherever no function awaits another one
//! - `n BETWEEN SYMMETRIC 9 AND 1`, whose ends may stand in either order
//! - `[x + 1 FOR x IN likes IF x > 2]`, for `list_transform` and `list_filter`

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, CastKind, Expr, Ident, Interval, LambdaFunction,
    LambdaFunctionParameter, LambdaSyntax, OneOrManyWithParens,
};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, dialect_from_str};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Word};

use super::names::call;
use super::script::Statement;
use crate::error::{Error, Result};

/// The sign for a power, which the parser has none for.
pub(super) const POWER: &str = "**";

/// How closely `**` binds: more than `*`, and less than `::`.
const POWER_BINDS: u8 = 45;

/// How closely `->` and `->>` bind: more than `*` and `=`, and less than `::`.
const JSON_BINDS: u8 = 43;

/// Longest values of BETWEEN SYMMETRIC, as they are written.
const MOST_BYTES: usize = 4 << 10;

/// The functions whose second argument is a function.
const GIVEN_FUNCTIONS: [&str; 12] = [
    "any_match",
    "apply",
    "array_any_match",
    "array_apply",
    "array_filter",
    "array_first",
    "array_transform",
    "list_any_match",
    "list_apply",
    "list_filter",
    "list_first",
    "list_transform",
];

/// What the parser gives.
type Tried<T> = std::result::Result<T, ParserError>;

/// See the module.
#[derive(Debug)]
pub(super) struct Ours;

/// The dialect called `name`; the general one is ours.
pub(super) fn named(name: impl AsRef<str>) -> Option<Box<dyn Dialect>> {
    let known = dialect_from_str(name)?;
    match known.is::<GenericDialect>() {
        true => Some(Box::new(Ours)),
        false => Some(known),
    }
}

/// What the general dialect says of itself.
macro_rules! as_the_general_one {
    ($($asked:ident)*) => {
        $(fn $asked(&self) -> bool {
            GenericDialect.$asked()
        })*
    };
}

impl Dialect for Ours {
    // The parser asks in places which dialect it has before it.
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, sign: char) -> bool {
        GenericDialect.is_delimited_identifier_start(sign)
    }

    fn is_identifier_start(&self, sign: char) -> bool {
        GenericDialect.is_identifier_start(sign)
    }

    fn is_identifier_part(&self, sign: char) -> bool {
        GenericDialect.is_identifier_part(sign)
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Tried<Expr>> {
        if let Some(tried) = begun_by_keyword(parser) {
            return Some(tried);
        }
        // Else what stands before -> is taken for the name of a function's argument.
        if let Some(enclosed) = begins_json(parser).filter(|_| !awaits_function(parser)) {
            return Some(json_column(parser, enclosed));
        }
        if begins_comprehension(parser) {
            return Some(comprehension(parser));
        }
        let is_computed =
            is(parser, 0, Keyword::INTERVAL) && parser.peek_nth_token_ref(1).token == Token::LParen;
        // Else the brackets are taken for those of a type, as in INTERVAL(3).
        is_computed.then(|| parser.maybe_parse(computed_interval).transpose()).flatten()
    }

    fn parse_infix(&self, parser: &mut Parser, left: &Expr, precedence: u8) -> Option<Tried<Expr>> {
        if is_power(parser) {
            return Some(power(parser, left, precedence));
        }
        if let Some(negated) = compares_distinct(parser) {
            return Some(distinct(parser, left, negated, precedence));
        }
        let negated = is(parser, 0, Keyword::NOT);
        if lies_between(parser, usize::from(negated)) {
            return Some(between(parser, left, negated, precedence));
        }
        let list = 1 + usize::from(negated);
        (is(parser, list - 1, Keyword::IN) && begins_list(&parser.peek_nth_token_ref(list).token))
            .then(|| in_list(parser, left, negated, precedence))
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Tried<u8>> {
        match &parser.peek_nth_token_ref(0).token {
            Token::Arrow | Token::LongArrow | Token::HashArrow | Token::HashLongArrow => {
                Some(Ok(JSON_BINDS))
            }
            _ => is_power(parser).then_some(Ok(POWER_BINDS)),
        }
    }

    as_the_general_one! {
        allow_extract_custom
        allow_extract_single_quotes
        support_map_literal_syntax
        supports_array_join_syntax
        supports_array_typedef_with_brackets
        supports_asc_desc_in_column_definition
        supports_bitwise_shift_operators
        supports_comma_separated_set_assignments
        supports_comma_separated_trim
        supports_comment_on
        supports_comment_optimizer_hint
        supports_connect_by
        supports_constraint_keyword_without_name
        supports_create_index_with_clause
        supports_create_view_comment_syntax
        supports_cte_without_as
        supports_data_type_signed_suffix
        supports_detach
        supports_dictionary_syntax
        supports_empty_projections
        supports_explain_with_utility_options
        supports_extract_comma_syntax
        supports_filter_during_aggregation
        supports_from_first_select
        supports_group_by_expr
        supports_group_by_with_modifier
        supports_install
        supports_interpolate
        supports_interval_options
        supports_key_column_option
        supports_left_associative_joins_without_parens
        supports_limit_by
        supports_limit_comma
        supports_load_extension
        supports_match_against
        supports_match_recognize
        supports_multiline_comment_hints
        supports_named_fn_args_with_assignment_operator
        supports_nested_comments
        supports_optimize_table
        supports_parens_around_table_factor
        supports_parenthesized_set_variables
        supports_partition_by_after_order_by
        supports_pipe_operator
        supports_prewhere
        supports_projection_trailing_commas
        supports_quote_delimited_string
        supports_select_format
        supports_select_item_multi_column_alias
        supports_select_wildcard_except
        supports_select_wildcard_exclude
        supports_select_wildcard_ilike
        supports_select_wildcard_rename
        supports_select_wildcard_replace
        supports_set_names
        supports_settings
        supports_start_transaction_modifier
        supports_string_escape_constant
        supports_struct_literal
        supports_try_convert
        supports_unicode_string_literal
        supports_update_order_by
        supports_user_host_grantee
        supports_values_as_table_factor
        supports_window_clause_named_window_reference
        supports_window_function_null_treatment_arg
        supports_with_fill
        supports_xml_expressions
    }
}

/// Whether the word `ahead` is `keyword`.
fn is(parser: &Parser, ahead: usize, keyword: Keyword) -> bool {
    match &parser.peek_nth_token_ref(ahead).token {
        Token::Word(word) => word.quote_style.is_none() && word.keyword == keyword,
        _ => false,
    }
}

/// What begins with NOT, with CASE WHEN, or with CAST and a bracket. Where what stands behind such a word is
/// wrong or nests too deeply, the parser tries the word as the name of a function: twice the
/// work at each level of many.
fn begun_by_keyword(parser: &mut Parser) -> Option<Tried<Expr>> {
    if is(parser, 0, Keyword::NOT) {
        parser.advance_token();
        return Some(parser.parse_not());
    }
    if is(parser, 0, Keyword::CASE) && is(parser, 1, Keyword::WHEN) {
        parser.advance_token();
        return Some(parser.parse_case_expr());
    }
    let casts = [(Keyword::CAST, CastKind::Cast), (Keyword::TRY_CAST, CastKind::TryCast)];
    let (_, kind) = casts.into_iter().find(|(word, _)| is(parser, 0, *word))?;
    if parser.peek_nth_token_ref(1).token != Token::LParen {
        return None;
    }
    parser.advance_token();
    Some(parser.parse_cast_expr(kind))
}

/// Whether `raw ->` or `(raw) ->` follows, and then whether with brackets.
fn begins_json(parser: &Parser) -> Option<bool> {
    let token = |ahead| &parser.peek_nth_token_ref(ahead).token;
    match token(0) {
        Token::Word(_) => (*token(1) == Token::Arrow).then_some(false),
        Token::LParen => {
            let encloses = matches!(token(1), Token::Word(_)) && *token(2) == Token::RParen;
            (encloses && *token(3) == Token::Arrow).then_some(true)
        }
        _ => None,
    }
}

/// Whether what follows is the second argument of a function that takes a function.
fn awaits_function(parser: &Parser) -> bool {
    let before = (0..parser.index()).rev().map(|place| &parser.token_at(place).token);
    let mut before = before.filter(|token| !matches!(token, Token::Whitespace(_)));
    if before.next() != Some(&Token::Comma) {
        return false;
    }
    let mut depth = 0_usize;
    while let Some(token) = before.next() {
        match token {
            Token::RParen | Token::RBracket | Token::RBrace => depth += 1,
            Token::LParen if depth == 0 => {
                return matches!(before.next(), Some(Token::Word(word)) if takes_function(word));
            }
            Token::LParen | Token::LBracket | Token::LBrace => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn takes_function(word: &Word) -> bool {
    GIVEN_FUNCTIONS.iter().any(|name| word.value.eq_ignore_ascii_case(name))
}

/// The column before `->`.
fn json_column(parser: &mut Parser, enclosed: bool) -> Tried<Expr> {
    if !enclosed {
        return parser.parse_identifier().map(Expr::Identifier);
    }
    parser.expect_token(&Token::LParen)?;
    let column = parser.parse_identifier().map(Expr::Identifier)?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Nested(Box::new(column)))
}

/// Whether a list in brackets follows that is made of another one.
fn begins_comprehension(parser: &Parser) -> bool {
    if parser.peek_nth_token_ref(0).token != Token::LBracket {
        return false;
    }
    let mut depth = 0_usize;
    for place in parser.index().. {
        match &parser.token_at(place).token {
            Token::EOF | Token::SemiColon => return false,
            Token::LBracket | Token::LParen | Token::LBrace => depth += 1,
            Token::RBracket | Token::RParen | Token::RBrace => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return false;
                }
            }
            Token::Word(Word { quote_style: None, keyword: Keyword::FOR, .. }) if depth == 1 => {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// `[x + 1 FOR x IN likes IF x > 2]`.
fn comprehension(parser: &mut Parser) -> Tried<Expr> {
    parser.expect_token(&Token::LBracket)?;
    let made = parser.parse_expr()?;
    parser.expect_keyword(Keyword::FOR)?;
    let item = parser.parse_identifier()?;
    parser.expect_keyword(Keyword::IN)?;
    let mut list = parser.parse_expr()?;
    if parser.parse_keyword(Keyword::IF) {
        let condition = parser.parse_expr()?;
        list = call("list_filter", [list, lambda(&item, condition)]);
    }
    parser.expect_token(&Token::RBracket)?;
    Ok(call("list_transform", [list, lambda(&item, made)]))
}

/// The function of one parameter that gives `body`.
pub(super) fn lambda(parameter: &Ident, body: Expr) -> Expr {
    let parameter = LambdaFunctionParameter { name: parameter.clone(), data_type: None };
    Expr::Lambda(LambdaFunction {
        params: OneOrManyWithParens::One(parameter),
        body: Box::new(body),
        syntax: LambdaSyntax::Arrow,
    })
}

/// `INTERVAL (n + 1) DAY`; an error for `INTERVAL (3) '1 day'`.
fn computed_interval(parser: &mut Parser) -> Tried<Expr> {
    parser.advance_token();
    let interval = parser.parse_interval()?;
    match &interval {
        Expr::Interval(Interval { leading_field: Some(_), .. }) => Ok(interval),
        _ => Err(ParserError::ParserError("an interval without a unit".to_owned())),
    }
}

/// Whether two `*` follow without a blank between them.
fn is_power(parser: &Parser) -> bool {
    let (first, second) = (parser.peek_nth_token_ref(0), parser.peek_nth_token_ref(1));
    first.token == Token::Mul && second.token == Token::Mul && first.span.end == second.span.start
}

/// Whether `IS DISTINCT FROM` follows, and then whether with NOT. The parser takes all that
/// comes behind it for what is compared: `a IS DISTINCT FROM b AND c`.
fn compares_distinct(parser: &Parser) -> Option<bool> {
    let negated = is(parser, 1, Keyword::NOT);
    let word = 1 + usize::from(negated);
    let stands = is(parser, 0, Keyword::IS)
        && is(parser, word, Keyword::DISTINCT)
        && is(parser, word + 1, Keyword::FROM);
    stands.then_some(negated)
}

fn distinct(parser: &mut Parser, left: &Expr, negated: bool, precedence: u8) -> Tried<Expr> {
    for _ in 0..3 + usize::from(negated) {
        parser.advance_token();
    }
    let (left, right) = (Box::new(left.clone()), Box::new(parser.parse_subexpr(precedence)?));
    Ok(match negated {
        true => Expr::IsNotDistinctFrom(left, right),
        false => Expr::IsDistinctFrom(left, right),
    })
}

/// Whether `BETWEEN SYMMETRIC` follows `ahead`, and no column of that name.
fn lies_between(parser: &Parser, ahead: usize) -> bool {
    is(parser, ahead, Keyword::BETWEEN)
        && is(parser, ahead + 1, Keyword::SYMMETRIC)
        && !is(parser, ahead + 2, Keyword::AND)
}

/// `n BETWEEN SYMMETRIC 9 AND 1`: the ends in either order.
fn between(parser: &mut Parser, left: &Expr, negated: bool, precedence: u8) -> Tried<Expr> {
    for _ in 0..2 + usize::from(negated) {
        parser.advance_token();
    }
    let one = parser.parse_subexpr(precedence)?;
    parser.expect_keyword(Keyword::AND)?;
    let other = parser.parse_subexpr(precedence)?;
    // Each is written twice, and so may be those within them.
    let length: usize = [left, &one, &other].iter().map(|end| end.to_string().len()).sum();
    if length > MOST_BYTES {
        let message = "the ends of BETWEEN SYMMETRIC are too long".to_owned();
        return Err(ParserError::ParserError(message));
    }
    let lies = |low: &Expr, high: &Expr| Expr::Between {
        expr: Box::new(left.clone()),
        negated,
        low: Box::new(low.clone()),
        high: Box::new(high.clone()),
    };
    let op = if negated { BinaryOperator::And } else { BinaryOperator::Or };
    let (left, right) = (Box::new(lies(&one, &other)), Box::new(lies(&other, &one)));
    Ok(Expr::Nested(Box::new(Expr::BinaryOp { left, op, right })))
}

fn power(parser: &mut Parser, left: &Expr, precedence: u8) -> Tried<Expr> {
    parser.advance_token();
    parser.advance_token();
    let right = parser.parse_subexpr(precedence)?;
    let op = BinaryOperator::Custom(POWER.to_owned());
    Ok(Expr::BinaryOp { left: Box::new(left.clone()), op, right: Box::new(right) })
}

/// Whether a list begins with `token` that stands behind IN without brackets.
fn begins_list(token: &Token) -> bool {
    match token {
        Token::LBracket => true,
        Token::Word(word) => !matches!(
            word.keyword,
            Keyword::SELECT | Keyword::UNNEST | Keyword::VALUES | Keyword::WITH
        ),
        _ => false,
    }
}

fn in_list(parser: &mut Parser, left: &Expr, negated: bool, precedence: u8) -> Tried<Expr> {
    for _ in 0..1 + usize::from(negated) {
        parser.advance_token();
    }
    let (expr, list) = (Box::new(left.clone()), parser.parse_subexpr(precedence)?);
    Ok(match (list, negated) {
        (Expr::Array(Array { elem: list, .. }), _) if !list.is_empty() => {
            Expr::InList { expr, list, negated }
        }
        (list, false) => Expr::AnyOp {
            left: expr,
            compare_op: BinaryOperator::Eq,
            right: Box::new(list),
            is_some: false,
        },
        (list, true) => {
            Expr::AllOp { left: expr, compare_op: BinaryOperator::NotEq, right: Box::new(list) }
        }
    })
}

/// The tokens of `statement` with each number as the parser reads it: `1_000` and
/// `0xff` without what only people need.
///
/// # Errors
/// When a number goes on as a word, which would be taken for the name of the column.
pub(super) fn plain_numbers(
    tokens: Vec<TokenWithSpan>,
    statement: &Statement,
) -> Result<Vec<TokenWithSpan>> {
    let mut plain: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for TokenWithSpan { token, span } in tokens {
        let (read, span) = match &token {
            // What is in quotes, X'ff', has a sign more.
            Token::HexStringLiteral(digits) if width(&span) == count(digits) + 2 => {
                (number(digits, 16), span)
            }
            Token::Number(digits, _) if digits.contains('_') => {
                (Some(digits.replace('_', "")), span)
            }
            Token::Word(word) if goes_on(&plain, word, span.start) => {
                let Some(begun) = plain.pop() else { continue };
                let radix = radix(&begun, &word.value);
                let read = radix.and_then(|radix| number(&word.value[1..], radix));
                (read, begun.span.union(&span))
            }
            _ => {
                plain.push(TokenWithSpan::new(token, span));
                continue;
            }
        };
        let digits = read.ok_or_else(|| no_number(&span, statement))?;
        plain.push(TokenWithSpan::new(Token::Number(digits, false), span));
    }
    Ok(plain)
}

fn no_number(span: &Span, statement: &Statement) -> Error {
    let line = statement.sql.lines().nth(span.start.line.saturating_sub(1) as usize);
    let signs = line.unwrap_or_default().chars().skip(span.start.column.saturating_sub(1) as usize);
    let typed: String = signs.take(width(span) as usize).collect();
    Error::query(format!("`{typed}` is no number"))
        .at(statement.place(span.start.line, span.start.column, Some(width(span))))
        .hint(
            "numbers are written as 1000, 1_000, 1.5e3, 0xff, 0o17 and 0b11; a name stands behind \
             a blank",
        )
}

/// Whether the last of `tokens` is a number that `word` at `place` belongs to. Of others
/// it is the name: `SELECT 1a`.
fn goes_on(tokens: &[TokenWithSpan], word: &Word, place: Location) -> bool {
    let Some(before) = tokens.last() else { return false };
    let Token::Number(digits, _) = &before.token else { return false };
    let is_respelt = count(digits) != width(&before.span);
    word.quote_style.is_none()
        && before.span.end == place
        && (is_respelt || word.value.starts_with('_') || radix(before, &word.value).is_some())
}

/// The base of the number that begins with the 0 of `before` and goes on with `word`.
fn radix(before: &TokenWithSpan, word: &str) -> Option<u32> {
    if width(&before.span) != 1 || before.token != Token::Number("0".to_owned(), false) {
        return None;
    }
    match word.chars().next()? {
        'x' | 'X' => Some(16),
        'o' | 'O' => Some(8),
        'b' | 'B' => Some(2),
        _ => None,
    }
}

fn number(digits: &str, radix: u32) -> Option<String> {
    let digits = digits.replace('_', "");
    u128::from_str_radix(&digits, radix).ok().map(|number| number.to_string())
}

fn width(span: &Span) -> u64 {
    span.end.column.saturating_sub(span.start.column)
}

fn count(text: &str) -> u64 {
    text.chars().count() as u64
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn one(session: &Session, expression: &str) -> String {
        let sql = format!(
            "SELECT {expression} AS made
             FROM (VALUES (3, 'ab', make_array('ab', 'c'))) AS t(n, s, l)"
        );
        answer(session, &sql).await.remove(1)
    }

    #[tokio::test]
    async fn numbers_are_read_as_they_are_written() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (typed, is) in [
            ("1_000", "1000"),
            ("1_000 + 2", "1002"),
            ("1_000.2_5", "1000.25"),
            ("0xff", "255"),
            ("0XfF + 1", "256"),
            ("0xff_ff", "65535"),
            ("0xffffffff", "4294967295"),
            ("0b101", "5"),
            ("0o17", "15"),
            ("0", "0"),
            ("'1_000'", "1_000"),
            // Bytes stay bytes.
            ("arrow_typeof(X'ff')", "Binary"),
        ] {
            assert_eq!(one(&session, typed).await, is, "{typed}");
        }
    }

    #[tokio::test]
    async fn a_number_that_goes_on_as_a_word_is_no_name() {
        let session = Session::new(None, Settings::default()).unwrap();
        for typed in ["1__000", "1_", "0xfg", "0b12", "0o8", "0x", "1_000k"] {
            let error = session.collect(&format!("SELECT 5, {typed}")).await.unwrap_err();
            assert_eq!(error.message(), format!("`{typed}` is no number"));
            assert_eq!(error.place().column, Some(11), "{typed}");
        }
        session.collect("SELECT 1 a, 2 _b, 0 x, 3c").await.unwrap();
    }

    #[tokio::test]
    async fn what_nests_is_read_once() {
        let session = Session::new(None, Settings::default()).unwrap();
        let nested = |depth: usize, open: &str, inner: &str, close: &str| {
            format!("SELECT {}{inner}{} AS a", open.repeat(depth), close.repeat(depth))
        };
        let negated = answer(&session, &nested(20, "NOT (", "true", ")")).await;
        assert_eq!(negated, ["a", "true"]);
        let error = session.collect(&nested(60, "NOT (", "true", ")")).await.unwrap_err();
        assert!(error.message().contains("nests too deeply"), "{error}");
        let error = session.collect(&nested(60, "CAST(", "1", " AS INT)")).await.unwrap_err();
        assert!(error.message().contains("nests too deeply"), "{error}");
        let cases = nested(60, "CASE WHEN true THEN ", "1", " END");
        let error = session.collect(&cases).await.unwrap_err();
        assert!(error.message().contains("nests too deeply"), "{error}");
        let error = session.collect(&nested(20, "NOT (", "1 1", ")")).await.unwrap_err();
        assert!(error.message().contains("syntax error"), "{error}");
        assert_eq!(one(&session, "NOT EXISTS (SELECT 1) OR n NOT IN (4)").await, "true");
        assert_eq!(one(&session, "TRY_CAST (s AS INT) IS NULL").await, "true");
        assert_eq!(answer(&session, "SELECT cast FROM (SELECT 7 AS cast)").await, ["cast", "7"]);
    }

    #[tokio::test]
    async fn lists_are_made_of_lists() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (typed, is) in [
            ("[x + 1 FOR x IN [1, 2, 3] IF x > 1]", "[3, 4]"),
            ("[upper(x) for x in l]", "[AB, C]"),
            ("[x + n for x in [1, n]]", "[4, 6]"),
            ("[[y * x for y in [1, 2]] for x in [1, 10]]", "[[1, 2], [10, 20]]"),
            ("[substring(s for 1), 'x']", "[a, x]"),
            ("[1, 2][1]", "1"),
        ] {
            assert_eq!(one(&session, typed).await, is, "{typed}");
        }
    }

    #[tokio::test]
    async fn the_ends_of_a_span_may_stand_in_either_order() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, is) in [
            ("n BETWEEN SYMMETRIC 9 AND 1", "true"),
            ("n BETWEEN SYMMETRIC 1 AND 9 AND s = 'ab'", "true"),
            ("n NOT BETWEEN SYMMETRIC 9 AND 1", "false"),
            ("n BETWEEN SYMMETRIC 9 AND 7 OR n = 4", "false"),
            ("n BETWEEN SYMMETRIC NULL AND 3", ""),
            ("n BETWEEN 9 AND 1", "false"),
        ] {
            assert_eq!(one(&session, expression).await, is, "{expression}");
        }
        let column = "SELECT 2 BETWEEN symmetric AND 3 AS b FROM (SELECT 1 AS symmetric)";
        assert_eq!(answer(&session, column).await, ["b", "true"]);
    }

    #[tokio::test]
    async fn functions_are_given_functions() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, is) in [
            ("list_transform([1, 2, 3], x -> x + n)", "[4, 5, 6]"),
            ("list_filter(l, one -> one = s)", "[ab]"),
            ("array_transform([1, 2], lambda x : x * 10)", "[10, 20]"),
            ("list_filter(l, one -> one LIKE '%b')", "[ab]"),
            ("list_filter([1, 2, 3], (x) -> x > 1)", "[2, 3]"),
            ("list_any_match(l, one -> one = 'c')", "true"),
            ("any_match(l, one -> one = 'd')", "false"),
            ("list_first([1, 2, 3], x -> x > 1)", "2"),
        ] {
            assert_eq!(one(&session, expression).await, is, "{expression}");
        }
        let named = answer(&session, "SELECT list_filter([1, 2], x -> x > 1)").await;
        assert_eq!(named, ["list_filter([1, 2], x -> x > 1)", "[2]"]);
        // The word is a name elsewhere.
        assert_eq!(answer(&session, "SELECT 1 AS lambda").await, ["lambda", "1"]);
    }

    #[tokio::test]
    async fn arrows_read_json_where_no_function_is_awaited() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = r#"FROM (VALUES ('{"name": "x", "n": 3, "tags": [{"name": "x"}, {"name": "y"}]}',
                      'name', [1])) AS t(j, k, l)"#;
        for (expression, is) in [
            ("j -> 'n'", "3"),
            ("(j) -> 'n'", "3"),
            ("t.j -> 'n'", "3"),
            // It binds more closely than what compares and counts.
            ("j ->> 'name' = 'x' AND true", "true"),
            ("(j->>'n')::BIGINT + 1", "4"),
            ("j->>'name' || '!'", "x!"),
            ("j->>'name' IN ('x')", "true"),
            ("j->'tags'->0->>'name'", "x"),
            ("j ->> k", "x"),
            ("list_filter(json_items(j, 'tags'), t -> t->>'name' = 'x')", r#"[{"name": "x"}]"#),
            ("list_transform(json_items(j, 'tags'), t -> t -> 'name')", r#"["x", "y"]"#),
            ("list_transform(json_items(j -> 'tags'), (t) -> t->>'name')", "[x, y]"),
            ("list_transform(l, a -> a + 1)", "[2]"),
            // Here none is awaited, though a bracket before is one of such a function.
            ("coalesce(list_filter(l, a -> a > 1)[1]::TEXT, j -> 'n')", "3"),
        ] {
            let sql = format!("SELECT {expression} AS made {from}");
            assert_eq!(answer(&session, &sql).await.remove(1), is, "{expression}");
        }
    }

    #[tokio::test]
    async fn lists_stand_behind_in() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, is) in [
            ("n IN [1, 3]", "true"),
            ("n NOT IN [1, 3]", "false"),
            ("n IN (1, 3)", "true"),
            ("s IN l AND n = 3", "true"),
            ("'d' IN l", "false"),
            ("'d' NOT IN l", "true"),
            ("s IN (SELECT 'ab')", "true"),
        ] {
            let sql = format!(
                "SELECT count(*) AS found FROM (VALUES (3, 'ab', make_array('ab', 'c')))
                 AS t(n, s, l) WHERE {expression}"
            );
            let found = answer(&session, &sql).await.remove(1);
            assert_eq!(found == "1", is == "true", "{expression}");
        }
        assert_eq!(answer(&session, "SELECT position('b' IN 'abc') AS at").await, ["at", "2"]);
    }

    #[tokio::test]
    async fn what_stands_behind_distinct_from_is_not_compared() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, is) in [
            ("1 IS DISTINCT FROM 2 AND 3 < 4", "true"),
            ("true IS DISTINCT FROM true OR true", "true"),
            ("true IS NOT DISTINCT FROM true AND false", "false"),
            ("n IS DISTINCT FROM 1 IS TRUE", "true"),
            ("n IS NOT DISTINCT FROM 1 + 2", "true"),
            ("NOT n IS DISTINCT FROM 3", "true"),
            ("CASE WHEN s IS DISTINCT FROM 'x' AND n = 3 THEN 'yes' ELSE 'no' END", "yes"),
        ] {
            assert_eq!(one(&session, expression).await, is, "{expression}");
        }
    }

    #[tokio::test]
    async fn what_the_general_dialect_parses_is_parsed_as_before() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, is) in [
            ("SELECT * EXCEPT (b) FROM (SELECT 1 AS a, 2 AS b)", "1"),
            ("FROM (VALUES (4)) AS t(a) LIMIT 1", "4"),
            ("SELECT extract('year' FROM DATE '2012-08-27') AS y", "2012"),
            ("SELECT `a` FROM (SELECT 7 AS a)", "7"),
            ("SELECT count(*) FILTER (WHERE a > 1) AS n FROM (VALUES (1), (2)) t(a)", "1"),
            ("SELECT E'a\\tb' = concat('a', chr(9), 'b') AS same", "true"),
            ("SELECT 1, FROM (SELECT 2)", "1"),
            ("SELECT 1 /* a /* b */ c */ AS n", "1"),
            ("SELECT 6 << 1 AS n", "12"),
        ] {
            assert_eq!(answer(&session, sql).await[1], is, "{sql}");
        }
    }
}
