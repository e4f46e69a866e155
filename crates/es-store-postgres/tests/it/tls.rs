//! Connections over TLS to a real server that accepts nothing else.

use std::time::Duration;

use es_core::{
    Append, ErrorKind, EventStore, ExpectedVersion, NewEvent, Payload, Read, Schema, Store,
    StreamId,
};
use es_store_postgres::{PostgresOptions, PostgresStore};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

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

    /// A server with a certificate for `name`.
    fn server(&self, name: &str) -> OwnServer {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        OwnServer::start_with_tls(&certificate.pem(), &key.serialize_pem())
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
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    // Nobody in the system's list signed it either.
    let error = refusal(&required(&server), options()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    // The server of another name.
    let server = authority.server("elsewhere.example");
    let trusting = options().with_root_certificates(authority.pem());
    let error = refusal(&required(&server), trusting).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
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
