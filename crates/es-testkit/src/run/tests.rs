//! How long a case may take.

use super::{Duration, HANGS_AFTER, hangs_after};

#[test]
fn the_environment_says_how_long_a_case_may_take() {
    assert_eq!(hangs_after(None), HANGS_AFTER);
    assert_eq!(hangs_after(Some("".into())), HANGS_AFTER, "as if it were not set");
    assert_eq!(hangs_after(Some("900".into())), Duration::from_secs(900));
}

#[test]
#[should_panic(expected = "ES_TEST_HANGS_AFTER is \"15m\"")]
fn what_is_no_number_of_seconds_is_not_passed_over() {
    let _ = hangs_after(Some("15m".into()));
}
