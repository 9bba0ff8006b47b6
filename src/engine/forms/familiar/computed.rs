//! Calls whose meaning depends on what their arguments are: the part of a time that is
//! written out, a pattern, the length of an interval.

use datafusion::sql::sqlparser::ast::{
    CastKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    OrderByExpr, Value,
};

use super::expand;
use crate::engine::forms::json_signs;
use crate::engine::names;
use crate::engine::parsed::text;

/// `struct_pack(a := 1)`, whose arguments have names.
pub(super) const STRUCTURE: &str = "struct_pack";

/// `percentile_disc(0.5) WITHIN GROUP (ORDER BY x)`.
pub(super) const ORDERED: &str = "percentile_disc";

/// `mode() WITHIN GROUP (ORDER BY x)`.
pub(super) const MODE: &str = "mode";

/// How functions are brought here that are known by themselves, but not with all arguments;
/// or are, but give something else.
const OTHERWISE: &[(&[&str], Otherwise)] = &[
    (&["list_first"], first_item),
    (&["from_unixtime"], unix_time),
    (&["date_part", "datepart"], long_part_of),
    (&["date_trunc", "datetrunc"], beginning),
    (&["try_strptime"], read_by),
    (&["regexp_extract"], named_groups),
    (&["json_extract", "json_extract_string", "json_value"], at_paths),
];

/// Given the name of a function and its arguments.
pub(super) type Otherwise = fn(&str, &[Expr]) -> Option<Expr>;

/// How the function `name` is brought here that is known by itself.
pub(super) fn otherwise(name: &str) -> Option<Otherwise> {
    OTHERWISE.iter().find(|(names, _)| names.contains(&name)).map(|(_, compute)| *compute)
}

/// Whether a call of such a function writes an argument twice.
pub(super) fn repeats(name: &str, call: &Function) -> bool {
    let FunctionArguments::List(list) = &call.args else { return false };
    let makes_several = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => {
            matches!(argument, Expr::Array(_)) || text(argument).and_then(long_part).is_some()
        }
        _ => false,
    };
    otherwise(name).is_some() && list.args.iter().any(makes_several)
}

/// The aggregates that make a list with a number behind their arguments: their names, the
/// number of arguments, and the list of all values in order.
const SEVERAL: &[(&[&str], usize, &str)] = &[
    (&["max"], 1, "array_agg(x ORDER BY x DESC) FILTER (WHERE x IS NOT NULL)"),
    (&["min"], 1, "array_agg(x ORDER BY x) FILTER (WHERE x IS NOT NULL)"),
    (
        &["arg_max", "argmax", "max_by"],
        2,
        "array_agg(x ORDER BY y DESC, x) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL)",
    ),
    (
        &["arg_min", "argmin", "min_by"],
        2,
        "array_agg(x ORDER BY y, x) FILTER (WHERE x IS NOT NULL AND y IS NOT NULL)",
    ),
];

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

/// The parts of a time of more than a year: the name here, others, and the years.
const LONG_PARTS: &[(&str, &[&str], u32)] = &[
    ("decade", &["decade", "decades", "dec", "decs"], 10),
    ("century", &["century", "centuries", "cent", "c"], 100),
    ("millennium", &["millennium", "millennia", "millenniums", "millenium"], 1000),
];

/// Such a part, and its years.
fn long_part(named: &str) -> Option<(&'static str, u32)> {
    let is_named = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(named));
    let found = LONG_PARTS.iter().find(|(_, names, _)| is_named(names));
    found.map(|(part, _, years)| (*part, *years))
}

/// `extract(decade FROM x)`.
pub(super) fn extracted(part: &str, time: &Expr) -> Option<Expr> {
    let (part, _) = long_part(part)?;
    let Expr::Function(call) = names::call(part, [time.clone()]) else { return None };
    super::written_out(part, &call)
}

/// `date_part('decade', x)`.
fn long_part_of(_: &str, arguments: &[Expr]) -> Option<Expr> {
    let [part, time] = arguments else { return None };
    extracted(text(part)?, time)
}

/// `date_trunc('decade', x)`: centuries begin in 2000, as in DuckDB.
fn beginning(_: &str, arguments: &[Expr]) -> Option<Expr> {
    let [part, time] = arguments else { return None };
    let (_, years) = long_part(text(part)?)?;
    let after = format!("INTERVAL '1 year' * (date_part('year', x) % {years})");
    let text = format!("date_trunc('year', x) - {after}");
    expand(&text, &["x"], std::slice::from_ref(time))
}

/// `from_unixtime(n)`, which is an instant, and `from_unixtime(n, '%Y-%m-%d')`; with a zone it
/// is the engine's.
fn unix_time(_: &str, arguments: &[Expr]) -> Option<Expr> {
    match arguments {
        [seconds] if text(seconds).is_none() => expand("to_timestamp(x)", &["x"], arguments),
        [seconds, pattern] if text(pattern).is_some_and(|pattern| pattern.contains('%')) => {
            let pattern = patterned(pattern, str::to_owned);
            expand("to_char(to_timestamp(x), y)", &["x", "y"], &[seconds.clone(), pattern])
        }
        _ => None,
    }
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
            let text = match part(of)? {
                "year" => "whole_months(x, y) / 12".to_owned(),
                "quarter" => "whole_months(x, y) / 3".to_owned(),
                "month" => "whole_months(x, y)".to_owned(),
                "week" => "whole_days(x, y) / 7".to_owned(),
                "day" => "whole_days(x, y)".to_owned(),
                part => format!("CAST({} AS BIGINT)", between("microsecond", part)?),
            };
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
    let time = format!("date_trunc('{cut}', y) - date_trunc('{cut}', x)");
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
    read_by("to_timestamp", arguments)
}

/// A call of `function` with a pattern, or with each of a list of them.
fn read_by(function: &str, arguments: &[Expr]) -> Option<Expr> {
    let [one, patterns] = arguments else { return None };
    let patterns = match patterns {
        Expr::Array(list) => list.elem.as_slice(),
        pattern => std::slice::from_ref(pattern),
    };
    let is_other = |pattern: &Expr| matches!(pattern, Expr::Value(_)) && text(pattern).is_none();
    if patterns.is_empty() || patterns.iter().any(is_other) {
        return None;
    }
    let here = |pattern: &Expr| patterned(pattern, |text| text.replace(".%f", "%.f"));
    let given = std::iter::once(one.clone()).chain(patterns.iter().map(here));
    Some(names::call(function, given))
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

/// `regexp_matches(x, p)` and `regexp_matches(x, p, 'i')`.
pub(super) fn is_matched(arguments: &[Expr]) -> Option<Expr> {
    let call = match arguments {
        [_, _] => "regexp_like(x, y)",
        [_, _, flags] if text(flags) == Some("i") => "regexp_like(x, y, 'i')",
        _ => return None,
    };
    expand(call, &["x", "y"], &arguments[..2])
}

/// `list_aggregate(x, 'sum')`.
pub(super) fn of_items(arguments: &[Expr]) -> Option<Expr> {
    let [list, function] = arguments else { return None };
    let call = match text(function)?.to_lowercase().as_str() {
        "sum" => "array_sum(x)",
        "avg" | "mean" => "array_avg(x)",
        "min" => "array_min(x)",
        "max" => "array_max(x)",
        "product" => "array_product(x)",
        "first" => "array_element(x, 1)",
        "last" => "array_element(x, -1)",
        "any_value" => "array_any_value(x)",
        "count" => "cardinality(array_compact(x))",
        _ => return None,
    };
    expand(call, &["x"], std::slice::from_ref(list))
}

/// `list_first(x)`, which the engine knows with a function only.
fn first_item(_: &str, arguments: &[Expr]) -> Option<Expr> {
    let [_] = arguments else { return None };
    expand("array_element(x, 1)", &["x"], arguments)
}

/// `regexp_extract(x, '(\d+)-(\d+)', ['year', 'month'])`.
fn named_groups(function: &str, arguments: &[Expr]) -> Option<Expr> {
    let [_, _, Expr::Array(names)] = arguments else { return None };
    let member = |(place, name): (usize, &Expr)| {
        let name = text(name)?.replace('\'', "''");
        Some(format!("'{name}', {function}(x, p, {})", place + 1))
    };
    let members: Vec<String> = names.elem.iter().enumerate().map(member).collect::<Option<_>>()?;
    if members.is_empty() {
        return None;
    }
    let text = format!("named_struct({})", members.join(", "));
    expand(&text, &["x", "p"], &arguments[..2])
}

/// `json_extract(x, ['$.id', '$.name'])`, a list of what is at each path.
fn at_paths(function: &str, arguments: &[Expr]) -> Option<Expr> {
    let [json, Expr::Array(paths)] = arguments else { return None };
    let places: Vec<String> = (0..paths.elem.len()).map(|place| format!("path{place}")).collect();
    let calls: Vec<String> = places.iter().map(|path| format!("{function}(x, {path})")).collect();
    let text = format!("make_array({})", calls.join(", "));
    let parameters: Vec<&str> =
        std::iter::once("x").chain(places.iter().map(String::as_str)).collect();
    let given: Vec<Expr> = std::iter::once(json).chain(&paths.elem).cloned().collect();
    expand(&text, &parameters, &given)
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

/// Whether a call of the function `name` with `count` arguments gives a list of several.
pub(super) fn is_several(name: &str, count: usize) -> bool {
    all_in_order(name, count).is_some()
}

/// What makes the list of which `name` with `count` arguments gives the beginning.
fn all_in_order(name: &str, count: usize) -> Option<&'static str> {
    let mut several = SEVERAL.iter();
    let found = several.find(|(names, of, _)| names.contains(&name) && of + 1 == count);
    found.map(|(_, _, list)| *list)
}

/// `max(x, 3)` and `arg_max(x, y, 3)`: the beginning of the list of all, with a number that
/// is written out.
pub(super) fn several(name: &str, call: &Function) -> Option<Expr> {
    let text = all_in_order(name, super::count(call))?;
    // A window does not put the rows of a list in order.
    if call.over.is_some() {
        return None;
    }
    let given = super::arguments(call)?;
    let (most, values) = given.split_last()?;
    // The number of a column is what one stands for in an ORDER BY.
    if values.iter().any(|value| matches!(value, Expr::Value(_))) {
        return None;
    }
    let Expr::Value(written) = most else { return None };
    let Value::Number(number, _) = &written.value else { return None };
    number.parse::<u32>().ok().filter(|number| *number > 0)?;
    let all = super::carried(call, expand(text, &["x", "y"], values)?)?;
    let first = Expr::value(Value::Number("1".to_owned(), false));
    Some(names::call("array_slice", [all, first, most.clone()]))
}

/// `TRY(CAST(x AS BIGINT))`.
pub(super) fn tried(arguments: &[Expr]) -> Option<Expr> {
    let [cast] = arguments else { return None };
    let mut cast = cast.clone();
    let Expr::Cast { kind, .. } = &mut cast else { return None };
    *kind = CastKind::TryCast;
    Some(cast)
}

/// `parse_filename(x)` and `parse_filename(x, true)`, without the suffix.
pub(super) fn file_name(arguments: &[Expr]) -> Option<Expr> {
    let name = r"regexp_extract(x, '[^/\\]*$', 0)";
    let (path, text) = match arguments {
        [path] => (path, name.to_owned()),
        [path, Expr::Value(trims)] => match trims.value {
            Value::Boolean(true) => {
                (path, format!(r"regexp_extract({name}, '(?s)^(.*?)(?:\.[^.]*)?$', 1)"))
            }
            Value::Boolean(false) => (path, name.to_owned()),
            _ => return None,
        },
        _ => return None,
    };
    expand(&text, &["x"], std::slice::from_ref(path))
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
