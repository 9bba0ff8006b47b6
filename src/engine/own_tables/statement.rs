//! DELETE, UPDATE and TRUNCATE as the query that gives all rows of their table, and says of
//! each whether it is meant.
//!
//! The query is carried by an INSERT, so that whoever goes over statements goes over it too;
//! [`taken`] takes it out again before it is planned.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, ColumnOption, Delete, Expr, FromTable, Ident, Insert, Merge,
    ObjectName, ObjectNamePart, Query, SetExpr, Setting, Statement as SqlStatement,
    TableConstraint, TableFactor, TableObject, TableWithJoins, Truncate, Update,
    UpdateTableFromKind, Value, VisitMut, VisitorMut, With,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::{What, find};
use crate::catalog::OwnTable;
use crate::engine::dialect::Ours;
use crate::engine::script::Statement;
use crate::error::{Error, Result, nearest};

/// The setting by which an INSERT is known to carry such a query: it is called as nobody
/// calls one.
const CARRIES: &str = "rows that are";

/// How the columns are called that the query has beside those of the table: the place of a
/// row, whether it is meant, whether a row of other tables belongs to it, and which of these
/// it is.
const BESIDE: [&str; 4] =
    ["the place of the row", "the row is meant", "the row is matched", "the match of the row"];

/// What stands in the query for the condition of the statement.
const CONDITION: &str = "the condition of the statement";

/// Makes queries of the statements that change the rows of a table of the session, and
/// refuses what such tables do not have.
pub(in crate::engine) fn rewrite(
    parsed: &mut Parsed,
    statement: &Statement,
    context: &SessionContext,
) -> Result<()> {
    let Some(inner) = innermost(parsed) else { return Ok(()) };
    if let SqlStatement::CreateTable(table) = inner {
        let options = table.columns.iter().flat_map(|column| &column.options);
        let keys = options.filter_map(|option| key_of_column(&option.option));
        let key = keys.chain(table.constraints.iter().filter_map(key_of_table)).next();
        return key.map_or(Ok(()), |key| Err(no_keys(key)));
    }
    let Some(name) = target(inner) else { return Ok(()) };
    let Some(table) = find(name, context) else { return Ok(()) };
    let Some(asked) = Asked::of(inner)? else { return Ok(()) };
    *inner = asked.query(&table, statement)?;
    Ok(())
}

/// What a statement asks for that [`rewrite`] has gone over.
pub(super) struct Taken {
    pub(super) table: ObjectName,
    pub(super) what: What,
    /// The columns that get other values, in the order in which the query gives them.
    pub(super) assigned: Vec<String>,
}

/// Leaves in `parsed` the query alone, if it carries one.
pub(super) fn taken(parsed: &mut Parsed) -> Option<Taken> {
    let inner = innermost(parsed)?;
    let SqlStatement::Insert(insert) = inner else { return None };
    let [Setting { key, value: Expr::Value(value) }] = insert.settings.as_deref()? else {
        return None;
    };
    let Value::SingleQuotedString(word) = &value.value else { return None };
    let what = What::ALL.into_iter().find(|what| what.word() == word)?;
    let TableObject::TableName(table) = &insert.table else { return None };
    if key.value != CARRIES {
        return None;
    }
    let assigned = insert.columns.iter().filter_map(last).map(|name| name.value.clone()).collect();
    let taken = Taken { table: table.clone(), what, assigned };
    let query = insert.source.take()?;
    *inner = SqlStatement::Query(query);
    Some(taken)
}

/// Whether the query has a column called so that nobody typed.
pub(super) fn is_beside(column: &str) -> bool {
    BESIDE.iter().any(|name| column.starts_with(name))
}

/// What `parsed` asks, has explained, or prepares.
fn innermost(parsed: &mut Parsed) -> Option<&mut SqlStatement> {
    match parsed {
        Parsed::Explain(explain) => innermost(&mut explain.statement),
        Parsed::Statement(statement) => match statement.as_mut() {
            SqlStatement::Prepare { statement, .. } => Some(statement.as_mut()),
            statement => Some(statement),
        },
        _ => None,
    }
}

fn last(name: &ObjectName) -> Option<&Ident> {
    name.0.last()?.as_ident()
}

/// A name as the engine looks it up.
pub(super) fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn key_of_column(option: &ColumnOption) -> Option<&'static str> {
    match option {
        ColumnOption::PrimaryKey(_) => Some("PRIMARY KEY"),
        ColumnOption::Unique(_) => Some("UNIQUE"),
        _ => None,
    }
}

fn key_of_table(constraint: &TableConstraint) -> Option<&'static str> {
    match constraint {
        TableConstraint::PrimaryKey(_) => Some("PRIMARY KEY"),
        TableConstraint::Unique(_) => Some("UNIQUE"),
        _ => None,
    }
}

fn no_keys(key: &str) -> Error {
    Error::query(format!("{key} is not kept by the tables of a session")).hint(
        "leave it out; NOT NULL is kept, and INSERT INTO t SELECT DISTINCT ... with WHERE id NOT IN \
         (SELECT id FROM t) adds what is new",
    )
}

/// The name of the table whose rows `statement` changes.
fn target(statement: &SqlStatement) -> Option<&ObjectName> {
    let factor = match statement {
        SqlStatement::Delete(delete) => &of_delete(delete).first()?.relation,
        SqlStatement::Update(update) => &update.table.relation,
        SqlStatement::Merge(merge) => &merge.table,
        SqlStatement::Truncate(truncate) => return Some(&truncate.table_names.first()?.name),
        SqlStatement::Query(query) => return target(behind_with(query)?),
        _ => return None,
    };
    match factor {
        TableFactor::Table { name, .. } => Some(name),
        _ => None,
    }
}

fn of_delete(delete: &Delete) -> &[TableWithJoins] {
    match &delete.from {
        FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables) => tables,
    }
}

/// The statement behind WITH, if that is no query.
fn behind_with(query: &Query) -> Option<&SqlStatement> {
    match query.body.as_ref() {
        SetExpr::Delete(inner) | SetExpr::Update(inner) | SetExpr::Merge(inner) => Some(inner),
        _ => None,
    }
}

/// A change to the rows of a table.
struct Asked {
    what: What,
    table: ObjectName,
    /// What the statement calls the table.
    alias: String,
    with: Option<With>,
    /// The tables of USING or FROM.
    others: Vec<TableWithJoins>,
    condition: Option<Expr>,
    assignments: Vec<Assignment>,
}

impl Asked {
    fn of(inner: &SqlStatement) -> Result<Option<Self>> {
        Ok(Some(match inner {
            SqlStatement::Delete(delete) => Self::of_delete(delete)?,
            SqlStatement::Update(update) => Self::of_update(update)?,
            SqlStatement::Truncate(truncate) => Self::of_truncate(truncate)?,
            SqlStatement::Merge(merge) => return Err(no_merge(merge)),
            SqlStatement::Query(query) => {
                let Some(inner) = behind_with(query) else { return Ok(None) };
                let asked = Self::of(inner)?;
                return asked.map(|asked| asked.behind(query.with.clone())).transpose();
            }
            _ => return Ok(None),
        }))
    }

    /// The same behind `with`.
    fn behind(self, with: Option<With>) -> Result<Self> {
        let name = last(&self.table).map(folded).unwrap_or_default();
        let mut tables = with.iter().flat_map(|with| &with.cte_tables);
        if tables.any(|table| folded(&table.alias.name) == name) {
            let error = Error::query(format!("WITH gives the name of the table {name} to a query"));
            return Err(error.hint("call the query something else"));
        }
        Ok(Self { with, ..self })
    }

    /// A change to the only one of `tables`.
    fn to(what: What, tables: &[TableWithJoins], more: &'static str) -> Result<Self> {
        let [TableWithJoins { relation, joins }] = tables else {
            return Err(one_table(what, more));
        };
        let TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } = relation
        else {
            return Err(one_table(what, more));
        };
        let is_plain = with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty();
        let is_renamed = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
        if !joins.is_empty() || !is_plain || is_renamed {
            return Err(one_table(what, more));
        }
        let known = alias.as_ref().map(|alias| &alias.name).or_else(|| last(name));
        Ok(Self {
            what,
            table: name.clone(),
            alias: known.map(folded).unwrap_or_default(),
            with: None,
            others: Vec::new(),
            condition: None,
            assignments: Vec::new(),
        })
    }

    fn of_delete(delete: &Delete) -> Result<Self> {
        let asked = Self::to(
            What::Deleted,
            of_delete(delete),
            "name the others behind USING: DELETE FROM t USING other WHERE other.id = t.id",
        )?;
        let chosen = "choose the rows behind WHERE: DELETE FROM t WHERE id IN (SELECT id FROM t ORDER \
                      BY likes LIMIT 2)";
        let first = "ask first: SELECT * FROM t WHERE ...";
        refuse(
            "DELETE",
            &[
                ("a list of tables before FROM", !delete.tables.is_empty(), "leave it out"),
                ("ORDER BY", !delete.order_by.is_empty(), chosen),
                ("LIMIT", delete.limit.is_some(), chosen),
                ("RETURNING", delete.returning.is_some(), first),
                ("OUTPUT", delete.output.is_some(), first),
            ],
        )?;
        let others = delete.using.clone().unwrap_or_default();
        Ok(Self { others, condition: delete.selection.clone(), ..asked })
    }

    fn of_update(update: &Update) -> Result<Self> {
        let asked = Self::to(
            What::Changed,
            std::slice::from_ref(&update.table),
            "name the others behind FROM: UPDATE t SET a = other.a FROM other WHERE other.id = t.id",
        )?;
        let chosen = "choose the rows behind WHERE: UPDATE t SET ... WHERE id IN (SELECT id FROM t \
                      ORDER BY likes LIMIT 2)";
        let then = "ask then: SELECT * FROM t WHERE ...";
        refuse(
            "UPDATE",
            &[
                ("OR", update.or.is_some(), "leave it out"),
                ("ORDER BY", !update.order_by.is_empty(), chosen),
                ("LIMIT", update.limit.is_some(), chosen),
                ("RETURNING", update.returning.is_some(), then),
                ("OUTPUT", update.output.is_some(), then),
            ],
        )?;
        let others = match &update.from {
            Some(
                UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables),
            ) => tables.clone(),
            None => Vec::new(),
        };
        let assignments = update.assignments.clone();
        Ok(Self { others, condition: update.selection.clone(), assignments, ..asked })
    }

    fn of_truncate(truncate: &Truncate) -> Result<Self> {
        let [table] = truncate.table_names.as_slice() else {
            return Err(Error::query("TRUNCATE takes one table").hint("write one for each"));
        };
        refuse(
            "TRUNCATE",
            &[
                ("ONLY", table.only, "leave it out"),
                (
                    "PARTITION",
                    truncate.partitions.is_some(),
                    "DELETE FROM t WHERE ... chooses rows",
                ),
                ("IDENTITY", truncate.identity.is_some(), "leave it out"),
                ("CASCADE or RESTRICT", truncate.cascade.is_some(), "leave it out"),
                ("ON CLUSTER", truncate.on_cluster.is_some(), "leave it out"),
            ],
        )?;
        Ok(Self {
            what: What::Deleted,
            table: table.name.clone(),
            alias: last(&table.name).map(folded).unwrap_or_default(),
            with: None,
            others: Vec::new(),
            condition: None,
            assignments: Vec::new(),
        })
    }

    /// The INSERT that carries the query.
    fn query(self, table: &OwnTable, statement: &Statement) -> Result<SqlStatement> {
        let assigned = self.assigned(table, statement)?;
        let text = self.text(table, assigned.len());
        let Ok(Ok([SqlStatement::Insert(mut insert)])) =
            Parser::parse_sql(&Ours, &text).map(<[SqlStatement; 1]>::try_from)
        else {
            return Err(Error::internal(format!("no statement: {text}")));
        };
        let (names, values): (Vec<_>, Vec<_>) = assigned.into_iter().unzip();
        let mut parts: HashMap<_, _> =
            (0..).map(value_name).zip(values).map(|(name, value)| (name, nested(value))).collect();
        parts.extend(self.condition.map(|condition| (CONDITION.to_owned(), nested(condition))));
        let others = (0..).map(other_name).zip(self.others.into_iter().map(factor)).collect();
        // It never breaks off.
        let _ = insert.visit(&mut Plug { parts, others });
        if let Some(source) = &mut insert.source {
            source.with = self.with;
        }
        let word = Expr::value(Value::SingleQuotedString(self.what.word().to_owned()));
        Ok(SqlStatement::Insert(Insert {
            table: TableObject::TableName(self.table),
            columns: names.iter().map(|name| Ident::with_quote('"', name).into()).collect(),
            settings: Some(vec![Setting { key: Ident::new(CARRIES), value: word }]),
            ..insert
        }))
    }

    /// The columns that get other values, and those.
    fn assigned(&self, table: &OwnTable, statement: &Statement) -> Result<Vec<(String, Expr)>> {
        let mut assigned: Vec<(String, Expr)> = Vec::new();
        for Assignment { target, value } in &self.assignments {
            let pairs = match (target, value) {
                (AssignmentTarget::ColumnName(name), value) => vec![(name, value)],
                (AssignmentTarget::Tuple(names), Expr::Tuple(values))
                    if names.len() == values.len() =>
                {
                    names.iter().zip(values).collect()
                }
                (AssignmentTarget::Tuple(_), _) => return Err(uneven()),
            };
            for (name, value) in pairs {
                let column = self.column(name, table, statement)?;
                if assigned.iter().any(|(known, _)| *known == column) {
                    return Err(Error::query(format!("{column} gets two values"))
                        .hint("each column stands once behind SET"));
                }
                assigned.push((column, value.clone()));
            }
        }
        Ok(assigned)
    }

    /// The column of `table` that `name` is.
    fn column(&self, name: &ObjectName, table: &OwnTable, statement: &Statement) -> Result<String> {
        let mut parts: Vec<_> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
        if parts.len() > 1 && folded(parts[0]) == self.alias {
            parts.remove(0);
        }
        let [part] = parts.as_slice() else {
            return Err(Error::query(format!("`{name}` is no column of {}", self.alias))
                .hint("behind SET stands the name of a whole column, before the sign ="));
        };
        let (found, schema) = (folded(part), table.columns());
        let known = || schema.fields().iter().map(|field| field.name().as_str());
        if known().any(|column| column == found) {
            return Ok(found);
        }
        let error = Error::query(format!("no column \"{}\" in {}", part.value, self.alias));
        let at = part.span.start;
        let length = part.value.chars().count() as u64;
        let error = match at.line {
            0 => error,
            line => error.at(statement.place(line, at.column, Some(length))),
        };
        Err(match nearest(&part.value, known()) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint(format!("there are {}", known().collect::<Vec<_>>().join(", "))),
        })
    }

    /// The text of the INSERT, with names in the places of the parts of the statement.
    fn text(&self, table: &OwnTable, assigned: usize) -> String {
        let names = Names::beside(table);
        let Names { columns, place, changed, matched, nth } = &names;
        let (own, alias) = (&self.table, quoted(&self.alias));
        let shown = columns.iter().map(|name| format!("{alias}.{name}")).collect::<Vec<_>>();
        let shown = shown.join(", ");
        let numbered = format!(
            "(SELECT {}, row_number() OVER () AS {place} FROM {own}) AS {alias}",
            columns.join(", ")
        );
        let condition = match self.condition {
            Some(_) => quoted(CONDITION),
            None => "TRUE".to_owned(),
        };
        // A value is computed only where it is wanted.
        let values = |wanted: &str| {
            let value = |number| {
                let (value, new) = (quoted(&value_name(number)), quoted(&new_name(number)));
                format!(", CASE WHEN {wanted} THEN {value} END AS {new}")
            };
            (0..assigned).map(value).collect::<String>()
        };
        if self.others.is_empty() {
            return format!(
                "INSERT INTO t SELECT {shown}, {alias}.{changed} AS {changed}{} FROM (SELECT {shown}, \
                 {alias}.{place} AS {place}, {condition} AS {changed} FROM {numbered}) AS \
                 {alias} ORDER BY {alias}.{place}",
                values(&format!("{alias}.{changed}"))
            );
        }
        // A row that belongs to several others comes once.
        let others = (0..self.others.len()).map(|number| quoted(&other_name(number)));
        let others = others.collect::<Vec<_>>().join(" CROSS JOIN ");
        let new = (0..assigned).map(|number| quoted(&new_name(number)));
        let new = new.map(|new| format!(", {alias}.{new} AS {new}")).collect::<String>();
        format!(
            "INSERT INTO t SELECT {shown}, {alias}.{changed} AS {changed}{new} FROM (SELECT {shown}, \
             {alias}.{place} AS {place}, {matched}.{matched} AS {changed}{}, row_number() \
             OVER (PARTITION BY {alias}.{place}) AS {nth} FROM {numbered} LEFT JOIN ({others} CROSS \
             JOIN (SELECT TRUE AS {matched}) AS {matched}) ON {condition}) AS {alias} WHERE \
             {alias}.{nth} = 1 ORDER BY {alias}.{place}",
            values(&format!("{matched}.{matched}"))
        )
    }
}

fn value_name(number: usize) -> String {
    format!("the value {number} of the statement")
}

fn new_name(number: usize) -> String {
    format!("the new value {number}")
}

fn other_name(number: usize) -> String {
    format!("the other table {number}")
}

/// The columns of a table, and names that none of them has.
struct Names {
    columns: Vec<String>,
    /// The place of a row.
    place: String,
    /// Whether a row is meant.
    changed: String,
    /// Whether a row of the other tables belongs to it.
    matched: String,
    /// Which of these a row is.
    nth: String,
}

impl Names {
    fn beside(table: &OwnTable) -> Self {
        let schema = table.columns();
        let is_taken = |name: &str| schema.fields().iter().any(|field| field.name() == name);
        let free = |name: &str| {
            let mut name = name.to_owned();
            while is_taken(&name) {
                name.push('_');
            }
            quoted(&name)
        };
        Self {
            columns: schema.fields().iter().map(|field| quoted(field.name())).collect(),
            place: free(BESIDE[0]),
            changed: free(BESIDE[1]),
            matched: free(BESIDE[2]),
            nth: free(BESIDE[3]),
        }
    }
}

fn nested(expression: Expr) -> Expr {
    Expr::Nested(Box::new(expression))
}

/// A table with all that is joined to it.
fn factor(table: TableWithJoins) -> TableFactor {
    match table.joins.is_empty() {
        true => table.relation,
        false => TableFactor::NestedJoin { table_with_joins: Box::new(table), alias: None },
    }
}

/// Puts the parts of the statement in their places.
struct Plug {
    parts: HashMap<String, Expr>,
    others: HashMap<String, TableFactor>,
}

impl VisitorMut for Plug {
    type Break = ();

    // What has been put in is not gone over.
    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expression
            && let Some(part) = self.parts.remove(&name.value)
        {
            *expression = part;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, .. } = table
            && let Some(name) = last(name)
            && let Some(other) = self.others.remove(&name.value)
        {
            *table = other;
        }
        ControlFlow::Continue(())
    }
}

/// Refuses the first of `clauses` that is there.
fn refuse(statement: &str, clauses: &[(&str, bool, &str)]) -> Result<()> {
    match clauses.iter().find(|(_, is_there, _)| *is_there) {
        Some((clause, _, advice)) => {
            Err(Error::query(format!("{statement} does not take {clause}")).hint(*advice))
        }
        None => Ok(()),
    }
}

fn one_table(what: What, advice: &str) -> Error {
    let statement = if what == What::Deleted { "DELETE" } else { "UPDATE" };
    Error::query(format!("{statement} takes one table by its name")).hint(advice)
}

fn uneven() -> Error {
    Error::query("behind SET, a list of columns takes as many values in brackets")
        .hint("write SET (a, b) = (1, 2), or SET a = (SELECT ...), b = (SELECT ...)")
}

fn no_merge(merge: &Merge) -> Error {
    let table = &merge.table;
    Error::query("MERGE is not supported").hint(format!(
        "UPDATE {table} SET ... FROM other WHERE other.id = {table}.id changes the rows that are \
         there, and INSERT INTO {table} SELECT ... WHERE NOT EXISTS (...) adds the others"
    ))
}
