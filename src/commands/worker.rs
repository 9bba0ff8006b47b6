//! `weiku worker`: runs parts of queries for other machines.

use std::path::PathBuf;

use super::{DONE, Exit, Program, say};
use crate::cli::{Common, Worker};
use crate::cluster::{self, WorkerOptions};
use crate::config::Config;
use crate::error::Result;

/// `weiku worker --listen HOST:PORT`: works until Ctrl-C.
pub(super) async fn execute(worker: &Worker, program: &Program) -> Result<Exit> {
    let common = Common {
        memory_limit: worker.memory_limit.clone(),
        spill: worker.spill.clone(),
        threads: worker.threads,
        trust: worker.trust.clone(),
        ..Common::default()
    };
    let config = Config::resolve(&common, &program.environment)?;
    let roots = match worker.roots.as_slice() {
        [] => vec![PathBuf::from(".")],
        roots => roots.to_vec(),
    };
    let options = WorkerOptions {
        listen: worker.listen.clone(),
        threads: config.settings.threads,
        memory_limit: config.settings.memory_limit,
        process: config.settings.process,
        spill: config.settings.spill,
        trust: config.cluster.trust,
        roots,
    };
    let folders: Vec<_> = options.roots.iter().map(|root| root.display().to_string()).collect();
    let started = |address| {
        let words = format!("listening on {address}, reading below {}\n", folders.join(", "));
        // A worker that nobody watches works as well.
        let _ = say(&mut program.stderr(), &words);
    };
    cluster::serve(&options, started, stopped()).await?;
    Ok(DONE)
}

/// Ends at Ctrl-C, or when the system wants the process to end.
async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
