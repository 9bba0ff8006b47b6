//! Files of the disk as tables: `SELECT ... FROM 'posts/*.parquet'`.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::parquet::file::reader::SerializedFileReader;
use object_store::{ObjectMeta, ObjectStore};
use parking_lot::RwLock;
use url::Url;

use super::advice::{missing, unknown};
use super::alike::{are_alike, united};
use super::aside::{Waiting, aside};
use super::calls::{Call, Calls, HowRead};
use super::columns::{in_zone, joined, shown_in, zone_of};
use super::csv::{self, Alike, Asked, Same};
use super::delta::{DeltaFiles, LOG};
use super::intervals;
use super::json::{self, Looked};
use super::kind::Kind;
use super::notices::{Notices, OfColumns, telling};
use super::partitions::{Beside, Folders, PartitionedTable, all_below, files_below, found};
use super::table::foreign;
use crate::error::Error;
use crate::ingest::{Named, named};

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
    /// What is asked beside the names of files.
    pub(crate) calls: Arc<Calls>,
}

impl AdHocFiles {
    /// The file, glob or folder called `name`, or `None` if that is no path.
    pub(super) async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.calls.get(name) {
            Some(call) => self.called(&call.map_err(foreign)?).await.map(Some),
            None => self.read(name, &HowRead::default()).await,
        }
    }

    /// The rows of all files that a call names.
    async fn called(&self, Call { files, how }: &Call) -> Result<Arc<dyn TableProvider>> {
        let mut tables = Vec::with_capacity(files.len());
        for file in files {
            let table = self.read(file, how).await?;
            // No table is called so.
            let no_file = || foreign(missing(&at_home(file), self.roots.as_deref()));
            tables.push(table.ok_or_else(no_file)?);
        }
        match tables.len() {
            1 => tables.pop().ok_or_else(|| foreign(Error::internal("a call names no file"))),
            _ => united(tables, how.path_column.as_slice()),
        }
    }

    /// The file, glob or folder called `name`, read so, or `None` if that is no path.
    async fn read(&self, name: &str, how: &HowRead) -> Result<Option<Arc<dyn TableProvider>>> {
        let named = at_home(name);
        let name: &str = &named;
        let folder = Path::new(name);
        if self.is_allowed(folder) && folder.join(LOG).is_dir() {
            if how.path_column.is_some() {
                let error = Error::query(format!("'{name}' is a table, and its files are its own"));
                return Err(foreign(error.hint("leave filename out")));
            }
            let Some(state) = self.session_state() else { return Ok(None) };
            let table = DeltaFiles::open(folder, &zone_of(&state)).await.map_err(foreign)?;
            return Ok(Some(Arc::new(table)));
        }
        let (files, called) = (self.clone(), name.to_owned());
        let meant = aside(move |waiting| files.meant(&called, waiting)).await?;
        let Some((kind, paths)) = meant else { return Ok(None) };
        let Some(state) = self.session_state() else { return Ok(None) };
        let meant = Meant { name, kind: &kind, paths: &paths, how };
        let opened = self.opened(&meant, &state).await?;
        let beside = self.beside(&meant, &opened, &zone_of(&state))?;
        if opened.alike.len() > 1 {
            return self.united(&kind, &opened, beside, &state).await.map(Some);
        }
        let Opened { format, columns, urls, of_columns, .. } = opened;
        let table = table_of(&kind, format, columns, urls, beside, &state).await?;
        Ok(Some(match kind.format {
            "parquet" => intervals::without(table, name),
            "arrow" => shown_in(table, &zone_of(&state))?,
            _ => telling(table, of_columns, &self.notices),
        }))
    }

    /// The columns that there are beside those of the files: what the names of folders say,
    /// and the paths.
    fn beside(
        &self,
        meant: &Meant<'_>,
        opened: &Opened,
        zone: &Arc<str>,
    ) -> Result<Option<Beside>> {
        let Meant { name, paths, how, .. } = *meant;
        let columns = &opened.columns;
        let mut folders = Folders::of(paths);
        if folders.is_none() && Folders::any(paths) {
            self.notices.add(vec![format!(
                "the folders in {name} are no columns: not all files lie in ones of the same names"
            )]);
        }
        if let Some(column) = &how.path_column {
            let says = folders.get_or_insert_with(|| Folders::silent(paths.len()));
            if says.say(column)
                || columns.fields().iter().any(|field| are_alike(field.name(), column))
            {
                return Err(foreign(taken(column, name)));
            }
            folders = folders.map(|folders| folders.with_paths(column, paths));
        }
        // The engine's own listing takes the extremes of another type for none at all.
        let folders = folders.or_else(|| opened.is_cast.then(|| Folders::silent(paths.len())));
        folders.map(|folders| folders.beside(columns, zone)).transpose()
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
            let paths = self.check(name, waiting)?;
            if !paths.iter().any(|path| path.is_dir()) {
                return Ok(Some((kind, paths)));
            }
            let below = paths.into_iter().flat_map(|path| match path.is_dir() {
                true => all_below(&path, waiting),
                false => vec![path],
            });
            let files = self.only_allowed(name, below.collect())?;
            return kind.of_folder(name, files).map(Some);
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
                return Ok(Opened::of(format, columns?, urls));
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
            return Ok(Opened { is_cast, ..Opened::of(format, columns, urls) });
        }
        let (files, compression) = (paths.to_vec(), kind.compression);
        let Looked { columns, files, notices } =
            aside(move |waiting| json::look(&files, compression, waiting)).await?;
        self.notices.add(notices);
        Ok(Opened::of(Arc::new(files), columns, addresses(paths)?))
    }

    async fn opened_csv(&self, meant: &Meant<'_>, state: &SessionState) -> Result<Opened> {
        let Meant { name, kind, paths, how } = *meant;
        let same = if how.is_by_name { Same::Name } else { Same::Place };
        let (known, compression) = (kind.delimiter(), kind.compression);
        let (name, files, is_told) = (name.to_owned(), paths.to_vec(), kind.is_told());
        let (zone, has_header) = (zone_of(state), how.has_header);
        let look = aside(move |waiting| {
            if !is_told {
                files.iter().try_for_each(|path| csv::check_table(path, known, compression))?;
            }
            let (name, zone) = (name.as_str(), &*zone);
            let asked = Asked { name, delimiter: known, compression, zone, same, has_header };
            csv::look(&files, &asked, waiting)
        });
        let seen = look.await?;
        self.notices.add(seen.notices);
        let urls = addresses(paths)?;
        let urls = if seen.is_decoded { decoded(&urls)? } else { urls };
        let format = Arc::new(kind.csv(seen.delimiter, seen.has_header));
        let opened = Opened::of(format, seen.columns, urls);
        Ok(Opened { alike: seen.alike, of_columns: seen.of_columns, ..opened })
    }

    /// The rows of files of several headers: each has NULL for columns that only others
    /// have.
    async fn united(
        &self,
        kind: &Kind,
        opened: &Opened,
        beside: Option<Beside>,
        state: &SessionState,
    ) -> Result<Arc<dyn TableProvider>> {
        let mut tables = Vec::with_capacity(opened.alike.len());
        for Alike { columns, files } in &opened.alike {
            let urls = files.iter().filter_map(|file| opened.urls.get(*file).cloned()).collect();
            let (format, columns) = (Arc::clone(&opened.format), Arc::clone(columns));
            let these = beside.as_ref().map(|beside| beside.of(files));
            let table = table_of(kind, format, columns, urls, these, state).await?;
            tables.push(telling(table, opened.of_columns.clone(), &self.notices));
        }
        united(tables, &beside.map(|beside| beside.names()).unwrap_or_default())
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
        let Named { paths, unread } = named(name, &|| waiting.is_over())
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
    how: &'a HowRead,
}

/// Files that were looked at.
struct Opened {
    format: Arc<dyn FileFormat>,
    /// Their columns.
    columns: SchemaRef,
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
    fn of(format: Arc<dyn FileFormat>, columns: SchemaRef, urls: Vec<ListingTableUrl>) -> Self {
        Self { format, columns, urls, is_cast: false, alike: Vec::new(), of_columns: Vec::new() }
    }
}

/// The error for a column with paths that is called like another one.
fn taken(column: &str, name: &str) -> Error {
    let error = Error::query(format!("'{name}' has a column {column} already"));
    error.hint("give that of the paths another name: filename = 'path_of_file'")
}

/// The files of one format at `urls`, which have these `columns`, with those that are `beside`
/// them.
async fn table_of(
    kind: &Kind,
    format: Arc<dyn FileFormat>,
    columns: SchemaRef,
    urls: Vec<ListingTableUrl>,
    beside: Option<Beside>,
    state: &SessionState,
) -> Result<Arc<dyn TableProvider>> {
    if let Some(beside) = beside {
        let table = PartitionedTable::open(format, columns, &urls, beside, state).await?;
        return Ok(Arc::new(table));
    }
    let options = ListingOptions::new(format).with_file_extension(&kind.suffix);
    let table = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options);
    Ok(Arc::new(ListingTable::try_new(table.with_schema(columns))?))
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
