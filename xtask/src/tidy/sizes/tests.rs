//! Planted files that are too long, and exceptions that are too generous.

use super::{EXCEPTIONS, check};
use crate::tidy::tree::Tree;

const FILE: &str = "crates/a/src/long.rs";

fn found(lines: usize, exceptions: &str) -> Vec<String> {
    let files = [(FILE, "x\n".repeat(lines)), (EXCEPTIONS, exceptions.to_owned())];
    let violations = check(&Tree::from_iter(files));
    violations.iter().map(ToString::to_string).collect()
}

#[test]
fn a_long_file_is_found() {
    assert!(found(500, "").is_empty());
    let expected = "crates/a/src/long.rs:501: the file has 501 lines, 500 are allowed \
                    (split it: one idea per file)";
    assert_eq!(found(501, ""), [expected]);
}

#[test]
fn an_exception_allows_exactly_its_lines() {
    let exceptions = format!("# why\n\n{FILE} 600\n");
    assert!(found(600, &exceptions).is_empty());
    assert_eq!(found(601, &exceptions).len(), 1);
}

#[test]
fn an_exception_has_to_shrink_with_its_file() {
    let exceptions = format!("# why\n{FILE} 600\n");
    let expected = "xtask/src/tidy/size_exceptions.txt:2: crates/a/src/long.rs \
                    has only 599 lines (lower the entry to that)";
    assert_eq!(found(599, &exceptions), [expected]);
}

#[test]
fn an_exception_that_is_not_needed_is_found() {
    let expected = "xtask/src/tidy/size_exceptions.txt:1: crates/a/src/long.rs \
                    needs no exception (remove the entry)";
    assert_eq!(found(500, &format!("{FILE} 600\n")), [expected]);
    assert_eq!(found(1, "crates/gone.rs 600\n").len(), 1);
}

#[test]
fn an_exception_that_cannot_be_read_is_found() {
    assert_eq!(found(1, "crates/a/src/long.rs\n").len(), 1);
    assert_eq!(found(1, "crates/a/src/long.rs many\n").len(), 1);
}

#[test]
fn an_example_is_measured_as_a_whole() {
    let example = |lines| {
        let files = [
            ("examples/bank/src/main.rs", "x\n".repeat(100)),
            ("examples/bank/src/domain/account.rs", "x\n".repeat(lines)),
            ("examples/bank/tests/it.rs", "x\n".repeat(100)),
            ("examples/shop/src/main.rs", "x\n".repeat(150)),
        ];
        let violations = check(&Tree::from_iter(files));
        violations.into_iter().map(|v| v.path).collect::<Vec<_>>()
    };
    assert!(example(99).is_empty());
    assert_eq!(example(100), ["examples/bank/src"]);
}
