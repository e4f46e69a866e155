//! What a URL may say, and what is said about one that makes no sense.

use es_redis::{ErrorKind, Redis};

use crate::server::{on_a_server, options};

#[tokio::test]
async fn senseless_urls_are_refused_with_a_word_about_it() {
    for url in ["", "localhost", "http://localhost", "redis:/x", "postgres://me@host/db"] {
        let error = Redis::connect(url, options()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{url}: {error}");
        assert!(error.to_string().contains("redis://"), "{error}");
    }
    let error = Redis::connect("redis://:secret@host:port", options()).await.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let url = "redis://127.0.0.1:1";
    let error = Redis::connect(url, options()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(error.is_temporary());
}

#[test]
fn a_password_is_needed_and_never_shown() {
    on_a_server(|server| async move {
        let redis = server.connect().await;
        let set = es_redis::Command::new("CONFIG").args(["SET", "requirepass", "secret"]);
        redis.command(set).await.unwrap();
        let url = format!("redis://:secret@127.0.0.1:{}/3", server.port());
        let with = Redis::connect(&url, options()).await.unwrap();
        assert_eq!(with.to_string(), format!("redis://127.0.0.1:{}/3", server.port()));
        assert!(!format!("{with:?}").contains("secret"));
        let url = format!("redis://:wrong@127.0.0.1:{}", server.port());
        let error = Redis::connect(&url, options()).await.unwrap_err();
        assert!(error.is_refused_as("WRONGPASS"), "{error}");
        let without = Redis::connect(&server.url(), options()).await;
        let error = match without {
            Ok(redis) => redis.command(es_redis::Command::new("PING")).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.is_refused_as("NOAUTH"), "{error:?}");
    });
}

#[test]
fn a_database_that_the_server_does_not_have_is_invalid_and_not_waited_for() {
    on_a_server(|server| async move {
        let url = format!("{}/99", server.url());
        let error = Redis::connect(&url, options()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("/number"), "{error}");
        assert!(!error.is_temporary());
    });
}

#[test]
fn a_database_of_its_own() {
    on_a_server(|server| async move {
        let url = format!("{}/5", server.url());
        let five = Redis::connect(&url, options()).await.unwrap();
        five.command(es_redis::Command::new("SET").key("k").arg(1)).await.unwrap();
        let zero = server.connect().await;
        assert!(zero.command(es_redis::Command::new("GET").key("k")).await.unwrap().is_nil());
    });
}
