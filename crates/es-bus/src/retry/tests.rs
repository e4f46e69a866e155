//! Attempts and pauses stay within their bounds.

use std::{io, time::Duration};

use super::{Exhausted, Retry, pause};

#[test]
fn attempts_end_when_they_are_used_up() {
    let error = io::Error::other("no");
    let retry = Retry::default().with_attempts(3);
    assert!(retry.goes_on(&error, 2) && !retry.goes_on(&error, 3));
    assert!(!Retry::never().goes_on(&error, 1));
    assert!(!Retry::default().with_attempts(0).goes_on(&error, 1), "0 means 1");
    let endless = Retry::never().with_exhausted(Exhausted::Block);
    assert!(endless.goes_on(&error, u32::MAX));
}

#[test]
fn a_final_error_is_not_tried_again_even_where_others_are_for_ever() {
    let retry = Retry::default()
        .with_exhausted(Exhausted::Block)
        .with_final(|error| error.to_string() == "never");
    assert!(!retry.goes_on(&io::Error::other("never"), 1));
    assert!(retry.goes_on(&io::Error::other("later"), 1));
}

#[test]
fn pauses_are_random_up_to_a_bound_that_doubles_up_to_a_cap() {
    let (base, cap) = (Duration::from_millis(10), Duration::from_millis(40));
    let longest = |made| (0..200).map(|_| pause(base, cap, made)).max().unwrap();
    for (made, bound) in [(1, 10), (2, 20), (3, 40), (4, 40), (u32::MAX, 40)] {
        let longest = longest(made);
        assert!(longest <= Duration::from_millis(bound), "{made}: {longest:?}");
        assert!(longest > Duration::from_millis(bound / 2), "{made}: {longest:?} has no jitter");
    }
    assert!(pause(Duration::MAX, Duration::MAX, 21) <= Duration::MAX, "it does not overflow");
    assert_eq!(pause(Duration::ZERO, cap, 9), Duration::ZERO);
}
