//! `ORDER BY screen_name COLLATE "C"`: the order in which texts are anyway.

use datafusion::sql::sqlparser::ast::{Expr, ObjectName, ObjectNamePart};

/// What other databases call the order of the characters themselves.
const OF_CHARACTERS: [&str; 5] = ["binary", "c", "pg_c_utf8", "posix", "ucs_basic"];

/// Leaves such a COLLATE out.
pub(super) fn leave_out(expression: &mut Expr) -> bool {
    let mut is_changed = false;
    while let Expr::Collate { expr, collation } = expression
        && is_of_characters(collation)
    {
        *expression = expr.as_ref().clone();
        is_changed = true;
    }
    is_changed
}

fn is_of_characters(collation: &ObjectName) -> bool {
    let Some(ObjectNamePart::Identifier(name)) = collation.0.last() else { return false };
    OF_CHARACTERS.iter().any(|known| name.value.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_order_of_characters_need_not_be_named() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES ('b'), ('B'), ('a')) AS t(k)";
        for collation in ["\"C\"", "POSIX", "binary", "pg_catalog.\"C\""] {
            let sql = format!("SELECT k {from} ORDER BY k COLLATE {collation}");
            assert_eq!(answer(&session, &sql).await, ["k", "B", "a", "b"], "{sql}");
        }
        let nocase = format!("SELECT k {from} ORDER BY k COLLATE nocase");
        let error = session.collect(&nocase).await.unwrap_err();
        assert!(error.advice().is_some_and(|told| told.contains("lower(text)")), "{error}");
    }
}
