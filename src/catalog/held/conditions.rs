//! Conditions whose answers last, and what is noted of them while rows are read.
//!
//! Who searches texts mostly searches for the same words again, with other columns,
//! groups or months. Data files never change, so the rows that pass do not either.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Volatility;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr,
};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

/// Whether `condition` is one on texts, and for the same texts always has the same
/// answer. Only what is known to be so is; settings such as the time zone change what
/// other columns look like as texts.
pub(super) fn lasts(condition: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    let (mut lasts, mut reads) = (true, false);
    let walked = condition.apply(|part| {
        lasts = match part.downcast_ref::<Column>() {
            Some(column) => {
                reads = true;
                is_text(schema, column)
            }
            None => is_plain(part.as_ref()),
        };
        Ok(if lasts { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    walked.is_ok() && lasts && reads
}

fn is_text(schema: &Schema, column: &Column) -> bool {
    let field = schema.fields().get(column.index());
    field.is_some_and(|field| field.data_type() == &DataType::Utf8View)
}

/// Whether an expression gives the same whenever what is below it does.
fn is_plain(expression: &dyn PhysicalExpr) -> bool {
    if let Some(call) = expression.downcast_ref::<ScalarFunctionExpr>() {
        return call.fun().signature().volatility == Volatility::Immutable;
    }
    expression.is::<Literal>()
        || expression.is::<BinaryExpr>()
        || expression.is::<LikeExpr>()
        || expression.is::<InListExpr>()
        || expression.is::<NotExpr>()
        || expression.is::<IsNullExpr>()
        || expression.is::<IsNotNullExpr>()
        || expression.is::<CastExpr>()
}

/// Which rows of a row group pass a condition, as far as they were looked at in order.
#[derive(Default)]
pub(super) struct Note {
    passing: Option<BooleanBufferBuilder>,
}

impl Note {
    /// Of a condition that is worth it.
    pub(super) fn of_rows(rows: usize) -> Self {
        Self { passing: Some(BooleanBufferBuilder::new(rows)) }
    }

    /// Notes which rows from `row` on are `passing`; rows that were left out before
    /// make it useless.
    pub(super) fn add(&mut self, row: Option<usize>, passing: &BooleanArray) {
        match &mut self.passing {
            Some(noted) if row == Some(noted.len()) => noted.append_buffer(passing.values()),
            _ => self.passing = None,
        }
    }

    /// Which of the `rows` of the row group pass, if all of them are noted.
    pub(super) fn of_all(self, rows: usize) -> Option<ArrayRef> {
        let mut noted = self.passing.filter(|noted| noted.len() == rows)?;
        Some(Arc::new(BooleanArray::from(noted.finish())))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{Field, TimeUnit};
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::expressions::{binary, cast, col, like, lit};

    use super::*;

    #[test]
    fn only_conditions_on_texts_last() {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("+08:00".into()));
        let schema = Schema::new(vec![
            Field::new("text", DataType::Utf8View, true),
            Field::new("posted_at", time, true),
        ]);
        let text = || col("text", &schema).unwrap();
        let word = lit(ScalarValue::Utf8View(Some("%应急%".to_owned())));
        let liked = like(false, false, text(), word, &schema).unwrap();
        assert!(lasts(&liked, &schema));
        let instant = cast(col("posted_at", &schema).unwrap(), &schema, DataType::Utf8View);
        let compared = binary(text(), Operator::Lt, instant.unwrap(), &schema).unwrap();
        assert!(!lasts(&compared, &schema), "it depends on the time zone");
        let both = binary(liked, Operator::And, compared, &schema).unwrap();
        assert!(!lasts(&both, &schema));
        assert!(!lasts(&lit(true), &schema), "nothing is read for it");
    }

    #[test]
    fn what_passes_is_known_when_all_rows_were_asked_in_order() {
        let passing = BooleanArray::from(vec![true, false, true]);
        let noted = |rows: &[Option<usize>]| {
            let mut note = Note::of_rows(6);
            rows.iter().for_each(|row| note.add(*row, &passing));
            note.of_all(6)
        };
        let all = noted(&[Some(0), Some(3)]).unwrap();
        let twice = BooleanArray::from(vec![true, false, true, true, false, true]);
        assert_eq!(all.as_ref(), &twice as &dyn datafusion::arrow::array::Array);
        assert!(noted(&[Some(0)]).is_none());
        assert!(noted(&[Some(3), Some(0)]).is_none());
        assert!(noted(&[Some(0), None, Some(3)]).is_none());
        assert!(noted(&[Some(0), Some(0)]).is_none());
    }
}
