//! What is in the tree works: no stubs, no reminders, no tests that never run.

use super::Violation;
use super::tree::Tree;

/// In halves, so that this file does not find itself.
const NEEDLES: [&str; 5] = [
    concat!("to", "do!("),
    concat!("unim", "plemented!("),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("#[ig", "nore"),
];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.rust_files() {
        for (at, line) in text.lines().enumerate() {
            for needle in NEEDLES.iter().filter(|needle| line.contains(*needle)) {
                let message = format!("`{needle}` marks something unfinished");
                let fix = "finish it, or leave it out";
                violations.push(Violation::new(path, at + 1, message, fix));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests;
