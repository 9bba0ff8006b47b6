//! What the arguments of a function may be, and the type each is brought to.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{DocSection, scalar_doc_sections::DOC_SECTION_OTHER};
use datafusion::logical_expr::{Documentation, DocumentationBuilder};

use super::Function;

/// The kind of value that an argument takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    /// Text in any of its layouts, which stays as it is.
    Text,
    /// An id: text or an integer.
    Id,
    /// A number, brought to 64-bit floating point: exact for counts below 2^53.
    Number,
    /// True or false.
    Flag,
    /// Any value that compares with others of its column.
    Any,
    /// Where a value stands in a JSON text: a path, the name of a field, or the number
    /// of an item.
    Path,
    /// The same as the last argument of a function, which may be left out.
    OptionalPath,
    /// A whole number of 64 bits.
    Whole,
    /// A number that may be left out, as the last argument of a function.
    OptionalNumber,
    /// A text, bytes or a whole number, of which the bytes are written.
    Bytes,
    /// Any value, of which only the type counts.
    Typed,
    /// Text, a number, a truth or a date to write out. The last argument of a function,
    /// which may come any number of times.
    Written,
    /// An instant in microseconds. One without a time zone, or a date, means the
    /// zone of the other instants of the call.
    Instant,
}

impl Argument {
    /// The type to which a value of type `given` is brought, or `None` if it
    /// cannot be taken.
    fn accept(self, given: &DataType, zone: Option<&Arc<str>>) -> Option<DataType> {
        use DataType::{Boolean, Date32, Date64, Float64, Int64, Null, Timestamp, UInt64};
        match (self, given) {
            (Self::Text | Self::Id | Self::Path, given) if is_text(given) => Some(given.clone()),
            (Self::Text | Self::Id | Self::Path, Null) => Some(DataType::Utf8View),
            (Self::Text | Self::Id | Self::Path, DataType::Dictionary(_, values)) => {
                is_text(values).then_some(DataType::Utf8View)
            }
            (Self::Id, UInt64) => Some(UInt64),
            (Self::Id | Self::Path, given) if given.is_integer() => Some(Int64),
            (Self::OptionalPath, given) => Self::Path.accept(given, zone),
            (Self::Number, given) if given.is_numeric() || given.is_null() => Some(Float64),
            (Self::OptionalNumber, given) => Self::Number.accept(given, zone),
            (Self::Flag, Boolean | Null) => Some(Boolean),
            (Self::Any, DataType::Dictionary(_, values)) => Some(values.as_ref().clone()),
            (Self::Any, Null) => Some(DataType::Utf8View),
            (Self::Any, given) => Some(given.clone()),
            (Self::Whole, given) if given.is_integer() || given.is_null() => Some(Int64),
            (Self::Bytes, UInt64) => Some(UInt64),
            (Self::Bytes, given) if given.is_integer() => Some(Int64),
            (Self::Bytes, DataType::Binary | DataType::LargeBinary | DataType::BinaryView) => {
                Some(DataType::Binary)
            }
            (Self::Bytes, given) => Self::Text.accept(given, zone),
            (Self::Typed, given) => Some(given.clone()),
            (Self::Written, Null) => Some(DataType::Utf8View),
            (Self::Written, DataType::Dictionary(_, values)) if is_text(values) => {
                Some(DataType::Utf8View)
            }
            (Self::Written, Boolean | Date32) => Some(given.clone()),
            (Self::Written, given) if is_text(given) || given.is_numeric() => Some(given.clone()),
            (Self::Instant, Timestamp(_, zone)) => Some(instant(zone.as_ref())),
            (Self::Instant, Null) => Some(instant(zone)),
            // Arrow would read a date as midnight in UTC, whatever the zone.
            (Self::Instant, Date32 | Date64) => Some(instant(None)),
            (Self::Instant, given) if is_text(given) => Some(instant(zone)),
            _ => None,
        }
    }

    /// What the argument takes, for messages.
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Id => "an id (text or an integer)",
            Self::Number | Self::OptionalNumber => "a number",
            Self::Flag => "true or false",
            Self::Any => "a value",
            Self::Path | Self::OptionalPath => "a path (text or an integer)",
            Self::Whole => "a whole number",
            Self::Bytes => "text, bytes or a whole number",
            Self::Typed => "a value",
            Self::Written => "text, a number, a truth or a date",
            Self::Instant => "a time",
        }
    }
}

/// The types to which arguments of the types `given` are brought.
pub(super) fn coerce(function: &Function, given: &[DataType]) -> Result<Vec<DataType>> {
    let wanted = function.arguments;
    let is_needed = |argument: &&Argument| {
        !matches!(argument, Argument::OptionalPath | Argument::OptionalNumber | Argument::Written)
    };
    let least = wanted.iter().take_while(is_needed).count();
    let repeats = wanted.last() == Some(&Argument::Written);
    if given.len() < least || (given.len() > wanted.len() && !repeats) {
        let many = match wanted.len() {
            _ if repeats => format!("{least} or more"),
            most if most > least => format!("{least} or {most}"),
            most => most.to_string(),
        };
        return plan_err!("{} takes {many} arguments: {}", function.name, function.signature);
    }
    let zone = given.iter().find_map(|given| match given {
        DataType::Timestamp(_, zone) => zone.as_ref(),
        _ => None,
    });
    let mut types = Vec::with_capacity(given.len());
    let last = wanted.last().into_iter().cycle();
    for (argument, given) in wanted.iter().chain(last).zip(given) {
        let Some(accepted) = argument.accept(given, zone) else {
            let wanted = argument.name();
            return plan_err!(
                "{} needs {wanted}, not {given}: {}",
                function.name,
                function.signature
            );
        };
        types.push(accepted);
    }
    Ok(types)
}

/// As [`coerce`], for a function that puts all its arguments in order.
pub(super) fn coerce_compared(function: &Function, given: &[DataType]) -> Result<Vec<DataType>> {
    let types = coerce(function, given)?;
    let fields: Vec<SortField> = types.iter().cloned().map(SortField::new).collect();
    if !RowConverter::supports_fields(&fields) {
        return plan_err!("{} cannot compare what it is given", function.name);
    }
    Ok(types)
}

/// What DataFusion shows of `function` in its catalog of routines.
pub(super) fn documentation(function: &Function) -> Documentation {
    let section = DocSection { include: true, ..DOC_SECTION_OTHER };
    let description = match function.source {
        Some(source) => format!("{} Source: {source}", function.summary),
        None => function.summary.to_owned(),
    };
    DocumentationBuilder::new_with_details(section, description, function.signature)
        .with_sql_example(function.example.sql)
        .build()
}

/// Whether `given` is text.
fn is_text(given: &DataType) -> bool {
    matches!(given, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// An instant in microseconds, shown in `zone`.
fn instant(zone: Option<&Arc<str>>) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, zone.map(Arc::clone))
}
