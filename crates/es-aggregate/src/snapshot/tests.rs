//! What changes a fingerprint, and when a snapshot is due.

use std::collections::{BTreeMap, HashMap};

use es_core::Version;
use serde::Deserialize;

use super::{SnapshotPolicy, fingerprint::fingerprint};

macro_rules! shape {
    ($($definition:tt)*) => {{
        #[derive(Deserialize)]
        #[allow(dead_code, reason = "only the shape matters")]
        $($definition)*
        fingerprint::<State>("state", 1)
    }};
}

#[test]
fn the_same_shape_has_the_same_fingerprint() {
    assert_eq!(
        shape!(
            struct State {
                a: u32,
            }
        ),
        shape!(
            struct State {
                a: u32,
            }
        )
    );
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
    let shapes = [
        shape!(
            struct State {
                a: u32,
            }
        ),
        shape!(
            struct State {
                b: u32,
            }
        ),
        shape!(
            struct State {
                a: u64,
            }
        ),
        shape!(
            struct State {
                a: i32,
            }
        ),
        shape!(
            struct State {
                a: Option<u32>,
            }
        ),
        shape!(
            struct State {
                a: Vec<u32>,
            }
        ),
        shape!(
            struct State {
                a: String,
            }
        ),
        shape!(
            struct State {
                a: u32,
                b: u32,
            }
        ),
        shape!(
            struct State {
                b: u32,
                a: u32,
            }
        ),
        shape!(
            struct State {
                a: HashMap<String, u32>,
            }
        ),
        shape!(
            struct State {
                a: HashMap<u32, u32>,
            }
        ),
        shape!(
            struct State {
                a: Status,
            }
        ),
        shape!(
            struct State {
                a: Vec<Line>,
            }
        ),
        shape!(
            struct State {
                a: BTreeMap<String, Line>,
            }
        ),
        shape!(
            struct State {
                a: (u32, u32),
            }
        ),
        shape!(
            struct State(u32);
        ),
        shape!(
            enum State {
                A,
            }
        ),
        shape!(
            enum State {
                A,
                B,
            }
        ),
        shape!(
            enum State {
                A,
                B(u32),
            }
        ),
        shape!(
            enum State {
                A,
                B(u64),
            }
        ),
        shape!(
            enum State {
                A,
                B { a: u32 },
            }
        ),
        shape!(
            enum State {
                A,
                B { a: u64 },
            }
        ),
    ];
    for (at, one) in shapes.iter().enumerate() {
        for (other_at, other) in shapes.iter().enumerate().skip(at + 1) {
            assert_ne!(one, other, "shapes {at} and {other_at}");
        }
    }
}

#[test]
fn a_change_deep_inside_changes_the_fingerprint() {
    let one = shape!(
        struct State {
            a: Vec<Option<BTreeMap<String, (u8, u32)>>>,
        }
    );
    let two = shape!(
        struct State {
            a: Vec<Option<BTreeMap<String, (u8, u64)>>>,
        }
    );
    assert_ne!(one, two);
}

#[test]
fn name_and_version_are_part_of_it() {
    assert_ne!(fingerprint::<u32>("a", 1), fingerprint::<u32>("b", 1));
    assert_ne!(fingerprint::<u32>("a", 1), fingerprint::<u32>("a", 2));
}

#[test]
fn recursive_and_wide_types_come_to_an_end() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    struct Tree {
        value: u32,
        left: Option<Box<Self>>,
        right: Option<Box<Self>>,
        all: Vec<Self>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only the shape matters")]
    enum Expression {
        Add(Box<Self>, Box<Self>),
        Number(i64),
    }
    fingerprint::<Tree>("tree", 1);
    fingerprint::<Expression>("expression", 1);
}

#[test]
fn a_snapshot_is_due_when_a_multiple_is_crossed() {
    let version = |number| Version::new(number).unwrap();
    let policy = SnapshotPolicy::every(10).unwrap();
    for (before, after, due) in [
        (None, 1, false),
        (None, 9, false),
        (None, 10, true),
        (None, 25, true),
        (Some(9), 10, true),
        (Some(10), 11, false),
        (Some(10), 19, false),
        (Some(19), 21, true),
        (Some(5), 35, true),
    ] {
        assert_eq!(policy.is_due(before.map(version), version(after)), due, "{before:?} {after}");
    }
    assert!(!SnapshotPolicy::on_demand().is_due(None, version(1_000)));
}
