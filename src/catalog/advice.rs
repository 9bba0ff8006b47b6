//! What to try where a statement names files, folders or databases that are none.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::delta::LOG;
use super::files::{lies_within, refused};
use super::kind::{Kind, SUFFIXES};
use crate::error::{Error, nearest};
use crate::model::HEAD;

/// The error for a file whose name is of no format that can be asked.
pub(super) fn unknown(name: &str) -> Error {
    let suffix = Path::new(name).extension().and_then(|end| end.to_str()).unwrap_or_default();
    let error = Error::query(format!("'{name}' cannot be asked as it is"));
    let advice = match suffix.to_lowercase().as_str() {
        "xlsx" | "xls" | "xlsm" | "ods" => "save its sheets as CSV, each as a file".to_owned(),
        "sqlite" | "sqlite3" | "db" | "db3" => format!(
            "SQLite writes a table as a file: sqlite3 -header -csv '{name}' 'SELECT * FROM t' \
             > t.csv"
        ),
        "duckdb" => "DuckDB writes a table as a file: COPY t TO 't.parquet'".to_owned(),
        "avro" | "orc" => "write it as Parquet: DuckDB, pandas and Spark do".to_owned(),
        "zip" | "tar" | "tgz" | "7z" | "rar" => {
            "unpack it; `weiku import DB FILE` reads zip archives of crawlers as they are"
                .to_owned()
        }
        _ => format!("files that can be asked end in {}", SUFFIXES.join(", ")),
    };
    error.hint(advice)
}

/// How a file called `name` is asked whose name tells no format, if there is one.
fn nameless_advice(name: &str) -> Option<String> {
    let path = Path::new(name);
    (path.is_file() && path.extension().is_none()).then(|| {
        format!(
            "a suffix must tell the format: rename it, as in '{name}.csv', \
             or CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{name}'"
        )
    })
}

/// What is to be said of a file or a folder called `name` that was taken for a table, if
/// there is one.
pub(crate) fn place_advice(name: &str) -> Option<String> {
    let of_folder = || Some(format!("of the folder {name}: {}", folder_advice(name)?));
    let of_file = || Some(format!("of the file {name}: {}", nameless_advice(name)?));
    of_folder().or_else(of_file)
}

/// Refuses a file that is given as a database, which is a folder.
///
/// # Errors
/// With how the file is asked.
pub(crate) fn check_database(path: &Path) -> Result<(), Error> {
    if !path.is_file() {
        return Ok(());
    }
    let name = path.display().to_string();
    let error = Error::usage(format!("{name} is a file, and a database is a folder"));
    let advice = match Kind::of(&name) {
        Some(_) => Some(format!(
            "files need no database: FROM '{name}' at the prompt, or weiku -c \"FROM '{name}'\""
        )),
        None => nameless_advice(&name).or_else(|| unknown(&name).advice().map(str::to_owned)),
    };
    Err(match advice {
        Some(advice) => error.hint(advice),
        None => error,
    })
}

/// The error for a path that names nothing, with the nearest that is there. Of
/// what lies outside `roots`, if there are any, not even that is told.
pub(crate) fn missing(name: &str, roots: Option<&[PathBuf]>) -> Error {
    if roots.is_some_and(|roots| !lies_within(Path::new(name), roots)) {
        return refused(name);
    }
    if let Some(advice) = folder_advice(name) {
        return Error::usage(format!("`{name}` is a folder")).hint(advice);
    }
    let error = Error::usage(format!("no file `{name}`"));
    if name.contains("://") {
        return error.hint("files of other machines are not read; fetch it first");
    }
    let path = Path::new(name);
    if name.contains(['*', '?', '[']) {
        return unmatched(name);
    }
    if let Err(error) = std::fs::metadata(path)
        && error.kind() == std::io::ErrorKind::PermissionDenied
    {
        return Error::io("read", path, &error);
    }
    if let Some(advice) = nameless_advice(name) {
        return Error::query(format!("'{name}' cannot be asked as it is")).hint(advice);
    }
    if let Some(near) = near(path) {
        return error.hint(format!("did you mean '{}'?", near.display()));
    }
    match path.parent().and_then(no_folder) {
        Some(advice) => error.hint(advice),
        None => error,
    }
}

/// What is there and called nearly as `path`, in the same folder.
fn near(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let there: Vec<String> = std::fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let typed = path.file_name()?.to_str()?;
    let near = nearest(typed, there.iter().map(String::as_str))?;
    Some(folder.map_or_else(|| PathBuf::from(near), |folder| folder.join(near)))
}

/// What to say of a folder that is not there, if it is not.
fn no_folder(folder: &Path) -> Option<String> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return None;
    }
    // The first that is not there is the one with the mistake.
    let above = folder.parent().and_then(no_folder);
    let told = || match near(folder) {
        Some(near) => {
            format!("no folder {}; did you mean '{}'?", folder.display(), near.display())
        }
        None => format!("no folder {}", folder.display()),
    };
    Some(above.unwrap_or_else(told))
}

/// The error for a pattern that matches nothing.
fn unmatched(name: &str) -> Error {
    let error = Error::usage(format!("no file matches the pattern '{name}'"));
    let is_fixed = |part: &Component<'_>| {
        let part = part.as_os_str().to_string_lossy();
        !part.contains(['*', '?', '['])
    };
    let folder: PathBuf = Path::new(name).components().take_while(is_fixed).collect();
    if let Some(advice) = no_folder(&folder) {
        return error.hint(advice);
    }
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
    let entries = std::fs::read_dir(&folder).into_iter().flatten();
    let there: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let told = holds(there.iter().map(PathBuf::as_path));
    error.hint(format!("of the folder {}: {told}", folder.display()))
}

/// What there is in a folder, by the ends of names.
pub(super) fn holds<'a>(paths: impl Iterator<Item = &'a Path>) -> String {
    let mut counts = BTreeMap::<String, usize>::new();
    for path in paths {
        let end = path.extension().and_then(|end| end.to_str());
        let kind = match end {
            _ if path.is_dir() => "folders".to_owned(),
            Some(end) => format!(".{}", end.to_lowercase()),
            None => "without an ending".to_owned(),
        };
        *counts.entry(kind).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let told: Vec<String> =
        counts.iter().take(ENDS).map(|(kind, count)| format!("{count} {kind}")).collect();
    match told.is_empty() {
        true => "it is empty".to_owned(),
        false => format!("it holds {}", told.join(", ")),
    }
}

/// Ends of names that one error tells of.
const ENDS: usize = 5;

/// How the files in a folder called `name` are asked, if there is such a folder.
fn folder_advice(name: &str) -> Option<String> {
    let folder = Path::new(name);
    let entries = std::fs::read_dir(folder).ok()?;
    let shown = name.trim_end_matches('/');
    if folder.join(HEAD).exists() {
        return Some(format!(
            "it is a database: `weiku {shown}` opens it, ATTACH '{shown}' AS other puts it beside this one"
        ));
    }
    if folder.join(LOG).exists() {
        return Some(format!("it is a table of the Delta format: FROM '{shown}' reads it"));
    }
    let paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let kinds = paths.iter().filter_map(|path| Kind::of(path.to_str()?));
    Some(match kinds.min_by_key(|kind| !kind.is_told()) {
        Some(Kind { suffix, .. }) => {
            format!("its files are asked by a pattern: '{shown}/*.{suffix}'")
        }
        None => {
            let there = holds(paths.iter().map(PathBuf::as_path));
            format!("it holds no {}: {there}", SUFFIXES.join(", "))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_told_with_how_its_files_are_asked() {
        let folder = tempfile::tempdir().unwrap();
        let advice = || missing(&folder.path().display().to_string(), None);
        assert!(advice().message().ends_with("is a folder"));
        assert!(advice().advice().unwrap().starts_with("it holds no parquet, csv"));
        std::fs::write(folder.path().join("a.csv.gz"), "").unwrap();
        assert!(advice().advice().unwrap().ends_with("/*.csv.gz'"));
        std::fs::create_dir(folder.path().join(LOG)).unwrap();
        assert!(advice().advice().unwrap().starts_with("it is a table"));
        std::fs::write(folder.path().join("weiku.json"), "{}").unwrap();
        assert!(advice().advice().unwrap().starts_with("it is a database"));
        let address = missing("https://example.org/posts.csv", None);
        assert!(address.advice().unwrap().contains("fetch it first"));
    }

    #[test]
    fn a_file_without_a_suffix_is_told_with_how_it_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wide");
        std::fs::write(&path, "a\n1\n").unwrap();
        let name = path.display().to_string();
        let error = missing(&name, None);
        assert!(error.message().ends_with("cannot be asked as it is"), "{error}");
        for advice in [error.advice().unwrap().to_owned(), place_advice(&name).unwrap()] {
            assert!(advice.contains("wide.csv'") && advice.contains("STORED AS CSV"), "{advice}");
        }
        assert!(place_advice(&format!("{name}r")).is_none());
    }

    #[test]
    fn a_file_in_the_place_of_a_database_is_told_with_how_it_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        for (name, advice) in [
            ("s.jsonl", "weiku -c \"FROM '"),
            ("x.duckdb", "DuckDB writes a table as a file"),
            ("wide", "rename it"),
            ("x.unknown", "files that can be asked end in"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, "{}").unwrap();
            let error = check_database(&path).unwrap_err();
            assert!(error.message().ends_with("is a file, and a database is a folder"), "{error}");
            assert!(error.advice().unwrap().contains(advice), "{error}");
        }
        assert!(check_database(folder.path()).is_ok());
        assert!(check_database(&folder.path().join("nothing")).is_ok());
    }

    #[test]
    fn a_safe_session_learns_nothing_of_other_folders() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        for name in ["inside", "outside"] {
            std::fs::create_dir(real.join(name)).unwrap();
            std::fs::write(real.join(name).join("posts.csv"), "a\n1\n").unwrap();
        }
        std::os::unix::fs::symlink(real.join("outside"), real.join("inside/link")).unwrap();
        let roots = [real.join("inside")];
        let told = |name: &str| {
            let error = missing(&format!("{}/{name}", real.display()), Some(&roots));
            format!("{} {}", error.message(), error.advice().unwrap_or_default())
        };
        assert!(told("inside/post.csv").contains("did you mean"));
        assert!(told("inside/made/post.csv").contains("no file"));
        // What is there and what is not look alike.
        for name in [
            "outside/post.csv",
            "outside/posts.csv",
            "outside/*.csv",
            "nowhere/post.csv",
            "inside/../outside/post.csv",
            "inside/nowhere/../../outside/post.csv",
            "inside/*/../../outside/post*.csv",
            "inside/link/post.csv",
        ] {
            let told = told(name);
            assert!(told.contains("not allowed") && !told.contains("did you mean"), "{told}");
        }
        let free = missing(&format!("{}/outside/post.csv", real.display()), None);
        assert!(free.advice().unwrap().ends_with("outside/posts.csv'?"));
    }
}
