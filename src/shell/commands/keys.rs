//! `.keys`: list the keys of the prompt, or choose between those of Emacs and
//! of vi.

use async_trait::async_trait;

use super::{About, Command, Reach};
use crate::error::Result;
use crate::shell::complete::catalog::Takes;
use crate::shell::terminal::Keys as Whose;
use crate::shell::{Flow, Shell};

/// See [`ABOUT`].
#[derive(Debug)]
pub(crate) struct Keys;

static ABOUT: About = About {
    name: ".keys",
    aliases: &[],
    usage: "[emacs|vi]",
    summary: "list the keys of the prompt, or choose those of Emacs or of vi",
    details: LIST,
    takes: Takes::Choice(&["emacs", "vi"]),
    reach: Reach::Session,
};

/// The keys that are not those of every line editor.
pub(super) const LIST: &str = "\
Tab      completes             Alt-Enter      begins a new line
Right    takes the ghost text  Ctrl-X Ctrl-E  opens your editor
Up Down  walk what was typed   Ctrl-C         clears the line, stops a query
Ctrl-R   searches it           Ctrl-Y         brings the cleared line back
Ctrl-L   clears the screen     Ctrl-D         leaves";

#[async_trait(?Send)]
impl Command for Keys {
    fn help(&self) -> &'static About {
        &ABOUT
    }

    async fn run(&self, shell: &mut Shell<'_>, arguments: &str) -> Result<Flow> {
        match arguments.trim_end_matches(';') {
            "" => {
                shell.say(LIST)?;
                shell.say("Up and Down find only what begins with the text that is typed.")?;
                shell.say("Tab again goes through the list that it has shown, Shift-Tab back.")?;
                shell.say(
                    "Alt-F and Alt-Right take one word of the ghost text, End takes all too.",
                )?;
            }
            name => {
                let keys = Whose::named(name)?;
                shell.terminal.set_keys(keys);
                shell.options.keys = keys;
            }
        }
        let said = format!("the keys are those of {}", shell.options.keys.name());
        shell.confirm(&said);
        Ok(Flow::Continue)
    }
}
