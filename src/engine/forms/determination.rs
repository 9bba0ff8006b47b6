//! `regr_r2(y, x)`, which share of the variance of `y` a line explains: all of it where `y`
//! is always the same and `x` is not, as in PostgreSQL and DuckDB. The engine gives NULL.
//!
//! It is written out by the sums of which it is made.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArguments, Ident, ObjectName, ObjectNamePart,
    VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// The share, with columns in the places of the sums.
const WRITTEN: &str = "CASE WHEN regr_sxx > 0 THEN CASE WHEN regr_syy > 0 THEN \
                       (regr_sxy / regr_sxx) * (regr_sxy / regr_syy) ELSE 1e0 END END";

/// Writes such a call out.
pub(super) fn write_out(expression: &mut Expr) -> bool {
    let Expr::Function(call) = expression else { return false };
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return false };
    let is_plain = match &call.args {
        FunctionArguments::List(list) => {
            list.duplicate_treatment != Some(DuplicateTreatment::Distinct) && list.args.len() == 2
        }
        _ => false,
    };
    if !is_plain || !name.value.eq_ignore_ascii_case("regr_r2") {
        return false;
    }
    let dialect = GenericDialect {};
    let parsed = Parser::new(&dialect).try_with_sql(WRITTEN).and_then(|mut text| text.parse_expr());
    let Ok(mut written) = parsed else { return false };
    // It never breaks off.
    let _ = written.visit(&mut Sums { call });
    *expression = Expr::Nested(Box::new(written));
    true
}

/// Puts calls with the arguments and clauses of `call` in the places of the sums.
struct Sums<'a> {
    call: &'a Function,
}

impl VisitorMut for Sums<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(sum) = expression
            && sum.value.starts_with("regr_")
        {
            let name = ObjectName::from(vec![Ident::new(sum.value.clone())]);
            *expression = Expr::Function(Function { name, ..self.call.clone() });
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_line_explains_all_of_what_is_always_the_same() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES ('a', 2, 1), ('a', 2, 5), ('b', 2, 3), ('b', 4, 3), ('c', 1, 1),
                      ('d', 1, 2), ('d', 2, 4), ('e', NULL, 1)) AS t(g, y, x)";
        let sql = format!("SELECT regr_r2(y, x) AS r {from} GROUP BY g ORDER BY g");
        assert_eq!(answer(&session, &sql).await, ["r", "1.0", "", "", "1.0", ""]);
        let sql = format!("SELECT regr_r2(y, x) {from} WHERE g = 'a'");
        assert_eq!(answer(&session, &sql).await, ["regr_r2(y, x)", "1.0"]);
        let sql = format!(
            "SELECT regr_r2(y, x) FILTER (WHERE x < 4) OVER (PARTITION BY g) AS r {from}
             WHERE g < 'b' ORDER BY x"
        );
        assert_eq!(answer(&session, &sql).await, ["r", "", ""]);
        let sql = format!("SELECT g {from} GROUP BY g HAVING regr_r2(y, x) = 1 ORDER BY g");
        assert_eq!(answer(&session, &sql).await, ["g", "a", "d"]);
    }
}
