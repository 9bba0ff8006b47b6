//! Queries on several machines: workers that run parts of plans, and the session
//! that hands them out.
//!
//! The distribution itself (stages, shuffles, transport) is the work of
//! `datafusion-distributed`. What is here makes it safe to rely on: only plans
//! that travel unchanged are handed out, lost machines are noticed and their
//! queries run again, and a worker reads below its own roots only.
//!
//! A worker keeps nothing between queries. It finds files under the same paths
//! as the session that plans, on a shared disk or in object storage.

mod gate;
mod links;
mod members;
mod options;
mod planner;
mod roots;
mod slices;
mod trust;
mod worker;

use std::sync::Arc;

use crate::engine::Cluster;
use crate::error::Result;

pub use options::{Notice, Options, Secret, TlsFiles, TrustOptions, WorkerOptions};
pub use worker::serve;

/// The workers of `options`, which are not asked for before a statement needs
/// them; what a person should know of them goes to `notice`.
///
/// # Errors
/// When an address or a key cannot be used.
pub fn connect(options: &Options, notice: Notice) -> Result<Arc<dyn Cluster>> {
    Ok(Arc::new(members::Workers::new(options, notice)?))
}
