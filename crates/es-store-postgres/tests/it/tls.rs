//! Connections over TLS to a real server that accepts nothing else.

use std::time::Duration;

use es_core::{
    Append, ErrorKind, EventStore, ExpectedVersion, NewEvent, Payload, Read, Schema, Store,
    StreamId,
};
use es_store_postgres::{PostgresOptions, PostgresStore};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::own_server::OwnServer;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `name`, which its owner is also called by, and its key.
    fn certificate(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// A server with a certificate for `name`.
    fn server(&self, name: &str) -> OwnServer {
        let (certificate, key) = self.certificate(name);
        OwnServer::start_with_tls(&certificate, &key, None)
    }

    /// One that knows its users by the certificates of this authority, and nothing else.
    fn server_of_certificates(&self) -> OwnServer {
        let (certificate, key) = self.certificate("127.0.0.1");
        OwnServer::start_with_tls(&certificate, &key, Some(&self.pem()))
    }
}

fn options() -> PostgresOptions {
    PostgresOptions::new().with_connect_timeout(Duration::from_secs(20))
}

fn required(server: &OwnServer) -> String {
    format!("{}?sslmode=require", server.url)
}

async fn refusal(url: &str, options: PostgresOptions) -> es_core::Error {
    PostgresStore::open_with(url, options).await.expect_err("it must not connect")
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_everything_works_and_others_hear_of_appends() {
    let authority = Authority::new();
    let server = authority.server("127.0.0.1");
    let options = options()
        .with_root_certificates(authority.pem())
        // Long enough that only the notification can be in time.
        .with_poll_interval(Duration::from_secs(600));
    let one = PostgresStore::open_with(&required(&server), options.clone()).await.unwrap();
    let other = PostgresStore::open_with(&required(&server), options).await.unwrap();

    let stream = StreamId::new("account", "alice").unwrap();
    let append = |number: u64| {
        let event =
            NewEvent::raw(Schema::from_static("opened", 1), Payload::json(&number).unwrap());
        Append::to(stream.clone(), ExpectedVersion::Any).event(event).build().unwrap()
    };
    let first = one.append(append(0)).await.unwrap();
    let waiting = {
        let other = other.clone();
        tokio::spawn(async move { other.wait(first.last).await })
    };
    // Until it listens, nothing tells it; each append tells it anew.
    let mut number = 0;
    while !waiting.is_finished() {
        number += 1;
        one.append(append(number)).await.unwrap();
    }
    assert!(waiting.await.unwrap().unwrap().position > first.last);
    let events = Store::new(other).read(Read::stream(stream)).into_vec().await.unwrap();
    assert_eq!(events.len() as u64, number + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_prove_who_it_is_gets_no_connection() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = authority.server("127.0.0.1");
    let error = refusal(&required(&server), options().with_root_certificates(stranger.pem())).await;
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("sslrootcert"), "{error}");
    // Nobody in the system's list signed it either.
    let error = refusal(&required(&server), options()).await;
    assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Unavailable), "{error}");
    // The server of another name.
    let server = authority.server("elsewhere.example");
    let trusting = options().with_root_certificates(authority.pem());
    let error = refusal(&required(&server), trusting).await;
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("another name"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_known_by_its_certificate() {
    let authority = Authority::new();
    let server = authority.server_of_certificates();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = authority.certificate("postgres");
    let names = [("root.pem", authority.pem()), ("own.pem", certificate), ("own.key", key)];
    for (name, text) in &names {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    // By files, as libpq names them.
    let place = folder.path().display();
    let url = format!(
        "{}?sslmode=verify-full&sslrootcert={place}/root.pem&sslcert={place}/own.pem\
         &sslkey={place}/own.key",
        server.url
    );
    let store = PostgresStore::open_with(&url, options()).await.unwrap();
    let [root, certificate, key] = names.map(|(_, text)| text);
    // By texts.
    let shown = options().with_root_certificates(root).with_client_certificate(certificate, key);
    let other = PostgresStore::open_with(&required(&server), shown.clone()).await.unwrap();
    let stream = StreamId::new("account", "alice").unwrap();
    let event = NewEvent::raw(Schema::from_static("opened", 1), Payload::json(&1).unwrap());
    let append = Append::to(stream.clone(), ExpectedVersion::NoStream).event(event);
    Store::new(store).append(append).await.unwrap();
    assert_eq!(Store::new(other).read(Read::stream(stream)).into_vec().await.unwrap().len(), 1);
    // A certificate is shown over TLS alone.
    let error = refusal(&server.url, shown).await;
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("sslmode=require"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_the_server_does_not_know_is_told_so() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = authority.server_of_certificates();
    let trusting = || options().with_root_certificates(authority.pem());
    let shows =
        |(certificate, key): (String, String)| trusting().with_client_certificate(certificate, key);
    let cases = [
        ("another user's", shows(authority.certificate("somebody"))),
        ("a stranger's", shows(stranger.certificate("postgres"))),
        ("none", trusting()),
    ];
    for (what, options) in cases {
        let error = refusal(&required(&server), options).await;
        assert_eq!(error.kind(), ErrorKind::Invalid, "{what}: {error:?}");
        assert!(error.to_string().contains("certificate"), "{what}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_its_key_is_refused_before_anything_is_sent() {
    let authority = Authority::new();
    let (certificate, key) = authority.certificate("postgres");
    let (_, wrong) = authority.certificate("postgres");
    let locked = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (certificate, key, said) in [
        (certificate.as_str(), wrong.as_str(), "not that of its certificate"),
        (&certificate, &locked, "without a password"),
        (&certificate, "", "no key"),
        ("", &key, "no certificate"),
    ] {
        let options = options()
            .with_root_certificates(authority.pem())
            .with_client_certificate(certificate, key);
        assert!(!format!("{options:?}").contains("key:"), "it is a secret");
        let error = refusal("postgres://127.0.0.1:1/nowhere?sslmode=require", options).await;
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_certificate_is_refused_before_anything_is_sent() {
    for (pem, said) in [
        ("", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate"),
    ] {
        let options = options().with_root_certificates(pem);
        let error = refusal("postgres://127.0.0.1:1/nowhere?sslmode=require", options).await;
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}
