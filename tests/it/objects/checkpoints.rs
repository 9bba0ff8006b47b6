//! A long history is opened through a checkpoint, and never read wrongly for one.

use super::server::{Bucket, Machine};
use super::{COUNT, file};

/// Imports so many files of three posts each, with one commit for each.
fn grow(machine: &Machine, database: &str, files: std::ops::Range<u32>) {
    let files: Vec<String> = files
        .map(|number| file(machine.folder(), &format!("{number}.csv"), number * 3..number * 3 + 3))
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    machine.done(&[&["import", database, "-q"][..], &files].concat());
}

/// What [`COUNT`] gives for the first posts.
fn counted(posts: u32) -> String {
    format!("n,ids,s\n{posts},{posts},{}\n", (0..posts).sum::<u32>())
}

/// How many log entries and how many checkpoints of `posts` a machine that has
/// seen nothing asks for, to give the `expected` answer.
fn asked_for(bucket: &Bucket, question: &str, expected: &str) -> (usize, usize) {
    bucket.requests();
    let machine = Machine::new(bucket);
    assert_eq!(machine.done(&[&bucket.url("db"), "-c", question, "--csv"]), expected);
    let asked = bucket.requests();
    let log = asked.iter().filter(|one| one.starts_with("GET") && one.contains("_delta_log/0"));
    let (checkpoints, entries): (Vec<_>, Vec<_>) =
        log.partition(|one| one.ends_with(".checkpoint.parquet"));
    (entries.len(), checkpoints.len())
}

fn checkpoints(bucket: &Bucket) -> Vec<String> {
    let mut keys = bucket.keys("db/posts/_delta_log/");
    keys.retain(|key| key.ends_with(".checkpoint.parquet"));
    keys
}

#[test]
fn a_long_history_is_opened_through_a_checkpoint() {
    let Some(bucket) = Bucket::make("checkpoints") else { return };
    let (here, there) = (Machine::new(&bucket), Machine::new(&bucket));
    let database = bucket.url("db");
    grow(&here, &database, 0..19);
    grow(&there, &database, 19..36);
    let (entries, fetched) = asked_for(&bucket, COUNT, &counted(108));
    assert!(entries <= 10 && fetched == 1, "{entries} entries, {fetched} checkpoints");
    let written = checkpoints(&bucket);
    assert_eq!(written.len(), 3, "each is written by one of the writers: {written:?}");

    // What is older is there all the same.
    let old = COUNT.replace("posts", "posts FOR VERSION AS OF 2");
    asked_for(&bucket, &old, &counted(6));
    let history = here.done(&["history", &database, "posts", "--csv"]);
    assert_eq!(Machine::new(&bucket).done(&["history", &database, "posts", "--csv"]), history);
    assert!(history.lines().count() > 36, "{history}");
    assert_eq!(Machine::new(&bucket).run(&["verify", &database]).code, 0);

    // One that is damaged is done without, named, and taken away.
    let newest = written.last().unwrap();
    let whole = bucket.get(newest);
    for damage in [Some(&whole[..whole.len() - 1]), None] {
        match damage {
            Some(bytes) => bucket.put_bytes(newest, bytes),
            None => bucket.delete(newest),
        }
        let (entries, _) = asked_for(&bucket, COUNT, &counted(108));
        assert!((11..=20).contains(&entries), "{entries} entries after the one before");
        let found = here.run(&["verify", &database]);
        let name = newest.strip_prefix("db/").unwrap();
        assert_eq!(found.code, 1, "{}", found.errors);
        assert!(found.errors.contains(&format!("{database}/{name}")), "{}", found.errors);
    }
    let repair = here.run(&["verify", &database, "--repair"]);
    assert!(repair.code == 0 && repair.errors.contains("0 left"), "{}", repair.errors);
    assert_eq!(checkpoints(&bucket), Vec::<String>::new());
    asked_for(&bucket, COUNT, &counted(108));

    // The next that is due takes its place.
    grow(&here, &database, 36..37);
    let (entries, fetched) = asked_for(&bucket, COUNT, &counted(111));
    assert!(entries <= 10 && fetched == 1, "{entries} entries, {fetched} checkpoints");
}

#[test]
fn a_checkpoint_of_another_database_is_not_taken_for_one_of_this() {
    let Some(bucket) = Bucket::make("strange-checkpoints") else { return };
    let here = Machine::new(&bucket);
    let database = bucket.url("db");
    grow(&here, &database, 50..75);
    let note = "db/posts/_checkpoints.json";
    let newest = checkpoints(&bucket).pop().unwrap();
    let strange = [note, &newest].map(|key| (key.to_owned(), bucket.get(key)));
    bucket.clear("db/");
    grow(&here, &database, 0..25);
    // A writer of the one that is gone comes late.
    for (key, bytes) in &strange {
        bucket.put_bytes(key, bytes);
    }
    let (entries, _) = asked_for(&bucket, COUNT, &counted(75));
    assert!(entries > 20, "{entries} entries");
    // The next checkpoint is known again.
    grow(&here, &database, 25..36);
    let (entries, fetched) = asked_for(&bucket, COUNT, &counted(108));
    assert!(entries <= 10 && fetched == 1, "{entries} entries, {fetched} checkpoints");
}
