//! Commands that people type who come from another shell, and what stands for
//! them here.

/// A command known elsewhere, and what to do here.
const COMMANDS: &[(&str, &str)] = &[
    (".bail", "a file stops at its first error; the flag --keep-going goes on"),
    (".binary", ".once FILE writes the next answer byte for byte"),
    (".cd", "name files by their path: .read queries/daily.sql"),
    (".changes", "weiku DB -c \"SELECT * FROM imports\" tells what each import changed"),
    (".clear", "Ctrl-L clears the screen"),
    (".clone", "COPY posts TO 'posts.parquet'"),
    (".cls", "Ctrl-L clears the screen"),
    (".constant", ".set lists what can be set"),
    (".display_colors", "the colours are those of your terminal"),
    (".dump", ".mode insert writes answers as INSERT statements; .schema shows views"),
    (".echo", ".read shows answers only"),
    (".excel", "COPY posts TO 'posts.csv' (BOM true) makes a file that Excel reads"),
    (".fullschema", ".schema"),
    (".headers", "answers have a header in each format"),
    (".header", "answers have a header in each format"),
    (".highlight", "--color never at the start, or the variable NO_COLOR"),
    (".highlight_colors", "the colours are those of your terminal"),
    (".import", "`weiku import DB FILE...` on the command line, or SELECT * FROM 'FILE'"),
    (".indexes", "posts are indexed by the words of their text, without being told"),
    (".log", ".tee FILE copies all answers to a file"),
    (".maxwidth", ".width N"),
    (".multiline", "a statement ends at its ; and not before"),
    (".open", "start weiku with the other folder: `weiku DB`"),
    (".param", "a statement with $name asks for its value; -p NAME=VALUE at the start gives it"),
    (
        ".parameter",
        "a statement with $name asks for its value; -p NAME=VALUE at the start gives it",
    ),
    (".print", "SELECT 'text'"),
    (".progress_bar", "--progress never at the start"),
    (".prompt", "the prompt is the name of the database folder"),
    (".rows", ".x off"),
    (".safe_mode", "--safe at the start"),
    (".separator", "COPY posts TO 'posts.csv' (DELIMITER ';'), or .mode tsv"),
    (".singleline", "a statement ends at its ; and not before"),
    (".stats", ".explain shows where the time of the last statement went"),
    (".thousand_sep", "tables group digits, files do not"),
    (".version", ".database"),
    ("\\a", ".mode list"),
    ("\\c", "start weiku with the other folder: `weiku DB`"),
    ("\\cd", "name files by their path: .read queries/daily.sql"),
    ("\\connect", "start weiku with the other folder: `weiku DB`"),
    ("\\copy", "COPY posts TO 'posts.parquet', or .once FILE for the next answer"),
    ("\\crosstabview", "count(*) FILTER (WHERE platform = 'weibo') AS weibo, a column for each"),
    ("\\dS", "SHOW TABLES"),
    ("\\da", ".functions"),
    ("\\dd", ".describe NAME"),
    ("\\di", "posts are indexed by the words of their text, without being told"),
    ("\\dn", ".tables"),
    ("\\dp", "files have owners, weiku has no users"),
    ("\\ds", ".tables"),
    ("\\du", "files have owners, weiku has no users"),
    ("\\dx", "weiku has no extensions: all formats and functions are built in"),
    ("\\echo", "SELECT 'text'"),
    ("\\encoding", "what is typed and shown is UTF-8"),
    ("\\errverbose", "--errors json at the start"),
    ("\\ev", ".schema NAME shows it, CREATE OR REPLACE VIEW makes it anew"),
    ("\\f", "COPY posts TO 'posts.csv' (DELIMITER ';'), or .mode tsv"),
    ("\\gdesc", ".describe (SELECT ...)"),
    ("\\gexec", ".once FILE, then .read FILE"),
    ("\\gset", "the last answer is the table _: (SELECT n FROM _)"),
    ("\\H", ".mode html"),
    ("\\ir", ".read FILE"),
    ("\\list", ".database"),
    ("\\n", ".queries lists the saved queries, .run NAME runs one"),
    ("\\p", ".edit opens the last statement, .copy query copies it"),
    ("\\prompt", ".run asks for the parameters of a saved query"),
    ("\\pset", ".mode, .null, .width and .x; .set lists all"),
    ("\\qecho", "SELECT 'text'"),
    ("\\r", "Ctrl-C clears what is typed"),
    ("\\reset", "Ctrl-C clears what is typed"),
    (
        "\\set",
        "a statement with $name asks for its value; -p NAME=VALUE at the start gives it, and .set \
         changes settings",
    ),
    ("\\sf", ".help NAME"),
    ("\\sv", ".schema NAME"),
    ("\\t", ".mode csv"),
    ("\\w", ".save NAME makes a saved query of the last statement"),
    ("\\warn", "SELECT 'text'"),
    ("\\z", ".tables"),
];

/// What to do here instead of the command `name` of another shell.
pub(super) fn command(name: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(other, _)| *other == name).map(|(_, here)| *here)
}

#[cfg(test)]
mod tests {
    use super::COMMANDS;
    use crate::shell::commands::find;

    #[test]
    fn no_command_of_ours_is_taken_for_one_of_another_shell() {
        for (name, here) in COMMANDS {
            assert!(find(name).is_err(), "{name} is there by now");
            let is_command =
                |word: &&str| word.starts_with('.') && word[1..].starts_with(char::is_alphabetic);
            let named = here.split_whitespace().filter(is_command);
            for command in named.map(|word| word.trim_end_matches([',', ';', ':'])) {
                assert!(find(command).is_ok(), "{name}: there is no {command}");
            }
        }
    }
}
