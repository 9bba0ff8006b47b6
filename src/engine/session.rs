//! A session: the tables, functions and settings that statements share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Instant;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider};
use datafusion::common::{ScalarValue, plan_datafusion_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{AggregateUDF, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{CteAsMaterialized, Statement as SqlStatement};
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location, TokenWithSpan, Tokenizer};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tokio::sync::watch;
use url::Url;

use super::answer::{Answer, Query, Started, Stop};
use super::as_written;
use super::at_time_zone;
use super::attach;
use super::both_zeros::{CountZeros, ListZeros};
use super::bounded_text;
use super::checked_arithmetic::CheckArithmetic;
use super::checked_sum::CheckedSum;
use super::cluster::rules_running;
use super::compared_intervals::{self, CompareLengths};
use super::compared_lists::CompareLists;
use super::computed_limits;
use super::copy_options;
use super::copy_to;
use super::counted_median;
use super::decimals;
use super::decoded_files::DecodedFiles;
use super::describe;
use super::diagnose::Translator;
use super::dialect;
use super::distinct_pairs::TellArguments;
use super::distinct_texts::CountTexts;
use super::doubted_cases::DoubtCases;
use super::empty_subqueries::EmptySubqueries;
use super::exact_average;
use super::exact_percentiles;
use super::fence::{Fence, OnlyInside, Safe};
use super::filtered_arguments::GuardFiltered;
use super::forms::{self, all_columns, pivot_statement};
use super::from_first;
use super::gauge::Gauge;
use super::guard;
use super::guarded_divisions::GuardDivisions;
use super::habits;
use super::hidden;
use super::interrupt::Interruptible;
use super::lifted_subqueries::LiftedSubqueries;
use super::list_lengths;
use super::list_texts::TellNulls;
use super::lists;
use super::map_keys::KeysOfMaps;
use super::memory::{self, Memory, OwnBuffers};
use super::moving;
use super::multiplied_keys::{self, MultipliedKeys};
use super::names;
use super::ordered_lists;
use super::own_tables;
use super::paired_moments;
use super::parameters::{self, Parameters};
use super::passed_over;
use super::prepared::Prepared;
use super::read_times;
use super::reduced_lists;
use super::remembered_part;
use super::remembered_trunc;
use super::reordering_casts::HideExtremes;
use super::repeated_keys::RepeatedKeys;
use super::result_cache::{Kept, Key, Question, Recorder, ResultCache, explained};
use super::rollups::UseRollups;
use super::scalar_clauses;
use super::script::{self, Statement};
use super::second_try;
use super::set_back;
use super::set_time_zone;
use super::settings::Settings;
use super::sort_columns::SortByColumns;
use super::text_index::UseTextIndex;
use super::told_truths::TellTruths;
use super::unknown_members::UnknownMembers;
use super::values_ahead;
use super::versions::{self, Versions};
use super::whole_counts;
use super::wording::written_by_import;
use super::written_times;
use super::zoned_bins;
use super::zoned_casts::CastInZone;
use crate::bucket::Files;
use crate::catalog::{
    AdHocFiles, CATALOG, DECODED, DatabaseSchema, HeldColumns, Levers, Notices, Pinned, SCHEMA,
};
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

    /// The statement as the engine takes it, and how it writes if it is a COPY. From here
    /// on all its tables are of one commit.
    async fn parse(
        &self,
        statement: &Statement,
    ) -> Result<(Parsed, Option<copy_options::Writer>), DataFusionError> {
        let (sql, versions) = versions::hide(&statement.sql);
        let tokens = Tokenizer::new(self.dialect()?.as_ref(), &sql)
            .tokenize_with_location()
            .map_err(ParserError::from)?;
        let tokens = dialect::plain_numbers(tokens, statement).map_err(foreign)?;
        let tokens = forms::texts_in_a_row::join(tokens, statement).map_err(foreign)?;
        let tokens = forms::positions::number(tokens, statement).map_err(foreign)?;
        match pivot_statement::find(tokens)? {
            pivot_statement::Statement::Plain(tokens) => {
                // What cannot be read asks for no commit.
                let (mut parsed, writer) = self.parse_tokens(tokens, &versions, statement).await?;
                self.pin().await.map_err(foreign)?;
                self.merge(&mut parsed, statement).await?;
                Ok((parsed, writer))
            }
            pivot_statement::Statement::Open(pivot) => {
                let question = pivot.question()?;
                let (mut question, _) = self.parse_tokens(question, &versions, statement).await?;
                self.pin().await.map_err(foreign)?;
                self.merge(&mut question, statement).await?;
                self.call_cluster().await.map_err(foreign)?;
                let plan = self.unbound(question).await?;
                let frame = self.inner.context.execute_logical_plan(plan).await?;
                let tokens = pivot.closed(&frame.collect().await?)?;
                let (mut parsed, writer) = self.parse_tokens(tokens, &versions, statement).await?;
                self.merge(&mut parsed, statement).await?;
                Ok((parsed, writer))
            }
        }
    }

    /// Merges the columns that joins share, which may ask for those of tables.
    async fn merge(
        &self,
        parsed: &mut Parsed,
        statement: &Statement,
    ) -> Result<(), DataFusionError> {
        Box::pin(forms::using_joins::merge(parsed, statement, &self.inner.context)).await
    }

    fn dialect(&self) -> Result<Box<dyn Dialect>, DataFusionError> {
        // A look at the state: a copy of it takes as long as all of the parsing.
        let state = self.inner.context.state_ref();
        let name = state.read().config_options().sql_parser.dialect;
        dialect::named(name).ok_or_else(|| plan_datafusion_err!("no SQL dialect `{name}`"))
    }

    async fn parse_tokens(
        &self,
        tokens: Vec<TokenWithSpan>,
        versions: &Versions,
        statement: &Statement,
    ) -> Result<(Parsed, Option<copy_options::Writer>), DataFusionError> {
        let wished = forms::common_tables::wished(&tokens);
        let mut parsed = self.read_tokens(tokens, versions, statement)?;
        own_tables::rewrite(&mut parsed, statement, &self.inner.context).map_err(foreign)?;
        self.list_columns(&mut parsed, &wished, statement).await?;
        self.spell(&mut parsed, &wished, statement)?;
        let writer = copy_options::choose(&mut parsed).map_err(foreign)?;
        Ok((parsed, writer))
    }

    /// The statement as it was typed.
    fn read_tokens(
        &self,
        tokens: Vec<TokenWithSpan>,
        versions: &Versions,
        statement: &Statement,
    ) -> Result<Parsed, DataFusionError> {
        let state = self.inner.context.state_ref();
        let recursion_limit = state.read().config_options().sql_parser.recursion_limit.get();
        let dialect = self.dialect()?;
        let dialect = attach::dialect(&tokens).unwrap_or(dialect.as_ref());
        let tokens = from_first::complete(forms::spell(tokens));
        let tokens = copy_options::plain(tokens).map_err(foreign)?;
        let mut parsed = DFParserBuilder::new(tokens)
            .with_dialect(dialect)
            .with_recursion_limit(recursion_limit)
            .build()?
            .parse_statements()?;
        let (Some(mut parsed), 0) = (parsed.pop_front(), parsed.len()) else {
            return plan_err!("one statement was expected");
        };
        versions.apply(&mut parsed);
        passed_over::check(&mut parsed, statement).map_err(foreign)?;
        scalar_clauses::check(&mut parsed, statement, &state.read()).map_err(foreign)?;
        habits::check_patterns(&mut parsed, statement).map_err(foreign)?;
        forms::no_columns::check(&parsed, statement).map_err(foreign)?;
        Ok(parsed)
    }

    /// Lists the columns that `parsed` asks for all at once, which may ask for those of
    /// tables.
    async fn list_columns(
        &self,
        parsed: &mut Parsed,
        wished: &[(Location, CteAsMaterialized)],
        statement: &Statement,
    ) -> Result<(), DataFusionError> {
        if !all_columns::are_asked(parsed) {
            return Ok(());
        }
        self.pin().await.map_err(foreign)?;
        let mut known = all_columns::Known::new();
        loop {
            let mut tried = parsed.clone();
            let Some(asked) = all_columns::list(&mut tried, &known).map_err(foreign)? else {
                *parsed = tried;
                return Ok(());
            };
            let text = asked.to_string();
            let mut asked = Parsed::Statement(Box::new(SqlStatement::Query(asked)));
            self.spell(&mut asked, wished, statement)?;
            self.merge(&mut asked, statement).await?;
            let plan = self.unbound(asked).await?;
            known.insert(text, Arc::clone(plan.schema()));
        }
    }

    /// Brings a statement to what the planner knows.
    fn spell(
        &self,
        parsed: &mut Parsed,
        wished: &[(Location, CteAsMaterialized)],
        statement: &Statement,
    ) -> Result<(), DataFusionError> {
        let state = self.inner.context.state_ref();
        set_time_zone::spell(parsed, &self.inner.settings.timezone);
        let begun = || config(&self.inner.settings).options().as_ref().clone();
        set_back::spell(parsed, begun).map_err(foreign)?;
        forms::rewrite(parsed, &self.inner.context);
        let is_aggregate = |name: &str| {
            let state = state.read();
            state.aggregate_functions().contains_key(name)
                || state.window_functions().contains_key(name)
        };
        forms::reused_names::fill_in(parsed, &is_aggregate);
        names::give(parsed, &is_aggregate);
        at_time_zone::spell(parsed, state.read().config_options());
        forms::column_aliases::complete(parsed);
        forms::named_windows::fill_in(parsed, statement).map_err(foreign)?;
        forms::common_tables::check(parsed, wished, statement).map_err(foreign)
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

/// Builds the context: the only place where tables, functions and options of a
/// session are put together.
fn context(
    store: Option<Arc<Store>>,
    settings: &Settings,
    files: AdHocFiles,
    (pinned, held, dictionaries): (Arc<RwLock<Pinned>>, Arc<HeldColumns>, Arc<Dictionaries>),
    runtime: Arc<RuntimeEnv>,
) -> Result<SessionContext> {
    let state_cell = Arc::clone(&files.state);
    let schema = DatabaseSchema::new(store, pinned, files, held);
    let catalog = MemoryCatalogProvider::new();
    catalog
        .register_schema(SCHEMA, Arc::new(schema))
        .map_err(|error| Error::internal(error.to_string()))?;
    let mut builder = SessionStateBuilder::new()
        .with_config(config(settings))
        .with_runtime_env(runtime)
        .with_expr_planners(vec![
            Arc::new(forms::slices::SliceTexts),
            Arc::new(remembered_part::PlanExtract),
            Arc::new(ordered_lists::PlanItem),
        ])
        .with_default_features()
        .with_relation_planners(vec![Arc::new(multiplied_keys::Tables {
            others: vec![Arc::new(forms::Pivots), Arc::new(forms::information::TellColumns)],
        })])
        .with_analyzer_rules(as_written::rules())
        .with_analyzer_rule(Arc::new(CastInZone))
        .with_analyzer_rule(Arc::new(HideExtremes))
        .with_analyzer_rule(Arc::new(CompareLengths))
        .with_analyzer_rule(Arc::new(CompareLists))
        .with_analyzer_rule(Arc::new(TellNulls))
        .with_analyzer_rule(Arc::new(KeysOfMaps))
        .with_analyzer_rule(Arc::new(CheckArithmetic))
        .with_analyzer_rule(Arc::new(TellArguments))
        .with_analyzer_rule(Arc::new(GuardFiltered))
        .with_analyzer_rule(Arc::new(CountZeros))
        .with_analyzer_rule(Arc::new(EmptySubqueries))
        .with_analyzer_rule(Arc::new(UnknownMembers))
        .with_analyzer_rule(Arc::new(LiftedSubqueries))
        .with_analyzer_rule(Arc::new(MultipliedKeys))
        .with_analyzer_rule(Arc::new(RepeatedKeys))
        .with_optimizer_rule(Arc::new(UseTextIndex))
        .with_optimizer_rule(Arc::new(UseRollups));
    builder = super::optimize::add_rules(builder)
        .with_optimizer_rule(Arc::new(SortByColumns))
        .with_optimizer_rule(Arc::new(RepeatedKeys))
        .with_optimizer_rule(Arc::new(GuardDivisions))
        .with_optimizer_rule(Arc::new(ListZeros))
        .with_optimizer_rule(Arc::new(TellTruths))
        .with_optimizer_rule(Arc::new(DoubtCases));
    // Behind all rules that look for sorts. Other machines have the engine's operators only.
    if settings.memory_limit.is_some() && settings.cluster.is_none() {
        builder = builder.with_physical_optimizer_rule(Arc::new(OwnBuffers));
    }
    builder = super::computed_once::add_rules(builder);
    builder = match &settings.cluster {
        Some(cluster) => cluster.equip(super::optimize::add_rules_for_cluster(builder))?,
        // Other machines stop when their connection ends.
        None => builder.with_physical_optimizer_rules(second_try::before(
            super::optimize::with_first(Interruptible::among_all()),
        )),
    };
    let mut context = with_functions(builder.build(), dictionaries);
    for planner in forms::planners() {
        context
            .register_expr_planner(planner)
            .map_err(|error| Error::internal(error.to_string()))?;
    }
    context.register_catalog(CATALOG, Arc::new(catalog));
    let _ = state_cell.set(context.state_weak_ref());
    Ok(context)
}

/// A context that knows our functions, wherever its plans are made or run.
fn with_functions(state: SessionState, dictionaries: Arc<Dictionaries>) -> SessionContext {
    let context = SessionContext::new_with_state(state);
    context.register_udaf(AggregateUDF::from(CheckedSum::default()));
    context.register_udaf(AggregateUDF::from(CountTexts::default()));
    context.register_udaf(counted_median::median());
    context.register_udaf(exact_average::function());
    context.register_udaf(exact_percentiles::function());
    paired_moments::register(&context);
    context.register_udf(remembered_part::function());
    context.register_udf(remembered_trunc::function());
    context.register_udf(zoned_bins::function());
    context.register_udf(written_times::function());
    context.register_udf(at_time_zone::function());
    read_times::register(&context);
    lists::functions().for_each(|function| context.register_udf(function));
    context.register_higher_order_function(reduced_lists::function());
    list_lengths::functions().into_iter().for_each(|function| context.register_udf(function));
    bounded_text::functions().for_each(|function| context.register_udf(function));
    decimals::functions().for_each(|function| context.register_udf(function));
    crate::functions::register(&context, dictionaries);
    ordered_lists::register(&context);
    // Before those that have frames of their own.
    whole_counts::register(&context);
    moving::register(&context);
    values_ahead::register(&context);
    forms::familiar::register(&context);
    context
}

/// The state of a session that runs plans made in another one, whose
/// [`running_options`](super::running_options) are `options`; it has no tables,
/// since plans name files.
///
/// # Errors
/// When an option means nothing here.
pub fn running_state(
    mut builder: SessionStateBuilder,
    options: &BTreeMap<String, String>,
) -> Result<SessionState, DataFusionError> {
    let config = builder.config().get_or_insert_default().options_mut();
    for (key, value) in options.iter().filter(|(key, _)| rules_running(key)) {
        config.set(key, value)?;
    }
    let context =
        with_functions(builder.build(), Dictionaries::of_database(None).map_err(foreign)?);
    hidden::all().into_iter().for_each(|function| context.register_udf(function));
    compared_intervals::extremes().for_each(|function| context.register_udaf(function));
    context.register_udaf(counted_median::counted());
    context.register_udaf(counted_median::median_of_counted());
    forms::summing_functions().into_iter().for_each(|function| context.register_udaf(function));
    Ok(context.state())
}

fn config(settings: &Settings) -> SessionConfig {
    let levers = if settings.cluster.is_some() { Levers::for_cluster() } else { Levers::default() };
    let levers = Levers { result_cache: settings.keep_answers.is_some(), ..levers };
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true)
        .with_option_extension(levers)
        .with_target_partitions(settings.threads.max(1));
    let options = config.options_mut();
    options.execution.time_zone = Some(settings.timezone.clone());
    options.execution.parquet.pushdown_filters = settings.pushdown;
    options.execution.parquet.reorder_filters = settings.pushdown;
    // A thread that helps another one with its files reads them out of the order on
    // which a plan without a sort relies.
    options.execution.enable_file_stream_work_stealing = false;
    // Posts hold line breaks; see catalog::files.
    options.catalog.newlines_in_values = true;
    options.sql_parser.collect_spans = true;
    // 0.1 + 0.2 is 0.3; forms::exact_numbers says which numbers are doubles.
    options.sql_parser.parse_float_as_decimal = true;
    // What is unknown is neither the most nor the least, so it does not lead.
    options.sql_parser.default_null_ordering = "nulls_last".to_owned();
    if let Some(limit) = settings.memory_limit {
        let kept = &mut options.execution.sort_spill_reservation_bytes;
        *kept = memory::kept_for_merging(limit, settings.threads, *kept);
    }
    // It holds the batches of the first rows of each group, and counts them once for each.
    options.optimizer.enable_window_topn = false;
    // Of a column that the plan knows to be there, what computes it need not know that; the
    // engine would refuse to group by it behind UNION.
    options.execution.skip_physical_aggregate_schema_check = true;
    // It leaves out rows that bring no new extreme of a column, though an expression is
    // asked for as well: max(likes), max(length(text)).
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    // Elsewhere a rule looks which plans it is right for.
    options.optimizer.enable_topk_aggregation = settings.cluster.is_none();
    options.explain.show_statistics = false;
    config
}

/// The real paths of the folders that a safe session may read.
fn safe_folders(store: Option<&Store>, settings: &Settings) -> Vec<PathBuf> {
    // Of one in object storage only the tables are read, not the copies.
    let database = store.filter(|store| !store.is_remote()).map(|store| store.root().to_owned());
    let folders = database.into_iter().chain(settings.allow.iter().cloned());
    folders.filter_map(|folder| folder.canonicalize().ok()).collect()
}

fn runtime(
    memory: &Memory,
    store: Option<&Store>,
    settings: &Settings,
    roots: Option<&[PathBuf]>,
) -> Result<Arc<RuntimeEnv>> {
    let mut builder = memory::builder(Arc::clone(&memory.pool), &settings.spill);
    let bucket = store.and_then(Store::bucket).map(|bucket| {
        let files = Files::new(vec![Arc::clone(bucket)], no_data_file);
        (bucket.address().url().clone(), Arc::new(files) as Arc<dyn ObjectStore>)
    });
    let decoded = |local| -> Result<(Url, Arc<dyn ObjectStore>)> {
        let url = Url::parse(&format!("{DECODED}///"));
        let url = url.map_err(|error| Error::internal(error.to_string()))?;
        Ok((url, Arc::new(DecodedFiles(local))))
    };
    if let Some(roots) = roots {
        let local = Fence::<Safe>::around(roots.to_vec());
        let stores = bucket.into_iter().chain([decoded(Arc::clone(&local) as _)?]);
        let inside = OnlyInside::<Safe>::of(local, stores);
        builder = builder.with_object_store_registry(Arc::new(inside));
    } else {
        for (url, files) in bucket.into_iter().chain([decoded(Arc::new(LocalFileSystem::new()))?]) {
            builder.object_store_registry.register_store(&url, files);
        }
    }
    builder.build_arc().map_err(|error| Error::internal(error.to_string()))
}

/// The refusal of an object at `address` in the bucket of the database.
fn no_data_file(address: &str) -> object_store::Error {
    let error = Error::query(format!("`{address}` is no data file of the database"))
        .hint("files in a bucket are not read; copy it to a folder here");
    object_store::Error::PermissionDenied { path: address.to_owned(), source: error.into() }
}
