//! `.edit`: edit the last statement, or a saved query, in your editor.

use std::io::Write;
use std::path::Path;
use std::process::Command as Program;

use async_trait::async_trait;

use super::{About, Command, Reach, permit};
use crate::error::{Error, Result};
use crate::queries::Origin;
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Edit;

static ABOUT: About = About {
    name: ".edit",
    aliases: &["\\e"],
    usage: "[NAME]",
    summary: "edit the last statement, or a saved query, in your editor",
    details: "The editor is VISUAL or EDITOR. The edited text comes back to the prompt; Enter runs it. \
              Ctrl-X Ctrl-E does the same with what is being typed.",
    takes: Takes::Query,
    reach: Reach::Writes,
};

#[async_trait(?Send)]
impl Command for Edit {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let name = arguments.trim_end_matches(';');
        if name.is_empty() {
            let text =
                shell.last.as_ref().map_or(String::new(), |(last, _)| format!("{};\n", last.sql));
            edit_text(shell, &text)?;
            return Ok(Flow::Continue);
        }
        let entry = shell.library.entries()?.into_iter().find(|entry| entry.name == name);
        match entry.map(|entry| entry.origin) {
            Some(Origin::File(path)) => {
                let before = std::fs::read(&path).ok();
                open(shell, &path)?;
                // One that is not well formed is complained of here.
                shell.library.get(name)?;
                let is_changed = std::fs::read(&path).ok() != before;
                let what = if is_changed { "changed" } else { "as it was" };
                shell.confirm(&format!("{} is {what}; .run {name} runs it", path.display()));
                shell.learn_everything().await;
            }
            Some(Origin::BuiltIn(_)) => {
                return Err(Error::usage(format!("{name} is built in and cannot be changed"))
                    .hint(format!(
                        ".show {name} shows it; run it and .save it under another name"
                    )));
            }
            // Says what is wrong with it, or names the nearest.
            Some(Origin::Outside(_) | Origin::Twice(_)) | None => {
                shell.library.get(name)?;
            }
        }
        Ok(Flow::Continue)
    }
}

/// Lets the person edit `text`; what comes back is typed at the next prompt.
pub(crate) fn edit_text(shell: &mut Shell<'_>, text: &str) -> Result<()> {
    permit(shell, ABOUT.name, ABOUT.reach)?;
    let failed =
        |error: std::io::Error| Error::usage(format!("cannot make a file to edit: {error}"));
    let mut file =
        tempfile::Builder::new().prefix("weiku-").suffix(".sql").tempfile().map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(failed)?;
    open(shell, file.path())?;
    let edited = std::fs::read_to_string(file.path()).map_err(failed)?;
    shell.initial = edited.trim_end().to_owned();
    Ok(())
}

/// Opens the file at `path` in the person's editor and waits.
fn open(shell: &Shell<'_>, path: &Path) -> Result<()> {
    // In a script it would wait for ever for somebody to type.
    if !shell.terminal.has_screen() {
        return Err(Error::usage("an editor needs a terminal")
            .hint("edit the file, and run it with -f or .read"));
    }
    let editor = shell.options.editor.as_deref().unwrap_or("vi");
    // The path is an argument of its own, so that no shell reads it.
    let status = Program::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(path)
        .status()
        .map_err(|error| Error::usage(format!("cannot run {editor}: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::usage(format!("{editor} did not end well"))
        .hint("set VISUAL or EDITOR to your editor"))
}
