//! The checks on the real repository, so that `cargo test` runs them too.

use super::{Violation, violations};

#[test]
fn the_repository_is_tidy() {
    let violations = violations().unwrap();
    let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} violations:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn a_violation_says_where_what_and_how_to_fix_it() {
    let violation = Violation::new("a/b.rs", 7, "too long", "split it");
    assert_eq!(violation.to_string(), "a/b.rs:7: too long (split it)");
}
