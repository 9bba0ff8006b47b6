//! Aggregates that give their rows an order of their own: `array_agg(x ORDER BY y)`,
//! `string_agg(x, ',' ORDER BY y)`, `nth_value(x, 2 ORDER BY y)`.
//!
//! Where the rows come in the reverse of an order that is asked for, the engine turns the
//! function around. It forgets so of lists of distinct values, and of lists in windows,
//! which then end where they should begin. Several orders at once it refuses, and of
//! `array_agg(DISTINCT x ORDER BY x)[2]` it makes an `nth_value` of all values. Here each
//! function puts its own rows in order, however they come. The order of `any_value` it
//! forgets: with one, this is the first value that is known.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::functions_aggregate::{array_agg, nth_value, string_agg};
use datafusion::functions_nested::extract::array_element;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams, NullTreatment};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GetFieldAccess,
    GroupsAccumulator, LogicalPlan, ReversedUDAF, Signature,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::prelude::SessionContext;

use super::listed_rows::{ListedRows, OneList};
use super::made_lists::Made;
use super::wrapped::as_the_engine_says;
use super::{distinct_texts, moving, rewrite};

/// The function that makes a list.
const LIST: &str = "array_agg";

/// Puts these functions in the place of the engine's own.
pub(super) fn register(context: &SessionContext) {
    for engine in [array_agg::array_agg_udaf(), string_agg::string_agg_udaf()] {
        context.register_udaf(AggregateUDF::from(Listed { engine }));
    }
    context.register_udaf(nth());
}

fn nth() -> AggregateUDF {
    AggregateUDF::from(Nth { engine: nth_value::nth_value_udaf() })
}

/// Plans `array_agg(x ORDER BY y)[2]`.
#[derive(Debug)]
pub(super) struct PlanItem;

impl ExprPlanner for PlanItem {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let RawFieldAccessExpr { expr, field_access } = access;
        Ok(match (expr, field_access) {
            (Expr::AggregateFunction(list), GetFieldAccess::ListIndex { key })
                if list.func.name() == LIST =>
            {
                PlannerResult::Planned(item(list, *key))
            }
            (expr, field_access) => {
                PlannerResult::Original(RawFieldAccessExpr { expr, field_access })
            }
        })
    }
}

/// The item of `list` at `place`; the list is not made where a number says which it is.
fn item(list: AggregateFunction, place: Expr) -> Expr {
    let is_number =
        matches!(place, Expr::Literal(ScalarValue::Int64(Some(number)), _) if number != 0);
    if !is_number || list.params.distinct || list.params.null_treatment.is_some() {
        return array_element(Expr::AggregateFunction(list), place);
    }
    let AggregateFunctionParams { mut args, filter, order_by, .. } = list.params;
    args.push(place);
    let nth = Arc::new(nth());
    Expr::AggregateFunction(AggregateFunction::new_udf(nth, args, false, filter, order_by, None))
}

/// Makes `first_value(x ORDER BY y) IGNORE NULLS` of `any_value(x ORDER BY y)`.
#[derive(Debug)]
pub(super) struct FirstKnown;

impl AnalyzerRule for FirstKnown {
    fn name(&self) -> &'static str {
        "first_known"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::some_expressions(plan, is_any_in_order, &|expression, _| {
            Ok(match expression {
                Expr::AggregateFunction(AggregateFunction { params, .. }) => {
                    let AggregateFunctionParams { args, filter, order_by, .. } = params;
                    let first = first_value_udaf();
                    let known = Some(NullTreatment::IgnoreNulls);
                    Transformed::yes(Expr::AggregateFunction(AggregateFunction::new_udf(
                        first, args, false, filter, order_by, known,
                    )))
                }
                other => Transformed::no(other),
            })
        })
    }
}

fn is_any_in_order(part: &Expr) -> bool {
    match part {
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            func.name() == "any_value" && !params.order_by.is_empty()
        }
        _ => false,
    }
}

/// A function that makes a list, or a text of one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Listed {
    engine: Arc<AggregateUDF>,
}

impl Listed {
    /// Whether the engine sorts the rows in any case, in the order that it is told.
    fn is_sorted_anyway(&self, args: &AccumulatorArgs<'_>) -> bool {
        args.is_distinct || self.name() != LIST
    }

    /// The order that the engine is told in the place of its reverse.
    fn turned_back(&self, args: &AccumulatorArgs<'_>) -> Option<Vec<PhysicalSortExpr>> {
        let is_turned = args.is_reversed && self.is_sorted_anyway(args);
        is_turned.then(|| args.order_bys.iter().map(PhysicalSortExpr::reverse).collect())
    }

    /// What is made, if it is known beforehand.
    fn made(&self, args: &AccumulatorArgs<'_>) -> Option<Made> {
        if self.name() == LIST { Made::list(args) } else { Made::text(args) }
    }

    /// What puts rows in the order that is asked for; `None` if the engine's own does.
    fn rows(&self, args: &AccumulatorArgs<'_>) -> Result<Option<ListedRows>> {
        match self.made(args) {
            Some(made) if !args.is_distinct && !args.order_bys.is_empty() => {
                ListedRows::of(made, args)
            }
            _ => Ok(None),
        }
    }

    /// What keeps the rows of all groups at once; `None` if the engine's own does, or each
    /// group has one of its own.
    fn groups(&self, args: AccumulatorArgs<'_>) -> Result<Option<Box<dyn GroupsAccumulator>>> {
        if args.order_bys.is_empty() && args.is_reversed {
            return Ok(None);
        }
        if let Some(asked) = self.turned_back(&args) {
            let args = AccumulatorArgs { order_bys: &asked, is_reversed: false, ..args };
            return self.groups(args);
        }
        if !args.is_distinct {
            let rows = self.rows(&args)?;
            return Ok(rows.map(|rows| Box::new(rows) as Box<dyn GroupsAccumulator>));
        }
        // The engine refuses another order.
        let by = args.order_bys.first();
        if by.is_some() && !is_ordered_by_itself(&args) {
            return Ok(None);
        }
        let kind = args.expr_fields[0].data_type();
        let order = by.map(|by| by.options);
        Ok(self.made(&args).and_then(|made| distinct_texts::listed(made, order, kind)))
    }

    /// What goes over the rows of a window that come from the last to the first.
    fn backwards(&self, args: &AccumulatorArgs<'_>) -> Option<Box<dyn Accumulator>> {
        let is_backwards = args.is_reversed && args.order_bys.is_empty();
        is_backwards.then(|| moving::each_time(&self.engine, args))
    }
}

impl AggregateUDFImpl for Listed {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn aliases(&self) -> &[String];
        fn signature(&self) -> &Signature;
        fn return_type(&self, arguments: &[DataType]) -> Result<DataType>;
        fn supports_null_handling_clause(&self) -> bool;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if let Some(backwards) = self.backwards(&args) {
            return Ok(backwards);
        }
        if let Some(asked) = self.turned_back(&args) {
            let args = AccumulatorArgs { order_bys: &asked, is_reversed: false, ..args };
            return self.accumulator(args);
        }
        match self.rows(&args)? {
            Some(rows) => Ok(Box::new(OneList::of(rows))),
            None => self.engine.accumulator(args),
        }
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        match self.backwards(&args) {
            Some(backwards) => Ok(backwards),
            None => self.engine.create_sliding_accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        match ListedRows::state_fields(&args) {
            Some(fields) => Ok(fields),
            None => self.engine.state_fields(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        matches!(self.groups(args.clone()), Ok(Some(_)))
            || self.engine.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        match self.groups(args.clone())? {
            Some(groups) => Ok(groups),
            None => self.engine.create_groups_accumulator(args),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        // Rows that are sorted already are sorted again in no time; others are not sorted
        // first, for each group is sorted by itself.
        AggregateOrderSensitivity::Beneficial
    }

    fn with_beneficial_ordering(
        self: Arc<Self>,
        is_ordered: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        let ordered = Arc::clone(self.engine.inner()).with_beneficial_ordering(is_ordered)?;
        Ok(Some(match ordered {
            Some(ordered) => {
                Arc::new(Self { engine: Arc::new(AggregateUDF::new_from_shared_impl(ordered)) })
            }
            None => self,
        }))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Reversed(Arc::new(AggregateUDF::from(self.clone())))
    }
}

/// `nth_value`, which keeps as many rows as it counts.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Nth {
    engine: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Nth {
    as_the_engine_says! {
        fn name(&self) -> &str;
        fn signature(&self) -> &Signature;
        fn return_type(&self, arguments: &[DataType]) -> Result<DataType>;
        fn documentation(&self) -> Option<&Documentation>;
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct && !is_ordered_by_itself(&args) {
            return Err(refused(
                "distinct values have no order but their own",
                "order them by themselves, as in nth_value(DISTINCT likes, 2 ORDER BY likes DESC)",
            ));
        }
        if number(&args) == Some(0) {
            return Err(refused(
                "nth_value counts from 1",
                "the first value is nth_value(likes, 1 ORDER BY posted_at), the last is at -1",
            ));
        }
        // The engine's own looks at the number.
        let engine = self.engine.accumulator(args.clone())?;
        if args.order_bys.is_empty() {
            return Ok(engine);
        }
        Ok(Box::new(First::of(&args)?))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if args.ordering_fields.is_empty() {
            return self.engine.state_fields(args);
        }
        let kinds = [args.input_fields[0].data_type().clone(), DataType::Binary];
        let fields = ["values", "places"].iter().zip(kinds).map(|(part, kind)| {
            let item = Field::new_list_field(kind, true);
            Arc::new(Field::new_list(format_state_name(args.name, part), item, true))
        });
        Ok(fields.collect())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Beneficial
    }

    fn with_beneficial_ordering(
        self: Arc<Self>,
        _is_ordered: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        Ok(Some(self))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::NotSupported
    }
}

/// Whether values are ordered by nothing but themselves.
fn is_ordered_by_itself(args: &AccumulatorArgs<'_>) -> bool {
    matches!(args.order_bys, [by] if by.expr.eq(&args.exprs[0]))
}

/// The place that is asked for.
fn number(args: &AccumulatorArgs<'_>) -> Option<i64> {
    match args.exprs.get(1)?.downcast_ref::<Literal>()?.value() {
        ScalarValue::Int64(number) => *number,
        _ => None,
    }
}

fn refused(message: &str, advice: &str) -> DataFusionError {
    DataFusionError::External(Box::new(crate::Error::query(message).hint(advice)))
}

/// The first rows in an order.
#[derive(Debug)]
struct First {
    /// The type of the values.
    kind: DataType,
    /// How many rows count.
    rows: usize,
    /// Whether each value counts once.
    is_distinct: bool,
    converter: RowConverter,
    /// What each row is ordered by, in bytes that compare as it does, and its value.
    kept: Vec<(Box<[u8]>, ScalarValue)>,
}

impl First {
    fn of(args: &AccumulatorArgs<'_>) -> Result<Self> {
        let Some(number) = number(args) else {
            return internal_err!("nth_value counts to one number");
        };
        let fields = args.order_bys.iter().map(|by| {
            // From the end: the first rows in the reverse order.
            let options = if number < 0 { !by.options } else { by.options };
            Ok(SortField::new_with_options(by.expr.data_type(args.schema)?, options))
        });
        Ok(Self {
            kind: args.expr_fields[0].data_type().clone(),
            rows: usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX),
            is_distinct: args.is_distinct,
            converter: RowConverter::new(fields.collect::<Result<_>>()?)?,
            kept: Vec::new(),
        })
    }

    /// Takes the row `at` of `values` in, if it is one of the first at its `place`.
    fn add(&mut self, place: &[u8], values: &ArrayRef, at: usize) -> Result<()> {
        let before = self.kept.partition_point(|(other, _)| &**other <= place);
        let is_known = before > 0 && &*self.kept[before - 1].0 == place;
        if before == self.rows || (self.is_distinct && is_known) {
            return Ok(());
        }
        let value = ScalarValue::try_from_array(values, at)?.compacted();
        self.kept.insert(before, (place.into(), value));
        self.kept.truncate(self.rows);
        Ok(())
    }
}

impl Accumulator for First {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // The number comes between.
        let [values, _, by @ ..] = values else {
            return internal_err!("nth_value was not given a value and a number");
        };
        let places = self.converter.convert_columns(by)?;
        (0..values.len()).try_for_each(|at| self.add(places.row(at).data(), values, at))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, places] = states else { return internal_err!("not values and places") };
        for (values, places) in values.as_list::<i32>().iter().zip(places.as_list::<i32>().iter()) {
            let (Some(values), Some(places)) = (values, places) else { continue };
            let places = places.as_binary::<i32>();
            (0..values.len()).try_for_each(|at| self.add(places.value(at), &values, at))?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let places: BinaryArray = self.kept.iter().map(|(place, _)| Some(place)).collect();
        let values: Vec<_> = self.kept.iter().map(|(_, value)| value.clone()).collect();
        Ok(vec![
            ScalarValue::List(ScalarValue::new_list_nullable(&values, &self.kind)),
            SingleRowListArrayBuilder::new(Arc::new(places)).build_list_scalar(),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match self.rows.checked_sub(1).and_then(|last| self.kept.get(last)) {
            Some((_, value)) => Ok(value.clone()),
            None => ScalarValue::try_from(&self.kind),
        }
    }

    fn size(&self) -> usize {
        let kept = self.kept.iter().map(|(place, value)| place.len() + value.size());
        let room = (self.kept.capacity() - self.kept.len()) * size_of::<(Box<[u8]>, ScalarValue)>();
        size_of_val(self) + room + kept.sum::<usize>() + self.converter.size()
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// The rows of two groups that are alike, each in two parts.
    const ROWS: &str = "(SELECT * FROM (VALUES ('a', 3, 1), ('b', 1, 1), ('b', 5, 1), ('a', 3, 2),
                           ('b', 1, 2), ('b', 5, 2)) AS one
                         UNION ALL
                         SELECT * FROM (VALUES ('c', 2, 1), (NULL, 4, 1), ('c', 2, 2), (NULL, 4, 2)) AS other
                        ) AS t(x, y, g)";

    fn session(threads: usize) -> Session {
        Session::new(None, Settings { threads, ..Settings::default() }).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_function_has_the_order_that_it_asks_for() {
        let list = |inside: &str| format!("array_to_string(array_agg({inside}), ',', '?')");
        let calls = [
            (list("x ORDER BY x"), "a,b,b,c,?"),
            (list("x ORDER BY x DESC"), "c,b,b,a,?"),
            (list("x ORDER BY y"), "b,c,a,?,b"),
            (list("DISTINCT x ORDER BY x"), "a,b,c,?"),
            (list("DISTINCT x ORDER BY x DESC"), "c,b,a,?"),
            ("string_agg(x, ',' ORDER BY x)".to_owned(), "a,b,b,c"),
            ("string_agg(x, ',' ORDER BY x DESC)".to_owned(), "c,b,b,a"),
            ("string_agg(x, ',' ORDER BY y DESC)".to_owned(), "b,a,c,b"),
            ("string_agg(DISTINCT x, ',' ORDER BY x)".to_owned(), "a,b,c"),
            ("string_agg(DISTINCT x, ',' ORDER BY x DESC)".to_owned(), "c,b,a"),
            ("nth_value(x, 4 ORDER BY x)".to_owned(), "c"),
            ("nth_value(x, 4 ORDER BY x DESC)".to_owned(), "a"),
            ("nth_value(x, 2 ORDER BY y)".to_owned(), "c"),
            ("array_agg(x ORDER BY y)[3]".to_owned(), "a"),
            ("array_agg(DISTINCT x ORDER BY x)[3]".to_owned(), "c"),
            ("nth_value(DISTINCT x, 3 ORDER BY x DESC)".to_owned(), "a"),
            ("first_value(x ORDER BY x DESC)".to_owned(), "c"),
            ("last_value(x ORDER BY y DESC)".to_owned(), "b"),
            ("length(string_agg(x, ','))".to_owned(), "7"),
        ];
        let sessions = [session(1), session(2)];
        for (i, (one, first)) in calls.iter().enumerate() {
            for (j, (other, second)) in calls.iter().enumerate().filter(|(j, _)| *j != i) {
                let groups = if i < j { "WHERE g = 1" } else { "GROUP BY g" };
                let sql = format!("SELECT {one} AS a, {other} AS b FROM {ROWS} {groups}");
                let row = format!("{first}|{second}");
                let wanted = vec![row; if i < j { 1 } else { 2 }];
                for session in &sessions {
                    assert_eq!(answer(session, &sql).await[1..], wanted, "{sql}");
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn any_value_with_an_order_is_the_first_that_is_known() {
        for session in [session(1), session(2)] {
            for (call, wanted) in [
                ("any_value(y ORDER BY x)", "3"),
                ("any_value(y ORDER BY y DESC)", "5"),
                ("any_value(x ORDER BY y DESC)", "b"),
                ("any_value(x ORDER BY abs(y - 4), y)", "a"),
                ("any_value(x ORDER BY y) FILTER (WHERE y > 1)", "c"),
                ("any_value(x ORDER BY y) FILTER (WHERE y = 4)", ""),
            ] {
                let sql = format!("SELECT {call} AS v FROM {ROWS}");
                assert_eq!(answer(&session, &sql).await[1..], [wanted], "{sql}");
                let sql = format!("SELECT g, {call} AS v FROM {ROWS} GROUP BY g ORDER BY g");
                let wanted = [format!("1|{wanted}"), format!("2|{wanted}")];
                assert_eq!(answer(&session, &sql).await[1..], wanted, "{sql}");
            }
        }
    }

    #[tokio::test]
    async fn a_list_in_a_window_begins_where_the_window_does() {
        let sql = format!(
            "SELECT array_to_string(array_agg(y) OVER (ORDER BY y ROWS 1 PRECEDING), ',') AS a,
               array_to_string(array_agg(y) OVER (ORDER BY y), ',') AS b,
               array_to_string(array_agg(y) OVER (ORDER BY y DESC), ',') AS c,
               sum(y) OVER (ORDER BY y DESC ROWS 1 PRECEDING) AS d
             FROM {ROWS} WHERE g = 1 ORDER BY y"
        );
        let wanted = [
            "1|1|5,4,3,2,1|3",
            "1,2|1,2|5,4,3,2|5",
            "2,3|1,2,3|5,4,3|7",
            "3,4|1,2,3,4|5,4|9",
            "4,5|1,2,3,4,5|5|5",
        ];
        assert_eq!(answer(&session(1), &sql).await[1..], wanted);
    }

    #[tokio::test]
    async fn the_nth_value_is_counted_from_either_end() {
        let session = session(2);
        for (call, wanted) in [
            ("nth_value(x, 1 ORDER BY y)", "b"),
            ("nth_value(y, 5 ORDER BY y DESC)", "1"),
            ("nth_value(y, 6 ORDER BY y)", ""),
            ("nth_value(y, 2 ORDER BY x, y DESC)", "5"),
            ("nth_value(y, -2 ORDER BY y)", "4"),
            ("nth_value(DISTINCT x, 4 ORDER BY x)", ""),
            ("nth_value(y, 2 ORDER BY y) FILTER (WHERE y > 2)", "4"),
            ("array_agg(y ORDER BY y)[-1]", "5"),
            ("array_agg(y ORDER BY y)[1 + 1]", "2"),
            ("array_agg(y ORDER BY y)[0]", ""),
            ("(array_agg(y ORDER BY y DESC))[1]", "5"),
        ] {
            let sql = format!("SELECT {call} AS v FROM {ROWS} WHERE g = 1");
            assert_eq!(answer(&session, &sql).await[1..], [wanted], "{sql}");
        }
        for (call, wanted) in [
            ("nth_value(DISTINCT x, 2)", "no order but their own"),
            ("nth_value(DISTINCT x, 2 ORDER BY y)", "no order but their own"),
            ("nth_value(x, 0 ORDER BY y)", "counts from 1"),
        ] {
            let sql = format!("SELECT {call} FROM {ROWS}");
            let error = session.collect(&sql).await.unwrap_err().to_string();
            assert!(error.contains(wanted), "{sql}: {error}");
        }
    }
}
