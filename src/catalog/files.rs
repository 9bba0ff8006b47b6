//! Files of the disk as tables: `SELECT ... FROM 'posts/*.parquet'`.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, Union};
use datafusion::parquet::file::reader::SerializedFileReader;
use object_store::{ObjectMeta, ObjectStore};
use parking_lot::RwLock;
use url::Url;

use super::advice::{holds, missing, unknown};
use super::aside::{Waiting, aside};
use super::columns::{in_zone, joined, shown_in, zone_of};
use super::csv::{self, Alike, Asked, Same};
use super::delta::{DeltaFiles, LOG};
use super::how_read::{HowRead, refused_option};
use super::intervals;
use super::json::{self, Looked};
use super::notices::{Notices, OfColumns, telling};
use super::partitions::{Folders, PartitionedTable, files_below, found};
use super::table::foreign;
use super::walk::{Named, named};
use crate::error::Error;

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
        if let Some(error) = refused_option(name) {
            return Err(foreign(error));
        }
        let (how, name) = HowRead::of(name);
        let named = at_home(name);
        let name: &str = &named;
        let folder = Path::new(name);
        if self.is_allowed(folder) && folder.join(LOG).is_dir() {
            let Some(state) = self.session_state() else { return Ok(None) };
            let table = DeltaFiles::open(folder, &zone_of(&state)).await.map_err(foreign)?;
            return Ok(Some(Arc::new(table)));
        }
        let (files, called) = (self.clone(), name.to_owned());
        let meant = aside(move |waiting| files.meant(&called, waiting)).await?;
        let Some((kind, paths)) = meant else {
            return match how == HowRead::default() {
                true => Ok(None),
                // No table is called so.
                false => Err(foreign(missing(name, self.roots.as_deref()))),
            };
        };
        let Some(state) = self.session_state() else { return Ok(None) };
        let are_files = paths.iter().all(|path| path.is_file());
        let folders = Folders::of(&paths).filter(|_| are_files);
        if folders.is_none() && are_files && Folders::any(&paths) {
            self.notices.add(vec![format!(
                "the folders in {name} are no columns: not all files lie in ones of the same names"
            )]);
        }
        let opened = match are_files {
            true => self.opened(&Meant { name, kind: &kind, paths: &paths, how }, &state).await?,
            false => Opened::of(kind.format(), None, vec![ListingTableUrl::parse(name)?]),
        };
        if opened.alike.len() > 1 {
            return match folders {
                Some(_) => Err(foreign(differ_in_folders(name))),
                None => self.united(&kind, &opened, &state).await.map(Some),
            };
        }
        let Opened { format, columns, urls, is_cast, of_columns, .. } = opened;
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
            _ => telling(table, of_columns, &self.notices),
        }))
    }

    /// The files that `name` means, and what they are, as long as somebody is `waiting`
    /// for them.
    fn meant(&self, name: &str, waiting: &Waiting) -> Result<Option<(Kind, Vec<PathBuf>)>, Error> {
        let folder = Path::new(name);
        if self.is_allowed(folder)
            && let Some(files) = files_below(folder, waiting)
        {
            let files = self.only_allowed(name, files)?;
            return Kind::of_all(name, files).map(Some);
        }
        if let Some(kind) = Kind::of(name) {
            return Ok(Some((kind, self.check(name, waiting)?)));
        }
        match self.is_allowed(folder) && folder.is_file() && folder.extension().is_some() {
            true => Err(unknown(name)),
            false => Ok(None),
        }
    }

    /// Looks at the files that are `meant`.
    async fn opened(&self, meant: &Meant<'_>, state: &SessionState) -> Result<Opened> {
        let Meant { kind, paths, .. } = *meant;
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
            return self.opened_csv(meant, state).await;
        }
        if !kind.is_json() {
            let (urls, format) = (addresses(paths)?, kind.format());
            let (store, files) = found(&urls, state).await?;
            let columns = format.infer_schema(state, &store, &files).await;
            if kind.format != "parquet" {
                return Ok(Opened::of(format, Some(columns?), urls));
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
            return Ok(Opened { is_cast, ..Opened::of(format, Some(columns), urls) });
        }
        let (files, compression) = (paths.to_vec(), kind.compression);
        let Looked { columns, files, notices } =
            aside(move |waiting| json::look(&files, compression, waiting)).await?;
        self.notices.add(notices);
        Ok(Opened::of(Arc::new(files), Some(columns), addresses(paths)?))
    }

    async fn opened_csv(&self, meant: &Meant<'_>, state: &SessionState) -> Result<Opened> {
        let Meant { name, kind, paths, how } = *meant;
        let same = if how.is_by_name { Same::Name } else { Same::Place };
        let (known, compression) = (kind.delimiter(), kind.compression);
        let (name, files, is_told) = (name.to_owned(), paths.to_vec(), kind.is_told());
        let zone = zone_of(state);
        let look = aside(move |waiting| {
            if !is_told {
                files.iter().try_for_each(|path| csv::check_table(path, known, compression))?;
            }
            let (name, zone) = (name.as_str(), &*zone);
            let HowRead { has_header, .. } = how;
            let asked = Asked { name, delimiter: known, compression, zone, same, has_header };
            csv::look(&files, &asked, waiting)
        });
        let seen = look.await?;
        self.notices.add(seen.notices);
        let urls = addresses(paths)?;
        let urls = if seen.is_decoded { decoded(&urls)? } else { urls };
        let format = Arc::new(kind.csv(seen.delimiter, seen.has_header));
        let opened = Opened::of(format, Some(seen.columns), urls);
        Ok(Opened { alike: seen.alike, of_columns: seen.of_columns, ..opened })
    }

    /// The rows of files of several headers: each has NULL for columns that only others
    /// have.
    async fn united(
        &self,
        kind: &Kind,
        opened: &Opened,
        state: &SessionState,
    ) -> Result<Arc<dyn TableProvider>> {
        let mut inputs = Vec::with_capacity(opened.alike.len());
        for Alike { columns, files } in &opened.alike {
            let urls = files.iter().filter_map(|file| opened.urls.get(*file).cloned()).collect();
            let (format, columns) = (Arc::clone(&opened.format), Some(Arc::clone(columns)));
            let table = Arc::new(listed(kind, format, columns, urls, state).await?);
            let table = telling(table, opened.of_columns.clone(), &self.notices);
            let name = TableReference::bare("files");
            let rows = LogicalPlanBuilder::scan(name, provider_as_source(table), None)?;
            inputs.push(Arc::new(rows.build()?));
        }
        let rows = LogicalPlan::Union(Union::try_new_by_name(inputs)?);
        Ok(Arc::new(ViewTable::new(rows, None)))
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
    fn check(&self, name: &str, waiting: &Waiting) -> Result<Vec<PathBuf>, Error> {
        let Named { paths, unread } = named(name, waiting)
            .map_err(|error| Error::usage(format!("`{name}` is not a path: {error}")))?;
        if paths.is_empty() {
            // Of other folders a safe session learns nothing.
            return Err(match unread {
                Some((folder, error)) if self.roots.is_none() => Error::io("read", &folder, &error),
                _ => missing(name, self.roots.as_deref()),
            });
        }
        self.only_allowed(name, paths)
    }

    /// The files, unless one may not be read.
    fn only_allowed(&self, name: &str, files: Vec<PathBuf>) -> Result<Vec<PathBuf>, Error> {
        match files.iter().all(|path| self.is_allowed(path)) {
            true => Ok(files),
            false => Err(refused(name)),
        }
    }
}

/// Files that a statement means.
struct Meant<'a> {
    name: &'a str,
    kind: &'a Kind,
    paths: &'a [PathBuf],
    how: HowRead,
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
    /// Those of CSV by their headers.
    alike: Vec<Alike>,
    /// What to say of some columns.
    of_columns: Vec<OfColumns>,
}

impl Opened {
    /// Files of one format of which there is nothing more to know.
    fn of(
        format: Arc<dyn FileFormat>,
        columns: Option<SchemaRef>,
        urls: Vec<ListingTableUrl>,
    ) -> Self {
        Self { format, columns, urls, is_cast: false, alike: Vec::new(), of_columns: Vec::new() }
    }
}

/// The error for files of several headers in folders that are columns too.
fn differ_in_folders(name: &str) -> Error {
    let message =
        format!("the files of {name} differ in their columns, and their folders are columns");
    Error::query(message).hint(
        "ask those of one header by a pattern of their own, and put them together by UNION ALL BY NAME",
    )
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
pub(super) fn lies_within(path: &Path, roots: &[PathBuf]) -> bool {
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
pub(super) struct Kind {
    /// The suffix of the format itself.
    format: &'static str,
    /// The whole suffix with that of the compression, as files are listed by it.
    pub(super) suffix: String,
    compression: FileCompressionType,
}

impl Kind {
    /// What the name tells, if it is of a format that can be asked.
    pub(super) fn of(name: &str) -> Option<Self> {
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
    pub(super) fn is_told(&self) -> bool {
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
            let told = AdHocFiles::default().check(&name, &Waiting::default());
            assert!(!is_closed || told.unwrap_err().message().contains("permission denied"));
        }
        mode(0o700).unwrap();
    }
}
