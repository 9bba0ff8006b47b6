//! Statements of PREPARE: how many values each takes, and which are planned anew for those
//! that EXECUTE gives.

use std::collections::BTreeMap;
use std::sync::RwLock;

use datafusion::common::Result;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan, Statement as PlanStatement};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::parser::Statement as Parsed;

use super::session::Params;
use crate::error::{self, Error};

/// What is known of each prepared statement, by its name.
#[derive(Debug, Default)]
pub(super) struct Prepared(RwLock<BTreeMap<String, Known>>);

#[derive(Debug)]
struct Known {
    /// How many values it takes: the engine passes over those that are too many where
    /// PREPARE says no types.
    taken: usize,
    /// The statement, if its plan holds only for some values.
    written: Option<Parsed>,
}

impl Prepared {
    /// Refuses an EXECUTE with more or fewer values than its statement takes.
    pub(super) fn check(&self, plan: &LogicalPlan) -> error::Result<()> {
        let LogicalPlan::Statement(PlanStatement::Execute(execute)) = plan else { return Ok(()) };
        let given = execute.parameters.len();
        let known = self.0.read().ok();
        let taken = known.and_then(|known| known.get(&execute.name).map(|known| known.taken));
        match taken {
            Some(taken) if taken != given => {
                let values = if taken == 1 { "value" } else { "values" };
                let name = &execute.name;
                let message = format!("`{name}` takes {taken} {values}, not {given}");
                Err(Error::query(message).hint("EXECUTE gives one for each of $1, $2 and so on"))
            }
            _ => Ok(()),
        }
    }

    /// The statement that `plan` executes, if it is planned anew, with its values.
    pub(super) fn written(&self, plan: &LogicalPlan) -> Result<Option<(Parsed, Params)>> {
        let LogicalPlan::Statement(PlanStatement::Execute(execute)) = plan else { return Ok(None) };
        let known = self.0.read().ok();
        let written = known.and_then(|known| known.get(&execute.name)?.written.clone());
        let Some(written) = written else { return Ok(None) };
        let simplifier = ExprSimplifier::new(SimplifyContext::builder().build());
        let mut values = Params::new();
        for (number, given) in (1..).zip(&execute.parameters) {
            // The engine refuses what is no constant.
            let Expr::Literal(value, _) = simplifier.simplify(given.clone())? else {
                return Ok(None);
            };
            values.insert(format!("{number}"), value);
        }
        Ok(Some((written, values)))
    }

    /// What is to be noted once `plan` has run, which is planned anew if it prepares the
    /// statement `written`.
    pub(super) fn change(plan: &LogicalPlan, written: Option<Parsed>) -> Result<Option<Change>> {
        Ok(match plan {
            LogicalPlan::Statement(PlanStatement::Prepare(prepare)) => {
                let names = prepare.input.get_parameter_names()?;
                let numbers =
                    names.iter().map(|name| name.trim_start_matches('$').parse::<usize>());
                // With names it cannot be executed, as the engine says then.
                let numbers = numbers.collect::<std::result::Result<Vec<_>, _>>().ok();
                numbers.map(|numbers| {
                    let taken = numbers.into_iter().max().unwrap_or_default();
                    Change { name: prepare.name.clone(), known: Some(Known { taken, written }) }
                })
            }
            LogicalPlan::Statement(PlanStatement::Deallocate(dropped)) => {
                Some(Change { name: dropped.name.clone(), known: None })
            }
            _ => None,
        })
    }

    /// Notes what a statement has changed.
    pub(super) fn note(&self, Change { name, known }: Change) {
        let Ok(mut all) = self.0.write() else { return };
        match known {
            Some(known) => all.insert(name, known),
            None => all.remove(&name),
        };
    }
}

/// A statement that is prepared, or no longer.
#[derive(Debug)]
pub(super) struct Change {
    name: String,
    known: Option<Known>,
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn execute_gives_as_many_values_as_are_asked_for() {
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect("PREPARE q AS SELECT $1 AS a, $2 AS b").await.unwrap();
        for (values, count) in [("1", 1), ("1, 2, 3", 3)] {
            let error = session.collect(&format!("EXECUTE q({values})")).await.unwrap_err();
            let wanted = format!("`q` takes 2 values, not {count}");
            assert!(error.to_string().contains(&wanted), "{error}");
        }
        // One that is refused changes nothing, and one that is dropped is forgotten.
        session.collect("PREPARE q AS SELECT $1 AS a").await.unwrap_err();
        assert_eq!(answer(&session, "EXECUTE q(1, 2)").await[1..], ["1|2"]);
        session.collect("DEALLOCATE q").await.unwrap();
        session.collect("PREPARE q AS SELECT $1 AS a").await.unwrap();
        assert_eq!(answer(&session, "EXECUTE q(1)").await[1..], ["1"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_value_among_numbers_of_values_keeps_its_digits() {
        let session = Session::new(None, Settings::default()).unwrap();
        let asked = "SELECT x, y FROM (VALUES (1, 'a'), ($1, $2)) AS t(x, y) ORDER BY x";
        session.collect(&format!("PREPARE q AS {asked}")).await.unwrap();
        for (values, wanted) in [
            ("1.5, 'b'", ["1.0|a", "1.5|b"]),
            ("-2, 'b'", ["-2|b", "1|a"]),
            ("0.25 + 0.5, 'b'", ["0.75|b", "1.00|a"]),
            ("2.5::double, 'b'", ["1.0|a", "2.5|b"]),
        ] {
            let found = answer(&session, &format!("EXECUTE q({values})")).await;
            assert_eq!(found[1..], wanted, "{values}");
        }
        assert!(session.collect("EXECUTE q(1.5)").await.is_err());
        session.collect("DEALLOCATE q").await.unwrap();
        // What says its type is what it says.
        session.collect("PREPARE q AS VALUES (1), ($1::bigint)").await.unwrap();
        assert_eq!(answer(&session, "EXECUTE q(2.7)").await[1..], ["1", "3"]);
    }
}
