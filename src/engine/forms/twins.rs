//! Columns of one name in an answer, a new table or a file, as a join without USING has
//! them: the second one is called `name_1`, the third one `name_2`, wherever they are shown.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::logical_expr::dml::CopyTo;
use datafusion::logical_expr::{
    CreateMemoryTable, CreateView, DdlStatement, Expr, LogicalPlan, LogicalPlanBuilder,
};

use crate::engine::names::numbered;

/// Gives each column of an answer, or of what is made of one, a name of its own.
pub(in crate::engine) fn tell_apart(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(table)) => {
            let input = Arc::new(renamed(Arc::unwrap_or_clone(table.input))?);
            let table = CreateMemoryTable { input, ..table };
            Ok(LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(table)))
        }
        LogicalPlan::Ddl(DdlStatement::CreateView(view)) => {
            let input = Arc::new(renamed(Arc::unwrap_or_clone(view.input))?);
            Ok(LogicalPlan::Ddl(DdlStatement::CreateView(CreateView { input, ..view })))
        }
        LogicalPlan::Copy(copy) => {
            let input = Arc::new(renamed(Arc::unwrap_or_clone(copy.input))?);
            Ok(LogicalPlan::Copy(CopyTo { input, ..copy }))
        }
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::SubqueryAlias(_) => renamed(plan),
        other => Ok(other),
    }
}

fn renamed(plan: LogicalPlan) -> Result<LogicalPlan> {
    let schema = Arc::clone(plan.schema());
    let mut names: HashSet<String> =
        schema.fields().iter().map(|field| field.name().clone()).collect();
    let different: HashSet<_> = schema.iter().map(|(table, field)| (table, field.name())).collect();
    let count = schema.fields().len();
    // What has one name in one table cannot be asked for.
    if names.len() == count || different.len() < count {
        return Ok(plan);
    }
    let mut seen = HashSet::new();
    let mut columns = Vec::with_capacity(count);
    for (table, field) in schema.iter() {
        let column = Expr::from((table, field));
        columns.push(match seen.insert(field.name().clone()) {
            true => column,
            false => {
                let name = numbered(field.name(), &names);
                names.insert(name.clone());
                column.alias(name)
            }
        });
    }
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn no_two_columns_are_called_alike() {
        let session = Session::new(None, Settings::default()).unwrap();
        let join = "(SELECT 1 AS a, 4 AS a_1) AS x JOIN (SELECT 2 AS a, 3 AS b) AS y ON true";
        let all = ["a|a_1|a_2|b", "1|4|2|3"];
        assert_eq!(answer(&session, &format!("SELECT * FROM {join}")).await, all);
        assert_eq!(answer(&session, &format!("SELECT * FROM {join} ORDER BY y.a")).await, all);
        assert_eq!(
            answer(&session, &format!("SELECT x.a, y.a FROM {join}")).await,
            ["a|a_1", "1|2"]
        );
        for made in ["TABLE t", "VIEW v"] {
            session.collect(&format!("CREATE {made} AS SELECT * FROM {join}")).await.unwrap();
        }
        assert_eq!(answer(&session, "FROM t").await, all);
        assert_eq!(answer(&session, "SELECT a_2 FROM v").await, ["a_2", "2"]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("all.parquet");
        let file = file.display();
        session.collect(&format!("COPY (SELECT * FROM {join}) TO '{file}'")).await.unwrap();
        assert_eq!(answer(&session, &format!("FROM '{file}'")).await, all);
    }
}
