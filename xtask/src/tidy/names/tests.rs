//! Planted names that say nothing.

use super::{FORBIDDEN, check};
use crate::tidy::tree::Tree;

fn is_found(path: &str) -> bool {
    !check(&Tree::from_iter([(path, "")])).is_empty()
}

#[test]
fn files_and_folders_are_found() {
    for name in FORBIDDEN {
        assert!(is_found(&format!("crates/a/src/{name}.rs")), "{name}");
        assert!(is_found(&format!("crates/a/src/append/{name}.rs")), "{name}");
        assert!(is_found(&format!("crates/a/src/{name}/append.rs")), "{name}");
    }
}

#[test]
fn other_names_and_places_are_fine() {
    assert!(!is_found("crates/a/src/common_table.rs"));
    assert!(!is_found("crates/a/tests/common/setup.rs"));
    assert!(!is_found("crates/util/src/lib.rs"));
}
