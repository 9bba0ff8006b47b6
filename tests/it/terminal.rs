//! The shell in a real terminal, through tmux: keys in, screen out.
//!
//! Where tmux is missing the tests say so and pass: nothing else can tell what a
//! terminal shows.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a screen may take to show what is waited for. Nothing waits that
/// long unless it fails.
const PATIENCE: Duration = Duration::from_secs(60);

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A shell in a terminal of its own, which ends with it.
struct Screen {
    socket: String,
    _home: tempfile::TempDir,
}

#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn say_skipped() {
    eprintln!("skipped: tmux is not installed");
}

impl Screen {
    /// Starts the shell on `columns` × 30 cells, or `None` without tmux.
    fn open(columns: usize) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            say_skipped();
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let socket = format!("weiku-test-{}-{number}", std::process::id());
        let screen = Self { socket, _home: home };
        let home = screen._home.path();
        let command = format!(
            "cd '{0}' && XDG_STATE_HOME='{0}/state' XDG_CONFIG_HOME='{0}/config' '{1}'; sleep 600",
            home.display(),
            env!("CARGO_BIN_EXE_weiku"),
        );
        let size = [columns.to_string(), "30".to_owned()];
        let started = screen.tmux(&["new-session", "-d", "-x", &size[0], "-y", &size[1], &command]);
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        screen.wait_for("weiku>");
        Some(screen)
    }

    fn home(&self) -> &Path {
        self._home.path()
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        Command::new("tmux")
            .args(["-u", "-f", "/dev/null", "-L", &self.socket])
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Presses named keys: `Tab`, `C-c`, `Enter`.
    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn type_text(&self, text: &str) {
        // tmux takes a last semicolon for its own.
        let text = match text.strip_suffix(';') {
            Some(text) => format!("{text}\\;"),
            None => text.to_owned(),
        };
        self.tmux(&["send-keys", "-l", "--", &text]);
    }

    /// Types a line and presses Enter.
    fn enter(&self, line: &str) {
        self.type_text(line);
        self.press(&["Enter"]);
    }

    fn shown(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// Waits until the screen holds `wanted`, and returns it.
    fn wait_for(&self, wanted: &str) -> String {
        let begun = Instant::now();
        loop {
            let shown = self.shown();
            if shown.contains(wanted) {
                return shown;
            }
            assert!(begun.elapsed() < PATIENCE, "no {wanted:?} on the screen:\n{shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn ctrl_c_stops_a_statement_and_keeps_the_session() {
    let Some(screen) = Screen::open(120) else { return };
    screen.enter("create view kept as select 42 as answer;");
    screen.wait_for("done");
    screen.enter("select count(*) from generate_series(1, 30000) a, generate_series(1, 100000000) b where a.value + b.value > 5;");
    screen.wait_for("Ctrl-C stops it");
    screen.press(&["C-c"]);
    let pressed = Instant::now();
    screen.wait_for("cancelled after");
    assert!(pressed.elapsed() < Duration::from_secs(2), "took {:?}", pressed.elapsed());
    screen.enter("select answer from kept;");
    screen.wait_for("42");
    screen.press(&["C-d"]);
}

#[test]
fn ctrl_c_on_a_text_clears_the_line_and_on_an_empty_prompt_does_nothing() {
    let Some(screen) = Screen::open(120) else { return };
    screen.type_text("select 'thrown away'");
    screen.press(&["C-c", "C-c"]);
    screen.enter("select 40 + 3 as n;");
    screen.wait_for("43");
    screen.press(&["C-d"]);
}

#[test]
fn tab_completes_columns_of_an_alias_in_the_middle_of_a_line() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter("create view posts as select 'iPhone' as client, '微博' as content;");
    screen.wait_for("done");
    screen.type_text("select p. from posts p");
    screen.press(&["Left"; 13]);
    screen.press(&["Tab"]);
    screen.wait_for("content  text");
    // What both candidates begin with is there already.
    screen.type_text("on");
    screen.press(&["Tab"]);
    screen.wait_for("select p.content from posts p");
    screen.press(&["End"]);
    screen.enter(";");
    screen.wait_for("│ 微博    │");
}

#[test]
fn tables_fit_the_terminal_and_wide_characters_line_up() {
    for columns in [80, 120] {
        let Some(screen) = Screen::open(columns) else { return };
        let text = "外交小灵通".repeat(40);
        screen
            .enter(&format!("select 1 as n, left('{text}', 150) as a, '{text}' as b, 'end' as c;"));
        let shown = screen.wait_for("1 row");
        let top = shown.lines().find(|line| line.starts_with('┌')).unwrap();
        assert!(top.chars().count() <= columns && top.ends_with('┐'), "{shown}");
        let bordered = shown.lines().filter(|line| line.starts_with(['│', '├', '└']));
        assert!(bordered.clone().count() >= 4, "{shown}");
        for line in bordered {
            assert!(line.ends_with(['│', '┤', '┘']), "a line is broken: {line}\n{shown}");
        }
    }
}

#[test]
fn a_pasted_text_runs_as_it_is_and_comes_back_in_one_piece() {
    let Some(screen) = Screen::open(80) else { return };
    let paste = screen.home().join("paste");
    std::fs::write(&paste, "select\t1 as a,\n\t';' as b; -- it's\nselect 3 as pasted;").unwrap();
    screen.tmux(&["load-buffer", &paste.display().to_string()]);
    screen.tmux(&["paste-buffer", "-p"]);
    screen.wait_for("as pasted;");
    screen.press(&["Enter"]);
    screen.wait_for("@2");
    screen.press(&["C-l", "Up"]);
    let shown = screen.wait_for("as pasted;");
    assert!(shown.contains("1 as a,") && shown.contains("-- it's"), "{shown}");
}

#[test]
fn an_error_is_marked_under_the_word_behind_wide_characters() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter("select '微博', contnt from (values (1)) as t(content);");
    let shown = screen.wait_for("did you mean \"content\"?");
    let lines: Vec<&str> = shown.lines().collect();
    let mark = lines.iter().position(|line| line.contains("^^^^^^")).unwrap();
    // The two characters of 微博 take two cells each.
    let cells = |text: &str| text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>();
    let word = lines[mark - 1].find("contnt").unwrap();
    let under = lines[mark].find('^').unwrap();
    assert_eq!(cells(&lines[mark - 1][..word]), under, "{shown}");
}
