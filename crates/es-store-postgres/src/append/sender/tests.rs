//! Which refusals are firm after a reply was lost.

use es_core::{Conflict, ErrorKind, ExpectedVersion, StreamId, Version};

use super::distrusted;

#[test]
fn only_a_conflict_that_no_later_append_can_lift_is_firm_after_a_lost_reply() {
    let version = |number| Version::new(number).unwrap();
    let exact = |number| ExpectedVersion::Exact(version(number));
    for (expected, actual, is_firm) in [
        (ExpectedVersion::NoStream, Some(1), true),
        (exact(5), Some(6), true),
        (exact(5), Some(4), false),
        (exact(5), None, false),
        (ExpectedVersion::Exists, None, false),
    ] {
        let stream = StreamId::new("account", "alice").unwrap();
        let conflict = Conflict::new(stream, expected, actual.map(version));
        let error = distrusted(vec![Err(conflict.into())]).remove(0).unwrap_err();
        let wanted = if is_firm { ErrorKind::Conflict } else { ErrorKind::OutcomeUnknown };
        assert_eq!(error.kind(), wanted, "{expected:?} {actual:?}: {error}");
    }
}
