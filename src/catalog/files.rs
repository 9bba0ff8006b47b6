//! Files of the disk as tables: `SELECT ... FROM 'posts/*.parquet'`.

use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::parquet::file::reader::SerializedFileReader;
use parking_lot::RwLock;
use url::Url;

use super::csv;
use super::delta::{DeltaFiles, LOG};
use super::notices::Notices;
use super::table::foreign;
use crate::error::{Error, nearest};
use crate::model::HEAD;

/// The suffixes that can be queried in place.
pub(crate) const SUFFIXES: [&str; 7] =
    ["parquet", "csv", "tsv", "json", "jsonl", "ndjson", "arrow"];

/// The beginning of the address of a file that is decoded while it is read.
pub(crate) const DECODED: &str = "decoded:";

/// Opens the files that a statement names.
#[derive(Debug, Clone, Default)]
pub(crate) struct AdHocFiles {
    /// The session, to be set when it is there: it knows its options.
    pub(crate) state: Arc<OnceLock<Weak<RwLock<SessionState>>>>,
    /// The only folders that may be read, when the session is safe.
    pub(crate) roots: Option<Arc<[PathBuf]>>,
    /// Takes what there is to say of what is opened.
    pub(crate) notices: Arc<Notices>,
}

impl AdHocFiles {
    /// The file, glob or folder called `name`, or `None` if that is no path.
    pub(super) async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let folder = Path::new(name);
        let is_allowed = self.roots.as_ref().is_none_or(|roots| lies_within(folder, roots));
        if is_allowed && is_delta_table(folder) {
            let table = DeltaFiles::open(folder).await.map_err(foreign)?;
            return Ok(Some(Arc::new(table)));
        }
        let Some(kind) = Kind::of(name) else { return Ok(None) };
        let Some(state) = self.session_state() else { return Ok(None) };
        let paths = self.check(name).map_err(foreign)?;
        let urls = vec![ListingTableUrl::parse(name)?];
        let table = if kind.is_csv() && paths.iter().all(|path| path.is_file()) {
            let (known, compression) = (kind.delimiter(), kind.compression);
            let files = paths.clone();
            let zone = state.config_options().execution.time_zone.clone();
            let look = tokio::task::spawn_blocking(move || {
                csv::look(&files, known, compression, zone.as_deref().unwrap_or("UTC"))
            });
            let seen = look.await.map_err(|error| foreign(Error::internal(error.to_string())))?;
            let csv::Seen { delimiter, columns, is_decoded, notices } = seen.map_err(foreign)?;
            self.notices.add(notices);
            let urls = if is_decoded { decoded(&paths)? } else { urls };
            let format = Arc::new(kind.csv(delimiter));
            let options = ListingOptions::new(format).with_file_extension(kind.suffix);
            let table = ListingTableConfig::new_with_multi_paths(urls);
            table.with_listing_options(options).with_schema(columns)
        } else {
            if kind.is_json() {
                csv::check_encoding(&paths, kind.compression).map_err(foreign)?;
            }
            let table = ListingTableConfig::new_with_multi_paths(urls);
            let options = ListingOptions::new(kind.format(name)).with_file_extension(kind.suffix);
            let inferred = table.with_listing_options(options).infer_schema(&state).await;
            match inferred {
                Err(error) if kind.format == "parquet" => {
                    return Err(corrupt(&paths).map_or(error, foreign));
                }
                inferred => inferred?,
            }
        };
        Ok(Some(Arc::new(ListingTable::try_new(table)?)))
    }

    /// The session as it is now, if it is there.
    pub(super) fn session_state(&self) -> Option<SessionState> {
        self.state.get().and_then(Weak::upgrade).map(|state| state.read().clone())
    }

    /// What a path names; refuses one that is not there, or that a safe session
    /// may not read.
    fn check(&self, name: &str) -> std::result::Result<Vec<PathBuf>, Error> {
        let found = glob::glob(name)
            .map_err(|error| Error::usage(format!("`{name}` is not a path: {error}")))?;
        let (matches, unread): (Vec<_>, Vec<_>) = found.partition(std::result::Result::is_ok);
        let matches: Vec<PathBuf> = matches.into_iter().flatten().collect();
        if matches.is_empty() {
            let missing = missing(name, self.roots.as_deref());
            // Of other folders a safe session learns nothing.
            return Err(match unread.into_iter().find_map(std::result::Result::err) {
                Some(error) if self.roots.is_none() => {
                    Error::io("read", error.path(), error.error())
                }
                _ => missing,
            });
        }
        let Some(roots) = &self.roots else { return Ok(matches) };
        match matches.iter().all(|path| lies_within(path, roots)) {
            true => Ok(matches),
            false => Err(refused(name)),
        }
    }
}

/// The error for the first of Parquet files that is none, whole and readable: the
/// engine does not tell which.
fn corrupt(paths: &[PathBuf]) -> Option<Error> {
    let files = paths.iter().filter(|path| path.is_file());
    let mut reasons = files.filter_map(|path| {
        let opened = File::open(path).map_err(|error| Error::io("read", path, &error));
        let file = match opened {
            Ok(file) => file,
            Err(error) => return Some(error),
        };
        let reason = SerializedFileReader::new(file).err()?.to_string();
        let reason = reason.strip_prefix("Parquet error: ").unwrap_or(&reason).to_owned();
        let message = format!("'{}' is no whole Parquet file: {reason}", path.display());
        Some(Error::query(message))
    });
    reasons.next()
}

/// Whether `folder` has a table of the Delta format, and none of ours, whose versions
/// count only as those of the whole database.
fn is_delta_table(folder: &Path) -> bool {
    let around =
        std::path::absolute(folder).ok().and_then(|whole| Some(whole.parent()?.to_owned()));
    folder.join(LOG).is_dir() && !around.is_some_and(|around| around.join(HEAD).exists())
}

/// The addresses under which files are decoded.
fn decoded(paths: &[PathBuf]) -> Result<Vec<ListingTableUrl>> {
    let address = |path: &PathBuf| {
        let whole = std::path::absolute(path).map_err(|error| Error::io("read", path, &error));
        let url = Url::from_file_path(whole.map_err(foreign)?);
        let url = url.map_err(|()| foreign(Error::internal("a whole path is no address")))?;
        ListingTableUrl::parse(format!("{DECODED}//{}", url.path()))
    };
    paths.iter().map(address).collect()
}

/// Whether what `path` really is lies below one of the folders; of what is not
/// there the part counts that is.
fn lies_within(path: &Path, roots: &[PathBuf]) -> bool {
    let there = path.ancestors().find_map(|part| {
        let part = if part.as_os_str().is_empty() { Path::new(".") } else { part };
        Some((part.canonicalize().ok()?, path.strip_prefix(part).unwrap_or(path)))
    });
    there.is_some_and(|(real, rest)| {
        let leads_back = rest.components().any(|part| part == Component::ParentDir);
        !leads_back && roots.iter().any(|root| real.starts_with(root))
    })
}

/// The error for what a safe session may not read.
pub(crate) fn refused(name: &str) -> Error {
    let error = Error::query(format!("`{name}` is not allowed under --safe"));
    error.hint("name its folder with --allow DIR")
}

/// What a file name says about its content.
struct Kind {
    /// The suffix of the format itself.
    format: &'static str,
    /// The whole suffix with that of the compression, as files are listed by it.
    suffix: String,
    compression: FileCompressionType,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        let file = Path::new(name).file_name()?.to_str()?.to_lowercase();
        let (plain, compression) = match file.rsplit_once('.') {
            Some((plain, "gz")) => (plain, FileCompressionType::GZIP),
            Some((plain, "zst")) => (plain, FileCompressionType::ZSTD),
            Some((plain, "bz2")) => (plain, FileCompressionType::BZIP2),
            Some((plain, "xz")) => (plain, FileCompressionType::XZ),
            _ => (file.as_str(), FileCompressionType::UNCOMPRESSED),
        };
        let (_, end) = plain.rsplit_once('.')?;
        let format = SUFFIXES.into_iter().find(|suffix| *suffix == end)?;
        let suffix = name[name.len() - (file.len() - plain.len() + end.len())..].to_owned();
        Some(Self { format, suffix, compression })
    }

    fn is_csv(&self) -> bool {
        matches!(self.format, "csv" | "tsv")
    }

    fn is_json(&self) -> bool {
        matches!(self.format, "json" | "jsonl" | "ndjson")
    }

    /// What stands between the columns, if the name tells.
    fn delimiter(&self) -> Option<u8> {
        (self.format == "tsv").then_some(b'\t')
    }

    fn csv(&self, delimiter: u8) -> CsvFormat {
        CsvFormat::default()
            .with_has_header(true)
            .with_delimiter(delimiter)
            // Posts hold line breaks. Without this a file that is split between
            // threads gives rows that are not there.
            .with_newlines_in_values(true)
            .with_file_compression_type(self.compression)
    }

    fn format(&self, name: &str) -> Arc<dyn FileFormat> {
        match self.format {
            "parquet" => Arc::new(ParquetFormat::default()),
            "arrow" => Arc::new(ArrowFormat),
            "csv" | "tsv" => Arc::new(self.csv(self.delimiter().unwrap_or(b','))),
            json => Arc::new(
                JsonFormat::default()
                    .with_newline_delimited(json != "json" || !is_array(Path::new(name)))
                    .with_file_compression_type(self.compression),
            ),
        }
    }
}

/// Whether a plain JSON file holds one array and not a record per line.
fn is_array(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0; 64];
    let read = File::open(path).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    head[..read].trim_ascii_start().first() == Some(&b'[')
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
    if let Err(error) = std::fs::metadata(path)
        && error.kind() == std::io::ErrorKind::PermissionDenied
    {
        return Error::io("read", path, &error);
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let there: Vec<String> = std::fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let typed = path.file_name().and_then(|file| file.to_str()).unwrap_or(name);
    match nearest(typed, there.iter().map(String::as_str)) {
        Some(near) => {
            let near = folder.map_or_else(|| PathBuf::from(near), |folder| folder.join(near));
            error.hint(format!("did you mean '{}'?", near.display()))
        }
        None => error,
    }
}

/// How the files in a folder called `name` are asked, if there is such a folder.
pub(crate) fn folder_advice(name: &str) -> Option<String> {
    let folder = Path::new(name);
    let entries = std::fs::read_dir(folder).ok()?;
    let shown = name.trim_end_matches('/');
    if folder.join(HEAD).exists() {
        return Some(format!(
            "it is a database: `weiku {shown}` opens it, ATTACH '{shown}' AS other puts it beside this one"
        ));
    }
    if folder.join(LOG).exists() {
        let database = folder.parent().unwrap_or(folder).display();
        let table = folder.file_name().unwrap_or_default().display();
        return Some(format!(
            "it is a table of a database: ATTACH '{database}' AS other, and it is other.{table}"
        ));
    }
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let suffix = names.find_map(|name| Kind::of(&name).map(|kind| kind.suffix));
    Some(match suffix {
        Some(suffix) => format!("its files are asked by a pattern: '{shown}/*.{suffix}'"),
        None => format!("it holds no {}", SUFFIXES.join(", ")),
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
    fn of_parquet_files_the_corrupt_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("cut.parquet"), b"PAR1 and no more").unwrap();
        std::fs::write(path("small.parquet"), b"").unwrap();
        for name in ["cut.parquet", "small.parquet"] {
            let error = corrupt(&[path(name)]).unwrap();
            assert!(error.message().contains(name) && error.advice().is_none(), "{error}");
        }
        assert!(corrupt(&[]).is_none());
    }

    #[test]
    fn a_folder_that_may_not_be_read_is_not_told_as_absent() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        std::fs::create_dir(&closed).unwrap();
        std::fs::write(closed.join("x.csv"), "a\n1\n").unwrap();
        let mode = |mode| std::fs::set_permissions(&closed, PermissionsExt::from_mode(mode));
        mode(0o000).unwrap();
        // The superuser reads all.
        let is_closed = std::fs::read_dir(&closed).is_err();
        for name in ["x.csv", "*.csv"] {
            let name = closed.join(name).display().to_string();
            let told = AdHocFiles::default().check(&name);
            assert!(!is_closed || told.unwrap_err().message().contains("permission denied"));
        }
        mode(0o700).unwrap();
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
