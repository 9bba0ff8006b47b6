//! Calls whose meaning depends on what their arguments are: the part of a time that is
//! written out, a pattern, the length of an interval.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    OrderByExpr, Value,
};

use super::expand;
use crate::engine::forms::json_signs;
use crate::engine::names;

/// `struct_pack(a := 1)`, whose arguments have names.
pub(super) const STRUCTURE: &str = "struct_pack";

/// `percentile_disc(0.5) WITHIN GROUP (ORDER BY x)`.
pub(super) const ORDERED: &str = "percentile_disc";

/// `mode() WITHIN GROUP (ORDER BY x)`.
pub(super) const MODE: &str = "mode";

/// Days are counted from this one, the Monday from which weeks are counted elsewhere.
const ORIGIN_OF_DAYS: &str = "TIMESTAMP '2000-01-03 00:00:00'";
const ORIGIN_OF_MONTHS: &str = "TIMESTAMP '2000-01-01 00:00:00'";

/// How the parts of a time may be called: the name here, and others.
const PARTS: &[(&str, &[&str])] = &[
    ("year", &["year", "years", "yr", "yrs", "y", "yyyy", "yy"]),
    ("isoyear", &["isoyear"]),
    ("quarter", &["quarter", "quarters", "qq", "q"]),
    ("month", &["month", "months", "mon", "mons", "mm"]),
    ("week", &["week", "weeks", "w", "wk", "ww"]),
    ("day", &["day", "days", "d", "dd", "dayofmonth"]),
    ("hour", &["hour", "hours", "h", "hr", "hrs", "hh"]),
    ("minute", &["minute", "minutes", "min", "mins", "m", "mi", "n"]),
    ("second", &["second", "seconds", "sec", "secs", "s", "ss"]),
    ("millisecond", &["millisecond", "milliseconds", "ms", "msec", "msecs"]),
    ("microsecond", &["microsecond", "microseconds", "us", "usec", "usecs"]),
];

/// The text that `expression` writes out.
fn text(expression: &Expr) -> Option<&str> {
    let Expr::Value(value) = expression else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    Some(text)
}

/// The part of a time: `'day'`, or `day` as a word.
fn part(expression: &Expr) -> Option<&'static str> {
    let named = match expression {
        Expr::Identifier(word) => word.value.as_str(),
        other => text(other)?,
    };
    let mut parts = PARTS.iter();
    let found = parts.find(|(_, names)| names.iter().any(|name| name.eq_ignore_ascii_case(named)));
    found.map(|(part, _)| *part)
}

/// Microseconds in a part of a day.
fn micros(part: &str) -> Option<u64> {
    match part {
        "hour" => Some(3_600_000_000),
        "minute" => Some(60_000_000),
        "second" => Some(1_000_000),
        "millisecond" => Some(1_000),
        "microsecond" => Some(1),
        _ => None,
    }
}

/// `date_diff('day', x, y)`: how often the part changes from `x` to `y`; weeks are
/// seven days.
pub(super) fn boundaries(arguments: &[Expr]) -> Option<Expr> {
    let [of, x, y] = arguments else { return None };
    let part = part(of)?;
    let difference = match part {
        "year" | "isoyear" => format!("date_part('{part}', y) - date_part('{part}', x)"),
        "quarter" | "month" => {
            let many = if part == "month" { 12 } else { 4 };
            let number = |of: &str| {
                format!("(date_part('year', {of}) * {many} + date_part('{part}', {of}))")
            };
            format!("{} - {}", number("y"), number("x"))
        }
        "week" => "(CAST(y AS DATE) - CAST(x AS DATE)) / 7".to_owned(),
        "day" => "CAST(y AS DATE) - CAST(x AS DATE)".to_owned(),
        _ => between(part, part)?,
    };
    let text = format!("CAST({difference} AS BIGINT)");
    expand(&text, &["x", "y"], &[x.clone(), y.clone()])
}

/// `date_sub('hour', x, y)`: how many whole hours lie between; and `date_sub(x,
/// INTERVAL '1 day')`, the time before.
pub(super) fn whole_or_before(arguments: &[Expr]) -> Option<Expr> {
    let (text, arguments) = match arguments {
        [time, interval] => ("x - y".to_owned(), [time, interval]),
        [of, x, y] => {
            let text = format!("CAST({} AS BIGINT)", between("microsecond", part(of)?)?);
            (text, [x, y])
        }
        _ => return None,
    };
    expand(&text, &["x", "y"], &arguments.map(Clone::clone))
}

/// The time from `x` to `y`, both cut to `cut`, in whole `unit`s.
fn between(cut: &str, unit: &str) -> Option<String> {
    let length = micros(unit)?;
    // In microseconds, which are whole, so that no rounding is left in the end.
    let at = |time: &str| format!("date_trunc('{cut}', CAST({time} AS TIMESTAMPTZ))");
    let time = format!("{} - {}", at("y"), at("x"));
    Some(format!("trunc(round(date_part('epoch', {time}) * 1000000) / {length})"))
}

/// `date_add(x, INTERVAL '1 day')` and `dateadd('day', 1, x)`: the time after.
pub(super) fn after(arguments: &[Expr]) -> Option<Expr> {
    match arguments {
        [time, interval] => expand("x + y", &["x", "y"], &[time.clone(), interval.clone()]),
        [of, count, time] => {
            let one = match part(of)? {
                "isoyear" => return None,
                "quarter" => "3 months".to_owned(),
                part => format!("1 {part}"),
            };
            let text = format!("x + INTERVAL '{one}' * y");
            expand(&text, &["x", "y"], &[time.clone(), count.clone()])
        }
        _ => None,
    }
}

/// `time_bucket(INTERVAL '7 days', x)`, with another origin than `date_bin` has.
pub(super) fn bucket(arguments: &[Expr]) -> Option<Expr> {
    let (width, time) = match arguments {
        [width, time, origin] if !matches!(origin, Expr::Interval(_)) => {
            let given = [width.clone(), time.clone(), origin.clone()];
            return expand("date_bin(x, y, z)", &["x", "y", "z"], &given);
        }
        [width, time] => (width, time),
        _ => return None,
    };
    let Expr::Interval(interval) = width else { return None };
    let origin = match has_months(&interval.to_string()) {
        true => ORIGIN_OF_MONTHS,
        false => ORIGIN_OF_DAYS,
    };
    let text = format!("date_bin(x, y, {origin})");
    expand(&text, &["x", "y"], &[width.clone(), time.clone()])
}

/// Whether an interval, as it is written, is one of months or years.
fn has_months(interval: &str) -> bool {
    let interval = interval.to_lowercase();
    let mut words = interval.split(|sign: char| !sign.is_alphabetic());
    let long = ["mon", "year", "yr", "quarter", "qtr", "dec", "cent", "mille"];
    words.any(|word| word == "y" || long.iter().any(|start| word.starts_with(start)))
}

/// `strftime(x, '%Y')`, and `strftime('%Y', x)`.
pub(super) fn written(arguments: &[Expr]) -> Option<Expr> {
    let [one, other] = arguments else { return None };
    let is_pattern = |argument| text(argument).is_some_and(|text| text.contains('%'));
    let (time, pattern) = match is_pattern(one) && !is_pattern(other) {
        true => (other, one),
        false => (one, other),
    };
    let pattern = patterned(pattern, str::to_owned);
    expand("to_char(x, y)", &["x", "y"], &[time.clone(), pattern])
}

/// `strptime('2012-08-27', '%Y-%m-%d')`.
pub(super) fn read(arguments: &[Expr]) -> Option<Expr> {
    let [one, pattern] = arguments else { return None };
    let pattern = patterned(pattern, |text| text.replace(".%f", "%.f"));
    expand("to_timestamp(x, y)", &["x", "y"], &[one.clone(), pattern])
}

/// A pattern with the parts of a second as they are written here.
fn patterned(pattern: &Expr, first: impl Fn(&str) -> String) -> Expr {
    let Some(typed) = text(pattern) else { return pattern.clone() };
    let typed = first(typed);
    let (mut here, mut signs) = (String::new(), typed.chars());
    while let Some(sign) = signs.next() {
        here.push(sign);
        if sign != '%' {
            continue;
        }
        match signs.next() {
            Some('f') => here.push_str("6f"),
            Some('g') => here.push_str("3f"),
            Some('n') => here.push_str("9f"),
            other => here.extend(other),
        }
    }
    Expr::value(Value::SingleQuotedString(here))
}

/// `list_aggregate(x, 'sum')`.
pub(super) fn of_items(arguments: &[Expr]) -> Option<Expr> {
    let [list, function] = arguments else { return None };
    let call = match text(function)?.to_lowercase().as_str() {
        "sum" => "array_sum(x)",
        "avg" | "mean" => "array_avg(x)",
        "min" => "array_min(x)",
        "max" => "array_max(x)",
        "count" => "cardinality(array_compact(x))",
        _ => return None,
    };
    expand(call, &["x"], std::slice::from_ref(list))
}

/// `struct_pack(a := 1)` with the names as texts.
pub(super) fn structure(call: &Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &call.args else { return None };
    if list.args.is_empty() {
        return None;
    }
    let mut arguments = Vec::new();
    for argument in &list.args {
        let (name, value) = match argument {
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => (name, value),
            FunctionArg::ExprNamed {
                name: Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                ..
            } => (name, value),
            _ => return None,
        };
        let name = Expr::value(Value::SingleQuotedString(name.value.clone()));
        arguments.extend([name, value.clone()]);
    }
    let mut list = list.clone();
    let unnamed = |argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument));
    list.args = arguments.into_iter().map(unnamed).collect();
    let name = ObjectName::from(vec![Ident::new("named_struct")]);
    let args = FunctionArguments::List(list);
    Some(Expr::Function(Function { name, args, ..call.clone() }))
}

/// `percentile_disc(0.5) WITHIN GROUP (ORDER BY x)` with `x` as an argument.
pub(super) fn ordered(call: &Function) -> Option<Expr> {
    let [order] = call.within_group.as_slice() else { return None };
    let name = match order.options.asc {
        Some(false) => "quantile_disc_desc",
        _ => "quantile_disc",
    };
    of_ordered(call, name, 1)
}

/// `mode() WITHIN GROUP (ORDER BY x)` with `x` as an argument. The other way round the
/// greatest of several values would be given, which nothing here does.
pub(super) fn most_frequent(call: &Function) -> Option<Expr> {
    let is_descending = |order: &OrderByExpr| order.options.asc == Some(false);
    if call.within_group.iter().any(is_descending) {
        return None;
    }
    of_ordered(call, MODE, 0)
}

/// A call of `name` for one with `count` arguments, with what it puts in order as the first.
fn of_ordered(call: &Function, name: &str, count: usize) -> Option<Expr> {
    let [order] = call.within_group.as_slice() else { return None };
    let FunctionArguments::List(list) = &call.args else { return None };
    if list.args.len() != count {
        return None;
    }
    let mut list = list.clone();
    list.args.insert(0, FunctionArg::Unnamed(FunctionArgExpr::Expr(order.expr.clone())));
    let name = ObjectName::from(vec![Ident::new(name)]);
    let (args, within_group) = (FunctionArguments::List(list), Vec::new());
    Some(Expr::Function(Function { name, args, within_group, ..call.clone() }))
}

/// `json_extract_path_text(x, 'user', 'name')`.
pub(super) fn text_at_keys(arguments: &[Expr]) -> Option<Expr> {
    at_keys("json_extract_string", arguments)
}

/// `json_extract_path(x, 'user', 'name')`.
pub(super) fn json_at_keys(arguments: &[Expr]) -> Option<Expr> {
    at_keys("json_extract", arguments)
}

fn at_keys(function: &str, arguments: &[Expr]) -> Option<Expr> {
    let (json, path) = match arguments {
        // One may be a path, as in DuckDB.
        [json, path] => (json, path.clone()),
        [json, keys @ ..] => (json, json_signs::path(keys)?),
        [] => return None,
    };
    Some(names::call(function, [json.clone(), path]))
}

/// `epoch_ms(x)` of a time, and `epoch_ms(1346042096000)` of a number.
pub(super) fn milliseconds(arguments: &[Expr]) -> Option<Expr> {
    let [x] = arguments else { return None };
    let is_number = matches!(x, Expr::Value(value) if matches!(value.value, Value::Number(..)));
    let text = match is_number {
        true => "to_timestamp_millis(x)",
        false => "CAST(round(date_part('epoch', x) * 1000) AS BIGINT)",
    };
    expand(text, &["x"], arguments)
}

/// `make_timestamp(y, m, d, h, mi, s)`, with parts of a second, and that of microseconds.
pub(super) fn timestamp(arguments: &[Expr]) -> Option<Expr> {
    match arguments {
        [_] => expand("to_timestamp_micros(x)", &["x"], arguments),
        [_, _, _, _, _, _] => {
            let text = "CAST(make_date(a, b, c) + make_time(d, e, CAST(trunc(f) AS INT)) + \
                        INTERVAL '1 microsecond' * CAST(round((f - trunc(f)) * 1000000) AS BIGINT) \
                        AS TIMESTAMP)";
            expand(text, &["a", "b", "c", "d", "e", "f"], arguments)
        }
        _ => None,
    }
}
