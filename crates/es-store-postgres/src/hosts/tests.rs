//! How hosts share the time, and which of them is asked last.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;

const URL: &str = "postgres://me:secret@one:1,two:2/bank?target_session_attrs=read-write\
     &connect_timeout=3&tcp_user_timeout=7&keepalives_idle=11&keepalives_interval=12\
     &keepalives_retries=13&application_name=app&options=-c%20work_mem%3D1MB&sslmode=require\
     &channel_binding=require&load_balance_hosts=random&sslnegotiation=direct";

#[test]
fn hosts_are_set_apart_and_keep_all_that_is_said_of_them() {
    let config: Config = URL.parse().unwrap();
    let each = apart(&config);
    let expected =
        ["one:1", "two:2"].map(|host| URL.replace("one:1,two:2", host).parse::<Config>().unwrap());
    assert!(each == expected, "{each:?}");
    assert!(apart(&expected[0]) == expected[..1]);
}

#[test]
fn hosts_by_address_and_with_one_port_are_set_apart_too() {
    let config: Config =
        "host=one,two hostaddr=127.0.0.1,127.0.0.2 port=7 user=me".parse().unwrap();
    let expected = [
        "host=one hostaddr=127.0.0.1 port=7 user=me",
        "host=two hostaddr=127.0.0.2 port=7 user=me",
    ]
    .map(|text| text.parse::<Config>().unwrap());
    assert!(apart(&config) == expected);
}

#[test]
fn a_host_is_asked_last_when_it_has_been_silent_and_not_while_it_is_being_asked() {
    let config: Config = "host=one,two user=me".parse().unwrap();
    let hosts = Hosts::of(&config, Tls::Off, Duration::from_secs(5));
    assert_eq!(hosts.order(), [0, 1]);
    hosts.asks(0);
    assert_eq!(hosts.order(), [0, 1], "somebody else has just asked it");
    let ago = |time| Instant::now().checked_sub(time);
    hosts.asked()[0] = ago(MOMENT);
    assert_eq!(hosts.order(), [1, 0]);
    hosts.asks(0);
    assert_eq!(hosts.order(), [1, 0], "asked again, it has been silent for as long");
    hosts.asked()[0] = ago(LAST);
    assert_eq!(hosts.order(), [0, 1], "it is given another chance");
    hosts.asks(0);
    assert_eq!(hosts.order(), [0, 1], "and a moment");
    hosts.asked()[0] = ago(MOMENT);
    hosts.hears_of(0);
    assert_eq!(hosts.order(), [0, 1]);
}
