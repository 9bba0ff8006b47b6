//! The front door for programs: open a database, import files, run SQL.

mod again;
mod builder;
mod cancel;
mod import;
#[cfg(test)]
mod import_tests;
mod looks;
mod notes;
mod repeats;
mod rows;
mod strangers;

use std::path::Path;
use std::sync::Arc;

use crate::engine::{Session, Settings};
use crate::error::Result;
use crate::store::Store;

pub use cancel::Cancel;
pub use import::{ImportOptions, ImportReport, Importing, Latest, Progress, Refused, Silent};

/// An open database. Cloning it is cheap.
///
/// # Example
/// ```no_run
/// # async fn example() -> weiku::Result<()> {
/// use weiku::Database;
/// use weiku::engine::Settings;
///
/// let database = Database::open("weibo".as_ref()).await?;
/// let session = database.session(Settings::default())?;
/// let batches = session.collect("SELECT count(*) AS posts FROM posts").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Database {
    store: Option<Arc<Store>>,
}

impl Database {
    /// Makes an empty database in a new folder, or in object storage.
    ///
    /// # Errors
    /// As for [`Store::create`].
    pub async fn create(path: &Path) -> Result<Self> {
        Ok(Self { store: Some(Arc::new(Store::create(path).await?)) })
    }

    /// Opens the database in a folder, or in object storage: `s3://bucket/path`,
    /// `gs://bucket/path` or `az://container/path`, with the credentials of the
    /// usual environment.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub async fn open(path: &Path) -> Result<Self> {
        Ok(Self { store: Some(Arc::new(Store::open(path).await?)) })
    }

    /// Whether there is a database at `path`.
    ///
    /// # Errors
    /// As for [`Store::is_there`].
    pub async fn is_there(path: &Path) -> Result<bool> {
        Store::is_there(path).await
    }

    /// No database: a session of it sees ad hoc files only.
    #[must_use]
    pub fn none() -> Self {
        Self { store: None }
    }

    /// The store, unless there is no database.
    #[must_use]
    pub fn store(&self) -> Option<&Arc<Store>> {
        self.store.as_ref()
    }

    /// The folder in which people put what belongs to the database, such as its
    /// own saved queries; in object storage its copy here.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.store.as_ref().map(|store| store.root())
    }

    /// A session to ask questions of this database.
    ///
    /// # Errors
    /// As for [`Session::new`].
    pub fn session(&self, settings: Settings) -> Result<Session> {
        Session::new(self.store.clone(), settings)
    }
}
