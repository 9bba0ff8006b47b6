//! Plans that were made to read or write what a worker must leave alone.

use std::path::Path;
use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::prelude::{CsvReadOptions, SessionConfig, SessionContext};
use datafusion_distributed::{
    ChannelResolver, DistributedConfig, DistributedExt, ExecuteTaskRequest, MaybeEncoded,
    ProducerHead, SetPlanRequest, TaskKey, grpc,
};
use futures::StreamExt;
use tonic::codegen::http::HeaderMap;
use url::Url;
use uuid::Uuid;

use super::{Worker, spread, stderr, world};

/// Sends `plan` to `worker` as a session would, and gives the error of its first
/// partition, if there is one.
async fn run_on(worker: &Worker, plan: Arc<dyn ExecutionPlan>, session: &SessionContext) -> String {
    let url = Url::parse(&format!("http://{}", worker.address)).unwrap();
    let task = session.task_ctx();
    let metrics = ExecutionPlanMetricsSet::new();
    let mut headers = HeaderMap::new();
    headers.insert("x-weiku-options", "{}".parse().unwrap());
    let task_key = TaskKey { query_id: Uuid::new_v4(), stage_id: 1, task_number: 0 };
    let request = SetPlanRequest {
        task_key,
        task_count: 1,
        plan: MaybeEncoded::Decoded(plan),
        work_unit_feed_declarations: Vec::new(),
        target_worker_url: url.clone(),
        query_start_time_ns: 0,
    };
    let mut channel =
        grpc::DefaultChannelResolver::default().get_worker_client_for_url(&url).await.unwrap();
    let open = futures::stream::pending().boxed();
    let set = channel.coordinator_channel(headers.clone(), request, open, metrics.clone(), &task);
    let _answers = match set.await {
        Ok(answers) => answers,
        Err(error) => return error.to_string(),
    };
    let request = ExecuteTaskRequest {
        task_key,
        target_partition_start: 0,
        target_partition_end: 1,
        producer_head: ProducerHead::None,
    };
    let mut rows = channel.execute_task(headers, request, metrics, &task).await.unwrap();
    match rows[0].next().await {
        Some(Err(error)) => error.to_string(),
        Some(Ok(rows)) => format!("no error, but {rows:?}"),
        None => String::new(),
    }
}

fn session() -> SessionContext {
    let config = SessionConfig::new();
    let config = config.with_distributed_option_extension(DistributedConfig::default());
    SessionContext::new_with_config(config)
}

async fn plan(session: &SessionContext, sql: &str) -> Arc<dyn ExecutionPlan> {
    session.sql(sql).await.unwrap().create_physical_plan().await.unwrap()
}

/// A folder that no worker was given, with a secret in it.
fn outside() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret.csv"), "word\nopen sesame\n").unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_reads_outside_the_roots_is_refused() {
    let worker = Worker::start(world());
    let outside = outside();
    let session = session();
    let path = outside.path().join("secret.csv");
    let link = world().join(format!("link-{}", Uuid::new_v4()));
    std::os::unix::fs::symlink(outside.path(), &link).unwrap();
    for (name, path) in [("direct", path), ("linked", link.join("secret.csv"))] {
        let options = CsvReadOptions::new();
        session.register_csv(name, path.to_str().unwrap(), options).await.unwrap();
        let forged = plan(&session, &format!("SELECT * FROM {name}")).await;
        let error = run_on(&worker, forged, &session).await;
        assert!(error.contains("a worker may not read"), "{error}");
    }
    std::fs::remove_file(link).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_writes_is_refused_even_below_a_root() {
    let worker = Worker::start(world());
    let session = session();
    let target = world().join("forged.csv");
    let forged = plan(&session, &format!("COPY (SELECT 1) TO '{}'", target.display())).await;
    let error = run_on(&worker, forged, &session).await;
    assert!(!error.is_empty());
    assert!(!target.exists(), "{error}");
}

#[test]
fn a_worker_that_was_not_given_the_database_says_so() {
    let outside = outside();
    let worker = Worker::start(Path::new(outside.path()));
    let sql = "SELECT count(*) FROM posts WHERE likes > 3";
    let refused = spread(&worker.address).args(["-c", sql]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("--root"), "{}", stderr(&refused));
}
