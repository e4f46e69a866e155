//! What is taken out of a URL, and what is left of it for the driver.

use es_core::ErrorKind;
use tokio_postgres::config::SslMode;

use super::target;
use crate::options::PostgresOptions;

#[test]
fn what_the_driver_does_not_know_is_taken_out() {
    let url =
        "postgres://me:a?b@h:1/db?transaction_pooler=true&application_name=x&sslmode=verify-full";
    let (config, options) = target(url, &PostgresOptions::new()).unwrap();
    assert_eq!(config.get_password(), Some(b"a?b".as_slice()));
    assert_eq!(config.get_application_name(), Some("x"));
    assert_eq!(config.get_ssl_mode(), SslMode::Require);
    assert!(options.transaction_pooler);
    let (config, options) = target("postgres://h/db", &PostgresOptions::new()).unwrap();
    assert_eq!(config.get_dbname(), Some("db"));
    assert!(!options.transaction_pooler);
    let (config, _) = target("host=h user=me", &PostgresOptions::new()).unwrap();
    assert_eq!(config.get_user(), Some("me"));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_remedy() {
    for (query, said) in [
        ("transaction_pooler=yes", "true or false"),
        ("sslmode=verify-ca", "verify-full"),
        ("sslrootcert=a.pem", "sslmode=verify-full"),
        ("sslcert=a.pem&sslmode=disable&sslkey=b.pem", "sslmode=verify-full"),
        ("sslcert=a.pem&sslmode=require", "name both"),
        ("sslkey=a.pem&sslmode=require", "name both"),
        ("sslcert=%a&sslmode=require", "two digits"),
        ("sslcert=%ff&sslmode=require", "UTF-8"),
        ("sslcrt=a.pem", "postgres://user"),
    ] {
        let url = format!("postgres://me:secret@h/db?{query}");
        let error = target(&url, &PostgresOptions::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{query}: {error}");
        assert!(error.to_string().contains(said), "{query}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_url_without_a_host_is_refused_at_once() {
    for url in ["postgres://", "postgres:///db", "user=me dbname=db", ""] {
        let error = target(url, &PostgresOptions::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{url}: {error}");
        assert!(error.to_string().contains("host"), "{url}: {error}");
    }
    for url in ["postgres:///db?host=/run/postgresql", "hostaddr=127.0.0.1 user=me"] {
        assert!(target(url, &PostgresOptions::new()).is_ok(), "{url}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn a_file_that_cannot_be_read_is_named() {
    for query in ["sslrootcert=/no%20where/a.pem", "sslcert=/no%20where/a.pem&sslkey=b.pem"] {
        let url = format!("postgres://h/db?sslmode=require&{query}");
        let error = target(&url, &PostgresOptions::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("/no where/a.pem"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}
