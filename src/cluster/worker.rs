//! A worker: runs the parts of plans that sessions send.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion_distributed::{DistributedExt, Worker, WorkerQueryContext, WorkerSessionBuilder};
use tokio::runtime::Runtime;
use tonic::codegen::http::{HeaderMap, HeaderName};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::gate::{Gate, count_faults};
use super::links::{Links, Network, PULSE, PULSE_ANSWER};
use super::members::OPTIONS;
use super::options::WorkerOptions;
use super::planner::LONGEST_PLAN;
use super::roots::roots;
use super::trust::Trust;
use crate::BUILD;
use crate::engine::{running_state, runtime_builder};
use crate::error::{Error, Result};

/// Room for the recursion of deep plans; only what is used is taken.
const STACK_BYTES: usize = 64 << 20;

/// What a message may take beyond the plan in it.
const ENVELOPE: usize = 1 << 20;

/// Files from which a plan would be read out of order, or twice, if the threads
/// of a worker helped one another with them: of a plan's threads each worker
/// has some.
const WORK_STEALING: &str = "datafusion.execution.enable_file_stream_work_stealing";

/// Works until `stop`; says by `started` where it listens.
///
/// # Errors
/// When it cannot listen, must not, or a root is not there.
pub async fn serve(
    options: &WorkerOptions,
    started: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let trust = Arc::new(Trust::read(&options.trust)?);
    let address = address(&options.listen, &trust)?;
    let roots = roots(&options.roots)?;
    let network = Arc::new(Network::new()?);
    let compute = Compute::new(options.threads)?;
    let runtime = runtime_builder(options.memory_limit, options.process, &options.spill)
        .with_object_store_registry(Arc::new(roots))
        .build_arc()
        .map_err(|error| Error::internal(error.to_string()))?;
    let sessions = Sessions { links: Links::new(Arc::clone(&network), Arc::clone(&trust)) };
    let worker = Worker::from_session_builder(sessions)
        .with_runtime_env(runtime)
        .with_version(BUILD)
        .into_worker_server()
        .max_decoding_message_size(LONGEST_PLAN + ENVELOPE);
    let gate = Gate::new(worker, Arc::clone(&trust), compute.handle());
    let listener = listen(address)?;
    let server = server(&trust)?;
    count_faults();
    started(listener.local_addr().unwrap_or(address));
    let serving = network.handle().spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let mut server = server;
        let served = server.add_service(gate).serve_with_incoming(incoming).await;
        served.map_err(std::io::Error::other)
    });
    tokio::select! {
        () = stop => Ok(()),
        served = serving => match served {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::internal(error.to_string())),
            Err(error) => Err(Error::internal(error.to_string())),
        },
    }
}

/// Where to listen; nobody else can reach it, or `trust` keeps them out.
fn address(listen: &str, trust: &Trust) -> Result<SocketAddr> {
    let found = listen.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    let address = found.ok_or_else(|| {
        Error::usage(format!("`{listen}` is no address to listen on"))
            .hint("write it as HOST:PORT, as in 127.0.0.1:9101")
    })?;
    if !address.ip().is_loopback() && !trust.keeps_out() {
        return Err(Error::usage(format!(
            "{address} can be reached from other machines, and nothing keeps strangers out"
        ))
        .hint(
            "give a token with --token-file or WEIKU_TOKEN, or --tls-cert, --tls-key and --tls-ca",
        ));
    }
    Ok(address)
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|error| Error::usage(format!("cannot listen on {address}: {}", error.kind())))
}

/// A server that notices when the one who waits for rows is gone.
fn server(trust: &Trust) -> Result<Server> {
    let server = Server::builder()
        .http2_keepalive_interval(Some(PULSE))
        .http2_keepalive_timeout(Some(PULSE_ANSWER));
    match trust.server_tls() {
        Some(tls) => server
            .tls_config(tls)
            .map_err(|error| Error::usage(format!("the certificate cannot be used: {error}"))),
        None => Ok(server),
    }
}

/// Threads that run plans.
struct Compute(Option<Runtime>);

impl Compute {
    fn new(threads: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("weiku-compute")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build();
        Ok(Self(Some(runtime.map_err(|error| Error::internal(error.to_string()))?)))
    }

    fn handle(&self) -> tokio::runtime::Handle {
        self.0.as_ref().expect("taken only when it is dropped").handle().clone()
    }
}

impl Drop for Compute {
    /// Without waiting for what it computes.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Makes the session of a part of a plan as the one that planned it.
struct Sessions {
    links: Links,
}

#[async_trait]
impl WorkerSessionBuilder for Sessions {
    async fn build_session_state(
        &self,
        context: WorkerQueryContext,
    ) -> std::result::Result<SessionState, DataFusionError> {
        let silent =
            || DataFusionError::Execution("a plan came without its session's options".to_owned());
        let header = context.headers.get(OPTIONS).ok_or_else(silent)?;
        let mut options: BTreeMap<String, String> =
            serde_json::from_slice(header.as_bytes()).map_err(|_| silent())?;
        options.insert(WORK_STEALING.to_owned(), false.to_string());
        let passed_on = HeaderMap::from_iter([(HeaderName::from_static(OPTIONS), header.clone())]);
        let builder = context
            .builder
            .with_distributed_passthrough_headers(passed_on)?
            .with_distributed_channel_resolver(self.links.clone());
        running_state(builder, &options)
    }
}
