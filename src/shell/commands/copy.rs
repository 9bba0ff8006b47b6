//! `.copy`: put the last answer, or the last statement, into the clipboard.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{About, Command, Reach, misused};
use crate::error::{Error, Result};
use crate::render::{self, group_digits, write_error};
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Copy;

static ABOUT: About = About {
    name: ".copy",
    aliases: &[],
    usage: "[FORMAT | query]",
    summary: "put the last answer, or the last statement, into the clipboard",
    details: "It is written as TSV, which spreadsheets take, or in the FORMAT. The terminal must allow it \
              (OSC 52): most do, also over ssh; tmux with `set -g set-clipboard on`.",
    takes: Takes::Choice(&["query", "csv", "json", "markdown", "tsv"]),
    reach: Reach::Session,
};

/// Bytes that are copied at most: terminals ignore what is much longer.
const MOST_BYTES: usize = 1 << 20;

#[async_trait(?Send)]
impl Command for Copy {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let (text, what) = match arguments.trim_end_matches(';') {
            "query" => match &shell.last {
                Some((last, _)) => (format!("{};", last.sql).into_bytes(), "the statement"),
                None => return Err(Error::usage("there is no last statement")),
            },
            "" => (answer(shell, "tsv")?, "the answer"),
            format => (answer(shell, format)?, "the answer"),
        };
        if !shell.terminal.has_screen() {
            return Err(Error::usage(".copy needs a terminal"));
        }
        if text.len() > MOST_BYTES {
            let bytes = group_digits(text.len() as u64);
            return Err(Error::usage(format!("{bytes} bytes are too many for a clipboard"))
                .hint(".once FILE writes the next answer to a file"));
        }
        let mut out = shell.terminal.out();
        write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(&text))
            .and_then(|()| out.flush())
            .map_err(|error| write_error(&error))?;
        let bytes = group_digits(text.len() as u64);
        shell.confirm(&format!("{what} is in the clipboard, {bytes} bytes"));
        Ok(Flow::Continue)
    }
}

/// The last answer in a text format.
fn answer(shell: &mut Shell<'_>, format: &str) -> Result<Vec<u8>> {
    shell.tell_if_older("this");
    let kept = shell.last_answer()?;
    let format = render::format(format)?;
    if matches!(format.name, "parquet" | "arrow") {
        return Err(misused(&ABOUT));
    }
    let Some(batches) = kept.rows.in_memory() else {
        return Err(Error::usage("the answer is too large for a clipboard")
            .hint("COPY (SELECT * FROM _) TO 'FILE' writes it to a file"));
    };
    let page = Page::default();
    let options = render::Options {
        width: None,
        max_rows: usize::MAX,
        color: false,
        more: None,
        ..shell.shown()
    };
    let mut writer = (format.open)(Box::new(page.clone()), &kept.schema, &options)?;
    batches.iter().try_for_each(|batch| writer.write(batch))?;
    writer.finish()?;
    let bytes = page.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(bytes.clone())
}

/// Text in memory.
#[derive(Debug, Default, Clone)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
