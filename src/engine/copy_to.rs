//! COPY TO, whole or not at all.
//!
//! DataFusion writes to the place itself: a statement that fails midway would
//! leave half a file, in the place of a good one that was there before. Here it
//! writes beside the place, and what it wrote is moved there once all of it is
//! safe on the disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::dml::{CopyTo, DmlStatement, InsertOp, WriteOp};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use tempfile::TempDir;

use super::copy_options::Writer;
use super::copy_sink::CopyTarget;
use crate::error::Error;
use crate::render;

/// What a statement writes, on its way to where it belongs. Dropped before it is
/// published, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Staged {
    /// The folder beside the place.
    folder: TempDir,
    /// What is written in it: a file, or a folder of files.
    written: PathBuf,
    /// Where that belongs.
    place: PathBuf,
}

/// Lets the COPY in `plan`, if there is one, write as `writer` says and beside its
/// place.
///
/// # Errors
/// When the place is a folder with something in it, or cannot be written to.
pub(super) fn stage(
    plan: LogicalPlan,
    writer: Option<&Writer>,
) -> Result<(LogicalPlan, Option<Staged>)> {
    let Some(writer) = writer else { return Ok((plan, None)) };
    // What is only explained is not written.
    let runs = matches!(plan, LogicalPlan::Copy(_) | LogicalPlan::Analyze(_));
    let mut staged = None;
    let plan = plan.transform_down(|node| match node {
        LogicalPlan::Copy(mut copy) => {
            copy.input = Arc::new(told_apart(&copy.input)?);
            let name = copy.output_url.clone();
            if let Some(place) = local(&copy.output_url).filter(|_| runs) {
                let beside = Staged::beside(&place).map_err(foreign)?;
                let slash = if copy.output_url.ends_with('/') { "/" } else { "" };
                copy.output_url = format!("{}{slash}", beside.written.display());
                staged = Some(beside);
            }
            let plan = written(copy, &name, writer);
            Ok(Transformed::new(plan, true, TreeNodeRecursion::Stop))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok((plan.data, staged))
}

/// `copy` to the file called `name`, written by `writer`.
fn written(mut copy: CopyTo, name: &str, writer: &Writer) -> LogicalPlan {
    match writer {
        Writer::Engine { one_file } => {
            if *one_file {
                copy.options.insert("single_file_output".to_owned(), "true".to_owned());
            }
            LogicalPlan::Copy(copy)
        }
        Writer::Ours { format, packing, options } => {
            let target = CopyTarget {
                place: PathBuf::from(&copy.output_url),
                name: PathBuf::from(name),
                format,
                packing: *packing,
                options: options.as_ref().clone(),
                schema: Arc::clone(copy.input.schema().inner()),
            };
            let table = TableReference::bare(name);
            let source = provider_as_source(Arc::new(target));
            let op = WriteOp::Insert(InsertOp::Append);
            LogicalPlan::Dml(DmlStatement::new(table, source, op, copy.input))
        }
    }
}

/// `plan` with no two columns called alike: a reader of the file would find only one of
/// them.
fn told_apart(plan: &LogicalPlan) -> Result<LogicalPlan> {
    let names = render::unique_names(plan.schema().inner());
    let columns: Vec<_> = plan.schema().columns();
    if columns.iter().map(Column::name).eq(names.iter().map(String::as_str)) {
        return Ok(plan.clone());
    }
    let named = columns.into_iter().zip(names);
    let named = named.map(|(column, name)| Expr::Column(column).alias(name));
    LogicalPlanBuilder::from(plan.clone()).project(named)?.build()
}

/// The path that `url` is, unless it lies elsewhere or is no place for files.
fn local(url: &str) -> Option<PathBuf> {
    let path = match url::Url::parse(url) {
        Ok(url) if url.scheme() == "file" => url.to_file_path().ok()?,
        Ok(_) => return None,
        Err(_) => PathBuf::from(url),
    };
    let path = std::path::absolute(path).ok()?;
    // What a link points to is replaced, not the link.
    let path = path.canonicalize().unwrap_or(path);
    let there = fs::metadata(&path);
    there.map_or(true, |there| there.is_file() || there.is_dir()).then_some(path)
}

impl Staged {
    fn beside(place: &Path) -> crate::Result<Self> {
        let failed = |error: &io::Error| Error::io("write", place, error);
        if fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Error::usage(format!("the folder {} is not empty", place.display()))
                .hint("COPY would mix its rows with those that are there; name another folder"));
        }
        let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
            return Err(Error::usage(format!("{} cannot be written", place.display())));
        };
        fs::create_dir_all(parent).map_err(|error| failed(&error))?;
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix(".weiku-").suffix(".part").tempdir_in(parent);
        let folder = folder.map_err(|error| failed(&error))?;
        let written = folder.path().join(name);
        Ok(Self { folder, written, place: place.to_owned() })
    }

    /// Forgets what has been written, before all of it is written again.
    pub(super) fn clear(&self) -> Result<()> {
        let cleared = match fs::metadata(&self.written) {
            Ok(there) if there.is_dir() => fs::remove_dir_all(&self.written),
            Ok(_) => fs::remove_file(&self.written),
            Err(_) => Ok(()),
        };
        cleared.map_err(|error| self.failed(&error))
    }

    /// Moves what was written to its place, once it is safe on the disk.
    ///
    /// # Errors
    /// When it cannot; what was at the place is then untouched.
    pub(super) fn publish(self) -> Result<()> {
        let published = sync(&self.written).and_then(|()| self.replace());
        published.map_err(|error| self.failed(&error))
    }

    fn replace(&self) -> io::Result<()> {
        if self.written.is_dir() && self.place.is_dir() {
            // It is empty, or the statement would have been refused.
            fs::remove_dir(&self.place)?;
        }
        fs::rename(&self.written, &self.place)?;
        match self.folder.path().parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }

    fn failed(&self, error: &io::Error) -> DataFusionError {
        foreign(Error::io("write", &self.place, error))
    }
}

/// Makes a file, or all files of a folder, safe on the disk.
fn sync(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            sync(&entry?.path())?;
        }
    }
    File::open(path)?.sync_all()
}

fn foreign(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::engine::{Session, Settings};

    async fn copy(what: &str, to: &Path) -> crate::Result<()> {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = format!("COPY ({what}) TO '{}'", to.display());
        session.collect(&sql).await.map(|_| ())
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    const FAILS: &str = "SELECT 1 / (50000 - value) AS x FROM generate_series(1, 100000)";

    #[tokio::test(flavor = "multi_thread")]
    async fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("old.csv");
        std::fs::write(&file, "old\n").unwrap();
        copy(FAILS, &file).await.unwrap_err();
        copy(FAILS, &folder.path().join("new.csv")).await.unwrap_err();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old\n");
        assert_eq!(names(folder.path()), ["old.csv"]);
    }

    /// What is written to a file called `name`.
    async fn written(statement: &str, name: &str, options: &str) -> crate::Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE t AS SELECT 1 AS a, make_array('微', 'b') AS tags").await?;
        let sql = format!("{statement} TO '{}' {options}", file.display());
        session.collect(&sql).await?;
        assert_eq!(names(folder.path()), [name]);
        Ok(String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn formats_and_options_are_those_that_people_know() {
        let nulls = "COPY (SELECT 1 AS a, NULL AS b)";
        for (statement, name, options, content) in [
            ("COPY t", "x.csv", "", "a,tags\n1,\"[\"\"微\"\",\"\"b\"\"]\"\n"),
            ("COPY t", "x.csv", "(HEADER false, DELIMITER ';')", "1;\"[\"\"微\"\",\"\"b\"\"]\"\n"),
            ("COPY t", "x.jsonl", "", "{\"a\":1,\"tags\":[\"微\",\"b\"]}\n"),
            ("COPY t", "x.json", "(ARRAY false)", "{\"a\":1,\"tags\":[\"微\",\"b\"]}\n"),
            (
                "COPY (SELECT max(a), max(a::int) FROM t)",
                "x",
                "(FORMAT csv)",
                "max(a),max(a::INT)\n1,1\n",
            ),
            (nulls, "x.data", "WITH CSV HEADER NULL AS 'NA'", "a,b\n1,NA\n"),
            (nulls, "x.tsv", "", "a\tb\n1\t\n"),
            (nulls, "x.csv", "(BOM, NULL 'NA')", "\u{feff}a,b\n1,NA\n"),
            (nulls, "x.csv", "(HEADER false, BOM true)", "\u{feff}1,\n"),
            (nulls, "x.csv", "(BOM false)", "a,b\n1,\n"),
            (nulls, "x.csv", "STORED AS CSV OPTIONS ('format.has_header' 'false')", "1,\n"),
            (
                "COPY (SELECT a, a FROM t)",
                "x.md",
                "",
                "| a | a\\_1 |\n| ---: | ---: |\n| 1 | 1 |\n",
            ),
        ] {
            let found = written(statement, name, options).await.unwrap();
            assert_eq!(found, content, "{statement} {name} {options}");
        }
        for (name, options, begins) in [
            ("x.csv.gz", "", "\u{1f}"),
            ("x.csv.GZ", "", "\u{1f}"),
            ("x.jsonl", "(COMPRESSION zstd)", "(\u{fffd}/\u{fffd}"),
        ] {
            let found = written("COPY t", name, options).await.unwrap();
            assert!(found.starts_with(begins), "{name} {found:?}");
        }
        for options in ["(FORMAT parquet, COMPRESSION zstd)", "(FORMAT 'parquet')"] {
            let found = written("COPY t", "x", options).await.unwrap();
            assert!(found.starts_with("PAR1"), "{options}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_be_written_so_is_refused_with_what_can() {
        for (name, options, hint) in [
            ("x.csv", "(HEADR)", "header"),
            ("x.csv", "(DELIMITER 'ab')", "one ASCII character"),
            ("x.jsonl", "(DELIMITER ';')", "there are format, array"),
            ("x.json", "(BOM)", "there are format, array"),
            ("x", "(FORMAT csv, BOM, PARTITION_BY (a))", "one file"),
            ("x.xlsx", "", "(FORMAT csv)"),
            ("x.csv", "(ENCODING 'GBK')", "iconv"),
            ("x.parquet", "(COMPRESSION zip)", "zstd"),
            ("x.csv.bz2", "", "gzip"),
        ] {
            let error = written("COPY t", name, options).await.unwrap_err();
            assert!(error.advice().is_some_and(|told| told.contains(hint)), "{options}: {error}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_whole_answer_takes_the_place_of_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("made/old.csv");
        for text in ["1", "2"] {
            copy(&format!("SELECT {text} AS a"), &file).await.unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("a\n{text}\n"));
        }
        assert_eq!(names(&folder.path().join("made")), ["old.csv"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_are_not_mixed_with_those_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("posts/");
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = format!("COPY (SELECT 1 AS a) TO '{}' STORED AS PARQUET", place.display());
        session.collect(&sql).await.unwrap();
        assert_eq!(names(&place).len(), 1);
        let error = session.collect(&sql).await.unwrap_err();
        assert!(error.message().contains("is not empty"), "{error}");
        assert_eq!((names(&place).len(), names(folder.path()).len()), (1, 1));
    }
}
