//! SQL to batches: the one road for the shell, `-c`, saved queries and tests.
//!
//! Text becomes a [`Script`](script::parse) of statements; a [`Session`] plans
//! and runs them one by one, under its limits, and gives streams of batches.

pub mod script;

pub use script::Statement;
