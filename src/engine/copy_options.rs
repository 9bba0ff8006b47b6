//! COPY as people write it who come from `PostgreSQL` or `DuckDB`, and what its
//! options mean.
//!
//! The engine's parser takes `STORED AS` and `OPTIONS` only, so the other ways to
//! say the same are put into these words as tokens before it sees them.

use std::path::Path;

use datafusion::sql::parser::{CopyToStatement, Statement as Parsed};
use datafusion::sql::sqlparser::ast::Value;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use crate::catalog::at_home;
use crate::error::{Error, Result, nearest};
use crate::render::{self, Format, Packing};

/// Words that may begin the options of COPY without brackets, as `PostgreSQL` has
/// them.
const BARE: [&str; 6] = ["csv", "header", "delimiter", "null", "quote", "encoding"];

/// How Parquet is packed, as people call it and as the engine does.
const PACKED: [(&str, &str); 8] = [
    ("none", "uncompressed"),
    ("uncompressed", "uncompressed"),
    ("snappy", "snappy"),
    ("gzip", "gzip(6)"),
    ("brotli", "brotli(5)"),
    ("lz4", "lz4_raw"),
    ("lz4_raw", "lz4_raw"),
    ("zstd", "zstd(3)"),
];

/// The tokens of a statement with the options of its COPY in the words of the
/// engine.
///
/// # Errors
/// When it is a COPY that is done in another way here.
pub(super) fn plain(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    let Some(target) = target(&tokens)? else { return Ok(tokens) };
    let (before, after) = tokens.split_at(target + 1);
    let is_blank = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let mut rest = after.iter().filter(|token| !is_blank(token)).peekable();
    rest.next_if(|token| is_keyword(token, Keyword::WITH));
    let rest: Vec<_> = rest.filter(|token| token.token != Token::SemiColon).collect();
    let options = match rest.as_slice() {
        [open, inner @ .., close]
            if open.token == Token::LParen && close.token == Token::RParen =>
        {
            listed(inner)
        }
        [first, ..] if word(first).is_some_and(|word| BARE.contains(&word.as_str())) => bare(&rest),
        _ => None,
    };
    let Some(options) = options else { return Ok(tokens) };
    let span = tokens[target].span;
    Ok(before.iter().cloned().chain(in_words_of_the_engine(&options, span)).collect())
}

/// Where the file of a COPY stands among the tokens, if they are one.
fn target(tokens: &[TokenWithSpan]) -> Result<Option<usize>> {
    let mut depth = 0;
    let mut is_copy = false;
    let mut previous: Option<Keyword> = None;
    for (index, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::SingleQuotedString(_) if is_copy && previous == Some(Keyword::TO) => {
                return Ok(Some(index));
            }
            Token::Word(word) if depth == 0 => {
                match (previous, word.keyword) {
                    (
                        None | Some(Keyword::ANALYZE | Keyword::VERBOSE | Keyword::EXPLAIN),
                        first,
                    ) if !is_copy => {
                        is_copy = first == Keyword::COPY;
                        let explains =
                            [Keyword::EXPLAIN, Keyword::ANALYZE, Keyword::VERBOSE].contains(&first);
                        if !is_copy && !explains {
                            return Ok(None);
                        }
                    }
                    (Some(Keyword::TO), Keyword::STDOUT) => return Err(to_standard_output()),
                    (Some(Keyword::TO), Keyword::PROGRAM) => return Err(to_program()),
                    (_, Keyword::FROM) => return Err(from_file()),
                    _ => {}
                }
                previous = Some(word.keyword);
                continue;
            }
            _ if !is_copy => return Ok(None),
            _ => {}
        }
        if depth == 0 {
            previous = Some(Keyword::NoKeyword);
        }
    }
    Ok(None)
}

fn to_standard_output() -> Error {
    Error::query("COPY writes to files only").hint(
        "run the query by itself: `weiku DB -c \"SELECT ...\" --csv` writes CSV to standard output, \
         and so does .mode csv at the prompt",
    )
}

fn to_program() -> Error {
    Error::query("COPY writes to files only").hint(
        "pipe the answer: `weiku DB -c \"SELECT ...\" --csv | PROGRAM`, or .once |PROGRAM at the prompt",
    )
}

fn from_file() -> Error {
    Error::query("COPY writes, and does not read").hint(
        "a file can be queried where it lies, FROM 'posts.csv'; `weiku import DB FILE` takes it in",
    )
}

/// One option: its name, and what follows it.
type Opt<'a> = (String, Vec<&'a TokenWithSpan>);

/// The options between brackets, if they are a list of them.
fn listed<'a>(tokens: &[&'a TokenWithSpan]) -> Option<Vec<Opt<'a>>> {
    let mut options: Vec<Opt<'_>> = Vec::new();
    let (mut depth, mut begins) = (0, true);
    for token in tokens {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::Comma if depth == 0 => {
                begins = true;
                continue;
            }
            _ => {}
        }
        match begins {
            true => options.push((word(token)?, Vec::new())),
            false => options.last_mut()?.1.push(token),
        }
        begins = false;
    }
    (depth == 0 && !begins).then_some(options)
}

/// The options without brackets: each word begins one, but for AS.
fn bare<'a>(tokens: &[&'a TokenWithSpan]) -> Option<Vec<Opt<'a>>> {
    let mut options: Vec<Opt<'_>> = Vec::new();
    for token in tokens {
        match word(token) {
            Some(word) if word == "as" => {}
            Some(word) => options.push((word, Vec::new())),
            None => options.last_mut()?.1.push(token),
        }
    }
    Some(options)
}

/// `options` as the engine's parser takes them, all at the place `span`.
fn in_words_of_the_engine(options: &[Opt<'_>], span: Span) -> Vec<TokenWithSpan> {
    let mut tokens = Vec::new();
    let mut others = Vec::new();
    let is_name = |token: &&TokenWithSpan| word(token).is_some();
    for (name, values) in options {
        match name.as_str() {
            "format" => {
                tokens.extend(["STORED", "AS"].map(Token::make_keyword));
                tokens.push(Token::make_word(&text(values), None));
            }
            "csv" if values.is_empty() => {
                tokens.extend(["STORED", "AS", "CSV"].map(Token::make_keyword));
            }
            "partition_by" => {
                tokens.extend(["PARTITIONED", "BY"].map(Token::make_keyword));
                tokens.push(Token::LParen);
                for (index, column) in values.iter().copied().filter(is_name).enumerate() {
                    tokens.extend((index > 0).then_some(Token::Comma));
                    tokens.push(column.token.clone());
                }
                tokens.push(Token::RParen);
            }
            name => {
                let value = if values.is_empty() { "true".to_owned() } else { text(values) };
                others.extend((!others.is_empty()).then_some(Token::Comma));
                others.extend([name.to_owned(), value].map(Token::SingleQuotedString));
            }
        }
    }
    if !others.is_empty() {
        tokens.extend([Token::make_keyword("OPTIONS"), Token::LParen]);
        tokens.append(&mut others);
        tokens.push(Token::RParen);
    }
    tokens.into_iter().map(|token| TokenWithSpan::new(token, span)).collect()
}

/// What stands behind the name of an option, as text.
fn text(values: &[&TokenWithSpan]) -> String {
    let text = |value: &&TokenWithSpan| match &value.token {
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => text.clone(),
        Token::Word(word) => word.value.clone(),
        other => other.to_string(),
    };
    values.iter().map(text).collect()
}

/// A word in small letters.
fn word(token: &TokenWithSpan) -> Option<String> {
    match &token.token {
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    }
}

fn is_keyword(token: &TokenWithSpan, keyword: Keyword) -> bool {
    matches!(&token.token, Token::Word(word) if word.keyword == keyword)
}

/// How a COPY writes.
#[derive(Debug, Clone)]
pub(super) enum Writer {
    /// As `-o` does: one file.
    Ours { format: &'static Format, packing: Packing, options: Box<render::Options> },
    /// The engine's own: Parquet, with all threads, or a folder of files.
    Engine {
        /// Whether it writes one file, whatever that is called.
        one_file: bool,
    },
}

/// How the COPY that `parsed` is, or explains, writes; it gets the format and the
/// options that the planner takes.
///
/// # Errors
/// When there is no such format or option.
pub(super) fn choose(parsed: &mut Parsed) -> Result<Option<Writer>> {
    match parsed {
        Parsed::CopyTo(copy) => writer(copy).map(Some),
        Parsed::Explain(explain) => choose(&mut explain.statement),
        _ => Ok(None),
    }
}

fn writer(copy: &mut CopyToStatement) -> Result<Writer> {
    copy.target = at_home(&copy.target).into_owned();
    let options: Vec<_> = copy.options.iter().map(named).collect();
    let (name, packing) = unpacked(&copy.target);
    let mut format = format(copy.stored_as.as_deref(), name)?;
    let is_one = |(name, value): &(String, String)| name != "single_file_output" || value == "true";
    let one_file = copy.partitioned_by.is_empty()
        && !copy.target.ends_with('/')
        && !Path::new(&copy.target).is_dir()
        && options.iter().all(is_one);
    let elsewhere = copy.target.contains("://");
    if format.name == "parquet" || !one_file || elsewhere {
        copy.stored_as = Some(name_for_engine(format)?.to_owned());
        copy.options = for_engine(format, &options)?;
        return Ok(Writer::Engine { one_file });
    }
    let said = options.iter().find(|(name, _)| is_packing(name)).map(|(_, value)| value.as_str());
    let packing = said.or(packing).map_or(Ok(Packing::Not), packing_called)?;
    let mut shown = render::Options::default();
    for (name, value) in options {
        set(&mut format, &mut shown, &name, &value)?;
    }
    // The planner wants a format that it knows, and options that it does not look at.
    copy.stored_as = Some("CSV".to_owned());
    copy.options.clear();
    Ok(Writer::Ours { format, packing, options: Box::new(shown) })
}

/// The name of a file without the suffix of its packing, and that.
fn unpacked(target: &str) -> (&str, Option<&str>) {
    let is_known = |packing: &str| {
        ["gz", "zst", "bz2", "xz"].iter().any(|known| packing.eq_ignore_ascii_case(known))
    };
    match target.rsplit_once('.') {
        Some((name, packing)) if is_known(packing) => (name, Some(packing)),
        _ => (target, None),
    }
}

fn packing_called(name: &str) -> Result<Packing> {
    match name.to_lowercase().as_str() {
        "none" | "uncompressed" => Ok(Packing::Not),
        "gzip" | "gz" => Ok(Packing::Gzip),
        "zstd" | "zst" => Ok(Packing::Zstd),
        _ => Err(Error::query(format!("no compression `{}` for text", render::visible(name)))
            .hint("there are gzip and zstd")),
    }
}

/// An option with its name in small letters and without its namespace.
fn named((name, value): &(String, Value)) -> (String, String) {
    let name = name.to_lowercase();
    let value = match value {
        Value::SingleQuotedString(text)
        | Value::DoubleQuotedString(text)
        | Value::EscapedStringLiteral(text) => text.clone(),
        other => other.to_string(),
    };
    (name.strip_prefix("format.").unwrap_or(&name).to_owned(), value)
}

/// The format that is said, or else that of the suffix.
fn format(said: Option<&str>, target: &str) -> Result<&'static Format> {
    let Some(said) = said.map(str::to_lowercase) else {
        let by_suffix = render::format_for_suffix(Path::new(target));
        return by_suffix
            .and_then(|format| match format.for_people {
                false => Ok(format),
                true => Err(Error::usage(format!(
                    "the name {} tells no format",
                    render::visible(target)
                ))),
            })
            .map_err(|error| {
                Error::query(error.message()).hint("say which, as in TO 'FILE' (FORMAT csv)")
            });
    };
    // What stands for a format as a suffix may be said as well: ndjson.
    render::format(&said)
        .or_else(|error| render::format_for_suffix(Path::new(&format!("x.{said}"))).or(Err(error)))
}

fn is_packing(name: &str) -> bool {
    matches!(name, "compression" | "codec")
}

/// What the engine calls a format that it writes itself.
fn name_for_engine(format: &Format) -> Result<&'static str> {
    match format.name {
        "parquet" => Ok("PARQUET"),
        "csv" | "tsv" => Ok("CSV"),
        "jsonl" | "json" => Ok("JSON"),
        "arrow" => Ok("ARROW"),
        other => Err(Error::query(format!("{other} is written to one file, as it is"))
            .hint("folders of files are csv, tsv, jsonl, parquet or arrow")),
    }
}

/// Options as the engine knows them; what we do not know is left to it.
fn for_engine(format: &Format, options: &[(String, String)]) -> Result<Vec<(String, Value)>> {
    let is_parquet = format.name == "parquet";
    let mut known = Vec::new();
    let level = options.iter().find(|(name, _)| name == "compression_level");
    for (name, value) in options {
        let (name, value) = match name.as_str() {
            "header" | "has_header" => ("has_header", truth(name, value)?.to_string()),
            "delimiter" | "delim" | "sep" => ("delimiter", delimiter(value)?.to_string()),
            "null" | "nullstr" | "null_value" => ("null_value", value.clone()),
            "row_group_size" => ("max_row_group_size", value.clone()),
            "compression_level" | "single_file_output" => continue,
            "bom" if name_for_engine(format)? == "CSV" && !truth(name, value)? => continue,
            "bom" if name_for_engine(format)? == "CSV" => {
                return Err(Error::query("files of a folder have no byte-order mark")
                    .hint("COPY to one file takes BOM, without PARTITION_BY"));
            }
            name if is_packing(name) && is_parquet => {
                ("compression", packed(value, level.map(|(_, level)| level.as_str()))?)
            }
            name if is_packing(name) => ("compression", value.clone()),
            other => (other, value.clone()),
        };
        let name = if name.contains('.') { name.to_owned() } else { format!("format.{name}") };
        known.push((name, Value::SingleQuotedString(value)));
    }
    let says_delimiter = known.iter().any(|(name, _)| name == "format.delimiter");
    if format.name == "tsv" && !says_delimiter {
        known.push(("format.delimiter".to_owned(), Value::SingleQuotedString("\t".to_owned())));
    }
    Ok(known)
}

/// How Parquet is packed, as the engine calls it.
fn packed(name: &str, level: Option<&str>) -> Result<String> {
    let small = name.to_lowercase();
    if small.contains('(') {
        return Ok(small);
    }
    let Some((_, packed)) = PACKED.iter().find(|(known, _)| *known == small) else {
        let names: Vec<_> = PACKED.iter().map(|(known, _)| *known).collect();
        let error = Error::query(format!("no compression `{}`", render::visible(name)));
        return Err(error.hint(format!("there are {}", names.join(", "))));
    };
    Ok(match (level, packed.split_once('(')) {
        (Some(level), Some((codec, _))) => format!("{codec}({level})"),
        _ => (*packed).to_owned(),
    })
}

/// Takes an option of a format of ours into account.
fn set(
    format: &mut &'static Format,
    shown: &mut render::Options,
    name: &str,
    value: &str,
) -> Result<()> {
    let of_fields = matches!(format.name, "csv" | "tsv");
    let of_json = matches!(format.name, "json" | "jsonl");
    match name {
        "header" | "has_header" if of_fields => shown.header = truth(name, value)?,
        "delimiter" | "delim" | "sep" if of_fields => shown.delimiter = Some(delimiter(value)?),
        "null" | "nullstr" | "null_value" if of_fields => shown.null_field = Some(value.to_owned()),
        "bom" if of_fields => shown.mark = truth(name, value)?,
        "quote" | "escape" if of_fields && value == "\"" => {}
        "array" if of_json => {
            *format = render::format(if truth(name, value)? { "json" } else { "jsonl" })?;
        }
        "encoding" if value.eq_ignore_ascii_case("utf8") || value.eq_ignore_ascii_case("utf-8") => {
        }
        "quote" | "escape" if of_fields => {
            return Err(Error::query(format!("{} is quoted with \" only", format.name)));
        }
        "encoding" => {
            return Err(Error::query("files are written in UTF-8")
                .hint("convert them afterwards: iconv -f UTF-8 -t GB18030 FILE"));
        }
        "compression" | "codec" | "single_file_output" => {}
        other => return Err(no_option(format, other)),
    }
    Ok(())
}

fn no_option(format: &Format, name: &str) -> Error {
    let known: &[&str] = match format.name {
        "csv" | "tsv" => &["header", "delimiter", "null", "bom", "compression", "encoding"],
        "json" | "jsonl" => &["array", "compression", "encoding"],
        _ => &["encoding"],
    };
    let error =
        Error::query(format!("COPY has no option {} for {}", render::visible(name), format.name));
    match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(format!("there are format, {}", known.join(", "))),
    }
}

fn truth(name: &str, value: &str) -> Result<bool> {
    match value.to_lowercase().as_str() {
        "true" | "on" | "1" | "yes" => Ok(true),
        "false" | "off" | "0" | "no" => Ok(false),
        _ => Err(Error::query(format!(
            "{name} is true or false, and not {}",
            render::visible(value)
        ))),
    }
}

/// One character of one byte, which may be written as `\t`.
fn delimiter(value: &str) -> Result<char> {
    let value = if value == "\\t" { "\t" } else { value };
    let mut characters = value.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) if one.is_ascii() && !matches!(one, '"' | '\n' | '\r') => Ok(one),
        _ => {
            Err(Error::query(format!("`{}` cannot stand between columns", render::visible(value)))
                .hint("give one ASCII character, such as ';' or '\\t'"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain;
    use crate::engine::script::tokenize;

    fn put(sql: &str) -> String {
        let tokens = plain(tokenize(sql).unwrap()).unwrap();
        let significant = tokens.iter().map(|token| token.token.to_string());
        significant.filter(|token| !token.trim().is_empty()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn options_of_others_are_put_into_the_words_of_the_engine() {
        for (typed, tail) in [
            ("(HEADER, FORMAT csv)", "STORED AS csv OPTIONS ( 'header' 'true' )"),
            (
                "(format 'parquet', compression zstd);",
                "STORED AS parquet OPTIONS ( 'compression' 'zstd' )",
            ),
            (
                "WITH (DELIMITER ';', HEADER false)",
                "OPTIONS ( 'delimiter' ';' , 'header' 'false' )",
            ),
            ("(FORMAT parquet, PARTITION_BY (a, b))", "STORED AS parquet PARTITIONED BY ( a , b )"),
            (
                "WITH CSV HEADER DELIMITER AS ';'",
                "STORED AS CSV OPTIONS ( 'header' 'true' , 'delimiter' ';' )",
            ),
            ("CSV HEADER", "STORED AS CSV OPTIONS ( 'header' 'true' )"),
            ("(NULL '\\N')", "OPTIONS ( 'null' '\\N' )"),
        ] {
            for begin in ["COPY t TO 'x'", "EXPLAIN ANALYZE COPY ( SELECT 1 ) TO 'x'"] {
                assert_eq!(put(&format!("{begin} {typed}")), format!("{begin} {tail}"));
            }
        }
    }

    #[test]
    fn everything_else_is_left_alone() {
        for sql in [
            "COPY t TO 'x' STORED AS CSV OPTIONS ( 'format.has_header' 'false' )",
            "COPY t TO 'x'",
            "COPY t TO 'x' ( , )",
            "SELECT copy FROM t WHERE a TO 'x' ( header )",
            "CREATE TABLE copy ( a INT )",
        ] {
            assert_eq!(put(sql), sql);
        }
    }

    #[test]
    fn what_is_done_in_another_way_says_so() {
        for (sql, hint) in [
            ("COPY (SELECT 1) TO STDOUT WITH CSV", "--csv"),
            ("copy t to program 'gzip'", "|"),
            ("COPY t FROM 'x.csv'", "import"),
        ] {
            let error = plain(tokenize(sql).unwrap()).unwrap_err();
            assert!(error.advice().unwrap().contains(hint), "{sql}: {error}");
        }
    }
}
