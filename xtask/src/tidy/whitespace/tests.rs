//! Planted whitespace.

use super::check;
use crate::tidy::tree::Tree;

fn found(path: &str, text: &str) -> Vec<String> {
    let violations = check(&Tree::from_iter([(path, text)]));
    violations.iter().map(ToString::to_string).collect()
}

#[test]
fn trailing_whitespace_is_found() {
    for end in [" ", "\t", "\r"] {
        let text = format!("a\nb{end}\nc\n");
        assert_eq!(found("a.md", &text), ["a.md:2: trailing whitespace (remove it)"]);
    }
}

#[test]
fn a_missing_last_newline_is_found() {
    assert_eq!(found("a.rs", "a\nb"), ["a.rs:2: no newline at the end (add one)"]);
}

#[test]
fn clean_and_other_files_are_fine() {
    assert!(found("a.toml", "a = 1\n\nb = 2\n").is_empty());
    assert!(found("a.rs", "").is_empty());
    assert!(found("a.stderr", "a \nb").is_empty());
}
