//! Which columns of several files are the same, by their names.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{Column, TableReference};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Union};

/// Where columns called `names`, those of one file, stand among those called `known`, as far
/// as they do. A name in other letters, small or capital, is the same, unless the file has
/// both.
pub(super) fn places_among(known: &[&str], names: &[String]) -> Vec<Option<usize>> {
    let mut first = HashMap::new();
    for (place, name) in known.iter().enumerate() {
        first.entry(*name).or_insert(place);
    }
    let mut places: Vec<Option<usize>> =
        names.iter().map(|name| first.get(name.as_str()).copied()).collect();
    let mut is_taken = vec![false; known.len()];
    for place in places.iter().flatten() {
        is_taken[*place] = true;
    }
    for (place, name) in places.iter_mut().zip(names).filter(|(place, _)| place.is_none()) {
        *place = (0..known.len()).find(|at| !is_taken[*at] && are_alike(known[*at], name));
        if let Some(place) = place {
            is_taken[*place] = true;
        }
    }
    places
}

/// Whether both are the name of one column.
pub(super) fn are_alike(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// The rows of all `tables`, of which there are two at least. Their columns are told by their
/// names, which are those that the first table with each has; of columns that a table does not
/// have it gives NULL. Those called as in `last` come last.
pub(super) fn united(
    tables: Vec<Arc<dyn TableProvider>>,
    last: &[String],
) -> Result<Arc<dyn TableProvider>> {
    let mut known: Vec<String> = Vec::new();
    let mut inputs = Vec::with_capacity(tables.len());
    for table in tables {
        let schema = table.schema();
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let places = {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            places_among(&known, &names)
        };
        let mut columns = Vec::with_capacity(names.len());
        for (name, place) in names.into_iter().zip(places) {
            let column = Expr::Column(Column::from_name(&name));
            match place.map(|place| &known[place]) {
                Some(called) if *called != name => columns.push(column.alias(called)),
                Some(_) => columns.push(column),
                None => {
                    columns.push(column);
                    known.push(name);
                }
            }
        }
        let files = TableReference::bare("files");
        let rows = LogicalPlanBuilder::scan(files, provider_as_source(table), None)?;
        inputs.push(Arc::new(rows.project(columns)?.build()?));
    }
    let (ends, begins): (Vec<_>, Vec<_>) = known.into_iter().partition(|name| last.contains(name));
    let columns = begins.into_iter().chain(ends).map(|name| Expr::Column(Column::from_name(name)));
    let rows = LogicalPlan::Union(Union::try_new_by_name(inputs)?);
    let rows = LogicalPlanBuilder::from(rows).project(columns)?.build()?;
    Ok(Arc::new(ViewTable::new(rows, None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_other_letters_are_the_same_unless_a_file_has_both() {
        let places = |known: &[&str], names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            places_among(known, &names)
        };
        assert_eq!(places(&[], &["id"]), [None]);
        assert_eq!(places(&["id", "Name"], &["NAME", "ID", "x"]), [Some(1), Some(0), None]);
        assert_eq!(places(&["id", "Name"], &["ID", "id"]), [None, Some(0)]);
        assert_eq!(places(&["id", "Name", "ID"], &["Id", "iD"]), [Some(0), Some(2)]);
        assert!(are_alike("Ä", "ä") && !are_alike("a", "ä"));
    }
}
