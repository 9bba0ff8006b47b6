//! `.set`: show settings, or change one.

use std::collections::HashMap;

use async_trait::async_trait;

use super::describe::unplaced;
use super::functions::in_plain_words;
use super::{About, Command, Reach, matches, one_statement};
use crate::catalog::setting_name;
use crate::engine::Params;
use crate::error::{Error, Result, nearest};
use crate::render::value::{Column as Values, Value};
use crate::render::visible;
use crate::shell::complete::catalog::Takes;
use crate::shell::listing::{self, Cell};
use crate::shell::progress::bytes;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Set;

static ABOUT: About = About {
    name: ".set",
    aliases: &[],
    usage: "[all | NAME [VALUE]]",
    summary: "show settings, or change one",
    details: "Without a name it shows weiku's own; .set all shows those of the engine too, .set parquet those \
              whose names hold the word, and what they do. In SQL: SET name = value; and information_schema.df_settings.",
    takes: Takes::Setting,
    reach: Reach::Session,
};

/// How one of weiku's own settings is changed.
enum Change {
    /// By a command of the shell with the same name.
    Command,
    /// By a setting of the engine.
    Engine(&'static str),
    /// By a flag, before the session begins.
    Flag(&'static str),
}

/// weiku's own settings, in the order in which they are listed.
const OWN: &[(&str, Change)] = &[
    ("mode", Change::Command),
    ("maxrows", Change::Command),
    ("width", Change::Command),
    ("null", Change::Command),
    ("readable", Change::Command),
    ("timing", Change::Command),
    ("hints", Change::Command),
    ("keys", Change::Command),
    ("pager", Change::Command),
    ("timezone", Change::Engine("datafusion.execution.time_zone")),
    ("threads", Change::Engine("datafusion.execution.target_partitions")),
    ("memory_limit", Change::Flag("--memory-limit")),
    ("spill_limit", Change::Flag("--spill-limit")),
    ("result_cache", Change::Flag("--result-cache")),
    ("timeout", Change::Flag("--timeout")),
    ("readonly", Change::Flag("--readonly")),
    ("safe", Change::Flag("--safe")),
];

/// What the names of weiku's own settings within the engine begin with.
const OWN_PREFIX: &str = "weiku.";

/// The names of weiku's own settings outside the engine.
pub(crate) fn own_settings() -> Vec<&'static str> {
    OWN.iter().map(|(name, _)| *name).collect()
}

#[async_trait(?Send)]
impl Command for Set {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        let argument = arguments.trim_end_matches(';').trim_end();
        let end = argument.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(argument.len());
        let (name, value) = argument.split_at(end);
        let value = value.trim().trim_start_matches('=').trim();
        if value.is_empty() {
            return list(shell, name).await;
        }
        if shell.catalog.settings.is_empty() {
            // A script completes nothing, so that nobody has asked for the names.
            shell.learn_everything().await;
        }
        match OWN.iter().find(|(own, _)| *own == name) {
            Some((_, Change::Command)) => super::run(shell, &format!(".{name} {value}")).await,
            Some((_, Change::Engine(setting))) => change(shell, name, setting, value).await,
            Some((_, Change::Flag(flag))) => {
                let error = Error::usage(format!("{name} cannot be changed in a session"));
                Err(error.hint(format!("start weiku with {flag}")))
            }
            None if shell.catalog.settings.iter().any(|setting| setting.name == name) => {
                change(shell, name, name, value).await
            }
            None => Err(unknown(shell, name)),
        }
    }
}

/// Changes a setting of the engine, which weiku may call by another name.
async fn change(shell: &mut Shell<'_>, name: &str, setting: &str, value: &str) -> Result<Flow> {
    let value = value.trim_matches('\'');
    let sql = format!("SET {setting} = '{}'", value.replace('\'', "''"));
    let statement = one_statement(&ABOUT, &sql)?;
    let answer = shell.session.run(&statement, &Params::new()).await.map_err(unplaced)?;
    answer.collect().await.map_err(unplaced)?;
    shell.learn_everything().await;
    shell.confirm(&format!("{name} is {value}"));
    Ok(Flow::Continue)
}

/// Lists weiku's own settings, all, or those whose names match.
async fn list(shell: &mut Shell<'_>, pattern: &str) -> Result<Flow> {
    shell.learn_everything().await;
    let is_long = matches!(pattern, "" | "all");
    let wanted = |name: &str| is_long || matches(pattern, name);
    // In a long list it would leave no room.
    let told = if is_long { HashMap::new() } else { descriptions(shell).await? };
    let about = |name: &str| Cell::from(told.get(name).cloned().unwrap_or_default());
    let mut rows = Vec::new();
    for (name, change) in OWN.iter().filter(|(name, _)| wanted(name)) {
        let set_by = match change {
            Change::Command => format!(".{name}"),
            Change::Engine(_) => format!(".set {name} VALUE"),
            Change::Flag(flag) => format!("{flag} at the start"),
        };
        let engine = if let Change::Engine(engine) = change { engine } else { name };
        let value = Cell::from(value(shell, name));
        rows.push(vec![Cell::from(*name), value, Cell::from(set_by), about(engine)]);
    }
    for setting in &shell.catalog.settings {
        let own = setting.name.starts_with(OWN_PREFIX);
        if wanted(&setting.name) && (own || !pattern.is_empty()) {
            let set_by = format!(".set {} VALUE", if own { &setting.name } else { "NAME" });
            let (name, value) = (setting.name.as_str(), setting.value.as_str());
            rows.push(vec![Cell::from(name), Cell::from(value), Cell::from(set_by), about(name)]);
        }
    }
    if rows.is_empty() {
        return Err(unknown(shell, pattern));
    }
    let mut heads = vec!["setting", "value", "set by", "about"];
    if is_long {
        heads.pop();
        rows.iter_mut().for_each(|row| row.truncate(heads.len()));
    }
    shell.show_table(&listing::batch(&heads, &rows)?)?;
    if pattern.is_empty() {
        shell.confirm(".set all lists those of the engine too");
    }
    Ok(Flow::Continue)
}

/// What the settings of the engine, and of weiku within it, do; and those that a command
/// of the shell changes.
async fn descriptions(shell: &mut Shell<'_>) -> Result<HashMap<String, String>> {
    let mut told = HashMap::new();
    let sql = "SELECT name, description FROM information_schema.df_settings";
    for batch in shell.ask(sql).await? {
        let (names, texts) = (Values::new(batch.column(0))?, Values::new(batch.column(1))?);
        for row in 0..batch.num_rows() {
            if let (Value::Text(name), Value::Text(text)) = (names.get(row), texts.get(row)) {
                told.insert(setting_name(name.to_owned()), in_plain_words(text));
            }
        }
    }
    for command in super::ALL.iter().map(|command| command.help()) {
        told.insert(super::bare(command.name).to_owned(), command.summary.to_owned());
    }
    Ok(told)
}

/// What one of weiku's own settings is now.
fn value(shell: &Shell<'_>, name: &str) -> String {
    let options = &shell.options;
    let settings = shell.session.settings();
    let cells = |most: usize| if most == usize::MAX { "all".to_owned() } else { most.to_string() };
    let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
    match name {
        "mode" => options.format.name.to_owned(),
        "maxrows" => options.max_rows.map_or("auto".to_owned(), cells),
        "width" => shell.width.map_or("auto".to_owned(), cells),
        "null" => options.null.clone(),
        "readable" => options.readable.name().to_owned(),
        "timing" => switch(options.timing),
        "hints" => switch(options.hints),
        "keys" => options.keys.name().to_owned(),
        "pager" => options.pager.clone().unwrap_or_else(|| "off".to_owned()),
        "memory_limit" => {
            settings.memory_limit.map_or("none".to_owned(), |limit| bytes(limit as f64))
        }
        "spill_limit" => bytes(settings.spill.limit as f64),
        "result_cache" => {
            settings.keep_answers.map_or("off".to_owned(), |keep| bytes(keep.bytes as f64))
        }
        "timeout" => {
            settings.timeout.map_or("none".to_owned(), |limit| format!("{} s", limit.as_secs_f64()))
        }
        "readonly" => switch(settings.readonly),
        "safe" => switch(settings.safe),
        other => {
            let engine = OWN.iter().find_map(|(own, change)| match change {
                Change::Engine(engine) if *own == other => Some(*engine),
                _ => None,
            });
            let known = &shell.catalog.settings;
            let found = known.iter().find(|setting| Some(setting.name.as_str()) == engine);
            found.map(|setting| setting.value.clone()).unwrap_or_default()
        }
    }
}

fn unknown(shell: &Shell<'_>, name: &str) -> Error {
    let error = Error::usage(format!("no setting {}", visible(name)));
    let own = OWN.iter().map(|(own, _)| *own);
    let engine = shell.catalog.settings.iter().map(|setting| setting.name.as_str());
    // The keys of the engine are long; most people know only their last part.
    let last = |setting: &'_ str| setting.rsplit('.').next() == Some(name);
    let near = nearest(name, own.clone())
        .or_else(|| engine.clone().find(|setting| last(setting)))
        .or_else(|| nearest(name, engine));
    match near {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(".set lists weiku's settings, .set all those of the engine too"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, OWN};
    use crate::shell::commands::find;

    #[test]
    fn each_setting_that_a_command_changes_has_that_command() {
        for (name, change) in OWN {
            if matches!(change, Change::Command) {
                assert!(find(&format!(".{name}")).is_ok(), "{name}");
            }
        }
    }
}
