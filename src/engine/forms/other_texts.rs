//! Texts in other quotes than the usual: `U&'\5FAE\535A'` and `N'微博'`, which the
//! planner does not know.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Value, ValueWithSpan, VisitorMut};

use crate::engine::parsed;

/// Makes such texts in `parsed` usual ones.
pub(super) fn quote(parsed: &mut Parsed) {
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Quote);
}

struct Quote;

impl VisitorMut for Quote {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Value::UnicodeStringLiteral(text) | Value::NationalStringLiteral(text) =
            &mut value.value
        {
            value.value = Value::SingleQuotedString(std::mem::take(text));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn texts_in_other_quotes_are_texts() {
        let session = Session::new(None, Settings::default()).unwrap();
        let sql = r"SELECT U&'\5FAE\535A' AS a, N'微博' AS b, concat(N'a', U&'\0062') AS c";
        assert_eq!(answer(&session, sql).await, ["a|b|c", "微博|微博|ab"]);
    }
}
