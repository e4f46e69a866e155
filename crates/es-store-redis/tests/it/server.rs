//! The server that the tests run on, and a namespace of its own for each test.
//!
//! `cargo xtask test` starts one and says where in `ES_TEST_REDIS_URL`. Without it the tests
//! are skipped with a word on the terminal, and fail where `CI` is set.

use std::sync::atomic::{AtomicU32, Ordering};

use es_core::Store;
use es_store_redis::{RedisOptions, RedisReadModel, RedisStore};

/// Where the server is. Without one the test is skipped.
pub(crate) fn url() -> String {
    let url = std::env::var("ES_TEST_REDIS_URL").ok().filter(|url| !url.is_empty());
    url.unwrap_or_else(|| {
        es_testkit::skip("no Redis: run `cargo xtask test`, or set ES_TEST_REDIS_URL")
    })
}

/// A namespace of one test.
pub(crate) fn namespace() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("t{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A store on the log of the usual name.
pub(crate) async fn store_at(url: &str) -> Store {
    store_named(url, "es").await
}

/// A store on the log of this name.
pub(crate) async fn store_named(url: &str, name: &str) -> Store {
    Store::new(RedisStore::open_with(url, named(name)).await.unwrap())
}

/// The read model of this name.
pub(crate) async fn model_named(url: &str, name: &str) -> RedisReadModel {
    RedisReadModel::open_with(url, named(name)).await.unwrap()
}

pub(crate) fn named(name: &str) -> RedisOptions {
    RedisOptions::new().with_name(name).unwrap()
}
