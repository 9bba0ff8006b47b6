//! The whole screen of the terminal, for as long as something needs it.

use std::io::{self, Stdout, stdout};
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};
use ratatui::{Frame, Terminal};

/// How often the size of the terminal is looked at while no key is pressed: the
/// line editor keeps the signal of a resize to itself.
const LOOK: Duration = Duration::from_millis(200);

/// Owns the screen; what stood there comes back when it is dropped.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// Whether what is drawn may take other cells than those it was given: terminals
    /// do not agree how wide signs of several characters are, such as flags.
    is_uncertain: bool,
}

/// What was pressed or pasted.
#[derive(Debug)]
pub(super) enum Pressed {
    /// A key.
    Key(KeyEvent),
    /// A pasted text.
    Text(String),
}

impl Screen {
    /// Takes the screen.
    ///
    /// # Errors
    /// When standard input or output is no terminal.
    pub(super) fn open() -> io::Result<Self> {
        let terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        enable_raw_mode()?;
        let screen = Self { terminal, is_uncertain: false };
        execute!(stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }

    /// Draws, and waits for the next key; draws again whenever the size changes.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn step(&mut self, mut draw: impl FnMut(&mut Frame<'_>)) -> io::Result<Pressed> {
        let mut drawn = None;
        loop {
            let size = self.terminal.size()?;
            if drawn != Some(size) {
                self.draw(&mut draw)?;
                drawn = Some(size);
            }
            if !event::poll(LOOK)? {
                continue;
            }
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    return Ok(Pressed::Key(key));
                }
                Event::Paste(text) => return Ok(Pressed::Text(text)),
                _ => {}
            }
        }
    }

    /// Draws what has changed, or all after a frame that may have left something where
    /// nobody knows of it.
    fn draw(&mut self, draw: impl FnMut(&mut Frame<'_>)) -> io::Result<()> {
        if self.is_uncertain {
            // As its `clear`, which would also ask the terminal where the cursor is.
            let area = self.terminal.size()?.into();
            self.terminal.resize(area)?;
        }
        let drawn = self.terminal.draw(draw)?;
        self.is_uncertain = has_uncertain(drawn.buffer);
        Ok(())
    }
}

/// Whether a cell holds a sign of several characters.
fn has_uncertain(buffer: &Buffer) -> bool {
    buffer.content.iter().any(|cell| cell.symbol().chars().nth(1).is_some())
}

/// Whether Escape or Ctrl-C was pressed while something was at work; other keys that
/// were pressed meanwhile are let go.
pub(super) fn is_given_up() -> bool {
    while event::poll(Duration::ZERO).unwrap_or(false) {
        if let Ok(Event::Key(key)) = event::read()
            && key.kind != KeyEventKind::Release
        {
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                KeyCode::Esc => return true,
                KeyCode::Char('c') if control => return true,
                _ => {}
            }
        }
    }
    false
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing better can be done with a terminal that takes no more.
        let _ = execute!(stdout(), LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;

    use super::has_uncertain;

    #[test]
    fn flags_and_families_are_not_trusted_to_stay_in_their_cells() {
        for (text, uncertain) in [
            ("select '微博 👍'", false),
            ("🇨🇳", true),
            ("👨\u{200d}👩\u{200d}👧", true),
            ("❤\u{fe0f}", true),
        ] {
            assert_eq!(has_uncertain(&Buffer::with_lines([text])), uncertain, "{text}");
        }
    }
}
