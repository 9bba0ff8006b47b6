//! A few posts, as tests of several rules need them.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use datafusion::arrow::compute::cast;

use crate::model::POSTS;
use crate::store::Store;

/// A post for each of `numbers`, which is its number, its time, its text and its likes, with
/// `others` in the place of these or beside them. What is left is unknown.
pub(crate) fn posts(numbers: Range<i64>, others: &[(&str, ArrayRef)]) -> RecordBatch {
    let count = numbers.clone().count();
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
    let platform: ArrayRef = Arc::new(StringArray::from(vec!["weibo"; count]));
    let schema = POSTS.schema();
    let columns = schema.fields().iter().map(|field| {
        let other = others.iter().find(|(name, _)| name == field.name());
        let values = match (other, field.name().as_str()) {
            (Some((_, values)), _) => values,
            (None, "platform") => &platform,
            (None, "post_id" | "posted_at" | "text" | "likes" | "observed_at") => &numbers,
            (None, _) => return new_null_array(field.data_type(), count),
        };
        cast(values, field.data_type()).unwrap()
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

/// A store with a data file for each of `files`.
pub(crate) async fn store(
    folder: &Path,
    files: impl IntoIterator<Item = RecordBatch>,
) -> Arc<Store> {
    let store = Store::create(folder).await.unwrap();
    for rows in files {
        let mut transaction = store.begin().await.unwrap();
        transaction.append(&POSTS, rows).await.unwrap();
        transaction.commit().await.unwrap();
    }
    Arc::new(Store::open(folder).await.unwrap())
}
