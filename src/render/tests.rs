//! Every format over one batch of all that is awkward.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    DurationMillisecondArray, Float64Array, Int64Array, ListArray, StringArray, StringViewArray,
    StructArray, TimestampMicrosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::text::width::display_width;

/// 2012-08-27 10:00:00 in Shanghai, in microseconds.
const POSTED: i64 = 1_346_032_800_000_000;

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// Two rows: one of everything awkward, one of NULL (but for `text`).
fn dirty() -> RecordBatch {
    let tags = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    let kinds: DictionaryArray<Int32Type> = [Some("原创"), None].into_iter().collect();
    let who: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a\"b"), None]));
    let members = vec![field("who", DataType::Utf8View)].into();
    let place = StructArray::new(members, vec![who], Some(vec![true, false].into()));
    let decimal = Decimal128Array::from(vec![Some(-1250), None]).with_precision_and_scale(38, 2);
    let posted = TimestampMicrosecondArray::from(vec![Some(POSTED), None]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![Some(i64::MAX), None]))),
        ("big", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ("text", Arc::new(StringArray::from(vec!["外交,\"👨‍👩‍👧\"\n\u{1b}[2J\u{202e}é", ""]))),
        ("money", Arc::new(decimal.unwrap())),
        ("posted_at", Arc::new(posted.with_timezone("Asia/Shanghai"))),
        ("share", Arc::new(Float64Array::from(vec![Some(0.1), None]))),
        ("yes", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("day", Arc::new(Date32Array::from(vec![Some(15_579), None]))),
        ("tags", Arc::new(tags)),
        ("kind", Arc::new(kinds)),
        ("place", Arc::new(place)),
        ("raw", Arc::new(BinaryArray::from(vec![Some(b"\xff\x00".as_slice()), None]))),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

fn one(name: &str, array: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([(name, array, true)]).unwrap()
}

/// A sink whose bytes can be read afterwards.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bytes(name: &str, batches: &[RecordBatch], options: &Options) -> Vec<u8> {
    let sink = Bytes::default();
    let open = format(name).unwrap().open;
    let mut writer = open(Box::new(sink.clone()), &batches[0].schema(), options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    Arc::into_inner(sink.0).unwrap().into_inner().unwrap()
}

fn text(name: &str, batches: &[RecordBatch], options: &Options) -> String {
    String::from_utf8(bytes(name, batches, options)).unwrap()
}

fn shown(name: &str, batch: &RecordBatch) -> String {
    text(name, std::slice::from_ref(batch), &Options::default())
}

#[test]
fn csv_is_exact_to_the_byte_and_tells_null_from_empty() {
    assert_eq!(
        shown("csv", &dirty()),
        "id,big,text,money,posted_at,share,yes,day,tags,kind,place,raw\n\
         9223372036854775807,18446744073709551615,\"外交,\"\"👨‍👩‍👧\"\"\n\u{1b}[2J\u{202e}é\",-12.50,\
         2012-08-27T10:00:00+08:00,0.1,true,2012-08-27,\"[1,null]\",原创,\"{\"\"who\"\":\"\"a\\\"\"b\"\"}\",ff00\n\
         ,,\"\",,,,,,,,,\n"
    );
}

#[test]
fn a_csv_row_of_one_null_is_not_an_empty_line() {
    let batch = one("n", Arc::new(Int64Array::from(vec![None, Some(1)])));
    assert_eq!(shown("csv", &batch), "n\n\"\"\n1\n");
}

#[test]
fn tsv_quotes_tabs_and_not_commas() {
    let batch = one("a,b", Arc::new(StringArray::from(vec!["1,2", "1\t2"])));
    assert_eq!(shown("tsv", &batch), "a,b\n1,2\n\"1\t2\"\n");
}

#[test]
fn json_keeps_every_digit_and_every_character() {
    let object = "{\"id\":9223372036854775807,\"big\":18446744073709551615,\
        \"text\":\"外交,\\\"👨‍👩‍👧\\\"\\n\\u001b[2J\u{202e}é\",\"money\":-12.50,\
        \"posted_at\":\"2012-08-27T10:00:00+08:00\",\"share\":0.1,\"yes\":true,\
        \"day\":\"2012-08-27\",\"tags\":[1,null],\"kind\":\"原创\",\
        \"place\":{\"who\":\"a\\\"b\"},\"raw\":\"ff00\"}";
    let nulls = "{\"id\":null,\"big\":null,\"text\":\"\",\"money\":null,\"posted_at\":null,\
        \"share\":null,\"yes\":null,\"day\":null,\"tags\":null,\"kind\":null,\
        \"place\":null,\"raw\":null}";
    assert_eq!(shown("json", &dirty()), format!("[\n{object},\n{nulls}\n]\n"));
    assert_eq!(shown("jsonl", &dirty()), format!("{object}\n{nulls}\n"));
}

#[test]
fn json_is_read_back_by_another_parser_with_the_same_values() {
    let rows: Vec<serde_json::Value> = serde_json::from_str(&shown("json", &dirty())).unwrap();
    assert_eq!(rows[0]["id"].as_i64(), Some(i64::MAX));
    assert_eq!(rows[0]["big"].as_u64(), Some(u64::MAX));
    assert_eq!(rows[0]["text"], "外交,\"👨‍👩‍👧\"\n\u{1b}[2J\u{202e}é");
    assert_eq!(rows[0]["place"]["who"], "a\"b");
    assert!(rows[1]["id"].is_null());
}

#[test]
fn csv_is_read_back_by_another_parser_with_the_same_texts() {
    let csv = shown("csv", &dirty());
    let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(&rows[0][0], "9223372036854775807");
    assert_eq!(&rows[0][2], "外交,\"👨‍👩‍👧\"\n\u{1b}[2J\u{202e}é");
    assert_eq!(&rows[0][8], "[1,null]");
}

#[test]
fn numbers_that_are_none_are_texts_in_json_and_words_in_csv() {
    let odd = vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, 1e300, -0.0];
    let batch = one("x", Arc::new(Float64Array::from(odd)));
    assert_eq!(shown("csv", &batch), "x\nNaN\ninf\n-inf\n1.0\n1e300\n-0.0\n");
    let json = shown("jsonl", &batch);
    let first: Vec<&str> = json.lines().take(3).collect();
    assert_eq!(first, ["{\"x\":\"NaN\"}", "{\"x\":\"Infinity\"}", "{\"x\":\"-Infinity\"}"]);
}

#[test]
fn no_rows_still_give_a_header_or_an_empty_array() {
    let empty = dirty().slice(0, 0);
    assert!(shown("csv", &empty).starts_with("id,big,text"));
    assert_eq!(shown("json", &empty), "[]\n");
    assert_eq!(shown("jsonl", &empty), "");
    assert_eq!(shown("markdown", &empty).lines().count(), 2);
    assert!(shown("html", &empty).contains("<th scope=\"col\" class=\"number\">id</th>"));
    assert!(shown("box", &empty).contains("posted_at"));
    assert!(shown("box", &empty).ends_with("0 rows\n"));
    assert_eq!(read_parquet(bytes("parquet", &[empty], &Options::default())).num_rows(), 0);
}

#[test]
fn columns_of_one_name_are_told_apart_where_only_one_could_be_kept() {
    let n: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let names = ["id", "id", "id_2", "id"].map(|name| field(name, DataType::Int64));
    let schema = Arc::new(Schema::new(names.to_vec()));
    let batch = RecordBatch::try_new(schema, vec![n; 4]).unwrap();
    assert_eq!(shown("jsonl", &batch), "{\"id\":1,\"id_3\":1,\"id_2\":1,\"id_4\":1}\n");
    assert_eq!(shown("csv", &batch), "id,id,id_2,id\n1,1,1,1\n");
    let back = read_parquet(bytes("parquet", &[batch], &Options::default()));
    assert_eq!(back.schema().field(1).name(), "id_3");
}

#[test]
fn markdown_escapes_its_own_signs() {
    let batch = one("a|b", Arc::new(StringArray::from(vec![Some("x|*y*<b>\n\u{202e}"), None])));
    assert_eq!(
        shown("markdown", &batch),
        "| a\\|b |\n| --- |\n| x\\|\\*y\\*&lt;b&gt;<br>⟨202E⟩ |\n| NULL |\n"
    );
}

#[test]
fn html_holds_no_element_of_the_data() {
    let nasty = "<script>alert('1')</script>\"&";
    let html = shown("html", &one(nasty, Arc::new(StringArray::from(vec![nasty]))));
    assert!(!html.contains("<script"));
    let escaped = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;";
    assert_eq!(html.matches(escaped).count(), 2);
}

#[test]
fn latex_escapes_its_commands() {
    let batch = one("a_b", Arc::new(StringArray::from(vec![Some("50 % & \\x\n[微博]"), None])));
    assert_eq!(
        shown("latex", &batch),
        "\\begin{tabular}{l}\n\\hline\na\\_b \\\\\n\\hline\n\
         50 \\% \\& \\textbackslash{}x {[}微博] \\\\\nNULL \\\\\n\\hline\n\\end{tabular}\n"
    );
}

#[test]
fn quoted_rows_can_be_pasted_behind_in_and_values() {
    let names = one("name", Arc::new(StringArray::from(vec![Some("it's"), None])));
    assert_eq!(shown("quote", &names), "'it''s',\nNULL\n");
    let pair = dirty().project(&[0, 7]).unwrap();
    assert_eq!(shown("quote", &pair), "(9223372036854775807, DATE '2012-08-27'),\n(NULL, NULL)\n");
    assert_eq!(shown("quote", &dirty().slice(0, 0)), "");
    assert_eq!(shown("null", &dirty()), "");
}

#[test]
fn words_that_were_looked_for_stand_out_on_colour_only() {
    let batch = one("text", Arc::new(StringArray::from(vec!["甲地震乙海啸丙地震"])));
    let searched = ["地震", "海啸"].map(str::to_owned).to_vec();
    let plain = Options { searched, ..Options::default() };
    assert!(text("box", std::slice::from_ref(&batch), &plain).contains("│ 甲地震乙海啸丙地震 │"));
    let colored = text("box", &[batch], &Options { color: true, ..plain });
    let [on, off] = ["\u{1b}[1;31m", "\u{1b}[0m"];
    let marked = format!("│ 甲{on}地震{off}乙{on}海啸{off}丙{on}地震{off} │");
    assert!(colored.contains(&marked), "{colored}");
}

#[test]
fn what_passed_between_two_instants_is_told_in_days_and_hours() {
    let millis = [86_400_000 * 3 + 3_600_000 + 1_500, -90_000, 86_400_000, 0];
    let batch = one("d", Arc::new(DurationMillisecondArray::from(millis.to_vec())));
    assert_eq!(
        shown("list", &batch),
        "d\n3 days 01:00:01.5\n-00:01:30\n1 day 00:00:00\n00:00:00\n"
    );
    assert_eq!(shown("csv", &batch), shown("list", &batch));
    // Others would take `-2 days 03:00:00` for three hours more than two days less.
    let batch = one("d", Arc::new(DurationMillisecondArray::from(vec![-183_600_000])));
    assert_eq!(shown("csv", &batch), "d\n-2 days -03:00:00\n");
}

#[test]
fn insert_quotes_names_and_texts() {
    let quoted = one("It's \"x\"", Arc::new(StringArray::from(vec!["it's", "'); drop"])));
    assert_eq!(
        shown("insert", &quoted),
        "INSERT INTO result (\"It's \"\"x\"\"\") VALUES ('it''s');\n\
         INSERT INTO result (\"It's \"\"x\"\"\") VALUES ('''); drop');\n"
    );
    let all = shown("insert", &dirty());
    for literal in [
        "9223372036854775807",
        "TIMESTAMPTZ '2012-08-27T10:00:00+08:00'",
        "DATE '2012-08-27'",
        "TRUE",
        "[1, NULL]",
        "X'ff00'",
        "named_struct('who', 'a\"b')",
    ] {
        assert!(all.contains(literal), "{literal} in {all}");
    }
}

fn read_parquet(file: Vec<u8>) -> RecordBatch {
    use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let builder = ParquetRecordBatchReaderBuilder::try_new(::bytes::Bytes::from(file)).unwrap();
    let schema = SchemaRef::clone(builder.schema());
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    datafusion::arrow::compute::concat_batches(&schema, &batches).unwrap()
}

#[test]
fn parquet_and_arrow_files_give_the_batch_back() {
    let batch = dirty();
    let parquet = bytes("parquet", std::slice::from_ref(&batch), &Options::default());
    assert_eq!(read_parquet(parquet).columns(), batch.columns());
    let arrow = bytes("arrow", std::slice::from_ref(&batch), &Options::default());
    let reader = datafusion::arrow::ipc::reader::FileReader::try_new(io::Cursor::new(arrow), None);
    let back: Vec<RecordBatch> = reader.unwrap().map(Result::unwrap).collect();
    assert_eq!(back, [batch]);
}

#[test]
fn a_closed_pipe_is_recognised() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    // One that writes nothing cannot notice.
    for format in FORMATS.iter().filter(|format| format.name != "null") {
        let opened = (format.open)(Box::new(Closed), &dirty().schema(), &Options::default());
        let written = opened.and_then(|mut writer| {
            writer.write(&dirty())?;
            writer.finish()
        });
        assert!(is_broken_pipe(&written.unwrap_err()), "{}", format.name);
    }
}

#[test]
fn every_format_is_found_by_its_name_and_suffixes() {
    for listed in FORMATS {
        assert_eq!(format(listed.name).unwrap().name, listed.name);
        for suffix in listed.suffixes {
            let path = format!("x.{}", suffix.to_uppercase());
            assert_eq!(format_for_suffix(Path::new(&path)).unwrap().name, listed.name);
        }
    }
    assert_eq!(format("line").unwrap().name, "vertical");
    assert_eq!(format("jsno").unwrap_err().advice(), Some("did you mean `json`?"));
    assert!(format_for_suffix(Path::new("x.docx")).unwrap_err().advice().is_some());
    for (path, name) in [("a/x.csv.gz", "csv"), ("x.TSV.GZ", "tsv"), ("x.jsonl.zst", "jsonl")] {
        assert_eq!(format_for_suffix(Path::new(path)).unwrap().name, name);
    }
    let error = format_for_suffix(Path::new("a/x.parquet.gz")).unwrap_err();
    assert_eq!(error.advice(), Some("call it x.parquet"));
}

fn posts(rows: i64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let names: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..rows).map(|n| format!("账号{n}"))));
    RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap()
}

#[test]
fn a_box_lines_up_and_shows_head_and_tail_with_the_true_count() {
    let options = Options { max_rows: 4, width: Some(80), ..Options::default() };
    assert_eq!(
        text("box", &[posts(1000), posts(3)], &options),
        "┌────────┬───────┐\n\
         │     id │ name  │\n\
         │ bigint │ text  │\n\
         ├────────┼───────┤\n\
         │      0 │ 账号0 │\n\
         │      1 │ 账号1 │\n\
         │      ⋮ │ ⋮     │\n\
         │      1 │ 账号1 │\n\
         │      2 │ 账号2 │\n\
         └────────┴───────┘\n\
         1,003 rows, 4 shown\n"
    );
}

#[test]
fn columns_left_out_are_named_and_counted() {
    let n: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, i64::MAX - 1]));
    let names: Vec<String> = (1..=9).map(|n| format!("count_{n}")).collect();
    let batch =
        RecordBatch::try_from_iter(names.iter().map(|name| (name, Arc::clone(&n)))).unwrap();
    let options = Options { width: Some(80), ..Options::default() };
    let shown = text("box", std::slice::from_ref(&batch), &options);
    assert!(shown.contains("columns not shown: count_3, count_4"), "{shown}");
    assert!(shown.ends_with("2 rows · 9 columns, 3 shown\n"), "{shown}");
    assert!(shown.contains("9223372036854775807 │ … │ 9223372036854775807"), "{shown}");
    // A single row is written downwards, and nothing is left out.
    let row = batch.slice(0, 1);
    assert_eq!(
        text("box", std::slice::from_ref(&row), &options),
        text("vertical", &[row], &options)
    );
}

#[test]
fn of_posts_that_do_not_fit_the_text_and_the_counts_stay() {
    let texts = |of: fn(i64) -> String| -> ArrayRef {
        Arc::new(StringArray::from((0..3).map(of).collect::<Vec<_>>()))
    };
    let counts: ArrayRef = Arc::new(Int64Array::from(vec![12, 34, 56]));
    let columns = [
        ("platform", texts(|_| "weibo".to_owned())),
        ("post_id", texts(|n| format!("338290538218535{n}"))),
        ("place", texts(|_| "北京".to_owned())),
        ("text", texts(|n| format!("{n} {}", "今天的地震".repeat(20)))),
        ("client", texts(|n| format!("专业版微博 weibo.com {n}"))),
        ("origin_post_id", texts(|n| format!("338290538218535{n}"))),
        ("reposts", counts),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let options = Options { width: Some(64), types: false, ..Options::default() };
    let shown = text("box", &[batch], &options);
    let head: Vec<&str> = shown.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(head.join(" "), "│ post_id │ text │ client │ … │ reposts │", "{shown}");
    assert!(shown.contains("今天的地震"), "{shown}");
    assert!(
        shown.contains(
            "in all rows platform is weibo, place is 北京\n\
             columns not shown: origin_post_id\n"
        ),
        "{shown}"
    );
}

#[test]
fn counts_are_grouped_where_it_is_asked_for() {
    let batch = one("rows", Arc::new(Int64Array::from(vec![10_081, -1_234_567])));
    let plain = text("box", std::slice::from_ref(&batch), &Options::default());
    assert!(plain.contains("│    10081 │\n"), "{plain}");
    let options = Options { grouped: true, ..Options::default() };
    let grouped = text("box", std::slice::from_ref(&batch), &options);
    assert!(grouped.contains("│     10,081 │\n│ -1,234,567 │\n"), "{grouped}");
    // Programs read digits only.
    assert_eq!(text("csv", &[batch], &options), "rows\n10081\n-1234567\n");
}

#[test]
fn columns_that_were_listed_are_all_there_as_long_as_they_can_be_read() {
    let texts = |of: fn(i64) -> String| -> ArrayRef {
        Arc::new(StringArray::from((0..2).map(of).collect::<Vec<_>>()))
    };
    let counts: ArrayRef = Arc::new(Int64Array::from(vec![114_801, 3302]));
    let columns = [
        ("screen_name", texts(|n| format!("中国地震台网速报 {n}"))),
        ("organization", texts(|n| format!("中国地震局官方微博账号 {n}"))),
        ("text", texts(|n| format!("{n} {}", "今天的地震".repeat(20)))),
        ("number_of_reposts", Arc::clone(&counts)),
        ("comments", counts),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let listed = Options { width: Some(62), types: false, listed: true, ..Options::default() };
    let shown = text("box", std::slice::from_ref(&batch), &listed);
    assert!(shown.ends_with("2 rows\n") && !shown.contains("not shown"), "{shown}");
    assert!(shown.contains("number_") && shown.contains("114801"), "{shown}");
    let star = Options { listed: false, ..listed };
    assert!(!text("box", std::slice::from_ref(&batch), &star).contains("not shown"));
    let narrow = Options { width: Some(48), ..star };
    assert!(text("box", &[batch], &narrow).contains("columns not shown: "));
}

#[test]
fn numbers_are_rounded_only_in_a_table_without_room_for_all_digits() {
    let averages = [25_601.847_311_827_958, 2.000_000_000_001, 7.0, 0.000_012_345_678_9];
    let texts = (0..4).map(|n| format!("{n} {}", "今天的地震".repeat(9))).collect::<Vec<_>>();
    let batch = RecordBatch::try_from_iter([
        ("text", Arc::new(StringArray::from(texts)) as ArrayRef),
        ("mean", Arc::new(Float64Array::from(averages.to_vec())) as ArrayRef),
    ]);
    let batch = batch.unwrap();
    let more = Some(".last shows all".to_owned());
    let options = Options { width: Some(60), more, ..Options::default() };
    let narrow = text("box", std::slice::from_ref(&batch), &options);
    for rounded in ["│   25601.85 │", "│    2.00000 │", "│        7.0 │", "│ 1.23457e-5 │"]
    {
        assert!(narrow.contains(rounded), "{rounded}: {narrow}");
    }
    assert!(narrow.ends_with("4 rows · numbers rounded · .last shows all\n"), "{narrow}");
    let wide = Options { width: Some(200), ..options };
    let wide = text("box", std::slice::from_ref(&batch), &wide);
    assert!(wide.contains("25601.847311827958") && wide.ends_with("4 rows\n"), "{wide}");
    for exact in ["box", "csv", "json", "vertical"] {
        assert!(shown(exact, &batch).contains("25601.847311827958"), "{exact}");
    }
}

#[test]
fn numbers_that_only_look_alike_when_they_are_rounded_are_not_said_to_be_one() {
    let shares =
        |other: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![0.300_000_000_1, other])) };
    let ids = ["4567890123456780", "4567890123456781"];
    let names = ["a", "b", "c", "d"];
    let shown = |share: ArrayRef| {
        let ids = names.map(|name| (name, Arc::new(StringArray::from(ids.to_vec())) as ArrayRef));
        let columns = ids.into_iter().chain([("share", share)]);
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let options = Options { width: Some(30), types: false, ..Options::default() };
        text("box", &[batch], &options).replace('\n', " ")
    };
    let differ = shown(shares(0.300_000_000_2));
    assert!(!differ.contains("in all rows"), "{differ}");
    let same = shown(shares(0.300_000_000_1));
    assert!(same.contains("in all rows share is 0.3000000001"), "{same}");
}

#[test]
fn names_that_begin_alike_are_told_apart_where_they_are_cut() {
    let same: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let names = (0..120).map(|n| (format!("column_number_{n}"), Arc::clone(&same)));
    let batch = RecordBatch::try_from_iter(names).unwrap();
    let options = Options { width: Some(120), types: false, ..Options::default() };
    let shown = text("box", &[batch], &options);
    let head = shown.lines().nth(1).unwrap();
    let mut seen: Vec<&str> = head.split(['│', ' ']).filter(|name| name.len() > 3).collect();
    let count = seen.len();
    seen.dedup();
    assert!(count > 5 && seen.len() == count, "{head}");
    // A name that no other begins like keeps its beginning.
    let alone = [("column_number_1", Arc::clone(&same)), ("likes", same)];
    let options = Options { width: Some(24), ..options };
    let shown = text("box", &[RecordBatch::try_from_iter(alone).unwrap()], &options);
    assert!(shown.contains("column_") && !shown.contains("_1"), "{shown}");
}

#[test]
fn of_rows_that_are_not_shown_no_value_is_told() {
    let same: ArrayRef = Arc::new(StringArray::from(vec!["2656274875"; 9]));
    let names = (1..=5).map(|n| format!("account_{n}"));
    let batch = RecordBatch::try_from_iter(names.map(|name| (name, Arc::clone(&same)))).unwrap();
    let all = Options { width: Some(60), ..Options::default() };
    let shown = text("box", std::slice::from_ref(&batch), &all);
    assert!(shown.contains("in all rows account_5 is 2656274875"), "{shown}");
    let some = Options { max_rows: 4, ..all };
    let shown = text("box", &[batch], &some);
    assert!(!shown.contains("in all rows") && shown.contains("columns not shown"), "{shown}");
}

#[test]
fn a_row_is_not_hidden_to_make_room_for_the_dots() {
    let options = Options { max_rows: 4, width: Some(80), ..Options::default() };
    assert!(text("box", &[posts(5)], &options).ends_with("\n5 rows\n"));
    assert!(text("box", &[posts(6)], &options).ends_with("\n6 rows, 4 shown\n"));
}

#[test]
fn an_id_is_not_put_into_words() {
    let number = || -> ArrayRef { Arc::new(Int64Array::from(vec![4_632_018_979_655_143])) };
    let batch = RecordBatch::try_from_iter([("post_id", number()), ("likes", number())]).unwrap();
    let options = Options { readable: Readable::English, ..Options::default() };
    let shown = text("box", &[batch], &options);
    assert_eq!(shown.matches("(4632 trillion)").count(), 1, "{shown}");
}

#[test]
fn a_single_row_has_its_big_numbers_in_words() {
    let batch = one("n", Arc::new(Int64Array::from(vec![2_812_345])));
    let options = Options { readable: Readable::Chinese, color: true, ..Options::default() };
    let shown = text("box", &[batch], &options);
    assert!(shown.contains("│   2812345 │\n│ \u{1b}[2m(281.2万)\u{1b}[0m │\n"), "{shown}");
}

#[test]
fn lines_of_a_text_stay_lines_where_there_is_room() {
    let plan = one("plan", Arc::new(StringArray::from(vec!["Sort\n  Scan posts"])));
    let options = Options { width: Some(80), ..Options::default() };
    let shown = text("box", &[plan], &options);
    assert!(shown.contains("│ Sort⏎        │\n│   Scan posts │\n"), "{shown}");
}

#[test]
fn hostile_text_acts_in_no_format_for_people_and_no_document() {
    let hostile = "\u{1b}]0;x\u{7}\u{9b}31m\r\u{202e}\u{200b}";
    let batch = one(hostile, Arc::new(StringArray::from(vec![hostile])));
    let narrow = Options { width: Some(80), ..Options::default() };
    for name in ["box", "ascii", "vertical", "list", "markdown", "html", "latex"] {
        let shown = text(name, std::slice::from_ref(&batch), &narrow);
        let acts = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}".contains(c);
        assert!(!shown.contains(acts), "{name}: {shown:?}");
        assert!(shown.replace('\\', "").contains("␛]0;x␇⟨009B⟩31m"), "{name}: {shown}");
    }
}

#[test]
fn hostile_names_of_members_act_neither_in_a_head_nor_in_a_cell() {
    let member = field("\u{1b}[2J\n\u{202e}", DataType::Utf8);
    let value = format!("\u{1b}]0;x\u{7}{}", "long ".repeat(9));
    let values: ArrayRef = Arc::new(StringArray::from(vec![value]));
    let place = StructArray::new(vec![member].into(), vec![values], None);
    let batch = one("place", Arc::new(place));
    let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    for name in ["box", "ascii", "vertical", "list", "markdown", "html", "latex"] {
        let shown = shown(name, &batch);
        assert!(!shown.contains(acts), "{name}: {shown:?}");
    }
    let boxed = shown("box", &batch);
    assert!(boxed.contains("struct(\"␛[2J⏎⟨202E⟩\" text)"), "{boxed}");
    let widths = boxed.lines().filter(|line| line.contains('│')).map(display_width);
    assert!(widths.collect::<std::collections::HashSet<_>>().len() == 1, "{boxed}");
}

#[test]
fn how_many_zero_width_spaces_end_a_text_is_told() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["微博\u{200b}\u{200b}", "微博"]));
    let batch = one("text", texts);
    let options = Options { color: true, ..Options::default() };
    let coloured = text("box", std::slice::from_ref(&batch), &options);
    assert!(coloured.contains("微博\u{1b}[2m⟨200B×2⟩\u{1b}[0m"), "{coloured}");
    let boxed = shown("box", &batch);
    assert!(boxed.contains("│ 微博⟨200B×2⟩ │\n│ 微博         │"), "{boxed}");
    assert!(shown("vertical", &batch).contains("微博⟨200B×2⟩"));
}

#[test]
fn vertical_shows_long_texts_whole_within_the_width() {
    let long = "外交".repeat(100);
    let batch = one("text", Arc::new(StringArray::from(vec![long.as_str()])));
    let options = Options { width: Some(40), ..Options::default() };
    let shown = text("vertical", &[batch], &options);
    assert!(shown.lines().all(|line| display_width(line) <= 40), "{shown}");
    assert_eq!(shown.matches('外').count(), 100);
}

/// Pieces of which random strings are made; none is a border.
const NAUGHTY: &[&str] = &[
    "a",
    "W",
    " ",
    "外",
    "交",
    "👨‍👩‍👧",
    "🇨🇳",
    "❤️",
    "👍🏽",
    "e\u{301}",
    "\u{301}",
    "\u{200d}",
    "\u{200b}",
    "\u{202e}",
    "\u{1b}",
    "\n",
    "\t",
    "\r",
    "\u{fe0f}",
    "ﷺ",
    "ก็",
    "क्षि",
    "한",
    "ᄀ",
    "ᅡ",
    "\u{feff}",
    "…",
    "\u{e0041}",
    "12345678901234567890",
    "long_word_without_blanks",
    "﷽",
    "\u{3000}",
    "ｱ",
];

fn naughty(random: &mut ChaCha8Rng) -> String {
    let pieces = random.random_range(0..40);
    (0..pieces).map(|_| NAUGHTY[random.random_range(0..NAUGHTY.len())]).collect()
}

/// Where the borders of a line stand, in cells.
fn borders(line: &str) -> Vec<usize> {
    let mut at = 0;
    let mut borders = Vec::new();
    for piece in line.split_inclusive(['│', '┌', '┬', '┐', '├', '┼', '┤', '└', '┴', '┘'])
    {
        at += display_width(piece);
        borders.push(at);
    }
    borders
}

#[test]
fn no_line_of_a_box_is_wider_than_the_terminal_and_all_borders_stand_in_line() {
    let mut random = ChaCha8Rng::seed_from_u64(20_120_827);
    for round in 0..300 {
        let width = random.random_range(12..160);
        let columns = random.random_range(1..9);
        let rows = random.random_range(0..12);
        let batch = RecordBatch::try_from_iter((0..columns).map(|column| {
            let cells: Vec<String> = (0..rows).map(|_| naughty(&mut random)).collect();
            let array: ArrayRef = Arc::new(StringArray::from(cells));
            (format!("{column}{}", naughty(&mut random)), array)
        }));
        let options = Options { width: Some(width), max_rows: 8, ..Options::default() };
        let shown = text("box", &[batch.unwrap()], &options);
        let table: Vec<&str> =
            shown.lines().filter(|line| line.starts_with(['│', '┌', '├', '└'])).collect();
        for line in &table {
            assert_eq!(borders(line), borders(table[0]), "round {round}, width {width}:\n{shown}");
        }
        for line in shown.lines() {
            assert!(display_width(line) <= width, "round {round}, width {width}:\n{shown}");
        }
    }
}

#[test]
fn a_million_rows_are_counted_and_not_kept() {
    let sink = Bytes::default();
    let open = format("box").unwrap().open;
    let batch = posts(8000);
    let mut writer = open(Box::new(sink.clone()), &batch.schema(), &Options::default()).unwrap();
    for _ in 0..125 {
        writer.write(&batch).unwrap();
    }
    writer.finish().unwrap();
    let shown = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    assert!(shown.ends_with("1,000,000 rows, 40 shown\n"), "{shown}");
}

#[test]
fn lines_of_a_huge_cell_do_not_flood_the_terminal() {
    let huge = "微博".repeat(500_000);
    let batch = one("text", Arc::new(StringArray::from(vec![huge.as_str(); 3])));
    let options = Options { width: Some(80), ..Options::default() };
    let shown = text("box", &[batch], &options);
    assert!(shown.lines().count() < 40 && shown.contains('…'), "{shown}");
}
