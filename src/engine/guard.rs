//! Statements that are refused before they are planned.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as PlanStatement};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Statement as SqlStatement, TableObject};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::script::{Statement, tokenize};
use super::settings::Settings;
use crate::error::{Error, Kind, Result};

/// Most operators in one statement. The planner walks an expression by
/// recursion, and a longer chain could overflow the stack.
const MAX_OPERATORS: usize = 4_000;

/// Most arithmetic operators in one statement: the planner's work grows with the
/// cube of the length of a chain of them, to seconds at a thousand.
const MAX_ARITHMETIC: usize = 1_000;

/// Most bytes in one statement.
const MAX_BYTES: usize = 64 << 20;

/// Refuses a statement that is too large to plan safely.
pub(super) fn check_size(statement: &Statement) -> Result<()> {
    let refuse = |what: String, hint: &str| {
        Err(Error::new(Kind::Limit, what).hint(hint).at(statement.place(1, 1, None)))
    };
    if statement.sql.len() > MAX_BYTES {
        return refuse(
            format!(
                "the statement has {} bytes, over the limit of {MAX_BYTES}",
                statement.sql.len()
            ),
            "put the values in a file and join it",
        );
    }
    // A statement cannot hold more operators than bytes, so short ones need no
    // second look.
    if statement.sql.len() < MAX_ARITHMETIC {
        return Ok(());
    }
    let tokens = tokenize(&statement.sql).unwrap_or_default();
    let count = |counts: fn(&Token) -> bool| {
        without_wildcards(&tokens).filter(|token| counts(token)).count()
    };
    let limits = [
        (count(is_operator), "operators", MAX_OPERATORS),
        (count(is_arithmetic), "arithmetic operators", MAX_ARITHMETIC),
    ];
    match limits.into_iter().find(|(count, _, limit)| count > limit) {
        Some((count, what, limit)) => refuse(
            format!("the statement has {count} {what}, over the limit of {limit}"),
            "use IN (...), sum() or a join in place of a long chain",
        ),
        None => Ok(()),
    }
}

/// The tokens but for blanks, and for each `*` that stands for all columns or rows and
/// multiplies nothing.
fn without_wildcards(tokens: &[TokenWithSpan]) -> impl Iterator<Item = &Token> {
    let mut before = None;
    let tokens = tokens.iter().map(|token| &token.token);
    tokens.filter(|token| !matches!(token, Token::Whitespace(_))).filter(move |token| {
        let follows = before.replace(*token);
        **token != Token::Mul || follows.is_some_and(ends_operand)
    })
}

/// Whether an operator may stand behind `token`.
fn ends_operand(token: &Token) -> bool {
    const BEFORE_WILDCARDS: [Keyword; 4] =
        [Keyword::SELECT, Keyword::DISTINCT, Keyword::ALL, Keyword::RETURNING];
    match token {
        Token::Comma | Token::LParen | Token::Period => false,
        Token::Word(word) => {
            word.quote_style.is_some() || !BEFORE_WILDCARDS.contains(&word.keyword)
        }
        _ => true,
    }
}

fn is_arithmetic(token: &Token) -> bool {
    use Token::{Div, Minus, Mod, Mul, Plus, StringConcat};
    matches!(token, Div | Minus | Mod | Mul | Plus | StringConcat)
}

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_none()
                && matches!(
                    word.value.to_ascii_uppercase().as_str(),
                    "AND" | "OR" | "UNION" | "NOT"
                )
        }
        Token::Whitespace(_)
        | Token::Comma
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::LParen
        | Token::RParen
        | Token::Period => false,
        _ => true,
    }
}

/// What is to be known of a read-only session where it refuses something.
pub(crate) const READ_ONLY: &str = "a read-only session writes no file but that of -o, and runs no program that may; start without --readonly";

/// What a plan does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only reads.
    Reads,
    /// It changes a setting of the session.
    Settings,
    /// It makes or drops something that lives in the session.
    Session,
    /// It writes data or files.
    Writes,
}

/// The effect of `plan`. Kinds of plan are listed one by one, so that a new kind
/// does not compile until somebody has thought about it.
pub(super) fn effect(plan: &LogicalPlan) -> Effect {
    match plan {
        LogicalPlan::Dml(_) | LogicalPlan::Copy(_) => Effect::Writes,
        LogicalPlan::Ddl(ddl) => match ddl {
            DdlStatement::CreateMemoryTable(_)
            | DdlStatement::CreateView(_)
            | DdlStatement::DropTable(_)
            | DdlStatement::DropView(_)
            | DdlStatement::CreateCatalogSchema(_)
            | DdlStatement::DropCatalogSchema(_)
            | DdlStatement::CreateFunction(_)
            | DdlStatement::DropFunction(_) => Effect::Session,
            DdlStatement::CreateExternalTable(_)
            | DdlStatement::CreateCatalog(_)
            | DdlStatement::CreateIndex(_) => Effect::Writes,
        },
        LogicalPlan::Statement(statement) => match statement {
            PlanStatement::SetVariable(_) | PlanStatement::ResetVariable(_) => Effect::Settings,
            PlanStatement::Prepare(_)
            | PlanStatement::Execute(_)
            | PlanStatement::Deallocate(_)
            | PlanStatement::TransactionStart(_)
            | PlanStatement::TransactionEnd(_) => Effect::Session,
        },
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => inner_effect(plan),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => Effect::Reads,
    }
}

/// EXPLAIN ANALYZE runs what it explains, so it has the effect of that.
fn inner_effect(plan: &LogicalPlan) -> Effect {
    plan.inputs().first().map_or(Effect::Reads, |inner| effect(inner))
}

/// Refuses what the session's settings forbid.
pub(super) fn check_effect(plan: &LogicalPlan, settings: &Settings) -> Result<()> {
    let effect = effect(plan);
    let refused = |flag, what| Error::query(format!("{what} is not allowed under {flag}"));
    match effect {
        Effect::Writes if settings.readonly => {
            Err(refused("--readonly", "a statement that writes").hint(READ_ONLY))
        }
        Effect::Writes if settings.safe => {
            Err(refused("--safe", "a statement that reads or writes other files"))
        }
        Effect::Settings if settings.safe => Err(refused("--safe", "SET")),
        _ => Ok(()),
    }
}

/// The time zone that `plan` sets for the session, if it does.
pub(super) fn new_timezone(plan: &LogicalPlan) -> Option<&str> {
    match plan {
        LogicalPlan::Statement(PlanStatement::SetVariable(set))
            if set.variable == "datafusion.execution.time_zone" =>
        {
            Some(&set.value)
        }
        _ => None,
    }
}

/// The table whose rows `parsed` changes, if it does.
pub(super) fn changed(parsed: &Parsed) -> Option<String> {
    let inner = match parsed {
        Parsed::Statement(statement) => statement.as_ref(),
        Parsed::Explain(explain) => return changed(&explain.statement),
        _ => return None,
    };
    let SqlStatement::Insert(insert) = inner else { return None };
    match &insert.table {
        TableObject::TableName(name) => Some(name.to_string().to_lowercase()),
        _ => None,
    }
}

/// The table or view that `plan` drops, if it does.
pub(super) fn dropped(plan: &LogicalPlan) -> Option<&str> {
    match plan {
        LogicalPlan::Ddl(DdlStatement::DropTable(drop)) => Some(drop.name.table()),
        LogicalPlan::Ddl(DdlStatement::DropView(drop)) => Some(drop.name.table()),
        _ => None,
    }
}

/// Whether `plan` reads a placeholder such as `$n`. Those of PREPARE are left to
/// EXECUTE.
pub(super) fn has_placeholders(plan: &LogicalPlan) -> bool {
    if matches!(plan, LogicalPlan::Statement(PlanStatement::Prepare(_))) {
        return false;
    }
    let mut found = false;
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|inner| {
                found |= matches!(inner, datafusion::logical_expr::Expr::Placeholder(_));
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    });
    walked.is_ok() && found
}

#[cfg(test)]
mod tests {
    use super::{check_size, is_arithmetic, without_wildcards};
    use crate::engine::script::{Statement, tokenize};

    #[test]
    fn a_star_that_stands_for_columns_or_rows_is_no_operator() {
        for (sql, count) in [
            ("SELECT *, t.* FROM t", 0),
            ("SELECT count(*), count(DISTINCT *) FROM (SELECT * FROM t)", 0),
            ("SELECT DISTINCT * FROM t UNION ALL SELECT ALL * FROM t", 0),
            ("SELECT a * b * 2 * \"select\" * (1) * $n * f(x)[1] * 'a'", 7),
            ("SELECT a*-b", 2),
        ] {
            let tokens = tokenize(sql).unwrap();
            let counted = without_wildcards(&tokens).filter(|token| is_arithmetic(token)).count();
            assert_eq!(counted, count, "{sql}");
        }
    }

    #[test]
    fn only_a_long_chain_is_refused() {
        let statement =
            |sql: String| Statement { sql, file: None, line: 1, column: 1, prefix: String::new() };
        let nested = format!("{}SELECT 1{}", "SELECT * FROM (".repeat(3_000), ")".repeat(3_000));
        check_size(&statement(nested)).unwrap();
        let error = check_size(&statement(format!("SELECT 2{}", "*2".repeat(1_001)))).unwrap_err();
        assert!(error.message().contains("1001 arithmetic operators"), "{error}");
    }
}
