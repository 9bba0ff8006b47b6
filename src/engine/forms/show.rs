//! `SHOW DATABASES` and `SHOW SCHEMAS`: the database of the session and those that are
//! attached, each of which is a schema beside it. `SHOW FUNCTIONS`: all that there are, where
//! the engine leaves out those of which it does not know all types. `SHOW TABLES LIKE` and
//! `SHOW VIEWS`, which it does not know.

use datafusion::execution::SessionStateDefaults;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer, Whitespace};

use crate::engine::reduced_lists;

/// What is asked instead.
const DATABASES: &str = "SELECT schema_name AS database_name FROM information_schema.schemata \
                         ORDER BY schema_name";

/// The functions as the engine shows them: a row for each kind of answer, with the
/// parameters where they are known. Those that take `x -> ...`, which the view lacks, are
/// put in front.
const FUNCTIONS: &str = "
    UNION ALL
    SELECT routine.routine_name, routine.data_type, known.parameters, known.parameter_types,
        routine.function_type, routine.description, routine.syntax_example
    FROM information_schema.routines AS routine
    LEFT JOIN (
        SELECT answer.specific_name AS name, answer.data_type AS return_type,
            array_agg(given.parameter_name ORDER BY given.ordinal_position) AS parameters,
            array_agg(given.data_type ORDER BY given.ordinal_position) AS parameter_types
        FROM information_schema.parameters AS answer
        JOIN information_schema.parameters AS given
            ON given.specific_name = answer.specific_name AND given.rid = answer.rid
        WHERE answer.parameter_mode = 'OUT' AND given.parameter_mode = 'IN'
        GROUP BY answer.specific_name, answer.data_type, answer.rid
    ) AS known
        ON known.name = routine.routine_name AND known.return_type = routine.data_type
        AND routine.function_type <> 'TABLE'";

/// The tables and views as `SHOW TABLES` has them.
const TABLES: &str = "SELECT * FROM information_schema.tables";

/// Makes a query of such a statement.
pub(super) fn spell(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    // The parser refuses what is asked in another way.
    asked(&tokens).unwrap_or(tokens)
}

/// What is asked instead, if it is such a statement.
fn asked(tokens: &[TokenWithSpan]) -> Option<Vec<TokenWithSpan>> {
    let is_shown = |token: &&TokenWithSpan| {
        !matches!(token.token, Token::Whitespace(_) | Token::SemiColon | Token::EOF)
    };
    let mut shown = tokens.iter().filter(is_shown);
    let show = shown.next().filter(|show| is(show, "show"))?;
    let what = shown.next()?;
    let rest: Vec<&TokenWithSpan> = shown.collect();
    let is_like = rest.first().is_some_and(|like| is(like, "like") || is(like, "ilike"));
    if !rest.is_empty() && !is_like {
        return None;
    }
    // Where the pattern goes, and what stands behind it.
    let (query, end) = if is(what, "functions") {
        let begin = if is_like { " WHERE function_name " } else { "" };
        (format!("{}{begin}", functions()), " ORDER BY function_name")
    } else if is(what, "tables") && is_like {
        (format!("{TABLES} WHERE table_name "), "")
    } else if is(what, "views") {
        let begin = if is_like { " AND table_name " } else { "" };
        (format!("{TABLES} WHERE table_type = 'VIEW'{begin}"), "")
    } else if !is_like && (is(what, "databases") || is(what, "schemas")) {
        (DATABASES.to_owned(), "")
    } else {
        return None;
    };
    let mut query = tokens_of(&query, show.span)?;
    for token in rest {
        query.extend([token.clone(), blank(show.span)]);
    }
    query.extend(tokens_of(end, show.span)?);
    Some(query)
}

fn tokens_of(sql: &str, span: Span) -> Option<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().ok()?;
    Some(tokens.into_iter().map(|token| TokenWithSpan::new(token, span)).collect())
}

fn blank(span: Span) -> TokenWithSpan {
    TokenWithSpan::new(Token::Whitespace(Whitespace::Space), span)
}

/// All functions, in the columns that the engine gives them.
fn functions() -> String {
    let mut rows: Vec<String> = Vec::new();
    let of_engine = SessionStateDefaults::default_higher_order_functions();
    for function in of_engine.into_iter().chain([reduced_lists::function()]) {
        let known = function.documentation();
        let about = known.map_or("NULL".to_owned(), |known| quoted(&known.description));
        let call = known.map_or("NULL".to_owned(), |known| quoted(&known.syntax_example));
        let names = function.aliases().iter().map(String::as_str).chain([function.name()]);
        rows.extend(names.map(|name| format!("({}, {about}, {call})", quoted(name))));
    }
    // No list of rows may be empty.
    rows.push("(NULL, NULL, NULL)".to_owned());
    format!(
        "SELECT DISTINCT * FROM (
            SELECT name AS function_name, CAST(NULL AS text) AS return_type,
                CAST(NULL AS text[]) AS parameters, CAST(NULL AS text[]) AS parameter_types,
                'SCALAR' AS function_type, about AS description, call AS syntax_example
            FROM (VALUES {}) AS lambda (name, about, call) WHERE name IS NOT NULL
            {FUNCTIONS}
        ) AS function",
        rows.join(", ")
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.trim().replace('\'', "''"))
}

fn is(token: &TokenWithSpan, name: &str) -> bool {
    matches!(&token.token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn databases_are_listed_under_both_names() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in ["SHOW DATABASES", "show schemas;", " SHOW\n DATABASES "] {
            assert_eq!(answer(&session, sql).await, ["database_name", "main"], "{sql}");
        }
        assert!(session.collect("SHOW DATABASES LIKE 'm%'").await.is_err());
    }

    #[tokio::test]
    async fn tables_and_views_are_found_as_like_finds_them() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("CREATE TABLE posts AS SELECT 1 AS n").await.unwrap();
        session.collect("CREATE VIEW popular AS SELECT n FROM posts").await.unwrap();
        session.collect("CREATE TABLE a AS SELECT 1 AS n").await.unwrap();
        for (sql, wanted) in [
            ("SHOW TABLES LIKE 'po%'", vec!["popular|VIEW", "posts|BASE TABLE"]),
            ("show tables like 'posts';", vec!["posts|BASE TABLE"]),
            ("SHOW TABLES LIKE 'Po%'", vec![]),
            ("SHOW TABLES ILIKE 'Po%s'", vec!["posts|BASE TABLE"]),
            ("SHOW VIEWS LIKE 'po%'", vec!["popular|VIEW"]),
            ("SHOW VIEWS LIKE 'posts'", vec![]),
        ] {
            let rows = answer(&session, sql).await;
            let rows = rows.iter().skip(1).map(|row| row.replace("weiku|main|", ""));
            let mut rows: Vec<String> = rows.collect();
            rows.sort();
            assert_eq!(rows, wanted, "{sql}");
        }
        let views = answer(&session, "SHOW VIEWS").await;
        assert_eq!(views[0], "table_catalog|table_schema|table_name|table_type");
        assert!(views.iter().any(|row| row.contains("|popular|")), "{views:#?}");
        assert!(!views.iter().any(|row| row.contains("|posts|")), "{views:#?}");
        assert!(session.collect("SHOW TABLES LIKE").await.is_err());
        assert!(session.collect("SHOW TABLES posts").await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_are_found_as_like_finds_them_and_all_are_there() {
        let session = Session::new(None, Settings::default()).unwrap();
        let names = async |sql: &str| {
            // A description of several lines has no name on the others.
            let names = answer(&session, sql).await.into_iter().skip(1).map(|row| {
                let name = row.split('|').next().unwrap_or_default();
                name.to_owned()
            });
            names.filter(|name| !name.is_empty()).collect::<BTreeSet<String>>()
        };
        let list = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        assert_eq!(names("SHOW FUNCTIONS LIKE 'hash%';").await, list(&["hashtags"]));
        assert_eq!(names("show functions ilike '%HASHT%'").await, list(&["hashtags"]));
        assert_eq!(names("SHOW FUNCTIONS LIKE 'HASH%'").await, list(&[]));
        assert_eq!(names("SHOW FUNCTIONS LIKE 'ab_'").await, list(&["abs"]));
        assert_eq!(names("SHOW FUNCTIONS LIKE '%y_filter'").await, list(&["array_filter"]));

        let mut all = names("SELECT routine_name FROM information_schema.routines").await;
        all.extend(session.context().state().higher_order_functions().keys().cloned());
        assert_eq!(names("SHOW FUNCTIONS").await, all);
        assert!(session.collect("SHOW FUNCTIONS abs").await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_function_tells_its_parameters() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = answer(&session, "SHOW FUNCTIONS LIKE 'abs'").await;
        let row = "abs|Int64|[numeric_expression]|[Int64]|SCALAR|";
        assert!(rows.iter().any(|found| found.starts_with(row)), "{rows:#?}");
    }
}
