//! Each judgement passes when it should and fails when it should.

use std::panic::{AssertUnwindSafe, catch_unwind};

use es_core::Event;

use super::given;
use crate::{Aggregate, Decide};

#[derive(Debug, PartialEq, Event)]
enum DoorEvent {
    Opened,
    Closed,
}

#[derive(Debug, Default)]
struct Door {
    open: bool,
}

impl Aggregate for Door {
    const CATEGORY: &'static str = "door";
    type Event = DoorEvent;

    fn evolve(&mut self, event: &DoorEvent) {
        self.open = *event == DoorEvent::Opened;
    }
}

#[derive(Debug, PartialEq)]
struct Locked;

/// Opens the door unless it is open; anybody but "me" is refused.
struct Open(&'static str);

impl Decide<Open> for Door {
    type Error = Locked;

    fn decide(&self, Open(who): &Open) -> Result<Vec<DoorEvent>, Locked> {
        match (*who, self.open) {
            ("me", true) => Ok(vec![]),
            ("me", false) => Ok(vec![DoorEvent::Opened]),
            _ => Err(Locked),
        }
    }
}

#[test]
fn right_judgements_pass_and_go_on() {
    given::<Door>([])
        .when(&Open("you"))
        .then_rejected(Locked)
        .when(&Open("me"))
        .then([DoorEvent::Opened])
        .when(&Open("me"))
        .then_nothing()
        .then_state(|door| assert!(door.open));
    given::<Door>([DoorEvent::Opened, DoorEvent::Closed])
        .when(&Open("me"))
        .then([DoorEvent::Opened])
        .when(&Open("you"))
        .then_rejected_by(|error| assert_eq!(error, &Locked));
}

#[test]
fn wrong_judgements_fail() {
    let fails = |wrong: fn()| catch_unwind(AssertUnwindSafe(wrong)).is_err();
    assert!(fails(|| {
        let _ = given::<Door>([]).when(&Open("me")).then([]);
    }));
    assert!(fails(|| {
        let _ = given::<Door>([]).when(&Open("me")).then([DoorEvent::Closed]);
    }));
    assert!(fails(|| {
        let _ = given::<Door>([]).when(&Open("me")).then_rejected(Locked);
    }));
    assert!(fails(|| {
        let _ = given::<Door>([]).when(&Open("you")).then([DoorEvent::Opened]);
    }));
    assert!(fails(|| {
        let _ = given::<Door>([]).when(&Open("you")).then_nothing();
    }));
    assert!(fails(|| {
        let _ = given::<Door>([]).when(&Open("you")).then_rejected_by(|_| panic!("another"));
    }));
}
