//! The front door for programs: open a database, import files, run SQL.

use std::path::Path;
use std::sync::Arc;

use crate::engine::{Session, Settings};
use crate::error::Result;
use crate::store::Store;

/// An open database.
#[derive(Debug, Clone)]
pub struct Database {
    store: Option<Arc<Store>>,
}

impl Database {
    /// Makes an empty database in a new folder.
    ///
    /// # Errors
    /// As for [`Store::create`].
    pub async fn create(path: &Path) -> Result<Self> {
        Ok(Self { store: Some(Arc::new(Store::create(path).await?)) })
    }

    /// Opens the database in a folder.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub async fn open(path: &Path) -> Result<Self> {
        Ok(Self { store: Some(Arc::new(Store::open(path).await?)) })
    }

    /// A session without a database, over ad hoc files.
    #[must_use]
    pub fn none() -> Self {
        Self { store: None }
    }

    /// The store, unless there is no database.
    #[must_use]
    pub fn store(&self) -> Option<&Arc<Store>> {
        self.store.as_ref()
    }
}

impl Database {
    /// A session to ask questions of this database.
    ///
    /// # Errors
    /// As for [`Session::new`].
    pub fn session(&self, settings: Settings) -> Result<Session> {
        Session::new(self.store.clone(), settings)
    }
}
