//! `.shell`: run a program of the system.

use std::process::Command as Program;

use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::{Error, Result};
use crate::shell::complete::catalog::Takes;
use crate::shell::sink::wait_for;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct System;

static ABOUT: About = About {
    name: ".shell",
    aliases: &["\\!", ".system"],
    usage: "[PROGRAM ARGUMENT ...]",
    summary: "run a program of the system, or its shell",
    details: "The line goes to sh as it is. Without a program it is the shell in SHELL, which exit leaves.\n\
              .shell ls -l\n\\! head -3 posts.csv",
    takes: Takes::File,
    reach: Reach::Writes,
};

#[async_trait(?Send)]
impl Command for System {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, _shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        if !arguments.is_empty() {
            let started = Program::new("sh").args(["-c", arguments]).spawn();
            let child = started.map_err(|error| Error::usage(format!("cannot run sh: {error}")))?;
            return wait_for(child).map(|()| Flow::Continue);
        }
        let shell = std::env::var("SHELL").unwrap_or_else(|_| "sh".to_owned());
        // Its exit code is that of the last program in it, which the person has seen.
        Program::new(&shell)
            .status()
            .map_err(|error| Error::usage(format!("cannot run {shell}: {error}")))?;
        Ok(Flow::Continue)
    }
}
