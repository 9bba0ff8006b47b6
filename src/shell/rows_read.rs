//! How much of what a plan reads it has read.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::catalog::memory::{DataSourceExec, MemorySourceConfig};
use datafusion::common::stats::Precision;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::memory::LazyMemoryExec;
use datafusion::physical_plan::metrics::{MetricValue, MetricsSet};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use crate::catalog::{FilePlace, HeldScan};
use crate::engine::ComputedOnce;

/// Of two tables whose rows are joined each with each, the second passes by: how many of
/// its rows have done so tells something if there are so many of them, in many batches.
const MANY: usize = 100_000;

/// What the metrics of a plan's scans say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Rows that the scans have read.
    pub(super) rows: usize,
    /// Those among them that are in memory, and count as read from the beginning.
    pub(super) held: usize,
    /// Rows that are read nowhere, such as those of `range`.
    pub(super) made: usize,
    /// Bytes that they have read.
    pub(super) bytes: usize,
    /// Rows that they will read, when all of them know.
    pub(super) expected: Option<usize>,
    /// Files that they are done with.
    pub(super) files: usize,
    /// Files that there are.
    pub(super) all_files: usize,
    /// Whether rows are joined each with each: how many were read tells nothing then.
    pub(super) multiplies: bool,
}

impl Seen {
    /// What the scans of `plan` have read.
    pub(super) fn of(plan: &dyn ExecutionPlan) -> Self {
        let mut seen = Self { expected: Some(0), ..Self::default() };
        seen.add(plan);
        // Few rows that are made are there at once; how many there will be, nobody tells.
        let are_few = seen.expected.is_some_and(|rows| seen.made * 20 <= rows);
        if !are_few {
            (seen.rows, seen.expected) = (seen.rows + seen.made, None);
        }
        seen
    }

    fn add(&mut self, plan: &dyn ExecutionPlan) {
        let children = plan.children();
        if multiplies(plan) {
            if let Some(passing) = passing(&children) {
                self.join(&passing);
                return;
            }
            self.multiplies = true;
        }
        for child in &children {
            self.add(child.as_ref());
        }
        // The rows of a query that is computed once are read below one of its uses.
        if !children.is_empty() || plan.is::<ComputedOnce>() {
            return;
        }
        let metrics = plan.metrics().unwrap_or_default();
        self.bytes += sum(&metrics, "bytes_scanned");
        if plan.is::<LazyMemoryExec>() {
            self.made += metrics.output_rows().unwrap_or(0);
            return;
        }
        if let Some(held) = plan.downcast_ref::<HeldScan>() {
            // Few of the rows that it looks at may come out.
            let (looked_at, all) = held.looked_at();
            self.rows += looked_at;
            self.expected = self.expected.zip(all).map(|(sum, rows)| sum + rows);
            return;
        }
        let known = known_rows(plan);
        if let Some(rows) = known.get_value().filter(|_| is_in_memory(plan)) {
            // Nobody counts what is taken of these, and there is nothing to wait for.
            self.rows += rows;
            self.held += rows;
            self.expected = self.expected.map(|all| all + rows);
            return;
        }
        // A scan that filters has read the rows that it keeps back, too.
        let kept_back = sum(&metrics, "pushdown_rows_pruned");
        self.rows += metrics.output_rows().unwrap_or(0) + kept_back;
        let files = files(plan);
        self.files += sum(&metrics, "files_processed");
        self.all_files += files.len();
        let expected = match known {
            Precision::Exact(rows) => Some(rows),
            // With a filter the engine only guesses what comes out; what goes in
            // is known, unless parts of the files need not be read.
            _ if skips(&metrics) => None,
            _ => rows_of(&files),
        };
        self.expected = self.expected.zip(expected).map(|(all, rows)| all + rows);
    }

    /// Adds what another part of the plan has read.
    fn join(&mut self, other: &Self) {
        self.rows += other.rows;
        self.held += other.held;
        self.made += other.made;
        self.bytes += other.bytes;
        self.expected = self.expected.zip(other.expected).map(|(all, rows)| all + rows);
        self.files += other.files;
        self.all_files += other.all_files;
        self.multiplies |= other.multiplies;
    }

    /// How many of how many rows or files are read, with the word for them.
    pub(super) fn share(&self) -> Option<(usize, usize, &'static str)> {
        if self.multiplies {
            return None;
        }
        match self.expected.filter(|expected| *expected > 0 && self.rows <= *expected) {
            Some(expected) => Some((self.rows, expected, "rows")),
            None if self.all_files >= FEW_FILES && self.files <= self.all_files => {
                Some((self.files, self.all_files, "files"))
            }
            None => None,
        }
    }

    /// Whether all is read, as far as anybody knows of scans that still read or do not.
    pub(super) fn is_over(&self, reads: bool) -> bool {
        match self.share() {
            Some((done, all, _)) => done == all,
            None => !reads && self.files >= self.all_files,
        }
    }

    /// The rows that were counted one after the other.
    pub(super) fn counted(&self) -> usize {
        if self.multiplies { 0 } else { self.rows.saturating_sub(self.held) }
    }
}

/// What was read of the second of two tables whose rows are joined each with each, if it
/// tells how much is done: the first one is held, and is as nothing beside their product.
fn passing(sides: &[&Arc<dyn ExecutionPlan>]) -> Option<Seen> {
    let [_, second] = sides else { return None };
    let seen = Seen::of(second.as_ref());
    seen.expected.is_some_and(|rows| rows >= MANY && seen.held == 0).then_some(seen)
}

/// How many rows come out of an operator, as far as that is known before it runs.
fn known_rows(plan: &dyn ExecutionPlan) -> Precision<usize> {
    let known = StatisticsContext::new().compute(plan, &StatisticsArgs::default());
    known.map_or(Precision::Absent, |known| known.num_rows)
}

/// Whether an operator reads a table that is held in memory.
fn is_in_memory(plan: &dyn ExecutionPlan) -> bool {
    let scan = plan.downcast_ref::<DataSourceExec>();
    scan.is_some_and(|scan| scan.data_source().is::<MemorySourceConfig>())
}

/// Whether an operator joins rows each with each, of which there are several on both sides.
fn multiplies(plan: &dyn ExecutionPlan) -> bool {
    let joins = plan.is::<CrossJoinExec>() || plan.is::<NestedLoopJoinExec>();
    let is_several = |side: &&Arc<dyn ExecutionPlan>| {
        known_rows(side.as_ref()).get_value().is_none_or(|rows| *rows > 1)
    };
    joins && plan.children().iter().all(is_several)
}

/// Fewer files than that tell too little of how much is done.
const FEW_FILES: usize = 4;

/// The files that a scan reads; none for other sources.
fn files(plan: &dyn ExecutionPlan) -> Vec<&PartitionedFile> {
    let scan = plan
        .downcast_ref::<DataSourceExec>()
        .and_then(|source| source.data_source().downcast_ref::<FileScanConfig>())
        // A scan with a limit ends before its files do.
        .filter(|scan| scan.limit.is_none());
    scan.map_or(Vec::new(), |scan| scan.file_groups.iter().flat_map(FileGroup::files).collect())
}

/// The rows of whole files, if all of them know how many they have. A file may be there
/// in several parts, each of which knows the rows of the whole.
fn rows_of(files: &[&PartitionedFile]) -> Option<usize> {
    let mut whole = BTreeMap::new();
    for file in files {
        // Anything else that goes with a file may say that only some rows are read.
        let places = usize::from(file.extension::<FilePlace>().is_some());
        let statistics = file.statistics.as_ref().filter(|_| file.extensions.len() == places)?;
        let rows = *statistics.num_rows.get_value()?;
        let (_, parts, size) =
            whole.entry(&file.object_meta.location).or_insert((rows, 0, file.object_meta.size));
        *parts += file.effective_size();
        if *parts > *size {
            return None;
        }
    }
    let are_whole = !whole.is_empty() && whole.values().all(|(_, parts, size)| parts == size);
    are_whole.then(|| whole.values().map(|(rows, ..)| rows).sum())
}

/// Whether a scan has found parts of its files that it need not read.
fn skips(metrics: &MetricsSet) -> bool {
    let mut pruning = metrics.iter().filter_map(|metric| match metric.value() {
        MetricValue::PruningMetrics { pruning_metrics, .. } => Some(pruning_metrics.pruned()),
        _ => None,
    });
    pruning.any(|pruned| pruned > 0)
}

fn sum(metrics: &MetricsSet, name: &str) -> usize {
    metrics.sum_by_name(name).map_or(0, |value| value.as_usize())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use datafusion::physical_plan::Statistics;

    use super::*;
    use crate::engine::script::parse;
    use crate::engine::{Params, Session, Settings, made_posts};
    use crate::store::Store;

    /// What a statement has read in the end.
    async fn seen(session: &Session, sql: &str) -> Seen {
        let statement = parse(sql, None).unwrap().remove(0);
        let mut answer = session.run(&statement, &Params::new()).await.unwrap();
        while let Some(batch) = answer.next().await {
            batch.unwrap();
        }
        Seen::of(answer.plan.as_ref())
    }

    /// A database of a hundred posts whose texts are numbers.
    async fn posts(folder: &Path) -> Arc<Store> {
        made_posts::store(folder, [made_posts::posts(0..100, &[])]).await
    }

    #[tokio::test]
    async fn a_plan_tells_what_it_reads_from_memory_and_what_it_multiplies() {
        let session = Session::new(None, Settings::default()).unwrap();
        let table = "CREATE TABLE t AS SELECT value AS n FROM range(0, 500) AS r (value)";
        session.collect(table).await.unwrap();
        let (other, pairs) = ("(SELECT n AS o FROM t)", "(a.n + o) % 7 = 1");
        for (sql, rows, multiplies) in [
            ("SELECT n % 7 AS k, count(*) FROM t GROUP BY 1".to_owned(), 500, false),
            (format!("SELECT a.n * o AS p FROM t AS a, {other} AS b"), 1_000, true),
            (format!("SELECT a.n, o FROM t AS a LEFT JOIN {other} AS b ON {pairs}"), 1_000, true),
            ("SELECT n * m AS p FROM t, (SELECT max(n) AS m FROM t) AS b".to_owned(), 1_000, false),
        ] {
            let seen = seen(&session, &sql).await;
            let wanted = (rows, Some(rows), multiplies);
            assert_eq!((seen.rows, seen.expected, seen.multiplies), wanted, "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_rows_of_a_stored_table_are_known_whatever_is_computed_of_its_texts() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { threads: 2, ..Settings::default() };
        let session = Session::new(Some(posts(folder.path()).await), settings).unwrap();
        // From files first, then from memory.
        for _ in 0..3 {
            let sql = "SELECT sum(levenshtein(text, '7')) AS s FROM posts
                       WHERE text || 'x' NOT LIKE '%7%'";
            let seen = seen(&session, sql).await;
            assert_eq!((seen.rows, seen.expected), (100, Some(100)), "{seen:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_joined_with_few_rows_that_are_made_is_read_row_by_row() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("numbers.parquet").display().to_string();
        let session = Session::new(None, Settings::default()).unwrap();
        let copy = format!("COPY (SELECT value AS i FROM range({MANY}) AS r (value)) TO '{file}'");
        session.collect(&copy).await.unwrap();
        for join in [
            format!("'{file}' AS f, range(4) AS r (x) WHERE f.i + r.x > 1"),
            format!("'{file}' AS f JOIN range(40) AS r (x) ON f.i % 40 = r.x"),
        ] {
            let sql = format!("SELECT count(*) AS c FROM {join}");
            let seen = seen(&session, &sql).await;
            assert_eq!(seen.share(), Some((MANY, MANY, "rows")), "{sql}: {seen:?}");
        }
        let made = seen(&session, "SELECT sum(x) AS s FROM range(1000) AS r (x)").await;
        assert_eq!((made.rows, made.share()), (1_000, None));
    }

    #[test]
    fn a_file_in_parts_has_its_rows_once_and_only_if_all_parts_are_there() {
        let known = Statistics { num_rows: Precision::Exact(30), ..Statistics::default() };
        let file =
            |name: &str| PartitionedFile::new(name, 10).with_statistics(Arc::new(known.clone()));
        let (first, second, other) =
            (file("a").with_range(0, 7), file("a").with_range(7, 10), file("b"));
        assert_eq!(rows_of(&[&first, &other, &second]), Some(60));
        assert_eq!(rows_of(&[&first, &other]), None);
        assert_eq!(rows_of(&[&first, &first]), None);
        assert_eq!(rows_of(&[&PartitionedFile::new("c", 10)]), None);
        assert_eq!(rows_of(&[]), None);
        // It may say which rows are read.
        assert_eq!(rows_of(&[&other.with_extension("some")]), None);
    }
}
