//! Random histories against the model.

use std::sync::Mutex;

use es_core::Store;
use es_store_postgres::PostgresStore;
use es_testkit::machine::{Histories, test};

use crate::server::{Schema, skipping};

#[test]
fn the_store_does_what_the_model_does() {
    skipping(|url| {
        let schemas = Mutex::new(Vec::new());
        test(
            || {
                let schema = Schema::new(url.clone());
                let (url, options) = (schema.url.clone(), schema.options());
                schemas.lock().unwrap().push(schema);
                async move { Store::new(PostgresStore::open_with(&url, options).await.unwrap()) }
            },
            Histories::new(100),
        );
    });
}
