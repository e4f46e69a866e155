//! A log in partitions: the same contract, with partitions so small that every test crosses
//! several.

use std::sync::Mutex;

use es_core::Store;
use es_store_postgres::PostgresStore;
use es_testkit::machine::{Histories, test};

use crate::server::{Schema, skipping};

/// So few that an append of some events needs several.
pub(crate) const FEW: u64 = 8;

mod store {
    use es_testkit::Fixture;

    use crate::server::{Schema, url};

    es_testkit::contract_tests!(
        fixture = || async {
            // Some cases write thousands of events, and a partition takes some milliseconds.
            let schema = Schema::in_partitions(url(), 2 * super::FEW);
            Fixture::new(schema.store().await, schema)
        }
    );
}

mod shared {
    use es_testkit::Fixture;

    use crate::server::{Schema, url};

    es_testkit::shared_contract_tests!(
        fixture = || async {
            let schema = Schema::in_partitions(url(), super::FEW);
            Fixture::new([schema.store().await, schema.store().await], schema)
        }
    );
}

#[test]
fn the_store_does_what_the_model_does() {
    skipping(|url| {
        let schemas = Mutex::new(Vec::new());
        test(
            || {
                let schema = Schema::in_partitions(url.clone(), FEW);
                let (url, options) = (schema.url.clone(), schema.options());
                schemas.lock().unwrap().push(schema);
                async move { Store::new(PostgresStore::open_with(&url, options).await.unwrap()) }
            },
            Histories::new(50),
        );
    });
}
