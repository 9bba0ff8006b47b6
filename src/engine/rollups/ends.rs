//! Ranges of time whose ends do not fall on the spans of a roll-up: whole spans
//! come from the roll-up, the posts before and after them one by one, each as a
//! row that stands for one post.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, ExprSchema, Result, ScalarValue, TableReference};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, LogicalPlan, Projection, TableScan, TableScanBuilder, Union, lit,
    when,
};

use super::spans::{Border, Common, Origins, Whole};
use crate::index::{COUNTS, Grain, LAST_POSTED_AT, Measure, ROLLUP_POSTS};

/// The range of time that filters let pass.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ends {
    from: Option<i64>,
    to: Option<i64>,
}

impl Ends {
    /// The range that `filters` let pass; none if there are no limits.
    pub(super) fn of<O: Origins>(filters: &[Expr], common: &Common<'_, O>) -> Option<Self> {
        let mut ends = Self::default();
        for filter in filters {
            ends.narrow(filter, common);
        }
        (ends.from.is_some() || ends.to.is_some()).then_some(ends)
    }

    fn narrow<O: Origins>(&mut self, filter: &Expr, common: &Common<'_, O>) {
        match filter {
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: datafusion::logical_expr::Operator::And,
                right,
            }) => {
                self.narrow(left, common);
                self.narrow(right, common);
            }
            Expr::BinaryExpr(comparison) => match common.border(comparison) {
                Some(Border::From(from)) => self.from = self.from.max(Some(from)),
                Some(Border::To(to)) => self.to = Some(self.to.map_or(to, |other| other.min(to))),
                None => {}
            },
            _ => {}
        }
    }

    /// The whole spans in the range; none if there are none.
    pub(super) fn whole(&self, grain: Grain) -> Option<Whole> {
        let from = match self.from {
            Some(from) => Some(grain.next_beginning(from)?),
            None => None,
        };
        let to = match self.to {
            Some(to) => Some(grain.last_beginning(to)?),
            None => None,
        };
        let is_empty = from.zip(to).is_some_and(|(from, to)| from >= to);
        (!is_empty).then_some(Whole { from, to })
    }

    /// The rows of `rollup` in the whole spans, and the posts of `scan` in the
    /// rest of the range.
    pub(super) fn around(
        &self,
        rollup: LogicalPlan,
        whole: Whole,
        scan: &TableScan,
    ) -> Result<LogicalPlan> {
        if (self.from, self.to) == (whole.from, whole.to) {
            return Ok(rollup);
        }
        let columns = rollup.schema().columns();
        let Some(time) = columns.iter().find(|column| column.name == "posted_at") else {
            return Ok(rollup);
        };
        let kind = rollup.schema().field_from_column(time)?.data_type().clone();
        let between = |from, to| between(time, &kind, from, to);
        let inside = between(whole.from, whole.to);
        let before = (self.from != whole.from).then(|| between(self.from, whole.from));
        let after = (self.to != whole.to).then(|| between(whole.to, self.to));
        let outside = before.into_iter().chain(after).reduce(Expr::or);
        let posts =
            TableScanBuilder::new(scan.table_name.clone(), Arc::clone(&scan.source)).build()?;
        let posts = filtered(LogicalPlan::TableScan(posts), outside)?;
        let posts = projected(posts, columns.iter().map(of_one_post))?;
        let rollup = projected(filtered(rollup, Some(inside))?, columns.into_iter().map(Ok))?;
        let both = Union::try_new(vec![Arc::new(rollup), Arc::new(posts)])?;
        let both = LogicalPlan::Union(both);
        let names = both.schema().columns().into_iter();
        let table: TableReference = scan.table_name.clone();
        let named = names.map(|column| {
            let name = column.name.clone();
            Expr::Column(column).alias_qualified(Some(table.clone()), name)
        });
        Ok(LogicalPlan::Projection(Projection::try_new(named.collect(), Arc::new(both))?))
    }
}

/// The condition that `time` lies in a range.
fn between(time: &Column, kind: &DataType, from: Option<i64>, to: Option<i64>) -> Expr {
    let zone = match kind {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let instant = |micros| lit(ScalarValue::TimestampMicrosecond(Some(micros), zone.clone()));
    let time = Expr::Column(time.clone());
    let from = from.map(|from| time.clone().gt_eq(instant(from)));
    let to = to.map(|to| time.clone().lt(instant(to)));
    from.into_iter().chain(to).reduce(Expr::and).unwrap_or_else(|| lit(true))
}

fn filtered(plan: LogicalPlan, condition: Option<Expr>) -> Result<LogicalPlan> {
    match condition {
        Some(condition) => Ok(LogicalPlan::Filter(Filter::try_new(condition, Arc::new(plan))?)),
        None => Ok(plan),
    }
}

fn projected<C: Into<Expr>>(
    plan: LogicalPlan,
    columns: impl Iterator<Item = Result<C>>,
) -> Result<LogicalPlan> {
    let columns = columns.map(|column| Ok(column?.into())).collect::<Result<Vec<Expr>>>()?;
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?))
}

/// What a roll-up would say in `column` of a single post.
fn of_one_post(column: &Column) -> Result<Expr> {
    let of_post = |name: &str| Expr::Column(Column::new(column.relation.clone(), name));
    let value = match column.name.as_str() {
        ROLLUP_POSTS => lit(1_i64),
        LAST_POSTED_AT => of_post("posted_at"),
        name => match of_count(name) {
            Some((Measure::Known, count)) => {
                when(of_post(count).is_not_null(), lit(1_i64)).otherwise(lit(0_i64))?
            }
            Some((_, count)) => of_post(count),
            None => return Ok(of_post(name)),
        },
    };
    Ok(value.alias_qualified(column.relation.clone(), &column.name))
}

/// What the roll-up's column called `name` says of which count.
fn of_count(name: &str) -> Option<(Measure, &'static str)> {
    COUNTS.into_iter().find_map(|count| {
        let measure = Measure::ALL.into_iter().find(|measure| measure.column(count) == name)?;
        Some((measure, count))
    })
}
