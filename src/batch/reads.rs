//! What a query reads, and whether it would give the same again.

use std::collections::BTreeMap;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};

/// What a plan reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reads {
    /// The tables of the database, with their versions.
    pub(super) tables: BTreeMap<String, i64>,
    /// Whether the tables' versions and the parameters say all about the result:
    /// the plan reads nothing else and calls no clock or chance.
    pub(super) repeatable: bool,
}

impl Reads {
    /// What `plan` reads of tables at `versions`.
    pub(super) fn of(plan: &LogicalPlan, versions: &BTreeMap<String, i64>) -> Self {
        let mut reads = Self { tables: BTreeMap::new(), repeatable: true };
        let walked = plan.apply_with_subqueries(|node| {
            reads.see(node, versions);
            node.apply_expressions(|expression| {
                expression.apply(|inner| {
                    reads.repeatable &= is_immutable(inner);
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        });
        reads.repeatable &= walked.is_ok();
        reads
    }

    fn see(&mut self, node: &LogicalPlan, versions: &BTreeMap<String, i64>) {
        match node {
            LogicalPlan::TableScan(scan) => {
                let name = scan.table_name.table();
                match versions.get(name) {
                    Some(version) => {
                        self.tables.insert(name.to_owned(), *version);
                    }
                    None => self.repeatable = false,
                }
            }
            // These do something, or tell of the engine rather than of the data.
            LogicalPlan::Statement(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::DescribeTable(_)
            | LogicalPlan::Extension(_) => self.repeatable = false,
            _ => {}
        }
    }
}

/// Whether the expression gives the same for the same input at any time.
fn is_immutable(expression: &Expr) -> bool {
    match expression {
        Expr::ScalarFunction(call) => call.func.signature().volatility == Volatility::Immutable,
        Expr::ScalarVariable(..) => false,
        _ => true,
    }
}
