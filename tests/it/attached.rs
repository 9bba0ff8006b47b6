//! Tables of others: databases that are attached, and folders of the Delta format.

use std::fs;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use weiku::batch::Status;
use weiku::engine::{Session, Settings};

use crate::batch::World;

/// The one number that `sql` asks for.
async fn number(session: &Session, sql: &str) -> i64 {
    let batches = session.collect(sql).await.unwrap();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 1, "{sql}");
    let batch = batches.iter().find(|batch| batch.num_rows() == 1).unwrap();
    batch.column(0).as_primitive::<Int64Type>().value(0)
}

/// What is wrong with `sql`, and what to try.
async fn wrong(session: &Session, sql: &str) -> String {
    let error = session.collect(sql).await.expect_err(sql);
    format!("{error} [{}]", error.advice().unwrap_or_default())
}

/// Two databases; the other one has an account more.
async fn worlds() -> (World, World) {
    let (own, other) = (World::new(&[]).await, World::new(&[]).await);
    other.add(&[("9", "卫生部")]).await;
    (own, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attached_database_is_asked_beside_the_own() {
    let (own, other) = worlds().await;
    let session = own.database.session(Settings { readonly: true, ..Settings::default() }).unwrap();
    let attach = format!("ATTACH '{}' AS O", other.database.folder().unwrap().display());
    session.collect(&attach).await.unwrap();
    assert_eq!(session.attached(), ["o"]);
    assert_eq!(number(&session, "SELECT count(*) FROM accounts").await, 3);
    assert_eq!(number(&session, "SELECT count(*) FROM o.accounts").await, 4);
    let only_there = "SELECT count(*) FROM o.accounts AS a LEFT ANTI JOIN accounts AS b
                      ON a.account_id = b.account_id";
    assert_eq!(number(&session, only_there).await, 1);
    // Its views are over its tables.
    assert_eq!(number(&session, "SELECT count(*) FROM account_latest").await, 3);
    assert_eq!(number(&session, "SELECT count(*) FROM o.account_latest").await, 4);
    // A statement sees what is committed when it begins, or what was before.
    other.add(&[("10", "水利部")]).await;
    assert_eq!(number(&session, "SELECT count(*) FROM o.accounts").await, 5);
    let before = "SELECT count(*) FROM o.accounts FOR VERSION AS OF 2";
    assert_eq!(number(&session, before).await, 4);
    let named = "SELECT count(o.accounts.account_id) FROM o.accounts";
    assert_eq!(number(&session, named).await, 5);

    session
        .collect(&format!("{attach} (READ_ONLY)").replace("ATTACH", "ATTACH IF NOT EXISTS"))
        .await
        .unwrap();
    session.collect("DETACH o").await.unwrap();
    session.collect("DETACH IF EXISTS o").await.unwrap();
    let gone = wrong(&session, "SELECT * FROM o.accounts").await;
    assert!(
        gone.contains("no table \"o.accounts\"") && gone.contains("ATTACH 'DB' AS o"),
        "{gone}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_attached_or_changed_is_told() {
    let (own, other) = worlds().await;
    let session = own.database.session(Settings::default()).unwrap();
    let place = other.database.folder().unwrap().display().to_string();
    session.collect(&format!("ATTACH '{place}' AS o")).await.unwrap();
    for (sql, told) in [
        (format!("ATTACH '{place}' AS o"), "attached as o already"),
        (format!("ATTACH '{place}' AS main"), "the name of another schema"),
        (format!("ATTACH '{place}/no' AS n"), "is not a weiku database"),
        (format!("ATTACH '{place}' AS s (TYPE sqlite)"), "databases of weiku are attached"),
        ("DETACH oo".to_owned(), "did you mean o?"),
        ("SELECT * FROM o.acounts".to_owned(), "did you mean \"o.accounts\"?"),
        ("SELECT * FROM p.accounts".to_owned(), "did you mean"),
        ("CREATE TABLE o.mine AS SELECT 1 AS n".to_owned(), "nothing is made in o"),
        ("DROP TABLE o.accounts".to_owned(), "belongs to the database"),
        ("INSERT INTO o.accounts VALUES (1)".to_owned(), "not changed by SQL"),
    ] {
        let said = wrong(&session, &sql).await;
        assert!(said.contains(told), "{sql}: {said}");
    }
    let safe = own.database.session(Settings { safe: true, ..Settings::default() }).unwrap();
    let said = wrong(&safe, &format!("ATTACH '{place}' AS o")).await;
    assert!(said.contains("not allowed under --safe"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_query_attaches_what_it_needs() {
    let (own, other) = worlds().await;
    let place = other.database.folder().unwrap().display();
    own.write("both", &format!("ATTACH '{place}' AS o;\nSELECT count(*) AS n FROM o.accounts"));
    for dry_run in [true, false] {
        let (summary, talk) = own.run(weiku::batch::Options { dry_run, ..own.options() }).await;
        let wanted = if dry_run { Status::Planned } else { Status::Ok };
        assert_eq!(summary.record.queries[0].status, wanted, "{talk}");
    }
    assert_eq!(own.output("both.csv"), "n\n4\n");
}

/// A table of the Delta format, by day, of which one file has been replaced.
fn lake(folder: &std::path::Path) {
    let log = folder.join("_delta_log");
    fs::create_dir_all(&log).unwrap();
    let schema = r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"day\",\"type\":\"date\",\"nullable\":true,\"metadata\":{}},{\"name\":\"n\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"#;
    let add = |path: &str, day: &str| {
        let size = fs::metadata(folder.join(path)).unwrap().len();
        format!(
            r#"{{"add":{{"path":"{path}","partitionValues":{{"day":{day}}},"size":{size},"modificationTime":0,"dataChange":true}}}}"#
        )
    };
    let first = [
        r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#.to_owned(),
        format!(
            r#"{{"metaData":{{"id":"1","format":{{"provider":"parquet","options":{{}}}},"schemaString":"{schema}","partitionColumns":["day"],"configuration":{{}}}}}}"#
        ),
        add("a.parquet", "\"2012-08-27\""),
        add("b b.parquet", "null").replace("b b", "b%20b"),
    ];
    fs::write(log.join("00000000000000000000.json"), first.join("\n")).unwrap();
    let second = [
        r#"{"remove":{"path":"a.parquet","dataChange":true,"deletionTimestamp":0}}"#.to_owned(),
        add("c.parquet", "\"2012-08-28\""),
    ];
    fs::write(log.join("00000000000000000001.json"), second.join("\n")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_the_delta_format_is_its_newest_version() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("lake").display().to_string();
    let session = Session::new(None, Settings::default()).unwrap();
    for (file, n) in [("a", 1), ("b b", 20), ("c", 300)] {
        let copy = format!("COPY (SELECT {n} AS n) TO '{place}/{file}.parquet'");
        fs::create_dir_all(&place).unwrap();
        session.collect(&copy).await.unwrap();
    }
    lake(place.as_ref());
    assert_eq!(number(&session, &format!("SELECT sum(n) FROM '{place}'")).await, 320);
    let day = format!("SELECT n FROM '{place}' WHERE day = DATE '2012-08-28'");
    assert_eq!(number(&session, &day).await, 300);
    assert_eq!(number(&session, &format!("SELECT n FROM '{place}/' WHERE day IS NULL")).await, 20);

    let metadata =
        fs::read_to_string(format!("{place}/_delta_log/00000000000000000000.json")).unwrap();
    let mapped = metadata.replace(
        "\"configuration\":{}",
        "\"configuration\":{\"delta.columnMapping.mode\":\"name\"}",
    );
    fs::write(format!("{place}/_delta_log/00000000000000000000.json"), mapped).unwrap();
    let said = wrong(&session, &format!("SELECT * FROM '{place}'")).await;
    assert!(said.contains("cannot be read"), "{said}");
    // A table of ours is what is committed of it.
    let world = World::new(&[]).await;
    let table = world.database.folder().unwrap().join("accounts").display().to_string();
    assert_eq!(number(&session, &format!("SELECT count(*) FROM '{table}'")).await, 3);
}
