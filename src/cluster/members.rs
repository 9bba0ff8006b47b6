//! The workers of a session: who is there, and what to do when one is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;
use datafusion_distributed::{
    ChannelResolver, DistributedExt, GetWorkerInfoRequest, WorkerResolver,
};
use futures::future::join_all;
use parking_lot::RwLock;
use tonic::codegen::http::{HeaderMap, HeaderValue};
use tonic::{Code, Status};
use url::Url;

use super::links::{self, Links, Network, UNREACHABLE, Unreachable};
use super::options::{Notice, Options};
use super::trust::Trust;
use super::{planner, roots};
use crate::BUILD;
use crate::engine::{Cluster, Run, Verdict, running_options};
use crate::error::{Error, Kind, Result};

/// The header in which workers are told the options of a session.
pub(super) const OPTIONS: &str = "x-weiku-options";

/// How long a worker may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long an absent worker is left alone.
const REST: Duration = Duration::from_secs(10);

/// How often a statement is started, the first time included.
const STARTS: usize = 3;

/// The workers of a session.
pub(super) struct Workers {
    members: Arc<Members>,
    links: Links,
    has_token: bool,
    bytes_per_worker: usize,
    notice: Notice,
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").field("members", &self.members).finish_non_exhaustive()
    }
}

/// Those who may take part.
#[derive(Debug)]
pub(super) struct Members(RwLock<Vec<Member>>);

#[derive(Debug, Clone)]
struct Member {
    url: Url,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// Not asked yet.
    Unknown,
    /// There, and of our version.
    Present,
    /// Did not answer, for this reason.
    Absent(String, Instant),
}

/// Why a worker cannot be used.
#[derive(Debug)]
enum Fault {
    /// It does not answer; others may.
    Gone(String),
    /// It must not be used, and a person has to mend that.
    Wrong(Error),
}

impl Workers {
    pub(super) fn new(options: &Options, notice: Notice) -> Result<Self> {
        let trust = Arc::new(Trust::read(&options.trust)?);
        let url = |worker: &String| Ok(Member { url: url(worker, &trust)?, state: State::Unknown });
        let members = options.workers.iter().map(url).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            members: Arc::new(Members(RwLock::new(members))),
            has_token: trust.has_token(),
            links: Links::new(Arc::new(Network::new()?), trust),
            bytes_per_worker: options.bytes_per_worker,
            notice,
        })
    }

    /// Asks those whom `which` chooses who they are, all at once, and gives those
    /// who were thought to be there and are not.
    async fn ask(&self, which: impl Fn(&State) -> bool) -> Result<Vec<String>> {
        let chosen: Vec<Member> =
            self.members.0.read().iter().filter(|member| which(&member.state)).cloned().collect();
        let answers = join_all(chosen.iter().map(|member| self.ask_one(&member.url))).await;
        let mut lost = Vec::new();
        for (member, answer) in chosen.into_iter().zip(answers) {
            let state = match answer {
                Ok(()) => State::Present,
                Err(Fault::Wrong(error)) => return Err(error),
                Err(Fault::Gone(reason)) => {
                    self.links.forget(&member.url);
                    if !matches!(member.state, State::Absent(..)) {
                        lost.push(format!("{} ({reason})", links::name(&member.url)));
                    }
                    State::Absent(reason, Instant::now())
                }
            };
            self.members.set(&member.url, &state);
        }
        Ok(lost)
    }

    async fn ask_one(&self, url: &Url) -> Result<(), Fault> {
        let asking = async {
            let mut worker = self.links.get_worker_client_for_url(url).await?;
            worker.get_worker_info(GetWorkerInfoRequest {}).await
        };
        match tokio::time::timeout(PATIENCE, asking).await {
            Err(_) => Err(Fault::Gone(format!("no answer for {} s", PATIENCE.as_secs()))),
            Ok(Err(error)) => Err(self.fault(url, &error)),
            Ok(Ok(who)) if who.version == BUILD => Ok(()),
            Ok(Ok(who)) => {
                let message = format!(
                    "worker {} is weiku {}, and this is weiku {BUILD}",
                    links::name(url),
                    who.version
                );
                Err(Fault::Wrong(Error::usage(message).hint("use one build everywhere")))
            }
        }
    }

    fn fault(&self, url: &Url, error: &DataFusionError) -> Fault {
        let worker = links::name(url);
        match status(error).map(Status::code) {
            Some(Code::Unauthenticated) if self.has_token => Fault::Wrong(
                Error::usage(format!("worker {worker} refuses the token"))
                    .hint("--token-file or WEIKU_TOKEN must hold the token of the worker"),
            ),
            Some(Code::Unauthenticated) => Fault::Wrong(
                Error::usage(format!("worker {worker} wants a token"))
                    .hint("name its file with --token-file, or set WEIKU_TOKEN"),
            ),
            _ => Fault::Gone(reason(error)),
        }
    }

    fn nobody(&self) -> Error {
        let reasons = self.members.absent().join(", ");
        Error::new(Kind::Busy, format!("no worker answers: {reasons}"))
            .hint("start one with `weiku worker --listen HOST:PORT`, or leave --workers away")
    }
}

#[async_trait]
impl Cluster for Workers {
    fn equip(&self, session: SessionStateBuilder) -> Result<SessionStateBuilder> {
        let present = Present(Arc::clone(&self.members));
        let session = session
            .with_distributed_worker_resolver(present)
            .with_distributed_channel_resolver(self.links.clone());
        planner::equip(session, &self.members, self.bytes_per_worker)
            .map_err(|error| Error::internal(error.to_string()))
    }

    async fn muster(&self) -> Result<()> {
        let due = |state: &State| match state {
            State::Unknown => true,
            State::Present => false,
            State::Absent(_, since) => since.elapsed() > REST,
        };
        let lost = self.ask(due).await?;
        if self.members.present().is_empty() {
            // Whoever was left alone may be there by now.
            self.ask(|_| true).await?;
        }
        match self.members.present().len() {
            0 => Err(self.nobody()),
            _ if lost.is_empty() => Ok(()),
            left => {
                let (all, lost) = (self.members.0.read().len(), lost.join(", "));
                (self.notice)(&format!("no answer from worker {lost}: using {left} of {all}"));
                Ok(())
            }
        }
    }

    fn brief(&self, config: &mut SessionConfig) -> Result<()> {
        let unheard = |error: String| Error::internal(format!("options for workers: {error}"));
        let options = serde_json::to_vec(&running_options(config))
            .map_err(|error| unheard(error.to_string()))?;
        let value =
            HeaderValue::from_bytes(&options).map_err(|error| unheard(error.to_string()))?;
        let headers =
            HeaderMap::from_iter([(tonic::codegen::http::HeaderName::from_static(OPTIONS), value)]);
        config
            .set_distributed_passthrough_headers(headers)
            .map_err(|error| unheard(error.to_string()))
    }

    async fn judge(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        failure: &DataFusionError,
        run: Run,
    ) -> Verdict {
        if !planner::is_spread(plan) {
            return Verdict::Failed;
        }
        let lost = match self.ask(|_| true).await {
            Ok(lost) => lost.join(", "),
            Err(error) => return Verdict::Lost(error),
        };
        if lost.is_empty() && !is_of_the_network(failure) {
            return roots::refusal(&failure.to_string()).map_or(Verdict::Failed, Verdict::Lost);
        }
        let lost = if lost.is_empty() { reason(failure) } else { lost };
        let left = self.members.present().len();
        if left == 0 {
            return Verdict::Lost(self.nobody());
        }
        if run.gave_rows || run.starts >= STARTS {
            let when = if run.gave_rows { "after it gave rows" } else { "again and again" };
            let error = Error::new(Kind::Busy, format!("lost worker {lost} {when}"));
            return Verdict::Lost(error.hint("run the statement again"));
        }
        let all = self.members.0.read().len();
        (self.notice)(&format!("lost worker {lost}: running again on {left} of {all}"));
        Verdict::Again
    }
}

impl Members {
    /// Those who are there.
    pub(super) fn present(&self) -> Vec<Url> {
        let members = self.0.read();
        let present = members.iter().filter(|member| matches!(member.state, State::Present));
        present.map(|member| member.url.clone()).collect()
    }

    /// Those who are not, and why.
    fn absent(&self) -> Vec<String> {
        let members = self.0.read();
        let reason = |member: &Member| match &member.state {
            State::Absent(reason, _) => Some(format!("{} ({reason})", links::name(&member.url))),
            _ => None,
        };
        members.iter().filter_map(reason).collect()
    }

    fn set(&self, url: &Url, state: &State) {
        let mut members = self.0.write();
        for member in members.iter_mut().filter(|member| member.url == *url) {
            member.state = state.clone();
        }
    }
}

/// Those whom the planner counts.
struct Present(Arc<Members>);

impl WorkerResolver for Present {
    /// One that is alone is counted twice: the planner hands out no plan that
    /// has a single part.
    fn get_urls(&self) -> std::result::Result<Vec<Url>, DataFusionError> {
        let mut urls = self.0.present();
        if let [only] = urls.as_slice() {
            urls.push(only.clone());
        }
        Ok(urls)
    }
}

/// The address of a worker that was given as `host:port`.
fn url(worker: &str, trust: &Trust) -> Result<Url> {
    let wrong = || {
        Error::usage(format!("`{worker}` is no address of a worker"))
            .hint("write it as HOST:PORT, several with commas between them")
    };
    let (host, port) = worker.trim().rsplit_once(':').ok_or_else(wrong)?;
    if host.is_empty() || host.contains('/') || port.parse::<u16>().is_err() {
        return Err(wrong());
    }
    Url::parse(&format!("{}://{host}:{port}", trust.scheme())).map_err(|_| wrong())
}

/// The first link of `error` and what caused it that is a `T`.
fn find<T: std::error::Error + 'static>(error: &DataFusionError) -> Option<&T> {
    let mut error: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(link) = error {
        if let Some(found) = link.downcast_ref::<T>() {
            return Some(found);
        }
        error = link.source();
    }
    None
}

/// What the network said, if it said anything.
fn status(error: &DataFusionError) -> Option<&Status> {
    find(error)
}

/// Why a worker does not answer.
fn reason(error: &DataFusionError) -> String {
    find(error).map_or_else(|| links::root(error), |gone: &Unreachable| gone.reason.clone())
}

/// Whether a plan failed because of the way and not because of the plan. What
/// one worker says of another arrives as text.
fn is_of_the_network(failure: &DataFusionError) -> bool {
    const SIGNS: [&str; 7] = [
        UNREACHABLE,
        "transport error",
        "h2 protocol error",
        "error reading a body from connection",
        "connection reset",
        "broken pipe",
        "timed-out while waiting for the plan",
    ];
    use Code::{Cancelled, DeadlineExceeded, Internal, Unavailable, Unknown};
    let told = status(failure).map(Status::code);
    if matches!(told, Some(Cancelled | DeadlineExceeded | Internal | Unavailable | Unknown)) {
        return true;
    }
    let text = failure.to_string();
    SIGNS.iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_is_refused_with_what_to_write() {
        let trust = Trust::default();
        assert_eq!(url("a.example:91", &trust).unwrap().as_str(), "http://a.example:91/");
        assert_eq!(url(" [::1]:91", &trust).unwrap().port(), Some(91));
        for wrong in ["", "a", ":91", "a:b", "a:99999", "http://a:91"] {
            assert!(url(wrong, &trust).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_worker_says_of_a_lost_one_is_told_from_a_fault_of_the_plan() {
        let told = |text: &str| is_of_the_network(&DataFusionError::External(text.into()));
        assert!(told("no connection to worker a:1: connection refused"));
        assert!(!told("the sum 9223372036854775808 does not fit into Int64"));
        let status = |code| DataFusionError::External(Box::new(Status::new(code, "")));
        assert!(is_of_the_network(&status(Code::Unavailable)));
        assert!(!is_of_the_network(&status(Code::Aborted)));
    }
}
