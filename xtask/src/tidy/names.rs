//! Modules are named after what they are, not after being left over.

use super::Violation;
use super::tree::Tree;

const FORBIDDEN: [&str; 7] = ["utils", "util", "helpers", "helper", "common", "misc", "manager"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust_files()
        .filter_map(|(path, _)| Some((path, inside_of_a_crate(path)?)))
        .filter_map(|(path, inside)| {
            let mut parts = inside.trim_end_matches(".rs").split('/');
            let name = parts.find(|part| FORBIDDEN.contains(part))?;
            let message = format!("`{name}` says nothing about what is inside");
            let fix = "name it after what it does, or move its parts to where they are used";
            Some(Violation::new(path, 1, message, fix))
        })
        .collect()
}

/// The part of `crates/NAME/src/PART`.
fn inside_of_a_crate(path: &str) -> Option<&str> {
    let (_, path) = path.strip_prefix("crates/")?.split_once('/')?;
    path.strip_prefix("src/")
}

#[cfg(test)]
mod tests;
