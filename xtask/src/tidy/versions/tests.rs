//! Planted versions in a member's manifest.

use super::check;
use crate::tidy::tree::Tree;

fn found(manifest: &str) -> Vec<usize> {
    let tree = Tree::from_iter([("crates/es-a/Cargo.toml", manifest)]);
    check(&tree).iter().map(|violation| violation.line).collect()
}

#[test]
fn every_form_of_an_own_version_is_found() {
    assert_eq!(found("[dependencies]\nserde = \"1\"\n"), [2]);
    assert_eq!(found("[dev-dependencies]\nserde = { version = \"1\" }\n"), [2]);
    assert_eq!(found("[dependencies]\nserde.version = \"1\"\n"), [2]);
    assert_eq!(found("[dependencies.serde]\nversion = \"1\"\n"), [2]);
    assert_eq!(found("[build-dependencies]\na = { path = \"../a\" }\n"), [2]);
    assert_eq!(found("[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n"), [2]);
}

#[test]
fn a_version_beside_the_workspace_is_found() {
    let manifest = "[dependencies]\nserde = { workspace = true, version = \"1\" }\n";
    assert_eq!(found(manifest), [2]);
}

#[test]
fn a_dev_dependency_of_ours_may_stand_by_its_path_alone() {
    assert!(found("[dev-dependencies]\nes-core = { path = \"../es-core\" }\n").is_empty());
    let versioned = "[dev-dependencies]\nes-core = { path = \"../es-core\", version = \"1\" }\n";
    assert_eq!(found(versioned), [2]);
    assert_eq!(found("[dependencies]\nes-core = { path = \"../es-core\" }\n"), [2]);
}

#[test]
fn every_form_of_inheriting_is_fine() {
    let manifest = "\
[package]
version = \"1\"
[dependencies]
a.workspace = true
b = { workspace = true, features = [\"x\"] }
c.workspace = true
c.optional = true
[dependencies.d]
workspace = true
[features]
default = [\"c\"]
";
    assert!(found(manifest).is_empty());
}
