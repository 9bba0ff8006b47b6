//! What a person says of workers: addresses, keys, folders.

use std::fmt;
use std::path::PathBuf;

use crate::engine::{Process, Spill};

/// Where words for the person go.
pub type Notice = Box<dyn Fn(&str) + Send + Sync>;

/// What a session must know of its workers.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Their addresses, `host:port`.
    pub workers: Vec<String>,
    /// How they know us, and we them.
    pub trust: TrustOptions,
    /// A query gets one worker more for so many bytes that it reads.
    pub bytes_per_worker: usize,
}

/// What a worker must know.
#[derive(Debug, Clone, Default)]
pub struct WorkerOptions {
    /// Where to listen, `host:port`; port 0 is any that is free.
    pub listen: String,
    /// The only folders, and databases in object storage, that may be read.
    pub roots: Vec<PathBuf>,
    /// How many threads run plans.
    pub threads: usize,
    /// Bytes of memory that its queries may hold together.
    pub memory_limit: Option<usize>,
    /// The process, if it does nothing else.
    pub process: Option<Process>,
    /// Where rows go that do not fit into them.
    pub spill: Spill,
    /// How sessions and other workers know us, and we them.
    pub trust: TrustOptions,
}

/// How the processes of a cluster know one another: by a token that all of them
/// have, by certificates, or by both.
#[derive(Debug, Clone, Default)]
pub struct TrustOptions {
    /// The token itself.
    pub token: Option<Secret>,
    /// The file that holds it.
    pub token_file: Option<PathBuf>,
    /// The certificates.
    pub tls: Option<TlsFiles>,
}

/// The files of mutual TLS, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Our own certificate, for servers and clients alike.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authority that signs the certificates of all.
    pub ca: PathBuf,
}

/// A text that is never shown.
#[derive(Clone)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
