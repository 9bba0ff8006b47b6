//! The arrays that values and their numbers of rows are given in.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListArray, MapArray, StructArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Float32Type, Float64Type};
use datafusion::common::{Result, internal_err};

/// Values as they compare: floating point numbers with one zero and one NaN.
pub(in crate::functions) fn comparable(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Float32 => Arc::new(
            values
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|one| if one.is_nan() { f32::NAN } else { one + 0.0 }),
        ),
        DataType::Float64 => Arc::new(
            values
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|one| if one.is_nan() { f64::NAN } else { one + 0.0 }),
        ),
        _ => Arc::clone(values),
    }
}

/// The entries of a map from values of the type `kind` to numbers of rows.
pub(super) fn entries(kind: &DataType) -> FieldRef {
    let members =
        [Field::new("key", kind.clone(), false), Field::new("value", DataType::Int64, true)];
    Arc::new(Field::new_struct("entries", Fields::from_iter(members), false))
}

/// Where each of the lists or maps begins that share `items`, and have so many of them.
fn offsets(lengths: Vec<usize>, items: &ArrayRef) -> Result<OffsetBuffer<i32>> {
    if i32::try_from(items.len()).is_err() {
        return internal_err!("the values of {} groups do not fit into lists", lengths.len());
    }
    Ok(OffsetBuffer::from_lengths(lengths))
}

/// Maps from `values` of the type `kind` to their numbers of rows, with so many entries
/// for each group as `lengths` says.
pub(in crate::functions) fn maps(
    kind: &DataType,
    lengths: Vec<usize>,
    values: ArrayRef,
    counts: Int64Array,
) -> Result<ArrayRef> {
    let (known, offsets) = (known(&lengths), offsets(lengths, &values)?);
    let entries = entries(kind);
    let DataType::Struct(members) = entries.data_type() else {
        return internal_err!("the entries of a map are structures");
    };
    let pairs = StructArray::try_new(members.clone(), vec![values, Arc::new(counts)], None)?;
    Ok(Arc::new(MapArray::try_new(entries, offsets, pairs, Some(known), false)?))
}

/// Lists of `values` of the type `kind`, so many in each as `lengths` says.
pub(super) fn listed(kind: &DataType, lengths: Vec<usize>, values: ArrayRef) -> Result<ArrayRef> {
    let (known, offsets) = (known(&lengths), offsets(lengths, &values)?);
    let field = Arc::new(Field::new_list_field(kind.clone(), true));
    Ok(Arc::new(ListArray::try_new(field, offsets, values, Some(known))?))
}

/// Lists of `values` of the type `kind`, and lists of their numbers of rows: a state.
pub(in crate::functions) fn lists(
    kind: &DataType,
    lengths: Vec<usize>,
    values: ArrayRef,
    counts: Vec<i64>,
) -> Result<Vec<ArrayRef>> {
    let offsets = offsets(lengths, &values)?;
    let counts: ArrayRef = Arc::new(Int64Array::from(counts));
    let lists = [(kind.clone(), values), (DataType::Int64, counts)];
    let lists = lists.map(|(kind, items)| {
        let field = Arc::new(Field::new_list_field(kind, true));
        Arc::new(ListArray::new(field, offsets.clone(), items, None)) as ArrayRef
    });
    Ok(lists.into())
}

/// Which groups there is something to give for, by how much there is.
fn known(lengths: &[usize]) -> NullBuffer {
    lengths.iter().map(|length| *length > 0).collect()
}
