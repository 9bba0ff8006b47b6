//! The report: one file that shows everything, asks for nothing, and in which
//! nobody's text acts.

use std::path::{Path, PathBuf};
use std::process::Command;

use weiku::batch::{Lines, Options};
use weiku::report::{self, Cover, Destination, Report};

use crate::batch::{World, clock};

const NAUGHTY: &str = "/*---
title = \"<script>alert(1)</script>\"
description = \"<img src=x onerror=alert(1)> & \\\"more\\\"\"
params.who = { type = \"text\", default = \"</dd><b>bold</b>\" }
chart = { kind = \"bar\", x = \"label\", y = \"n\" }
expect = [ { rows = 4 } ]
---*/
SELECT * FROM (VALUES
  (3, '</td></table><img src=x onerror=alert(2)>', '=1+1'),
  (20000, '<svg onload=alert(3)>', '@SUM(A1)'),
  (-5, $who, NULL)
) AS t(n, label, \"<i>col</i>\") ORDER BY label;";

const LONG: &str = "/*---
title = \"Long\"
---*/
SELECT value AS n, value / 3.0 AS third FROM generate_series(1, 1500) AS t(value) ORDER BY 1;";

/// A report of the queries in `world`.
async fn report(world: &World) -> Report {
    let wanted = [world.queries().display().to_string()];
    let (plan, cover) =
        report::plan(&world.library(), &wanted, Options::default(), &clock()).unwrap();
    let mut talk = Vec::new();
    let mut lines = Lines::new(&mut talk, Box::new(std::io::sink()));
    let about = Some("# A <b>title</b>\n\nOpening.\n".to_owned());
    let cover = Cover { about, ..cover };
    report::gather(&world.database, &plan, &cover, &mut lines).await.unwrap()
}

/// `html` without the times that differ from run to run.
fn timeless(html: &str) -> String {
    let parts = html.split(" · ").map(|part| {
        let is_time = part.strip_suffix(" s").is_some_and(|number| number.parse::<f64>().is_ok());
        if is_time { "TIME" } else { part }
    });
    parts.collect::<Vec<_>>().join(" · ")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_is_escaped_and_the_page_forbids_what_it_does_not_need() {
    let world = World::new(&[
        ("naughty", NAUGHTY),
        ("broken", "SELECT no_such FROM accounts"),
        ("orgs", "SELECT organization, count(*) AS n FROM accounts GROUP BY 1 ORDER BY 1"),
    ])
    .await;
    let report = report(&world).await;
    let html = report.html().unwrap();
    let body = html.split_once("<body>").unwrap().1;
    for act in ["<img", "<script>alert", "<svg onload", "<b>", "<i>", "onerror=alert(1)>", "http"] {
        let found = body.match_indices(act).next().map(|(at, _)| &body[at..]);
        assert!(
            found.is_none_or(|rest| rest.starts_with("http://www.w3.org/2000/svg")),
            "{act}: {:.80}",
            found.unwrap_or_default()
        );
    }
    assert!(html.contains("default-src 'none'; style-src 'sha256-"), "{html:.600}");
    assert!(!html.contains(" style=\""), "inline styles are forbidden by the page itself");
    assert!(html.contains("<h1>A &lt;b&gt;title&lt;/b&gt;</h1>"));
    assert!(html.contains("<h2 class=\"title\" id=\"s1\"><span class=\"no\">1</span> "));
    assert!(html.contains("exactly 4 rows; there are 3"));
    assert!(html.contains("<td>20,000"));
    assert!(html.contains("<td class=u>NULL"));
    assert!(html.contains("no column &quot;no_such&quot; in accounts"));
    assert!(html.contains("accounts version 1"));
    assert_eq!(report.summary().exit_code(), 1);

    let markdown = report.markdown().unwrap();
    assert!(markdown.starts_with("# A &lt;b&gt;title&lt;/b&gt;\n\nOpening.\n"), "{markdown:.200}");
    assert!(markdown.contains("| 公安部 | 1 |"), "{markdown}");
    assert!(markdown.contains("**Not as expected:** exactly 4 rows; there are 3"), "{markdown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_data_gives_the_same_report_apart_from_times() {
    let world = World::new(&[("long", LONG), ("naughty", NAUGHTY)]).await;
    let (one, two) = (report(&world).await, report(&world).await);
    assert_eq!(timeless(&one.html().unwrap()), timeless(&two.html().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_table_says_what_it_leaves_out_and_stays_small() {
    let queries: Vec<(String, &str)> = (0..20).map(|n| (format!("q{n:02}"), LONG)).collect();
    let queries: Vec<(&str, &str)> =
        queries.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let world = World::new(&queries).await;
    let html = report(&world).await.html().unwrap();
    assert!(html.contains("The first 1,000 of 1,500 rows are shown."));
    assert_eq!(html.matches("<tr>\n<td>").count(), 500);
    assert_eq!(html.matches("The first 25 of 1,000 rows;").count(), 20);
    assert!(html.len() < 500_000, "{} bytes", html.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_of_several_folders_are_parts_and_one_that_cannot_be_read_is_told() {
    let world = World::new(&[
        ("size/accounts", "SELECT count(*) AS n FROM accounts"),
        ("size/largest", "/*---\ntitel = \"Largest\"\n---*/\nSELECT 1 AS one"),
        ("who", "SELECT organization FROM accounts ORDER BY 1"),
    ])
    .await;
    let about = "# How large\n\nIn <accounts>.\n\n## Files\n\nNot for readers.\n";
    std::fs::write(world.queries().join("size/README.md"), about).unwrap();
    let report = report(&world).await;
    let html = report.html().unwrap();
    // What lies in no folder comes first, so that no heading claims it.
    assert!(html.contains("<h2 class=\"title\" id=\"s1\"><span class=\"no\">1</span> who</h2>"));
    let contents = "<h3><a href=\"#p2\">How large</a></h3>\n<ol start=\"2\">\n<li><a href=\"#s2\">";
    assert!(html.contains(contents), "{html}");
    assert!(html.contains("<h2 id=\"p2\">How large</h2>\n<p>In &lt;accounts&gt;.</p>\n</header>"));
    assert!(
        html.contains("<h3 class=\"title\" id=\"s3\"><span class=\"no\">3</span> size/largest")
    );
    assert!(html.contains("did you mean `title`?"), "{html}");
    assert!(!html.contains("Not for readers"));
    let markdown = report.markdown().unwrap();
    assert!(markdown.contains("\n\n## How large\n\nIn &lt;accounts&gt;.\n\n### size/accounts\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_follow_each_other_as_their_folders_were_named() {
    let world = World::new(&[
        ("b/x", "SELECT 1 AS one"),
        ("b/y", "SELECT 2 AS two"),
        ("a/z", "SELECT 3 AS three"),
    ])
    .await;
    let outside = tempfile::tempdir().unwrap();
    std::fs::create_dir(outside.path().join("own")).unwrap();
    std::fs::write(outside.path().join("own/w.sql"), "SELECT 4 AS four").unwrap();
    let own = outside.path().join("own").display().to_string();
    for wanted in [["b", "a", &own], [&own, "a", "b"]] {
        let wanted = wanted.map(str::to_owned);
        let options = Options { keep: true, ..Options::default() };
        let (plan, cover) = report::plan(&world.library(), &wanted, options, &clock()).unwrap();
        let mut sink = std::io::sink();
        let mut lines = Lines::new(&mut sink, Box::new(std::io::sink()));
        let report = report::gather(&world.database, &plan, &cover, &mut lines).await.unwrap();
        let markdown = report.markdown().unwrap();
        let at = |name: &str| markdown.find(&format!("\n## {name}\n")).unwrap_or_default();
        let places = wanted.each_ref().map(|name| at(name.rsplit('/').next().unwrap()));
        assert!(places.is_sorted() && places[2] > 0, "{markdown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_row_stands_downwards_and_nothing_is_said_in_words() {
    let world = World::new(&[
        ("none", "/*---\nchart = { kind = \"bar\" }\n---*/\nSELECT 'a' AS a, 1 AS n WHERE false"),
        ("unknown", "/*---\nchart = { kind = \"line\" }\n---*/\nSELECT v, CAST(NULL AS INT) AS n FROM generate_series(1, 3) AS t(v)"),
        ("row", "SELECT 1 AS one, 20000 AS two, NULL AS three, '<b>' AS four, 5 AS five, 6 AS six"),
    ])
    .await;
    let report = report(&world).await;
    let html = report.html().unwrap();
    assert!(html.contains("<p class=\"dim\">The result has no rows.</p>"));
    assert!(!html.contains("<svg"), "of nothing but NULL there is no picture");
    assert!(html.contains("<tr><th scope=\"row\">two</th><td>20,000</td></tr>"), "{html}");
    assert!(html.contains("<th scope=\"row\">four</th><td>&lt;b&gt;</td>"));
    assert!(report.markdown().unwrap().contains("\n\nThe result has no rows.\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_break_an_expectation_are_shown_below_it() {
    let checked = "/*---
expect = [ { rows = 30 }, { unique = [\"who\"] }, { none = \"SELECT n FROM result WHERE n > 2\" } ]
---*/
SELECT value AS n, CASE WHEN value < 3 THEN '<i>' ELSE 'x' || value END AS who
FROM generate_series(1, 31) AS t(value) ORDER BY 1";
    let world = World::new(&[("checked", checked)]).await;
    let html = report(&world).await.html().unwrap();
    let below = |summary: &str| {
        let from = html.split_once(summary).map(|(_, rest)| rest).unwrap_or_default();
        from.split_once("</details>").map(|(part, _)| part).unwrap_or_default().to_owned()
    };
    let twice = below(
        "who = &quot;&lt;i&gt;&quot;, number of rows = 2<details><summary>The 2 rows</summary>",
    );
    assert!(twice.contains("<tr>\n<td>1<td>&lt;i&gt;<tr>\n<td>2<td>&lt;i&gt;</tbody>"), "{html}");
    let large = below("; and 26 more<details><summary>The first 25 of 29 rows</summary>");
    assert_eq!(large.matches("<tr>\n").count(), 25, "{html}");
    assert!(html.contains("exactly 30 rows; there are 31</li>"), "{html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_file_is_html_or_markdown_by_its_suffix() {
    let world = World::new(&[("one", "SELECT 1 AS one")]).await;
    let report = report(&world).await;
    let file = |name: &str| world.queries().join(name);
    let destination = |name: &str| Destination::open(&file(name));
    report.write(destination("r.html").unwrap()).unwrap();
    report.write(destination("r.md").unwrap()).unwrap();
    assert!(std::fs::read_to_string(file("r.html")).unwrap().starts_with("<!DOCTYPE html>"));
    let error = destination("r.pdf").unwrap_err().to_string();
    assert!(error.ends_with("r.pdf; hint: end it with .html or .md"), "{error}");
    let error = destination("no/r.html").unwrap_err().to_string();
    assert!(error.contains("no/r.html: no such file or folder"), "{error}");
}

/// What the test asks the page in the browser, and how it answers.
const QUESTIONS: &str = r#"
const answer = {};
const tables = [...document.querySelectorAll("table")];
const rows = (table) => [...table.tBodies[0].rows].filter((row) => !row.classList.contains("off"));
const first = (table, at) => rows(table)[0].cells[at].textContent;
const click = (table, at) => table.tHead.rows[0].cells[at].querySelector("button").click();
const [long, naughty] = tables;
answer.page = rows(long).length;
click(long, 1); click(long, 1);
answer.largest = first(long, 0);
answer.sort = long.tHead.rows[0].cells[1].getAttribute("aria-sort");
const filter = document.querySelector("input");
filter.value = "777"; filter.dispatchEvent(new Event("input"));
answer.filtered = rows(long).length;
click(naughty, 0);
answer.least = first(naughty, 0);
let csv = "";
URL.createObjectURL = (blob) => { blob.text().then((text) => { csv = text; }); return "about:blank"; };
HTMLAnchorElement.prototype.click = () => {};
[...naughty.parentElement.nextElementSibling.querySelectorAll("button")].at(-1).click();
answer.requests = performance.getEntriesByType("resource").length;
answer.images = document.images.length;
answer.scripts = document.scripts.length;
answer.bold = document.querySelectorAll("b, i").length;
setTimeout(() => { answer.csv = csv; document.title = "ANSWER" + JSON.stringify(answer); }, 200);
"#;

/// A browser, if there is one; says so if there is none.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("WEIKU_CHROMIUM").map(PathBuf::from);
    let usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].map(PathBuf::from);
    let found = named.into_iter().chain(usual).find(|path| path.is_file());
    if found.is_none() {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "skipped: no Chromium; WEIKU_CHROMIUM may name one");
    }
    found
}

/// The document of `page` after its scripts ran in a browser without a window.
fn browse(browser: &Path, page: &Path) -> String {
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"])
        .args(["--disable-background-networking", "--disable-component-update"])
        .arg(format!("--user-data-dir={}", page.with_extension("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// `html` with a script of the test, which the page allows besides its own.
fn with_script(html: &str, script: &str) -> String {
    use base64::Engine;
    use sha2::Digest;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    html.replacen("script-src ", &format!("script-src 'sha256-{hash}' "), 1)
        .replace("</body>", &format!("<script>{script}</script></body>"))
}

/// What a script of the test wrote into the title of `document`.
fn answer(document: &str) -> serde_json::Value {
    let answer = document.split_once("<title>ANSWER").unwrap_or_default().1;
    let answer = answer.split_once("</title>").unwrap_or_default().0;
    let answer = answer.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&answer).expect(&answer)
}

/// 1,000 rows of long Chinese texts.
const CHINESE: &str = "SELECT value AS n, md5(CAST(value AS TEXT)) AS id,
  concat(repeat('外交部发言人', 12), value) AS one, concat(repeat('安全提示', 24), value) AS two
  FROM generate_series(1, 1000) AS t(value) ORDER BY 1";

/// What the test asks a page with more rows than lie open in it.
const UNPACKED: &str = r#"
const table = document.querySelector("table");
const answer = { open: table.tBodies[0].rows.length };
setTimeout(() => {
  const rows = [...table.tBodies[0].rows];
  answer.all = rows.length;
  answer.last = rows.at(-1).cells[0].textContent;
  answer.seen = rows.filter((row) => !row.classList.contains("off")).length;
  answer.notes = document.querySelectorAll(".packed").length;
  document.title = "ANSWER" + JSON.stringify(answer);
}, 2000);
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_very_large_page_is_packed_and_its_script_unfolds_it() {
    let queries: Vec<String> = (0..12).map(|n| format!("q{n:02}")).collect();
    let queries: Vec<(&str, &str)> = queries.iter().map(|name| (name.as_str(), CHINESE)).collect();
    let world = World::new(&queries).await;
    let html = report(&world).await.html().unwrap();
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    assert_eq!(html.matches("<tr>\n<td>").count(), 300);
    assert_eq!(html.matches("The first 25 of 1,000 rows;").count(), 12);
    let Some(browser) = chromium() else { return };
    let page = world.queries().join("page.html");
    std::fs::write(&page, with_script(&html, UNPACKED)).unwrap();
    let answer = answer(&browse(&browser, &page));
    let expected =
        serde_json::json!({ "open": 25, "all": 1000, "last": "1,000", "seen": 25, "notes": 0 });
    assert_eq!(answer, expected);
}

/// What the test asks a page that is 400 pixels wide: by how much it is too
/// wide, and how high the letters of each chart are that is seen.
const PHONE: &str = r#"
const seen = [...document.querySelectorAll(".weiku-chart")].filter((chart) => chart.checkVisibility());
const letters = (chart) => 12 * chart.getBoundingClientRect().width / chart.viewBox.baseVal.width;
parent.postMessage(JSON.stringify({
  over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  cut: seen.filter((chart) => chart.getBoundingClientRect().right > innerWidth).length,
  letters: seen.map((chart) => Math.round(letters(chart))),
}), "*");
"#;

const FRAME: &str = r#"<!DOCTYPE html><title>frame</title>
<script>onmessage = (event) => { document.title = "ANSWER" + event.data; };</script>
<iframe src="page.html" style="border: 0; width: 400px; height: 900px"></iframe>"#;

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_charts_are_whole_and_readable_and_nothing_is_too_wide() {
    let Some(browser) = chromium() else { return };
    let world = World::new(&[("long", LONG), ("naughty", NAUGHTY)]).await;
    let html = with_script(&report(&world).await.html().unwrap(), PHONE);
    std::fs::write(world.queries().join("page.html"), html).unwrap();
    let frame = world.queries().join("frame.html");
    std::fs::write(&frame, FRAME).unwrap();
    let answer = answer(&browse(&browser, &frame));
    assert_eq!((&answer["over"], &answer["cut"]), (&0.into(), &0.into()), "{answer}");
    let letters = answer["letters"].as_array().unwrap();
    assert!(matches!(letters.as_slice(), [size] if size.as_u64() >= Some(11)), "{answer}");
}

/// A table of twelve columns, one of them with long texts.
const WIDE: &str = "SELECT '2803301701' AS account_id, '人民日报' AS screen_name,
  TIMESTAMP '2012-08-27T10:45:00' AS posted_at, 40226751 AS reposts, 148031 AS comments,
  1934567 AS likes, 12 AS a_count, 34 AS another_count, 0.5 AS share_of_all, 'news' AS kind,
  repeat('微博', 40) AS text, 'https://weibo.com/2803301701/K7x0dEzqX' AS url
  FROM generate_series(1, 3)";

/// What the test asks a page that shows itself as on paper 700 pixels wide: by
/// how much each table is too wide, and whether its head has more than text,
/// which would not be drawn again on a further page.
const PAPER: &str = r#"
document.body.style.width = "700px";
const right = document.body.getBoundingClientRect().right;
const over = (table) => Math.max(0, Math.round(table.getBoundingClientRect().right - right));
const buttons = [...document.querySelectorAll("th button")];
document.title = "ANSWER" + JSON.stringify({
  over: [...document.querySelectorAll("table")].map(over),
  boxes: buttons.filter((button) => getComputedStyle(button).display !== "contents").length,
});
"#;

/// `html` whose styles for paper are taken for those of the screen, which its own
/// policy would forbid.
fn on_paper(html: &str) -> String {
    let (head, rest) = html.split_once("<meta http-equiv").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    format!("{head}{rest}").replace("@media print", "@media all")
}

#[tokio::test(flavor = "multi_thread")]
async fn on_paper_no_column_is_cut_off() {
    let Some(browser) = chromium() else { return };
    let world = World::new(&[("wide", WIDE), ("orgs", "SELECT organization FROM accounts")]).await;
    let html = on_paper(&report(&world).await.html().unwrap());
    let page = world.queries().join("page.html");
    std::fs::write(&page, with_script(&html, PAPER)).unwrap();
    let answer = answer(&browse(&browser, &page));
    assert_eq!(answer, serde_json::json!({ "over": [0, 0], "boxes": 0 }));
}

/// A table as wide as paper, whose heads want more room than its names.
const NAMES: &str = "SELECT CASE value WHEN 1 THEN '国务院国有资产监督管理委员会' ELSE '外交部' END AS organization,
  '领事提醒小信使' AS screen_name, 'interaction' AS style, '2273009106' AS account_id,
  12345 AS number_of_own_posts, 43.0 AS percent_of_interaction, 56.1 AS percent_of_news,
  0.9 AS percent_of_emergencies, DATE '2012-08-27' AS day FROM generate_series(1, 30) AS t(value) ORDER BY value";

/// What the test asks a page that shows itself as on paper 700 pixels wide: how
/// many cells of each table have more than one line.
const NAMES_ON_PAPER: &str = r#"
document.body.style.width = "700px";
const lines = (cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return new Set([...range.getClientRects()].map((part) => Math.round(part.top))).size;
};
const tables = [...document.querySelectorAll("table")];
const broken = (table) => [...table.tBodies[0].querySelectorAll("td")].filter((cell) => lines(cell) > 1).length;
document.title = "ANSWER" + JSON.stringify({ broken: tables.map(broken) });
"#;

#[tokio::test(flavor = "multi_thread")]
async fn on_paper_short_names_stay_on_one_line() {
    let Some(browser) = chromium() else { return };
    let world = World::new(&[("names", NAMES)]).await;
    let page = world.queries().join("page.html");
    let html = on_paper(&report(&world).await.html().unwrap());
    std::fs::write(&page, with_script(&html, NAMES_ON_PAPER)).unwrap();
    assert_eq!(answer(&browse(&browser, &page)), serde_json::json!({ "broken": [0] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_sorts_filters_and_downloads_and_asks_the_network_for_nothing() {
    let Some(browser) = chromium() else { return };
    let world = World::new(&[("long", LONG), ("naughty", NAUGHTY)]).await;
    let html = with_script(&report(&world).await.html().unwrap(), QUESTIONS);
    let page = world.queries().join("page.html");
    std::fs::write(&page, html).unwrap();
    let answer = answer(&browse(&browser, &page));
    assert_eq!(answer["page"], 25);
    assert_eq!(answer["largest"], "1,000");
    assert_eq!(answer["sort"], "descending");
    assert_eq!(answer["filtered"], 1, "777");
    assert_eq!(answer["least"], "-5");
    assert_eq!(answer["requests"], 0);
    assert_eq!(answer["images"], 0);
    assert_eq!(answer["scripts"], 2);
    assert_eq!(answer["bold"], 0);
    let csv = answer["csv"].as_str().unwrap();
    assert!(csv.contains("20000,<svg onload=alert(3)>,'@SUM(A1)\r\n"), "{csv}");
    assert!(csv.contains("-5,</dd><b>bold</b>,\r\n"), "{csv}");
}
