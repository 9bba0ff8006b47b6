//! Candidates on a line that is a dot-command.

use super::catalog::{Catalog, Lookup, Takes};
use super::cursor::Cursor;
use super::{Candidate, Candidates, Completion, sql};
use crate::shell::results::LAST;

/// Completes the word before byte `position` of the command line `line`.
pub(crate) fn complete(
    line: &str,
    position: usize,
    catalog: &Catalog,
    lookup: &dyn Lookup,
) -> Completion {
    let typed = &line[..position];
    let begin = typed.len() - typed.trim_start().len();
    let Some(space) = typed[begin..].find(char::is_whitespace).map(|at| begin + at) else {
        return names(&typed[begin..], begin, catalog);
    };
    let name = &typed[begin..space];
    let takes = catalog
        .commands
        .iter()
        .find(|command| command.names.contains(&name))
        .map_or(Takes::Nothing, |command| command.takes);
    let rest = &typed[space..];
    let word_start = space
        + rest
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + rest[at..].chars().next().map_or(1, char::len_utf8));
    let first = typed[space..word_start].trim().is_empty();
    let mut found = Candidates::new(&typed[word_start..]);
    match takes {
        Takes::Sql => return as_sql(line, space, position, catalog, lookup),
        Takes::PageOrSql if !first => {
            let mut words = words_of(&typed[space..]);
            return match words.next() {
                Some((_, "html")) => match words.next() {
                    // The file, if no blank stands behind it.
                    Some((at, file)) if space + at + file.len() < position => {
                        as_sql(line, space + at + file.len(), position, catalog, lookup)
                    }
                    _ => {
                        files(lookup, &mut found);
                        found.into_completion(word_start)
                    }
                },
                _ => as_sql(line, space, position, catalog, lookup),
            };
        }
        Takes::PageOrSql => {
            let mut completion = as_sql(line, space, position, catalog, lookup);
            if "html".starts_with(found.prefix()) {
                completion.candidates.insert(0, Candidate::new("html".to_owned(), "as a page"));
            }
            return completion;
        }
        Takes::RelationOrSql if rest.trim_start().starts_with('(') => {
            return as_sql(line, space, position, catalog, lookup);
        }
        Takes::Query if !first => params(typed[space..word_start].trim(), catalog, &mut found),
        Takes::Setting if !first => {
            let name = typed[space..].split_whitespace().next().unwrap_or_default();
            sql::setting_values(catalog, name, &mut found);
        }
        Takes::Chart(_) if typed[..word_start].trim_end().ends_with(" -o") => {
            files(lookup, &mut found);
        }
        Takes::Chart(_) if !first => {
            return in_chart(&typed[word_start..], word_start, catalog);
        }
        _ if first => first_argument(takes, catalog, lookup, &mut found),
        _ => {}
    }
    found.into_completion(word_start)
}

fn names(typed: &str, start: usize, catalog: &Catalog) -> Completion {
    let mut found = Candidates::new(typed);
    for command in &catalog.commands {
        for (index, name) in command.names.iter().enumerate() {
            // The aliases are for fingers that know them, not for lists.
            if index == 0 || typed.starts_with('\\') && name.starts_with('\\') {
                found.add(Candidate::new((*name).to_owned(), command.summary));
            }
        }
    }
    found.into_completion(start)
}

fn first_argument(takes: Takes, catalog: &Catalog, lookup: &dyn Lookup, found: &mut Candidates) {
    match takes {
        Takes::Relation | Takes::RelationOrSql => {
            for relation in &catalog.relations {
                if relation.schema.is_none() || !found.prefix().is_empty() {
                    found.add(Candidate::new(relation.quoted(), relation.kind));
                }
            }
        }
        Takes::Function => functions(catalog, found),
        Takes::Query => {
            for query in &catalog.queries {
                found.add(Candidate::new(query.name.clone(), &query.title));
            }
        }
        Takes::File => files(lookup, found),
        Takes::Format => {
            for format in &catalog.formats {
                found.add(Candidate::new((*format).to_owned(), ""));
            }
        }
        Takes::Topic => {
            for command in &catalog.commands {
                found.add(Candidate::new(command.names[0].to_owned(), command.summary));
            }
            for (name, summary) in &catalog.topics {
                found.add(Candidate::new((*name).to_owned(), summary));
            }
            functions(catalog, found);
        }
        Takes::Setting => {
            for name in &catalog.own_settings {
                found.add(Candidate::new((*name).to_owned(), ""));
            }
            for setting in &catalog.settings {
                found.add(Candidate::new(setting.name.clone(), &setting.value));
            }
        }
        Takes::Choice(choices) | Takes::Chart(choices) => {
            for choice in choices {
                found.add(Candidate::new((*choice).to_owned(), ""));
            }
        }
        Takes::Nothing | Takes::Sql | Takes::PageOrSql => {}
    }
}

fn files(lookup: &dyn Lookup, found: &mut Candidates) {
    for file in lookup.files(found.prefix()) {
        found.add(Candidate::new(file, ""));
    }
}

/// The words of `text`, with the bytes at which they begin.
fn words_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let pieces = text.split(char::is_whitespace).scan(0, move |at, piece| {
        let begin = *at;
        *at += piece.len() + text[begin + piece.len()..].chars().next().map_or(0, char::len_utf8);
        Some((begin, piece))
    });
    pieces.filter(|(_, piece)| !piece.is_empty())
}

/// A setting of a chart, or a column of the last answer for it.
fn in_chart(typed: &str, start: usize, catalog: &Catalog) -> Completion {
    let Some((setting, value)) = typed.split_once('=') else {
        let mut found = Candidates::new(typed);
        for setting in ["x=", "y=", "series=", "value=", "title=", "stacked=", "bins=", "-o "] {
            found.add(Candidate::new(setting.to_owned(), ""));
        }
        return found.into_completion(start);
    };
    // Only y takes several.
    let value = match setting {
        "y" => value.rsplit(',').next().unwrap_or(value),
        _ => value,
    };
    let mut found = Candidates::new(value);
    match setting {
        "x" | "y" | "series" | "value" => {
            for column in catalog.relation(None, LAST).iter().flat_map(|last| &last.columns) {
                found.add(Candidate::new(as_word(&column.name), &column.type_name));
            }
        }
        "stacked" => found.add(Candidate::new("true".to_owned(), "")),
        _ => {}
    }
    found.into_completion(start + typed.len() - value.len())
}

/// `name` as one word of a command, in quotes where it has blanks or quotes in it.
fn as_word(name: &str) -> String {
    match name {
        name if name.contains('\'') => format!("\"{name}\""),
        name if name.contains(|c: char| c.is_whitespace() || c == '"') => format!("'{name}'"),
        name => name.to_owned(),
    }
}

fn functions(catalog: &Catalog, found: &mut Candidates) {
    for function in &catalog.functions {
        found.add(Candidate::new(function.name.clone(), ""));
    }
}

/// The parameters of a saved query that are not given yet: `day=`.
fn params(given: &str, catalog: &Catalog, found: &mut Candidates) {
    let mut words = given.split_whitespace();
    let name = words.next().unwrap_or_default();
    let given: Vec<&str> = words.filter_map(|word| word.split('=').next()).collect();
    let Some(query) = catalog.queries.iter().find(|query| query.name == name) else {
        return;
    };
    for (param, note) in &query.params {
        if !given.contains(&param.as_str()) {
            found.add(Candidate::new(format!("{param}="), note));
        }
    }
}

/// Completes what stands behind byte `from` as SQL.
fn as_sql(
    line: &str,
    from: usize,
    position: usize,
    catalog: &Catalog,
    lookup: &dyn Lookup,
) -> Completion {
    let Some(cursor) = Cursor::find(&line[from..], position - from) else {
        return Completion::default();
    };
    let mut completion = super::in_sql(&cursor, catalog, lookup);
    completion.start += from;
    completion
}
