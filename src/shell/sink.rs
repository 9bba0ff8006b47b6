//! Where answers go: the terminal, a file, a program, and copies of them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::{Error, Kind, Result};
use crate::render::{
    self, BatchWriter, Format, OutputFile, Packer, Packing, is_broken_pipe, write_error,
};

/// Formats whose files hold one result and cannot be added to.
const WHOLE_FILES: &[&str] = &["parquet", "arrow", "json", "html"];

/// Suffixes of files that may hold what is seen on the terminal.
const PLAIN_SUFFIXES: &[&str] = &["txt", "text", "log", "out"];

/// Where one or all answers go instead of the terminal.
#[derive(Debug)]
pub(crate) enum Target {
    /// Into a file that appears when the answer is whole.
    File(PathBuf),
    /// At the end of an open file.
    Append(PathBuf, File),
    /// Into a program, which a shell starts.
    Program(String),
    /// One behind the other into a file that appears when the session is over.
    Whole(Whole),
}

/// The file that takes all answers of a session as one.
#[derive(Debug)]
pub(crate) struct Whole {
    /// The file, which whoever began it ends.
    file: Arc<OutputFile>,
    /// The format of all that goes into it.
    format: &'static Format,
    /// How many answers were begun in it.
    begun: AtomicUsize,
}

impl Whole {
    /// Where the next answer goes.
    ///
    /// # Errors
    /// When the format has no room for a second one, or the system no more file handles.
    fn next(&self) -> Result<render::Sink> {
        let before = self.begun.fetch_add(1, Ordering::Relaxed);
        if before > 0 && matches!(self.format.name, "parquet" | "arrow") {
            let path = self.file.path().display();
            let message = format!("{path} holds one answer, and there is a second");
            return Err(Error::usage(message).hint("write one statement, or a text format"));
        }
        self.file.writer()
    }
}

/// Where the answers of a session go.
#[derive(Debug, Default)]
pub(crate) struct Sinks {
    /// All answers from now on; `None` for the terminal.
    pub(crate) steady: Option<Target>,
    /// A copy of all answers.
    pub(crate) copy: Option<Target>,
    /// The next answer only.
    pub(crate) once: Option<Target>,
    /// Whether the format of the terminal was chosen, and is to hold for programs too.
    pub(crate) mode_is_chosen: bool,
}

/// One answer being written.
pub(crate) struct Writing {
    writers: Vec<Box<dyn BatchWriter>>,
    file: Option<OutputFile>,
    /// What packs the answer for files that are added to; each answer is a part of its
    /// own, which those who unpack put together.
    packers: Vec<Packer>,
    program: Option<Child>,
    /// Where it goes, if not to the terminal.
    pub(crate) to: Option<String>,
    /// Whether people see it on the terminal while it is written.
    pub(crate) streams_to_terminal: bool,
    /// Whether the terminal gets it in a format that says how much there is.
    pub(crate) says_counts: bool,
}

impl Target {
    /// The file at `path`, for the next answer, which is `shown` on the terminal.
    ///
    /// # Errors
    /// When there is no folder for it, and as for [`check_suffix`].
    pub(crate) fn file(path: PathBuf, shown: &'static Format) -> Result<Self> {
        check_suffix(&path, shown)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(missing) = folder.filter(|folder| !folder.is_dir()) {
            let error = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Error::io("write", &path, &error)
                .hint(format!("there is no folder {}", missing.display())));
        }
        Ok(Self::File(path))
    }

    /// The file at `path`, to which answers are added one after another.
    ///
    /// # Errors
    /// When it cannot be made, or its format holds one answer only, and as for
    /// [`check_suffix`].
    pub(crate) fn append(path: &Path, shown: &'static Format) -> Result<Self> {
        check_suffix(path, shown)?;
        if let Ok(format) = render::format_for_suffix(path)
            && WHOLE_FILES.contains(&format.name)
        {
            let error = Error::usage(format!("a {} file holds one answer only", format.name));
            return Err(error.hint(format!(".once {} takes the next answer", path.display())));
        }
        let file = File::create(path).map_err(|error| Error::io("write", path, &error))?;
        Ok(Self::Append(path.to_owned(), file))
    }

    /// `file`, of which each answer in `format` takes a part.
    pub(crate) fn whole(file: Arc<OutputFile>, format: &'static Format) -> Self {
        Self::Whole(Whole { file, format, begun: AtomicUsize::new(0) })
    }

    /// What to call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Append(path, _) => path.display().to_string(),
            Self::Program(command) => format!("|{command}"),
            Self::Whole(whole) => whole.file.path().display().to_string(),
        }
    }

    /// What to call it, with the format if a program takes the answer.
    pub(crate) fn told(&self, shown: &'static Format, is_chosen: bool) -> String {
        let name = self.name();
        match self {
            Self::Program(_) => format!("{name} as {}", self.format(shown, is_chosen).name),
            Self::File(_) | Self::Append(..) | Self::Whole(_) => name,
        }
    }

    /// The format of the answer: by the suffix, or else as on the terminal. A program
    /// reads no borders, so that unless somebody has chosen them it gets CSV; one that
    /// shows the answer to a person does.
    fn format(&self, shown: &'static Format, is_chosen: bool) -> &'static Format {
        let is_chosen = is_chosen || shown.name != render::FORMATS[0].name;
        match self {
            Self::File(path) | Self::Append(path, _) => {
                render::format_for_suffix(path).unwrap_or(shown)
            }
            Self::Program(command) if is_chosen || is_pager(command) => shown,
            Self::Program(_) => render::format("csv").unwrap_or(shown),
            Self::Whole(whole) => whole.format,
        }
    }
}

/// Programs that show what they read to a person.
const PAGERS: &[&str] = &["less", "more", "most", "lv", "bat", "pspg"];

/// Whether `command` begins with a program that shows what it reads to a person.
fn is_pager(command: &str) -> bool {
    let program = command.split_whitespace().next().map(Path::new).and_then(Path::file_name);
    program.is_some_and(|program| PAGERS.iter().any(|pager| program == *pager))
}

/// Refuses a file whose suffix promises a format that there is not, such as
/// `.xlsx`: it would hold a table drawn for people. Suffixes that promise nothing
/// are none of a format, and whoever has chosen one for programs gets that.
///
/// # Errors
/// With the suffixes that there are.
fn check_suffix(path: &Path, shown: &'static Format) -> Result<()> {
    let suffix = path.extension().and_then(|suffix| suffix.to_str()).map(str::to_lowercase);
    let promises = suffix.is_some_and(|suffix| !PLAIN_SUFFIXES.contains(&suffix.as_str()));
    match render::format_for_suffix(path) {
        Err(error) if promises && shown.for_people => Err(error),
        _ => Ok(()),
    }
}

impl Sinks {
    /// Whether the next answer is seen on the terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.once.is_none() && self.steady.is_none()
    }

    /// Starts to write an answer to wherever it goes.
    ///
    /// # Errors
    /// When a file or program cannot be written to.
    pub(crate) fn open(
        &mut self,
        terminal: Box<dyn Write + Send>,
        format: &'static Format,
        schema: &SchemaRef,
        shown: &render::Options,
    ) -> Result<Writing> {
        let mut writing = Writing {
            writers: Vec::new(),
            file: None,
            packers: Vec::new(),
            program: None,
            to: None,
            streams_to_terminal: false,
            says_counts: false,
        };
        let unbounded =
            render::Options { width: None, max_rows: usize::MAX, color: false, ..shown.clone() };
        let once = self.once.take();
        match once.as_ref().or(self.steady.as_ref()) {
            None => {
                writing.streams_to_terminal = !format.for_people;
                writing.says_counts = format.for_people;
                writing.writers.push((format.open)(terminal, schema, shown)?);
            }
            Some(target) => {
                writing.to = Some(target.name());
                let to = writing.start(target)?;
                let format = target.format(format, self.mode_is_chosen);
                writing.writers.push((format.open)(to, schema, &unbounded)?);
            }
        }
        if let Some(copy) = &self.copy {
            let to = writing.start(copy)?;
            let format = copy.format(format, self.mode_is_chosen);
            // A table for people would be padded to the longest of all texts.
            let width = shown.width.filter(|_| format.for_people);
            let unbounded = render::Options { width, ..unbounded };
            writing.writers.push((format.open)(to, schema, &unbounded)?);
        }
        Ok(writing)
    }
}

impl Writing {
    /// Where the bytes for `target` go.
    fn start(&mut self, target: &Target) -> Result<Box<dyn Write + Send>> {
        match target {
            Target::File(path) => {
                let file = OutputFile::create(path)?;
                let writer = file.writer()?;
                self.file = Some(file);
                Ok(writer)
            }
            Target::Append(path, file) => {
                let failed = |error: &std::io::Error| Error::io("write", path, error);
                let file = file.try_clone().map_err(|error| failed(&error))?;
                let (packing, _) = Packing::of(path);
                if packing == Packing::Not {
                    return Ok(Box::new(file));
                }
                let packer =
                    Packer::new(Box::new(file), packing).map_err(|error| failed(&error))?;
                self.packers.push(packer.clone());
                Ok(Box::new(packer))
            }
            Target::Program(command) => {
                let (child, input) = match is_pager(command) {
                    true => start_pager(command, 0)?,
                    false => start_program(command)?,
                };
                self.program = Some(child);
                Ok(input)
            }
            Target::Whole(whole) => whole.next(),
        }
    }

    /// Writes a batch. A program that has read enough is no error: then the
    /// answer is `false`, and no more need be written.
    ///
    /// # Errors
    /// When an output cannot be written.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<bool> {
        for writer in &mut self.writers {
            match writer.write(batch) {
                Err(error) if is_broken_pipe(&error) => return Ok(false),
                written => written?,
            }
        }
        Ok(true)
    }

    /// Takes back how to see what is left out.
    pub(crate) fn without_more(&mut self) {
        self.writers.iter_mut().for_each(|writer| writer.without_more());
    }

    /// Ends the answer: files get their name, programs are waited for.
    ///
    /// # Errors
    /// When an output cannot be written, or a program fails.
    pub(crate) fn finish(self) -> Result<()> {
        for writer in self.writers {
            match writer.finish() {
                Err(error) if is_broken_pipe(&error) => {}
                finished => finished?,
            }
        }
        for packer in self.packers {
            packer.finish().map_err(|error| write_error(&error))?;
        }
        if let Some(file) = self.file {
            file.finish()?;
        }
        match self.program {
            Some(child) => wait_for(child),
            None => Ok(()),
        }
    }

    /// Ends an answer that failed, of which no more comes: files do not get their name, and
    /// a program has its end before anything else is said.
    pub(crate) fn abandon(self) {
        let Self { writers, packers, program, .. } = self;
        // What it reads ends with these.
        drop((writers, packers));
        if let Some(mut child) = program {
            // Whatever becomes of it, the failure of the answer is what is told.
            let _ = child.wait();
        }
    }
}

/// What a shell adds to the number of the signal that ended a program.
const ENDED_BY_SIGNAL: i32 = 128;

/// The signal of Ctrl-C.
const INTERRUPT: i32 = 2;

/// Variables by which pagers are told to show colours and not to break lines, unless the
/// person has told them something else.
const PAGER_SETTINGS: [(&str, &str); 2] = [("LESS", "RS"), ("LV", "-c")];

/// The version of less since which it can keep lines in place.
const LESS_KEEPS_LINES: u32 = 600;

/// As [`start_program`], for a program that shows a table to a person, whose first lines,
/// so many, stay in place where the program is a less that can do so.
pub(crate) fn start_pager(
    command: &str,
    head_lines: usize,
) -> Result<(Child, Box<dyn Write + Send>)> {
    if head_lines > 0 && keeps_lines(command) {
        return start(&format!("{command} --header={head_lines}"), &PAGER_SETTINGS);
    }
    start(command, &PAGER_SETTINGS)
}

/// Whether `command` is nothing but a less that can keep lines in place.
fn keeps_lines(command: &str) -> bool {
    let Some(program) = plain_less(command) else { return false };
    let said = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    let version = said.ok().and_then(|said| less_version(&String::from_utf8_lossy(&said.stdout)));
    version.is_some_and(|version| version >= LESS_KEEPS_LINES)
}

/// The program of `command` if that is a less, with options at most, which say nothing
/// of lines that stay.
fn plain_less(command: &str) -> Option<&str> {
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || " -_./=+,".contains(sign);
    let mut words = command.split(' ').filter(|word| !word.is_empty());
    let program = words.next()?;
    let is_less = program == "less" || program.ends_with("/less");
    let is_plain = command.chars().all(is_plain)
        && words.all(|word| word.starts_with('-') && !word.starts_with("--header"));
    (is_less && is_plain).then_some(program)
}

/// The version that less tells: `less 643 (GNU regular expressions)`.
fn less_version(said: &str) -> Option<u32> {
    let number = said.strip_prefix("less ")?;
    number.split(|sign: char| !sign.is_ascii_digit()).next()?.parse().ok()
}

/// Starts `command` in a shell and returns it with its standard input.
pub(crate) fn start_program(command: &str) -> Result<(Child, Box<dyn Write + Send>)> {
    start(command, &[])
}

/// Starts `command` with those of `variables` that are not set.
fn start(command: &str, variables: &[(&str, &str)]) -> Result<(Child, Box<dyn Write + Send>)> {
    let unset = variables.iter().filter(|(name, _)| std::env::var_os(name).is_none());
    let failed = |why: &str| Error::usage(format!("cannot run `{command}`: {why}"));
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .envs(unset.copied())
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error.to_string()))?;
    let input = child.stdin.take().ok_or_else(|| failed("it takes no input"))?;
    Ok((child, Box::new(input)))
}

/// Waits until a program has ended.
///
/// # Errors
/// When it fails, or Ctrl-C ended it.
pub(crate) fn wait_for(mut child: Child) -> Result<()> {
    let status = child
        .wait()
        .map_err(|error| Error::usage(format!("cannot wait for the program: {error}")))?;
    match status.code() {
        Some(0) => Ok(()),
        _ if was_interrupted(status) => Err(Error::new(Kind::Cancelled, "cancelled")),
        Some(code) => Err(Error::usage(format!("the program ended with exit code {code}"))),
        None => Err(Error::usage("the program was stopped by a signal")),
    }
}

/// Whether Ctrl-C ended a program, or one that a shell waited for.
fn was_interrupted(status: ExitStatus) -> bool {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    signal == Some(INTERRUPT) || status.code() == Some(ENDED_BY_SIGNAL + INTERRUPT)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    #[test]
    fn a_file_in_a_folder_that_is_missing_is_refused_before_there_is_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let format = render::format("csv").unwrap();
        let missing = folder.path().join("nowhere").join("x.csv");
        let error = Target::file(missing, format).unwrap_err();
        assert!(error.message().contains("x.csv"), "{error}");
        assert!(Target::file(folder.path().join("x.csv"), format).is_ok());
        assert!(Target::file(PathBuf::from("x.csv"), format).is_ok());
    }

    #[test]
    fn a_program_gets_csv_unless_a_format_was_chosen_or_a_person_reads_on() {
        let format = |name| render::format(name).unwrap();
        for (command, shown, is_chosen, expected) in [
            ("wc -l", "box", false, "csv"),
            ("jq .", "jsonl", false, "jsonl"),
            ("wc -l", "box", true, "box"),
            ("wc -l", "vertical", false, "vertical"),
            ("less -S", "box", false, "box"),
            ("/usr/bin/less", "box", false, "box"),
            ("lessless", "box", false, "csv"),
        ] {
            let target = Target::Program(command.to_owned());
            let told = target.told(format(shown), is_chosen);
            assert_eq!(told, format!("|{command} as {expected}"));
        }
        let file = Target::File(PathBuf::from("x.tsv"));
        assert_eq!(file.told(format("box"), false), "x.tsv");
        assert_eq!(file.format(format("box"), false).name, "tsv");
    }

    #[test]
    fn only_a_less_that_can_is_told_to_keep_lines_in_place() {
        assert_eq!(less_version("less 590 (GNU regular expressions)\n"), Some(590));
        assert_eq!(less_version("less 608.3 (PCRE2 regular expressions)\n"), Some(608));
        assert_eq!(less_version("more from util-linux 2.37"), None);
        for (command, program) in
            [("less", "less"), ("less  -SRFX", "less"), ("/usr/bin/less -R", "/usr/bin/less")]
        {
            assert_eq!(plain_less(command), Some(program), "{command}");
        }
        for other in ["", "more", "lessless", "less | cat", "less --header=1", "less $A", "less a"]
        {
            assert_eq!(plain_less(other), None, "{other}");
        }
    }

    #[test]
    fn a_program_that_ctrl_c_ends_has_not_failed() {
        let ended = |command: &str| wait_for(start_program(command).unwrap().0);
        assert!(ended("true").is_ok());
        // As a shell tells it of the program that it waited for.
        assert_eq!(ended("exit 130").unwrap_err().kind(), Kind::Cancelled);
        let error = ended("kill -TERM $$").unwrap_err();
        assert!(error.kind() == Kind::Usage && error.message().contains("a signal"), "{error}");
        assert!(ended("exit 3").unwrap_err().message().contains("exit code 3"));
    }

    #[test]
    fn a_program_has_ended_when_the_answer_for_it_has_failed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("read");
        let command = format!("cat > '{}'", path.display());
        let mut sinks = Sinks { once: Some(Target::Program(command)), ..Sinks::default() };
        let array: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let batch = RecordBatch::try_from_iter([("n", array)]).unwrap();
        let (terminal, shown) = (Box::new(std::io::sink()), render::Options::default());
        let format = render::format("csv").unwrap();
        let mut writing = sinks.open(terminal, format, &batch.schema(), &shown).unwrap();
        assert!(writing.write(&batch).unwrap());
        writing.abandon();
        assert!(std::fs::read_to_string(path).unwrap().starts_with('n'));
    }

    #[test]
    fn all_answers_of_a_session_are_one_file_if_its_format_has_room() {
        let folder = tempfile::tempdir().unwrap();
        for (name, has_room) in [("all.csv", true), ("all.parquet", false)] {
            let path = folder.path().join(name);
            let file = Arc::new(OutputFile::create(&path).unwrap());
            let format = render::format_for_suffix(&path).unwrap();
            let target = Target::whole(Arc::clone(&file), format);
            let mut sinks = Sinks { steady: Some(target), ..Sinks::default() };
            let array: ArrayRef = Arc::new(Int64Array::from(vec![1]));
            let batch = RecordBatch::try_from_iter([("n", array)]).unwrap();
            let shown = render::Options::default();
            // Whatever the terminal has, the file has its own format.
            let json = render::format("json").unwrap();
            for is_second in [false, true] {
                let terminal = Box::new(std::io::sink());
                let writing = sinks.open(terminal, json, &batch.schema(), &shown);
                if is_second && !has_room {
                    let error = writing.err().unwrap();
                    assert!(error.message().contains("holds one answer"), "{error}");
                    continue;
                }
                let mut writing = writing.unwrap();
                assert!(writing.write(&batch).unwrap());
                writing.finish().unwrap();
            }
            assert!(!path.exists());
            drop(sinks);
            Arc::into_inner(file).unwrap().finish().unwrap();
            assert!(!has_room || std::fs::read_to_string(&path).unwrap() == "n\n1\nn\n1\n");
        }
    }

    #[test]
    fn tables_in_a_copy_are_as_wide_as_on_the_screen_and_data_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let long = "长".repeat(500);
        let array: ArrayRef = Arc::new(StringArray::from(vec![long.as_str()]));
        let batch = RecordBatch::try_from_iter([("text", array)]).unwrap();
        let shown = render::Options { width: Some(60), ..render::Options::default() };
        for (name, is_table) in [("copy.txt", true), ("copy.csv", false)] {
            let path = folder.path().join(name);
            let copy = Some(Target::append(&path, render::FORMATS[0]).unwrap());
            let mut sinks = Sinks { copy, ..Sinks::default() };
            let terminal = Box::new(std::io::sink());
            let mut writing =
                sinks.open(terminal, render::FORMATS[0], &batch.schema(), &shown).unwrap();
            assert!(writing.write(&batch).unwrap());
            writing.finish().unwrap();
            let copied = std::fs::read_to_string(&path).unwrap();
            assert_eq!(copied.contains(&long), !is_table, "{copied}");
            let is_narrow =
                copied.lines().all(|line| crate::text::width::display_width(line) <= 60);
            assert_eq!(is_narrow, is_table, "{copied}");
        }
    }

    #[test]
    fn answers_one_after_another_are_packed_into_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.csv.gz");
        let format = render::format("csv").unwrap();
        let target = Target::append(&path, format).unwrap();
        let mut sinks = Sinks { steady: Some(target), ..Sinks::default() };
        for number in [1, 2] {
            let array: ArrayRef = Arc::new(Int64Array::from(vec![number]));
            let batch = RecordBatch::try_from_iter([("n", array)]).unwrap();
            let shown = render::Options::default();
            let terminal = Box::new(std::io::sink());
            let mut writing = sinks.open(terminal, format, &batch.schema(), &shown).unwrap();
            assert!(writing.write(&batch).unwrap());
            writing.finish().unwrap();
        }
        let mut text = String::new();
        let mut unpacked = flate2::read::MultiGzDecoder::new(File::open(path).unwrap());
        unpacked.read_to_string(&mut text).unwrap();
        assert_eq!(text, "n\n1\nn\n2\n");
    }
}
