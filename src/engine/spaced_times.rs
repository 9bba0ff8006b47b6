//! Times as texts: `posted_at::text` and `posted_at || ''` are `2012-07-21 08:00:00+08`,
//! with a blank between day and time as a table shows them, and as in PostgreSQL and
//! DuckDB, so that `posted_at::text LIKE '2012-07-21 08%'` finds that hour. The engine
//! writes a `T`. Files for machines (CSV, JSON) are written from times, not from texts.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait, StringViewBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;

use super::hidden::Hidden;

/// The text of a time, and the texts of a list of times.
pub(super) static SPACED: Hidden =
    Hidden { name: "time_as_text", returns: |kind| Ok(as_text(kind)), compute: spaced };

/// Whether a cast makes texts of times, which may be the items of lists.
pub(super) fn become_texts(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Timestamp(..), to) => to.is_string(),
        (
            DataType::List(from) | DataType::LargeList(from),
            DataType::List(to) | DataType::LargeList(to),
        ) => become_texts(from.data_type(), to.data_type()),
        (DataType::List(from) | DataType::LargeList(from), to) => {
            become_texts(from.data_type(), to)
        }
        _ => false,
    }
}

fn as_text(kind: &DataType) -> DataType {
    match kind {
        DataType::List(item) => DataType::List(text_item(item)),
        DataType::LargeList(item) => DataType::LargeList(text_item(item)),
        _ => DataType::Utf8View,
    }
}

fn text_item(item: &FieldRef) -> FieldRef {
    Arc::new(Field::clone(item).with_data_type(as_text(item.data_type())))
}

fn spaced(values: &ArrayRef) -> Result<ArrayRef> {
    match values.data_type() {
        DataType::List(item) => spaced_items(values.as_list::<i32>(), item),
        DataType::LargeList(item) => spaced_items(values.as_list::<i64>(), item),
        _ => all_spaced(values),
    }
}

fn spaced_items<O: OffsetSizeTrait>(
    lists: &GenericListArray<O>,
    item: &FieldRef,
) -> Result<ArrayRef> {
    let (offsets, items) = (lists.offsets().clone(), spaced(lists.values())?);
    let nulls = lists.nulls().cloned();
    Ok(Arc::new(GenericListArray::try_new(text_item(item), offsets, items, nulls)?))
}

fn all_spaced(times: &ArrayRef) -> Result<ArrayRef> {
    let is_zoned = matches!(times.data_type(), DataType::Timestamp(_, Some(_)));
    let texts = cast(times, &DataType::Utf8View)?;
    let texts = texts.as_string_view();
    let mut spaced = StringViewBuilder::with_capacity(texts.len());
    for text in texts {
        spaced.append_option(text.map(|text| of_engine(text, is_zoned)));
    }
    Ok(Arc::new(spaced.finish()))
}

/// What the engine writes of a time, with a blank and the offset as short as it can be.
fn of_engine(text: &str, is_zoned: bool) -> String {
    let text = text.replacen('T', " ", 1);
    match (text.strip_suffix('Z'), text.strip_suffix(":00")) {
        (Some(utc), _) if is_zoned => format!("{utc}+00"),
        (_, Some(hours)) if is_zoned => hours.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[test]
    fn offsets_are_short() {
        for (text, is_zoned, wanted) in [
            ("2012-07-21T08:00:00+08:00", true, "2012-07-21 08:00:00+08"),
            ("2012-07-21T08:00:00.500+05:30", true, "2012-07-21 08:00:00.500+05:30"),
            ("2012-07-21T08:00:00Z", true, "2012-07-21 08:00:00+00"),
            ("2012-07-21T08:00:00", false, "2012-07-21 08:00:00"),
        ] {
            assert_eq!(of_engine(text, is_zoned), wanted);
        }
    }

    #[tokio::test]
    async fn a_time_has_the_same_text_wherever_it_becomes_one() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES (1, TIMESTAMPTZ '2012-07-21 08:00:00'), (2, NULL)) AS t(n, at)
                    WHERE n = 1";
        let (zoned, local) = ("2012-07-21 08:00:00+08", "2012-07-21 08:00:00");
        for (asked, wanted) in [
            ("at::text", zoned),
            ("CAST(at AS VARCHAR)", zoned),
            ("TRY_CAST(at AS VARCHAR)", zoned),
            ("at || ''", zoned),
            ("concat(at, '')", zoned),
            ("CASE WHEN n = 1 THEN at::text ELSE '' END", zoned),
            ("string_agg(at::text, ',')", zoned),
            ("at::timestamp::text", local),
            ("TIMESTAMP '2012-07-21 08:00:00' || ''", local),
            ("at::date::text", "2012-07-21"),
            ("at::text LIKE '2012-07-21 08%'", "true"),
            ("at::text::timestamptz = at", "true"),
            ("at::text::date", "2012-07-21"),
            ("[at]::text", "[2012-07-21 08:00:00+08]"),
            ("CAST([[at::timestamp]] AS VARCHAR)", "[[2012-07-21 08:00:00]]"),
            ("(CAST([at] AS VARCHAR[]))[1]", zoned),
            ("array_to_string([at, NULL], ',')", zoned),
            ("at", "2012-07-21T08:00:00+08:00"),
        ] {
            let sql = format!("SELECT {asked} AS x {from}");
            assert_eq!(value(&session, &sql).await, wanted, "{sql}");
        }
        session.collect("SET timezone = 'UTC'").await.unwrap();
        let sql = "SELECT TIMESTAMPTZ '2012-07-21 08:00:00'::text";
        assert_eq!(value(&session, sql).await, "2012-07-21 08:00:00+00");
        assert_eq!(value(&session, "SELECT (NULL::timestamp)::text IS NULL").await, "true");
    }
}
