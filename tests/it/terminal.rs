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
        Self::open_in(columns, tempfile::tempdir().unwrap())
    }

    /// As [`Screen::open`], in a folder that is there already.
    fn open_in(columns: usize, home: tempfile::TempDir) -> Option<Self> {
        Self::open_with(columns, home, "")
    }

    /// As [`Screen::open_in`], with these variables in the environment.
    fn open_with(columns: usize, home: tempfile::TempDir, variables: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            say_skipped();
            return None;
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let socket = format!("weiku-test-{}-{number}", std::process::id());
        let screen = Self { socket, _home: home };
        let home = screen._home.path();
        let command = format!(
            "cd '{0}' && XDG_STATE_HOME='{0}/state' XDG_CONFIG_HOME='{0}/config' \
             XDG_CACHE_HOME='{0}/cache' {2} '{1}'; echo left $?; sleep 600",
            home.display(),
            env!("CARGO_BIN_EXE_weiku"),
            variables,
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

    /// Makes the terminal so many cells wide, and waits until programs are told so.
    fn resize(&self, columns: usize) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", "30"]);
        let tty = String::from_utf8(self.tmux(&["display", "-p", "#{pane_tty}"]).stdout).unwrap();
        let size = format!("30 {columns}");
        let begun = Instant::now();
        loop {
            let tty = std::fs::File::open(tty.trim()).unwrap();
            let told = Command::new("stty").arg("size").stdin(tty).output().unwrap().stdout;
            if String::from_utf8_lossy(&told).trim() == size {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no terminal of {columns} cells");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn shown(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// Waits until nothing changes on the screen for a while.
    fn wait_until_still(&self) {
        let mut before = self.shown();
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(150));
            let shown = self.shown();
            if shown == before {
                return;
            }
            before = shown;
        }
    }

    /// Waits until the screen holds `wanted`, and returns it.
    fn wait_for(&self, wanted: &str) -> String {
        self.wait_until(wanted, true)
    }

    /// Waits until `gone` is not on the screen any more.
    fn wait_without(&self, gone: &str) {
        self.wait_until(gone, false);
    }

    fn wait_until(&self, text: &str, is_there: bool) -> String {
        let begun = Instant::now();
        loop {
            let shown = self.shown();
            if shown.contains(text) == is_there {
                return shown;
            }
            let wanted = if is_there { "no" } else { "still" };
            assert!(begun.elapsed() < PATIENCE, "{wanted} {text:?} on the screen:\n{shown}");
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
fn a_line_stands_once_on_a_terminal_whose_width_changes() {
    let Some(screen) = Screen::open(120) else { return };
    screen.enter("select 'what stands above' as kept;");
    screen.wait_for("1 row");
    screen.type_text(&format!("select 'begun', '{}'", "rest ".repeat(23)));
    screen.wait_for("rest '");
    for (columns, typed) in [(50, " as one"), (130, ", 2 as two")] {
        screen.resize(columns);
        // The line is drawn anew when the program hears of it, which may take a moment.
        screen.wait_until_still();
        screen.type_text(typed);
        let shown = screen.wait_for(typed);
        assert_eq!(shown.matches("select 'begun'").count(), 1, "{columns}:\n{shown}");
        assert!(shown.contains("what stands above"), "{columns}:\n{shown}");
    }
}

#[test]
fn a_list_of_candidates_is_whole_and_goes_with_the_line() {
    let Some(screen) = Screen::open(60) else { return };
    screen.enter("create view t as select 'a' as one_name, 'b' as one_note;");
    screen.wait_for("done");
    screen.type_text("select one_name as a_name_that_is_longer_than_usual from t where one_");
    screen.press(&["Tab"]);
    let shown = screen.wait_for("one_note  text");
    assert!(shown.contains("one_name  text"), "{shown}");
    screen.press(&["C-c"]);
    screen.type_text("select 'cleared'");
    let shown = screen.wait_for("select 'cleared'");
    let is_erased = !shown.contains("one_note  text") && !shown.contains("longer_than_usual");
    assert!(is_erased && shown.contains("done"), "{shown}");
    // What is cut off and what is cleared behind it come back as they stood.
    screen.press(&["C-c"]);
    screen.type_text("one two three");
    screen.press(&["C-w", "C-c", "C-y"]);
    screen.wait_for("weiku> one two three");
}

#[test]
fn keys_typed_right_behind_ctrl_c_are_not_lost() {
    let Some(screen) = Screen::open(120) else { return };
    // One write to the terminal, so that the editor reads all of it at once.
    screen.press(&["select 'thrown away'", "C-c", "C-c", "select 40 + 3 as n"]);
    screen.enter(";");
    screen.wait_for("43");
    assert!(!screen.shown().contains("error"), "{}", screen.shown());
}

#[test]
fn lines_typed_while_a_statement_runs_are_run_one_after_another() {
    let Some(screen) = Screen::open(120) else { return };
    screen.enter("select count(*) from generate_series(1, 6000) a, generate_series(1, 90000) b where a.value + b.value > 5;");
    // From here on the terminal collects lines, and not the line editor.
    screen.wait_for("Ctrl-C stops it");
    for line in [".null ∅", "select null as", "  second;", "select 4600 + 46 as n;"] {
        screen.enter(line);
    }
    screen.wait_for("4646");
    assert!(screen.shown().contains("│ ∅"), "{}", screen.shown());
}

#[test]
fn up_walks_what_begins_alike_and_ctrl_r_searches() {
    let Some(screen) = Screen::open(80) else { return };
    let lines = [("select 11 as first;", "@1"), (".timing off", "is off"), ("select 2;", "@2")];
    for (line, answer) in lines {
        screen.enter(line);
        screen.wait_for(answer);
    }
    screen.press(&["C-l", ".ti", "Up"]);
    screen.wait_for("weiku> .timing off");
    screen.press(&["C-c", "C-r"]);
    screen.wait_for("typed before:");
    screen.type_text("sel11");
    screen.wait_for("1 of 3");
    screen.press(&["Enter"]);
    screen.wait_for("weiku> select 11 as first;");
    screen.press(&["Enter"]);
    screen.wait_for("@3");
}

#[test]
fn the_viewer_opens_searches_and_leaves_the_prompt_as_it_was() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter("select value as n, '微博' || value as text, repeat('长', 90) as long from generate_series(1, 500);");
    screen.wait_for(".last shows all");
    screen.enter(".last");
    screen.wait_for("row 1 of 500");
    screen.press(&["/"]);
    screen.type_text("微博321");
    screen.press(&["Enter"]);
    let shown = screen.wait_for("row 321 of 500");
    assert!(shown.starts_with("    │"), "the header is gone: {shown}");
    screen.press(&["Right", "Enter"]);
    let shown = screen.wait_for("long, row 321");
    // The frame stands over the digits of the row numbers.
    let framed = shown.lines().filter(|line| line.starts_with("3│"));
    assert_eq!(framed.map(|line| line.matches('长').count()).sum::<usize>(), 90, "{shown}");
    screen.press(&["q", "q"]);
    screen.wait_for(".last shows all");
    screen.enter("select 40 + 4 as n;");
    screen.wait_for("44");
}

#[test]
fn an_answer_too_large_for_memory_is_opened_and_asked_and_its_file_goes_with_the_shell() {
    let home = tempfile::tempdir().unwrap();
    let spill = home.path().join("spill");
    std::fs::create_dir(&spill).unwrap();
    let variables = format!("WEIKU_SPILL_DIR='{}'", spill.display());
    let Some(screen) = Screen::open_with(100, home, &variables) else { return };
    screen.enter("select value as n, repeat('x', 1000) as long from generate_series(1, 90000);");
    screen.wait_for("@1");
    let files = |folder: &Path| -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let kept = files(&spill).pop().unwrap();
    let kept = files(&kept).into_iter().find(|path| path.is_dir()).unwrap();
    let kept = files(&kept).pop().unwrap();
    assert!(kept.metadata().unwrap().len() > 90_000_000);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    screen.enter(".last");
    screen.wait_for("row 1 of 90,000");
    screen.press(&["G"]);
    screen.wait_for("row 90,000 of 90,000");
    screen.press(&["/"]);
    screen.type_text("45678");
    screen.press(&["Enter"]);
    screen.wait_for("row 45,678 of 90,000");
    screen.press(&["q"]);
    screen.enter("select sum(n) as total, count(*) as n from _;");
    screen.wait_for("4050045000");
    screen.press(&["C-d"]);
    screen.wait_for("left");
    assert_eq!(files(&spill), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_search_leaves_nothing_of_signs_that_are_wider_than_told() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter("select '🇨🇳' as flag;");
    screen.wait_for("@1");
    screen.enter("select 12 as n;");
    screen.wait_for("@2");
    screen.press(&["C-l", "C-r"]);
    screen.wait_for("2 of 2");
    screen.type_text("12");
    let shown = screen.wait_for("1 of 2");
    assert!(!shown.contains(['🇨', '🇳']), "{shown}");
}

#[test]
fn ctrl_c_in_the_command_mode_of_vi_begins_a_new_line() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter(".keys vi");
    screen.wait_for("those of vi");
    screen.type_text("select 'thrown away'");
    screen.press(&["Escape"]);
    std::thread::sleep(Duration::from_millis(700));
    screen.press(&["C-c"]);
    std::thread::sleep(Duration::from_millis(200));
    screen.enter("select 40 + 8 as n;");
    screen.wait_for("48");
}

#[test]
fn ctrl_c_on_a_terminal_without_a_screen_begins_a_new_line() {
    let home = tempfile::tempdir().unwrap();
    let Some(screen) = Screen::open_with(80, home, "TERM=dumb") else { return };
    screen.type_text("select 'thrown away'");
    screen.press(&["C-c"]);
    screen.wait_for("^C\nweiku>");
    screen.enter("select 'begun',");
    screen.press(&["C-c"]);
    screen.wait_for("^C\nweiku>\n");
    screen.enter("select 40 +");
    screen.enter("9 as n;");
    screen.wait_for("49");
    assert!(!screen.shown().contains("error"), "{}", screen.shown());
    screen.press(&["C-d"]);
    screen.wait_for("left");
}

#[test]
fn a_question_takes_an_answer_that_is_no_statement() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("queries");
    std::fs::create_dir(&folder).unwrap();
    let query =
        "/*---\ntitle = \"Day\"\nparams.day = { type = \"date\" }\n---*/\nSELECT $day AS day;\n";
    std::fs::write(folder.join("day.sql"), query).unwrap();
    let Some(screen) = Screen::open_in(80, home) else { return };
    screen.enter(".run day");
    screen.wait_for("day (date");
    screen.enter("2012-08-27");
    screen.wait_for("@1");
    screen.press(&["C-l"]);
    screen.enter(".run day");
    screen.wait_for("day (date");
    // What is no day is asked for again.
    screen.enter("tomorow");
    screen.wait_for("Ctrl-C gives up");
    screen.press(&["C-c"]);
    screen.wait_for("nothing was run\nweiku>");
    screen.enter("select 40 + 5 as n;");
    screen.wait_for("45");
}

#[test]
fn copy_fills_the_clipboard() {
    let Some(screen) = Screen::open(80) else { return };
    screen.tmux(&["set", "-g", "set-clipboard", "on"]);
    screen.enter("select 1 as a, '微博' as b;");
    screen.wait_for("@1");
    screen.enter(".copy");
    screen.wait_for("is in the clipboard");
    let copied = screen.tmux(&["show-buffer"]).stdout;
    assert_eq!(String::from_utf8_lossy(&copied), "a\tb\n1\t微博\n");
}

#[test]
fn the_keys_of_vi_edit_a_line() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter(".keys vi");
    screen.wait_for("those of vi");
    screen.type_text("select 7;");
    screen.press(&["Escape"]);
    std::thread::sleep(Duration::from_millis(700));
    // Back to the 7, and put a 4 before it.
    screen.type_text("0fs");
    screen.type_text("f7i4");
    screen.press(&["Enter"]);
    screen.wait_for("47");
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
fn tab_pressed_again_goes_through_the_list_that_it_has_shown() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter("create view t as select 'a' as one_name, 'b' as one_note;");
    screen.wait_for("done");
    screen.type_text("select one_ from t");
    screen.press(&["Left"; 7]);
    screen.press(&["Tab"]);
    screen.wait_for("one_note  text");
    for (key, there) in [("Tab", "one_name"), ("Tab", "one_note"), ("BTab", "one_name")] {
        screen.press(&[key]);
        let shown = screen.wait_for(&format!("weiku> select {there} from t"));
        assert_eq!(shown.matches("one_note  text").count(), 1, "{shown}");
    }
    // What is typed is a new word, and a cleared screen has no list.
    screen.press(&["BSpace", "BSpace", "BSpace", "C-l"]);
    screen.press(&["Tab"]);
    screen.wait_for("one_note  text");
    screen.press(&["Tab"]);
    screen.wait_for("weiku> select one_name from t");
    screen.press(&["C-l", "Tab"]);
    screen.wait_for("weiku> select one_name from t");
    screen.press(&["End"]);
    screen.enter(";");
    screen.wait_for("│ a        │");
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
fn a_text_that_an_editor_has_changed_stands_once() {
    let home = tempfile::tempdir().unwrap();
    let editor = "VISUAL='sed -i s/one/two/'";
    let Some(screen) = Screen::open_with(60, home, editor) else { return };
    screen.type_text("select 'one' as a, 'a text that takes more than one row here' as b");
    screen.wait_for("as b");
    screen.press(&["C-x", "C-e"]);
    let shown = screen.wait_for("'two' as a");
    assert!(!shown.contains("'one' as a"), "{shown}");
    assert_eq!(shown.matches("weiku>").count(), 1, "{shown}");
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

#[test]
fn keys_behind_enter_are_not_lost() {
    let Some(screen) = Screen::open(80) else { return };
    let paste = screen.home().join("keys");
    // Pasted as keys, all of them at once, and the last line not ended.
    std::fs::write(&paste, "select 1 as first;\nselect 20 + 22\n as second;\nselect 40 + 9")
        .unwrap();
    screen.tmux(&["load-buffer", &paste.display().to_string()]);
    screen.tmux(&["paste-buffer"]);
    screen.wait_for("42");
    screen.wait_for("weiku> select 40 + 9");
    screen.enter(" as third;");
    screen.wait_for("49");
}

#[test]
fn ctrl_c_stops_a_statement_and_the_program_that_reads_its_answer() {
    let Some(screen) = Screen::open(120) else { return };
    screen.enter(".once |cat > /dev/null");
    screen.wait_for("the next answer goes to");
    // Rows come at once and without an end, so that the program may be gone before the next.
    screen.enter("select a.value from generate_series(1, 900000) a, generate_series(1, 90000) b where (a.value + b.value) % 70001 = 7;");
    screen.wait_for("Ctrl-C stops it");
    screen.press(&["C-c"]);
    let shown = screen.wait_for("cancelled after");
    assert!(!shown.contains("error:"), "{shown}");
    screen.enter("select 40 + 2 as answer;");
    screen.wait_for("42");
}

#[test]
fn what_is_typed_is_the_table_stdin_where_nothing_is_piped_in() {
    let Some(screen) = Screen::open(120) else { return };
    let program = env!("CARGO_BIN_EXE_weiku");
    screen.enter(&format!(".shell '{program}' -c 'select sum(a) + 40 as total from stdin'"));
    screen.wait_for("Ctrl-D ends it");
    screen.enter("a");
    screen.enter("2");
    screen.press(&["C-d"]);
    screen.wait_for("42");
}

#[test]
fn ctrl_d_typed_ahead_leaves() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter("select count(*) from generate_series(1, 6000) a, generate_series(1, 90000) b where a.value + b.value > 5;");
    screen.wait_for("Ctrl-C stops it");
    screen.press(&["C-d"]);
    screen.wait_for("@1");
    // What runs behind the shell reads the keys from then on.
    screen.wait_for("left");
}

#[test]
fn what_is_typed_while_a_statement_runs_is_shown_by_the_next_prompt_only() {
    let Some(screen) = Screen::open(120) else { return };
    let slow = "select count(*) from generate_series(1, 20000) a, generate_series(1, 90000) b where a.value + b.value > 5;";
    screen.enter(slow);
    screen.wait_for("Ctrl-C stops it");
    screen.type_text("select 'typed ahead'");
    let shown = screen.wait_for("weiku> select 'typed ahead'");
    assert!(shown.contains("@1") && shown.matches("typed ahead").count() == 1, "{shown}");
    // Also a statement that was stopped leaves the terminal as it was.
    screen.press(&["C-c"]);
    screen.enter(&slow.replace("20000", "200000"));
    screen.wait_for("Ctrl-C stops it");
    screen.press(&["C-c"]);
    screen.wait_for("cancelled after");
    screen.press(&["C-d"]);
    screen.wait_for("left");
    screen.type_text("shown by the terminal");
    screen.wait_for("shown by the terminal");
}

#[test]
fn what_is_typed_while_watch_waits_is_not_shown_among_the_answers() {
    let Some(screen) = Screen::open(120) else { return };
    screen.enter("select 40 + 7 as n;");
    screen.wait_for("@1");
    screen.press(&["C-l"]);
    screen.enter(".watch 1");
    screen.wait_for("again every");
    screen.wait_for("47");
    screen.type_text("typed while it waits");
    let begun = Instant::now();
    while screen.shown().matches("again every").count() < 3 {
        assert!(begun.elapsed() < PATIENCE, "no third round:\n{}", screen.shown());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!screen.shown().contains("typed"), "{}", screen.shown());
    screen.press(&["C-c"]);
    screen.enter("select 40 + 8 as n;");
    screen.wait_for("48");
}

#[test]
fn a_signal_that_ends_the_shell_leaves_the_terminal_as_it_was() {
    for (signal, code, runs) in [("TERM", 143, true), ("HUP", 129, false)] {
        let Some(screen) = Screen::open(120) else { return };
        screen.enter(&format!(
            ".shell (until test -e now; do sleep 0.1; done; kill -{signal} $PPID) &"
        ));
        screen.enter("select 40 + 7 as n;");
        screen.wait_for("47");
        if runs {
            screen.enter("select count(*) from generate_series(1, 200000) a, generate_series(1, 90000) b where a.value + b.value > 5;");
            screen.wait_for("Ctrl-C stops it");
        }
        std::fs::write(screen.home().join("now"), "").unwrap();
        let shown = screen.wait_for(&format!("left {code}"));
        assert!(!shown.contains("Ctrl-C stops it"), "{shown}");
        screen.type_text("shown by the terminal");
        screen.wait_for("shown by the terminal");
    }
}

#[test]
fn a_signal_that_ends_a_script_leaves_nothing_of_the_line_that_says_how_far_it_is() {
    let Some(screen) = Screen::open(120) else { return };
    let slow = "select count(*) from generate_series(1, 200000) a, generate_series(1, 90000) b where a.value + b.value > 5";
    let program = env!("CARGO_BIN_EXE_weiku");
    screen.enter(&format!(
        ".shell '{program}' -c '{slow}' & until test -e now; do sleep 0.1; done; kill $!; wait $!; echo ended $?"
    ));
    screen.wait_for("Ctrl-C stops it");
    std::fs::write(screen.home().join("now"), "").unwrap();
    let shown = screen.wait_for("ended 143");
    assert!(!shown.contains("Ctrl-C stops it"), "{shown}");
}

#[test]
fn a_full_width_semicolon_ends_a_statement() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter("select 40 + 2 as n，'；' as kept；");
    let shown = screen.wait_for("@1");
    assert!(shown.contains("│     42 │ ；   │"), "{shown}");
}

#[test]
fn a_value_is_completed_as_it_sounds() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter("create view who as select column1 as 名称 from (values ('外交部'), ('外交小灵通'), ('平安北京'));");
    screen.wait_for("done");
    screen.type_text("select mc");
    screen.press(&["Tab"]);
    screen.wait_for("select 名称");
    screen.type_text(" from who where 名称 = 'pabj");
    screen.press(&["Tab"]);
    screen.wait_for("名称 = '平安北京'");
    screen.enter(";");
    screen.wait_for("@1");
}

#[test]
fn hostile_text_acts_in_no_format_on_a_terminal() {
    let Some(screen) = Screen::open(80) else { return };
    for mode in ["csv", "json", "insert", "list", "box"] {
        screen.enter(&format!(".mode {mode}"));
        screen.enter("select chr(27) || '[2J' || chr(27) || ']0;hi' || chr(7) as \"a\u{202e}b\", 'kept' as k;");
        screen.wait_for(if mode == "box" { "@5" } else { "kept" });
    }
    let shown = screen.shown();
    assert!(shown.contains("␛[2J␛]0;hi␇"), "{shown}");
    assert!(shown.contains("a⟨202E⟩b"), "{shown}");
}

#[test]
fn a_dumb_terminal_gets_plain_text() {
    let home = tempfile::tempdir().unwrap();
    let Some(screen) = Screen::open_with(80, home, "TERM=dumb") else { return };
    screen.enter("select value as n from generate_series(1, 60);");
    screen.wait_for("18 shown");
    screen.enter(".last");
    // The first table has left it out.
    screen.wait_for("│     38 │");
    let shown = String::from_utf8(screen.tmux(&["capture-pane", "-p", "-e"]).stdout).unwrap();
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn no_colour_is_used_where_it_is_not_wanted() {
    let home = tempfile::tempdir().unwrap();
    let Some(screen) = Screen::open_with(80, home, "NO_COLOR=1") else { return };
    screen.enter("select null as a, 'x' as b;");
    screen.wait_for("@1");
    screen.enter("select nothing;");
    screen.wait_for("hint:");
    let shown = String::from_utf8(screen.tmux(&["capture-pane", "-p", "-e"]).stdout).unwrap();
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn ghost_text_is_dim_also_without_colours() {
    let home = tempfile::tempdir().unwrap();
    let Some(screen) = Screen::open_with(80, home, "NO_COLOR=1") else { return };
    screen.enter("select 42 as answer;");
    screen.wait_for("@1");
    screen.press(&["C-l"]);
    screen.wait_without("@1");
    screen.type_text("sel");
    screen.wait_for("select 42 as answer;");
    let shown = String::from_utf8(screen.tmux(&["capture-pane", "-p", "-e"]).stdout).unwrap();
    assert!(shown.starts_with("weiku> s") && shown.contains("\x1b[2m"), "{shown:?}");
}

#[test]
fn ghost_text_ends_with_the_row_and_is_taken_whole() {
    let Some(screen) = Screen::open(80) else { return };
    let ids: Vec<String> = (1001..=1300).map(|id| id.to_string()).collect();
    screen.enter(&format!("select 1 as n where 1001 in ({});", ids.join(", ")));
    screen.wait_for("@1");
    screen.press(&["C-l"]);
    screen.type_text("sel");
    let shown = screen.wait_for("…");
    assert!(shown.starts_with("weiku> select 1 as n where"), "{shown}");
    assert_eq!(shown.trim_end().lines().count(), 1, "{shown}");
    screen.press(&["Right"]);
    screen.wait_for("1300);");
    screen.press(&["C-c", "C-l"]);
    screen.type_text("sel");
    screen.wait_for("…");
    screen.press(&["End"]);
    screen.wait_for("1300);");
}

#[test]
fn with_the_keys_of_vi_no_key_is_lost_behind_the_one_that_clears_the_screen() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter(".keys vi");
    screen.wait_for("vi");
    screen.press(&["C-l"]);
    screen.enter("select 40 + 2 as n;");
    screen.wait_for("42");
}

#[test]
fn ghost_text_stands_at_the_cursor_only() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter("create view posts as select 'iPhone' as client, '微博' as tag;");
    screen.wait_for("done");
    screen.type_text("select p. from posts p");
    screen.wait_for("posts pivot");
    screen.press(&["Left"; 13]);
    screen.press(&["Tab"]);
    screen.wait_for("tag  text");
    std::thread::sleep(Duration::from_millis(300));
    let shown = screen.shown();
    assert_eq!(shown.matches("select p. from posts p").count(), 2, "{shown}");
    assert!(!shown.contains("pivot"), "{shown}");
}

#[test]
fn ghost_text_stays_with_the_line_that_is_typed_and_comes_back_with_the_cursor() {
    let Some(screen) = Screen::open(80) else { return };
    screen.enter("create view t as select 'a' as one_name, 'b' as one_note;");
    screen.wait_for("done");
    screen.enter("select 42 as n from t where one_name = 'a';");
    screen.wait_for("@1");
    screen.press(&["C-l"]);
    screen.type_text("select 42 as n from t where one_");
    screen.wait_for("where one_name = 'a';");
    screen.press(&["Tab"]);
    // Below the list it stands behind the line, and above it no more.
    let shown = screen.wait_for("\nweiku> select 42 as n from t where one_name = 'a';");
    assert!(shown.starts_with("weiku> select 42 as n from t where one_n\n"), "{shown}");
    screen.press(&["C-c", "C-l"]);
    screen.type_text("select 42 as n from");
    for keys in [["Left", "End"], ["Left", "Right"], ["Home", "End"]] {
        screen.wait_for("where one_name = 'a';");
        screen.press(&keys[..1]);
        screen.wait_without("where one_name");
        screen.press(&keys[1..]);
    }
    screen.wait_for("where one_name = 'a';");
    screen.press(&["End", "Enter"]);
    screen.wait_for("@2");
}

#[test]
fn a_blank_that_is_not_seen_is_told() {
    let Some(screen) = Screen::open(80) else { return };
    let paste = screen.home().join("paste");
    std::fs::write(&paste, "select '微\u{200b}博' as text;").unwrap();
    screen.tmux(&["load-buffer", &paste.display().to_string()]);
    screen.tmux(&["paste-buffer", "-p"]);
    screen.wait_for("⟨200B⟩ is in this line, unseen");
}

#[test]
fn a_mark_that_turns_the_line_is_told_and_not_drawn() {
    let Some(screen) = Screen::open(80) else { return };
    let paste = screen.home().join("paste");
    std::fs::write(&paste, "select 'a\u{202e}b' as turned;").unwrap();
    screen.tmux(&["load-buffer", &paste.display().to_string()]);
    screen.tmux(&["paste-buffer", "-p"]);
    let shown = screen.wait_for("⟨202E⟩ is in this line, unseen");
    assert!(shown.contains("select 'ab' as turned;"), "{shown}");
    screen.press(&["Enter"]);
    screen.wait_for("│ a⟨202E⟩b │");
}

#[test]
fn ctrl_c_on_a_very_long_text_begins_a_new_line() {
    let Some(screen) = Screen::open(80) else { return };
    let paste = screen.home().join("paste");
    std::fs::write(&paste, format!("select '{}end'", "x".repeat(70_000))).unwrap();
    screen.tmux(&["load-buffer", &paste.display().to_string()]);
    screen.tmux(&["paste-buffer", "-p"]);
    screen.wait_for("xend'");
    screen.press(&["C-c"]);
    screen.enter("select 40 + 6 as n;");
    screen.wait_for("46");
}

#[test]
fn join_conditions_and_values_are_completed() {
    let Some(screen) = Screen::open(100) else { return };
    screen.enter("create view a as select 1 as account_id, 'web' as client;");
    screen.wait_for("done");
    screen.enter("create view b as select 1 as account_id, 2 as likes;");
    screen.press(&["C-l"]);
    screen.type_text("select likes from a join b on ");
    // Ghost text says it before any key does.
    screen.wait_for("on a.account_id = b.account_id");
    screen.press(&["Right"]);
    screen.type_text(" where client = '");
    screen.press(&["Tab"]);
    screen.wait_for("client = 'web'");
    screen.enter(";");
    screen.wait_for("│      2 │");
}

#[test]
fn a_long_list_of_candidates_fits_the_screen() {
    let Some(screen) = Screen::open(80) else { return };
    screen.type_text("select * from posts where ");
    screen.type_text("regr");
    screen.press(&["Tab"]);
    screen.wait_for("regr_slope");
    screen.press(&["C-c", "C-l"]);
    screen.type_text("set datafusion");
    screen.press(&["Tab"]);
    let shown = screen.wait_for(" more");
    assert!(!shown.contains("--More--") && shown.contains("weiku> set datafusion"), "{shown}");
    screen.press(&["C-c"]);
    screen.enter("select 40 + 2 as n;");
    screen.wait_for("42");
}

#[test]
fn a_recalled_text_has_the_cursor_behind_it_and_up_goes_through_its_lines() {
    for (columns, hints) in [(80, "off"), (120, "on")] {
        let Some(screen) = Screen::open(columns) else { return };
        screen.enter(&format!(".hints {hints}"));
        screen.enter("select 42 as q;");
        screen.wait_for("@1");
        screen.press(&["C-l", "Up"]);
        screen.wait_for("weiku> select 42 as q;");
        screen.type_text(" -- Z");
        screen.wait_for("weiku> select 42 as q; -- Z");
        screen.press(&["C-c", "C-p"]);
        screen.type_text(" -- Y");
        screen.wait_for("weiku> select 42 as q; -- Y");
        screen.press(&["C-c"]);
        screen.type_text("sel");
        screen.press(&["Up"]);
        screen.type_text(" -- X");
        screen.wait_for("weiku> select 42 as q; -- X");
        screen.press(&["C-c", "C-r"]);
        screen.wait_for("typed before:");
        screen.type_text("42");
        screen.wait_for("1 of ");
        screen.press(&["Enter"]);
        screen.wait_for("weiku> select 42 as q;");
        screen.type_text(" -- W");
        screen.wait_for("weiku> select 42 as q; -- W");
        screen.press(&["C-c"]);
        for line in ["select 43 as one,", "44 as two,", "45 as three;"] {
            screen.enter(line);
        }
        screen.wait_for("@2");
        screen.press(&["C-l", "Up"]);
        screen.wait_for("45 as three;");
        screen.press(&["Up", "C-e"]);
        screen.type_text(" -- V");
        screen.wait_for("44 as two, -- V");
        // From the first line, and of an unchanged text, Up goes to the input before.
        screen.press(&["C-c", "Up", "Up", "Up", "Up"]);
        screen.wait_for("weiku> select 42 as q;");
        assert!(!screen.shown().contains("three"), "{}", screen.shown());
        screen.press(&["Down"]);
        screen.wait_for("45 as three;");
    }
}

#[test]
fn what_failed_is_no_ghost_text_and_comes_last_in_the_search() {
    let Some(screen) = Screen::open(100) else { return };
    screen.enter("select 42 as answer;");
    screen.wait_for("@1");
    screen.enter("select 42 as answer from nowhere;");
    screen.wait_for("error:");
    screen.press(&["C-l"]);
    screen.type_text("select 42 ");
    let shown = screen.wait_for("select 42 as answer;");
    assert!(!shown.contains("nowhere"), "{shown}");
    screen.press(&["C-c", "C-r"]);
    screen.wait_for("typed before:");
    let shown = screen.shown();
    let [worked, failed] = ["answer;", "nowhere"].map(|text| shown.find(text).unwrap());
    assert!(worked < failed, "{shown}");
}

#[test]
fn a_pager_is_told_to_show_colours_and_not_to_break_lines() {
    let home = tempfile::tempdir().unwrap();
    let pager = "PAGER='cat > pager.txt; echo less is $LESS.' env -u LESS";
    let Some(screen) = Screen::open_with(100, home, pager) else { return };
    screen.enter("select 42 as answer;");
    screen.wait_for("@1");
    screen.enter(".last");
    screen.wait_for("less is RS.");
    assert!(std::fs::read_to_string(screen.home().join("pager.txt")).unwrap().contains("42"));
    screen.enter(".pager off");
    screen.wait_for("opens the viewer");
    screen.enter(".pager on");
    screen.wait_for(".last opens `cat");
}
