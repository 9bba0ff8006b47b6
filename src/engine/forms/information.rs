//! `information_schema.columns`: its types are called as everywhere here, and its columns
//! are counted from 1, as the standard has it.

use std::str::FromStr;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, TableReference};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::TableFactor;

use crate::engine::hidden::Hidden;
use crate::model::type_name;

/// What people call a type, for its name in the engine.
pub(in crate::engine) static TYPE_NAME: Hidden =
    Hidden { name: "type_name", returns: |_| Ok(DataType::Utf8), compute: type_names };

/// Plans that view.
#[derive(Debug)]
pub(in crate::engine) struct TellColumns;

impl RelationPlanner for TellColumns {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (name, alias) = match &relation {
            TableFactor::Table { name, alias, args: None, .. } if name.0.len() > 1 => {
                (name.clone(), alias.clone())
            }
            _ => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        let table = context.object_name_to_table_reference(name)?;
        if table.schema() != Some("information_schema") || table.table() != "columns" {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        let source = context.context_provider().get_table_source(table.clone())?;
        let rows = LogicalPlanBuilder::scan(table.clone(), source, None)?;
        let columns = rows.schema().iter().map(|column| told(&table, Expr::from(column)));
        let columns: Vec<Expr> = columns.collect();
        let plan = rows.project(columns)?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

/// A column of the view as it is told.
fn told(table: &TableReference, column: Expr) -> Expr {
    let Expr::Column(known) = &column else { return column };
    let name = known.name.clone();
    let told = match name.as_str() {
        "ordinal_position" => column + lit(1_u64),
        "data_type" => TYPE_NAME.of(column),
        _ => return column,
    };
    told.alias_qualified(Some(table.clone()), name)
}

fn type_names(types: &ArrayRef) -> Result<ArrayRef> {
    let plain = |name: &str| match DataType::from_str(name) {
        Ok(data_type) => type_name(&data_type),
        Err(_) => name.to_owned(),
    };
    let names = types.as_string::<i32>().iter().map(|name| name.map(plain));
    Ok(Arc::new(names.collect::<StringArray>()))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn columns_are_counted_from_one_and_types_are_called_as_everywhere() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE t AS SELECT 1 AS a, 'x' AS b, [1] AS c, true AS d";
        session.collect(made).await.unwrap();
        let list = "SELECT ordinal_position AS n, c.column_name, data_type FROM";
        let rest = "WHERE table_name = 't' ORDER BY ordinal_position";
        let rows =
            answer(&session, &format!("{list} information_schema.columns AS c {rest}")).await;
        let wanted = ["1|a|bigint", "2|b|text", "3|c|bigint[]", "4|d|boolean"];
        assert_eq!(rows[1..], wanted);
        let qualified = "SELECT columns.data_type FROM information_schema.columns
                         WHERE columns.table_name = 't' AND data_type = 'text'";
        assert_eq!(answer(&session, qualified).await, ["data_type", "text"]);
    }
}
