//! Planted sleeps.

use super::{NEEDLE, check};
use crate::tidy::tree::Tree;

fn found(path: &str, comment: &str) -> Vec<usize> {
    let text = format!("//! Tests.\n    {NEEDLE}delay).await;{comment}\n");
    let violations = check(&Tree::from_iter([(path, text)]));
    violations.iter().map(|violation| violation.line).collect()
}

#[test]
fn a_sleep_in_a_test_is_found() {
    assert_eq!(found("crates/a/src/read/tests.rs", ""), [2]);
    assert_eq!(found("crates/a/tests/it/read.rs", ""), [2]);
}

#[test]
fn a_reason_has_to_be_given() {
    let path = "crates/a/tests/it/read.rs";
    assert!(found(path, " // waits: the lease has to expire").is_empty());
    assert_eq!(found(path, " // waits:"), [2]);
    assert_eq!(found(path, " // the lease has to expire"), [2]);
}

#[test]
fn code_that_is_no_test_is_not_looked_at() {
    assert!(found("crates/a/src/retry.rs", "").is_empty());
}
