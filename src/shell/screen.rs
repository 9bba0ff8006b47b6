//! The whole screen of the terminal, for as long as something needs it.

use std::io::{self, Stdout, stdout};
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
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
        let screen = Self { terminal };
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
                self.terminal.draw(&mut draw)?;
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
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing better can be done with a terminal that takes no more.
        let _ = execute!(stdout(), LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}
