//! Planted lints without a reason.

use super::{NEEDLES, check};
use crate::tidy::tree::Tree;

fn found(text: &str) -> Vec<usize> {
    let violations = check(&Tree::from_iter([("crates/a/src/a.rs", text)]));
    violations.iter().map(|violation| violation.line).collect()
}

#[test]
fn each_form_without_a_reason_is_found() {
    for needle in NEEDLES {
        assert_eq!(found(&format!("//! Doc.\n\n{needle}dead_code)]\n")), [3]);
        assert_eq!(found(&format!("fn f({needle}unused)] x: u8) {{}}\n")), [1]);
    }
}

#[test]
fn a_reason_may_stand_inside_beside_or_above() {
    for needle in NEEDLES {
        assert!(found(&format!("{needle}dead_code, reason = \"why\")]\n")).is_empty());
        assert!(found(&format!("{needle}\n    dead_code,\n    reason = \"why\"\n)]\n")).is_empty());
        assert!(found(&format!("{needle}dead_code)] // why\n")).is_empty());
        assert!(found(&format!("    // why\n    {needle}dead_code)]\n")).is_empty());
    }
}

#[test]
fn documentation_is_no_reason() {
    for needle in NEEDLES {
        assert_eq!(found(&format!("/// What it is.\n{needle}dead_code)]\n")), [2]);
    }
}

#[test]
fn the_reason_of_the_next_attribute_does_not_count() {
    let needle = NEEDLES[0];
    let text = format!("{needle}a)]\n{needle}b, reason = \"why\")]\n");
    assert_eq!(found(&text), [1]);
}

#[test]
fn a_comment_that_mentions_one_is_fine() {
    let needle = NEEDLES[0];
    assert!(found(&format!("/// Use `{needle}x)]`.\nfn f() {{}}\n")).is_empty());
}
