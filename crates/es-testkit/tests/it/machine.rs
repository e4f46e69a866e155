//! The state machine: it finds nothing on stores that keep the contract, and every bug of
//! the mutants that shows in an answer.

mod least;
mod mutants;
mod report;
mod sparse;

use es_core::Store;
use es_testkit::machine::{self, Histories};

use super::naive::Naive;

/// The two specifications agree: the naive store and the model.
#[test]
fn the_naive_store_does_what_the_model_does() {
    machine::test(|| async { Store::new(Naive::new()) }, Histories::new(10_000));
}

#[test]
#[should_panic(expected = "no history to try")]
fn a_run_of_no_histories_does_not_pass() {
    drop(machine::check(|| async { Store::new(Naive::new()) }, &Histories::new(0)));
}

/// Whatever is compared comes up, and often: an answer that never comes is never compared.
#[test]
fn everything_comes_up() {
    let tally = machine::check(|| async { Store::new(Naive::new()) }, &Histories::new(300));
    let tally = tally.unwrap();
    assert_eq!(tally.histories, 300);
    for (what, count, at_least) in [
        ("written", tally.written, 1_000),
        ("replayed", tally.replayed, 200),
        ("clashes", tally.clashes, 150),
        ("conflicts", tally.conflicts, 300),
        ("failed conditions", tally.failed_conditions, 20),
        ("dropped", tally.dropped, 10),
        ("reads", tally.reads, 800),
        ("events", tally.events, 1_500),
        ("follows", tally.follows, 200),
        ("contentions", tally.contentions, 100),
        ("wakes", tally.wakes, 40),
    ] {
        assert!(count >= at_least, "{count} {what}: {tally}");
    }
}

#[test]
fn the_same_seed_gives_the_same_histories() {
    let run = |seed| {
        let histories = Histories::new(50).with_seed(seed);
        machine::check(|| async { Store::new(Naive::new()) }, &histories).unwrap()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn histories_are_as_long_as_they_may_be() {
    let written = |operations| {
        let histories = Histories::new(100).with_max_operations(operations);
        machine::check(|| async { Store::new(Naive::new()) }, &histories).unwrap().written
    };
    assert!(written(1) < written(10) && written(10) < written(60));
}
