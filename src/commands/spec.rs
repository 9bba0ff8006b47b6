//! `weiku --spec` and `weiku man`: what can be typed, for programs and as a
//! manual page. Both are read from the command line itself.

use clap::{Arg, Command as Line, CommandFactory};
use clap_mangen::Man;
use serde_json::{Value, json};

use super::{DONE, Exit, Program, say, write};
use crate::batch::{RUN_FILE, RUN_SCHEMA};
use crate::cli::Cli;
use crate::error::{EXITS, Error, Result, nearest};
use crate::render::{FORMATS, write_error};
use crate::shell;

/// `weiku --spec`.
pub(super) fn spec(program: &Program) -> Result<Exit> {
    let text = format!("{:#}\n", described());
    say(&mut program.stdout(), &text)?;
    Ok(DONE)
}

fn described() -> Value {
    let line = line();
    let run: Value = serde_json::from_str(RUN_SCHEMA).expect("the schema of run.json is JSON");
    let formats = FORMATS.iter().map(|format| {
        json!({
            "name": format.name,
            "aliases": format.aliases,
            "suffixes": format.suffixes,
            "about": format.summary,
        })
    });
    let exits = EXITS.iter().map(|(code, meaning)| json!({ "code": code, "meaning": meaning }));
    json!({
        "name": line.get_name(),
        "version": env!("CARGO_PKG_VERSION"),
        "about": about(line.get_about()),
        "arguments": arguments(&line),
        "commands": line.get_subcommands().map(command).collect::<Vec<_>>(),
        "shell_commands": shell::command_list(),
        "formats": formats.collect::<Vec<_>>(),
        "exit_codes": exits.collect::<Vec<_>>(),
        "files": { RUN_FILE: run },
    })
}

fn line() -> Line {
    let mut line = Cli::command();
    line.build();
    line
}

fn command(line: &Line) -> Value {
    json!({
        "name": line.get_name(),
        "about": about(line.get_about()),
        "arguments": arguments(line),
    })
}

fn arguments(line: &Line) -> Vec<Value> {
    line.get_arguments().filter(|argument| !argument.is_hide_set()).map(argument).collect()
}

fn argument(argument: &Arg) -> Value {
    let takes_value = argument.get_action().takes_values();
    let choices = argument.get_possible_values();
    let choices = choices.iter().filter(|_| takes_value).map(|choice| choice.get_name().to_owned());
    let value = argument.get_value_names().filter(|_| takes_value);
    let environment = argument.get_env().map(|name| name.to_string_lossy());
    json!({
        "long": argument.get_long().map(|long| format!("--{long}")),
        "short": argument.get_short().map(|short| format!("-{short}")),
        "value": value.and_then(|names| names.first()).map(ToString::to_string),
        "choices": choices.collect::<Vec<_>>(),
        "environment": environment,
        "required": argument.is_required_set(),
        "about": about(argument.get_help()),
    })
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

/// `weiku man [COMMAND]`.
pub(super) fn man(name: Option<&str>, program: &Program) -> Result<Exit> {
    let mut page = Vec::new();
    write_page(name, &mut page)?;
    write(&mut program.stdout(), &page)?;
    Ok(DONE)
}

fn write_page(name: Option<&str>, page: &mut Vec<u8>) -> Result<()> {
    let line = line();
    let Some(name) = name else {
        Man::new(line).manual("weiku").render(page).map_err(|error| write_error(&error))?;
        page.extend(shell_section().into_bytes());
        page.extend(exit_section().into_bytes());
        return Ok(());
    };
    let names = || line.get_subcommands().map(Line::get_name);
    let Some(found) = line.find_subcommand(name) else {
        let error = Error::usage(format!("no command `{name}`"));
        return Err(match nearest(name, names()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("there are {}", names().collect::<Vec<_>>().join(", "))),
        });
    };
    // Built, it is called `weiku-import`, as manual pages of commands are.
    Man::new(found.clone()).manual("weiku").render(page).map_err(|error| write_error(&error))
}

/// The commands of the shell, which the command line does not know.
fn shell_section() -> String {
    let mut text = String::from(".SH \"COMMANDS OF THE SHELL\"\n");
    for command in shell::command_list() {
        let field = |name: &str| command[name].as_str().unwrap_or_default().to_owned();
        let (usage, summary) = (escaped(&field("usage")), escaped(&field("about")));
        text.push_str(&format!(".TP\n\\fB{usage}\\fR\n{summary}\n"));
    }
    text
}

fn exit_section() -> String {
    let mut text = String::from(".SH \"EXIT STATUS\"\n");
    for (code, meaning) in EXITS {
        text.push_str(&format!(".TP\n\\fB{code}\\fR\n{}\n", escaped(meaning)));
    }
    text
}

/// Text in which nothing is a request of roff.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::{described, line, write_page};

    #[test]
    fn the_description_names_every_command_flag_and_exit_code() {
        let described = described();
        let names = |list: &str, field: &str| -> Vec<String> {
            let entries = described[list].as_array().unwrap().iter();
            entries.map(|entry| entry[field].to_string().trim_matches('"').to_owned()).collect()
        };
        for command in line().get_subcommands() {
            assert!(names("commands", "name").contains(&command.get_name().to_owned()));
        }
        assert!(names("arguments", "long").contains(&"--memory-limit".to_owned()));
        assert!(names("shell_commands", "name").contains(&".last".to_owned()));
        assert_eq!(names("exit_codes", "code"), ["0", "1", "2", "3", "4", "5", "124", "130"]);
    }

    #[test]
    fn there_is_a_page_for_the_program_and_for_each_command() {
        let page = |name| {
            let mut page = Vec::new();
            write_page(name, &mut page).unwrap();
            String::from_utf8(page).unwrap()
        };
        let whole = page(None);
        for part in [".SH \"EXIT STATUS\"", "\\&.tables", "\\-\\-readonly", "init.sql"] {
            assert!(whole.contains(part), "{part}");
        }
        for command in line().get_subcommands().filter(|command| command.get_name() != "help") {
            assert!(page(Some(command.get_name())).contains(".SH SYNOPSIS"));
        }
        let error = write_page(Some("imprt"), &mut Vec::new()).unwrap_err();
        assert_eq!(error.advice(), Some("did you mean `import`?"));
    }
}
