//! Import meets every container, faulty files and hostile text, and neither
//! panics nor loses anything without saying so.

use std::io::Write;

use sha2::{Digest, Sha256};
use weiku::Kind;
use weiku::ingest::{FORMATS, Options, Post, Source, Text};

use crate::last::Last;

const POSTS: &str = "platform,post_id,account_id,posted_at,text\nweibo,4457103168440352,1,2020-01-05T22:32:00+08:00,你好\nweibo,4457103168440353,1,2020-01-05T22:33:00+08:00,再见\n";

fn error_of(name: &str, text: impl Into<Vec<u8>>, format: Option<&str>) -> weiku::Error {
    let options = Options { format: format.map(str::to_owned), ..Options::default() };
    Last::text(name, text, &options).err().unwrap()
}

#[test]
fn containers_are_undone_and_the_checksum_is_that_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("a.csv"), POSTS).unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(POSTS.as_bytes()).unwrap();
    std::fs::write(path("b.csv.gz"), gz.finish().unwrap()).unwrap();
    std::fs::write(path("c.csv.zst"), zstd::encode_all(POSTS.as_bytes(), 3).unwrap()).unwrap();
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path("d.zip")).unwrap());
    for name in ["in/e.csv", "in/f.csv", "__MACOSX/in/e.csv", "in/picture.jpg"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(POSTS.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let (plain, _) = Last::read(&[path("a.csv")], &Options::default());
    for name in ["b.csv.gz", "c.csv.zst", "d.zip"] {
        let (last, readings) = Last::read(&[path(name)], &Options::default());
        assert_eq!(last.posts, plain.posts, "{name}");
        if name == "d.zip" {
            assert_eq!(readings.len(), 2);
            continue;
        }
        let bytes = std::fs::read(path(name)).unwrap();
        let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&readings[0].sha256, readings[0].bytes), (&sum, bytes.len() as u64), "{name}");
    }
}

#[test]
fn a_damaged_container_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv.gz");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(POSTS.repeat(100).as_bytes()).unwrap();
    let bytes = gz.finish().unwrap();
    for length in 4..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let source = Source::open(&path).unwrap().remove(0);
        let error = weiku::ingest::read(source, &Options::default(), &mut Last::default());
        assert_eq!(error.unwrap_err().kind(), Kind::Input, "{length}");
    }
}

#[test]
fn faulty_files_are_named_with_what_to_try() {
    for (name, text, format, place, part) in [
        ("a.csv", "", None, "a.csv: ", "the file is empty"),
        ("a.csv", "x,y\n1,2\n", None, "a.csv: ", "a table with the columns x, y"),
        ("a.json", "{\"x\":1}", None, "a.json: ", "JSON with the keys x"),
        ("a.csv", "x", Some("weibosearch"), "", "did you mean `weibo-search`"),
        (
            "a.csv",
            "platform,account_id,screenname\n",
            None,
            "a.csv:1: ",
            "did you mean `screen_name`",
        ),
        ("a.csv", "account_id,screen_name\n", None, "a.csv:1: ", "--platform"),
        (
            "a.csv",
            "platform,pid,account_id,text,likes\n",
            None,
            "a.csv:1: no column `post_id`, and `text` is a column of posts",
            "is it the column `pid`",
        ),
        ("a.csv", "platform,pid,posted_at,text\n", None, "a.csv:1: ", "is it the column `pid`"),
        (
            "1234567.csv",
            "微博id,微博正文,发布时间,点赞数,转发数,评论\n",
            None,
            "1234567.csv: ",
            "rename the column `评论` to `评论数`",
        ),
        (
            "1234567.csv",
            "微博id,微博文\n",
            Some("weibospider-csv"),
            "1234567.csv:1: ",
            "is it the column `微博文`",
        ),
        (
            "a.csv",
            "微博id,微博正文,发布时间,点赞数,转发数,评论数\n",
            None,
            "a.csv: ",
            "--account-id",
        ),
        (
            "a.csv",
            "platform,post_id,text\nweibo,1,a\nweibo,2,\"b\n\n",
            None,
            "a.csv:3: ",
            "inside a quoted field",
        ),
        (
            "a.jsonl",
            "{\"platform\":\"weibo\",\"post_id\":\"1\"}\n{\"platform\":\"wei",
            None,
            "a.jsonl:2: ",
            "cut short",
        ),
    ] {
        let error = error_of(name, text, format);
        let said = error.to_string();
        assert!(said.starts_with(place) && said.contains(part), "{text}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_file_that_is_no_text_is_said_to_be_none() {
    for (bytes, said) in [
        (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xb0\xa1\xb1\xb2"[..], "a.csv: the file is a PNG picture"),
        (&b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj"[..], "a.csv: the file is a PDF document"),
        (&b"\x01\x02\x03\x04\xb0\xa1\xb1\xb2"[..], "a.csv: the file is no text"),
    ] {
        let error = error_of("a.csv", bytes, None);
        assert_eq!((error.to_string().as_str(), error.kind()), (said, Kind::Format));
    }
}

#[test]
fn a_row_with_fewer_fields_than_the_header_is_refused_unless_the_format_cuts_it() {
    let cut = "platform,post_id,text,likes\nweibo,1,a,2\nweibo,2,b\n\nweibo,3";
    let (last, _) = Last::text("a.csv", cut, &Options::default()).unwrap();
    assert_eq!(last.posts.len(), 1);
    assert_eq!(
        last.rejected,
        ["3: 3 fields, and the header has 4", "4: 2 fields, and the header has 4"]
    );
    let crawler = "id,bid,正文,日期,点赞数,评论数,转发数,是否原创,源微博id,源微博正文\n\
        4457103168440352,,a,2020-01-05,1,2,3,True\n4457103168440353,,b,2020-01-05,1,2,3\n\
        4457103168440354,,c,2020-01-05,1,2,3,False,4457103168440352\n";
    let (last, _) = Last::text("1234567.csv", crawler, &Options::default()).unwrap();
    assert_eq!(last.posts.keys().collect::<Vec<_>>(), ["4457103168440352"]);
    assert_eq!(last.rejected.len(), 2);
}

#[test]
fn a_table_without_a_header_is_read_by_the_numbers_of_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let mapping = folder.path().join("map.toml");
    let text =
        "platform = \"weibo\"\nheader = false\n[columns]\n\"1\" = \"post_id\"\n\"3\" = \"likes\"\n";
    std::fs::write(&mapping, text).unwrap();
    let format = Some(mapping.display().to_string());
    let options = Options { format, ..Options::default() };
    let (last, _) = Last::text("a.csv", "1,a,3\n2,b,4,c\n1\n1,2,3\n", &options).unwrap();
    let likes = |id: &str| last.posts[id].counts.likes;
    assert_eq!((likes("1"), last.posts.len(), last.records), (Some(3), 1, 2));
    assert_eq!(
        last.rejected,
        ["2: 4 fields, and the header has 3", "3: 1 fields, and the header has 3"]
    );
}

#[test]
fn columns_that_a_format_does_not_know_are_named() {
    let text = "platform,account_id,screen_name,note\nweibo,1,a,b\n";
    let (_, reading) = Last::text("a.csv", text, &Options::default()).unwrap();
    assert_eq!(reading.left_out, ["note"]);
    let lines = "{\"platform\":\"weibo\",\"account_id\":\"1\",\"note\":\"b\"}";
    let (_, reading) = Last::text("a.jsonl", lines, &Options::default()).unwrap();
    assert_eq!(reading.left_out, ["note"]);
}

#[test]
fn a_line_end_of_windows_in_a_crawlers_text_is_a_line_end() {
    let text = "微博id,微博正文,发布时间,点赞数,转发数,评论数\r\nIo7T5lkPS,\"a\r\nb\",2020-01-05 10:00,1,2,3\r\n";
    let (last, _) = Last::text("1234567.csv", text, &Options::default()).unwrap();
    let post = last.posts.values().next().unwrap();
    assert_eq!(post.text.as_deref(), Some("a\nb"));
}

#[test]
fn a_refused_row_keeps_its_number_its_line_and_its_bytes() {
    struct Refused(Vec<(u64, Option<u64>, Vec<u8>)>);
    impl weiku::ingest::Sink for Refused {
        fn record(&mut self, _: u64, _: Vec<weiku::ingest::Row<'_>>) -> weiku::Result<()> {
            Ok(())
        }
        fn skip(&mut self, _: u64) -> weiku::Result<()> {
            Ok(())
        }
        fn reject(&mut self, refusal: weiku::ingest::Refusal<'_>) -> weiku::Result<()> {
            self.0.push((refusal.row, refusal.line, refusal.raw.to_vec()));
            Ok(())
        }
    }
    let text = b"platform,post_id,text\r\nweibo,1,a\r\nweibo,x/,\"b\n\"\"c\"\"\"\r\nweibo,3,\xFF\r\nweibo,4,d,more\r\nweibo,5,e";
    let mut refused = Refused(Vec::new());
    let source = Source::stream("a.csv", std::io::Cursor::new(text.to_vec()));
    weiku::ingest::read(source, &Options::default(), &mut refused).unwrap();
    let expected: [(u64, Option<u64>, &[u8]); 3] = [
        (3, Some(3), b"weibo,x/,\"b\n\"\"c\"\"\""),
        (4, Some(5), b"weibo,3,\xFF"),
        (5, Some(6), b"weibo,4,d,more"),
    ];
    let found = refused.0.iter().map(|(row, line, raw)| (*row, *line, &raw[..]));
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_no_json_is_refused_with_its_place_in_the_record() {
    let start = "{\"platform\":\"weibo\",\"post_id\":";
    let refused =
        |name: &str, text: &str| Last::text(name, text, &Options::default()).unwrap().0.rejected;
    assert_eq!(
        refused("a.jsonl", &format!("{start}\"1\"}}\n{start}\n{start}\"2\"}}\n")),
        ["2: not JSON: EOF while parsing a value at column 30"]
    );
    assert_eq!(
        refused("a.json", &format!("[{start}\"1\"}},\n{start}\n,}}]")),
        ["2: not JSON: expected value at column 1 of its line 2"]
    );
}

#[test]
fn a_table_without_a_last_line_end_is_told_and_other_formats_need_none() {
    let unended =
        |name: &str, text: &str| Last::text(name, text, &Options::default()).unwrap().1.is_unended;
    assert!(unended("a.csv", POSTS.trim_end()));
    assert!(unended("a.csv", &POSTS[..POSTS.len() - 4]));
    assert!(!unended("a.csv", POSTS));
    assert!(!unended("a.csv", &POSTS.replace('\n', "\r\n")));
    assert!(!unended("a.csv", &POSTS.replace('\n', "\r")));
    assert!(!unended("a.csv", &format!("{POSTS}\n\n")));
    assert!(!unended("a.csv", "platform,post_id,text"), "there is no row that could be cut");
    assert!(!unended("a.jsonl", "{\"platform\":\"weibo\",\"post_id\":\"1\"}"));
}

#[test]
fn a_row_that_was_cut_within_a_character_is_said_to_be() {
    let text = POSTS.replace("你好", &"你好".repeat(50));
    let cut = format!("{}微", text.trim_end());
    let (gb18030, _, _) = encoding_rs::GB18030.encode(&cut);
    for whole in [cut.as_bytes(), &gb18030] {
        let cut = &whole[..whole.len() - 1];
        let (last, reading) = Last::text("a.csv", cut, &Options::default()).unwrap();
        let reason = "3: it ends in the middle of a character: the file seems to be cut";
        assert_eq!((last.rejected, reading.is_unended), (vec![reason.to_owned()], true));
    }
    let broken = [text.as_bytes(), b"weibo,5,1,,\xE5\xBE,\n"].concat();
    let (last, _) = Last::text("a.csv", broken, &Options::default()).unwrap();
    assert_eq!(last.rejected, ["4: bytes that are no text in the file's encoding"]);
}

/// Texts that programs stumble over.
const NAUGHTY: [&str; 24] = [
    "无",
    "null",
    "NULL",
    "None",
    "undefined",
    "true",
    "0",
    "-1",
    "1e309",
    "NaN",
    "a\0b",
    "\u{200B}x\u{200B}",
    " x ",
    "\tx\t",
    "a\r\nb\nc\rd",
    "\"",
    "\"\"\"",
    "'\";--",
    ",",
    "\\N",
    "\u{202E}abc\u{2066}",
    "👨‍👩‍👧‍👦🏳️‍🌈",
    "<b>&amp;</b>",
    "\u{FFFD}\u{FEFF}x",
];

fn posts_with<'a>(texts: &[&'a str]) -> Vec<Post<'a>> {
    let post = |(index, text): (usize, &&'a str)| Post {
        platform: "mastodon".into(),
        post_id: (index + 1).to_string().into(),
        account_id: Some("a\"b,c".into()),
        posted_at: Some(1_346_032_800_123_456),
        text: Some((*text).into()),
        client: Some("x".into()),
        is_repost: Some(false),
        hashtags: Some(vec!["a,b".into(), (*text).into()]),
        mentions: Some(Vec::new()),
        urls: Some(vec!["https://e.org/?a=1,2".into()]),
        media_count: Some(3),
        observed_at: Some(1_346_032_900_000_000),
        counts: weiku::ingest::PostCounts {
            reposts: Some(i64::MAX),
            comments: Some(0),
            likes: None,
            precision: Some(1),
        },
        ..Post::default()
    };
    texts.iter().enumerate().map(post).collect()
}

/// The cells of a post in the order of [`HEADER`].
fn cells(post: &Post<'_>) -> Vec<Option<String>> {
    let time = |micros: Option<i64>| {
        micros.map(|micros| chrono::DateTime::from_timestamp_micros(micros).unwrap().to_rfc3339())
    };
    let list = |items: &Option<Vec<Text<'_>>>| {
        items.as_ref().map(|items| serde_json::json!(items).to_string())
    };
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    let text = |text: &Option<Text<'_>>| text.as_ref().map(ToString::to_string);
    vec![
        Some(post.platform.to_string()),
        Some(post.post_id.to_string()),
        text(&post.account_id),
        time(post.posted_at),
        text(&post.text),
        text(&post.client),
        post.is_repost.map(|is| is.to_string()),
        number(post.counts.reposts),
        number(post.counts.comments),
        number(post.counts.likes),
        list(&post.hashtags),
        list(&post.mentions),
        list(&post.urls),
        number(post.media_count),
        time(post.observed_at),
    ]
}

const HEADER: [&str; 15] = [
    "platform",
    "post_id",
    "account_id",
    "posted_at",
    "text",
    "client",
    "is_repost",
    "reposts",
    "comments",
    "likes",
    "hashtags",
    "mentions",
    "urls",
    "media_count",
    "observed_at",
];

#[test]
fn posts_survive_weikus_own_csv_and_json_lines_exactly() {
    let posts = posts_with(&NAUGHTY);
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut lines = Vec::new();
    csv.write_record(HEADER).unwrap();
    for post in &posts {
        let cells = cells(post);
        csv.write_record(cells.iter().map(|cell| cell.as_deref().unwrap_or_default())).unwrap();
        let object: serde_json::Map<String, serde_json::Value> = HEADER
            .iter()
            .zip(cells)
            .map(|(name, cell)| ((*name).to_owned(), cell.into()))
            .collect();
        lines.push(serde_json::Value::Object(object).to_string());
    }
    let csv = csv.into_inner().unwrap();
    for (name, bytes) in [("posts.csv", csv), ("posts.jsonl", lines.join("\n").into_bytes())] {
        let (last, _) = Last::text(name, bytes, &Options::default()).unwrap();
        assert_eq!(last.rejected, Vec::<String>::new(), "{name}");
        for post in &posts {
            assert_eq!(&last.posts[post.post_id.as_ref()], post, "{name}");
        }
    }
}

#[test]
fn posts_survive_weikus_own_parquet_exactly() {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        ArrayRef, ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
    };
    use datafusion::parquet::arrow::ArrowWriter;

    let posts = posts_with(&NAUGHTY);
    let mut hashtags = ListBuilder::new(StringBuilder::new());
    for post in &posts {
        hashtags.append_value(post.hashtags.iter().flatten().map(Some));
    }
    let texts: StringArray = posts.iter().map(|post| post.text.as_deref()).collect();
    let ids: StringArray = posts.iter().map(|post| Some(post.post_id.as_ref())).collect();
    let platforms: StringArray = posts.iter().map(|post| Some(post.platform.as_ref())).collect();
    let times: TimestampMicrosecondArray = posts.iter().map(|post| post.posted_at).collect();
    let columns: [(&str, ArrayRef); 5] = [
        ("platform", Arc::new(platforms)),
        ("post_id", Arc::new(ids)),
        ("text", Arc::new(texts)),
        ("hashtags", Arc::new(hashtags.finish())),
        ("posted_at", Arc::new(times.with_timezone("UTC"))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let (last, reading) = Last::text("posts.parquet", bytes.clone(), &Options::default()).unwrap();
    assert_eq!((reading.format, reading.bytes), ("weiku-parquet", bytes.len() as u64));
    for post in &posts {
        let read = &last.posts[post.post_id.as_ref()];
        assert_eq!(
            (&read.text, &read.hashtags, read.posted_at),
            (&post.text, &post.hashtags, post.posted_at)
        );
    }
    for length in (4..bytes.len()).step_by(7) {
        assert!(Last::text("cut.parquet", &bytes[..length], &Options::default()).is_err());
    }
}

#[test]
fn a_directory_of_organizations_is_accounts() {
    let text = "platform,account_id,organization,level,system,region,note\nweibo,1938330147,外交部,ministry,diplomacy,北京,x\n";
    let (last, reading) = Last::text("directory.csv", text, &Options::default()).unwrap();
    assert_eq!(reading.format, "weiku");
    let account = &last.accounts["1938330147"];
    assert_eq!(
        (account.organization.as_deref(), account.level.as_deref()),
        (Some("外交部"), Some("ministry"))
    );
    assert_eq!(account.screen_name, None);
}

#[test]
fn snapshots_with_vague_counts_keep_their_precision() {
    let text = "platform,account_id,observed_at,followers,posts\nweibo,1,2011-06-10,约21.5万,约500\nweibo,2,2014-04-22,1000多万,\n";
    let (last, _) = Last::text("snapshots.csv", text, &Options::default()).unwrap();
    let counts = last.accounts["1"].counts.as_ref().unwrap();
    assert_eq!(
        (counts.followers, counts.precision, counts.posts),
        (Some(215_000), Some(1_000), Some(500))
    );
    assert_eq!(last.accounts["2"].counts.as_ref().unwrap().precision, Some(10_000_000));
}

#[test]
fn no_bytes_make_any_format_panic_and_every_record_is_accounted_for() {
    let samples: [&[u8]; 6] = [
        POSTS.as_bytes(),
        "id,bid,正文,日期,点赞数,评论数,转发数,是否原创,源微博id\n4457103168440352\t,,\"a\nb\",5月31日 23:54,1.2万,,x,True\n".as_bytes(),
        r#"{"ok":1,"data":{"cards":[{"mblog":{"id":"1","mid":"1","text":"<a href=x>y</a>","created_at":"10分钟前","user":{"id":1,"screen_name":"x"}}}]}}"#.as_bytes(),
        r##"[{"id":"1","created_at":"2017-04-06T16:55:02.132Z","visibility":"public","content":"<p>#a</p>","account":{"id":"7","acct":"me"},"reblog":{"id":"2"}}]"##.as_bytes(),
        r#"{"did":"d","time_us":1,"kind":"commit","commit":{"operation":"create","collection":"app.bsky.feed.post","rkey":"k","record":{"text":"x"}}}"#.as_bytes(),
        "用户信息\n用户昵称：某人\n用户id: 1\n\n微博内容: \n1:x\n发布工具: 无\n".as_bytes(),
    ];
    let nasty = [0x00, b'"', b'{', b']', b'\n', b',', b'<', 0x80, 0xFF];
    for sample in samples {
        for format in std::iter::once(None).chain(FORMATS.iter().map(|format| Some(format.name))) {
            let options = Options {
                format: format.map(str::to_owned),
                account_id: Some("1".to_owned()),
                platform: Some("weibo".to_owned()),
                ..Options::default()
            };
            for position in 0..sample.len() {
                let _ = Last::text("a", &sample[..position], &options);
                let mut changed = sample.to_vec();
                changed[position] = nasty[position % nasty.len()];
                let _ = Last::text("a", changed, &options);
            }
        }
    }
}
