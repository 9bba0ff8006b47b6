//! Output folders that cannot be written to, and saved queries that cannot be
//! read: what the last run wrote stays, and the rest is done all the same.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use weiku::batch::{self, Lines, Options, RUN_FILE, RunRecord, Status, Summary};
use weiku::{Error, Result};

use crate::batch::World;

/// A small disk of its own at a folder.
struct Disk(PathBuf);

impl Disk {
    /// Mounts one, or says why not.
    fn mount(folder: &Path, bytes: u64) -> Result<Self, String> {
        fs::create_dir_all(folder).unwrap();
        let disk = Self(folder.to_owned());
        let size = format!("size={bytes}");
        disk.run("mount", &["-t", "tmpfs", "-o", &size, "weiku-test"]).map(|()| disk)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new(program).args(arguments).arg(&self.0).output();
        let output = output.map_err(|error| format!("{program}: {error}"))?;
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(reason) }
    }

    /// Fills it but for so many bytes.
    fn fill(&self, but: u64) {
        let mut ballast = fs::File::create(self.0.join("ballast")).unwrap();
        let full = loop {
            if let Err(error) = ballast.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        let size = ballast.metadata().unwrap().len();
        ballast.set_len(size - but).unwrap();
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.run("umount", &[]);
    }
}

/// Runs everything, and gives what was told, also if the run itself fails.
async fn run(world: &World, options: Options) -> (Result<Summary>, String) {
    let plan = world.plan(&[], options).unwrap();
    let mut talk = Vec::new();
    let mut lines = Lines::new(&mut talk, Box::new(std::io::sink()));
    let summary = batch::run(&world.database, &plan, &mut lines).await;
    (summary, String::from_utf8(talk).unwrap())
}

/// All files of the output folder but `ballast`, by name.
fn files(world: &World) -> BTreeMap<String, Vec<u8>> {
    let names = fs::read_dir(world.out()).unwrap().map(|item| item.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap()).filter(|name| name != "ballast");
    names.map(|name| (name.clone(), fs::read(world.out().join(name)).unwrap())).collect()
}

const BIG: &str = "SELECT value, (SELECT count(*) FROM accounts) AS n \
                   FROM generate_series(1, 30000) AS t(value) ORDER BY 1";

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_harms_nothing_and_what_fits_is_done() {
    let world = World::new(&[("big", BIG), ("small", "SELECT count(*) AS n FROM accounts")]).await;
    let disk = match Disk::mount(&world.out(), 2 << 20) {
        Ok(disk) => disk,
        Err(reason) => {
            println!("skipped: no disk can be mounted: {reason}");
            return;
        }
    };
    let keep_going = Options { keep_going: true, ..world.options() };
    let (summary, told) = run(&world, keep_going.clone()).await;
    assert_eq!(summary.unwrap().exit_code(), 0, "{told}");
    let first = files(&world);

    // There is room for the small result and the record, and not for the big one.
    world.add(&[("4", "卫生部")]).await;
    disk.fill(64 << 10);
    let (summary, told) = run(&world, keep_going.clone()).await;
    let summary = summary.unwrap();
    assert_eq!(summary.exit_code(), 4, "{told}");
    let words =
        format!("cannot write {}/big.csv: no space left on the disk", world.out().display());
    assert!(told.contains(&words), "{told}");
    let second = files(&world);
    assert_eq!(second["big.csv"], first["big.csv"]);
    assert_eq!(second["small.csv"], b"n\n4\n");
    let record = RunRecord::read(&world.out()).unwrap().unwrap();
    let ends: Vec<_> = record.queries.iter().map(|query| (query.status, query.stale)).collect();
    assert_eq!(ends, [(Status::Failed, true), (Status::Ok, false)]);

    // There is no room for anything: the record of the run before stays.
    world.add(&[("5", "卫生部")]).await;
    disk.fill(0);
    let (summary, told) = run(&world, keep_going.clone()).await;
    let error = summary.unwrap_err();
    assert_eq!(error.exit_code(), 4, "{error}");
    assert!(error.to_string().contains(RUN_FILE), "{error}");
    assert_eq!(told.matches("no space left on the disk").count(), 2, "{told}");
    assert_eq!(files(&world), second);

    // With room again, all of it can be made up for.
    disk.empty();
    let (summary, told) = run(&world, Options { rerun_failed: true, ..keep_going.clone() }).await;
    assert_eq!(summary.unwrap().exit_code(), 0, "{told}");
    let (summary, told) = run(&world, keep_going.clone()).await;
    assert_eq!(summary.unwrap().exit_code(), 0, "{told}");
    let third = files(&world);
    assert_eq!(third["small.csv"], b"n\n5\n");
    assert!(third["big.csv"].starts_with(b"value,n\n1,5\n"));

    // A disk that went over to reading only is told before anything runs.
    disk.run("mount", &["-o", "remount,ro"]).unwrap();
    let (summary, told) = run(&world, Options { fresh: true, ..keep_going }).await;
    is_refused(&summary.unwrap_err(), &told, &world);
    assert_eq!(files(&world), third);
}

/// Checks that nothing ran because the output folder cannot be written to.
fn is_refused(error: &Error, told: &str, world: &World) {
    let out = world.out().display().to_string();
    assert_eq!((error.exit_code(), told), (2, ""), "{error}");
    assert!(error.to_string().contains(&out), "{error}");
    assert!(error.advice().is_some_and(|hint| hint.contains("-o")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_may_not_be_written_to_is_told_before_anything_runs() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new(&[("a", "SELECT count(*) AS n FROM accounts")]).await;
    run(&world, world.options()).await.0.unwrap();
    let before = files(&world);
    for name in [".run.lock", "."] {
        let path = world.out().join(name);
        let mode = if name == "." { 0o555 } else { 0o444 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    if fs::File::create(world.out().join("probe")).is_ok() {
        println!("skipped: root may write anywhere");
        return;
    }
    let (summary, told) = run(&world, Options { fresh: true, ..world.options() }).await;
    fs::set_permissions(world.out(), fs::Permissions::from_mode(0o755)).unwrap();
    is_refused(&summary.unwrap_err(), &told, &world);
    assert_eq!(files(&world), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_that_cannot_be_read_are_told_and_keep_no_other_from_running() {
    let names = ["bytes", "first", "good", "large", "leads", "outside", "second", "twin"];
    let count = "SELECT count(*) AS n FROM accounts";
    let world = World::new(&names.map(|name| (name, count))).await;
    let other = tempfile::tempdir().unwrap();
    let (summary, told) = run(&world, world.options()).await;
    assert_eq!(summary.unwrap().exit_code(), 0, "{told}");
    world.add(&[("4", "卫生部")]).await;

    let file = |name: &str| world.queries().join(format!("{name}.sql"));
    fs::write(file("bytes"), b"SELECT '\xff'").unwrap();
    fs::write(file("large"), vec![b' '; 10 << 20]).unwrap();
    world.write("first", &format!("/*---\ndepends_on = [\"second\"]\n---*/\n{count}"));
    world.write("second", &format!("/*---\ndepends_on = [\"first\"]\n---*/\n{count}"));
    let secret = other.path().join("secret.csv");
    fs::write(&secret, "n\n3\n").unwrap();
    let leads =
        format!("/*---\nexpect = [ {{ baseline = \"{}\" }} ]\n---*/\n{count}", secret.display());
    world.write("leads", &leads);
    fs::rename(file("outside"), other.path().join("away.sql")).unwrap();
    std::os::unix::fs::symlink(other.path().join("away.sql"), file("outside")).unwrap();
    let twin = other.path().join("twin.sql");
    fs::write(&twin, "SELECT 'another' AS n").unwrap();

    let wanted = [world.queries(), twin].map(|path| path.display().to_string());
    let wanted = wanted.each_ref().map(String::as_str);
    let options = Options { keep_going: true, accept: true, ..world.options() };
    let plan = world.plan(&wanted, options).unwrap();
    let mut talk = Vec::new();
    let mut lines = Lines::new(&mut talk, Box::new(std::io::sink()));
    let summary = batch::run(&world.database, &plan, &mut lines).await.unwrap();
    let told = String::from_utf8(talk).unwrap();
    assert_eq!(summary.exit_code(), 1, "{told}");
    for (name, words) in [
        ("bytes", "is not UTF-8"),
        ("first", "goes in a circle: first -> second -> first"),
        ("large", "has 10485760 bytes"),
        ("leads", "is not a file below the query's folder"),
        ("outside", "it is a link to a file outside"),
        ("second", "goes in a circle: first -> second -> first"),
        ("twin", "two saved queries have this name"),
    ] {
        let query = summary.record.query(name).unwrap();
        let error = summary.errors.iter().find(|(other, _)| other == name).unwrap().1.to_string();
        assert!(error.contains(words) && error.contains(&format!("{name}.sql")), "{error}");
        assert_eq!((query.status, query.stale), (Status::Failed, true), "{name}");
        assert_eq!(world.output(&format!("{name}.csv")), "n\n3\n", "{name}");
    }
    assert_eq!(summary.record.query("good").unwrap().status, Status::Ok);
    assert_eq!(world.output("good.csv"), "n\n4\n");
    assert_eq!(fs::read_to_string(secret).unwrap(), "n\n3\n");
    // Without --keep-going the first of them is told, and nothing runs.
    let error = world.plan(&wanted, world.options()).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
}
