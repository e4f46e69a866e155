//! Attempts and pauses stay within their bounds.

use std::{io, time::Duration};

use es_core::{Error, ErrorKind, is_out_of_reach};

use super::{Exhausted, Next, Retry, pause};

#[test]
fn attempts_end_when_they_are_used_up() {
    let error = io::Error::other("no");
    let retry = Retry::default().with_attempts(3);
    assert_eq!(retry.next(&error, 2, true), Next::Again);
    assert_eq!(retry.next(&error, 3, true), Next::GiveUp);
    assert_eq!(Retry::never().next(&error, 1, true), Next::GiveUp);
    let none = Retry::default().with_attempts(0);
    assert_eq!(none.next(&error, 1, true), Next::GiveUp, "0 means 1");
    let endless = Retry::never().with_exhausted(Exhausted::Block);
    assert_eq!(endless.next(&error, u32::MAX, true), Next::Again);
}

#[test]
fn what_was_out_of_reach_does_not_count_where_that_is_waited_out() {
    let retry = Retry::never().with_outage(is_out_of_reach);
    let ours = |kind| Error::new(kind, "no");
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    for (error, is_outage) in [
        (Box::new(ours(ErrorKind::Unavailable)) as es_core::BoxError, true),
        (Box::new(ours(ErrorKind::OutcomeUnknown)), true),
        (Box::new(ours(ErrorKind::Busy)), false),
        // An error of ours says itself what it is, whatever it came from.
        (Box::new(Error::fault("no", refused())), false),
        (Box::new(refused()), true),
        (Box::new(io::Error::from(io::ErrorKind::InvalidData)), false),
        ("no".into(), false),
    ] {
        let next = if is_outage { Next::Outage } else { Next::GiveUp };
        assert_eq!(retry.next(&*error, 1, true), next, "{error:?}");
        assert_eq!(retry.next(&*error, 1, false), Next::GiveUp, "{error:?}");
    }
    assert_eq!(Retry::never().next(&refused(), 1, true), Next::GiveUp, "all count");
    let mine = Retry::never().with_outage(|error| error.to_string() == "gone");
    assert_eq!(mine.next(&io::Error::other("gone"), 1, true), Next::Outage);
    let broken = Retry::never().with_outage(|_| panic!("in a judge"));
    assert_eq!(broken.next(&refused(), 1, true), Next::GiveUp);
    let all_final = Retry::default().with_final(|_| true);
    assert_eq!(all_final.next(&refused(), 1, true), Next::GiveUp, "final is final");
}

#[test]
fn a_final_error_is_not_tried_again_even_where_others_are_for_ever() {
    let retry = Retry::default()
        .with_exhausted(Exhausted::Block)
        .with_final(|error| error.to_string() == "never");
    assert_eq!(retry.next(&io::Error::other("never"), 1, true), Next::GiveUp);
    assert_eq!(retry.next(&io::Error::other("later"), 1, true), Next::Again);
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
