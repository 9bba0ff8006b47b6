//! `raw::JSON`, as in `raw::JSON ->> 'user'`: JSON is a text here, and the cast sees to it
//! that the text is JSON. With `TRY_CAST` it is NULL where the text is none.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast as cast_array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{ExprSchemable, cast};
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType as Typed, Expr, Value,
};
use serde::de::IgnoredAny;

use crate::engine::hidden::Hidden;
use crate::engine::names::call;
use crate::error::Error;

/// The sign between a value and the type that it is to be.
pub(super) const AS: &str = "as";

/// Most characters of a text that an error shows.
const SHOWN: usize = 30;

/// Has such a cast be one that [`CheckJson`] plans.
pub(super) fn spell(expression: &mut Expr) -> bool {
    let Expr::Cast { kind, expr, data_type: Typed::JSON | Typed::JSONB, .. } = expression else {
        return false;
    };
    let value = expr.as_ref().clone();
    *expression = match kind {
        CastKind::Cast | CastKind::DoubleColon => Expr::Nested(Box::new(Expr::BinaryOp {
            left: Box::new(value),
            op: BinaryOperator::Custom(AS.to_owned()),
            right: Box::new(Expr::value(Value::SingleQuotedString("json".to_owned()))),
        })),
        CastKind::TryCast | CastKind::SafeCast => tried(value),
    };
    true
}

/// The text of a value if it is JSON.
fn tried(value: Expr) -> Expr {
    let text = Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(value),
        data_type: Typed::Text,
        array: false,
        format: None,
    };
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition: call("json_valid", [text.clone()]), result: text }],
        else_result: None,
    }
}

/// Plans the sign.
#[derive(Debug)]
pub(super) struct CheckJson;

impl ExprPlanner for CheckJson {
    fn plan_binary_op(
        &self,
        expression: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        match &expression.op {
            BinaryOperator::Custom(sign) if sign == AS => {}
            _ => return Ok(PlannerResult::Original(expression)),
        }
        let value = expression.left;
        // The type of a parameter is not known yet.
        if let Ok(kind) = value.get_type(schema)
            && !may_be_json(&kind)
        {
            return Err(foreign(
                Error::query("only texts, numbers and truths become JSON by a cast")
                    .hint("of lists, structures and times it is made by to_json(value)"),
            ));
        }
        Ok(PlannerResult::Planned(CHECKED.named(cast(value, DataType::Utf8View))))
    }
}

/// Whether values of a type may be JSON as they are written.
fn may_be_json(kind: &DataType) -> bool {
    kind.is_string() || kind.is_numeric() || kind.is_null() || *kind == DataType::Boolean
}

/// The function that gives a text that is JSON, and refuses others.
pub(in crate::engine) static CHECKED: Hidden =
    Hidden { name: "checked_json", returns: |_| Ok(DataType::Utf8View), compute: checked };

fn checked(texts: &ArrayRef) -> Result<ArrayRef> {
    let texts = cast_array(texts, &DataType::Utf8View)?;
    let is_wrong = |text: &&str| serde_json::from_str::<IgnoredAny>(text).is_err();
    match texts.as_string_view().iter().flatten().find(is_wrong) {
        Some(text) => Err(refused(text)),
        None => Ok(Arc::clone(&texts)),
    }
}

fn refused(text: &str) -> DataFusionError {
    let begin: String = text.chars().take(SHOWN).collect();
    let dots = if begin.len() < text.len() { "…" } else { "" };
    let error = Error::query(format!("the text \"{begin}{dots}\" is not JSON"));
    foreign(error.hint("TRY_CAST gives NULL where a text is none"))
}

fn foreign(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::{answer, value};
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_text_that_is_json_stays_as_it_is() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = r#"FROM (VALUES ('{"user": {"name": "x"}}', 'no', 5)) AS t(raw, other, n)"#;
        for (asked, wanted) in [
            ("raw::json", r#"{"user": {"name": "x"}}"#),
            ("CAST(raw AS JSON)", r#"{"user": {"name": "x"}}"#),
            ("raw::JSONB -> 'user' ->> 'name'", "x"),
            ("n::json", "5"),
            ("NULL::json", ""),
            ("json_array(raw::json, n)", r#"[{"user": {"name": "x"}},5]"#),
            ("TRY_CAST(other AS JSON)", ""),
            ("TRY_CAST(raw AS json) ->> '$.user.name'", "x"),
        ] {
            assert_eq!(value(&session, &format!("SELECT {asked} {from}")).await, wanted, "{asked}");
        }
        let named = answer(&session, &format!("SELECT raw::json {from}")).await;
        assert_eq!(named[0], "raw::JSON");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_no_json_is_refused() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES ('no', ['a'])) AS t(other, list)";
        for (asked, said, hint) in [
            ("other::json", "\"no\" is not JSON", "TRY_CAST"),
            ("list::json", "become JSON", "to_json"),
        ] {
            let error = session.collect(&format!("SELECT {asked} {from}")).await.unwrap_err();
            assert!(error.message().contains(said), "{asked}: {error}");
            assert!(error.advice().is_some_and(|told| told.contains(hint)), "{asked}: {error}");
        }
    }
}
