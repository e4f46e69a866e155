//! The output stands in any surroundings and means what it meant.

use super::{decode, json, round_trip, schemas};

#[test]
fn raw_identifiers_are_written_plain() {
    #[derive(Debug, PartialEq, es_core::Event)]
    enum Event {
        r#Match { r#type: String, r#fn: u8 },
    }
    let r#type = "t".to_owned();
    round_trip(Event::Match { r#type, r#fn: 1 }, r#"{"type":"t","fn":1}"#);
    assert_eq!(schemas::<Event>(), [("event.match", 1)]);

    #[derive(Debug, PartialEq, es_core::Event)]
    struct r#Async {
        r#await: bool,
    }
    round_trip(Async { r#await: true }, r#"{"await":true}"#);
    assert_eq!(schemas::<Async>(), [("async", 1)]);
}

/// A module without the prelude, whose names mean other things here.
#[no_implicit_prelude]
#[allow(dead_code, unused_imports, reason = "the names only have to be there")]
mod shadowed {
    pub(super) enum Shadow {
        Some,
        None,
        Ok,
        Err,
    }
    use Shadow::{Err, None, Ok, Some};

    pub(super) struct Result;
    pub(super) struct Vec;
    pub(super) struct String;
    pub(super) struct Schema;
    pub(super) struct Payload;
    pub(super) trait Default {}
    pub(super) trait Into {}
    pub(super) trait FromIterator {}
    pub(super) trait Serialize {}
    pub(super) mod core {}
    pub(super) mod std {}
    pub(super) mod serde {}
    pub(super) mod es_core {}

    #[derive(::core::fmt::Debug, ::core::cmp::PartialEq, ::es_core::Event)]
    pub(super) enum Event {
        Opened {
            #[event(tag)]
            name: ::std::string::String,
            #[event(tag)]
            code: ::core::option::Option<u8>,
        },
        Closed,
        #[event(transparent)]
        Inner(Inner),
        Held(u8),
    }

    #[derive(::core::fmt::Debug, ::core::cmp::PartialEq, ::es_core::Event)]
    #[serde(default)]
    pub(super) struct Inner {
        #[event(tag)]
        pub(super) list: ::std::vec::Vec<u8>,
    }

    impl ::core::default::Default for Inner {
        fn default() -> Self {
            let list = ::std::vec![7];
            Self { list }
        }
    }

    // `Dispatch` is generic: its parameters must not be mistaken for these.
    #[derive(::core::fmt::Debug, ::core::cmp::PartialEq, ::es_core::Event)]
    pub(super) struct V;
    #[derive(::core::fmt::Debug, ::core::cmp::PartialEq, ::es_core::Event)]
    pub(super) struct O;
    #[derive(::core::fmt::Debug, ::core::cmp::PartialEq, ::es_core::Event)]
    #[event(transparent)]
    pub(super) enum Letters {
        V(V),
        O(O),
    }
}

#[test]
fn names_of_the_prelude_may_mean_other_things() {
    use shadowed::{Event, Inner, Letters};
    let (name, code) = ("n".to_owned(), None);
    let tags = es_core::Event::tags(&Event::Opened { name, code }).unwrap();
    assert_eq!(tags.as_slice()[0].as_str(), "name:n");
    let (name, code) = ("n".to_owned(), Some(1));
    round_trip(Event::Opened { name, code }, r#"{"name":"n","code":1}"#);
    round_trip(Event::Closed, "{}");
    round_trip(Event::Inner(Inner { list: vec![1] }), r#"{"list":[1]}"#);
    round_trip(Event::Held(2), "2");
    assert_eq!(decode::<Inner>("inner", 1, "{}").unwrap().list, [7]);
    round_trip(Letters::V(shadowed::V), "{}");
    round_trip(Letters::O(shadowed::O), "{}");
}

#[test]
fn fields_may_have_the_names_that_the_output_uses() {
    #[derive(Debug, PartialEq, es_core::Event)]
    enum Odd {
        Named {
            schema: u8,
            payload: u8,
            source: u8,
            serializer: u8,
            #[event(tag)]
            tags: u8,
            event: u8,
            value: u8,
            visitor: u8,
        },
    }
    let event = Odd::Named {
        schema: 1,
        payload: 2,
        source: 3,
        serializer: 4,
        tags: 5,
        event: 6,
        value: 7,
        visitor: 8,
    };
    round_trip(
        event,
        r#"{"schema":1,"payload":2,"source":3,"serializer":4,"tags":5,"event":6,"value":7,"visitor":8}"#,
    );
}

#[test]
fn a_field_may_have_the_type_that_the_variant_is_named_after() {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Deposited(u8);
    #[derive(Debug, PartialEq, es_core::Event)]
    enum AccountEvent {
        Deposited { deposited: Deposited },
    }
    let deposited = Deposited(1);
    round_trip(AccountEvent::Deposited { deposited }, r#"{"deposited":1}"#);
}

#[test]
fn self_in_a_field_is_the_event() {
    #[derive(Debug, PartialEq, es_core::Event, serde::Serialize, serde::Deserialize)]
    struct Reply {
        text: String,
        to: Option<Box<Self>>,
    }
    let to = Reply { text: "a".to_owned(), to: None };
    let reply = Reply { text: "b".to_owned(), to: Some(Box::new(to)) };
    round_trip(reply, r#"{"text":"b","to":{"text":"a","to":null}}"#);
}

#[test]
fn macros_may_write_events() {
    macro_rules! events {
        ($name:ident { $($variant:ident($field:ident: $ty:ty)),* }, $prefix:literal) => {
            #[derive(Debug, PartialEq, es_core::Event)]
            #[event(prefix = $prefix)]
            enum $name {
                $($variant { #[event(tag)] $field: $ty }),*
            }
        };
    }
    events!(Made { A(a: Option<u8>), B(b: Vec<String>) }, "made");
    round_trip(Made::A { a: Some(1) }, r#"{"a":1}"#);
    assert_eq!(es_core::Event::tags(&Made::A { a: None }).unwrap().len(), 0);
    let b = vec!["x".to_owned(), "y".to_owned()];
    assert_eq!(es_core::Event::tags(&Made::B { b }).unwrap().len(), 2);
}

#[test]
fn a_deprecated_variant_warns_where_it_is_used_and_not_in_the_output() {
    // `deny(warnings)` above is the assertion.
    #[derive(Debug, PartialEq, es_core::Event)]
    #[serde(default)]
    #[derive(Default)]
    struct Old {
        kept: u8,
        #[deprecated = "counted twice"]
        count: u8,
    }
    #[derive(Debug, PartialEq, es_core::Event)]
    enum AccountEvent {
        Opened,
        #[deprecated = "split into two"]
        #[allow(dead_code, reason = "it only has to compile")]
        Changed {
            #[event(tag)]
            by: u8,
        },
    }
    assert_eq!(json(&AccountEvent::Opened), "{}");
    assert_eq!(json(&Old::default()), r#"{"kept":0,"count":0}"#);
}

#[test]
fn no_trait_has_to_be_in_scope() {
    mod bare {
        #[derive(Debug, PartialEq, es_core::Event)]
        pub(super) enum Event {
            #[event(transparent)]
            A(A),
        }
        #[derive(Debug, PartialEq, es_core::Event)]
        pub(super) struct A {
            #[event(tag)]
            pub(super) a: Vec<u8>,
        }
    }
    round_trip(bare::Event::A(bare::A { a: vec![] }), r#"{"a":[]}"#);
}
