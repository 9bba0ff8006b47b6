//! Casts of numbers to whole ones round: `CAST(2.7 AS BIGINT)` is 3, as in other
//! databases. The engine cuts off what stands behind the point.
//!
//! Doubles round to the nearest whole number, halves to the even one; decimals, and
//! numbers that are typed, have their halves rounded away from zero. The engine's own
//! casts stay as they are, and so do those of whole numbers, of which the engine knows
//! which files and row groups they rule out. It takes a cast of a decimal for one that
//! loses nothing, and answers `price::int = 2` with the rows whose price is 2.00: a
//! function, of which it assumes nothing, keeps it from that.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float32Array, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::hidden::Hidden;
use super::{reordering_casts, rewrite};

/// The rule, for plans without casts of the engine.
#[derive(Debug)]
pub(super) struct RoundCasts;

impl AnalyzerRule for RoundCasts {
    fn name(&self) -> &'static str {
        "round_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, may_round, &round)
    }
}

fn may_round(part: &Expr) -> bool {
    rewrite::type_of_cast(part).is_some_and(|to| to.is_integer() || to.is_decimal())
}

fn round(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })) =
        &mut expression
    else {
        return Ok(Transformed::no(expression));
    };
    let to = field.data_type();
    if !to.is_integer() && !to.is_decimal() {
        return Ok(Transformed::no(expression));
    }
    let Ok(from) = expr.get_type(schema) else { return Ok(Transformed::no(expression)) };
    let loses_digits = match from {
        DataType::Float32 | DataType::Float64 => to.is_integer(),
        _ => scale_of(&from) > scale_of(to),
    };
    if !loses_digits {
        return Ok(Transformed::no(expression));
    }
    if to.is_decimal() {
        // It rounds already, but the engine takes it for one that loses nothing.
        return Ok(Transformed::yes(reordering_casts::hidden(expression)));
    }
    **expr = ROUNDED.of(*expr.clone());
    Ok(Transformed::yes(expression))
}

/// How many digits stand behind the point of a decimal; other numbers have none.
fn scale_of(kind: &DataType) -> i8 {
    match kind {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

/// The function that rounds a number, which stays a double or decimal.
pub(super) static ROUNDED: Hidden =
    Hidden { name: "rounded", returns: |kind| Ok(whole(kind)), compute: rounded };

/// The type of rounded numbers: of decimals it has no digits behind the point, and
/// room for one more before it.
fn whole(kind: &DataType) -> DataType {
    match kind {
        DataType::Decimal32(digits, scale) if *scale > 0 => DataType::Decimal32(*digits, 0),
        DataType::Decimal64(digits, scale) if *scale > 0 => DataType::Decimal64(*digits, 0),
        DataType::Decimal128(digits, scale) if *scale > 0 => DataType::Decimal128(*digits, 0),
        DataType::Decimal256(digits, scale) if *scale > 0 => DataType::Decimal256(*digits, 0),
        other => other.clone(),
    }
}

fn rounded(numbers: &ArrayRef) -> Result<ArrayRef> {
    if let Some(numbers) = numbers.as_primitive_opt::<Float64Type>() {
        let rounded: Float64Array = numbers.unary(f64::round_ties_even);
        return Ok(Arc::new(rounded));
    }
    if let Some(numbers) = numbers.as_primitive_opt::<Float32Type>() {
        let rounded: Float32Array = numbers.unary(f32::round_ties_even);
        return Ok(Arc::new(rounded));
    }
    // A cast between decimals rounds.
    Ok(cast(numbers, &whole(numbers.data_type()))?)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn a_cast_to_a_whole_number_rounds() {
        let session = Session::new(None, Settings::default()).unwrap();
        let columns = "FROM (VALUES (2.7::double, 2.5::double, (-2.5)::double, 3.5::double, 2.5::real, '2.5'::decimal(10, 2),
              '-9.5'::decimal(2, 1), 'nan'::double, 1e30, 127.6)) AS t
              (most, half, less, odd, small, price, nines, nothing, huge, byte)";
        for (what, wanted) in [
            ("CAST(2.7 AS BIGINT)", "3"),
            ("2.5::int", "3"),
            ("(-2.5)::int", "-3"),
            ("most::bigint", "3"),
            ("half::int", "2"),
            ("less::smallint", "-2"),
            ("odd::tinyint", "4"),
            ("small::int", "2"),
            ("price::bigint", "3"),
            ("nines::int", "-10"),
            ("TRY_CAST(most AS INT)", "3"),
            ("TRY_CAST(price AS INT)", "3"),
            ("TRY_CAST(nothing AS INT) IS NULL", "true"),
            ("TRY_CAST(huge AS INT) IS NULL", "true"),
            ("TRY_CAST(byte AS TINYINT) IS NULL", "true"),
            ("(half + 0.2)::int", "3"),
            ("max(most::int)", "3"),
            ("trunc(most)::int", "2"),
            ("floor(less)::int", "-3"),
            ("round(price)::int", "3"),
            ("7 / 2", "3"),
            ("(extract(epoch FROM INTERVAL '1.7 seconds'))::int", "2"),
        ] {
            let found = value(&session, &format!("SELECT {what} {columns}")).await;
            assert_eq!(found, wanted, "{what}");
        }
        for what in ["nothing::int", "huge::bigint", "byte::tinyint", "300.0::tinyint"] {
            let failed = session.collect(&format!("SELECT {what} {columns}")).await;
            assert!(failed.is_err(), "{what}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rounded_numbers_are_compared_and_grouped() {
        let session = Session::new(None, Settings::default()).unwrap();
        let table = "(SELECT x, x::decimal(10, 2) AS d
                      FROM (VALUES (2.3), (2.6), (3.4), (9.0)) AS t (x))";
        for (sql, wanted) in [
            ("SELECT count(*) FROM # WHERE d::int = 3", "2"),
            ("SELECT count(*) FROM # WHERE d::int IN (2, 9)", "2"),
            ("SELECT count(*) FROM # WHERE d::decimal(10, 0) = 3", "2"),
            ("SELECT count(*) FROM # WHERE x::int = 3", "2"),
            ("SELECT count(*) FROM (SELECT x::int, count(*) FROM # GROUP BY x::int)", "3"),
            ("SELECT count(*) FROM # AS a JOIN # AS b ON a.x::int = b.d::int", "6"),
        ] {
            let sql = sql.replace('#', table);
            assert_eq!(value(&session, &sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test]
    async fn columns_of_rounded_numbers_keep_their_names() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "SELECT x::INT, max(x::INT) AS most FROM (VALUES (1.6)) AS t (x) GROUP BY x::INT";
        let batches = session.collect(sql).await.unwrap();
        let table = pretty_format_batches(&batches).unwrap().to_string();
        assert!(table.contains("| x::INT | most |"), "{table}");
        assert!(table.contains("| 2      | 2    |"), "{table}");
    }

    #[tokio::test]
    async fn casts_of_whole_columns_stay_what_the_engine_knows() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "EXPLAIN SELECT value FROM generate_series(1, 10) WHERE value::int > 5";
        let batches = session.collect(sql).await.unwrap();
        let plan = pretty_format_batches(&batches).unwrap().to_string();
        assert!(!plan.contains("rounded"), "{plan}");
    }
}
