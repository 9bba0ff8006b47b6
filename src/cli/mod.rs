//! What can be typed on the command line; [`crate::config`] resolves it.

mod meant;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::error::{Error, Result};
pub use meant::{command_meant, is_statement, refusal};

/// The `weiku` command line.
#[derive(Debug, Parser)]
#[command(
    name = "weiku",
    version,
    long_version = crate::BUILD,
    about = "weiku (微库): an embedded analytics database for micro-blog accounts and posts",
    long_about = "weiku (微库) takes what crawlers export, stores accounts and posts as Parquet, and \
                  answers in SQL.\n\nWithout a command it opens the SQL shell, or runs what -c, -f or \
                  standard input say.",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "exit codes: 0 done, 1 a query or an import failed, 2 usage or a missing file, 3 an \
                  expectation failed,\n4 a limit was hit, 5 busy or unreachable, 124 timeout, 130 Ctrl-C"
)]
pub struct Cli {
    /// What to do, other than to query.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to query, when there is no command.
    #[command(flatten)]
    pub query: Query,
}

/// `weiku [DB] [-c SQL | -f FILE ...]`.
#[derive(Debug, Default, Args)]
pub struct Query {
    /// The database: a folder, or `s3://bucket/path`; without it, an empty session over ad hoc files
    #[arg(value_name = "DB")]
    pub database: Option<PathBuf>,
    /// Run SQL and leave; may be repeated, also with -f, in the given order
    ///
    /// What is piped in is the table `stdin`, packed or not, as in
    /// `weiku -c "SELECT count(*) FROM stdin" < posts.csv.gz`.
    #[arg(
        short = 'c',
        long = "command",
        value_name = "SQL",
        allow_hyphen_values = true,
        value_parser = sql
    )]
    commands: Vec<String>,
    /// Run the statements of a file and leave; may be repeated; - is standard input
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What -c and -f say, in the order in which they were typed.
    #[arg(skip)]
    pub scripts: Vec<Script>,
    /// Go on after a failed statement; the exit code still tells of it
    #[arg(long)]
    pub keep_going: bool,
    /// Describe all flags, commands, formats and exit codes as JSON
    #[arg(long, exclusive = true)]
    pub spec: bool,
    /// Do not read the init file
    ///
    /// It is `init.sql` in the folder of the configuration, `~/.config/weiku` unless
    /// `XDG_CONFIG_HOME` says otherwise: commands and statements that the shell runs before
    /// the first prompt. `weiku config show` tells where it is looked for.
    #[arg(long)]
    pub no_init: bool,
    /// What is shared by all that query.
    #[command(flatten)]
    pub common: Common,
    /// How answers are written.
    #[command(flatten)]
    pub output: Output,
}

/// One piece of SQL to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// Typed after -c.
    Text(String),
    /// A file after -f; `-` is standard input.
    File(PathBuf),
}

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// When it cannot be read, or asks for help: the error prints itself.
    pub fn read(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> std::result::Result<Self, clap::Error> {
        let arguments = meant::asking_for_help(arguments.into_iter().collect());
        let matches = matches(&arguments)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        cli.query.put_scripts_in_order(&matches);
        Ok(cli)
    }
}

/// What clap makes of `arguments`, of which a statement may stand behind the database
/// as if -c stood before it.
fn matches(arguments: &[OsString]) -> std::result::Result<ArgMatches, clap::Error> {
    let line = Cli::command();
    let read = line.clone().try_get_matches_from(arguments);
    let read = read.map_err(|error| meant::explained(error, &line, arguments));
    read.or_else(|error| match meant::with_statement(&error, arguments) {
        // Where there is no -c, nobody has typed one.
        Some(with_c) => matches(&with_c)
            .map_err(|other| if meant::is_about(&other, "-c") { error } else { other }),
        None => Err(error),
    })
}

/// The SQL behind -c. It may begin with a comment, and so as a flag does; a flag itself
/// would be a comment that does nothing.
fn sql(text: &str) -> std::result::Result<String, String> {
    match text.starts_with('-') && !text.contains(char::is_whitespace) {
        true => Err("-c takes SQL, and this is a flag".to_owned()),
        false => Ok(text.to_owned()),
    }
}

impl Query {
    /// The shell over `database`, as if nothing else had been typed.
    #[must_use]
    pub fn shell(database: &Path, common: &Common) -> Self {
        Self { database: Some(database.to_owned()), common: common.clone(), ..Self::default() }
    }

    fn put_scripts_in_order(&mut self, matches: &ArgMatches) {
        let places = |id: &str| matches.indices_of(id).into_iter().flatten();
        let texts = self.commands.drain(..).map(Script::Text);
        let files = self.files.drain(..).map(Script::File);
        let mut scripts: Vec<(usize, Script)> =
            places("commands").zip(texts).chain(places("files").zip(files)).collect();
        scripts.sort_by_key(|(place, _)| *place);
        self.scripts = scripts.into_iter().map(|(_, script)| script).collect();
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build the sample database and print the ministry report of 2012
    Demo {
        /// The folder to build it in; one that is there is used again
        #[arg(value_name = "DB", default_value = "weiku-demo")]
        database: PathBuf,
        /// What is shared by all that query.
        #[command(flatten)]
        common: Common,
    },
    /// Take in the exports of crawlers
    Import(Import),
    /// Run saved queries: one, several, or a folder
    Run(Run),
    /// Make a report of saved queries as one HTML or Markdown file
    Report(Report),
    /// Check saved queries without running them
    Lint {
        /// Files or folders of saved queries
        #[arg(value_name = "PATH", required = true)]
        queries: Vec<String>,
        /// The database to plan them against
        #[arg(long, value_name = "DB")]
        database: Option<PathBuf>,
        /// What is shared by all that query.
        #[command(flatten)]
        common: Common,
    },
    /// Lay out files of SQL: blanks, line ends, and keywords in capitals
    Fmt {
        /// Files, or folders of files that end in `.sql`
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
        /// Change nothing, and exit with 1 if a file is laid out otherwise
        #[arg(long)]
        check: bool,
    },
    /// Make a sample world of accounts and posts
    Generate(Generate),
    /// Merge small data files, pack all tightly, and drop those no longer needed
    Optimize {
        /// The database folder
        #[arg(value_name = "DB")]
        database: PathBuf,
    },
    /// Read everything and name each damaged file
    Verify {
        /// The database folder
        #[arg(value_name = "DB")]
        database: PathBuf,
        /// Mend what can be mended; says first what that is
        #[arg(long)]
        repair: bool,
    },
    /// List the commits of a database
    #[command(after_help = "Each table has versions of its own. To ask a table as it was:\n  \
        SELECT count(*) FROM posts FOR VERSION AS OF 3\n  \
        SELECT count(*) FROM posts FOR TIMESTAMP AS OF '2012-08-27 18:00:00'\n\
        Views have no versions. `weiku optimize` removes what for a week no current version has named.")]
    History {
        /// The database folder
        #[arg(value_name = "DB")]
        database: PathBuf,
        /// One table only
        #[arg(value_name = "TABLE")]
        table: Option<String>,
        /// How the list is written.
        #[command(flatten)]
        output: Output,
    },
    /// List the import formats with their columns
    Formats {
        /// How the list is written.
        #[command(flatten)]
        output: Output,
    },
    /// List weiku's own SQL functions with examples
    Functions {
        /// How the list is written.
        #[command(flatten)]
        output: Output,
    },
    /// Show or check the resolved configuration
    Config {
        /// What to do with it
        #[arg(value_enum, default_value = "show")]
        action: ConfigAction,
        /// What is shared by all that query.
        #[command(flatten)]
        common: Common,
    },
    /// Run parts of queries for other machines, until Ctrl-C
    Worker(Worker),
    /// Print the manual page, of the program or of one command
    Man {
        /// The command
        #[arg(value_name = "COMMAND")]
        command: Option<String>,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
}

/// What `weiku config` does.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ConfigAction {
    /// Print each setting, its value and where it comes from
    Show,
    /// Check the configuration file
    Check,
}

/// `weiku import DB FILE...`.
#[derive(Debug, Args)]
#[command(
    after_help = "exit codes: 0 all was taken; rows that make no sense do not change that: they are counted, and kept in\n\
                  the table rejects. 1 a file could not be taken; the others were. In a folder or an archive, files\n\
                  that no format knows are left alone and named. 2 usage, or a file is not there: nothing was imported.\n\
                  4 disk full, 5 another process writes, 130 Ctrl-C: the files told of before are in\n\n\
                  Files are read in the order of their names, 2 before 10. Of a post that several hold, the latest look\n\
                  counts: by --observed-at, else the time in the record, else the time at which the file was changed; of files\n\
                  changed within a minute, the one read last"
)]
pub struct Import {
    /// The database: a folder, or `s3://bucket/path`; made when it is not there
    #[arg(value_name = "DB")]
    pub database: PathBuf,
    /// Files, folders and globs; - is standard input
    #[arg(value_name = "FILE", required_unless_present = "rejects")]
    pub files: Vec<PathBuf>,
    /// Read the rows again that earlier imports rejected and no later one took
    #[arg(long, conflicts_with_all = ["files", "dry_run"])]
    pub rejects: bool,
    /// The format, when it is not to be recognised from the content; or the path of a mapping file
    #[arg(long, value_name = "F")]
    pub format: Option<String>,
    /// The account of posts in files that do not name it
    #[arg(long, value_name = "ID")]
    pub account_id: Option<String>,
    /// The platform of files that do not imply it
    #[arg(long, value_name = "P")]
    pub platform: Option<String>,
    /// Also take posts that were not public, where the format tells
    #[arg(long)]
    pub include_private: bool,
    /// When the content was captured, in the session time zone; default the file's own time
    #[arg(long, value_name = "TIME")]
    pub observed_at: Option<String>,
    /// Show the account of rows and some samples, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The time zone of --observed-at, and of the times that --dry-run shows
    #[arg(long, value_name = "ZONE", env = "WEIKU_TIMEZONE")]
    pub timezone: Option<String>,
    /// Say only what went wrong
    #[arg(short, long)]
    pub quiet: bool,
    /// How errors are written
    #[arg(long, value_enum, default_value = "text")]
    pub errors: Errors,
}

/// `weiku run DB QUERY...`.
#[derive(Debug, Args)]
pub struct Run {
    /// The database folder
    #[arg(value_name = "DB")]
    pub database: PathBuf,
    /// Saved queries by name, files, or folders of them
    #[arg(value_name = "QUERY")]
    pub queries: Vec<String>,
    /// Go on with the other queries after one fails
    #[arg(long)]
    pub keep_going: bool,
    /// Run the expectations and say how they came out; exit 3 when one fails
    #[arg(long)]
    pub check: bool,
    /// Only queries that carry a tag
    #[arg(long, value_name = "tag:NAME")]
    pub select: Option<String>,
    /// Plan everything, run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Tries after the first for a query that fails for want of resources
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retries: u32,
    /// Run only what failed in the run kept in DIR; without DIR, in that of -o
    #[arg(long, value_name = "DIR")]
    pub rerun_failed: Option<Option<PathBuf>>,
    /// Say what changed since the run kept in DIR
    #[arg(long, value_name = "DIR")]
    pub against: Option<PathBuf>,
    /// Make this run's results the baseline
    #[arg(long)]
    pub accept: bool,
    /// Run again what has not changed since the last run
    #[arg(long)]
    pub fresh: bool,
    /// Write the charts of queries that have one beside their results
    #[arg(long, value_name = "svg|png")]
    pub charts: Option<String>,
    /// What is shared by all that query.
    #[command(flatten)]
    pub common: Common,
    /// How answers are written; -o names a folder, or for one query a file, whose suffix chooses the format.
    #[command(flatten)]
    pub output: Output,
}

/// `weiku report DB QUERY... -o FILE`.
#[derive(Debug, Args)]
pub struct Report {
    /// The database folder
    #[arg(value_name = "DB")]
    pub database: PathBuf,
    /// Saved queries by name, files, or folders of them
    #[arg(value_name = "QUERY", required = true)]
    pub queries: Vec<String>,
    /// The file to write: .html or .md
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The title of the report
    #[arg(long)]
    pub title: Option<String>,
    /// Exit 3 when an expectation fails
    #[arg(long)]
    pub check: bool,
    /// What is shared by all that query.
    #[command(flatten)]
    pub common: Common,
}

/// `weiku generate DB`.
#[derive(Debug, Args)]
pub struct Generate {
    /// The database folder, which must not be there; with --as, the folder for export files
    #[arg(value_name = "DB")]
    pub database: PathBuf,
    /// How large: s 44 accounts and 200,000 posts, m 5,000 and 2 million, l 50,000 and 35 million
    #[arg(long, value_name = "s|m|l", default_value = "s")]
    pub scale: String,
    /// Which world; the same seed gives the same rows
    #[arg(long, default_value_t = 2012)]
    pub seed: u64,
    /// Print what was asked of the distributions beside what came out
    #[arg(long)]
    pub check: bool,
    /// Write the world as export files of this format instead of a database
    #[arg(long = "as", value_name = "FORMAT")]
    pub export: Option<String>,
    /// Say only what went wrong
    #[arg(short, long)]
    pub quiet: bool,
}

/// `weiku worker`.
#[derive(Debug, Args)]
pub struct Worker {
    /// Where to listen; other machines are let in only with a token or certificates
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9101")]
    pub listen: String,
    /// A folder to read, or a database in object storage; nothing outside is read, whatever a query
    /// says; may be repeated; default the current folder
    #[arg(long = "root", value_name = "PLACE")]
    pub roots: Vec<PathBuf>,
    /// Memory for queries, such as 2GB, or none; what does not fit is spilled or refused; default 70 %
    /// of what is free
    #[arg(short = 'm', long, value_name = "SIZE", env = "WEIKU_MEMORY_LIMIT")]
    pub memory_limit: Option<String>,
    /// Where what does not fit goes, and how much of it.
    #[command(flatten)]
    pub spill: Spill,
    /// Threads for queries
    #[arg(short = 'j', long, value_name = "N", env = "WEIKU_THREADS")]
    pub threads: Option<usize>,
    /// Whom to let in.
    #[command(flatten)]
    pub trust: Trust,
}

/// Where rows go that do not fit into `--memory-limit`.
#[derive(Debug, Clone, Default, Args)]
pub struct Spill {
    /// Disk space for what does not fit into the memory limit; default 20GB
    #[arg(long, value_name = "SIZE", env = "WEIKU_SPILL_LIMIT")]
    pub spill_limit: Option<String>,
    /// The folder for what does not fit into the memory limit; default that for temporary files
    #[arg(long, value_name = "DIR", env = "WEIKU_SPILL_DIR")]
    pub spill_dir: Option<PathBuf>,
}

/// How sessions and workers know one another.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Workers")]
pub struct Trust {
    /// The file of the token that all processes of a cluster have; or set `WEIKU_TOKEN` to it
    #[arg(long, value_name = "FILE", env = "WEIKU_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Our certificate, in PEM
    #[arg(long, value_name = "FILE", env = "WEIKU_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", env = "WEIKU_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// The authority that signed everybody's certificate
    #[arg(long, value_name = "FILE", env = "WEIKU_TLS_CA")]
    pub tls_ca: Option<PathBuf>,
}

/// Flags shared by all that query.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    /// A value for a parameter of a saved query or of SQL that says $NAME
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// The folder of saved queries that is looked in first
    #[arg(long, value_name = "DIR", env = "WEIKU_QUERIES")]
    pub queries_dir: Option<PathBuf>,
    /// Memory for queries and for the columns held between them, such as 2GB, or none; what does not
    /// fit is given up, spilled or refused; default 70 % of what is free
    #[arg(short = 'm', long, value_name = "SIZE", env = "WEIKU_MEMORY_LIMIT")]
    pub memory_limit: Option<String>,
    /// Where what does not fit goes, and how much of it.
    #[command(flatten)]
    pub spill: Spill,
    /// Threads for queries
    #[arg(short = 'j', long, value_name = "N", env = "WEIKU_THREADS")]
    pub threads: Option<usize>,
    /// The longest a statement may run, such as 60s or 5m
    #[arg(long, value_name = "TIME", env = "WEIKU_TIMEOUT")]
    pub timeout: Option<String>,
    /// Write no file but that of -o: refuse COPY, .output, .save and their like
    #[arg(long)]
    pub readonly: bool,
    /// Refuse all files outside the database and --allow, and what could lift that
    #[arg(long)]
    pub safe: bool,
    /// A folder that --safe may read as well; may be repeated
    #[arg(long, value_name = "DIR")]
    pub allow: Vec<PathBuf>,
    /// The time zone that rules dates; default Asia/Shanghai
    #[arg(long, value_name = "ZONE", env = "WEIKU_TIMEZONE")]
    pub timezone: Option<String>,
    /// Disk space for answers that are given again while nothing has changed; default 500MB;
    /// off keeps none
    #[arg(long, value_name = "SIZE|off", env = "WEIKU_RESULT_CACHE")]
    pub result_cache: Option<String>,
    /// Whether to use colour
    #[arg(long, value_enum, default_value = "auto")]
    pub color: When,
    /// Whether to show the progress of long queries
    #[arg(long, value_enum, default_value = "auto")]
    pub progress: When,
    /// How errors are written
    #[arg(long, value_enum, default_value = "text")]
    pub errors: Errors,
    /// No banner, timing or progress
    #[arg(short, long)]
    pub quiet: bool,
    /// Workers that run parts of large queries
    #[arg(
        long,
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        env = "WEIKU_WORKERS",
        help_heading = "Workers"
    )]
    pub workers: Vec<String>,
    /// A query gets one worker more for so much that it reads; default 32MB
    #[arg(long, value_name = "SIZE", env = "WEIKU_BYTES_PER_WORKER", help_heading = "Workers")]
    pub bytes_per_worker: Option<String>,
    /// How workers know us.
    #[command(flatten)]
    pub trust: Trust,
}

impl Common {
    /// Name and text of each `-p NAME=VALUE`.
    ///
    /// # Errors
    /// When one gives no value.
    pub fn given(&self) -> Result<Vec<(String, String)>> {
        let pair = |pair: &String| {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                Error::usage(format!("`-p {pair}` gives no value"))
                    .hint("write it as -p name=value")
            })?;
            Ok((name.trim_start_matches('$').to_owned(), value.to_owned()))
        };
        self.params.iter().map(pair).collect()
    }
}

/// Flags on how answers are written.
#[derive(Debug, Clone, Default, Args)]
pub struct Output {
    /// The output format: box on a terminal and csv elsewhere unless said otherwise
    #[arg(long, value_name = "F")]
    pub format: Option<String>,
    /// Same as --format csv
    #[arg(long, group = "shortcut")]
    pub csv: bool,
    /// Same as --format json
    #[arg(long, group = "shortcut")]
    pub json: bool,
    /// Same as --format jsonl
    #[arg(long, group = "shortcut")]
    pub jsonl: bool,
    /// Same as --format markdown
    #[arg(long, group = "shortcut")]
    pub markdown: bool,
    /// Same as --format box
    #[arg(long = "box", group = "shortcut")]
    pub boxed: bool,
    /// Write to a file; its suffix chooses the format
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl Output {
    /// The name of the format that was asked for by flag, if any.
    #[must_use]
    pub fn format_name(&self) -> Option<&str> {
        let shortcuts = [
            (self.csv, "csv"),
            (self.json, "json"),
            (self.jsonl, "jsonl"),
            (self.markdown, "markdown"),
            (self.boxed, "box"),
        ];
        let shortcut = shortcuts.into_iter().find(|(asked, _)| *asked).map(|(_, name)| name);
        self.format.as_deref().or(shortcut)
    }
}

/// When to do something that suits a terminal only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// When writing to a terminal
    #[default]
    Auto,
    /// In any case
    Always,
    /// Not at all
    Never,
}

/// How errors are written to standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Errors {
    /// For people
    #[default]
    Text,
    /// One JSON object per error
    Json,
}

impl Errors {
    /// How a command line that cannot be read as a whole would have them.
    #[must_use]
    pub fn asked(arguments: &[OsString]) -> Self {
        let mut flags = arguments.iter().skip(1).take_while(|word| *word != "--");
        while let Some(word) = flags.next() {
            if word == "--errors=json"
                || word == "--errors" && flags.next().is_some_and(|how| how == "json")
            {
                return Self::Json;
            }
        }
        Self::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_run_in_the_order_in_which_they_are_typed() {
        let line = ["weiku", "db", "-f", "a.sql", "-c", "select 1", "-f", "b.sql"];
        let cli = Cli::read(line.map(OsString::from)).unwrap();
        let expected = [
            Script::File("a.sql".into()),
            Script::Text("select 1".to_owned()),
            Script::File("b.sql".into()),
        ];
        assert_eq!(cli.query.scripts, expected);
    }

    #[test]
    fn a_statement_may_begin_with_a_comment_and_stand_behind_the_database() {
        let read = |line: &[&str]| Cli::read(line.iter().map(OsString::from));
        let scripts = |line: &[&str]| read(line).unwrap().query.scripts;
        let text = |text: &str| Script::Text(text.to_owned());
        let commented = "-- of the month\nselect 1";
        assert_eq!(scripts(&["weiku", "db", "-c", commented]), [text(commented)]);
        assert_eq!(scripts(&["weiku", "db", "-c", commented, "-q"]), [text(commented)]);
        for flag in ["-q", "--json", "--"] {
            let error = read(&["weiku", "db", "-c", flag]).unwrap_err();
            assert!(error.to_string().contains("this is a flag"), "{error}");
        }
        for sql in ["select 1", "FROM posts", ".tables post*"] {
            assert_eq!(scripts(&["weiku", "db", sql, "--json"]), [text(sql)]);
        }
        let several = ["weiku", "--csv", "db", "-c", "select 1", "select 2", "select 2"];
        assert_eq!(scripts(&several), [text("select 1"), text("select 2"), text("select 2")]);
        for word in ["posts", "a file.csv", "select"] {
            assert!(read(&["weiku", "db", word]).is_err(), "{word}");
        }
        let error = read(&["weiku", "verify", "db", "select 1"]).unwrap_err().to_string();
        assert!(error.contains("'select 1'") && !error.contains("'-c'"), "{error}");
    }

    #[test]
    fn a_line_that_cannot_be_read_still_says_how_errors_are_wanted() {
        for (line, expected) in [
            (&["weiku", "--nope", "--errors", "json"][..], Errors::Json),
            (&["weiku", "--errors=json", "--nope"], Errors::Json),
            (&["weiku", "--nope", "--errors", "text"], Errors::Text),
            (&["weiku", "--nope", "--", "--errors=json"], Errors::Text),
            (&["weiku", "--nope", "--errors"], Errors::Text),
        ] {
            let line: Vec<OsString> = line.iter().map(OsString::from).collect();
            assert_eq!(Errors::asked(&line), expected, "{line:?}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
