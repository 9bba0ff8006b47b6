//! What a session is allowed and told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::cluster::Cluster;
use super::process::Process;
use super::result_cache::KeepAnswers;
use super::spill::Spill;

/// The settings of a session, resolved: flags, environment, file and defaults
/// have been put together already.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The IANA time zone that rules dates in SQL and display.
    pub timezone: String,
    /// How many threads a query may use.
    pub threads: usize,
    /// Bytes of memory that the queries of the session may hold together.
    pub memory_limit: Option<usize>,
    /// The process, if it is there for the session alone: its memory is held near the
    /// limit, whatever queries say that they hold.
    pub process: Option<Process>,
    /// Where rows go that do not fit into them.
    pub spill: Spill,
    /// How long one statement may run.
    pub timeout: Option<Duration>,
    /// Whether statements, and commands of the shell, that write are refused.
    pub readonly: bool,
    /// Whether files outside the database and `allow` are out of reach.
    pub safe: bool,
    /// Folders that a safe session may read as well.
    pub allow: Vec<PathBuf>,
    /// Whether filters are applied while Parquet pages are decoded.
    pub pushdown: bool,
    /// Which answers are kept to be given again; none unless it is asked for.
    pub keep_answers: Option<KeepAnswers>,
    /// Other machines that run parts of large queries.
    pub cluster: Option<Arc<dyn Cluster>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timezone: "Asia/Shanghai".to_owned(),
            threads: std::thread::available_parallelism().map_or(2, usize::from),
            memory_limit: None,
            process: None,
            spill: Spill::default(),
            timeout: None,
            readonly: false,
            safe: false,
            allow: Vec::new(),
            pushdown: true,
            keep_answers: None,
            cluster: None,
        }
    }
}
