//! What a person would call the columns of a query: `min(posted_at)` where the
//! engine says `min(posts.posted_at)`, and `1` where it says `Int64(1)`.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor,
    TableWithJoins, VisitorMut, visit_expressions_mut,
};

use super::forms::{grouping_sets, order_by_input, using_joins};
use super::group_names::{self, IsAggregate};
use super::parsed;

/// Calls each listed expression that has no name of its own as it was typed, in
/// subqueries too, where the engine's name would be seen by what is around. No two of a
/// list are called alike, which the engine refuses. ORDER BY means columns of the tables
/// and of the list by their names as everywhere.
pub(super) fn give(parsed: &mut Parsed, is_aggregate: IsAggregate<'_>) {
    grouping_sets::spell(parsed, is_aggregate);
    // It never breaks off.
    let _ = parsed::visit(parsed, &mut Give { is_aggregate });
}

struct Give<'a> {
    is_aggregate: IsAggregate<'a>,
}

impl VisitorMut for Give<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        group_names::tell_apart(query, self.is_aggregate);
        if let Some(select) = first_select(&mut query.body) {
            name_items(select);
            if let Some(order_by) = &mut query.order_by {
                order_by_names(order_by, select);
            }
        }
        order_by_input::tell_apart(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        name_items(select);
        ControlFlow::Continue(())
    }
}

/// The SELECT that names the columns of a query.
fn first_select(body: &mut SetExpr) -> Option<&mut Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(inner) => first_select(&mut inner.body),
        SetExpr::SetOperation { left, .. } => first_select(left),
        _ => None,
    }
}

fn name_items(select: &mut Select) {
    let tables = Tables::of(&select.from);
    let items = &mut select.projection;
    let all_columns = items.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
    let mut names = Names { all_columns, ..Names::default() };
    for item in items.iter_mut() {
        if let SelectItem::ExprWithAlias { alias, .. } = item {
            names.take(alias);
        }
    }
    // A column keeps its name; what is made of it gives way.
    for columns in [true, false] {
        for item in items.iter_mut() {
            let SelectItem::UnnamedExpr(expression) = item else { continue };
            let part = tables.part(expression);
            if (is_column(expression) && part.is_none()) != columns {
                continue;
            }
            let needed = match part {
                Some(part) => Some(names.of_part(part, expression)),
                None => names.needed(expression),
            };
            if let Some(name) = needed {
                let alias = Ident::with_quote('"', name);
                *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
            }
        }
    }
}

/// Has a query ordered by the listed columns where ORDER BY repeats their expressions:
/// behind DISTINCT and UNION the engine looks for names only.
fn order_by_names(order_by: &mut OrderBy, select: &Select) {
    let OrderByKind::Expressions(orders) = &mut order_by.kind else { return };
    let tables = Tables::of(&select.from);
    for order in orders {
        let is_column = is_column(&order.expr) && tables.part(&order.expr).is_none();
        // A number is a place in the list.
        if is_column || matches!(order.expr, Expr::Value(_)) {
            continue;
        }
        let listed = select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if *expr == order.expr => Some(alias),
            _ => None,
        });
        if let Some(alias) = listed {
            order.expr = Expr::Identifier(alias.clone());
        }
    }
}

/// The names of the tables of a FROM, each in its parts.
pub(super) struct Tables(Vec<Vec<String>>);

impl Tables {
    pub(super) fn of(from: &[TableWithJoins]) -> Self {
        let mut tables = Self(Vec::new());
        from.iter().for_each(|joined| tables.add(joined));
        tables
    }

    fn add(&mut self, joined: &TableWithJoins) {
        let others = joined.joins.iter().map(|join| &join.relation);
        for table in std::iter::once(&joined.relation).chain(others) {
            match table {
                TableFactor::NestedJoin { table_with_joins, alias: None } => {
                    self.add(table_with_joins);
                }
                TableFactor::NestedJoin { alias: Some(alias), .. } => {
                    self.0.push(vec![plain(&alias.name)]);
                }
                other => {
                    let name = using_joins::name(other);
                    self.0.extend(name.map(|parts| parts.iter().map(plain).collect::<Vec<_>>()));
                }
            }
        }
    }

    /// The name of the part of a structure that an expression is, as `author.name`, which
    /// is written like the column of a table.
    fn part<'a>(&self, expression: &'a Expr) -> Option<&'a Ident> {
        let Expr::CompoundIdentifier(parts) = expression else { return None };
        let (name, before) = parts.split_last()?;
        let before: Vec<String> = before.iter().map(plain).collect();
        (!self.has(&before)).then_some(name)
    }

    /// The parts of the name of the table that is called `name`.
    pub(super) fn called(&self, name: &str) -> Option<&[String]> {
        let is_called = |table: &&Vec<String>| table.last().is_some_and(|last| last == name);
        self.0.iter().find(is_called).map(Vec::as_slice)
    }

    /// Whether one of them may be called by a name of these parts.
    pub(super) fn has(&self, parts: &[String]) -> bool {
        // The database of a table may be left out, and need not be.
        self.0.iter().any(|table| table.ends_with(parts) || parts.ends_with(table))
    }
}

/// The names in a list of expressions.
#[derive(Default)]
struct Names {
    /// Those that people see.
    shown: HashSet<String>,
    /// Columns, with their tables as they were typed, and names that were given.
    columns: HashSet<String>,
    /// Columns that were typed with their tables, without them.
    of_tables: HashSet<String>,
    /// Whether there was a `*`.
    all_columns: bool,
}

impl Names {
    /// Takes a name that was given, or another one if it was given before.
    fn take(&mut self, alias: &mut Ident) {
        let name = plain(alias);
        if !self.shown.insert(name.clone()) {
            let name = self.numbered(&name);
            *alias = Ident { span: alias.span, ..Ident::with_quote('"', name) };
        }
        self.columns.insert(plain(alias));
    }

    /// The name that an expression needs; a column has one, unless that is taken.
    fn needed(&mut self, expression: &Expr) -> Option<String> {
        match expression {
            Expr::Identifier(name) => {
                let name = plain(name);
                // It may be the same column as one with its table.
                let is_taken = self.of_tables.contains(&name);
                self.column(name.clone(), name, is_taken)
            }
            Expr::CompoundIdentifier(parts) => {
                let name = parts.last().map(plain).unwrap_or_default();
                let typed: Vec<_> = parts.iter().map(plain).collect();
                let is_taken = self.columns.contains(&name);
                self.of_tables.insert(name.clone());
                // A column of two tables is two columns to the engine as well.
                self.column(typed.join("."), name, is_taken)
            }
            _ => {
                let typed = expression.to_string();
                match self.shown.insert(typed.clone()) {
                    true => Some(typed),
                    false => Some(self.numbered(&typed)),
                }
            }
        }
    }

    /// The name of a part of a structure. A `*` may have a column of its name.
    fn of_part(&mut self, part: &Ident, expression: &Expr) -> String {
        let name = match self.all_columns {
            true => expression.to_string(),
            false => plain(part),
        };
        match self.shown.insert(name.clone()) {
            true => name,
            false => self.numbered(&name),
        }
    }

    /// The name that the column `typed` needs, which is called `name`.
    fn column(&mut self, typed: String, name: String, is_taken: bool) -> Option<String> {
        let is_new = self.columns.insert(typed);
        if is_new && !is_taken && !self.all_columns {
            self.shown.insert(name);
            return None;
        }
        Some(self.numbered(&name))
    }

    /// `name` with the first number under which it is not shown, and then is.
    fn numbered(&mut self, name: &str) -> String {
        let numbered = numbered(name, &self.shown);
        self.shown.insert(numbered.clone());
        numbered
    }
}

/// `name` with the first number under which it is not among `names`.
pub(super) fn numbered(name: &str, names: &HashSet<String>) -> String {
    let mut number = 1_usize;
    loop {
        let numbered = format!("{name}_{number}");
        if !names.contains(&numbered) {
            return numbered;
        }
        number += 1;
    }
}

/// A name as the engine knows it.
pub(super) fn plain(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_ascii_lowercase(),
    }
}

/// A call of the function `name`.
pub(super) fn call(name: &str, given: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: arguments(given),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn arguments(given: impl IntoIterator<Item = Expr>) -> FunctionArguments {
    let args = given.into_iter().map(|one| FunctionArg::Unnamed(FunctionArgExpr::Expr(one)));
    FunctionArguments::List(FunctionArgumentList {
        duplicate_treatment: None,
        args: args.collect(),
        clauses: Vec::new(),
    })
}

fn is_column(expression: &Expr) -> bool {
    matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// An expression as the engine names it: without its casts.
pub(super) fn without_casts(expression: &Expr) -> Expr {
    let mut bare = expression.clone();
    let _ = visit_expressions_mut(&mut bare, |part| {
        while let Expr::Cast { expr, .. } = part {
            *part = expr.as_ref().clone();
        }
        ControlFlow::<()>::Continue(())
    });
    bare
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_engine_would_call_alike_has_names_of_its_own() {
        let session = Session::new(None, Settings::default()).unwrap();
        let from = "FROM (SELECT 7 AS a, '8' AS b)";
        for (list, names) in [
            ("a, a::text", "a|a::TEXT"),
            ("a::text, a", "a::TEXT|a"),
            ("a, a, a", "a|a_1|a_2"),
            ("count(*), count(*)", "count(*)|count(*)_1"),
            ("a + 1, CAST(a AS INT) + 1", "a + 1|CAST(a AS INT) + 1"),
            ("*, a", "a|b|a_1"),
            ("b AS a, a", "a|a_1"),
            ("a, \"a\", A", "a|a_1|a_2"),
            ("'x', *", "'x'|a|b"),
            (
                "instr(b, '8'), strpos(b, '8'), position('8' in b)",
                "instr(b, '8')|strpos(b, '8')|POSITION('8' IN b)",
            ),
            (
                "substr(b, 1, 1), substring(b from 1 for 1)",
                "SUBSTR(b, 1, 1)|SUBSTRING(b FROM 1 FOR 1)",
            ),
            (
                "[a], make_array(a), [a][1], array_element([a], 1)",
                "[a]|make_array(a)|[a][1]|array_element([a], 1)",
            ),
            ("trim(b), btrim(b)", "TRIM(b)|btrim(b)"),
            ("1, 01, 1.0, 1.00", "1|01|1.0|1.00"),
            ("a, (a), (a) + 1, a + 1", "a|(a)|(a) + 1|a + 1"),
            ("current_date, current_date()", "current_date|current_date()"),
            ("date '2012-08-27', '2012-08-27'::date", "DATE '2012-08-27'|'2012-08-27'::DATE"),
            ("interval '1 day', interval 1 day", "INTERVAL '1 day'|INTERVAL 1 DAY"),
        ] {
            let sql = format!("SELECT {list} {from}");
            let batches = session.collect(&sql).await.unwrap();
            let fields = batches[0].schema();
            let found: Vec<_> = fields.fields().iter().map(|field| field.name().as_str()).collect();
            assert_eq!(found.join("|"), names, "{sql}");
        }
        let nested = "SELECT count(*) AS n FROM (SELECT a, a::text FROM (SELECT 7 AS a))";
        assert_eq!(session.collect(nested).await.unwrap()[0].num_rows(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_part_of_a_structure_is_called_by_its_own_name() {
        let session = Session::new(None, Settings::default()).unwrap();
        let made = "CREATE TABLE t AS SELECT * FROM (VALUES (2, {'name': 'x', 'geo': {'lat': 1}}),
                    (1, {'name': 'y', 'geo': {'lat': 3}})) AS v(id, author)";
        session.collect(made).await.unwrap();
        for (sql, wanted) in [
            (
                "SELECT author.name, t.author.geo.lat FROM t ORDER BY id",
                &["name|lat", "y|3", "x|1"][..],
            ),
            ("SELECT p.id, p.author.name FROM t AS p ORDER BY name LIMIT 1", &["id|name", "2|x"]),
            ("SELECT DISTINCT author.name FROM t ORDER BY author.name", &["name", "x", "y"]),
            (
                "SELECT author.name, count(*) AS n FROM t GROUP BY author.name ORDER BY name",
                &["name|n", "x|1", "y|1"],
            ),
            (
                "SELECT author.name, count(*) AS n FROM t GROUP BY name ORDER BY 1 LIMIT 1",
                &["name|n", "x|1"],
            ),
            ("SELECT name FROM (SELECT author.name FROM t) ORDER BY name LIMIT 1", &["name", "x"]),
            ("SELECT author.geo.lat, author.geo.lat AS id FROM t WHERE id = 1", &["lat|id", "3|3"]),
            (
                "SELECT *, author.name FROM t WHERE id = 1",
                &["id|author|author.name", "1|{name: y, geo: {lat: 3}}|y"],
            ),
            ("SELECT author['name'] FROM t WHERE id = 1", &["author['name']", "y"]),
            ("SELECT main.t.id, t.id AS other FROM t WHERE id = 1", &["id|other", "1|1"]),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
        session.collect("CREATE TABLE n AS SELECT author.name FROM t").await.unwrap();
        assert_eq!(answer(&session, "SELECT name FROM n ORDER BY name").await, ["name", "x", "y"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_are_ordered_by_what_is_listed_and_by_what_it_is_made_of() {
        let session = Session::new(None, Settings::default()).unwrap();
        let values = "(VALUES (1, 'a', 10), (2, 'b', 25), (3, 'a', 7)) AS t(id, g, x)";
        session.collect(&format!("CREATE TABLE t AS SELECT * FROM {values}")).await.unwrap();
        for (sql, wanted) in [
            (
                "SELECT g, rank() OVER (ORDER BY count(*) DESC) FROM t GROUP BY g ORDER BY 2",
                &["g|rank() OVER (ORDER BY count(*) DESC)", "a|1", "b|2"][..],
            ),
            (
                "SELECT g, count(*) * 3 / sum(count(*)) OVER () FROM t GROUP BY g
                 ORDER BY count(*) * 3 / sum(count(*)) OVER () DESC",
                &["g|count(*) * 3 / sum(count(*)) OVER ()", "a|2", "b|1"],
            ),
            ("SELECT x::text FROM t ORDER BY x", &["x::TEXT", "7", "10", "25"]),
            ("SELECT DISTINCT x::text FROM t ORDER BY x::text", &["x::TEXT", "10", "25", "7"]),
            (
                "SELECT x::text, count(*) FROM t GROUP BY x ORDER BY x LIMIT 1",
                &["x::TEXT|count(*)", "7|1"],
            ),
            (
                "SELECT at::date, n FROM (VALUES (TIMESTAMP '2012-08-27 09:00:00', 1),
                 (TIMESTAMP '2012-08-27 08:00:00', 2)) AS v(at, n) ORDER BY at",
                &["at::DATE|n", "2012-08-27|2", "2012-08-27|1"],
            ),
            (
                "SELECT sum(x) OVER w, sum(x::bigint) OVER w FROM t WINDOW w AS (ORDER BY id)
                 ORDER BY id LIMIT 2",
                &["sum(x) OVER w|sum(x::BIGINT) OVER w", "10|10", "35|35"],
            ),
            ("SELECT id, t.id FROM t ORDER BY id LIMIT 1", &["id|id_1", "1|1"]),
            ("SELECT t.id, \"id\" FROM t ORDER BY 2 DESC LIMIT 1", &["id|id_1", "3|3"]),
            (
                "SELECT (SELECT max(x) FROM t), (SELECT min(x) FROM t)",
                &["(SELECT max(x) FROM t)|(SELECT min(x) FROM t)", "25|7"],
            ),
        ] {
            assert_eq!(answer(&session, sql).await, wanted, "{sql}");
        }
        let zones = "SELECT count(*) AS n FROM (SELECT at AT TIME ZONE 'UTC', at AT TIME ZONE
                     'Asia/Tokyo' FROM (SELECT TIMESTAMP '2012-08-27 09:00:00' AS at))";
        assert_eq!(answer(&session, zones).await, ["n", "1"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_description_has_the_names_of_the_answer() {
        let session = Session::new(None, Settings::default()).unwrap();
        let described = answer(&session, "DESCRIBE SELECT 1, 2 + 3").await;
        let names: Vec<_> = described[1..].iter().filter_map(|row| row.split('|').next()).collect();
        assert_eq!(names, ["1", "2 + 3"]);
    }
}
