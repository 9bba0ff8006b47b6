//! The built-in saved queries: what they say of the sample, and that they run on
//! anything else.
//!
//! With `WEIKU_ACCEPT=1` in the environment the answers on the sample are written
//! to `tests/golden/queries` instead of compared with what is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{TimeZone, Utc};
use weiku::Database;
use weiku::batch::{self, Lines, Options, RunPlan, Status, Summary};
use weiku::database::{ImportOptions, Progress, Silent};
use weiku::generate::{Scale, generate};
use weiku::queries::{Clock, Library};

/// The saved queries that come with weiku.
fn library() -> Library {
    Library::of_folders(vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("queries")])
}

/// Runs all built-in queries on `database`, with their results in `folder`.
async fn run_all(database: &Database, folder: &Path) -> Summary {
    let entries = library().entries().unwrap();
    let names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
    assert!(names.len() > 40, "{names:?}");
    run(database, &names, folder).await
}

/// Runs the queries called `names` on `database`, with their results in `folder`.
async fn run(database: &Database, names: &[String], folder: &Path) -> Summary {
    let options =
        Options { folder: Some(folder.to_owned()), keep_going: true, ..Options::default() };
    let now = Utc.with_ymd_and_hms(2012, 8, 28, 0, 0, 0).unwrap();
    let clock = Clock::new(now, "Asia/Shanghai").unwrap();
    let plan = RunPlan::new(&library(), names, options, &clock).unwrap();
    let mut talk = Vec::new();
    batch::run(database, &plan, &mut Lines::new(&mut talk, Box::new(std::io::sink())))
        .await
        .unwrap()
}

/// Imports `files`, all of whose rows must be taken.
async fn import(database: &Database, files: &[PathBuf]) {
    let silent: Arc<dyn Progress> = Arc::new(Silent);
    for report in database.import(files, &ImportOptions::default(), &silent).await.unwrap() {
        assert_eq!(report.unwrap().rejected, 0);
    }
}

/// Fails if a query did not run.
fn assert_all_ran(summary: &Summary) {
    let errors: Vec<String> =
        summary.errors.iter().map(|(name, error)| format!("{name}: {error}")).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

/// Fails if a query did not run, or a promise does not hold: what is promised of
/// the ministries of 2012 alone is not asked of other collections.
fn assert_all_hold(summary: &Summary) {
    assert_all_ran(summary);
    let queries = summary.record.queries.iter();
    let broken: Vec<String> = queries
        .flat_map(|query| {
            let broken = query.expectations.iter().filter(|verdict| verdict.failure.is_some());
            broken.map(|verdict| format!("{}: {verdict:?}", query.name))
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_answers_every_query_as_it_promises_and_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(&folder.path().join("sample")).await.unwrap();
    generate(database.store().unwrap(), Scale::Small, 1, &mut |_| {}).await.unwrap();
    let results = folder.path().join("results");
    let summary = run_all(&database, &results).await;
    assert_all_hold(&summary);
    for query in &summary.record.queries {
        assert_eq!(query.status, Status::Ok, "{}: {:?}", query.name, query.expectations);
        assert!(query.expectations.iter().all(|verdict| verdict.applies), "{}", query.name);
        // When it was generated is not the same twice.
        if query.name != "quality/imports" {
            compare(&query.name, &results);
        }
    }
}

#[test]
fn the_figures_of_2012_are_all_promised_of_the_same_databases() {
    let wanted = ["ministry_report".to_owned()];
    let entries = library().select(&wanted).unwrap();
    let queries: Vec<_> = entries.iter().map(|entry| entry.load().unwrap()).collect();
    let conditions = queries.iter().flat_map(weiku::queries::SavedQuery::conditions);
    let conditions: Vec<&str> = conditions.map(|condition| condition.sql.as_str()).collect();
    assert!(conditions.len() >= queries.len(), "{conditions:#?}");
    // Each file says it for itself, so that a copy of it means the same.
    assert!(conditions.iter().all(|condition| *condition == conditions[0]), "{conditions:#?}");
}

/// Compares the result of a query with the one that was accepted.
fn compare(name: &str, results: &Path) {
    let file = format!("{name}.csv");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/queries").join(&file);
    let result = fs::read_to_string(results.join(&file)).unwrap();
    if std::env::var_os("WEIKU_ACCEPT").is_some() {
        fs::create_dir_all(golden.parent().unwrap()).unwrap();
        fs::write(&golden, result).unwrap();
        return;
    }
    let accepted = fs::read_to_string(&golden).unwrap_or_default();
    assert!(accepted == result, "{name} differs from {}:\n{result}", golden.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_runs_on_an_empty_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(&folder.path().join("empty")).await.unwrap();
    // That there are posts is promised by many, and not true of it.
    assert_all_ran(&run_all(&database, &folder.path().join("results")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_runs_on_real_exports() {
    let Ok(data) = std::env::var("WEIKU_REAL_DATA") else {
        println!("skipped: WEIKU_REAL_DATA is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(&folder.path().join("real")).await.unwrap();
    let people: PathBuf =
        [&data, "people-daily-2021-weibospider", "2803301701.csv"].iter().collect();
    import(&database, &[people]).await;
    assert_all_hold(&run_all(&database, &folder.path().join("results")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_runs_on_odd_posts_and_accounts_of_which_nothing_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let texts = [
        "null".to_owned(),
        r#""""#.to_owned(),
        r#""  \n\t\u3000""#.to_owned(),
        format!("\"{}\"", "长#话题#@甲:[哈哈]//@乙:http://t.cn/a ".repeat(100_000 / 30)),
        r##""<p>a &amp; &#55357; &nbsp;<br <b>\ufffd\u0000\u200b""##.to_owned(),
        r##""#""##.to_owned(),
        r##""@ // http:// [ 【 】 ##""##.to_owned(),
    ];
    let mut posts = String::new();
    for platform in ["weibo", "elsewhere"] {
        for (number, text) in texts.iter().enumerate() {
            // Every other post has a time, an author and counts.
            let known = match number % 2 {
                0 => {
                    r#","account_id":"1","posted_at":"2013-08-27T10:00:00+08:00","reposts":0,"comments":1"#
                }
                _ => "",
            };
            posts += &format!(
                "{{\"platform\":\"{platform}\",\"post_id\":\"{}\",\"text\":{text}{known}}}\n",
                number + 1
            );
        }
    }
    let files = ["posts.jsonl", "accounts.csv"].map(|file| folder.path().join(file));
    fs::write(&files[0], posts).unwrap();
    // An account that nobody ever looked at, and one without even a name.
    fs::write(&files[1], "platform,account_id,organization\nweibo,1,\nweibo,2,某局\n").unwrap();
    let database = Database::create(&folder.path().join("odd")).await.unwrap();
    import(&database, &files).await;
    assert_all_hold(&run_all(&database, &folder.path().join("results")).await);
}

/// A row of the list that Sichuan published of one week of 2015.
struct Published {
    name: String,
    followers: i64,
    change: i64,
    posts: usize,
    /// Percent of originals, posts a day, reposts and comments per post.
    rates: [f64; 4],
}

/// The published list.
fn published(folder: &str) -> Vec<Published> {
    let file = format!("{folder}/published-rankings/sichuan_county_weekly_2015-01-26.csv");
    let number = |cell: &str| cell.trim_end_matches('%').parse::<f64>().unwrap();
    csv::Reader::from_path(file)
        .unwrap()
        .records()
        .map(|record| {
            let record = record.unwrap();
            Published {
                name: record[1].to_owned(),
                followers: record[3].parse().unwrap(),
                posts: record[4].parse().unwrap(),
                change: record[5].parse().unwrap(),
                rates: [6, 7, 8, 9].map(|column| number(&record[column])),
            }
        })
        .collect()
}

/// Accounts, looks at their size, and posts of the week from 19 to 25 January
/// 2015 with the figures that were published, as weiku's own tables.
fn week_of(accounts: &[Published]) -> [String; 3] {
    let mut tables = [
        "platform,account_id,screen_name\n".to_owned(),
        "platform,account_id,observed_at,followers\n".to_owned(),
        "platform,post_id,account_id,posted_at,text,is_repost,reposts,comments\n".to_owned(),
    ];
    for (id, account) in (1..).zip(accounts) {
        let before = account.followers - account.change;
        tables[0] += &format!("weibo,{id},{}\n", account.name);
        tables[1] += &format!("weibo,{id},2015-01-18T23:00:00+08:00,{before}\n");
        tables[1] += &format!("weibo,{id},2015-01-25T23:00:00+08:00,{}\n", account.followers);
        let of_all = |rate: f64| (rate * account.posts as f64).round() as usize;
        let originals = of_all(account.rates[0] / 100.0);
        let [reposts, comments] = [2, 3].map(|rate| of_all(account.rates[rate]));
        for post in 0..account.posts {
            // So that all together are as many as they have to be.
            let share = |sum: usize| (sum + post) / account.posts;
            tables[2] += &format!(
                "weibo,38{id:02}{post:03},{id},2015-01-{}T12:00:00+08:00,微博,{},{},{}\n",
                19 + post % 7,
                post >= originals,
                share(reposts),
                share(comments)
            );
        }
    }
    tables
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_weekly_table_comes_out_of_posts_and_looks() {
    let Ok(data) = std::env::var("WEIKU_REAL_DATA") else {
        println!("skipped: WEIKU_REAL_DATA is not set");
        return;
    };
    let published = published(&data);
    assert_eq!(published.len(), 14);
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (number, table) in week_of(&published).into_iter().enumerate() {
        let file = folder.path().join(format!("{number}.csv"));
        fs::write(&file, table).unwrap();
        files.push(file);
    }
    let database = Database::create(&folder.path().join("week")).await.unwrap();
    import(&database, &files).await;
    let query = "sections/weekly_table".to_owned();
    assert_all_hold(
        &run(&database, std::slice::from_ref(&query), &folder.path().join("out")).await,
    );

    let result = folder.path().join("out").join(query).with_extension("csv");
    let mut seen = 0;
    for row in csv::Reader::from_path(result).unwrap().records() {
        let row = row.unwrap();
        let account = published.iter().find(|account| account.name == row[0]).unwrap();
        assert_eq!(row[1], account.followers.to_string(), "{row:?}");
        assert_eq!(row[2], account.posts.to_string(), "{row:?}");
        assert_eq!(row[3], account.change.to_string(), "{row:?}");
        for (column, rate) in account.rates.iter().enumerate() {
            let came: f64 = row[4 + column].parse().unwrap();
            assert!((came - rate).abs() < 0.006, "{row:?}, {rate} was published");
        }
        seen += 1;
    }
    assert_eq!(seen, published.len());
}
