//! Keywords worth offering, their case, and quotes for names that need them.

use datafusion::sql::sqlparser::keywords::{
    ALL_KEYWORDS, ALL_KEYWORDS_INDEX, RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_IDENTIFIER,
    RESERVED_FOR_TABLE_ALIAS,
};

use crate::shell::scan::{Kind, Lexeme};

/// What a statement begins with.
pub(crate) const STATEMENTS: &[&str] = &[
    "SELECT",
    "FROM",
    "WITH",
    "EXPLAIN",
    "EXPLAIN ANALYZE",
    "DESCRIBE",
    "SUMMARIZE",
    "SHOW TABLES",
    "SHOW ALL",
    "SET",
    "CREATE VIEW",
    "CREATE OR REPLACE VIEW",
    "CREATE TABLE",
    "DROP VIEW",
    "DROP TABLE",
    "INSERT INTO",
    "UPDATE",
    "DELETE FROM",
    "COPY",
    "ATTACH",
    "DETACH",
    "PIVOT",
    "UNPIVOT",
    "VALUES",
];

/// Types that values can be brought to, those that are asked for most first.
pub(crate) const TYPES: &[&str] = &[
    "TEXT",
    "VARCHAR",
    "BIGINT",
    "INTEGER",
    "DOUBLE",
    "DECIMAL(18, 2)",
    "BOOLEAN",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "INTERVAL",
    "TIME",
    "SMALLINT",
    "TINYINT",
    "REAL",
    "FLOAT",
    "BYTEA",
    "BIGINT[]",
    "VARCHAR[]",
];

/// What an operand may begin with, besides columns and functions.
pub(crate) const OPERANDS: &[&str] = &[
    "DISTINCT",
    "CASE",
    "CASE WHEN",
    "CAST(",
    "EXISTS (",
    "NOT",
    "NULL",
    "TRUE",
    "FALSE",
    "INTERVAL",
    "TIMESTAMP",
    "DATE",
    "FROM",
];

/// Whether keywords should be offered in capitals: as the person writes them.
pub(crate) fn wants_capitals(typed: &str, before: &[Lexeme<'_>]) -> bool {
    let sample = typed.chars().find(|c| c.is_alphabetic()).or_else(|| {
        let keyword = before.iter().find(|l| l.kind == Kind::Word && keyword(l.text).is_some());
        keyword.and_then(|lexeme| lexeme.text.chars().next())
    });
    sample.is_some_and(char::is_uppercase)
}

fn keyword(word: &str) -> Option<usize> {
    ALL_KEYWORDS.binary_search(&word.to_uppercase().as_str()).ok()
}

/// Whether `name` means itself without quotes.
pub(crate) fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    let begins = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == '@');
    let goes_on = chars.all(|c| c.is_alphanumeric() || c == '_');
    begins && goes_on && name.to_lowercase() == name && !is_reserved(name)
}

fn is_reserved(name: &str) -> bool {
    keyword(name).is_some_and(|index| {
        let keyword = ALL_KEYWORDS_INDEX[index];
        RESERVED_FOR_COLUMN_ALIAS.contains(&keyword)
            || RESERVED_FOR_TABLE_ALIAS.contains(&keyword)
            || RESERVED_FOR_IDENTIFIER.contains(&keyword)
    })
}

/// `name` as it is written in SQL: in quotes where it needs them.
pub(crate) fn quote_name(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::quote_name;

    #[test]
    fn only_names_that_need_quotes_get_them() {
        assert_eq!(quote_name("posted_at"), "posted_at");
        assert_eq!(quote_name("微博"), "微博");
        assert_eq!(quote_name("Posted"), "\"Posted\"");
        assert_eq!(quote_name("a b"), "\"a b\"");
        assert_eq!(quote_name("order"), "\"order\"");
        assert_eq!(quote_name("1st"), "\"1st\"");
        assert_eq!(quote_name("a\"b"), "\"a\"\"b\"");
    }
}
