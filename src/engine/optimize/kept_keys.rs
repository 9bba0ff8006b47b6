//! Keys and conditions of joins that stay what they are while the engine moves them about.
//!
//! The engine takes inner joins apart, and joins their tables by the keys of all of them. A
//! key of several tables, such as `a.n + b.n` in `a.n + b.n = c.n`, it lost on the way, and
//! gave all pairs of rows. That unknown keys are equal, as in `a.k IS NOT DISTINCT FROM b.k`,
//! it says of a whole join, and so of keys that came to it from other conditions and joins,
//! or in the end of none. And `0 = a.n` in a join, which it writes the other way round
//! elsewhere, is to it another condition than `a.n = 0`, so that no row has both.
//!
//! So before its rules do that, keys become conditions again, conditions are turned round,
//! or a join is put out of their sight.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, NullEquality, Result};
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, Operator, Projection};
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::{Optimizer, OptimizerConfig};

use super::around::{Rule, around};

/// What is done to a plan before a rule sees it.
type Prepare = fn(LogicalPlan) -> Result<Transformed<LogicalPlan>>;

/// The engine's rules for logical plans, of which none loses or mixes what is in a join.
pub(super) fn rules() -> Vec<Rule> {
    let rules = Optimizer::new().rules;
    let rules = around(rules, &ExtractEquijoinPredicate::new(), |engine, plan, config| {
        prepared(engine, plain_conditions, plan, config)
    });
    around(rules, &EliminateCrossJoin::new(), |engine, plan, config| {
        prepared(engine, out_of_sight, plan, config)
    })
}

/// What one of the engine's rules makes of a plan that is prepared for it.
fn prepared(
    engine: &Rule,
    prepare: Prepare,
    plan: LogicalPlan,
    config: &dyn OptimizerConfig,
) -> Result<Transformed<LogicalPlan>> {
    let prepared = prepare(plan)?;
    let mut rewritten = engine.rewrite(prepared.data, config)?;
    rewritten.transformed |= prepared.transformed;
    Ok(rewritten)
}

/// A join with conditions that are all turned the same way. Keys of which unknown ones are
/// equal are among them: there may be others that become keys.
fn plain_conditions(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Join(mut join) = plan else { return Ok(Transformed::no(plan)) };
    let Some(condition) = join.filter.take() else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    let turned = condition.transform_up(|part| Ok(column_first(part)))?;
    let mut is_changed = turned.transformed;
    join.filter = Some(turned.data);
    if are_unknown_keys_equal(&join) && !join.null_aware {
        let keys = std::mem::take(&mut join.on).into_iter().map(|(left, right)| {
            let (left, right) = (Box::new(left), Box::new(right));
            Expr::BinaryExpr(BinaryExpr::new(left, Operator::IsNotDistinctFrom, right))
        });
        join.filter = conjunction(keys.chain(join.filter.take()));
        join.null_equality = NullEquality::NullEqualsNothing;
        is_changed = true;
    }
    Ok(Transformed::new(LogicalPlan::Join(join), is_changed, TreeNodeRecursion::Continue))
}

/// `0 = a.n` as `a.n = 0`.
fn column_first(part: Expr) -> Transformed<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = part else {
        return Transformed::no(part);
    };
    let is_turned = matches!(*left, Expr::Literal(..)) && !matches!(*right, Expr::Literal(..));
    match op.swap().filter(|_| is_turned) {
        Some(op) => Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(right, op, left))),
        None => Transformed::no(Expr::BinaryExpr(BinaryExpr::new(left, op, right))),
    }
}

/// A plan in which the joins that the engine takes apart have no such keys: behind a
/// projection of all its columns a join is a table like others. The engine takes that away
/// again later on.
fn out_of_sight(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => Ok(apart(join)),
        node => Ok(Transformed::no(node)),
    })
}

fn apart(mut join: Join) -> Transformed<LogicalPlan> {
    let is_apart = are_unknown_keys_equal(&join);
    let left = is_apart || join.on.iter().any(|(key, _)| !is_of_one_table(key, &join.left));
    let right = is_apart || join.on.iter().any(|(_, key)| !is_of_one_table(key, &join.right));
    for (side, is_hidden) in [(&mut join.left, left), (&mut join.right, right)] {
        if is_hidden && matches!(&**side, LogicalPlan::Join(_)) {
            *side = Arc::new(all_of(Arc::clone(side)));
        }
    }
    let joined = LogicalPlan::Join(join);
    if is_apart {
        return Transformed::yes(all_of(Arc::new(joined)));
    }
    Transformed::new(joined, left || right, TreeNodeRecursion::Continue)
}

/// Whether all columns of `key` are of one of the tables that are joined in `plan`.
fn is_of_one_table(key: &Expr, plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            is_of_one_table(key, &join.left) || is_of_one_table(key, &join.right)
        }
        table => key.column_refs().into_iter().all(|column| table.schema().has_column(column)),
    }
}

fn are_unknown_keys_equal(join: &Join) -> bool {
    join.null_equality == NullEquality::NullEqualsNull
}

/// All columns of `plan`.
fn all_of(plan: Arc<LogicalPlan>) -> LogicalPlan {
    let schema = Arc::clone(plan.schema());
    LogicalPlan::Projection(Projection::new_from_schema(plan, schema))
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    async fn session() -> Session {
        let session = Session::new(None, Settings::default()).unwrap();
        for sql in [
            "CREATE TABLE a AS SELECT * FROM (VALUES (1, 'x', 1), (2, NULL, 1), (3, NULL, NULL))
             AS t(id, k, g)",
            "CREATE TABLE p AS SELECT * FROM (VALUES (1, 'x', 1), (2, NULL, NULL), (3, NULL, 1))
             AS t(id, k, g)",
        ] {
            session.collect(sql).await.unwrap();
        }
        session
    }

    #[tokio::test]
    async fn unknown_keys_are_equal_where_that_is_said_and_nowhere_else() {
        let session = session().await;
        let on = "a JOIN p ON a.k IS NOT DISTINCT FROM p.k";
        for (sql, wanted) in [
            (
                format!("SELECT a.id, p.id FROM {on}"),
                &["1|1", "2|2", "2|3", "3|2", "3|3"] as &[&str],
            ),
            (format!("SELECT a.id, p.id FROM {on} AND a.g = p.g"), &["1|1", "2|3"]),
            (format!("SELECT a.id, p.id FROM {on} WHERE a.g = p.g"), &["1|1", "2|3"]),
            (
                format!(
                    "SELECT a, p FROM (SELECT a.id AS a, p.id AS p, a.g AS ag, p.g AS pg
                                       FROM {on}) s WHERE ag = pg"
                ),
                &["1|1", "2|3"],
            ),
            (
                "SELECT a.id, p.id FROM a LEFT JOIN p ON a.k IS NOT DISTINCT FROM p.k AND
                 a.g = p.g"
                    .to_owned(),
                &["1|1", "2|3", "3|"],
            ),
            (
                format!("SELECT a.id, p.id FROM {on} JOIN a AS b ON a.id = b.id"),
                &["1|1", "2|2", "2|3", "3|2", "3|3"],
            ),
            (
                format!("SELECT a.id, p.id FROM {on} CROSS JOIN (SELECT DISTINCT k FROM p) AS b"),
                &["1|1", "1|1", "2|2", "2|2", "2|3", "2|3", "3|2", "3|2", "3|3", "3|3"],
            ),
            (
                "SELECT a.id, b.id FROM a JOIN p ON a.k = p.k JOIN a AS b ON a.g IS NOT DISTINCT
                 FROM b.g"
                    .to_owned(),
                &["1|1", "1|2"],
            ),
            (
                format!(
                    "SELECT a.id, b.id FROM {on} JOIN a AS b ON p.id = b.id AND p.g IS NOT DISTINCT
                     FROM a.g"
                ),
                &["1|1", "2|3", "3|2"],
            ),
        ] {
            let sql = format!("{sql} ORDER BY 1, 2");
            assert_eq!(answer(&session, &sql).await[1..], *wanted, "{sql}");
        }
    }

    #[tokio::test]
    async fn keys_of_several_tables_are_not_lost() {
        let session = session().await;
        for (sql, wanted) in [
            (
                "SELECT a.id, p.id FROM a CROSS JOIN p
                 JOIN a AS c ON a.id = c.id AND a.id + p.id = c.id + 1",
                &["1|1", "2|1", "3|1"] as &[&str],
            ),
            (
                "SELECT a.id, p.id FROM a JOIN p ON a.id < p.id
                 JOIN a AS c ON a.id = c.id AND abs(a.id - p.id) = c.id",
                &["1|2"],
            ),
            (
                "SELECT a.id, d.id
                 FROM a JOIN (SELECT c.id, p.g FROM p JOIN a AS c ON p.id = c.id) AS d
                 ON a.id = d.id AND a.g + 1 = d.id + d.g",
                &["1|1"],
            ),
            (
                "SELECT a.id, p.id FROM a JOIN p ON a.k IS NOT DISTINCT FROM p.k
                 JOIN a AS c ON a.id = c.id AND a.id + p.id = c.id + 2",
                &["2|2", "3|2"],
            ),
        ] {
            let sql = format!("{sql} ORDER BY 1, 2");
            assert_eq!(answer(&session, &sql).await[1..], *wanted, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_condition_says_the_same_both_ways_round() {
        let session = session().await;
        for (sql, wanted) in [
            (
                "SELECT a.id, p.id FROM a LEFT JOIN p ON a.g = p.g AND 1 = a.g",
                &["1|1", "1|3", "2|1", "2|3", "3|"] as &[&str],
            ),
            (
                "SELECT a.id, EXISTS (SELECT 1 FROM p WHERE 1 = a.g AND p.g = a.g) FROM a",
                &["1|true", "2|true", "3|false"],
            ),
            (
                "SELECT a.id, p.id FROM a LEFT JOIN p ON a.id = p.id AND p.id <= 2 AND 2 > p.id",
                &["1|1", "2|", "3|"],
            ),
        ] {
            let sql = format!("{sql} ORDER BY 1, 2");
            assert_eq!(answer(&session, &sql).await[1..], *wanted, "{sql}");
        }
    }

    #[tokio::test]
    async fn such_joins_are_still_by_their_keys() {
        let session = session().await;
        let on = "a JOIN p ON a.k IS NOT DISTINCT FROM p.k";
        for tables in [on, &format!("{on} JOIN a AS b ON a.id = b.id")] {
            let plan = answer(&session, &format!("EXPLAIN SELECT a.id FROM {tables}")).await;
            let plan = plan.join("\n");
            assert!(plan.contains("NullsEqual: true") && !plan.contains("NestedLoop"), "{plan}");
        }
    }
}
