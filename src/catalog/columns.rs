//! The columns of files as a session has them: instants in its time zone, which a file
//! knows nothing of, and of several files the types that hold the values of all.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, Fields, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, TableReference};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast};

use super::csv::quoted;
use crate::error::Error;

/// The time zone of the session as it is now.
pub(super) fn zone_of(state: &SessionState) -> Arc<str> {
    state.config_options().execution.time_zone.as_deref().unwrap_or("UTC").into()
}

/// `columns` with their instants in `zone`. The values are the same in all zones, so that
/// reading them as such costs nothing.
pub(super) fn in_zone(columns: &Schema, zone: &Arc<str>) -> SchemaRef {
    let fields: Fields = columns.fields().iter().map(|field| zoned_field(field, zone)).collect();
    Arc::new(Schema::new_with_metadata(fields, columns.metadata().clone()))
}

fn zoned_field(field: &FieldRef, zone: &Arc<str>) -> FieldRef {
    let kind = zoned(field.data_type(), zone);
    match kind == *field.data_type() {
        true => Arc::clone(field),
        false => Arc::new(field.as_ref().clone().with_data_type(kind)),
    }
}

fn zoned(kind: &DataType, zone: &Arc<str>) -> DataType {
    match kind {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some(Arc::clone(zone))),
        DataType::List(item) => DataType::List(zoned_field(item, zone)),
        DataType::LargeList(item) => DataType::LargeList(zoned_field(item, zone)),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| zoned_field(field, zone)).collect())
        }
        other => other.clone(),
    }
}

/// `table` with its instants in `zone`, for files whose reader gives the types that they
/// have, whatever the table's are.
pub(super) fn shown_in(
    table: Arc<dyn TableProvider>,
    zone: &Arc<str>,
) -> Result<Arc<dyn TableProvider>> {
    let given = table.schema();
    let wanted = in_zone(&given, zone);
    if given == wanted { Ok(table) } else { cast_to(table, &wanted) }
}

/// `table` with the types that the columns of those names have in `wanted`.
pub(super) fn cast_to(
    table: Arc<dyn TableProvider>,
    wanted: &Schema,
) -> Result<Arc<dyn TableProvider>> {
    let given = table.schema();
    let columns = wanted.fields().iter().map(|wanted| {
        let column = Expr::Column(Column::from_name(wanted.name()));
        match given.field_with_name(wanted.name()) {
            Ok(given) if given.data_type() != wanted.data_type() => {
                cast(column, wanted.data_type().clone()).alias(wanted.name())
            }
            _ => column,
        }
    });
    let columns: Vec<Expr> = columns.collect();
    let files = TableReference::bare("files");
    let plan = LogicalPlanBuilder::scan(files, provider_as_source(table), None)?;
    Ok(Arc::new(ViewTable::new(plan.project(columns)?.build()?, None)))
}

/// The columns of `files` together, each of a type that holds the values of all.
pub(super) fn joined(files: &[(&Path, SchemaRef)]) -> Result<SchemaRef, Error> {
    // Each with the first file that made it what it is.
    let mut columns: Vec<(FieldRef, &Path)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (path, schema) in files.iter().map(|(path, schema)| (*path, schema)) {
        for field in schema.fields() {
            let Some(place) = places.get(field.name().as_str()) else {
                places.insert(field.name(), columns.len());
                columns.push((Arc::clone(field), path));
                continue;
            };
            let (known, first) = &mut columns[*place];
            let Some(kind) = wider(known.data_type(), field.data_type()) else {
                return Err(of_no_type((&*known, *first), (field, path)));
            };
            if kind != *known.data_type() {
                *known = Arc::new((**known).clone().with_data_type(kind));
                *first = path;
            }
        }
    }
    // Not every file may have them.
    let fields = columns.iter().map(|(field, _)| field.as_ref().clone().with_nullable(true));
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// The error for a column of which two files have values that no type holds.
fn of_no_type((one, first): (&FieldRef, &Path), (other, second): (&FieldRef, &Path)) -> Error {
    let (name, first, second) = (quoted(one.name()), first.display(), second.display());
    let (one, other) = (one.data_type(), other.data_type());
    let message = format!("the column {name} is {one} in {first}, and {other} in {second}");
    Error::query(message).hint(format!(
        "say what it is to be: SELECT * REPLACE (CAST({name} AS VARCHAR) AS {name}) FROM '{first}' \
         UNION ALL BY NAME SELECT * REPLACE (CAST({name} AS VARCHAR) AS {name}) FROM '{second}'"
    ))
}

/// The type that holds the values of both.
fn wider(one: &DataType, other: &DataType) -> Option<DataType> {
    match (one, other) {
        (one, other) if one == other => Some(one.clone()),
        (DataType::Null, kind) | (kind, DataType::Null) => Some(kind.clone()),
        (one, other) if is_text(one) && is_text(other) => Some(DataType::Utf8View),
        (one, other) if one.is_integer() && other.is_integer() => integer(one, other),
        (one, other) if one.is_numeric() && other.is_numeric() => number(one, other),
        (DataType::Timestamp(one, zone), DataType::Timestamp(other, same)) if zone == same => {
            Some(DataType::Timestamp(*one.max(other), zone.clone()))
        }
        (DataType::Date32, time @ DataType::Timestamp(_, None))
        | (time @ DataType::Timestamp(_, None), DataType::Date32) => Some(time.clone()),
        _ => None,
    }
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, value) => value.is_string(),
        kind => kind.is_string(),
    }
}

fn integer(one: &DataType, other: &DataType) -> Option<DataType> {
    if one.is_signed_integer() == other.is_signed_integer() {
        let is_wider = one.primitive_width() >= other.primitive_width();
        return Some(if is_wider { one.clone() } else { other.clone() });
    }
    let (signed, unsigned) = if one.is_signed_integer() { (one, other) } else { (other, one) };
    Some(match (signed.primitive_width()?, unsigned.primitive_width()?) {
        (_, 8) => DataType::Decimal128(20, 0),
        (8, _) | (_, 4) => DataType::Int64,
        (4, _) | (_, 2) => DataType::Int32,
        _ => DataType::Int16,
    })
}

fn number(one: &DataType, other: &DataType) -> Option<DataType> {
    if one.is_floating() || other.is_floating() {
        return Some(DataType::Float64);
    }
    let ((whole, scale), (other_whole, other_scale)) = (digits(one)?, digits(other)?);
    let scale = scale.max(other_scale);
    let precision = whole.max(other_whole) + scale;
    (precision <= 38).then_some(DataType::Decimal128(precision, i8::try_from(scale).ok()?))
}

/// How many digits a number has at most before its point and behind it.
fn digits(kind: &DataType) -> Option<(u8, u8)> {
    match kind {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => {
            let scale = u8::try_from(*scale).ok()?;
            Some((precision.checked_sub(scale)?, scale))
        }
        kind if kind.is_integer() => match kind.primitive_width()? {
            1 => Some((3, 0)),
            2 => Some((5, 0)),
            4 => Some((10, 0)),
            _ => Some((20, 0)),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{Field, TimeUnit};
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use super::*;
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn instants_of_files_are_those_of_the_session() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display();
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("SET timezone = 'UTC'").await.unwrap();
        // One each minute from the beginning of a day in UTC.
        let rows = "SELECT value AS n, value % 2 AS k, to_timestamp(1330214400 + value * 60) AS at
                    FROM generate_series(0, 3999) AS t(value)";
        for (file, options) in [
            ("a.parquet", "(ROW_GROUP_SIZE 1000)"),
            ("a.arrow", ""),
            ("h", "(FORMAT parquet, PARTITION_BY (k))"),
        ] {
            let sql = format!("COPY ({rows}) TO '{place}/{file}' {options}");
            session.collect(&sql).await.unwrap();
        }
        for name in ["a.parquet", "*.parquet", "a.arrow", "h", "h/*/*.parquet"] {
            let from = format!("FROM '{place}/{name}'");
            session.collect("SET timezone = 'Asia/Shanghai'").await.unwrap();
            for (asked, wanted) in [
                ("SELECT at # WHERE n = 0", "2012-02-26T08:00:00+08:00"),
                ("SELECT at::text # WHERE n = 0", "2012-02-26 08:00:00+08"),
                ("SELECT extract(hour FROM at) # WHERE n = 0", "8"),
                ("SELECT max(at) #", "2012-02-29T02:39:00+08:00"),
                ("SELECT max(at)::date #", "2012-02-29"),
                ("SELECT count(*) # WHERE at < '2012-02-26 12:00:00'", "240"),
                ("SELECT count(*) # WHERE at::date = DATE '2012-02-27'", "1440"),
                ("SELECT count(*) # WHERE at >= DATE '2012-02-29'", "160"),
            ] {
                let sql = asked.replace('#', &from);
                assert_eq!(value(&session, &sql).await, wanted, "{sql}");
            }
            session.collect("SET timezone = 'UTC'").await.unwrap();
            let sql = format!("SELECT at {from} WHERE n = 0");
            assert_eq!(value(&session, &sql).await, "2012-02-26T00:00:00Z", "{sql}");
        }
        // Row groups are ruled out as before.
        session.collect("SET timezone = 'Asia/Shanghai'").await.unwrap();
        let sql = format!(
            "EXPLAIN ANALYZE SELECT count(n) FROM '{place}/a.parquet'
             WHERE at >= '2012-02-28 20:00:00'"
        );
        let plan = pretty_format_batches(&session.collect(&sql).await.unwrap()).unwrap();
        let plan = plan.to_string();
        assert!(plan.contains("row_groups_pruned_statistics=4 total → 1 matched"), "{plan}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_of_a_set_have_the_wider_types() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display();
        let session = Session::new(None, Settings::default()).unwrap();
        for (file, rows) in [
            ("1", "SELECT arrow_cast(10, 'Int32') AS a, DATE '2012-08-27' AS d"),
            ("2", "SELECT 5::bigint AS a, TIMESTAMP '2012-08-28 10:00:00' AS d, 'x' AS b"),
            ("3", "SELECT arrow_cast(2.5, 'Float32') AS a, NULL AS d"),
        ] {
            let sql = format!("COPY ({rows}) TO '{place}/{file}.parquet'");
            session.collect(&sql).await.unwrap();
        }
        for (asked, wanted) in [
            ("max(a)", "10.0"),
            ("sum(a)", "17.5"),
            ("count(*) FILTER (WHERE a > 4)", "2"),
            ("min(d)", "2012-08-27T00:00:00"),
            ("count(d)", "2"),
            ("max(b)", "x"),
        ] {
            let sql = format!("SELECT {asked} AS so FROM '{place}/*.parquet'");
            assert_eq!(value(&session, &sql).await, wanted, "{sql}");
        }
        let sql = format!("SELECT count(*) AS n FROM '{place}/*.parquet' WHERE a > 7");
        assert_eq!(value(&session, &sql).await, "1");
        let sql = format!("SELECT max(a) AS most FROM '{place}/[12].parquet'");
        assert_eq!(value(&session, &sql).await, "10");

        session.collect(&format!("COPY (SELECT true AS a) TO '{place}/4.parquet'")).await.unwrap();
        let error = session.collect(&format!("SELECT * FROM '{place}/*.parquet'")).await;
        let error = error.unwrap_err();
        assert!(error.message().contains("4.parquet"), "{error}");
        assert!(error.advice().unwrap().contains("UNION ALL BY NAME"), "{error}");
    }

    #[test]
    fn the_wider_type_holds_the_values_of_both() {
        use DataType::{
            Boolean, Date32, Decimal128, Float32, Float64, Int16, Int32, Int64, Null, Timestamp,
            UInt8, UInt32, UInt64, Utf8, Utf8View,
        };
        let seconds = Timestamp(TimeUnit::Second, None);
        let micros = Timestamp(TimeUnit::Microsecond, None);
        let instants = Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        for (one, other, wanted) in [
            (Int32, Int64, Some(Int64)),
            (Int16, Int16, Some(Int16)),
            (Int64, Float32, Some(Float64)),
            (Float32, Float64, Some(Float64)),
            (UInt8, Int16, Some(Int16)),
            (UInt32, Int16, Some(Int64)),
            (UInt64, Int64, Some(Decimal128(20, 0))),
            (UInt64, Int32, Some(Decimal128(20, 0))),
            (Decimal128(10, 2), Int32, Some(Decimal128(12, 2))),
            (Decimal128(10, 2), Decimal128(10, 4), Some(Decimal128(12, 4))),
            (Decimal128(38, 0), Decimal128(38, 10), None),
            (Decimal128(10, 2), Float32, Some(Float64)),
            (Null, Boolean, Some(Boolean)),
            (Utf8, Utf8View, Some(Utf8View)),
            (DataType::Dictionary(Box::new(Int32), Box::new(Utf8)), Utf8View, Some(Utf8View)),
            (seconds.clone(), micros.clone(), Some(micros.clone())),
            (Date32, seconds.clone(), Some(seconds)),
            (instants.clone(), micros, None),
            (Date32, instants, None),
            (Int64, Utf8, None),
            (Boolean, Int64, None),
        ] {
            assert_eq!(wider(&one, &other), wanted, "{one} {other}");
            assert_eq!(wider(&other, &one), wanted, "{other} {one}");
        }
    }

    #[test]
    fn instants_inside_of_lists_and_structures_are_in_the_zone_too() {
        let instant = |zone: &str| DataType::Timestamp(TimeUnit::Millisecond, Some(zone.into()));
        let columns = |zone: &str| {
            let list = DataType::List(Arc::new(Field::new_list_field(instant(zone), true)));
            let inside = Fields::from(vec![Field::new("list", list, true)]);
            let local = DataType::Timestamp(TimeUnit::Millisecond, None);
            Schema::new(vec![
                Field::new("s", DataType::Struct(inside), true),
                Field::new("at", instant(zone), false),
                Field::new("local", local, true),
            ])
        };
        assert_eq!(*in_zone(&columns("UTC"), &"Asia/Tokyo".into()), columns("Asia/Tokyo"));
    }

    #[test]
    fn columns_that_no_type_holds_are_told_with_both_files() {
        let schema = |kind| Arc::new(Schema::new(vec![Field::new("a", kind, true)]));
        let files = [
            (Path::new("1.parquet"), schema(DataType::Int32)),
            (Path::new("2.parquet"), schema(DataType::Int64)),
            (Path::new("3.parquet"), schema(DataType::Boolean)),
        ];
        let error = joined(&files).unwrap_err();
        let wanted = "the column a is Int64 in 2.parquet, and Boolean in 3.parquet";
        assert_eq!(error.message(), wanted);
        let both = joined(&files[..2]).unwrap();
        assert_eq!(both.field(0).data_type(), &DataType::Int64);
    }
}
