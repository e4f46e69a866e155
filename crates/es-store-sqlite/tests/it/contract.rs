//! The public contract, case by case: on a file, and in memory.

mod file {
    use es_core::Store;
    use es_store_sqlite::SqliteStore;
    use es_testkit::Fixture;

    es_testkit::contract_tests!(
        fixture = || async {
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(folder.path().join("log.db")).await.unwrap();
            Fixture::new(Store::new(store), folder)
        }
    );
}

mod memory {
    use es_core::Store;
    use es_store_sqlite::SqliteStore;

    es_testkit::contract_tests!(
        store = || async { Store::new(SqliteStore::in_memory().await.unwrap()) }
    );
}
