//! What changes a fingerprint, and what does not.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::Shape;

macro_rules! fingerprint {
    ($($definition:tt)*) => {{
        #[derive(Deserialize)]
        #[allow(dead_code, reason = "only the shape matters")]
        $($definition)*
        Shape::of::<State>().fingerprint()
    }};
}

#[test]
fn the_same_shape_has_the_same_fingerprint() {
    let one = fingerprint!(
        struct State {
            a: u32,
        }
    );
    let two = fingerprint!(
        struct State {
            a: u32,
        }
    );
    assert_eq!(one, two);
    assert_eq!(one, 0x7e9c6ddf7d84fd9a, "it is kept, so it may never change");
}

#[test]
fn every_change_of_shape_changes_the_fingerprint() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    enum Status {
        Open,
        Closed { reason: String },
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Line {
        sku: String,
    }
    #[rustfmt::skip]
    let shapes = [
        fingerprint!(struct State { a: u32 }),
        fingerprint!(struct State { b: u32 }),
        fingerprint!(struct State { a: u64 }),
        fingerprint!(struct State { a: i32 }),
        fingerprint!(struct State { a: Option<u32> }),
        fingerprint!(struct State { #[serde(default)] a: u32 }),
        fingerprint!(struct State { #[serde(alias = "b")] a: u32 }),
        fingerprint!(#[serde(deny_unknown_fields)] struct State { a: u32 }),
        fingerprint!(struct State { a: Vec<u32> }),
        fingerprint!(struct State { a: String }),
        fingerprint!(struct State { a: u32, b: u32 }),
        fingerprint!(struct State { b: u32, a: u32 }),
        fingerprint!(struct State { a: HashMap<String, u32> }),
        fingerprint!(struct State { a: HashMap<u32, u32> }),
        fingerprint!(struct State { a: Status }),
        fingerprint!(struct State { a: Vec<Line> }),
        fingerprint!(struct State { a: BTreeMap<String, Line> }),
        fingerprint!(struct State { a: (u32, u32) }),
        fingerprint!(struct State(u32);),
        fingerprint!(struct State(u32, u32);),
        fingerprint!(struct State;),
        fingerprint!(enum State { A }),
        fingerprint!(enum State { A, B }),
        fingerprint!(enum State { A, B(u32) }),
        fingerprint!(enum State { A, B(u64) }),
        fingerprint!(enum State { A, B { a: u32 } }),
        fingerprint!(enum State { A, B { a: u64 } }),
    ];
    for (at, one) in shapes.iter().enumerate() {
        for (other_at, other) in shapes.iter().enumerate().skip(at + 1) {
            assert_ne!(one, other, "shapes {at} and {other_at}");
        }
    }
}

#[test]
fn a_change_deep_inside_changes_the_fingerprint() {
    let one = fingerprint!(
        struct State {
            a: Vec<Option<BTreeMap<String, (u8, u32)>>>,
        }
    );
    let two = fingerprint!(
        struct State {
            a: Vec<Option<BTreeMap<String, (u8, u64)>>>,
        }
    );
    assert_ne!(one, two);
}
