//! `.explain`: run a statement and show where its time goes.

use std::time::Instant;

use async_trait::async_trait;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};

use super::{About, Command, Reach, misused, one_statement};
use crate::engine::Params;
use crate::error::Result;
use crate::render::{group_digits, truncate, visible};
use crate::shell::complete::catalog::Takes;
use crate::shell::progress::bytes;
use crate::shell::{Flow, Shell, seconds};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Explain;

static ABOUT: About = About {
    name: ".explain",
    aliases: &[],
    usage: "[SQL]",
    summary: "run a statement and show where its time goes",
    details: "Without SQL it is the last statement. The answer is thrown away. EXPLAIN SELECT ... \
              shows the plan\nwithout running it.",
    takes: Takes::Sql,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Explain {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let (statement, params) = match (arguments, &shell.last) {
            ("", Some(last)) => last.clone(),
            ("", None) => return Err(misused(&ABOUT)),
            (sql, _) => (one_statement(&ABOUT, sql)?, shell.options.params.clone()),
        };
        explain(shell, &statement, &params).await?;
        Ok(Flow::Continue)
    }
}

async fn explain(
    shell: &mut Shell<'_>,
    statement: &crate::engine::Statement,
    params: &Params,
) -> Result<()> {
    let begun = Instant::now();
    shell.interrupts.clear();
    let progress = shell.progress();
    let mut answer = shell.start(statement, params).await?;
    if let Some(progress) = &progress {
        progress.watch(&answer.plan);
    }
    let mut rows = 0;
    while let Some(batch) = shell.next(&mut answer).await {
        rows += batch?.num_rows();
    }
    drop(progress);
    let took = begun.elapsed();
    let width = shell.shown().width.unwrap_or(120);
    let text = tree(answer.plan.as_ref(), width);
    shell.say(&format!(
        "{text}\n{} row{} in {} · shares are of the computing time of all threads",
        group_digits(rows as u64),
        if rows == 1 { "" } else { "s" },
        seconds(took),
    ))
}

/// One operator of a plan.
struct Node {
    /// How deep it stands, as branches.
    branches: String,
    /// What it is and does.
    what: String,
    /// What its metrics say beyond rows and time.
    notes: Vec<String>,
    rows: Option<usize>,
    nanos: usize,
}

/// The plan as a tree with the share of time and the rows of each operator.
fn tree(plan: &dyn ExecutionPlan, width: usize) -> String {
    let mut nodes = Vec::new();
    collect(plan, "", "", &mut nodes);
    let total: usize = nodes.iter().map(|node| node.nanos).sum();
    let rows = |node: &Node| node.rows.map_or(String::new(), |rows| group_digits(rows as u64));
    let rows_width = nodes.iter().map(|node| rows(node).len()).max().unwrap_or(0).max(4);
    let mut text = format!(" time  {:>rows_width$}  operator", "rows");
    for node in &nodes {
        let share = node.nanos * 100 / total.max(1);
        let share = if share == 0 { String::new() } else { format!("{share} %") };
        let mut what = format!("{}{}", node.branches, node.what);
        if !node.notes.is_empty() {
            what.push_str(&format!("  [{}]", node.notes.join(", ")));
        }
        let room = width.saturating_sub(rows_width + 9);
        let what = truncate(&what, room, "…");
        text.push_str(&format!("\n{share:>5}  {:>rows_width$}  {what}", rows(node)));
    }
    text.push('\n');
    text
}

/// Adds `plan` and what is below it; `here` leads to it, `below` to the rest.
fn collect(plan: &dyn ExecutionPlan, here: &str, below: &str, nodes: &mut Vec<Node>) {
    let metrics = plan.metrics().unwrap_or_default();
    let node = Node {
        branches: here.to_owned(),
        what: described(plan),
        notes: notes(&metrics),
        rows: metrics.output_rows(),
        nanos: nanos(&metrics),
    };
    let children = plan.children();
    // An operator that does nothing of note only lengthens the tree.
    let folded = children.len() == 1 && PASSING.contains(&plan.name()) && node.notes.is_empty();
    if folded {
        return collect(children[0].as_ref(), here, below, nodes);
    }
    nodes.push(node);
    for (index, child) in children.iter().enumerate() {
        let (branch, under) =
            if index + 1 < children.len() { ("├─ ", "│  ") } else { ("└─ ", "   ") };
        collect(child.as_ref(), &format!("{below}{branch}"), &format!("{below}{under}"), nodes);
    }
}

/// The time that an operator computed; a scan counts its own in other words.
fn nanos(metrics: &MetricsSet) -> usize {
    let scanned = metrics.sum_by_name("time_elapsed_processing").map(|time| time.as_usize());
    metrics.elapsed_compute().unwrap_or(0).max(scanned.unwrap_or(0))
}

/// Operators that only pass batches on.
const PASSING: &[&str] = &["CooperativeExec", "CoalescePartitionsExec", "CoalesceBatchesExec"];

/// What an operator is and does, on one line.
fn described(plan: &dyn ExecutionPlan) -> String {
    struct Shown<'a>(&'a dyn ExecutionPlan);
    impl std::fmt::Display for Shown<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt_as(DisplayFormatType::Default, f)
        }
    }
    let text = Shown(plan).to_string();
    visible(&without_files(&text.replacen("Exec: ", ": ", 1))).into_owned()
}

/// A scan without the list of its files, which would leave no room for more.
fn without_files(text: &str) -> String {
    let Some((before, rest)) = text.split_once("file_groups={") else {
        return text.to_owned();
    };
    match rest.split_once("]]}, ") {
        Some((files, after)) => {
            format!("{before}{} parts, {after}", files.matches(", ").count() + 1)
        }
        None => before.trim_end_matches([' ', ',']).to_owned(),
    }
}

/// What slowed an operator down, or spared it work.
fn notes(metrics: &MetricsSet) -> Vec<String> {
    let sum = |name: &str| metrics.sum_by_name(name).map_or(0, |value| value.as_usize());
    let mut notes = Vec::new();
    let scanned = sum("bytes_scanned");
    if scanned > 0 {
        notes.push(format!("read {}", bytes(scanned as f64)));
    }
    let spilled = metrics.spilled_bytes().unwrap_or(0);
    if spilled > 0 {
        notes.push(format!("spilled {}", bytes(spilled as f64)));
    }
    for (name, what) in PRUNED {
        let pruned = pruning(metrics, name);
        if let Some((pruned, matched)) = pruned.filter(|(pruned, _)| *pruned > 0) {
            notes.push(format!("{pruned} of {} {what} skipped", pruned + matched));
        }
    }
    notes
}

/// Metrics that count what a scan did not have to read.
const PRUNED: &[(&str, &str)] = &[
    ("files_ranges_pruned_statistics", "files"),
    ("row_groups_pruned_statistics", "row groups"),
    ("page_index_rows_pruned", "rows of pages"),
];

/// How many were skipped and how many were not, by one metric of a scan.
fn pruning(metrics: &MetricsSet, name: &str) -> Option<(usize, usize)> {
    use datafusion::physical_plan::metrics::MetricValue;
    let mut found = None;
    for metric in metrics.iter() {
        if let MetricValue::PruningMetrics { name: known, pruning_metrics } = metric.value()
            && known == name
        {
            let (pruned, matched) = found.unwrap_or((0, 0));
            found = Some((pruned + pruning_metrics.pruned(), matched + pruning_metrics.matched()));
        }
    }
    found
}
