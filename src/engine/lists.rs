//! Functions of lists that mean something else elsewhere: `array_remove` and
//! `array_replace` change all items that are equal, as in PostgreSQL, where the engine
//! changes the first; a list is sorted with what is unknown last, as rows are; and
//! [sums](super::list_sums).

use datafusion::common::{Result, ScalarValue};
use datafusion::functions_nested::array_compact::array_compact_udf;
use datafusion::functions_nested::remove::array_remove_all_udf;
use datafusion::functions_nested::replace::array_replace_all_udf;
use datafusion::functions_nested::set_ops::array_distinct_udf;
use datafusion::functions_nested::sort::array_sort_udf;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::list_sums::Sum;
use super::wrapped::wrapped;

/// These functions.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    let remove = array_remove_all_udf().as_ref().clone();
    let replace = array_replace_all_udf().as_ref().clone();
    [
        remove.with_aliases(["array_remove", "list_remove"]),
        replace.with_aliases(["array_replace", "list_replace"]),
        wrapped(array_sort_udf(), sort),
        wrapped(array_distinct_udf(), distinct),
        Sum::function(),
    ]
    .into_iter()
}

/// Sorts as the engine does, told what it would decide otherwise.
fn sort(engine: &ScalarUDF, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    let given = args.args.len();
    for told in ["ASC", "NULLS LAST"].iter().skip(given.saturating_sub(1)) {
        args.args.push(ColumnarValue::Scalar(ScalarValue::from(*told)));
    }
    engine.invoke_with_args(args)
}

/// The different items that are known.
fn distinct(engine: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    let items = engine.invoke_with_args(args.clone())?;
    array_compact_udf().invoke_with_args(ScalarFunctionArgs { args: vec![items], ..args })
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn all_equal_items_are_removed_and_replaced() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("array_remove(l, 1)", "[2, , 3]"),
            ("list_remove(l, 1)", "[2, , 3]"),
            ("array_remove_all(l, 1)", "[2, , 3]"),
            ("array_remove_n(l, 1, 1)", "[2, , 3, 1]"),
            ("array_remove(l, 7)", "[1, 2, , 3, 1]"),
            ("array_replace(l, 1, 9)", "[9, 2, , 3, 9]"),
            ("list_replace(l, 1, 9)", "[9, 2, , 3, 9]"),
            ("array_replace_n(l, 1, 9, 1)", "[9, 2, , 3, 1]"),
            ("array_sort(l)", "[1, 1, 2, 3, ]"),
            ("list_sort(l)", "[1, 1, 2, 3, ]"),
            ("array_sort(l, 'DESC')", "[3, 2, 1, 1, ]"),
            ("array_sort(l, 'ASC', 'NULLS FIRST')", "[, 1, 1, 2, 3]"),
            ("list_sort(make_array('b', NULL, 'a'))", "[a, b, ]"),
            ("list_sort(CASE WHEN now() IS NULL THEN l END) IS NULL", "true"),
            ("list_sort(array_distinct(l))", "[1, 2, 3]"),
            ("list_distinct(array_remove(array_remove(l, 2), 3))", "[1]"),
            ("list_distinct(CASE WHEN now() IS NULL THEN l END) IS NULL", "true"),
        ] {
            for list in [
                "make_array(1, 2, NULL, 3, 1)",
                "CASE WHEN now() IS NOT NULL THEN make_array(1, 2, NULL, 3, 1) END",
            ] {
                let sql = format!("SELECT {asked} AS so FROM (SELECT {list} AS l)");
                assert_eq!(answer(&session, &sql).await[1..], [wanted], "{sql}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn lists_of_many_rows_are_sorted_each() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "SELECT list_sort(make_array(value, NULL, 1)) AS l
                   FROM generate_series(0, 2) ORDER BY value";
        let wanted = ["[0, 1, ]", "[1, 1, ]", "[1, 2, ]"];
        assert_eq!(answer(&session, sql).await[1..], wanted);
    }
}
