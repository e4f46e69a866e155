//! The public contract, case by case.

use es_testkit::Fixture;

use crate::server::{Schema, url};

es_testkit::contract_tests!(
    fixture = || async {
        let schema = Schema::new(url().expect("a server"));
        Fixture::new(schema.store().await, schema)
    }
);
