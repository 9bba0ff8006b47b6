//! Where the time of a statement went that has run: its plan with what each
//! operator did.

mod html;
mod text;

use std::cmp::Ordering;
use std::sync::LazyLock;
use std::time::Duration;

use datafusion::common::stats::Precision;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use regex::{Captures, Regex};

use crate::render::{group_digits, visible};
use crate::shell::progress::bytes;
use crate::shell::seconds;

/// A statement that has run, operator by operator.
#[derive(Debug)]
pub(crate) struct Profile {
    /// The operators, each before those that it reads from.
    nodes: Vec<Node>,
    /// How many rows the statement gave.
    rows: usize,
    /// How long it took.
    took: Duration,
}

/// One operator of a plan.
#[derive(Debug)]
struct Node {
    /// How many operators stand above it.
    depth: usize,
    /// How it hangs below them, as branches.
    branches: String,
    /// What it is and does.
    what: String,
    /// What its metrics say beyond rows and time.
    notes: Vec<String>,
    rows: Option<usize>,
    nanos: usize,
    /// Whether it reads from one operator, which is the next.
    is_link: bool,
}

/// How many times more or fewer rows than expected are told: by then the plan was
/// probably made for another case.
const FAR_OFF: usize = 10;

/// Rows below which it does not matter what was expected.
const FEW_ROWS: usize = 10_000;

impl Profile {
    /// The profile of `plan`, whose answer of `rows` rows has been taken whole.
    pub(crate) fn of(plan: &dyn ExecutionPlan, rows: usize, took: Duration) -> Self {
        let mut nodes = Vec::new();
        collect(plan, &Place::default(), &mut nodes);
        Self { nodes, rows, took }
    }

    /// The share of the time that an operator computed, in per cent.
    fn share(&self, node: &Node) -> usize {
        let total: usize = self.nodes.iter().map(|node| node.nanos).sum();
        node.nanos * 100 / total.max(1)
    }

    /// `12 rows in 0.84 s`.
    fn summary(&self) -> String {
        format!(
            "{} row{} in {} · shares are of the computing time of all threads",
            group_digits(self.rows as u64),
            if self.rows == 1 { "" } else { "s" },
            seconds(self.took),
        )
    }
}

impl Node {
    /// `1,234`, or nothing when it is not known.
    fn shown_rows(&self) -> String {
        self.rows.map_or(String::new(), |rows| group_digits(rows as u64))
    }
}

/// Where an operator stands: how deep, the branches that lead to it, and those
/// that lead past it to what is below.
#[derive(Debug, Default)]
struct Place {
    depth: usize,
    here: String,
    below: String,
    /// Whether one above may stop reading before there are no more rows.
    is_cut: bool,
}

/// Adds `plan`, which stands at `place`, and what is below it.
fn collect(plan: &dyn ExecutionPlan, place: &Place, nodes: &mut Vec<Node>) {
    let metrics = plan.metrics().unwrap_or_default();
    let mut node = Node {
        depth: place.depth,
        branches: place.here.clone(),
        what: described(plan),
        notes: notes(&metrics),
        rows: metrics.output_rows(),
        nanos: nanos(&metrics),
        is_link: plan.children().len() == 1,
    };
    let children = plan.children();
    // An operator that does nothing of note only lengthens the tree.
    if children.len() == 1 && PASSING.contains(&plan.name()) && node.notes.is_empty() {
        return collect(children[0].as_ref(), place, nodes);
    }
    node.notes.extend(surprise(plan, place.is_cut));
    nodes.push(node);
    // A sort reads all, whatever is wanted of it.
    let is_cut = !plan.is::<SortExec>() && (place.is_cut || plan.fetch().is_some());
    let several = children.len() > 1;
    for (index, child) in children.iter().enumerate() {
        let (branch, under) = match index + 1 < children.len() {
            // A long chain would leave no room if each operator went further in.
            _ if !several => ("", ""),
            true => ("├─ ", "│  "),
            false => ("└─ ", "   "),
        };
        let place = Place {
            depth: place.depth + 1,
            here: format!("{}{branch}", place.below),
            below: format!("{}{under}", place.below),
            is_cut,
        };
        collect(child.as_ref(), &place, nodes);
    }
}

/// Says so when an operator gave many more or far fewer rows than the planner expected,
/// unless it was wrong already about what the operator reads.
fn surprise(plan: &dyn ExecutionPlan, is_cut: bool) -> Option<String> {
    let (found, expected) = misjudged(plan)?;
    // Of groups only the most that there can be are expected.
    let is_no_wonder = found == Ordering::Less && (is_cut || plan.is::<AggregateExec>());
    let is_from_below = plan
        .children()
        .iter()
        .filter_map(|child| misjudged(child.as_ref()))
        .any(|(theirs, _)| theirs == found);
    let is_told = !is_no_wonder && !is_from_below;
    is_told.then(|| format!("{} rows were expected", group_digits(expected as u64)))
}

/// Whether an operator gave many more or far fewer rows than were expected, and how many
/// these were. One that counts no rows hands on those that it reads.
fn misjudged(plan: &dyn ExecutionPlan) -> Option<(Ordering, usize)> {
    let Some(rows) = plan.metrics().and_then(|metrics| metrics.output_rows()) else {
        return match plan.children().as_slice() {
            [only] => misjudged(only.as_ref()),
            _ => None,
        };
    };
    let known = StatisticsContext::new().compute(plan, &StatisticsArgs::default()).ok()?;
    let Precision::Inexact(expected) = known.num_rows else {
        return None;
    };
    is_far_off(rows, expected).then(|| (rows.cmp(&expected), expected))
}

fn is_far_off(rows: usize, expected: usize) -> bool {
    let (less, more) = (rows.min(expected), rows.max(expected));
    more >= FEW_ROWS && more / FAR_OFF >= less.max(1)
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
    visible(&without_types(&without_files(&text.replacen("Exec: ", ": ", 1)))).into_owned()
}

/// A plan as EXPLAIN writes it, as people would: without the names of files and
/// the types of literals.
pub(crate) fn readable_plan(plan: &str) -> String {
    let lines: Vec<String> = plan.lines().map(|line| without_types(&without_files(line))).collect();
    lines.join("\n")
}

/// A plan's expressions as people write them: without the types of literals and
/// the positions of columns.
fn without_types(text: &str) -> String {
    static NOISE: LazyLock<Regex> = LazyLock::new(|| {
        let literal = r#"\b(?:Utf8View|LargeUtf8|Utf8)\("([^"]*)"\)"#;
        let pattern = format!(r"{literal}|\bU?Int\d+\((-?\d+)\)|([\w)])@\d+");
        Regex::new(&pattern).expect("the pattern is a constant")
    });
    let plain = NOISE.replace_all(text, |found: &Captures<'_>| match found.get(1) {
        Some(literal) => format!("'{}'", literal.as_str()),
        None => {
            let kept = found.get(2).or(found.get(3)).map_or("", |kept| kept.as_str());
            kept.to_owned()
        }
    });
    let plain = without_own_names(&plain.replace("count(1)", "count(*)"));
    HOW_MANY_AT_A_TIME.replace_all(&plain, "").into_owned()
}

/// What an operator says of the threads that it runs on, which is the same for all.
static HOW_MANY_AT_A_TIME: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r", (?:preserve_partitioning=\[(?:true|false)\]|input_partitions=\d+)";
    Regex::new(pattern).expect("the pattern is a constant")
});

/// `x as x` as `x`: a column that keeps its name says so in each operator.
fn without_own_names(text: &str) -> String {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| {
        let name = r"[\w.*()]+";
        let pattern = format!(r"([\[ ])({name})((?: (?:as|AS) {name})+)([\],]|$)");
        Regex::new(&pattern).expect("the pattern is a constant")
    });
    let plain = NAMED.replace_all(text, |found: &Captures<'_>| {
        let mut names = found[3].split_whitespace().skip(1).step_by(2);
        match names.all(|name| name == &found[2]) {
            true => format!("{}{}{}", &found[1], &found[2], &found[4]),
            false => found[0].to_owned(),
        }
    });
    plain.into_owned()
}

/// A scan without the list of its files, which would leave no room for more.
fn without_files(text: &str) -> String {
    let Some((before, rest)) = text.split_once("file_groups={") else {
        return text.to_owned();
    };
    match rest.split_once("]]}, ") {
        Some((files, after)) => {
            let parts = files.matches(", ").count() + 1;
            let s = if parts == 1 { "" } else { "s" };
            format!("{before}{parts} part{s}, {after}")
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
            let [read, all] = [matched, pruned + matched].map(|count| group_digits(count as u64));
            notes.push(format!("{what} {read} of {all}"));
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FEW_ROWS, Profile, is_far_off, readable_plan, without_types};
    use crate::engine::script::parse;
    use crate::engine::{Params, Session, Settings};

    #[test]
    fn few_rows_and_small_mistakes_are_no_surprise() {
        assert!(is_far_off(FEW_ROWS, FEW_ROWS / 10) && is_far_off(3, FEW_ROWS));
        assert!(is_far_off(FEW_ROWS, 0) && is_far_off(0, FEW_ROWS));
        assert!(!is_far_off(FEW_ROWS, FEW_ROWS / 9) && !is_far_off(3, FEW_ROWS - 1));
    }

    #[tokio::test]
    async fn groups_and_limits_are_no_surprise() {
        let session = Session::new(None, Settings::default()).unwrap();
        let table = "CREATE TABLE t AS SELECT value AS n FROM range(0, 50000) AS r (value)";
        session.collect(table).await.unwrap();
        for sql in [
            "SELECT n % 3 AS k, count(*) AS c FROM t GROUP BY k ORDER BY k",
            "SELECT n FROM t LIMIT 5",
        ] {
            let statement = parse(sql, None).unwrap().remove(0);
            let mut answer = session.run(&statement, &Params::new()).await.unwrap();
            let mut rows = 0;
            while let Some(batch) = answer.next().await {
                rows += batch.unwrap().num_rows();
            }
            let profile = Profile::of(answer.plan.as_ref(), rows, Duration::from_secs(1));
            let told = profile.to_text(120, false);
            assert!(!told.contains("expected"), "{sql}: {told}");
        }
    }

    #[test]
    fn a_plan_names_no_files_and_keeps_its_lines() {
        let plan = "FilterExec: n@0 = Int64(3)\n  DataSourceExec: file_groups={2 groups: \
                    [[a/b.parquet:0..9, c.parquet], [d.parquet]]}, projection=[n], file_type=parquet";
        assert_eq!(
            readable_plan(plan),
            "FilterExec: n = 3\n  DataSourceExec: 3 parts, projection=[n], file_type=parquet"
        );
    }

    #[test]
    fn expressions_lose_their_types_and_positions() {
        assert_eq!(
            without_types("FilterExec: client@0 = Utf8View(\"iPhone\") AND n@1 > Int64(-9)"),
            "FilterExec: client = 'iPhone' AND n > -9"
        );
        assert_eq!(
            without_types("Sort: expr=[n@1 DESC], preserve_partitioning=[true]"),
            "Sort: expr=[n DESC]"
        );
        assert_eq!(
            without_types("gby=[a@0 as a, b@1 as b, c@2 as d], expr=[count(DISTINCT x)@1 as n]"),
            "gby=[a, b, c as d], expr=[count(DISTINCT x) as n]"
        );
        assert_eq!(
            without_types("expr=[count(Int64(1))@0 as count(*), max(n)@1 as m, a@0 as A]"),
            "expr=[count(*), max(n) as m, a as A]"
        );
        assert_eq!(
            without_types("Projection: n, count(Int64(1)) AS count(*) AS count(*)"),
            "Projection: n, count(*)"
        );
        assert_eq!(
            without_types("aggr=[count(Int64(1))], text@2 LIKE %@12%"),
            "aggr=[count(*)], text LIKE %@12%"
        );
    }
}
