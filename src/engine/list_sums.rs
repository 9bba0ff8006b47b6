//! Sums of lists: of whole numbers it is a whole number.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Builder};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::functions_nested::array_sum::array_sum_udf;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::wrapped::as_the_engine_says;

/// `array_sum`, whose sum of whole numbers is a whole number: as a floating-point number it
/// loses digits beyond 2^53.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Sum {
    engine: Arc<ScalarUDF>,
}

impl Sum {
    /// The function.
    pub(super) fn function() -> ScalarUDF {
        ScalarUDF::from(Self { engine: array_sum_udf() })
    }
}

impl ScalarUDFImpl for Sum {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn signature(&self) -> &Signature;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [
                DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _),
            ] if item.data_type().is_integer() => {
                Ok(vec![DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)))])
            }
            given => self.engine.coerce_types(given),
        }
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        match given {
            [DataType::List(item)] if item.data_type() == &DataType::Int64 => Ok(DataType::Int64),
            given => self.engine.return_type(given),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if args.return_field.data_type() != &DataType::Int64 {
            return self.engine.invoke_with_args(args);
        }
        let lists = ColumnarValue::values_to_arrays(&args.args)?;
        let sums = whole_sums(&lists[0])?;
        Ok(match args.args[0] {
            ColumnarValue::Scalar(_) => {
                ColumnarValue::Scalar(ScalarValue::try_from_array(&sums, 0)?)
            }
            ColumnarValue::Array(_) => ColumnarValue::Array(sums),
        })
    }
}

/// The sum of the known numbers of each list; NULL if there are none.
fn whole_sums(lists: &ArrayRef) -> Result<ArrayRef> {
    let lists = lists.as_list::<i32>();
    let numbers = lists.values().as_primitive::<Int64Type>();
    let mut sums = Int64Builder::with_capacity(lists.len());
    for (row, ends) in lists.value_offsets().windows(2).enumerate() {
        let places = ends[0] as usize..ends[1] as usize;
        let known = places.filter(|place| lists.is_valid(row) && numbers.is_valid(*place));
        let mut sum = None;
        for place in known {
            let next = i64::checked_add(sum.unwrap_or(0), numbers.value(place));
            sum =
                Some(next.ok_or_else(|| {
                    exec_datafusion_err!("the sum of a list does not fit BIGINT")
                })?);
        }
        sums.append_option(sum);
    }
    Ok(Arc::new(sums.finish()))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn whole_numbers_keep_all_their_digits() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (list, sum) in [
            ("[9007199254740993, 1]", "9007199254740994"),
            ("[1, 2, NULL, 3, 1]", "7"),
            ("[NULL]::bigint[]", ""),
            ("[]::bigint[]", ""),
            ("[1.5, 2]", "3.5"),
        ] {
            let asked = format!("SELECT list_sum({list})");
            assert_eq!(value(&session, &asked).await, sum, "{asked}");
        }
        let many = "SELECT sum(list_sum([i, NULL, 1])) FROM range(0, 10) AS r (i) WHERE i > 3";
        assert_eq!(value(&session, many).await, "45");
        let beyond = "SELECT list_sum([9223372036854775807, 1])";
        assert!(session.collect(beyond).await.unwrap_err().message().contains("does not fit"));
    }
}
