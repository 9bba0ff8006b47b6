//! Files of the disk as tables: `SELECT ... FROM 'posts/*.parquet'`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use datafusion::arrow::datatypes::{Schema, SchemaRef};
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
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::parquet::file::reader::SerializedFileReader;
use object_store::{ObjectMeta, ObjectStore};
use parking_lot::RwLock;
use url::Url;

use super::columns::{in_zone, joined, shown_in, zone_of};
use super::csv;
use super::delta::{DeltaFiles, LOG};
use super::intervals;
use super::json::{self, Looked};
use super::notices::Notices;
use super::partitions::{Folders, PartitionedTable, files_below, found};
use super::table::foreign;
use crate::error::{Error, nearest};
use crate::model::HEAD;

/// The suffixes that can be queried in place.
pub(crate) const SUFFIXES: [&str; 10] =
    ["parquet", "csv", "tsv", "json", "jsonl", "ndjson", "arrow", "psv", "tab", "txt"];

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
        let named = at_home(name);
        let name: &str = &named;
        let folder = Path::new(name);
        if self.is_allowed(folder) && is_delta_table(folder) {
            let Some(state) = self.session_state() else { return Ok(None) };
            let table = DeltaFiles::open(folder, &zone_of(&state)).await.map_err(foreign)?;
            return Ok(Some(Arc::new(table)));
        }
        let Some((kind, paths)) = self.meant(name).map_err(foreign)? else { return Ok(None) };
        let Some(state) = self.session_state() else { return Ok(None) };
        let are_files = paths.iter().all(|path| path.is_file());
        let folders = Folders::of(&paths).filter(|_| are_files);
        if folders.is_none() && are_files && Folders::any(&paths) {
            self.notices.add(vec![format!(
                "the folders in {name} are no columns: not all files lie in ones of the same names"
            )]);
        }
        let Opened { format, columns, urls, is_cast } = match are_files {
            true => self.opened(&kind, &paths, &state).await?,
            false => {
                let urls = vec![ListingTableUrl::parse(name)?];
                Opened { format: kind.format(), columns: None, urls, is_cast: false }
            }
        };
        // The engine's own listing takes the extremes of another type for none at all.
        let folders = folders.or_else(|| is_cast.then(|| Folders::silent(paths.len())));
        let table: Arc<dyn TableProvider> = match (folders, columns) {
            (Some(folders), Some(columns)) => {
                let open = PartitionedTable::open(format, &columns, &urls, folders, &state);
                Arc::new(open.await?)
            }
            (_, columns) => Arc::new(listed(&kind, format, columns, urls, &state).await?),
        };
        Ok(Some(match kind.format {
            "parquet" => intervals::without(table, name),
            "arrow" => shown_in(table, &zone_of(&state))?,
            _ => table,
        }))
    }

    /// The files that `name` means, and what they are.
    fn meant(&self, name: &str) -> Result<Option<(Kind, Vec<PathBuf>)>, Error> {
        let folder = Path::new(name);
        if self.is_allowed(folder)
            && let Some(files) = files_below(folder)
        {
            let files = self.only_allowed(name, files)?;
            return Kind::of_all(name, files).map(Some);
        }
        if let Some(kind) = Kind::of(name) {
            return Ok(Some((kind, self.check(name)?)));
        }
        match self.is_allowed(folder) && folder.is_file() && folder.extension().is_some() {
            true => Err(unknown(name)),
            false => Ok(None),
        }
    }

    /// Looks at the files at `paths`.
    async fn opened(&self, kind: &Kind, paths: &[PathBuf], state: &SessionState) -> Result<Opened> {
        kind.check_packing(paths).map_err(foreign)?;
        let is_empty = |path: &&PathBuf| path.metadata().is_ok_and(|meta| meta.len() == 0);
        let empty = paths.iter().find(is_empty);
        if kind.format == "parquet" && empty.is_some() {
            return Err(foreign(no_bytes(empty.into_iter())));
        }
        if paths.iter().all(|path| is_empty(&path)) {
            return Err(foreign(no_bytes(paths.iter())));
        }
        if kind.is_csv() {
            return self.opened_csv(kind, paths, state).await;
        }
        if !kind.is_json() {
            let (urls, format) = (addresses(paths)?, kind.format());
            let (store, files) = found(&urls, state).await?;
            let columns = format.infer_schema(state, &store, &files).await;
            if kind.format != "parquet" {
                return Ok(Opened { format, columns: Some(columns?), urls, is_cast: false });
            }
            let is_cast = columns.is_err();
            let columns = match columns {
                Ok(columns) if paths.len() > 1 => of_several(&columns),
                Ok(columns) => columns,
                Err(error) => match corrupt(paths) {
                    Some(broken) => return Err(foreign(broken)),
                    None if paths.len() == 1 => return Err(error),
                    None => columns_of_each(&format, paths, &store, &files, state).await?,
                },
            };
            let columns = in_zone(&columns, &zone_of(state));
            return Ok(Opened { format, columns: Some(columns), urls, is_cast });
        }
        let (files, compression) = (paths.to_vec(), kind.compression);
        let look = tokio::task::spawn_blocking(move || json::look(&files, compression));
        let seen = look.await.map_err(|error| foreign(Error::internal(error.to_string())))?;
        let Looked { columns, files, notices } = seen.map_err(foreign)?;
        self.notices.add(notices);
        let urls = addresses(paths)?;
        Ok(Opened { format: Arc::new(files), columns: Some(columns), urls, is_cast: false })
    }

    async fn opened_csv(
        &self,
        kind: &Kind,
        paths: &[PathBuf],
        state: &SessionState,
    ) -> Result<Opened> {
        let (known, compression) = (kind.delimiter(), kind.compression);
        let (files, is_told) = (paths.to_vec(), kind.is_told());
        let zone = state.config_options().execution.time_zone.clone();
        let look = tokio::task::spawn_blocking(move || {
            if !is_told {
                files.iter().try_for_each(|path| csv::check_table(path, known, compression))?;
            }
            csv::look(&files, known, compression, zone.as_deref().unwrap_or("UTC"))
        });
        let seen = look.await.map_err(|error| foreign(Error::internal(error.to_string())))?;
        let csv::Seen { delimiter, has_header, columns, is_decoded, notices } =
            seen.map_err(foreign)?;
        self.notices.add(notices);
        let urls = addresses(paths)?;
        let urls = if is_decoded { decoded(&urls)? } else { urls };
        let format = Arc::new(kind.csv(delimiter, has_header));
        Ok(Opened { format, columns: Some(columns), urls, is_cast: false })
    }

    fn is_allowed(&self, path: &Path) -> bool {
        self.roots.as_ref().is_none_or(|roots| lies_within(path, roots))
    }

    /// The session as it is now, if it is there.
    pub(super) fn session_state(&self) -> Option<SessionState> {
        self.state.get().and_then(Weak::upgrade).map(|state| state.read().clone())
    }

    /// What a path names; refuses one that is not there, or that a safe session
    /// may not read.
    fn check(&self, name: &str) -> Result<Vec<PathBuf>, Error> {
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
        self.only_allowed(name, matches)
    }

    /// The files, unless one may not be read.
    fn only_allowed(&self, name: &str, files: Vec<PathBuf>) -> Result<Vec<PathBuf>, Error> {
        match files.iter().all(|path| self.is_allowed(path)) {
            true => Ok(files),
            false => Err(refused(name)),
        }
    }
}

/// Files that were looked at.
struct Opened {
    format: Arc<dyn FileFormat>,
    /// Their columns, if they are files and no folders.
    columns: Option<SchemaRef>,
    /// Where each is read.
    urls: Vec<ListingTableUrl>,
    /// Whether some have other types than these columns.
    is_cast: bool,
}

/// The files of one format at `urls`, whose `columns` are known if they are no folders.
async fn listed(
    kind: &Kind,
    format: Arc<dyn FileFormat>,
    columns: Option<SchemaRef>,
    urls: Vec<ListingTableUrl>,
    state: &SessionState,
) -> Result<ListingTable> {
    let options = ListingOptions::new(format).with_file_extension(&kind.suffix);
    let table = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options);
    let table = match columns {
        Some(columns) => table.with_schema(columns),
        None => {
            let table = table.infer_schema(state).await?;
            match table.file_schema.clone().filter(|_| kind.format == "parquet") {
                Some(columns) => table.with_schema(in_zone(&columns, &zone_of(state))),
                None => table,
            }
        }
    };
    ListingTable::try_new(table)
}

/// The columns of files that do not agree in their types, each looked at by itself.
async fn columns_of_each(
    format: &Arc<dyn FileFormat>,
    paths: &[PathBuf],
    store: &Arc<dyn ObjectStore>,
    files: &[ObjectMeta],
    state: &SessionState,
) -> Result<SchemaRef> {
    let zone = zone_of(state);
    let mut all = Vec::with_capacity(files.len());
    for (path, file) in paths.iter().zip(files) {
        let columns = format.infer_schema(state, store, std::slice::from_ref(file)).await?;
        all.push((path.as_path(), in_zone(&columns, &zone)));
    }
    joined(&all).map_err(foreign)
}

/// The `columns` of several files, of which one may not have them all.
fn of_several(columns: &Schema) -> SchemaRef {
    let fields = columns.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), columns.metadata().clone()))
}

/// `name` with the home folder in place of a `~` at its beginning, as a shell has it.
pub(crate) fn at_home(name: &str) -> Cow<'_, str> {
    match below_home(name) {
        Some(path) => Cow::Owned(path.display().to_string()),
        None => Cow::Borrowed(name),
    }
}

/// The path that `name` is, if it begins with the home folder: with `~/`.
pub(crate) fn below_home(name: &str) -> Option<PathBuf> {
    let below = name.strip_prefix("~/")?;
    Some(std::env::home_dir()?.join(below))
}

/// The error for files without a byte, which have no columns.
fn no_bytes<'a>(mut files: impl Iterator<Item = &'a PathBuf>) -> Error {
    let first = files.next().map(|path| path.display().to_string()).unwrap_or_default();
    let error = Error::query(match files.count() {
        0 => format!("'{first}' is empty"),
        more => format!("'{first}' and {more} more are empty"),
    });
    error.hint("write it again: not even its columns are there")
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

/// The addresses of files. Each has its own: a pattern in one means other files to the
/// engine, which looks at one folder only and passes over names with an equals sign.
fn addresses(paths: &[PathBuf]) -> Result<Vec<ListingTableUrl>> {
    let address = |path: &PathBuf| {
        let whole = std::path::absolute(path).map_err(|error| Error::io("read", path, &error));
        let url = Url::from_file_path(whole.map_err(foreign)?);
        let url = url.map_err(|()| foreign(Error::internal("a whole path is no address")))?;
        // Parsed once more it has no dots that lead upwards.
        let url = Url::parse(url.as_str()).map_err(|error| DataFusionError::External(error.into()));
        ListingTableUrl::try_new(url?, None)
    };
    paths.iter().map(address).collect()
}

/// The addresses under which the files at `urls` are decoded.
fn decoded(urls: &[ListingTableUrl]) -> Result<Vec<ListingTableUrl>> {
    let address = |url: &ListingTableUrl| {
        ListingTableUrl::parse(format!("{DECODED}//{}", url.get_url().path()))
    };
    urls.iter().map(address).collect()
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
#[derive(Debug)]
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

    /// What the files below the folder called `name` are, with those that are data.
    fn of_all(name: &str, files: Vec<PathBuf>) -> Result<(Self, Vec<PathBuf>), Error> {
        let known = |path: &PathBuf| Self::of(path.to_str()?);
        let Some(first) = files.iter().find_map(known) else {
            let error = Error::usage(format!("no file below `{name}` can be asked"));
            return Err(error.hint(holds(files.iter().map(PathBuf::as_path))));
        };
        let is_one = |path: &PathBuf| known(path).is_some_and(|kind| kind.suffix == first.suffix);
        let (files, others): (Vec<_>, Vec<_>) = files.into_iter().partition(is_one);
        if let Some(other) = others.iter().find_map(known) {
            let error = Error::query(format!("the files below `{name}` are of several formats"));
            let name = name.trim_end_matches('/');
            let (one, other) = (&first.suffix, &other.suffix);
            return Err(error.hint(format!(
                "ask those of one by a pattern: '{name}/**/*.{one}', or '{name}/**/*.{other}'"
            )));
        }
        Ok((first, files))
    }

    fn is_csv(&self) -> bool {
        matches!(self.format, "csv" | "tsv" | "psv" | "tab" | "txt")
    }

    fn is_json(&self) -> bool {
        matches!(self.format, "json" | "jsonl" | "ndjson")
    }

    /// Whether the name says that this is a table, and not any text.
    fn is_told(&self) -> bool {
        self.format != "txt"
    }

    /// What stands between the columns, if the name tells.
    fn delimiter(&self) -> Option<u8> {
        match self.format {
            "tsv" | "tab" => Some(b'\t'),
            "psv" => Some(b'|'),
            _ => None,
        }
    }

    fn csv(&self, delimiter: u8, has_header: bool) -> CsvFormat {
        CsvFormat::default()
            .with_has_header(has_header)
            .with_delimiter(delimiter)
            // Posts hold line breaks. Without this a file that is split between
            // threads gives rows that are not there.
            .with_newlines_in_values(true)
            .with_file_compression_type(self.compression)
    }

    fn format(&self) -> Arc<dyn FileFormat> {
        match self.format {
            "parquet" => Arc::new(ParquetFormat::default()),
            "arrow" => Arc::new(ArrowFormat),
            _ if self.is_csv() => Arc::new(self.csv(self.delimiter().unwrap_or(b','), true)),
            _ => Arc::new(JsonFormat::default().with_file_compression_type(self.compression)),
        }
    }

    /// Refuses files that are not packed as their names say.
    fn check_packing(&self, paths: &[PathBuf]) -> Result<(), Error> {
        let (begin, packing): (&[u8], _) = match self.compression {
            FileCompressionType::GZIP => (&[0x1F, 0x8B], "gzip"),
            FileCompressionType::ZSTD => (&[0x28, 0xB5, 0x2F, 0xFD], "Zstandard"),
            FileCompressionType::BZIP2 => (b"BZh", "bzip2"),
            FileCompressionType::XZ => (&[0xFD, b'7', b'z'], "xz"),
            _ => return Ok(()),
        };
        for path in paths {
            let mut start = Vec::new();
            let read = File::open(path).and_then(|file| file.take(4).read_to_end(&mut start));
            read.map_err(|error| Error::io("read", path, &error))?;
            if !start.is_empty() && !start.starts_with(begin) {
                let path = path.display();
                let error = Error::query(format!("'{path}' is not packed with {packing}"));
                return Err(error.hint("its name says so; without that ending it may be read"));
            }
        }
        Ok(())
    }
}

/// The error for a file whose name is of no format that can be asked.
fn unknown(name: &str) -> Error {
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
fn holds<'a>(paths: impl Iterator<Item = &'a Path>) -> String {
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
        let database = folder.parent().unwrap_or(folder).display();
        let table = folder.file_name().unwrap_or_default().display();
        return Some(format!(
            "it is a table of a database: ATTACH '{database}' AS other, and it is other.{table}"
        ));
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
    use datafusion::arrow::util::display::array_value_to_string;

    use super::*;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_long_array_of_json_is_not_torn_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let text = "微博".repeat(30);
        let record = |n: u32| format!("{{\"n\": {n}, \"text\": \"{text}\"}}");
        let records: Vec<String> = (0..20_000).map(record).collect();
        std::fs::write(&path, format!("[{}]", records.join(",\n"))).unwrap();
        let settings = Settings { threads: 4, ..Settings::default() };
        let session = Session::new(None, settings).unwrap();
        let sql = format!("SELECT count(*) AS n, sum(n) AS s FROM '{}'", path.display());
        let batches = session.collect(&sql).await.unwrap();
        let value = |at: usize| array_value_to_string(batches[0].column(at), 0).unwrap();
        assert_eq!([value(0), value(1)], ["20000", "199990000"]);
    }

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
