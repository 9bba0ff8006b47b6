//! The `weiku` program: reads the command line, does what it says, and leaves
//! with the exit code that stands for how it went.

use std::ffi::{OsString, c_int, c_long};
use std::io::IsTerminal;
use std::process::ExitCode;

use etcetera::{BaseStrategy, choose_base_strategy};
use weiku::catalog::available_memory;
use weiku::cli::{Cli, Errors, refusal};
use weiku::cluster::Secret;
use weiku::commands::{Program, execute};
use weiku::config::Environment;
use weiku::engine::{Process, remove_spilled};
use weiku::render::is_broken_pipe;
use weiku::{Error, Result};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// For how many milliseconds the allocator keeps what was freed. That is a second unless it is
/// told otherwise, and queries that follow each other then have a third more memory;
/// below twenty it costs a tenth of their processor time.
const KEPT_MS: c_long = 50;

/// The same where memory is short.
const KEPT_MS_WHEN_SHORT: c_long = 10;

/// Gives what was freed back to the system, now and from now on.
#[expect(unsafe_code, reason = "the allocator's crate leaves this out")]
fn give_back() {
    unsafe extern "C" {
        /// Of the allocator: collects what is free, with `force` all of it.
        fn mi_collect(force: bool);
    }
    keep_freed_for(KEPT_MS_WHEN_SHORT);
    // SAFETY: any thread may call it at any time.
    unsafe { mi_collect(true) }
}

/// Has the allocator keep what was freed for so many milliseconds.
#[expect(unsafe_code, reason = "the allocator's crate leaves this out")]
fn keep_freed_for(milliseconds: c_long) {
    /// The option that says so.
    const PURGE_DELAY: c_int = 15;
    unsafe extern "C" {
        /// Of the allocator: sets one of its options.
        fn mi_option_set(option: c_int, value: c_long);
    }
    // SAFETY: any thread may call it at any time.
    unsafe { mi_option_set(PURGE_DELAY, milliseconds) }
}

/// Room for the recursion of planning deep expressions; only what is used is
/// taken from the system.
const STACK_BYTES: usize = 64 << 20;

fn main() -> ExitCode {
    keep_freed_for(KEPT_MS);
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::read(arguments.iter().cloned()) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && Errors::asked(&arguments) == Errors::Json => {
            let program = Program { environment: environment() };
            program.report(&refusal(&error), Errors::Json);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let errors = cli.errors();
    let program = Program { environment: environment() };
    let outcome = runtime().and_then(|runtime| {
        let outcome = runtime.block_on(execute(cli, &program));
        // An operator that was cancelled while it computes is not waited for.
        runtime.shutdown_background();
        remove_spilled();
        outcome
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        // Whoever read the output has read enough, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            program.report(&error, errors);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Threads beyond one per core: a cancelled operator that computes without a
/// pause may hold a core's thread for seconds, and the next query must not wait
/// for it.
const SPARE_THREADS: usize = 2;

/// The threads on which queries run.
fn runtime() -> Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(cores + SPARE_THREADS)
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Error::internal(format!("cannot start threads: {error}")))
}

/// What surrounds the program; nothing else asks for it.
fn environment() -> Environment {
    let folders = choose_base_strategy().ok();
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    Environment {
        config_dir: folders.as_ref().map(|folders| folders.config_dir().join("weiku")),
        cache_dir: folders.as_ref().map(|folders| folders.cache_dir().join("weiku")),
        program: weiku::BUILD.to_owned(),
        state_dir: folders
            .and_then(|folders| folders.state_dir())
            .map(|folder| folder.join("weiku")),
        stdout_terminal: std::io::stdout().is_terminal(),
        stderr_terminal: std::io::stderr().is_terminal(),
        stdin_terminal: std::io::stdin().is_terminal(),
        no_color: dumb || set("NO_COLOR"),
        width: terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)),
        dumb,
        memory: available_memory(),
        process: Some(Process::this(give_back)),
        chinese: is_chinese(),
        token: std::env::var("WEIKU_TOKEN").ok().filter(|token| !token.is_empty()).map(Secret),
        variables: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("WEIKU_") && name != "WEIKU_TOKEN")
            .collect(),
    }
}

/// Whether the person's language is Chinese, as the system's rules have it: of
/// the three variables the first that is set counts.
fn is_chinese() -> bool {
    let mut variables = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter();
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    variables.find_map(set).is_some_and(|language| language.starts_with("zh"))
}
