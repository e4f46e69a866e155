//! No file names a place on somebody's machine.

use super::Violation;
use super::tree::Tree;

/// In halves, so that this file does not find itself.
const NEEDLES: [&str; 3] = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.files() {
        for (at, line) in text.lines().enumerate() {
            for needle in NEEDLES.iter().filter(|needle| names(line, needle)) {
                let message = format!("`{needle}` is a path of one machine");
                let fix = "use a path relative to the repository";
                violations.push(Violation::new(path, at + 1, message, fix));
            }
        }
    }
    violations
}

/// Whether a path begins with `needle`; inside a longer path it is a folder like any other.
fn names(line: &str, needle: &str) -> bool {
    line.match_indices(needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.*}".contains(c))
    })
}

#[cfg(test)]
mod tests;
