//! Tests of what is understood without a server.

use super::major;

#[test]
fn the_version_is_read_from_what_the_server_says() {
    assert_eq!(major("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0"), Some(7));
    assert_eq!(major("Valkey server v=10.1.0 sha=00000000:0"), Some(10));
    assert_eq!(major("something else"), None);
}
