//! Every crate has a README, and it is the crate's documentation.

use std::collections::BTreeSet;

use super::Violation;
use super::tree::Tree;

const INCLUDE: &str = "#![doc = include_str!(\"../README.md\")]";

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for name in crates(tree) {
        let readme = format!("crates/{name}/README.md");
        if tree.get(&readme).is_none() {
            let fix = "write what the crate is for, with an example";
            violations.push(Violation::new(&readme, 1, "the crate has no README", fix));
        }
        let lib = format!("crates/{name}/src/lib.rs");
        let includes = |text: &str| text.lines().any(|line| line.trim() == INCLUDE);
        if !tree.get(&lib).is_some_and(includes) {
            let message = "the README is not the documentation of the crate";
            violations.push(Violation::new(&lib, 1, message, format!("add `{INCLUDE}`")));
        }
    }
    violations
}

fn crates(tree: &Tree) -> BTreeSet<&str> {
    tree.member_manifests()
        .filter_map(|(path, _)| path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"))
        .collect()
}

#[cfg(test)]
mod tests;
