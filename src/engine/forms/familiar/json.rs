//! Making JSON: `to_json(x)`, `json_object('k', x)`, `json_array(x, y)`, and objects and
//! arrays of the rows of a group. Values are written as the format `json` writes them.
//!
//! JSON is a text here. What gives JSON stays JSON inside of another, and is no text in
//! quotes; this is told by how the statement is written, and json(x) says it of a column.
//! All are calls of one function, whose first argument says what is made of the others.

use std::iter;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, StringViewBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::scalar_doc_sections::DOC_SECTION_OTHER;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, DocumentationBuilder, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType as Typed, Expr, Function, Query, SelectItem, SetExpr, Value as Written,
};

use super::{arguments, carried, expand, is_among};
use crate::engine::names;
use crate::error::Error;
use crate::model::ColumnKind;
use crate::render::value::{Column, Items, Value};
use crate::render::{plain, push_json};

/// The function that makes all of it.
const NAME: &str = "json_made";

/// Arrays of the values of the rows of a group.
pub(super) const GROUP_ARRAY: &str = "json_group_array json_agg json_arrayagg";

/// Objects of the names and values of the rows of a group.
pub(super) const GROUP_OBJECT: &str = "json_group_object json_object_agg json_objectagg";

/// Functions that give JSON.
const GIVE_JSON: &[&str] = &[
    "json to_json row_to_json array_to_json",
    "json_object json_build_object json_array json_build_array",
    "json_extract json_extract_path",
    GROUP_ARRAY,
    GROUP_OBJECT,
];

/// What the function makes of an argument; each is a letter of its first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A value, which is written as JSON.
    Value,
    /// A text that is JSON, or a list of such, which is an array.
    Json,
    /// A list of names and values, an object.
    Pairs,
    /// A list of names and texts that are JSON, an object.
    JsonPairs,
}

impl Kind {
    const ALL: [(Self, char); 4] =
        [(Self::Value, 'v'), (Self::Json, 'j'), (Self::Pairs, 'p'), (Self::JsonPairs, 'P')];

    /// That of an argument.
    fn of(argument: &Expr) -> Self {
        if is_json(argument) { Self::Json } else { Self::Value }
    }

    fn letter(self) -> char {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or('v', |(_, letter)| *letter)
    }

    fn read(letter: char) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == letter).map(|(kind, _)| *kind)
    }
}

/// `to_json(x)`.
pub(super) fn value(arguments: &[Expr]) -> Option<Expr> {
    let [value] = arguments else { return None };
    Some(made("", &[Kind::of(value)], arguments))
}

/// `json_array(x, y)`.
pub(super) fn array(arguments: &[Expr]) -> Option<Expr> {
    let kinds: Vec<Kind> = arguments.iter().map(Kind::of).collect();
    Some(made("[", &kinds, arguments))
}

/// `json_object('k', x)`.
pub(super) fn object(arguments: &[Expr]) -> Option<Expr> {
    if !arguments.len().is_multiple_of(2) {
        return None;
    }
    let kind = |(place, argument): (usize, &Expr)| match place.is_multiple_of(2) {
        true => Kind::Value,
        false => Kind::of(argument),
    };
    let kinds: Vec<Kind> = arguments.iter().enumerate().map(kind).collect();
    Some(made("{", &kinds, arguments))
}

/// `json_group_array(x)` and `json_group_object(k, x)`, with what stands around them.
pub(super) fn of_rows(name: &str, call: &Function) -> Option<Expr> {
    let is_array = is_among(GROUP_ARRAY, name);
    if !is_array && !is_among(GROUP_OBJECT, name) {
        return None;
    }
    let given = arguments(call)?;
    let (list, of_values, of_json) = match given.as_slice() {
        [_] if is_array => ("array_agg(x)", Kind::Value, Kind::Json),
        [_, _] if !is_array => {
            let pairs = "array_agg(named_struct('name', k, 'value', x))";
            (pairs, Kind::Pairs, Kind::JsonPairs)
        }
        _ => return None,
    };
    let kind = if given.last().is_some_and(is_json) { of_json } else { of_values };
    let parameters: &[&str] = if is_array { &["x"] } else { &["k", "x"] };
    let list = carried(call, expand(list, parameters, &given)?)?;
    Some(made("", &[kind], &[list]))
}

/// The call that makes JSON of `values`.
fn made(frame: &str, kinds: &[Kind], values: &[Expr]) -> Expr {
    let letters: String = kinds.iter().map(|kind| kind.letter()).collect();
    let shape = Expr::value(Written::SingleQuotedString(format!("{frame}{letters}")));
    names::call(NAME, iter::once(shape).chain(values.iter().cloned()))
}

/// Whether an expression is written as one that gives JSON.
fn is_json(expression: &Expr) -> bool {
    match expression {
        Expr::Nested(inside) => is_json(inside),
        Expr::Cast { data_type: Typed::JSON | Typed::JSONB, .. } => true,
        Expr::BinaryOp { op, .. } => {
            matches!(op, BinaryOperator::Arrow | BinaryOperator::HashArrow)
        }
        Expr::Function(call) => super::name(call)
            .is_some_and(|name| GIVE_JSON.iter().any(|names| is_among(names, &name))),
        Expr::Subquery(query) => only_column(query).is_some_and(is_json),
        _ => false,
    }
}

/// The one column of a query.
fn only_column(query: &Query) -> Option<&Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] => Some(expr),
        _ => None,
    }
}

/// The function that makes JSON.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Make { signature: Signature::variadic_any(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Make {
    signature: Signature,
}

impl ScalarUDFImpl for Make {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(ColumnKind::Text.data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(shape), values @ ..] = args.args.as_slice() else {
            return Err(refusal());
        };
        let shape = shape.try_as_str().flatten().and_then(Shape::read).ok_or_else(refusal)?;
        if shape.kinds.len() != values.len() {
            return Err(refusal());
        }
        let is_constant = values.iter().all(|one| matches!(one, ColumnarValue::Scalar(_)));
        let texts = shape.texts(&ColumnarValue::values_to_arrays(values)?)?;
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&texts, 0)?));
        }
        Ok(ColumnarValue::Array(texts))
    }

    fn documentation(&self) -> Option<&Documentation> {
        static ABOUT: LazyLock<Documentation> = LazyLock::new(|| {
            let about = "What to_json, json_object and json_array are computed by; the first \
                         argument says what the others are.";
            let call = "json_made('[vj', x, json)";
            DocumentationBuilder::new_with_details(DOC_SECTION_OTHER, about, call).build()
        });
        Some(LazyLock::force(&ABOUT))
    }
}

fn refusal() -> DataFusionError {
    let error = Error::query(format!("{NAME} is not called like this"));
    let hint = "json_object('name', x), json_array(x, y) and to_json(x) make JSON";
    DataFusionError::External(Box::new(error.hint(hint)))
}

/// What is made of the arguments.
struct Shape {
    /// `[` or `{`, if they are put into an array or object.
    frame: Option<char>,
    kinds: Vec<Kind>,
}

impl Shape {
    fn read(written: &str) -> Option<Self> {
        let frame = written.chars().next().filter(|first| matches!(first, '[' | '{'));
        let kinds = written.chars().skip(usize::from(frame.is_some())).map(Kind::read);
        let shape = Self { frame, kinds: kinds.collect::<Option<_>>()? };
        let fits = match frame {
            None => shape.kinds.len() == 1,
            Some('{') => shape.kinds.len().is_multiple_of(2),
            Some(_) => true,
        };
        fits.then_some(shape)
    }

    /// The JSON of each row of `values`.
    fn texts(&self, values: &[ArrayRef]) -> Result<ArrayRef> {
        let rows = values.first().map_or(1, Array::len);
        let columns = values.iter().map(Column::new).collect::<Result<Vec<Column>, Error>>();
        let columns = columns.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let mut texts = StringViewBuilder::with_capacity(rows);
        let mut text = String::new();
        for row in 0..rows {
            text.clear();
            let cells =
                columns.iter().zip(&self.kinds).map(|(column, kind)| (column.get(row), *kind));
            let is_known = match self.frame {
                None => push_alone(&mut text, cells),
                Some('{') => push_object(&mut text, cells),
                Some(_) => {
                    push_array(&mut text, cells);
                    true
                }
            };
            texts.append_option(is_known.then_some(text.as_str()));
        }
        Ok(Arc::new(texts.finish()))
    }
}

/// Appends a value by itself; unknown is unknown then.
fn push_alone<'a>(out: &mut String, cells: impl Iterator<Item = (Value<'a>, Kind)>) -> bool {
    let mut is_known = false;
    for (value, kind) in cells {
        is_known = !matches!(value, Value::Null);
        push(out, &value, kind);
    }
    is_known
}

/// Appends an object of names and values in turn; it is unknown if a name is.
fn push_object<'a>(out: &mut String, mut cells: impl Iterator<Item = (Value<'a>, Kind)>) -> bool {
    out.push('{');
    while let (Some((name, _)), Some((value, kind))) = (cells.next(), cells.next()) {
        if matches!(name, Value::Null) {
            return false;
        }
        push_member(out, &name, &value, kind);
    }
    out.push('}');
    true
}

fn push_array<'a>(out: &mut String, cells: impl Iterator<Item = (Value<'a>, Kind)>) {
    out.push('[');
    for (index, (value, kind)) in cells.enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        push(out, &value, kind);
    }
    out.push(']');
}

/// Appends `value` as what it is of this kind; unknown is null.
fn push(out: &mut String, value: &Value<'_>, kind: Kind) {
    match (kind, value) {
        (Kind::Json, Value::Text(json)) => out.push_str(json),
        (Kind::Json, Value::List(items)) => {
            push_array(out, items.iter().map(|item| (item, Kind::Json)));
        }
        (Kind::Pairs, Value::List(pairs)) => push_pairs(out, *pairs, Kind::Value),
        (Kind::JsonPairs, Value::List(pairs)) => push_pairs(out, *pairs, Kind::Json),
        _ => push_json(out, value),
    }
}

/// Appends an object of pairs. What has no name is left out.
fn push_pairs(out: &mut String, pairs: Items<'_>, kind: Kind) {
    out.push('{');
    for pair in pairs.iter() {
        let Value::Struct(pair) = pair else { continue };
        let mut members = pair.iter();
        if let (Some((_, name)), Some((_, value))) = (members.next(), members.next())
            && !matches!(name, Value::Null)
        {
            push_member(out, &name, &value, kind);
        }
    }
    out.push('}');
}

/// Appends a member to an object that was begun.
fn push_member(out: &mut String, name: &Value<'_>, value: &Value<'_>, kind: Kind) {
    out.push_str(if out.ends_with('{') { "" } else { "," });
    push_json(out, &Value::Text(&plain(name)));
    out.push(':');
    push(out, value, kind);
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::value;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn values_of_all_types_are_written_as_json() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (expression, is) in [
            ("to_json(7)", "7"),
            ("to_json(1.50)", "1.50"),
            ("to_json(true)", "true"),
            ("to_json('a \"b\"\\n')", r#""a \"b\"\\n""#),
            ("to_json([1, NULL, 3])", "[1,null,3]"),
            ("row_to_json({'a': 1, 'b': ['x']})", r#"{"a":1,"b":["x"]}"#),
            ("to_json(MAP {'k': 1})", r#"{"k":1}"#),
            ("to_json(DATE '2012-08-27')", r#""2012-08-27""#),
            ("to_json(TIMESTAMP '2012-08-27 10:00:00')", r#""2012-08-27T10:00:00""#),
            ("to_json(TIMESTAMPTZ '2012-08-27 10:00:00+08')", r#""2012-08-27T10:00:00+08:00""#),
            ("to_json('NaN'::double)", r#""NaN""#),
            ("to_json(NULL) IS NULL", "true"),
            ("json_array(1, 'x', NULL)", r#"[1,"x",null]"#),
            ("json_array()", "[]"),
            ("json_object()", "{}"),
            ("json_object('a', 1, 'b', NULL)", r#"{"a":1,"b":null}"#),
            ("json_object(NULL, 1) IS NULL", "true"),
            ("json_object('{', 1, '{', 2)", r#"{"{":1,"{":2}"#),
            ("json_extract(json_object('a', 7), '$.a')", "7"),
        ] {
            let found = value(&session, &format!("SELECT {expression} AS so")).await;
            assert_eq!(found, is, "{expression}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn json_stays_json_inside_of_other_and_a_text_does_not() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = r#"FROM (SELECT '{"id": 1}' AS j)"#;
        for (expression, is) in [
            ("json_object('a', json_array(1, 2))", r#"{"a":[1,2]}"#),
            ("json_array(json_object('a', 1), to_json([1]))", r#"[{"a":1},[1]]"#),
            ("json_array(j)", r#"["{\"id\": 1}"]"#),
            ("json_array(json(j))", r#"[{"id":1}]"#),
            ("to_json((json(j)))", r#"{"id":1}"#),
            ("json_array(j -> 'id', j ->> 'id', j -> 'none')", r#"[1,"1",null]"#),
            ("to_json(json_extract(j, ['$', '$.id']))", r#"[{"id": 1},1]"#),
            ("json_array(json_extract(j, '$'))", r#"[{"id": 1}]"#),
            ("json_array((SELECT json_group_array(1)))", "[[1]]"),
        ] {
            let found = value(&session, &format!("SELECT {expression} AS so {from}")).await;
            assert_eq!(found, is, "{expression}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_of_a_group_become_arrays_and_objects() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (VALUES ('a', 1), ('b', NULL), (NULL, 3)) AS t(k, x)";
        for (expression, is) in [
            ("json_group_array(x ORDER BY k)", "[1,null,3]"),
            ("json_agg(k ORDER BY k DESC) FILTER (WHERE k IS NOT NULL)", r#"["b","a"]"#),
            ("json_group_array(json_object('x', x) ORDER BY k)", r#"[{"x":1},{"x":null},{"x":3}]"#),
            ("json_group_object(k, x ORDER BY k)", r#"{"a":1,"b":null}"#),
            ("json_group_object(k, json_array(x) ORDER BY k)", r#"{"a":[1],"b":[null]}"#),
            ("json_group_array(x) FILTER (WHERE x > 9) IS NULL", "true"),
        ] {
            let found = value(&session, &format!("SELECT {expression} AS so {from}")).await;
            assert_eq!(found, is, "{expression}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn calls_that_mean_nothing_are_told_how_it_is_done() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (call, told) in [
            ("json_object('a')", "json_object('name', x)"),
            ("json_object('a', 1, 'b')", "json_object('name', x)"),
            ("to_json(1, 2)", "to_json(x)"),
            ("json_group_object(1)", "json_group_object('name', x)"),
            ("json_made('q', 1)", "json_array(x, y)"),
            ("json_made(1)", "json_array(x, y)"),
        ] {
            let error = session.collect(&format!("SELECT {call} AS so")).await.unwrap_err();
            assert!(error.advice().is_some_and(|advice| advice.contains(told)), "{error:?}");
        }
    }
}
