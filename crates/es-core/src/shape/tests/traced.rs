//! What is seen of a type.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    num::NonZeroU16,
    time::Duration,
};

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::super::{Shape, trace::trace};
use crate::{EventId, Metadata, Position, StreamId, Tag, Timestamp, Version};

#[track_caller]
fn shape<T: DeserializeOwned>() -> String {
    let (form, is_finished) = trace(&|step| T::deserialize(step).map(drop));
    assert!(is_finished, "the walk went round in circles: {form:?}");
    assert_eq!(Shape::of::<T>(), Shape(form));
    Shape::of::<T>().to_string()
}

#[test]
fn plain_values() {
    assert_eq!(shape::<bool>(), r#""bool""#);
    assert_eq!(shape::<u64>(), r#""u64""#);
    assert_eq!(shape::<i128>(), r#""i128""#);
    assert_eq!(shape::<f32>(), r#""f32""#);
    assert_eq!(shape::<char>(), r#""char""#);
    assert_eq!(shape::<String>(), r#""string""#);
    assert_eq!(shape::<()>(), r#""null""#);
    assert_eq!(shape::<Option<Option<u8>>>(), r#""u8??""#);
    assert_eq!(shape::<NonZeroU16>(), r#""u16""#);
    assert_eq!(shape::<Value>(), r#""any""#);
    assert_eq!(shape::<Duration>(), r#"{"!":true,"secs":"u64","nanos":"u32"}"#);
}

#[test]
fn collections() {
    assert_eq!(shape::<Vec<Option<String>>>(), r#"["string?"]"#);
    assert_eq!(shape::<(u8, String)>(), r#"{"()":["u8","string"]}"#);
    assert_eq!(shape::<[u8; 2]>(), r#"{"()":["u8","u8"]}"#);
    assert_eq!(shape::<HashMap<String, u32>>(), r#"{"*":"u32"}"#);
    assert_eq!(shape::<BTreeMap<u8, Vec<u32>>>(), r#"{"*":["u8",["u32"]]}"#);
    assert_eq!(shape::<Option<Vec<u8>>>(), r#"{"?":["u8"]}"#);
}

#[test]
fn a_text_that_must_have_a_form_is_told_from_a_free_one() {
    assert_eq!(shape::<uuid::Uuid>(), r#""string:uuid""#);
    assert_eq!(shape::<EventId>(), r#""string:uuid""#);
    assert_eq!(shape::<Timestamp>(), r#""string:date-time""#);
    assert_eq!(shape::<IpAddr>(), r#""string:ipv4""#);
    assert_eq!(shape::<StreamId>(), r#""string:path""#);
    assert_eq!(shape::<Tag>(), r#""string:uri""#);
    assert_eq!(shape::<Version>(), r#""u64""#);
    assert_eq!(shape::<Position>(), r#""u64""#);
}

#[test]
fn names_of_types_are_not_seen() {
    mod a {
        #[derive(serde::Deserialize)]
        #[allow(dead_code, reason = "only the shape matters")]
        pub(super) struct Money(u64);
        #[derive(serde::Deserialize)]
        #[allow(dead_code, reason = "only the shape matters")]
        pub(super) struct Paid {
            cents: Money,
        }
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Settled {
        cents: u64,
    }
    assert_eq!(shape::<a::Paid>(), r#"{"cents":"u64"}"#);
    assert_eq!(Shape::of::<a::Paid>(), Shape::of::<Settled>());
    assert_eq!(Shape::empty().to_string(), "{}");
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only the shape matters")]
struct Fields {
    always: u8,
    perhaps: Option<u8>,
    #[serde(default)]
    by_default: u8,
    #[serde(default = "seven")]
    by_function: u8,
    #[serde(skip)]
    never: u8,
    #[serde(deserialize_with = "some")]
    null_but_there: Option<u8>,
    #[serde(alias = "before", alias = "zero")]
    now: String,
    #[serde(rename = "type")]
    kind: String,
}

fn seven() -> u8 {
    7
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    Option::deserialize(deserializer)
}

#[test]
fn fields_that_may_be_missing_and_fields_with_other_names() {
    assert_eq!(
        shape::<Fields>(),
        r#"{"always":"u8","perhaps?":"u8?","byDefault?":"u8","byFunction?":"u8","nullButThere":"u8?","now|before|zero":"string","type":"string"}"#
    );
    assert_eq!(shape::<Vec<Fields>>(), format!("[{}]", shape::<Fields>()), "at any place");
    #[derive(Default, Deserialize)]
    #[serde(default)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct AllByDefault {
        a: u8,
        b: Vec<u8>,
    }
    assert_eq!(shape::<AllByDefault>(), r#"{"a?":"u8","b?":["u8"]}"#);
}

#[test]
fn objects_that_refuse_other_fields() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Closed {
        a: u8,
        inner: Vec<Open>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Open {
        #[serde(default)]
        b: u8,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    assert_eq!(shape::<Closed>(), r#"{"!":true,"a":"u8","inner":[{"b?":"u8"}]}"#);
    assert_eq!(shape::<Nothing>(), r#"{"!":true}"#);
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only the shape matters")]
enum Status {
    Open,
    Closed {
        reason: String,
        #[serde(default)]
        by: Who,
    },
    Moved(u8, String),
    Merged(Box<Line>),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "only the shape matters")]
enum Who {
    #[default]
    Nobody,
    #[serde(alias = "human")]
    Person(String),
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only the shape matters")]
struct Line {
    sku: String,
    who: Option<Who>,
}

#[test]
fn every_variant_is_walked_at_every_place() {
    let who = r#"{"|":{"nobody":null,"human":"string","person":"string"}}"#;
    let status = format!(
        r#"{{"|":{{"Open":null,"Closed":{{"reason":"string","by?":{who}}},"Moved":{{"()":["u8","string"]}},"Merged":{{"sku":"string","who?":{{"?":{who}}}}}}}}}"#
    );
    assert_eq!(shape::<Status>(), status);
    assert_eq!(shape::<(Status, Vec<Status>)>(), format!(r#"{{"()":[{status},[{status}]]}}"#));
}

#[test]
fn what_serde_does_not_say_is_any() {
    #[derive(Deserialize)]
    #[serde(tag = "type")]
    #[allow(dead_code, reason = "only the shape matters")]
    enum Tagged {
        A { a: u8 },
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Flat {
        a: u8,
        #[serde(flatten)]
        rest: Line,
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Holds {
        tagged: Tagged,
        flat: Flat,
        known: u8,
    }
    assert_eq!(shape::<Holds>(), r#"{"tagged":"any","flat":"any","known":"u8"}"#);
}

/// A text that no dummy is.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Picky;

impl TryFrom<String> for Picky {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text == "swordfish" { Ok(Self) } else { Err("no") }
    }
}

#[test]
fn a_type_that_refuses_every_dummy_hides_nothing_else() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Around {
        before: Option<u8>,
        picky: Picky,
        after: Status,
        required: u8,
        #[serde(default)]
        optional: u8,
        inner: Inner,
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Inner {
        picky: Vec<Picky>,
        by_name: HashMap<String, Picky>,
        perhaps: Option<Picky>,
        known: u8,
    }
    let status = shape::<Status>();
    // What follows a field that is required and refused cannot be seen to be optional, so
    // it counts as required.
    assert_eq!(
        shape::<Around>(),
        format!(
            r#"{{"before?":"u8?","picky":"string:other","after":{status},"required":"u8","optional":"u8","inner":{{"picky":["string:other"],"by_name":{{"*":"string:other"}},"perhaps?":"string:other?","known":"u8"}}}}"#
        )
    );
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    enum Either {
        Picky(Picky),
        Plain(u8),
        Both { picky: Picky, plain: Line },
    }
    let line = shape::<Line>();
    assert_eq!(
        shape::<Either>(),
        format!(
            r#"{{"|":{{"Picky":"string:other","Plain":"u8","Both":{{"picky":"string:other","plain":{line}}}}}}}"#
        )
    );
}

#[test]
fn of_several_that_are_refused_each_has_its_turn() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Three {
        one: Inner,
        two: Inner,
        three: Inner,
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Inner {
        picky: Picky,
        known: Status,
    }
    let inner = format!(r#"{{"picky":"string:other","known":{}}}"#, shape::<Status>());
    assert_eq!(shape::<Three>(), format!(r#"{{"one":{inner},"two":{inner},"three":{inner}}}"#));
}

#[test]
fn numbers_that_must_be_in_a_range() {
    #[derive(Deserialize)]
    #[serde(try_from = "u8")]
    struct Hundred;
    impl TryFrom<u8> for Hundred {
        type Error = &'static str;
        fn try_from(number: u8) -> Result<Self, &'static str> {
            if number == 100 { Ok(Self) } else { Err("no") }
        }
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Holds {
        hundred: Hundred,
        #[serde(default)]
        optional: u8,
    }
    assert_eq!(shape::<Holds>(), r#"{"hundred":"u8","optional?":"u8"}"#);
}

#[test]
fn a_list_that_may_not_have_one_element() {
    #[derive(Deserialize)]
    #[serde(try_from = "Vec<u8>")]
    struct Pairs;
    impl TryFrom<Vec<u8>> for Pairs {
        type Error = &'static str;
        fn try_from(list: Vec<u8>) -> Result<Self, &'static str> {
            if list.len() == 2 { Ok(Self) } else { Err("no") }
        }
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Holds {
        pairs: Pairs,
        #[serde(default)]
        optional: u8,
    }
    assert_eq!(shape::<Holds>(), r#"{"pairs":["u8"],"optional?":"u8"}"#);
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only the shape matters")]
struct Tree {
    value: u32,
    left: Option<Box<Self>>,
    all: Vec<Self>,
    by_name: BTreeMap<String, Self>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only the shape matters")]
enum Expression {
    Add(Box<Self>, Box<Self>),
    Number(i64),
    Not {
        inner: Box<Self>,
        #[serde(default)]
        twice: bool,
    },
}

#[test]
fn types_that_recurse_come_to_an_end() {
    let again = r#"{"value":"u32","left?":"^1?","all":["^1"],"by_name":{"*":"^1"}}"#;
    assert_eq!(
        shape::<Tree>(),
        format!(
            r#"{{"value":"u32","left?":{{"?":{again}}},"all":[{again}],"by_name":{{"*":{again}}}}}"#
        )
    );
    // Without an option or a list in between, values have to be made up.
    let again =
        r#"{"|":{"Add":{"()":["^1","^1"]},"Number":"i64","Not":{"inner":"^1","twice?":"bool"}}}"#;
    assert_eq!(
        shape::<Expression>(),
        format!(
            r#"{{"|":{{"Add":{{"()":[{again},{again}]}},"Number":"i64","Not":{{"inner":{again},"twice?":"bool"}}}}}}"#
        )
    );
    // An option around a type that recurses is not where it recurses.
    assert_eq!(shape::<Option<Expression>>(), format!(r#"{{"?":{}}}"#, shape::<Expression>()));
}

#[test]
fn one_generic_type_inside_the_other_is_no_recursion() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Page<T> {
        of: T,
    }
    assert_eq!(shape::<Page<Page<u32>>>(), r#"{"of":{"of":"u32"}}"#);
}

#[test]
fn types_without_a_value_and_types_without_end() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    enum Never {}
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Endless {
        inner: Box<Self>,
        other: u8,
    }
    assert_eq!(shape::<Never>(), r#"{"|":{}}"#);
    assert!(shape::<Endless>().contains("^1"));
    // Something else each time.
    struct Fickle;
    impl<'de> Deserialize<'de> for Fickle {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            use std::sync::atomic::{AtomicBool, Ordering};
            static TURN: AtomicBool = AtomicBool::new(false);
            if TURN.fetch_xor(true, Ordering::Relaxed) {
                u8::deserialize(deserializer)?;
            } else {
                bool::deserialize(deserializer)?;
            }
            Ok(Self)
        }
    }
    assert!(!trace(&|step| Fickle::deserialize(step).map(drop)).1);
}

#[test]
fn a_shape_is_the_same_each_time() {
    assert_eq!(Shape::of::<Status>(), Shape::of::<Status>());
    assert_eq!(
        shape::<Metadata>(),
        r#"{"correlation_id?":"string:uuid?","causation_id?":"string:uuid?","actor?":"string?","tenant?":"string?","traceparent?":"string?","tracestate?":"string?","occurred_at?":"string:date-time?","extra?":{"*":"any"}}"#
    );
}

#[test]
fn wide_types_are_walked_to_their_end() {
    macro_rules! wide {
        ($($field:ident)*) => {
            #[derive(Deserialize)]
            #[allow(dead_code, reason = "only the shape matters")]
            struct Wide { $($field: Status,)* }
        };
    }
    wide!(a b c d e f g h i j k l m n o p q r s t u v w x y z);
    let status = shape::<Status>();
    let wide = shape::<Wide>();
    assert_eq!(wide.matches(&status).count(), 26, "{wide}");
}
