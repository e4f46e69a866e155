//! Which errors are temporary, and how long pauses are.

use std::{io, time::Duration};

use es_core::{Error, ErrorKind};

use super::{Policy, pause};

#[test]
fn what_the_world_does_is_temporary_and_what_an_event_does_is_not() {
    let policy = Policy::default();
    let busy = Error::new(ErrorKind::Busy, "full");
    assert!(policy.is_temporary(&busy));
    let behind = Error::fault("writing", io::Error::from(io::ErrorKind::TimedOut));
    assert!(!policy.is_temporary(&behind), "an error of ours says itself what it is");
    let io = io::Error::from(io::ErrorKind::ConnectionReset);
    assert!(policy.is_temporary(&io));
    for kind in [io::ErrorKind::NetworkUnreachable, io::ErrorKind::Interrupted] {
        assert!(policy.is_temporary(&io::Error::from(kind)), "{kind}");
    }
    assert!(!policy.is_temporary(&io::Error::from(io::ErrorKind::InvalidData)));
    assert!(!policy.is_temporary(&std::fmt::Error));
    assert!(policy.with_temporary(|_| true).is_temporary(&std::fmt::Error));
}

#[test]
fn pauses_are_random_below_a_bound_that_grows_up_to_the_cap() {
    let (base, cap) = (Duration::from_millis(10), Duration::from_millis(100));
    for attempt in 1..40 {
        let bound = base.saturating_mul(1 << (attempt - 1).min(20)).min(cap);
        let drawn: Vec<_> = (0..50).map(|_| pause(base, cap, attempt)).collect();
        assert!(drawn.iter().all(|drawn| *drawn <= bound), "{attempt}: {drawn:?}");
        assert!(drawn.iter().any(|other| *other != drawn[0]), "{attempt}: all the same");
    }
}
