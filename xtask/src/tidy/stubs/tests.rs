//! Planted stubs.

use super::{NEEDLES, check};
use crate::tidy::tree::Tree;

#[test]
fn each_kind_of_stub_is_found_at_its_line() {
    for needle in NEEDLES {
        let text = format!("//! Doc.\nfn f() {{\n    {needle}\n}}\n");
        let found = check(&Tree::from_iter([("crates/a/src/a.rs", text)]));
        let lines: Vec<_> = found.iter().map(|violation| violation.line).collect();
        assert_eq!(lines, [3], "{needle}");
    }
}

#[test]
fn finished_code_and_prose_are_fine() {
    let files = [
        ("crates/a/src/a.rs", "//! A to-do list.\nfn f() {}\n".to_owned()),
        ("docs/notes.md", NEEDLES.join("\n")),
    ];
    assert!(check(&Tree::from_iter(files)).is_empty());
}
