//! What each kind of URL gives.

use es_core::ErrorKind;

#[cfg(feature = "memory")]
#[tokio::test]
async fn memory_gives_a_new_empty_log_each_time() {
    let (one, two) = (super::open("memory:").await.unwrap(), super::open("memory:").await.unwrap());
    assert_ne!(one.head().await.unwrap().log, two.head().await.unwrap().log);
}

#[tokio::test]
async fn a_store_that_is_not_built_in_names_its_feature_and_hides_the_password() {
    for (url, feature) in [
        ("sqlite:bank.db", "sqlite"),
        ("postgres://me:secret@host/db", "postgres"),
        ("redis://:secret@host", "redis"),
    ] {
        let error = super::open(url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(&format!("feature {feature:?}")), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn an_unknown_scheme_lists_the_known_ones() {
    let error = super::open("mysql://host").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("sqlite:"), "{error}");
}
