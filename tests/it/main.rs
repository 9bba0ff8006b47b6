//! The integration tests, in one crate, so that they are linked once.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

mod attached;
mod batch;
#[cfg(feature = "cluster")]
mod cluster;
mod equality;
mod files;
mod generate;
mod import;
mod import_formats;
mod import_robust;
mod index;
mod kept;
mod last;
mod limits;
mod objects;
mod output_folder;
mod own_tables;
mod queries;
mod query;
mod readme;
mod real_exports;
mod rejects;
mod report;
mod run_record;
mod shell;
mod store;
mod store_loops;
mod terminal;
mod tidy;
mod time_travel;
