//! What people call the types of columns.

use datafusion::arrow::datatypes::{DataType, Fields};

/// The short name of a type, as a person would call it.
#[must_use]
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "null".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::UInt8 => "utinyint".to_owned(),
        DataType::UInt16 => "usmallint".to_owned(),
        DataType::UInt32 => "uint".to_owned(),
        DataType::UInt64 => "ubigint".to_owned(),
        DataType::Float16 | DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "bytes".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Timestamp(_, Some(zone)) => format!("timestamp {zone}"),
        DataType::Duration(_) => "duration".to_owned(),
        DataType::Interval(_) => "interval".to_owned(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => format!("{}[]", type_name(item.data_type())),
        DataType::Struct(members) => format!("struct({})", member_names(members)),
        DataType::Map(_, _) => "map".to_owned(),
        DataType::Union(_, _) => "union".to_owned(),
        DataType::Dictionary(_, values) => type_name(values),
        DataType::RunEndEncoded(_, values) => type_name(values.data_type()),
    }
}

/// `name text, id bigint`: the members of a structure with their types. A name that is no
/// plain word stands in double quotes.
fn member_names(members: &Fields) -> String {
    let named = members.iter().map(|member| {
        let (name, kind) = (member.name(), type_name(member.data_type()));
        let is_plain = name.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
        match is_plain && !name.is_empty() {
            true => format!("{name} {kind}"),
            false => format!("\"{}\" {kind}", name.replace('"', "\"\"")),
        }
    });
    named.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Fields};

    use super::type_name;

    #[test]
    fn a_structure_tells_its_members() {
        let field = |name: &str, kind: DataType| Field::new(name, kind, true);
        let struct_of = |members: Vec<Field>| DataType::Struct(Fields::from(members));
        let geo = struct_of(vec![field("lat", DataType::Float64)]);
        let (name, number) = (field("name", DataType::Utf8), field("a b", DataType::Int64));
        let author = vec![name, field("geo", geo), number];
        assert_eq!(
            type_name(&struct_of(author)),
            "struct(name text, geo struct(lat double), \"a b\" bigint)"
        );
    }
}
