//! `CREATE TEMP TABLE` and `CREATE TEMPORARY VIEW`: every table and view that a statement
//! makes is gone with the session, so the word says nothing more.

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::Statement;

/// Leaves the word out.
pub(super) fn take(parsed: &mut Parsed) {
    let Parsed::Statement(statement) = parsed else { return };
    match statement.as_mut() {
        Statement::CreateTable(table) => {
            table.temporary = false;
            table.global = None;
        }
        Statement::CreateView(view) => view.temporary = false,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn temporary_tables_and_views_are_made() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (made, name) in [
            ("TEMP TABLE a", "a"),
            ("TEMPORARY TABLE b", "b"),
            ("TEMP VIEW c", "c"),
            ("TEMPORARY VIEW d", "d"),
        ] {
            let sql = format!("CREATE {made} AS SELECT 7 AS n");
            session.collect(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
            assert_eq!(answer(&session, &format!("SELECT n FROM {name}")).await, ["n", "7"]);
        }
        session.collect("CREATE OR REPLACE TEMP TABLE a AS SELECT 8 AS n").await.unwrap();
        assert_eq!(answer(&session, "SELECT n FROM a").await, ["n", "8"]);
    }
}
