//! Aggregates over posts as aggregates over the rows of a roll-up.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::expr::{AggregateFunction, Case, ScalarFunction};
use datafusion::logical_expr::{AggregateUDF, Cast, Expr, ExprSchemable, cast, lit};

use super::super::checked_arithmetic;
use super::super::checked_sum::CheckedSum;
use super::input::Input;
use super::spans::Origins;
use crate::index::{COUNTS, LAST_POSTED_AT, Measure, ROLLUP_POSTS, Size};

/// Below this, sums in floating point are exact in any order.
const EXACT: u128 = 1 << 53;

/// Floating-point literals that are averaged are whole numbers up to this.
const LARGEST_LITERAL: f64 = 1024.0;

/// The call in an aggregate expression.
pub(super) fn function(aggregate: &Expr) -> Option<&AggregateFunction> {
    match aggregate {
        Expr::AggregateFunction(call) => Some(call),
        Expr::Alias(alias) => function(&alias.expr),
        _ => None,
    }
}

/// The sums over the rows of a roll-up that results are made from.
pub(super) struct Sums<'a> {
    input: &'a Input,
    size: Size,
    partial: Vec<Expr>,
}

impl<'a> Sums<'a> {
    /// No sums yet over `input`, whose roll-up is of the given size.
    pub(super) fn new(input: &'a Input, size: Size) -> Self {
        Self { input, size, partial: Vec::new() }
    }

    /// The aggregates over the roll-up, whose names results refer to.
    pub(super) fn into_partial(self) -> Vec<Expr> {
        self.partial
    }

    /// The result of `aggregate`; none if the roll-up does not have it.
    pub(super) fn result(&mut self, aggregate: &Expr) -> Option<Expr> {
        let call = function(aggregate)?;
        let params = &call.params;
        let [argument] = params.args.as_slice() else { return None };
        let filter = params.filter.as_deref();
        if !params.order_by.is_empty()
            || params.null_treatment.is_some()
            || filter.is_some_and(|filter| !self.input.is_common(filter))
        {
            return None;
        }
        let name = call.func.name();
        let takes_any_number = params.distinct || matches!(name, "min" | "max");
        if takes_any_number && self.input.is_common(argument) {
            let is_known = matches!(name, "count" | "min" | "max");
            return is_known.then(|| self.add(Expr::AggregateFunction(call.clone())));
        }
        if params.distinct {
            return None;
        }
        match name {
            "count" => {
                let known = self.known(argument, filter)?;
                Some(coalesce(vec![known, lit(0_i64)]))
            }
            "sum" => self.sum(argument, filter),
            "avg" => self.average(argument, filter),
            "min" | "max" => self.extreme(call, argument),
            _ => None,
        }
    }

    /// For how many posts `argument` is not NULL.
    fn known(&mut self, argument: &Expr, filter: Option<&Expr>) -> Option<Expr> {
        if matches!(argument, Expr::Literal(value, _) if !value.is_null()) {
            return self.total(self.input.own_column(ROLLUP_POSTS)?, filter);
        }
        if let Some(count) = self.count(argument) {
            return self.total(self.input.own_column(&Measure::Known.column(count))?, filter);
        }
        if self.input.is_time(argument) || self.input.is_common(argument) {
            return self.posts_with(argument, filter);
        }
        None
    }

    /// The number of posts for which `expression`, which they have in common, is
    /// not NULL.
    fn posts_with(&mut self, expression: &Expr, filter: Option<&Expr>) -> Option<Expr> {
        let is_known = expression.clone().is_not_null();
        let filter = match filter {
            Some(filter) => filter.clone().and(is_known),
            None => is_known,
        };
        self.total(self.input.own_column(ROLLUP_POSTS)?, Some(&filter))
    }

    fn sum(&mut self, argument: &Expr, filter: Option<&Expr>) -> Option<Expr> {
        if let Some(count) = self.count(argument) {
            self.is_exact(self.magnitude(count)).then_some(())?;
            return self.total(self.input.own_column(&Measure::Sum.column(count))?, filter);
        }
        if self.input.is_common(argument) {
            let kind = argument.get_type(self.input.plan().schema()).ok()?;
            let posts = self.input.own_column(ROLLUP_POSTS)?;
            let weighted = checked_arithmetic::times(argument.clone(), posts);
            return if kind == DataType::Int64 { self.total(weighted, filter) } else { None };
        }
        let linear = self.linear(argument)?;
        self.sum_of_linear(&linear, filter)
    }

    fn sum_of_linear(&mut self, linear: &Linear, filter: Option<&Expr>) -> Option<Expr> {
        if linear.is_null {
            return Some(lit(ScalarValue::Int64(None)));
        }
        let posts = self.input.own_column(ROLLUP_POSTS)?;
        let mut sum = lit(linear.constant) * posts;
        let mut magnitude =
            u128::from(linear.constant.unsigned_abs()) * u128::from(self.input.posts());
        for (count, factor) in COUNTS.iter().zip(linear.factors).filter(|(_, factor)| *factor != 0)
        {
            magnitude += self.magnitude(count) * u128::from(factor.unsigned_abs());
            sum = sum + lit(factor) * self.input.own_column(&Measure::Sum.column(count))?;
        }
        self.is_exact(magnitude).then_some(())?;
        self.total(sum, filter)
    }

    fn average(&mut self, argument: &Expr, filter: Option<&Expr>) -> Option<Expr> {
        let (sum, known) = match argument {
            Expr::Cast(Cast { expr, field }) if *field.data_type() == DataType::Float64 => {
                self.sum_and_known(expr, filter)?
            }
            _ if self.input.is_common(argument) && is_whole(argument) => {
                let posts = self.input.own_column(ROLLUP_POSTS)?;
                self.is_exact(u128::from(self.input.posts()) * LARGEST_LITERAL as u128)
                    .then_some(())?;
                // Whole numbers are the same as decimals and as doubles.
                let value = cast(argument.clone(), DataType::Float64);
                let weighted = value * cast(posts, DataType::Float64);
                (self.total(weighted, filter)?, self.posts_with(argument, filter)?)
            }
            whole => self.sum_and_known(whole, filter)?,
        };
        Some(cast(sum, DataType::Float64) / cast(known, DataType::Float64))
    }

    /// The sum of whole numbers that are averaged, and how many are known.
    fn sum_and_known(&mut self, whole: &Expr, filter: Option<&Expr>) -> Option<(Expr, Expr)> {
        let known = match self.count(whole) {
            Some(_) => self.known(whole, filter)?,
            None => {
                self.linear(whole)?;
                self.total(self.input.own_column(ROLLUP_POSTS)?, filter)?
            }
        };
        Some((self.sum(whole, filter)?, known))
    }

    /// The least or greatest count, or time.
    fn extreme(&mut self, call: &AggregateFunction, argument: &Expr) -> Option<Expr> {
        let is_least = call.func.name() == "min";
        let column = if self.input.is_time(argument) {
            if is_least { argument.clone() } else { self.input.own_column(LAST_POSTED_AT)? }
        } else {
            let measure = if is_least { Measure::Min } else { Measure::Max };
            self.input.own_column(&measure.column(self.count(argument)?))?
        };
        let mut call = call.clone();
        call.params.args = vec![column];
        Some(self.add(Expr::AggregateFunction(call)))
    }

    /// The sum of `expression` over the rows of the roll-up.
    fn total(&mut self, expression: Expr, filter: Option<&Expr>) -> Option<Expr> {
        let sum = Arc::new(AggregateUDF::from(CheckedSum::default()));
        let filter = filter.map(|filter| Box::new(filter.clone()));
        let call =
            AggregateFunction::new_udf(sum, vec![expression], false, filter, Vec::new(), None);
        Some(self.add(Expr::AggregateFunction(call)))
    }

    /// Takes an aggregate over the roll-up in; gives the column of its result.
    fn add(&mut self, aggregate: Expr) -> Expr {
        let name = format!("rollup_{}", self.partial.len());
        self.partial.push(aggregate.alias(&name));
        Expr::Column(Column::new_unqualified(name))
    }

    /// The count of posts that `expression` is.
    fn count(&self, expression: &Expr) -> Option<&'static str> {
        let Expr::Column(column) = expression else { return None };
        let name = self.input.column_of_posts(column)?;
        COUNTS.into_iter().find(|count| *count == name)
    }

    fn magnitude(&self, count: &str) -> u128 {
        let counts = COUNTS.iter().zip(self.size.magnitudes);
        counts.filter(|(name, _)| **name == count).map(|(_, sum)| u128::from(sum)).sum()
    }

    /// Whether no order of adding numbers of that magnitude together, for each
    /// post as often as it comes, rounds or overflows.
    fn is_exact(&self, magnitude: u128) -> bool {
        magnitude.saturating_mul(u128::from(self.input.fanout())) < EXACT
    }

    /// `expression` as a sum of counts, if it is one and each count is known for
    /// all posts, or for none.
    fn linear(&self, expression: &Expr) -> Option<Linear> {
        match expression {
            Expr::Column(_) => {
                let count = self.count(expression)?;
                match self.input.nulls(count)? {
                    0 => Some(Linear::of(count)),
                    nulls if nulls == self.input.posts() => Some(Linear::null()),
                    _ => None,
                }
            }
            Expr::Literal(ScalarValue::Int64(Some(value)), _) => Some(Linear::constant(*value)),
            Expr::Alias(alias) => self.linear(&alias.expr),
            Expr::ScalarFunction(call) => self.linear_call(call),
            Expr::Case(case) => self.linear_case(case),
            _ => None,
        }
    }

    fn linear_call(&self, call: &ScalarFunction) -> Option<Linear> {
        let [left, right] = call.args.as_slice() else { return None };
        let (left, right) = (self.linear(left)?, self.linear(right)?);
        match call.name() {
            "checked_add" => left.plus(right, 1),
            "checked_subtract" => left.plus(right, -1),
            "coalesce" => Some(if left.is_null { right } else { left }),
            _ => None,
        }
    }

    /// `coalesce` after the engine wrote it out.
    fn linear_case(&self, case: &Case) -> Option<Linear> {
        let [(when, then)] = case.when_then_expr.as_slice() else { return None };
        let Expr::IsNotNull(subject) = when.as_ref() else { return None };
        if case.expr.is_some() || subject != then {
            return None;
        }
        let known = self.linear(then)?;
        if known.is_null { self.linear(case.else_expr.as_deref()?) } else { Some(known) }
    }
}

/// A sum of counts, each some times, and a constant.
#[derive(Debug, Clone, Copy, Default)]
struct Linear {
    factors: [i64; COUNTS.len()],
    constant: i64,
    /// Whether it is NULL for all posts.
    is_null: bool,
}

impl Linear {
    fn of(count: &str) -> Self {
        let factors = COUNTS.map(|name| i64::from(name == count));
        Self { factors, ..Self::default() }
    }

    fn constant(constant: i64) -> Self {
        Self { constant, ..Self::default() }
    }

    fn null() -> Self {
        Self { is_null: true, ..Self::default() }
    }

    /// This and `other`, `times` times.
    fn plus(mut self, other: Self, times: i64) -> Option<Self> {
        for (factor, more) in self.factors.iter_mut().zip(other.factors) {
            *factor = factor.checked_add(more.checked_mul(times)?)?;
        }
        self.constant = self.constant.checked_add(other.constant.checked_mul(times)?)?;
        self.is_null |= other.is_null;
        Some(self)
    }
}

/// Whether all values of `expression` are small whole numbers, or NULL.
fn is_whole(expression: &Expr) -> bool {
    match expression {
        Expr::Literal(ScalarValue::Float64(value), _) => {
            value.is_none_or(|value| value.fract() == 0.0 && value.abs() <= LARGEST_LITERAL)
        }
        Expr::Literal(ScalarValue::Decimal128(value, _, scale), _) => {
            let one = u32::try_from(*scale).ok().and_then(|scale| 10_i128.checked_pow(scale));
            let is_whole = |value: i128, one: i128| {
                value % one == 0 && (value / one).unsigned_abs() <= LARGEST_LITERAL as u128
            };
            value.is_none_or(|value| one.is_some_and(|one| is_whole(value, one)))
        }
        Expr::Alias(alias) => is_whole(&alias.expr),
        Expr::Case(case) => {
            case.when_then_expr.iter().all(|(_, then)| is_whole(then))
                && case.else_expr.as_deref().is_none_or(is_whole)
        }
        _ => false,
    }
}
