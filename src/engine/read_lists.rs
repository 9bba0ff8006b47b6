//! Lists as they are written: `'[1, 2]'::int[]`, as in DuckDB, and `'{1,2}'::int[]`, as in
//! PostgreSQL. The engine makes a list of one item of any text.
//!
//! Items stand between commas, in quotes if they have commas or blanks at their ends; NULL
//! without quotes is unknown. A rule takes the text apart, and the engine reads its items.
//! Lists of lists are refused.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, ListBuilder, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::hidden::Hidden;
use super::rewrite;
use crate::error::Error;

/// The rule, for casts that a person wrote.
#[derive(Debug)]
pub(super) struct ReadLists;

impl AnalyzerRule for ReadLists {
    fn name(&self) -> &'static str {
        "read_lists"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, makes_list, &read)
    }
}

fn makes_list(part: &Expr) -> bool {
    matches!(rewrite::type_of_cast(part), Some(DataType::List(_) | DataType::LargeList(_)))
}

fn read(mut expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_strict = matches!(expression, Expr::Cast(_));
    let (Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })) =
        &mut expression
    else {
        return Ok(Transformed::no(expression));
    };
    let (DataType::List(item) | DataType::LargeList(item)) = field.data_type() else {
        return Ok(Transformed::no(expression));
    };
    if !expr.get_type(schema).is_ok_and(|from| from.is_string()) {
        return Ok(Transformed::no(expression));
    }
    if item.data_type().is_nested() {
        let error = Error::query("a text is not read as a list of lists or structures");
        return Err(foreign(error.hint("json_items takes a text apart that is a JSON array")));
    }
    let read = if is_strict { &ITEMS } else { &ITEMS_OR_NULL };
    **expr = read.of(*expr.clone());
    Ok(Transformed::yes(expression))
}

/// The texts of the items of a list that is written out.
pub(super) static ITEMS: Hidden =
    Hidden { name: "items_of_text", returns: texts, compute: |lists| items(lists, true) };

/// The same, and NULL of a text that is no list.
pub(super) static ITEMS_OR_NULL: Hidden =
    Hidden { name: "items_of_text_or_null", returns: texts, compute: |lists| items(lists, false) };

fn texts(_kind: &DataType) -> Result<DataType> {
    Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Utf8View, true))))
}

fn items(lists: &ArrayRef, is_strict: bool) -> Result<ArrayRef> {
    let lists = cast(lists, &DataType::Utf8View)?;
    let mut built = ListBuilder::new(StringViewBuilder::new());
    for list in lists.as_string_view() {
        let items = list.map(|list| (list, split(list)));
        match items {
            Some((_, Some(items))) => {
                for item in items {
                    built.values().append_option(item);
                }
                built.append(true);
            }
            Some((list, None)) if is_strict => return Err(foreign(no_list(list))),
            Some((_, None)) | None => built.append(false),
        }
    }
    Ok(Arc::new(built.finish()))
}

/// The items of a list that is written out, if `text` is one.
fn split(text: &str) -> Option<Vec<Option<String>>> {
    let text = text.trim();
    let inside = [('[', ']'), ('{', '}')].into_iter().find_map(|(first, last)| {
        text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last))
    })?;
    let mut reader = Reader::default();
    match inside.chars().try_for_each(|sign| reader.read(sign)) {
        ControlFlow::Continue(()) => reader.finish(),
        ControlFlow::Break(()) => None,
    }
}

/// Where a text is read.
#[derive(Default)]
struct Reader {
    items: Vec<Option<String>>,
    item: String,
    /// In which quotes the sign is that comes next.
    quote: Option<char>,
    /// Whether the item was in quotes, behind which only blanks may stand.
    was_quoted: bool,
    /// Whether the sign that comes next is taken as it is.
    is_escaped: bool,
}

impl Reader {
    /// Takes a sign in; breaks off where no list has one.
    fn read(&mut self, sign: char) -> ControlFlow<()> {
        if self.is_escaped {
            self.is_escaped = false;
            self.item.push(sign);
            return ControlFlow::Continue(());
        }
        match (self.quote, sign) {
            (Some(_), '\\') => self.is_escaped = true,
            (Some(quote), sign) if quote == sign => {
                (self.quote, self.was_quoted) = (None, true);
            }
            (Some(_), sign) => self.item.push(sign),
            (None, ',') => self.end_item(),
            (None, '"' | '\'') if self.item.trim().is_empty() && !self.was_quoted => {
                self.item.clear();
                self.quote = Some(sign);
            }
            (None, '[' | ']' | '{' | '}') => return ControlFlow::Break(()),
            (None, sign) if self.was_quoted => {
                return if sign.is_whitespace() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                };
            }
            (None, sign) => self.item.push(sign),
        }
        ControlFlow::Continue(())
    }

    fn end_item(&mut self) {
        let item = std::mem::take(&mut self.item);
        self.items.push(match std::mem::take(&mut self.was_quoted) {
            true => Some(item),
            false => {
                let item = item.trim();
                (!item.eq_ignore_ascii_case("null")).then(|| item.to_owned())
            }
        });
    }

    /// All items, if the text ends where a list may.
    fn finish(mut self) -> Option<Vec<Option<String>>> {
        if self.quote.is_some() {
            return None;
        }
        let is_empty = self.items.is_empty() && !self.was_quoted && self.item.trim().is_empty();
        if !is_empty {
            self.end_item();
        }
        Some(self.items)
    }
}

fn no_list(text: &str) -> Error {
    let shown: String = text.chars().take(60).collect();
    Error::query(format!("the text \"{shown}\" is no list")).hint(
        "a list is written [1, 2]; string_to_array splits any text, TRY_CAST gives NULL where a \
         text is no list",
    )
}

fn foreign(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn texts_are_read_as_lists() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("'[1, 2]'::int[]", "[1, 2]"),
            ("'{1,2}'::bigint[]", "[1, 2]"),
            ("' [ 1 ,null, 3 ] '::int[]::text", "[1, NULL, 3]"),
            ("'[]'::int[]", "[]"),
            ("('[]'::int[])[1] IS NULL", "true"),
            (r#"'[a b, "c, d", "null", "it''s"]'::text[]"#, "[a b, c, d, null, it's]"),
            (r#"length('["c, d", e]'::varchar[])"#, "2"),
            (r#"('["a\"b"]'::text[])[1]"#, r#"a"b"#),
            ("'[2012-08-27]'::date[]", "[2012-08-27]"),
            ("TRY_CAST('[1, 2]' AS int[])", "[1, 2]"),
            ("TRY_CAST('1' AS int[]) IS NULL", "true"),
            ("TRY_CAST('[1, [2]]' AS int[]) IS NULL", "true"),
        ] {
            assert_eq!(value(&session, &format!("SELECT {asked} AS x")).await, wanted, "{asked}");
        }
        let sql = "SELECT x::int[] AS l FROM (VALUES (1, '[1, 2]'), (2, NULL), (3, '[3]'))
                   AS t(i, x) ORDER BY i";
        assert_eq!(answer(&session, sql).await, ["l", "[1, 2]", "", "[3]"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_no_list_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (asked, wanted) in [
            ("'a'::text[]", "is no list"),
            ("'[1'::int[]", "is no list"),
            (r#"'["a" b]'::text[]"#, "is no list"),
            ("'[[1]]'::int[][]", "list of lists"),
            ("'[a]'::int[]", "whole number"),
        ] {
            let sql = format!("SELECT {asked} AS x");
            let text = session.collect(&sql).await.unwrap_err().to_string();
            assert!(text.contains(wanted), "{sql}: {text}");
        }
    }
}
