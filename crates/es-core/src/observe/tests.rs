//! Words of outcomes, and the short names of commands.

use super::{
    Outcome,
    spans::{number, several, short_type_name},
};
use crate::{Error, ErrorKind};

#[test]
fn a_command_is_called_by_the_last_part_of_its_type() {
    assert_eq!(short_type_name("bank::commands::Deposit"), "Deposit");
    assert_eq!(short_type_name("bank::Batch<bank::commands::Deposit>"), "Batch");
    assert_eq!(short_type_name("Deposit"), "Deposit");
    assert_eq!(short_type_name(""), "");
}

#[test]
fn numbers_are_signed_and_never_negative() {
    assert_eq!((number(7_usize), number(7_u64)), (7, 7));
    assert_eq!(number(u64::MAX), i64::MAX);
    assert_eq!((several(0), several(1), several(2)), (None, None, Some(2)));
}

#[test]
fn conflict_unknown_and_fault_are_told_apart() {
    let of = |kind| Outcome::of(&Error::new(kind, "x"));
    assert_eq!(of(ErrorKind::Conflict), Outcome::Conflict);
    assert_eq!(of(ErrorKind::ConditionFailed), Outcome::Conflict);
    assert_eq!(of(ErrorKind::OutcomeUnknown), Outcome::Unknown);
    assert_eq!(of(ErrorKind::Fault), Outcome::Error);
    assert!(!of(ErrorKind::Conflict).is_fault());
    assert!(of(ErrorKind::OutcomeUnknown).is_fault());
}

#[test]
fn each_outcome_and_each_kind_of_error_has_a_word_of_its_own() {
    let mut words: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Outcome::ALL.len());
    assert_eq!(ErrorKind::LogDiverged.as_str(), "log_diverged");
    assert_eq!(ErrorKind::OutcomeUnknown.as_str(), "outcome_unknown");
    assert_eq!(ErrorKind::OutcomeUnknown.to_string(), "outcome unknown");
}
