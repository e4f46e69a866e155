//! What each kind of URL gives.

use es_core::ErrorKind;

#[cfg(feature = "memory")]
#[tokio::test]
async fn memory_gives_a_new_empty_log_each_time() {
    let (one, two) = (super::open("memory:").await.unwrap(), super::open("memory:").await.unwrap());
    assert_ne!(one.head().await.unwrap().log, two.head().await.unwrap().log);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_gives_the_log_in_the_file_however_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bank.db").display().to_string();
    let log = super::open(&format!("sqlite:{file}")).await.unwrap().head().await.unwrap().log;
    let again = super::open(&format!("sqlite://{file}")).await.unwrap();
    assert_eq!(again.head().await.unwrap().log, log);
    let durability = again.durability().await.unwrap();
    assert!(durability.survives_power_loss, "{durability}");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_in_memory_is_a_new_log_and_no_file_is_an_error() {
    let store = super::open("sqlite::memory:").await.unwrap();
    assert!(!store.durability().await.unwrap().survives_client_crash);
    let error = super::open("sqlite:").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

/// `?mode=rwc` is what other libraries take; a file of that name is what nobody wants.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn parameters_of_an_sqlite_url_do_not_become_a_part_of_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bank.db").display().to_string();
    let error = super::open(&format!("sqlite://{file}?mode=rwc")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("bank.db?mode=rwc"), "{error}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[cfg(feature = "memory")]
#[tokio::test]
async fn whoever_names_a_log_in_memory_is_told_that_it_is_not_kept() {
    for url in ["memory:bank.db", "memory:///bank"] {
        let error = super::open(url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{url}: {error}");
        assert!(error.to_string().contains("sqlite:FILE"), "{error}");
    }
    super::open("memory://").await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_not_built_in_names_its_feature_and_hides_the_password() {
    let others: &[(&str, &str)] = &[
        #[cfg(not(feature = "sqlite"))]
        ("sqlite:bank.db", "sqlite"),
        #[cfg(not(feature = "postgres"))]
        ("postgres://me:secret@host/db", "postgres"),
        #[cfg(not(feature = "redis"))]
        ("redis://:secret@host", "redis"),
    ];
    for (url, feature) in others {
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
