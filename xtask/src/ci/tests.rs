//! Tests of the gate's order and of how it stops.

use anyhow::bail;

use super::{STEPS, Step, find, gate};
use crate::args::Usage;
use crate::run::Outcome;

const PASSES: Step = ("passes", || Ok(Outcome::Passed));
const FAILS: Step = ("fails", || Ok(Outcome::Failed(101)));
const BREAKS: Step = ("breaks", || bail!("no such program"));
const NEVER: Step = ("never", || panic!("ran after a failure"));

#[test]
fn the_tests_come_last() {
    assert_eq!(STEPS[STEPS.len() - 1].0, "test");
}

#[test]
fn the_gate_passes_when_every_step_does() {
    assert_eq!(gate([PASSES, PASSES]), Outcome::Passed);
}

#[test]
fn the_gate_stops_at_the_first_failure() {
    assert_eq!(gate([PASSES, FAILS, NEVER]), Outcome::Failed(101));
    assert_eq!(gate([BREAKS, NEVER]), Outcome::Failed(1));
}

#[test]
fn an_unknown_step_lists_the_known_ones() {
    assert_eq!(find("clippy").unwrap().0, "clippy");
    let error = find("lint").err().unwrap();
    assert!(error.is::<Usage>());
    assert!(error.to_string().contains("fmt, tidy, clippy"), "{error}");
}
