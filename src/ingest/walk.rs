//! The files that a pattern names: `posts/**/*.json`.
//!
//! Links are followed, and may lead in circles. So below `**` each folder is walked once,
//! under its own name if it is met by that, and a file that links lead to is one file.
//! Without `**` a pattern names what it does in a shell.

use std::collections::{BTreeSet, HashSet};
use std::fs::DirEntry;
use std::io;
use std::mem::take;
use std::path::{Component, Path, PathBuf, is_separator};

use glob::{Pattern, PatternError};

/// What a pattern names.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// What is there, in the order of the names.
    pub(crate) paths: Vec<PathBuf>,
    /// The first folder that could not be read, and why.
    pub(crate) unread: Option<(PathBuf, io::Error)>,
}

/// Finds what `pattern` names, until it `is_over`: then nobody waits for it.
///
/// # Errors
/// When the pattern is malformed.
pub(crate) fn named(pattern: &str, is_over: &dyn Fn() -> bool) -> Result<Named, PatternError> {
    // The whole of it, so that what is wrong is told with its place in that.
    Pattern::new(pattern)?;
    let is_root = |part: &Component<'_>| matches!(part, Component::Prefix(_) | Component::RootDir);
    let root: PathBuf = Path::new(pattern).components().take_while(is_root).collect();
    let parts = pattern.get(root.as_os_str().len()..).unwrap_or_default();
    let parts: Vec<&str> = parts.split(is_separator).filter(|part| !part.is_empty()).collect();
    let start = if root.as_os_str().is_empty() { PathBuf::from(".") } else { root };
    let mut walk = Walk { found: Named { paths: vec![start], unread: None }, is_over };
    for part in &parts {
        match *part {
            "**" => walk.descend(),
            part if part.contains(['*', '?', '[']) => walk.enter_matching(&Pattern::new(part)?),
            part => walk.enter(part),
        }
    }
    let Named { mut paths, unread } = walk.found;
    if parts.contains(&"**") {
        paths = each_once(paths);
    }
    if pattern.ends_with(is_separator) {
        paths.retain(|path| path.is_dir());
    }
    paths.sort();
    Ok(Named { paths, unread })
}

/// A walk that has come to some paths by the first parts of a pattern.
struct Walk<'a> {
    found: Named,
    is_over: &'a dyn Fn() -> bool,
}

impl Walk<'_> {
    /// Goes on to what is called `name` in the folders it has come to.
    fn enter(&mut self, name: &str) {
        let is_there = |folder: &Path, path: &Path| match name {
            "." | ".." => folder.is_dir(),
            _ => path.symlink_metadata().is_ok(),
        };
        let folders = take(&mut self.found.paths).into_iter();
        let paths = folders.filter_map(|folder| {
            let path = within(&folder, Path::new(name));
            is_there(&folder, &path).then_some(path)
        });
        self.found.paths = paths.collect();
    }

    /// Goes on to what is called like `pattern`.
    fn enter_matching(&mut self, pattern: &Pattern) {
        for folder in take(&mut self.found.paths) {
            for entry in self.entries(&folder) {
                let name = entry.file_name();
                if name.to_str().is_some_and(|name| pattern.matches(name)) {
                    self.found.paths.push(within(&folder, Path::new(&name)));
                }
            }
        }
    }

    /// Goes on to all folders below those it has come to, and to these.
    fn descend(&mut self) {
        let starts = take(&mut self.found.paths);
        let (mut links, mut open) = (BTreeSet::new(), Vec::new());
        for start in starts {
            match start.is_symlink() {
                true => {
                    links.insert(start);
                }
                false => open.push(start),
            }
        }
        let mut seen = HashSet::new();
        // Links come last, so that a folder is met under its own name first.
        while let Some(folder) = open.pop().or_else(|| links.pop_first()) {
            let Ok(real) = folder.canonicalize() else { continue };
            if !real.is_dir() || !seen.insert(real) {
                continue;
            }
            for entry in self.entries(&folder) {
                let path = within(&folder, Path::new(&entry.file_name()));
                match entry.file_type() {
                    Ok(kind) if kind.is_symlink() => {
                        links.insert(path);
                    }
                    Ok(kind) if kind.is_dir() => open.push(path),
                    _ => {}
                }
            }
            self.found.paths.push(folder);
        }
    }

    /// What is in `folder`, if it is one; nothing once nobody is waiting.
    fn entries(&mut self, folder: &Path) -> Vec<DirEntry> {
        if (self.is_over)() || !folder.is_dir() {
            return Vec::new();
        }
        let entries: io::Result<Vec<DirEntry>> = folder.read_dir().and_then(Iterator::collect);
        entries.unwrap_or_else(|error| {
            self.found.unread.get_or_insert_with(|| (folder.to_owned(), error));
            Vec::new()
        })
    }
}

/// The path of what is called `name` in `folder`, without the dot that the folder in which
/// weiku runs is called by.
fn within(folder: &Path, name: &Path) -> PathBuf {
    match folder == Path::new(".") {
        true => name.to_owned(),
        false => folder.join(name),
    }
}

/// `paths` without links that lead to what is there without them, or to the same.
fn each_once(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let (mut links, mut paths): (Vec<_>, Vec<_>) =
        paths.into_iter().partition(|path| path.is_symlink());
    if links.is_empty() {
        return paths;
    }
    let mut seen: HashSet<PathBuf> =
        paths.iter().filter_map(|path| path.canonicalize().ok()).collect();
    links.sort();
    // What leads nowhere is told of where it is opened.
    links.retain(|link| link.canonicalize().map_or(true, |real| seen.insert(real)));
    paths.append(&mut links);
    paths
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// What `pattern` names in `folder`, as names in that.
    fn of(folder: &Path, pattern: &str) -> Vec<String> {
        let pattern = format!("{}/{pattern}", folder.display());
        let found = named(&pattern, &|| false).unwrap();
        assert!(found.unread.is_none(), "{found:?}");
        let name = |path: &PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
        found.paths.iter().map(name).collect()
    }

    fn write(folder: &Path, name: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    #[test]
    fn links_that_lead_in_circles_end() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "a.json");
        write(folder, "d/b.json");
        symlink(".", folder.join("self")).unwrap();
        symlink("..", folder.join("d/up1")).unwrap();
        symlink("..", folder.join("d/up2")).unwrap();
        symlink("nowhere", folder.join("d/lost")).unwrap();
        symlink("itself", folder.join("d/itself")).unwrap();
        assert_eq!(of(folder, "**/*.json"), ["a.json", "d/b.json"]);
        assert_eq!(of(folder, "d/up1/**/*.json").len(), 2);
        assert_eq!(of(folder, "**/d/**/*.json"), ["d/b.json", "d/up1/a.json"]);
    }

    #[test]
    fn what_links_lead_to_is_met_once_and_under_its_own_name() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (folder, other) = (folder.path(), other.path());
        write(folder, "z/x.csv");
        write(other, "far/y.csv");
        symlink("z", folder.join("a")).unwrap();
        symlink("z/x.csv", folder.join("newest.csv")).unwrap();
        symlink(other.join("far"), folder.join("b")).unwrap();
        symlink(other.join("far"), folder.join("c")).unwrap();
        symlink(other.join("far/y.csv"), folder.join("y.csv")).unwrap();
        assert_eq!(of(folder, "**/*.csv"), ["b/y.csv", "z/x.csv"]);
        // A person who names folders and links means them.
        assert_eq!(of(folder, "*.csv"), ["newest.csv", "y.csv"]);
        assert_eq!(of(folder, "*/x.csv"), ["a/x.csv", "z/x.csv"]);
    }

    #[test]
    fn a_pattern_names_what_it_does_in_a_shell() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for name in ["x.csv", "y=1.csv", "e/x.csv", "e/f/[1] #x.csv", "e/f/x.json"] {
            write(folder, name);
        }
        for (pattern, wanted) in [
            ("*.csv", &["x.csv", "y=1.csv"][..]),
            ("?.csv", &["x.csv"]),
            ("[x-z]*.csv", &["x.csv", "y=1.csv"]),
            ("*/*.csv", &["e/x.csv"]),
            ("*/*/*.csv", &["e/f/[1] #x.csv"]),
            ("**/*.csv", &["e/f/[1] #x.csv", "e/x.csv", "x.csv", "y=1.csv"]),
            ("**/**/x.json", &["e/f/x.json"]),
            ("e/../x.csv", &["e/../x.csv"]),
            ("e//x.csv", &["e/x.csv"]),
            ("x.csv/*", &[]),
            ("*/", &["e"]),
            ("nothing.csv", &[]),
        ] {
            assert_eq!(of(folder, pattern), wanted, "{pattern}");
        }
        assert!(named("a/**.csv", &|| false).is_err());
    }

    #[test]
    fn a_walk_ends_when_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "d/x.csv");
        let pattern = format!("{}/**/*.csv", folder.path().display());
        assert_eq!(named(&pattern, &|| false).unwrap().paths.len(), 1);
        assert!(named(&pattern, &|| true).unwrap().paths.is_empty());
    }
}
