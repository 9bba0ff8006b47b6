//! A session: the tables, functions and settings that statements share.

mod context;
mod reading;
mod runtime;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Instant;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use tokio::sync::watch;

use self::context::context;
pub use self::context::running_state;
use self::runtime::{runtime, safe_folders};
use super::answer::{Answer, Query, Started, Stop};
use super::attach;
use super::computed_limits;
use super::copy_to;
use super::describe;
use super::diagnose::Translator;
use super::forms;
use super::gauge::Gauge;
use super::guard;
use super::memory::Memory;
use super::own_tables;
use super::parameters::{self, Parameters};
use super::prepared::Prepared;
use super::result_cache::{Kept, Key, Question, Recorder, ResultCache, explained};
use super::script::{self, Statement};
use super::settings::Settings;
use super::wording::written_by_import;
use crate::catalog::{AdHocFiles, Notices, Pinned};
use crate::error::{Error, Kind, Result};
use crate::functions::Dictionaries;
use crate::store::Store;

/// Values for the placeholders of a statement, by name without the `$`.
///
/// A text view, as [`as_typed`](super::as_typed) makes it, is a text of which nobody said
/// what it is: beside a text it is as it was typed, beside a number the number, and where
/// nothing tells a number only if its text is the number's own spelling (not `007`, `+86`,
/// `1e5` or more than 18 digits), else the text.
pub type Params = BTreeMap<String, ScalarValue>;

/// Plans and runs statements. Cloning it is cheap and shares everything.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    context: SessionContext,
    settings: Settings,
    /// The only folders whose files may be read, when the session is safe.
    roots: Option<Arc<[PathBuf]>>,
    store: Option<Arc<Store>>,
    pinned: Arc<RwLock<Pinned>>,
    prepared: Prepared,
    /// The versions that every statement reads; without them each reads the
    /// newest.
    fixed: Option<BTreeMap<String, i64>>,
    memory: Memory,
    dictionaries: Arc<Dictionaries>,
    answers: Option<Arc<ResultCache>>,
    notices: Arc<Notices>,
    cancelled: watch::Sender<u64>,
}

/// What a session may have in common with others.
struct Shared {
    fixed: Option<BTreeMap<String, i64>>,
    roots: Option<Arc<[PathBuf]>>,
    memory: Memory,
    dictionaries: Arc<Dictionaries>,
    answers: Option<Arc<ResultCache>>,
    notices: Arc<Notices>,
}

/// Whether an answer that is kept will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Answer,
    Computation,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl Session {
    /// A session over `store`, or over ad hoc files only.
    ///
    /// # Errors
    /// When a setting is unusable: an unknown time zone, no memory at all.
    pub fn new(store: Option<Arc<Store>>, settings: Settings) -> Result<Self> {
        let memory = Memory::limited_to(settings.memory_limit, settings.process);
        let roots: Option<Arc<[PathBuf]>> =
            settings.safe.then(|| safe_folders(store.as_deref(), &settings).into());
        let runtime = runtime(&memory, store.as_deref(), &settings, roots.as_deref())?;
        let dictionaries = Dictionaries::of_database(store.as_deref().map(Store::root))?;
        let answers = settings.keep_answers.as_ref().map(|keep| Arc::new(ResultCache::new(keep)));
        let notices = Arc::default();
        let shared = Shared { fixed: None, roots, memory, dictionaries, answers, notices };
        Self::with_runtime(store, settings, runtime, shared)
    }

    /// A session with the same settings and nothing made in it yet, which shares
    /// this one's memory limit, caches and notices; it is cancelled on its own.
    ///
    /// # Errors
    /// As for [`Session::new`].
    pub fn sibling(&self) -> Result<Self> {
        let runtime = self.inner.context.runtime_env();
        let shared = self.shared(self.inner.fixed.clone());
        Self::with_runtime(self.inner.store.clone(), self.settings(), runtime, shared)
    }

    /// As [`Session::sibling`], for a session that reads the tables at these
    /// versions whatever is committed meanwhile, has notices of its own, and whose
    /// memory, with that of its siblings, is measured: see [`Session::peak_memory`].
    ///
    /// # Errors
    /// As for [`Session::new`].
    pub fn sibling_at(&self, versions: BTreeMap<String, i64>) -> Result<Self> {
        let shared = self.inner.context.runtime_env();
        let gauge = Gauge::new(Arc::clone(&shared.memory_pool));
        let runtime = RuntimeEnvBuilder::from_runtime_env(&shared)
            .with_memory_pool(Arc::new(gauge))
            .build_arc()
            .map_err(|error| Error::internal(error.to_string()))?;
        let shared = Shared { notices: Arc::default(), ..self.shared(Some(versions)) };
        Self::with_runtime(self.inner.store.clone(), self.settings(), runtime, shared)
    }

    /// The most bytes that the operators of this session's statements held at
    /// one time, if it is measured.
    #[must_use]
    pub fn peak_memory(&self) -> Option<usize> {
        let runtime = self.inner.context.runtime_env();
        runtime.memory_pool.downcast_ref::<Gauge>().map(Gauge::peak)
    }

    /// What a session has in common with this one that reads the tables at
    /// versions `fixed`.
    fn shared(&self, fixed: Option<BTreeMap<String, i64>>) -> Shared {
        Shared {
            fixed,
            roots: self.inner.roots.clone(),
            memory: self.inner.memory.clone(),
            dictionaries: Arc::clone(&self.inner.dictionaries),
            answers: self.inner.answers.clone(),
            notices: Arc::clone(&self.inner.notices),
        }
    }

    fn with_runtime(
        store: Option<Arc<Store>>,
        settings: Settings,
        runtime: Arc<RuntimeEnv>,
        Shared { fixed, roots, memory, dictionaries, answers, notices }: Shared,
    ) -> Result<Self> {
        check_zone(&settings.timezone, Kind::Usage)?;
        if settings.cluster.is_some() && dictionaries.fingerprint().is_some() {
            let error = Error::usage("other machines do not know the dictionaries of the database");
            return Err(error.hint("run without --workers"));
        }
        let pinned = Arc::new(RwLock::new(Pinned {
            versions: BTreeMap::new(),
            timezone: settings.timezone.clone(),
        }));
        let held = Arc::clone(&memory.held);
        let shared = (Arc::clone(&pinned), held, Arc::clone(&dictionaries));
        let files = AdHocFiles {
            roots: roots.clone(),
            notices: Arc::clone(&notices),
            ..Default::default()
        };
        let context = context(store.clone(), &settings, files, shared, runtime)?;
        let (cancelled, _) = watch::channel(0);
        let inner = Inner {
            context,
            settings,
            roots,
            store,
            pinned,
            prepared: Prepared::default(),
            fixed,
            memory,
            dictionaries,
            answers,
            notices,
            cancelled,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The DataFusion context, with the catalog, functions and
    /// `information_schema`.
    #[must_use]
    pub fn context(&self) -> &SessionContext {
        &self.inner.context
    }

    /// The settings the session was made with.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.inner.settings.clone()
    }

    /// What tells the session's lists of words from those that come with weiku,
    /// if the database has its own.
    #[must_use]
    pub fn dictionaries(&self) -> Option<&str> {
        self.inner.dictionaries.fingerprint()
    }

    /// The store that the session reads, if it has a database.
    #[must_use]
    pub fn store(&self) -> Option<&Arc<Store>> {
        self.inner.store.as_ref()
    }

    /// The names of the databases that were attached to this session, each a schema.
    #[must_use]
    pub fn attached(&self) -> Vec<String> {
        attach::names(&self.inner.context)
    }

    /// What there is to say of files that statements named since this was asked last:
    /// sentences for a person, each once in a session.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.inner.notices.take()
    }

    /// Stops every query of the session that runs now.
    pub fn cancel(&self) {
        self.inner.cancelled.send_modify(|count| *count += 1);
    }

    /// Plans `statement` with `params` bound to its placeholders and starts it.
    ///
    /// All its tables are read as of one commit.
    ///
    /// # Errors
    /// When it cannot be planned or is not allowed, with the place in its text.
    /// Errors of running come from the answer.
    pub async fn run(&self, statement: &Statement, params: &Params) -> Result<Answer> {
        self.run_for(Wanted::Answer, statement, params).await
    }

    /// As [`Session::run`], computed now even if the answer is kept.
    ///
    /// # Errors
    /// As for [`Session::run`].
    pub async fn run_anew(&self, statement: &Statement, params: &Params) -> Result<Answer> {
        self.run_for(Wanted::Computation, statement, params).await
    }

    async fn run_for(
        &self,
        wanted: Wanted,
        statement: &Statement,
        params: &Params,
    ) -> Result<Answer> {
        guard::check_size(statement)?;
        let mut stop = self.stop();
        let translator = self.translator(statement);
        // Planning is recursive and may be long: on a task of its own it can be
        // stopped, and a fault in it does not take the session along.
        let planning = tokio::spawn({
            let (session, statement) = (self.clone(), statement.clone());
            let params = params.clone();
            async move { session.start(wanted, &statement, &params).await }
        });
        let abort = planning.abort_handle();
        let planned = tokio::select! {
            biased;
            error = stop.wait() => {
                abort.abort();
                return Err(error);
            }
            planned = planning => planned,
        };
        match planned {
            Ok(Ok(started)) => Ok(Answer::start(started, stop, translator)),
            Ok(Err(error)) => Err(translator.translate(&error)),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => Err(Error::internal(super::answer::panic_message(panic.as_ref()))),
                Err(_) => Err(Error::new(Kind::Cancelled, "cancelled")),
            },
        }
    }

    /// Runs one statement of ours and gives all of its answer, for questions
    /// that are known to have small ones.
    ///
    /// # Errors
    /// As for [`Session::run`], and those of running it.
    pub async fn collect(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let statements = script::parse(sql, None)?;
        let [statement] = statements.as_slice() else {
            return Err(Error::internal(format!("not one statement: {sql}")));
        };
        self.run(statement, &Params::new()).await?.collect().await
    }

    /// The plan of `statement`, with `params` bound, without running it.
    ///
    /// # Errors
    /// As for [`Session::run`].
    pub async fn plan(&self, statement: &Statement, params: &Params) -> Result<LogicalPlan> {
        guard::check_size(statement)?;
        let translator = self.translator(statement);
        let plan = async { self.logical(self.parse(statement).await?.0, params).await };
        plan.await.map_err(|error| translator.translate(&error))
    }

    /// What puts the errors of `statement` into plain words.
    fn translator(&self, statement: &Statement) -> Translator {
        Translator::new(&self.inner.context, statement, self.inner.roots.clone())
    }

    /// The placeholders of `statement`, each with its type as far as that is known.
    ///
    /// # Errors
    /// As for [`Session::run`].
    pub async fn parameters(&self, statement: &Statement) -> Result<Parameters> {
        guard::check_size(statement)?;
        let plan = async { self.unbound(self.parse(statement).await?.0).await };
        let found = plan.await.and_then(|plan| parameters::of(&plan));
        found.map_err(|error| self.translator(statement).translate(&error))
    }

    async fn logical(
        &self,
        parsed: Parsed,
        params: &Params,
    ) -> Result<LogicalPlan, DataFusionError> {
        let parsed = forms::given_values::write(parsed, params);
        let plan = forms::twins::tell_apart(self.unbound(parsed).await?)?;
        if !guard::has_placeholders(&plan) {
            return Ok(plan);
        }
        parameters::bind(plan, params)
    }

    /// The plan of a statement that is allowed, with its placeholders.
    async fn unbound(&self, mut parsed: Parsed) -> Result<LogicalPlan, DataFusionError> {
        // Before the planner counts values, as if others could be written.
        if guard::changed(&parsed).is_some_and(|name| self.is_stored(&name)) {
            return Err(foreign(written_by_import()));
        }
        if attach::apply(&parsed, &self.inner.context, &self.inner.settings)
            .await
            .map_err(foreign)?
        {
            return LogicalPlanBuilder::empty(false).build();
        }
        let view = forms::common_tables::mark(&mut parsed);
        let change = own_tables::taken(&mut parsed, &self.inner.context)?;
        let (prepared, parsed) = parameters::without_guesses(parsed);
        let planned = self.inner.context.state().statement_to_plan(parsed).await;
        let mut plan = own_tables::checked(match change {
            Some(change) => change.applied(planned.map_err(own_tables::plain)?)?,
            None => planned?,
        })?;
        if let Some(name) = prepared {
            plan = parameters::prepare(name, plan);
        }
        let plan = forms::finish(forms::common_tables::said(plan, view))?;
        guard::check_effect(&plan, &self.inner.settings).map_err(foreign)?;
        if let Some(name) = guard::dropped(&plan)
            && self.inner.store.is_some()
            && crate::catalog::is_built_in(name)
        {
            let message = format!("`{name}` belongs to the database and cannot be dropped");
            return Err(foreign(Error::query(message)));
        }
        if let Some(zone) = guard::new_timezone(&plan) {
            check_zone(zone, Kind::Query).map_err(foreign)?;
        }
        describe::in_plain_types(plan)
    }

    /// Whether a statement means a table or view of a database by `name`.
    fn is_stored(&self, name: &str) -> bool {
        match name.split_once('.') {
            Some((database, name)) => {
                let is_attached = self.attached().iter().any(|known| known == database);
                is_attached && crate::catalog::is_built_in(name)
            }
            None => self.inner.store.is_some() && crate::catalog::is_built_in(name),
        }
    }

    async fn start(
        &self,
        wanted: Wanted,
        statement: &Statement,
        params: &Params,
    ) -> Result<Started, DataFusionError> {
        let (parsed, writer) = self.parse(statement).await?;
        self.call_cluster().await.map_err(foreign)?;
        let question = match (wanted, &self.inner.answers) {
            (Wanted::Answer, Some(_)) => {
                Question::of(&parsed, &self.inner.context.state_ref().read())?
            }
            _ => None,
        };
        let written = forms::given_values::prepared(&parsed);
        let plan = self.logical(parsed, params).await?;
        let plan = self.executed(plan).await?;
        let explains = explained(&plan).is_some();
        let key = question.and_then(|question| self.key(&question, params, &plan));
        let kept = self.kept(key).await;
        // Boxed, since few statements have such a plan, and all make room for it.
        let plan = Box::pin(computed_limits::computed(plan, &self.inner.context)).await?;
        let (plan, staged) = copy_to::stage(plan, writer.as_ref())?;
        let plan = Box::pin(own_tables::made(plan, &self.inner.context)).await?;
        let change = Prepared::change(&plan, written)?;
        let frame = self.inner.context.execute_logical_plan(plan).await?;
        if let Some(change) = change {
            self.inner.prepared.note(change);
        }
        let (state, plan) = frame.into_parts();
        // EXECUTE has become what was prepared.
        guard::check_effect(&plan, &self.inner.settings).map_err(foreign)?;
        // Before the rows are read that others may change.
        let _claim = own_tables::claim(&plan, &self.inner.context).await?;
        let cluster = self.inner.settings.cluster.clone();
        let notices = Arc::clone(&self.inner.notices);
        let query = Query { state, plan, staged, cluster, notices, _claim };
        let (running, recorder) = match kept {
            Some(kept) if explains => (query.start().await?.with_note(&kept)?, None),
            Some(kept) => (query.give(kept)?, None),
            None => (query.start().await?, self.recorder(key.filter(|_| !explains))),
        };
        Ok(Started { query, running, recorder })
    }

    /// `plan`, or if it executes a statement that is planned for the values at hand, that of
    /// the statement.
    async fn executed(&self, plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
        self.inner.prepared.check(&plan).map_err(foreign)?;
        match self.inner.prepared.written(&plan)? {
            Some((parsed, values)) => Box::pin(self.logical(parsed, &values)).await,
            None => Ok(plan),
        }
    }

    /// What the answer to `question`, planned as `plan`, is kept under.
    fn key(&self, question: &Question, params: &Params, plan: &LogicalPlan) -> Option<Key> {
        let program = self.inner.answers.as_ref()?.program();
        let state = self.inner.context.state_ref();
        question.key(program, params, plan, &state.read(), self.dictionaries())
    }

    async fn kept(&self, key: Option<Key>) -> Option<Kept> {
        self.inner.answers.as_ref()?.get(key?).await
    }

    fn recorder(&self, key: Option<Key>) -> Option<Recorder> {
        Some(Recorder::new(Arc::clone(self.inner.answers.as_ref()?), key?))
    }

    /// Makes sure that the machines of the cluster are there, and that they will
    /// know the options of the session as they are now.
    async fn call_cluster(&self) -> Result<()> {
        let Some(cluster) = &self.inner.settings.cluster else { return Ok(()) };
        cluster.muster().await?;
        let state = self.inner.context.state_ref();
        cluster.brief(state.write().config_mut())
    }

    /// Makes the next statement see the newest commit, or the one that the
    /// session keeps to, for all tables alike.
    async fn pin(&self) -> Result<()> {
        let versions = match (&self.inner.fixed, &self.inner.store) {
            (Some(fixed), _) => fixed.clone(),
            (None, Some(store)) => store.versions().await?,
            (None, None) => BTreeMap::new(),
        };
        let state = self.inner.context.state_ref();
        let timezone = state.read().config_options().execution.time_zone.clone();
        let timezone = timezone.unwrap_or_else(|| self.inner.settings.timezone.clone());
        attach::pin(&self.inner.context, &timezone).await?;
        if let Ok(mut pinned) = self.inner.pinned.write() {
            *pinned = Pinned { versions, timezone };
        }
        Ok(())
    }

    fn stop(&self) -> Stop {
        let limit = self.inner.settings.timeout;
        Stop {
            cancelled: self.inner.cancelled.subscribe(),
            deadline: limit.map(|limit| (Instant::now() + limit, limit)),
            overrun: self.inner.memory.overrun.clone(),
        }
    }
}

fn foreign(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Refuses a time zone that does not exist.
fn check_zone(zone: &str, kind: Kind) -> Result<()> {
    let fixed_offset = zone.starts_with(['+', '-']);
    if !fixed_offset && zone.parse::<chrono_tz::Tz>().is_err() {
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let error = Error::new(kind, format!("no time zone `{zone}`"));
        return Err(match crate::error::nearest(zone, names) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => {
                error.hint("give an IANA name such as Asia/Shanghai, or an offset such as +08:00")
            }
        });
    }
    Ok(())
}
