//! Random histories against the model.

use std::sync::Mutex;

use es_testkit::machine::{Histories, test};

use crate::server::{Schema, url};

#[test]
fn the_store_does_what_the_model_does() {
    let Some(url) = url() else { return };
    let schemas = Mutex::new(Vec::new());
    test(
        || {
            let schema = Schema::new(url.clone());
            let options = (schema.url.clone(), schema.options());
            schemas.lock().unwrap().push(schema);
            async move {
                let store = es_store_postgres::PostgresStore::open_with(&options.0, options.1);
                es_core::Store::new(store.await.unwrap())
            }
        },
        Histories::new(100),
    );
}
