//! `reposts > 0 AND likes * 1.0 / reposts > 2`: there is no quotient by zero, and none is
//! asked for where a condition beside the division has decided already. Nor is a text taken
//! for a number there: `place ~ '^[0-9]+$' AND place::int > 5`.
//!
//! The engine computes both sides of AND and OR for all rows, unless one side decides most
//! of them, and takes the conditions of a subquery and of the query around it together. So
//! a divisor becomes another number, and a text that is cast unknown, where it does not
//! count: where a condition that looks at the same columns is false, or behind OR true. This
//! comes after the rules that move conditions, which make AND and OR of CASE.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{
    conjunction, disjunction, merge_schema, split_binary_owned, split_conjunction,
};
use datafusion::logical_expr::{
    BinaryExpr, Case, Expr, ExprSchemable, LogicalPlan, Operator, Projection, Sort, lit,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::any_expression::any_expression;
use super::{decimals, rewrite};

/// Most conditions that a divisor is kept for.
const MOST_GUARDS: usize = 16;

/// The rule, for plans whose conditions are where they will be computed.
#[derive(Debug)]
pub(super) struct GuardDivisions;

impl OptimizerRule for GuardDivisions {
    fn name(&self) -> &'static str {
        "guard_divisions"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let plan = match first_rows(&plan)? {
            Some(guarded) => return Ok(Transformed::yes(guarded)),
            None => plan,
        };
        if !any_expression(&plan, is_risky)? {
            return Ok(Transformed::no(plan));
        }
        let schema = merge_schema(&plan.inputs());
        rewrite::whole_expressions(plan, |expression| guarded(expression, &schema, &[]))
    }
}

/// `plan`, if it takes the first rows by a quotient of rows that a condition chooses. The
/// engine looks for rows that can be among them where it reads, before the condition.
fn first_rows(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let LogicalPlan::Sort(sort) = plan else { return Ok(None) };
    let LogicalPlan::Projection(listed) = sort.input.as_ref() else { return Ok(None) };
    let schema = listed.input.schema();
    if sort.fetch.is_none() || !listed.expr.iter().any(|made| fails(made, schema)) {
        return Ok(None);
    }
    let is_there = |condition: &&Expr| {
        !divides(condition)
            && !condition.is_volatile()
            && condition.column_refs().into_iter().all(|column| schema.has_column(column))
    };
    let chosen = choosing(&listed.input);
    let guards = chosen.iter().filter(is_there);
    let guards: Vec<_> =
        guards.map(|condition| Guard::new(condition, Operator::And, schema)).collect();
    let names = NamePreserver::new_for_projection();
    let made = listed.expr.iter().map(|expression| {
        let name = names.save(expression);
        let guarded = guarded(expression.clone(), schema, &guards)?;
        Ok(guarded.update_data(|guarded| name.restore(guarded)))
    });
    let made = made.collect::<Result<Vec<_>>>()?;
    if !made.iter().any(|one| one.transformed) {
        return Ok(None);
    }
    let made = made.into_iter().map(|one| one.data).collect();
    let listed = Projection::try_new(made, Arc::clone(&listed.input))?;
    let input = Arc::new(LogicalPlan::Projection(listed));
    Ok(Some(LogicalPlan::Sort(Sort { input, ..sort.clone() })))
}

/// The conditions that choose the rows of `plan`.
fn choosing(plan: &LogicalPlan) -> Vec<Expr> {
    match plan {
        LogicalPlan::Filter(filter) => {
            let own = split_conjunction(&filter.predicate).into_iter().cloned();
            own.chain(choosing(&filter.input)).collect()
        }
        LogicalPlan::TableScan(scan) => scan.filters.clone(),
        _ => Vec::new(),
    }
}

/// A condition that decides what it is joined with by AND or OR, beside others.
#[derive(Clone, Copy)]
struct Guard<'a> {
    condition: &'a Expr,
    op: Operator,
    /// Whether it casts texts itself, so that it has to be kept from them too.
    casts: bool,
}

impl<'a> Guard<'a> {
    fn new(condition: &'a Expr, op: Operator, schema: &DFSchema) -> Self {
        Self { condition, op, casts: fails(condition, schema) }
    }

    /// Whether the others count.
    fn leaves_open(self) -> Expr {
        let condition = Box::new(self.condition.clone());
        match self.op {
            Operator::And => Expr::IsNotFalse(condition),
            _ => Expr::IsNotTrue(condition),
        }
    }
}

/// `expression`, which counts where all `guards` leave it open.
fn guarded(expression: Expr, schema: &DFSchema, guards: &[Guard<'_>]) -> Result<Transformed<Expr>> {
    expression.transform_down(|part| {
        let op = match &part {
            Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), .. }) => *op,
            _ => return divided(part, schema, guards),
        };
        let mut joined = conditions(&split_binary_owned(part, op), op, schema, guards)?;
        joined.tnr = TreeNodeRecursion::Jump;
        Ok(joined)
    })
}

/// Conditions that are joined by `op`, each beside the others.
fn conditions(
    all: &[Expr],
    op: Operator,
    schema: &DFSchema,
    guards: &[Guard<'_>],
) -> Result<Transformed<Expr>> {
    let deciding = all.iter().filter(|one| !divides(one) && !one.is_volatile());
    let beside = deciding.map(|condition| Guard::new(condition, op, schema));
    let guards: Vec<Guard<'_>> = guards.iter().copied().chain(beside).collect();
    let made = all.iter().map(|one| guarded(one.clone(), schema, &guards));
    let made = made.collect::<Result<Vec<_>>>()?;
    let is_changed = made.iter().any(|one| one.transformed);
    let made = made.into_iter().map(|one| one.data);
    let joined = if op == Operator::And { conjunction(made) } else { disjunction(made) };
    match joined {
        Some(joined) => Ok(Transformed::new_transformed(joined, is_changed)),
        None => internal_err!("no conditions were joined"),
    }
}

/// Whether `expression` has no value for some rows, and ends the query.
fn fails(expression: &Expr, schema: &DFSchema) -> bool {
    expression.exists(|part| Ok(operand(part, schema).is_some())).unwrap_or(true)
}

fn divides(expression: &Expr) -> bool {
    expression.exists(|part| Ok(divisor(part).is_some())).unwrap_or(true)
}

/// Whether `expression` may be kept from something, whatever the types of its columns.
fn is_risky(expression: &Expr) -> Result<bool> {
    let is_cast = |part: &Expr| Ok(matches!(part, Expr::Cast(_)));
    let joins = |part: &Expr| {
        Ok(matches!(part, Expr::BinaryExpr(BinaryExpr { op: Operator::And | Operator::Or, .. })))
    };
    Ok(divides(expression) || expression.exists(joins)? && expression.exists(is_cast)?)
}

/// What `expression` may fail for: a divisor that is zero, a text that is no number.
fn operand<'a>(expression: &'a Expr, schema: &DFSchema) -> Option<&'a Expr> {
    match expression {
        Expr::Cast(Cast { expr: text, field }) if !field.data_type().is_string() => {
            text.get_type(schema).is_ok_and(|kind| kind.is_string()).then_some(text.as_ref())
        }
        expression => divisor(expression),
    }
}

/// What `expression` divides by, if it is a division.
fn divisor(expression: &Expr) -> Option<&Expr> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { op: Operator::Divide | Operator::Modulo, right, .. }) => {
            Some(right)
        }
        Expr::ScalarFunction(call) if decimals::is_division(call) => call.args.get(1),
        _ => None,
    }
}

/// `expression` of what it may fail for only where that counts.
fn divided(
    mut expression: Expr,
    schema: &DFSchema,
    guards: &[Guard<'_>],
) -> Result<Transformed<Expr>> {
    let Some(of) = operand(&expression, schema).and_then(|of| kept(of, schema, guards)) else {
        return Ok(Transformed::no(expression));
    };
    match &mut expression {
        Expr::BinaryExpr(operation) => *operation.right = of,
        Expr::ScalarFunction(call) => call.args[1] = of,
        Expr::Cast(cast) => *cast.expr = of,
        _ => return internal_err!("nothing that fails"),
    }
    Ok(Transformed::yes(expression))
}

/// The divisor or text `of` where it counts, and else a number that is not zero or no text;
/// none if it always counts, or is one of these.
fn kept(of: &Expr, schema: &DFSchema, guards: &[Guard<'_>]) -> Option<Expr> {
    let known = inputs(of);
    if known.is_empty() || matches!(of, Expr::Case(_)) {
        return None;
    }
    let looks_at_them = |guard: &&Guard<'_>| {
        let seen = inputs(guard.condition);
        !seen.is_disjoint(&known) || seen.into_iter().any(is_computed_before)
    };
    let kind = of.get_type(schema).ok()?;
    let guards = guards.iter().filter(|guard| !(guard.casts && kind.is_string()));
    let guards = guards.filter(looks_at_them).take(MOST_GUARDS).copied();
    let counts = conjunction(guards.map(Guard::leaves_open))?;
    let other = not_zero(&kind).map(|other| Box::new(lit(other)));
    if other.is_none() && !kind.is_string() {
        return None;
    }
    let of = vec![(Box::new(counts), Box::new(of.clone()))];
    Some(Expr::Case(Case::new(None, of, other)))
}

/// The columns that `expression` looks at, and the items of a list.
fn inputs(expression: &Expr) -> HashSet<&Expr> {
    let mut found = HashSet::new();
    // It never fails.
    let _ = expression.apply(|part| {
        if matches!(part, Expr::Column(_) | Expr::LambdaVariable(_)) {
            found.insert(part);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// Whether a column is what the engine has computed once for several places: a condition
/// that stands in two of them looks at columns that are not seen here.
fn is_computed_before(input: &Expr) -> bool {
    matches!(input, Expr::Column(column) if column.name.starts_with("__common_expr"))
}

/// A number of the type `kind`, if those are not divided by zero.
fn not_zero(kind: &DataType) -> Option<ScalarValue> {
    match kind {
        DataType::Decimal128(digits, scale) => {
            Some(ScalarValue::Decimal128(Some(1), *digits, *scale))
        }
        kind if kind.is_integer() => ScalarValue::new_one(kind).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    const ROWS: &str = "(VALUES (1, 0), (4, 2), (9, 0), (6, NULL), (5, 5)) AS t(a, b)";

    #[tokio::test(flavor = "multi_thread")]
    async fn conditions_keep_zeros_from_divisions() {
        let session = Session::new(None, Settings::default()).unwrap();
        let no_zeros = format!("(SELECT * FROM {ROWS} WHERE b <> 0) AS s");
        for (from, condition, wanted) in [
            (ROWS, "b <> 0 AND a / b > 1", "4"),
            (ROWS, "b > 0 AND a * 1.0 / b > 1", "4"),
            (ROWS, "a * 1.0 / b > 1 AND b > 0", "4"),
            (ROWS, "b <> 0 AND a % b = 0", "4,5"),
            (ROWS, "b = 0 OR a / b > 1", "1,4,9"),
            (ROWS, "b < 9 AND (b = 0 OR a / b > 1)", "1,4,9"),
            (ROWS, "NOT (b = 0 OR a / b > 1)", "5"),
            (ROWS, "CASE WHEN b <> 0 THEN a / b > 1 ELSE false END", "4"),
            (ROWS, "list_filter([b], x -> x <> 0 AND a / x > 1) <> []", "4"),
            (no_zeros.as_str(), "a / b > 1", "4"),
            (no_zeros.as_str(), "a / b::decimal(5, 1) > 1.5", "4"),
        ] {
            let sql =
                format!("SELECT string_agg(a, ',' ORDER BY a) AS a FROM {from} WHERE {condition}");
            assert_eq!(answer(&session, &sql).await[1], wanted, "{sql}");
        }
        for (made, wanted) in [
            ("count(*) FILTER (WHERE b <> 0 AND a / b > 1)", "1"),
            ("count_if(b > 0 AND a * 1.0 / b > 1)", "1"),
            ("sum(CASE WHEN b <> 0 AND a % b = 0 THEN 1 ELSE 0 END)", "2"),
            ("bool_or(b <> 0 AND a / b > 1)", "true"),
        ] {
            let sql = format!("SELECT {made} AS n FROM {ROWS}");
            assert_eq!(answer(&session, &sql).await[1], wanted, "{sql}");
        }
        let sql =
            format!("SELECT a FROM {ROWS} GROUP BY a HAVING sum(b) > 0 AND max(a) / sum(b) > 1");
        assert_eq!(answer(&session, &sql).await, ["a", "4"]);
        let sql = format!(
            "SELECT a, b <> 0 AND a / b > 1 AS so, b <> 0 AS ok FROM {ROWS} ORDER BY a LIMIT 2"
        );
        assert_eq!(answer(&session, &sql).await, ["a|so|ok", "1|false|false", "4|true|true"]);
        let sql = format!(
            "SELECT a, CASE WHEN b <> 0 AND a / b > 1 THEN 'hi' WHEN b <> 0 THEN 'lo' END AS so
             FROM {ROWS} ORDER BY a LIMIT 3"
        );
        assert_eq!(answer(&session, &sql).await, ["a|so", "1|", "4|hi", "5|lo"]);
        let sql = format!("SELECT a, b <> 0 AND a / b > 1 AS so FROM {ROWS} ORDER BY a");
        let wanted = ["a|so", "1|false", "4|true", "5|false", "6|", "9|false"];
        assert_eq!(answer(&session, &sql).await, wanted);
        let key = "b <> 0 AND a / b > 1";
        let sql = format!(
            "SELECT {key} AS so, string_agg(a, ',' ORDER BY a) AS n FROM {ROWS}
             GROUP BY ROLLUP({key}) ORDER BY so, n"
        );
        let wanted = ["so|n", "false|1,5,9", "true|4", "|1,4,5,6,9", "|6"];
        assert_eq!(answer(&session, &sql).await, wanted);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_first_rows_by_a_quotient_are_of_those_that_a_condition_chooses() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.parquet").display().to_string();
        let session = Session::new(None, Settings::default()).unwrap();
        session.collect(&format!("COPY (SELECT * FROM {ROWS}) TO '{file}'")).await.unwrap();
        for (quotient, wanted) in [("a / b", "4|2"), ("a * 1.0 / b", "4|2.0"), ("a % b", "4|0")] {
            let sql = format!(
                "SELECT a, {quotient} AS r FROM '{file}' WHERE b > 0 ORDER BY r DESC, a LIMIT 1"
            );
            assert_eq!(answer(&session, &sql).await, ["a|r", wanted], "{sql}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn conditions_keep_texts_from_casts() {
        let session = Session::new(None, Settings::default()).unwrap();
        let rows = "(VALUES ('7', 1), ('x', 2), ('12', 3), (NULL, 4)) AS t(s, n)";
        let numbers = format!("(SELECT * FROM {rows} WHERE s <> 'x') AS u");
        for (from, condition, wanted) in [
            (rows, "s ~ '^[0-9]+$' AND s::int > 8", "3"),
            (rows, "s::int > 8 AND s <> 'x'", "3"),
            (rows, "s = 'x' OR s::int > 8", "2,3"),
            (rows, "s <> 'x' AND s::double / s::int = 1", "1,3"),
            (rows, "s <> 'x' AND s::int <> 7 AND 12 / (s::int - 7) = 2", "3"),
            (numbers.as_str(), "s::int > 8", "3"),
            (numbers.as_str(), "CAST(s AS DECIMAL(5, 1)) < 8", "1"),
        ] {
            let sql =
                format!("SELECT string_agg(n, ',' ORDER BY n) AS n FROM {from} WHERE {condition}");
            assert_eq!(answer(&session, &sql).await[1], wanted, "{sql}");
        }
        for condition in ["s::int > 8", "n < 9 AND s::int > 8"] {
            let error = session.collect(&format!("SELECT n FROM {rows} WHERE {condition}")).await;
            assert!(error.is_err(), "{condition}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn zeros_that_count_are_told() {
        let session = Session::new(None, Settings::default()).unwrap();
        for condition in ["a / b > 1", "b < 9 AND a / b > 1", "b < 9 AND a * 1.0 / b > 1"] {
            let error = session.collect(&format!("SELECT a FROM {ROWS} WHERE {condition}")).await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains("division by zero"), "{condition}: {error}");
        }
    }
}
