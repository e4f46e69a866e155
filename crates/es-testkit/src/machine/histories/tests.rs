//! What the environment overrides.

use super::{COUNT, Histories, SEED};

/// As if the variables were set like this.
fn with(variables: &[(&str, &str)]) -> Histories {
    Histories::new(5).overridden(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_environment_overrides_seed_and_count() {
    assert_eq!(with(&[]), Histories::new(5));
    assert_eq!(with(&[(SEED, "7")]), Histories::new(5).with_seed(7));
    assert_eq!(with(&[(SEED, "0xff")]), Histories::new(5).with_seed(255));
    assert_eq!(with(&[(COUNT, "9"), (SEED, "1")]), Histories::new(9).with_seed(1));
}

#[test]
#[should_panic(expected = "ES_TESTKIT_SEED is \"today\"")]
fn what_is_no_number_is_not_passed_over() {
    let _ = with(&[(SEED, "today")]);
}

#[test]
#[should_panic(expected = "ES_TESTKIT_HISTORIES is \"0\"")]
fn no_histories_at_all_are_refused() {
    let _ = with(&[(COUNT, "0")]);
}
