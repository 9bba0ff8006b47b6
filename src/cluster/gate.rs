//! What stands before a worker's service: strangers are turned away, plans run
//! on threads of their own, and no fault passes for an end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;

use super::trust::Trust;

/// How often a thread of this process has panicked.
static FAULTS: AtomicU64 = AtomicU64::new(0);

/// Counts panics from now on, beside what is done about them already.
pub(super) fn count_faults() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        FAULTS.fetch_add(1, Ordering::SeqCst);
        before(panic);
    }));
}

fn faults() -> u64 {
    FAULTS.load(Ordering::SeqCst)
}

/// The question who we are, which is answered even while every thread computes.
const WHO: &str = "/GetWorkerInfo";

/// A service behind the gate.
#[derive(Debug, Clone)]
pub(super) struct Gate<S> {
    inner: S,
    trust: Arc<Trust>,
    compute: Handle,
}

impl<S> Gate<S> {
    /// `inner` for those whom `trust` admits, run by `compute`.
    pub(super) fn new(inner: S, trust: Arc<Trust>, compute: Handle) -> Self {
        Self { inner, trust, compute }
    }
}

impl<S: NamedService> NamedService for Gate<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Gate<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if !self.trust.admits(request.headers()) {
            let refusal = Status::unauthenticated("the token is missing or wrong");
            return Box::pin(std::future::ready(Ok(refusal.into_http())));
        }
        let is_who = request.uri().path().ends_with(WHO);
        let before = faults();
        let answer = self.inner.call(request);
        if is_who {
            return Box::pin(answer);
        }
        let task = Task(self.compute.spawn(answer));
        Box::pin(async move {
            Ok(match task.await {
                Ok(Ok(response)) => response.map(|body| Body::new(Watched { inner: body, before })),
                Err(_) => fault().into_http(),
            })
        })
    }
}

/// A task that ends when nobody waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A stream of rows that ends in an error if anything panicked meanwhile: where
/// rows are sent, a thread that is gone looks like one that is done.
struct Watched {
    inner: Body,
    before: u64,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        let ends = match &frame {
            None => true,
            Some(Ok(frame)) => frame.is_trailers(),
            Some(Err(_)) => false,
        };
        if ends && faults() != self.before {
            self.before = faults();
            let headers = fault().into_http::<()>().into_parts().0.headers;
            return Poll::Ready(Some(Ok(Frame::trailers(headers))));
        }
        Poll::Ready(frame)
    }
}

fn fault() -> Status {
    Status::aborted("a worker stopped on a fault inside the engine; its own output says which")
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    async fn next(stream: &mut Watched) -> Option<Result<Frame<Bytes>, Status>> {
        std::future::poll_fn(|context| Pin::new(&mut *stream).poll_frame(context)).await
    }

    #[tokio::test]
    async fn the_end_of_a_stream_is_an_error_when_a_thread_panicked_before_it() {
        let mut stream = Watched { inner: Body::empty(), before: faults() };
        assert!(next(&mut stream).await.is_none());

        let mut stream = Watched { inner: Body::empty(), before: faults() };
        FAULTS.fetch_add(1, Ordering::SeqCst);
        let end = next(&mut stream).await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(end["grpc-status"], "10");
        assert!(next(&mut stream).await.is_none());
    }
}
