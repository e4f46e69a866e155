//! Random histories against the model.

use es_core::Store;
use es_store_sqlite::SqliteStore;
use es_testkit::machine::{Histories, test};

#[test]
fn the_store_in_memory_does_what_the_model_does() {
    test(|| async { Store::new(SqliteStore::in_memory().await.unwrap()) }, Histories::new(1_000));
}
