//! Takes the snapshot of names that completion works on.

use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::{Documentation, TableType};

use crate::catalog::{CATALOG, SCHEMA, is_built_in, setting_name};
use crate::engine::Session;
use crate::model;
use crate::queries::Library;
use crate::render::value::{Column as Values, Value};
use crate::render::{FORMATS, type_name};
use crate::shell::commands;
use crate::shell::complete::Catalog;
use crate::shell::complete::catalog::{Column, Command, Function, Query, Relation, Setting};
use crate::shell::results;

/// The views of `information_schema`, with their most useful columns first.
const INFORMATION: &[&str] =
    &["tables", "columns", "views", "schemata", "df_settings", "routines", "parameters"];

/// What does not change while a session lives.
pub(crate) async fn fixed(session: &Session) -> Catalog {
    Catalog {
        relations: information(session).await,
        functions: functions(session),
        settings: Vec::new(),
        own_settings: commands::own_settings(),
        queries: Vec::new(),
        commands: commands::ALL
            .iter()
            .map(|command| Command {
                names: command.names().collect(),
                summary: command.help().summary,
                takes: command.help().takes,
            })
            .collect(),
        topics: commands::TOPICS.iter().map(|topic| (topic.names[0], topic.summary)).collect(),
        formats: FORMATS.iter().map(|format| format.name).collect(),
    }
}

/// A whole snapshot: what does not change, and what is there now.
pub(crate) async fn take(session: &Session, library: &Library, fixed: &Catalog) -> Catalog {
    let mut relations = relations(session).await;
    relations.extend(fixed.relations.iter().cloned());
    Catalog {
        relations,
        settings: settings(session).await,
        queries: queries(library),
        ..fixed.clone()
    }
}

/// Tables, views and kept results, and what attached databases have.
pub(crate) async fn relations(session: &Session) -> Vec<Relation> {
    let mut relations = in_schema(session, None).await;
    for name in session.attached() {
        relations.extend(in_schema(session, Some(&name)).await);
    }
    relations
}

/// What is in the schema called `name`, or in the session's own.
async fn in_schema(session: &Session, name: Option<&str>) -> Vec<Relation> {
    let catalog = session.context().catalog(CATALOG);
    let Some(schema) = catalog.and_then(|known| known.schema(name.unwrap_or(SCHEMA))) else {
        return Vec::new();
    };
    let has_store = name.is_some() || session.store().is_some();
    let zone = session.settings().timezone;
    let mut relations = Vec::new();
    for table_name in schema.table_names() {
        // The store's tables are known without opening them.
        let found = match model::table(&table_name).filter(|_| has_store) {
            Some(table) => in_zone(relation(table_name, "table", &table.schema()), &zone),
            None => match schema.table(&table_name).await {
                Ok(Some(table)) => {
                    let kind = kind(&table_name, table.as_ref());
                    relation(table_name, kind, &table.schema())
                }
                _ => continue,
            },
        };
        let is_stored = has_store && is_built_in(&found.name);
        let is_own = name.is_none() && found.kind != "result" && !is_stored;
        relations.push(Relation { schema: name.map(str::to_owned), is_own, ..found });
    }
    relations
}

fn kind(name: &str, table: &dyn TableProvider) -> &'static str {
    match table.table_type() {
        _ if name == results::LAST || name.starts_with('@') => "result",
        TableType::View => "view",
        TableType::Base | TableType::Temporary => "table",
    }
}

fn relation(name: String, kind: &'static str, schema: &Schema) -> Relation {
    let column = |field: &datafusion::arrow::datatypes::FieldRef| Column {
        name: field.name().clone(),
        type_name: type_name(field.data_type()),
    };
    let columns = schema.fields().iter().map(column).collect();
    Relation { schema: None, name, kind, is_own: false, columns }
}

/// A stored relation as SQL sees it: instants are stored in UTC and asked in the
/// session's time zone.
fn in_zone(mut relation: Relation, zone: &str) -> Relation {
    for column in &mut relation.columns {
        if column.type_name == "timestamp UTC" {
            column.type_name = format!("timestamp {zone}");
        }
    }
    relation
}

async fn information(session: &Session) -> Vec<Relation> {
    let mut relations = Vec::new();
    for name in INFORMATION {
        let table = session.context().table(format!("information_schema.{name}")).await;
        if let Ok(frame) = table {
            let named = relation((*name).to_owned(), "view", frame.schema().as_arrow());
            relations.push(Relation { schema: Some("information_schema".to_owned()), ..named });
        }
    }
    relations
}

fn functions(session: &Session) -> Vec<Function> {
    let state = session.context().state();
    let mut functions: Vec<Function> = Vec::new();
    let mut renamed: Vec<(&str, &str)> = Vec::new();
    for (name, function) in state.scalar_functions() {
        functions.push(described(name, function.documentation()));
        renamed.extend(same_as(function.documentation()).map(|here| (name.as_str(), here)));
    }
    for (name, function) in state.aggregate_functions() {
        functions.push(described(name, function.documentation()));
        renamed.extend(same_as(function.documentation()).map(|here| (name.as_str(), here)));
    }
    for (name, function) in state.window_functions() {
        functions.push(described(name, function.documentation()));
    }
    for (name, function) in state.higher_order_functions() {
        functions.push(over_items(name, function.documentation()));
    }
    for name in state.table_functions().keys() {
        functions.push(Function { gives_rows: true, ..described(name, None) });
    }
    for (name, here) in renamed {
        take_arguments(&mut functions, name, here);
    }
    functions.sort_by(|a, b| (&a.name, a.gives_rows).cmp(&(&b.name, b.gives_rows)));
    functions.dedup();
    functions
}

/// The function that another name is for, as `len` is one for `length`.
fn same_as(documentation: Option<&Documentation>) -> Option<&str> {
    let about = documentation?.description.strip_suffix('.')?;
    let (_, here) = about.rsplit_once("The same as ")?;
    (!here.contains(['(', ' '])).then_some(here)
}

/// Lets the function `name`, of which no arguments are known, have those of `here`.
fn take_arguments(functions: &mut [Function], name: &str, here: &str) {
    let known = functions.iter().find(|function| function.name == here);
    let Some(arguments) = known.and_then(|known| known.signature.strip_prefix(here)) else {
        return;
    };
    let signature = format!("{name}{arguments}");
    let unknown = format!("{name}(...)");
    for function in functions.iter_mut().filter(|function| function.signature == unknown) {
        function.signature.clone_from(&signature);
    }
}

fn described(name: &str, documentation: Option<&Documentation>) -> Function {
    let syntax = documentation.map(|documentation| documentation.syntax_example.trim());
    // An alias is documented under the other name, and some have examples over
    // several lines: the call is what fits behind the name.
    let arguments = syntax
        .and_then(|syntax| syntax.lines().next())
        .and_then(|line| line.split_once('('))
        .map_or("…)", |(_, arguments)| arguments);
    Function { name: name.to_owned(), signature: format!("{name}({arguments}"), gives_rows: false }
}

/// The functions that take `x -> ...`, which `information_schema.routines` lacks: the
/// name, the call, and what is said of it.
pub(crate) fn of_lambdas(session: &Session) -> Vec<[String; 3]> {
    let state = session.context().state();
    let told = state.higher_order_functions().iter().map(|(name, function)| {
        let documentation = function.documentation();
        let call = over_items(name, documentation).signature;
        let about = documentation.map_or(String::new(), |known| known.description.clone());
        [name.clone(), call, about]
    });
    told.collect()
}

/// A function that takes `x -> ...`, which the engine's documentation calls a lambda or
/// a predicate.
fn over_items(name: &str, documentation: Option<&Documentation>) -> Function {
    let known = described(name, documentation);
    let first = known.signature.split_once('(').and_then(|(_, rest)| rest.split(',').next());
    let list = first.filter(|first| !first.ends_with(')')).unwrap_or("array");
    Function { signature: format!("{name}({list}, x -> ...)"), ..known }
}

async fn settings(session: &Session) -> Vec<Setting> {
    let sql = "SELECT name, value FROM information_schema.df_settings ORDER BY name";
    let Ok(batches) = session.collect(sql).await else {
        return Vec::new();
    };
    let mut settings = Vec::new();
    for batch in &batches {
        let (Ok(names), Ok(values)) = (Values::new(batch.column(0)), Values::new(batch.column(1)))
        else {
            continue;
        };
        for row in 0..batch.num_rows() {
            if let Value::Text(name) = names.get(row) {
                let value = match values.get(row) {
                    Value::Text(value) => value.to_owned(),
                    _ => String::new(),
                };
                settings.push(Setting { name: setting_name(name.to_owned()), value });
            }
        }
    }
    // Those of weiku itself are what most people look for.
    settings.sort_by_key(|setting| !setting.name.starts_with("weiku."));
    settings
}

/// Saved queries; one that cannot be read is left out here, and `.run` says why.
fn queries(library: &Library) -> Vec<Query> {
    let entries = library.entries().unwrap_or_default();
    let load = |entry: &crate::queries::Entry| entry.load().ok();
    let query = |query: crate::queries::SavedQuery| Query {
        params: query.params.iter().map(|param| (param.name.clone(), param_note(param))).collect(),
        name: query.name,
        title: query.title,
    };
    entries.iter().filter_map(load).map(query).collect()
}

fn param_note(param: &crate::queries::Param) -> String {
    match param.default_text() {
        Some(default) => format!("{}, default {default}", param.kind.name()),
        None => param.kind.name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Settings;

    #[tokio::test(flavor = "multi_thread")]
    async fn functions_of_other_databases_and_those_of_lambdas_have_their_signatures() {
        let session = Session::new(None, Settings::default()).unwrap();
        let known = functions(&session);
        for (name, signature) in [
            ("year", "year(x)"),
            ("strftime", "strftime(x, '%Y-%m-%d')"),
            ("count_if", "count_if(c)"),
            ("len", "len(str)"),
            ("list_filter", "list_filter(array, x -> ...)"),
            ("array_transform", "array_transform(array, x -> ...)"),
        ] {
            let function = known.iter().find(|function| function.name == name);
            assert_eq!(function.unwrap_or_else(|| panic!("{name}")).signature, signature);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_session_made_is_its_own() {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in ["CREATE VIEW v AS SELECT 1 AS a", "CREATE TABLE t AS SELECT 1 AS a"] {
            session.collect(sql).await.unwrap();
        }
        let mut own: Vec<(String, &str)> = Vec::new();
        for relation in relations(&session).await.into_iter().filter(|relation| relation.is_own) {
            own.push((relation.name, relation.kind));
        }
        own.sort();
        assert_eq!(own, [("t".to_owned(), "table"), ("v".to_owned(), "view")]);
    }
}
