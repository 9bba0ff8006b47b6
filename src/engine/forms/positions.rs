//! `?` for a value: the first in a statement is `$1`, the second `$2`, and so on.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::engine::script::{self, Statement};
use crate::error::{Error, Result};

/// Writes each `?` of a statement as `$1`, `$2`, ...
///
/// # Errors
/// When there is a `$1` as well: nobody knows which of the two is meant first.
pub(in crate::engine) fn number(
    tokens: Vec<TokenWithSpan>,
    statement: &Statement,
) -> Result<Vec<TokenWithSpan>> {
    let first = |sign: char| {
        tokens.iter().find(
            |token| matches!(&token.token, Token::Placeholder(name) if name.starts_with(sign)),
        )
    };
    if let (Some(at), Some(other)) = (first('?'), first('$')) {
        let error = Error::query(format!("a statement has `?` or `{}`, not both", other.token));
        let place = statement.place(at.span.start.line, at.span.start.column, Some(1));
        return Err(error.hint("write $1, $2 and so on for all of them").at(place));
    }
    Ok(script::numbered(tokens))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::RecordBatch;
    use datafusion::common::ScalarValue;
    use datafusion::sql::sqlparser::tokenizer::Token;

    use crate::engine::answers::answer;
    use crate::engine::{Params, Session, Settings, script};

    #[tokio::test]
    async fn question_marks_are_counted() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = "SELECT n FROM (VALUES (1), (2), (3)) AS t(n) WHERE n > ? AND n < ?";
        let statements = script::parse(sql, None).unwrap();
        let values = [("1", 1), ("2", 3)];
        let values = values.map(|(name, value)| (name.to_owned(), ScalarValue::Int64(Some(value))));
        let found = session.run(&statements[0], &Params::from(values)).await.unwrap();
        let rows = found.collect().await.unwrap();
        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
        session.collect(&format!("PREPARE q AS {sql}")).await.unwrap();
        assert_eq!(answer(&session, "EXECUTE q(1, 3)").await, ["n", "2"]);
        assert_eq!(answer(&session, "SELECT '?' AS a").await, ["a", "?"]);
    }

    #[tokio::test]
    async fn both_signs_in_one_statement_are_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        let error = session.collect("SELECT $1, ?").await.unwrap_err();
        assert_eq!(error.message(), "a statement has `?` or `$1`, not both");
        assert_eq!(error.place().column, Some(12));
    }

    #[test]
    fn each_statement_counts_anew() {
        let tokens = script::tokenize("SELECT ?, ?; SELECT ?").unwrap();
        let names = script::numbered(tokens).into_iter().filter_map(|one| match one.token {
            Token::Placeholder(name) => Some(name),
            _ => None,
        });
        assert_eq!(names.collect::<Vec<_>>(), ["$1", "$2", "$1"]);
    }
}
