//! What a cluster tells of its slots, and what is learnt since.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;

fn node(host: &str, port: i64) -> Reply {
    let id = Reply::Bytes("0123".into());
    Reply::Array(vec![Reply::Bytes(host.to_owned().into()), Reply::Int(port), id])
}

fn asked() -> Node {
    Node { host: "asked".to_owned(), port: 1 }
}

fn two() -> Slots {
    let first = vec![Reply::Int(0), Reply::Int(99), node("a", 7), node("b", 8)];
    let nameless = Reply::Array(vec![Reply::Nil, Reply::Int(9)]);
    let second = vec![Reply::Int(200), Reply::Int(200), nameless];
    let reply = Reply::Array(vec![Reply::Array(first), Reply::Array(second)]);
    Slots::of(reply, &asked()).unwrap()
}

fn port(slots: &Slots, slot: u16) -> Option<u16> {
    slots.node(Some(slot)).map(|node| node.port)
}

#[test]
fn a_slot_is_with_the_primary_of_its_range() {
    let slots = two();
    let found = [0, 99, 100, 200, 201].map(|slot| port(&slots, slot));
    assert_eq!(found, [Some(7), Some(7), None, Some(9), None]);
    assert_eq!(slots.node(Some(200)).unwrap().host, "asked", "it did not know its own name");
    assert_eq!(slots.node(None).unwrap().port, 7);
    assert_eq!(slots.nodes().len(), 3, "replicas can be asked as well");
}

#[test]
fn a_redirection_overrides_the_range() {
    let mut slots = two();
    let to = Node::parse(":12", &asked()).unwrap();
    assert_eq!(to.host, "asked");
    slots.moved(50, to);
    assert_eq!([49, 50, 51].map(|slot| port(&slots, slot)), [Some(7), Some(12), Some(7)]);
    assert_eq!(Node::parse("::1:6379", &asked()).unwrap().host, "::1");
    assert!(Node::parse("nowhere", &asked()).is_none());
}

#[test]
fn what_is_no_map_is_an_error() {
    for reply in [
        Reply::Int(1),
        Reply::Array(vec![Reply::Array(vec![Reply::Int(0)])]),
        Reply::Array(vec![Reply::Array(vec![Reply::Int(0), Reply::Int(70_000)])]),
        Reply::Array(vec![Reply::Array(vec![Reply::Int(0), Reply::Int(1)])]),
    ] {
        assert!(Slots::of(reply, &asked()).is_err());
    }
    assert!(Slots::of(Reply::Array(Vec::new()), &asked()).unwrap().is_empty());
}
