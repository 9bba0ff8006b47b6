//! Places in a statement where only a few fixed words make sense: what follows CREATE,
//! the options of COPY, versions of a table, databases to attach, the parts of a time.

use super::{Candidate, Candidates, Catalog, follow, scope, words};
use crate::shell::scan::{Kind, Lexeme};

/// The options of COPY, those that are asked for most first.
const OPTIONS: &[&str] = &[
    "FORMAT",
    "HEADER",
    "DELIMITER",
    "COMPRESSION",
    "COMPRESSION_LEVEL",
    "PARTITION_BY (",
    "NULL",
    "BOM",
    "ARRAY",
    "ROW_GROUP_SIZE",
];

/// Options that are true or false.
const SWITCHES: &[&str] = &["header", "bom", "array"];

/// How files are packed.
const PACKINGS: &[&str] = &["zstd", "snappy", "gzip", "lz4", "brotli", "uncompressed"];

/// The parts of a time, those that are asked for most first.
const UNITS: &[&str] = &["day", "month", "year", "hour", "week", "quarter", "minute", "second"];

/// The parts by which an interval is told: a quarter is three months.
const LENGTHS: &[&str] = &["day", "month", "year", "hour", "week", "minute", "second"];

/// The parts that can be taken out of a time, besides.
const PARTS: &[&str] = &["dow", "isodow", "doy", "isoyear", "epoch", "millisecond", "microsecond"];

/// Functions whose first argument is a part of a time.
const OF_UNITS: &[&str] = &["date_trunc", "date_diff", "datediff"];

/// Functions that take a part out of a time.
const OF_PARTS: &[&str] = &["date_part", "extract"];

/// Functions whose second argument says how a time is written.
const OF_FORMATS: &[&str] = &["strftime", "to_char"];

/// How times are written, as most people group and show them.
const FORMATS: &[&str] =
    &["%Y-%m-%d", "%Y-%m", "%Y", "%Y-%m-%d %H:%M", "%H:%M", "%H", "%G-W%V", "%m-%d", "%A"];

/// The time zones that are offered when nothing of one is typed.
const ZONES: &[&str] = &[
    "Asia/Shanghai",
    "UTC",
    "Asia/Hong_Kong",
    "Asia/Taipei",
    "Asia/Tokyo",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Los_Angeles",
];

/// What a query of CREATE ... AS or INSERT begins with.
const QUERIES: &[&str] = &["SELECT", "FROM", "WITH", "VALUES"];

/// What INSERT takes.
const INSERTED: &[&str] = &["VALUES (", "SELECT", "FROM", "WITH"];

/// What may stand at the cursor behind `before`, where that is a matter of a few words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// One of these keywords.
    Keywords(&'static [&'static str]),
    /// A value, such as a format.
    Values(Vec<&'static str>),
    /// A string, such as a part of a time.
    Texts(Vec<&'static str>),
    /// A number of days or the like, as a string.
    Length,
    /// The name of a time zone, as a string.
    Zone,
    /// A column of this table.
    Columns(String),
    /// What was made in this session, a table or a view, or one of these keywords.
    Own(&'static str, &'static [&'static str]),
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A database that is attached.
    Attached,
    /// Something that nobody can guess, such as the number of a version.
    Unknown,
}

/// The place behind `before`; `None` where everything else of SQL may stand.
pub(super) fn place(before: &[Lexeme<'_>], catalog: &Catalog) -> Option<Place> {
    let first = before.first()?;
    if first.is("copy") {
        return in_copy(before, catalog).or_else(|| of_time(before));
    }
    if first.is("attach") {
        return Some(in_attach(before));
    }
    if first.is("detach") {
        return Some(Place::Attached);
    }
    if first.is("show") {
        return in_show(before);
    }
    if first.is("create") {
        return in_create(before).or_else(|| of_time(before));
    }
    if first.is("drop") {
        return Some(in_drop(before));
    }
    if first.is("insert")
        && let Some(place) = in_insert(before)
    {
        return Some(place);
    }
    if first.is("delete") && before.len() == 1 {
        return Some(Place::Keywords(&["FROM"]));
    }
    of_time(before).or_else(|| version(before))
}

/// In CREATE, outside the query that it keeps.
fn in_create(before: &[Lexeme<'_>]) -> Option<Place> {
    let Some(kind) = before.iter().take(5).position(|one| one.is("table") || one.is("view")) else {
        return Some(match before.last() {
            Some(last) if last.is("create") => Place::Keywords(&[
                "TABLE",
                "VIEW",
                "OR REPLACE TABLE",
                "OR REPLACE VIEW",
                "EXTERNAL TABLE",
            ]),
            Some(last) if last.is("or") => Place::Keywords(&["REPLACE TABLE", "REPLACE VIEW"]),
            Some(last) if last.is("replace") => {
                Place::Keywords(&["TABLE", "VIEW", "EXTERNAL TABLE"])
            }
            Some(last) if last.is("external") => Place::Keywords(&["TABLE"]),
            _ => Place::Unknown,
        });
    };
    let is_external = before[..kind].iter().any(|one| one.is("external"));
    let is_table = before[kind].is("table");
    let named = &before[kind + 1..];
    let named = match named {
        [] if is_table => return Some(Place::Keywords(&["IF NOT EXISTS"])),
        [first] if first.is("if") => return Some(Place::Keywords(&["NOT EXISTS"])),
        [first, _] if first.is("if") => return Some(Place::Keywords(&["EXISTS"])),
        [first, _, _, rest @ ..] if first.is("if") => rest,
        _ => named,
    };
    let behind = &named[name_end(named)..];
    if is_external && !named.is_empty() {
        return Some(in_external(behind));
    }
    Some(match behind {
        _ if named.is_empty() => Place::Unknown,
        [] => Place::Keywords(&["AS"]),
        [only] if only.is("as") => Place::Keywords(QUERIES),
        [open, columns @ ..] if open.is_symbol("(") => {
            match behind.get(scope::group_end(behind, 0) + 1..) {
                None if is_table => defined(columns),
                None => Place::Unknown,
                Some([]) => Place::Keywords(&["AS"]),
                Some([only]) if only.is("as") => Place::Keywords(QUERIES),
                Some(_) => return None,
            }
        }
        _ => return None,
    })
}

/// In the columns of CREATE TABLE: names, which nobody can guess, with their types.
fn defined(columns: &[Lexeme<'_>]) -> Place {
    match columns {
        [_] => Place::Keywords(words::TYPES),
        [.., comma, _] if comma.is_symbol(",") => Place::Keywords(words::TYPES),
        _ => Place::Unknown,
    }
}

/// Behind the name in CREATE EXTERNAL TABLE.
fn in_external(behind: &[Lexeme<'_>]) -> Place {
    match behind {
        [] => Place::Keywords(&["STORED AS"]),
        [.., last] if last.is("stored") => Place::Keywords(&["AS"]),
        [.., last] if last.is("as") => Place::Keywords(&["PARQUET", "CSV", "JSON", "ARROW"]),
        [.., last] if last.is("location") => Place::File,
        [.., second, _] if second.is("as") => Place::Keywords(&["LOCATION"]),
        _ => Place::Unknown,
    }
}

fn in_drop(before: &[Lexeme<'_>]) -> Place {
    let (mut kind, mut asks) = (None, true);
    for token in &before[1..] {
        match kind {
            None if token.is("view") => kind = Some("view"),
            None if token.is("table") => kind = Some("table"),
            Some(_) if token.is("if") || token.is("exists") => {}
            _ => asks = false,
        }
    }
    match (kind, before.last()) {
        (None, _) if before.len() == 1 => Place::Keywords(&["VIEW", "TABLE"]),
        (Some(_), Some(last)) if last.is("if") => Place::Keywords(&["EXISTS"]),
        (Some(kind), Some(last)) if asks && last.is("exists") => Place::Own(kind, &[]),
        (Some(kind), _) if asks => Place::Own(kind, &["IF EXISTS"]),
        _ => Place::Unknown,
    }
}

/// In INSERT, until its query or values.
fn in_insert(before: &[Lexeme<'_>]) -> Option<Place> {
    if before.len() == 1 {
        return Some(Place::Keywords(&["INTO"]));
    }
    let named = before.get(2..).filter(|named| !named.is_empty())?;
    let (name, behind) = named.split_at(name_end(named));
    match behind {
        [] => Some(Place::Keywords(INSERTED)),
        [open, columns @ ..] if open.is_symbol("(") => {
            let is_query = columns.first().is_some_and(scope::begins_query);
            match behind.get(scope::group_end(behind, 0) + 1..) {
                _ if is_query => None,
                None => Some(Place::Columns(name.last()?.name()?)),
                Some([]) => Some(Place::Keywords(INSERTED)),
                Some(_) => None,
            }
        }
        [only] if only.is("values") => Some(Place::Keywords(&["("])),
        _ => None,
    }
}

/// Where `tokens` go on behind the name that they begin with, such as `a.posts`.
fn name_end(tokens: &[Lexeme<'_>]) -> usize {
    let mut end = usize::from(!tokens.is_empty());
    while tokens.get(end).is_some_and(|token| token.is_symbol(".")) {
        end = (end + 2).min(tokens.len());
    }
    end
}

/// Where a part of a time stands, a length of time, its zone, or how it is written.
fn of_time(before: &[Lexeme<'_>]) -> Option<Place> {
    let (last, rest) = before.split_last()?;
    let second = rest.last()?;
    if last.is("interval") {
        return Some(Place::Length);
    }
    if second.is("interval") && last.kind == Kind::Number {
        return Some(Place::Values(LENGTHS.to_vec()));
    }
    if let [.., at, time, zone] = before
        && at.is("at")
        && time.is("time")
        && zone.is("zone")
    {
        return Some(Place::Zone);
    }
    let call = follow::open_bracket(before)?.checked_sub(1)?;
    let is_in = |names: &[&str]| names.iter().any(|name| before[call].is(name));
    let parts = || UNITS.iter().chain(PARTS).copied().collect::<Vec<&'static str>>();
    match last.is_symbol("(") {
        true if is_in(&["extract"]) => Some(Place::Values(parts())),
        true if is_in(OF_PARTS) => Some(Place::Texts(parts())),
        true if is_in(OF_UNITS) => Some(Place::Texts(UNITS.to_vec())),
        false if last.is_symbol(",") && is_in(OF_FORMATS) => Some(Place::Texts(FORMATS.to_vec())),
        false if is_in(&["extract"]) && second.is_symbol("(") => Some(Place::Keywords(&["FROM"])),
        _ => None,
    }
}

/// In COPY, outside the query that it copies.
fn in_copy(before: &[Lexeme<'_>], catalog: &Catalog) -> Option<Place> {
    let depth = |tokens: &[Lexeme<'_>]| {
        let open = tokens.iter().filter(|token| token.is_symbol("(")).count();
        open.saturating_sub(tokens.iter().filter(|token| token.is_symbol(")")).count())
    };
    let target = before.windows(2).rposition(|pair| pair[0].is("to") && is_file(&pair[1]));
    let Some(target) = target.filter(|at| depth(&before[..*at]) == 0) else {
        let last = before.last().filter(|_| before.len() > 1 && depth(before) == 0)?;
        return match last.is("to") {
            true => Some(Place::File),
            false => (!last.is_symbol(".")).then_some(Place::Keywords(&["TO"])),
        };
    };
    let Some((open, options)) = before[target + 2..].split_first() else {
        return Some(Place::Keywords(&["(FORMAT"]));
    };
    if !open.is_symbol("(") || depth(&before[target..]) == 0 {
        return Some(Place::Unknown);
    }
    let mut typed = options.iter().rev().skip_while(|token| token.is_symbol("="));
    let last = typed.next();
    if depth(options) > 0 {
        let table = before[1].name().filter(|_| options.iter().any(|one| one.is("partition_by")));
        return Some(table.map_or(Place::Unknown, Place::Columns));
    }
    let Some(option) = last.filter(|last| !last.is_symbol(",")) else {
        return Some(Place::Keywords(OPTIONS));
    };
    // What stands behind an option and before a comma is its value.
    let is_name = typed.next().is_none_or(|token| token.is_symbol(","));
    Some(match option.text.to_lowercase().as_str() {
        _ if !is_name => Place::Unknown,
        "format" => Place::Values(catalog.formats.clone()),
        "compression" | "codec" => Place::Values(PACKINGS.to_vec()),
        name if SWITCHES.contains(&name) => Place::Values(vec!["true", "false"]),
        _ => Place::Unknown,
    })
}

fn is_file(token: &Lexeme<'_>) -> bool {
    matches!(token.kind, Kind::Text | Kind::QuotedName)
}

fn in_attach(before: &[Lexeme<'_>]) -> Place {
    match before.last() {
        Some(last) if last.is("attach") || last.is("database") => Place::Folder,
        Some(last) if is_file(last) => Place::Keywords(&["AS"]),
        _ => Place::Unknown,
    }
}

fn in_show(before: &[Lexeme<'_>]) -> Option<Place> {
    match before {
        [_] => None,
        [_, columns] if columns.is("columns") => Some(Place::Keywords(&["FROM"])),
        [_, what] if ["tables", "views", "functions"].iter().any(|known| what.is(known)) => {
            Some(Place::Keywords(&["LIKE"]))
        }
        [_, what, from] if what.is("columns") && from.is("from") => None,
        _ => Some(Place::Unknown),
    }
}

/// Behind FOR, which begins a version wherever it stands behind a table.
fn version(before: &[Lexeme<'_>]) -> Option<Place> {
    let at = before.iter().rposition(|token| token.is("for"))?;
    let is_table = at.checked_sub(1).is_some_and(|at| before[at].name().is_some());
    let is_in_from = before[..at].iter().rev().find_map(|token| {
        let begins = ["from", "join"].iter().any(|word| token.is(word));
        let ends = ["where", "by", "select", "on", "having"].iter().any(|word| token.is(word));
        (begins || ends || token.is_symbol("(")).then_some(begins)
    });
    if !is_table || is_in_from != Some(true) {
        return None;
    }
    let words: Vec<String> = before[at + 1..].iter().map(|one| one.text.to_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Some(Place::Keywords(&["VERSION AS OF", "TIMESTAMP AS OF"])),
        ["version" | "timestamp"] => Some(Place::Keywords(&["AS OF"])),
        ["version" | "timestamp", "as"] => Some(Place::Keywords(&["OF"])),
        ["version" | "timestamp", "as", "of"] => Some(Place::Unknown),
        _ => None,
    }
}

impl Place {
    /// Adds what may stand here, but for files and folders, which somebody else looks
    /// up; `in_text` inside a string.
    pub(super) fn add(
        &self,
        in_text: bool,
        before: &[Lexeme<'_>],
        catalog: &Catalog,
        found: &mut Candidates,
    ) {
        match self {
            Self::Keywords(keywords) if !in_text => {
                let capitals = words::wants_capitals(found.prefix(), before);
                for keyword in *keywords {
                    let text =
                        if capitals { (*keyword).to_owned() } else { keyword.to_lowercase() };
                    found.add(Candidate::new(text, ""));
                }
            }
            Self::Values(values) => {
                for value in values {
                    found.add(match in_text {
                        true => Candidate::text(value, ""),
                        false => Candidate::new((*value).to_owned(), ""),
                    });
                }
            }
            Self::Texts(values) => {
                for value in values {
                    found.add(Candidate::text(value, ""));
                }
            }
            Self::Length => lengths(in_text, found),
            Self::Zone => zones(found),
            Self::Own(kind, keywords) if !in_text => {
                for relation in catalog.relations.iter().filter(|one| one.is_own) {
                    if relation.kind == *kind {
                        found.add(Candidate::name(&relation.name, kind));
                    }
                }
                Self::Keywords(keywords).add(in_text, before, catalog, found);
            }
            Self::Columns(table) if !in_text => {
                let relation = catalog.relation(None, table);
                for column in relation.iter().flat_map(|relation| &relation.columns) {
                    found.add(Candidate::name(&column.name, &column.type_name));
                }
            }
            Self::Attached if !in_text => {
                let mut schemas: Vec<&str> =
                    catalog.relations.iter().filter_map(|one| one.schema.as_deref()).collect();
                schemas.dedup();
                schemas.retain(|schema| *schema != "information_schema");
                for schema in schemas {
                    found.add(Candidate::name(schema, "database"));
                }
            }
            _ => {}
        }
    }
}

/// As many days, months and so on as are typed: `'7 days'`.
fn lengths(in_text: bool, found: &mut Candidates) {
    let typed = found.prefix().to_owned();
    let number = typed.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let number = if number.is_empty() && typed.is_empty() { "1" } else { number };
    // Only a string has a number in it.
    if number.is_empty() || !in_text && !typed.is_empty() {
        return;
    }
    let plural = if number == "1" { "" } else { "s" };
    for unit in LENGTHS {
        found.add(Candidate::text(&format!("{number} {unit}{plural}"), ""));
    }
}

/// The time zones; all of them once something of one is typed.
fn zones(found: &mut Candidates) {
    for zone in ZONES {
        found.add(Candidate::text(zone, ""));
    }
    if !found.prefix().is_empty() {
        for zone in &chrono_tz::TZ_VARIANTS {
            found.add(Candidate::text(zone.name(), ""));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        FORMATS, LENGTHS, OF_FORMATS, OF_PARTS, OF_UNITS, OPTIONS, PACKINGS, PARTS, UNITS, ZONES,
    };
    use crate::engine::{Session, Settings};
    use crate::shell::complete::words::TYPES;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_type_and_part_of_a_time_that_is_offered_is_taken() {
        let session = Session::new(None, Settings::default()).unwrap();
        let mut asked: Vec<String> = TYPES
            .iter()
            .map(|one| format!("SELECT CAST(NULL AS {one}) AS a, NULL::{one} AS b"))
            .collect();
        let at = "TIMESTAMP '2012-08-27 10:00:00'";
        for unit in LENGTHS {
            asked.push(format!("SELECT INTERVAL '1 {unit}' AS a, INTERVAL '7 {unit}s' AS b"));
            asked.push(format!("SELECT INTERVAL 1 {unit}"));
        }
        for unit in UNITS {
            for function in OF_UNITS {
                asked.push(match *function {
                    "date_trunc" => format!("SELECT date_trunc('{unit}', {at})"),
                    other => format!("SELECT {other}('{unit}', {at}, {at})"),
                });
            }
        }
        for part in UNITS.iter().chain(PARTS) {
            for function in OF_PARTS {
                asked.push(match *function {
                    "extract" => format!("SELECT extract({part} FROM {at})"),
                    other => format!("SELECT {other}('{part}', {at})"),
                });
            }
        }
        for format in FORMATS {
            for function in OF_FORMATS {
                asked.push(format!("SELECT {function}({at}, '{format}')"));
            }
        }
        for zone in ZONES {
            asked.push(format!("SELECT {at} AT TIME ZONE '{zone}'"));
        }
        let mut wrong = Vec::new();
        for sql in asked {
            wrong.extend(session.collect(&sql).await.err().map(|error| format!("{sql}: {error}")));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// The lists are the engine's: what is offered must be taken.
    #[tokio::test(flavor = "multi_thread")]
    async fn every_option_that_is_offered_is_one_of_copy() {
        let folder = tempfile::tempdir().unwrap();
        let session = Session::new(None, Settings::default()).unwrap();
        let mut wrong = Vec::new();
        let mut number = 0;
        let mut options: Vec<String> = PACKINGS
            .iter()
            .map(|packing| format!("FORMAT parquet, COMPRESSION {packing}"))
            .collect();
        options.extend(OPTIONS.iter().map(|option| match *option {
            "FORMAT" => "FORMAT csv".to_owned(),
            "HEADER" | "BOM" => format!("FORMAT csv, {option} false"),
            "DELIMITER" | "NULL" => format!("FORMAT csv, {option} ';'"),
            "ARRAY" => "FORMAT json, ARRAY true".to_owned(),
            "COMPRESSION" => "FORMAT csv, COMPRESSION gzip".to_owned(),
            "COMPRESSION_LEVEL" => {
                "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 9".to_owned()
            }
            "PARTITION_BY (" => "FORMAT parquet, PARTITION_BY (b)".to_owned(),
            other => format!("FORMAT parquet, {other} 1000"),
        }));
        for options in options {
            number += 1;
            let target = folder.path().join(number.to_string());
            let sql =
                format!("COPY (SELECT 1 AS a, 'x' AS b) TO '{}' ({options})", target.display());
            wrong.extend(
                session.collect(&sql).await.err().map(|error| format!("{options}: {error}")),
            );
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
