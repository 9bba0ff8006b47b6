//! Places that are not there, credentials that are refused: one line that says
//! what to try, and no secret in it.

use std::time::{Duration, Instant};

use super::server::{Bucket, Done, Machine, finished};
use super::{COUNT, file};

/// Checks that `done` is a refusal in one line, with a hint, that holds `words`.
fn is_refusal(done: &Done, code: i32, words: &str) {
    assert_eq!(done.code, code, "{}", done.errors);
    assert!(done.errors.contains(words) && done.errors.contains("hint"), "{}", done.errors);
    assert!(done.errors.lines().count() <= 2, "{}", done.errors);
    assert!(
        !done.errors.contains("test-secret") && !done.errors.contains("test-key"),
        "{}",
        done.errors
    );
}

#[test]
fn what_cannot_be_reached_is_told_in_a_line() {
    let Some(bucket) = Bucket::make("faults") else { return };
    let here = Machine::new(&bucket);
    let database = bucket.url("db");
    is_refusal(&here.run(&[&database, "-c", COUNT]), 2, "is not a weiku database");
    let posts = file(here.folder(), "posts.csv", 0..5);
    let absent = Bucket::absent().unwrap().url("db");
    for arguments in [
        &[&absent, "-c", COUNT][..],
        &["import", &absent, &posts],
        &["generate", &absent],
        &["verify", &absent],
        &["history", &absent],
    ] {
        is_refusal(&here.run(arguments), 2, "there is no bucket s3://no-such-bucket");
    }
    let with = |name: &str, value: &str| {
        let mut command = here.command(&[&database, "-c", COUNT]);
        finished(command.env(name, value).spawn().unwrap())
    };
    is_refusal(&with("AWS_ACCESS_KEY_ID", "wrong-key"), 2, "refuses the credentials");
    is_refusal(&with("AWS_ALLOW_HTTP", "false"), 2, "is not encrypted");
    is_refusal(&with("AWS_PROFILE", "nobody"), 2, "no profile `nobody`");
    let since = Instant::now();
    is_refusal(&with("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), 5, "does not answer");
    is_refusal(&with("AWS_ENDPOINT_URL", "http://no-such-host.invalid"), 5, "does not answer");
    assert!(since.elapsed() < Duration::from_secs(60));
    let nobody = finished(
        here.command(&[&database, "-c", COUNT])
            .env_remove("AWS_ACCESS_KEY_ID")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .spawn()
            .unwrap(),
    );
    is_refusal(&nobody, 2, "no credentials");
}

#[test]
fn addresses_that_mean_nothing_are_refused() {
    let Some(bucket) = Bucket::make("addresses") else { return };
    let here = Machine::new(&bucket);
    let posts = file(here.folder(), "posts.csv", 0..5);
    for address in [
        "s3://",
        "s3:///db",
        "s3://addresses/../db",
        "s3://addresses//db",
        "s4://addresses/db",
        "file:///db",
    ] {
        is_refusal(&here.run(&[address, "-c", COUNT]), 2, "");
        is_refusal(&here.run(&["import", address, &posts]), 2, "");
    }
}

#[test]
fn keys_may_come_from_a_profile() {
    let Some(bucket) = Bucket::make("profile") else { return };
    let here = Machine::new(&bucket);
    let aws = here.folder().join(".aws");
    std::fs::create_dir(&aws).unwrap();
    let keys = "[default]\naws_access_key_id = wrong\naws_secret_access_key = x\n\
                [lab]\naws_access_key_id = test-key\naws_secret_access_key = test-secret\n";
    std::fs::write(aws.join("credentials"), keys).unwrap();
    let config = format!(
        "[profile lab]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:{}\n",
        bucket.port()
    );
    std::fs::write(aws.join("config"), config).unwrap();
    let database = bucket.url("db");
    let posts = file(here.folder(), "posts.csv", 0..5);
    let run = |profile: Option<&str>| {
        let mut command = here.command(&["import", &database, &posts, "-q"]);
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env_remove(name);
        }
        if let Some(profile) = profile {
            command.env_remove("AWS_ENDPOINT_URL").env("AWS_PROFILE", profile);
        }
        finished(command.spawn().unwrap())
    };
    is_refusal(&run(None), 2, "refuses the credentials");
    let done = run(Some("lab"));
    assert_eq!(done.code, 0, "{}", done.errors);
}
