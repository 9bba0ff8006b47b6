//! Which expressions are the same for all posts of one row of a roll-up.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, Operator};

use crate::index::Shape;
use crate::store::Snapshot;

/// Names of the zone of UTC.
const UTC: &[&str] =
    &["UTC", "Etc/UTC", "Etc/UCT", "Etc/Zulu", "Zulu", "UCT", "Z", "+00:00", "+00"];

/// Names of the zone that is always eight hours ahead.
const EIGHT_HOURS_AHEAD: &[&str] = &["+08:00", "+08", "Etc/GMT-8"];

/// Names of China's zone, which had summer time until 1991.
const CHINA: &[&str] = &["Asia/Shanghai", "Asia/Chongqing", "Asia/Chungking", "Asia/Harbin", "PRC"];

/// The beginning of 1992 in China, in microseconds.
const YEAR_1992: i64 = 694_195_200_000_000;

/// Where a column of a plan comes from.
pub(super) trait Origins {
    /// The column of posts that `column` is; none if it is another table's, or
    /// one that was found to be common already.
    fn column_of_posts(&self, column: &datafusion::common::Column) -> Option<&str>;
}

/// Whether days and months of `zone` are made of whole spans, for all posts of
/// `snapshot`.
pub(super) fn fit(zone: &str, snapshot: &Snapshot) -> bool {
    if UTC.contains(&zone) || EIGHT_HOURS_AHEAD.contains(&zone) {
        return true;
    }
    let Some(position) = snapshot.table.index("posted_at") else { return false };
    CHINA.contains(&zone)
        && snapshot.files.iter().all(|file| {
            let column = file.statistics.column_statistics.get(position);
            match column.and_then(|column| column.min_value.get_value()) {
                Some(ScalarValue::TimestampMicrosecond(Some(first), _)) => *first >= YEAR_1992,
                _ => false,
            }
        })
}

/// What is asked of an expression.
pub(super) struct Common<'a, O: Origins> {
    /// Where columns come from.
    pub(super) origins: &'a O,
    /// The roll-up.
    pub(super) shape: Shape,
    /// Whether days and months of the session are made of whole spans.
    pub(super) days_fit: bool,
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
            Expr::Between(between) if self.is_between(between) => true,
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

    /// `date_trunc` and `date_part` by days or months.
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
        let is_long = match unit.as_str() {
            "year" | "quarter" | "month" => true,
            "week" | "day" => self.shape == Shape::Time,
            "dow" | "isodow" | "doy" => self.shape == Shape::Time && call.name() == "date_part",
            _ => false,
        };
        let is_known = matches!(call.name(), "date_trunc" | "date_part");
        is_known && is_long && self.days_fit && self.is_local_time(time)
    }

    /// The day of the post.
    fn is_date(&self, cast: &Cast) -> bool {
        let is_day = *cast.field.data_type() == datafusion::arrow::datatypes::DataType::Date32;
        is_day && self.shape == Shape::Time && self.days_fit && self.is_local_time(&cast.expr)
    }

    /// A comparison with an instant at which a span begins.
    fn is_range(&self, comparison: &BinaryExpr) -> bool {
        let BinaryExpr { left, op, right } = comparison;
        if self.is_time(left) {
            return self.is_border(*op, right);
        }
        self.is_time(right) && op.swap().is_some_and(|op| self.is_border(op, left))
    }

    fn is_between(&self, between: &Between) -> bool {
        self.is_time(&between.expr)
            && self.is_border(Operator::GtEq, &between.low)
            && self.is_border(Operator::LtEq, &between.high)
    }

    /// Whether all instants of a span are alike in being `op` than `instant`.
    fn is_border(&self, op: Operator, instant: &Expr) -> bool {
        let Expr::Literal(ScalarValue::TimestampMicrosecond(Some(micros), Some(_)), _) = instant
        else {
            return false;
        };
        match op {
            Operator::GtEq | Operator::Lt => self.shape.grain().begins_at(*micros),
            Operator::Gt | Operator::LtEq => {
                micros.checked_add(1).is_some_and(|next| self.shape.grain().begins_at(next))
            }
            _ => false,
        }
    }
}
