//! Folders and patterns to the files in them.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use super::source::is_stdin;
use super::walk::{Named, named};
use crate::error::{Error, Result};
use crate::model::HEAD;

/// The suffixes, before `.gz` and `.zst`, of files that a folder is searched for.
const SUFFIXES: [&str; 9] =
    ["csv", "tsv", "json", "jsonl", "ndjson", "js", "parquet", "txt", "zip"];

/// What the paths that a person gave come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The files to import, in natural order (`list_2` before `list_10`).
    pub files: Vec<PathBuf>,
    /// Those of them that the person named one by one, or by a pattern.
    pub named: Vec<PathBuf>,
    /// The files in folders whose names are not those of importable files.
    pub others: Vec<PathBuf>,
}

/// The files that `paths` name: files as they are, patterns such as `list_*.csv`
/// as the files that match, folders as the importable files in them; each once.
///
/// # Errors
/// When a path is not there, a pattern is malformed, a folder is a database, or
/// nothing is found.
pub fn expand(paths: &[PathBuf]) -> Result<Expanded> {
    let mut expanded = Expanded::default();
    for path in paths {
        if path.is_dir() {
            expanded.add_folder(path)?;
        } else if path.exists() || is_stdin(path) {
            expanded.named.push(path.clone());
        } else {
            expanded.named.extend(matching(path)?);
        }
    }
    expanded.files.extend(expanded.named.iter().cloned());
    // A shell that expands `list_*.csv` itself puts list_10 before list_2; the
    // last observation of a post must not depend on who expands.
    for paths in [&mut expanded.files, &mut expanded.others] {
        paths.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
        paths.dedup();
    }
    Ok(expanded)
}

impl Expanded {
    /// Takes in the files anywhere below a folder.
    fn add_folder(&mut self, folder: &Path) -> Result<()> {
        if is_database(folder) {
            let message = format!("{} is a weiku database", folder.display());
            return Err(Error::usage(message).hint(
                "write its tables to files first, for instance with -c and --format parquet",
            ));
        }
        let before = self.files.len();
        self.walk(folder)?;
        if self.files.len() > before {
            return Ok(());
        }
        let message = format!("there is nothing to import in {}", folder.display());
        let suffixes = SUFFIXES.join(", .");
        Err(Error::usage(message)
            .hint(format!("a folder is searched for files ending in .{suffixes}")))
    }

    fn walk(&mut self, folder: &Path) -> Result<()> {
        let failed = |error: std::io::Error| Error::io("read", folder, &error);
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if entry.file_type().map_err(failed)?.is_dir() {
                // The data files of a database are no export.
                if !is_database(&path) {
                    self.walk(&path)?;
                }
            } else if path.is_file() {
                let kind = if is_importable(&path) { &mut self.files } else { &mut self.others };
                kind.push(path);
            }
        }
        Ok(())
    }
}

/// Whether a folder is a database of weiku's.
fn is_database(folder: &Path) -> bool {
    folder.join(HEAD).is_file()
}

/// Whether the name of a file has a suffix of an import format.
pub(super) fn is_importable(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix))
}

/// The files that match a pattern.
fn matching(path: &Path) -> Result<Vec<PathBuf>> {
    let pattern = path.to_string_lossy();
    if !pattern.contains(['*', '?', '[']) {
        // Behind a folder that may not be read nobody sees what there is.
        let there = std::fs::metadata(path).err().unwrap_or(std::io::ErrorKind::NotFound.into());
        return Err(Error::io("read", path, &there));
    }
    let Named { paths: mut files, unread } = named(&pattern, &|| false).map_err(|error| {
        Error::usage(format!("the pattern `{pattern}` is malformed: {}", error.msg))
    })?;
    files.retain(|file| file.is_file());
    if let Some((folder, error)) = unread.filter(|_| files.is_empty()) {
        return Err(Error::io("read", &folder, &error));
    }
    if files.is_empty() {
        return Err(Error::usage(format!("no file matches {pattern}")));
    }
    Ok(files)
}

/// Compares names with the numbers in them as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    while let (Some(first_a), Some(first_b)) = (rest_a.chars().next(), rest_b.chars().next()) {
        if first_a.is_ascii_digit() && first_b.is_ascii_digit() {
            let (number_a, after_a) = number(rest_a);
            let (number_b, after_b) = number(rest_b);
            let order = number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b));
            if order.is_ne() {
                return order;
            }
            (rest_a, rest_b) = (after_a, after_b);
        } else if first_a == first_b {
            (rest_a, rest_b) = (&rest_a[first_a.len_utf8()..], &rest_b[first_b.len_utf8()..]);
        } else {
            return first_a.cmp(&first_b);
        }
    }
    rest_a.len().cmp(&rest_b.len()).then_with(|| a.cmp(b))
}

/// The digits that `text` begins with, without leading zeros, and the rest.
fn number(text: &str) -> (&str, &str) {
    let end = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;
    use std::path::PathBuf;

    use super::{expand, is_importable, natural};

    #[test]
    fn numbers_in_names_are_compared_as_numbers() {
        assert_eq!(natural("list_2.csv", "list_10.csv"), Ordering::Less);
        assert_eq!(natural("list_10.csv", "list_2.csv"), Ordering::Greater);
        assert_eq!(natural("a01", "a1"), Ordering::Less);
        assert_eq!(natural("微博2", "微博10"), Ordering::Less);
        assert_eq!(natural("same", "same"), Ordering::Equal);
    }

    #[test]
    fn a_folder_gives_what_can_be_imported_in_natural_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["list_10.csv", "list_2.csv.gz", "LICENSE", ".hidden.csv"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        std::fs::create_dir(folder.path().join("db")).unwrap();
        std::fs::write(folder.path().join("db/weiku.json"), "{}").unwrap();
        std::fs::write(folder.path().join("db/part.parquet"), "x").unwrap();
        let names = |paths: &[PathBuf]| -> Vec<String> {
            let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            paths.iter().map(name).collect()
        };
        let expanded = expand(&[folder.path().to_owned()]).unwrap();
        assert_eq!(names(&expanded.files), ["list_2.csv.gz", "list_10.csv"]);
        assert_eq!(names(&expanded.others), ["LICENSE"]);
        assert!(expanded.named.is_empty());
        let matched = expand(&[folder.path().join("list_*.csv")]).unwrap();
        assert_eq!((matched.files.len(), matched.named.len()), (1, 1));
        assert!(expand(&[folder.path().join("db")]).is_err());
        assert!(expand(&[folder.path().join("none_*.csv")]).is_err());
        assert!(expand(&[folder.path().join("none.csv")]).is_err());
    }

    #[test]
    fn what_links_lead_to_in_circles_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        std::fs::create_dir_all(place.join("d/e")).unwrap();
        for name in ["d/list_10.csv", "d/e/list_2.csv", "d/e/list_3.csv"] {
            std::fs::write(place.join(name), "x").unwrap();
        }
        for (leads_to, link) in
            [("..", "d/up"), ("../..", "d/e/up"), ("list_3.csv", "d/e/newest.csv")]
        {
            std::os::unix::fs::symlink(leads_to, place.join(link)).unwrap();
        }
        let expanded = expand(&[place.join("d/**/*.csv")]).unwrap();
        let names = ["d/e/list_2.csv", "d/e/list_3.csv", "d/list_10.csv"];
        assert_eq!(expanded.files, names.map(|name| place.join(name)));
        // What is named by itself is meant.
        let newest = expand(&[place.join("d/e/n*.csv")]).unwrap();
        assert_eq!(newest.files, [place.join("d/e/newest.csv")]);
        assert!(expand(&[place.join("d/**.csv")]).unwrap_err().message().contains("malformed"));
    }

    #[test]
    fn suffixes_are_known_under_compression() {
        assert!(is_importable("a/B.JSONL.zst".as_ref()));
        assert!(!is_importable("a/readme.md".as_ref()));
    }
}
