//! Placeholders among the numbers of VALUES: `VALUES (9), ($n)`.
//!
//! The planner gives a column of VALUES its type before it knows what stands for `$n`, and
//! casts that to it: 1.5 would become 2. So there the numbers are written into the statement
//! before it is planned.

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Query, SetExpr, Statement as SqlStatement, UnaryOperator, Value, VisitMut, VisitorMut,
};

use super::exact_numbers::{Doubles, double, is_double};
use crate::engine::{Params, parameters, parsed};

/// Writes numbers among `params` where they stand among numbers in VALUES.
pub(in crate::engine) fn write(mut parsed: Parsed, params: &Params) -> Parsed {
    if !params.is_empty() {
        // It never breaks off.
        let _ = parsed::visit(&mut parsed, &mut Given(params));
    }
    parsed
}

/// The statement of a PREPARE that says no types, if it has placeholders among the numbers
/// of VALUES: what stands for them is written into it before it is planned.
pub(in crate::engine) fn prepared(parsed: &Parsed) -> Option<Parsed> {
    let Parsed::Statement(statement) = parsed else { return None };
    let SqlStatement::Prepare { data_types, statement, .. } = statement.as_ref() else {
        return None;
    };
    if !data_types.is_empty() {
        return None;
    }
    let mut prepared = Parsed::Statement(statement.clone());
    parsed::visit(&mut prepared, &mut AmongNumbers).is_break().then_some(prepared)
}

/// Finds a placeholder among the numbers of VALUES.
struct AmongNumbers;

impl VisitorMut for AmongNumbers {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let SetExpr::Values(values) = query.body.as_ref() else { return ControlFlow::Continue(()) };
        let columns = values.rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let is_among = |column: usize| {
            let cells = || values.rows.iter().filter_map(|row| row.get(column));
            cells().any(is_number) && cells().any(|cell| placeholder(cell).is_some())
        };
        match (0..columns).any(is_among) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

fn placeholder(cell: &Expr) -> Option<&str> {
    let Expr::Value(value) = cell else { return None };
    let Value::Placeholder(name) = &value.value else { return None };
    Some(name.trim_start_matches('$'))
}

struct Given<'a>(&'a Params);

impl VisitorMut for Given<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let SetExpr::Values(values) = query.body.as_mut() else { return ControlFlow::Continue(()) };
        let columns = values.rows.iter().map(|row| row.len()).max().unwrap_or(0);
        for column in 0..columns {
            let cells = values.rows.iter_mut().filter_map(|row| row.get_mut(column));
            self.write(cells.collect());
        }
        ControlFlow::Continue(())
    }
}

impl Given<'_> {
    /// Writes the numbers of one column.
    fn write(&self, mut cells: Vec<&mut Expr>) {
        let is_known = |cell: &&mut Expr| is_number(cell) || self.number(cell).is_some();
        if !cells.iter().any(|cell| is_number(cell)) || !cells.iter().all(is_known) {
            return;
        }
        for cell in &mut cells {
            if let Some(number) = self.number(cell) {
                **cell = number;
            }
        }
        if cells.iter().any(|cell| is_double(cell)) {
            for cell in cells {
                let _ = cell.visit(&mut Doubles);
            }
        }
    }

    /// The number that stands for `cell`, if that is a placeholder.
    fn number(&self, cell: &Expr) -> Option<Expr> {
        match self.0.get(placeholder(cell)?)? {
            ScalarValue::Utf8View(Some(text)) => written(&parameters::number(text)?),
            given => written(given),
        }
    }
}

/// `number` as it is typed, if it is one.
fn written(number: &ScalarValue) -> Option<Expr> {
    let kind = number.data_type();
    if !kind.is_numeric() {
        return None;
    }
    let ScalarValue::Utf8(Some(text)) = number.cast_to(&DataType::Utf8).ok()? else { return None };
    if kind.is_floating() {
        return Some(double(Expr::value(Value::SingleQuotedString(text))));
    }
    let typed = |digits: &str| Expr::value(Value::Number(digits.to_owned(), false));
    Some(match text.strip_prefix('-') {
        Some(digits) => Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(typed(digits)) },
        None => typed(&text),
    })
}

/// Whether `cell` is a number that was typed.
fn is_number(cell: &Expr) -> bool {
    match cell {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::Nested(inner)
        | Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr: inner } => {
            is_number(inner)
        }
        cell => is_double(cell),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;
    use datafusion::common::ScalarValue;

    use crate::engine::{Params, Session, Settings, as_typed, script};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_number_among_values_keeps_its_digits() {
        let session = Session::new(None, Settings::default()).unwrap();
        let decimal = ScalarValue::Decimal128(Some(-125), 3, 2);
        for (values, n, wanted) in [
            ("(9), ($n)", as_typed("1.5"), "1.5 9.0"),
            ("($n), (9)", as_typed("-1.5"), "-1.5 9.0"),
            ("(9), ($n)", as_typed("7"), "7 9"),
            ("(9), ($n)", decimal, "-1.25 9.00"),
            ("(9), ($n)", ScalarValue::Float64(Some(1.5)), "1.5 9.0"),
            ("(0.5), ($n)", as_typed("1e300"), "0.5 1e300"),
            ("(1e0), ($n)", as_typed("0.25"), "0.25 1.0"),
            ("('a'), ($n)", as_typed("1.50"), "1.50 a"),
        ] {
            let sql = format!(
                "SELECT string_agg(x::text, ' ' ORDER BY x) AS x FROM (VALUES {values}) AS t(x)"
            );
            let statements = script::parse(&sql, None).unwrap();
            let params = Params::from([("n".to_owned(), n)]);
            let answer = session.run(&statements[0], &params).await.unwrap();
            let batches = answer.collect().await.unwrap();
            let found = array_value_to_string(batches[0].column(0), 0).unwrap();
            assert_eq!(found, wanted, "{sql}");
        }
    }
}
