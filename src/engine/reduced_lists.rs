//! `list_reduce([1, 2, 3], (sum, n) -> sum + n)`: one value of all items of a list, made by a
//! function of what the items so far have made and of the next one.
//!
//! What it makes is of the type of the items, or of the value to begin with and the items, if
//! there is one; decimals have all their digits before the point. What has no room there is
//! refused, and nothing is rounded. An empty list has no value, which is NULL.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt64Array};
use datafusion::arrow::compute::{
    CastOptions, cast_with_options, interleave, is_null, nullif, take, take_arrays,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, internal_err, plan_err};
use datafusion::logical_expr::type_coercion::binary::type_union_coercion;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, DocumentationBuilder, HigherOrderFunctionArgs,
    HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDF, HigherOrderUDFImpl,
    LambdaArgument, LambdaParametersProgress, ValueOrLambda, Volatility,
};

use super::engine_types;
use crate::error::Error;

/// `list_reduce`.
pub(super) fn function() -> Arc<HigherOrderUDF> {
    Arc::new(HigherOrderUDF::new_from_impl(Reduce {
        signature: HigherOrderSignature::user_defined(Volatility::Immutable),
        aliases: ["array_reduce", "reduce"].map(str::to_owned).to_vec(),
    }))
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    DocumentationBuilder::new_with_details(
        DocSection::default(),
        "One value of all items of a list, by a function of what there is so far and the next \
         item. A third argument is what there is at first.",
        "list_reduce(list, (sum, item) -> sum + item)",
    )
    .build()
});

#[derive(Debug, PartialEq, Eq, Hash)]
struct Reduce {
    signature: HigherOrderSignature,
    aliases: Vec<String>,
}

impl HigherOrderUDFImpl for Reduce {
    fn name(&self) -> &'static str {
        "list_reduce"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let item = match given.first() {
            Some(
                DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _),
            ) => item.data_type().clone(),
            Some(DataType::Null) => DataType::Null,
            _ => return plan_err!("list_reduce takes a list and a function of two values"),
        };
        match given {
            [_] => Ok(vec![DataType::new_list(roomy(item), true)]),
            [_, first] => {
                let Some(kind) = type_union_coercion(&item, first) else {
                    return plan_err!(
                        "list_reduce cannot begin a list of {item} with a value of {first}"
                    );
                };
                let kind = roomy(kind);
                Ok(vec![DataType::new_list(kind.clone(), true), kind])
            }
            _ => plan_err!("list_reduce takes a list, a function, and a value to begin with"),
        }
    }

    fn lambda_parameters(
        &self,
        _step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let kind = match fields {
            [ValueOrLambda::Value(list), ValueOrLambda::Lambda(_), rest @ ..]
                if rest.iter().all(|one| matches!(one, ValueOrLambda::Value(_))) =>
            {
                item_type(list.data_type())?
            }
            _ => return plan_err!("list_reduce takes a list and then a function of two values"),
        };
        let value = || Arc::new(Field::new("", kind.clone(), true));
        Ok(LambdaParametersProgress::Complete(vec![vec![value(), value()]]))
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [ValueOrLambda::Value(_), ValueOrLambda::Lambda(made), ..] = args.arg_fields else {
            return plan_err!("list_reduce takes a list and then a function of two values");
        };
        // Asked of the values as they were written as well.
        let values = args.arg_fields.iter().filter_map(|one| match one {
            ValueOrLambda::Value(value) => Some(value.data_type().clone()),
            ValueOrLambda::Lambda(_) => None,
        });
        let coerced = self.coerce_value_types(&values.collect::<Vec<_>>())?;
        let kind = item_type(&coerced[0])?;
        if !has_room(made.data_type(), &kind) {
            return Err(no_room(made.data_type(), &kind));
        }
        Ok(Arc::new(Field::new("", kind, true)))
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let [ValueOrLambda::Value(lists), ValueOrLambda::Lambda(function), first @ ..] =
            args.args.as_slice()
        else {
            return internal_err!("list_reduce takes a list and then a function");
        };
        let lists = lists.to_array(args.number_rows)?;
        let lists = lists.as_list::<i32>();
        let made = match first {
            [ValueOrLambda::Value(first)] => {
                reduced(lists, first.to_array(args.number_rows)?, 0, function)?
            }
            _ => {
                let firsts = (0..lists.len()).map(|row| place(lists, row, 0));
                let firsts = take(lists.values(), &firsts.collect::<UInt64Array>(), None)?;
                reduced(lists, firsts, 1, function)?
            }
        };
        Ok(ColumnarValue::Array(nullif(&made, &is_null(lists)?)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// A type with room for sums of values of `kind`.
fn roomy(kind: DataType) -> DataType {
    match kind {
        DataType::Decimal128(_, scale) => DataType::Decimal128(38, scale),
        other => other,
    }
}

fn item_type(list: &DataType) -> Result<DataType> {
    match list {
        DataType::List(item) => Ok(item.data_type().clone()),
        other => plan_err!("list_reduce takes a list first, not {other}"),
    }
}

/// Whether values of `from` lose nothing as values of `to`; those that are too large for it
/// are refused when they come.
fn has_room(from: &DataType, to: &DataType) -> bool {
    use DataType::{Decimal128, Float64};
    match (from, to) {
        (from, to) if from == to || from.is_null() => true,
        (from, to) if from.is_string() && to.is_string() => true,
        (Decimal128(_, from), Decimal128(_, to)) => from <= to,
        (from, Decimal128(..)) => from.is_integer(),
        (from, Float64) => from.is_numeric(),
        (from, to) => from.is_integer() && to.is_integer(),
    }
}

fn no_room(made: &DataType, kept: &DataType) -> DataFusionError {
    let [made, kept] = [made, kept].map(|kind| engine_types::told(&kind.to_string()));
    let error = Error::query(format!(
        "the function of list_reduce gives a value of type {made}, and the list has those of \
         type {kept}"
    ));
    DataFusionError::External(Box::new(error.hint(format!(
        "cast the items: list_reduce(list_transform(l, x -> x::{made}), (sum, x) -> sum + x)"
    ))))
}

/// Where the item number `at` of a row is among all items, if it has so many.
fn place(lists: &ListArray, row: usize, at: usize) -> Option<u64> {
    let length = lists.value_length(row) as usize;
    let is_there = lists.is_valid(row) && at < length;
    is_there.then(|| lists.value_offsets()[row] as u64 + at as u64)
}

/// What `function` makes of `so_far` and the items from the number `start` on.
fn reduced(
    lists: &ListArray,
    mut so_far: ArrayRef,
    start: usize,
    function: &LambdaArgument,
) -> Result<ArrayRef> {
    for at in start.. {
        let places = (0..lists.len()).map(|row| place(lists, row, at));
        let places: Vec<(u64, u64)> =
            (0_u64..).zip(places).filter_map(|(row, place)| Some((row, place?))).collect();
        if places.is_empty() {
            break;
        }
        let rows = UInt64Array::from_iter_values(places.iter().map(|(row, _)| *row));
        let items = UInt64Array::from_iter_values(places.iter().map(|(_, place)| *place));
        let (before, items) = (take(&so_far, &rows, None)?, take(lists.values(), &items, None)?);
        let before = || Ok(Arc::clone(&before));
        let item = || Ok(Arc::clone(&items));
        let made = function
            .evaluate(&[&before, &item], |captured| Ok(take_arrays(captured, &rows, None)?))?
            .into_array(rows.len())?;
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let made = cast_with_options(&made, so_far.data_type(), &options)?;
        // Rows that have no item more stay as they are.
        let mut choice: Vec<_> = (0..lists.len()).map(|row| (0, row)).collect();
        for (number, (row, _)) in places.iter().enumerate() {
            choice[*row as usize] = (1, number);
        }
        so_far = interleave(&[so_far.as_ref(), made.as_ref()], &choice)?;
    }
    Ok(so_far)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn lists_are_reduced_to_one_value() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("list_reduce([1, 2, 3], (a, x) -> a + x)", "6"),
            ("array_reduce([1, 2, 3], (a, x) -> a * 10 + x)", "123"),
            ("list_reduce([1, 2], (a, x) -> a - x, 10)", "7"),
            ("list_reduce([1, 2], (a, x) -> a + x, 0.5)", "3.5"),
            ("list_reduce(['a', 'b', 'c'], (a, x) -> x || a)", "cba"),
            ("list_reduce([7], (a, x) -> a + x)", "7"),
            ("list_reduce([3, 9, 4], (a, x) -> greatest(a, x))", "9"),
            ("list_reduce([1, 2, 3], (a, x) -> a + x * k)", "51"),
            ("list_reduce([]::bigint[], (a, x) -> a + x) IS NULL", "true"),
            ("list_reduce(NULL::bigint[], (a, x) -> a + x, 1) IS NULL", "true"),
            ("list_reduce([1, NULL], (a, x) -> a + x) IS NULL", "true"),
            ("list_reduce([0.75, 0.5], (a, x) -> a + x)", "1.25"),
        ] {
            let sql = format!("SELECT {asked} AS x FROM (SELECT 10 AS k)");
            assert_eq!(value(&session, &sql).await, wanted, "{asked}");
        }
        let sql = "SELECT list_reduce(l, (a, x) -> a * i + x) AS x
                   FROM (VALUES (1, [1, 2, 3]), (2, NULL), (3, [4]), (4, []), (5, [6, 7]))
                     AS t(i, l) ORDER BY i";
        assert_eq!(answer(&session, sql).await, ["x", "6", "", "4", "", "37"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_has_no_room_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("list_reduce([1, 2], (a, x) -> a + x / 2.0)", "gives a value of type"),
            ("list_reduce([9223372036854775807, 1], (a, x) -> a + x)", "too large"),
            ("list_reduce(1, (a, x) -> a + x)", "takes a list"),
        ] {
            let text = session.collect(&format!("SELECT {asked}")).await.unwrap_err().to_string();
            assert!(text.contains(wanted), "{asked}: {text}");
        }
    }
}
