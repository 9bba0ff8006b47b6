//! Which columns the tables of a join have, where a statement does not tell: NATURAL joins
//! compare all columns that both sides have, and `*` lists those that are not shared.
//!
//! Only the planner knows them. A rule that needs them asks with a query for all columns of
//! a table, which is planned; then the statement is gone over again.

use std::collections::HashMap;

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Cte, Query, SetExpr, Statement, TableFactor, TableWithJoins, With,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// The columns that were asked for, by the text of the query for them; none of a query that
/// cannot be planned alone.
pub(super) type Columns = HashMap<String, Option<Vec<String>>>;

/// The names of the columns that `query` gives.
///
/// # Errors
/// When it cannot be planned.
pub(super) async fn names(
    query: Query,
    context: &SessionContext,
) -> Result<Vec<String>, DataFusionError> {
    let asked = Parsed::Statement(Box::new(Statement::Query(Box::new(query))));
    let plan = super::finish(context.state().statement_to_plan(asked).await?)?;
    Ok(plan.schema().fields().iter().map(|field| field.name().clone()).collect())
}

/// The queries by name that a table may mean, taken out of the queries around it while
/// these are gone over.
#[derive(Default)]
pub(super) struct QueriesByName {
    /// Of each query, outer ones first, those that were gone over.
    levels: Vec<Option<With>>,
}

impl QueriesByName {
    /// Goes into `query`; gives the queries that it has by name, which come first.
    pub(super) fn enter(&mut self, query: &mut Query) -> Vec<Cte> {
        let mut with = query.with.take();
        let tables = with.as_mut().map(|with| std::mem::take(&mut with.cte_tables));
        self.levels.push(with);
        tables.unwrap_or_default()
    }

    /// Has `table` known to what comes after it.
    pub(super) fn add(&mut self, table: Cte) {
        if let Some(Some(with)) = self.levels.last_mut() {
            with.cte_tables.push(table);
        }
    }

    /// Leaves `query`, which gets back what was taken out.
    pub(super) fn leave(&mut self, query: &mut Query) {
        query.with = self.levels.pop().flatten();
    }

    /// The query for all columns of `table`.
    pub(super) fn all_of(&self, table: &TableFactor) -> Option<Query> {
        self.all_of_from(&[TableWithJoins { relation: table.clone(), joins: Vec::new() }])
    }

    /// The query for all columns of the tables of a FROM.
    pub(super) fn all_of_from(&self, from: &[TableWithJoins]) -> Option<Query> {
        let mut asked = query("SELECT * FROM t")?;
        let SetExpr::Select(select) = asked.body.as_mut() else { return None };
        select.from = from.to_vec();
        for with in self.levels.iter().rev().flatten().filter(|with| !with.cte_tables.is_empty()) {
            let mut around = asked.clone();
            around.body = Box::new(SetExpr::Query(Box::new(asked)));
            around.with = Some(with.clone());
            asked = around;
        }
        Some(asked)
    }
}

fn query(sql: &str) -> Option<Query> {
    let mut parser = Parser::new(&GenericDialect).try_with_sql(sql).ok()?;
    parser.parse_query().ok().map(|query| *query)
}
