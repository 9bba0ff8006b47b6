//! The schemas of a session, in which names are looked up: its own, and one for each
//! database that was attached to it.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::exec_err;
use datafusion::datasource::{MemTable, ViewTable};
use datafusion::error::Result;

use super::SCHEMA;
use super::calls::Calls;
use super::declared::{of_files_with_times, with_times};
use super::files::AdHocFiles;
use super::followed::followed;
use super::held::HeldColumns;
use super::own_table::OwnTable;
use super::table::{StoreTable, foreign};
use super::views::{VIEWS, view};
use crate::error::Error;
use crate::model;
use crate::store::Store;

/// Stands between the name of a table and the version, or the time, of which it
/// is wanted: `posts@3`.
pub(crate) const AS_OF: char = '@';

/// What all tables of one statement agree on.
#[derive(Debug, Clone, Default)]
pub struct Pinned {
    /// The committed version of each table.
    pub versions: BTreeMap<String, i64>,
    /// The session's time zone.
    pub timezone: String,
}

/// Looks a name up among the tables and views that the session made, the
/// store's tables and views, and the files of the disk, in this order. In an
/// attached database there are only its tables and views.
#[derive(Debug)]
pub struct DatabaseSchema {
    /// What it is called.
    name: Arc<str>,
    store: Option<Arc<Store>>,
    pinned: Arc<RwLock<Pinned>>,
    files: AdHocFiles,
    held: Arc<HeldColumns>,
    made: RwLock<BTreeMap<String, Arc<dyn TableProvider>>>,
}

impl DatabaseSchema {
    /// A schema over `store`, whose tables are opened at the versions in
    /// `pinned` when a statement names them; `held` are their columns in memory.
    pub(crate) fn new(
        store: Option<Arc<Store>>,
        pinned: Arc<RwLock<Pinned>>,
        files: AdHocFiles,
        held: Arc<HeldColumns>,
    ) -> Self {
        Self { name: SCHEMA.into(), store, pinned, files, held, made: RwLock::default() }
    }

    /// The schema `name` for the database in `store`, which is attached to that of
    /// this one.
    pub(crate) fn attached(&self, name: &str, store: Arc<Store>) -> Self {
        Self {
            name: name.into(),
            store: Some(store),
            pinned: Arc::default(),
            files: self.files.clone(),
            held: Arc::clone(&self.held),
            made: RwLock::default(),
        }
    }

    /// Makes the next statement see the newest commit of an attached database.
    pub(crate) async fn pin_newest(&self, timezone: &str) -> crate::Result<()> {
        let Some(store) = self.store.as_ref().filter(|_| self.is_attached()) else {
            return Ok(());
        };
        let versions = store.versions().await?;
        if let Ok(mut pinned) = self.pinned.write() {
            *pinned = Pinned { versions, timezone: timezone.to_owned() };
        }
        Ok(())
    }

    /// What the statements of the session ask beside the names of files.
    pub(crate) fn calls(&self) -> &Calls {
        &self.files.calls
    }

    fn is_attached(&self) -> bool {
        &*self.name != SCHEMA
    }

    fn made(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.made.read().ok()?.get(name).cloned()
    }

    /// Whether the session made a table or view called `name`.
    pub(crate) fn is_made(&self, name: &str) -> bool {
        self.made(name).is_some()
    }

    /// The table called `name` whose rows the session made.
    pub(crate) fn own_table(&self, name: &str) -> Option<OwnTable> {
        self.made(name)?.downcast_ref::<OwnTable>().cloned()
    }

    /// A `table` that the session made, with the times that it was declared to have.
    async fn as_declared(
        &self,
        table: Arc<dyn TableProvider>,
        name: &str,
    ) -> Result<Arc<dyn TableProvider>> {
        let Some(files) = of_files_with_times(table.as_ref()) else { return Ok(table) };
        let Some(state) = self.files.session_state() else { return Ok(table) };
        let with_times = with_times(&table, files, name, &state).await?;
        Ok(with_times.unwrap_or(table))
    }

    async fn stored(&self, name: &str) -> crate::Result<Option<Arc<dyn TableProvider>>> {
        let (name, as_of) = name.split_once(AS_OF).map_or((name, None), |(a, b)| (a, Some(b)));
        let (Some(store), Some(table)) = (&self.store, model::table(name)) else {
            return match as_of {
                Some(_) if view(name).is_some() => Err(no_versions(name)),
                _ => Ok(None),
            };
        };
        let pinned = self.pinned.read().map(|pinned| pinned.clone()).unwrap_or_default();
        let version = match as_of {
            None => pinned.versions.get(name).copied(),
            Some(as_of) => Some(version(store, table, as_of, &pinned.timezone).await?),
        };
        let snapshot = store.snapshot(table, version).await?;
        let table = StoreTable::new(snapshot, &pinned.timezone, Arc::clone(&self.held));
        Ok(Some(Arc::new(if self.is_attached() { table.attached(&self.name) } else { table })))
    }

    /// The view called `name`, planned anew for every statement, so that it sees
    /// the same commit as the statement.
    async fn view(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let (Some(_), Some(view), Some(mut state)) =
            (&self.store, view(name), self.files.session_state())
        else {
            return Ok(None);
        };
        // Its tables are those beside it.
        state.config_mut().options_mut().catalog.default_schema = self.name.as_ref().to_owned();
        let plan = state.create_logical_plan(view.sql).await?;
        Ok(Some(Arc::new(ViewTable::new(plan, Some(view.sql.to_owned())))))
    }
}

/// The version of `table` that `as_of` names: by number, or by a time in
/// `timezone`.
async fn version(
    store: &Store,
    table: &'static model::Table,
    as_of: &str,
    timezone: &str,
) -> crate::Result<i64> {
    if as_of.bytes().all(|byte| byte.is_ascii_digit()) {
        let unknown = |_| Error::query(format!("table `{}` has no version {as_of}", table.name));
        return as_of.parse().map_err(unknown);
    }
    let zone: Tz = timezone.parse().map_err(|_| Error::internal("the time zone is unknown"))?;
    let time = string_to_datetime(&zone, as_of).map_err(|_| {
        Error::query(format!("`{as_of}` is not a time")).hint("write it like '2012-08-27 18:00:00'")
    })?;
    store.version_at(table, time.timestamp_micros()).await
}

/// The error for a view, which is only a question.
fn no_versions(view: &str) -> Error {
    Error::query(format!("`{view}` is a view, and only tables have versions"))
        .hint("ask the tables that it reads, each FOR VERSION AS OF its own version")
}

#[async_trait]
impl SchemaProvider for DatabaseSchema {
    fn table_names(&self) -> Vec<String> {
        let stored = model::TABLES.iter().map(|table| table.name);
        let viewed = VIEWS.iter().map(|view| view.name);
        let all = self.store.iter().flat_map(|_| stored.clone().chain(viewed.clone()));
        let mut names: Vec<String> = all.map(str::to_owned).collect();
        if let Ok(made) = self.made.read() {
            names.extend(made.keys().cloned());
        }
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = self.made(name) {
            let table = followed(name, table, &|name| self.made(name))?;
            return self.as_declared(table, name).await.map(Some);
        }
        if let Some(table) = self.stored(name).await.map_err(foreign)? {
            return Ok(Some(table));
        }
        if let Some(table) = self.view(name).await? {
            return Ok(Some(table));
        }
        if self.is_attached() {
            return Ok(None);
        }
        self.files.table(name).await
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        if self.is_attached() {
            let schema = &self.name;
            return exec_err!(
                "nothing is made in {schema}, an attached database; leave out `{schema}.`"
            );
        }
        if self.store.is_some() && is_built_in(&name) {
            return exec_err!("`{name}` belongs to the database and cannot be replaced");
        }
        let rows = table.downcast_ref::<MemTable>().filter(|_| !is_result(&name));
        let table: Arc<dyn TableProvider> = match rows {
            Some(rows) => match OwnTable::of(&name, rows) {
                Some(table) => Arc::new(table),
                None => return exec_err!("the rows of `{name}` are changed by another statement"),
            },
            None => table,
        };
        match self.made.write() {
            Ok(mut made) => Ok(made.insert(name, table)),
            Err(_) => exec_err!("the session's tables are locked by a failed statement"),
        }
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.made.write() {
            Ok(mut made) => Ok(made.remove(name)),
            Err(_) => exec_err!("the session's tables are locked by a failed statement"),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.made(name).is_some() || (self.store.is_some() && is_built_in(name))
    }
}

/// Whether `name` is that of a result that a shell keeps: no statement changes its rows, and
/// views stay with the one that they were made of.
fn is_result(name: &str) -> bool {
    name == "_" || name.starts_with(AS_OF)
}

/// Whether every database has a table or view called `name`.
pub(crate) fn is_built_in(name: &str) -> bool {
    model::table(name).is_some() || view(name).is_some()
}
