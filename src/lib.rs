//! weiku (微库): an embedded analytics database for micro-blog accounts and
//! posts.
//!
//! Modules stand in the order in which data flows: from a foreign file through
//! the store to an answer on the screen.

pub mod batch;
mod bucket;
pub mod catalog;
pub mod chart;
pub mod cli;
#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(not(feature = "cluster"))]
#[path = "cluster/absent.rs"]
pub mod cluster;
pub mod commands;
pub mod config;
pub mod database;
pub mod engine;
pub mod error;
pub mod functions;
pub mod generate;
mod index;
pub mod ingest;
pub mod model;
pub mod queries;
pub mod render;
pub mod report;
pub mod shell;
pub mod store;
pub mod text;

pub use database::Database;
pub use error::{Error, Kind, Result};

/// The version with a fingerprint of the sources: what is equal where one process
/// relies on what another one has written down.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("WEIKU_SOURCES"), ")");
