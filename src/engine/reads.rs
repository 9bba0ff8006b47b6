//! What a query reads, and whether it would give the same again.
//!
//! This is the one place that decides it, for batch runs that use a result again
//! and for answers that are kept.

use std::collections::BTreeMap;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, Volatility};

use super::fingerprint::Fingerprint;
use crate::catalog::StoreTable;
use crate::store::Snapshot;

/// What a plan reads.
#[derive(Debug, Clone)]
pub struct Reads {
    /// The stored tables with their versions; one that is read as it was is called
    /// as in the plan, `posts@3`.
    pub tables: BTreeMap<String, i64>,
    /// Whether the rows of these tables and the parameters say all about the
    /// result: the plan reads nothing else and calls no clock or chance.
    pub repeatable: bool,
    /// The data files, in the order in which the plan names their tables.
    files: Fingerprint,
}

impl Reads {
    /// What `plan` reads.
    #[must_use]
    pub fn of(plan: &LogicalPlan) -> Self {
        let (tables, files) = (BTreeMap::new(), Fingerprint::default());
        let mut reads = Self { tables, repeatable: true, files };
        reads.add(plan);
        reads
    }

    /// Adds what `plan` reads.
    pub fn add(&mut self, plan: &LogicalPlan) {
        let walked = plan.apply_with_subqueries(|node| {
            self.see(node);
            node.apply_expressions(|expression| {
                expression.apply(|inner| {
                    self.repeatable &= is_immutable(inner);
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        });
        self.repeatable &= walked.is_ok();
    }

    /// What tells the rows of the tables from all others, in hexadecimal digits:
    /// versions are counted anew when a database is made again in its place.
    #[must_use]
    pub fn files_sha256(&self) -> String {
        hex::encode(self.files.digest())
    }

    fn see(&mut self, node: &LogicalPlan) {
        match node {
            LogicalPlan::TableScan(scan) => self.see_table(scan),
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

    fn see_table(&mut self, scan: &TableScan) {
        let Some(table) = StoreTable::of_scan(scan) else {
            self.repeatable = false;
            return;
        };
        let snapshot = table.snapshot();
        self.tables.insert(table.full_name(scan.table_name.table()), snapshot.version);
        add_files(&mut self.files, snapshot);
    }
}

/// The data files of a table, which never change: a path is used once only.
fn add_files(files: &mut Fingerprint, snapshot: &Snapshot) {
    files.add((snapshot.table.name, snapshot.files.len()));
    for file in &snapshot.files {
        files.add((file.path.as_os_str(), file.size, file.sha256.as_deref()));
    }
}

/// Whether the expression gives the same for the same input at any time.
fn is_immutable(expression: &Expr) -> bool {
    let volatility = match expression {
        Expr::ScalarFunction(call) => call.func.signature().volatility,
        Expr::AggregateFunction(call) => call.func.signature().volatility,
        Expr::WindowFunction(call) => call.fun.signature().volatility,
        Expr::HigherOrderFunction(call) => call.func.signature().volatility,
        Expr::ScalarVariable(..) => Volatility::Volatile,
        _ => Volatility::Immutable,
    };
    volatility == Volatility::Immutable
}
