//! `ATTACH 'other' AS o`: the tables and views of further databases, as `o.posts`.
//!
//! An attached database is a schema beside that of the session, and is only read. Each
//! statement sees one commit of it, as of the session's own.

use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::CatalogProvider;
use datafusion::catalog::information_schema::INFORMATION_SCHEMA;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{AttachDuckDBDatabaseOption as Wish, Ident, Statement};
use datafusion::sql::sqlparser::dialect::{Dialect, DuckDbDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::settings::Settings;
use crate::catalog::{CATALOG, DatabaseSchema, SCHEMA, check_database};
use crate::error::{Error, Result, nearest};
use crate::store::Store;

/// The dialect that knows the statement, if `tokens` are an ATTACH or DETACH: in others
/// it is that of SQLite, or none.
pub(super) fn dialect(tokens: &[TokenWithSpan]) -> Option<&'static dyn Dialect> {
    let mut tokens = tokens.iter().map(|token| &token.token);
    match tokens.find(|token| !matches!(token, Token::Whitespace(_)))? {
        Token::Word(word) if matches!(word.keyword, Keyword::ATTACH | Keyword::DETACH) => {
            Some(&DuckDbDialect {})
        }
        _ => None,
    }
}

/// Attaches or detaches a database if `parsed` says so; whether it does.
pub(super) async fn apply(
    parsed: &Parsed,
    context: &SessionContext,
    settings: &Settings,
) -> Result<bool> {
    let Parsed::Statement(statement) = parsed else { return Ok(false) };
    match statement.as_ref() {
        Statement::AttachDuckDBDatabase {
            if_not_exists,
            database_path,
            database_alias,
            attach_options,
            ..
        } => {
            if settings.safe {
                return Err(Error::query("ATTACH is not allowed under --safe"));
            }
            if attach_options.iter().any(|wish| !matches!(wish, Wish::ReadOnly(None | Some(true))))
            {
                return Err(Error::query("databases of weiku are attached, and only read")
                    .hint("files of other programs are asked by their names: FROM 'x.parquet'"));
            }
            let path = &database_path.value;
            check_database(Path::new(path))?;
            let name = match database_alias {
                Some(alias) => folded(alias),
                None => of_folder(path)?,
            };
            attach(context, path, &name, *if_not_exists).await?;
        }
        Statement::DetachDuckDBDatabase { if_exists, database_alias, .. } => {
            detach(context, &folded(database_alias), *if_exists)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Makes the next statement see the newest commits of all attached databases.
pub(super) async fn pin(context: &SessionContext, timezone: &str) -> Result<()> {
    let catalog = catalog(context)?;
    for name in catalog.schema_names() {
        let schema = catalog.schema(&name);
        if let Some(schema) = schema.as_ref().and_then(|one| one.downcast_ref::<DatabaseSchema>()) {
            schema.pin_newest(timezone).await?;
        }
    }
    Ok(())
}

/// The names of the attached databases.
pub(super) fn names(context: &SessionContext) -> Vec<String> {
    let Ok(catalog) = catalog(context) else { return Vec::new() };
    let mut names = catalog.schema_names();
    // A statement can make other schemas.
    names.retain(|name| {
        let schema = catalog.schema(name).filter(|_| name != SCHEMA);
        schema.is_some_and(|schema| schema.is::<DatabaseSchema>())
    });
    names.sort_unstable();
    names
}

async fn attach(context: &SessionContext, path: &str, name: &str, if_absent: bool) -> Result<()> {
    if names(context).iter().any(|known| known == name) {
        return match if_absent {
            true => Ok(()),
            false => Err(Error::query(format!("a database is attached as {name} already"))
                .hint(format!("DETACH {name} lets it go"))),
        };
    }
    let catalog = catalog(context)?;
    if name == INFORMATION_SCHEMA || catalog.schema(name).is_some() {
        return Err(Error::query(format!("{name} is the name of another schema"))
            .hint(format!("give it a name of its own: ATTACH '{path}' AS other")));
    }
    let store = Store::open(Path::new(path)).await?;
    if store.is_remote() {
        return Err(Error::query("a database in object storage cannot be attached")
            .hint(format!("start weiku with it, and attach the other one: weiku {path}")));
    }
    let own = catalog.schema(SCHEMA);
    let own = own.as_ref().and_then(|schema| schema.downcast_ref::<DatabaseSchema>());
    let own = own.ok_or_else(|| Error::internal("the session has no schema of its own"))?;
    let schema = own.attached(name, Arc::new(store));
    catalog
        .register_schema(name, Arc::new(schema))
        .map_err(|error| Error::internal(error.to_string()))?;
    Ok(())
}

fn detach(context: &SessionContext, name: &str, if_there: bool) -> Result<()> {
    let attached = names(context);
    if attached.iter().any(|known| known == name) {
        let gone = catalog(context)?.deregister_schema(name, true);
        return gone.map(|_| ()).map_err(|error| Error::internal(error.to_string()));
    }
    if if_there {
        return Ok(());
    }
    let error = Error::query(format!("no database is attached as {name}"));
    Err(match nearest(name, attached.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None if attached.is_empty() => error,
        None => error.hint(format!("there are {}", attached.join(", "))),
    })
}

fn catalog(context: &SessionContext) -> Result<Arc<dyn CatalogProvider>> {
    context.catalog(CATALOG).ok_or_else(|| Error::internal("the session has no catalog"))
}

/// A name as SQL takes it: letters of either case are the same without quotes.
fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

/// The name of a database that is given none: that of its folder.
fn of_folder(path: &str) -> Result<String> {
    let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_name = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        && name.chars().next().is_some_and(|letter| !letter.is_numeric());
    match is_name {
        true => Ok(name.to_lowercase()),
        false => Err(Error::query(format!("`{name}` needs quotes as a name"))
            .hint(format!("give it another: ATTACH '{path}' AS other"))),
    }
}

#[cfg(test)]
mod tests {
    use super::of_folder;

    #[test]
    fn a_folder_names_its_database() {
        assert_eq!(of_folder("a/Weibo_2012/").unwrap(), "weibo_2012");
        assert_eq!(of_folder("微博").unwrap(), "微博");
        for path in ["demo-db", "2012", "..", ""] {
            assert!(of_folder(path).unwrap_err().advice().unwrap().ends_with("AS other"), "{path}");
        }
    }
}
