//! `RESET timezone` and `SET timezone TO DEFAULT`: a setting as the session began with it.
//! The engine's RESET goes to values of its own, of which the session has others: with them
//! 0.1 + 0.2 is no longer 0.3, and no table is found.

use datafusion::common::config::ConfigOptions;
use datafusion::sql::parser::{ResetStatement, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Set, Statement, Value};

use crate::error::{Error, Result, nearest};

/// Other names of settings.
const OTHER_NAMES: [(&str, &str); 2] = [
    ("time.zone", "datafusion.execution.time_zone"),
    ("timezone", "datafusion.execution.time_zone"),
];

/// What stands before the names of settings that only flags change.
const BEGUN_WITH: &str = "datafusion.runtime.";

/// Makes SET of it, with the value that is in `begun`.
///
/// # Errors
/// When there is no such setting, or it is one that only flags change.
pub(super) fn spell(parsed: &mut Parsed, begun: impl FnOnce() -> ConfigOptions) -> Result<()> {
    let variable = match parsed {
        Parsed::Reset(ResetStatement::Variable(variable)) => variable.clone(),
        Parsed::Statement(statement) => match default_of(statement) {
            Some(variable) => variable.clone(),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    let typed = variable.to_string().replace('"', "").to_ascii_lowercase();
    if typed.starts_with(BEGUN_WITH) {
        return Err(Error::query(format!("{typed} is what a session begins with"))
            .hint("--memory-limit, --spill-dir and --spill-limit set what queries may take"));
    }
    let other = OTHER_NAMES.iter().find(|(name, _)| *name == typed);
    let key = other.map_or(typed.as_str(), |(_, key)| key);
    let begun = begun().entries();
    let Some(entry) = begun.iter().find(|entry| entry.key == key) else {
        let near = nearest(key, begun.iter().map(|entry| entry.key.as_str()));
        let hint = match near {
            Some(near) => format!("did you mean {near}?"),
            None => "SHOW ALL lists the settings".to_owned(),
        };
        return Err(Error::query(format!("no setting {typed}")).hint(hint));
    };
    let Some(value) = entry.value.clone() else {
        // What has no value to begin with is unset by the engine.
        *parsed = Parsed::Reset(ResetStatement::Variable(variable));
        return Ok(());
    };
    let set = Set::SingleAssignment {
        scope: None,
        hivevar: false,
        variable,
        values: vec![Expr::value(Value::SingleQuotedString(value))],
    };
    *parsed = Parsed::Statement(Box::new(Statement::Set(set)));
    Ok(())
}

/// The setting that `statement` sets to DEFAULT.
fn default_of(statement: &Statement) -> Option<&ObjectName> {
    let Statement::Set(Set::SingleAssignment { variable, values, .. }) = statement else {
        return None;
    };
    let [Expr::Identifier(value)] = values.as_slice() else { return None };
    let is_default = value.quote_style.is_none() && value.value.eq_ignore_ascii_case("default");
    is_default.then_some(variable)
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_setting_goes_back_to_what_the_session_began_with() {
        let session = Session::new(None, Settings::default()).unwrap();
        let all = "SELECT name, value FROM information_schema.df_settings ORDER BY name";
        let before = answer(&session, all).await;
        for (set, back) in [
            ("SET timezone = 'UTC'", "RESET timezone"),
            ("SET TIME ZONE 'UTC'", "SET timezone TO DEFAULT"),
            ("SET weiku.column_cache = false", "RESET weiku.column_cache"),
            (
                "SET datafusion.sql_parser.default_null_ordering = 'nulls_first'",
                "RESET datafusion.sql_parser.default_null_ordering",
            ),
            (
                "SET datafusion.execution.batch_size = 10",
                "SET datafusion.execution.batch_size = DEFAULT",
            ),
        ] {
            session.collect(set).await.unwrap();
            assert_ne!(answer(&session, all).await, before, "{set}");
            session.collect(back).await.unwrap();
            assert_eq!(answer(&session, all).await, before, "{back}");
        }
        for entry in session.context().copied_config().options().entries() {
            // That one sets others as well.
            let is_one = entry.key != "datafusion.optimizer.enable_dynamic_filter_pushdown";
            if entry.value.is_some() && is_one {
                session.collect(&format!("RESET {}", entry.key)).await.unwrap();
            }
        }
        assert_eq!(answer(&session, all).await, before);
        assert_eq!(answer(&session, "SELECT 0.1 + 0.2 = 0.3 AS same").await, ["same", "true"]);
        for (sql, told) in [
            ("RESET datafusion.runtime.memory_limit", "begins with"),
            ("RESET batch_sise", "no setting"),
            ("RESET all", "no setting"),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains(told), "{sql}: {error}");
        }
    }
}
