//! What the placeholders of a statement are, as far as their use tells.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, TryCast};

/// The placeholders by name, without the `$`, each with its type if that is known.
pub type Parameters = BTreeMap<String, Option<DataType>>;

/// The placeholders of `plan`: what is compared with a column is of its type, what
/// is cast of that which it is cast to, and how many rows are wanted is a number.
pub(super) fn of(plan: &LogicalPlan) -> Result<Parameters> {
    let mut found = Parameters::new();
    // PREPARE keeps its own until EXECUTE.
    if matches!(plan, LogicalPlan::Statement(_)) {
        return Ok(found);
    }
    plan.apply_with_subqueries(|node| {
        let of_node = matches!(node, LogicalPlan::Limit(_)).then_some(&DataType::Int64);
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                match part {
                    Expr::Placeholder(placeholder) => {
                        let known = placeholder.field.as_ref().map(|field| field.data_type());
                        note(&mut found, &placeholder.id, known.or(of_node));
                    }
                    Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
                        if let Expr::Placeholder(placeholder) = expr.as_ref() {
                            note(&mut found, &placeholder.id, Some(field.data_type()));
                        }
                    }
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

fn note(found: &mut Parameters, id: &str, data_type: Option<&DataType>) {
    let known = found.entry(id.trim_start_matches('$').to_owned()).or_default();
    if known.is_none() {
        *known = data_type.cloned();
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Session, Settings, script};

    #[tokio::test(flavor = "multi_thread")]
    async fn use_tells_the_type() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (SELECT 7 AS n, 'a' AS t, DATE '2012-08-27' AS day, now() AS at) AS x";
        for (rest, types) in [
            ("WHERE n > $a AND t = $b", "a=bigint b=text"),
            ("WHERE day BETWEEN $a AND $b LIMIT $n", "a=date b=date n=bigint"),
            ("WHERE t IN ($a) AND at::date = $b", "a=text b=date"),
            ("WHERE n > (SELECT max(n) FROM (SELECT 1 AS n) AS y WHERE y.n < $a)", "a=bigint"),
            ("WHERE t LIKE $a OFFSET $b", "a=text b=bigint"),
            ("WHERE CAST($a AS DOUBLE) > n", "a=double"),
            ("ORDER BY coalesce($a, n)", "a=?"),
        ] {
            let statements = script::parse(&format!("SELECT * {from} {rest}"), None).unwrap();
            let found = session.parameters(&statements[0]).await.unwrap();
            let shown = found.into_iter().map(|(name, data_type)| {
                let known = data_type.as_ref().map(crate::model::type_name);
                format!("{name}={}", known.unwrap_or_else(|| "?".into()))
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), types, "{rest}");
        }
    }
}
