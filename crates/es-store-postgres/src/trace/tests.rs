//! What is told of where a log is.

use super::*;

fn target(url: &str) -> Target {
    Target::of(Some(&url.parse().unwrap()), &PostgresOptions::new())
}

#[test]
fn one_server_is_named_and_never_a_password() {
    let target = target("postgres://alice:secret@db.example:6432/shop");
    assert_eq!(target.namespace.as_deref(), Some("shop|eventsource"));
    assert_eq!(target.events, "es_events");
    assert_eq!((target.server.as_deref(), target.port), (Some("db.example"), Some(6432)));
    assert!(!format!("{target:?}").contains("secret"));
}

#[test]
fn what_is_not_said_is_what_the_driver_takes() {
    let target = target("postgres://alice@db.example");
    assert_eq!(target.namespace.as_deref(), Some("alice|eventsource"));
    assert_eq!(target.port, Some(5432));
}

#[test]
fn a_socket_has_no_port() {
    let target = target("host=/run/postgresql user=alice dbname=shop");
    assert_eq!((target.server.as_deref(), target.port), (Some("/run/postgresql"), None));
}

#[test]
fn of_several_servers_and_of_a_pool_none_is_named() {
    let several = target("postgres://alice@one,two/shop");
    assert_eq!((several.server, several.port), (None, None));
    let pool = Target::of(None, &PostgresOptions::new());
    assert_eq!((pool.namespace, pool.server, pool.port), (None, None, None));
    assert_eq!(pool.events, "es_events");
}
