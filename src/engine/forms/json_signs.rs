//! `raw -> 'user'`, `raw ->> '$.user.name'` and `raw #>> '{user,name}'`: signs that read
//! JSON, and stand for calls of `json_extract` and `json_extract_string`.

use datafusion::sql::sqlparser::ast::{Array, BinaryOperator, Expr, Value};

use crate::engine::names::call;

/// Makes a call of such a sign.
pub(super) fn read(expression: &mut Expr) -> bool {
    let Some(meaning) = meaning(expression) else { return false };
    *expression = meaning;
    true
}

fn meaning(expression: &Expr) -> Option<Expr> {
    let Expr::BinaryOp { left, op, right } = expression else { return None };
    let (function, path) = match op {
        BinaryOperator::Arrow => ("json_extract", Expr::clone(right)),
        BinaryOperator::LongArrow => ("json_extract_string", Expr::clone(right)),
        BinaryOperator::HashArrow => ("json_extract", path_of_list(right)?),
        BinaryOperator::HashLongArrow => ("json_extract_string", path_of_list(right)?),
        _ => return None,
    };
    Some(call(function, [Expr::clone(left), path]))
}

/// The path of `'{user,name}'` or `ARRAY['user', 'name']`.
fn path_of_list(list: &Expr) -> Option<Expr> {
    match list {
        Expr::Array(Array { elem, .. }) => path(elem),
        list => {
            let keys = text(list)?.strip_prefix('{')?.strip_suffix('}')?;
            let has_any = !keys.trim().is_empty();
            let split = keys.split(',').map(str::trim).filter(|_| has_any);
            // What is in quotes there may have commas inside.
            (!keys.contains(['"', '\\'])).then(|| pointer(split))
        }
    }
}

/// The path through the fields and items that `keys` write out.
pub(super) fn path(keys: &[Expr]) -> Option<Expr> {
    let keys: Option<Vec<&str>> = keys.iter().map(text).collect();
    keys.map(|keys| pointer(keys.into_iter()))
}

/// The text or number that is written out.
fn text(expression: &Expr) -> Option<&str> {
    let Expr::Value(value) = expression else { return None };
    match &value.value {
        Value::SingleQuotedString(text) | Value::Number(text, _) => Some(text),
        _ => None,
    }
}

/// The path `/user/name`, in which no sign of a key is taken for one of the path.
fn pointer<'a>(keys: impl Iterator<Item = &'a str>) -> Expr {
    let steps = keys.map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1")));
    // No key at all leads to the whole.
    let steps = steps.reduce(|path, step| path + &step).unwrap_or_else(|| "$".to_owned());
    Expr::value(Value::SingleQuotedString(steps))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn signs_read_json() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = r#"FROM (VALUES ('{"user": {"name": "x", "a/b": [5]}}')) AS t(j)"#;
        for (expression, is) in [
            ("j #>> '{user,name}'", "x"),
            ("j #> '{user, name}'", r#""x""#),
            ("j #>> '{user,a/b,-1}'", "5"),
            ("j #>> '{}'", r#"{"user": {"name": "x", "a/b": [5]}}"#),
            ("j #>> ARRAY['user', 'a/b', '0']", "5"),
            ("j #>> ['user', 'a/b', 0]", "5"),
            ("json_extract_path_text(j, 'user', 'a/b', '0')", "5"),
            ("json_extract_path(j, 'user', 'name')", r#""x""#),
            ("get_json_object(j, '$.user.name')", "x"),
        ] {
            let sql = format!("SELECT {expression} AS made {from}");
            assert_eq!(answer(&session, &sql).await[1], is, "{expression}");
        }
        let named = answer(&session, r#"SELECT '{"a": 1}' ->> 'a'"#).await;
        assert_eq!(named, [r#"'{"a": 1}' ->> 'a'"#, "1"]);
    }
}
