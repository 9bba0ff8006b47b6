//! Which expressions are the same for all posts of one row of a roll-up.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Operator};

use crate::index::Shape;
use crate::store::Snapshot;

/// Names of the zone of UTC.
const UTC: &[&str] =
    &["UTC", "Etc/UTC", "Etc/UCT", "Etc/Zulu", "Zulu", "UCT", "Z", "+00:00", "+00"];

/// Names of the zone that is always eight hours ahead.
const EIGHT_HOURS_AHEAD: &[&str] = &["+08:00", "+08", "Etc/GMT-8"];

/// Names of China's zone, which had summer time until 1991.
const CHINA: &[&str] = &["Asia/Shanghai", "Asia/Chongqing", "Asia/Chungking", "Asia/Harbin", "PRC"];

/// Microseconds of eight hours and of a day.
const EIGHT_HOURS: i64 = DAY / 3;
const DAY: i64 = 86_400_000_000;

/// The beginning of 1992 in China, in microseconds.
const YEAR_1992: i64 = 694_195_200_000_000;

/// The origin of a column that holds the day of the post.
pub(super) const DAY_POSTED: &str = "the day of posted_at";

/// Where a column of a plan comes from.
pub(super) trait Origins {
    /// The column of posts that `column` is; none if it is another table's, or
    /// one that was found to be common already.
    fn column_of_posts(&self, column: &datafusion::common::Column) -> Option<&str>;
}

/// By how many microseconds `zone` is ahead of UTC, if its days and months are
/// made of whole spans for all posts of `snapshot`.
pub(super) fn ahead(zone: &str, snapshot: &Snapshot) -> Option<i64> {
    if UTC.contains(&zone) {
        return Some(0);
    }
    let is_ahead = EIGHT_HOURS_AHEAD.contains(&zone)
        || (CHINA.contains(&zone) && has_no_summer_time(snapshot));
    is_ahead.then_some(EIGHT_HOURS)
}

/// Whether all posts are of years without summer time in China.
fn has_no_summer_time(snapshot: &Snapshot) -> bool {
    let Some(position) = snapshot.table.index("posted_at") else { return false };
    snapshot.files.iter().all(|file| {
        let column = file.statistics.column_statistics.get(position);
        match column.and_then(|column| column.min_value.get_value()) {
            Some(ScalarValue::TimestampMicrosecond(Some(first), _)) => *first >= YEAR_1992,
            _ => false,
        }
    })
}

/// Of a range of time the part that is made of whole spans; posts outside of it
/// are looked at one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    /// When it begins, if there is a first span.
    pub(super) from: Option<i64>,
    /// When it is over, if there is a last one.
    pub(super) to: Option<i64>,
}

/// One end of a range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Border {
    /// Posts from this instant on.
    From(i64),
    /// Posts before this instant.
    To(i64),
}

/// What is asked of an expression.
pub(super) struct Common<'a, O: Origins> {
    /// Where columns come from.
    pub(super) origins: &'a O,
    /// The roll-up.
    pub(super) shape: Shape,
    /// By how much the session's zone is ahead of UTC, if its days and months
    /// are made of whole spans.
    pub(super) ahead: Option<i64>,
    /// The part of time that the rows are of, if there is a limit.
    pub(super) whole: Whole,
}

impl<O: Origins> Common<'_, O> {
    /// Whether `expression` has one value for all posts of a row, and that the
    /// value for the row.
    pub(super) fn is_common(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Literal(..) => true,
            Expr::Column(column) => match self.origins.column_of_posts(column) {
                None => true,
                Some(name) => self.shape.dimensions().contains(&name),
            },
            Expr::IsNull(inner) | Expr::IsNotNull(inner) if self.is_time(inner) => true,
            Expr::BinaryExpr(comparison) if self.is_range(comparison) => true,
            Expr::ScalarFunction(call) if self.is_date_part(call) => true,
            Expr::Cast(cast) if self.is_date(cast) => true,
            Expr::Alias(_)
            | Expr::BinaryExpr(_)
            | Expr::Like(_)
            | Expr::SimilarTo(_)
            | Expr::Not(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNotFalse(_)
            | Expr::IsNotUnknown(_)
            | Expr::Negative(_)
            | Expr::Between(_)
            | Expr::Case(_)
            | Expr::Cast(_)
            | Expr::TryCast(_)
            | Expr::InList(_) => self.are_parts_common(expression),
            Expr::ScalarFunction(_) => {
                !expression.is_volatile_node() && self.are_parts_common(expression)
            }
            _ => false,
        }
    }

    fn are_parts_common(&self, expression: &Expr) -> bool {
        let mut all = true;
        let visited = expression.apply_children(|part| {
            all &= self.is_common(part);
            Ok(if all { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
        });
        visited.is_ok() && all
    }

    /// Whether `expression` is the time of the post.
    pub(super) fn is_time(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Column(column) => self.origins.column_of_posts(column) == Some("posted_at"),
            _ => false,
        }
    }

    /// Whether `expression` is the time of the post, also on the wall.
    fn is_local_time(&self, expression: &Expr) -> bool {
        match expression {
            Expr::ScalarFunction(call) if call.name() == "to_local_time" => {
                call.args.first().is_some_and(|time| self.is_time(time))
            }
            other => self.is_time(other),
        }
    }

    /// `date_trunc` and `date_part` by hours, days or months, as far as the roll-up
    /// keeps them apart.
    fn is_date_part(&self, call: &ScalarFunction) -> bool {
        let [unit, time] = call.args.as_slice() else { return false };
        let unit = match unit {
            Expr::Literal(
                ScalarValue::Utf8(Some(unit))
                | ScalarValue::LargeUtf8(Some(unit))
                | ScalarValue::Utf8View(Some(unit)),
                _,
            ) => unit.to_ascii_lowercase(),
            _ => return false,
        };
        let has_days = matches!(self.shape, Shape::Time | Shape::Clock);
        let is_part = call.name() == "date_part";
        let is_kept = match unit.as_str() {
            "year" | "quarter" | "month" => true,
            "week" | "day" => has_days,
            "dow" | "isodow" | "doy" => has_days && is_part,
            "hour" => self.shape == Shape::Clock || (self.shape == Shape::Hour && is_part),
            _ => false,
        };
        let is_known = is_part || call.name() == "date_trunc";
        is_known && is_kept && self.ahead.is_some() && self.is_local_time(time)
    }

    /// The day of the post.
    fn is_date(&self, cast: &Cast) -> bool {
        let is_day = *cast.field.data_type() == DataType::Date32;
        is_day
            && matches!(self.shape, Shape::Time | Shape::Clock)
            && self.ahead.is_some()
            && self.is_local_time(&cast.expr)
    }

    /// A comparison that is alike for all instants of each span.
    fn is_range(&self, comparison: &BinaryExpr) -> bool {
        let Some(Border::From(border) | Border::To(border)) = self.border(comparison) else {
            return false;
        };
        self.shape.grain().begins_at(border)
            || self.whole.from.is_some_and(|from| border <= from)
            || self.whole.to.is_some_and(|to| border >= to)
    }

    /// The border of the range of time that a comparison lets pass, if it is one
    /// of the time of the post, or its day, with a literal.
    pub(super) fn border(&self, comparison: &BinaryExpr) -> Option<Border> {
        let BinaryExpr { left, op, right } = comparison;
        let border = |subject: &Expr, op: Operator, literal: &Expr| {
            let Expr::Literal(value, _) = literal else { return None };
            // From the border on, and from the one after it on.
            let (at, after) = match value {
                ScalarValue::TimestampMicrosecond(Some(micros), Some(_))
                    if self.is_time(subject) =>
                {
                    (*micros, micros.checked_add(1)?)
                }
                ScalarValue::Date32(Some(day)) if self.is_day(subject) => {
                    let at = i64::from(*day) * DAY - self.ahead?;
                    (at, at + DAY)
                }
                _ => return None,
            };
            match op {
                Operator::GtEq => Some(Border::From(at)),
                Operator::Gt => Some(Border::From(after)),
                Operator::Lt => Some(Border::To(at)),
                Operator::LtEq => Some(Border::To(after)),
                _ => None,
            }
        };
        border(left, *op, right).or_else(|| border(right, op.swap()?, left))
    }

    /// Whether `expression` is the day of the post as a date.
    pub(super) fn is_day(&self, expression: &Expr) -> bool {
        if let Expr::Column(column) = expression {
            return self.origins.column_of_posts(column) == Some(DAY_POSTED);
        }
        let Expr::Cast(Cast { expr, field }) = expression else { return false };
        if *field.data_type() != DataType::Date32 {
            return false;
        }
        match expr.as_ref() {
            Expr::ScalarFunction(call) if call.name() == "date_trunc" => match call.args.as_slice()
            {
                [Expr::Literal(unit, _), time] => {
                    let is_day = unit.try_as_str().flatten().is_some_and(|unit| unit == "day");
                    is_day && self.is_local_time(time)
                }
                _ => false,
            },
            time => self.is_local_time(time),
        }
    }
}
