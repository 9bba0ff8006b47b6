//! `FROM t PIVOT (sum(likes) FOR platform IN ('weibo', 'x'))`: values of a column
//! become columns; and UNPIVOT, by which columns become rows.
//!
//! PIVOT is an aggregate for each value, over the rows that have it, in groups of
//! all columns that it does not mention. UNPIVOT unnests two lists side by side: the
//! names of the columns, and what they hold.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::{Column, DFSchema, NullHandling, Result, UnnestOptions};
use datafusion::error::DataFusionError;
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{
    Expr as Typed, ExprWithAlias, Ident, NullInclusion, PivotValueSource, TableFactor, Value,
};

use super::all_columns;
use crate::error::Error;

/// What to write instead of a PIVOT that is not known here.
const AGGREGATES: &str =
    "take an aggregate for each column: count(*) FILTER (WHERE platform = 'weibo') AS weibo";

/// Plans PIVOT and UNPIVOT.
#[derive(Debug)]
pub(in crate::engine) struct Pivots;

impl RelationPlanner for Pivots {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (plan, alias) = match relation {
            TableFactor::Pivot {
                table,
                aggregate_functions,
                value_column,
                value_source,
                default_on_null,
                alias,
            } => {
                if default_on_null.is_some() {
                    let error = Error::query("not supported: DEFAULT ON NULL");
                    return Err(foreign(
                        error.hint("coalesce(weibo, 0) puts a value in its place"),
                    ));
                }
                let rows = context.plan(*table)?;
                let asked = Asked { aggregate_functions, value_column, value_source };
                (pivot(rows, &asked, context)?, alias)
            }
            TableFactor::Unpivot { table, value, name, columns, null_inclusion, alias } => {
                let rows = context.plan(*table)?;
                let keeps_nulls = matches!(null_inclusion, Some(NullInclusion::IncludeNulls));
                let Typed::Identifier(value) = value else {
                    return Err(foreign(Error::query("UNPIVOT makes one column of values").hint(
                        "write it as FROM posts UNPIVOT (number FOR kind IN (reposts, likes))",
                    )));
                };
                (unpivot(rows, [name, value], &columns, keeps_nulls, context)?, alias)
            }
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

/// What stands in the brackets of a PIVOT.
struct Asked {
    aggregate_functions: Vec<ExprWithAlias>,
    value_column: Vec<Typed>,
    value_source: PivotValueSource,
}

/// A group of all columns of `rows` that are not mentioned, and for each value, and
/// each aggregate, one of the rows that have the value.
fn pivot(
    rows: LogicalPlan,
    asked: &Asked,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let schema = Arc::clone(rows.schema());
    let PivotValueSource::List(values) = &asked.value_source else {
        let error = Error::query("PIVOT is told the values that become columns");
        return Err(foreign(error.hint("list them: FOR platform IN ('weibo', 'x')")));
    };
    let mut deciding = Vec::new();
    for column in &asked.value_column {
        deciding.push(context.sql_to_expr(column.clone(), &schema)?);
    }
    let mut aggregates = Vec::new();
    for function in &asked.aggregate_functions {
        aggregates.push(context.sql_to_expr(function.expr.clone(), &schema)?.unalias());
    }
    let mut columns = Vec::new();
    for value in values {
        let has_values = has_values(&deciding, value, context)?;
        let label = label(value, context);
        for (aggregate, function) in aggregates.iter().zip(&asked.aggregate_functions) {
            let name = match &function.alias {
                Some(alias) => format!("{label}_{}", context.normalize_ident(alias.clone())),
                None if aggregates.len() > 1 => format!("{label}_{}", function.expr),
                None => label.clone(),
            };
            columns.push(filtered(aggregate, has_values.clone())?.alias(name));
        }
    }
    let groups = others(&schema, aggregates.iter().chain(&deciding));
    LogicalPlanBuilder::from(rows).aggregate(groups, columns)?.build()
}

/// Whether the `deciding` columns have the values of `value`: those of several are in
/// brackets.
fn has_values(
    deciding: &[Expr],
    value: &ExprWithAlias,
    context: &mut dyn RelationPlannerContext,
) -> Result<Expr> {
    let values = match &value.expr {
        Typed::Tuple(values) if deciding.len() > 1 => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    if values.len() != deciding.len() {
        let error = Error::query("PIVOT takes a value of each of its columns");
        return Err(foreign(
            error.hint("FOR (platform, kind) IN (('weibo', 'post'), ('x', 'post'))"),
        ));
    }
    let mut conditions = Vec::new();
    for (column, value) in deciding.iter().zip(values) {
        let wanted = context.sql_to_expr(value.clone(), &DFSchema::empty())?;
        conditions.push(match wanted {
            Expr::Literal(ref value, _) if value.is_null() => column.clone().is_null(),
            wanted => column.clone().eq(wanted),
        });
    }
    Ok(conjunction(conditions).unwrap_or_else(|| lit(true)))
}

/// The `aggregate` of those rows for which `condition` holds.
fn filtered(aggregate: &Expr, condition: Expr) -> Result<Expr> {
    let Expr::AggregateFunction(call) = aggregate else {
        let error = Error::query("PIVOT takes an aggregate, such as sum(likes)");
        return Err(foreign(error.hint(AGGREGATES)));
    };
    let mut call = call.clone();
    let all = match call.params.filter.take() {
        Some(own) => own.and(condition),
        None => condition,
    };
    call.params.filter = Some(Box::new(all));
    Ok(Expr::AggregateFunction(call))
}

/// What a column is called that is made of a value.
fn label(value: &ExprWithAlias, context: &dyn RelationPlannerContext) -> String {
    match (&value.alias, &value.expr) {
        (Some(alias), _) => context.normalize_ident(alias.clone()),
        (None, Typed::Tuple(values)) => {
            values.iter().map(label_of_one).collect::<Vec<_>>().join("_")
        }
        (None, value) => label_of_one(value),
    }
}

fn label_of_one(value: &Typed) -> String {
    match value {
        Typed::Value(literal) => match &literal.value {
            Value::SingleQuotedString(text) => text.clone(),
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

/// The columns of `schema` that none of the expressions mentions.
fn others<'a>(schema: &DFSchema, expressions: impl Iterator<Item = &'a Expr>) -> Vec<Expr> {
    let mentioned: HashSet<&Column> = expressions.flat_map(Expr::column_refs).collect();
    let columns = schema.iter().map(Column::from);
    columns.filter(|column| !mentioned.contains(column)).map(Expr::Column).collect()
}

/// A row for each of the `columns` of each row: its other columns, the name of the
/// column, and its value, if that is known or `keeps_nulls`.
fn unpivot(
    rows: LogicalPlan,
    called: [Ident; 2],
    columns: &[ExprWithAlias],
    keeps_nulls: bool,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let schema = Arc::clone(rows.schema());
    let (mut names, mut values) = (Vec::new(), Vec::new());
    let all: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    for column in columns {
        if let Some(places) = all_columns::places(&column.expr, &all).map_err(foreign)? {
            for place in places {
                names.push(lit(all[place].clone()));
                values.push(Expr::Column(Column::from(schema.qualified_field(place))));
            }
            continue;
        }
        let value = context.sql_to_expr(column.expr.clone(), &schema)?;
        let name = match (&column.alias, &value) {
            (Some(alias), _) => alias.value.clone(),
            (None, Expr::Column(column)) => column.name.clone(),
            (None, _) => column.expr.to_string(),
        };
        names.push(lit(name));
        values.push(value);
    }
    let mut listed = others(&schema, values.iter());
    let [name, value] = called.map(|name| Column::from_name(context.normalize_ident(name)));
    listed.push(make_array(names).alias(&name.name));
    listed.push(make_array(values).alias(&value.name));
    let options = UnnestOptions::new().with_null_handling(NullHandling::Drop);
    let unnested = LogicalPlanBuilder::from(rows)
        .project(listed)?
        .unnest_columns_with_options(vec![name, value.clone()], options)?;
    match keeps_nulls {
        true => unnested.build(),
        false => unnested.filter(Expr::Column(value).is_not_null())?.build(),
    }
}

fn foreign(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        let posts = "CREATE TABLE posts AS SELECT * FROM (VALUES
            ('me', 'weibo', 3), ('me', 'x', 4), ('me', 'weibo', 5), ('you', 'x', NULL),
            ('you', 'mastodon', 1)) AS t(account, platform, likes)";
        session.collect(posts).await.unwrap();
        session
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn values_become_columns() {
        let session = session().await;
        for (sql, wanted) in [
            (
                "FROM posts PIVOT (sum(likes) FOR platform IN ('weibo', 'x')) ORDER BY ALL",
                &["account|weibo|x", "me|8|4", "you||"][..],
            ),
            (
                "SELECT p.account, p.w FROM (SELECT account, platform FROM posts)
                 PIVOT (count(*) FOR platform IN ('weibo' AS w)) AS p ORDER BY account",
                &["account|w", "me|2", "you|0"],
            ),
            (
                "FROM (SELECT platform, likes FROM posts) PIVOT (sum(likes) AS s,
                 count(*) FILTER (WHERE likes > 3) AS n FOR platform IN ('x', 'weibo'))",
                &["x_s|x_n|weibo_s|weibo_n", "4|1|8|1"],
            ),
            (
                "FROM posts PIVOT (max(platform) FOR likes IN (3, NULL)) ORDER BY account",
                &["account|3|NULL", "me|weibo|", "you||x"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_become_rows() {
        let session = session().await;
        let counts = "(SELECT 1 AS id, 2 AS likes, NULL::bigint AS reposts)";
        let likes = ["id|kind|n", "1|likes|2", "1|reposts|"];
        for (sql, wanted) in [
            (format!("FROM {counts} UNPIVOT (n FOR kind IN (likes, reposts))"), &likes[..2]),
            (
                format!("FROM {counts} UNPIVOT INCLUDE NULLS (n FOR kind IN (likes, reposts))"),
                &likes,
            ),
            (
                format!("FROM {counts} UNPIVOT (n FOR kind IN (COLUMNS(* EXCLUDE (id))))"),
                &likes[..2],
            ),
            (
                format!("FROM {counts} UNPIVOT INCLUDE NULLS (n FOR kind IN (COLUMNS('s$')))"),
                &likes,
            ),
            (
                format!("SELECT u.kind FROM {counts} UNPIVOT (n FOR kind IN (likes AS 赞)) AS u"),
                &["kind", "赞"],
            ),
        ] {
            assert_eq!(answer(&session, &sql).await, wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_not_known_is_told_with_what_is() {
        let session = session().await;
        for (sql, advice) in [
            ("FROM posts PIVOT (sum(likes) FOR platform IN (ANY))", "IN ('weibo', 'x')"),
            ("FROM posts PIVOT (sum(likes) FOR (platform, account) IN (1))", "(platform, kind)"),
            ("FROM posts PIVOT (abs(likes) FOR platform IN ('x'))", "FILTER (WHERE"),
            ("FROM posts UNPIVOT ((a, b) FOR kind IN (likes))", "number FOR kind"),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            let told = error.advice().unwrap_or_default();
            assert!(told.contains(advice), "{sql}: {error}: {told}");
        }
    }
}
