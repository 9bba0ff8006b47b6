//! CREATE TABLE of the session.
//!
//! The engine drops the table that is to be replaced before it asks for the rows of the new
//! one, so that nothing is left where these fail. And it takes a column for NOT NULL of
//! which the query gives no NULL. Here the rows are there before anything changes, and only
//! a column that is declared as NOT NULL is one.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::Result;
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{CreateMemoryTable, DdlStatement, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{DataFrame, SessionContext};

/// `plan`, or if it makes a table, what is left to do once that is made.
///
/// # Errors
/// When the rows of the table cannot be had; the one that was to be replaced is as it was.
pub(in crate::engine) async fn made(
    plan: LogicalPlan,
    context: &SessionContext,
) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(table)) => {
            let is_there = context.table_exist(table.name.clone())?;
            // What is left alone or refused is so before the rows are asked for.
            let is_for_engine = is_there && (!table.or_replace || table.if_not_exists);
            if is_for_engine || table.temporary || has_twins(&table) {
                return Ok(LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(table)));
            }
            make(table, is_there, context).await?;
            LogicalPlanBuilder::empty(false).build()
        }
        plan => Ok(plan),
    }
}

/// Whether two columns have one name.
fn has_twins(table: &CreateMemoryTable) -> bool {
    let mut seen = HashSet::new();
    !table.input.schema().fields().iter().all(|field| seen.insert(field.name()))
}

async fn make(table: CreateMemoryTable, is_there: bool, context: &SessionContext) -> Result<()> {
    let is_declared = matches!(table.input.as_ref(), LogicalPlan::EmptyRelation(_));
    let input = context.state().optimize(&table.input)?;
    let mut schema = Arc::clone(input.schema().inner());
    let mut parts = DataFrame::new(context.state(), input).collect_partitioned().await?;
    if !is_declared {
        schema = Arc::new(with_unknowns(&schema));
        for batch in parts.iter_mut().flatten() {
            *batch = batch.clone().with_schema(Arc::clone(&schema))?;
        }
    }
    let made = MemTable::try_new(schema, parts)?
        .with_constraints(table.constraints)
        .with_column_defaults(table.column_defaults.into_iter().collect());
    if is_there {
        context.deregister_table(table.name.clone())?;
    }
    context.register_table(table.name, Arc::new(made))?;
    Ok(())
}

/// The same columns, each of which may be unknown.
fn with_unknowns(schema: &Schema) -> Schema {
    let field = |field: &Arc<Field>| Field::clone(field).with_nullable(true);
    let fields: Vec<Field> = schema.fields().iter().map(field).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn rows(session: &Session, sql: &str) -> Vec<String> {
        answer(session, sql).await.into_iter().skip(1).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_table_stays_where_the_one_in_its_place_cannot_be_made() {
        let session = Session::new(None, Settings::default()).unwrap();
        session
            .collect("CREATE TABLE x AS SELECT * FROM (VALUES ('1'), ('z')) v(b)")
            .await
            .unwrap();
        for sql in [
            "CREATE OR REPLACE TABLE x AS SELECT b::int FROM x",
            "CREATE OR REPLACE TABLE x AS SELECT b::int AS b FROM (VALUES ('1'), ('z')) v(b)",
            "CREATE TABLE x AS SELECT 1",
        ] {
            session.collect(sql).await.unwrap_err();
            assert_eq!(rows(&session, "FROM x ORDER BY b").await, ["1", "z"], "{sql}");
        }
        session.collect("CREATE OR REPLACE TABLE x AS SELECT b || '!' AS c FROM x").await.unwrap();
        session.collect("CREATE TABLE IF NOT EXISTS x AS SELECT 1").await.unwrap();
        assert_eq!(rows(&session, "FROM x ORDER BY c").await, ["1!", "z!"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_what_is_declared_has_to_have_a_value() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE x AS SELECT 'a' AS a, count(*) AS n, [1] AS l, {'k': 1} AS s FROM range(3)",
            "UPDATE x SET a = NULL, l = NULL, s = NULL",
            "INSERT INTO x (n) VALUES (NULL)",
            "CREATE TABLE y (n INT NOT NULL, k TEXT)",
        ] {
            session.collect(sql).await.unwrap();
        }
        assert_eq!(rows(&session, "SELECT a, n, l FROM x ORDER BY n").await, ["|3|", "||"]);
        session.collect("INSERT INTO y VALUES (NULL, 'k')").await.unwrap_err();
        session.collect("INSERT INTO y VALUES (1, NULL)").await.unwrap();
        for sql in [
            "CREATE TABLE u AS SELECT count(*) AS n FROM range(3) UNION ALL SELECT -count(*) FROM y",
            "CREATE TABLE w AS SELECT 'a' AS a UNION ALL SELECT 'b' || i FROM range(2) AS r(i)",
        ] {
            session.collect(sql).await.unwrap();
        }
        assert_eq!(rows(&session, "SELECT sum(n) FROM u").await, ["2"]);
        assert_eq!(rows(&session, "SELECT max(a) FROM w").await, ["b1"]);
    }
}
