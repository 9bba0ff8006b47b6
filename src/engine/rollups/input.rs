//! The input of an aggregate with a roll-up in the place of the posts.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{Column, Result};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{
    Expr, Filter, Join, JoinType, LogicalPlan, Projection, SubqueryAlias, TableScan,
    TableScanBuilder,
};

use super::super::note;
use super::ends::Ends;
use super::spans::{self, Common, Origins, Whole};
use crate::catalog::{RollupTable, StoreTable};
use crate::index::{self, COUNTS, PREFIX, Shape, Size};
use crate::store::Snapshot;

/// The input, and what is known of it.
pub(super) struct Input {
    plan: LogicalPlan,
    /// The columns of the input before that are columns of posts, by their
    /// whole names.
    origins: HashMap<String, String>,
    snapshot: Arc<Snapshot>,
    shape: Shape,
    ahead: Option<i64>,
    /// The part of time that rows of the roll-up are read of.
    whole: Whole,
    /// How often a post may come, at most.
    fanout: u64,
}

impl Origins for Input {
    fn column_of_posts(&self, column: &Column) -> Option<&str> {
        self.origins.get(&column.flat_name()).map(String::as_str)
    }
}

impl Input {
    /// `plan` over the roll-up of `shape`; none if its rows would not stand for
    /// the rows of `plan`.
    pub(super) fn of(plan: &LogicalPlan, shape: Shape, zone: &str) -> Result<Option<Self>> {
        match plan {
            LogicalPlan::TableScan(scan) => Self::of_scan(scan, shape, zone),
            LogicalPlan::SubqueryAlias(alias) => {
                let Some(input) = Self::of(&alias.input, shape, zone)? else { return Ok(None) };
                input.renamed(alias).map(Some)
            }
            LogicalPlan::Filter(filter) => {
                let Some(input) = Self::of(&filter.input, shape, zone)? else { return Ok(None) };
                input.filtered(filter)
            }
            LogicalPlan::Projection(projection) => {
                let Some(input) = Self::of(&projection.input, shape, zone)? else {
                    return Ok(None);
                };
                input.projected(projection)
            }
            LogicalPlan::Join(join) => Self::of_join(join, shape, zone),
            _ => Ok(None),
        }
    }

    fn of_scan(scan: &TableScan, shape: Shape, zone: &str) -> Result<Option<Self>> {
        let Some(table) = StoreTable::of_scan(scan) else { return Ok(None) };
        let snapshot = Arc::clone(table.snapshot());
        let is_kept = |name: &str| {
            name == "posted_at" || shape.dimensions().contains(&name) || COUNTS.contains(&name)
        };
        let columns = scan.projected_schema.columns();
        let fits = index::covers(snapshot.table)
            && scan.fetch.is_none()
            && columns.iter().all(|column| is_kept(&column.name));
        if !fits {
            return Ok(None);
        }
        let rollup = RollupTable::new(Arc::clone(&snapshot), shape, zone);
        let words = format!("by {}", shape.words());
        let plan =
            TableScanBuilder::new(scan.table_name.clone(), provider_as_source(Arc::new(rollup)))
                .with_filters(vec![note::note(note::ROLLUP, &words)])
                .build()?;
        let origins = columns.into_iter().map(|column| (column.flat_name(), column.name)).collect();
        let ahead = spans::ahead(zone, &snapshot);
        let plan = LogicalPlan::TableScan(plan);
        let whole = Whole { from: None, to: None };
        let mut input = Self { plan, origins, snapshot, shape, ahead, whole, fanout: 1 };
        if let Some(ends) = Ends::of(&scan.filters, &input.common()) {
            let Some(whole) = ends.whole(shape.grain()) else { return Ok(None) };
            input.plan = ends.around(input.plan, whole, scan)?;
            input.whole = whole;
        }
        Ok(scan.filters.iter().all(|filter| input.is_common(filter)).then_some(input))
    }

    fn renamed(mut self, alias: &SubqueryAlias) -> Result<Self> {
        let renamed = |column: Column| Column::new(Some(alias.alias.clone()), column.name);
        let before = alias.input.schema().columns();
        let origins = before.into_iter().filter_map(|column| {
            let origin = self.origins.get(&column.flat_name())?.clone();
            Some((renamed(column).flat_name(), origin))
        });
        self.origins = origins.collect();
        let plan = SubqueryAlias::try_new(Arc::new(self.plan), alias.alias.clone())?;
        Ok(Self { plan: LogicalPlan::SubqueryAlias(plan), ..self })
    }

    fn filtered(self, filter: &Filter) -> Result<Option<Self>> {
        if !self.is_common(&filter.predicate) {
            return Ok(None);
        }
        let plan = Filter::try_new(filter.predicate.clone(), Arc::new(self.plan.clone()))?;
        Ok(Some(Self { plan: LogicalPlan::Filter(plan), ..self }))
    }

    fn projected(mut self, projection: &Projection) -> Result<Option<Self>> {
        let mut expressions = Vec::new();
        let mut origins = HashMap::new();
        for (expression, name) in projection.expr.iter().zip(projection.schema.columns()) {
            let plain = match expression {
                Expr::Alias(alias) => alias.expr.as_ref(),
                other => other,
            };
            let origin = match plain {
                Expr::Column(column) => self.column_of_posts(column),
                _ => None,
            };
            let is_common = self.is_common(expression);
            if let Some(origin) = origin {
                origins.insert(name.flat_name(), origin.to_owned());
                // What the roll-up says of a count goes by other names.
                if COUNTS.contains(&origin) {
                    continue;
                }
            } else if !is_common {
                if !self.common().is_day(plain) {
                    return Ok(None);
                }
                origins.insert(name.flat_name(), spans::DAY_POSTED.to_owned());
            }
            expressions.push(expression.clone());
        }
        expressions.extend(self.own_columns().map(Expr::Column));
        self.origins = origins;
        let plan = Projection::try_new(expressions, Arc::new(self.plan))?;
        Ok(Some(Self { plan: LogicalPlan::Projection(plan), ..self }))
    }

    fn of_join(join: &Join, shape: Shape, zone: &str) -> Result<Option<Self>> {
        use JoinType::{Inner, Left, LeftAnti, LeftSemi, Right, RightAnti, RightSemi};
        let (keeps_left, keeps_right) = match join.join_type {
            Inner => (true, true),
            Left | LeftSemi | LeftAnti => (true, false),
            Right | RightSemi | RightAnti => (false, true),
            _ => (false, false),
        };
        if join.null_aware {
            return Ok(None);
        }
        if keeps_left && let Some(left) = Self::of(&join.left, shape, zone)? {
            let plan = Arc::new(left.plan.clone());
            return left.joined(join, plan, Arc::clone(&join.right), &join.right);
        }
        if keeps_right && let Some(right) = Self::of(&join.right, shape, zone)? {
            let plan = Arc::new(right.plan.clone());
            return right.joined(join, Arc::clone(&join.left), plan, &join.left);
        }
        Ok(None)
    }

    /// The join of `left` and `right`, of which `other` is not this one.
    fn joined(
        self,
        join: &Join,
        left: Arc<LogicalPlan>,
        right: Arc<LogicalPlan>,
        other: &LogicalPlan,
    ) -> Result<Option<Self>> {
        let conditions = join.on.iter().flat_map(|(left, right)| [left, right]).chain(&join.filter);
        let Some(rows) = most_rows(other) else { return Ok(None) };
        if !conditions.into_iter().all(|condition| self.is_common(condition)) {
            return Ok(None);
        }
        let plan = Join::try_new(
            left,
            right,
            join.on.clone(),
            join.filter.clone(),
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?;
        let fanout = self.fanout.saturating_mul(rows.max(1));
        Ok(Some(Self { plan: LogicalPlan::Join(plan), fanout, ..self }))
    }

    /// Whether `expression` has one value for all posts of a row.
    pub(super) fn is_common(&self, expression: &Expr) -> bool {
        self.common().is_common(expression)
    }

    /// Whether `expression` is the time of the post.
    pub(super) fn is_time(&self, expression: &Expr) -> bool {
        self.common().is_time(expression)
    }

    fn common(&self) -> Common<'_, Self> {
        Common { origins: self, shape: self.shape, ahead: self.ahead, whole: self.whole }
    }

    /// The columns that only the roll-up has.
    fn own_columns(&self) -> impl Iterator<Item = Column> + use<> {
        let columns = self.plan.schema().columns();
        columns.into_iter().filter(|column| column.name.starts_with(PREFIX))
    }

    /// The roll-up's column called `name`.
    pub(super) fn own_column(&self, name: &str) -> Option<Expr> {
        self.own_columns().find(|column| column.name == name).map(Expr::Column)
    }

    /// How large the roll-up is; none if there is none for all posts.
    pub(super) fn size(&self) -> Option<Size> {
        Some(self.snapshot.rollup(self.shape)?.size())
    }

    /// How many posts there are.
    pub(super) fn posts(&self) -> u64 {
        self.snapshot.rows()
    }

    /// How often a post may come, at most.
    pub(super) fn fanout(&self) -> u64 {
        self.fanout
    }

    /// For how many posts the column called `name` is NULL, if that is known.
    pub(super) fn nulls(&self, name: &str) -> Option<u64> {
        let position = self.snapshot.table.index(name)?;
        let nulls = self.snapshot.files.iter().map(|file| {
            let column = file.statistics.column_statistics.get(position)?;
            match column.null_count {
                datafusion::common::stats::Precision::Exact(nulls) => Some(nulls as u64),
                _ => None,
            }
        });
        nulls.sum()
    }

    /// The plan.
    pub(super) fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// The plan, to be used.
    pub(super) fn into_plan(self) -> LogicalPlan {
        self.plan
    }
}

/// How many rows `plan` gives at most, if that is known.
fn most_rows(plan: &LogicalPlan) -> Option<u64> {
    match plan {
        LogicalPlan::TableScan(scan) => Some(StoreTable::of_scan(scan)?.snapshot().rows()),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_) => most_rows(plan.inputs().first()?),
        LogicalPlan::Aggregate(aggregate) => Some(most_rows(&aggregate.input)?.max(1)),
        LogicalPlan::Join(join) => {
            let (left, right) = (most_rows(&join.left)?, most_rows(&join.right)?);
            Some(left.max(1).saturating_mul(right.max(1)))
        }
        _ => None,
    }
}
