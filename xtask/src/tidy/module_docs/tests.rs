//! Planted files without documentation.

use super::check;
use crate::tidy::tree::Tree;

fn is_found(path: &str, text: &str) -> bool {
    !check(&Tree::from_iter([(path, text)])).is_empty()
}

#[test]
fn a_file_must_open_with_documentation() {
    assert!(is_found("crates/a/src/append.rs", "use b;\n"));
    assert!(is_found("crates/a/src/append.rs", "\n//! Late.\n"));
    assert!(is_found("examples/a/src/main.rs", ""));
    assert!(is_found("crates/a/tests/it/main.rs", "// Not documentation.\n"));
    assert!(!is_found("crates/a/src/append.rs", "//! Appends.\n"));
}

#[test]
fn a_crate_may_open_with_its_readme() {
    let text = "#![doc = include_str!(\"../README.md\")]\n";
    assert!(!is_found("crates/a/src/lib.rs", text));
    assert!(is_found("crates/a/src/append.rs", text));
}

#[test]
fn fixtures_and_other_files_need_none() {
    assert!(!is_found("crates/a/tests/ui/wrong.rs", "fn main() {}\n"));
    assert!(!is_found("crates/a/src/append.sql", "SELECT 1;\n"));
}
