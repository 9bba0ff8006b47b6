//! `weiku fmt`: lays files of SQL out, as `.format` does a statement.

use std::fs;
use std::path::{Path, PathBuf};

use super::{DONE, Exit, Program, say};
use crate::error::{Error, Kind, Result};
use crate::queries::script_at;
use crate::render::OutputFile;
use crate::shell;

/// Lays out the files at `paths`, and those below them that end in `.sql`; with `check` says
/// only which are otherwise.
pub(super) fn execute(paths: &[PathBuf], check: bool, program: &Program) -> Result<Exit> {
    let mut files = Vec::new();
    for path in paths {
        add(path, &mut files)?;
    }
    let mut others = 0;
    for file in &files {
        let (text, name) = (script_at(file)?, file.display().to_string());
        if shell::is_for_shell(&text) {
            let error = Error::usage("commands of the shell are not laid out");
            return Err(error.in_file(name));
        }
        let formatted = shell::file_laid_out(&name, &text).map_err(|error| error.in_file(&name))?;
        if formatted == text {
            continue;
        }
        others += 1;
        if check {
            say(&mut program.stderr(), &format!("{name} is laid out otherwise\n"))?;
        } else {
            OutputFile::create(file)?.fill(formatted.as_bytes())?;
            say(&mut program.stderr(), &format!("{name} is laid out now\n"))?;
        }
    }
    let (files, done) = (files.len(), if check { "to be laid out" } else { "laid out" });
    let s = if files == 1 { "" } else { "s" };
    say(&mut program.stderr(), &format!("{files} file{s}, {others} {done}\n"))?;
    Ok(if check && others > 0 { Kind::Query.exit_code() } else { DONE })
}

/// Adds the file at `path`, or the files of SQL below it in the order of their names.
fn add(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |error: &std::io::Error| Error::io("read", path, error);
    if !fs::metadata(path).map_err(|error| failed(&error))?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(|error| failed(&error))?;
    let mut entries =
        entries.collect::<std::io::Result<Vec<_>>>().map_err(|error| failed(&error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        // A link may lead in a circle.
        let kind = entry.file_type().map_err(|error| failed(&error))?;
        let is_sql = entry.path().extension().is_some_and(|suffix| suffix == "sql");
        if kind.is_dir() || (kind.is_file() && is_sql) {
            add(&entry.path(), files)?;
        }
    }
    Ok(())
}
