//! How the files of a scan are dealt out to the tasks of a stage.
//!
//! Every task gets a slice of every group of files, cut by bytes: groups keep
//! their order, tasks have as many groups as one machine would have, and each is
//! as large as the next.

use std::sync::Arc;

use datafusion::catalog::memory::DataSourceExec;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_distributed::{
    DistributedLeafExec, ScaleUpLeafNodeEvent, ScaleUpLeafNodeEventResponse,
};

/// The scan of a stage, cut into one part for each task.
pub(super) fn scale_up(
    stage: ScaleUpLeafNodeEvent<'_>,
) -> Option<Result<ScaleUpLeafNodeEventResponse>> {
    let source = stage.plan.downcast_ref::<DataSourceExec>()?.data_source();
    let scan = source.downcast_ref::<FileScanConfig>()?;
    let part = |task| {
        let slices = scan.file_groups.iter().map(|group| slice(group, task, stage.task_count));
        let mut part = scan.clone();
        part.file_groups = slices.collect();
        DataSourceExec::from_data_source(part) as Arc<dyn ExecutionPlan>
    };
    let parts = (0..stage.task_count).map(part);
    let leaf = DistributedLeafExec::try_new(Arc::clone(stage.plan), parts);
    Some(leaf.map(|leaf| ScaleUpLeafNodeEventResponse::new(Arc::new(leaf))))
}

/// The bytes of a file that are to be read.
fn range(file: &PartitionedFile) -> (u64, u64) {
    let bytes = |at: i64| u64::try_from(at).unwrap_or(0);
    file.range
        .as_ref()
        .map_or((0, file.object_meta.size), |range| (bytes(range.start), bytes(range.end)))
}

/// The part of `group` that task number `task` of `tasks` reads. A row group is
/// read by the one whose part holds its middle.
fn slice(group: &FileGroup, task: usize, tasks: usize) -> FileGroup {
    let length = |file| {
        let (start, end) = range(file);
        end.saturating_sub(start)
    };
    let total: u64 = group.iter().map(length).sum();
    let cut = |task: usize| {
        // In 128 bits, which no product of sizes overflows.
        (u128::from(total) * task as u128 / tasks.max(1) as u128) as u64
    };
    let (from, to) = (cut(task), cut(task + 1));
    let mut files = Vec::new();
    let mut before = 0;
    for file in group.iter() {
        let (start, end) = range(file);
        let after = before + length(file);
        let (first, last) = (from.clamp(before, after), to.clamp(before, after));
        if first < last {
            let part = (start + (first - before), end - (after - last));
            let mut file = file.clone();
            if part != (start, end) || file.range.is_some() {
                file = file.with_range(part.0 as i64, part.1 as i64);
            }
            files.push(file);
        }
        before = after;
    }
    FileGroup::new(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cover_every_byte_once_and_in_order() {
        let group = FileGroup::new(vec![
            PartitionedFile::new("a", 100),
            PartitionedFile::new("b", 1).with_range(0, 1),
            PartitionedFile::new("c", 1000).with_range(500, 777),
            PartitionedFile::new("d", 3),
        ]);
        for tasks in 1..12 {
            let mut bytes = Vec::new();
            for task in 0..tasks {
                for file in slice(&group, task, tasks).iter() {
                    let (start, end) = range(file);
                    let name = file.object_meta.location.to_string();
                    bytes.extend((start..end).map(|at| (name.clone(), at)));
                }
            }
            let mut once = bytes.clone();
            once.dedup();
            assert_eq!((bytes.len(), once.len()), (381, 381), "{tasks} tasks");
            assert!(bytes.is_sorted(), "{tasks} tasks");
        }
    }

    #[test]
    fn a_file_that_is_not_cut_is_left_as_it_was() {
        let group =
            FileGroup::new(vec![PartitionedFile::new("a", 5), PartitionedFile::new("b", 5)]);
        let part = slice(&group, 1, 2);
        assert_eq!(part.len(), 1);
        assert!(part.iter().all(|file| file.range.is_none()));
    }
}
