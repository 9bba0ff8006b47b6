//! Other machines that run parts of plans, as a session sees them.
//!
//! The engine only knows when it needs them; who they are, how plans reach
//! them and how they fail is the affair of [`crate::cluster`].

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;

use crate::error::{Error, Result};

/// Machines that run parts of plans.
#[async_trait]
pub trait Cluster: Debug + Send + Sync {
    /// Gives a session what it takes to hand parts of its plans over.
    ///
    /// # Errors
    /// When a setting of the cluster is unusable.
    fn equip(&self, session: SessionStateBuilder) -> Result<SessionStateBuilder>;

    /// Makes sure before a statement that there is a machine to run it.
    ///
    /// # Errors
    /// When none can be reached, or one must not be used.
    async fn muster(&self) -> Result<()>;

    /// Notes in `config` what the machines must be told of its options.
    ///
    /// # Errors
    /// When an option cannot be told.
    fn brief(&self, config: &mut SessionConfig) -> Result<()>;

    /// What to do about the `failure` of `plan`.
    async fn judge(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        failure: &DataFusionError,
        run: Run,
    ) -> Verdict;
}

/// How far a statement has come.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// How often it has been started.
    pub starts: usize,
    /// Whether rows have been handed out, which cannot be taken back.
    pub gave_rows: bool,
}

/// What a failure means.
#[derive(Debug)]
pub enum Verdict {
    /// The statement itself is at fault.
    Failed,
    /// A machine was lost, and others can run the statement again.
    Again,
    /// A machine was lost, and the statement with it.
    Lost(Error),
}

/// The options of a session that rule how its plans run, as far as they are not
/// the engine's own defaults; [`super::running_state`] takes them.
#[must_use]
pub fn running_options(config: &SessionConfig) -> BTreeMap<String, String> {
    let defaults: BTreeMap<_, _> = ConfigOptions::default()
        .entries()
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect();
    config
        .options()
        .entries()
        .into_iter()
        .filter(|entry| rules_running(&entry.key) && defaults.get(&entry.key) != Some(&entry.value))
        .filter_map(|entry| Some((entry.key, entry.value?)))
        .collect()
}

/// Whether the option called `key` matters after planning.
pub(super) fn rules_running(key: &str) -> bool {
    key.starts_with("datafusion.execution.")
}
