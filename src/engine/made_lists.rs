//! What `array_agg` and `string_agg` make of the values of each group: a list, or a text.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, LargeStringBuilder, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::physical_expr::expressions::Literal;

/// What is made of the values of a group, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    /// A list; NULL of no values.
    List {
        /// Whether unknown values are left out.
        skips_unknown: bool,
    },
    /// One text of the known ones; NULL of none.
    Text {
        /// What comes between two of them.
        between: String,
    },
}

impl Made {
    /// What `array_agg` makes.
    pub(super) fn list(args: &AccumulatorArgs<'_>) -> Option<Self> {
        let value = args.expr_fields.first()?;
        Some(Self::List { skips_unknown: args.ignore_nulls && value.is_nullable() })
    }

    /// What `string_agg` makes, if it is known beforehand what comes between.
    pub(super) fn text(args: &AccumulatorArgs<'_>) -> Option<Self> {
        let is_text = args.expr_fields.first()?.data_type().is_string();
        let between = args.exprs.get(1)?.downcast_ref::<Literal>()?.value();
        let between = if between.is_null() { "" } else { between.try_as_str()?? };
        is_text.then(|| Self::Text { between: between.to_owned() })
    }

    /// Whether unknown values take part.
    pub(super) fn keeps_unknown(&self) -> bool {
        matches!(self, Self::List { skips_unknown: false })
    }

    /// What is made of `values` of the type `kind`, which are those of one group after
    /// the other, so many of each as `lengths` says.
    pub(super) fn of(
        &self,
        kind: &DataType,
        lengths: &[usize],
        values: &ArrayRef,
    ) -> Result<ArrayRef> {
        match self {
            Self::List { .. } => {
                let known = lengths.iter().map(|length| *length > 0).collect();
                lists(kind, lengths, &cast(values, kind)?, Some(known))
            }
            Self::Text { between } => joined(lengths, values, between),
        }
    }
}

/// Lists of `values`, so many in each as `lengths` says.
pub(super) fn lists(
    kind: &DataType,
    lengths: &[usize],
    values: &ArrayRef,
    known: Option<NullBuffer>,
) -> Result<ArrayRef> {
    if i32::try_from(values.len()).is_err() {
        return exec_err!(
            "the lists of {} groups are too long together; make lists of fewer rows",
            lengths.len()
        );
    }
    let field = Arc::new(Field::new_list_field(kind.clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    Ok(Arc::new(ListArray::try_new(field, offsets, Arc::clone(values), known)?))
}

/// One text for each group of `texts`, which are all known.
fn joined(lengths: &[usize], texts: &ArrayRef, between: &str) -> Result<ArrayRef> {
    let texts = cast(texts, &DataType::Utf8View)?;
    let mut parts = texts.as_string_view().iter().map(Option::unwrap_or_default);
    let mut joined = LargeStringBuilder::with_capacity(lengths.len(), 0);
    let mut text = String::new();
    for length in lengths {
        text.clear();
        for (nth, part) in parts.by_ref().take(*length).enumerate() {
            if nth > 0 {
                text.push_str(between);
            }
            text.push_str(part);
        }
        joined.append_option((*length > 0).then_some(&text));
    }
    Ok(Arc::new(joined.finish()))
}
