//! Where Redis is.

/// The server that tests share.
pub(crate) fn url() -> String {
    std::env::var("ES_TEST_REDIS_URL").unwrap_or_else(|_| {
        es_testkit::skip("there is no Redis: set ES_TEST_REDIS_URL, or use `cargo xtask test`")
    })
}
