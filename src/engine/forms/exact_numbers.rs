//! Numbers as they are written: `0.1` is a decimal, so that `0.1 + 0.2 = 0.3`, and
//! `1e-1` is a double, as are numbers of more digits than a decimal has.
//!
//! To the planner each number that is no 64-bit integer is a decimal, which may be one
//! that nothing else computes with: of 76 digits, or of zeros that are not written.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    CastKind, Cte, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Query, SetExpr, Value, VisitMut, VisitorMut,
};

use super::exact_steps;
use crate::engine::parsed;

/// Most digits of a decimal.
const DIGITS: usize = 38;

/// Makes a double of a number that no decimal holds.
pub(super) fn keep(expression: &mut Expr) -> bool {
    let Expr::Value(value) = expression else { return false };
    let Value::Number(number, _) = &value.value else { return false };
    let digits = number.to_string().replace('_', "");
    if is_decimal(&digits) {
        return false;
    }
    *expression = double(Expr::value(Value::SingleQuotedString(digits)));
    true
}

/// What functions do that are given a list and what may be an item of it, without the
/// `array_` or `list_` before that.
const OF_ITEMS: [&str; 15] = [
    "append",
    "contains",
    "has",
    "indexof",
    "position",
    "positions",
    "prepend",
    "push_back",
    "push_front",
    "remove",
    "remove_all",
    "remove_n",
    "replace",
    "replace_all",
    "replace_n",
];

/// Makes doubles of numbers in a call of such a function, or before `= ANY (likes)`: there
/// the engine brings decimals and the items of a list of other numbers to no common type.
pub(super) fn beside_items(expression: &mut Expr) -> bool {
    match expression {
        Expr::Function(call) if is_of_items(call) => match &mut call.args {
            FunctionArguments::List(list) => list.args.iter_mut().fold(false, |any, given| {
                let FunctionArg::Unnamed(FunctionArgExpr::Expr(given)) = given else { return any };
                made_double(given) || any
            }),
            _ => false,
        },
        Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. } => {
            !matches!(right.as_ref(), Expr::Array(_) | Expr::Subquery(_)) && made_double(left)
        }
        _ => false,
    }
}

fn is_of_items(call: &Function) -> bool {
    let name = call.name.to_string().to_lowercase();
    let does = name.strip_prefix("array_").or_else(|| name.strip_prefix("list_"));
    does.is_some_and(|does| OF_ITEMS.contains(&does))
}

/// Makes a double of a decimal that is written out, and of those in a list.
fn made_double(expression: &mut Expr) -> bool {
    match expression {
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => made_double(inner),
        Expr::Array(list) => list.elem.iter_mut().map(made_double).filter(|made| *made).count() > 0,
        number if is_written_decimal(number) => {
            *number = double(number.clone());
            true
        }
        _ => false,
    }
}

/// Whether a number is written with a point.
pub(super) fn is_written_decimal(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => {
            matches!(&value.value, Value::Number(number, _) if number.to_string().contains('.'))
        }
        _ => false,
    }
}

/// Makes doubles of decimals where the planner would make decimals of doubles: in a column
/// of VALUES that has a double, and in `WITH RECURSIVE`, whose columns have the type that
/// they begin with, in which 1.0 * 1.5 is 1.5 and 1.5 * 1.5 is 2.3. Those that are given
/// [room](exact_steps) stay what they are.
pub(super) fn mix(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Mix);
}

struct Mix;

impl VisitorMut for Mix {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(with) = query.with.as_mut().filter(|with| with.recursive) {
            for table in with.cte_tables.iter_mut().filter_map(not_widened) {
                let _ = table.visit(&mut Doubles);
            }
        }
        let SetExpr::Values(values) = query.body.as_mut() else { return ControlFlow::Continue(()) };
        let columns = values.rows.iter().map(|row| row.len()).max().unwrap_or(0);
        for column in 0..columns {
            let mut cells: Vec<&mut Expr> =
                values.rows.iter_mut().filter_map(|row| row.get_mut(column)).collect();
            if cells.iter().any(|cell| is_double(cell)) {
                cells.iter_mut().for_each(|cell| {
                    let _ = cell.visit(&mut Doubles);
                });
            }
        }
        ControlFlow::Continue(())
    }
}

/// A table whose numbers may be cut, unless it has room for them.
fn not_widened(table: &mut Cte) -> Option<&mut Cte> {
    (!exact_steps::widen(table)).then_some(table)
}

/// Makes doubles of all decimals.
pub(super) struct Doubles;

impl VisitorMut for Doubles {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if is_written_decimal(expression) {
            *expression = double(expression.clone());
        }
        ControlFlow::Continue(())
    }
}

/// Whether an expression is written as a double.
pub(super) fn is_double(expression: &Expr) -> bool {
    match expression {
        Expr::Cast { data_type, .. } => matches!(
            data_type,
            DataType::Double(_)
                | DataType::DoublePrecision
                | DataType::Float8
                | DataType::Float64
                | DataType::Float(_)
                | DataType::Float4
                | DataType::Float32
                | DataType::Real
        ),
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => is_double(inner),
        _ => false,
    }
}

/// `number` as a double.
pub(super) fn double(number: Expr) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(number),
        data_type: DataType::Double(ExactNumberInfo::None),
        array: false,
        format: None,
    }
}

/// Whether a number is an integer or a decimal; what else the parser takes for a number,
/// as 0xff, is no matter of ours.
fn is_decimal(number: &str) -> bool {
    let is_double = number.parse::<f64>().is_ok();
    let is_plain = number.bytes().all(|one| one.is_ascii_digit() || one == b'.');
    let digits = number.trim_start_matches('0').bytes().filter(u8::is_ascii_digit).count();
    !is_double || is_plain && digits <= DIGITS
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;

    use crate::engine::{Session, Settings};

    /// The first value of an answer, and what its column is called.
    async fn first(session: &Session, sql: &str) -> (String, String) {
        let batches = session.collect(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let name = batches[0].schema().field(0).name().clone();
        (array_value_to_string(batches[0].column(0), 0).unwrap(), name)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_decimal_has_the_digits_that_were_typed() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, wanted) in [
            ("12345678901234567.89::DECIMAL(20, 2)", "12345678901234567.89"),
            ("CAST(-12345678901234567.89 AS NUMERIC(20, 2))", "-12345678901234567.89"),
            ("(0.1234567890123456789)::DECIMAL(30,19)", "0.1234567890123456789"),
            ("TRY_CAST(.5 AS DECIMAL(3, 1))", "0.5"),
            ("1.005::DECIMAL(10, 2)", "1.01"),
            ("-(1.005::DECIMAL(10, 2))", "-1.01"),
            ("12345678901234567890123::DECIMAL(38, 0)", "12345678901234567890123"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("-9223372036854775809", "-9223372036854775809"),
            ("12345678901234567890123 - 12345678901234567890122", "1"),
            ("0.1 + 0.2", "0.3"),
            ("0.1 + 0.2 = 0.3", "true"),
            ("3 * 0.1", "0.3"),
            ("100.0 * 1 / 3", "33.333333333333336"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("12::DECIMAL(10, 2)", "12.00"),
            // What is written as a double, or holds only there, is one.
            ("1e-1 + 2e-1", "0.30000000000000004"),
            ("1e300", "1e300"),
            ("1.5e0 * 2", "3.0"),
            ("1.5e3::DECIMAL(10, 1)", "1500.0"),
            ("1.5::DOUBLE", "1.5"),
        ] {
            let (value, _) = first(&session, &format!("SELECT {sql} AS n")).await;
            assert_eq!(value, wanted, "{sql}");
        }
        let values = "SELECT string_agg(n::text, ' ' ORDER BY n) AS n FROM (VALUES (0.5), (1e300), (-2.25)) AS t(n)";
        assert_eq!(first(&session, values).await.0, "-2.25 0.5 1e300");
        let steps =
            "WITH RECURSIVE t AS (SELECT 1.0 AS x UNION ALL SELECT x * 1.5 FROM t WHERE x < 3)
                     SELECT string_agg(x::text, ' ' ORDER BY x) AS x FROM t";
        assert_eq!(first(&session, steps).await.0, "1.0 1.5 2.25 3.375");
        let compared = "SELECT n FROM (SELECT '12345678901234567.89'::decimal(20,2) AS n)
                        WHERE n = 12345678901234567.89::decimal(20,2)";
        assert_eq!(first(&session, compared).await.0, "12345678901234567.89");
        assert!(session.collect("SELECT 12345.67::decimal(5, 2)").await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn lists_of_other_numbers_are_looked_through_for_decimals() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES ([0.5::double, 1e0], [1, 2])) AS t(doubles, whole)";
        for (typed, wanted) in [
            ("list_contains(doubles, 0.5)", "true"),
            ("list_contains(whole, 1.5)", "false"),
            ("array_has([0.1, 2], 0.10)", "true"),
            ("list_contains([1, 2.5], 1)", "true"),
            ("0.5 = ANY(doubles)", "true"),
            ("0.5 IN doubles", "true"),
            ("-0.5 NOT IN whole", "true"),
            ("array_position(doubles, (1.0))", "2"),
            ("array_append(whole, 2.5)", "[1.0, 2.0, 2.5]"),
            ("0.3 = ANY([0.1 + 0.2])", "true"),
        ] {
            let found = first(&session, &format!("SELECT {typed} {from}")).await;
            assert_eq!(found.0, wanted, "{typed}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_are_called_as_they_were_typed() {
        let session = Session::new(None, Settings::default()).unwrap();
        for typed in ["12.5::DECIMAL(5,2)", "12345678901234567890123", "1 + 1.5::DECIMAL(5,1)"] {
            assert_eq!(first(&session, &format!("SELECT {typed}")).await.1, typed);
        }
    }
}
