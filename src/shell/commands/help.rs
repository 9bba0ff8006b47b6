//! `.help`: list the commands, or explain one of them, a statement or a function.

use async_trait::async_trait;

use super::functions::{call_of, in_plain_words};
use super::{ALL, About, Command, Reach, called, find, keys, topics, usage};
use crate::error::{Error, Result, nearest};
use crate::render::value::{Column as Values, Value};
use crate::render::{visible, wrap};
use crate::shell::complete::catalog::Takes;
use crate::shell::snapshot;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Help;

static ABOUT: About = About {
    name: ".help",
    aliases: &["\\?", "\\h"],
    usage: "[NAME]",
    summary: "list the commands, or explain one, a statement or a function",
    details: ".help run explains the command .run, .help COPY the statement, .help count the function.",
    takes: Takes::Topic,
    reach: Reach::Session,
};

#[async_trait(?Send)]
impl Command for Help {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        match arguments.trim_end_matches(';') {
            "" => list(shell)?,
            topic => explain(shell, topic).await?,
        }
        Ok(Flow::Continue)
    }
}

/// What is worth knowing besides the commands.
const BESIDES: &str = "\
.help NAME says more of a command, a statement such as COPY, or a function.
A command may be shortened while no other begins so: .tab is .tables.
SQL ends in ; and the last answer is the table _, earlier ones are @1, @2, ...
";

fn list(shell: &mut Shell<'_>) -> Result<()> {
    let width = ALL.iter().map(|command| command.help().name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for command in ALL {
        let about = command.help();
        text.push_str(&format!("{:width$}  {}\n", about.name, about.summary));
    }
    text.push('\n');
    text.push_str(BESIDES);
    text.push('\n');
    text.push_str(keys::LIST);
    shell.say(&text)
}

async fn explain(shell: &mut Shell<'_>, topic: &str) -> Result<()> {
    let is_command = topic.starts_with(['.', '\\']);
    let name = if is_command { topic.to_owned() } else { format!(".{topic}") };
    let mut found = Vec::new();
    if !is_command {
        found.extend(topics::find(topic).map(topics::text));
    }
    // Behind a dot it may be shortened, as where it is run.
    let command = if is_command { find(&name).ok() } else { called(&name) };
    found.extend(command.map(|command| of_command(command.help())));
    if !is_command {
        found.extend(function(shell, topic).await?);
    }
    if found.is_empty() {
        return Err(unknown(shell, topic));
    }
    let text = broken(&found.join("\n"), shell.shown().width.unwrap_or(usize::MAX));
    shell.say(text.trim_end())
}

/// What there is to say of a command.
fn of_command(about: &About) -> String {
    let mut text = format!("{}\n    {}\n", usage(about), about.summary);
    for line in about.details.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    if !about.aliases.is_empty() {
        text.push_str(&format!("    also {}\n", about.aliases.join(", ")));
    }
    text
}

/// `text` broken between words; further lines are as far in as the first, but for
/// those of a usage, which stands at the margin.
fn broken(text: &str, width: usize) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let inside = line.trim_start();
        let margin = line.len() - inside.len();
        let further = if margin == 0 { 8 } else { margin };
        let room = width.saturating_sub(further).max(20);
        for (index, part) in wrap(inside, room, usize::MAX, "").iter().enumerate() {
            let blanks = " ".repeat(if index == 0 { margin } else { further });
            lines.push(format!("{blanks}{part}"));
        }
    }
    lines.join("\n")
}

fn unknown(shell: &Shell<'_>, topic: &str) -> Error {
    let error = Error::usage(format!("no command, statement or function {}", visible(topic)));
    if shell.catalog.relation(None, topic).is_some() {
        return error.hint(format!(".describe {} lists its columns", visible(topic)));
    }
    let commands = ALL.iter().map(|command| command.help().name.trim_start_matches('.'));
    let functions = shell.catalog.functions.iter().map(|function| function.name.as_str());
    let statements = topics::TOPICS.iter().flat_map(|topic| topic.names.iter().copied());
    match nearest(topic, commands.chain(statements).chain(functions)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(".help lists the commands, .functions the functions"),
    }
}

/// What is documented of the function called `name`: its call, description and
/// arguments.
async fn function(shell: &mut Shell<'_>, name: &str) -> Result<Option<String>> {
    let quoted = name.to_lowercase().replace('\'', "''");
    let sql = format!(
        "SELECT DISTINCT syntax_example, description, routine_name FROM information_schema.routines \
         WHERE routine_name = '{quoted}' ORDER BY syntax_example"
    );
    let mut text = String::new();
    for batch in shell.ask(&sql).await? {
        let columns: Vec<Values> =
            batch.columns().iter().map(Values::new).collect::<Result<_>>()?;
        for row in 0..batch.num_rows() {
            let cell = |column: &Values| match column.get(row) {
                Value::Text(text) => text.trim().to_owned(),
                _ => String::new(),
            };
            let (call, description) = (cell(&columns[0]), in_plain_words(&cell(&columns[1])));
            let call = match call.as_str() {
                "" => format!("{name}(...)"),
                documented => call_of(&name.to_lowercase(), documented),
            };
            let entry = entry(&call, &description);
            if !text.contains(&entry) {
                text.push_str(&entry);
            }
        }
    }
    let lambdas = snapshot::of_lambdas(&shell.session).into_iter();
    let lambdas = lambdas.filter(|[known, ..]| known.eq_ignore_ascii_case(name));
    text.extend(lambdas.map(|[_, call, about]| entry(&call, &in_plain_words(&about))));
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// What is said of a function.
fn entry(call: &str, description: &str) -> String {
    format!("{call}\n    {}\n", description.replace('\n', "\n    "))
}

#[cfg(test)]
mod tests {
    use super::function;
    use crate::engine::{Session, Settings};
    use crate::queries::Library;
    use crate::shell::{Options, Plain, Shell};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_function_is_explained_under_each_of_its_names() {
        let session = Session::new(None, Settings::default()).unwrap();
        let (library, mut terminal) = (Library::of_folders(Vec::new()), Plain);
        let mut shell = Shell::new(session, library, Options::default(), &mut terminal).unwrap();
        for name in [
            "list_filter",
            "array_filter",
            "list_transform",
            "array_transform",
            "any_match",
            "quantile_cont",
            "strftime",
            "date_diff",
            "list_has",
        ] {
            let told = function(&mut shell, name).await.unwrap().unwrap_or_default();
            assert!(told.starts_with(&format!("{name}(")), "{name}: {told}");
        }
    }
}
