//! Databases in object storage, against an S3 server that the tests start.

mod checkpoints;
mod faults;
mod server;
#[cfg(feature = "cluster")]
mod workers;
mod writers;

use std::path::Path;

use server::{Bucket, Machine};

/// Posts as a person would write them into a file.
fn posts(ids: std::ops::Range<u32>) -> String {
    let mut text = "platform,post_id,account_id,text,posted_at,reposts\n".to_owned();
    for id in ids {
        text += &format!(
            "weibo,{},{},今天的微博 number {id},2012-08-27 18:00:{:02},{id}\n",
            3_480_000_000_000_000_u64 + u64::from(id),
            1_000_000 + id % 7,
            id % 60
        );
    }
    text
}

/// A file of posts in `folder`.
fn file(folder: &Path, name: &str, ids: std::ops::Range<u32>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, posts(ids)).unwrap();
    path.display().to_string()
}

/// A bucket with the sample database, and the machine that made it.
fn sample(name: &'static str) -> Option<(Bucket, Machine)> {
    let bucket = Bucket::make(name)?;
    let machine = Machine::new(&bucket);
    machine.done(&["generate", &bucket.url("db"), "--scale", "s", "-q"]);
    Some((bucket, machine))
}

const COUNT: &str =
    "SELECT count(*) AS n, count(DISTINCT post_id) AS ids, sum(reposts) AS s FROM posts";

#[test]
fn a_bucket_can_do_what_a_folder_can() {
    let Some(bucket) = Bucket::make("all") else { return };
    let here = Machine::new(&bucket);
    let folder = here.folder().join("local").display().to_string();
    let database = bucket.url("微 博/50%");
    let file = file(here.folder(), "posts.csv", 0..500);
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let [accounts, real] = ["accounts.csv", "posts.csv"].map(|name| datasets.join(name));
    let [accounts, real] = [&accounts, &real].map(|path| path.to_str().unwrap());
    for place in [&folder, &database] {
        here.done(&["import", place, accounts, real, "-q"]);
        here.done(&["import", place, &file, "-q"]);
        here.done(&["import", place, &file, "-q"]);
        here.done(&["optimize", place]);
    }
    // Another machine has no copies, and reads what the first one wrote.
    for machine in [&here, &Machine::new(&bucket)] {
        for question in [
            COUNT,
            "SELECT file, rows_read, added FROM imports ORDER BY file",
            "SELECT text, reposts FROM posts WHERE text LIKE '%地震%' ORDER BY reposts DESC, post_id LIMIT 20",
            "SELECT organization, count(*) AS n FROM accounts GROUP BY 1 ORDER BY 1",
            "SELECT date_trunc('month', posted_at) AS m, sum(likes) AS s FROM posts GROUP BY 1 ORDER BY 1",
            "SELECT count(*) AS n FROM posts FOR VERSION AS OF 1",
            "SELECT count(*) AS n FROM post_snapshots",
        ] {
            let expected = here.done(&[&folder, "-c", question, "--csv"]);
            assert_eq!(machine.done(&[&database, "-c", question, "--csv"]), expected, "{question}");
        }
        assert!(machine.run(&["verify", &database]).errors.contains("no damage found"));
    }
    let history = here.done(&["history", &database, "posts", "--csv"]);
    assert!(history.contains("import"), "{history}");
    let results = here.folder().join("results").display().to_string();
    here.done(&["run", &database, "sections/account_ranking", "-p", "n=5", "-o", &results, "-q"]);
    let report = here.folder().join("report.html").display().to_string();
    here.done(&["report", &database, "ministry_report", "-o", &report, "-q"]);
    assert!(std::fs::read_to_string(report).unwrap().contains("</html>"));
    let safe = here.done(&[&database, "--safe", "-c", COUNT, "--csv"]);
    assert_eq!(safe, here.done(&[&folder, "-c", COUNT, "--csv"]));
    assert_eq!(here.run(&["generate", &database]).code, 2, "there is one already");
}

#[test]
fn what_people_put_beside_the_tables_counts() {
    let Some(bucket) = Bucket::make("beside") else { return };
    let here = Machine::new(&bucket);
    let database = bucket.url("db");
    here.done(&["import", &database, &file(here.folder(), "posts.csv", 0..5), "-q"]);
    bucket.put("db/queries/how_many.sql", "SELECT count(*) AS n FROM posts;");
    assert_eq!(here.done(&["run", &database, "how_many", "--csv"]), "n\n5\n");
    bucket.put("db/queries/how_many.sql", "SELECT count(*) + 1 AS n FROM posts;");
    assert_eq!(here.done(&["run", &database, "how_many", "--csv"]), "n\n6\n");
    bucket.delete("db/queries/how_many.sql");
    assert_eq!(here.run(&["run", &database, "how_many", "--csv"]).code, 2);
}

#[test]
fn a_repeated_query_asks_for_nothing_that_is_here() {
    let Some((bucket, _)) = sample("repeated") else { return };
    let database = bucket.url("db");
    let here = Machine::new(&bucket);
    let questions = [
        "SELECT max(length(text)) AS n FROM posts WHERE reposts > 3",
        "SELECT count(*) AS n FROM posts WHERE text LIKE '%地震%'",
        "SELECT date_trunc('month', posted_at) AS m, count(*) AS n FROM posts GROUP BY 1 ORDER BY 1",
    ];
    for question in questions {
        bucket.requests();
        let first = here.done(&[&database, "-c", question, "--csv"]);
        // Later ones may find what they need among what the first one fetched.
        let is_first = question == questions[0];
        assert!(bucket.requests().len() > 2 || !is_first, "nothing was fetched");
        let second = here.done(&[&database, "-c", question, "--csv"]);
        assert_eq!(first, second);
        let asked = bucket.requests();
        let head = format!("GET /{}/db/weiku.json", bucket.name());
        let listing = format!("LIST /{} db/", bucket.name());
        assert_eq!(asked, [listing, head], "{question}");
    }
    // Within one session it is the head alone.
    here.done(&[&database, "-c", questions[0], "-c", questions[0], "-c", questions[0], "--csv"]);
    assert_eq!(bucket.requests().len(), 1 + 3);
}

#[test]
fn only_what_is_read_is_fetched() {
    let Some((bucket, writer)) = sample("ranges") else { return };
    let database = bucket.url("db");
    let reader = Machine::new(&bucket);
    reader.done(&[&database, "-c", "SELECT sum(reposts * 2) AS n FROM posts", "--csv"]);
    let [whole, fetched] = [&writer, &reader].map(Machine::cached_bytes);
    assert!(fetched * 2 < whole, "{fetched} of {whole} bytes were fetched");
    // A piece that is damaged here is fetched again, and the answer is right.
    let question = "SELECT sum(reposts) AS n, max(text) AS t FROM posts";
    let expected = writer.done(&[&database, "-c", question, "--csv"]);
    reader.done(&[&database, "-c", question, "--csv"]);
    reader.damage_pieces();
    assert_eq!(reader.done(&[&database, "-c", question, "--csv"]), expected);
}

#[test]
fn another_database_under_the_same_name_is_not_taken_for_the_first() {
    let Some(bucket) = Bucket::make("again") else { return };
    let (here, there) = (Machine::new(&bucket), Machine::new(&bucket));
    let database = bucket.url("db");
    here.done(&["import", &database, &file(here.folder(), "a.csv", 0..10), "-q"]);
    assert_eq!(here.done(&[&database, "-c", COUNT, "--csv"]), "n,ids,s\n10,10,45\n");
    bucket.clear("db/");
    there.done(&["import", &database, &file(there.folder(), "b.csv", 100..103), "-q"]);
    assert_eq!(here.done(&[&database, "-c", COUNT, "--csv"]), "n,ids,s\n3,3,303\n");
    here.done(&["import", &database, &file(here.folder(), "c.csv", 103..105), "-q"]);
    assert_eq!(there.done(&[&database, "-c", COUNT, "--csv"]), "n,ids,s\n5,5,510\n");
}

#[test]
fn damage_in_the_bucket_is_named_by_its_address() {
    let Some(bucket) = Bucket::make("damage") else { return };
    let here = Machine::new(&bucket);
    let database = bucket.url("db");
    here.done(&["import", &database, &file(here.folder(), "a.csv", 0..10), "-q"]);
    let keys = bucket.keys("db/posts/part-");
    let data = keys.iter().find(|key| key.ends_with(".parquet")).unwrap();
    let whole = bucket.get(data);
    bucket.put_bytes(data, &whole[..whole.len() - 1]);
    let found = here.run(&["verify", &database]);
    assert_eq!(found.code, 1, "{}", found.errors);
    assert!(
        found.errors.contains(&format!("{}/{data}", bucket.url("").trim_end_matches('/'))),
        "{}",
        found.errors
    );
    assert!(!found.errors.contains(&*here.folder().to_string_lossy()), "{}", found.errors);
    bucket.delete(data);
    assert!(here.run(&["verify", &database]).errors.contains("missing"));
    bucket.put_bytes(data, &whole);
    assert_eq!(here.run(&["verify", &database]).code, 0);
    // A damaged log entry is told by readers that have not seen it before.
    let entry = "db/posts/_delta_log/00000000000000000001.json";
    let text = String::from_utf8(bucket.get(entry)).unwrap();
    bucket.put(entry, &text.replace("numRecords", "numrecords"));
    let there = Machine::new(&bucket);
    let refused = there.run(&[&database, "-c", COUNT]);
    assert!(refused.code == 1 && refused.errors.contains("s3://"), "{}", refused.errors);
    // Nobody takes back versions that another machine may be reading.
    let repair = here.run(&["verify", &database, "--repair"]);
    assert_eq!(repair.code, 2, "{}", repair.errors);
    assert!(repair.errors.contains("to a folder"), "{}", repair.errors);
}

#[test]
fn damage_in_the_bucket_is_mended_there() {
    let Some(bucket) = Bucket::make("repair") else { return };
    let here = Machine::new(&bucket);
    let database = bucket.url("db");
    let [a, b] =
        [("a.csv", 0..10), ("b.csv", 10..13)].map(|(name, ids)| file(here.folder(), name, ids));
    here.done(&["import", &database, &a, "-q"]);
    let mend = |damage: &str| {
        let found = here.run(&["verify", &database]);
        assert!(found.code == 1 && found.errors.contains(damage), "{damage}: {}", found.errors);
        let repair = here.run(&["verify", &database, "--repair"]);
        assert!(
            repair.code == 0 && repair.errors.contains("0 left"),
            "{damage}: {}",
            repair.errors
        );
    };
    let count = || Machine::new(&bucket).done(&[&database, "-c", COUNT, "--csv"]);
    // A data file goes, with its rows, and its source brings them back.
    let keys = bucket.keys("db/posts/part-");
    let data = keys.iter().find(|key| key.ends_with(".parquet")).unwrap();
    let whole = bucket.get(data);
    bucket.put_bytes(data, &whole[1..]);
    mend(data);
    assert_eq!(count(), "n,ids,s\n0,0,\n");
    let moved = data.replace("db/", "db/damaged/");
    assert_eq!(bucket.get(&moved), whole[1..]);
    here.done(&["import", &database, &a, "-q"]);
    assert_eq!(count(), "n,ids,s\n10,10,45\n");
    // An index is made anew.
    let keys = bucket.keys("db/posts/part-");
    let index = keys.iter().find(|key| key.ends_with(".index")).unwrap();
    let whole = bucket.get(index);
    bucket.put_bytes(index, &whole[..whole.len() / 2]);
    mend(index);
    assert_eq!(bucket.get(index), whole);
    // So is the head, after the newest commit that was written down.
    let whole = String::from_utf8(bucket.get("db/weiku.json")).unwrap();
    bucket.put("db/weiku.json", &whole[1..]);
    assert_eq!(here.run(&[&database, "-c", COUNT]).code, 1);
    mend("weiku.json");
    assert_eq!(bucket.get("db/weiku.json"), whole.as_bytes());
    // A commit that cannot be read is not made.
    let newest = bucket.keys("db/commits/").pop().unwrap();
    let number: u64 = newest["db/commits/".len()..][..20].parse().unwrap();
    bucket.put(&format!("db/commits/{:020}.json", number + 1), "{");
    assert_eq!(here.run(&["import", &database, &b, "-q"]).code, 1);
    mend("commits");
    here.done(&["import", &database, &b, "-q"]);
    assert_eq!(count(), "n,ids,s\n13,13,78\n");
    assert_eq!(here.run(&["verify", &database]).code, 0);
}
