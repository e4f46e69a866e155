//! The contract of a log with several handles: one file, opened twice.

use es_core::Store;
use es_store_sqlite::SqliteStore;
use es_testkit::Fixture;

es_testkit::shared_contract_tests!(
    fixture = || async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.db");
        let one = SqliteStore::open(&file).await.unwrap();
        let other = SqliteStore::open(&file).await.unwrap();
        Fixture::new([Store::new(one), Store::new(other)], folder)
    }
);
