//! What a run will do: the chosen queries, read, with their parameters bound and
//! in order. A fault found here is found before anything runs.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::chart::Picture;
use crate::engine::Settings;
use crate::error::{Error, Result, nearest};
use crate::queries::{Clock, Entry, Grid, Library, Origin, SavedQuery};
use crate::render::{self, Format};

use super::Cancel;
use super::offenders;
use super::order::{Node, order};
use super::record::{EarlierRun, QueryRecord, RUN_FILE, RunRecord};

/// What was asked for, resolved.
#[derive(Debug, Clone)]
pub struct Options {
    /// Parameters as they were given: name and text, in order. A parameter
    /// applies to the queries that declare it.
    pub given: Vec<(String, String)>,
    /// The folder for results; without it, the one query prints its result.
    pub folder: Option<PathBuf>,
    /// The file for the result of the one query, or for its chart when the
    /// suffix is that of a picture.
    pub file: Option<PathBuf>,
    /// The kind of pictures that charts are written as, beside the results.
    pub charts: Option<Picture>,
    /// The output format; without it each query's own, else CSV.
    pub format: Option<String>,
    /// The format of a query that is printed and names none.
    pub printed: &'static str,
    /// How values are shown.
    pub display: render::Options,
    /// How many queries run side by side.
    pub jobs: usize,
    /// Whether the others run after a failure.
    pub keep_going: bool,
    /// Whether expectations are all that is wanted: nothing is written.
    pub check: bool,
    /// Selectors such as `tag:daily`; a query has to fit one of them.
    pub select: Vec<String>,
    /// Whether results are handed over with the summary instead of being
    /// printed.
    pub keep: bool,
    /// Whether queries are planned and not run.
    pub dry_run: bool,
    /// How long each query may take; a query's own limit is used where there
    /// is none.
    pub timeout: Option<Duration>,
    /// Tries after the first, for failures that may pass: a busy database, a
    /// timeout, memory or disk.
    pub retries: u32,
    /// Whether only what failed in `folder`'s last run is run.
    pub rerun_failed: bool,
    /// The folder of the run to compare with.
    pub against: Option<PathBuf>,
    /// Whether baselines, and the results in `against`, are replaced by what
    /// comes out.
    pub accept: bool,
    /// Whether results are computed although nothing has changed.
    pub fresh: bool,
    /// The settings of the sessions that queries run in.
    pub settings: Settings,
    /// Stops the run.
    pub cancel: Cancel,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            given: Vec::new(),
            folder: None,
            file: None,
            charts: None,
            format: None,
            printed: "csv",
            display: render::Options::default(),
            jobs: 1,
            keep_going: false,
            check: false,
            keep: false,
            select: Vec::new(),
            dry_run: false,
            timeout: None,
            retries: 0,
            rerun_failed: false,
            against: None,
            accept: false,
            fresh: false,
            settings: Settings::default(),
            cancel: Cancel::default(),
        }
    }
}

/// What a run will do.
#[derive(Debug)]
pub struct RunPlan {
    /// The queries in the order in which they were named.
    pub(super) jobs: Vec<Planned>,
    /// What was asked for.
    pub(super) options: Options,
    /// The record of the last run in the output folder.
    pub(super) last: Option<RunRecord>,
    /// What the record keeps of queries that this run does not choose: a failure is
    /// not forgotten because others ran since.
    pub(super) kept: Vec<QueryRecord>,
    /// What time it is taken to be: when the run began, or the one of which this
    /// runs the rest, so that its relative dates are the same.
    pub(super) clock: Clock,
    /// When it begins.
    pub(super) now: DateTime<Utc>,
}

/// One query of a run.
#[derive(Debug)]
pub(super) struct Planned {
    /// Its name.
    pub(super) name: String,
    /// Its file.
    pub(super) file: String,
    /// What to run, or why it cannot be.
    pub(super) job: Result<Job>,
    /// The jobs, by position, that have to end well before it.
    pub(super) after: Vec<usize>,
}

/// A query that is ready to run.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) entry: Entry,
    pub(super) query: SavedQuery,
    pub(super) grid: Grid,
    pub(super) format: &'static Format,
    /// The kind of picture that its chart is written as beside the result.
    pub(super) charts: Option<Picture>,
}

impl RunPlan {
    /// Finds, reads and binds the queries that `wanted` names.
    ///
    /// # Errors
    /// When a name finds nothing, two queries share one, a parameter fits no
    /// query, dependencies form a cycle, or there is nothing to run; and, unless
    /// the run keeps going, when one query is not well formed or lacks a
    /// parameter.
    pub fn new(
        library: &Library,
        wanted: &[String],
        mut options: Options,
        clock: &Clock,
    ) -> Result<Self> {
        if options.accept && options.against.is_some() {
            accept_into(&mut options)?;
        }
        let last = options.folder.as_deref().map(RunRecord::read).transpose()?.flatten();
        let now = clock.now();
        let typed = options.clone();
        let made_up_for = last.as_ref().filter(|_| options.rerun_failed);
        let clock = match made_up_for {
            Some(last) => &EarlierRun::of(last).clock(clock.zone())?,
            None => clock,
        };
        let entries = if options.rerun_failed {
            failed_before(library, last.as_ref(), wanted, &mut options)?
        } else {
            library.select(wanted)?
        };
        let mut planned = Vec::new();
        let are_others = entries.len() > 1;
        for entry in entries {
            let known = made_up_for.and_then(|last| last.query(&entry.name));
            let job = match known.and_then(|known| known.earlier.as_ref()) {
                Some(earlier) => prepare_as_of(earlier, &entry, &typed, clock),
                None => prepare(&entry, &options, clock),
            };
            match job {
                Ok(job) if !is_selected(&job.query, &options.select) => {}
                Err(error) if !options.keep_going => return Err(nothing_ran(error, are_others)),
                job => planned.push(Planned {
                    name: entry.name.clone(),
                    file: entry.origin.to_string(),
                    job,
                    after: Vec::new(),
                }),
            }
        }
        check_selectors(&options.select)?;
        if planned.is_empty() && !options.rerun_failed {
            let error = Error::usage("there is no saved query to run");
            return Err(if options.select.is_empty() {
                error.hint("name one, or a folder of them")
            } else {
                error.hint(format!("none of them fits {}", options.select.join(", ")))
            });
        }
        // What the run made up for was given was for its other queries, too.
        check_given(&planned, &typed.given)?;
        link(&mut planned, library)?;
        if !options.keep_going
            && let Some(error) = planned.iter().find_map(|planned| planned.job.as_ref().err())
        {
            return Err(nothing_ran(error.clone(), are_others));
        }
        let alone = options.prints() || options.file.is_some();
        if planned.len() > 1 && alone {
            let message = format!("{} queries need a folder for their results", planned.len());
            return Err(Error::usage(message).hint("add -o DIR"));
        }
        if options.charts.is_some() && options.folder.is_none() {
            let error = Error::usage("charts need a folder to be written to");
            return Err(error.hint("add -o DIR, or name a picture: -o FILE.svg or FILE.png"));
        }
        let kept = last.as_ref().map_or(Vec::new(), |last| kept(library, last, &planned, &options));
        Ok(Self { jobs: planned, options, last, kept, clock: clock.clone(), now })
    }
}

impl RunPlan {
    /// The queries that can run, in order.
    pub fn queries(&self) -> impl Iterator<Item = &SavedQuery> {
        self.jobs.iter().filter_map(|planned| planned.job.as_ref().ok()).map(|job| &job.query)
    }

    /// Where those queries lie.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.jobs.iter().filter_map(|planned| planned.job.as_ref().ok()).map(|job| &job.entry)
    }

    /// How many queries there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.jobs.len()
    }

    /// What time it is taken to be.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What was asked for.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }
}

impl Options {
    /// Whether the result is printed.
    #[must_use]
    pub fn prints(&self) -> bool {
        let silent = self.check || self.keep || self.dry_run || self.against.is_some();
        self.folder.is_none() && self.file.is_none() && !silent
    }

    /// Whether the run is a part of the last one in its folder, whose other
    /// queries stay on record.
    pub(super) fn amends(&self) -> bool {
        self.rerun_failed || (self.accept && self.against.is_some())
    }

    /// The kind of picture that `file` is, if it is one.
    pub(super) fn picture_file(&self) -> Option<(&Path, Picture)> {
        let file = self.file.as_deref()?;
        Some((file, Picture::of(file).ok()?))
    }

    /// The given parameters that `query` declares.
    fn given_to(&self, query: &SavedQuery) -> Vec<(String, String)> {
        let declared = |name: &String| query.params.iter().any(|param| param.name == *name);
        self.given.iter().filter(|(name, _)| declared(name)).cloned().collect()
    }
}

/// Reads a query and binds its parameters.
fn prepare(entry: &Entry, options: &Options, clock: &Clock) -> Result<Job> {
    let query = entry.load()?;
    let place = |error: Error| {
        if error.place().file.is_none() { error.in_file(&query.file) } else { error }
    };
    query.statements()?;
    let own = query.format.as_deref();
    let fallback = if options.folder.is_some() { "csv" } else { options.printed };
    let name = options.format.as_deref().or(own).unwrap_or(fallback);
    let format = match (&options.format, &options.file) {
        (None, Some(file)) if options.picture_file().is_none() => render::format_for_suffix(file)?,
        _ => render::format(name).map_err(place)?,
    };
    if options.picture_file().is_some() && query.chart.is_none() {
        let error = Error::usage(format!("{} has no chart to draw", query.name));
        return Err(error.in_file(&query.file).hint("its front matter may give it a `chart`"));
    }
    let grid = Grid::new(&query.params, &options.given_to(&query), clock).map_err(place)?;
    output_name(&entry.name, format).map_err(place)?;
    Ok(Job { entry: entry.clone(), query, grid, format, charts: options.charts })
}

/// As [`prepare`], as the `earlier` run did it that chose the query first.
fn prepare_as_of(
    earlier: &EarlierRun,
    entry: &Entry,
    typed: &Options,
    clock: &Clock,
) -> Result<Job> {
    let mut options = typed.clone();
    take_over(earlier, &mut options)?;
    prepare(entry, &options, &earlier.clock(clock.zone())?)
}

/// Takes over what the `earlier` run was given, unless this one is given something.
fn take_over(earlier: &EarlierRun, options: &mut Options) -> Result<()> {
    if options.given.is_empty() {
        options.given.clone_from(&earlier.given);
    }
    if options.format.is_none() {
        options.format.clone_from(&earlier.format);
    }
    if options.charts.is_none() {
        options.charts = earlier.charts.as_deref().map(Picture::named).transpose()?;
    }
    Ok(())
}

/// What a run of `planned` keeps on record of the `last`: the queries that were not
/// done well and that it does not choose, but for those that are there no more.
fn kept(
    library: &Library,
    last: &RunRecord,
    planned: &[Planned],
    options: &Options,
) -> Vec<QueryRecord> {
    // A part of that run keeps all of it.
    if options.amends() || options.dry_run {
        return Vec::new();
    }
    let is_chosen = |name: &str| planned.iter().any(|planned| planned.name == name);
    let is_there = |query: &QueryRecord| {
        Path::new(&query.file).is_file()
            || library.select(std::slice::from_ref(&query.name)).is_ok()
    };
    let bad = last.queries.iter().filter(|query| !query.status.is_good());
    let left = bad.filter(|query| !is_chosen(&query.name) && is_there(query));
    left.map(|query| query.kept_of(last)).collect()
}

/// The error of a query that keeps a run from beginning, with what becomes of the
/// others, if there are any.
fn nothing_ran(error: Error, are_others: bool) -> Error {
    const OTHERS: &str = "nothing was run; --keep-going runs the others";
    let hint = match error.advice() {
        _ if !are_others => return error,
        Some(advice) => format!("{advice}; {OTHERS}"),
        None => OTHERS.to_owned(),
    };
    error.hint(hint)
}

/// The file of a query's result, relative to the output folder.
pub(super) fn output_name(name: &str, format: &Format) -> Result<PathBuf> {
    let suffix = format.suffixes.first().unwrap_or(&"txt");
    let file = PathBuf::from(format!("{name}.{suffix}"));
    if !file.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Error::usage(format!(
            "the query's name `{name}` leads out of the output folder"
        )));
    }
    if file == Path::new(RUN_FILE) {
        let error = Error::usage(format!("the result would take the place of {RUN_FILE}"));
        return Err(error.hint("rename the query, or choose another --format"));
    }
    if let Some(other) = offenders::result_of(&file) {
        let error = Error::usage(format!(
            "the result would take the place of rows that break an expectation of `{other}`"
        ));
        return Err(error.hint("rename the query"));
    }
    Ok(file)
}

/// The names that failed in the last run of the folder; takes over what that
/// run was given unless this one is given something.
fn failed_before(
    library: &Library,
    last: Option<&RunRecord>,
    wanted: &[String],
    options: &mut Options,
) -> Result<Vec<Entry>> {
    let Some(last) = last else {
        let folder = options.folder.as_deref().map(|folder| folder.display().to_string());
        let message = format!("no record of a run in {}", folder.unwrap_or_default());
        let hint = "write weiku run DB --rerun-failed DIR with the DIR of its -o";
        return Err(Error::usage(message).hint(hint));
    };
    take_over(&EarlierRun::of(last), options)?;
    let of_run = wanted.iter().map(|one| of_run(library, last, one));
    let wanted: Vec<&str> = of_run.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.contains(&name);
    let bad = last.queries.iter().filter(|query| !query.status.is_good());
    let mut entries = Vec::new();
    for query in bad.filter(|query| is_wanted(&query.name)) {
        // By its path alone it could get another name than it had. One that is
        // gone is told of in its place.
        let origin = Origin::File(PathBuf::from(&query.file));
        let known = [Entry { name: query.name.clone(), origin }];
        entries.extend(if Path::new(&query.file).is_file() {
            known.into()
        } else {
            library.select(std::slice::from_ref(&query.name)).unwrap_or_else(|_| known.into())
        });
    }
    Ok(entries)
}

/// The names of the queries of the run `last` that `wanted`, a name or a path of a
/// query or a folder, stands for.
fn of_run<'a>(library: &Library, last: &'a RunRecord, wanted: &str) -> Result<Vec<&'a str>> {
    let wanted = [wanted.to_owned()];
    let found = library.select(&wanted).unwrap_or_default();
    let names = last.queries.iter().map(|query| query.name.as_str());
    let is_meant =
        |name: &str| is_below(name, &wanted) || found.iter().any(|entry| entry.name == name);
    let meant: Vec<&str> = names.clone().filter(|name| is_meant(name)).collect();
    if meant.is_empty() {
        let error = Error::usage(format!("the last run had no query `{}`", wanted[0]));
        return Err(match nearest(&wanted[0], names.clone()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("it had {}", names.collect::<Vec<_>>().join(", "))),
        });
    }
    Ok(meant)
}

/// Makes the folder to compare with the one that results go to.
fn accept_into(options: &mut Options) -> Result<()> {
    if options.folder.is_some() && options.folder != options.against {
        let error = Error::usage("--accept replaces the results in the folder of --against");
        return Err(error.hint("leave out -o"));
    }
    options.folder.clone_from(&options.against);
    Ok(())
}

/// Whether `name` is one of `wanted` or lies in a folder of it.
fn is_below(name: &str, wanted: &[String]) -> bool {
    wanted.iter().any(|wanted| {
        name == wanted
            || name.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Whether the query fits one of `select`.
fn is_selected(query: &SavedQuery, select: &[String]) -> bool {
    let fits = |selector: &String| {
        selector.strip_prefix("tag:").is_some_and(|tag| query.tags.iter().any(|own| own == tag))
    };
    select.is_empty() || select.iter().any(fits)
}

fn check_selectors(select: &[String]) -> Result<()> {
    match select.iter().find(|selector| !selector.starts_with("tag:")) {
        Some(selector) => {
            let message = format!("`{selector}` selects nothing");
            Err(Error::usage(message).hint("write tag:NAME"))
        }
        None => Ok(()),
    }
}

/// Refuses a parameter that no query declares.
fn check_given(planned: &[Planned], given: &[(String, String)]) -> Result<()> {
    let ready: Vec<&Job> = planned.iter().filter_map(|planned| planned.job.as_ref().ok()).collect();
    if ready.len() < planned.len() {
        // A query that could not be read may have declared it.
        return Ok(());
    }
    let declared: Vec<&str> =
        ready.iter().flat_map(|job| &job.query.params).map(|param| param.name.as_str()).collect();
    let Some((name, _)) = given.iter().find(|(name, _)| !declared.contains(&name.as_str())) else {
        return Ok(());
    };
    let error = match ready.as_slice() {
        [only] => Error::usage(format!("{} has no parameter `{name}`", only.query.name)),
        _ => Error::usage(format!("none of the queries has a parameter `{name}`")),
    };
    Err(match nearest(name, declared.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if declared.is_empty() => error.hint("they take no parameters"),
        None => error.hint(format!("the parameters are {}", declared.join(", "))),
    })
}

/// Says of each query which others it has to wait for.
fn link(planned: &mut [Planned], library: &Library) -> Result<()> {
    let nodes: Vec<Node<'_>> = planned
        .iter()
        .map(|planned| Node {
            name: &planned.name,
            file: &planned.file,
            depends_on: planned.job.as_ref().map_or(&[][..], |job| job.query.depends_on.as_slice()),
        })
        .collect();
    let links = order(&nodes, library)?;
    for (planned, after) in planned.iter_mut().zip(links) {
        match after {
            Ok(after) => planned.after = after,
            Err(error) => planned.job = Err(error),
        }
    }
    Ok(())
}
