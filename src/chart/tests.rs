//! Every kind of chart over data that is awkward for it.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};

use super::*;
use crate::text::width::display_width;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn texts<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

fn ints(numbers: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(numbers.into_iter().collect::<Int64Array>())
}

fn floats(numbers: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(numbers.into_iter().collect::<Float64Array>())
}

fn days(first: i32, step: i32, count: i32) -> ArrayRef {
    Arc::new(Date32Array::from_iter_values((0..count).map(|n| first + n * step)))
}

fn spec(settings: &[(&str, &str)]) -> Result<Spec> {
    let owned = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Spec::parse(&owned.collect::<Vec<_>>())
}

fn chart(settings: &[(&str, &str)], batch: &RecordBatch) -> Result<Chart> {
    Chart::new(&spec(settings)?, &batch.schema(), std::slice::from_ref(batch))
}

/// Pseudo-random but fixed waves.
fn wave(n: i64) -> f64 {
    let x = n as f64;
    (x / 7.0).sin() * 40.0 + (x / 30.0).cos() * 60.0 + ((n * 7919) % 31) as f64
}

/// Every kind over awkward data, by name.
fn gallery() -> Vec<(&'static str, Chart)> {
    let names = [
        "外交小灵通",
        "公安部打四黑除四害",
        "中国国家博物馆官方微博（国家文物局直属单位）",
        "健康报",
        "<b>x</b> & \u{202e}y",
    ];
    let ministries = batch(vec![
        ("organization", texts(names)),
        ("followers", ints([Some(2_812_345), Some(1_203_400), None, Some(45_000), Some(0)])),
        ("change", ints([Some(120), Some(-45), Some(3), Some(-200), Some(0)])),
        ("posts", ints([Some(5012), Some(3201), Some(1200), Some(800), Some(12)])),
    ]);
    let daily = batch(vec![
        ("day", days(15_300, 1, 120)),
        ("原创", ints((0..120).map(|n| (n % 17 != 5).then_some(wave(n) as i64 + 80)))),
        ("转发", ints((0..120).map(|n| Some(wave(n + 40) as i64 + 150)))),
        ("net", floats((0..120).map(|n| Some(wave(n))))),
    ]);
    let months = batch(vec![
        (
            "month",
            Arc::new(Date32Array::from(vec![15_000, 15_031, 15_061, 15_092, 15_122])) as ArrayRef,
        ),
        ("posts", ints([Some(10), Some(-4), Some(7), None, Some(12)])),
    ]);
    let one = batch(vec![("day", days(15_579, 1, 1)), ("posts", ints([Some(44)]))]);
    let many = batch(vec![
        ("n", ints((0..10_000).map(Some))),
        ("likes", floats((0..10_000).map(|n| Some(wave(n) * wave(n / 3))))),
    ]);
    let hours: Vec<i64> = (0..7 * 24).filter(|n| n % 24 != 4).collect();
    let week = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
    let heat = batch(vec![
        ("hour", ints(hours.iter().map(|n| Some(n % 24)))),
        ("weekday", texts(hours.iter().map(|n| week[(n / 24) as usize]))),
        ("posts", ints(hours.iter().map(|n| Some((wave(*n) + 130.0) as i64)))),
    ]);
    let long = batch(vec![
        ("month", texts(["2012-06", "2012-06", "2012-07", "2012-07", "2012-08"])),
        ("kind", texts(["原创", "转发", "原创", "转发", "原创"])),
        ("posts", ints([Some(100), Some(50), Some(120), Some(80), Some(90)])),
    ]);
    let instants = batch(vec![
        (
            "posted_at",
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(
                    (0..500).map(|n| 1_346_032_800_000_000 + n * n * 1_000_000),
                )
                .with_timezone("Asia/Shanghai"),
            ) as ArrayRef,
        ),
        ("reposts", ints((0..500).map(|n| Some((wave(n) * 3.0) as i64)))),
    ]);
    let empty = ministries.slice(0, 0);
    let make = |settings: &[(&str, &str)], batch: &RecordBatch| chart(settings, batch).unwrap();
    vec![
        (
            "bar",
            make(
                &[
                    ("kind", "bar"),
                    ("x", "organization"),
                    ("y", "followers"),
                    ("title", "Followers per ministry 各部委粉丝数"),
                ],
                &ministries,
            ),
        ),
        ("bar_negative", make(&[("kind", "bar"), ("y", "change")], &ministries)),
        ("bar_two", make(&[("kind", "bar"), ("y", "posts,change"), ("title", "Two")], &ministries)),
        (
            "bar_series",
            make(&[("kind", "bar"), ("x", "month"), ("y", "posts"), ("series", "kind")], &long),
        ),
        (
            "bar_stacked",
            make(
                &[("kind", "bar"), ("y", "posts,followers,change"), ("stacked", "true")],
                &ministries,
            ),
        ),
        (
            "bar_stacked_days",
            make(
                &[("kind", "bar"), ("x", "day"), ("y", "原创,转发,net"), ("stacked", "true")],
                &daily,
            ),
        ),
        ("bar_months", make(&[("kind", "bar"), ("x", "month"), ("y", "posts")], &months)),
        ("bar_days", make(&[("kind", "bar"), ("x", "day"), ("y", "原创,转发")], &daily)),
        (
            "line",
            make(
                &[("kind", "line"), ("x", "day"), ("y", "原创,转发"), ("title", "Posts a day")],
                &daily,
            ),
        ),
        ("line_labels", make(&[("kind", "line"), ("y", "posts")], &ministries)),
        ("area_negative", make(&[("kind", "area"), ("x", "day"), ("y", "net")], &daily)),
        ("line_one", make(&[("kind", "line")], &one)),
        ("line_many", make(&[("kind", "line")], &many)),
        ("scatter_many", make(&[("kind", "scatter")], &many)),
        ("scatter_time", make(&[("kind", "scatter")], &instants)),
        ("histogram", make(&[("kind", "histogram"), ("x", "likes")], &many)),
        ("histogram_time", make(&[("kind", "histogram"), ("x", "posted_at")], &instants)),
        (
            "heat",
            make(
                &[
                    ("kind", "heatmap"),
                    ("x", "hour"),
                    ("y", "weekday"),
                    ("title", "When ministries post"),
                ],
                &heat,
            ),
        ),
        ("spark", make(&[("kind", "spark"), ("y", "net")], &daily)),
        ("bar_empty", make(&[("kind", "bar"), ("y", "posts")], &empty)),
        ("line_empty", make(&[("kind", "line"), ("y", "posts")], &empty)),
        ("heat_empty", make(&[("kind", "heatmap"), ("y", "posts"), ("value", "change")], &empty)),
    ]
}

#[test]
fn no_line_of_text_is_wider_than_the_screen() {
    for (name, chart) in gallery() {
        for width in [32, 40, 80, 120] {
            for (ascii, color) in [(false, false), (true, false)] {
                let text = chart.to_text(&Screen { width, ascii, color, ..Screen::default() });
                for line in text.lines() {
                    assert!(display_width(line) <= width, "{name} at {width}:\n{text}");
                }
            }
        }
    }
}

#[test]
fn ascii_charts_have_no_other_signs_but_those_of_the_labels() {
    let plain = batch(vec![
        ("day", days(15_300, 1, 50)),
        ("posts", ints((0..50).map(|n| Some(wave(n) as i64)))),
    ]);
    for kind in ["bar", "line", "area", "scatter", "histogram", "heatmap", "spark"] {
        let settings = [("kind", kind), ("y", "posts"), ("value", "posts"), ("title", "t")];
        let screen = Screen { ascii: true, ..Screen::default() };
        let text = chart(&settings, &plain).unwrap().to_text(&screen);
        assert!(text.is_ascii(), "{kind}:\n{text}");
    }
}

#[test]
fn no_svg_holds_elements_of_the_data_or_places_that_are_no_numbers() {
    for (name, chart) in gallery() {
        let svg = chart.to_svg();
        assert!(!svg.contains("<b>") && !svg.contains('\u{202e}'), "{name}");
        assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{name}: {svg}");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{name}");
        assert!(svg.contains("role=\"img\"") && svg.contains("<desc>"), "{name}");
        assert!(!chart.to_svg_element().contains("style"), "{name}");
        let opened = svg.matches('<').count() - svg.matches("</").count();
        let closed = svg.matches("</").count() + svg.matches("/>").count();
        assert_eq!(opened, closed, "{name}");
    }
}

#[test]
fn ten_thousand_points_stay_a_small_file_and_keep_their_extremes() {
    let values: Vec<f64> = (0..10_000).map(|n| if n == 5000 { 1e6 } else { wave(n) }).collect();
    let batch = batch(vec![
        ("n", ints((0..10_000).map(Some))),
        ("y", floats(values.into_iter().map(Some))),
    ]);
    let line = chart(&[("kind", "line")], &batch).unwrap().to_svg();
    assert!(line.len() < 100_000, "{}", line.len());
    let top = line.split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
    let heights = top.split(['M', 'L']).filter_map(|point| point.split(' ').nth(1)?.parse().ok());
    let highest = heights.fold(f64::MAX, f64::min);
    assert!(highest < 60.0, "the spike reaches the top of the plot, not {highest}");
    let dots = chart(&[("kind", "scatter")], &batch).unwrap().to_svg();
    assert!(dots.len() < 200_000, "{}", dots.len());
}

fn refused(settings: &[(&str, &str)], batch: &RecordBatch) -> (String, String) {
    let error = chart(settings, batch).unwrap_err();
    (error.message().to_owned(), error.advice().unwrap_or_default().to_owned())
}

#[test]
fn wrong_settings_and_columns_name_what_is_right() {
    let batch = batch(vec![
        ("organization", texts(["a", "a"])),
        ("kind", texts(["k", "k"])),
        ("posts", ints([Some(1), Some(2)])),
    ]);
    assert_eq!(
        refused(&[("kind", "bar"), ("x", "organisation")], &batch),
        ("the result has no column `organisation`".into(), "did you mean `organization`?".into())
    );
    assert_eq!(
        refused(&[("kind", "line"), ("y", "kind")], &batch),
        (
            "a chart needs numbers, and column `kind` is text".into(),
            "columns of numbers: posts".into()
        )
    );
    assert_eq!(
        refused(&[("kind", "bar"), ("series", "kind")], &batch).0,
        "the result has more than one row for `a` and `k`"
    );
    let (message, hint) = refused(&[("kind", "line"), ("by", "kind")], &batch);
    assert_eq!(message, "a chart has no setting `by`");
    assert!(hint.starts_with("series=COLUMN"), "{hint}");
    assert_eq!(refused(&[("kind", "barr")], &batch).1, "did you mean `bar`?");
    assert_eq!(refused(&[("kind", "bar"), ("tilte", "x")], &batch).1, "did you mean `title`?");
    assert_eq!(
        refused(&[("kind", "bar"), ("width", "wide")], &batch).0,
        "the width of a chart is a whole number from 100 to 10000, not `wide`"
    );
    assert!(refused(&[("x", "posts")], &batch).0.contains("no kind"));
}

#[test]
fn rows_of_one_place_are_told_apart_or_refused_and_never_drawn_over_each_other() {
    let months: ArrayRef = Arc::new(Date32Array::from(vec![15_340, 15_340, 15_371, 15_371]));
    let n = ints([Some(5), Some(6), Some(7), Some(8)]);
    let of = |clients: [&str; 4]| {
        batch(vec![("m", Arc::clone(&months)), ("client", texts(clients)), ("n", Arc::clone(&n))])
    };
    let two = of(["a", "b", "a", "b"]);
    for kind in ["bar", "line", "area"] {
        let drawn = chart(&[("kind", kind)], &two).unwrap();
        let text = drawn.to_text(&Screen::default());
        assert!(text.contains("told apart by series=client"), "{kind}: {text}");
        assert!(drawn.description().contains("of a, b by m"), "{}", drawn.description());
        // One of them may come twice: then it is not what tells them apart.
        let (said, advice) = refused(&[("kind", kind)], &of(["a", "a", "a", "b"]));
        assert_eq!(said, "several rows have one m, as 2012-01-01 has 2");
        assert_eq!(advice, "SELECT m, sum(n) FROM _ GROUP BY m, if a sum is meant");
    }
    let in_year = batch(vec![("m", Arc::clone(&months)), ("2012", Arc::clone(&n))]);
    let (_, advice) = refused(&[("kind", "bar")], &in_year);
    assert_eq!(advice, "SELECT m, sum(\"2012\") FROM _ GROUP BY m, if a sum is meant");
    // Dots do not hide each other.
    chart(&[("kind", "scatter")], &two).unwrap();
    // Two posts of one second among many leave the line as it is.
    let seconds = (0..30_i64).map(|second| 1_346_032_800_000_000 + second.max(1) * 1_000_000);
    let moments: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(seconds));
    let posts = batch(vec![("posted_at", moments), ("likes", ints((0..30).map(Some)))]);
    let text = chart(&[("kind", "line")], &posts).unwrap().to_text(&Screen::default());
    assert!(text.contains("several rows have one posted_at, as "), "{text}");
}

#[test]
fn numbers_that_stand_alone_are_told_what_they_lack() {
    let alone = batch(vec![("likes", ints([Some(1), Some(2)]))]);
    for settings in [&[("kind", "line")][..], &[("kind", "bar"), ("y", "likes")]] {
        let (said, advice) = refused(settings, &alone);
        assert!(said.contains("has no x") && said.ends_with("beside likes"), "{said}");
        assert!(advice.contains("histogram"), "{advice}");
    }
    let named = batch(vec![("n", ints([Some(1), Some(2)])), ("tag", texts(["a", "b"]))]);
    for settings in [&[("kind", "bar")][..], &[("kind", "bar"), ("y", "n")]] {
        let text = chart(settings, &named).unwrap().to_text(&Screen::default());
        assert!(text.starts_with("a "), "{text}");
    }
}

#[test]
fn months_of_lines_stand_in_the_order_of_time() {
    let batch = batch(vec![
        ("month", texts(["2021-03", "2021-04", "2021-01", "2021-02"])),
        ("account", texts(["a", "a", "b", "b"])),
        ("n", ints([Some(1), Some(2), Some(3), Some(4)])),
    ]);
    let svg = chart(&[("kind", "line"), ("series", "account")], &batch).unwrap().to_svg();
    let at = |month: &str| svg.find(&format!("middle\">{month}")).unwrap();
    assert!(at("2021-01") < at("2021-03"), "{svg}");
}

#[test]
fn a_line_is_broken_where_months_have_no_row() {
    let days: ArrayRef = Arc::new(Date32Array::from(vec![15_340, 15_371, 15_400, 15_522, 15_553]));
    let names = texts(["2012-01", "2012-02", "2012-03", "2012-07", "2012-08"]);
    for months in [days, names] {
        let posts = ints([Some(5), Some(6), Some(7), Some(8), Some(9)]);
        let batch = batch(vec![("month", months), ("posts", posts)]);
        let line = chart(&[("kind", "line")], &batch).unwrap();
        let svg = line.to_svg();
        assert_eq!(svg.matches("class=\"l0\"").count(), 2, "{svg}");
        for drawn in [svg, line.to_text(&Screen::default())] {
            assert!(drawn.contains("3 months without rows: the line is broken there"), "{drawn}");
        }
        let bars = chart(&[("kind", "bar")], &batch).unwrap();
        assert!(!bars.to_svg().contains("without rows"));
    }
}

#[test]
fn stacked_bars_stand_on_each_other_and_carry_their_sum() {
    let batch = batch(vec![
        ("m", texts(["a", "b"])),
        ("one", ints([Some(3), Some(1)])),
        ("two", ints([Some(5), None])),
    ]);
    let stacked = [("kind", "bar"), ("y", "one,two"), ("stacked", "true")];
    let svg = chart(&stacked, &batch).unwrap().to_svg();
    assert!(svg.contains(">8</text>") && !svg.contains("NULL"), "{svg}");
    assert_eq!(
        refused(&[("kind", "line"), ("stacked", "true")], &batch).0,
        "only bars can be stacked"
    );
}

#[test]
fn a_picture_is_svg_or_png_by_the_suffix_of_its_file() {
    let batch = batch(vec![("n", ints([Some(1)])), ("y", ints([Some(2)]))]);
    let spark = chart(&[("kind", "spark"), ("y", "y")], &batch).unwrap();
    let bytes = |name: &str| spark.to_picture(Picture::of(Path::new(name))?);
    assert!(bytes("a.svg").unwrap().starts_with(b"<svg "));
    assert!(bytes("a.PNG").unwrap().starts_with(b"\x89PNG"));
    let error = bytes("a.jpg").unwrap_err();
    assert_eq!(error.message(), "no kind of picture for the name a.jpg");
}

#[test]
fn rows_without_a_place_are_left_out_and_said_so() {
    let batch = batch(vec![
        ("n", ints([Some(1), None, Some(3)])),
        ("y", ints([Some(1), Some(2), Some(3)])),
    ]);
    let text = chart(&[("kind", "line")], &batch).unwrap().to_text(&Screen::default());
    assert!(text.ends_with("left out: 1 row without n\n"), "{text}");
    assert!(chart(&[("kind", "bar")], &batch.slice(0, 0)).unwrap().to_svg().contains("no rows"));
}

#[test]
fn a_bar_chart_in_the_terminal_lines_up_chinese_labels() {
    let batch = batch(vec![
        ("organization", texts(["外交部", "MPS", "卫生"])),
        ("accounts", ints([Some(11), Some(7), None])),
    ]);
    let screen = Screen { width: 32, ..Screen::default() };
    assert_eq!(
        chart(&[("kind", "bar")], &batch).unwrap().to_text(&screen),
        "外交部 ████████████████████ 11\n\
         MPS    ████████████▊ 7\n\
         卫生   NULL\n"
    );
}

#[test]
fn an_hour_without_posts_is_an_empty_column_of_a_heat_map() {
    let batch = batch(vec![
        ("hour", ints([Some(7), Some(9)])),
        ("day", texts(["周一", "周一"])),
        ("posts", ints([Some(1), Some(5)])),
    ]);
    let heat = [("kind", "heatmap"), ("x", "hour"), ("y", "day")];
    let text = chart(&heat, &batch).unwrap().to_text(&Screen::default());
    assert!(text.contains("周一 ░░░░    ████\n"), "{text}");
}

#[test]
fn bars_keep_the_order_that_the_answer_was_given() {
    let day = |days: [i32; 3]| -> ArrayRef { Arc::new(Date32Array::from(days.to_vec())) };
    let drawn = |days: [i32; 3], likes: [i64; 3]| {
        let batch = batch(vec![("day", day(days)), ("likes", ints(likes.map(Some)))]);
        let text = chart(&[("kind", "bar")], &batch).unwrap().to_text(&Screen::default());
        let days: Vec<String> =
            text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
        days.join(" ")
    };
    // By likes, or from the last day to the first.
    let (first, second, third) = ("2012-08-27", "2012-08-28", "2012-08-29");
    assert_eq!(drawn([15580, 15579, 15581], [9, 5, 1]), format!("{second} {first} {third}"));
    assert_eq!(drawn([15581, 15580, 15579], [1, 9, 5]), format!("{third} {second} {first}"));
    // In no order at all they stand in that of time.
    assert_eq!(drawn([15580, 15579, 15581], [1, 9, 5]), format!("{first} {second} {third}"));
}

#[test]
fn numbers_beside_each_other_are_all_in_words_or_none_is() {
    let drawn = |likes: [i64; 2]| {
        let batch = batch(vec![("tag", texts(["a", "b"])), ("likes", ints(likes.map(Some)))]);
        let screen = Screen { readable: crate::render::Readable::English, ..Screen::default() };
        chart(&[("kind", "bar")], &batch).unwrap().to_text(&screen)
    };
    let mixed = drawn([1_234_567, 991_982]);
    assert!(mixed.contains(" 1,234,567\n") && mixed.contains(" 991,982\n"), "{mixed}");
    let large = drawn([2_800_000, 1_500_000]);
    assert!(large.contains(" 2.8 million\n") && large.contains(" 1.5 million\n"), "{large}");
}

#[test]
fn intervals_of_large_numbers_are_told_as_axes_tell_them() {
    use crate::render::Readable;
    let drawn = |numbers: [i64; 3], readable| {
        let batch = batch(vec![("likes", ints(numbers.map(Some)))]);
        let screen = Screen { readable, ..Screen::default() };
        chart(&[("kind", "histogram")], &batch).unwrap().to_text(&screen)
    };
    let large = [0, 31_000_000, 59_000_000];
    for (readable, label) in [
        (Readable::Off, "0 to 20M "),
        (Readable::English, "20 million to 40 million "),
        (Readable::Chinese, "2000万 to 4000万 "),
    ] {
        let text = drawn(large, readable);
        assert!(text.contains(label) && !text.contains("999"), "{text}");
    }
    let small = drawn([0, 3_100, 5_900], Readable::English);
    assert!(small.contains("0 to 1999"), "{small}");
    // Three digits would not tell these apart.
    let close = drawn([12_345_670, 12_345_675, 12_345_679], Readable::English);
    assert!(close.contains("123456"), "{close}");
}

#[test]
fn a_single_series_is_named() {
    let batch = batch(vec![
        ("month", texts(["2021-01", "2021-02"])),
        ("account_id", texts(["2656274875", "2656274875"])),
        ("likes", ints([Some(1), Some(2)])),
    ]);
    let line = chart(&[("kind", "line"), ("series", "account_id")], &batch).unwrap();
    let text = line.to_text(&Screen::default());
    assert!(text.ends_with("account_id is 2656274875\n"), "{text}");
    assert!(line.to_svg().contains("account_id is 2656274875"));
}

#[test]
fn the_shades_of_counts_begin_at_whole_numbers() {
    let drawn = |values: ArrayRef| {
        let batch = batch(vec![
            ("hour", ints([Some(1), Some(2)])),
            ("day", texts(["a", "a"])),
            ("posts", values),
        ]);
        chart(&[("kind", "heatmap")], &batch).unwrap().to_text(&Screen::default())
    };
    let counts = drawn(ints([Some(5), Some(108)]));
    assert!(counts.ends_with("░ from 5  ▒ from 31  ▓ from 57  █ from 83  to 108\n"), "{counts}");
    let shares = drawn(floats([Some(0.5), Some(1.5)]));
    assert!(shares.contains("▒ from 0.75"), "{shares}");
}

#[test]
fn a_page_holds_the_chart_and_makes_its_title_harmless() {
    let batch = batch(vec![("tag", texts(["a"])), ("n", ints([Some(1)]))]);
    let bars = chart(&[("kind", "bar"), ("title", "<script>")], &batch).unwrap();
    let page = bars.to_page();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"), "{page}");
    assert!(page.contains("<title>&lt;script&gt;</title>"), "{page}");
    assert!(page.contains(&bars.to_svg()) && !page.contains("<script"), "{page}");
}
