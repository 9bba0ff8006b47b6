//! What stands for the cluster in a weiku that was built without it.

mod options;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::engine::Cluster;
use crate::error::{Error, Result};

pub use options::{Notice, Options, Secret, TlsFiles, TrustOptions, WorkerOptions};

/// Refuses.
///
/// # Errors
/// Always.
pub fn connect(_options: &Options, _notice: Notice) -> Result<Arc<dyn Cluster>> {
    Err(absent())
}

/// Refuses.
///
/// # Errors
/// Always.
#[expect(clippy::unused_async, reason = "as where the cluster is built in")]
pub async fn serve(
    _options: &WorkerOptions,
    _started: impl FnOnce(SocketAddr),
    _stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    Err(absent())
}

fn absent() -> Error {
    Error::usage("this weiku was built without workers")
        .hint("build it with the feature `cluster`, which is on unless switched off")
}
