//! Tests wait for what they expect, not for a while.

use super::Violation;
use super::tree::Tree;

/// In halves, so that the tests of this check do not find themselves.
const NEEDLE: &str = concat!("sl", "eep(");

/// The mark of a line where time itself is what is tested; a reason follows it.
const EXCEPTION: &str = "// waits:";

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.rust_files().filter(|(path, _)| is_test(path)) {
        for (at, line) in text.lines().enumerate() {
            let reason = line.split_once(EXCEPTION).map(|(_, reason)| reason.trim());
            if line.contains(NEEDLE) && reason.unwrap_or_default().is_empty() {
                let fix = "wait for the event itself, or end the line with `// waits: why`";
                violations.push(Violation::new(path, at + 1, "a test sleeps", fix));
            }
        }
    }
    violations
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[cfg(test)]
mod tests;
