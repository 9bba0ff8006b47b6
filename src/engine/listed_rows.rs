//! Lists with an order of their own: `array_agg(x ORDER BY y)`,
//! `string_agg(x, ',' ORDER BY y)`.
//!
//! The engine sorts all rows first, though the groups are small, and keeps each value,
//! and each of what it is ordered by, as an object of its own in a list of its group. Here
//! the columns are kept as they come, and beside them which group each row belongs to.
//! Rows are put in order once, when the lists are made, those of each group by themselves.

use std::iter::repeat_n;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, BooleanArray, ListArray, StructArray, new_empty_array,
};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::compute::{cast, filter, interleave};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::made_lists::{Made, lists};

/// How many rows of whole groups are put in order at once: so many that what they are
/// ordered by stays near at hand.
const SORTED_AT_ONCE: usize = 65_536;

/// The rows of all groups.
#[derive(Debug)]
pub(super) struct ListedRows {
    /// What is made of the values.
    made: Made,
    /// The type of the values.
    kind: DataType,
    /// The types of what the rows are ordered by.
    orders: Vec<DataType>,
    /// Makes bytes that compare as the rows do.
    converter: RowConverter,
    /// Whether the last of the order comes first.
    is_reversed: bool,
    /// The rows, as they came.
    pieces: Vec<Piece>,
    /// How many groups there are.
    groups: usize,
    /// What the pieces take, for the account of memory.
    bytes: usize,
}

/// Some rows.
#[derive(Debug)]
struct Piece {
    /// The values, and columns of what they are ordered by.
    columns: Vec<ArrayRef>,
    /// The group of each row.
    groups: Vec<u32>,
}

impl ListedRows {
    /// No rows yet; `None` where values, or what they are ordered by, are such that the
    /// engine's own has to compare or copy them.
    pub(super) fn of(made: Made, args: &AccumulatorArgs<'_>) -> Result<Option<Self>> {
        let orders = args.order_bys.iter().map(|by| by.expr.data_type(args.schema));
        let orders = orders.collect::<Result<Vec<_>>>()?;
        let [value, ..] = args.expr_fields else { return Ok(None) };
        if !are_ours(value, orders.iter()) {
            return Ok(None);
        }
        let fields = orders.iter().zip(args.order_bys);
        let fields = fields.map(|(kind, by)| SortField::new_with_options(kind.clone(), by.options));
        Ok(Some(Self {
            made,
            kind: value.data_type().clone(),
            converter: RowConverter::new(fields.collect())?,
            orders,
            is_reversed: args.is_reversed,
            pieces: Vec::new(),
            groups: 0,
            bytes: 0,
        }))
    }

    /// What parts tell each other of their rows; `None` where the engine's own does.
    pub(super) fn state_fields(args: &StateFieldsArgs<'_>) -> Option<Vec<FieldRef>> {
        let value = args.input_fields.first()?;
        let orders = || args.ordering_fields.iter().map(|order| order.data_type());
        if args.is_distinct || args.ordering_fields.is_empty() || !are_ours(value, orders()) {
            return None;
        }
        let kinds = [travels_as(value.data_type()), DataType::Struct(members(orders()))];
        let fields = ["values", "orders"].iter().zip(kinds).map(|(part, kind)| {
            let item = Field::new_list_field(kind, true);
            Arc::new(Field::new_list(format_state_name(args.name, part), item, true))
        });
        Some(fields.collect())
    }

    /// The values among what the function is given, and what they are ordered by.
    fn columns(&self, given: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        // What comes between texts is an argument as well.
        let by = given.len().checked_sub(self.orders.len()).filter(|arguments| *arguments > 0);
        let Some(by) = by else { return internal_err!("not values and what orders them") };
        let columns = given[..1].iter().chain(&given[by..]);
        self.typed(columns)
    }

    /// `columns` of exactly the types that are known of them: a batch may know that a
    /// member of its structures is never NULL, and texts travel as others.
    fn typed<'a>(&self, columns: impl Iterator<Item = &'a ArrayRef>) -> Result<Vec<ArrayRef>> {
        let kinds = std::iter::once(&self.kind).chain(&self.orders);
        columns.zip(kinds).map(|(column, kind)| typed(column, kind)).collect()
    }

    /// Which rows count.
    fn wanted(&self, values: &ArrayRef, passes: Option<&BooleanArray>) -> BooleanArray {
        let keeps_unknown = self.made.keeps_unknown();
        let passes = |row| passes.is_none_or(|passes| passes.is_valid(row) && passes.value(row));
        let is_wanted = |row| (keeps_unknown || values.is_valid(row)) && passes(row);
        (0..values.len()).map(|row| Some(is_wanted(row))).collect()
    }

    /// Adds rows, each to its group.
    fn add(&mut self, columns: Vec<ArrayRef>, groups: Vec<u32>) {
        if groups.is_empty() {
            return;
        }
        let columns: Vec<ArrayRef> = columns.into_iter().map(compact).collect();
        self.bytes += columns.iter().map(bytes_of).sum::<usize>();
        self.bytes += groups.capacity() * size_of::<u32>();
        self.pieces.push(Piece { columns, groups });
    }

    /// How many groups are taken out.
    fn taken(&self, emit_to: EmitTo) -> usize {
        match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(count) => count,
        }
    }

    /// How many rows each of the first groups has, `count` of them, and where the rows of
    /// one after the other are: in which piece, and which of its rows. They are in the
    /// order in which they came.
    fn places(&self, count: usize) -> (Vec<usize>, Vec<(usize, usize)>) {
        let mut lengths: Vec<usize> = vec![0; count];
        for group in self.pieces.iter().flat_map(|piece| &piece.groups) {
            if let Some(length) = lengths.get_mut(*group as usize) {
                *length += 1;
            }
        }
        let mut rows: usize = 0;
        let mut next = Vec::with_capacity(count);
        for length in &lengths {
            next.push(rows);
            rows += length;
        }
        let mut places = vec![(0, 0); rows];
        for (nth, piece) in self.pieces.iter().enumerate() {
            for (row, group) in piece.groups.iter().enumerate() {
                if let Some(at) = next.get_mut(*group as usize) {
                    places[*at] = (nth, row);
                    *at += 1;
                }
            }
        }
        (lengths, places)
    }

    /// The rows at `places` of the column with this number.
    fn gather(&self, column: usize, places: &[(usize, usize)]) -> Result<ArrayRef> {
        if places.is_empty() {
            return Ok(new_empty_array(match column.checked_sub(1) {
                Some(order) => &self.orders[order],
                None => &self.kind,
            }));
        }
        let pieces = self.pieces.iter().map(|piece| piece.columns[column].as_ref());
        let pieces: Vec<&dyn Array> = pieces.collect();
        Ok(interleave(&pieces, places)?)
    }

    /// Puts the `places` of each group in the order that is asked for; `lengths` says how
    /// many each has.
    fn sort(&self, mut lengths: &[usize], mut places: &mut [(usize, usize)]) -> Result<()> {
        while let [first, others @ ..] = lengths {
            let (mut rows, mut groups) = (*first, 1);
            for length in others {
                if rows + length > SORTED_AT_ONCE {
                    break;
                }
                rows += length;
                groups += 1;
            }
            let (now, later) = std::mem::take(&mut places).split_at_mut(rows);
            self.sort_some(&lengths[..groups], now)?;
            (lengths, places) = (&lengths[groups..], later);
        }
        Ok(())
    }

    fn sort_some(&self, lengths: &[usize], places: &mut [(usize, usize)]) -> Result<()> {
        let before = places.to_vec();
        let columns = (1..=self.orders.len()).map(|column| self.gather(column, &before));
        let rows = self.converter.convert_columns(&columns.collect::<Result<Vec<_>>>()?)?;
        let are_short = rows.iter().all(|row| row.data().len() <= size_of::<u128>());
        let order = rows.iter().enumerate().map(|(at, row)| (head(row.data()), at));
        let mut order: Vec<(u128, usize)> = order.collect();
        let mut from: usize = 0;
        for length in lengths {
            let group = &mut order[from..from + length];
            // Rows that are alike stay in the order in which they came.
            if are_short {
                group.sort_by_key(|(head, _)| *head);
            } else {
                group.sort_by(|(one, at), (other, later)| {
                    one.cmp(other).then_with(|| rows.row(*at).cmp(&rows.row(*later)))
                });
            }
            if self.is_reversed {
                group.reverse();
            }
            from += length;
        }
        for (place, (_, at)) in places.iter_mut().zip(order) {
            *place = before[at];
        }
        Ok(())
    }

    /// Leaves out the first groups, `count` of them.
    fn forget(&mut self, count: usize) -> Result<()> {
        let pieces = std::mem::take(&mut self.pieces);
        self.groups = self.groups.saturating_sub(count);
        self.bytes = 0;
        if self.groups == 0 {
            return Ok(());
        }
        for Piece { columns, groups } in pieces {
            let stays = |group: &u32| *group as usize >= count;
            let staying: BooleanArray = groups.iter().map(|group| Some(stays(group))).collect();
            let columns = columns.iter().map(|column| filter(column, &staying));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            // Not into the room of all.
            let groups = groups.iter().copied().filter(stays).map(|group| group - count as u32);
            self.add(columns, groups.collect());
        }
        Ok(())
    }

    /// The values and what they are ordered by as lists, so many in each as `lengths` says.
    fn state_of(&self, lengths: &[usize], columns: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let columns = columns.iter().map(|column| typed(column, &travels_as(column.data_type())));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let [values, by @ ..] = columns.as_slice() else {
            return internal_err!("rows have no values");
        };
        let by = StructArray::try_new(members(self.orders.iter()), by.to_vec(), None)?;
        let by: ArrayRef = Arc::new(by);
        let state = [values, &by].map(|part| lists(part.data_type(), lengths, part, None));
        state.into_iter().collect()
    }
}

/// Whether lists of such values, which are ordered by such types, are made here.
fn are_ours<'a>(value: &FieldRef, mut orders: impl Iterator<Item = &'a DataType>) -> bool {
    orders.all(is_ordered_by_bytes) && is_put_together(value.data_type())
}

/// The type in which columns of the type `kind` travel between threads. Some views of texts
/// take all texts along.
fn travels_as(kind: &DataType) -> DataType {
    if kind == &DataType::Utf8View { DataType::LargeUtf8 } else { kind.clone() }
}

/// What the rows are ordered by, as it travels.
fn members<'a>(orders: impl Iterator<Item = &'a DataType>) -> Fields {
    let members = orders.enumerate();
    members.map(|(nth, kind)| Field::new(nth.to_string(), travels_as(kind), true)).collect()
}

/// `column` of exactly the type `kind`.
fn typed(column: &ArrayRef, kind: &DataType) -> Result<ArrayRef> {
    let is_so = column.data_type() == kind;
    Ok(if is_so { Arc::clone(column) } else { cast(column, kind)? })
}

/// Whether what is ordered by values of the type `kind` is ordered by their bytes.
fn is_ordered_by_bytes(kind: &DataType) -> bool {
    match kind {
        DataType::Boolean => true,
        DataType::Interval(_) => false,
        kind => kind.is_primitive() || kind.is_string(),
    }
}

/// Whether columns of the type `kind` can be put together as they are.
fn is_put_together(kind: &DataType) -> bool {
    match kind {
        DataType::Null
        | DataType::Dictionary(..)
        | DataType::RunEndEncoded(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Union(..) => false,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => is_put_together(item.data_type()),
        DataType::Struct(members) => {
            members.iter().all(|member| is_put_together(member.data_type()))
        }
        _ => true,
    }
}

/// The first bytes of a row, as a number that compares as they do.
fn head(row: &[u8]) -> u128 {
    let mut bytes = [0; size_of::<u128>()];
    let length = row.len().min(bytes.len());
    bytes[..length].copy_from_slice(&row[..length]);
    u128::from_be_bytes(bytes)
}

/// `column`, which does not hold much more than its own rows.
fn compact(column: ArrayRef) -> ArrayRef {
    if column.data_type() == &DataType::Utf8View {
        let texts = column.as_string_view();
        if outside_views(&column.to_data()) > 2 * texts.total_buffer_bytes_used() {
            return Arc::new(texts.gc());
        }
    }
    column
}

/// The bytes of texts that lie outside the views of a column.
fn outside_views(column: &ArrayData) -> usize {
    let own: &[Buffer] = match column.data_type() {
        DataType::Utf8View | DataType::BinaryView => &column.buffers()[1..],
        _ => &[],
    };
    let inside = column.child_data().iter().map(outside_views);
    own.iter().map(Buffer::len).sum::<usize>() + inside.sum::<usize>()
}

/// What the rows of `column` take.
fn bytes_of(column: &ArrayRef) -> usize {
    let column = column.to_data();
    column.get_slice_memory_size().unwrap_or_default() + outside_views(&column)
}

/// The items of all `lists`.
fn items(lists: &ListArray) -> ArrayRef {
    let offsets = lists.value_offsets();
    let (first, end) = (offsets[0] as usize, offsets[lists.len()] as usize);
    lists.values().slice(first, end - first)
}

impl GroupsAccumulator for ListedRows {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups = self.groups.max(total_num_groups);
        let mut columns = self.columns(values)?;
        let wanted = self.wanted(&columns[0], opt_filter);
        let groups = group_indices.iter().zip(wanted.values());
        let groups = groups.filter_map(|(group, wanted)| wanted.then_some(*group as u32));
        let groups: Vec<u32> = groups.collect();
        if groups.len() < group_indices.len() {
            for column in &mut columns {
                *column = filter(column, &wanted)?;
            }
        }
        self.add(columns, groups);
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let count = self.taken(emit_to);
        let (lengths, mut places) = self.places(count);
        self.sort(&lengths, &mut places)?;
        let values = self.gather(0, &places)?;
        self.forget(count)?;
        self.made.of(&self.kind, &lengths, &values)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let count = self.taken(emit_to);
        let (lengths, places) = self.places(count);
        let columns = (0..=self.orders.len()).map(|column| self.gather(column, &places));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        self.forget(count)?;
        self.state_of(&lengths, &columns)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups = self.groups.max(total_num_groups);
        let [values, by] = values else { return internal_err!("not values and their order") };
        let lists = values.as_list::<i32>();
        let groups = group_indices.iter().zip(lists.offsets().lengths());
        let groups = groups.flat_map(|(group, length)| repeat_n(*group as u32, length)).collect();
        let by = items(by.as_list::<i32>());
        let values = items(lists);
        let columns = std::iter::once(&values).chain(by.as_struct().columns());
        self.add(self.typed(columns)?, groups);
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let columns = self.columns(values)?;
        let wanted = self.wanted(&columns[0], opt_filter);
        let columns = columns.iter().map(|column| filter(column, &wanted));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let lengths: Vec<usize> = wanted.values().iter().map(usize::from).collect();
        self.state_of(&lengths, &columns)
    }

    fn size(&self) -> usize {
        self.bytes + self.pieces.capacity() * size_of::<Piece>() + self.converter.size()
    }
}

/// The same for all rows, of which there is one group.
#[derive(Debug)]
pub(super) struct OneList(ListedRows);

impl OneList {
    /// The list of `rows`, of which there are none yet.
    pub(super) fn of(rows: ListedRows) -> Self {
        Self(ListedRows { groups: 1, ..rows })
    }
}

impl Accumulator for OneList {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, Array::len);
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let parts = states.first().map_or(0, Array::len);
        self.0.merge_batch(states, &vec![0; parts], 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.0.evaluate(EmitTo::First(1))?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = self.0.state(EmitTo::First(1))?;
        state.iter().map(|part| ScalarValue::try_from_array(part, 0)).collect()
    }

    fn size(&self) -> usize {
        size_of_val(self) + GroupsAccumulator::size(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, Int64Array, StringArray};
    use datafusion::arrow::compute::SortOptions;
    use datafusion::arrow::datatypes::Schema;
    use datafusion::functions_aggregate::array_agg::array_agg_udaf;
    use datafusion::physical_expr::expressions::Column;
    use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};

    use super::*;
    use crate::engine::answers::answer;
    use crate::engine::{Session, Settings};

    /// How many groups there are, of which the third one has no rows.
    const GROUPS: usize = 5;

    /// A call of `array_agg(x ORDER BY y, z)`.
    struct Call {
        schema: Schema,
        fields: Vec<FieldRef>,
        exprs: Vec<Arc<dyn PhysicalExpr>>,
        order_bys: Vec<PhysicalSortExpr>,
        is_reversed: bool,
        ignore_nulls: bool,
    }

    impl Call {
        fn new(kind: &DataType, by: &[(&str, SortOptions)], is_reversed: bool) -> Self {
            let schema = Schema::new(vec![
                Field::new("x", kind.clone(), true),
                Field::new("y", DataType::Float64, true),
                Field::new("z", DataType::Int64, true),
            ]);
            let column = |name: &str| -> Arc<dyn PhysicalExpr> {
                Arc::new(Column::new_with_schema(name, &schema).unwrap())
            };
            let order_bys = by.iter();
            let order_bys = order_bys
                .map(|&(name, options)| PhysicalSortExpr { expr: column(name), options })
                .collect();
            let (fields, exprs) = (vec![Arc::new(schema.field(0).clone())], vec![column("x")]);
            Self { schema, fields, exprs, order_bys, is_reversed, ignore_nulls: false }
        }

        fn args(&self) -> AccumulatorArgs<'_> {
            AccumulatorArgs {
                return_field: Arc::new(Field::new("f", DataType::Null, true)),
                schema: &self.schema,
                ignore_nulls: self.ignore_nulls,
                order_bys: &self.order_bys,
                is_reversed: self.is_reversed,
                name: "f",
                is_distinct: false,
                exprs: &self.exprs,
                expr_fields: &self.fields,
            }
        }

        /// The types of what parts tell each other.
        fn states(&self) -> Vec<DataType> {
            let orders = self.order_bys.iter().map(|by| by.expr.data_type(&self.schema).unwrap());
            let orders = orders.map(|kind| Arc::new(Field::new("by", kind, true)));
            let fields = ListedRows::state_fields(&StateFieldsArgs {
                name: "f",
                input_fields: &self.fields,
                return_field: Arc::new(Field::new("f", DataType::Null, true)),
                ordering_fields: &orders.collect::<Vec<_>>(),
                is_distinct: false,
            });
            fields.unwrap().iter().map(|field| field.data_type().clone()).collect()
        }

        fn rows(&self) -> ListedRows {
            let args = self.args();
            ListedRows::of(Made::list(&args).unwrap(), &args).unwrap().unwrap()
        }

        /// What the engine's own makes of the rows of one `group` that pass, and ours of
        /// one group as well.
        fn alone(&self, batches: &[Batch], group: usize) -> ScalarValue {
            let mut one = array_agg_udaf().accumulator(self.args()).unwrap();
            let [mut first, mut ours] = [self.rows(), self.rows()].map(OneList::of);
            for batch in batches {
                let is_of_it = |(at, of): (usize, &usize)| {
                    Some(*of == group && batch.passes.is_valid(at) && batch.passes.value(at))
                };
                let its: BooleanArray = batch.groups.iter().enumerate().map(is_of_it).collect();
                let given = batch.columns.iter().map(|column| filter(column, &its).unwrap());
                let given: Vec<_> = given.collect();
                one.update_batch(&given).unwrap();
                first.update_batch(&given).unwrap();
                let state = first.state().unwrap();
                let state: Vec<_> = state.iter().map(|part| part.to_array().unwrap()).collect();
                ours.merge_batch(&state).unwrap();
            }
            let list = one.evaluate().unwrap();
            assert_eq!(ours.evaluate().unwrap(), list);
            list
        }
    }

    struct Batch {
        columns: Vec<ArrayRef>,
        groups: Vec<usize>,
        passes: BooleanArray,
    }

    /// Rows with unknown values and numbers that are none; only `z` is different in each.
    fn batch(kind: &DataType, by: &[(&str, SortOptions)], numbers: std::ops::Range<i64>) -> Batch {
        let x = numbers.clone().map(|n| {
            let text = format!("text {}{}", n * 37 % 11, " and more".repeat(n as usize % 4));
            (n % 7 > 0).then_some(text)
        });
        let y = numbers.clone().map(|n| match n * 31 % 13 {
            0 => None,
            1 => Some(f64::NAN),
            2 => Some(-0.0),
            other => Some(other as f64 / 8.0 - 0.5),
        });
        let x: ArrayRef = Arc::new(x.collect::<StringArray>());
        let y: ArrayRef = Arc::new(y.collect::<Float64Array>());
        let z: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers.clone()));
        let x = if kind.is_string() { cast(&x, kind).unwrap() } else { cast(&z, kind).unwrap() };
        let ordered = by.iter().map(|&(name, _)| if name == "y" { &y } else { &z });
        Batch {
            columns: std::iter::once(&x).chain(ordered).map(Arc::clone).collect(),
            groups: numbers.clone().map(|n| [0, 1, 3, 4][n as usize * 17 % 29 % 4]).collect(),
            passes: numbers
                .map(|n| match n % 5 {
                    0 => Some(false),
                    1 => None,
                    _ => Some(true),
                })
                .collect(),
        }
    }

    fn given_out(rows: &mut ListedRows, emit_to: EmitTo) -> Vec<ScalarValue> {
        let lists = rows.evaluate(emit_to).unwrap();
        (0..lists.len()).map(|row| ScalarValue::try_from_array(&lists, row).unwrap()).collect()
    }

    fn update(rows: &mut ListedRows, batch: &Batch) {
        rows.update_batch(&batch.columns, &batch.groups, Some(&batch.passes), GROUPS).unwrap();
    }

    #[test]
    fn each_group_has_the_list_that_it_has_alone() {
        let up = SortOptions { descending: false, nulls_first: false };
        let down = SortOptions { descending: true, nulls_first: true };
        let orders: [&[(&str, SortOptions)]; 4] =
            [&[("z", down)], &[("y", up), ("z", up)], &[("y", down), ("z", up)], &[("y", up)]];
        let list = DataType::new_list(DataType::Int64, true);
        for kind in [DataType::Utf8View, DataType::Utf8, DataType::LargeUtf8, list] {
            for (by, is_reversed) in orders.iter().zip([false, true, false, true]) {
                let mut call = Call::new(&kind, by, is_reversed);
                call.ignore_nulls = is_reversed;
                let parts = [0..40, 40..41, 41..150].map(|numbers| batch(&kind, by, numbers));
                let alone: Vec<_> = (0..GROUPS).map(|group| call.alone(&parts, group)).collect();
                assert!(alone[2].is_null() && !alone[4].is_null());

                let mut one = call.rows();
                parts.iter().for_each(|part| update(&mut one, part));
                assert_eq!(given_out(&mut one, EmitTo::First(2)), alone[..2], "{kind} {by:?}");
                assert_eq!(given_out(&mut one, EmitTo::All), alone[2..], "{kind} {by:?}");
                assert!(one.pieces.is_empty() && one.bytes == 0);
                if by.len() == 1 && by[0].0 == "y" {
                    // Of rows that are alike, the parts do not know which came first.
                    continue;
                }

                // In parts: some groups given out before others, and rows as they are.
                let mut all = call.rows();
                update(&mut one, &parts[0]);
                let first = one.state(EmitTo::First(1)).unwrap();
                let states = first.iter().map(|part| part.data_type().clone());
                assert_eq!(states.collect::<Vec<_>>(), call.states());
                all.merge_batch(&first, &[0], 1).unwrap();
                let sliced: Vec<_> =
                    one.state(EmitTo::All).unwrap().iter().map(|list| list.slice(1, 3)).collect();
                all.merge_batch(&sliced, &[2, 3, 4], GROUPS).unwrap();
                update(&mut one, &batch(&kind, by, 0..40));
                let second: Vec<_> =
                    one.state(EmitTo::All).unwrap().iter().map(|list| list.slice(1, 1)).collect();
                all.merge_batch(&second, &[1], GROUPS).unwrap();
                for part in &parts[1..] {
                    let rows = one.convert_to_state(&part.columns, Some(&part.passes)).unwrap();
                    all.merge_batch(&rows, &part.groups, GROUPS).unwrap();
                }
                assert_eq!(given_out(&mut all, EmitTo::All), alone, "{kind} {by:?}");
            }
        }
    }

    #[test]
    fn what_is_given_out_is_held_no_longer() {
        let by = [("z", SortOptions::default())];
        let call = Call::new(&DataType::Utf8View, &by, false);
        let mut rows = call.rows();
        let empty = rows.size();
        // One long text in many rows that do not pass.
        let texts = (0..8000).map(|n| format!("a text of which there is one, {n}"));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        let texts = cast(&texts, &DataType::Utf8View).unwrap();
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..8000));
        let groups: Vec<usize> = (0..8000).collect();
        let columns = [texts, numbers];
        let few: BooleanArray = groups.iter().map(|group| Some(group % 1000 == 0)).collect();
        rows.update_batch(&columns, &groups, Some(&few), 8000).unwrap();
        assert!(rows.size() < empty + 4_000, "{}", rows.size());
        rows.update_batch(&columns, &groups, None, 8000).unwrap();
        assert!(rows.size() > empty + 8000 * 40, "{}", rows.size());
        rows.evaluate(EmitTo::First(7990)).unwrap();
        assert!(rows.size() < empty + 4_000, "{}", rows.size());
        assert_eq!(rows.evaluate(EmitTo::All).unwrap().len(), 10);
    }

    #[test]
    fn what_cannot_be_put_together_as_it_is_stays_the_engines() {
        let texts = DataType::Dictionary(Box::new(DataType::UInt8), Box::new(DataType::Utf8));
        for kind in [DataType::Null, DataType::new_list(texts, true)] {
            let call = Call::new(&kind, &[("z", SortOptions::default())], false);
            let made = Made::List { skips_unknown: false };
            assert!(ListedRows::of(made, &call.args()).unwrap().is_none());
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_groups_have_what_each_has_alone() {
        let session = Session::new(None, Settings { threads: 2, ..Settings::default() }).unwrap();
        let rows = "(SELECT value AS i, value % 500 AS g, value * 7919 % 101 AS y,
                       CASE WHEN value % 7 = 0 THEN NULL
                         ELSE 'a text that is one of some, ' || (value * 31 % 13) END AS x
                     FROM generate_series(1, 20000)) AS t";
        for call in [
            "array_to_string(array_agg(x ORDER BY y DESC, i), ',', '?')",
            "array_to_string(array_agg(x ORDER BY i) FILTER (WHERE y > 50), ',', '?')",
            "array_to_string(array_agg(y ORDER BY x, i)[2:4], ',')",
            "array_to_string(array_agg(DISTINCT x ORDER BY x DESC NULLS LAST), ',', '?')",
            "string_agg(x, '; ' ORDER BY y, i DESC)",
            "string_agg(DISTINCT x, '; ' ORDER BY x DESC)",
            "string_agg(DISTINCT x, '') FILTER (WHERE y > 200)",
            "array_to_string(list_sort(string_to_array(string_agg(DISTINCT x, '|'), '|')), ',')",
            "string_agg(x, NULL ORDER BY y, i)",
        ] {
            let sql = format!("SELECT {call} AS f FROM {rows} GROUP BY g ORDER BY g");
            let all = answer(&session, &sql).await;
            for group in [0, 17, 499] {
                let sql = format!("SELECT {call} AS f FROM {rows} WHERE g = {group}");
                assert_eq!(all[group + 1], answer(&session, &sql).await[1], "{call}");
            }
        }
    }
}
