//! Keys of groups that are no longer keys, once their rows are multiplied.
//!
//! The engine knows that a row of `GROUP BY level` is the only one of its level, so that
//! whatever else it has goes with the level. It goes on to believe so where lists of these
//! rows are unnested, and where they are joined to others and grouped again, by the level
//! and by more: it then leaves out the second key of `ORDER BY level, tag`, or DISTINCT,
//! groups by more than was asked for, and lets a window go from row to row. Below such a
//! step a projection takes a column of the key through a function of which nothing is
//! known.
//!
//! Where a projection has a column of a key more than once, as that of `SELECT level AS l,
//! unnest(tags) ... GROUP BY level` has, the engine goes by the first until that one is
//! asked for by nobody and left out, and then by the next. So the others are taken through
//! the function at once.
//!
//! Some of this is decided as a query is planned, by what its tables are; so each table
//! of FROM is looked at then, and the whole plan once more when all forms have been
//! brought into it.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{
    Column, Dependency, FunctionalDependence, FunctionalDependencies, Result,
};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, LogicalPlan, Projection, Unnest,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::{
    TableAlias, TableFactor, TableSample, TableSampleKind, TableSampleModifier,
};

use super::hidden::Hidden;

/// The rule.
#[derive(Debug)]
pub(super) struct MultipliedKeys;

impl AnalyzerRule for MultipliedKeys {
    fn name(&self) -> &'static str {
        "multiplied_keys"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        forgotten(plan)
    }
}

/// Plans the tables of FROM by the rule, some of them by way of other planners.
#[derive(Debug)]
pub(super) struct Tables {
    /// What plans tables that the engine does not know, or not so.
    pub(super) others: Vec<Arc<dyn RelationPlanner>>,
}

impl RelationPlanner for Tables {
    fn plan_relation(
        &self,
        mut relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        for other in &self.others {
            match other.plan_relation(relation, context)? {
                RelationPlanning::Planned(planned) => {
                    let PlannedRelation { plan, alias } = *planned;
                    return planned_as(forgotten(plan)?, alias);
                }
                RelationPlanning::Original(original) => relation = *original,
            }
        }
        let (TableFactor::Table { args: None, sample, .. } | TableFactor::Derived { sample, .. }) =
            &mut relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        // Planning it comes back here; by now no table has a sample of its own.
        if sample.take().is_some() {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        *sample = Some(seen());
        planned_as(forgotten(context.plan(relation)?)?, None)
    }
}

fn planned_as(plan: LogicalPlan, alias: Option<TableAlias>) -> Result<RelationPlanning> {
    Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
}

/// The mark of a table that has been looked at.
fn seen() -> TableSampleKind {
    TableSampleKind::BeforeTableAlias(Box::new(TableSample {
        modifier: TableSampleModifier::TableSample,
        name: None,
        quantity: None,
        seed: None,
        bucket: None,
        offset: None,
    }))
}

/// `plan`, in which no step knows of keys that it multiplies.
fn forgotten(plan: LogicalPlan) -> Result<LogicalPlan> {
    let is_changed = Cell::new(false);
    let plan = plan.transform_up_with_subqueries(|node| {
        let node = if is_changed.get() { node.recompute_schema()? } else { node };
        if let LogicalPlan::Projection(projection) = &node
            && let Some(single) = with_single_keys(projection)?
        {
            is_changed.set(true);
            return Ok(Transformed::yes(LogicalPlan::Projection(single)));
        }
        Ok(match forgetful(&node)? {
            Some(input) => {
                is_changed.set(true);
                Transformed::yes(over(node, Arc::new(input))?)
            }
            None => Transformed::no(node),
        })
    });
    plan.map(|plan| plan.data)
}

/// The function that gives the key that it is given, of which the engine knows no more that
/// it is one.
pub(super) static SAME_KEY: Hidden = Hidden {
    name: "same_key",
    returns: |kind| Ok(kind.clone()),
    compute: |values| Ok(Arc::clone(values)),
};

fn hidden(key: Expr) -> Expr {
    SAME_KEY.of(key)
}

/// `projection` with each column of a key of its input as such once at most, if it has one
/// more often, or so that the engine sees it only later.
fn with_single_keys(projection: &Projection) -> Result<Option<Projection>> {
    let Projection { expr, input, .. } = projection;
    let columns = input.schema().field_names();
    let mut met = HashSet::new();
    let taken: Vec<_> = expr
        .iter()
        .map(|expression| {
            let name = expression.clone().unalias_nested().data.to_string();
            let place = columns.iter().position(|column| *column == name)?;
            // The engine looks below one alias only.
            let is_unseen = matches!(
                expression,
                Expr::Alias(alias) if matches!(*alias.expr, Expr::Alias(_))
            );
            (is_unseen || !met.insert(place)).then_some(place)
        })
        .collect();
    if taken.iter().all(Option::is_none) {
        return Ok(None);
    }
    let known = known(input)?;
    let is_of_key = |place: &usize| known.iter().any(|key| key.source_indices.contains(place));
    if !taken.iter().flatten().any(is_of_key) {
        return Ok(None);
    }
    let expressions = expr.iter().zip(&taken).map(|(expression, again)| match expression.clone() {
        expression if again.is_none_or(|place| !is_of_key(&place)) => expression,
        Expr::Alias(mut alias) => {
            alias.expr = Box::new(hidden(*alias.expr));
            Expr::Alias(alias)
        }
        expression => {
            let (table, name) = expression.qualified_name();
            hidden(expression).alias_qualified(table, name)
        }
    });
    Projection::try_new(expressions.collect(), Arc::clone(input)).map(Some)
}

/// The rows that `node` goes over without knowing of keys that it multiplies, if it does.
fn forgetful(node: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let (input, groups) = match node {
        LogicalPlan::Unnest(Unnest { input, .. }) => (input, None),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            (input, Some((0..input.schema().fields().len()).collect()))
        }
        LogicalPlan::Distinct(Distinct::On(DistinctOn { input, on_expr, .. })) => {
            (input, Some(places(on_expr, input)))
        }
        LogicalPlan::Aggregate(Aggregate { input, group_expr, .. }) => {
            (input, Some(places(group_expr, input)))
        }
        _ => return Ok(None),
    };
    let known = known(input)?;
    let wrong = known.iter().filter(|key| is_wrong(key, groups.as_deref()));
    let places: HashSet<_> = wrong.filter_map(|key| key.source_indices.first().copied()).collect();
    if places.is_empty() { Ok(None) } else { without(&places, input).map(Some) }
}

/// Whether the engine is wrong to go by `key` where rows are unnested, or where there is
/// one for each value of the columns at the places `groups`.
fn is_wrong(key: &FunctionalDependence, groups: Option<&[usize]>) -> bool {
    let Some(groups) = groups else { return true };
    let goes_along =
        |place: &usize| key.source_indices.contains(place) || key.target_indices.contains(place);
    // One that has several rows has one with each of the other columns then.
    key.mode == Dependency::Multi
        && key.source_indices.iter().all(|place| groups.contains(place))
        && !groups.iter().all(goes_along)
}

/// Where those of `expressions` that are columns of `input` stand; others are beside all.
fn places(expressions: &[Expr], input: &LogicalPlan) -> Vec<usize> {
    let columns = input.schema().field_names();
    let place = |expression: &Expr| {
        let name = expression.schema_name().to_string();
        columns.iter().position(|column| *column == name).unwrap_or(usize::MAX)
    };
    expressions.iter().map(place).collect()
}

/// What the engine will know of the keys of `plan`, when it has made groups of DISTINCT.
fn known(plan: &LogicalPlan) -> Result<FunctionalDependencies> {
    let is_distinct = |node: &LogicalPlan| matches!(node, LogicalPlan::Distinct(_));
    if !plan.exists(|node| Ok(is_distinct(node)))? {
        return Ok(plan.schema().functional_dependencies().clone());
    }
    let grouped = plan.clone().transform_up(|node| {
        let node = match node {
            LogicalPlan::Distinct(Distinct::All(input)) if !input.schema().fields().is_empty() => {
                let columns = input.schema().columns().into_iter().map(Expr::Column).collect();
                LogicalPlan::Aggregate(Aggregate::try_new(input, columns, Vec::new())?)
            }
            other => other.recompute_schema()?,
        };
        Ok(Transformed::yes(node))
    })?;
    Ok(grouped.data.schema().functional_dependencies().clone())
}

/// The rows of `input`, of whose columns at `places` nothing is known.
fn without(places: &HashSet<usize>, input: &Arc<LogicalPlan>) -> Result<LogicalPlan> {
    let columns = input.schema().iter().enumerate().map(|(place, (table, field))| {
        let column = Expr::Column(Column::from((table, field)));
        match places.contains(&place) {
            true => hidden(column).alias_qualified(table.cloned(), field.name()),
            false => column,
        }
    });
    Ok(LogicalPlan::Projection(Projection::try_new(columns.collect(), Arc::clone(input))?))
}

/// What `node` makes of other rows with the same columns.
fn over(node: LogicalPlan, input: Arc<LogicalPlan>) -> Result<LogicalPlan> {
    Ok(match node {
        LogicalPlan::Unnest(Unnest { exec_columns, options, .. }) => {
            LogicalPlan::Unnest(Unnest::try_new(input, exec_columns, options)?)
        }
        LogicalPlan::Aggregate(Aggregate { group_expr, aggr_expr, .. }) => {
            LogicalPlan::Aggregate(Aggregate::try_new(input, group_expr, aggr_expr)?)
        }
        LogicalPlan::Distinct(Distinct::All(_)) => LogicalPlan::Distinct(Distinct::All(input)),
        LogicalPlan::Distinct(Distinct::On(DistinctOn {
            on_expr, select_expr, sort_expr, ..
        })) => LogicalPlan::Distinct(Distinct::On(DistinctOn::try_new(
            on_expr,
            select_expr,
            sort_expr,
            input,
        )?)),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE a AS SELECT * FROM (VALUES (1, 'x'), (1, 'y'), (2, 'z')) AS t(level, n)",
            "CREATE TABLE b AS SELECT * FROM (VALUES ('z'), ('a'), ('a')) AS t(k)",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    /// Groups of which each has several rows.
    const UNNESTED: [&str; 6] = [
        "SELECT level, unnest(['z', 'a', 'a']) AS k FROM a GROUP BY level",
        "SELECT DISTINCT level, unnest(['z', 'a', 'a']) AS k FROM (SELECT level FROM a GROUP BY 1)
         UNION ALL SELECT DISTINCT level, 'a' FROM a",
        "SELECT level, unnest(['z', 'a', 'a']) AS k FROM (SELECT DISTINCT level FROM a)",
        "SELECT level, k FROM (SELECT level, ['z', 'a', 'a'] AS l FROM a GROUP BY level) AS x,
         unnest(x.l) AS t(k)",
        "SELECT level, k FROM (SELECT level, 'z' AS p, 'a' AS q, 'a' AS r FROM a GROUP BY 1)
         UNPIVOT (k FOR kind IN (p, q, r))",
        "SELECT level, k FROM (SELECT level, count(*) AS c FROM a GROUP BY level) CROSS JOIN b",
    ];

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_were_groups_are_sorted_by_all_keys() {
        let session = session().await;
        for rows in UNNESTED {
            for sql in [
                format!("{rows} ORDER BY level, k"),
                format!("SELECT * FROM ({rows}) AS s ORDER BY level, k"),
                format!("WITH s AS ({rows}) SELECT * FROM s ORDER BY level, k"),
            ] {
                // That of UNION sorts what both parts give.
                let wanted = ["1|a", "1|a", "1|z", "2|a", "2|a", "2|z"];
                assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_that_were_groups_are_grouped_by_what_is_asked() {
        let session = session().await;
        for rows in UNNESTED {
            for (asked, wanted) in [
                ("SELECT level, count(*) FROM s GROUP BY level ORDER BY 1", &["1|3", "2|3"][..]),
                ("SELECT DISTINCT level FROM s ORDER BY 1", &["1", "2"]),
                (
                    "SELECT DISTINCT level, k FROM s ORDER BY level, k",
                    &["1|a", "1|z", "2|a", "2|z"],
                ),
                (
                    "SELECT DISTINCT ON (level, k) level, k FROM s ORDER BY level, k",
                    &["1|a", "1|z", "2|a", "2|z"],
                ),
                (
                    "SELECT level, k, count(*) FROM s GROUP BY level, k ORDER BY level, k",
                    &["1|a|2", "1|z|1", "2|a|2", "2|z|1"],
                ),
                (
                    "SELECT k, max(c) FROM (SELECT level, k, count(*) OVER (ORDER BY level) AS c
                     FROM s) GROUP BY k ORDER BY k",
                    &["a|6", "z|6"],
                ),
                (
                    "SELECT DISTINCT c FROM (SELECT count(*) OVER (ORDER BY level) AS c FROM s)
                     ORDER BY c",
                    &["3", "6"],
                ),
                (
                    "SELECT level, k, count(*) OVER (ORDER BY level) FROM (SELECT level, k,
                     count(*) FROM s GROUP BY level, k) ORDER BY level, k",
                    &["1|a|2", "1|z|2", "2|a|4", "2|z|4"],
                ),
            ] {
                let sql = asked.replace("FROM s", &format!("FROM ({rows}) AS s"));
                assert_eq!(answer(&session, &sql).await[1..], *wanted, "{sql}");
                let sql = format!("WITH s AS ({rows}) {asked}");
                assert_eq!(answer(&session, &sql).await[1..], *wanted, "{sql}");
            }
        }
        let rows = "(SELECT level, 'z' AS p, 'a' AS q FROM a GROUP BY 1)
                    UNPIVOT (k FOR kind IN (p, q))";
        let sql = format!("SELECT level, count(*) OVER (ORDER BY level) FROM {rows} ORDER BY 1");
        assert_eq!(answer(&session, &sql).await[1..], ["1|2", "1|2", "2|4", "2|4"]);
        let sql = format!("SELECT level, count(*) FROM {rows} GROUP BY level ORDER BY 1");
        assert_eq!(answer(&session, &sql).await[1..], ["1|2", "2|2"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keys_of_other_names_are_no_keys_of_multiplied_rows() {
        let session = session().await;
        let lists = "unnest(['z', 'a', 'a']) AS k";
        for rows in [
            format!("SELECT level AS y, {lists} FROM a GROUP BY level"),
            format!("SELECT level + 0 AS y, {lists} FROM a GROUP BY 1"),
            format!(
                "SELECT DISTINCT level AS y, {lists} FROM (SELECT level FROM a GROUP BY 1)
                 UNION ALL SELECT DISTINCT level, 'a' FROM a"
            ),
            format!("SELECT y, {lists} FROM (SELECT level, level AS y FROM a GROUP BY level)"),
            "SELECT y, k FROM (SELECT level, level AS y FROM a GROUP BY level) CROSS JOIN b"
                .to_owned(),
        ] {
            let sql = format!("{rows} ORDER BY y, k");
            let wanted = ["1|a", "1|a", "1|z", "2|a", "2|a", "2|z"];
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
            let sql = format!("SELECT y, k, count(*) FROM ({rows}) GROUP BY y, k ORDER BY y, k");
            let wanted = ["1|a|2", "1|z|1", "2|a|2", "2|z|1"];
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
            let sql = format!(
                "WITH g AS ({rows}) SELECT g.y, g.k, count(*) AS c FROM g JOIN g AS h
                 ON g.y = h.y AND g.k = h.k GROUP BY ALL ORDER BY g.y, g.k"
            );
            let wanted = ["1|a|4", "1|z|1", "2|a|4", "2|z|1"];
            assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keys_that_are_right_are_still_known() {
        let session = session().await;
        for sql in [
            "SELECT level, count(*) AS c FROM a GROUP BY level ORDER BY level, c",
            "SELECT x.level, x.c FROM (SELECT level, count(*) AS c FROM a GROUP BY level) AS x
             CROSS JOIN b ORDER BY level, c",
            "SELECT x.level, count(*) FROM (SELECT level, count(*) AS c FROM a GROUP BY level) AS x
             CROSS JOIN b GROUP BY x.level, x.c",
        ] {
            let plan = answer(&session, &format!("EXPLAIN {sql}")).await.join("\n");
            assert!(!plan.contains("c ASC") && !plan.contains("same_key("), "{plan}");
        }
    }
}
