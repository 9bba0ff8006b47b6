//! What the placeholders of a statement are, as far as their use tells, and what stands in
//! their place when it runs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ParamValues, Result, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, InList, Placeholder, ScalarFunction};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::type_coercion::functions::{UDFCoercionExt, fields_with_udf};
use datafusion::logical_expr::{
    Between, BinaryExpr, Case, Cast, Expr, ExprSchemable, LogicalPlan, Prepare,
    Statement as PlanStatement, TryCast,
};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Ident, Statement as SqlStatement};

use super::rewrite;
use super::session::Params;

/// The most digits of a number that is taken for one where nothing says so: longer ones are
/// names of something, and no number has room for all of them.
const MOST_DIGITS: usize = 18;

/// The most digits of a whole number.
const MOST_DIGITS_OF_DECIMAL: u8 = 38;

/// The placeholders by name, without the `$`, each with its type if that is known.
pub type Parameters = BTreeMap<String, Option<DataType>>;

/// The placeholders of `plan`: what is compared with a column is of its type, what
/// is cast of that which it is cast to, and how many rows are wanted is a number.
pub(super) fn of(plan: &LogicalPlan) -> Result<Parameters> {
    let mut found = Parameters::new();
    // PREPARE keeps its own until EXECUTE.
    if matches!(plan, LogicalPlan::Statement(_)) {
        return Ok(found);
    }
    plan.apply_with_subqueries(|node| {
        let of_node = matches!(node, LogicalPlan::Limit(_)).then_some(&DataType::Int64);
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                match part {
                    Expr::Placeholder(placeholder) => {
                        let known = placeholder.field.as_ref().map(|field| field.data_type());
                        note(&mut found, &placeholder.id, known.or(of_node));
                    }
                    Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
                        if let Expr::Placeholder(placeholder) = expr.as_ref() {
                            note(&mut found, &placeholder.id, Some(field.data_type()));
                        }
                    }
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

fn note(found: &mut Parameters, id: &str, data_type: Option<&DataType>) {
    let known = found.entry(id.trim_start_matches('$').to_owned()).or_default();
    if known.is_none() {
        *known = data_type.cloned();
    }
}

/// Says of the placeholders that `||` joins that they are texts, unless it joins lists. The
/// planner takes them for what the other side is, and joins no numbers.
#[derive(Debug)]
pub(super) struct JoinTexts;

impl ExprPlanner for JoinTexts {
    fn plan_binary_op(
        &self,
        expression: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expression;
        let is_list = |side: &Expr| side.get_type(schema).is_ok_and(|side| side.is_list());
        let joins_texts = op == BinaryOperator::StringConcat
            && (is_untold(&left) || is_untold(&right))
            && !is_list(&left)
            && !is_list(&right);
        let (left, right) =
            if joins_texts { (text_of(left), text_of(right)) } else { (left, right) };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

fn is_untold(side: &Expr) -> bool {
    matches!(side, Expr::Placeholder(Placeholder { field: None, .. }))
}

fn text_of(side: Expr) -> Expr {
    match side {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = Field::new(&id, DataType::Utf8, true);
            Expr::Placeholder(Placeholder::new_with_field(id, Some(Arc::new(field))))
        }
        side => side,
    }
}

/// The value for a placeholder that was typed as `text` where nobody said of which type it
/// is: each place in which it stands tells, as [`Params`] say.
#[must_use]
pub fn as_typed(text: &str) -> ScalarValue {
    ScalarValue::Utf8View(Some(text.to_owned()))
}

/// `plan` with the values of `params` in the places of its placeholders.
pub(super) fn bind(plan: LogicalPlan, params: &Params) -> Result<LogicalPlan> {
    let plan = match params.values().any(|value| typed_text(value).is_some()) {
        true => {
            let plan = rewrite::expressions(plan, &|whole, schema| told(whole, schema, params))?;
            rewrite::expressions(plan, &|part, _| Ok(left_over(part, params)))?
        }
        false => plan,
    };
    let values: HashMap<_, _> =
        params.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    plan.with_param_values(ParamValues::Map(values))
}

/// The statement of a PREPARE that says no types, and the name that it gets; other
/// statements stay as they are. The planner would guess the types and cut the values that
/// EXECUTE gives to them: 2.5 to 2 for `$1 + 1`.
pub(super) fn without_guesses(parsed: Parsed) -> (Option<Ident>, Parsed) {
    let statement = match parsed {
        Parsed::Statement(statement) => *statement,
        other => return (None, other),
    };
    match statement {
        SqlStatement::Prepare { name, data_types, statement } if data_types.is_empty() => {
            (Some(name), Parsed::Statement(statement))
        }
        statement => (None, Parsed::Statement(Box::new(statement))),
    }
}

/// What makes `name` stand for `plan`, which takes values of any types.
pub(super) fn prepare(name: Ident, plan: LogicalPlan) -> LogicalPlan {
    let name = match name.quote_style {
        Some(_) => name.value,
        None => name.value.to_ascii_lowercase(),
    };
    let prepare = Prepare { name, fields: Vec::new(), input: Arc::new(plan) };
    LogicalPlan::Statement(PlanStatement::Prepare(prepare))
}

/// What a place takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A text, or what is written as one, as times are.
    Text,
    /// A number with the digits that were typed.
    Number,
    /// A number beside doubles, which is one itself.
    Double,
    Truth,
}

impl Place {
    /// What stands beside a value of `data_type`, if that tells.
    fn beside(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Null => None,
            DataType::Boolean => Some(Self::Truth),
            DataType::Dictionary(_, values) => Self::beside(values),
            DataType::List(item) | DataType::LargeList(item) => Self::beside(item.data_type()),
            data_type if data_type.is_floating() => Some(Self::Double),
            data_type if data_type.is_numeric() => Some(Self::Number),
            _ => Some(Self::Text),
        }
    }

    /// The same for all numbers.
    fn kind(self) -> Self {
        if self == Self::Double { Self::Number } else { self }
    }

    /// The value that `text` is here; what is no such value is left to be refused as a text.
    fn read(self, text: &str) -> ScalarValue {
        let value = match self {
            Self::Text => None,
            Self::Number => number(text),
            Self::Double => whole(text).or_else(|| near(text)),
            Self::Truth => text.parse().ok().map(|truth| ScalarValue::Boolean(Some(truth))),
        };
        value.unwrap_or_else(|| ScalarValue::from(text))
    }
}

/// The number that `text` is, with all its digits if it is written without an exponent.
pub(super) fn number(text: &str) -> Option<ScalarValue> {
    whole(text).or_else(|| decimal(text)).or_else(|| near(text))
}

fn whole(text: &str) -> Option<ScalarValue> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(ScalarValue::Int64(Some(whole)));
    }
    let whole = text.parse::<i128>().ok()?;
    let fits = count_digits(text) <= usize::from(MOST_DIGITS_OF_DECIMAL);
    fits.then_some(ScalarValue::Decimal128(Some(whole), MOST_DIGITS_OF_DECIMAL, 0))
}

/// A number with a point, as it is in a statement.
fn decimal(text: &str) -> Option<ScalarValue> {
    let (before, behind) = text.split_once('.')?;
    // With another sign or point it is no number.
    let digits = format!("{before}{behind}").parse::<i128>().ok()?;
    let is_plain = behind.bytes().all(|digit| digit.is_ascii_digit());
    let precision = u8::try_from(count_digits(&digits.to_string()).max(behind.len())).ok()?;
    let scale = i8::try_from(behind.len()).ok()?;
    let fits = is_plain && precision <= MOST_DIGITS_OF_DECIMAL;
    fits.then_some(ScalarValue::Decimal128(Some(digits), precision, scale))
}

/// The double that is nearest.
fn near(text: &str) -> Option<ScalarValue> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(|number| ScalarValue::Float64(Some(number)))
}

fn count_digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}

/// What `text` is where nothing tells: a number or a truth if that is written in no other
/// way, so that nothing of the text is lost, else a text.
fn guessed(text: &str) -> ScalarValue {
    let spelling = |value: &ScalarValue| match value {
        ScalarValue::Int64(Some(number)) => number.to_string(),
        ScalarValue::Decimal128(_, _, 1..) => {
            near(text).map_or_else(String::new, |near| spelled(&near))
        }
        value => spelled(value),
    };
    [Place::Number, Place::Truth]
        .into_iter()
        .map(|place| place.read(text))
        .filter(|value| !value.data_type().is_string())
        .find(|value| count_digits(text) <= MOST_DIGITS && spelling(value) == text)
        .unwrap_or_else(|| ScalarValue::from(text))
}

/// A double with a point, and with all digits of large numbers; another value as it is told.
fn spelled(value: &ScalarValue) -> String {
    match value {
        ScalarValue::Float64(Some(number)) if number.fract() == 0.0 => format!("{number:.1}"),
        ScalarValue::Float64(Some(number)) => number.to_string(),
        value => value.to_string(),
    }
}

/// The text of a value whose type nobody said.
fn typed_text(value: &ScalarValue) -> Option<&str> {
    match value {
        ScalarValue::Utf8View(Some(text)) => Some(text),
        _ => None,
    }
}

/// The placeholder that `expression` is, and what was typed for it.
fn typed<'a>(expression: &Expr, params: &'a Params) -> Option<&'a str> {
    let Expr::Placeholder(placeholder) = expression else { return None };
    params.get(placeholder.id.trim_start_matches('$')).and_then(typed_text)
}

/// `whole` with values in the places of the placeholders of which it says what they are.
fn told(whole: Expr, schema: &DFSchema, params: &Params) -> Result<Transformed<Expr>> {
    let mut holds = false;
    whole.apply_children(|part| {
        holds |= typed(part, params).is_some();
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !holds {
        return Ok(Transformed::no(whole));
    }
    let mut wanted = places(&whole, schema).into_iter();
    whole.map_children(|part| {
        Ok(match (wanted.next().flatten(), typed(&part, params)) {
            (Some(place), Some(text)) => Transformed::yes(literal(place.read(text))),
            _ => Transformed::no(part),
        })
    })
}

/// A value in the place of a placeholder of which nothing around it says what it is: the
/// planner knows what is compared with it, if anything is.
fn left_over(part: Expr, params: &Params) -> Transformed<Expr> {
    let Some(text) = typed(&part, params) else { return Transformed::no(part) };
    let place = match &part {
        Expr::Placeholder(placeholder) => {
            placeholder.field.as_ref().and_then(|field| Place::beside(field.data_type()))
        }
        _ => None,
    };
    Transformed::yes(literal(place.map_or_else(|| guessed(text), |place| place.read(text))))
}

fn literal(value: ScalarValue) -> Expr {
    Expr::Literal(value, None)
}

/// What the parts of `whole` are, in their order, where that does not hang on what they are
/// compared with.
fn places(whole: &Expr, schema: &DFSchema) -> Vec<Option<Place>> {
    let beside = |part: &Expr| part.get_type(schema).ok().as_ref().and_then(Place::beside);
    match whole {
        Expr::Cast(Cast { field, .. }) | Expr::TryCast(TryCast { field, .. }) => {
            vec![Place::beside(field.data_type())]
        }
        Expr::Like(_) | Expr::SimilarTo(_) => vec![Some(Place::Text); 2],
        // `day + 7` and `day - '1 week'` say nothing of what is beside them.
        Expr::BinaryExpr(BinaryExpr { op, .. }) if op.is_numerical_operators() => {
            vec![Some(Place::Number); 2]
        }
        Expr::Between(Between { low, .. }) => vec![beside(low)],
        Expr::InList(InList { list, .. }) => vec![list.iter().find_map(beside)],
        Expr::Case(case) => of_case(case, beside),
        Expr::ScalarFunction(ScalarFunction { func, args }) => taken(func.as_ref(), args, schema),
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            taken(func.as_ref(), &params.args, schema)
        }
        _ => Vec::new(),
    }
}

/// What a CASE compares is alike, and so is what it gives.
fn of_case(case: &Case, beside: impl Fn(&Expr) -> Option<Place>) -> Vec<Option<Place>> {
    let Case { expr: compared, when_then_expr, else_expr } = case;
    let mut whens = when_then_expr.iter().map(|(when, _)| when);
    let thens = when_then_expr.iter().map(|(_, then)| then);
    let given = thens.chain(else_expr).find_map(|given| beside(given));
    let when = compared.as_deref().and_then(&beside);
    let first = compared.as_ref().map(|_| whens.find_map(|when| beside(when)));
    let pairs = when_then_expr.iter().flat_map(|_| [when, given]);
    first.into_iter().chain(pairs).chain(else_expr.as_ref().map(|_| given)).collect()
}

/// What a function takes: it is asked what it would make of a number and of a text.
fn taken<F: UDFCoercionExt>(func: &F, args: &[Expr], schema: &DFSchema) -> Vec<Option<Place>> {
    let made_of = |tried: DataType| {
        let fields = args.iter().map(|arg| {
            let data_type = match arg {
                Expr::Placeholder(_) => tried.clone(),
                arg => arg.get_type(schema).unwrap_or(DataType::Null),
            };
            Arc::new(Field::new("argument", data_type, true))
        });
        fields_with_udf(&fields.collect::<Vec<_>>(), func).ok()
    };
    let (of_number, of_text) = (made_of(DataType::Int64), made_of(DataType::Utf8));
    let place = |made: &Option<Vec<Arc<Field>>>, at: usize| {
        made.as_ref().and_then(|made| Place::beside(made.get(at)?.data_type()))
    };
    // Whether what stands beside the placeholders stays what it is.
    let keeps = |made: &Option<Vec<Arc<Field>>>| {
        args.iter().enumerate().filter(|(_, arg)| !matches!(arg, Expr::Placeholder(_))).all(
            |(at, arg)| {
                let is = arg.get_type(schema).ok().as_ref().and_then(Place::beside);
                is.is_none() || is.map(Place::kind) == place(made, at).map(Place::kind)
            },
        )
    };
    (0..args.len())
        .map(|at| match (place(&of_number, at), place(&of_text, at)) {
            (Some(number @ (Place::Number | Place::Double)), Some(Place::Text)) => {
                match (keeps(&of_number), keeps(&of_text)) {
                    (true, false) => Some(number),
                    (false, true) => Some(Place::Text),
                    // Either will do.
                    _ => None,
                }
            }
            (Some(place), _) => Some(place),
            (None, of_text) => of_text,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::ArrayRef;
    use datafusion::arrow::util::display::array_value_to_string;

    use crate::engine::answers::answer;
    use crate::engine::{Params, Session, Settings, script};
    use crate::error::Result;

    #[tokio::test(flavor = "multi_thread")]
    async fn execute_takes_values_as_they_are() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1), (2)) AS v(x)";
        for (at, (asked, values, wanted)) in [
            ("SELECT $1 + 1 AS a", "2.5", &["3.5"][..]),
            ("SELECT $1 + 1 AS a", "2", &["3"]),
            ("SELECT $1 + 1 AS a, $2 AS b", "2, 'x'", &["3|x"]),
            ("SELECT $1 * $2 AS a", "2.5, 0.5", &["1.25"]),
            ("SELECT x * $1 > 0.9 AS a FROM v ORDER BY x", "0.5", &["false", "true"]),
            ("SELECT x FROM v WHERE x = $1", "2.7", &[]),
            ("SELECT x FROM v WHERE x = $1", "2", &["2"]),
            ("SELECT x FROM v WHERE x > $1 ORDER BY x", "0.5", &["1", "2"]),
            ("SELECT x FROM v WHERE x IN ($1, 1)", "2.5", &["1"]),
            ("SELECT x FROM v WHERE x + 0 = $1 OR x + 0.5 = $1", "1.5", &["1"]),
        ]
        .into_iter()
        .enumerate()
        {
            let asked = asked.replace("FROM v", from);
            session.collect(&format!("PREPARE Q{at} AS {asked}")).await.unwrap();
            let found = answer(&session, &format!("EXECUTE q{at}({values})")).await;
            // No rows may have no line of names either.
            assert_eq!(found.get(1..).unwrap_or_default(), wanted, "{asked}: {values}");
        }
        session.collect("PREPARE told(INT) AS SELECT $1 + 1 AS a").await.unwrap();
        assert_eq!(answer(&session, "EXECUTE told('2')").await, ["a", "3"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn use_tells_the_type() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (SELECT 7 AS n, 'a' AS t, DATE '2012-08-27' AS day, now() AS at) AS x";
        for (rest, types) in [
            ("WHERE n > $a AND t = $b", "a=bigint b=text"),
            ("WHERE day BETWEEN $a AND $b LIMIT $n", "a=date b=date n=bigint"),
            ("WHERE t IN ($a) AND at::date = $b", "a=text b=date"),
            ("WHERE n > (SELECT max(n) FROM (SELECT 1 AS n) AS y WHERE y.n < $a)", "a=bigint"),
            ("WHERE t LIKE $a OFFSET $b", "a=text b=bigint"),
            ("WHERE CAST($a AS DOUBLE) > n", "a=double"),
            ("ORDER BY coalesce($a, n)", "a=?"),
            ("WHERE $a || n = $b || $c", "a=text b=text c=text"),
        ] {
            let statements = script::parse(&format!("SELECT * {from} {rest}"), None).unwrap();
            let found = session.parameters(&statements[0]).await.unwrap();
            let shown = found.into_iter().map(|(name, data_type)| {
                let known = data_type.as_ref().map(crate::model::type_name);
                format!("{name}={}", known.unwrap_or_else(|| "?".into()))
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), types, "{rest}");
        }
    }

    /// What `sql` answers where `text` was typed for `$p` and `other` for `$q`.
    async fn asked(sql: &str, text: &str, other: &str) -> Result<String> {
        let session = Session::new(None, Settings::default()).unwrap();
        let params = [("p", text), ("q", other)];
        let params = params.map(|(name, text)| (name.to_owned(), super::as_typed(text)));
        let statements = script::parse(sql, None).unwrap();
        let answer = session.run(&statements[0], &Params::from(params)).await?;
        let batches = answer.collect().await?;
        let rows = batches.iter().flat_map(|batch| {
            (0..batch.num_rows()).map(|row| {
                let cell = |column: &ArrayRef| array_value_to_string(column, row).unwrap();
                batch.columns().iter().map(cell).collect::<Vec<_>>().join(" ")
            })
        });
        Ok(rows.collect::<Vec<_>>().join("|"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_place_tells_what_was_typed() {
        let from = "FROM (VALUES (7, '00x', 1.5, true), (110, '110', 2.5, false)) t(n, s, f, b)";
        for (rest, typed, is) in [
            // A text beside texts.
            ("s FROM t WHERE s = $p", "110", "110"),
            ("n FROM t WHERE s LIKE '%' || $p || '%'", "00", "7"),
            ("n FROM t WHERE s ILIKE $p", "110", "110"),
            ("n FROM t WHERE contains(s, $p)", "110", "110"),
            ("n FROM t WHERE s ~ $p", "110", "110"),
            ("n FROM t WHERE s IN ($p, 'a')", "110", "110"),
            ("n FROM t WHERE $p IN (s) AND n > 9", "110", "110"),
            ("n FROM t WHERE s BETWEEN $p AND '2'", "1", "110"),
            ("n FROM t WHERE CASE WHEN n > 9 THEN s ELSE $p END = '007'", "007", "7"),
            ("n FROM t WHERE CASE s WHEN $p THEN true END", "110", "110"),
            ("n FROM t WHERE s IN (SELECT $p || '')", "110", "110"),
            ("string_agg(s, $p ORDER BY n) FROM t", "0", "00x0110"),
            ("$p || n FROM t WHERE n = 7", "007", "0077"),
            ("$p || ''", "1e5", "1e5"),
            ("$p || $q", "0", "000"),
            ("replace(s, $p, '-') FROM t WHERE n = 7", "00", "-x"),
            ("coalesce(NULL, s, $p) FROM t WHERE n = 7", "1", "00x"),
            ("length($p)", "0071", "4"),
            ("CAST($p AS VARCHAR)", "007", "007"),
            // A number beside numbers.
            ("s FROM t WHERE n = $p", "007", "00x"),
            ("n FROM t WHERE f > $p", "1.50", "110"),
            ("n FROM t WHERE n < $p AND n > 9", "99999999999999999999999", "110"),
            ("n + $p FROM t WHERE n = 7", "1e2", "107.0"),
            ("round(7.04::DOUBLE, $p)", "1", "7.0"),
            ("left(s, $p) FROM t WHERE n = 7", "2", "00"),
            ("CAST($p AS BIGINT) + 1", "007", "8"),
            // Both in one statement.
            ("n FROM t WHERE s LIKE $p OR n = $p", "007", "7"),
            // A truth beside truths, a time beside times.
            ("n FROM t WHERE b = $p", "true", "7"),
            ("n FROM t WHERE $p", "true", "7|110"),
            ("DATE '2012-08-27' > $p", "2012-08-26", "true"),
            ("DATE '2012-08-27' - $p", "7", "2012-08-20"),
            // Elsewhere.
            ("$p, arrow_typeof($p)", "7", "7 Int64"),
            ("$p, arrow_typeof($p)", "007", "007 Utf8"),
            ("$p, arrow_typeof($p)", "+86", "+86 Utf8"),
            ("$p, arrow_typeof($p)", "1e5", "1e5 Utf8"),
            ("$p, arrow_typeof($p)", "1.5", "1.5 Decimal128(2, 1)"),
            ("$p, arrow_typeof($p)", "1.50", "1.50 Utf8"),
            ("$p, arrow_typeof($p)", "-1.0", "-1.0 Decimal128(2, 1)"),
            ("$p + 0.2, $p + 0.2 = 0.3", "0.1", "0.3 true"),
            ("CAST($p AS DOUBLE) + 2e-1", "0.1", "0.30000000000000004"),
            ("5e-1 + $p", "0.25", "0.75"),
            ("$p, arrow_typeof($p)", "12345678901234567890123", "12345678901234567890123 Utf8"),
            ("$p, arrow_typeof($p)", "NaN", "NaN Utf8"),
            ("n FROM t ORDER BY n LIMIT $p", "1", "7"),
            ("$p + 1", "7", "8"),
        ] {
            let sql = format!("SELECT {rest}").replace("FROM t", from);
            let found = asked(&sql, typed, "00").await;
            assert_eq!(found.unwrap_or_else(|error| error.to_string()), is, "{sql}: {typed}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_of_what_was_typed_keep_their_names() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "SELECT $p, $p || 'x' FROM (SELECT 1) GROUP BY $p, $p || 'x' ORDER BY $p || 'x'";
        let statements = script::parse(sql, None).unwrap();
        let params = Params::from([("p".to_owned(), super::as_typed("7"))]);
        let answer = session.run(&statements[0], &params).await.unwrap();
        let batches = answer.collect().await.unwrap();
        let names: Vec<_> = batches[0].schema().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(names, ["$p", "$p || 'x'"]);
    }
}
