//! What the machine reports: the shortest history, told so that it can be read, also of
//! stores that panic, hang or do not always do the same.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use es_core::{AppendRequest, ErrorKind, Store};
use es_testkit::{
    AppendFault, Faults, ReadFault, When,
    machine::{Failure, Histories, check, test},
};

use crate::naive::Naive;

/// The failure of a store with this fault planned, afresh for each history.
fn with(plan: impl Fn(&Faults), histories: &Histories) -> Box<Failure> {
    let store = || {
        let faults = Faults::new();
        plan(&faults);
        async move { Store::new(Naive::new()).layer(&faults) }
    };
    check(store, histories).expect_err("the fault shows")
}

fn fails(faults: &Faults) {
    faults.on_append(When::call(2), AppendFault::fail(ErrorKind::Fault));
}

#[test]
fn it_tells_what_was_done_what_was_expected_and_what_came() {
    let failure = with(fails, &Histories::new(100));
    assert_eq!(failure.came(), "fault: fault, as the test has planned");
    assert!(failure.expected().starts_with("1 event written, account/a at version "));
    let text = failure.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(
        lines[0],
        "the store does not do what the model does: naive store with planned faults"
    );
    assert!(lines[1].starts_with("history "), "{text}");
    for line in [
        "1. append",
        "to account/a, expecting any version:",
        "e1: opened v1, payload 0",
        "e2: opened v1, payload 0",
        "-> fault: fault, as the test has planned",
        "came:     fault: fault, as the test has planned",
    ] {
        assert!(lines.contains(&line), "{line:?} is not in\n{text}");
    }
    let again =
        format!("ES_TESTKIT_SEED={:#x} ES_TESTKIT_HISTORIES={}", 0x0e5_7e57, failure.history());
    assert_eq!(lines.last(), Some(&format!("again: {again}").as_str()));
    assert_eq!(format!("{failure:?}"), text, "an unwrap shows it as well");
}

#[test]
fn the_history_that_it_names_goes_wrong_again() {
    // One that is not the first of its seed, so that there is one before it.
    let of_seed = |seed| with(fails, &Histories::new(100).with_seed(seed));
    let failure = (1..100).map(of_seed).find(|failure| failure.history() > 1).unwrap();
    let again = Histories::new(failure.history()).with_seed(failure.seed());
    let failure_again = with(fails, &again);
    assert_eq!(failure_again.history(), failure.history());
    assert_eq!(failure_again.operations(), failure.operations());
    let before = Histories::new(failure.history() - 1).with_seed(failure.seed());
    let store = || {
        let faults = Faults::new();
        fails(&faults);
        async move { Store::new(Naive::new()).layer(&faults) }
    };
    assert!(check(store, &before).is_ok(), "none before it goes wrong");
}

#[test]
fn a_store_that_hangs_goes_wrong() {
    let hangs = |faults: &Faults| {
        faults.on_append(When::call(1), AppendFault::hang_before());
    };
    let failure = with(hangs, &Histories::new(100).with_patience(Duration::from_millis(25)));
    assert_eq!(failure.operations(), 1);
    assert_eq!(failure.came(), "none within 25ms: it hangs");
}

#[test]
fn a_store_that_panics_goes_wrong() {
    let panics = |faults: &Faults| {
        let panic = |_: &AppendRequest| panic!("out of ink");
        faults.on_append(When::next().matching(panic), AppendFault::conflict());
    };
    let failure = with(panics, &Histories::new(100));
    assert_eq!(failure.operations(), 1);
    assert_eq!(failure.came(), "a panic: out of ink");
    assert!(failure.to_string().contains("e1: opened v1"), "what led to it is not lost");
}

#[test]
fn a_read_that_ends_early_goes_wrong() {
    let ends = |faults: &Faults| {
        faults.on_read(When::always(), ReadFault::fail_after(1, ErrorKind::Unavailable));
    };
    let failure = with(ends, &Histories::new(100));
    assert_eq!(failure.came(), "unavailable: unavailable, as the test has planned");
}

#[test]
fn a_store_that_is_not_empty_goes_wrong() {
    let used = Store::new(Naive::new());
    let store = || {
        let used = used.clone();
        async move { used }
    };
    let failure = check(store, &Histories::new(100)).unwrap_err();
    assert_eq!(failure.expected(), "an empty log");
}

/// One that goes wrong once and never again is reported by what it did that one time.
#[test]
fn a_store_that_does_not_always_do_the_same_is_reported() {
    let stores = Arc::new(AtomicUsize::new(0));
    let store = || {
        let faults = Faults::new();
        if stores.fetch_add(1, Ordering::SeqCst) == 20 {
            faults.on_append(When::always(), AppendFault::fail(ErrorKind::Busy));
        }
        async move { Store::new(Naive::new()).layer(&faults) }
    };
    let failure = check(store, &Histories::new(100)).unwrap_err();
    assert!(failure.came().starts_with("busy: "), "{failure}");
    assert!(failure.came().ends_with("it went right)"), "{failure}");
}

/// What belongs to a store is dropped when its history is over, and not before.
#[test]
fn a_guard_lives_as_long_as_its_history() {
    let alive = Arc::new(());
    let store = || {
        assert_eq!(Arc::strong_count(&alive), 1, "that of the history before is gone");
        let guard = Arc::clone(&alive);
        async move { (Store::new(Naive::new()), guard) }
    };
    check(store, &Histories::new(10)).unwrap();
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
#[should_panic(expected = "the store does not do what the model does")]
fn a_test_fails_with_the_report() {
    let store = || {
        let faults = Faults::new();
        faults.on_append(When::always(), AppendFault::fail(ErrorKind::Busy));
        async move { Store::new(Naive::new()).layer(&faults) }
    };
    test(store, Histories::new(100));
}
