//! Connections from a session to workers, and from worker to worker.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use datafusion::error::DataFusionError;
use datafusion_distributed::{ChannelResolver, WorkerChannel, grpc};
use parking_lot::Mutex;
use tokio::runtime::{Handle, Runtime};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::transport::{Channel, Endpoint};
use url::Url;

use super::trust::Trust;
use crate::error::{Error, Result};

/// How long to wait for a connection.
pub(super) const CONNECT: Duration = Duration::from_secs(3);

/// How often a silent connection is asked whether it is there.
pub(super) const PULSE: Duration = Duration::from_secs(4);

/// How long the answer to that may take.
pub(super) const PULSE_ANSWER: Duration = Duration::from_secs(6);

/// Bytes that may be on the way in one stream, and in one connection.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 32 << 20;

/// How the error of a connection begins, also after it came by way of a worker.
pub(super) const UNREACHABLE: &str = "no connection to worker";

/// Threads for the network only, so that a machine that computes with all it
/// has is not taken for one that is gone.
pub(super) struct Network(Option<Runtime>);

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

impl Network {
    pub(super) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("weiku-network")
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self(Some(runtime)))
    }

    pub(super) fn handle(&self) -> &Handle {
        self.0.as_ref().expect("taken only when it is dropped").handle()
    }
}

impl Drop for Network {
    /// In the background, since a runtime must not wait within another.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The open connections of this process.
#[derive(Debug, Clone)]
pub(super) struct Links {
    network: Arc<Network>,
    trust: Arc<Trust>,
    channels: Arc<Mutex<HashMap<Url, Channel>>>,
}

impl Links {
    pub(super) fn new(network: Arc<Network>, trust: Arc<Trust>) -> Self {
        Self { network, trust, channels: Arc::default() }
    }

    /// The connection to `url`, made if there is none.
    async fn channel(&self, url: &Url) -> std::result::Result<Channel, Unreachable> {
        if let Some(channel) = self.channels.lock().get(url) {
            return Ok(channel.clone());
        }
        let unreachable = |reason: String| Unreachable { worker: name(url), reason };
        let endpoint = self.endpoint(url).map_err(|error| unreachable(root(&error)))?;
        let connecting = self.network.handle().spawn(async move { endpoint.connect().await });
        let channel = match connecting.await {
            Ok(connected) => connected.map_err(|error| unreachable(root(&error)))?,
            Err(error) => return Err(unreachable(error.to_string())),
        };
        self.channels.lock().insert(url.clone(), channel.clone());
        Ok(channel)
    }

    /// Makes a new connection to `url` the next time one is needed.
    pub(super) fn forget(&self, url: &Url) {
        self.channels.lock().remove(url);
    }

    fn endpoint(&self, url: &Url) -> std::result::Result<Endpoint, tonic::transport::Error> {
        let endpoint = Channel::from_shared(url.to_string())
            .unwrap_or_else(|_| Endpoint::from_static("http://invalid.invalid"))
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PULSE)
            .keep_alive_timeout(PULSE_ANSWER)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        match self.trust.client_tls() {
            Some(tls) => endpoint.tls_config(tls),
            None => Ok(endpoint),
        }
    }
}

#[async_trait]
impl ChannelResolver for Links {
    async fn get_worker_client_for_url(
        &self,
        url: &Url,
    ) -> std::result::Result<Box<dyn WorkerChannel>, DataFusionError> {
        let channel = self.channel(url).await;
        let channel = channel.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let signed = Signed { channel, trust: Arc::clone(&self.trust) };
        Ok(grpc::create_worker_client(grpc::BoxCloneSyncChannel::new(signed)))
    }
}

/// A connection that shows the token with each request.
#[derive(Clone)]
struct Signed {
    channel: Channel,
    trust: Arc<Trust>,
}

impl Service<http::Request<Body>> for Signed {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = <Channel as Service<http::Request<Body>>>::Future;

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<std::result::Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        self.trust.sign(request.headers_mut());
        self.channel.call(request)
    }
}

/// A worker to which there is no connection.
#[derive(Debug, Clone)]
pub(super) struct Unreachable {
    worker: String,
    pub(super) reason: String,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{UNREACHABLE} {}: {}", self.worker, self.reason)
    }
}

impl std::error::Error for Unreachable {}

/// The worker at `url` as a person would call it.
pub(super) fn name(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0))
}

/// The innermost reason of `error`, which says most.
pub(super) fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}
