//! Every Rust file opens by saying what lives in it.

use super::Violation;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust_files()
        // What trybuild compiles shows an error, and its line numbers are part of it.
        .filter(|(path, _)| !path.contains("/tests/ui/"))
        .filter(|(path, text)| {
            let first = text.lines().next().unwrap_or_default();
            // The documentation of a crate is its README.
            let is_readme = path.ends_with("/lib.rs") && first.starts_with("#![doc = include_str!");
            !first.starts_with("//!") && !is_readme
        })
        .map(|(path, _)| {
            let fix = "open it with `//!` and say what lives here and what must not";
            Violation::new(path, 1, "the file has no module documentation", fix)
        })
        .collect()
}

#[cfg(test)]
mod tests;
