//! Whether a scan reads from memory.
//!
//! It does when most of what it needs is held or was read before; when rows are looked
//! for, so that of some columns only these rows may be needed; and when few rows are
//! wanted. Row groups that the statistics rule out are needed by nobody.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::parquet::arrow::arrow_reader::RowSelection;
use datafusion::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};

use super::scan::RowGroup;
use super::{Footer, HeldColumns, Known};

/// What a scan needs.
#[derive(Debug)]
pub(in crate::catalog) struct Wish<'a> {
    /// The table's schema.
    pub(in crate::catalog) schema: &'a SchemaRef,
    /// The files, as DataFusion's scan would read them.
    pub(in crate::catalog) groups: &'a [FileGroup],
    /// The columns by position.
    pub(in crate::catalog) columns: &'a [usize],
    /// What rows have to fulfil.
    pub(in crate::catalog) filters: &'a [Expr],
    /// Whether so few rows are looked at that no column is worth decoding for them.
    pub(in crate::catalog) few_rows: bool,
    /// Whether the query wants few of the rows.
    pub(in crate::catalog) few_wanted: bool,
    /// Bytes that may be held.
    pub(in crate::catalog) budget: usize,
}

/// How a scan reads from memory.
#[derive(Debug)]
pub(in crate::catalog) struct Choice {
    /// The row groups, file group by file group.
    pub(in crate::catalog) groups: Vec<Vec<RowGroup>>,
    /// Whether all that the scan needs may be held.
    pub(in crate::catalog) fits: bool,
}

/// How the scan reads from memory; `None` if it is better left to the Parquet source.
pub(in crate::catalog) fn choose(
    wish: &Wish<'_>,
    held: &HeldColumns,
    state: &dyn Session,
) -> Result<Option<Choice>> {
    if wish.columns.is_empty() {
        return Ok(None);
    }
    let predicate = predicate(wish, state)?;
    let mut groups = Vec::with_capacity(wish.groups.len());
    let mut numbers = 0..;
    for files in wish.groups {
        let mut needed = Vec::new();
        for file in files.iter() {
            let Some(footer) = held.footer(file.object_meta.location.as_ref()) else {
                return Ok(None);
            };
            let keep = needed_groups(predicate.as_deref(), wish.schema, &footer);
            let groups = keep.into_iter().zip(selected(file, &footer)).enumerate();
            let groups = groups.filter(|(_, (keep, ranges))| *keep && !ranges.is_empty());
            needed.extend(groups.zip(&mut numbers).map(|((index, (_, ranges)), number)| {
                RowGroup { number, file: file.clone(), footer: Arc::clone(&footer), index, ranges }
            }));
        }
        groups.push(needed);
    }
    let known = known(held, groups.iter().flatten(), wish.columns);
    let fits = known.decoded <= wish.budget;
    let is_worth_it = wish.few_wanted
        || known.missing == 0
        || (!wish.few_rows && (!wish.filters.is_empty() || known.read * 2 >= known.all));
    Ok(is_worth_it.then_some(Choice { groups, fits }))
}

/// What is known of the columns at `positions` in some row groups.
fn known<'a>(
    held: &HeldColumns,
    groups: impl Iterator<Item = &'a RowGroup>,
    positions: &[usize],
) -> Known {
    held.known(groups.flat_map(|group| {
        positions.iter().map(|position| (group.footer.as_ref(), group.chunk(*position)))
    }))
}

/// The rows of each row group of a file that are looked at: all of them, unless the
/// file is narrowed to some.
fn selected(file: &PartitionedFile, footer: &Footer) -> Vec<Arc<[Range<usize>]>> {
    let mut rest = file.extension::<ParquetRowSelection>().map(|rows| rows.selection().clone());
    let groups = 0..footer.arrow.metadata().num_row_groups();
    let of_group = |group| match &mut rest {
        Some(rest) => ranges(&rest.split_off(footer.rows(group))),
        None => std::iter::once(0..footer.rows(group)).collect(),
    };
    groups.map(of_group).collect()
}

/// The rows that are selected, as ranges.
fn ranges(rows: &RowSelection) -> Arc<[Range<usize>]> {
    let mut next = 0;
    let ranges = rows.iter().map(|part| {
        let from = next;
        next += part.row_count;
        (part.skip, from..next)
    });
    ranges.filter(|(skip, range)| !skip && !range.is_empty()).map(|(_, range)| range).collect()
}

/// The filters as a question to statistics, if there are any.
fn predicate(wish: &Wish<'_>, state: &dyn Session) -> Result<Option<Arc<PruningPredicate>>> {
    let Some(filter) = conjunction(wish.filters.iter().cloned()) else { return Ok(None) };
    let schema = DFSchema::try_from(wish.schema.as_ref().clone())?;
    let filter = state.create_physical_expr(filter, &schema)?;
    // What cannot be asked of statistics rules nothing out.
    Ok(PruningPredicateBuilder::new().with_file_schema(Arc::clone(wish.schema)).build(filter))
}

/// Which row groups of a file may hold rows that fulfil the predicate.
fn needed_groups(
    predicate: Option<&PruningPredicate>,
    schema: &SchemaRef,
    footer: &Footer,
) -> Vec<bool> {
    let all = || vec![true; footer.arrow.metadata().num_row_groups()];
    let Some(predicate) = predicate else { return all() };
    let statistics = GroupStatistics { schema, footer };
    predicate.prune(&statistics).unwrap_or_else(|_| all())
}

/// The statistics of the row groups of one file.
struct GroupStatistics<'a> {
    schema: &'a SchemaRef,
    footer: &'a Footer,
}

impl GroupStatistics<'_> {
    fn converter(&self, column: &Column) -> Option<StatisticsConverter<'_>> {
        let parquet = self.footer.arrow.parquet_schema();
        StatisticsConverter::try_new(&column.name, self.schema, parquet).ok()
    }
}

impl PruningStatistics for GroupStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        let groups = self.footer.arrow.metadata().row_groups();
        self.converter(column)?.row_group_mins(groups.iter()).ok()
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        let groups = self.footer.arrow.metadata().row_groups();
        self.converter(column)?.row_group_maxes(groups.iter()).ok()
    }

    fn num_containers(&self) -> usize {
        self.footer.arrow.metadata().num_row_groups()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let groups = self.footer.arrow.metadata().row_groups();
        let counts = self.converter(column)?.row_group_null_counts(groups.iter()).ok()?;
        Some(Arc::new(counts))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let groups = self.footer.arrow.metadata().row_groups();
        let rows = groups.iter().map(|group| u64::try_from(group.num_rows()).ok());
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
