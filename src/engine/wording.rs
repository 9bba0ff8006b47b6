//! What the engine's messages mean, in plain words.

use datafusion::arrow::error::ArrowError;

use super::forms::order_by_input;
use super::{conditions, engine_types, filter_faults, unfit, wrong_patterns};
use crate::catalog;
use crate::error::{Error, Kind};

/// How a message of the engine goes, and what it means.
pub(super) type Meaning = (&'static str, fn(&str) -> Option<Error>);

/// What SHOW knows, for those who ask it for something else.
pub(super) const SHOWN: &str = "there are SHOW TABLES, VIEWS, FUNCTIONS and DATABASES, each with LIKE but the last, SHOW \
     COLUMNS FROM posts, and SHOW ALL for the settings";

/// Messages that say what the engine was at instead of what is wrong, by words
/// that are in them.
const MEANINGS: &[Meaning] = &[
    ("must be in GROUP BY or an aggregate function", not_grouped),
    ("failed to match any signature", no_signature),
    ("arguments but received", wrong_number),
    ("No function matches the given name and argument types", wrong_types),
    ("annot cast string '", no_value),
    ("rror while parsing value '", late_value),
    ("rror parsing timestamp from '", no_instant),
    ("nsert into not implemented", |_| Some(written_by_import())),
    ("not supported for Base table", |_| Some(written_by_import())),
    ("OuterReferenceColumn", beside),
    ("able function 'unnest' not found", beside),
    ("annot cast timezone to different timezone", |_| {
        let error = Error::query("a time lies in an hour that the clock of the time zone skips");
        Some(error.hint(
            "where summer time begins no clock shows it; TRY_CAST makes NULL of it, and a time \
             with its offset, '1986-05-04 02:30:00+08:00', is clear",
        ))
    }),
    ("nterval Expression with last_field", |_| {
        let error = Error::query("an interval has a single unit behind it");
        Some(error.hint("several stand inside: INTERVAL '1 year 2 months', '3 days 4 hours'"))
    }),
    ("QuotedByteStringLiteral", |_| {
        let error = Error::query("there are no texts of bits or bytes with a b before them");
        Some(error.hint("a number is written as 0b101, and bytes as X'05ff'"))
    }),
    ("nvalid HexStringLiteral", |_| {
        let error = Error::query("X'' has two digits of base 16 for each byte");
        Some(error.hint("as in X'05ff'"))
    }),
    ("without for/from is not valid Substring", |_| {
        Some(Error::query("substring needs a place").hint("write it as substring(text, 1, 10)"))
    }),
    ("Nested type List", no_lists),
    ("string concat operation", |_| {
        Some(Error::query("|| joins texts").hint("make the others texts: CAST(reposts AS VARCHAR)"))
    }),
    ("equal lengths between records on CSV file", ragged),
    ("ncorrect number of fields for line", ragged_later),
    ("nvalid qualifier ", no_qualifier),
    ("nnest() can only be applied to array", |_| {
        let error = Error::query("unnest takes a list");
        Some(error.hint("of a text make one: unnest(string_to_array(text, ' '))"))
    }),
    ("ot access not supported", |_| {
        let error = Error::query("a point stands behind the name of a table or column only");
        Some(error.hint("a part of a structure is asked for as value['part']"))
    }),
    ("nable to cast to Date32 for converting", |_| Some(no_date())),
    ("logical expression WindowFunction", |_| {
        let error = Error::query("a window function stands behind SELECT or in ORDER BY only");
        Some(error.hint(
            "QUALIFY takes the place of WHERE: ... QUALIFY row_number() OVER (...) = 1; instead of \
             GROUP BY ALL name the groups, as in GROUP BY 1",
        ))
    }),
    ("logical expression Exists(", |_| Some(outside_where())),
    ("logical expression InSubquery(", |_| Some(outside_where())),
    ("logical expression ScalarSubquery(", |_| Some(correlated())),
    ("logical expression OuterReferenceColumn", |_| Some(correlated())),
    ("must be aggregated to return at most one", |_| Some(correlated())),
    ("oo many columns! The subquery", |_| Some(one_column())),
    ("not supported: collate", |_| {
        let error =
            Error::query("no order of texts but that of their characters is known to COLLATE");
        Some(error.hint("compare and order by lower(text), which passes over capital letters"))
    }),
    ("JOIN operator AsOf", |_| {
        let error = Error::query("there is no ASOF JOIN here");
        Some(error.hint("write it in a subquery: ... FROM (SELECT ... FROM a ASOF JOIN b ON ...)"))
    }),
    ("Not valid JSON", |_| {
        let error = Error::query("a JSON file that is asked has a record a line, or is one array");
        Some(error.hint("`weiku import` reads other JSON of crawlers"))
    }),
    ("nconsistent data length across values list", uneven),
    ("annot access field at argument", no_fields),
    ("is no regular expression: at ", |message| {
        let hint = "a \\ before a sign takes its meaning from it: \\( is only a bracket";
        Some(Error::query(message).hint(hint))
    }),
    ("rray overflow on abs(", |message| {
        let (_, value) = message.split_once("overflow on abs(")?;
        let value = value.trim_end_matches(')');
        let error = Error::query(format!("abs of {value} is too large for a number of its type"));
        Some(error.hint("cast to DECIMAL(38,0) or DOUBLE first"))
    }),
    ("is not a variable which can be viewed", |message| {
        let what = between(message, "'", "' is not a variable")?.replace('.', " ");
        Some(Error::query(format!("SHOW does not know {what}")).hint(SHOWN))
    }),
    ("] has no type information", |message| {
        let name = between(message, "variable [\"", "\"")?;
        let error = Error::query(format!("there is no variable {name}"));
        Some(error.hint("version() is a function, and .set lists the settings"))
    }),
    ("binary operator: PGStartsWith", |_| {
        let error = Error::query("the sign ^@ is not known");
        Some(error.hint("here it is starts_with(text, '@'), or text LIKE '@%'"))
    }),
    ("ggregate functions are not allowed in the WHERE", |_| {
        let error = Error::query("WHERE looks at single rows, before anything is summed up");
        Some(error.hint("HAVING looks at groups: GROUP BY account_id HAVING sum(likes) > 3"))
    }),
];

/// What `message` means; none if it says so itself.
pub(super) fn meaning(message: &str) -> Option<Error> {
    let all = MEANINGS.iter().chain(conditions::MEANINGS).chain(order_by_input::MEANINGS);
    let all = all.chain(unfit::MEANINGS);
    all.filter(|(words, _)| message.contains(words)).find_map(|(_, say)| say(message))
}

fn not_grouped(message: &str) -> Option<Error> {
    let column = between(message, "olumn \"", "\" must appear")?;
    let column = column.rsplit('.').next().unwrap_or(column);
    // Within an expression there a name is never that of a listed column.
    let listed = match message.contains("olumn in ORDER BY") {
        true => format!("; a listed column of that name stands alone: ORDER BY {column} DESC"),
        false => String::new(),
    };
    let message = format!("the column \"{column}\" is neither in GROUP BY nor in an aggregate");
    let advice = format!("put {column} into GROUP BY, or take max({column}){listed}");
    Some(Error::query(message).hint(advice))
}

fn no_signature(message: &str) -> Option<Error> {
    let function = between(message, "Function '", "'")?;
    let given = between(message, ", but received ", " (DataType").unwrap_or_default();
    let given = GIVEN.iter().find(|(engine, _)| given.starts_with(engine)).map(|(_, name)| *name);
    let takes_numbers = message.contains("requires Decimal");
    let error = Error::query(match given {
        Some(given) if takes_numbers => format!("{function} takes numbers and is given {given}"),
        Some(given) => format!("{function} does not take {given}"),
        None => format!("{function} does not take what it is given"),
    });
    Some(match given {
        Some("a time" | "a date") if UNIT_FIRST.contains(&function) => {
            error.hint(format!("the unit stands first: {function}('day', posted_at)"))
        }
        Some("a text") if takes_numbers => error
            .hint(format!("a text becomes a number by a cast: {function}(TRY_CAST(x AS DOUBLE))")),
        _ => error.hint(format!("`.help {function}` shows how it is called")),
    })
}

/// Functions whose first argument says a unit of time.
const UNIT_FIRST: [&str; 4] = ["date_trunc", "datetrunc", "date_part", "datepart"];

/// What the engine calls what is given to a function, and what people do.
const GIVEN: &[(&str, &str)] = &[
    ("String", "a text"),
    ("Timestamp", "a time"),
    ("Date", "a date"),
    ("Interval", "an interval"),
    ("List", "a list"),
    ("Boolean", "a truth"),
];

fn wrong_number(message: &str) -> Option<Error> {
    let function = between(message, "unction '", "'")?;
    let wanted = between(message, "expects ", " arguments")?;
    let given = between(message, "but received ", ".")?;
    let s = if wanted == "1" { "" } else { "s" };
    let message = format!("{function} takes {wanted} argument{s} and is given {given}");
    Some(Error::query(message).hint(format!("`.help {function}` shows how it is called")))
}

fn wrong_types(message: &str) -> Option<Error> {
    let (_, call) = message.split_once("argument types '")?;
    let (function, types) = call.split_once('(')?;
    let types = engine_types::told(types.split_once(")'")?.0);
    if function == "make_array" {
        let error = Error::query(format!("a list has values of one kind, and not ({types})"));
        return Some(error.hint("make them one: [CAST(likes AS VARCHAR), 'a']"));
    }
    let error = Error::query(match types.is_empty() {
        true => format!("{function} is given nothing"),
        false => format!("{function} does not take ({types})"),
    });
    Some(match function {
        "min" if types.contains(", ") => error.hint("of several values it is least(a, b)"),
        "max" if types.contains(", ") => error.hint("of several values it is greatest(a, b)"),
        "array_has" | "array_contains" | "list_contains" | "list_has" if types.ends_with("[]") => {
            error.hint(format!("the list stands first: {function}(['a', 'b'], 'a')"))
        }
        "interval_times" | "interval_over" => {
            Error::query("an interval is multiplied and divided by a number")
                .hint("a text becomes one by a cast: INTERVAL '1 day' * CAST(n AS BIGINT)")
        }
        "array_element" => error.hint("of a text take substring(text, 1, 1)"),
        "array_slice" if types.starts_with("text,") => {
            error.hint("of a text take substring(text, 1, 2)")
        }
        _ => error.hint(format!("`.help {function}` shows how it is called")),
    })
}

fn no_value(message: &str) -> Option<Error> {
    let (value, rest) = message.split_once("annot cast string '")?.1.rsplit_once("' to")?;
    let kind = between(rest, "value of ", " type")?;
    let digits = value.trim().trim_start_matches(['-', '+']);
    if !digits.is_empty()
        && digits.bytes().all(|one| one.is_ascii_digit())
        && let Some(error) = unfit::does_not_fit(value.trim(), kind)
    {
        return Some(error);
    }
    let wanted = wanted(kind);
    let message = format!("the text \"{}\" is not {wanted}", shortened(value));
    Some(Error::query(message).hint("TRY_CAST gives NULL where a text is none"))
}

/// What a text had to be to become a value of a type of the engine.
fn wanted(kind: &str) -> &'static str {
    match kind {
        _ if kind.starts_with("Int") || kind.starts_with("UInt") => "a whole number",
        _ if kind.starts_with("Float") || kind.starts_with("Decimal") => "a number",
        _ if kind.starts_with("Date") => "a date",
        _ if kind.starts_with("Time") => "a time",
        _ => "such a value",
    }
}

/// A value of a CSV file that is of another type than those in its first rows.
fn late_value(message: &str) -> Option<Error> {
    let (value, rest) = message.split_once("parsing value '")?.1.split_once("' as type '")?;
    let (kind, rest) = rest.split_once("' for column ")?;
    let column: usize = rest.split(' ').next()?.parse().ok()?;
    let message = format!(
        "the text \"{}\" in column {} of a CSV file is not {}, as what its first rows have there",
        shortened(value),
        column + 1,
        wanted(kind)
    );
    Some(Error::query(message).hint(
        "say what it holds: CREATE EXTERNAL TABLE t (id BIGINT, text VARCHAR) STORED AS CSV \
         LOCATION 'FILE' OPTIONS ('format.has_header' 'true')",
    ))
}

fn no_instant(message: &str) -> Option<Error> {
    let value = between(message, "rror parsing timestamp from '", "'")?;
    let message = format!("the text \"{}\" is not a time", shortened(value));
    Some(Error::query(message).hint(
        "write it as '2012-08-27' or '2012-08-27 18:00:00'; to_timestamp(x, '%Y-%m-%d %H:%M') reads \
         other forms",
    ))
}

fn no_date() -> Error {
    Error::query("to_date is given a text that is no date").hint("write it as '2012-08-27'")
}

fn uneven(message: &str) -> Option<Error> {
    let given = between(message, "got ", " values")?;
    let (_, wanted) = message.split_once("but expected ")?;
    Some(
        Error::query(format!("a row has {given} values instead of {wanted}"))
            .hint("each row of VALUES has a value for each column"),
    )
}

pub(super) fn written_by_import() -> Error {
    Error::query("the tables of a database are not changed by SQL").hint(
        "`weiku import DB FILE...` adds rows; CREATE TABLE t AS SELECT ... makes one of your own",
    )
}

fn beside(message: &str) -> Option<Error> {
    if !message.contains("unnest") && !message.contains("List(") {
        return None;
    }
    Some(beside_tables())
}

/// The error for an unnest in FROM whose rows cannot be joined as they are asked to be.
pub(super) fn beside_tables() -> Error {
    Error::query("unnest in FROM stands behind the table that has the list, in the same query")
        .hint(
            "write FROM posts, unnest(hashtags) AS t(tag), or LEFT JOIN ... ON true, and conditions \
             behind WHERE; whether a list has a value says 'x' = ANY(hashtags)",
        )
}

fn outside_where() -> Error {
    Error::query("EXISTS and IN (SELECT ...) cannot be computed at this place").hint(
        "compute it as a column of a subquery, and ask for that: FROM (SELECT *, likes IN (SELECT \
         ...) AS is_one FROM posts); or LEFT JOIN the query",
    )
}

/// The error for a subquery that the engine cannot bring to a join.
pub(super) fn correlated() -> Error {
    Error::query("a subquery that uses columns from around it cannot be computed like this").hint(
        "join with the query instead; for the best row of each: row_number() OVER (PARTITION BY \
         account_id ORDER BY likes DESC) AS n, and n = 1",
    )
}

fn one_column() -> Error {
    Error::query("a subquery behind IN, or between values, gives one column").hint(
        "several values at once: EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND u.b = t.b), and NOT \
         EXISTS",
    )
}

fn no_lists(message: &str) -> Option<Error> {
    let column =
        between(message, "field: '", "'").filter(|name| !matches!(*name, "element" | "item"));
    let column = column.unwrap_or("hashtags");
    Some(
        Error::query("COPY writes no lists as CSV")
            .hint(format!("-o FILE and .once FILE do; or take array_to_string({column}, ' ')")),
    )
}

fn ragged(message: &str) -> Option<Error> {
    let wanted = between(message, "Expected ", " records")?;
    let found = between(message, "found ", " records")?;
    let (_, line) = message.rsplit_once("at line ")?;
    Some(ragged_row(line, found, wanted))
}

fn ragged_later(message: &str) -> Option<Error> {
    let (line, rest) = message.split_once("fields for line ")?.1.split_once(", expected ")?;
    let (wanted, found) = rest.split_once(" got ")?;
    Some(ragged_row(line, found, wanted))
}

fn ragged_row(line: &str, found: &str, wanted: &str) -> Error {
    let message = format!("line {line} of the CSV file has {found} fields instead of {wanted}");
    Error::query(message)
        .hint("`weiku import` reads what crawlers write, rows that are too short too")
}

fn no_qualifier(message: &str) -> Option<Error> {
    let (_, name) = message.split_once("nvalid qualifier ")?;
    Some(
        Error::query(format!("FROM has no \"{name}\""))
            .hint("name a table or an alias that stands in FROM"),
    )
}

fn no_fields(message: &str) -> Option<Error> {
    let kind = engine_types::told(between(message, ": type ", " is not")?);
    Some(
        Error::query(format!("a value of type {kind} has no fields"))
            .hint("functions stand before what they take: length(text)"),
    )
}

/// The beginning of a text that may be long.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(30) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// What the engine says when what is spilled would be more than it may be.
const SPILL_LIMIT: &str = "exceeded the allowable limit of ";

pub(super) fn io_error(error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return Error::new(Kind::Limit, "no space left on the disk");
    }
    let text = error.to_string();
    let Some(limit) = between(&text, SPILL_LIMIT, ". Please") else {
        return Error::query(plain(&text));
    };
    // The engine counts in powers of two, people and our flags in those of ten.
    let limit = megabytes(limit).map_or_else(|| limit.to_owned(), size);
    let message = format!("what does not fit into memory takes more than {limit} of disk");
    Error::new(Kind::Limit, message).hint("raise --spill-limit, or --memory-limit")
}

/// How it is told that the process has too much memory.
const PROCESS_HAS: &str = "the process has ";

/// That the process has `bytes`.
pub(super) fn process_has(bytes: usize) -> String {
    format!("{PROCESS_HAS}{} MB", bytes / 1_000_000)
}

/// That there is no more memory; `message` is what those who hold some say.
pub(super) fn exhausted(message: &str) -> Error {
    let held = consumers(message);
    let most = format!("most was held by {}", held.join(", "));
    let told = match between(message, PROCESS_HAS, " MB") {
        Some(size) if held.is_empty() => {
            format!("{PROCESS_HAS}{size} MB of rows that nobody counts, as of window functions")
        }
        Some(size) => format!("{PROCESS_HAS}{size} MB; {most}"),
        None if held.is_empty() => plain(message),
        None => most,
    };
    Error::new(Kind::Limit, format!("out of memory: {told}"))
        .hint("raise --memory-limit, or ask for fewer rows or groups")
}

/// What the engine calls those who hold memory, and what they do.
const CONSUMERS: &[(&str, &str)] = &[
    ("AggregateStream", "an aggregation"),
    ("FinalHashAggregateStream", "a grouping"),
    ("PartialHashAggregateStream", "a grouping"),
    ("PartialReduceHashAggregateStream", "a grouping"),
    ("SingleHashAggregateStream", "a grouping"),
    ("OrderedFinalAggregateStream", "a grouping"),
    ("OrderedPartialAggregateStream", "a grouping"),
    ("HashJoinInput", "the smaller side of a join"),
    ("RangeJoinInput", "the smaller side of a join"),
    ("CrossJoin", "one side of a cross join"),
    ("NestedLoopJoin", "one side of a join without equal columns"),
    ("SymmetricHashJoin", "both sides of a join"),
    ("ExternalSorter", "a sort"),
    ("TopK", "a sort with LIMIT"),
    ("SortPreservingMergeExec", "sorted rows being merged"),
    ("SMJStream", "one side of a join"),
    ("PiecewiseMergeJoinInput", "one side of a join"),
    ("RecursiveQuery", "a recursive query"),
    ("ComputedOnce", "a query by name that is computed once"),
    ("RepartitionExec", "rows on their way between threads"),
    ("WindowAgg", "a window function"),
    ("WindowPass", "a window function"),
];

/// Who held how much memory, `a sort 12.3 MB`, as far as the message tells. When all
/// have let go of it, who held most before.
fn consumers(message: &str) -> Vec<String> {
    let now = held_by(message, " consumed ");
    if now.is_empty() { held_by(message, ", peak ") } else { now }
}

/// Who held how much memory by the figures behind `what`.
fn held_by(message: &str, what: &str) -> Vec<String> {
    let mut held: Vec<(&str, f64)> = Vec::new();
    for line in message.lines() {
        let Some((name, rest)) = line.trim().split_once("#") else { continue };
        let Some((_, amount)) = rest.split_once(what) else { continue };
        let Some(amount) = amount.split([',', '\n']).next().and_then(megabytes) else { continue };
        let name = name.split('[').next().unwrap_or(name);
        let known = CONSUMERS.iter().find(|(known, _)| name.starts_with(known));
        let name = known.map_or(name, |(_, what)| *what);
        match held.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += amount,
            None => held.push((name, amount)),
        }
    }
    held.retain(|(_, megabytes)| *megabytes >= 0.1);
    held.sort_by(|one, other| other.1.total_cmp(&one.1));
    held.iter().map(|(name, megabytes)| format!("{name} {megabytes:.1} MB")).collect()
}

/// `9.6 MB` as megabytes, which DataFusion counts in powers of two.
fn megabytes(text: &str) -> Option<f64> {
    let (number, unit) = text.trim().trim_end_matches('.').split_once(' ')?;
    let factor = match unit {
        "B" => 1.0,
        "KB" => 1024.0,
        "MB" => 1024.0 * 1024.0,
        "GB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * factor / 1e6)
}

/// So many megabytes as `--spill-limit` takes them: `1.5MB`, `20GB`.
fn size(megabytes: f64) -> String {
    let (number, unit) =
        if megabytes >= 999.95 { (megabytes / 1000.0, "GB") } else { (megabytes, "MB") };
    let number = format!("{number:.1}");
    format!("{}{unit}", number.trim_end_matches(".0"))
}

pub(super) fn arrow_error(error: &ArrowError) -> Error {
    match error {
        ArrowError::ArithmeticOverflow(message) => {
            Error::query(format!("a number is too large: {}", plain(message)))
                .hint("cast to DECIMAL(38,0) or DOUBLE first")
        }
        ArrowError::IoError(_, io) => io_error(io),
        ArrowError::DivideByZero => {
            Error::query("division by zero").hint("use NULLIF(x, 0) as the divisor")
        }
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<Error>() {
            Some(ours) => ours.clone(),
            None => Error::query(plain(&inner.to_string())),
        },
        other => {
            let text = other.to_string();
            filter_faults::told(&text)
                .or_else(|| catalog::not_text(&text))
                .unwrap_or_else(|| Error::query(plain(&text)))
        }
    }
}

/// How the engine begins to ask for a report of what it takes for a fault of its own.
const BUG: &str = "This issue was likely caused by a bug";

/// `message` on one line, without the engine's prefixes.
pub(super) fn plain(message: &str) -> String {
    if let Some(told) = wrong_patterns::told(message) {
        return told;
    }
    let prefixes = [
        "Error during planning: ",
        "Execution error: ",
        "Arrow error: ",
        "External error: ",
        "Parser error: ",
        "Cast error: ",
        "Compute error: ",
        "Invalid argument error: ",
        "Optimizer rule ",
        "This feature is not implemented: ",
        "SQL error: ",
        "Parquet error: ",
    ];
    let message = message.split(BUG).next().unwrap_or(message);
    let mut rest = message.trim();
    while let Some(stripped) = prefixes.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        rest = stripped;
    }
    let line = rest.split('\n').map(str::trim).filter(|part| !part.is_empty());
    let line = line.collect::<Vec<_>>().join("; ");
    let mut characters = line.chars();
    match (characters.next(), characters.next()) {
        // A first word in capitals is a name or keyword and stays.
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            let rest = &line[first.len_utf8()..];
            format!("{}{}", first.to_lowercase(), rest.trim_end_matches('.'))
        }
        _ => line,
    }
}

/// What stands in `text` between `before` and `after`.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::{SPILL_LIMIT, exhausted, io_error, meaning, process_has};
    use crate::engine::{Session, Settings};

    #[tokio::test]
    async fn what_only_other_databases_write_is_told_with_ours() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, said, hint) in [
            ("SELECT INTERVAL '1' YEAR TO MONTH", "a single unit", "INTERVAL '1 year 2 months'"),
            ("SELECT b'101'", "no texts of bits", "0b101"),
            ("SELECT X'0g'", "two digits", "X'05ff'"),
            ("SELECT abs(-9223372036854775808)", "abs of -9223372036854775808 is too", "DECIMAL"),
            ("SELECT 'abc' ^@ 'a'", "the sign ^@", "starts_with"),
            ("SELECT rollup(1)", "no function rollup", "GROUP BY"),
            ("SELECT date_trunc(now(), 'day')", "does not take a time", "date_trunc('day', "),
            ("SELECT date_part(DATE '2012-08-27', 'day')", "take a date", "date_part('day', "),
            ("SELECT max(1, 2)", "max does not take (bigint, bigint)", "greatest(a, b)"),
            ("SELECT list_contains('a', ['a'])", "(text, text[])", "list_contains(['a', 'b'], "),
            ("SELECT greatest()", "greatest is given nothing", "`.help greatest`"),
            (
                "SELECT CAST(TIMESTAMP '1986-05-04 02:30:00' AS TIMESTAMPTZ)",
                "the time zone skips",
                "TRY_CAST",
            ),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains(said), "{sql}: {error}");
            assert!(error.advice().unwrap_or_default().contains(hint), "{sql}: {error}");
        }
    }

    #[tokio::test]
    async fn slips_have_a_place_and_a_hint_of_what_was_typed() {
        let session = Session::new(None, Settings::default()).unwrap();
        for (sql, said, at, hint) in [
            (
                "SELECT 1 FROM (VALUES (1)) AS t(likes) WHERE sum(likes) > 3",
                "single rows",
                "WHERE",
                "HAVING sum(likes) > 3",
            ),
            ("SELECT 1 + ;", "found the end of the statement", "+", ""),
            ("SELECT 1 AS a WHERE 'a' lik '%a%'", "found lik", "lik", "LIKE"),
            (
                "SELECT * FROM read_parquet('x/*.parquet', a = 1)",
                "no option a",
                "read_",
                "FROM 'x/*.parquet'",
            ),
        ] {
            let error = session.collect(sql).await.unwrap_err();
            assert!(error.message().contains(said), "{sql}: {error}");
            let column = sql.find(at).unwrap() as u64 + 1;
            assert_eq!(error.place().column, Some(column), "{sql}: {error}");
            assert!(error.advice().unwrap_or_default().contains(hint), "{sql}: {error}");
        }
    }

    #[test]
    fn what_the_engine_says_in_its_own_words_has_a_meaning() {
        for (message, plain) in [
            ("Cannot cast string '微博' to value of Int64 type", "\"微博\" is not a whole number"),
            ("Dot access not supported for non-string expr: Identifier(Ident {", "a point stands"),
            (
                "Incorrect number of fields for line 9, expected 3 got 2",
                "line 9 of the CSV file has 2",
            ),
            (
                "No function matches the given name and argument types 'f(Utf8View, Int64)'. You",
                "f does not take (text, bigint)",
            ),
            (
                "Function 'f' expects 1 arguments but received 2. No function",
                "f takes 1 argument and is given 2",
            ),
            (
                "Error while parsing value 'abc' as type 'Int64' for column 1 at line 25001. Row \
                 data: '[25000,abc]'",
                "the text \"abc\" in column 2 of a CSV file is not a whole number",
            ),
            ("Invalid qualifier a", "FROM has no \"a\""),
            (
                "cannot access field at argument 1: type Utf8View is not Struct, Map, or Null",
                "a value of type text has no fields",
            ),
            (
                "Cannot coerce arithmetic expression Utf8View + Int64 to valid types",
                "there is no text + bigint",
            ),
            (
                "Function 'sum' failed to match any signature, errors: Function 'sum' requires \
                 Decimal, but received String (DataType: Utf8View).,Function 'sum' requires",
                "sum takes numbers and is given a text",
            ),
            (
                "Function 'sum' failed to match any signature, errors: Function 'sum' requires \
                 Decimal, but received Timestamp(µs, \"UTC\") (DataType: Timestamp(µs)).",
                "sum takes numbers and is given a time",
            ),
            (
                "Unable to cast to Date32 for converting from i64 to i32 failed",
                "to_date is given a text that is no date",
            ),
            (
                "Physical plan does not support logical expression WindowFunction(WindowFunction {",
                "a window function stands behind SELECT",
            ),
            (
                "Inconsistent data length across values list: got 1 values in row 0 but expected 2",
                "a row has 1 values instead of 2",
            ),
        ] {
            let meant = meaning(message).unwrap();
            assert!(meant.message().contains(plain), "{meant}");
            assert!(meant.advice().is_some(), "{meant}");
        }
        assert!(meaning("division by zero").is_none());
    }

    #[test]
    fn a_limit_of_the_disk_is_told_as_it_was_given() {
        for (engine, told) in [
            ("976.6 KB", "more than 1MB of disk"),
            ("1464.8 KB", "more than 1.5MB of disk"),
            ("18.6 GB", "more than 20GB of disk"),
            ("much", "more than much of disk"),
        ] {
            let text = format!("The used disk space {SPILL_LIMIT}{engine}. Please try");
            let error = io_error(&std::io::Error::other(text));
            assert!(error.message().contains(told), "{error}");
        }
    }

    #[test]
    fn an_error_of_memory_names_who_held_it() {
        let message = "Additional allocation failed for AggregateStream[0] with top memory \
                       consumers (across reservations) as:\n  \
                       AggregateStream[0]#0(can spill: false) consumed 9.6 MB, peak 9.6 MB,\n  \
                       AggregateStream[1]#4(can spill: false) consumed 9.5 MB, peak 9.5 MB,\n  \
                       RepartitionExec[1]#2(can spill: true) consumed 0.0 B, peak 3.3 MB.\nError: Failed";
        assert_eq!(
            exhausted(message).message(),
            "out of memory: most was held by an aggregation 20.0 MB"
        );
        assert_eq!(exhausted("no more").message(), "out of memory: no more");
        assert!(exhausted(&process_has(512_345_678)).message().contains("512 MB of rows"));
        let freed = "  TopK[0]#1(can spill: false) consumed 0.0 B, peak 1.0 MB,\n  \
                     RepartitionExec[1]#2(can spill: true) consumed 0.0 B, peak 3.0 MB.";
        assert_eq!(
            exhausted(freed).message(),
            "out of memory: most was held by rows on their way between threads 3.1 MB, \
             a sort with LIMIT 1.0 MB"
        );
        assert_eq!(
            exhausted(&format!("{message}\n{}", process_has(512_345_678))).message(),
            "out of memory: the process has 512 MB; most was held by an aggregation 20.0 MB"
        );
    }
}
