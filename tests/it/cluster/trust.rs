//! Who is let in, and what workers and sessions must have in common.

use std::path::Path;
use std::process::Command;

use datafusion_distributed::Worker as Service;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::{Worker, spread, stderr, stdout, weiku, world};

const SQL: &str = "SELECT count(*) FROM posts WHERE likes > 3";

#[test]
fn a_worker_that_others_can_reach_starts_with_a_key_only() {
    let worker = weiku().args(["worker", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(worker.status.code(), Some(2));
    assert!(stderr(&worker).contains("nothing keeps strangers out"), "{}", stderr(&worker));

    let with_token = Worker::start_with(world(), "0.0.0.0:0", |worker| {
        worker.env("WEIKU_TOKEN", "x".repeat(32))
    });
    assert!(with_token.address.starts_with("0.0.0.0:"));
}

#[test]
fn a_token_is_asked_for_and_must_be_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "one two three four\n").unwrap();
    let keys = ["--token-file", token.to_str().unwrap()];
    // Two of them, since workers must let in one another, too.
    let start = || Worker::start_with(world(), "127.0.0.1:0", |worker| worker.args(keys));
    let workers = [start(), start()];
    let workers = super::addresses(&workers);

    let refused = spread(&workers).args(["-c", SQL]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("wants a token"), "{}", stderr(&refused));

    let wrong =
        spread(&workers).env("WEIKU_TOKEN", "one two three five").args(["-c", SQL]).output();
    let wrong = wrong.unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("refuses the token"), "{}", stderr(&wrong));
    assert!(!stderr(&wrong).contains("three"), "{}", stderr(&wrong));

    let sql = "SELECT client, max(post_id) FROM posts GROUP BY 1 ORDER BY 1";
    let here = stdout(weiku().arg(world().join("db")).args(["-c", sql]));
    assert_eq!(stdout(spread(&workers).args(keys).args(["-c", sql])), here);
}

#[test]
fn mutual_certificates_let_in_those_who_have_one() {
    let folder = tempfile::tempdir().unwrap();
    if !certificates(folder.path()) {
        println!("skipped: openssl is not installed");
        return;
    }
    let at = |name: &str| folder.path().join(name).display().to_string();
    let keys = |who: &str| {
        let flags = ["--tls-cert", "--tls-key", "--tls-ca"];
        let files = [at(&format!("{who}.pem")), at(&format!("{who}.key")), at("ca.pem")];
        flags.into_iter().zip(files).flat_map(|(flag, file)| [flag.to_owned(), file]).collect()
    };
    let (ours, strange): (Vec<String>, Vec<String>) = (keys("node"), keys("stranger"));
    let start = || Worker::start_with(world(), "127.0.0.1:0", |worker| worker.args(&ours));
    let workers = [start(), start()];
    let workers = super::addresses(&workers);
    let sql = "SELECT client, max(post_id) FROM posts GROUP BY 1 ORDER BY 1";
    let here = stdout(weiku().arg(world().join("db")).args(["-c", sql]));
    assert_eq!(stdout(spread(&workers).args(&ours).args(["-c", sql])), here);
    for stranger in [&[][..], &strange] {
        let refused = spread(&workers).args(stranger).args(["-c", sql]).output().unwrap();
        assert_eq!(refused.status.code(), Some(5), "{}", stderr(&refused));
    }
}

/// Makes an authority, a certificate that it signed, and one that it did not.
fn certificates(folder: &Path) -> bool {
    let script = "set -e
        new() { openssl req -newkey rsa:2048 -nodes -keyout $1.key -out $1.csr -subj /CN=$1; }
        sign() { openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 2 \
            -out $1.pem -extfile names; }
        echo subjectAltName=IP:127.0.0.1 > names
        for ca in ca other; do
            openssl req -x509 -newkey rsa:2048 -nodes -keyout $ca.key -out $ca.pem -days 2 -subj /CN=$ca
        done
        new node; sign node ca
        new stranger; sign stranger other";
    let made = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    made.status.success()
}

#[test]
fn a_worker_of_another_version_is_refused_with_both_named() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = runtime.block_on(async {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let service = Service::default().with_version("0.0.7").into_worker_server();
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(incoming));
        address
    });
    let refused = spread(&address.to_string()).args(["-c", SQL]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let (theirs, ours) = ("is weiku 0.0.7", format!("this is weiku {}", weiku::BUILD));
    assert!(stderr(&refused).contains(theirs) && stderr(&refused).contains(&ours));
}

#[test]
fn what_is_no_address_is_refused_before_anything_runs() {
    let refused = spread("localhost").args(["-c", SQL]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("HOST:PORT"), "{}", stderr(&refused));
}
