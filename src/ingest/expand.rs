//! Folders and patterns to the files in them.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The suffixes, before `.gz` and `.zst`, of files that a folder is searched for.
const SUFFIXES: [&str; 9] =
    ["csv", "tsv", "json", "jsonl", "ndjson", "js", "parquet", "txt", "zip"];

/// The files that `paths` name: files as they are, folders and patterns such as
/// `list_*.csv` as the importable files in them; each once, in natural order
/// (`list_2` before `list_10`).
///
/// # Errors
/// When a path is not there, a pattern is malformed, or nothing is found.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(found_in(path)?);
        } else if path.exists() {
            files.push(path.clone());
        } else {
            files.extend(matching(path)?);
        }
    }
    // A shell that expands `list_*.csv` itself puts list_10 before list_2; the
    // last observation of a post must not depend on who expands.
    files.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
    files.dedup();
    Ok(files)
}

/// The importable files anywhere below a folder.
fn found_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    walk(folder, &mut files)?;
    if files.is_empty() {
        return Err(Error::usage(format!("there is nothing to import in {}", folder.display()))
            .hint(format!("a folder is searched for files ending in .{}", SUFFIXES.join(", ."))));
    }
    files.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |error: std::io::Error| Error::io("read", folder, &error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if is_importable(&entry.path()) && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Whether the name of a file has a suffix of an import format.
pub(super) fn is_importable(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix))
}

/// The files that match a pattern.
fn matching(path: &Path) -> Result<Vec<PathBuf>> {
    let missing =
        || Error::usage(format!("cannot read {}: no such file or folder", path.display()));
    let pattern = path.to_string_lossy();
    if !pattern.contains(['*', '?', '[']) {
        return Err(missing());
    }
    let matches = glob::glob(&pattern).map_err(|error| {
        Error::usage(format!("the pattern `{pattern}` is malformed: {}", error.msg))
    })?;
    let mut files: Vec<PathBuf> =
        matches.filter_map(Result::ok).filter(|path| path.is_file()).collect();
    if files.is_empty() {
        return Err(Error::usage(format!("no file matches {pattern}")));
    }
    files.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
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
        let names: Vec<String> = expand(&[folder.path().to_owned()])
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["list_2.csv.gz", "list_10.csv"]);
        assert_eq!(expand(&[folder.path().join("list_*.csv")]).unwrap().len(), 1);
        assert!(expand(&[folder.path().join("none_*.csv")]).is_err());
        assert!(expand(&[folder.path().join("none.csv")]).is_err());
    }

    #[test]
    fn suffixes_are_known_under_compression() {
        assert!(is_importable("a/B.JSONL.zst".as_ref()));
        assert!(!is_importable("a/readme.md".as_ref()));
    }
}
