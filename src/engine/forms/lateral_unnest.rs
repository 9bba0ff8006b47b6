//! `FROM posts, unnest(hashtags) AS t(tag)`: a row for each item of a list that a
//! table before it has; also after LATERAL, and with LEFT JOIN.
//!
//! The planner makes a join of this, whose right side asks columns of the left one,
//! and nothing runs such a join. Here what the right side computes is computed from
//! the rows of the left side instead. INNER and CROSS joins drop rows whose list is
//! empty or unknown; LEFT joins keep them, with NULL for the item. Where the list is one of
//! a row around the query, as in `EXISTS (SELECT 1 FROM unnest(p.hashtags) AS t(tag))`, the
//! unnest stays what it is, for [`unnested`](crate::engine::unnested) to go on with.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, NullHandling, Result, ScalarValue};
use datafusion::logical_expr::{
    Expr, Join, LogicalPlan, LogicalPlanBuilder, SubqueryAlias, Unnest,
};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Array, Expr as Typed, FunctionArg, FunctionArgExpr, Ident, TableAlias, TableAliasColumnDef,
    TableFactor, Value, VisitMut, VisitorMut, visit_expressions,
};

use crate::engine::names::call;
use crate::engine::parsed;

/// The function, and the name of what it gives if it has no other.
const UNNEST: &str = "unnest";

/// The column of the numbers that `generate_series` gives.
const NUMBERS: &str = "value";

/// The column of numbers that WITH ORDINALITY adds.
const ORDINALITY: &str = "ordinality";

/// Brings each unnest in FROM to the form that the planner knows, and names what it
/// gives as other databases do: `unnest(hashtags) AS tag` has a column `tag`.
pub(super) fn name(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Name);
}

struct Name;

impl VisitorMut for Name {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let Some(unnested) = unnested(table) {
            *table = unnested;
        }
        match table {
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } => {
                array_exprs.iter_mut().for_each(call_lists);
                if array_exprs.len() == 1 {
                    name_items(alias, UNNEST, None);
                }
                if std::mem::take(with_ordinality) {
                    number_items(alias, array_exprs);
                }
            }
            TableFactor::Derived { lateral: true, subquery, .. } => call_lists(subquery),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The form that the planner knows of `LATERAL unnest(hashtags)`, and of
/// `generate_series(1, likes)`, which sees no columns of other tables as a table itself.
fn unnested(table: &mut TableFactor) -> Option<TableFactor> {
    let (name, arguments, alias, with_ordinality) = match table {
        TableFactor::Function { name, args, with_ordinality, alias, .. } => {
            (name, &args[..], alias, *with_ordinality)
        }
        TableFactor::Table { name, args: Some(args), alias, .. } => {
            (name, &args.args[..], alias, false)
        }
        _ => return None,
    };
    let name = name.to_string().to_lowercase();
    let given = arguments.iter().map(list).collect::<Option<Vec<_>>>()?;
    let lists = match name.as_str() {
        UNNEST => given,
        "generate_series" | "range" if given.iter().any(asks_columns) => {
            name_items(alias, &name, Some(NUMBERS));
            vec![call(&name, given)]
        }
        _ => return None,
    };
    Some(TableFactor::UNNEST {
        alias: alias.take(),
        array_exprs: lists,
        with_offset: false,
        with_offset_alias: None,
        with_ordinality,
    })
}

fn list(argument: &FunctionArg) -> Option<Typed> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(list)) => Some(list.clone()),
        _ => None,
    }
}

fn asks_columns(expression: &Typed) -> bool {
    let found = visit_expressions(expression, |part| match part {
        Typed::Identifier(_) | Typed::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Names the column of items, if it has no name: as `column`, or like the table, which is
/// called `table` if it is not named either.
fn name_items(alias: &mut Option<TableAlias>, table: &str, column: Option<&str>) {
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: Ident::new(table),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        let name = column.map_or_else(|| alias.name.clone(), Ident::new);
        alias.columns.push(TableAliasColumnDef { name, data_type: None });
    }
}

/// Puts the numbers of the items beside them, for WITH ORDINALITY.
fn number_items(alias: &mut Option<TableAlias>, lists: &mut Vec<Typed>) {
    if let Some(alias) = alias
        && alias.columns.len() == lists.len()
    {
        alias.columns.push(TableAliasColumnDef { name: Ident::new(ORDINALITY), data_type: None });
    }
    let lengths = lists.iter().map(|list| call("array_length", [list.clone()]));
    if let Some(longest) = lengths.reduce(|one, other| call("greatest", [one, other])) {
        let first = Typed::value(Value::Number("1".to_owned(), false));
        lists.push(call("generate_series", [first, longest]));
    }
}

/// Makes calls of the lists in brackets: in those the planner knows no columns of the
/// tables around.
fn call_lists(part: &mut impl VisitMut) {
    // It never breaks off.
    let _ = part.visit(&mut CallLists);
}

struct CallLists;

impl VisitorMut for CallLists {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Typed) -> ControlFlow<()> {
        if let Typed::Array(Array { elem, .. }) = expression {
            *expression = call("make_array", std::mem::take(elem));
        }
        ControlFlow::Continue(())
    }
}

/// `plan` without joins whose right side only computes something, lists above all,
/// of each row of the left side.
pub(super) fn beside(plan: LogicalPlan) -> Result<LogicalPlan> {
    let planned = plan.transform_up_with_subqueries(|node| {
        let node = with_plain_tables(node)?;
        let joined = match &node.data {
            LogicalPlan::Join(join) => computed(join)?,
            _ => None,
        };
        Ok(match joined {
            Some(joined) => Transformed::yes(joined),
            None => node,
        })
    });
    planned.map(|planned| planned.data)
}

/// `node` over tables that ask columns of none before them, and are no different from others
/// then: what they ask for is around the query.
fn with_plain_tables(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let before = match &node {
        // What stands above it tells what is before it.
        LogicalPlan::SubqueryAlias(_) => return Ok(Transformed::no(node)),
        LogicalPlan::Join(join) => Some(Arc::clone(join.left.schema())),
        _ => None,
    };
    let mut place = 0;
    node.map_children(|table| {
        let before = before.as_ref().filter(|_| place > 0);
        place += 1;
        let asks_before = |asked: &LogicalPlan| {
            asked.all_out_ref_exprs().iter().any(|asked| match (asked, before) {
                (Expr::OuterReferenceColumn(_, column), Some(before)) => before.has_column(column),
                _ => false,
            })
        };
        Ok(match asking_outside(&table) {
            Some(asked) if !asks_before(asked) => Transformed::yes(plain(table)?),
            _ => Transformed::no(table),
        })
    })
}

/// A table as those are that ask for no columns.
fn plain(table: LogicalPlan) -> Result<LogicalPlan> {
    Ok(match table {
        LogicalPlan::Subquery(asked) => Arc::unwrap_or_clone(asked.subquery),
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => {
            let input = Arc::new(plain(Arc::unwrap_or_clone(input))?);
            LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(input, alias)?)
        }
        other => other,
    })
}

/// The rows of `join`, if they can be computed from those of its left side.
fn computed(join: &Join) -> Result<Option<LogicalPlan>> {
    let keeps_all = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left => true,
        _ => return Ok(None),
    };
    let condition = join.filter.as_ref().filter(|condition| !is_true(condition));
    if !join.on.is_empty() || keeps_all && condition.is_some() {
        return Ok(None);
    }
    let Some(right) = asking_outside(&join.right) else { return Ok(None) };
    let left = join.left.schema();
    let mut rows = Rows { plan: join.left.as_ref().clone(), keeps_all, unnested: false };
    let Some(columns) = rows.columns(right, left)? else { return Ok(None) };
    // Of a row that is kept for want of items, what is made of them is unknown too.
    let is_item = |expression: &Expr| match expression {
        Expr::Column(column) => !left.has_column(column),
        _ => false,
    };
    if keeps_all && rows.unnested && !columns.iter().all(is_item) {
        return Ok(None);
    }
    let right = join.right.schema().iter().zip(columns).map(|((qualifier, field), expression)| {
        expression.alias_qualified(qualifier.cloned(), field.name())
    });
    let all = column_list(left).chain(right);
    let rows = LogicalPlanBuilder::from(rows.plan).project(all.collect::<Vec<_>>())?;
    let rows = match condition {
        Some(condition) => rows.filter(condition.clone())?,
        None => rows,
    };
    rows.build().map(Some)
}

fn is_true(condition: &Expr) -> bool {
    matches!(condition, Expr::Literal(ScalarValue::Boolean(Some(true)), _))
}

/// What a side of a join asks, if it asks columns from outside.
fn asking_outside(side: &LogicalPlan) -> Option<&LogicalPlan> {
    match side {
        LogicalPlan::Subquery(subquery) => Some(&subquery.subquery),
        LogicalPlan::SubqueryAlias(alias) => asking_outside(&alias.input),
        _ => None,
    }
}

fn column_list(schema: &DFSchema) -> impl Iterator<Item = Expr> {
    schema.iter().map(Column::from).map(Expr::Column)
}

/// The rows of the left side, and what has been put beside them.
struct Rows {
    plan: LogicalPlan,
    /// Whether rows without items are kept.
    keeps_all: bool,
    /// Whether there are items beside them.
    unnested: bool,
}

impl Rows {
    /// The columns of `plan`, computed from those of the rows; none if it does more
    /// than that, or asks for columns that `left` does not have.
    fn columns(&mut self, plan: &LogicalPlan, left: &DFSchema) -> Result<Option<Vec<Expr>>> {
        match plan {
            LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => {
                Ok(empty.schema.fields().is_empty().then(Vec::new))
            }
            LogicalPlan::SubqueryAlias(alias) => self.columns(&alias.input, left),
            LogicalPlan::Subquery(inner) => self.columns(&inner.subquery, left),
            LogicalPlan::Projection(projection) => {
                let Some(below) = self.columns(&projection.input, left)? else { return Ok(None) };
                let below = Below { schema: projection.input.schema(), columns: &below, left };
                projection.expr.iter().map(|one| below.computed(one)).collect()
            }
            LogicalPlan::Filter(filter) if !self.keeps_all => {
                let Some(columns) = self.columns(&filter.input, left)? else { return Ok(None) };
                let below = Below { schema: filter.input.schema(), columns: &columns, left };
                let Some(condition) = below.computed(&filter.predicate)? else { return Ok(None) };
                self.build(|rows| rows.filter(condition))?;
                Ok(Some(columns))
            }
            LogicalPlan::Unnest(unnest) => {
                let Some(below) = self.columns(&unnest.input, left)? else { return Ok(None) };
                self.unnest(unnest, &below)
            }
            _ => Ok(None),
        }
    }

    /// Puts items beside the rows, of lists that are computed from them.
    fn unnest(&mut self, unnest: &Unnest, below: &[Expr]) -> Result<Option<Vec<Expr>>> {
        let is_deep = unnest.list_type_columns.iter().any(|(_, list)| list.depth > 1);
        let makes_fields = !unnest.struct_type_columns.is_empty();
        if self.keeps_all && (is_deep || makes_fields || self.unnested) {
            return Ok(None);
        }
        let input = unnest.input.schema();
        let mut listed: Vec<Expr> = column_list(self.plan.schema()).collect();
        let mut places = Vec::new();
        for column in &unnest.exec_columns {
            let place = input.index_of_column(column)?;
            let list = below[place].clone();
            listed.push(list.alias_qualified(column.relation.clone(), &column.name));
            places.push(place);
        }
        let mut options = unnest.options.clone();
        if self.keeps_all {
            options = options.with_null_handling(NullHandling::PreserveAndExpandEmpty);
        }
        let lists = unnest.exec_columns.clone();
        self.build(|rows| rows.project(listed)?.unnest_columns_with_options(lists, options))?;
        self.unnested = true;
        let columns = unnest.schema.iter().zip(&unnest.dependency_indices);
        let columns = columns.map(|(item, place)| match places.contains(place) {
            true => Expr::Column(Column::from(item)),
            false => below[*place].clone(),
        });
        Ok(Some(columns.collect()))
    }

    fn build(
        &mut self,
        build: impl FnOnce(LogicalPlanBuilder) -> Result<LogicalPlanBuilder>,
    ) -> Result<()> {
        self.plan = build(LogicalPlanBuilder::from(self.plan.clone()))?.build()?;
        Ok(())
    }
}

/// What the columns that an expression asks for are computed from.
struct Below<'a> {
    /// The columns as the expression knows them.
    schema: &'a DFSchema,
    /// Each of them, computed from the rows of the left side.
    columns: &'a [Expr],
    /// The columns of the left side.
    left: &'a DFSchema,
}

impl Below<'_> {
    /// `expression` over the rows of the left side; none if it asks for more.
    fn computed(&self, expression: &Expr) -> Result<Option<Expr>> {
        // What differs each time must not be computed twice.
        let mut is_known = !expression.is_volatile();
        let computed = expression.clone().unalias_nested().data.transform(|part| {
            Ok(match part {
                Expr::Column(column) => {
                    let place = self.schema.index_of_column(&column)?;
                    Transformed::yes(self.columns[place].clone())
                }
                Expr::OuterReferenceColumn(_, column) if self.left.has_column(&column) => {
                    Transformed::yes(Expr::Column(column))
                }
                Expr::OuterReferenceColumn(..)
                | Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_) => {
                    is_known = false;
                    Transformed::no(part)
                }
                other => Transformed::no(other),
            })
        })?;
        Ok(is_known.then_some(computed.data))
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// Three posts: with two hashtags, with none, and with unknown ones.
    const POSTS: &str = "CREATE TABLE posts AS SELECT * FROM (VALUES
        (1, make_array('a', 'b'), make_array(7, 8)),
        (2, array_remove(make_array('x'), 'x'), make_array(9)),
        (3, NULL, NULL)) AS t(id, hashtags, numbers)";

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect(POSTS).await.unwrap();
        let accounts =
            "CREATE TABLE accounts AS SELECT 1 AS id, 'me' AS name, make_array(5) AS hashtags";
        session.collect(accounts).await.unwrap();
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn items_stand_beside_the_row_of_their_list() {
        let session = session().await;
        for from in [
            "posts, unnest(hashtags) AS t(tag)",
            "posts p, UNNEST(p.hashtags) AS t(tag)",
            "posts, unnest(posts.hashtags) t(tag)",
            "posts, LATERAL unnest(hashtags) AS t(tag)",
            "posts CROSS JOIN unnest(hashtags) AS t(tag)",
            "posts CROSS JOIN LATERAL unnest(hashtags) AS t(tag)",
            "posts JOIN unnest(hashtags) AS t(tag) ON true",
            "posts INNER JOIN LATERAL unnest(hashtags) AS t(tag) ON tag > ''",
            "posts, LATERAL (SELECT unnest(hashtags)) AS t(tag)",
            "posts CROSS JOIN LATERAL (SELECT unnest(hashtags) AS tag) AS t",
            "posts, unnest(hashtags) AS tag",
        ] {
            let sql = format!("SELECT id, tag FROM {from} ORDER BY id, tag");
            assert_eq!(answer(&session, &sql).await, ["id|tag", "1|a", "1|b"], "{sql}");
        }
        for from in [
            "posts LEFT JOIN unnest(hashtags) AS t(tag) ON true",
            "posts p LEFT JOIN LATERAL unnest(p.hashtags) AS t(tag) ON TRUE",
            "posts LEFT JOIN LATERAL (SELECT unnest(hashtags) AS tag) AS t ON true",
        ] {
            let sql = format!("SELECT id, tag FROM {from} ORDER BY id, tag");
            assert_eq!(answer(&session, &sql).await, ["id|tag", "1|a", "1|b", "2|", "3|"], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn all_else_of_a_query_goes_on_as_ever() {
        let session = session().await;
        let tagged = "FROM posts p, unnest(p.hashtags) AS t(tag)";
        for (sql, wanted) in [
            (format!("SELECT t.* {tagged} WHERE id = 1 AND tag <> 'a'"), &["tag", "b"][..]),
            (format!("SELECT tag, count(*) AS n {tagged} GROUP BY tag ORDER BY 1 DESC LIMIT 1"), &[
                "tag|n", "b|1",
            ]),
            (format!("SELECT max(tag) OVER () AS m {tagged} LIMIT 1"), &["m", "b"]),
            (format!("SELECT count(*) AS n FROM (SELECT * {tagged})"), &["n", "2"]),
            (format!("SELECT id FROM posts WHERE id IN (SELECT id {tagged})"), &["id", "1"]),
            ("SELECT id, unnest FROM posts, unnest(numbers) ORDER BY 2 DESC LIMIT 1".to_owned(), &[
                "id|unnest", "2|9",
            ]),
            (
                "SELECT tag, n FROM posts, unnest(hashtags, numbers) AS t(tag, n) ORDER BY n".to_owned(),
                &["tag|n", "a|7", "b|8", "|9"],
            ),
            (
                "SELECT name, tag, n FROM posts p JOIN accounts a USING (id), unnest(p.hashtags) AS t(tag),
                 unnest(a.hashtags) AS u(n) WHERE tag = 'a'".to_owned(),
                &["name|tag|n", "me|a|5"],
            ),
            (
                "SELECT a.id, tag FROM posts p CROSS JOIN unnest(p.hashtags) AS t(tag)
                 JOIN accounts a ON a.id = p.id AND tag = 'b'".to_owned(),
                &["id|tag", "1|b"],
            ),
            (
                "SELECT id, word FROM posts, unnest(string_to_array('x ' || id, ' ')) AS w(word)
                 WHERE id = 3 ORDER BY word".to_owned(),
                &["id|word", "3|3", "3|x"],
            ),
            (
                "SELECT twice FROM posts CROSS JOIN LATERAL (SELECT id * 2 AS twice) AS t ORDER BY 1"
                    .to_owned(),
                &["twice", "2", "4", "6"],
            ),
            (
                "SELECT id, tag FROM posts, LATERAL (SELECT * FROM unnest(hashtags) AS t(tag)
                 WHERE tag < 'b') AS s".to_owned(),
                &["id|tag", "1|a"],
            ),
            ("SELECT n FROM unnest([3, 4]) AS t(n) ORDER BY n".to_owned(), &["n", "3", "4"]),
            ("SELECT id, n FROM posts, unnest([3]) AS t(n) WHERE id = 2".to_owned(), &[
                "id|n", "2|3",
            ]),
        ] {
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
        let view = "CREATE VIEW tagged AS SELECT id, tag FROM posts, unnest(hashtags) AS t(tag)";
        session.collect(view).await.unwrap();
        assert_eq!(answer(&session, "SELECT count(*) AS n FROM tagged").await, ["n", "2"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn items_have_numbers_and_lists_are_made_of_columns() {
        let session = session().await;
        for (asked, wanted) in [
            (
                "id, tag, n FROM posts, unnest(hashtags) WITH ORDINALITY AS t(tag, n) ORDER BY n",
                &["id|tag|n", "1|a|1", "1|b|2"][..],
            ),
            (
                "tag, ordinality FROM posts, unnest(hashtags) WITH ORDINALITY AS tag ORDER BY 2",
                &["tag|ordinality", "a|1", "b|2"],
            ),
            (
                "id, n FROM posts LEFT JOIN LATERAL unnest(hashtags) WITH ORDINALITY AS t(tag, n)
                 ON true ORDER BY id, n",
                &["id|n", "1|1", "1|2", "2|", "3|"],
            ),
            (
                "a, b, n FROM unnest([5, 6], [7]) WITH ORDINALITY AS t(a, b, n) ORDER BY n",
                &["a|b|n", "5|7|1", "6||2"],
            ),
            ("v FROM posts p, unnest([p.id, 9]) AS t(v) WHERE id = 2 ORDER BY v", &["v", "2", "9"]),
            (
                "v FROM posts p, LATERAL (SELECT unnest([p.id, 9]) AS v) AS t WHERE id = 2 ORDER BY v",
                &["v", "2", "9"],
            ),
            (
                "id, n FROM posts p, generate_series(2, p.id) AS t(n) ORDER BY id, n",
                &["id|n", "2|2", "3|2", "3|3"],
            ),
            (
                "id, value FROM posts, range(1, id) ORDER BY id, value",
                &["id|value", "2|1", "3|1", "3|2"],
            ),
            ("value FROM generate_series(1, 2) ORDER BY 1", &["value", "1", "2"]),
            (
                "unnest(hashtags) AS tag, generate_subscripts(hashtags, 1) AS n FROM posts
                 WHERE id = 1 ORDER BY n",
                &["tag|n", "a|1", "b|2"],
            ),
        ] {
            assert_eq!(answer(&session, &format!("SELECT {asked}")).await, wanted, "{asked}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_without_the_item_stay_in_a_left_join() {
        let session = session().await;
        let sql = "SELECT id, tag FROM posts LEFT JOIN unnest(hashtags) AS t(tag) ON tag = 'a'
                   ORDER BY id";
        assert_eq!(answer(&session, sql).await, ["id|tag", "1|a", "2|", "3|"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn lists_of_a_row_around_a_query_are_unnested_in_it() {
        let session = session().await;
        let more = "CREATE TABLE more AS SELECT * FROM (VALUES (1, ['xa', 'b', 'b'], [1, 5]),
                    (2, ['c'], [2]), (3, NULL, NULL), (4, ['c'], [3, 4])) AS t(id, tags, numbers)";
        session.collect(more).await.unwrap();
        for (asked, wanted) in [
            (
                "id FROM more m WHERE EXISTS (SELECT 1 FROM unnest(m.tags) AS t(tag)
                 WHERE tag LIKE 'x%')",
                &["1"][..],
            ),
            (
                "id FROM more m WHERE NOT EXISTS (SELECT 1 FROM unnest(tags) AS t(tag)
                 WHERE tag = 'c')",
                &["1", "3"],
            ),
            ("id FROM more WHERE 'b' IN (SELECT unnest(tags))", &["1"]),
            ("id FROM more m WHERE 'b' IN (SELECT t FROM unnest(m.tags) AS t)", &["1"]),
            (
                "id, (SELECT count(*) FROM unnest(m.tags) AS t(tag) WHERE tag > 'a') FROM more m",
                &["1|3", "2|1", "3|0", "4|1"],
            ),
            (
                "id, (SELECT max(n) FROM unnest(m.numbers) AS t(n) WHERE n <= m.id) FROM more m",
                &["1|1", "2|2", "3|", "4|4"],
            ),
            (
                "id, (SELECT tag FROM unnest(m.tags) AS t(tag) ORDER BY tag LIMIT 1) FROM more m",
                &["1|b", "2|c", "3|", "4|c"],
            ),
            (
                "id, tag, n FROM more m, LATERAL (SELECT tag, count(*) AS n FROM unnest(m.tags)
                 AS t(tag) GROUP BY tag) AS s",
                &["1|b|2", "1|xa|1", "2|c|1", "4|c|1"],
            ),
            (
                "id, (SELECT count(*) FROM unnest(m.tags) AS t(tag), unnest(m.numbers) AS u(n)
                 WHERE n > 1) FROM more m",
                &["1|3", "2|1", "3|0", "4|2"],
            ),
            (
                "id FROM more m WHERE EXISTS (SELECT 1 FROM unnest(m.numbers) AS t(n) JOIN posts p
                 ON p.id = t.n WHERE p.hashtags IS NULL)",
                &["4"],
            ),
        ] {
            let sql = format!("SELECT {asked} ORDER BY ALL");
            assert_eq!(answer(&session, &sql).await[1..], *wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_be_computed_so_is_told_with_what_can() {
        let session = session().await;
        let sql = "SELECT id FROM unnest(posts.hashtags) AS t(tag), posts";
        let error = session.collect(sql).await.unwrap_err();
        let advice = error.advice().unwrap_or_default();
        assert!(advice.contains("FROM posts, unnest(hashtags) AS t(tag)"), "{sql}: {error}");
    }
}
