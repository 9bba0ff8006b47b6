//! The integration tests.

mod store;
