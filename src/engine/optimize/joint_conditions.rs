//! A column is read once for all conditions on it.
//!
//! The Parquet reader asks one condition after the other, and decodes for each the columns
//! that it needs, unless the query gives these out as well. A search for two words in one
//! text so decodes the texts twice. Here conditions on the same columns that statistics
//! have no answer to become one, which asks for the second where the first holds.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::physical_plan::{FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::expressions::{CaseExpr, DynamicFilterTracking, lit};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;

use crate::catalog::Levers;

type Plan = Arc<dyn ExecutionPlan>;
type Condition = Arc<dyn PhysicalExpr>;

/// The rule, to be applied when conditions have been handed to scans.
#[derive(Debug)]
pub(super) struct JointConditions;

impl PhysicalOptimizerRule for JointConditions {
    fn name(&self) -> &'static str {
        "joint_conditions"
    }

    fn optimize(&self, plan: Plan, config: &ConfigOptions) -> Result<Plan> {
        if !Levers::of(config).joint_conditions {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            Ok(match read_once(&node)? {
                Some(scan) => Transformed::yes(scan),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The scan `node` with conditions on the same columns as one, if there are such.
fn read_once(node: &Plan) -> Result<Option<Plan>> {
    let scan = node
        .downcast_ref::<DataSourceExec>()
        .and_then(DataSourceExec::downcast_to_file_source::<ParquetSource>);
    let Some((config, source)) = scan else { return Ok(None) };
    let Some(predicate) = source.filter() else { return Ok(None) };
    let Some(joint) = joint(&predicate, source)? else { return Ok(None) };
    let source = Arc::new(source.with_predicate(joint));
    let config = FileScanConfigBuilder::from(config.clone()).with_source(source);
    Ok(Some(DataSourceExec::from_data_source(config.build())))
}

/// `predicate` with conditions on the same columns as one; `None` if there are no such.
fn joint(predicate: &Condition, source: &ParquetSource) -> Result<Option<Condition>> {
    let (mut rest, mut alike) = (Vec::new(), Vec::<Vec<Condition>>::new());
    for condition in split_conjunction(predicate).into_iter().cloned() {
        if learns(&condition) || is_prunable(&condition, source) {
            rest.push(condition);
            continue;
        }
        let columns = collect_columns(&condition);
        match alike.iter_mut().find(|group| collect_columns(&group[0]) == columns) {
            Some(group) => group.push(condition),
            None => alike.push(vec![condition]),
        }
    }
    if alike.iter().all(|group| group.len() == 1) {
        return Ok(None);
    }
    for group in alike {
        rest.push(all_of(group)?);
    }
    Ok(Some(conjunction(rest)))
}

/// One condition that holds where all `conditions` hold. Not AND, which the reader would
/// take apart again.
fn all_of(conditions: Vec<Condition>) -> Result<Condition> {
    let mut conditions = conditions.into_iter().rev();
    let last = conditions.next().unwrap_or_else(|| lit(true));
    conditions.try_fold(last, |later, condition| {
        let case = CaseExpr::try_new(None, vec![(condition, later)], Some(lit(false)))?;
        Ok(Arc::new(case) as Condition)
    })
}

/// Whether `condition` says more while the query runs.
fn learns(condition: &Condition) -> bool {
    DynamicFilterTracking::classify(condition).contains_dynamic_filter()
}

/// Whether statistics or bloom filters may tell of files and row groups that `condition`
/// holds nowhere in them.
fn is_prunable(condition: &Condition, source: &ParquetSource) -> bool {
    let schema = Arc::clone(source.table_schema().table_schema());
    let builder = PruningPredicateBuilder::new().with_file_schema(schema);
    builder.build(Arc::clone(condition)).is_some()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// A session with a file of texts.
    async fn session(folder: &Path) -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        let file = folder.join("t.parquet").display().to_string();
        let text = "CASE value % 5 WHEN 0 THEN NULL WHEN 1 THEN '四川地震应急' WHEN 2 THEN '地震'
                    ELSE concat('天气', value) END";
        let made = format!("SELECT {text} AS text, value AS n FROM range(0, 2000) AS r (value)");
        session.collect(&format!("COPY ({made}) TO '{file}'")).await.unwrap();
        let table = format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{file}'");
        session.collect(&table).await.unwrap();
        session
    }

    /// What `sql` answers without the rule and with it.
    async fn both(session: &Session, sql: &str) -> [Vec<String>; 2] {
        let mut answers = [Vec::new(), Vec::new()];
        for (lever, place) in ["false", "true"].into_iter().zip(&mut answers) {
            session.collect(&format!("SET weiku.joint_conditions = {lever}")).await.unwrap();
            *place = answer(session, sql).await;
        }
        answers
    }

    #[tokio::test]
    async fn conditions_on_one_column_are_asked_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path()).await;
        let words = "text LIKE '%地%' AND text LIKE '%应急%'";
        let [apart, joint] =
            both(&session, &format!("EXPLAIN SELECT n FROM t WHERE {words}")).await;
        let cases = |plan: &[String]| plan.iter().filter(|line| line.contains("CASE WHEN")).count();
        assert_eq!((cases(&apart), cases(&joint)), (0, 1), "{joint:?}");
    }

    #[tokio::test]
    async fn conditions_that_statistics_answer_stay_apart() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path()).await;
        for condition in
            ["n > 5 AND n < 9", "text LIKE '%地%' AND text >= '四'", "n > 5 AND text LIKE '%地%'"]
        {
            let sql = format!("EXPLAIN SELECT n FROM t WHERE {condition}");
            let [apart, joint] = both(&session, &sql).await;
            assert_eq!(apart, joint, "{condition}");
        }
    }

    #[tokio::test]
    async fn rows_are_the_same_as_with_conditions_apart() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path()).await;
        for (condition, rows) in [
            ("text LIKE '%地%' AND text LIKE '%应急%'", 400),
            ("text LIKE '%地%' AND text NOT LIKE '%应急%'", 400),
            ("text LIKE '%地%' AND text LIKE '%应急%' AND text LIKE '%四川%' AND n > 1000", 200),
            ("text NOT LIKE '%地%' AND text NOT LIKE '%7%'", 648),
            ("text LIKE '%地%' AND (text LIKE '%应急%' OR NULL)", 400),
        ] {
            let sql = format!("SELECT count(*) FROM t WHERE {condition}");
            let [apart, joint] = both(&session, &sql).await;
            assert_eq!(apart, joint, "{condition}");
            assert_eq!(
                joint.last().map(String::as_str),
                Some(rows.to_string().as_str()),
                "{condition}"
            );
        }
    }
}
