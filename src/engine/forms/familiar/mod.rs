//! Functions of other databases: `year(posted_at)`, `date_diff('day', a, b)`,
//! `count_if(likes > 9)`. A call of one becomes the expression that means the same
//! here, before the statement is planned; so it is as fast, and uses the same indexes.
//!
//! Each is known to the engine as a function as well, for lists and help. A call that
//! is not rewritten, mostly because it has another number of arguments, ends there
//! with how it is called.

mod computed;
mod epoch;
mod json;
mod signpost;
mod table;
mod tried;

use std::ops::ControlFlow;

use datafusion::execution::FunctionRegistry;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, ObjectNamePart, VisitMut,
    VisitorMut, visit_expressions,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

use table::{AGGREGATE_NAMES, AGGREGATES, COMPUTED, EXPRESSIONS, NAMES};

/// What gives another value each time it is computed, and must not be written twice.
pub(super) const VOLATILE: [&str; 4] = ["random", "rand", "uuid", "gen_random_uuid"];

/// What writes an argument twice, as `max(x, 3)` does too. Nested into each other these
/// double the statement each time, so there is an end to it.
const REPEATING: [&str; 3] = ["date_diff", "datediff", "make_timestamp"];

/// Most calls of these inside an argument that is written twice.
const MOST_REPEATING: usize = 4;

/// Makes all of them known to `context`, and those that are functions here too.
pub(in crate::engine) fn register(context: &SessionContext) {
    signpost::register(context);
    let config = context.copied_config();
    context.register_udf(json::function());
    context.register_udf(epoch::function(config.options()));
    if let Ok(engine) = context.udf("to_timestamp") {
        context.register_udf(tried::function(engine));
    }
}

/// Brings such a call to what it means.
pub(super) fn spell(expression: &mut Expr) -> bool {
    if let Expr::Extract { field, expr, .. } = expression {
        let Some(part) = computed::extracted(&field.to_string(), expr) else { return false };
        *expression = enclosed(part);
        return true;
    }
    let Expr::Function(call) = expression else { return false };
    let Some(name) = name(call) else { return false };
    if let Some(here) = renamed(&name) {
        rename(call, here);
        return true;
    }
    let Some(meaning) = meaning(&name, call) else { return false };
    *expression = meaning;
    true
}

/// Whether `name`, in small letters, is that of a function which looks at several rows,
/// though the engine knows it as one that looks at a single one.
pub(in crate::engine) fn gathers_rows(name: &str) -> bool {
    is_among(json::GROUP_ARRAY, name) || is_among(json::GROUP_OBJECT, name)
}

/// The name of a call that has no schema before it, in small letters.
fn name(call: &Function) -> Option<String> {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return None };
    matches!(call.parameters, FunctionArguments::None).then(|| name.value.to_lowercase())
}

fn is_among(names: &str, name: &str) -> bool {
    names.split(' ').any(|one| one == name)
}

/// What the function `name` is called here.
fn renamed(name: &str) -> Option<&'static str> {
    let mut all = NAMES.iter().chain(AGGREGATE_NAMES);
    all.find(|(names, ..)| is_among(names, name)).map(|(_, here, _)| *here)
}

fn rename(call: &mut Function, here: &str) {
    if let Some(ObjectNamePart::Identifier(name)) = call.name.0.first() {
        let name = Ident { span: name.span, ..Ident::new(here) };
        call.name = ObjectName::from(vec![name]);
    }
}

/// What a call of the function `name` means, if it is one that we know.
fn meaning(name: &str, call: &Function) -> Option<Expr> {
    match name {
        computed::STRUCTURE => return computed::structure(call),
        computed::ORDERED => return computed::ordered(call),
        computed::MODE => return computed::most_frequent(call),
        _ => {}
    }
    if let Some(made) = computed::several(name, call).or_else(|| json::of_rows(name, call)) {
        return Some(made);
    }
    let expression = match COMPUTED.iter().find(|(names, ..)| is_among(names, name)) {
        Some((.., compute)) => compute(&arguments(call)?)?,
        None => match computed::otherwise(name) {
            Some(compute) => compute(name, &arguments(call)?)?,
            None => written_out(name, call)?,
        },
    };
    carried(call, expression).map(enclosed)
}

/// The expression that stands for a call, if the number of arguments is the right one.
fn written_out(name: &str, call: &Function) -> Option<Expr> {
    let mut texts = EXPRESSIONS.iter().chain(AGGREGATES);
    let (_, parameters, text, _) = texts.find(|(names, parameters, ..)| {
        is_among(names, name) && parameters_of(parameters).len() == count(call)
    })?;
    expand(text, &parameters_of(parameters), &arguments(call)?)
}

fn parameters_of(list: &str) -> Vec<&str> {
    list.split(", ").filter(|parameter| !parameter.is_empty()).collect()
}

fn count(call: &Function) -> usize {
    match &call.args {
        FunctionArguments::List(list) => list.args.len(),
        _ => 0,
    }
}

/// The arguments of a call, if they are expressions without names.
fn arguments(call: &Function) -> Option<Vec<Expr>> {
    let list = match &call.args {
        FunctionArguments::None => return Some(Vec::new()),
        FunctionArguments::List(list) => list,
        FunctionArguments::Subquery(_) => return None,
    };
    let values = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    });
    values.collect()
}

/// The expression of `text` with `arguments` in the places of its `parameters`.
fn expand(text: &str, parameters: &[&str], arguments: &[Expr]) -> Option<Expr> {
    // Without places in the text, which is not the person's.
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize().ok()?;
    let mut expression = Parser::new(&dialect).with_tokens(tokens).parse_expr().ok()?;
    let mut put = Put { parameters, arguments, times: vec![0; arguments.len()] };
    // It never breaks off.
    let _ = expression.visit(&mut put);
    let mut uses = put.times.iter().zip(arguments);
    uses.all(|(times, argument)| *times < 2 || may_repeat(argument)).then_some(expression)
}

/// Puts arguments in the places of parameters. What was put is not looked at again: a
/// column may be called like a parameter.
struct Put<'a> {
    parameters: &'a [&'a str],
    arguments: &'a [Expr],
    /// How often each was put.
    times: Vec<usize>,
}

impl VisitorMut for Put<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let Expr::Identifier(name) = expression else { return ControlFlow::Continue(()) };
        let place = self.parameters.iter().position(|parameter| *parameter == name.value);
        if let Some((place, argument)) = place.and_then(|at| Some((at, self.arguments.get(at)?))) {
            self.times[place] += 1;
            *expression = enclosed(argument.clone());
        }
        ControlFlow::Continue(())
    }
}

/// Whether `argument` may be written twice.
fn may_repeat(argument: &Expr) -> bool {
    let mut repeating = 0;
    let found = visit_expressions(argument, |part| {
        let Expr::Function(call) = part else { return ControlFlow::Continue(()) };
        let name = name(call).unwrap_or_default();
        let writes_twice = REPEATING.contains(&name.as_str())
            || computed::is_several(&name, count(call))
            || computed::repeats(&name, call);
        repeating += usize::from(writes_twice);
        match VOLATILE.contains(&name.as_str()) || repeating > MOST_REPEATING {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    found.is_continue()
}

/// An expression in brackets where it could be torn apart, once it is written out.
fn enclosed(expression: Expr) -> Expr {
    match expression {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Value(_)
        | Expr::Function(_)
        | Expr::Nested(_)
        | Expr::Case { .. }
        | Expr::Cast { .. } => expression,
        _ => Expr::Nested(Box::new(expression)),
    }
}

/// What a call means, with the FILTER, OVER, DISTINCT and ORDER BY of the call, if it
/// is a call that they can go to.
fn carried(call: &Function, mut meaning: Expr) -> Option<Expr> {
    let (distinct, clauses) = match &call.args {
        FunctionArguments::List(list) => (list.duplicate_treatment, list.clauses.clone()),
        _ => (None, Vec::new()),
    };
    let is_plain = call.filter.is_none()
        && call.over.is_none()
        && call.null_treatment.is_none()
        && call.within_group.is_empty()
        && distinct.is_none()
        && clauses.is_empty();
    if is_plain {
        return Some(meaning);
    }
    let Expr::Function(inner) = &mut meaning else { return None };
    let FunctionArguments::List(list) = &mut inner.args else { return None };
    if distinct.is_some() {
        if list.duplicate_treatment.is_some() || counts_rows(list) {
            return None;
        }
        list.duplicate_treatment = distinct;
    }
    list.clauses.extend(clauses);
    inner.over.clone_from(&call.over);
    inner.null_treatment = call.null_treatment;
    // `listagg(x, ',') WITHIN GROUP (ORDER BY y)`.
    if !call.within_group.is_empty() {
        list.clauses.push(FunctionArgumentClause::OrderBy(call.within_group.clone()));
    }
    inner.filter = match (inner.filter.take(), call.filter.clone()) {
        (Some(one), Some(other)) => Some(Box::new(Expr::BinaryOp {
            left: Box::new(enclosed(*one)),
            op: BinaryOperator::And,
            right: Box::new(enclosed(*other)),
        })),
        (one, other) => one.or(other),
    };
    Some(meaning)
}

/// Whether a call has `*` as its argument, so that DISTINCT would mean whole rows.
fn counts_rows(list: &FunctionArgumentList) -> bool {
    list.args.iter().any(|one| matches!(one, FunctionArg::Unnamed(FunctionArgExpr::Wildcard)))
}

#[cfg(test)]
mod tests;
