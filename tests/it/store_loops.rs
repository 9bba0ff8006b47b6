//! The store against the world: writers that are killed, disks that are cut off
//! or full, other programs, and the clock. Short runs; the environment makes
//! them longer, or says where what they need is.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray, new_null_array,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weiku::Kind;
use weiku::model::{POST_SNAPSHOTS, POSTS};
use weiku::store::{Repair, Store};

use crate::store::{KnownPost, all_rows, looks, posts};

/// A number from the environment.
pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

/// What the processes that are killed do: transactions over two tables, each
/// acknowledged by a line after its commit.
#[tokio::test(flavor = "multi_thread")]
async fn writer_to_be_killed() {
    let Some(root) = std::env::var_os("WEIKU_TEST_WRITER") else { return };
    let store = Store::open(Path::new(&root)).await.unwrap();
    // What the writer before left is finished first.
    drop(store.begin().await.unwrap());
    let first = store.snapshot(&POSTS, None).await.unwrap().rows() / 50;
    for number in first.. {
        let ids = number * 50..(number + 1) * 50;
        let rows: Vec<KnownPost> = ids
            .map(|id| KnownPost { id, observed_at: 1, text: None, likes: Some(1), hashtags: None })
            .collect();
        let mut transaction = store.begin().await.unwrap();
        transaction.upsert(&POSTS, posts(&rows), &[true; 50]).await.unwrap();
        let snapshot = looks(&[(number, number as i64, None)]);
        transaction.append(&POST_SNAPSHOTS, snapshot).await.unwrap();
        transaction.commit().await.unwrap();
        println!("done {}", number + 1);
    }
}

/// A process that writes to the database at `root`.
fn writer(root: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["store_loops::writer_to_be_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env("WEIKU_TEST_WRITER", root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills a writer; gives the commit that it acknowledged last.
fn kill(mut writer: Child) -> Option<u64> {
    writer.kill().unwrap();
    let output = writer.wait_with_output().unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    // The test harness may have begun the line.
    let mut numbers = output.lines().filter_map(|line| line.rsplit_once("done ")?.1.parse().ok());
    numbers.next_back()
}

/// Checks that what was acknowledged is there, and nothing by halves, before
/// and after the next writer clears up; gives the commits that are there.
async fn check(root: &Path, acknowledged: u64, round: u64) -> u64 {
    let mut transactions = 0;
    for _ in 0..2 {
        let store = Store::open(root).await.unwrap();
        transactions = store.snapshot(&POST_SNAPSHOTS, None).await.unwrap().rows();
        let posts = store.snapshot(&POSTS, None).await.unwrap().rows();
        assert!(transactions >= acknowledged, "round {round}: an acknowledged commit is lost");
        assert!(transactions <= acknowledged + 1, "round {round}: more than was written");
        assert_eq!(posts, transactions * 50, "round {round}: half of a commit is seen");
        drop(store.begin().await.unwrap());
    }
    let store = Store::open(root).await.unwrap();
    assert_eq!(store.verify(Repair::Plan).await.unwrap(), [], "round {round}");
    transactions
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_killed_at_any_moment_loses_nothing_acknowledged_and_shows_nothing_partial() {
    let rounds = number("WEIKU_TEST_KILLS").unwrap_or(8);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut commits = 0;
    for round in 0..rounds {
        let writer = writer(store.root());
        std::thread::sleep(Duration::from_millis(random.random_range(100..700)));
        let acknowledged = kill(writer).unwrap_or(commits);
        commits = check(store.root(), acknowledged, round).await;
    }
    println!("{rounds} writers killed, {commits} commits made, none lost or seen in part");
}

/// Runs a program of the system.
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_loses_nothing_acknowledged_and_shows_nothing_partial() {
    let Some(cuts) = number("WEIKU_TEST_POWER_CUTS") else {
        println!("skipped: WEIKU_TEST_POWER_CUTS is not set; needs root, mkfs.ext4 and python3");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (image, disk) = (folder.path().join("image"), folder.path().join("disk"));
    let (image, disk) = (image.to_str().unwrap(), disk.to_str().unwrap());
    std::fs::create_dir(disk).unwrap();
    std::fs::File::create(image).unwrap().set_len(256 << 20).unwrap();
    run("mkfs.ext4", &["-q", image]);
    run("mount", &["-o", "loop", image, disk]);
    let root = Path::new(disk).join("db");
    Store::create(&root).await.unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let mut commits = 0;
    for round in 0..cuts {
        let writer = writer(&root);
        std::thread::sleep(Duration::from_millis(random.random_range(100..1500)));
        // EXT4_IOC_SHUTDOWN without a flush of the journal.
        let shutdown = "import fcntl, os, struct, sys; \
            fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        run("python3", &["-c", shutdown, disk]);
        let acknowledged = kill(writer).unwrap_or(commits);
        run("umount", &[disk]);
        run("mount", &["-o", "loop", image, disk]);
        commits = check(&root, acknowledged, round).await;
    }
    run("umount", &[disk]);
    println!("{cuts} power cuts, {commits} commits made, none lost or seen in part");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_leaves_the_old_rows() {
    let Some(disk) = std::env::var_os("WEIKU_TEST_SMALL_DISK") else {
        println!("skipped: WEIKU_TEST_SMALL_DISK names no folder on a disk of some megabytes");
        return;
    };
    let folder = tempfile::tempdir_in(disk).unwrap();
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![7; 1 << 20]).unwrap();
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let mut committed = 0;
    let error = loop {
        let mut transaction = store.begin().await.unwrap();
        let batch = crawled_posts(committed, 8192);
        let added = transaction.append(&POSTS, batch).await;
        let result = match added {
            Ok(()) => transaction.commit().await,
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => committed += 8192,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), Kind::Limit, "{error}");
    assert!(error.message().contains("no space left"), "{error}");
    assert_eq!(store.snapshot(&POSTS, None).await.unwrap().rows(), committed);
    std::fs::remove_file(&ballast).unwrap();
    let mut transaction = store.begin().await.unwrap();
    transaction.append(&POSTS, crawled_posts(committed, 100)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.snapshot(&POSTS, None).await.unwrap().rows(), committed + 100);
    assert_eq!(store.verify(Repair::Plan).await.unwrap(), []);
    println!("disk full after {committed} rows, which are all there");
}

/// Posts with a text of their own each, in the order of a crawler's file: by
/// account, newest first.
fn crawled_posts(from: u64, count: u64) -> RecordBatch {
    let ids = from..from + count;
    let columns =
        POSTS.columns.iter().map(|column| -> ArrayRef {
            let text = |of: &dyn Fn(u64) -> String| -> ArrayRef {
                Arc::new(StringViewArray::from_iter_values(ids.clone().map(of)))
            };
            let mixed = |id: u64| id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            match column.name {
                "platform" => text(&|_| "weibo".to_owned()),
                "post_id" => text(&|id| format!("{}", 4_000_000_000_000_000 + mixed(id))),
                "account_id" => text(&|id| format!("{}", 1_000_000_000 + id / 500)),
                "text" => text(&|id| {
                    format!(
                        "今天是个好日子，外交部发言人答记者问 {} #话题{}# {}",
                        mixed(id),
                        id % 97,
                        "字".repeat((mixed(id) % 60) as usize)
                    )
                }),
                "client" => text(&|id| format!("客户端 {}", id % 7)),
                "posted_at" | "observed_at" => Arc::new(
                    TimestampMicrosecondArray::from_iter_values(ids.clone().map(|id| {
                        1_300_000_000_000_000 + (mixed(id) % 40_000_000_000) as i64 * 1000
                    }))
                    .with_timezone("UTC"),
                ),
                "reposts" | "comments" | "likes" => Arc::new(Int64Array::from_iter_values(
                    ids.clone().map(|id| (mixed(id) % 900) as i64),
                )),
                _ => new_null_array(&column.kind.data_type(), ids.clone().count()),
            }
        });
    RecordBatch::try_new(POSTS.schema(), columns.collect()).unwrap()
}

/// Prints rows per second; `WEIKU_TEST_SPEED` gives the millions of rows.
#[tokio::test(flavor = "multi_thread")]
async fn speed_of_adding_and_merging() {
    let Some(rows) = number("WEIKU_TEST_SPEED") else {
        println!("skipped: WEIKU_TEST_SPEED is not set");
        return;
    };
    let batches: Vec<RecordBatch> =
        (0..rows * 1_000_000 / 8192).map(|number| crawled_posts(number * 8192, 8192)).collect();
    let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let folder = tempfile::tempdir().unwrap();
    let added = Store::create(&folder.path().join("added")).await.unwrap();
    let merged = Store::create(&folder.path().join("merged")).await.unwrap();
    let rate = |what: &str, since: std::time::Instant| {
        println!("{what}: {:.0} rows/s", count as f64 / since.elapsed().as_secs_f64());
    };

    let since = std::time::Instant::now();
    let mut transaction = added.begin().await.unwrap();
    for batch in &batches {
        transaction.append(&POSTS, batch.clone()).await.unwrap();
    }
    transaction.commit().await.unwrap();
    rate("append", since);
    for what in ["merge new rows", "merge known rows"] {
        let since = std::time::Instant::now();
        let mut transaction = merged.begin().await.unwrap();
        for batch in &batches {
            transaction.upsert(&POSTS, batch.clone(), &vec![true; batch.num_rows()]).await.unwrap();
        }
        println!("{:?}", transaction.flush(&POSTS).await.unwrap()[0]);
        transaction.commit().await.unwrap();
        rate(what, since);
    }
    let snapshot = merged.snapshot(&POSTS, None).await.unwrap();
    let bytes: u64 = snapshot.files.iter().map(|file| file.size).sum();
    println!("{} files, {:.1} bytes/row", snapshot.files.len(), bytes as f64 / count as f64);
    let since = std::time::Instant::now();
    merged.verify(Repair::Plan).await.unwrap();
    rate("verify", since);
}

/// Reads a table with other programs; prints what each one finds in one form.
const OTHER_READERS: &str = r#"
import sys, duckdb, polars
from deltalake import DeltaTable
table = DeltaTable(sys.argv[1])
rows = table.to_pyarrow_table().to_pylist()
expected = sorted((r["post_id"], r["text"], r["likes"], r["hashtags"], r["observed_at"].isoformat()) for r in rows)
frame = polars.scan_delta(sys.argv[1]).collect().to_dicts()
found = sorted((r["post_id"], r["text"], r["likes"], r["hashtags"], r["observed_at"].isoformat()) for r in frame)
assert found == expected, (found, expected)
files = table.file_uris()
duck = duckdb.sql(f"SELECT post_id, text, likes, hashtags, epoch_us(observed_at) FROM read_parquet({files!r})").fetchall()
micros = sorted((r["post_id"], r["text"], r["likes"], r["hashtags"], int(r["observed_at"].timestamp() * 1000000)) for r in rows)
assert sorted(duck) == micros, (duck, micros)
print(len(rows), sum(r["likes"] or 0 for r in rows), table.version(), sep=",")
"#;

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_read_the_same_rows() {
    let Some(python) = std::env::var_os("WEIKU_TEST_PYTHON") else {
        println!("skipped: WEIKU_TEST_PYTHON names no Python with deltalake, duckdb and polars");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("db")).await.unwrap();
    let mut likes = 0;
    for version in 0..23 {
        let rows: Vec<KnownPost> = (version..version + 40)
            .map(|id| KnownPost {
                id: id % 50,
                observed_at: version as i64 * 1_000_003,
                text: (id % 3 > 0).then(|| format!("微博 \u{1F600} {id}")),
                likes: (id % 5 > 0).then_some((id * version) as i64),
                hashtags: Some(vec!["话题".to_owned(); (id % 3) as usize]),
            })
            .collect();
        let mut transaction = store.begin().await.unwrap();
        transaction.upsert(&POSTS, posts(&rows), &[true; 40]).await.unwrap();
        transaction.commit().await.unwrap();
        let position = POSTS.index("likes").unwrap();
        let stored = all_rows(&store.snapshot(&POSTS, None).await.unwrap());
        likes = stored.iter().filter_map(|row| row[position].parse::<i64>().ok()).sum();
    }
    let version = store.versions().await.unwrap()["posts"];
    let output = Command::new(python)
        .args(["-c", OTHER_READERS])
        .arg(store.root().join("posts"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(told.trim(), format!("50,{likes},{version}"));
}
