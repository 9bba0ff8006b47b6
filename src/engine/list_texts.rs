//! Lists as texts: `[1, NULL]::text` is `[1, NULL]`, as it is typed and as in other
//! databases. The engine writes `[1, ]`, which a list with an empty text gives as well.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::format::DEFAULT_FORMAT_OPTIONS;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::hidden::Hidden;
use super::part_texts::{AS_TEXT, has_parts};
use super::rewrite;

/// The rule, for plans whose types are settled and in which times are texts already.
#[derive(Debug)]
pub(super) struct TellNulls;

impl AnalyzerRule for TellNulls {
    fn name(&self) -> &'static str {
        "tell_nulls"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, makes_text, &tell)
    }
}

fn makes_text(part: &Expr) -> bool {
    rewrite::type_of_cast(part).is_some_and(DataType::is_string)
}

/// A cast of a list, a structure or a map to a text as one of the text of it.
fn tell(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })) =
        &mut expression
    else {
        return Ok(Transformed::no(expression));
    };
    let (Ok(from), true) = (expr.get_type(schema), field.data_type().is_string()) else {
        return Ok(Transformed::no(expression));
    };
    **expr = match from {
        from if has_parts(&from) => AS_TEXT.of(*expr.clone()),
        DataType::List(_) | DataType::LargeList(_) => WITH_NULLS.of(*expr.clone()),
        _ => return Ok(Transformed::no(expression)),
    };
    Ok(Transformed::yes(expression))
}

/// The text of a list.
pub(super) static WITH_NULLS: Hidden =
    Hidden { name: "list_as_text", returns: |_| Ok(DataType::Utf8View), compute: with_nulls };

fn with_nulls(lists: &ArrayRef) -> Result<ArrayRef> {
    let format_options = DEFAULT_FORMAT_OPTIONS.with_null("NULL");
    let options = CastOptions { safe: false, format_options };
    Ok(cast_with_options(lists, &DataType::Utf8View, &options)?)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn what_is_unknown_in_a_list_is_told_in_its_text() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1, [1, NULL], ['a', NULL, '']), (2, NULL, NULL)) AS t(n, l, s)
                    WHERE n = 1";
        for (asked, wanted) in [
            ("[1, NULL]::varchar", "[1, NULL]"),
            ("l::text", "[1, NULL]"),
            ("CAST(s AS VARCHAR)", "[a, NULL, ]"),
            ("TRY_CAST(l AS VARCHAR)", "[1, NULL]"),
            ("[l, NULL]::text", "[[1, NULL], NULL]"),
            ("[TIMESTAMP '2012-07-21 08:00:00', NULL]::text", "[2012-07-21 08:00:00, NULL]"),
            ("[]::text", "[]"),
            ("l::text = '[1, NULL]'", "true"),
            ("length(l::text)", "9"),
            ("(NULL::int[])::text IS NULL", "true"),
            // As before.
            ("array_to_string(s, ',')", "a,"),
        ] {
            let sql = format!("SELECT {asked} AS x {from}");
            assert_eq!(value(&session, &sql).await, wanted, "{sql}");
        }
        let sql = "SELECT count(l::text) FROM (VALUES ([1]), (NULL), ([NULL::int])) AS t(l)";
        assert_eq!(value(&session, sql).await, "2");
    }
}
