//! What comes most often, by both roads.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array,
    StringArray, StringViewArray,
};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::prelude::SessionContext;

use super::rows::Groups;
use super::tallied::Tallied;
use super::{Asked, Gives};
use crate::functions::{Dictionaries, register};

/// Values of some groups in several batches, so that states are merged.
const VALUES: &str = "SELECT value, value % 7 AS grp,
      CASE WHEN value % 11 = 0 THEN NULL ELSE value * 7919 % (30 + value % 5) END AS x
    FROM generate_series(1, 30000)";

fn context() -> SessionContext {
    let context = SessionContext::new();
    register(&context, Arc::new(Dictionaries::built_in()));
    context
}

async fn ask(context: &SessionContext, sql: &str) -> String {
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

#[tokio::test]
async fn groups_give_what_counting_by_hand_gives() {
    let context = context();
    for (x, kind) in [("x", "BIGINT"), ("'博' || x", "VARCHAR"), ("x / 4.0", "DOUBLE")] {
        let values = format!("SELECT value, grp, CAST({x} AS {kind}) AS x FROM ({VALUES})");
        let by_hand = format!(
            "SELECT grp, x AS m FROM (
               SELECT grp, x, row_number() OVER (PARTITION BY grp ORDER BY n DESC, x) AS r
               FROM (SELECT grp, x, count(*) AS n FROM ({values})
                     WHERE x IS NOT NULL GROUP BY grp, x)
             ) WHERE r = 1 ORDER BY grp"
        );
        let ours = format!("SELECT grp, mode(x) AS m FROM ({values}) GROUP BY grp ORDER BY grp");
        assert_eq!(ask(&context, &ours).await, ask(&context, &by_hand).await, "mode of {x}");
        let by_hand = format!(
            "SELECT grp, min(x) AS m FROM (
               SELECT grp, x, cume_dist() OVER (PARTITION BY grp ORDER BY x) AS c
               FROM ({values}) WHERE x IS NOT NULL
             ) WHERE c >= 0.3 GROUP BY grp ORDER BY grp"
        );
        let ours = format!(
            "SELECT grp, quantile_disc(x, 0.3) AS m FROM ({values}) GROUP BY grp ORDER BY grp"
        );
        assert_eq!(ask(&context, &ours).await, ask(&context, &by_hand).await, "share of {x}");
    }
}

/// Lists are kept as bytes, and are in the order of their only items.
#[tokio::test]
async fn values_that_are_not_compared_by_themselves_are_counted_too() {
    let context = context();
    for call in ["mode(?)", "quantile_disc(?, 0.3)"] {
        let (lists, items) = (call.replace('?', "make_array(x)"), call.replace('?', "x"));
        let from = format!("FROM ({VALUES}) WHERE x IS NOT NULL GROUP BY grp ORDER BY grp");
        let ours = ask(&context, &format!("SELECT grp, {lists} AS m {from}")).await;
        let wanted = ask(&context, &format!("SELECT grp, make_array({items}) AS m {from}")).await;
        assert_eq!(ours, wanted, "{call}");
    }
}

/// Columns of nine values, some of which are the same or unknown.
fn columns() -> Vec<ArrayRef> {
    let nan = f64::NAN;
    let doubles = [2.5, -0.0, nan, 0.0, 2.5, -1.0, -nan, -1.0, 7.0];
    let long = "a text that is longer than a view";
    let longer = "a text that is longer than a view, and goes on";
    let texts = ["b", long, "微博", longer, "b", "", long, longer, "a"];
    let texts = texts.into_iter().enumerate().map(|(row, text)| (row != 5).then_some(text));
    let texts: Vec<_> = texts.collect();
    let truths = [Some(true), Some(false), None, Some(false), Some(true), None, None, None, None];
    let sums = Decimal128Array::from(vec![250_i128, -3, 0, 250, -3, 9, 9, 9, 1]);
    vec![
        Arc::new(Float64Array::from(doubles.to_vec())),
        Arc::new(StringViewArray::from(texts.clone())),
        Arc::new(StringArray::from(texts)),
        Arc::new(BooleanArray::from(truths.to_vec())),
        Arc::new(Date32Array::from(vec![9, -9, 0, -9, 9, 1, 1, 2, 2])),
        Arc::new(sums.with_precision_and_scale(9, 2).unwrap()),
    ]
}

/// What `one` gives of `values`, and `other`, which takes over what `one` has counted.
fn answers(
    mut one: Box<dyn GroupsAccumulator>,
    mut other: Box<dyn GroupsAccumulator>,
    values: &ArrayRef,
) -> Vec<ArrayRef> {
    let values = [Arc::clone(values)];
    let of = [0, 0, 2, 0, 0, 2, 2, 2, 4];
    let (yes, no) = (Some(true), Some(false));
    let passes = BooleanArray::from(vec![yes, no, None, yes, yes, yes, None, yes, no]);
    let mut answers = Vec::new();
    one.update_batch(&values, &of, None, 5).unwrap();
    answers.push(one.evaluate(EmitTo::First(2)).unwrap());
    // What were the last three groups are the first ones now.
    one.update_batch(&values, &[1, 1, 1, 0, 0, 0, 2, 2, 2], Some(&passes), 3).unwrap();
    let rows = one.convert_to_state(&values, Some(&passes)).unwrap();
    let first = one.state(EmitTo::First(1)).unwrap();
    other.update_batch(&values, &of, None, 5).unwrap();
    other.merge_batch(&first, &[3], 5).unwrap();
    other.merge_batch(&rows, &[0, 0, 0, 0, 0, 0, 5, 5, 5], 7).unwrap();
    answers.push(one.evaluate(EmitTo::All).unwrap());
    answers.push(other.evaluate(EmitTo::First(3)).unwrap());
    answers.push(other.evaluate(EmitTo::All).unwrap());
    assert_eq!(answers.iter().map(Array::len).collect::<Vec<_>>(), [2, 2, 3, 4]);
    answers
}

#[test]
fn one_table_for_all_groups_gives_what_one_for_each_gives() {
    let asked = [
        (Gives::MostFrequent, None),
        (Gives::Quantile, Some(0.5)),
        (Gives::Quantile, None),
        (Gives::QuantileFromTop, Some(0.4)),
        (Gives::Entropy, None),
        (Gives::Histogram, None),
        (Gives::Commonest, Some(2.0)),
        (Gives::Commonest, Some(100.0)),
        (Gives::Commonest, None),
    ];
    for values in columns() {
        for (gives, second) in asked {
            for is_distinct in [false, true] {
                let kind = values.data_type().clone();
                let asked = Asked { gives, second, is_distinct, kind };
                let alone = || Box::new(Groups::new(asked.clone()).unwrap());
                let shared = || Box::new(Tallied::of(&asked).unwrap().unwrap());
                let wanted = answers(alone(), alone(), &values);
                assert_eq!(answers(shared(), shared(), &values), wanted, "{asked:?}");
                // And each takes over what the other has counted.
                assert_eq!(answers(alone(), shared(), &values), wanted, "{asked:?}");
                assert_eq!(answers(shared(), alone(), &values), wanted, "{asked:?}");
            }
        }
    }
}

#[test]
fn what_is_given_does_not_hold_the_texts_of_all() {
    let texts = (0..3000).map(|n| format!("a text of which there is one, {n}"));
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
    let (gives, kind) = (Gives::MostFrequent, texts.data_type().clone());
    let asked = Asked { gives, second: None, is_distinct: false, kind };
    let mut groups = Tallied::of(&asked).unwrap().unwrap();
    groups.update_batch(&[texts], &[1; 3000], None, 3).unwrap();
    let given = groups.evaluate(EmitTo::All).unwrap();
    let wanted = [None, Some("a text of which there is one, 0"), None];
    assert_eq!(given.as_string_view().iter().collect::<Vec<_>>(), wanted);
    assert!(given.get_buffer_memory_size() < 20_000, "{}", given.get_buffer_memory_size());
}

#[tokio::test]
async fn values_and_their_numbers_are_those_of_counting_by_hand() {
    let context = context();
    let counts =
        format!("SELECT grp, x, count(*) AS n FROM ({VALUES}) WHERE x IS NOT NULL GROUP BY grp, x");
    for (call, by_hand) in [
        (
            "map_keys(histogram(x)) AS k, map_values(histogram(x)) AS v",
            "array_agg(x ORDER BY x) AS k, array_agg(n ORDER BY x) AS v".to_owned(),
        ),
        (
            "approx_top_k(x, 3) AS k",
            "array_slice(array_agg(x ORDER BY n DESC, x), 1, 3) AS k".to_owned(),
        ),
    ] {
        let by_hand = format!("SELECT grp, {by_hand} FROM ({counts}) GROUP BY grp ORDER BY grp");
        let ours = format!("SELECT grp, {call} FROM ({VALUES}) GROUP BY grp ORDER BY grp");
        assert_eq!(ask(&context, &ours).await, ask(&context, &by_hand).await, "{call}");
    }
    let texts = "SELECT histogram(x) FROM (VALUES ('微'), ('a'), (NULL), ('微')) AS t (x)";
    assert!(ask(&context, texts).await.contains("{a: 1, 微: 2}"));
}

#[tokio::test]
async fn a_window_that_moves_gives_what_its_rows_give() {
    let context = context();
    for call in ["mode(x)", "quantile_disc(x, 0.5)", "round(entropy(x), 9)", "histogram(x)"] {
        let function = call.trim_start_matches("round(").trim_end_matches(", 9)");
        let window =
            format!("{function} OVER (ORDER BY value ROWS BETWEEN 5 PRECEDING AND 2 FOLLOWING)");
        let moving = call.replace(function, &window);
        let ours = format!(
            "SELECT value, {moving} AS m FROM ({VALUES} WHERE value <= 300) ORDER BY value"
        );
        let by_hand = format!(
            "SELECT a.value, {} AS m FROM ({VALUES} WHERE value <= 300) AS a
             JOIN ({VALUES} WHERE value <= 300) AS b
               ON b.value BETWEEN a.value - 5 AND a.value + 2
             GROUP BY a.value ORDER BY a.value",
            call.replace('x', "b.x")
        );
        assert_eq!(ask(&context, &ours).await, ask(&context, &by_hand).await, "{call}");
    }
}

#[tokio::test]
async fn distinct_values_zeros_and_what_is_no_share() {
    let context = context();
    let from = "FROM (VALUES (0.0), (-0.0), (3.0), (5.0), (NULL)) AS t (x)";
    for (asked, wanted) in [
        ("abs(mode(x))", "0.0"),
        ("abs(mode(DISTINCT x))", "0.0"),
        ("quantile_disc(DISTINCT x, 0.5)", "3.0"),
        ("quantile_disc(x, 0)", "0.0"),
        ("quantile(x, 1)", "5.0"),
        ("quantile_disc(x, NULL)", ""),
        ("entropy(x)", "1.5"),
        ("entropy(x) FILTER (WHERE x = 3)", "0.0"),
        ("mode(x) FILTER (WHERE x > 9)", ""),
        ("abs(map_keys(histogram(x))[1])", "0.0"),
        ("map_values(histogram(x))", "[2, 1, 1]"),
        ("map_values(histogram(DISTINCT x))", "[1, 1, 1]"),
        ("histogram(x) FILTER (WHERE x > 2)", "{3.0: 1, 5.0: 1}"),
        ("histogram(x) FILTER (WHERE x > 9)", ""),
        ("approx_top_k(x, 2) FILTER (WHERE x > 2)", "[3.0, 5.0]"),
        ("abs(approx_top_k(x, 1)[1])", "0.0"),
        ("approx_top_k(x, 9) FILTER (WHERE x = 3)", "[3.0]"),
        ("approx_top_k(x, 9) FILTER (WHERE x > 9)", ""),
        ("approx_top_k(x, NULL)", ""),
    ] {
        let table = ask(&context, &format!("SELECT {asked} AS m {from}")).await;
        let row = table.lines().nth(3).unwrap().trim_matches(['|', ' ']);
        assert_eq!(row, wanted, "{asked}");
    }
    for refused in [
        "quantile_disc(x, 1.5)",
        "quantile_disc(x, x)",
        "mode(x, x)",
        "approx_top_k(x, 0)",
        "approx_top_k(x, 1000001)",
    ] {
        let asked = context.sql(&format!("SELECT {refused} {from}")).await;
        let failed = match asked {
            Ok(asked) => asked.collect().await.is_err(),
            Err(_) => true,
        };
        assert!(failed, "{refused}");
    }
}
