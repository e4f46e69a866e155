//! `rediss://` to a real server that has a certificate. Whom the client trusts is read from
//! the system once per process, so each side of it is a process of its own.

use std::{
    net::{Ipv4Addr, TcpListener},
    process::Command,
    sync::Arc,
};

use es_core::Read;
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::{
    checks::{self, Follower},
    load::Load,
    server::store_at,
};

/// Who signs, and a server with a certificate of that for `name`.
fn server(folder: &std::path::Path, name: &str) -> (RedisServer, u16) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let write = |name: &str, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let (ca, own, secret) = (
        write("ca.pem", authority.pem()),
        write("own.pem", certificate.pem()),
        write("key.pem", key.serialize_pem()),
    );
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let config = RedisConfig::durable()
        .with("tls-port", port.to_string())
        .with("tls-cert-file", own)
        .with("tls-key-file", secret)
        .with("tls-ca-cert-file", ca)
        .with("tls-auth-clients", "no");
    (RedisServer::start(&config), port)
}

/// Plays the client in a process of its own, which trusts what is in `trusted`, and says
/// whether all was as it was to be.
fn client(url: &str, trusted: &std::path::Path, expects: &str) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tls::the_role_of_the_client", "--nocapture"]);
    command.env("ES_CHILD_TLS", url).env("ES_CHILD_EXPECTS", expects);
    command.env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR");
    command.status().unwrap().success()
}

#[test]
fn over_tls_everything_works_with_a_server_that_is_trusted_and_with_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let fixture = async { Fixture::new(server(folder, "localhost"), ()) };
    es_testkit::run(fixture, |(server, port)| async move {
        let (url, ca) = (format!("rediss://localhost:{port}"), folder.join("ca.pem"));
        assert!(client(&url, &ca, "work"));
        let direct = store_at(&server.url()).await;
        assert!(!checks::whole(&direct).await.is_empty(), "it was this server");
        // Somebody else's authority, and a name that is not in the certificate.
        let other = tempfile::tempdir().unwrap();
        let (_stranger, _) = self::server(other.path(), "localhost");
        assert!(client(&url, &other.path().join("ca.pem"), "refusal"));
        assert!(client(&format!("rediss://127.0.0.1:{port}"), &ca, "refusal"));
    });
}

#[test]
fn the_role_of_the_client() {
    let Ok(url) = std::env::var("ES_CHILD_TLS") else {
        return; // played by the test above
    };
    let expects = std::env::var("ES_CHILD_EXPECTS").unwrap();
    es_testkit::run(async { Fixture::new(url, ()) }, |url| async move {
        if expects == "refusal" {
            let options = es_store_redis::RedisOptions::new();
            let error = es_store_redis::RedisStore::open_with(&url, options).await.unwrap_err();
            assert_eq!(error.kind(), es_core::ErrorKind::Unavailable, "{error:?}");
            return;
        }
        let store = store_at(&url).await;
        let (follower, load) = (Follower::start(&store), Arc::new(Load::default()));
        let tasks = load.start(&store, 8);
        load.advances(200, &tasks).await;
        let written = load.end(tasks).await;
        let log = store.read(Read::all()).into_vec().await.unwrap();
        checks::same(&written, &log).unwrap();
        follower.has_met(log.len()).await;
        checks::same(&follower.seen(), &log).unwrap();
    });
}
