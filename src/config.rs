//! Settings put together: flag, then environment, then user file, then default.
//!
//! Only [`Config::resolve`] knows the order; what it gives carries the origin of
//! each value for `weiku config show`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::cli::{Common, When};
use crate::cluster::{self, Secret, TlsFiles, TrustOptions};
use crate::engine::{KeepAnswers, Process, Settings, Spill};
use crate::error::{Error, Result, nearest};
use crate::queries::parse_duration;
use crate::render::{self, Readable};
use crate::text::size::bytes;

/// What surrounds the program, read once by `main`.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The folder of the user's configuration, `.../weiku`.
    pub config_dir: Option<PathBuf>,
    /// The folder of the user's state, `.../weiku`.
    pub state_dir: Option<PathBuf>,
    /// The folder of what can be computed again, `.../weiku`.
    pub cache_dir: Option<PathBuf>,
    /// What tells this program from others of its name.
    pub program: String,
    /// Whether standard output is a terminal.
    pub stdout_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_terminal: bool,
    /// Whether standard input is a terminal.
    pub stdin_terminal: bool,
    /// Whether `NO_COLOR` is set to something, or the terminal is dumb.
    pub no_color: bool,
    /// Cells across the terminal.
    pub width: Option<usize>,
    /// Whether `TERM` is `dumb`.
    pub dumb: bool,
    /// Bytes of memory that the system has left, if it tells.
    pub memory: Option<u64>,
    /// The process, if it does nothing else.
    pub process: Option<Process>,
    /// Whether the person's language is Chinese.
    pub chinese: bool,
    /// The token of the cluster, if the environment holds it.
    pub token: Option<Secret>,
    /// The variables of the environment that stand for flags, `WEIKU_*`.
    pub variables: BTreeMap<String, String>,
}

/// The user's configuration file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// The time zone that rules dates.
    pub timezone: Option<String>,
    /// Memory for queries, such as `2GB`; `none` leaves it to the system.
    pub memory_limit: Option<String>,
    /// Disk space for what does not fit into it, such as `20GB`.
    pub spill_limit: Option<String>,
    /// The folder for what does not fit into it.
    pub spill_dir: Option<PathBuf>,
    /// Threads for queries.
    pub threads: Option<usize>,
    /// The longest a statement may run, such as `60s`.
    pub timeout: Option<String>,
    /// Disk space for answers that are kept, such as `500MB`; `off` keeps none.
    pub result_cache: Option<String>,
    /// The output format on a terminal; elsewhere it is CSV.
    pub format: Option<String>,
    /// How NULL is shown to people.
    pub null: Option<String>,
    /// Most rows that are shown to people.
    pub max_rows: Option<usize>,
    /// The folder of saved queries that is looked in first.
    pub queries: Option<PathBuf>,
    /// Workers that run parts of large queries, `host:port`.
    pub workers: Vec<String>,
    /// A query gets one worker more for so much that it reads, such as `32MB`.
    pub bytes_per_worker: Option<String>,
    /// The file of the cluster's token.
    pub token_file: Option<PathBuf>,
    /// Our certificate for workers.
    pub tls_cert: Option<PathBuf>,
    /// Its key.
    pub tls_key: Option<PathBuf>,
    /// The authority that signed everybody's certificate.
    pub tls_ca: Option<PathBuf>,
    /// Whose keys edit a line at the prompt: `emacs` or `vi`.
    pub keys: Option<String>,
    /// The program for `.last`, in place of weiku's own viewer.
    pub pager: Option<String>,
    /// Whether ghost text is shown while somebody types.
    pub hints: Option<bool>,
    /// The words for big numbers: `zh`, `en` or `off`.
    pub readable: Option<String>,
}

/// The keys of the configuration file.
const KEYS: [&str; 21] = [
    "timezone",
    "memory_limit",
    "spill_limit",
    "spill_dir",
    "threads",
    "timeout",
    "result_cache",
    "format",
    "null",
    "max_rows",
    "queries",
    "workers",
    "bytes_per_worker",
    "token_file",
    "tls_cert",
    "tls_key",
    "tls_ca",
    "keys",
    "pager",
    "hints",
    "readable",
];

/// The word that lifts the limit of the memory.
const NO_LIMIT: &str = "none";

/// What a query reads before it gets a second worker: less is read faster than
/// it is handed out.
const BYTES_PER_WORKER: usize = 32 << 20;

/// Of the memory that is left when the program starts, queries may take this part
/// unless a limit is given. The rest is for what no limit counts: what is shown,
/// sent and written, and the system itself.
const PART_OF_MEMORY: f64 = 0.7;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag,
    /// The environment variable that stands for the flag.
    Variable,
    /// The user's configuration file.
    File,
    /// What weiku does unless told otherwise.
    Default,
}

impl Origin {
    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Variable => "environment",
            Self::File => "file",
            Self::Default => "default",
        }
    }
}

/// The resolved configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// What sessions are made with.
    pub settings: Settings,
    /// The configuration file, as far as it goes beyond `settings`.
    pub file: File,
    /// Whether standard output gets colour.
    pub color: bool,
    /// Whether standard error gets colour.
    pub error_color: bool,
    /// Whether progress is shown.
    pub progress: bool,
    /// The words for big numbers at the prompt.
    pub readable: Readable,
    /// The folder of saved queries that is looked in first.
    pub queries: Option<PathBuf>,
    /// The workers and how they are known.
    pub cluster: cluster::Options,
    /// Name, value and origin of each setting, for people.
    pub origins: Vec<(&'static str, String, Origin)>,
}

impl Config {
    /// Puts flags, environment, file and defaults together.
    ///
    /// # Errors
    /// When the file has an unknown key or a value that means nothing.
    pub fn resolve(common: &Common, environment: &Environment) -> Result<Self> {
        let path = environment.config_dir.as_ref().map(|dir| dir.join("config.toml"));
        let file = match &path {
            Some(path) if path.exists() => read_file(path)?,
            _ => File::default(),
        };
        if let (Some(path), Err(error)) = (&path, file.check()) {
            return Err(error.in_file(path.display().to_string()));
        }
        let mut picked = Picked { variables: &environment.variables, origins: Vec::new() };
        let defaults = Settings::default();
        let timezone = picked.pick("timezone", common.timezone.clone(), file.timezone.clone());
        let timezone = timezone.unwrap_or(defaults.timezone.clone());
        let threads = picked.pick("threads", common.threads, file.threads);
        let threads = threads.unwrap_or(defaults.threads);
        let memory =
            picked.pick("memory_limit", common.memory_limit.clone(), file.memory_limit.clone());
        let spill = spill(common, &file, &mut picked)?;
        let timeout = picked.pick("timeout", common.timeout.clone(), file.timeout.clone());
        let result_cache =
            picked.pick("result_cache", common.result_cache.clone(), file.result_cache.clone());
        let queries = picked.pick(
            "queries",
            common.queries_dir.clone().map(Shown),
            file.queries.clone().map(Shown),
        );
        let queries = queries.map(|shown| shown.0);
        let on_off = |on: bool| if on { "on" } else { "off" };
        picked.pick("format", None, file.format.clone());
        picked.pick("null", None, file.null.clone());
        picked.pick("max_rows", None, file.max_rows);
        picked.pick("keys", None, file.keys.clone());
        picked.pick("pager", None, file.pager.clone());
        picked.pick("hints", None, file.hints.map(on_off));
        let readable = picked.pick("readable", None, file.readable.clone());
        let readable = match readable.as_deref().map(Readable::named).transpose()? {
            Some(words) => words,
            None if environment.chinese => Readable::Chinese,
            None => Readable::English,
        };
        let cluster = cluster(common, &file, environment, &mut picked)?;
        let mut origins = picked.origins;
        if threads == 0 {
            return Err(Error::usage("--threads must be at least 1"));
        }
        let settings = Settings {
            timezone,
            threads,
            memory_limit: memory_limit(memory.as_deref(), environment)?,
            process: environment.process,
            spill,
            timeout: timeout.as_deref().map(duration).transpose()?,
            readonly: common.readonly,
            safe: common.safe,
            allow: common.allow.clone(),
            keep_answers: keep_answers(result_cache.as_deref(), common.safe, environment)?,
            ..defaults
        };
        fill_defaults(&mut origins, &settings, readable);
        Ok(Self {
            color: wanted(common.color, environment.stdout_terminal && !environment.no_color),
            error_color: wanted(common.color, environment.stderr_terminal && !environment.no_color),
            progress: !common.quiet
                && wanted(common.progress, environment.stderr_terminal && !environment.dumb),
            settings,
            file,
            readable,
            queries,
            cluster,
            origins,
        })
    }
}

/// Bytes that queries may hold: what is given, else a part of what there is.
fn memory_limit(given: Option<&str>, environment: &Environment) -> Result<Option<usize>> {
    match given {
        Some(NO_LIMIT) => Ok(None),
        Some(size) => bytes(size).map(Some),
        None => Ok(environment.memory.map(|bytes| (bytes as f64 * PART_OF_MEMORY) as usize)),
    }
}

/// Where rows go that do not fit into the memory limit, and how much of them.
fn spill(common: &Common, file: &File, picked: &mut Picked<'_>) -> Result<Spill> {
    let (flags, default) = (&common.spill, Spill::default());
    let limit = picked.pick("spill_limit", flags.spill_limit.clone(), file.spill_limit.clone());
    let folder = picked.pick(
        "spill_dir",
        flags.spill_dir.clone().map(Shown),
        file.spill_dir.clone().map(Shown),
    );
    if let Some(Shown(folder)) = folder.as_ref().filter(|shown| !shown.0.is_dir()) {
        let message = format!("--spill-dir: there is no folder {}", folder.display());
        return Err(Error::usage(message).hint("rows that do not fit into memory go there"));
    }
    Ok(Spill {
        limit: limit.map_or(Ok(default.limit), |text| bytes(&text).map(|bytes| bytes as u64))?,
        folder: folder.map_or(default.folder, |shown| shown.0),
    })
}

/// Which answers are kept: in the user's cache folder, unless the session is safe
/// and must not touch it, or there is none.
fn keep_answers(
    given: Option<&str>,
    safe: bool,
    environment: &Environment,
) -> Result<Option<KeepAnswers>> {
    let limit = match given {
        Some("off") => return Ok(None),
        Some(size) => Some(bytes(size)? as u64),
        None => None,
    };
    let folder = environment.cache_dir.as_ref().filter(|_| !safe).map(|dir| dir.join("answers"));
    let most = if folder.is_some() { KeepAnswers::IN_FOLDER } else { KeepAnswers::IN_MEMORY };
    Ok(Some(KeepAnswers {
        bytes: limit.unwrap_or(most),
        folder,
        program: environment.program.clone(),
        ..KeepAnswers::default()
    }))
}

/// The workers: those of the flag, else those of the file.
fn cluster(
    common: &Common,
    file: &File,
    environment: &Environment,
    picked: &mut Picked<'_>,
) -> Result<cluster::Options> {
    let given = |workers: &[String]| (!workers.is_empty()).then(|| workers.join(","));
    let workers = picked.pick("workers", given(&common.workers), given(&file.workers));
    let bytes_per_worker = common.bytes_per_worker.as_ref().or(file.bytes_per_worker.as_ref());
    Ok(cluster::Options {
        workers: workers.iter().flat_map(|all| all.split(',')).map(str::to_owned).collect(),
        trust: trust(common, file, environment)?,
        bytes_per_worker: bytes_per_worker.map_or(Ok(BYTES_PER_WORKER), |text| bytes(text))?,
    })
}

fn trust(common: &Common, file: &File, environment: &Environment) -> Result<TrustOptions> {
    let flags = &common.trust;
    let path = |flag: &Option<PathBuf>, file: &Option<PathBuf>| flag.clone().or(file.clone());
    let token_file = path(&flags.token_file, &file.token_file);
    let certificates = [
        path(&flags.tls_cert, &file.tls_cert),
        path(&flags.tls_key, &file.tls_key),
        path(&flags.tls_ca, &file.tls_ca),
    ];
    let tls = match certificates {
        [Some(cert), Some(key), Some(ca)] => Some(TlsFiles { cert, key, ca }),
        [None, None, None] => None,
        _ => return Err(Error::usage("--tls-cert, --tls-key and --tls-ca go together")),
    };
    // A file that is named goes before what happens to be in the environment.
    let token = environment.token.clone().filter(|_| token_file.is_none());
    Ok(TrustOptions { token, token_file, tls })
}

/// A path that can be shown.
struct Shown(PathBuf);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}

/// Values that were picked, each with its origin.
struct Picked<'a> {
    variables: &'a BTreeMap<String, String>,
    origins: Vec<(&'static str, String, Origin)>,
}

impl Picked<'_> {
    /// The flag's value before the file's. A flag that says what its variable
    /// says is taken for the variable: the command line does not tell them apart.
    fn pick<T: std::fmt::Display>(
        &mut self,
        name: &'static str,
        flag: Option<T>,
        file: Option<T>,
    ) -> Option<T> {
        let variable = self.variables.get(&format!("WEIKU_{}", name.to_uppercase()));
        let (value, origin) = match (flag, file) {
            (Some(value), _) if variable == Some(&value.to_string()) => {
                (Some(value), Origin::Variable)
            }
            (Some(value), _) => (Some(value), Origin::Flag),
            (None, Some(value)) => (Some(value), Origin::File),
            (None, None) => (None, Origin::Default),
        };
        let shown = value.as_ref().map(ToString::to_string).unwrap_or_default();
        self.origins.push((name, shown, origin));
        value
    }
}

impl File {
    /// Refuses values that mean nothing.
    fn check(&self) -> Result<()> {
        if let Some(format) = &self.format {
            render::format(format)?;
        }
        if let Some(words) = &self.readable {
            Readable::named(words)?;
        }
        if self.max_rows == Some(0) {
            return Err(Error::usage("`max_rows` is at least 1")
                .hint("leave it out for as many as the screen has room for"));
        }
        match self.keys.as_deref() {
            None | Some("emacs" | "vi") => Ok(()),
            Some(other) => {
                Err(Error::usage(format!("no keys `{other}`")).hint("there are emacs and vi"))
            }
        }
    }
}

/// Shows the defaults of settings that were not given, and where a format holds.
fn fill_defaults(
    origins: &mut [(&'static str, String, Origin)],
    settings: &Settings,
    readable: Readable,
) {
    for (name, value, origin) in origins {
        if *origin == Origin::Default {
            *value = match *name {
                "timezone" => settings.timezone.clone(),
                "threads" => settings.threads.to_string(),
                "memory_limit" => settings
                    .memory_limit
                    .map_or(NO_LIMIT.to_owned(), |limit| megabytes(limit as u64)),
                "spill_limit" => megabytes(settings.spill.limit),
                "spill_dir" => settings.spill.folder.display().to_string(),
                "format" => "box".to_owned(),
                "null" => render::Options::default().null,
                "max_rows" => "as the screen has room, 40 at most".to_owned(),
                "keys" => "emacs".to_owned(),
                "pager" => "off".to_owned(),
                "result_cache" => settings
                    .keep_answers
                    .as_ref()
                    .map_or("off".to_owned(), |keep| megabytes(keep.bytes)),
                "hints" => "on".to_owned(),
                "readable" => readable.name().to_owned(),
                _ => "none".to_owned(),
            };
        }
        // Scripts do not depend on whose configuration they run under.
        if *name == "format" {
            value.push_str(" on a terminal, else csv");
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{}MB", bytes / 1_000_000)
}

fn wanted(when: When, fitting: bool) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => fitting,
    }
}

/// Reads a configuration file.
///
/// # Errors
/// With file, line and nearest key when it holds something unknown.
pub fn read_file(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, &error))?;
    toml::from_str(&text).map_err(|error| {
        let message = error.message().lines().next().unwrap_or("not valid TOML");
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text[..start].matches('\n').count();
        let source = text.lines().nth(line - 1).unwrap_or_default();
        refusal(message, source).in_file(path.display().to_string()).at_line(line as u64)
    })
}

/// Kinds of values, as the library calls them that reads them, and as people do.
const KINDS: [(&str, &str); 4] = [
    ("usize", "a whole number"),
    ("a boolean", "true or false"),
    ("a string", "a text in quotes"),
    ("a sequence", "a list in brackets"),
];

/// What is wrong with the line `source` of the file, of which the library that
/// reads it says `message`.
fn refusal(message: &str, source: &str) -> Error {
    if let Some(key) =
        message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
    {
        let error = Error::usage(format!("no setting `{key}`"));
        return match nearest(key, KEYS) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("there are {}", KEYS.join(", "))),
        };
    }
    let expected =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "));
    match (expected, source.split_once('=')) {
        (Some((found, kind)), Some((key, _))) => {
            let kind =
                KINDS.iter().find(|(known, _)| *known == kind).map_or(kind, |(_, told)| told);
            Error::usage(format!("`{}` is {kind}, and not {found}", key.trim()))
        }
        _ => Error::usage(message),
    }
}

/// A time such as `60s`, `500ms`, `5m`, `1h` or plain seconds.
///
/// # Errors
/// When it is none of these.
pub fn duration(text: &str) -> Result<Duration> {
    parse_duration(text).ok_or_else(|| {
        Error::usage(format!("`{text}` is not a time")).hint("write it like 60s, 5m or 1h")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_with_their_units_and_refused_without_sense() {
        assert_eq!(bytes("2GB").unwrap(), 2_000_000_000);
        assert_eq!(bytes("1.5GiB").unwrap(), 1_610_612_736);
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("5m").unwrap(), Duration::from_secs(300));
        for wrong in ["", "GB", "-1", "2 parsecs", "0"] {
            assert!(bytes(wrong).is_err() && duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "threads = 2\ntimezon = 'UTC'\n").unwrap();
        let error = read_file(&path).unwrap_err();
        assert_eq!(error.place().line, Some(2));
        assert_eq!(error.advice(), Some("did you mean `timezone`?"));
    }

    #[test]
    fn a_value_of_another_kind_is_told_in_plain_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        for (line, told) in [
            ("max_rows = 'x'", "`max_rows` is a whole number, and not string \"x\""),
            ("hints = 1", "`hints` is true or false, and not integer `1`"),
            ("timezone = true", "`timezone` is a text in quotes, and not boolean `true`"),
            ("colour = 'red'", "no setting `colour`"),
        ] {
            std::fs::write(&path, format!("\n{line}\n")).unwrap();
            let error = read_file(&path).unwrap_err();
            assert_eq!((error.message(), error.place().line), (told, Some(2)));
        }
    }

    #[test]
    fn a_value_that_means_nothing_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), "keys = 'nano'\n").unwrap();
        let environment =
            Environment { config_dir: Some(folder.path().to_owned()), ..Environment::default() };
        let error = Config::resolve(&Common::default(), &environment).unwrap_err();
        assert_eq!(error.message(), "no keys `nano`");
    }

    #[test]
    fn a_table_of_no_rows_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), "max_rows = 0\n").unwrap();
        let environment =
            Environment { config_dir: Some(folder.path().to_owned()), ..Environment::default() };
        let error = Config::resolve(&Common::default(), &environment).unwrap_err();
        assert_eq!(error.message(), "`max_rows` is at least 1");
    }

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), "threads = 3\ntimezone = 'UTC'\n")
            .unwrap();
        let environment =
            Environment { config_dir: Some(folder.path().to_owned()), ..Environment::default() };
        let common =
            Common { threads: Some(1), timeout: Some("9s".to_owned()), ..Common::default() };
        let variables = [("WEIKU_TIMEOUT".to_owned(), "9s".to_owned())].into();
        let environment = Environment { variables, ..environment };
        let config = Config::resolve(&common, &environment).unwrap();
        let origin = |name| config.origins.iter().find(|known| known.0 == name).unwrap().2;
        assert_eq!((origin("threads"), origin("timeout")), (Origin::Flag, Origin::Variable));
        assert_eq!((origin("timezone"), origin("null")), (Origin::File, Origin::Default));
        assert_eq!((config.settings.threads, config.settings.timezone.as_str()), (1, "UTC"));
        assert!(config.origins.contains(&("memory_limit", "none".to_owned(), Origin::Default)));
    }

    #[test]
    fn a_format_is_told_with_where_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let environment =
            Environment { config_dir: Some(folder.path().to_owned()), ..Environment::default() };
        for (written, shown) in [("", "box"), ("format = 'json'", "json")] {
            std::fs::write(folder.path().join("config.toml"), format!("{written}\n")).unwrap();
            let config = Config::resolve(&Common::default(), &environment).unwrap();
            let format = config.origins.iter().find(|known| known.0 == "format").unwrap();
            assert_eq!(format.1, format!("{shown} on a terminal, else csv"));
        }
    }

    #[test]
    fn queries_may_take_a_part_of_the_memory_that_is_there_unless_told_otherwise() {
        let environment = Environment { memory: Some(10_000_000_000), ..Environment::default() };
        for (given, limit, shown) in [
            (None, Some(7_000_000_000), "7000MB"),
            (Some("2GB"), Some(2_000_000_000), "2GB"),
            (Some("none"), None, "none"),
        ] {
            let common = Common { memory_limit: given.map(str::to_owned), ..Common::default() };
            let config = Config::resolve(&common, &environment).unwrap();
            assert_eq!(config.settings.memory_limit, limit, "{given:?}");
            let origin = config.origins.iter().find(|known| known.0 == "memory_limit").unwrap();
            assert_eq!(origin.1, shown);
        }
    }
}
