//! Several writers of one database, and writers that are cut off.

use super::server::{Bucket, Machine, finished};
use super::{COUNT, file};

/// Two writers that both begin at one version: the second to commit merges
/// again into what the first has made.
#[test]
fn two_writers_race_for_one_commit_and_no_row_is_lost_or_doubled() {
    let Some(bucket) = Bucket::make("race") else { return };
    let (first, second) = (Machine::new(&bucket), Machine::new(&bucket));
    let database = bucket.url("db");
    first.done(&["import", &database, &file(first.folder(), "a.csv", 0..100), "-q"]);
    // The second one's commit is held back until the first has committed.
    let held = bucket.fault("hold", "PUT", "db/commits/");
    let late = file(second.folder(), "c.csv", 50..300);
    let late = second.command(&["import", &database, &late, "-q"]).spawn().unwrap();
    held.is_met();
    first.done(&["import", &database, &file(first.folder(), "b.csv", 80..200), "-q"]);
    held.release();
    let late = finished(late);
    assert_eq!(late.code, 0, "{}", late.errors);
    let expected = format!("n,ids,s\n300,300,{}\n", (0..300).sum::<u32>());
    for machine in [&first, &second] {
        assert_eq!(machine.done(&[&database, "-c", COUNT, "--csv"]), expected);
        let imports = "SELECT sum(added) AS added, count(*) AS n FROM imports";
        assert_eq!(machine.done(&[&database, "-c", imports, "--csv"]), "added,n\n300,3\n");
        assert_eq!(machine.run(&["verify", &database]).code, 0);
    }
}

/// Rejected rows that are read again give way to another writer as new ones do.
#[test]
fn rejected_rows_are_merged_again_when_another_writer_comes_first() {
    let Some(bucket) = Bucket::make("rejects") else { return };
    let (first, second) = (Machine::new(&bucket), Machine::new(&bucket));
    let database = bucket.url("db");
    let write = |name: &str, text: &str| {
        std::fs::write(second.folder().join(name), text).unwrap();
        second.folder().join(name).display().to_string()
    };
    let odd =
        "platform,post_id,posted_at,reposts\nweibo,900,27.08.2012,7\nweibo,901,28.08.2012,8\n";
    let odd = write("odd.csv", odd);
    let mapping = write(
        "map.toml",
        "platform = \"weibo\"\ntime_format = \"%d.%m.%Y\"\n[columns]\npost_id = \"post_id\"\n\
         posted_at = \"posted_at\"\nreposts = \"reposts\"\n",
    );
    second.run(&["import", &database, &odd, "-q"]);
    let open = "SELECT count(*) AS n FROM rejects WHERE taken_by IS NULL";
    assert_eq!(second.done(&[&database, "-c", open, "--csv"]), "n\n2\n");
    let again = ["import", &database, "--rejects", "--format", &mapping];

    let held = bucket.fault("hold", "PUT", "db/commits/");
    let late = second.command(&again).spawn().unwrap();
    held.is_met();
    first.done(&["import", &database, &file(first.folder(), "a.csv", 0..10), "-q"]);
    held.release();
    let late = finished(late);
    assert_eq!(late.code, 0, "{}", late.errors);
    assert!(late.errors.contains("2 added"), "{}", late.errors);
    for machine in [&first, &second] {
        assert_eq!(machine.done(&[&database, "-c", COUNT, "--csv"]), "n,ids,s\n12,12,60\n");
        assert_eq!(machine.done(&[&database, "-c", open, "--csv"]), "n\n0\n");
        assert_eq!(machine.run(&["verify", &database]).code, 0);
    }

    // What another writer takes meanwhile is taken once.
    let more = odd.replace("odd", "more");
    std::fs::write(&more, "platform,post_id,posted_at,reposts\nweibo,902,29.08.2012,9\n").unwrap();
    second.run(&["import", &database, &more, "-q"]);
    let held = bucket.fault("hold", "PUT", "db/commits/");
    let late = second.command(&again).spawn().unwrap();
    held.is_met();
    let taken = first.run(&again);
    assert!(taken.errors.contains("1 added"), "{}", taken.errors);
    held.release();
    let late = finished(late);
    assert_eq!(late.code, 0, "{}", late.errors);
    assert!(late.errors.contains("no rejected rows"), "{}", late.errors);
    let imports = "SELECT sum(added) AS added, count(*) AS n FROM imports";
    assert_eq!(first.done(&[&database, "-c", imports, "--csv"]), "added,n\n13,5\n");
}

#[test]
fn writers_at_once_all_come_to_their_turn_also_in_an_empty_bucket() {
    let Some(bucket) = Bucket::make("crowd") else { return };
    let machines: Vec<Machine> = (0..3).map(|_| Machine::new(&bucket)).collect();
    let database = bucket.url("db");
    let mut running = Vec::new();
    for (number, machine) in (0u32..).zip(&machines) {
        let files: Vec<String> = (0..3)
            .map(|part| {
                let from = number * 90 + part * 30;
                file(machine.folder(), &format!("{part}.csv"), from..from + 40)
            })
            .collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let arguments = [&["import", &database, "-q"][..], &files].concat();
        running.push(machine.command(&arguments).spawn().unwrap());
    }
    for process in running {
        let done = finished(process);
        assert_eq!(done.code, 0, "{}", done.errors);
    }
    let expected = format!("n,ids,s\n280,280,{}\n", (0..280).sum::<u32>());
    assert_eq!(machines[0].done(&[&database, "-c", COUNT, "--csv"]), expected);
    let imports = "SELECT sum(added) AS added, count(*) AS n FROM imports";
    assert_eq!(machines[1].done(&[&database, "-c", imports, "--csv"]), "added,n\n280,9\n");
    assert_eq!(machines[2].run(&["verify", &database]).code, 0);
}

/// A writer that is killed before its commit is written down leaves nothing that
/// counts; one that is killed later has committed, and the next writer finishes
/// that.
#[test]
fn what_a_killed_writer_has_committed_is_finished_by_the_next() {
    let Some(bucket) = Bucket::make("killed") else { return };
    for (place, is_committed) in [
        ("commits/", false),
        ("posts/_delta_log/", true),
        ("imports/_delta_log/", true),
        ("weiku.json", true),
    ] {
        let key = place.replace(['/', '.'], "-");
        let database = bucket.url(&key);
        let (first, next) = (Machine::new(&bucket), Machine::new(&bucket));
        first.done(&["import", &database, &file(first.folder(), "a.csv", 0..10), "-q"]);
        let stopped = bucket.fault("stop", "PUT", &format!("{key}/{place}"));
        let arguments = ["import", &database, &file(first.folder(), "b.csv", 10..20), "-q"];
        let mut killed = first.command(&arguments).spawn().unwrap();
        stopped.is_met();
        killed.kill().unwrap();
        killed.wait().unwrap();
        stopped.release();
        // Readers see the commit before as long as nobody writes.
        assert_eq!(next.done(&[&database, "-c", COUNT, "--csv"]), "n,ids,s\n10,10,45\n", "{place}");
        next.done(&["import", &database, &file(next.folder(), "c.csv", 20..30), "-q"]);
        let expected = if is_committed { "30,30,435" } else { "20,20,290" };
        for machine in [&first, &next] {
            let found = machine.done(&[&database, "-c", COUNT, "--csv"]);
            assert_eq!(found, format!("n,ids,s\n{expected}\n"), "{place}");
            assert_eq!(machine.run(&["verify", &database]).code, 0, "{place}");
        }
        // Whoever was killed goes on where it was.
        first.done(&["import", &database, &file(first.folder(), "b.csv", 10..20), "-q"]);
        assert_eq!(next.done(&[&database, "-c", COUNT, "--csv"]), "n,ids,s\n30,30,435\n");
    }
}

/// A store may have done what it gave no answer to: the commit is made once.
#[test]
fn an_answer_that_is_lost_is_no_failure() {
    let Some(bucket) = Bucket::make("lost") else { return };
    let here = Machine::new(&bucket);
    let database = bucket.url("db");
    here.done(&["import", &database, &file(here.folder(), "a.csv", 0..10), "-q"]);
    for (number, place) in
        (1u32..).zip(["commits/", "posts/_delta_log/", "weiku.json", "posts/part-"])
    {
        bucket.fault("lose", "PUT", &format!("db/{place}"));
        let ids = number * 10..number * 10 + 10;
        here.done(&["import", &database, &file(here.folder(), "b.csv", ids), "-q"]);
        let found = here.done(&[&database, "-c", "SELECT count(*) AS n FROM posts", "--csv"]);
        assert_eq!(found, format!("n\n{}\n", number * 10 + 10), "{place}");
    }
    assert_eq!(here.run(&["verify", &database]).code, 0);
}
