//! `SELECT DISTINCT ON (account_id) ... ORDER BY account_id, posted_at DESC` numbers the rows
//! of each group, and takes those with the number one.
//!
//! The engine groups by the keys and takes the first value of each column by itself, so it
//! compares every row as often as there are columns. Of rows that are numbered most are dropped
//! before they are sorted (`first_of_group`), unless each row of a group is better than those
//! before it: then all of them were sorted, with all their columns. So that is done only by
//! what posts and snapshots are stored by, newest first, and by counts of posts, which have no
//! order there. Without an order of the rows of a group, and for keys and orders of which equal
//! values may look different, the engine has its way. Which of equal rows comes out is as open
//! as before, but it is one of them as a whole.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::normalize_cols;
use datafusion::logical_expr::{
    Distinct, DistinctOn, Expr, ExprFunctionExt, ExprSchemable, LogicalPlan, LogicalPlanBuilder,
    TableScan, WindowFrame, WindowFrameBound, WindowFrameUnits, lit,
};
use datafusion::optimizer::OptimizerConfig;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;

use super::around::{Rule, around};
use super::joined_tables::plain_column;
use crate::catalog::{Levers, StoreTable};
use crate::engine::unnested::columns_around;
use crate::engine::whole_counts::row_number;
use crate::index::{self, COUNTS};

/// The column with the number of a row in its group.
const NUMBER: &str = "__number_in_group";

/// `rules`, of which the one that groups rows for DISTINCT ON does so only where numbered rows
/// are no better.
pub(super) fn among(rules: Vec<Rule>) -> Vec<Rule> {
    around(rules, &ReplaceDistinctWithAggregate::new(), numbered_or_grouped)
}

fn numbered_or_grouped(
    engine: &Rule,
    plan: LogicalPlan,
    config: &dyn OptimizerConfig,
) -> Result<Transformed<LogicalPlan>> {
    if Levers::of(&config.options()).first_of_group
        && let LogicalPlan::Distinct(Distinct::On(distinct)) = &plan
        && columns_around(&plan).is_empty()
        && let Some(numbered) = numbered(distinct)
    {
        return Ok(Transformed::yes(numbered));
    }
    engine.rewrite(plan, config)
}

/// The first rows by their numbers; `None` where that may differ from what the engine does, or
/// where it is not worth it.
fn numbered(distinct: &DistinctOn) -> Option<LogicalPlan> {
    let input = &distinct.input;
    let schema = input.schema();
    let sorted = distinct.sort_expr.as_ref()?;
    // What the rows of a group are sorted by comes behind the keys, which they have in common.
    let (keys, order) = sorted.split_at_checked(distinct.on_expr.len())?;
    let are_keys = keys.iter().zip(&distinct.on_expr).all(|(key, on)| {
        key.expr == *on && !on.column_refs().is_empty() && is_of(on, schema, is_plain)
    });
    let (first, others) = order.split_first()?;
    let Expr::Column(column) = &first.expr else { return None };
    let is_order = is_of(&first.expr, schema, is_small_number)
        && others.iter().all(|other| is_of(&other.expr, schema, is_plain))
        && comes_early(column, first.asc, input);
    if !are_keys || !is_order || !distinct.select_expr.iter().all(is_steady) {
        return None;
    }
    let frame = WindowFrame::new_bounds(
        WindowFrameUnits::Rows,
        WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
        WindowFrameBound::CurrentRow,
    );
    let number = row_number()
        .partition_by(distinct.on_expr.clone())
        .order_by(order.to_vec())
        .window_frame(frame)
        .build()
        .ok()?
        .alias(NUMBER);
    let is_first = Expr::Column(Column::new_unqualified(NUMBER)).eq(lit(1_i64));
    let shown = normalize_cols(distinct.select_expr.clone(), input).ok()?;
    let plan = LogicalPlanBuilder::from(input.as_ref().clone())
        .window(vec![number])
        .and_then(|plan| plan.filter(is_first))
        .and_then(|plan| plan.sort(keys.to_vec()))
        .and_then(|plan| plan.project(shown))
        .and_then(LogicalPlanBuilder::build)
        .ok()?;
    let is_same = plan.schema().logically_equivalent_names_and_types(&distinct.schema);
    is_same.then_some(plan)
}

/// Whether the rows of `plan` that are the first by `column` are likely to come before many
/// others.
fn comes_early(column: &Column, is_ascending: bool, plan: &LogicalPlan) -> bool {
    let origin = match plan {
        LogicalPlan::TableScan(scan) => return comes_early_in(column, is_ascending, scan),
        LogicalPlan::Filter(filter) => Some((column.clone(), &filter.input)),
        LogicalPlan::SubqueryAlias(alias) => {
            let place = alias.schema.maybe_index_of_column(column);
            let inner =
                place.map(|place| Column::from(alias.input.schema().qualified_field(place)));
            inner.map(|inner| (inner, &alias.input))
        }
        LogicalPlan::Projection(projection) => {
            let place = projection.schema.maybe_index_of_column(column);
            let inner = place.and_then(|place| plain_column(projection.expr.get(place)?));
            inner.map(|inner| (inner.clone(), &projection.input))
        }
        LogicalPlan::Join(join) => {
            let mut sides = [&join.left, &join.right].into_iter();
            let side = sides.find(|side| side.schema().has_column(column));
            side.map(|side| (column.clone(), side))
        }
        _ => None,
    };
    origin.is_some_and(|(column, input)| comes_early(&column, is_ascending, input))
}

/// Whether that holds for the rows of a stored table.
fn comes_early_in(column: &Column, is_ascending: bool, scan: &TableScan) -> bool {
    let Some(stored) = StoreTable::of_scan(scan) else { return false };
    let table = stored.snapshot().table;
    match table.sort.first() {
        Some(first) if first.name == column.name => first.descending != is_ascending,
        _ => index::covers(table) && COUNTS.contains(&column.name.as_str()),
    }
}

/// Whether `expression` is steady, and of a type that `is_meant`.
fn is_of(expression: &Expr, schema: &DFSchema, is_meant: fn(&DataType) -> bool) -> bool {
    is_steady(expression) && expression.get_type(schema).is_ok_and(|kind| is_meant(&kind))
}

/// Whether an expression gives the same for a row however often it is asked, and asks no other
/// query.
pub(super) fn is_steady(expression: &Expr) -> bool {
    let asks_query = expression.exists(|part| {
        Ok(matches!(
            part,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        ))
    });
    !expression.is_volatile() && asks_query.is_ok_and(|asks| !asks)
}

/// Whether values that are equal also look alike, wherever they are compared.
fn is_plain(kind: &DataType) -> bool {
    is_small_number(kind)
        || matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        || matches!(kind, DataType::Boolean | DataType::UInt64 | DataType::Decimal128(..))
}

/// Whether values are whole numbers or times for which rows are dropped before they are
/// sorted. Floats are left out: a zero has two signs.
fn is_small_number(kind: &DataType) -> bool {
    let is_whole = kind.is_integer() && *kind != DataType::UInt64;
    is_whole || matches!(kind, DataType::Date32 | DataType::Timestamp(..))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use datafusion::arrow::array::{RecordBatch, new_null_array};
    use datafusion::arrow::compute::cast;

    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};
    use crate::model::POSTS;
    use crate::store::Store;

    /// A session over a store with posts, some of them by an unknown account or at a time that
    /// is unknown.
    async fn session(folder: &Path) -> Session {
        let store = Store::create(folder).await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        let rows = "SELECT 'weibo' AS platform, CAST(100000 + value AS VARCHAR) AS post_id,
              'a' || nullif(value % 7, 5) AS account_id, 'k' || nullif(value % 4, 3) AS client,
              CASE WHEN value % 53 > 0 THEN arrow_cast(
                1325347200000000 + value * 7907 % 400 * 3601000000,
                'Timestamp(Microsecond, Some(\"UTC\"))') END AS posted_at,
              value % 3 = 0 AS is_repost, value % 17 AS reposts, value % 5 AS media_count,
              nullif(value * 37 % 1009, 7) AS likes,
              arrow_cast(1356969600000000, 'Timestamp(Microsecond, Some(\"UTC\"))') AS observed_at
            FROM range(0, 3000) AS r (value)";
        let maker = Session::new(None, Settings::default()).unwrap();
        for batch in maker.collect(rows).await.unwrap() {
            let schema = POSTS.schema();
            let columns =
                schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
                    Some(column) => cast(column, field.data_type()).unwrap(),
                    None => new_null_array(field.data_type(), batch.num_rows()),
                });
            let columns = columns.collect();
            let rows = RecordBatch::try_new(schema, columns).unwrap();
            transaction.append(&POSTS, rows).await.unwrap();
        }
        transaction.commit().await.unwrap();
        let store = Arc::new(Store::open(folder).await.unwrap());
        Session::new(Some(store), Settings { threads: 2, ..Settings::default() }).unwrap()
    }

    /// The answer with the rule and without, and whether it was at work.
    async fn both(session: &Session, sql: &str) -> (Vec<String>, Vec<String>, bool) {
        let plan = answer(session, &format!("EXPLAIN {sql}")).await.join("\n");
        let with = answer(session, sql).await;
        session.collect("SET weiku.first_of_group = false").await.unwrap();
        let without = answer(session, sql).await;
        session.collect("SET weiku.first_of_group = true").await.unwrap();
        (with, without, plan.contains("FewPerGroup"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn numbered_rows_are_those_that_the_engine_finds() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path()).await;
        for (asked, order) in [
            ("(account_id) account_id, post_id, likes", "account_id, likes, post_id"),
            ("(account_id) post_id, account_id", "account_id DESC, likes DESC, post_id"),
            ("(account_id) post_id", "account_id NULLS FIRST, likes NULLS FIRST, post_id DESC"),
            ("(account_id) likes", "account_id DESC NULLS LAST, likes DESC NULLS FIRST, post_id"),
            ("(account_id) post_id, posted_at", "account_id, posted_at DESC, post_id"),
            ("(account_id) post_id", "account_id, posted_at DESC NULLS FIRST, post_id"),
            (
                "(account_id, client) client, account_id, posted_at, post_id",
                "account_id, client DESC, posted_at DESC, post_id",
            ),
            ("(client) *", "client, reposts DESC, post_id"),
            ("(media_count % 2) media_count % 2 AS k, post_id", "media_count % 2, likes, post_id"),
            ("(upper(client)) post_id", "upper(client), likes DESC, post_id"),
            (
                "(is_repost) likes * 2 AS w, upper(client) AS u, is_repost",
                "is_repost, likes, client, post_id",
            ),
        ] {
            for from in ["posts", "posts WHERE likes < 0"] {
                let sql = format!("SELECT DISTINCT ON {asked} FROM {from} ORDER BY {order}");
                let (with, without, is_at_work) = both(&session, &sql).await;
                assert!(is_at_work || from != "posts", "{sql}");
                assert_eq!(with, without, "{sql}");
                assert_eq!(with.len() > 2, from == "posts", "{sql}: {with:?}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_above_and_below_is_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path()).await;
        let first =
            "SELECT DISTINCT ON (account_id) account_id, post_id, likes, media_count, client
                     FROM posts ORDER BY account_id, likes DESC, post_id";
        for sql in [
            format!("{first} LIMIT 3 OFFSET 1"),
            format!(
                "SELECT * FROM ({first}) q WHERE likes % 2 = 0 AND account_id > 'a1' ORDER BY post_id"
            ),
            format!("SELECT count(*) AS n, count(account_id) AS k FROM ({first}) q"),
            format!(
                "SELECT post_id FROM posts WHERE post_id IN (SELECT post_id FROM ({first}) q) ORDER BY 1"
            ),
            format!(
                "SELECT DISTINCT ON (media_count) * FROM ({first}) q ORDER BY media_count, likes DESC, post_id"
            ),
            "SELECT DISTINCT ON (k) k, w FROM
             (SELECT account_id AS k, likes AS w, post_id AS id FROM posts) q ORDER BY k, w, id"
                .to_owned(),
            "SELECT DISTINCT ON (p.account_id) p.account_id, p.post_id, a.n FROM posts p JOIN
             (SELECT account_id, count(*) AS n FROM posts GROUP BY account_id) a
             ON p.account_id = a.account_id ORDER BY p.account_id, p.likes DESC, p.post_id"
                .to_owned(),
        ] {
            let (with, without, is_at_work) = both(&session, &sql).await;
            assert!(is_at_work, "{sql}");
            assert_eq!(with, without, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_engine_finds_what_may_be_equal_in_other_ways_and_what_comes_late() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path()).await;
        session.collect("CREATE TABLE own AS SELECT * FROM posts").await.unwrap();
        for asked in [
            "(account_id) account_id FROM posts",
            "(account_id) account_id FROM posts ORDER BY account_id",
            "(account_id) post_id FROM posts ORDER BY account_id, post_id",
            "(account_id) post_id FROM posts ORDER BY account_id, posted_at, post_id",
            "(account_id) post_id FROM posts ORDER BY account_id, likes + 1, post_id",
            "(account_id) post_id FROM posts ORDER BY account_id, likes / 2e0, post_id",
            "(account_id) post_id FROM own ORDER BY account_id, likes, post_id",
            "(likes / 2e0) post_id FROM posts ORDER BY likes / 2e0, reposts, post_id",
            "(account_id) post_id, random() < 2 AS r FROM posts ORDER BY account_id, likes, post_id",
        ] {
            let sql = format!("SELECT DISTINCT ON {asked}");
            let (mut with, mut without, is_at_work) = both(&session, &sql).await;
            assert!(!is_at_work, "{sql}");
            with.sort();
            without.sort();
            assert_eq!(with, without, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_row_comes_out_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path()).await;
        let sql = "SELECT count(*) AS n FROM
                   (SELECT DISTINCT ON (account_id) post_id, account_id, client, likes, posted_at
                    FROM posts ORDER BY account_id, reposts) q
                   JOIN posts p ON p.post_id = q.post_id
                   WHERE p.account_id IS NOT DISTINCT FROM q.account_id
                     AND p.client IS NOT DISTINCT FROM q.client
                     AND p.likes IS NOT DISTINCT FROM q.likes
                     AND p.posted_at IS NOT DISTINCT FROM q.posted_at";
        assert_eq!(answer(&session, sql).await, ["n", "7"]);
    }
}
