//! Where saved queries lie, and how a name finds one.
//!
//! The folders are asked in order: `--queries DIR`, `WEIKU_QUERIES`,
//! `./queries`, the database's own `queries/`, and last what is built into the
//! binary. Where two of them have one name, the first wins, so that a copy in
//! `./queries` replaces a built-in query.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::query::SavedQuery;
use super::script_text::{script_at, unreadable};
use crate::error::{Error, Result, nearest};

/// The queries that come with weiku.
static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/queries");

/// Most bytes of a saved query: a larger file is hardly one.
const MAX_FILE: u64 = 1 << 20;

/// Most folders below each other, so that a strange tree ends.
const MAX_DEPTH: usize = 16;

/// The folders in which names are looked up, in order.
#[derive(Debug, Clone)]
pub struct Library {
    folders: Vec<PathBuf>,
    built_in: bool,
}

/// One saved query that was found, not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path below the library's folder, without the suffix.
    pub name: String,
    /// Where it lies.
    pub origin: Origin,
}

/// Where a saved query lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In this file.
    File(PathBuf),
    /// Behind this link, which leads out of the folder of queries and is not
    /// followed.
    Outside(PathBuf),
    /// In two files at once.
    Twice([String; 2]),
    /// In the binary.
    BuiltIn(&'static str),
}

/// What a name or path names.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// One query.
    Query(Entry),
    /// All queries of a folder.
    Folder(Vec<Entry>),
}

impl Library {
    /// A library of these folders, asked in order, and then of what is built in.
    #[must_use]
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, built_in: true }
    }

    /// A library of these folders only.
    #[must_use]
    pub fn of_folders(folders: Vec<PathBuf>) -> Self {
        Self { folders, built_in: false }
    }

    /// The library that the program uses: the folders that were `named` by flag
    /// and environment, which must be there; then `queries/` in the working
    /// folder and in the database, if they are; then what is built in.
    ///
    /// # Errors
    /// When a named folder is not there.
    pub fn standard(named: &[PathBuf], working: &Path, database: Option<&Path>) -> Result<Self> {
        let mut folders = Vec::new();
        for folder in named {
            if !folder.is_dir() {
                let message = format!("no folder of saved queries {}", folder.display());
                return Err(Error::usage(message).hint("it is set by --queries or WEIKU_QUERIES"));
            }
            folders.push(folder.clone());
        }
        let usual = [Some(working), database].into_iter().flatten();
        folders.extend(usual.map(|place| place.join("queries")));
        Ok(Self::new(folders))
    }

    /// The folders that are there: one may be made while the library is in use.
    fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        self.folders.iter().filter(|folder| folder.is_dir())
    }

    /// All queries, sorted by name; of two with one name the first folder's.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let mut found = BTreeMap::new();
        for folder in self.folders() {
            for entry in walk(folder, folder)? {
                found.entry(entry.name.clone()).or_insert(entry);
            }
        }
        if self.built_in {
            for entry in built_in(&BUILT_IN) {
                found.entry(entry.name.clone()).or_insert(entry);
            }
        }
        Ok(found.into_values().collect())
    }

    /// Reads the query called `name`.
    ///
    /// # Errors
    /// When there is none (the error names the nearest), or it is not well
    /// formed.
    pub fn get(&self, name: &str) -> Result<SavedQuery> {
        match self.find(name)? {
            Wanted::Query(entry) => entry.load(),
            Wanted::Folder(_) => {
                let message = format!("`{name}` is a folder of saved queries");
                Err(Error::usage(message).hint("name one of them"))
            }
        }
    }

    /// The queries that `wanted` names: names, folders of the library, files and
    /// folders on disk; each once, in the order of `wanted`, a folder's in the
    /// `order` that they give themselves, then by name.
    ///
    /// Of two different files with one name neither can be loaded.
    ///
    /// # Errors
    /// When a name finds nothing.
    pub fn select(&self, wanted: &[String]) -> Result<Vec<Entry>> {
        let mut chosen: Vec<Entry> = Vec::new();
        for name in wanted {
            let found = match self.find(name)? {
                Wanted::Query(entry) => vec![entry],
                Wanted::Folder(entries) => in_order(entries),
            };
            for entry in found {
                match chosen.iter_mut().find(|other| other.name == entry.name) {
                    None => chosen.push(entry),
                    Some(other) if other.origin == entry.origin => {}
                    Some(other) => {
                        let files = [other.origin.to_string(), entry.origin.to_string()];
                        other.origin = Origin::Twice(files);
                    }
                }
            }
        }
        Ok(chosen)
    }

    /// The text of the `README.md` of a folder of queries: its first heading is
    /// the title of a report, the rest its opening.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn about(&self, folder: &str) -> Result<Option<String>> {
        let on_disk = Path::new(folder).join("README.md");
        let below = self.folders.iter().map(|root| root.join(folder).join("README.md"));
        for file in below.chain([on_disk]) {
            if file.is_file() {
                return read_file(&file).map(Some);
            }
        }
        let built_in = BUILT_IN.get_file(Path::new(folder).join("README.md"));
        Ok(built_in
            .filter(|_| self.built_in)
            .and_then(|file| file.contents_utf8())
            .map(str::to_owned))
    }

    fn find(&self, wanted: &str) -> Result<Wanted> {
        let typed = Path::new(wanted);
        let is_path =
            wanted.ends_with(".sql") || wanted.starts_with(['.', '/']) || typed.is_absolute();
        if !is_path && let Some(found) = self.find_name(wanted.trim_end_matches('/'))? {
            return Ok(found);
        }
        if typed.is_dir() {
            return Ok(Wanted::Folder(self.walk_path(typed)?));
        }
        if typed.is_file() {
            let name = self.name_of(typed, typed.parent().unwrap_or(Path::new("")))?;
            return Ok(Wanted::Query(Entry { name, origin: Origin::File(typed.to_owned()) }));
        }
        // `folder/x.sql` of the library, or nothing at all.
        let bare = wanted.strip_suffix(".sql").unwrap_or(wanted);
        match self.find_name(bare)? {
            Some(found) => Ok(found),
            None => Err(self.unknown(wanted)),
        }
    }

    /// The query or folder of the library called `name`.
    fn find_name(&self, name: &str) -> Result<Option<Wanted>> {
        let entries = self.entries()?;
        if let Some(entry) = entries.iter().find(|entry| entry.name == name) {
            return Ok(Some(Wanted::Query(entry.clone())));
        }
        let prefix = format!("{name}/");
        let below: Vec<Entry> =
            entries.into_iter().filter(|entry| entry.name.starts_with(&prefix)).collect();
        Ok((!below.is_empty()).then_some(Wanted::Folder(below)))
    }

    /// All queries below a folder that was given by its path.
    fn walk_path(&self, folder: &Path) -> Result<Vec<Entry>> {
        let mut entries = walk(folder, folder)?;
        if entries.is_empty() {
            let message = format!("no saved queries in {}", folder.display());
            return Err(Error::usage(message).hint("saved queries are files that end in .sql"));
        }
        for entry in &mut entries {
            if let Origin::File(file) = &entry.origin {
                entry.name = self.name_of(file, folder)?;
            }
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// The name of a file that was given by its path: below the library's
    /// folder, else below the last folder called `queries`, else below `given`.
    fn name_of(&self, file: &Path, given: &Path) -> Result<String> {
        let real = fs::canonicalize(file).map_err(|error| Error::io("read", file, &error))?;
        for folder in self.folders() {
            if let Ok(root) = fs::canonicalize(folder)
                && let Ok(below) = real.strip_prefix(root)
            {
                return name_from(below, file);
            }
        }
        let parts: Vec<Component<'_>> = real.components().collect();
        let folders = &parts[..parts.len().saturating_sub(1)];
        if let Some(at) = folders.iter().rposition(|part| part.as_os_str() == "queries") {
            return name_from(&parts[at + 1..].iter().collect::<PathBuf>(), file);
        }
        name_from(file.strip_prefix(given).unwrap_or(file), file)
    }

    fn unknown(&self, wanted: &str) -> Error {
        let error = Error::usage(format!("no saved query `{wanted}`"));
        let names: Vec<String> =
            self.entries().unwrap_or_default().into_iter().map(|entry| entry.name).collect();
        let last_part = format!("/{wanted}");
        let same_end = names.iter().find(|name| name.ends_with(&last_part)).map(String::as_str);
        let folders =
            names.iter().filter_map(|name| name.rsplit_once('/').map(|(folder, _)| folder));
        let all = names.iter().map(String::as_str).chain(folders);
        // A slip of the hand in a name that is typed without its folder.
        let last_near = || {
            let lasts: Vec<&str> =
                names.iter().map(|name| name.rsplit('/').next().unwrap_or(name)).collect();
            let near = nearest(wanted, lasts.iter().copied())?;
            let found = names.iter().zip(&lasts).find(|(_, last)| **last == near);
            found.map(|(name, _)| name.as_str())
        };
        match same_end.or_else(|| nearest(wanted, all)).or_else(last_near) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`.queries` in the shell lists them"),
        }
    }
}

impl Entry {
    /// Reads the query.
    ///
    /// # Errors
    /// When the file cannot be read, is too large, is no UTF-8, or is not well
    /// formed.
    pub fn load(&self) -> Result<SavedQuery> {
        let text = self.origin.read()?;
        SavedQuery::parse(&self.name, &self.origin.to_string(), &text)
    }

    /// The text of a file beside the query, such as a baseline; `None` if it is
    /// not there.
    ///
    /// # Errors
    /// When `file` leads out of the query's folder, or cannot be read.
    pub fn read_beside(&self, file: &str) -> Result<Option<String>> {
        match (&self.origin, self.beside(file)?) {
            (_, Some(path)) if path.is_file() => read_file(&path).map(Some),
            (Origin::BuiltIn(query), None) => {
                let path = Path::new(query).with_file_name(file);
                Ok(BUILT_IN.get_file(path).and_then(|file| file.contents_utf8()).map(str::to_owned))
            }
            _ => Ok(None),
        }
    }

    /// The path of a file beside the query; `None` for a built-in query.
    ///
    /// # Errors
    /// When `file` leads out of the query's folder.
    pub fn beside(&self, file: &str) -> Result<Option<PathBuf>> {
        if !Path::new(file).components().all(|part| matches!(part, Component::Normal(_))) {
            let message = format!("`{file}` is not a file below the query's folder");
            return Err(Error::usage(message).in_file(self.origin.to_string()));
        }
        match &self.origin {
            Origin::File(path) | Origin::Outside(path) => Ok(Some(path.with_file_name(file))),
            Origin::BuiltIn(_) | Origin::Twice(_) => Ok(None),
        }
    }
}

impl Origin {
    /// The text of the file.
    fn read(&self) -> Result<String> {
        match self {
            Self::File(path) => read_file(path),
            Self::Outside(path) => {
                let message = "it is a link to a file outside the folder of queries";
                let error = Error::usage(message).in_file(path.display().to_string());
                Err(error.hint("copy the file, or name it by its path"))
            }
            Self::Twice([one, other]) => {
                let error =
                    Error::usage(format!("two saved queries have this name: {one} and {other}"));
                Err(error.hint("rename one, or run them apart"))
            }
            Self::BuiltIn(path) => BUILT_IN
                .get_file(path)
                .and_then(|file| file.contents_utf8())
                .map(str::to_owned)
                .ok_or_else(|| Error::internal(format!("no built-in query {path}"))),
        }
    }
}

impl std::fmt::Display for Origin {
    /// The file as errors name it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) | Self::Outside(path) => write!(f, "{}", path.display()),
            Self::Twice([one, other]) => write!(f, "{one} and {other}"),
            Self::BuiltIn(path) => write!(f, "built-in/{path}"),
        }
    }
}

/// The text of `path`, if it is small enough and UTF-8.
fn read_file(path: &Path) -> Result<String> {
    let size = fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
    if size > MAX_FILE {
        let message = format!("the file has {size} bytes; a saved query has at most {MAX_FILE}");
        return Err(Error::usage(message).in_file(path.display().to_string()));
    }
    script_at(path)
}

/// The queries in and below `folder`, named from `root` on.
///
/// Folders behind symbolic links are left out, so that a loop ends; a link to a
/// file outside `root` is not followed.
fn walk(folder: &Path, root: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut pending = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = pending.pop() {
        let listing = fs::read_dir(&folder).map_err(|error| Error::io("read", &folder, &error))?;
        for item in listing {
            let item = item.map_err(|error| Error::io("read", &folder, &error))?;
            let path = item.path();
            let kind = item.file_type().map_err(|error| Error::io("read", &path, &error))?;
            if item.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() {
                if depth < MAX_DEPTH {
                    pending.push((path, depth + 1));
                }
            } else if path.extension().is_some_and(|suffix| suffix == "sql") && path.is_file() {
                let name = name_from(path.strip_prefix(root).unwrap_or(&path), &path)?;
                let leaves = kind.is_symlink() && leads_out(&path, root)?;
                let origin = if leaves { Origin::Outside(path) } else { Origin::File(path) };
                entries.push(Entry { name, origin });
            }
        }
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// Whether a link leads out of `root`.
fn leads_out(path: &Path, root: &Path) -> Result<bool> {
    let real =
        |path: &Path| fs::canonicalize(path).map_err(|error| Error::io("read", path, &error));
    Ok(!real(path)?.starts_with(real(root)?))
}

/// The queries of a folder as they follow each other in a report: its own by
/// their `order` and then by name, and after them those of each folder in it.
fn in_order(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_cached_key(|entry| {
        // One that cannot be read is told of when it is to run.
        let order = entry.load().ok().and_then(|query| query.order);
        let (folders, name) = entry.name.rsplit_once('/').unwrap_or(("", &entry.name));
        let folders = folders.split('/').filter(|folder| !folder.is_empty());
        let folders = folders.map(|folder| (true, i64::MAX, folder.to_owned()));
        let own = (false, order.unwrap_or(i64::MAX), name.to_owned());
        folders.chain([own]).collect::<Vec<_>>()
    });
    entries
}

/// The built-in queries in and below `folder`.
fn built_in(folder: &'static Dir<'static>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for file in folder.files() {
        if let Some(path) = file.path().to_str()
            && let Some(name) = path.strip_suffix(".sql")
        {
            entries.push(Entry { name: name.to_owned(), origin: Origin::BuiltIn(path) });
        }
    }
    for below in folder.dirs() {
        entries.extend(built_in(below));
    }
    entries
}

/// The name of the query in `below`, a path in a library's folder.
fn name_from(below: &Path, file: &Path) -> Result<String> {
    let Some(text) = below.with_extension("").to_str().map(str::to_owned) else {
        return Err(Error::usage(format!("the name of {} is not UTF-8", file.display())));
    };
    Ok(text.replace(std::path::MAIN_SEPARATOR, "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("SELECT '{file}'")).unwrap();
        }
        folder
    }

    fn names(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.name.as_str()).collect()
    }

    fn select(library: &Library, wanted: &[&str]) -> Result<Vec<Entry>> {
        library.select(&wanted.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_folder_that_is_made_later_is_looked_in() {
        let database = folder(&[]);
        let library = Library::standard(&[], database.path(), Some(database.path())).unwrap();
        assert!(library.get("new").is_err());
        fs::create_dir(database.path().join("queries")).unwrap();
        fs::write(database.path().join("queries/new.sql"), "SELECT 1").unwrap();
        assert!(library.get("new").is_ok());
    }

    #[test]
    fn the_first_folder_wins_and_names_are_sorted() {
        let (one, two) =
            (folder(&["x.sql", "b/y.sql"]), folder(&["x.sql", "a.sql", ".hid.sql", "no.txt"]));
        let library = Library::of_folders(vec![one.path().into(), two.path().into()]);
        let entries = library.entries().unwrap();
        assert_eq!(names(&entries), ["a", "b/y", "x"]);
        assert_eq!(entries[2].origin, Origin::File(one.path().join("x.sql")));
        assert_eq!(names(&select(&library, &["x", "b", "b/y.sql"]).unwrap()), ["x", "b/y"]);
    }

    #[test]
    fn a_folder_is_in_the_order_that_its_queries_give_themselves() {
        let place = folder(&["r/a.sql", "r/b.sql", "r/c.sql", "d.sql"]);
        for (file, order) in [("r/b.sql", 1), ("r/c.sql", 2)] {
            fs::write(place.path().join(file), format!("/*---\norder = {order}\n---*/ SELECT 1"))
                .unwrap();
        }
        let library = Library::of_folders(vec![place.path().into()]);
        assert_eq!(names(&select(&library, &["r"]).unwrap()), ["r/b", "r/c", "r/a"]);
        assert_eq!(names(&select(&library, &["r/c", "r/b"]).unwrap()), ["r/c", "r/b"]);
    }

    #[test]
    fn a_folders_own_queries_come_before_those_of_the_folders_in_it() {
        let place = folder(&["q/a/x.sql", "q/a/deep/x.sql", "q/b.sql", "q/c/x.sql", "q/z.sql"]);
        let library = Library::of_folders(vec![place.path().into()]);
        let all = ["q/b", "q/z", "q/a/x", "q/a/deep/x", "q/c/x"];
        assert_eq!(names(&select(&library, &["q"]).unwrap()), all);
        // Folders that are named come in the order in which they are.
        assert_eq!(
            names(&select(&library, &["q/c", "q/a"]).unwrap()),
            ["q/c/x", "q/a/x", "q/a/deep/x"]
        );
    }

    #[test]
    fn files_and_folders_are_named_below_queries() {
        let place = folder(&["queries/deep/x.sql", "other/z.sql"]);
        let library = Library::of_folders(Vec::new());
        let at = |path: &str| place.path().join(path).to_str().unwrap().to_owned();
        let chosen = library.select(&[at("queries/deep/x.sql"), at("other")]).unwrap();
        assert_eq!(names(&chosen), ["deep/x", "z"]);
        assert_eq!(chosen[0].load().unwrap().name, "deep/x");
    }

    #[test]
    fn an_unknown_name_names_the_nearest() {
        let place = folder(&["report/top_tags.sql"]);
        let library = Library::of_folders(vec![place.path().into()]);
        let message = |name| select(&library, &[name]).unwrap_err().to_string();
        assert_eq!(
            message("report/top_tag"),
            "no saved query `report/top_tag`; hint: did you mean `report/top_tags`?"
        );
        assert_eq!(
            message("top_tags"),
            "no saved query `top_tags`; hint: did you mean `report/top_tags`?"
        );
        assert_eq!(
            message("top_tgas"),
            "no saved query `top_tgas`; hint: did you mean `report/top_tags`?"
        );
    }

    #[test]
    fn of_two_files_with_one_name_neither_is_taken() {
        let (one, two) = (folder(&["x.sql"]), folder(&["x.sql"]));
        let library = Library::of_folders(Vec::new());
        let wanted = [one.path(), two.path()].map(|path| path.to_str().unwrap().to_owned());
        let chosen = library.select(&wanted).unwrap();
        assert_eq!(names(&chosen), ["x"]);
        let message = chosen[0].load().unwrap_err().to_string();
        assert!(message.starts_with("two saved queries have this name: "), "{message}");
    }

    #[test]
    fn a_large_file_and_a_file_of_bytes_are_refused() {
        let place = folder(&["x.sql"]);
        let path = place.path().join("x.sql");
        let library = Library::of_folders(vec![place.path().into()]);
        fs::write(&path, b"SELECT 1;\n\xff").unwrap();
        let told = || library.get("x").unwrap_err().to_string();
        assert!(told().ends_with("x.sql:2: the text is not UTF-8"));
        // As an editor for Chinese writes it.
        fs::write(&path, b"SELECT 1;\nSELECT '\xce\xa2\xb2\xa9';\n").unwrap();
        assert!(told().contains("x.sql:2: ") && told().contains("iconv -f GB18030"), "{}", told());
        fs::write(&path, vec![b' '; 10 << 20]).unwrap();
        assert!(told().contains("has 10485760 bytes"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_folder_is_not_followed_and_keeps_nothing_else_from_running() {
        let (inside, outside) = (folder(&["a.sql"]), folder(&["b.sql"]));
        std::os::unix::fs::symlink(outside.path().join("b.sql"), inside.path().join("b.sql"))
            .unwrap();
        let library = Library::of_folders(vec![inside.path().into()]);
        let entries = library.entries().unwrap();
        assert!(entries[0].load().is_ok());
        let error = entries[1].load().unwrap_err().to_string();
        assert!(error.contains("b.sql: it is a link to a file outside"), "{error}");
    }

    #[test]
    fn a_file_beside_a_query_stays_below_its_folder() {
        let place = folder(&["x.sql", "x.csv"]);
        let library = Library::of_folders(vec![place.path().into()]);
        let entry = library.entries().unwrap().remove(0);
        assert_eq!(entry.read_beside("x.csv").unwrap().as_deref(), Some("SELECT 'x.csv'"));
        assert_eq!(entry.read_beside("y.csv").unwrap(), None);
        assert!(entry.read_beside("../x.csv").is_err());
    }
}
