//! Random histories against the model.

use es_core::Store;
use es_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};
use es_testkit::machine::{Histories, test};

#[test]
fn the_store_in_memory_does_what_the_model_does() {
    test(|| async { Store::new(SqliteStore::in_memory().await.unwrap()) }, Histories::new(1_000));
}

#[test]
fn the_store_in_a_file_does_what_the_model_does() {
    let options = SqliteOptions::new().with_synchronous(Synchronous::Normal);
    let open = || async {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_with(folder.path().join("log.db"), options.clone());
        (Store::new(store.await.unwrap()), folder)
    };
    test(open, Histories::new(200));
}
