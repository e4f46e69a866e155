//! No trailing whitespace, and a newline at the end: diffs show changes only.

use super::Violation;
use super::tree::Tree;

const EXTENSIONS: [&str; 3] = [".rs", ".md", ".toml"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    let files = tree.files();
    let checked = files.filter(|(path, _)| EXTENSIONS.iter().any(|e| path.ends_with(e)));
    for (path, text) in checked {
        // Not `lines`, which would hide a carriage return.
        for (at, line) in text.split('\n').enumerate() {
            if line.trim_end() != line {
                let message = "trailing whitespace";
                violations.push(Violation::new(path, at + 1, message, "remove it"));
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            let last = text.lines().count();
            let message = "no newline at the end";
            violations.push(Violation::new(path, last, message, "add one"));
        }
    }
    violations
}

#[cfg(test)]
mod tests;
