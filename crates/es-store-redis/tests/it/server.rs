//! The server that the tests run on, and a namespace of its own for each test.
//!
//! `cargo xtask test` starts one and says where in `ES_TEST_REDIS_URL`. Without it the tests
//! are skipped with a word on the terminal, and fail where `CI` is set.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

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

/// Runs a test on a log of its own.
pub(crate) fn on_a_log<Test: Future<Output = ()>>(test: impl FnOnce(Arc<Log>) -> Test) {
    let fixture = async {
        let log = Arc::new(Log::new());
        es_testkit::Fixture::new(Arc::clone(&log), log)
    };
    es_testkit::run(fixture, test);
}

/// A log of one test; its keys go with the test, and stay where the test fails.
pub(crate) struct Log {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { url: url(), name: namespace() }
    }

    pub(crate) fn options(&self) -> RedisOptions {
        RedisOptions::new().with_name(&self.name).unwrap()
    }

    pub(crate) async fn open(&self) -> RedisStore {
        RedisStore::open_with(&self.url, self.options()).await.unwrap()
    }

    pub(crate) async fn store(&self) -> Store {
        Store::new(self.open().await)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let (address, pattern) = (address(&self.url), format!("{{{}[}}/]*", self.name));
        let script = "#!lua\nlocal cursor = '0' repeat \
                      local found = redis.call('SCAN', cursor, 'MATCH', ARGV[1], 'COUNT', 1000) \
                      cursor = found[1] for _, key in ipairs(found[2]) do \
                      redis.call('UNLINK', key) end until cursor == '0'";
        es_testkit::servers::ask(address, &["EVAL", script, "0", &pattern]).unwrap();
    }
}

/// Host and port of a URL without a user.
pub(crate) fn address(url: &str) -> std::net::SocketAddr {
    let place = url.split("://").nth(1).unwrap_or_default();
    let place = place.split('/').next().unwrap_or_default();
    std::net::ToSocketAddrs::to_socket_addrs(place).unwrap().next().unwrap()
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
