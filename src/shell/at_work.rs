//! What is done with the rows of a statement once they are read.

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

/// Operators that take their time, with a word for what they do.
const STEPS: &[(&str, &str)] = &[
    ("BoundedWindowAggExec", "computing windows"),
    ("CrossJoinExec", "joining"),
    ("DataSinkExec", "writing"),
    ("HashJoinExec", "joining"),
    ("NestedLoopJoinExec", "joining"),
    ("PartialSortExec", "sorting"),
    ("PartitionedTopKExec", "sorting"),
    ("RangeJoinExec", "joining"),
    ("SortExec", "sorting"),
    ("SortMergeJoinExec", "joining"),
    ("SortPreservingMergeExec", "sorting"),
    ("SymmetricHashJoinExec", "joining"),
    ("WindowAggExec", "computing windows"),
    ("WindowPassExec", "computing windows"),
];

/// The word for what `plan` does, all of whose scans are done: that of the first operator
/// which has given nothing yet, on the way of the rows, or else of the last one.
pub(super) fn at_work(plan: &dyn ExecutionPlan) -> Option<&'static str> {
    let children = plan.children();
    let is_waiting = !has_given(plan);
    let mut awaited = children.iter().filter(|child| is_waiting && !has_given(child.as_ref()));
    let below = awaited.find_map(|child| at_work(child.as_ref()));
    let last = || children.iter().find_map(|child| at_work(child.as_ref()));
    below.or_else(|| step(plan)).or_else(last)
}

/// Whether rows have come out of an operator; some do not count them.
fn has_given(plan: &dyn ExecutionPlan) -> bool {
    match plan.metrics().and_then(|metrics| metrics.output_rows()) {
        Some(rows) => rows > 0,
        None => plan.children().iter().any(|child| has_given(child.as_ref())),
    }
}

/// What an operator does, if it is one that may take its time.
fn step(plan: &dyn ExecutionPlan) -> Option<&'static str> {
    if let Some(groups) = plan.downcast_ref::<AggregateExec>() {
        return (!groups.group_expr().is_empty()).then_some("grouping");
    }
    let named = STEPS.iter().find(|(operator, _)| *operator == plan.name());
    named.map(|(_, word)| *word)
}

#[cfg(test)]
mod tests {
    use super::at_work;
    use crate::engine::script::parse;
    use crate::engine::{Params, Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_step_is_told_that_has_given_nothing_yet_and_then_the_last_one() {
        let session = Session::new(None, Settings::default()).unwrap();
        let table = "CREATE TABLE t AS SELECT value AS n FROM range(0, 500) AS r (value)";
        session.collect(table).await.unwrap();
        let joined = "t AS a JOIN t AS b ON a.n = b.n";
        for (sql, first, last) in [
            ("SELECT n FROM t".to_owned(), None, None),
            ("SELECT count(*) AS c FROM t WHERE n % 2 = 1".to_owned(), None, None),
            ("SELECT n FROM t ORDER BY n % 7".to_owned(), Some("sorting"), Some("sorting")),
            (
                "SELECT n % 7 AS k, count(*) FROM t GROUP BY 1".to_owned(),
                Some("grouping"),
                Some("grouping"),
            ),
            (
                format!("SELECT a.n % 7 AS k, count(*) FROM {joined} GROUP BY 1"),
                Some("joining"),
                Some("grouping"),
            ),
            (
                format!("SELECT a.n FROM {joined} ORDER BY a.n % 7"),
                Some("joining"),
                Some("sorting"),
            ),
        ] {
            let statement = parse(&sql, None).unwrap().remove(0);
            let mut answer = session.run(&statement, &Params::new()).await.unwrap();
            // It may be at its last step already.
            let begun = at_work(answer.plan.as_ref());
            assert!(begun == first || begun == last, "{sql}: {begun:?}");
            while answer.next().await.is_some() {}
            assert_eq!(at_work(answer.plan.as_ref()), last, "{sql}");
        }
    }
}
