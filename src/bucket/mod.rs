//! A database in object storage: its objects, and the copies of them here.
//!
//! A database has a folder in the user's cache that is laid out as one on a disk
//! is, with those files in it that were read or written here. Data files never
//! change under their name, so a copy is never stale; log entries are listed
//! when the head has changed; the head itself is asked for each time.
//!
//! Objects are called by their names in the database, such as
//! `posts/_delta_log/00000000000000000000.json`.

mod address;
mod blocks;
mod connect;
mod errors;
mod files;
mod listing;
mod network;
mod profile;
mod sweep;
mod transfer;

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{
    Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    UpdateVersion,
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use blocks::Blocks;
use listing::Listings;
use sweep::Sweep;

pub(crate) use address::Address;
pub(crate) use files::Files;
pub(crate) use transfer::Expected;

/// A database in object storage.
pub(crate) struct Bucket {
    address: Address,
    endpoint: Option<String>,
    store: Arc<dyn ObjectStore>,
    folder: PathBuf,
    listings: Listings,
    blocks: Blocks,
    sweep: Sweep,
    /// Objects that were asked for and are not there.
    absent: Mutex<HashSet<String>>,
}

/// What became of an object that was to be created.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Created {
    /// It is there, as it was to be.
    Done,
    /// There is another one under its name.
    Taken(Vec<u8>),
}

/// What lies directly below a name.
#[derive(Debug, Default)]
pub(crate) struct Children {
    /// The names of objects.
    pub(crate) objects: Vec<String>,
    /// The names of folders.
    pub(crate) folders: Vec<String>,
}

/// Tries to create an object when answers are lost on the way.
const TRIES: usize = 4;

impl Bucket {
    /// The database at `address`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When the environment holds no usable settings, or there can be no copies
    /// here.
    pub(crate) fn connect(address: Address) -> Result<Arc<Self>> {
        let connected = connect::connect(&address)?;
        let folder = folder_for(&address, connected.endpoint.as_deref())?;
        make_private(&folder).map_err(|error| {
            Error::io("make", &folder, &error).hint("copies are kept below XDG_CACHE_HOME")
        })?;
        Ok(Arc::new(Self {
            listings: Listings::new(folder.join("listings")),
            blocks: Blocks::new(folder.join("blocks")),
            sweep: Sweep::new(&folder),
            absent: Mutex::default(),
            address,
            endpoint: connected.endpoint,
            store: connected.store,
            folder,
        }))
    }

    /// The address.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The folder of the copies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the copy of the object called `name` lies, if there is one.
    fn copy(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A new file that is removed unless it is put in its place.
    fn staged(&self) -> std::io::Result<tempfile::NamedTempFile> {
        let folder = self.folder.join("incoming");
        std::fs::create_dir_all(&folder)?;
        tempfile::NamedTempFile::new_in(folder)
    }

    /// Puts a synced file at `path` in one step, together with its folder.
    fn put_file(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let mut staged = self.staged()?;
        std::io::Write::write_all(&mut staged, bytes)?;
        staged.as_file().sync_all()?;
        staged.persist(path)?;
        Ok(())
    }

    /// The name of the object of which the file at `path` is a copy.
    pub(crate) fn name_of(&self, path: &Path) -> Option<String> {
        let parts = path.strip_prefix(&self.folder).ok()?.iter();
        parts.map(|part| part.to_str()).collect::<Option<Vec<_>>>().map(|parts| parts.join("/"))
    }

    /// The name of the object with `key`, if it lies in the database.
    fn name_of_key(&self, key: &Key) -> Option<String> {
        let parts = key.prefix_match(&self.address.prefix)?;
        Some(parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
    }

    /// The key of the object called `name`.
    pub(crate) fn key(&self, name: &str) -> Result<Key> {
        self.address.key(name)
    }

    /// The object called `name`; none if it is not there.
    pub(crate) fn read(self: &Arc<Self>, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.read_version(name)?.map(|(bytes, _)| bytes))
    }

    /// The object called `name` with its version.
    fn read_version(self: &Arc<Self>, name: &str) -> Result<Option<(Vec<u8>, UpdateVersion)>> {
        let read = self.ask(name, |store, key| async move {
            let found = store.get(&key).await?;
            let version = UpdateVersion {
                e_tag: found.meta.e_tag.clone(),
                version: found.meta.version.clone(),
            };
            Ok((found.bytes().await?.to_vec(), version))
        })?;
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error @ StoreError::NotFound { .. }) => self.absent("read", name, &error),
            Err(error) => Err(self.failed("read", name, &error)),
        }
    }

    /// Makes the object called `name`, unless there is one.
    ///
    /// The store decides who is first when several try at once. An answer that
    /// is lost is asked for again: what counts is what is there in the end.
    pub(crate) fn create(self: &Arc<Self>, name: &str, bytes: &[u8]) -> Result<Created> {
        for attempt in 1.. {
            let error = match self.put(name, bytes, PutMode::Create)? {
                Ok(()) => return Ok(Created::Done),
                Err(error) => error,
            };
            let is_taken = matches!(error, StoreError::AlreadyExists { .. });
            if !is_taken && !matches!(error, StoreError::Generic { .. }) {
                return Err(self.failed("write", name, &error));
            }
            match self.read(name)? {
                Some(there) if there == bytes => return Ok(Created::Done),
                Some(there) => return Ok(Created::Taken(there)),
                None if attempt == TRIES => return Err(self.failed("write", name, &error)),
                None => {}
            }
        }
        Err(Error::internal("no more tries"))
    }

    /// Whether a second attempt to create the object called `name`, which is
    /// there, is refused, as it must be for two writers to be safe.
    pub(crate) fn refuses_second(self: &Arc<Self>, name: &str, bytes: &[u8]) -> Result<bool> {
        match self.put(name, bytes, PutMode::Create)? {
            Ok(()) | Err(StoreError::NotImplemented { .. } | StoreError::NotSupported { .. }) => {
                Ok(false)
            }
            Err(StoreError::AlreadyExists { .. }) => Ok(true),
            Err(error) => Err(self.failed("write", name, &error)),
        }
    }

    /// Puts what `next` makes of the object called `name` in its place, unless
    /// it gives nothing. Another one that comes in between is looked at again.
    pub(crate) fn update(
        self: &Arc<Self>,
        name: &str,
        next: impl Fn(&[u8]) -> Result<Option<Vec<u8>>>,
    ) -> Result<()> {
        for attempt in 1.. {
            let Some((there, version)) = self.read_version(name)? else {
                return Err(Error::store(format!("{} is not there", self.url(name))));
            };
            let Some(bytes) = next(&there)? else { return Ok(()) };
            match self.put(name, &bytes, PutMode::Update(version))? {
                Ok(()) => return Ok(()),
                Err(
                    StoreError::Precondition { .. }
                    | StoreError::AlreadyExists { .. }
                    | StoreError::Generic { .. },
                ) if attempt < 8 * TRIES => {}
                Err(error) => return Err(self.failed("write", name, &error)),
            }
        }
        Ok(())
    }

    fn put(
        self: &Arc<Self>,
        name: &str,
        bytes: &[u8],
        mode: PutMode,
    ) -> Result<Result<(), StoreError>> {
        let payload = bytes.to_vec();
        let options = PutOptions { mode, ..PutOptions::default() };
        self.ask(name, |store, key| async move {
            store.put_opts(&key, payload.into(), options).await.map(drop)
        })
    }

    /// Puts an object called `name` in the place of the one that is there.
    pub(crate) fn overwrite(self: &Arc<Self>, name: &str, bytes: &[u8]) -> Result<()> {
        let put = self.put(name, bytes, PutMode::Overwrite)?;
        put.map_err(|error| self.failed("write", name, &error))
    }

    /// Gives the object called `name`, which need not be there, the name `to`, or
    /// that with a number if there is such an object already.
    pub(crate) fn rename(self: &Arc<Self>, name: &str, to: &str) -> Result<()> {
        let mut free = to.to_owned();
        for number in 2.. {
            match self.ask(&free, |store, key| async move { store.head(&key).await })? {
                Err(StoreError::NotFound { .. }) => break,
                Err(error) => return Err(self.failed("read", &free, &error)),
                Ok(_) => free = format!("{to}.{number}"),
            }
        }
        let target = self.address.key(&free)?;
        let copied = self.ask(name, |store, key| async move { store.copy(&key, &target).await })?;
        match copied {
            Ok(()) => self.remove(name),
            Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("move", name, &error)),
        }
    }

    /// Removes the object called `name`, which need not be there, and its copy.
    pub(crate) fn remove(self: &Arc<Self>, name: &str) -> Result<()> {
        let removed = self.ask(name, |store, key| async move { store.delete(&key).await })?;
        match removed {
            Ok(()) | Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(self.failed("remove", name, &error)),
        }
        self.remove_copy(name)
    }

    fn remove_copy(&self, name: &str) -> Result<()> {
        let copy = self.copy(name);
        match std::fs::remove_file(&copy) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", &copy, &error))
            }
            _ => Ok(()),
        }
    }

    /// The size of the object called `name`.
    fn size(&self, name: &str) -> Result<u64> {
        let asked = self.ask(name, |store, key| async move { store.head(&key).await })?;
        asked.map(|meta| meta.size).map_err(|error| self.failed("read", name, &error))
    }

    /// What lies directly below `folder`; below the database if that is empty.
    pub(crate) fn children(self: &Arc<Self>, folder: &str) -> Result<Children> {
        let listed = self
            .ask(folder, |store, key| async move { store.list_with_delimiter(Some(&key)).await })?;
        let listed = listed.map_err(|error| self.failed("list", folder, &error))?;
        let name = |key: &Key| key.filename().map(str::to_owned);
        Ok(Children {
            objects: listed.objects.iter().filter_map(|object| name(&object.location)).collect(),
            folders: listed.common_prefixes.iter().filter_map(name).collect(),
        })
    }

    /// All objects below `folder`, by their names in the database.
    pub(crate) fn objects(self: &Arc<Self>, folder: &str) -> Result<Vec<(String, ObjectMeta)>> {
        let listed = self.ask(folder, |store, key| async move {
            store.list(Some(&key)).try_collect::<Vec<_>>().await
        })?;
        let listed = listed.map_err(|error| self.failed("list", folder, &error))?;
        let prefix = self.address.prefix.as_ref();
        let name = |key: &Key| {
            let below = key.as_ref().strip_prefix(prefix)?;
            Some(below.trim_start_matches('/').to_owned())
        };
        let named = listed.into_iter().filter_map(|meta| Some((name(&meta.location)?, meta)));
        Ok(named.collect())
    }

    /// Looks which objects there are below `folder`, as far as they are
    /// `is_wanted`, unless that was done since `stamp`, a word for the state of the
    /// database. Whether one has changed of which there was a copy; copies of what
    /// is gone go too.
    pub(crate) fn look(
        self: &Arc<Self>,
        folder: &str,
        stamp: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<bool> {
        self.listings.look(self, folder, stamp, is_wanted)
    }

    /// The names of the objects below `folder`, as [`Bucket::look`] saw them last.
    pub(crate) fn seen(&self, folder: &str) -> Vec<String> {
        self.listings.names(folder)
    }

    /// Fetches those of `names`, which are of objects that were seen below
    /// `folder`, that have no copies here.
    pub(crate) fn copy_all(self: &Arc<Self>, folder: &str, names: Vec<String>) -> Result<()> {
        self.listings.fetch(self, folder, names)
    }

    /// Forgets which copies are up to date.
    pub(crate) fn distrust(&self) -> Result<()> {
        self.listings.clear()
    }

    /// The address of the object called `name`, for people.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Asks the store something about the object called `name`.
    fn ask<T, F>(
        &self,
        name: &str,
        question: impl FnOnce(Arc<dyn ObjectStore>, Key) -> F,
    ) -> Result<Result<T, StoreError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let key = self.address.key(name)?;
        network::wait(question(Arc::clone(&self.store), key))
    }

    /// No object; unless it is the bucket that is not there.
    fn absent<T>(&self, doing: &str, name: &str, error: &StoreError) -> Result<Option<T>> {
        match self.failed(doing, name, error) {
            error if error.exit_code() == crate::Kind::Usage.exit_code() => Err(error),
            _ => Ok(None),
        }
    }

    fn failed(&self, doing: &str, name: &str, error: &StoreError) -> Error {
        errors::failed(doing, &self.url(name), &self.address, self.endpoint.as_deref(), error)
    }
}

impl fmt::Debug for Bucket {
    /// Without the store, whose settings hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("address", &self.address).finish_non_exhaustive()
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// The folder of the copies of a database.
fn folder_for(address: &Address, endpoint: Option<&str>) -> Result<PathBuf> {
    use etcetera::{BaseStrategy, choose_base_strategy};
    let strategy = choose_base_strategy()
        .map_err(|_| Error::usage("there is no home folder").hint("set XDG_CACHE_HOME"))?;
    let identity = format!("{}\n{address}", endpoint.unwrap_or_default());
    let digest = Sha256::digest(identity.as_bytes());
    Ok(strategy.cache_dir().join("weiku").join(hex::encode(&digest[..12])))
}

/// Makes a folder that nobody else can look into: rows are as private as the
/// bucket is.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
