//! Files as pieces that are in order.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::physical_plan::ExecutionPlan;
use object_store::path::Path;

use crate::catalog::FilePlace;

/// Bytes of a piece, about: a row group or two of a stored table.
const PIECE: u64 = 8 << 20;

/// More pieces than these are not made of a scan.
const MOST_PIECES: usize = 4096;

/// The scan with its rows in the order of its files, in pieces if it has several
/// partitions; `None` if it has them already, or reads no files.
pub(super) fn in_order(scan: &DataSourceExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(config) = scan.data_source().downcast_ref::<FileScanConfig>() else {
        return Ok(None);
    };
    if config.file_groups.len() < 2 || config.output_partitioning.is_some() {
        return Ok(limited(scan));
    }
    let mut files: Vec<PartitionedFile> =
        config.file_groups.iter().flat_map(FileGroup::iter).cloned().collect();
    files.sort_by(|one, other| place(one).cmp(&place(other)));
    let bytes: u64 = files.iter().map(PartitionedFile::effective_size).sum();
    let pieces = usize::try_from(bytes.div_ceil(PIECE)).unwrap_or(MOST_PIECES);
    let pieces = pieces.min(MOST_PIECES).max(config.file_groups.len());
    // Nothing above relies on the order of a table's files that is declared.
    let builder = FileScanConfigBuilder::from(config.clone())
        .with_output_ordering(Vec::new())
        .with_preserve_order(true);
    let whole = vec![FileGroup::new(files.clone())];
    let scan = builder.clone().with_file_groups(whole).build();
    let split = scan.repartitioned(pieces, 0, None)?;
    let split = split.unwrap_or_else(|| {
        let size = bytes.div_ceil(u64::try_from(pieces).unwrap_or(1)).max(1);
        Arc::new(builder.with_file_groups(grouped(files, size)).build())
    });
    Ok(Some(Arc::new(DataSourceExec::new(split))))
}

/// The scan with the first rows if it has a limit, and not those of whichever row groups
/// are sure to have enough; `None` if it gives these already.
pub(super) fn limited(scan: &DataSourceExec) -> Option<Arc<dyn ExecutionPlan>> {
    let config = scan.data_source().downcast_ref::<FileScanConfig>()?;
    if config.limit.is_none() || config.preserve_order {
        return None;
    }
    let builder = FileScanConfigBuilder::from(config.clone()).with_preserve_order(true);
    Some(DataSourceExec::from_data_source(builder.build()))
}

/// What the order of files and of their parts goes by.
fn place(file: &PartitionedFile) -> (Option<FilePlace>, &Path, u64) {
    (file.extension::<FilePlace>().copied(), file.path(), file.range().0)
}

/// Files that cannot be read in parts, one after the other in groups of about `size` bytes.
fn grouped(files: Vec<PartitionedFile>, size: u64) -> Vec<FileGroup> {
    let mut groups = Vec::new();
    let (mut group, mut bytes) = (Vec::new(), 0);
    for file in files {
        bytes += file.effective_size();
        group.push(file);
        if bytes >= size {
            groups.push(FileGroup::new(std::mem::take(&mut group)));
            bytes = 0;
        }
    }
    if !group.is_empty() {
        groups.push(FileGroup::new(group));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_are_read_together_and_large_ones_by_themselves() {
        let sizes = [1, 1, 9, 2, 2, 1];
        let files = sizes.iter().enumerate();
        let files = files.map(|(name, size)| PartitionedFile::new(name.to_string(), *size));
        let groups = grouped(files.collect(), 4);
        let sizes: Vec<Vec<u64>> = groups
            .iter()
            .map(|group| group.iter().map(PartitionedFile::effective_size).collect())
            .collect();
        assert_eq!(sizes, [vec![1, 1, 9], vec![2, 2], vec![1]]);
    }
}
