//! Times in whole seconds beside texts with a fraction: `at < '2012-08-27 10:00:00.5'`
//! is true of 10:00:00. The engine cuts the fraction off, since it takes the text for a
//! time like those of the column, of which CSV files have seconds and others milliseconds.
//!
//! Only beside such a text the column becomes as fine as the text is, by a cast around
//! which stands a function of which the engine assumes nothing. All other comparisons
//! rule out files and row groups as before.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Between, Cast, InList, TryCast};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, cast};
use datafusion::optimizer::AnalyzerRule;

use super::{reordering_casts, rewrite};

/// The rule, for plans as they were written.
#[derive(Debug)]
pub(super) struct CompareFractions;

impl AnalyzerRule for CompareFractions {
    fn name(&self) -> &'static str {
        "compare_fractions"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, has_fraction, &compare)
    }
}

/// Whether something is compared with a constant that may be a time with a fraction.
fn has_fraction(part: &Expr) -> bool {
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            op.supports_propagation() && digits(left).max(digits(right)) > 0
        }
        Expr::Between(Between { low, high, .. }) => digits(low).max(digits(high)) > 0,
        Expr::InList(InList { list, .. }) => list.iter().any(|item| digits(item) > 0),
        _ => false,
    }
}

fn compare(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_changed = match &mut expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() => {
            refine(left, digits(right), schema) || refine(right, digits(left), schema)
        }
        Expr::Between(Between { expr, low, high, .. }) => {
            refine(expr, digits(low).max(digits(high)), schema)
        }
        Expr::InList(InList { expr, list, .. }) => {
            refine(expr, list.iter().map(digits).max().unwrap_or(0), schema)
        }
        _ => false,
    };
    Ok(if is_changed { Transformed::yes(expression) } else { Transformed::no(expression) })
}

/// How many digits the fraction of a second has in the text that a constant is made of.
fn digits(constant: &Expr) -> usize {
    match constant {
        Expr::Cast(Cast { expr, .. }) | Expr::TryCast(TryCast { expr, .. }) => digits(expr),
        Expr::Literal(value, _) => {
            let text = value.try_as_str().flatten().unwrap_or_default();
            let fraction = text.split_once('.').map_or("", |(_, behind)| behind);
            let end = fraction.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(fraction.len());
            fraction[..end].trim_end_matches('0').len()
        }
        _ => 0,
    }
}

/// Makes times as fine as a fraction of so many digits, if they are not; whether they
/// were made so.
fn refine(times: &mut Expr, digits: usize, schema: &DFSchema) -> bool {
    if digits == 0 {
        return false;
    }
    let Ok(DataType::Timestamp(unit, zone)) = times.get_type(schema) else { return false };
    let fine = match digits {
        ..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    };
    // Units are in the order of their size.
    if unit >= fine {
        return false;
    }
    let fine = cast(times.clone(), DataType::Timestamp(fine, zone));
    *times = reordering_casts::hidden(fine);
    true
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn fractions_of_a_second_are_not_cut_off() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (kind, zone) in [("TIMESTAMP", "None"), ("TIMESTAMPTZ", "Some(\"+00:00\")")] {
            for (unit, second) in [("Second", 1), ("Millisecond", 1000), ("Microsecond", 1_000_000)]
            {
                let table = format!(
                    "(SELECT arrow_cast(value * {second}, 'Timestamp({unit}, {zone})') AS at
                      FROM generate_series(1, 3))"
                );
                for (condition, rows) in [
                    ("at < KIND '1970-01-01 00:00:02.5Z'", "2"),
                    ("at < '1970-01-01 00:00:02.5Z'", "2"),
                    ("at < KIND '1970-01-01 00:00:02.0000001Z'", "2"),
                    ("at >= KIND '1970-01-01 00:00:02.0000Z'", "2"),
                    ("KIND '1970-01-01 00:00:01.001Z' <= at", "2"),
                    ("at BETWEEN '1970-01-01 00:00:01.5Z' AND '1970-01-01 00:00:02.5Z'", "1"),
                    ("at IN ('1970-01-01 00:00:01.5Z', '1970-01-01 00:00:02Z')", "1"),
                    ("at = '1970-01-01 00:00:02.5Z'", "0"),
                ] {
                    let text = match kind {
                        // A text with a zone would be the time on the wall.
                        "TIMESTAMP" => condition.replace('Z', "").replace("KIND", kind),
                        _ => condition.replace("KIND", kind),
                    };
                    let sql = format!("SELECT count(*) FROM {table} WHERE {text}");
                    let batches = session.collect(&sql).await.unwrap();
                    let found = array_value_to_string(batches[0].column(0), 0).unwrap();
                    assert_eq!(found, rows, "{sql}");
                }
            }
        }
    }

    #[tokio::test]
    async fn whole_seconds_are_compared_as_before() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "EXPLAIN SELECT at FROM (
                     SELECT arrow_cast(value, 'Timestamp(Second, None)') AS at
                     FROM generate_series(1, 3)) WHERE at < '1970-01-01 00:00:02.000'";
        let batches = session.collect(sql).await.unwrap();
        let plan = pretty_format_batches(&batches).unwrap().to_string();
        assert!(!plan.contains("same("), "{plan}");
    }
}
