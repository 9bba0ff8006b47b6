//! Names to tables: the store's tables, views, what the session made, and ad hoc
//! files.

mod advice;
mod alike;
mod aside;
mod asked;
mod available;
mod calls;
mod columns;
mod csv;
mod declared;
mod delta;
mod digits;
mod files;
mod followed;
mod held;
mod intervals;
mod json;
mod kind;
mod levers;
mod notices;
mod own_table;
mod partitions;
mod rollup_table;
mod schema;
mod selection;
mod table;
mod views;

pub(crate) use advice::{check_database, missing, place_advice};
pub use available::available_memory;
pub(crate) use calls::{Call, Calls, HowRead};
pub(crate) use csv::not_text;
pub(crate) use files::{AdHocFiles, DECODED, at_home, below_home, refused};
pub(crate) use held::{FetchColumns, HeldColumns, HeldScan};
pub(crate) use kind::SUFFIXES;
pub(crate) use levers::is_lever;
pub use levers::{Levers, setting_name};
pub(crate) use notices::Notices;
pub(crate) use own_table::OwnTable;
pub(crate) use rollup_table::RollupTable;
pub(crate) use schema::AS_OF;
pub(crate) use schema::is_built_in;
pub use schema::{DatabaseSchema, Pinned};
pub use selection::Selection;
pub(crate) use table::FilePlace;
pub use table::StoreTable;
pub use views::{VIEWS, View, view};

/// The name of the catalog that every session has.
pub const CATALOG: &str = "weiku";

/// The name of the schema in which all tables lie.
pub const SCHEMA: &str = "main";
