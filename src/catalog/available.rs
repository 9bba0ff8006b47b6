//! How much memory the system had for this process when it started.

use std::fs::read_to_string;
use std::path::Path;
use std::sync::LazyLock;

use sysinfo::{MemoryRefreshKind, System};

/// Where Linux tells of control groups: of the newer kind, and of the older one.
const GROUPS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"];

/// Asked once: each session, and the limit of all, wants to know.
static AVAILABLE: LazyLock<Option<u64>> = LazyLock::new(ask);

/// The bytes of memory that can be taken without driving anything else out, as the
/// process found them: what the system had left, and no more than the control
/// groups of this process, such as a container, left it. `None` where the system
/// does not tell.
#[must_use]
pub fn available_memory() -> Option<u64> {
    *AVAILABLE
}

fn ask() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let available = Some(system.available_memory()).filter(|bytes| *bytes > 0)?;
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let left = GROUPS.iter().filter_map(|root| left_by_groups(Path::new(root), &groups)).min();
    Some(left.map_or(available, |left| left.min(available)))
}

/// The least that one of the `groups`, as Linux lists those of a process, or one
/// around it, leaves of its limit.
fn left_by_groups(root: &Path, groups: &str) -> Option<u64> {
    let paths = groups.lines().filter_map(|line| {
        let (kinds, path) = line.split_once(':')?.1.split_once(':')?;
        let tells = kinds.is_empty() || kinds.split(',').any(|kind| kind == "memory");
        tells.then(|| path.trim_start_matches('/'))
    });
    // In a container the paths are often those of the machine around it: then only
    // the root is there, which is the container's own group.
    let around = paths.flat_map(|path| Path::new(path).ancestors().map(|path| root.join(path)));
    around.filter_map(|folder| left_by(&folder)).min()
}

/// What a group leaves of its limit, if it has one. What its processes have in
/// memory counts against it; files that the system keeps there give way.
fn left_by(group: &Path) -> Option<u64> {
    let number = |name: &str| read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
    let limit = number("memory.max").or_else(|| number("memory.limit_in_bytes"))?;
    let statistics = read_to_string(group.join("memory.stat")).unwrap_or_default();
    let statistic = |name: &str| {
        let mut lines = statistics.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(known, _)| *known == name)?.1.trim().parse::<u64>().ok()
    };
    let taken = statistic("anon").or_else(|| statistic("total_rss")).unwrap_or(0);
    Some(limit.saturating_sub(taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_group_around_the_process_counts_less_what_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let group = |path: &str, files: [(&str, &str); 2]| {
            let group = root.join(path);
            std::fs::create_dir_all(&group).unwrap();
            for (name, text) in files {
                std::fs::write(group.join(name), text).unwrap();
            }
        };
        group("a", [("memory.max", "5000\n"), ("memory.stat", "anon 1000\nfile 3000\n")]);
        group("a/b", [("memory.max", "max\n"), ("memory.stat", "anon 900\nfile 3000\n")]);
        assert_eq!(left_by_groups(root, "0::/a/b\n"), Some(4000));
        assert_eq!(left_by_groups(root, "0::/\n2:cpu:/a\n"), None);
        // In a container of the older kind, with the path of the machine.
        group("", [("memory.limit_in_bytes", "700"), ("memory.stat", "rss 1\ntotal_rss 100\n")]);
        assert_eq!(left_by_groups(root, "4:memory:/docker/1\n0::/\n"), Some(600));
    }

    #[test]
    fn the_system_tells() {
        if cfg!(target_os = "linux") {
            assert!(available_memory().unwrap() > 1 << 20);
        }
    }
}
