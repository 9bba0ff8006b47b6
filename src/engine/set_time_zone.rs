//! `SET TIME ZONE 'UTC'`, as the standard has it, which is the setting `timezone`.

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName, Set, Statement, Value};

/// Makes the setting of the words. LOCAL and DEFAULT are `own`, the time zone that the
/// session began with.
pub(super) fn spell(parsed: &mut Parsed, own: &str) {
    let Parsed::Statement(statement) = parsed else { return };
    let Statement::Set(set) = statement.as_mut() else { return };
    let Set::SetTimeZone { value, .. } = set else { return };
    let value = match is_own(value) {
        true => Expr::value(Value::SingleQuotedString(own.to_owned())),
        false => value.clone(),
    };
    *set = Set::SingleAssignment {
        scope: None,
        hivevar: false,
        variable: ObjectName::from(vec![Ident::new("timezone")]),
        values: vec![value],
    };
}

fn is_own(value: &Expr) -> bool {
    let Expr::Identifier(name) = value else { return false };
    ["local", "default"].iter().any(|word| name.value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_words_of_the_standard_set_the_time_zone() {
        let session = Session::new(None, Settings::default()).unwrap();
        let asked = "SHOW datafusion.execution.time_zone";
        let before = answer(&session, asked).await;
        session.collect("SET TIME ZONE 'America/New_York'").await.unwrap();
        assert!(answer(&session, asked).await[1].ends_with("|America/New_York"));
        session.collect("SET TIME ZONE LOCAL").await.unwrap();
        assert_eq!(answer(&session, asked).await, before);
        let error = session.collect("SET TIME ZONE 'Mars'").await.unwrap_err();
        assert!(error.message().contains("no time zone"), "{error}");
    }
}
