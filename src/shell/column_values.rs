//! The values of a column, to be found by how they begin or sound.

use datafusion::arrow::datatypes::DataType;

use super::complete::words;
use crate::engine::Session;
use crate::error::Result;
use crate::render::value::{Column, Value};
use crate::text::pinyin;

/// Rows of a column that are looked at for its values.
const SAMPLE_ROWS: usize = 300_000;

/// Values of a column that are known. Of one that has more only the frequent ones
/// are: the others are ids and texts, which nobody types.
const MOST_KNOWN: usize = 60_000;

/// Values that are offered when nothing of them is typed, and of those columns
/// that have too many.
const MOST_FREQUENT: usize = 100;

/// Values that are offered when something of them is typed.
const MOST_FOUND: usize = 200;

/// Values among which a part is looked for by its sound, which takes longest.
const MOST_HEARD: usize = 5_000;

/// Characters of a value beyond which it is no category but a text.
const LONGEST: usize = 40;

/// What is known of the values of a column, the most frequent first.
#[derive(Debug, Default)]
pub(super) struct ColumnValues {
    all: Vec<Known>,
    /// Whether some come more than once, or they are few.
    are_categories: bool,
}

#[derive(Debug)]
struct Known {
    text: String,
    /// The text in small letters.
    folded: String,
    /// The characters that its sound may begin with, see [`pinyin::beginnings`].
    beginnings: u128,
}

impl ColumnValues {
    /// Those of a text column of what a statement calls `relation`, and the items of a
    /// column of lists; none of any other column, or when they cannot be read.
    pub(super) async fn read(session: &Session, relation: &str, column: &str) -> Self {
        let column = words::quote_name(column);
        let sample = format!("(SELECT {column} AS v FROM {relation} LIMIT {SAMPLE_ROWS})");
        let counted = |values: &str| {
            format!(
                "SELECT v, count(*) AS n FROM {values} \
                 WHERE v IS NOT NULL AND character_length(v) <= {LONGEST} \
                 GROUP BY v ORDER BY n DESC, v LIMIT {}",
                MOST_KNOWN + 1
            )
        };
        let items = format!("(SELECT unnest(v) AS v FROM {sample})");
        match Self::asked(session, &counted(&items)).await {
            Ok(items) => items,
            // What is no list has no items.
            Err(_) => Self::asked(session, &counted(&sample)).await.unwrap_or_default(),
        }
    }

    async fn asked(session: &Session, sql: &str) -> Result<Self> {
        let mut values = Vec::new();
        for batch in session.collect(sql).await? {
            let data_type = batch.column(0).data_type();
            if !matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
                return Ok(Self::default());
            }
            let (texts, counts) = (Column::new(batch.column(0))?, Column::new(batch.column(1))?);
            for row in 0..batch.num_rows() {
                if let (Value::Text(text), Value::Int(count)) = (texts.get(row), counts.get(row)) {
                    values.push((text.to_owned(), count));
                }
            }
        }
        Ok(Self::of(values))
    }

    /// Of values and how often each comes, the most frequent first.
    fn of(mut values: Vec<(String, i64)>) -> Self {
        // Where even the most frequent value stands alone, all do.
        let repeats = values.first().is_some_and(|(_, count)| *count > 1);
        let are_categories = repeats || values.len() <= 20;
        if values.len() > MOST_KNOWN {
            values.truncate(if repeats { MOST_FREQUENT } else { 0 });
        }
        let known = |(text, _): (String, i64)| {
            let folded = text.to_lowercase();
            let beginnings = pinyin::beginnings(&folded);
            Known { text, folded, beginnings }
        };
        values.retain(|(text, _)| !text.contains(char::is_control));
        Self { all: values.into_iter().map(known).collect(), are_categories }
    }

    /// Those that begin with what is typed, then those that sound like it, then,
    /// if there are none, those that hold it.
    pub(super) fn matching(&self, typed: &str) -> Vec<String> {
        let folded = typed.to_lowercase();
        let Some(first) = folded.chars().next() else {
            let offered = if self.are_categories { MOST_FREQUENT } else { 0 };
            return self.all.iter().take(offered).map(|known| known.text.clone()).collect();
        };
        let bit = pinyin::bit(first);
        let begins = self.found(|known| known.folded.starts_with(&folded));
        let sounds = self
            .found(|known| known.beginnings & bit != 0 && pinyin::begins(&known.folded, &folded));
        let mut found: Vec<_> = begins.chain(sounds).collect();
        if found.is_empty() {
            let heard = self.all.len() <= MOST_HEARD;
            found.extend(self.found(|known| {
                known.folded.contains(&folded) || heard && pinyin::holds(&known.folded, &folded)
            }));
        }
        found
    }

    fn found<'a>(&'a self, is: impl Fn(&Known) -> bool + 'a) -> impl Iterator<Item = String> + 'a {
        let found = self.all.iter().filter(move |known| is(known));
        found.take(MOST_FOUND).map(|known| known.text.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str], count: i64) -> ColumnValues {
        ColumnValues::of(texts.iter().map(|text| ((*text).to_owned(), count)).collect())
    }

    #[test]
    fn values_that_stand_alone_are_found_when_something_is_typed() {
        let mut names: Vec<_> = (0..50_000).map(|n| (format!("用户{n}"), 1)).collect();
        names.push(("外交小灵通".to_owned(), 1));
        names.push(("Waikiki".to_owned(), 1));
        let values = ColumnValues::of(names);
        assert!(values.matching("").is_empty());
        assert_eq!(values.matching("外"), ["外交小灵通"]);
        assert_eq!(values.matching("wai"), ["Waikiki", "外交小灵通"]);
        assert_eq!(values.matching("灵通"), ["外交小灵通"]);
        assert_eq!(values.matching("yh").len(), MOST_FOUND);
        assert!(values.matching("不在").is_empty() && values.matching("'").is_empty());
    }

    #[tokio::test]
    async fn of_lists_the_items_are_known() {
        let session = Session::new(None, crate::engine::Settings::default()).unwrap();
        session
            .collect(
                "CREATE TABLE t AS SELECT * FROM (VALUES (['外交', '微博'], 1, 'a'),
                 (['微博'], 2, 'b'), (NULL, 3, 'b')) AS t(tags, n, s)",
            )
            .await
            .unwrap();
        let offered =
            async |column: &str| ColumnValues::read(&session, "t", column).await.matching("");
        assert_eq!(offered("tags").await, ["微博", "外交"]);
        assert_eq!(offered("s").await, ["b", "a"]);
        assert!(offered("n").await.is_empty() && offered("nothing").await.is_empty());
    }

    #[test]
    fn categories_are_offered_at_once_and_ids_never() {
        assert_eq!(of(&["微博", "twitter"], 9).matching(""), ["微博", "twitter"]);
        assert_eq!(of(&["微博\u{7}"], 9).matching(""), [""; 0]);
        let ids: Vec<_> = (0..MOST_KNOWN + 1).map(|n| (n.to_string(), 1)).collect();
        assert!(ColumnValues::of(ids).matching("1").is_empty());
    }
}
