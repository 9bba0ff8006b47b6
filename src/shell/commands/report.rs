//! `.report`: run saved queries and hand their results over as a report.

use std::path::PathBuf;

use async_trait::async_trait;

use super::{About, Command, Reach, misused, path_of, split_words};
use crate::Database;
use crate::batch::{self, Cancel, Lines, Live, Output};
use crate::error::{Error, Kind, Result};
use crate::queries::Clock;
use crate::render::visible;
use crate::report::{self, Cover, Destination};
use crate::shell::complete::catalog::Takes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Report;

static ABOUT: About = About {
    name: ".report",
    aliases: &[],
    usage: "FOLDER | NAME ... FILE [PARAMETER=VALUE ...]",
    summary: "run saved queries and write a report of their results",
    details: "FILE ends in .html or .md, and -o may stand before it.\n.report ministry_report r.html\n.report daily/top_tags tags.md n=20",
    takes: Takes::Query,
    reach: Reach::Writes,
};

#[async_trait(?Send)]
impl Command for Report {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let Asked { queries, file, given } = read(arguments)?;
        let Some(path) = shell.options.database.clone() else {
            return Err(Error::usage(".report needs a database")
                .hint("give its folder at the start, as in `weiku DB`"));
        };
        let destination = Destination::open(&file)?;
        let database = Database::open(&path).await?;
        let settings = shell.session.settings().clone();
        let clock = Clock::new(batch::now(), &settings.timezone)?;
        let cancel = Cancel::default();
        let options = batch::Options {
            given,
            jobs: settings.threads,
            timeout: settings.timeout,
            settings,
            cancel: cancel.clone(),
            ..batch::Options::default()
        };
        let (plan, cover) = report::plan(&shell.library, &queries, options, &clock)?;
        let made = gather(shell, &database, &plan, &cover, &cancel).await?;
        if made.summary().exit_code() == Kind::Cancelled.exit_code() {
            return Err(Error::new(Kind::Cancelled, "cancelled, and no report is written"));
        }
        let line = made.summary().line();
        made.write(destination)?;
        shell.note(&format!("{}: {line}", visible(&file.display().to_string())));
        Ok(Flow::Continue)
    }
}

/// What was typed behind `.report`.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    queries: Vec<String>,
    file: PathBuf,
    given: Vec<(String, String)>,
}

fn read(arguments: &str) -> Result<Asked> {
    let mut names = Vec::new();
    let mut given = Vec::new();
    let mut file = None;
    let mut words = split_words(arguments.trim_end_matches(';'))?.into_iter();
    while let Some(word) = words.next() {
        if word == "-o" && file.is_none() {
            file = Some(words.next().ok_or_else(|| misused(&ABOUT))?);
            continue;
        }
        match word.split_once('=') {
            Some((name, value)) => given.push((name.to_owned(), value.to_owned())),
            None => names.push(word),
        }
    }
    match file.or_else(|| names.pop()) {
        Some(file) if !names.is_empty() => {
            Ok(Asked { queries: names, file: path_of(&file), given })
        }
        _ => Err(misused(&ABOUT)),
    }
}

/// Runs the queries, or stops at Ctrl-C; failures are told as they come.
async fn gather(
    shell: &mut Shell<'_>,
    database: &Database,
    plan: &batch::RunPlan,
    cover: &Cover,
    cancel: &Cancel,
) -> Result<report::Report> {
    let mut talk = shell.terminal.err();
    let mut output: Box<dyn Output> = if shell.options.progress && shell.terminal.is_live() {
        Box::new(Live::new(plan.count()))
    } else {
        Box::new(Lines::new(&mut *talk, Box::new(std::io::sink())).quiet())
    };
    shell.interrupts.clear();
    let mut gathering = Box::pin(report::gather(database, plan, cover, &mut *output));
    loop {
        tokio::select! {
            made = &mut gathering => return made,
            () = shell.interrupts.pressed() => cancel.cancel(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_last_name_is_the_file_wherever_parameters_stand() {
        let asked = read("daily n=20 weekly 'my report.html' day=today;").unwrap();
        assert_eq!(asked.queries, ["daily", "weekly"]);
        assert_eq!(asked.file.to_str(), Some("my report.html"));
        assert_eq!(asked.given.len(), 2);
        assert!(read("r.html").is_err() && read("").is_err());
    }

    #[test]
    fn the_file_may_stand_behind_o_as_for_charts() {
        for arguments in ["daily -o r.html n=20", "-o r.html daily n=20", "daily n=20 -o r.html;"] {
            let asked = read(arguments).unwrap();
            assert_eq!(asked.queries, ["daily"], "{arguments}");
            assert_eq!(asked.file.to_str(), Some("r.html"), "{arguments}");
            assert_eq!(asked.given.len(), 1, "{arguments}");
        }
        assert!(read("daily -o").is_err() && read("-o r.html").is_err());
    }
}
